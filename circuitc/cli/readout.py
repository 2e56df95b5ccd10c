"""`circuitc xbar sample` and `xbar readout`: reservoirs on devices as they are, readouts trained on their states."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from circuitc.data import decoded_outputs, encoded_inputs, read_arrays, write_arrays
from circuitc.diagnostics import error

from .compile import Json
from .crossbar import Folder, xbar
from .output import progress, say

if TYPE_CHECKING:
    from circuitc.crossbar import Program

Unprogrammed = Annotated[bool, typer.Option("--unprogrammed", help="Devices were never programmed.")]


@xbar.command("sample")
def sample_command(
    bundle: Folder,
    out: Annotated[Path, typer.Option("-o", "--out", help="The file to write: CSV tile,row,col,g_S.",
                                      show_default=False)],
    seed: Annotated[int, typer.Option(min=0, help="Of the devices' chance.")] = 0,
    sigma: Annotated[float, typer.Option(help="Of the logarithm of the conductance.")] = 0.4,
    unprogrammed: Unprogrammed = False,
    as_json: Json = False,
) -> None:
    """Draw conductances where a lab would measure them: about the targets, or about the middle of the levels."""
    from circuitc import crossbar
    from circuitc.formats import write_files

    text = crossbar.load(bundle).sample(seed, sigma, unprogrammed=unprogrammed)
    write_files({out: text.encode()})
    devices = text.count("\n") - 1
    say([f"{out}: {devices} devices drawn, sigma {sigma:g}, seed {seed}"],
        {"out": str(out), "devices": devices}, as_json)


@xbar.command("readout")
def readout_command(
    bundle: Folder,
    inputs: Annotated[Path, typer.Option(help="What the reservoir is driven with: .npz by port, or .npy; "
                                         "[samples, steps, ...].", show_default=False)],
    targets: Annotated[Path, typer.Option(help="What is to be answered: .npy, or an .npz with one array; "
                                          "[samples, steps] or [samples, steps, outputs].", show_default=False)],
    out: Annotated[Path, typer.Option("-o", "--out", help="The file to write: .npz with readout and readout_bias.",
                                      show_default=False)],
    measured: Annotated[Path | None, typer.Option(help="Measured conductances: CSV tile,row,col,g_S. Without them the "
                                                  "devices are on target.")] = None,
    unprogrammed: Unprogrammed = False,
    washout: Annotated[int, typer.Option(help="Steps of each sample before anything counts.")] = 100,
    unseen: Annotated[int | None, typer.Option(help="Last steps of each sample that only measure the error; a quarter "
                                               "of them without it.")] = None,
    penalty: Annotated[float, typer.Option(help="Of squared weights, in the ridge regression.")] = 1e-6,
    as_json: Json = False,
) -> None:
    """Run a reservoir on its arrays, wires solved exactly, and train a linear readout on the states that they give."""
    from circuitc import crossbar
    from circuitc.simulation.crossbar.reservoir import fit_readout

    if unprogrammed and measured is None:
        raise error("--unprogrammed needs --measured FILE.csv: nothing else is known of such devices")
    program = crossbar.load(bundle)
    wanted = _only_array(targets)
    with progress() as stage:
        stage("running the arrays")
        states = _states(program, encoded_inputs(program.module.entry, read_arrays(inputs)), measured, unprogrammed)
        stage("fitting the readout")
        found = fit_readout(states, wanted, washout=washout, unseen=unseen, penalty=penalty)
    write_arrays(out, {"readout": found.weights, "readout_bias": found.bias})
    devices = "on target" if measured is None else "measured, never programmed" if unprogrammed else "measured"
    say([f"{out}: a readout of {found.weights.shape[1]} states for {found.weights.shape[0]} outputs; devices {devices}",
         f"error, as a share of the deviation: {found.seen:.4f} on the steps it was fitted to, {found.unseen:.4f} on "
         "unseen ones"],
        {"out": str(out), "states": found.weights.shape[1], "seen": found.seen, "unseen": found.unseen}, as_json)


def _states(program: Program, raw: dict[str, Any], measured: Path | None, unprogrammed: bool) -> Any:
    """Give the states of each step as real numbers, [samples, steps, units]."""
    entry = program.module.entry
    if len(entry.outputs) != 1 or not entry.is_stepped(entry.outputs[0]) or entry.outputs[0].type.rank != 1:
        raise error(f"@{entry.name} does not answer with one vector a step, its states",
                    help="compile the reservoir without its readout")
    run = program.run(raw, "ir") if measured is None else program.run_measured(raw, measured, unprogrammed=unprogrammed)
    return decoded_outputs(entry, run)[entry.outputs[0].name]


def _only_array(path: Path) -> Any:
    arrays = read_arrays(path)
    if len(arrays) != 1:
        raise error(f"{path}: has {len(arrays)} arrays, expected one: the targets")
    found = next(iter(arrays.values()))
    if found.dtype.kind not in "biuf":
        raise error(f"{path}: the targets are not numbers")
    return found
