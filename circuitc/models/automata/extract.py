"""The automaton that a network is: all of its states tried, or those that some words meet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from circuitc.diagnostics import error
from circuitc.ir import BIT, Func, Module, Port, index_type, module_of
from circuitc.passes.automata import (
    Encoding,
    Explored,
    Machine,
    all_symbols,
    check_answers,
    check_stream,
    compare_streams,
    explore,
    machine_func,
    minimize,
    observe,
)

from .alphabet import alphabet_arrays
from .finite import Automaton, automaton_module, automaton_of

MAX_WORDS = 1 << 20


@dataclass(frozen=True, eq=False, slots=True)
class Extraction:
    """What was found: the states and transitions tried, the smallest machine that answers the same, and its func.

    `pairs` counts the pairs of states of network and automaton that were compared, with every symbol; it is 0 where
    only some words were followed. `automaton` is there where the network has one output, a bit.
    """

    explored: Explored
    machine: Machine
    module: Module
    automaton: Automaton | None
    pairs: int


def extract(module: Module, symbols: Mapping[str, Any] | None = None, *, letters: Sequence[str] = (),
            words: Sequence[Sequence[int]] | None = None, states: int = 4096, empty: bool | None = None,
            encoding: Encoding = "binary", name: str = "") -> Extraction:
    """Find the smallest automaton that answers as a stream does, over an alphabet of raw inputs by port name.

    Without `symbols` every input of a step is one. Every state that is reached is tried with every symbol, and the
    automaton is compared with the network once more, on every pair of states that they reach together: by induction
    they answer every word alike. With `words` (numbers of symbols) only what these meet is computed; the rest leads to
    a state that answers nothing but zeros. More than `states` states are refused. The func's input is the `letter`.
    """
    func = module.entry
    check_stream(func)
    check_answers(func)
    arrays = all_symbols(func) if symbols is None else tuple(alphabet_arrays(func, symbols))
    count = len(arrays[0])
    names = tuple(letters) or tuple(map(str, range(count)))
    if len(names) != count or len(set(names)) != count:
        raise error(f"{count} symbols need as many different names, got {len(names)}")
    if words is not None and len(words) > MAX_WORDS:
        raise error(f"at most {MAX_WORDS} words are followed, got {len(words)}")
    found = explore(module, func, arrays, states) if words is None else observe(module, func, arrays, words, states)
    small = minimize(found.machine)
    name = name or func.name
    automaton = None
    if [p.type for p in func.outputs] == [BIT]:
        automaton = automaton_of(found.machine, names, empty)
        made = automaton_module(automaton, name, encoding)
    else:
        made = module_of(_spoken(func, small, name, encoding))
    numbers = all_symbols(made.entry)[0][:count]
    pairs = 0
    if words is None:
        # a start that is split from a state which accepts otherwise is met as one pair more
        pairs = compare_streams((module, func, arrays), (made, made.entry, (numbers,)), 2 * found.machine.states + 1)
    return Extraction(found, small, made, automaton, pairs)


def _spoken(func: Func, machine: Machine, name: str, encoding: Encoding) -> Func:
    letter = Port("letter", index_type(machine.symbols), "step")
    return machine_func(machine, name, (letter,), func.outputs, None, encoding)
