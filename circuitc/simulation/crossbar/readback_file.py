"""What one readback leaves for the next: `readback.json` in the bundle that it wrote."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from circuitc.diagnostics import Source, Span, error
from circuitc.formats.schema import validate
from circuitc.formats.schema.base import Strict

NAME = "readback.json"
SCHEMA = "circuitc.readback/1"
_Index = Annotated[int, Field(ge=0, lt=1 << 31)]


class Cell(Strict):
    """A device, and the conductance that it was found at."""

    tile: _Index
    row: _Index
    col: _Index
    siemens: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    kind: Annotated[str, Field(pattern="^(none|stuck_hrs|stuck_lrs)$")] = "none"


class Notes(Strict):
    """Devices that were asked to be written again, with what they were before, and those known to be stuck."""

    written: list[Cell]
    stuck: list[Cell]
    schema_: Annotated[Literal["circuitc.readback/1"], Field(alias="schema")] = SCHEMA


def read_notes(folder: Path, shape: tuple[int, ...]) -> Notes | None:
    """Read the notes of a bundle whose tiles are [tiles, rows, cols]; None where no readback made it."""
    path = folder / NAME
    if not path.is_file():
        return None
    source = Source(str(path))
    try:
        value = json.loads(path.read_bytes())
    except OSError as e:
        raise error(f"{path}: {e.strerror or e}") from None
    except (ValueError, RecursionError):
        raise error("is not JSON", Span(source)) from None
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise error(f'expected an object with "schema": "{SCHEMA}"', Span(source))
    notes = validate(Notes, value, source)
    for cell in (*notes.written, *notes.stuck):
        if any(k >= n for k, n in zip((cell.tile, cell.row, cell.col), shape, strict=True)):
            raise error(f"{path}: tile {cell.tile}, row {cell.row}, col {cell.col} is not on the bundle's arrays")
    return notes


def notes_json(notes: Notes) -> bytes:
    """Print the notes, a line a device."""
    def listed(cells: list[Cell]) -> str:
        return "[" + ",\n  ".join(json.dumps(c.model_dump()) for c in cells) + "]"

    return (f'{{"schema": "{SCHEMA}",\n "written": {listed(notes.written)},\n "stuck": {listed(notes.stuck)}}}\n'
            ).encode()
