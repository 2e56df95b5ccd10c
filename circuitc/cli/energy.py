"""`circuitc xbar energy`: whether a Hopfield network on its arrays still falls in energy."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from .app import EXIT_NO
from .compile import Json
from .crossbar import Folder, xbar
from .output import progress, say


@xbar.command("energy")
def energy_command(
    bundle: Folder,
    measured: Annotated[Path | None, typer.Option(help="Measured conductances: CSV tile,row,col,g_S. Without them the "
                                                  "devices are on target.")] = None,
    states: Annotated[int, typer.Option(help="How many random states to begin with.")] = 100,
    seed: Annotated[int, typer.Option(min=0, help="Of these states.")] = 0,
    as_json: Json = False,
) -> None:
    """Update the symmetric layers of a bundle unit by unit on its arrays, and count the updates that raise the energy.

    Exit status 1 where one does.
    """
    from circuitc import crossbar

    with progress() as stage:
        stage("updating units")
        found = crossbar.load(bundle).descents(measured, states=states, seed=seed)
    lines: list[str] = []
    for d in found:
        much = f" (2 E by {d.largest_rise} at most)" if d.rises else ""
        lines += [f"@{d.layer}: {d.units} units, |T - T'| at most {100 * d.asymmetry:.3g} % of the largest |T|",
                  f"{d.updates} updates from {d.states} random states: {d.flips} changed a unit, {d.rises} of them "
                  f"raised the energy{much}; {d.unsettled} states never settled"]
    say(lines, {"layers": [asdict(d) for d in found]}, as_json)
    if any(d.rises for d in found):
        raise typer.Exit(EXIT_NO)
