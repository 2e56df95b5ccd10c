"""The sections on margins and tiles: how far answers are from wrong, what devices hold, what the wires drop."""

from __future__ import annotations

from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from circuitc.backends.crossbar.array import Array
from circuitc.backends.crossbar.potentials import device_voltages
from circuitc.simulation.crossbar.bundle import Bundle, drives
from circuitc.simulation.crossbar.measured import read_measured
from circuitc.simulation.crossbar.montecarlo import made_conductances
from circuitc.simulation.crossbar.schema import OutputMap, TileMap

from .charts import histograms
from .heatmap import Map, heat_map
from .page import Page, row

OPENED = 4   # tiles that are not folded away


def put_margins(page: Page, bundle: Bundle) -> None:
    """Draw how far each output is from a wrong answer, with targets met and anywhere in the write windows."""
    page.section("Margins")
    outputs = [o for r in bundle.map.regions for o in r.outputs if o.kind != "constant" and o.terms]
    constant = sum(len(r.outputs) for r in bundle.map.regions) - len(outputs)
    series = {name: [margin(o, key) for o in outputs] for name, key in (
        ("every conductance on its target", "nominal"),
        (f"every conductance anywhere in its window (+-{100 * bundle.map.physics.window_rel:g} %), a sound bound",
         "window"))}
    step = f"{1e6 * bundle.map.physics.lsb_ampere:.4g} µA"
    page.paragraph(f"How far the worst binary input stays from a wrong answer, in level steps of {step}: of "
                   "comparators half of the gap between the two sides, of conversions what is left of the half step "
                   "to rounding. Below 0 an answer is not certified.")
    if outputs:
        page.put(histograms(f"{len(outputs)} outputs", "margin, level steps", series, cut=0.0))
    if constant:
        page.paragraph(f"Outputs that never change, and have no margin: {constant}.", "note")


def margin(output: OutputMap, key: str) -> float:
    """Give an output's margin in level steps, as the map says it; `key` is nominal or window."""
    if output.kind == "comparator":
        return float((output.margin if key == "nominal" else output.margin_window) or 0.0)
    errors = [(t.error if key == "nominal" else t.error_window) or 0.0 for t in output.terms]
    return 0.5 - max(errors)


def put_tiles(page: Page, bundle: Bundle, array: Array, measured: Path | None, most: int) -> None:
    """Draw each tile: what its devices are to conduct, by how much they do not, and what the wires drop."""
    page.section("Tiles")
    made, words = _made(bundle, array, measured)
    count = min(most, len(bundle.map.tiles))
    page.paragraph("Wordlines carry inputs from the left, bitlines are sensed below the last row. A cross is a device "
                   f"known to be bad. {words} The voltage "
                   "lost is that of the exact solution of the wires, at the input of the tile that comes nearest to a "
                   "wrong answer; idle wordlines have none to lose.")
    for tile in bundle.map.tiles[:count]:
        page.details(*_tile(bundle, tile, made), opened=tile.id < OPENED)
    if count < len(bundle.map.tiles):
        page.paragraph(f"{count} of {len(bundle.map.tiles)} tiles are drawn.", "note")


def _made(bundle: Bundle, array: Array, measured: Path | None) -> tuple[Any, str]:
    """Give conductances to compare targets with, measured or drawn by chance, and say which; None: there are none."""
    if measured is not None:
        return read_measured(measured, bundle), f"Errors are of what was measured, {measured.name}."
    v = array.variation
    varies = (v.d2d_model == "lognormal" and v.d2d_sigma) or v.d2d_model == "table" or v.stuck_hrs or v.stuck_lrs
    if not varies:
        return None, "No measured conductances were given and the hardware file has no variation: no errors to show."
    rng = np.random.default_rng([0, 0x5EED])
    return made_conductances(bundle, v, rng), "Errors are of one array drawn by seed 0 as the hardware file varies."


def _tile(bundle: Bundle, tile: TileMap, made: Any) -> tuple[str, list[str]]:
    rows = [k for k, i in enumerate(tile.row_in) if i is not None]
    columns = [k for k, c in enumerate(tile.col_out) if c is not None]
    title = f"tile {tile.id}, @{tile.region}: {len(rows)} wordlines and {len(columns)} bitlines in use"
    if not rows or not columns:
        return title, []
    window = np.s_[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    place = (rows[0], columns[0])
    g = bundle.siemens[bundle.levels[tile.id]]
    bad = _known_bad(bundle, tile, *place, rows[-1], columns[-1])
    maps = [Map("target conductance", "µS", 1e6 * g[window], *place, crossed=bad)]
    if made is not None:
        wrong = (made[tile.id] - g) / bundle.step
        maps.append(Map("error of conductance", "level steps", wrong[window], *place, two_sided=True))
    bits, said = _nearest(bundle, tile)
    lines, inputs, inverse = drives(tile)
    at = np.searchsorted(np.unique(inputs), inputs)
    volts = np.zeros(len(g))
    volts[lines] = (bits[at] != inverse)
    lost = np.where(volts[:, None] > 0, 100 * (1 - device_voltages(g, volts, bundle.wires)), np.nan)
    maps.append(Map("voltage lost in wires", "% of v_read", lost[window], *place))
    return title, [f'<p class="m">{escape(said)}</p>', row(heat_map(m) for m in maps)]


def _known_bad(bundle: Bundle, tile: TileMap, top: int, left: int, bottom: int, right: int,
               ) -> tuple[tuple[int, int], ...]:
    """List the devices of a window that the table says are bad."""
    table = bundle.table
    own = np.flatnonzero((np.asarray(table["tile"]) == tile.id) & (np.asarray(table["fault"]) != "none"))
    places = [(int(table["row"][k]), int(table["col"][k])) for k in own]
    return tuple((r - top, c - left) for r, c in places if top <= r <= bottom and left <= c <= right)


def _nearest(bundle: Bundle, tile: TileMap) -> tuple[Any, str]:
    """Find the input of a tile that comes nearest to a wrong answer; where none is known, all inputs at 1."""
    count = len({i for i in tile.row_in if i is not None})
    found: list[tuple[float, int, str]] = []
    for region in bundle.map.regions:
        for o in region.outputs:
            for term in (t for t in o.terms if t.tile == tile.id):
                bits = term.witness if o.kind == "adc" else o.below
                if bits is not None and len(bits) == count:
                    own = margin(o, "nominal") if o.kind == "comparator" else 0.5 - (term.error or 0.0)
                    found.append((own, o.index, bits))
    if not found:
        return np.ones(count, dtype=bool), "Wires: all inputs at 1."
    own, index, bits = min(found)
    return (np.array([b == "1" for b in bits]),
            f"Wires: at the input nearest to a wrong answer, of output {index}, {own:.4g} level steps away.")


__all__ = ["margin", "put_margins", "put_tiles"]
