"""Logic in memory: steps on the EPFL circuits beside the figures recorded for SIMPLER MAGIC, at the same row sizes.

    python benchmarks/lim.py FOLDER_OF_AIG_FILES [CIRCUIT ...]

SIMPLER cannot be installed from a registry: its steps were recorded once, on a netlist that ABC mapped to NOR2 and INV.
To tell what synthesis gains from what scheduling gains, the same ABC script is run here and its netlist placed by our
scheduler. Every program of ours is proved equal to the circuit, from its files. Times are of this process's CPU (ABC's
own comes on top).
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import circuitc
from circuitc.backends.gate_level import circuit_of
from circuitc.backends.lim.backend import LIM, Design
from circuitc.backends.lim.nor import NorBuilder, NorNet
from circuitc.backends.lim.options import Options
from circuitc.backends.lim.schedule import Job
from circuitc.backends.lim.synthesis import EFFORTS, Found, nor_networks
from circuitc.backends.lim.widen import widened
from circuitc.ir import Module
from circuitc.proof.lim import verify_program
from circuitc.tools import require_tool, run_tool


@dataclass(frozen=True)
class Recorded:
    """What SIMPLER was recorded with: gates of its netlist, steps on a row of `row` cells, its smallest row."""

    gates: int
    row: int
    steps: int
    smallest: int


RECORDED = {
    "ctrl": Recorded(134, 512, 134, 41), "int2float": Recorded(295, 512, 295, 53), "dec": Recorded(360, 512, 360, 267),
    "i2c": Recorded(1546, 512, 1562, 298), "adder": Recorded(1530, 512, 1538, 388),
    "bar": Recorded(4051, 512, 4078, 429),
    "max": Recorded(4200, 1024, 4247, 1020), "sin": Recorded(7919, 512, 7981, 453)}

GENLIB = """GATE zero 0 O=CONST0;
GATE one 0 O=CONST1;
GATE inv 1 O=!a; PIN * INV 1 999 1 0 1 0
GATE nor2 1 O=!(a+b); PIN * INV 1 999 1 0 1 0
"""
RESYN = "balance; rewrite; rewrite -z; balance; rewrite -z; balance"
RESYN2 = "balance; rewrite; refactor; balance; rewrite; rewrite -z; balance; refactor -z; rewrite -z; balance"
RESYN2RS = ("balance; resub -K 6; rewrite; resub -K 6 -N 2; refactor; resub -K 8; balance; resub -K 8 -N 2; rewrite; "
            "resub -K 10; rewrite -z; resub -K 10 -N 2; balance; resub -K 12; refactor -z; resub -K 12 -N 2; "
            "rewrite -z; balance")


def abc_netlist(path: Path) -> NorNet:
    """Map a circuit to NOR2 and INV as SIMPLER's flow does: resyn, resyn2, resyn2rs, map."""
    script = f"read_genlib lib; read_aiger in.aig; {RESYN}; {RESYN2}; {RESYN2RS}; map; topo; write_blif out"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "lib").write_text(GENLIB)
        (folder / "in.aig").write_bytes(path.read_bytes())
        assert run_tool([str(require_tool("yosys-abc")), "-q", script], folder=folder, seconds=300).ok
        return read_gates((folder / "out").read_text())


def read_gates(text: str) -> NorNet:
    """Read a mapped BLIF file."""
    rows = [line.split() for line in text.replace("\\\n", " ").splitlines()]
    inputs = [name for row in rows if row[:1] == [".inputs"] for name in row[1:]]
    outputs = [name for row in rows if row[:1] == [".outputs"] for name in row[1:]]
    builder = NorBuilder(len(inputs))
    node = {name: 1 + k for k, name in enumerate(inputs)}
    for row in rows:
        if row[:1] == [".gate"]:
            pins = dict(pin.split("=") for pin in row[2:])
            fanins = [node[pins[p]] for p in ("a", "b") if p in pins]
            match row[1]:
                case "zero":
                    node[pins["O"]] = builder.nor([0])
                case "one":
                    node[pins["O"]] = 0
                case _:
                    node[pins["O"]] = builder.nor(fanins)
        elif row[:1] == [".barbuf"]:      # an output that is an input
            node[row[2]] = node[row[1]]
    return builder.finish([node[name] for name in outputs])


@dataclass(frozen=True)
class Circuit:
    """A circuit and the networks that were found for it, the smallest first."""

    module: Module
    networks: list[Found]

    @property
    def net(self) -> NorNet:
        return self.networks[0].net

    def steps(self, net: NorNet, row: int | None, *, fan_in: int = 2, reuse_inputs: bool = False) -> dict[str, Any]:
        """Place a network on a row, prove the program that is written, and give its figures."""
        job = Job(net, reuse_inputs)
        plan = job.best(row, EFFORTS["normal"].order)
        program = job.program(plan.order, row or plan.smallest)
        options = Options(row=program.row, fan_in=fan_in, reuse_inputs=reuse_inputs)
        return self.proved(Design(circuit_of(self.module), options, program, {}))

    def proved(self, design: Design) -> dict[str, Any]:
        emission = LIM.emit(design)
        assert verify_program(self.module, emission.files, seconds=900).is_equal
        return dict(emission.figures)


def measure(path: Path, was: Recorded) -> Iterator[Any]:
    """Give a row of the table."""
    theirs = Job(abc_netlist(path))
    scheduled = theirs.best(was.row, EFFORTS["normal"].order)
    yield path.stem
    yield was.row
    yield was.steps
    yield f"{len(theirs.net.gates)} -> {scheduled.steps}"
    start = time.process_time()
    module = circuitc.load(path)
    circuit = Circuit(module, nor_networks(circuit_of(module).netlist, EFFORTS["normal"]))
    found = time.process_time() - start
    ours = circuit.steps(circuit.net, was.row)
    yield f"{len(circuit.net.gates)} -> {ours['steps']}"
    yield f"{100 * (1 - ours['steps'] / was.steps):.1f} %"
    for fan_in in (3, 4):
        yield circuit.steps(widened(circuit.net, fan_in), was.row, fan_in=fan_in)["steps"]
    yield circuit.steps(circuit.net, was.row, reuse_inputs=True)["steps"]
    rm3 = LIM.build(module, {"logic": "rm3", "row": str(was.row), "reuse_inputs": "true"})
    yield circuit.proved(rm3)["steps"]
    work = EFFORTS["normal"].order // len(circuit.networks)
    smallest = min(circuit.networks, key=lambda f: Job(f.net).best(None, work).smallest)
    yield f"{was.smallest} / {circuit.steps(smallest.net, None)['row']}"
    yield f"{ours['writes_most']} ({ours['writes_mean']})"
    yield f"{found:.0f}"


COLUMNS = ("circuit", "row", "SIMPLER", "ABC's gates, our order", "ours: gates -> steps", "fewer", "fan-in 3",
           "fan-in 4", "inputs reused", "rm3", "smallest row: SIMPLER / ours",
           "writes a cell: most (mean)", "CPU s of synthesis")


def main() -> None:
    folder, *names = sys.argv[1:]
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
    for name in names or RECORDED:
        cells = [str(cell) for cell in measure(Path(folder) / f"{name}.aig", RECORDED[name])]
        print(f"| {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
