"""What may stand in the `map.json` of a program, as pydantic models."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from ..schema.base import Strict

Cell = Annotated[int, Field(ge=0, lt=1 << 20)]
Name = Annotated[str, Field(min_length=1, max_length=10_000)]


class PortMap(Strict):
    """A port and the cells of its bits, row major and least significant first."""

    name: Name
    type: str
    rate: Literal["call", "step"]
    cells: list[Cell]


class RegisterMap(Strict):
    """A register: its cells before and after the program, and the bits that it starts with (null: any)."""

    name: Name
    type: str
    initial: list[Annotated[int, Field(ge=0, le=1)]] | None
    cells: list[Cell]
    next_cells: list[Cell]


class LimMap(Strict):
    """The whole map. What reading does not need (options, figures, conventions) may hold anything."""

    schema_: Annotated[Literal["circuitc.lim/1"], Field(alias="schema")]
    tool: str
    func: Name
    schedule: Literal["once", "stream"]
    logic: Literal["magic", "rm3"]
    row: Annotated[int, Field(ge=1, le=1 << 20)]
    fan_in: Annotated[int, Field(ge=2, le=8)]
    options: dict[str, Any]
    inputs: list[PortMap]
    outputs: list[PortMap]
    registers: list[RegisterMap]
    figures: dict[str, Any]
    conventions: dict[str, str]
    files: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]

    @property
    def input_cells(self) -> tuple[int, ...]:
        """Where the bits of inputs and then of registers are written."""
        return tuple(c for part in (self.inputs, self.registers) for entry in part for c in entry.cells)

    @property
    def output_cells(self) -> tuple[int, ...]:
        """Where the bits of outputs and then of next registers are read."""
        return (*(c for p in self.outputs for c in p.cells), *(c for r in self.registers for c in r.next_cells))


