"""`circuitc verify`: do two models, or a model and a Verilog file, compute the same?"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from circuitc.verify import Verdict, verify, write_vcd

from .app import EXIT_NO, EXIT_UNKNOWN, app
from .compile import Json
from .output import progress, say


class Method(StrEnum):
    """How to decide."""

    AUTO = "auto"
    SAT = "sat"
    EXHAUSTIVE = "exhaustive"
    RANDOM = "random"
    ABC = "abc"


@app.command("verify")
def verify_command(
    a: Annotated[Path, typer.Argument(metavar="A", help="A model file, or Verilog.", show_default=False)],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another.", show_default=False)],
    method: Annotated[Method, typer.Option(help="How to decide; auto takes what settles it soonest.")] = Method.AUTO,
    time: Annotated[float, typer.Option(metavar="SECONDS", help="How long it may take.")] = 60.0,
    vectors: Annotated[int, typer.Option(help="Random vectors, for method random.", min=1)] = 100_000,
    seed: Annotated[int, typer.Option(help="Seed of random vectors.")] = 0,
    vcd: Annotated[Path | None, typer.Option(help="Write a counterexample as a waveform.")] = None,
    as_json: Json = False,
) -> None:
    """Decide whether two models compute the same; exit status 0 equal, 1 different, 3 unknown.

    Ports are matched by name. A counterexample is given in the model's own names and replayed before it is shown.
    """
    from circuitc.driver import load

    with progress() as stage:
        stage("reading")
        left, right = load(a), load(b)
        stage("comparing")
        verdict = verify(left, right, method=method.value, seconds=time, vectors=vectors, seed=seed)
    lines = [verdict_line(a, b, verdict)]
    if verdict.counterexample is not None:
        lines += verdict.counterexample.lines()
        if vcd is not None:
            write_vcd(verdict.counterexample, vcd)
            lines.append(f"waveform: {vcd}")
    say(lines, _as_json(verdict), as_json)
    if verdict.status != "equal":
        raise typer.Exit(EXIT_NO if verdict.status == "different" else EXIT_UNKNOWN)


def verdict_line(a: Path, b: Path, verdict: Verdict) -> str:
    """Say the verdict in one line, with its evidence."""
    words = {"equal": f"equal: {a.name} and {b.name}", "different": f"different: {a.name} and {b.name}",
             "unknown": f"unknown whether {a.name} equals {b.name}"}[verdict.status]
    return f"{words} ({verdict.describe()})"


def _as_json(verdict: Verdict) -> dict[str, Any]:
    example = verdict.counterexample
    return {"status": verdict.status, "evidence": verdict.evidence,
            "counterexample": example.as_json() if example is not None else None}
