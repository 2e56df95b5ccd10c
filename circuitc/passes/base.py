"""What a pass is: a frozen dataclass whose docstring is its help and whose fields are its options."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

from circuitc.ir import Func, Graph, Module, Netlist


@dataclass(slots=True)
class Context:
    """What a pass may look at besides the program, and where it notes what it found.

    `calibration` maps input port names to raw numbers, [samples, *shape]. `facts` is the pass's own notebook (plain JSON values);
    the runner files it in the module's facts under the pass's name.
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

    def apply(self, module: Module, context: Context) -> Module:
        """Give the module after this pass."""
        raise NotImplementedError


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
