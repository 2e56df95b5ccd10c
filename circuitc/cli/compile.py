"""`circuitc compile` and `convert`: make artefacts, change formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from circuitc.build import Build
from circuitc.diagnostics import error, nearest
from circuitc.driver import compile, load
from circuitc.formats import rewrite, write
from circuitc.plugins import plugin_names
from circuitc.proof import LEVELS, proof_json, proof_line

from .app import EXIT_UNKNOWN, app
from .output import progress, say

Model = Annotated[Path, typer.Argument(help="A model file of any known format (see `circuitc formats`).",
                                       show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
ModelOptions = Annotated[list[str] | None, typer.Option("--model-option", metavar="KEY=VALUE", help=(
    "An option of the model's format (see `circuitc formats`); may be repeated."))]


@app.command("compile")
def compile_command(
    model: Model,
    target: Annotated[str, typer.Option(help="What to make: see `circuitc targets`.")] = "verilog",
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Folder of the build; written whole or not at all.",
                                             show_default="build")] = None,
    passes: Annotated[str | None, typer.Option(help="A pipeline, such as `fold,cse` (see `circuitc passes`).",
                                               show_default="the target's own")] = None,
    calibration: Annotated[Path | None, typer.Option(help="Data for approximate passes: .npz, or .dat.")] = None,
    prove: Annotated[bool, typer.Option("--prove", help="Prove that the artefact equals the model.")] = False,
    require: Annotated[str, typer.Option(metavar="LEVEL", help="Exit with 3 if the evidence is less: "
                                         + ", ".join(LEVELS) + ".", show_default=False)] = "",
    no_verify: Annotated[bool, typer.Option("--no-verify", help="Check nothing; the certificate says so.")] = False,
    proof: Annotated[Path | None, typer.Option(help="With --prove, write a DRUP proof, and FILE.cnf that it refutes.",
                                               metavar="FILE")] = None,
    time: Annotated[float, typer.Option(metavar="SECONDS", help="How long a proof may take.", min=0.1)] = 60.0,
    vectors: Annotated[int, typer.Option(help="How many random vectors simulation takes.", min=1)] = 1000,
    option: Annotated[list[str] | None, typer.Option("--option", metavar="KEY=VALUE",
                                                     help="An option of the target; may be repeated.")] = None,
    array: Annotated[str, typer.Option(help="Short for --option array=X: a preset or a hardware file (.toml).",
                                       show_default=False)] = "",
    model_option: ModelOptions = None,
    as_json: Json = False,
) -> None:
    """Compile a model to Verilog, CPU code or a gate list, with a certificate of what was checked.

    Example: circuitc compile model.json --target verilog --prove -o build
    """
    if target not in plugin_names("backend"):
        raise error(f"there is no target {target}", help=nearest(target, plugin_names("backend")))
    if require and require.split()[0] not in LEVELS:
        raise error(f"there is no evidence level {require}", help=f"levels are {' > '.join(LEVELS)}")
    with progress() as stage:
        options = pairs_of([*(option or []), *([f"array={array}"] if array else [])])
        build = compile(model, target, out or Path("build"), passes=passes, options=options,
                        model_options=pairs_of(model_option or (), "--model-option"),
                        calibration=calibration, prove=prove,
                        require=require, verify=not no_verify, seconds=time, vectors=vectors, proof=proof or "",
                        progress=stage)
    lines = [*summary(build), *([proof_line(build.proof, build.no_proof)] if proof is not None else [])]
    say(lines, {"out": str(build.folder), "main": build.main, "files": sorted(build.artefacts),
                         "report": build.report, "certificate": build.certificate.as_json(),
                **proof_json(build.proof, build.no_proof)}, as_json)
    if build.no_proof:
        raise typer.Exit(EXIT_UNKNOWN)


def pairs_of(pairs: Sequence[str], name: str = "--option") -> dict[str, str]:
    """Take options of the form KEY=VALUE apart."""
    options: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise error(f"{name} takes KEY=VALUE, got {pair!r}")
        options[key] = value
    return options


def summary(build: Build) -> list[str]:
    """Say in a few lines what was made of the model and what is known about it."""
    lines = [f"{build.report['model']}: {line}" for line in census(build.report)]
    figures = [f"{k} {v}" for k, v in build.report["figures"].items()
               if isinstance(v, (int, str)) and (v or k.startswith("certified"))]   # none certified is news
    lines.append(f"{build.target}: {build.files[build.target]}" + (f" ({', '.join(figures)})" if figures else ""))
    return [*lines, *build.summary]


def census(report: Any) -> list[str]:
    """Quote the one-line summaries that passes left in the report."""
    records = report.get("facts", {}).get("passes", [])
    return [str(r["facts"]["summary"]) for r in records if isinstance(r.get("facts"), dict) and "summary" in r["facts"]]


@app.command("convert")
def convert_command(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A model file.", show_default=False)],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="The file to write; its ending names the format.",
                                           show_default=False)],
    passes: Annotated[str | None, typer.Option(help="A pipeline to run between.")] = None,
    top: Annotated[str, typer.Option(help="The main module, if IN is Verilog.", metavar="MODULE")] = "",
    model_option: ModelOptions = None,
) -> None:
    """Convert a model from one format to another, where the body fits (see `circuitc formats`)."""
    from circuitc.passes import run_passes

    if not passes and not model_option and rewrite(source, target):
        return
    module = load(source, top=top, options=pairs_of(model_option or (), "--model-option"))
    write(run_passes(module, passes) if passes else module, target)
