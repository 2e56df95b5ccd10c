"""Views of a model as a neural circuit diagram: its picture, and what it costs."""

from __future__ import annotations

from pathlib import Path

from circuitc.driver import load
from circuitc.formats.detect import detect
from circuitc.formats.ncd import read_typed
from circuitc.formats.pyncd import read_pyncd
from circuitc.models.diagrams import Typed, elaborate
from circuitc.models.diagrams.cost import Cost, cost
from circuitc.models.diagrams.draw import draw
from circuitc.models.diagrams.from_graph import diagram_of
from circuitc.models.diagrams.picture import picture
from circuitc.passes import run_passes

from .output import table


def typed_model(path: Path, passes: str | None) -> Typed:
    """Give a model's diagram: as it is written where it is one, else that of its program, after passes."""
    if not passes:
        match detect(path).name:
            case "ncd":
                return read_typed(path)[0]
            case "pyncd":
                return elaborate(read_pyncd(path))
            case _:
                pass
    module = load(path)
    return diagram_of((run_passes(module, passes) if passes else module).entry)


def svg(path: Path, passes: str | None) -> str:
    """Give the picture of a model."""
    return draw(picture(typed_model(path, passes)))


def costs(path: Path, passes: str | None) -> Cost:
    """Give the costs of a model."""
    return cost(typed_model(path, passes))


def cost_lines(found: Cost) -> list[str]:
    """Lay costs out for people."""
    rows = [(name, str(row.get("numbers", "")), str(row["formula"])) for name, row in found.rows().items()]
    known = ", ".join(f"{n} = {size}" for n, size in sorted(found.lengths.items()))
    return [*table(rows), "", f"in numbers, where {known}" if known else "in numbers"]
