"""Cellular automata as funcs: some generations of a ring or torus at once, or one a step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import (
    BIT,
    ONCE,
    STREAM,
    Builder,
    Constant,
    Func,
    Module,
    Port,
    Register,
    Schedule,
    Type,
    Value,
    module_of,
)

from ..btf import build_module
from .gates import threshold_network
from .rule import Rule
from .words import Words, word_type

Form = Literal["words", "thresholds"]
Step = Callable[[Builder, Value], Value]
MAX_CELLS = 1 << 26
MAX_GENERATIONS = (1 << 31) - 2


@dataclass(frozen=True, slots=True)
class Grid:
    """A cellular automaton on a ring [columns] or torus [rows, columns].

    `form` is how a generation is computed: bit-parallel on words, or by threshold neurons. With `words` ports the
    cells enter and leave as words (`word_type`), else as bits. Of a `stream` each step is one generation, or takes the
    input `cells` where `load` is 1; `start` are its first cells. Else a call answers the cells after `generations`.
    """

    rule: Rule
    shape: tuple[int, ...]
    form: Form = "words"
    ports: Literal["bits", "words"] = "bits"
    generations: int = 1
    stream: bool = False
    start: NDArray[np.int64] | None = None


def check_grid(grid: Grid) -> None:
    """Refuse what does not fit together."""
    if len(grid.shape) != grid.rule.rank:
        where = "a ring [columns]" if grid.rule.rank == 1 else "a torus [rows, columns]"
        raise error(f"{grid.rule.name} lives on {where}, got shape {list(grid.shape)}")
    if min(grid.shape) < 1 or prod(grid.shape) > MAX_CELLS:
        raise error(f"a grid has 1 to {MAX_CELLS} cells, got shape {list(grid.shape)}")
    if not 1 <= grid.generations <= MAX_GENERATIONS:
        raise error(f"a call takes 1 to {MAX_GENERATIONS} generations, got {grid.generations}")
    if grid.stream and grid.generations != 1:
        raise error("each step of a stream is one generation")
    if grid.start is not None and not grid.stream:
        raise error("only a stream has first cells of its own")
    if grid.form == "thresholds" and grid.ports == "words":
        raise error("threshold neurons see cells as bits, not as words")


def build_cellular(grid: Grid, name: str) -> Module:
    """Give the module of a cellular automaton: input `cells`, output `after`."""
    check_grid(grid)
    facts: dict[str, Any] = {"cellular-automaton": {
        "rule": grid.rule.name, "cells": prod(grid.shape), "form": grid.form}}
    if grid.form == "thresholds":
        return _of_neurons(grid, name, facts)
    word = word_type(grid.shape[-1])
    facts["cellular-automaton"]["word"] = str(word)
    bits = grid.ports == "bits"
    state = word.with_shape((*grid.shape[:-1], grid.shape[-1] // word.width))
    port = BIT.with_shape(grid.shape) if bits else state

    def convert(which: str) -> Callable[[Builder, Value], Value]:
        return lambda b, v: getattr(Words(b, word), which)(v) if bits else v
    func = _machine(grid, name, _Parts(port, state, convert("pack"), convert("unpack"),
                                       lambda b, v: Words(b, word).generation(grid.rule, v)))
    module = module_of(func)
    return Module(module.funcs, module.main, module.name, facts)


def _of_neurons(grid: Grid, name: str, facts: dict[str, Any]) -> Module:
    """Give the automaton whose generation is a threshold network, called where a call takes several."""
    once = grid.generations == 1 and not grid.stream
    network = threshold_network(grid.rule, grid.shape, name if once else f"{name}_generation")
    facts["cellular-automaton"]["neurons"] = len(network.neurons)
    module = build_module(network, facts)
    if once:
        return module
    t, part = BIT.with_shape(grid.shape), module.entry
    func = _machine(grid, name, _Parts(t, t, lambda _, v: v, lambda _, v: v,
                                       lambda b, v: b.call(part.name, "after", t, v, name="generation")))
    return Module({f.name: f for f in (func, part)}, name, name, facts)


@dataclass(frozen=True, slots=True)
class _Parts:
    """How a generation is computed: the types of ports and state, and what turns one into the other."""

    port: Type
    state: Type
    enter: Step
    leave: Step
    generation: Step


def _machine(grid: Grid, name: str, parts: _Parts) -> Func:
    """Put a generation into its schedule: once, so many steps, or a step an item."""
    if grid.stream:
        return _stream(grid, name, parts)
    return _once(name, parts) if grid.generations == 1 else _repeated(grid, name, parts)


def _once(name: str, parts: _Parts) -> Func:
    b = Builder()
    after = parts.leave(b, parts.generation(b, parts.enter(b, b.input("cells", parts.port))))
    return Func(name, (Port("cells", parts.port),), (Port("after", parts.port),), b.finish([after]), (), ONCE)


def _stream(grid: Grid, name: str, parts: _Parts) -> Func:
    """Keep the cells in a register that `load` overwrites."""
    b, state = Builder(), parts.state
    load, cells, now = b.input("load", BIT), b.input("cells", parts.port), b.input("now", state)
    following = b.apply("select", _spread(b, load, state), parts.enter(b, cells), parts.generation(b, now))
    begin = np.zeros(grid.shape, np.int64) if grid.start is None else grid.start
    return Func(name, (Port("load", BIT, "step"), Port("cells", parts.port, "step")),
                (Port("after", parts.port, "step"),), b.finish([parts.leave(b, following), following]),
                (Register("now", state, Constant(state, _packed(begin, state))),), STREAM)


def _repeated(grid: Grid, name: str, parts: _Parts) -> Func:
    """Take the input in the first step, and what the register holds in all others."""
    b, state = Builder(), parts.state
    cells, now, started = b.input("cells", parts.port), b.input("now", state), b.input("started", BIT)
    here = b.apply("select", _spread(b, started, state), now, parts.enter(b, cells))
    following = parts.generation(b, here)
    registers = (Register("now", state, Constant(state, np.zeros(state.shape, np.int64))),
                 Register("started", BIT, Constant(BIT, np.array(0))))
    return Func(name, (Port("cells", parts.port),), (Port("after", parts.port),),
                b.finish([parts.leave(b, following), following, b.number(BIT, 1)]), registers,
                Schedule("iterate", grid.generations))


def _spread(b: Builder, bit: Value, like: Type) -> Value:
    return b.apply("broadcast", bit, shape=like.shape, axes=())


def _packed(cells: NDArray[np.int64], word: Type) -> NDArray[np.int64]:
    """Give raw words of cells; words of 64 bits have a sign."""
    split = cells.reshape(*word.shape, word.width).astype(np.uint64)
    return (split << np.arange(word.width, dtype=np.uint64)).sum(axis=-1, dtype=np.uint64).view(np.int64)


def parse_pattern(rows: Sequence[str], shape: Sequence[int]) -> NDArray[np.int64]:
    """Read cells drawn as rows of `.` (dead) and `#` (alive), put at the top left of a grid."""
    cells = np.zeros((1, *shape) if len(shape) == 1 else tuple(shape), np.int64)
    if len(rows) > len(cells) or max(map(len, rows), default=0) > cells.shape[1]:
        raise error(f"the first cells do not fit a grid of {list(shape)}")
    for k, row in enumerate(rows):
        if set(row) - {".", "#"}:
            raise error("cells are drawn with . (dead) and # (alive)")
        cells[k, :len(row)] = [c == "#" for c in row]
    return cells.reshape(tuple(shape))
