"""What may stand in a bundle's `map.json`, as pydantic models."""

from __future__ import annotations

import json
from typing import Annotated, Literal

from pydantic import Field

from circuitc.backends.crossbar.bundle import SCHEMA
from circuitc.diagnostics import Source, Span, error
from circuitc.formats.schema import validate
from circuitc.formats.schema.base import Strict

Index = Annotated[int, Field(ge=0, lt=1 << 31)]
Real = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Bits = Annotated[str, Field(pattern="^[01]*$")]
Pair = Annotated[list[int], Field(min_length=2, max_length=2)]
Line = Annotated[list[int | str | None], Field(min_length=3, max_length=3)]


class WiresMap(Strict):
    """Resistances of the wires, in ohm."""

    wordline: NotNegative
    bitline: NotNegative
    wordline_end: NotNegative
    bitline_end: NotNegative


class SenseAmpMap(Strict):
    """What reads columns that are no threshold gates."""

    kind: Literal["adc", "comparator", "ideal"]
    adc_bits: Annotated[int, Field(ge=1, le=24)]


class PhysicsMap(Strict):
    """The array's physics, as far as reading goes."""

    array: str
    rows: Annotated[int, Field(ge=1, le=4096)]
    cols: Annotated[int, Field(ge=1, le=4096)]
    level_siemens: Annotated[list[NotNegative], Field(min_length=2, max_length=256)]
    v_read: Positive
    window_rel: Annotated[float, Field(ge=0, lt=1)]
    lsb_ampere: Positive
    wires_ohm: WiresMap
    sense_amp: SenseAmpMap


class TileMap(Strict):
    """What drives the wordlines of a tile and what its bitlines are for."""

    id: Index
    region: str
    row_in: list[Index | None]
    row_role: list[Literal["true", "complement"] | None]
    col_out: list[Line | None]


class TermMap(Strict):
    """One sensed signal."""

    tile: Index
    slice: Index
    bitlines: list[Pair]
    bits: Index
    gain: Positive | None = None
    offset: Real | None = None
    error: NotNegative | None = None
    error_window: NotNegative | None = None
    witness: Bits | None = None


class OutputMap(Strict):
    """How one output is read, and what is certified of it."""

    index: Index
    kind: Literal["comparator", "adc", "constant"]
    least: int | None
    terms: list[TermMap]
    reference: Real | None = None
    reference_ampere: Real | None = None
    margin: Real | None = None
    margin_window: Real | None = None
    exact: bool | None = None
    below: Bits | None = None
    above: Bits | None = None
    nominal: bool
    window: bool


class LayoutMap(Strict):
    """How the axes of x and y lie."""

    x_shape: list[Index]
    x_order: list[Index]
    y_shape: list[Index]
    y_order: list[Index]


class RegionMap(Strict):
    """One region: which func it computes, its encoding, its outputs."""

    func: str
    encoding: Literal["diff_pair", "dual_rail", "offset", "single"]
    why: str
    base: Annotated[int, Field(ge=2, le=256)]
    slices: Annotated[int, Field(ge=1, le=64)]
    raised_by: Index
    planes: Annotated[list[int], Field(min_length=1, max_length=64)]
    spins: bool
    inputs: Annotated[int, Field(ge=1, lt=1 << 31)]
    times: Annotated[int, Field(ge=1, lt=1 << 31)]
    layout: LayoutMap
    wrong_weights: Index
    split_outputs: Index
    outputs: list[OutputMap]


class MeasuredMap(Strict):
    """Where the conductances are that a lab measured, and by what share of itself each may be off."""

    file: Literal["measured.csv"]
    error: Annotated[float, Field(ge=0, lt=1)]


class MapFile(Strict):
    """A whole `map.json`."""

    schema_: Annotated[Literal["circuitc.xbar/1"], Field(alias="schema")]
    tool: str
    model: str
    program: str
    seed: Index
    conventions: dict[str, str]
    files: dict[str, str]
    physics: PhysicsMap
    tiles: list[TileMap]
    regions: list[RegionMap]
    measured: MeasuredMap | None = None


def read_map(content: bytes, name: str) -> MapFile:
    """Read a `map.json`; what is wrong with it is said with its place."""
    source = Source(name)
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise error("is not JSON", Span(source)) from None
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise error(f'expected an object with "schema": "{SCHEMA}"', Span(source))
    return validate(MapFile, value, source)
