"""Cells as programs: a `stream` of items, or, where nothing is read, a system that runs on its own.

A chain of cells is one func: each reads what the one before answers, and a readout reads the last. States are
registers. A system without an input is `iterate N` with an answer at each step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import (
    BIT,
    F32,
    STREAM,
    Builder,
    Constant,
    Func,
    Module,
    Port,
    Register,
    Schedule,
    Value,
    module_of,
)

from ..rnn import Linear
from .base import Cell, Floats, Ops

Reader = Callable[[Builder, Value], Value]
MAX_STEPS = 1 << 30


@dataclass(frozen=True, eq=False)
class Start:
    """A first state that a call is told: z = [x, L x] of an observation x, or the state itself where L is None.

    `name` is the input's; `initial` is L, [units - observed, observed].
    """

    name: str
    initial: Floats | None = None

    def port(self, units: int) -> Port:
        """Give the input's port; refuses a map that does not give so many units."""
        if self.initial is not None and sum(self.initial.shape) != units:
            raise error(f"L has shape {list(self.initial.shape)}, [units - observed, observed] of {units} units is "
                        "needed")
        observed = units if self.initial is None else self.initial.shape[1]
        return Port(self.name, F32.with_shape((observed,)), "call")

    def state(self, b: Builder, x: Value) -> Value:
        """Add the first state [units] of what was given."""
        s = Ops(b, "start")
        return x if self.initial is None else s.joined(x, s.times(self.initial, x, "L"))


@dataclass(frozen=True, slots=True)
class Shown:
    """What a func answers: the name of its output, at each step or after the last one, and more of the last cell.

    `seen` maps what a cell shows of a step (`code`, `events`) to a port's name; `state` names a port of the last
    cell's first state.
    """

    output: str = "y"
    returns: Literal["last", "sequence"] = "sequence"
    seen: tuple[tuple[str, str], ...] = ()
    state: str = ""


@dataclass(frozen=True, eq=False)
class Observed:
    """A readout of the first `count` numbers of what a cell answers."""

    count: int

    def apply(self, b: Builder, x: Value, name: str) -> Value:
        """Give the first numbers."""
        size = b.type(x).size
        if not 1 <= self.count <= size:
            raise error(f"a state of {size} has 1 to {size} observed numbers, got {self.count}")
        return Ops(b, name).part(x, 0, self.count)


Readout = Linear | Observed


def cell_network(cells: Sequence[Cell], readout: Sequence[Readout], port: Port | None, *, read: Reader | None = None,
                 steps: int | None = None, start: Start | None = None, dt: str = "", shown: Shown | None = None,
                 name: str = "network") -> Module:
    """Give the module of a chain of cells and a readout.

    `port` is one item's, and `read` turns it into floats; without a port the first cell reads nothing and the func
    takes `steps` steps. `dt` names an input that tells the time of each step.
    """
    shown = shown or Shown()
    _check(cells, port, steps)
    b = Builder()
    ports: list[Port] = []
    value: Value | None = None
    if port is not None:
        value = b.input(port.name, port.type)
        ports.append(Port(port.name, port.type, "step", port.encoding))
    time = b.input(dt, F32) if dt else None
    ports += [Port(dt, F32, "step")] if dt else []
    given: Value | None = None
    if start is not None:
        ports.append(start.port(len(next(iter(cells[0].state.values())))))
        given = b.input(ports[-1].name, ports[-1].type)
    registers = _registers(cells, started=start is not None)
    held = [b.input(r.name, r.type) for r in registers]
    if start is not None and given is not None:
        first = start.state(b, given)
        many = b.apply("broadcast", held[-1], shape=b.type(first).shape, axes=())
        held[0] = b.apply("select", many, held[0], first)
    if read is not None and value is not None:
        value = read(b, value)
    outputs, following = _body(b, cells, readout, value, held, time, shown)
    following += [b.number(BIT, 1)] if start is not None else []
    schedule = STREAM if port is not None else Schedule("iterate", steps or 1)
    results = tuple(Port(n, b.type(v), "call" if k == 0 and shown.returns == "last" else "step")
                    for k, (n, v) in enumerate(outputs))
    body = b.finish([*(v for _, v in outputs), *following])
    called = [f for k, cell in enumerate(cells) for f in cell.funcs(f"l{k}")]
    if name in {f.name for f in called}:
        raise error(f"{name} is the name of a cell's inner step already", help="give the network another name")
    return module_of(Func(name, tuple(ports), results, body, tuple(registers), schedule), *called)


def _check(cells: Sequence[Cell], port: Port | None, steps: int | None) -> None:
    if not cells:
        raise error("a network has at least one cell")
    if port is None and cells[0].inputs:
        raise error(f"the network reads {cells[0].inputs} numbers a step, and has no input")
    if port is not None and not cells[0].inputs:
        raise error("the network has no matrix for its input")
    if port is not None and port.type.shape != (cells[0].inputs,):
        raise error(f"the network reads {cells[0].inputs} numbers a step, what comes in has {port.type.size}")
    if (port is None) != (steps is not None):
        raise error("a network without an input runs for a number of steps" if port is None else
                    "a network with an input takes as many steps as there are items", help="set steps" if
                    port is None else "leave steps out")
    if steps is not None and not 1 <= steps <= MAX_STEPS:
        raise error(f"a network runs for 1 to {MAX_STEPS} steps, got {steps}")


def _registers(cells: Sequence[Cell], *, started: bool) -> list[Register]:
    found: list[Register] = []
    for k, cell in enumerate(cells):
        for part, initial in cell.state.items():
            t = F32.with_shape(initial.shape)
            found.append(Register(f"{part}{k}" if len(cells) > 1 else f"{part}_now", t, Constant(t, initial)))
    return [*found, *([Register("started", BIT, Constant(BIT, np.array(0)))] if started else [])]


def _body(b: Builder, cells: Sequence[Cell], readout: Sequence[Readout], x: Value | None, held: Sequence[Value],
          time: Value | None, shown: Shown) -> tuple[list[tuple[str, Value]], list[Value]]:
    """Add the cells and the readout: the named outputs, and the next states."""
    following: list[Value] = []
    stepped = None
    for k, cell in enumerate(cells):
        if k and b.type(x or 0).shape != (cell.inputs,):
            raise error(f"layer {k} has {cell.inputs} inputs, what comes in has {b.type(x or 0).size}")
        count = len(cell.state)
        stepped = cell.step(b, x, held[len(following):len(following) + count], time, f"l{k}")
        following += stepped.following
        x = stepped.y
    assert stepped is not None
    assert x is not None
    for k, part in enumerate(readout):
        x = part.apply(b, x, f"readout{k}" if k else "readout")
    outputs = [(shown.output, x)]
    for what, port in shown.seen:
        if what not in stepped.seen:
            raise error(f"the last cell has no {what}")
        outputs.append((port, stepped.seen[what]))
    if shown.state:
        outputs.append((shown.state, stepped.following[0]))
    return outputs, following


__all__ = ["MAX_STEPS", "Observed", "Readout", "Shown", "Start", "cell_network"]
