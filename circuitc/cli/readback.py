"""`circuitc xbar readback`: what a lab measured goes in, certificates and a short list of devices come out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .app import EXIT_NO
from .compile import Json
from .crossbar import Folder, xbar
from .output import progress, say

if TYPE_CHECKING:
    from circuitc.simulation.crossbar.readback import Readback

_SHOWN = 10


@xbar.command("readback")
def readback_command(
    bundle: Folder,
    measured: Annotated[Path, typer.Argument(metavar="MEASURED.csv", show_default=False,
                                             help="Measured conductances: tile,row,col,g_S.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the next bundle.", show_default=False)],
    faults: Annotated[Path | None, typer.Option(help="Devices known to be bad: a CSV file tile,row,col,kind.")] = None,
    error: Annotated[float, typer.Option(help="By what share of itself a measured value may be off.")] = 0.0,
    as_json: Json = False,
) -> None:
    """Certify a programmed array from what was measured, and write a bundle with the least that makes good the rest.

    Exit status 1 where an output is not certified yet.
    """
    from circuitc import crossbar
    from circuitc.build import refuse_foreign

    refuse_foreign(out)
    with progress() as stage:
        stage("reading the bundle")
        program = crossbar.load(bundle)
        stage("solving the tiles")
        found = program.read_back(measured, out, faults=faults, error=error)
    say(_lines(found, out), _value(found, out), as_json)
    if not found.certified:
        raise typer.Exit(EXIT_NO)


def _lines(found: Readback, out: Path) -> Iterator[str]:
    outputs = len(found.before)
    yield (f"{found.measured} devices measured; of {found.used} in use {found.outside} are outside their windows, "
           f"{found.astray} nearer to another level; {len(found.stuck)} known to be stuck")
    yield (f"certified as measured: {sum(s.as_set for s in found.before)} of {outputs} outputs, "
           f"{sum(s.certified for s in found.before)} with references set anew")
    wrong = [s for s in found.before if not s.certified]
    for s in wrong[:_SHOWN]:
        margin = f", margin {s.margin:.3g} steps" if s.margin is not None and s.why == "margin" else ""
        inputs = f"; inputs {', '.join(s.witness)}" if any(s.witness) else ""
        yield f"  {s.name}: not certified ({s.why}{margin}{inputs})"
    yield from _more(len(wrong))
    if found.writes:
        yield (f"devices to write: {found.count('reprogram')} again, {found.count('remap')} in the place of others "
               f"({out / 'reprogram.csv'})")
        for w in found.writes[:_SHOWN]:
            effect = f", moves a signal by {w.effect:.3g} steps" if w.why == "reprogram" else ""
            yield f"  {w.why} tile {w.tile} row {w.row} col {w.col}{effect}"
        yield from _more(len(found.writes))
    yield from (f"  {line}" for line in found.moved[:_SHOWN])
    yield from _more(len(found.moved))
    if not found.certified:
        yield f"certified once these are inside their windows: {sum(s.certified for s in found.after)} of {outputs}"
    yield f"next bundle: {out}"


def _more(count: int) -> Iterator[str]:
    if count > _SHOWN:
        yield f"  ... and {count - _SHOWN} more"


def _value(found: Readback, out: Path) -> dict[str, object]:
    return {"out": str(out), "measured": found.measured, "used": found.used, "outside": found.outside,
            "astray": found.astray, "certified": found.certified,
            "before": [asdict(s) for s in found.before], "after": [asdict(s) for s in found.after],
            "writes": [{**asdict(w), "before": None if w.before != w.before else w.before} for w in found.writes],
            "stuck": [c.model_dump() for c in found.stuck], "moved": list(found.moved)}
