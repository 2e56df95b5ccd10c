"""Deterministic finite automata: states and letters by name, as a stream func, and back from one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import BIT, Module, Port, index_type, module_of
from circuitc.passes.automata import Encoding, Machine, machine_func, minimize

MAX_STATES = 1 << 20


@dataclass(frozen=True, slots=True)
class Automaton:
    """States and letters have names; `transitions[s][a]` is the number of the state that letter a leads to from s.

    A word is accepted where it ends in an accepting state. As a func the letter's number comes in at each step, and
    `accept` says whether the word so far is accepted.
    """

    letters: tuple[str, ...]
    states: tuple[str, ...]
    transitions: tuple[tuple[int, ...], ...]
    accepting: frozenset[int]
    start: int = 0

    def accepts(self, word: Iterable[str]) -> bool:
        """Tell whether a word of letters is accepted."""
        number = {letter: k for k, letter in enumerate(self.letters)}
        state = self.start
        for letter in word:
            if letter not in number:
                raise error(f"{letter!r} is not a letter of the automaton")
            state = self.transitions[state][number[letter]]
        return state in self.accepting

    @property
    def machine(self) -> Machine:
        """The Mealy machine that answers, with each letter, whether the state it leads to accepts."""
        following = np.array(self.transitions, np.int64).reshape(len(self.states), len(self.letters))
        accepting = np.zeros(len(self.states), np.int64)
        accepting[sorted(self.accepting)] = 1
        return Machine(following, accepting[following], (np.array([0, 1]),), self.start)


def automaton_module(automaton: Automaton, name: str, encoding: Encoding = "binary", symbol: str = "letter",
                     output: str = "accept") -> Module:
    """Give an automaton as a stream: the number of a letter in, whether the word so far is accepted out."""
    t = index_type(len(automaton.letters))
    ports = (Port(symbol, t, "step"),), (Port(output, BIT, "step"),)
    func = machine_func(automaton.machine, name, *ports, None, encoding)
    module = module_of(func)
    facts = {"automaton": {"states": len(automaton.states), "letters": list(automaton.letters), "encoding": encoding}}
    return Module(module.funcs, module.main, module.name, facts)


def automaton_of(machine: Machine, letters: Sequence[str], empty: bool | None = None) -> Automaton:
    """Give the smallest automaton that accepts the words which a machine with one output answers by 1 at their end.

    A machine says nothing of the empty word: `empty` says whether it is accepted. Without it that is left to where the
    start can be shared with another state, else it is rejected.
    """
    answers = [np.asarray(v) for v in machine.values]
    if len(answers) != 1 or answers[0].ndim != 1 or not set(answers[0].tolist()) <= {0, 1}:
        raise error("an automaton that accepts has one output, a bit")
    small = minimize(machine)
    accepted = answers[0][small.answers]
    rows, accepting = _split(small.following, accepted, empty)
    return Automaton(tuple(letters), tuple(f"q{k}" for k in range(len(rows))), tuple(map(tuple, rows)),
                     frozenset(k for k, a in enumerate(accepting) if a))


def _split(following: Any, accepted: Any, empty: bool | None) -> tuple[list[list[int]], list[bool]]:
    """Make states of pairs (state of the machine, whether the word so far is accepted), from the start on.

    The start has no answer yet: it is `empty`, or the answer with which the machine comes back to it, or False.
    """
    back = {bool(a) for s in range(len(following)) for f, a in zip(following[s], accepted[s], strict=True) if f == 0}
    first = (0, empty if empty is not None else back == {True})
    order = [first]
    number = {first: 0}
    rows: list[list[int]] = []
    for state, _ in order:
        row: list[int] = []
        for after, answer in zip(following[state].tolist(), accepted[state].tolist(), strict=True):
            key = (after, bool(answer))
            if key not in number:
                number[key] = len(order)
                order.append(key)
            row.append(number[key])
        rows.append(row)
    return rows, [accepting for _, accepting in order]


def to_dot(automaton: Automaton) -> str:
    """Draw an automaton for Graphviz: accepting states have two rings."""
    lines = ["digraph automaton {", "  rankdir=LR; node [shape=circle]; begin [shape=point];",
             f"  begin -> s{automaton.start};"]
    for k, name in enumerate(automaton.states):
        shape = ", shape=doublecircle" if k in automaton.accepting else ""
        lines.append(f"  s{k} [label={_quoted(name)}{shape}];")
    for k, row in enumerate(automaton.transitions):
        for after in sorted(set(row)):
            label = ", ".join(letter for letter, to in zip(automaton.letters, row, strict=True) if to == after)
            lines.append(f"  s{k} -> s{after} [label={_quoted(label)}];")
    return "\n".join([*lines, "}", ""])


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
