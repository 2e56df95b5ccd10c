"""The page of a crossbar bundle: margins, tiles, accuracy under variation, routing, cost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from circuitc.backends.crossbar.array import Array
from circuitc.backends.crossbar.potentials import device_voltages
from circuitc.diagnostics import error
from circuitc.ir import Module, run
from circuitc.simulation.crossbar.bundle import Bundle, drives
from circuitc.simulation.crossbar.cost import Cost
from circuitc.simulation.crossbar.measured import read_measured
from circuitc.simulation.crossbar.modes import target_conductances
from circuitc.simulation.crossbar.montecarlo import agreement, interval, made_conductances, trials
from circuitc.simulation.crossbar.schema import OutputMap, TileMap

from .charts import CurvePoint, curve, histograms
from .costs import put_cost
from .heatmap import Map, heat_map
from .page import Page, row
from .routing import draw_routing, too_large
from .wiring import ELSEWHERE, Wiring, wiring_of

SIGMAS = (0.05, 0.1, 0.2, 0.4)   # of the logarithm of the conductance
OPENED = 4                       # tiles that are not folded away
MOST_BYTES = 1 << 24             # of a file of accuracies


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
    put_tiles(page, bundle, array, wishes)
    put_accuracy(page, bundle, module, array, wishes)
    put_routing(page, bundle, module)
    put_cost(page, cost)


def put_margins(page: Page, bundle: Bundle) -> None:
    """Draw how far each output is from a wrong answer, with targets met and anywhere in the write windows."""
    page.section("Margins")
    outputs = [o for r in bundle.map.regions for o in r.outputs if o.kind != "constant" and o.terms]
    constant = sum(len(r.outputs) for r in bundle.map.regions) - len(outputs)
    series = {name: [margin(o, key) for o in outputs] for name, key in (
        ("every conductance on its target", "nominal"),
        (f"every conductance anywhere in its window (+-{100 * bundle.map.physics.window_rel:g} %), a sound bound",
         "window"))}
    page.paragraph(f"How far the worst binary input stays from a wrong answer, in level steps of "
                   f"{1e6 * bundle.map.physics.lsb_ampere:.4g} µA: of comparators half of the gap between the two sides, "
                   "of conversions what is left of the half step to rounding. Below 0 an answer is not certified.")
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


def put_tiles(page: Page, bundle: Bundle, array: Array, wishes: Wishes) -> None:
    """Draw each tile: what its devices are to conduct, by how much they do not, and what the wires drop."""
    page.section("Tiles")
    made, words = _made(bundle, array, wishes)
    count = min(wishes.tiles, len(bundle.map.tiles))
    page.paragraph(f"Wordlines carry inputs from the left, bitlines are sensed below the last row. {words} The voltage "
                   "lost is that of the exact solution of the wires, at the input of the tile that comes nearest to a "
                   "wrong answer; idle wordlines have none to lose.")
    for tile in bundle.map.tiles[:count]:
        page.details(*_tile(bundle, tile, made), opened=tile.id < OPENED)
    if count < len(bundle.map.tiles):
        page.paragraph(f"{count} of {len(bundle.map.tiles)} tiles are drawn.", "note")


def _made(bundle: Bundle, array: Array, wishes: Wishes) -> tuple[Any, str]:
    """Give conductances to compare targets with, measured or drawn by chance, and say which; None: there are none."""
    if wishes.measured is not None:
        return read_measured(wishes.measured, bundle), f"Errors are of what was measured, {wishes.measured.name}."
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
    maps = [Map("target conductance", "µS", 1e6 * g[window], *place)]
    if made is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            wrong = np.where(g > 0, 100 * (made[tile.id] - g) / g, np.nan)
        maps.append(Map("error of conductance", "% of target", wrong[window], *place, two_sided=True))
    bits, said = _nearest(bundle, tile)
    lines, inputs, inverse = drives(tile)
    at = np.searchsorted(np.unique(inputs), inputs)
    volts = np.zeros(len(g))
    volts[lines] = (bits[at] != inverse)
    lost = np.where(volts[:, None] > 0, 100 * (1 - device_voltages(g, volts, bundle.wires)), np.nan)
    maps.append(Map("voltage lost in wires", "% of v_read", lost[window], *place))
    return title, [f'<p class="m">{escape(said)}</p>', row(heat_map(m) for m in maps)]


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


def put_accuracy(page: Page, bundle: Bundle, module: Module, array: Array, wishes: Wishes) -> None:
    """Draw how often answers stay right as devices vary: simulated here, or from a file; else say how to get it."""
    page.section("Accuracy under variation")
    if wishes.accuracy is not None:
        for what, points in read_accuracy(wishes.accuracy).items():
            page.put(curve(what, what, points))
            page.put(_points(points))
        page.paragraph(f"From {wishes.accuracy.name}: what is right, in percent, with the 95 % interval over seeds.",
                       "note")
    if wishes.inputs is not None:
        points = simulated(module, bundle, array, wishes)
        count = len(next(iter(wishes.inputs.values())))
        page.put(curve("samples on which all outputs are those of the interpreter",
                       "device variation, sigma of ln G (lognormal)", points))
        page.put(_points(points))
        page.paragraph(f"{count} samples on {wishes.seeds} simulated arrays a point (Monte Carlo; wires solved exactly, "
                       "references as compiled); mean and 95 % interval over arrays (Student's t). Read noise, stuck "
                       "devices and drift are those of the hardware file.", "note")
    if wishes.accuracy is None and wishes.inputs is None:
        page.paragraph("Not simulated for this page: --samples N or --inputs FILE does so, --accuracy FILE shows results "
                       "of a benchmark.", "note")


def simulated(module: Module, bundle: Bundle, array: Array, wishes: Wishes) -> list[CurvePoint]:
    """Run arrays whose devices vary more and more, and count the samples with all outputs right."""
    assert wishes.inputs is not None, "there is something to run"
    wanted = run(module, wishes.inputs)
    points: list[CurvePoint] = []
    for sigma in (0.0, *SIGMAS):
        variation = replace(array.variation, d2d_model="lognormal", d2d_sigma=sigma)
        made = trials(module, bundle, wishes.inputs, variation, seeds=wishes.seeds)
        found = interval([agreement(wanted, t.outputs)[0] for t in made])
        points.append(CurvePoint(sigma, 100 * found.mean, 100 * found.half if np.isfinite(found.half) else None))
    return points


def _points(points: Sequence[CurvePoint]) -> str:
    from .page import table
    return table(("amount", "right, %", "95 % interval"), [
        (f"{p.amount:g}", f"{p.mean:.2f}", "" if p.half is None else f"+- {p.half:.2f}") for p in points], numbers=True)


def read_accuracy(path: Path) -> dict[str, list[CurvePoint]]:
    """Read results of `benchmarks/crossbar_accuracy.py --json`: points by what varies, shares as percent."""
    try:
        if path.stat().st_size > MOST_BYTES:
            raise error(f"{path}: is larger than a file of accuracies may be ({MOST_BYTES} bytes)")
        document = json.loads(path.read_bytes())
    except OSError as e:
        raise error(f"{path}: {e.strerror or e}") from None
    except (ValueError, RecursionError):
        raise error(f"{path}: is not JSON") from None
    if not isinstance(document, dict) or document.get("schema") != "circuitc.accuracy/1":
        raise error(f'{path}: expected an object with "schema": "circuitc.accuracy/1"')
    found: dict[str, list[CurvePoint]] = {}
    rows = document.get("rows")
    for k, each in enumerate(rows if isinstance(rows, list) else []):
        try:
            amount, mean, half = (float(each[key]) for key in ("amount", "mean", "half"))
            what, seeds = str(each["what"]), int(each["seeds"])
        except (KeyError, TypeError, ValueError, OverflowError):
            raise error(f"{path}:rows[{k}]: expected what, amount, mean, half and seeds") from None
        if not (0 <= amount < 1e9 and 0 <= mean <= 1 and 0 <= half):
            raise error(f"{path}:rows[{k}]: amount is not below 0, mean from 0 to 1, half not below 0")
        known = seeds > 1 and np.isfinite(half)
        found.setdefault(what, []).append(CurvePoint(amount, 100 * mean, 100 * half if known else None))
    if not found:
        raise error(f"{path}: has no rows")
    return {what: sorted(points, key=lambda p: p.amount) for what, points in found.items()}


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


__all__ = ["Wishes", "put_bundle", "read_accuracy", "simulated"]
