"""`circuitc run` and `circuitc simulate`: numbers in, numbers out."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from circuitc.data import all_inputs, decoded_outputs, encoded_inputs, read_arrays, write_arrays
from circuitc.diagnostics import error
from circuitc.driver import jit, load, open_build, simulate
from circuitc.ir import Func, run
from circuitc.passes import run_passes, sample_inputs

from .app import EXIT_NO, app
from .arrays import CrossbarMode, on_arrays
from .compile import Json, Model, ModelOptions, pairs_of
from .output import progress, say


class RunEngine(StrEnum):
    """What can run a model."""

    INTERPRETER = "interpreter"
    LLVM = "llvm"


class SimulationTarget(StrEnum):
    """What can be simulated."""

    VERILOG = "verilog"
    CROSSBAR = "crossbar"


class SimulationEngine(StrEnum):
    """What can simulate Verilog."""

    YOSYS = "yosys"
    ICARUS = "icarus"
    VERILATOR = "verilator"


Inputs = Annotated[Path | None, typer.Option(help="Inputs: .npz by port name, or .npy for the only port; batch first.")]
Outputs = Annotated[Path | None, typer.Option("-o", "--out", help="Write the outputs to this .npz.")]
Exhaustive = Annotated[bool, typer.Option("--exhaustive", help="All inputs (combinational, at most 20 bits).")]
Random = Annotated[int, typer.Option("--random", metavar="N", help="N random samples instead of --inputs.", min=0)]
Steps = Annotated[int, typer.Option(help="Items a sequence, with --random.", min=1)]
Seed = Annotated[int, typer.Option(help="Seed of --random.", min=0)]


@app.command("run")
def run_command(
    model: Model,
    inputs: Inputs = None,
    out: Outputs = None,
    engine: Annotated[RunEngine, typer.Option(help="What runs it.")] = RunEngine.INTERPRETER,
    passes: Annotated[str | None, typer.Option(help="A pipeline to run first.")] = None,
    exhaustive: Exhaustive = False, random: Random = 0, steps: Steps = 8, seed: Seed = 0,
    model_option: ModelOptions = None,
    as_json: Json = False,
) -> None:
    """Run a model on inputs, through the interpreter or native code; outputs are real values by port name."""
    module = load(model, options=pairs_of(model_option or (), "--model-option"))
    if passes:
        module = run_passes(module, passes)
    raw = chosen_inputs(module.entry, inputs, exhaustive, random, steps, seed)
    with progress() as stage:
        stage(f"running {engine.value}")
        result = run(module, raw) if engine is RunEngine.INTERPRETER else jit(module).run(raw)
    show_outputs(module.entry, result, out, as_json, {})


@app.command("simulate")
def simulate_command(
    model: Annotated[Path, typer.Argument(metavar="MODEL_OR_BUILD", help="A model file, or the folder of a build.",
                                          show_default=False)],
    engine: Annotated[SimulationEngine, typer.Option(help="The simulator of Verilog.")] = SimulationEngine.YOSYS,
    target: Annotated[SimulationTarget, typer.Option(help="What is simulated.")] = SimulationTarget.VERILOG,
    mode: Annotated[CrossbarMode, typer.Option(help="How currents are known, with --target crossbar.")] =
    CrossbarMode.IR,
    seeds: Annotated[int, typer.Option(help="How many arrays --mode mc makes.", min=1)] = 20,
    seconds: Annotated[float | None, typer.Option(help="Age of the array in seconds, for drift in --mode mc.",
                                                  show_default=False)] = None,
    measured: Annotated[Path | None, typer.Option(help="Conductances for --mode measured: CSV tile,row,col,g_S.",
                                                  show_default=False)] = None,
    inputs: Inputs = None,
    out: Outputs = None,
    exhaustive: Exhaustive = False, random: Random = 0, steps: Steps = 8, seed: Seed = 0,
    model_option: ModelOptions = None,
    as_json: Json = False,
) -> None:
    """Simulate the Verilog of a model or build, or the arrays of a bundle, and compare with the interpreter.

    Exit status 1 where they differ (with --mode mc they may: it prints how often).
    """
    if target is SimulationTarget.CROSSBAR:
        on_arrays(model, mode, lambda f: chosen_inputs(f, inputs, exhaustive, random, steps, seed), seeds, seed,
                  seconds, measured, out, as_json)
        return
    module = open_build(model)[0] if model.is_dir() else load(
        model, options=pairs_of(model_option or (), "--model-option"))
    raw = chosen_inputs(module.entry, inputs, exhaustive, random, steps, seed)
    with progress() as stage:
        stage(f"simulating in {engine.value}")
        result = simulate(model if model.is_dir() else module, raw, engine.value)
        stage("running the interpreter")
        wanted = run(module, raw)
    wrong = sorted(name for name in wanted if not np.array_equal(result[name], wanted[name]))
    samples = len(next(iter(wanted.values())))
    verdict = f"differs from the interpreter in {', '.join(wrong)}" if wrong else "agrees with the interpreter"
    show_outputs(module.entry, result, out, as_json,
                 {"engine": engine.value, "agrees": not wrong, "samples": samples},
                 f"{engine.value}: {verdict} on {samples} samples")
    if wrong:
        raise typer.Exit(EXIT_NO)


def chosen_inputs(func: Func, inputs: Path | None, exhaustive: bool, random: int, steps: int, seed: int,
                  ) -> dict[str, Any]:
    """Give the raw inputs that the options ask for: exactly one of a file, all of them, or random ones."""
    if (inputs is not None) + exhaustive + bool(random) != 1:
        raise error("one of --inputs FILE, --exhaustive and --random N says what to run on")
    if inputs is not None:
        return encoded_inputs(func, read_arrays(inputs))
    return all_inputs(func) if exhaustive else sample_inputs(func, random, np.random.default_rng(seed), steps)


def show_outputs(func: Func, raw: Mapping[str, Any], out: Path | None, as_json: bool, more: Mapping[str, Any],
                 line: str = "") -> None:
    """Write outputs to a file, or print them."""
    values = decoded_outputs(func, raw)
    lines = [line] if line else []
    if out is not None:
        write_arrays(out, values)
        lines.append(f"outputs: {out}")
    elif not line:
        lines += [f"{name} = {np.array2string(np.asarray(v), threshold=200)}" for name, v in values.items()]
    say(lines, {**more, "outputs": {} if out is not None or line else values, "out": str(out) if out else None},
        as_json)
