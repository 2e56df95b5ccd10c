"""`circuitc simulate --target crossbar`: run a program on the tiles of its bundle."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import typer

from circuitc.data import decoded_outputs, write_arrays
from circuitc.diagnostics import error
from circuitc.ir import Func, run

from .app import EXIT_NO
from .output import progress, say


class CrossbarMode(StrEnum):
    """How the currents of a tile are known."""

    IDEAL = "ideal"
    QUANT = "quant"
    MC = "mc"
    IR = "ir"
    IR_FAST = "ir-fast"
    SPICE = "spice"
    MEASURED = "measured"
    CERTIFY = "certify"


def on_arrays(folder: Path, mode: CrossbarMode, inputs: Callable[[Func], Mapping[str, Any]], seeds: int, first: int,
              seconds: float | None, measured: Path | None, out: Path | None, as_json: bool) -> None:
    """Run the program of a bundle on its tiles, and compare with the interpreter; exit status 1 where they differ."""
    from circuitc import crossbar

    if not folder.is_dir():
        raise error(f"{folder}: is not a bundle", help="compile the model with --target crossbar first")
    if (mode is CrossbarMode.MEASURED) != (measured is not None):
        raise error("--mode measured needs --measured FILE.csv, and no other mode takes it")
    if seconds is not None and mode is not CrossbarMode.MC:
        raise error("--seconds is for --mode mc: no other mode knows of drift")
    program = crossbar.load(folder)
    if mode is CrossbarMode.CERTIFY:
        _certify(program, as_json)
        return
    raw = inputs(program.module.entry)
    with progress() as stage:
        stage("running the interpreter")
        wanted = run(program.module, raw)
        stage(f"running the arrays ({mode.value})")
        if mode is CrossbarMode.MC:
            _monte_carlo(program, raw, wanted, seeds, first, seconds, as_json)
            return
        result = program.run(raw, mode.value) if measured is None else program.run_measured(raw, measured)
    _compared(program, mode, wanted, result, out, as_json)


def _compared(program: Any, mode: CrossbarMode, wanted: Mapping[str, Any], result: Mapping[str, Any],
              out: Path | None, as_json: bool) -> None:
    from circuitc.simulation.crossbar.montecarlo import agreement

    right, _ = agreement(wanted, result)
    samples = len(next(iter(wanted.values())))
    lines = [f"crossbar ({mode.value}): agrees with the interpreter on {samples} samples" if right == 1 else
             f"crossbar ({mode.value}): differs from the interpreter on {round((1 - right) * samples)} of {samples} "
             "samples"]
    if out is not None:
        write_arrays(out, decoded_outputs(program.module.entry, result))
        lines.append(f"outputs: {out}")
    say(lines, {"mode": mode.value, "agrees": right == 1, "samples": samples, "right": right}, as_json)
    if right < 1:
        raise typer.Exit(EXIT_NO)


def _certify(program: Any, as_json: bool) -> None:
    found = program.certificate()
    faults = [fault for finding in found for fault in finding.faults]
    counts = {kind: sum(getattr(f, kind) for f in found) for kind in ("nominal", "window")}
    lines = [*faults, *(f"certified {kind}: {count} of {len(found)} outputs" for kind, count in counts.items())]
    say(lines, {"outputs": len(found), **counts, "faults": faults}, as_json)
    if faults:
        raise typer.Exit(EXIT_NO)


def _monte_carlo(program: Any, raw: Mapping[str, Any], wanted: Mapping[str, Any], seeds: int, first: int,
                 seconds: float | None, as_json: bool) -> None:
    from circuitc.simulation.crossbar.montecarlo import agreement, interval

    shares = [agreement(wanted, t.outputs) for t in program.trials(raw, seeds=seeds, first=first, seconds=seconds)]
    samples, single = (interval([s[k] for s in shares]) for k in (0, 1))
    say([f"crossbar (mc): samples with all outputs right {samples}", f"single outputs right {single}"],
        {"mode": "mc", "seeds": seeds, "samples": [samples.mean, samples.half], "outputs": [single.mean, single.half]},
        as_json)
