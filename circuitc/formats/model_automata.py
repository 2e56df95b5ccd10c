"""From a model.json of kind `cellular-automaton` or `automaton` to a module."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from circuitc.diagnostics import CircuitError, Source, Span, error, nearest
from circuitc.ir import Module
from circuitc.models.automata import (
    Automaton,
    Grid,
    automaton_module,
    build_cellular,
    parse_pattern,
    parse_rule,
)

from .files import identifier
from .schema import SCHEMA, AutomatonModel, CellularModel

Result = TypeVar("Result")


def build_cellular_automaton(model: CellularModel, path: Path, source: Source) -> Module:
    """Give the module of a cellular automaton."""
    rule = placed(source, "rule", lambda: parse_rule(model.rule))
    shape = tuple(model.shape)
    rows = model.start
    start = None if rows is None else placed(source, "start", lambda: parse_pattern(rows, shape))
    grid = Grid(rule, shape, model.form, model.ports, model.generations, model.stream, start)
    return placed(source, "", lambda: build_cellular(grid, model.name or identifier(path.stem)))


def build_automaton(model: AutomatonModel, path: Path, source: Source) -> Module:
    """Give the module of a finite automaton."""
    automaton = read_automaton(model, source)
    return placed(source, "", lambda: automaton_module(automaton, model.name or identifier(path.stem), model.encoding,
                                                       model.input, model.output))


def read_automaton(model: AutomatonModel, source: Source) -> Automaton:
    """Give the automaton that a model writes down; every name must be a state's."""
    for key in ("letters", "states"):
        name, count = Counter(getattr(model, key)).most_common(1)[0]
        if count > 1:
            raise error(f"the name {name[:40]!r} stands twice", Span(source, path=key))
    number = {name: k for k, name in enumerate(model.states)}

    def state(name: str, place: str) -> int:
        if name not in number:
            raise error(f"there is no state {name[:40]!r}", Span(source, path=place), nearest(name, number))
        return number[name]
    if len(model.transitions) != len(model.states):
        raise error(f"{len(model.states)} states have {len(model.transitions)} rows of transitions",
                    Span(source, path="transitions"))
    rows: list[tuple[int, ...]] = []
    for k, row in enumerate(model.transitions):
        place = f"transitions[{k}]"
        if len(row) != len(model.letters):
            raise error(f"{len(model.letters)} letters have {len(row)} transitions", Span(source, path=place))
        rows.append(tuple(state(name, place) for name in row))
    accepting = frozenset(state(name, "accepting") for name in model.accepting)
    return Automaton(tuple(model.letters), tuple(model.states), tuple(rows), accepting, state(model.start, "start"))


def automaton_json(automaton: Automaton, name: str, description: str = "") -> bytes:
    """Write an automaton as a model of kind `automaton`."""
    names = automaton.states
    model = {"schema": SCHEMA, "kind": "automaton", "name": identifier(name), "description": description,
             "letters": list(automaton.letters), "states": list(names), "start": names[automaton.start],
             "accepting": [names[k] for k in sorted(automaton.accepting)],
             "transitions": [[names[to] for to in row] for row in automaton.transitions]}
    rows = [f" {json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}" for key, value in model.items() if value]
    return ("{\n" + ",\n".join(rows) + "\n}\n").encode()


def placed(source: Source, place: str, work: Callable[[], Result]) -> Result:
    """Give errors of the models' layer the place in the file that they belong to."""
    try:
        return work()
    except CircuitError as e:
        first = e.diagnostics[0]
        raise error(first.message, first.span or Span(source, path=place), first.help) from None
