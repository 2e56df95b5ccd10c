"""The machine that a stream is: its states as far as they are reached from reset, by every symbol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import InternalError, error
from circuitc.ir import Func, Graph, Module, evaluate_body, unflatten_bits

from .machine import Int64, Machine

MAX_SYMBOL_BITS = 12
MAX_TRANSITIONS = 1 << 22
_BATCH = 1 << 12  # transitions that are computed at a time

Raws = Sequence[NDArray[Any]]


@dataclass(frozen=True, eq=False, slots=True)
class Explored:
    """A machine with what its states and symbols are: raw numbers of the registers, and of the input ports.

    `seen` counts the transitions that were computed.
    """

    machine: Machine
    states: tuple[NDArray[Any], ...]
    symbols: tuple[NDArray[Any], ...]
    seen: int


def all_symbols(func: Func) -> tuple[NDArray[Any], ...]:
    """Give every value of the inputs of a step: one array [symbols, *shape] a port."""
    types = [p.type for p in func.inputs]
    bits = sum(t.bits for t in types)
    if any(t.is_float for t in types) or bits > MAX_SYMBOL_BITS:
        what = "floats" if any(t.is_float for t in types) else f"{bits} bits"
        raise error(f"a step of @{func.name} takes {what}, all symbols are tried up to {MAX_SYMBOL_BITS} bits",
                    help="give an alphabet: the symbols that happen")
    patterns = np.arange(1 << bits)[:, None] >> np.arange(bits) & 1
    return tuple(unflatten_bits(types, patterns))


def check_stream(func: Func) -> None:
    """Refuse funcs that are no machine with one start and a symbol a step."""
    if func.schedule.kind != "stream":
        raise error(f"@{func.name} runs {func.schedule}, an automaton is a stream: a step for each symbol")
    for port in func.inputs:
        if port.rate != "step":
            raise error(f"input {port.name} of @{func.name} is held for the whole call, an automaton's symbols come "
                        "by step")
    for register in func.registers:
        if register.initial is None:
            raise error(f"register {register.name} of @{func.name} may begin with any value, an automaton has one "
                        "start", help="give it an initial value")


def check_answers(func: Func) -> None:
    """Refuse outputs that an automaton does not have."""
    for port in func.outputs:
        if port.type.is_float:
            raise error(f"output {port.name} of @{func.name} is a float, an automaton answers exact numbers",
                        help="let it answer a class or a bit")
        if port.rate != "step":
            raise error(f"output {port.name} of @{func.name} is that of the last step, an automaton answers every step")


def explore(module: Module, func: Func, symbols: Raws, most: int) -> Explored:
    """Find all states that words over the symbols reach, breadth first, with every transition and answer.

    Each state is tried with each symbol by the interpreter. More than `most` states are refused: nothing is cut off.
    """
    check_stream(func)
    if most < 1:
        raise error(f"a machine has one state or more, got a limit of {most}")
    count = len(symbols[0])
    table = _Rows([np.asarray(_initial(func, k), r.type.dtype)[None] for k, r in enumerate(func.registers)])
    answers = _Rows([np.zeros((0, *p.type.shape), p.type.dtype) for p in func.outputs])
    following: list[Int64] = []
    answered: list[Int64] = []
    done = 0
    width = max(1, _BATCH // count)
    while done < len(table):
        part = table.rows(done, min(len(table), done + width))
        size = len(part[0]) if part else 1
        given = [np.tile(s, (size, *[1] * (s.ndim - 1))) for s in symbols]
        found = evaluate_body(module, func, [*given, *(np.repeat(r, count, axis=0) for r in part)])
        outputs = len(func.outputs)
        answered.append(answers.numbers(found[:outputs], size * count).reshape(size, count))
        following.append(table.numbers(found[outputs:], size * count).reshape(size, count))
        done += size
        if len(table) > most or len(table) * count > MAX_TRANSITIONS:
            limit = f"{most} states" if len(table) > most else f"{MAX_TRANSITIONS} transitions"
            raise error(f"@{func.name} reaches more than {limit}: {len(table)} states were found after trying {done} "
                        f"of them with {count} symbols",
                        help="fewer bits of state (quantize), a smaller alphabet, or a higher limit of states")
    machine = Machine(np.concatenate(following), np.concatenate(answered), answers.all())
    return Explored(machine, table.all(), tuple(map(np.asarray, symbols)), machine.following.size)


def observe(module: Module, func: Func, symbols: Raws, words: Sequence[Sequence[int]], most: int) -> Explored:
    """Find the states and transitions that some words (numbers of symbols) meet; others lead to a last state, unseen.

    What was never seen is answered by zero bits (spins by -1), for ever. `Explored.seen` counts the transitions seen.
    """
    check_stream(func)
    known = _Rows([np.asarray(_initial(func, k), r.type.dtype)[None] for k, r in enumerate(func.registers)])
    answers = _Rows([np.full((1, *p.type.shape), p.type.lowest if p.type.is_spin else 0, p.type.dtype)
                     for p in func.outputs])
    following: dict[tuple[int, int], int] = {}
    answered: dict[tuple[int, int], int] = {}
    longest = max(map(len, words), default=0)
    state = [np.repeat(np.asarray(_initial(func, k), r.type.dtype)[None], len(words), axis=0)
             for k, r in enumerate(func.registers)]
    here = np.zeros(len(words), np.int64)
    for step in range(longest):
        alive = [k for k, word in enumerate(words) if len(word) > step]
        letters = np.array([words[k][step] for k in alive])
        found = evaluate_body(module, func, [*(s[letters] for s in symbols), *(r[alive] for r in state)])
        said = answers.numbers(found[:len(func.outputs)], len(alive))
        after = known.numbers(found[len(func.outputs):], len(alive))
        for s, a, f, y in zip(here[alive].tolist(), letters.tolist(), after.tolist(), said.tolist(), strict=True):
            following[s, a], answered[s, a] = f, y
        for register, new in zip(state, found[len(func.outputs):], strict=True):
            register[alive] = new
        here[alive] = after
        if len(known) > most:
            raise error(f"the words meet more than {most} states of @{func.name}",
                        help="fewer bits of state (quantize), or a higher limit of states")
    shape = (len(known) + 1, len(symbols[0]))
    to, said = np.full(shape, len(known), np.int64), np.zeros(shape, np.int64)
    for place, after in following.items():
        to[place], said[place] = after, answered[place]
    return Explored(Machine(to, said, answers.all()), known.all(), tuple(map(np.asarray, symbols)), len(following))


def _initial(func: Func, k: int) -> Any:
    start = func.registers[k].initial
    assert start is not None, "check_stream refused free registers"
    return start.array


def has_floats(module: Module) -> bool:
    """Tell whether floats are computed anywhere in a program: another order of a sum may round them otherwise."""
    return any(n.type.is_float for f in module.funcs.values() if isinstance(f.body, Graph) for n in f.body.nodes)


class _Rows:
    """Different rows of several arrays, numbered as they come; equal means the same bytes (0.0 is not -0.0)."""

    def __init__(self, first: list[NDArray[Any]]) -> None:
        self._parts = [first]
        self._known: dict[bytes | tuple[Any, ...], int] = {}
        self._shapes = [(a.shape[1:], a.dtype) for a in first]
        count = len(first[0]) if first else 1
        for key in _keys(first, count):
            self._known.setdefault(key, len(self._known))

    def __len__(self) -> int:
        return len(self._known)

    def numbers(self, arrays: Sequence[NDArray[Any]], count: int) -> Int64:
        """Number rows, new ones behind all that are known."""
        arrays = [np.asarray(a).astype(dtype, copy=False) for a, (_, dtype) in zip(arrays, self._shapes, strict=True)]
        numbers = np.empty(count, np.int64)
        fresh: list[int] = []
        for k, key in enumerate(_keys(arrays, count)):
            known = self._known.get(key)
            if known is None:
                known = self._known[key] = len(self._known)
                fresh.append(k)
            numbers[k] = known
        if fresh and arrays:
            self._parts.append([a[fresh] for a in arrays])
        return numbers

    def all(self) -> tuple[NDArray[Any], ...]:
        """Give all rows, in the order of their numbers."""
        self._parts = [[np.concatenate(column) for column in zip(*self._parts, strict=True)]]
        return tuple(self._parts[0])

    def rows(self, first: int, last: int) -> list[NDArray[Any]]:
        return [a[first:last] for a in self.all()]


def _keys(arrays: Sequence[NDArray[Any]], count: int) -> list[Any]:
    """Give a key for each row: its bytes, or its numbers where they are Python's integers."""
    if not count:
        return []
    if any(a.dtype == object for a in arrays):
        flat = [a.reshape(count, -1).tolist() for a in arrays]
        return [tuple(x for row in rows for x in row) for rows in zip(*flat, strict=True)]
    if not arrays:
        return [b""] * count
    columns = [np.ascontiguousarray(a).reshape(count, -1).view(np.uint8).reshape(count, -1) for a in arrays]
    whole = np.ascontiguousarray(np.concatenate(columns, axis=1))
    return [row.tobytes() for row in whole]


def compare_streams(before: tuple[Module, Func, Raws], after: tuple[Module, Func, Raws], most: int) -> int:
    """Show that two streams answer every word alike, symbol k of one being symbol k of the other.

    Explores the pairs of states that are reached together, with every symbol, by the interpreter; answers how many
    pairs there are. That their answers agree on all of these pairs is the induction by which they agree for ever.
    Raises an InternalError where they do not: whoever made the second from the first was wrong.
    """
    sides = (before, after)
    for _, func, _ in sides:
        check_stream(func)
    starts = [[np.asarray(_initial(func, k), r.type.dtype)[None] for k, r in enumerate(func.registers)]
              for _, func, _ in sides]
    cut = len(starts[0])
    count = len(before[2][0])
    pairs = _Rows([*starts[0], *starts[1]])
    done = 0
    while done < len(pairs):
        part = pairs.rows(done, min(len(pairs), done + max(1, _BATCH // count)))
        size = len(part[0]) if part else 1
        stepped: list[list[Any]] = []
        for (module, func, symbols), state in zip(sides, (part[:cut], part[cut:]), strict=True):
            given = [np.tile(s, (size, *[1] * (s.ndim - 1))) for s in symbols]
            stepped.append(list(evaluate_body(module, func, [*given, *(np.repeat(r, count, axis=0) for r in state)])))
        outputs = len(before[1].outputs)
        for port, x, y in zip(before[1].outputs, stepped[0], stepped[1], strict=False):
            if not np.array_equal(x, y, equal_nan=port.type.is_float):
                raise InternalError(f"the automaton of @{before[1].name} answers another {port.name}")
        pairs.numbers([*stepped[0][outputs:], *stepped[1][outputs:]], size * count)
        done += size
        if len(pairs) > most:
            raise InternalError(f"the automaton of @{before[1].name} does not keep step with it")
    return len(pairs)


