"""What a pass is: a frozen dataclass whose docstring is its help and whose fields are its options."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from circuitc.ir import Func, Graph, Module, Netlist

from .options import print_option


@dataclass(slots=True)
class Context:
    """What a pass may look at besides the program, and where it notes what it found.

    `calibration` maps input port names to raw numbers, [samples, *shape]. `facts` is the pass's own notebook (plain
    JSON values); the runner files it with the pass's record in the module's facts.
    """

    calibration: Mapping[str, Any] | None = None
    module: Module | None = None
    func: Func | None = None
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Pass:
    """A program in, a program out: valid in, valid out; the same object back means that nothing changed.

    `exact` promises that every output bit stays for every input.
    """

    exact: ClassVar[bool] = True

    @classmethod
    def name(cls) -> str:
        """The pass's name in pipelines: the class name in kebab-case."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()

    @classmethod
    def required_options(cls) -> tuple[str, ...]:
        """Give the names of the options that have no default."""
        return tuple(f.name for f in dataclasses.fields(cls) if _default(f) is dataclasses.MISSING)

    def options(self) -> dict[str, Any]:
        """Give the options that differ from their defaults, in the order of the fields."""
        return {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if getattr(self, f.name) != _default(f)}

    def __str__(self) -> str:
        """Print the pass as pipelines write it: `prune{sparsity=0.5}`; options at their defaults are left out."""
        options = ",".join(f"{name}={print_option(value)}" for name, value in self.options().items())
        return f"{self.name()}{{{options}}}" if options else self.name()

    def apply(self, module: Module, context: Context) -> Module:
        """Give the module after this pass."""
        raise NotImplementedError


def _default(f: dataclasses.Field[Any]) -> Any:
    return f.default_factory() if f.default_factory is not dataclasses.MISSING else f.default


@dataclass(frozen=True, slots=True)
class FuncPass(Pass):
    """A pass that works on one func at a time."""

    def apply(self, module: Module, context: Context) -> Module:
        for func in module.funcs.values():
            new = self.run_func(func, replace_context(context, module, func))
            module = module.with_func(new)
        return module

    def run_func(self, func: Func, context: Context) -> Func:
        """Give the func after this pass."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class GraphPass(FuncPass):
    """A pass over graph bodies; netlist bodies stay as they are."""

    def run_func(self, func: Func, context: Context) -> Func:
        return func.with_body(self.run(func.body, context)) if isinstance(func.body, Graph) else func

    def run(self, graph: Graph, context: Context) -> Graph:
        """Give the graph after this pass."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class NetlistPass(FuncPass):
    """A pass over netlist bodies; graph bodies stay as they are."""

    def run_func(self, func: Func, context: Context) -> Func:
        return func.with_body(self.run(func.body, context)) if isinstance(func.body, Netlist) else func

    def run(self, netlist: Netlist, context: Context) -> Netlist:
        """Give the netlist after this pass."""
        raise NotImplementedError


def replace_context(context: Context, module: Module, func: Func) -> Context:
    """Point a context at one func; the notebook stays shared."""
    return replace(context, module=module, func=func)
