"""The face of emitted Verilog, put together again from the program and its port map."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from circuitc.backends.verilog import Design
from circuitc.backends.verilog.interface import Interface, Signal, item_func, row_count
from circuitc.backends.verilog.options import Options
from circuitc.diagnostics import error
from circuitc.ir import BIT, Func, Module, Port, Register

MAX_RANKS = 2_000_000


def design_of(module: Module, ports: Mapping[str, Any]) -> Design:
    """Give what benches need to know of a design, from `ports.json`; refuse a map that is of another program."""
    func = module.entry
    try:
        ids = {(p["direction"], p["name"]): p["verilog"] for p in ports["ports"]}
        registers = {r["name"]: r["verilog"] for r in ports.get("registers", [])}
        name, clocked = ports["module"], not func.is_combinational or "clock" in ports
        clock, reset = (ports["clock"]["name"], ports["reset"]) if clocked else ("clk", {"name": "rst", "kind": "sync"})
        face = Interface(
            func, name, ports.get("step_module", name),
            _signals(func.inputs, {n: v for (d, n), v in ids.items() if d == "input"}),
            _signals(func.outputs, {n: v for (d, n), v in ids.items() if d == "output"}),
            _signals(func.registers, registers), _following(func.registers, registers), "done",
            _extra("converged", ids, func.results), _extra("steps", ids, func.results),
            clock, reset["name"], reset["kind"], _ranks(func, ports), _rows(func, ports), item_func(module, func))
    except (KeyError, TypeError, AttributeError) as e:
        raise error(f"the port map does not belong to @{func.name}: it says nothing of {e}",
                    help="take program and ports.json from the same build") from None
    if not re.fullmatch(r"\w+", str(name)):  # it becomes the name of a file
        raise error(f"the port map names the module {name!r}, which is no identifier")
    return Design(module, Options(), {func.name: face}, ())


def _ranks(func: Func, ports: Mapping[str, Any]) -> int:
    """Give the ranks of registers of a pipelined combinational func; what steps has none."""
    if not func.is_combinational or "clock" not in ports:
        return 0
    ranks = ports["latency"]
    if not isinstance(ranks, int) or not 0 < ranks <= MAX_RANKS:
        raise error(f"the port map gives the latency {ranks!r}, which no pipeline has")
    return ranks


def _rows(func: Func, ports: Mapping[str, Any]) -> int:
    """Give the number of rows in which the inputs of a call come, or 0."""
    rows = ports.get("rows", 0)
    if rows not in (0, row_count(func)) or isinstance(rows, bool):
        raise error(f"the port map gives {rows!r} rows, and the inputs of @{func.name} have {row_count(func)}")
    return int(rows)


def _signals(ports: Sequence[Port | Register], ids: Mapping[str, str]) -> tuple[Signal, ...]:
    return tuple(Signal(p.name, ids[p.name], p.type, p.rate, p.encoding) if isinstance(p, Port)
                 else Signal(p.name, ids[p.name], p.type) for p in ports)


def _following(registers: Sequence[Register], ids: Mapping[str, str]) -> tuple[Signal, ...]:
    return tuple(Signal(r.name, f"{ids[r.name]}_next", r.type) for r in registers)


def _extra(name: str, ids: Mapping[tuple[str, str], str], results: Sequence[Port]) -> Signal:
    types = {p.name: p.type for p in results}
    return Signal(name, ids.get(("output", name), name), types.get(name, BIT))
