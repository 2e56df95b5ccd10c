"""`circuitc xbar sweep`: what a model costs on arrays, by encoding and size of tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from circuitc.diagnostics import error

from .app import EXIT_NO
from .compile import Json, Model, ModelOptions, pairs_of
from .crossbar import xbar
from .output import progress, say


@xbar.command("sweep")
def sweep_command(
    model: Model,
    array: Annotated[str, typer.Option(help="A preset or a hardware file (.toml); its tiles take each size.")] =
    "rram-128",
    encodings: Annotated[str, typer.Option(help="Encodings, with commas between.")] =
    "diff_pair,dual_rail,offset,single",
    sizes: Annotated[str, typer.Option(help="Wordlines (and bitlines) of a tile, with commas between.")] = "32,64,128",
    passes: Annotated[str | None, typer.Option(help="A pipeline that ends in `partition`.",
                                               show_default="the target's own")] = None,
    calibration: Annotated[Path | None, typer.Option(help="Data for approximate passes: .npz, or .dat.")] = None,
    figure: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Draw the energies.")] = None,
    model_option: ModelOptions = None,
    as_json: Json = False,
) -> None:
    """Map a model in each encoding on tiles of each size, certify it, and estimate energy, time and area.

    Energies are those of the array's cost model, never measured. Exit status 1 where nothing fits.
    """
    from circuitc.backends.crossbar.array import Array
    from circuitc.driver import Wishes, load, prepare
    from circuitc.formats import write_files
    from circuitc.report.costs import sweep_figure, sweep_json, sweep_lines
    from circuitc.simulation.crossbar.sweep import sweep

    if figure is not None and figure.suffix.lower() != ".svg":
        raise error(f"{figure}: the figure is .svg")
    hardware = Array.load(array)
    with progress() as stage:
        stage("reading the model")
        module = load(model, options=pairs_of(model_option or (), "--model-option"))
        _, final = prepare(module, "crossbar", Wishes(passes=passes, calibration=calibration, verify=False))
        points = list(sweep(final, hardware, encodings=encodings.split(","), sizes=_numbers(sizes), progress=stage))
    if figure is not None:
        write_files({figure: sweep_figure(points).file().encode()})
    drawn = [f"figure: {figure}"] if figure is not None else []
    say([*sweep_lines(points), *drawn], {**sweep_json(points), "array": hardware.name}, as_json)
    if all(p.refused for p in points):
        raise typer.Exit(EXIT_NO)


def _numbers(text: str) -> list[int]:
    parts = text.split(",")
    if not all(p.strip().isascii() and p.strip().isdigit() and len(p) < 9 for p in parts):
        raise error(f"--sizes takes whole numbers with commas between, got {text!r}")
    return [int(p) for p in parts]
