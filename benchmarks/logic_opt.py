"""Logic optimisation: our named pipelines beside ABC's usual scripts and the EPFL records, both counted by ABC.

    python benchmarks/logic_opt.py [FOLDER_OF_AIGER_FILES] [circuit ...]

AND: `logic-best` against `resyn2` run twice. LUT: `luts-best` against `resyn2` and three rounds of `strash; dch; if -a
-K 6; mfs2 -a -e`. Each side is written to a file, and ABC's `print_stats` counts the gates and levels of both. Each of
our answers is proved equal to the circuit. Records are the best published LUT counts (lsils/benchmarks), recounted from
their files by `read_blif; sweep; print_stats` where they ship one.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from circuitc.formats import load
from circuitc.ir import Kind, Module, Netlist
from circuitc.passes import run_passes
from circuitc.passes.abc import ALIASES
from circuitc.passes.abc.aiger import encode
from circuitc.proof import verify
from circuitc.tools import require_tool

RESYN2 = ALIASES["resyn2"]
ROUNDS = "; ".join(["strash; dch; if -a -K 6; mfs2 -a -e"] * 3)
RECORDS = {"adder": 129, "bar": 512, "ctrl": 26, "dec": 264, "i2c": 190, "int2float": 18, "router": 45, "max": 511,
           "sin": 1050, "voter": 1166, "square": 2937, "multiplier": 4444}
STATS = re.compile(r"(?:and|nd) = +(\d+).*lev = *(\d+)")

Size = tuple[int, int]  # gates, levels


def abc(folder: Path, commands: str) -> str:
    return subprocess.run([str(require_tool("yosys-abc")), "-q", commands], cwd=folder, check=True, text=True,
                          capture_output=True).stdout


def counted(folder: Path, read: str) -> Size:
    """Let ABC count a file."""
    found = STATS.findall(abc(folder, f"{read}; print_stats"))
    return int(found[-1][0]), int(found[-1][1])


def write_blif(netlist: Netlist) -> str:
    """Print a netlist of look-up tables: inverted fan-ins go into the tables, inverted outputs get a table each."""
    name = ["zero", *(f"x{k}" for k in range(netlist.inputs)), *(f"n{k}" for k in range(netlist.gates))]
    outputs = [f"y{k}" for k in range(len(netlist.outputs))]
    lines = [".model ours", f".inputs {' '.join(name[1:1 + netlist.inputs])}", f".outputs {' '.join(outputs)}"]
    for node in range(1 + netlist.inputs, netlist.nodes):
        assert netlist.kind[node] == Kind.LUT
        fanins = netlist.fanins(node).tolist()
        lines.append(f".names {' '.join(name[f >> 1] for f in fanins)} {name[node]}")
        for row in np.flatnonzero(int(netlist.data[node]) >> np.arange(1 << len(fanins)) & 1).tolist():
            lines.append("".join(str((row >> j & 1) ^ f & 1) for j, f in enumerate(fanins)) + " 1")
    for output, literal in zip(outputs, netlist.outputs.tolist(), strict=True):
        constant = literal <= 1
        lines += [f".names {output}" if constant else f".names {name[literal >> 1]} {output}",
                  *(["1"] if literal == 1 else [] if constant else [f"{1 - (literal & 1)} 1"])]
    return "\n".join([*lines, ".end", ""])


def ours(module: Module, pipeline: str, method: str) -> tuple[Netlist, float, str]:
    """Run a pipeline, and prove what comes out equal: the netlist, seconds, and the verdict."""
    start = time.perf_counter()
    after = run_passes(module, pipeline)
    seconds = time.perf_counter() - start
    verdict = verify(module, after, method, seconds=240)
    assert isinstance(after.entry.body, Netlist)
    return after.entry.body, seconds, verdict.status + (f" ({verdict.evidence.method})" if verdict.evidence else "")


def row(path: Path) -> str:
    module = load(path)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.perf_counter()
        abc(folder, f"read_aiger {path.resolve()}; {RESYN2}; {RESYN2}; write_aiger ands.aig")
        middle = time.perf_counter()
        abc(folder, f"read_aiger {path.resolve()}; {RESYN2}; {ROUNDS}; write_blif luts.blif")
        theirs = middle - start, time.perf_counter() - middle
        ands, and_seconds, and_verdict = ours(module, "logic-best", "auto")
        luts, lut_seconds, lut_verdict = ours(module, "luts-best", "auto")
        (folder / "ours.aig").write_bytes(encode(ands))
        (folder / "ours.blif").write_text(write_blif(luts))
        sizes = [counted(folder, read) for read in ("read_aiger ands.aig", "read_aiger ours.aig",
                                                    "read_blif luts.blif; sweep", "read_blif ours.blif; sweep")]
    a, b, c, d = (f"{gates}/{levels}" for gates, levels in sizes)
    return (f"| {path.stem} | {a} | {b} | {c} | {d} | {RECORDS.get(path.stem, '-')} | {and_verdict}, {lut_verdict} | "
            f"{theirs[0]:.1f}, {and_seconds:.1f} | {theirs[1]:.1f}, {lut_seconds:.1f} |")


def main() -> None:
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).resolve().parents[2] / "shared/data/epfl"
    names = sys.argv[2:] or sorted(path.stem for path in folder.glob("*.aig"))
    print("| circuit | AND: resyn2 twice | AND: logic-best | LUT6: ABC's rounds | LUT6: luts-best | LUT6: record | "
          "equal? | AND s: ABC, ours | LUT s: ABC, ours |\n|---|---|---|---|---|---|---|---|---|")
    for name in names:
        print(row(folder / f"{name}.aig"), flush=True)


if __name__ == "__main__":
    main()
