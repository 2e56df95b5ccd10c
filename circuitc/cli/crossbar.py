"""`circuitc xbar` and `circuitc array`: bundles of the crossbar target, and the arrays that there are."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from circuitc.diagnostics import error

from .app import EXIT_NO, app
from .compile import Json
from .output import progress, say, table

if TYPE_CHECKING:
    from circuitc.crossbar import Program
    from circuitc.simulation.crossbar.exhaustion import Tried

xbar = typer.Typer(no_args_is_help=True, help="Check and export bundles of the crossbar target.")
array = typer.Typer(no_args_is_help=True, help="The arrays that there are.")
app.add_typer(xbar, name="xbar")
app.add_typer(array, name="array")

Folder = Annotated[Path, typer.Argument(metavar="BUNDLE", help="The folder of a bundle.", show_default=False)]
_SHOWN = 10


class ExportTarget(StrEnum):
    """Whom an export is for."""

    NGSPICE = "ngspice"
    CROSSSIM = "crosssim"
    BADCROSSBAR = "badcrossbar"
    ARC2 = "arc2"
    NI_RRAM = "ni-rram"


@xbar.command("check")
def check_command(
    bundle: Folder,
    no_hashes: Annotated[bool, typer.Option("--no-hashes", help="Look at what the files say, not at digests.")] = False,
    exhaustive: Annotated[bool, typer.Option("--exhaustive", help="Try all inputs, of tiles with up to 16.")] = False,
    as_json: Json = False,
) -> None:
    """Rebuild what a bundle computes from cells.csv and map.json, compare it with the program, certify it again.

    Exit status 1 where anything is wrong.
    """
    from circuitc import crossbar

    with progress() as stage:
        stage("reading the table")
        program = crossbar.load(bundle)
        stage("solving the tiles")
        faults = program.faults(hashes=not no_hashes)
        found = [] if faults else program.certificate()
        tried = program.exhausted() if exhaustive and not faults else []
        faults += [fault for each in tried for fault in each.faults()]
    counts = {kind: sum(getattr(f, kind) for f in found) for kind in ("nominal", "window")}
    physics = program.bundle.map.physics
    lines = [*faults[:_SHOWN], *([f"... and {len(faults) - _SHOWN} more"] if len(faults) > _SHOWN else [])]
    if not faults:
        lines = [f"{bundle}: {len(program.bundle.table)} devices on {program.tiles} tiles hold the program's regions",
                 f"certified nominal: {counts['nominal']} of {len(found)} outputs; window "
                 f"(+-{100 * physics.window_rel:g} %): {counts['window']} of {len(found)}",
                 *([_tried(program, tried)] if exhaustive else []),
                 *(["measured devices count as measured"] if program.bundle.measured is not None else [])]
    brute = {"tried": len(tried), "states": sum(t.states for t in tried)} if exhaustive else {}
    say(lines, {"faults": faults, "outputs": len(found), **counts, **brute}, as_json)
    if faults:
        raise typer.Exit(EXIT_NO)


def _tried(program: Program, tried: list[Tried]) -> str:
    """Say how many signals were tried, and that no fault was found."""
    signals = sum(len(o.terms) for r in program.bundle.map.regions for o in r.outputs if o.kind != "constant")
    if not tried:
        return f"no input tried: more than 16 inputs drive each tile that has one of the {signals} signals"
    return (f"every input tried: {len(tried)} of {signals} signals (those of tiles that at most 16 inputs drive), "
            f"{sum(t.states for t in tried)} states; no certified one is ever read wrong, margins are met")


@xbar.command("export")
def export_command(
    bundle: Folder,
    to: Annotated[ExportTarget, typer.Option(help="What to write.", show_default=False)],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder for the files.")] = Path("export"),
    as_json: Json = False,
) -> None:
    """Write a bundle as another tool takes it. Instrument files were never run on an instrument by us."""
    from circuitc.formats import write_files
    from circuitc.simulation.crossbar.bundle import load_bundle
    from circuitc.simulation.crossbar.exports import export

    files = export(load_bundle(bundle), to.value)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise error(f"{out}: {e.strerror or e}") from None
    write_files({out / name: content for name, content in files.items()})
    say([f"{to.value}: {len(files)} files in {out}"], {"out": str(out), "files": sorted(files)}, as_json)


@array.command("list")
def list_command(as_json: Json = False) -> None:
    """List the arrays that come with circuitc."""
    from circuitc.backends.crossbar.presets import PRESETS

    say(table((name, p.words) for name, p in PRESETS.items()),
        {name: {"words": p.words, "source": p.source} for name, p in PRESETS.items()}, as_json)


@array.command("show")
def show_command(
    name: Annotated[str, typer.Argument(help="A preset, or a hardware file (.toml).", show_default=False)],
    as_json: Json = False,
) -> None:
    """Print an array as a hardware file, every default filled in, each value with its source."""
    from dataclasses import asdict

    from circuitc.backends.crossbar.array import Array
    from circuitc.backends.crossbar.sections import SECTIONS

    found = Array.load(name)
    values: dict[str, Any] = {section: asdict(getattr(found, section)) for section in SECTIONS}
    say([found.to_toml().rstrip("\n")], {"name": found.name, **values}, as_json)
