"""Count six-input look-up tables and their depth in a second or two, through Yosys's AIG and ABC's mapper."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from circuitc.backends.verilog import VERILOG
from circuitc.formats.yosys import read_verilog
from circuitc.ir import Module, Netlist
from circuitc.passes.abc.exchange import prepare, run_to_luts
from circuitc.tools import ToolFailed, run_yosys

CONVENTION = ("LUT6: ABC `if -K 6` on the AIG after Yosys `techmap; aigmap`; no carry chains, no wide multiplexers; "
              "registers apart; depth in LUTs between registers and ports; modules (of a network that is one module: "
              "its encoder, core and reduction, before any pipeline) are mapped one by one, so they need not add up "
              "to the whole")
MAPPED = "$lut"


@dataclass(frozen=True, slots=True)
class Part:
    """One Verilog module on its own, what it instantiates left out: its tables and registers, and how often it is
    there. Or a part of a model that was put into one module."""

    module: str
    luts: int
    registers: int
    instances: int


@dataclass(frozen=True, slots=True)
class LutCount:
    """The whole design flattened (logic is shared across modules), and its modules or the model's parts one by one."""

    luts: int
    depth: int
    registers: int
    parts: tuple[Part, ...]

    def as_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        parts = [{"module": p.module, "luts": p.luts, "registers": p.registers, "instances": p.instances}
                 for p in self.parts]
        return {"convention": CONVENTION, "luts": self.luts, "depth": self.depth, "registers": self.registers,
                "parts": parts}


def count_luts(text: str, top: str, *, clock: str = "", seconds: float = 30,
               parts: Mapping[str, str] = MappingProxyType({}), apart: bool = True,
               files: Mapping[str, bytes] = MappingProxyType({})) -> LutCount:
    """Map Verilog to six-input tables and count; `clock` names the clock port, where there is one.

    Without `apart` the modules of a design are not counted one by one, which takes as long as the whole.
    `parts` are texts of combinational modules, by name, that a design of one module was made of (`verilog_of_parts`);
    `files` are contents of memories that the text names.
    Raises ToolTimeout where a tool takes longer than `seconds`.
    """
    with ThreadPoolExecutor(1) as beside:  # Yosys runs in processes of its own
        modules = beside.submit(_modules_apart, text, top, seconds, files) if apart and has_modules(text) else None
        mapped, registers = _mapped(text, top, clock, seconds, files)
        found = modules.result() if modules is not None else tuple(
            Part(name, *_size(part, name, seconds), 1) for name, part in parts.items())
    return LutCount(mapped.gates, mapped.depth, registers, found or (Part(top, mapped.gates, registers, 1),))


def has_modules(text: str) -> bool:
    """Tell whether a design has several modules, which are then counted one by one, and not parts of its model."""
    return len(re.findall(r"^\s*module\b", text, re.MULTILINE)) > 1


def verilog_of_parts(module: Module, names: Sequence[str]) -> dict[str, str]:
    """Print funcs of a program as combinational modules, each as a text of its own; those with calls are left out."""
    texts: dict[str, str] = {}
    for name in names:
        func = module.funcs.get(name)
        if func is None or not func.is_combinational or not isinstance(func.body, Netlist):
            continue
        alone = Module({name: func}, name, name)
        emission = VERILOG.emit(VERILOG.build(alone, {"vectors": "0"}))
        texts[name] = emission.files[emission.main].decode()
    return texts


def _size(text: str, top: str, seconds: float) -> tuple[int, int]:
    mapped, registers = _mapped(text, top, "", seconds, {})
    return mapped.gates, registers


def _mapped(text: str, top: str, clock: str, seconds: float, files: Mapping[str, bytes]) -> tuple[Netlist, int]:
    """Give a design as six-input tables, and its register bits."""
    func = read_verilog(text, top, clock=clock, seconds=seconds, files=files).entry
    assert isinstance(func.body, Netlist), "Yosys gives netlists"
    ands = prepare(func.body)
    mapped = run_to_luts(ands, "if -K 6", seconds) if ands.gates else ands
    return mapped, sum(r.type.bits for r in func.registers)


def _modules_apart(text: str, top: str, seconds: float, files: Mapping[str, bytes]) -> tuple[Part, ...]:
    """Map each module on its own; what it instantiates stays an instance."""
    script = ["read_verilog design.v", f"hierarchy -check -top {top}", "proc", "memory", "simplemap", "techmap",
              "aigmap", "abc -lut 6 -script map.abc", "tee -q -o stat.json stat -json"]
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        (at / "design.v").write_text(text)
        for name, content in files.items():
            (at / name).write_bytes(content)
        (at / "map.abc").write_text("strash\nif -K 6\n")
        done = run_yosys(script, folder=at, seconds=seconds)
        if not done.ok or not (at / "stat.json").exists():
            raise ToolFailed("yosys", done)
        return _parts(_modules(at / "stat.json"), top)


def _modules(path: Path) -> dict[str, dict[str, int]]:
    """Read the cells of each module."""
    return {name.removeprefix("\\"): {cell.removeprefix("\\"): int(n) for cell, n in
                                      m["num_cells_by_type"].items()}
            for name, m in json.loads(path.read_text())["modules"].items()}


def _registers(cells: Mapping[str, int]) -> int:
    return sum(count for name, count in cells.items() if re.match(r"\$_.*(DFF|LATCH)", name))


def _parts(modules: Mapping[str, Mapping[str, int]], top: str) -> tuple[Part, ...]:
    """List the modules below the top one, callees first, with the number of their instances in the whole."""
    instances: dict[str, int] = {}

    def visit(name: str, times: int) -> None:
        instances[name] = instances.pop(name, 0) + times
        for cell, count in modules[name].items():
            if cell in modules:
                visit(cell, times * count)

    visit(top, 1)
    return tuple(Part(name, modules[name].get(MAPPED, 0), _registers(modules[name]), times)
                 for name, times in reversed(instances.items()))
