"""From a model.json of kind `cellular-automaton` or `automaton` to a module."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from circuitc.diagnostics import CircuitError, Source, Span, error
from circuitc.ir import Module
from circuitc.models.automata import Grid, build_cellular, parse_pattern, parse_rule

from .files import identifier
from .schema import CellularModel

Result = TypeVar("Result")


def build_cellular_automaton(model: CellularModel, path: Path, source: Source) -> Module:
    """Give the module of a cellular automaton."""
    rule = placed(source, "rule", lambda: parse_rule(model.rule))
    shape = tuple(model.shape)
    rows = model.start
    start = None if rows is None else placed(source, "start", lambda: parse_pattern(rows, shape))
    grid = Grid(rule, shape, model.form, model.ports, model.generations, model.stream, start)
    return placed(source, "", lambda: build_cellular(grid, model.name or identifier(path.stem)))


def placed(source: Source, place: str, work: Callable[[], Result]) -> Result:
    """Give errors of the models' layer the place in the file that they belong to."""
    try:
        return work()
    except CircuitError as e:
        first = e.diagnostics[0]
        raise error(first.message, first.span or Span(source, path=place), first.help) from None
