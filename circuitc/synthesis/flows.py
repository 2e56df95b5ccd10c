"""Synthesis by Yosys for FPGA families, and what the mapped cells are counted as."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from circuitc.tools import ToolFailed, run_yosys


@dataclass(frozen=True, slots=True)
class Flow:
    """A family: Yosys's command (`{top}`, and `{json}` for what nextpnr reads), and patterns of its cells by kind."""

    family: str
    command: str
    cells: Mapping[str, str]


FLOWS: Mapping[str, Flow] = MappingProxyType({f.family: f for f in (
    Flow("xc7", "synth_xilinx -family xc7 -flatten -noiopad -noclkbuf -top {top}",
         {"lut": "LUT[1-6]|INV|SRL.*|RAM\\d+.*", "carry": "CARRY4", "ff": "FD[RSCP]E.*", "dsp": "DSP48E1",
          "bram": "RAMB.*"}),
    Flow("ice40", "synth_ice40 -top {top}{json}",
         {"lut": "SB_LUT4", "carry": "SB_CARRY", "ff": "SB_DFF.*", "dsp": "SB_MAC16", "bram": "SB_RAM40.*"}),
    Flow("ecp5", "synth_ecp5 -top {top}{json}",
         {"lut": "LUT4|TRELLIS_DPR16X4", "carry": "CCU2C", "ff": "TRELLIS_FF", "dsp": "MULT18X18D|ALU54B",
          "bram": "DP16KD|PDPW16KD"}),
)})
KINDS = ("lut", "carry", "ff", "dsp", "bram")


@dataclass(frozen=True, slots=True)
class Resources:
    """Cells of one family: look-up tables, carry cells, flip-flops, multipliers, memories; `cells` has all by name."""

    family: str
    lut: int
    carry: int
    ff: int
    dsp: int
    bram: int
    cells: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {kind: getattr(self, kind) for kind in KINDS} | {"cells": dict(self.cells)}


def synthesize(text: str, top: str, family: str, *, seconds: float = 900, folder: Path | None = None,
               files: Mapping[str, bytes] = MappingProxyType({})) -> Resources:
    """Synthesize Verilog for a family of `FLOWS` and count its cells.

    With `folder` nextpnr's input stays there as `design.json` (families that nextpnr knows). `files` are
    contents of memories that the text names. Raises ToolTimeout.
    """
    flow = FLOWS[family]
    with tempfile.TemporaryDirectory() as made:
        at = folder or Path(made)
        (at / "design.v").write_text(text)
        for name, content in files.items():
            (at / name).write_bytes(content)
        command = flow.command.format(top=top, json=" -json design.json" if folder else "")
        done = run_yosys(["read_verilog design.v", command, "tee -q -o stat.json stat -json"],
                         folder=at, seconds=seconds)
        if not done.ok or not (at / "stat.json").exists():
            raise ToolFailed("yosys", done)
        found = json.loads((at / "stat.json").read_text())["design"]["num_cells_by_type"]
    cells = {name: int(count) for name, count in sorted(found.items()) if not name.startswith("$")}
    kinds = {kind: sum(n for name, n in cells.items() if re.fullmatch(pattern, name))
             for kind, pattern in flow.cells.items()}
    return Resources(family, **kinds, cells=cells)
