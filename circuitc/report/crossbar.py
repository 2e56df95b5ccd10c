"""The page of a crossbar bundle: margins, tiles, accuracy under variation, routing, cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuitc.backends.crossbar.array import Array
from circuitc.ir import Module
from circuitc.simulation.crossbar.bundle import Bundle
from circuitc.simulation.crossbar.cost import Cost

from .accuracy import put_accuracy
from .costs import put_cost
from .page import Page
from .routing import draw_routing, too_large
from .tiles import put_margins, put_tiles
from .wiring import ELSEWHERE, Wiring, wiring_of


@dataclass(frozen=True)
class Wishes:
    """What a page shows beside what the bundle says.

    `measured` is a CSV file of conductances, `inputs` raw inputs of the program for a Monte Carlo run of `seeds` arrays
    a point, `accuracy` a file of results (schema circuitc.accuracy/1), `tiles` how many tiles are drawn.
    """

    measured: Path | None = None
    inputs: Mapping[str, Any] | None = None
    seeds: int = 5
    accuracy: Path | None = None
    tiles: int = 16


def put_bundle(page: Page, bundle: Bundle, module: Module, array: Array, cost: Cost, wishes: Wishes) -> None:
    """Put everything about a bundle on its page."""
    put_margins(page, bundle)
    put_tiles(page, bundle, array, wishes.measured, wishes.tiles)
    put_accuracy(page, bundle, module, array, wishes.inputs, wishes.seeds, wishes.accuracy)
    put_routing(page, bundle, module)
    put_cost(page, cost)


def put_routing(page: Page, bundle: Bundle, module: Module) -> None:
    """Draw which bits go to which wordlines where the network is small, and list it by region anyway."""
    page.section("Routing")
    wiring = wiring_of(module, bundle.map)
    if wiring is None:
        page.paragraph("The program's entry is gates: no wires between regions to show.", "note")
        return
    why = too_large(bundle)
    if why:
        page.paragraph(f"Not drawn: {why}.", "note")
    else:
        page.paragraph("Solid wires are bits as they are; dashed ones went through arithmetic on that one number (or, "
                       "grey, on several). A full dot is a device above level 0.")
        page.put('<div class="wide">' + draw_routing(bundle, wiring) + "</div>")
    page.table(("region", "inputs", "driven by"), [
        (f"@{r.func}", str(r.inputs), _drivers(wiring, r.func)) for r in bundle.map.regions])


def _drivers(wiring: Wiring, func: str) -> str:
    ids = wiring.regions.get(func)
    if ids is None:
        return "not called from the entry"
    names = [wiring.sources[k].owner if k != ELSEWHERE else "what is computed from several" for k in ids.tolist()]
    return ", ".join(f"{name} ({names.count(name)})" for name in dict.fromkeys(names))


__all__ = ["Wishes", "put_bundle"]
