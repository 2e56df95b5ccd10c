"""Prove EPFL circuits: emitted Verilog against the model, and ABC's rewriting of it, beside ABC's own `cec`.

    python benchmarks/proofs.py FOLDER_OF_AIG_FILES [NAME ...]

Both provers get the same two files and must give the same answer; a wrong copy (one output inverted) must be refuted.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from circuitc.formats import load, write
from circuitc.ir import Netlist
from circuitc.passes import run_passes
from circuitc.plugins import load_plugin
from circuitc.proof import verify, verify_emitted
from circuitc.tools import require_tool, run_tool

REWRITE = "balance; rewrite; refactor; balance; rewrite; rewrite -z; balance; refactor -z; rewrite -z; balance"


def abc(commands: str, folder: Path) -> tuple[float, str]:
    """Run yosys-abc; give its time and what it said."""
    start = time.perf_counter()
    done = run_tool([str(require_tool("yosys-abc")), "-q", commands], folder=folder, seconds=300)
    return time.perf_counter() - start, done.said


def measure(path: Path, folder: Path) -> str:
    """Measure one circuit: a row of the table."""
    module = load(path)
    final = run_passes(module, "strash,sweep-dead", check=None)
    backend = load_plugin("backend", "verilog")
    emission = backend.emit(backend.build(final, {}))
    start = time.perf_counter()
    emitted = verify_emitted(module, emission.files[emission.main].decode(), emission.ports, seconds=60)
    emitted_seconds = time.perf_counter() - start
    rewritten = folder / f"{path.stem}_rewritten.aig"
    abc(f"read_aiger {path}; strash; {REWRITE}; write_aiger {rewritten}", folder)
    start = time.perf_counter()
    ours = verify(module, load(rewritten), seconds=60)
    ours_seconds = time.perf_counter() - start
    abc_seconds, said = abc(f"cec -n {path} {rewritten}", folder)
    assert ("are equivalent" in said) == (ours.status == "equal") or ours.status == "unknown", (ours, said)
    refute(module, load(rewritten), folder)
    body = module.entry.body
    assert isinstance(body, Netlist)
    return (f"{path.stem:<12} {body.gates:>6}  {emitted.evidence!s:<10} {emitted_seconds:6.2f} s   "
            f"{ours.evidence!s:<10} {ours_seconds:6.2f} s  {abc_seconds:6.2f} s")


def refute(module: object, wrong: object, folder: Path) -> None:
    """Invert one output of a copy: verify must say different."""
    from circuitc.ir import Module

    assert isinstance(module, Module)
    assert isinstance(wrong, Module)
    body = wrong.entry.body
    assert isinstance(body, Netlist)
    outputs = body.outputs.copy()
    outputs[len(outputs) // 2] ^= 1
    broken = wrong.with_func(wrong.entry.with_body(replace(body, outputs=outputs)))
    assert verify(module, broken, seconds=60).status == "different"
    write(broken, folder / "broken.aig")


def main(arguments: list[str]) -> None:
    """Print the table."""
    paths = sorted(Path(arguments[0]).glob("*.aig"))
    chosen = [p for p in paths if not arguments[1:] or p.stem in arguments[1:]]
    print("circuit        ANDs  emitted Verilog vs model   ABC's rewriting vs model: ours, then abc cec")
    with tempfile.TemporaryDirectory() as folder:
        for path in chosen:
            print(measure(path.absolute(), Path(folder)), flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
