"""Funcs and modules: ports, registers and a schedule around a pure body."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

from circuitc.diagnostics import Span, error, nearest

from .constant import Constant
from .graph import Graph
from .netlist import Netlist
from .types import BIT, Type, smallest

Rate = Literal["step", "call"]
ScheduleKind = Literal["once", "stream", "iterate", "until"]
Body = Graph | Netlist

MAX_STEPS = (1 << 31) - 1


@dataclass(frozen=True, slots=True)
class Encoding:
    """What a port's numbers mean to people; the type never says it.

    A real value is `(number - zero_point) * scale + offset`, where number is the value of the port's type. `bit_order`
    tells how a vector of bits is read as one number (`lsb`: element 0 is the lowest). `levels` are thermometer levels:
    the last axis of a bit port is `real value > level`.
    """

    scale: float = 1.0
    zero_point: int = 0
    bit_order: Literal["lsb", "msb"] = "lsb"
    levels: tuple[float, ...] = ()
    offset: float = 0.0


PLAIN = Encoding()


@dataclass(frozen=True, slots=True)
class Port:
    """A named, typed value that enters or leaves a func: one value a step, or one a call."""

    name: str
    type: Type
    rate: Rate = "call"
    encoding: Encoding = PLAIN


@dataclass(frozen=True, slots=True)
class Register:
    """A value that is kept from step to step. `initial` is None where it is free (any value)."""

    name: str
    type: Type
    initial: Constant | None


@dataclass(frozen=True, slots=True)
class Schedule:
    """How often a call steps: once, for each item (`stream`), `count` times (`iterate`), or until done (at most)."""

    kind: ScheduleKind = "once"
    count: int = 1

    @property
    def default_rate(self) -> Rate:
        return "step" if self.kind == "stream" else "call"

    def __str__(self) -> str:
        return {"once": "once", "stream": "stream", "iterate": f"iterate {self.count}",
                "until": f"until limit {self.count}"}[self.kind]


ONCE = Schedule()
STREAM = Schedule("stream")


@dataclass(frozen=True)
class Func:
    """A typed function: the body maps (inputs, registers) to (outputs, next registers[, done]), purely.

    The body's inputs are the input ports and then the registers, in order; its outputs are the output ports, then
    one next value for each register, then (schedule `until` only) the bit that ends the call. A Graph body has one
    value for each; a Netlist body has their flattened bits: port order, row major, least significant bit first.
    `target` marks a region meant for another backend, such as `crossbar`.
    """

    name: str
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]
    body: Body
    registers: tuple[Register, ...] = ()
    schedule: Schedule = ONCE
    target: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def body_inputs(self) -> tuple[Type, ...]:
        """The types of what enters the body: input ports, then registers."""
        return tuple(p.type for p in self.inputs) + tuple(r.type for r in self.registers)

    @property
    def body_outputs(self) -> tuple[Type, ...]:
        """The types of what leaves the body: output ports, next registers, and the done bit of `until`."""
        done = (BIT,) if self.schedule.kind == "until" else ()
        return tuple(p.type for p in self.outputs) + tuple(r.type for r in self.registers) + done

    @property
    def results(self) -> tuple[Port, ...]:
        """What a call answers: the output ports, and for `until` also `converged: bit` and `steps`."""
        if self.schedule.kind != "until":
            return self.outputs
        return (*self.outputs, Port("converged", BIT), Port("steps", smallest(0, self.schedule.count)))

    def result(self, name: str, span: Span | None = None) -> Port:
        """Find a result port by name."""
        return _named(name, self.results, f"output of @{self.name}", span)

    def input(self, name: str) -> Port:
        """Find an input port by name."""
        return _named(name, self.inputs, f"input of @{self.name}", None)

    def is_stepped(self, port: Port) -> bool:
        """Tell whether a port has an axis of steps in a call."""
        return port.rate == "step" and self.schedule.kind != "once"

    @property
    def is_combinational(self) -> bool:
        """True where a call is one pure evaluation of the body."""
        return self.schedule.kind == "once" and not self.registers

    def with_body(self, body: Body) -> Func:
        """Give the same func around another body; the same object where the body is the same."""
        return self if body is self.body else replace(self, body=body)


@dataclass(frozen=True)
class Module:
    """A program: funcs by name, the first is the main one unless `main` says otherwise.

    `facts` holds what readers and passes found out on the way, by their name, as plain JSON values (reports and
    certificates quote it; it has no part in the program's meaning).
    """

    funcs: Mapping[str, Func]
    main: str = ""
    name: str = "module"
    facts: Mapping[str, Any] = field(default_factory=dict, compare=False)

    @property
    def entry(self) -> Func:
        """The func that a run of the module starts with."""
        return self.funcs[self.main or next(iter(self.funcs))]

    def func(self, name: str, span: Span | None = None) -> Func:
        """Find a func by name."""
        if name not in self.funcs:
            raise error(f"there is no func @{name}", span, nearest(name, self.funcs))
        return self.funcs[name]

    def with_func(self, func: Func) -> Module:
        """Give the module with one func replaced (or added); the same object where nothing changed."""
        if self.funcs.get(func.name) is func:
            return self
        return replace(self, funcs={**self.funcs, func.name: func}, main=self.main or self.entry.name)

    @cached_property
    def constants(self) -> Mapping[str, Constant]:
        """The constants that bodies and registers use, by a readable, unique name, in order of first use."""
        named: dict[Constant, str] = {}
        taken: set[str] = set()
        for wish, constant in _constants(self):
            if constant not in named:
                base = re.sub(r"[^A-Za-z0-9_]", "_", wish) or "c"
                name, count = base, 1
                while name in taken:
                    name, count = f"{base}_{count}", count + 1
                named[constant] = name
                taken.add(name)
        return {name: constant for constant, name in named.items()}


def _constants(module: Module) -> Iterator[tuple[str, Constant]]:
    for func in module.funcs.values():
        for register in func.registers:
            start = register.initial
            if start is not None and not (start.is_uniform and start.storage == "dense"):
                yield f"{register.name}_init", start
        if isinstance(func.body, Graph):
            nodes = func.body.nodes
            for value in (*(v for node in nodes for v in node.operands), *func.body.outputs):
                if nodes[value].op == "constant":
                    yield nodes[value].name, nodes[value].constant


def module_of(func: Func, *more: Func, name: str = "") -> Module:
    """Make a module of funcs; the first is the main one."""
    return Module({f.name: f for f in (func, *more)}, func.name, name or func.name)


def _named(name: str, ports: tuple[Port, ...], what: str, span: Span | None) -> Port:
    for port in ports:
        if port.name == name:
            return port
    raise error(f"{name} is not an {what}", span, nearest(name, (p.name for p in ports)))
