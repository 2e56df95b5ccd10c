"""Kinds `cellular-automaton` and `automaton`: cells on a torus, and finite automata."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import FailFast, Field, PlainValidator, WithJsonSchema
from typing_extensions import TypeAliasType

from ..json_text import describe
from .base import NAME, Header, fault


def _rule(value: Any) -> int | str:
    if isinstance(value, (int, str)) and not isinstance(value, bool):
        return value
    raise fault(f"expected a rule such as 110 or B3/S23 in quotes, got {describe(value)}")


Size = Annotated[int, Field(ge=1, le=1 << 26)]
RuleName = Annotated[Any, PlainValidator(_rule), WithJsonSchema({"type": ["integer", "string"]})]


class CellularModel(Header):
    """A cellular automaton on a ring or a torus."""

    kind: Literal["cellular-automaton"] = Field(description="A cellular automaton.")
    rule: RuleName = Field(description=(
        "0 to 255: an elementary rule in Wolfram's numbering; or counts of living neighbours for birth and survival on "
        "a torus with eight neighbours a cell: B3/S23 is Conway's Life."))
    shape: list[Size] = Field(min_length=1, max_length=2, description=(
        "[columns] of a ring, for elementary rules, or [rows, columns] of a torus. On a torus narrower than 3 the same "
        "cell counts as a neighbour as often as it is met."))
    form: Literal["words", "thresholds"] = Field("words", description=(
        "How a generation is computed: on words of up to 64 cells, or by threshold neurons (at most 4096 cells)."))
    ports: Literal["bits", "words"] = Field("bits", description=(
        "Cells enter and leave as bits of the grid's shape, or as the words that they are computed in."))
    generations: int = Field(1, ge=1, le=(1 << 31) - 2, description="How many generations a call takes.")
    stream: bool = Field(False, description=(
        "A step is one generation: the cells are a register, the input `load` puts the input `cells` there instead."))
    start: list[str] | None = Field(None, max_length=1 << 16, description=(
        "The first cells of a stream, drawn as rows of `.` and `#` from the top left; else all are dead."))


StateName = Annotated[str, Field(min_length=1, max_length=200)]
StateRow = TypeAliasType("StateRow", Annotated[list[StateName], FailFast()])
StateRows = TypeAliasType("StateRows", Annotated[list[StateRow], FailFast()])


class AutomatonModel(Header):
    """A deterministic finite automaton."""

    kind: Literal["automaton"] = Field(description="A deterministic finite automaton.")
    letters: list[StateName] = Field(min_length=1, max_length=1 << 12, description=(
        "The alphabet; the number of a letter comes in at each step. Numbers beyond mean the first letter."))
    states: list[StateName] = Field(min_length=1, max_length=1 << 16, description="The states, by name.")
    start: StateName = Field(description="The state before the first letter.")
    accepting: list[StateName] = Field(max_length=1 << 16, description=(
        "A word that ends in one of these is accepted."))
    transitions: StateRows = Field(description="For each state, in order, the states that the letters lead to.")
    input: str = Field("letter", pattern=NAME, max_length=200, description="The input port's name.")
    output: str = Field("accept", pattern=NAME, max_length=200, description="The output port's name.")
    encoding: Literal["binary", "one-hot"] = Field("binary", description=(
        "How the state is kept: as a number, or as one bit a state."))
