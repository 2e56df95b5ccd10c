"""`circuitc verify`: do two models, or a model and a Verilog file, compute the same?"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from circuitc.build import is_build, memory_files, read_json
from circuitc.data import write_arrays
from circuitc.diagnostics import error
from circuitc.formats.origins import origins_of_output
from circuitc.ir import Module, decode
from circuitc.proof import (
    Counterexample,
    Verdict,
    likely_reset,
    parse_reset,
    proof_line,
    read_design,
    refuse_unwritable,
    refuse_unwritable_proof,
    verify,
    verify_emitted,
    write_proof,
    write_vcd,
)

from .app import EXIT_NO, EXIT_UNKNOWN, app
from .compile import Json, ModelOptions, pairs_of
from .output import progress, say


class Method(StrEnum):
    """How to decide."""

    AUTO = "auto"
    SAT = "sat"
    EXHAUSTIVE = "exhaustive"
    RANDOM = "random"
    ABC = "abc"
    SCORR = "scorr"
    DSEC = "dsec"
    PDR = "pdr"
    BMC = "bmc"


@app.command("verify")
def verify_command(
    a: Annotated[Path, typer.Argument(metavar="A", help="A model file, or Verilog.", show_default=False)],
    b: Annotated[Path, typer.Argument(metavar="B", help="Another.", show_default=False)],
    top: Annotated[str, typer.Option(help="The main module of A, if A is Verilog.", metavar="MODULE")] = "",
    top_b: Annotated[str, typer.Option(help="The main module of B, if B is Verilog.", metavar="MODULE")] = "",
    method: Annotated[Method, typer.Option(help="How to decide; auto takes what settles it soonest.")] = Method.AUTO,
    time: Annotated[float, typer.Option(metavar="SECONDS", help="How long it may take.", min=0.1)] = 60.0,
    after_reset: Annotated[str, typer.Option(
        metavar="NAME=VALUE[:STEPS]", help="Compare streams from where this reset of A's inputs leaves both.")] = "",
    vectors: Annotated[int, typer.Option(help="Random vectors, for method random.", min=1)] = 100_000,
    seed: Annotated[int, typer.Option(help="Seed of random vectors.")] = 0,
    vcd: Annotated[Path | None, typer.Option(help="Write a counterexample as a waveform.")] = None,
    counterexample: Annotated[Path | None, typer.Option(
        metavar="FILE.npz", help="Write a counterexample's inputs, as `circuitc run --inputs` takes them.")] = None,
    proof: Annotated[Path | None, typer.Option(help="Write a DRUP proof of equality, and FILE.cnf that it refutes.",
                                               metavar="FILE")] = None,
    model_option: ModelOptions = None,
    as_json: Json = False,
) -> None:
    """Decide whether two models compute the same; exit status 0 equal, 1 different, 3 unknown.

    B may also be the folder of a Verilog build, or the Verilog file in one: its port map then tells what its ports
    are, and of a clocked design each step is compared; or the folder of a build for logic in memory. Ports are
    matched by name. A counterexample is given in the model's own names and replayed before it is shown. With
    --proof, status 3 also says that they are equal but that there is no proof file. Streams that differ only where
    a register begins with any value, and are equal after a reset (of the input whose name says so, or as --after-
    reset gives it), are unknown without --after-reset. --model-option goes to A, and to B where its ending is the
    same.
    """
    for path in (vcd, counterexample):
        if path is not None:
            refuse_unwritable(path)
    if proof is not None:
        refuse_unwritable_proof(proof)
    with progress() as stage:
        stage("reading")
        of_format = pairs_of(model_option or (), "--model-option")
        left = read_design(a, top, options=of_format)
        stage("comparing")
        built = build_of(b) if not top_b else None
        options: dict[str, Any] = {"method": method.value, "seconds": time, "vectors": vectors, "seed": seed,
                                   "proof": proof.name if proof is not None else ""}
        anywhere = None
        if built is not None:
            if after_reset:
                raise error("--after-reset is for two models, not for the build of one")
            text, ports, files = built
            verdict = verify_emitted(left, text, ports, files=files, **options)
        else:
            right = read_design(program_of(b), top_b, registers=[r.name for r in left.entry.registers],
                                options=of_format if a.suffix == b.suffix else {})
            reset = parse_reset(after_reset) if after_reset else None
            verdict = verify(left, right, reset=reset, **options)
            if reset is None and proof is None and method is Method.AUTO:
                verdict, anywhere = with_likely_reset(left, right, verdict, options)
    what = f" ({verdict.subject})" if verdict.subject else ""
    lines = [f"{a.name} and {b.name}{what}: {verdict}"]
    if anywhere is not None:
        lines = [f"{a.name} and {b.name}{what}: unknown: from registers of any value they are different, from where a "
                 f"reset leaves them {verdict.status}", f"reset: {verdict}", f"any value: {anywhere}"]
    for name in verdict.counterexample.differing[:4] if verdict.counterexample is not None else ():
        places = origins_of_output(left.entry, name)
        if places:
            lines.append(f"{name} of {a.name} is made at {', '.join(map(str, places[:4]))}")
    if verdict.counterexample is not None and vcd is not None:
        write_vcd(verdict.counterexample, vcd)
        lines.append(f"waveform: {vcd}")
    if verdict.counterexample is not None and counterexample is not None:
        lines.append(write_inputs(verdict.counterexample, counterexample))
    if proof is not None:
        if verdict.proof is not None:
            write_proof(proof, verdict.proof)
        lines.append(proof_line(verdict.proof, verdict.no_proof))
    both = {"status": "unknown", "after_reset": verdict.as_json(), "any_value": anywhere and anywhere.as_json()}
    say(lines, both if anywhere else verdict.as_json(), as_json)
    if anywhere is not None:
        raise typer.Exit(EXIT_UNKNOWN)
    if verdict.status != "equal" or verdict.no_proof:
        raise typer.Exit(EXIT_NO if verdict.status == "different" else EXIT_UNKNOWN)


def with_likely_reset(left: Module, right: Module, verdict: Verdict,
                      options: dict[str, Any]) -> tuple[Verdict, Verdict | None]:
    """Compare once more after a reset, where the difference rests on registers that begin with any value.

    Answers the verdict to go by, and the other one where the two do not say the same.
    """
    reset = likely_reset(left.entry)
    if verdict.counterexample is None or not verdict.counterexample.state or reset is None:
        return verdict, None
    after = verify(left, right, reset=reset, **options)
    return after, None if after.status == "different" else verdict


def build_of(path: Path) -> tuple[str, dict[str, Any], dict[str, bytes]] | None:
    """Give the Verilog, the port map and the memories' contents of a build.

    It is named by its folder or by the Verilog file in it; None for anything else.
    """
    folder = path if path.is_dir() else path.parent
    if not is_build(folder) or not (path.is_dir() or path.suffix == ".v"):
        return None
    report = read_json(folder, "report.json")
    main = folder / str(report.get("main"))
    if report.get("target") != "verilog" or (path.is_file() and path.name != main.name) or not main.is_file():
        return None
    ports = read_json(folder, "ports.json")
    return main.read_text(), ports, memory_files(folder, ports)


def program_of(path: Path) -> Path:
    """Give the program in the folder of a build for logic in memory, which is a model too; else the path as it is."""
    program = path / "map.json"
    is_program = path.is_dir() and is_build(path) and read_json(path, "report.json").get("target") == "lim"
    return program if is_program else path


def write_inputs(example: Counterexample, path: Path) -> str:
    """Write the inputs of a counterexample as real values, a batch of one; answers the line that says so."""
    ports = {p.name: p for p in example.input_ports}
    write_arrays(path, {name: decode(ports[name], np.asarray(value)[None]) for name, value in example.inputs.items()})
    loose = [*example.state, *example.free]
    return f"inputs: {path}" + (f"; these are free and not in it: {', '.join(loose[:5])}" if loose else "")
