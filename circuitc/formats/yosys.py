"""Read Verilog through Yosys: an independent reader that shares nothing with our own emitter."""

from __future__ import annotations

import json
import re
import tempfile
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import CircuitError, Diagnostic, Source, Span, error
from circuitc.ir import BIT, ONCE, STREAM, Constant, Func, Module, Netlist, Port, Register, Type, aig, module_of, ufixed
from circuitc.ir.func import Rate
from circuitc.tools import DEFAULT_MEMORY, Completed, ToolFailed, run_yosys

from .aiger_read import parse_aiger
from .verilog_files import Gathered, gather
from .yosys_drivers import refuse_conflicts
from .yosys_origins import gate_names

UNDEFINED = "$undefined"  # the input that stands for bits the Verilog leaves undefined: x, z, undriven wires
CLOCK_NAMES = frozenset({"clk", "clock", "clk_i", "i_clk", "aclk"})
Names = dict[str, dict[int, list[tuple[str, int]]]]


def read_verilog(source: Path | str, top: str = "", *, clock: str = "", registers: Collection[str] = (),
                 system: bool = False, origins: bool = False, seconds: float = 120,
                 memory_bytes: int = DEFAULT_MEMORY, files: Mapping[str, bytes] = MappingProxyType({})) -> Module:
    """Read a design into one func with a netlist body, its ports named and ordered as in the Verilog.

    `source` is a file, or the text itself. Without `top` Yosys chooses the module that no other one uses. Ports of up
    to 64 bits become unsigned integers, wider ones vectors of bits. Flip-flops become registers (schedule `stream`),
    the clock port disappears. Bits that the Verilog leaves undefined are an extra input `$undefined`, so that a proof
    holds for every value they may take. A flip-flop whose output has several names takes the one in `registers`.
    `system` reads SystemVerilog, `origins` names gates by the lines they come from (see `origins.py`). Files that the
    source names (`include, $readmemh) are taken from its folder and below, and refused elsewhere; contents that a text
    names are taken from `files`. Raises CircuitError
    with Yosys's message and line, or naming a bit that has two drivers, which Yosys would join.
    """
    gathered = gather(source, files)
    text = gathered.text
    if top and not re.fullmatch(r"[^\s;]+", top):
        raise error(f"{top!r} is not the name of a Verilog module")
    arrays = re.search(r"\breg\b[^;=]*\][^;=\[\]]*;|\breg\b[^;=\[\]]*(\[[^\]]*\])?\s*[\w$]+\s*\[", text)
    script = [f"read_verilog{' -sv' if system else ''} source",
              f"hierarchy -check {f'-top {top}' if top else '-auto-top'}",
              *(_WITH_ARRAYS if arrays else _TO_LOGIC), *(_WITH_ORIGINS if origins else _TO_GATES)]
    return _read(gathered, script, clock, registers, seconds, memory_bytes)


def read_aiger_independently(content: bytes, *, seconds: float = 120, memory_bytes: int = DEFAULT_MEMORY) -> Module:
    """Read an AIGER file, not with our own reader but with Yosys's."""
    script = ["read_aiger -module_name circuit source", "hierarchy -top circuit",
              "setundef -undriven -anyseq", *_TO_GATES]
    return _read(Gathered(Source("design.aig"), {"source": content}), script, "", (), seconds, memory_bytes)


def read_blif_independently(content: bytes, *, seconds: float = 120, memory_bytes: int = DEFAULT_MEMORY) -> Module:
    """Read a BLIF file, not with our own reader but with Yosys's."""
    script = ["read_blif source", "hierarchy -auto-top", "write_rtlil drivers.il",
              "setundef -undriven -anyseq", *_TO_GATES]
    return _read(Gathered(Source("design.blif"), {"source": content}), script, "", (), seconds, memory_bytes)


# `-noopt` and the absence of `opt` keep Yosys from using undefined bits as don't-cares; `setundef` makes inputs of
# them, once for what was written and once for what techmap left. Arrays need `memory`, which costs 1.6 s for 30,000
# assigns, and constants folded before it (`proc` does so with -keepdc). Carries ripple, as they do where we make gates
# of sums: Yosys's own Brent-Kung trees are larger, and share no carries with a ripple for a proof to build on.
_RIPPLE_FILE = "ripple.v"
_RIPPLE = b"""// Named to come before the template of Yosys's own.
(* techmap_celltype = "$lcu" *)
module _80_lcu_ripple (P, G, CI, CO);
  parameter WIDTH = 1;
  (* force_downto *) input [WIDTH-1:0] P, G;
  input CI;
  (* force_downto *) output [WIDTH-1:0] CO;
  genvar i;
  generate for (i = 0; i < WIDTH; i = i + 1) begin : place
    if (i == 0) assign CO[i] = G[i] | (P[i] & CI);
    else assign CO[i] = G[i] | (P[i] & CO[i - 1]);
  end endgenerate
endmodule
"""
_TO_LOGIC = ("proc -noopt -norom", "write_rtlil drivers.il", "flatten", "setundef -undriven -anyseq")
_WITH_ARRAYS = ("proc -norom", "write_rtlil drivers.il", "flatten", "setundef -undriven -anyseq", "memory")
_TO_GATES = ("delete t:$print", "async2sync", "dffunmap", "simplemap", f"techmap -map +/techmap.v -map {_RIPPLE_FILE}",
             "setundef -undriven -anyseq", "aigmap", "select x:*", "write_json -selected ports.json", "select -clear",
             "write_aiger -no-startoffset -vmap map.txt design.aig")
_BEFORE_AIGMAP = _TO_GATES.index("aigmap")
_WITH_ORIGINS = (*_TO_GATES[:_BEFORE_AIGMAP], "write_json origins.json", *_TO_GATES[_BEFORE_AIGMAP:])


def _read(gathered: Gathered, script: list[str], clock: str, registers: Collection[str], seconds: float,
          memory_bytes: int) -> Module:
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        gathered.write(at)
        (at / _RIPPLE_FILE).write_bytes(_RIPPLE)
        completed = run_yosys(script, folder=at, seconds=seconds, memory_bytes=memory_bytes)
        refuse_conflicts(at / "drivers.il", gathered)
        if not completed.ok or not (at / "design.aig").exists():
            raise _complaint(completed, gathered)
        design = _Design.read(at, {name: Path(gathered.source_of(name).name).name for name in gathered.files})
    return _module(design, clock, registers)


def _complaint(completed: Completed, gathered: Gathered) -> CircuitError:
    """Say what Yosys says: its error line, at the line of the user's file."""
    for line in reversed(completed.said.splitlines()):
        match = re.match(r"(?:(?P<file>\S*?):(?P<line>\d+)(?:\.\d+-[\d.]+)?: )?ERROR: ?(?P<text>.*)", line)
        if match:
            source = gathered.source_of(match["file"] or "")
            place = Span(source, int(match["line"])) if match["line"] else Span(source)
            message = match["text"].strip().rstrip(".!").replace("`", "").replace("'", "").replace("\\", "")
            return CircuitError(Diagnostic(f"yosys: {message[:1].lower()}{message[1:]}", place))
    return ToolFailed("yosys", completed)


class _VerilogPort(NamedTuple):
    """A port: input or output, its name, and what each bit is: a number of Yosys's, or a constant 0, 1 as text."""

    direction: str
    name: str
    bits: list[int | str]


@dataclass(frozen=True, slots=True)
class _Design:
    """What Yosys wrote: the network, its inputs and latches in the order of the file, and the names of their bits."""

    top: str
    ports: list[_VerilogPort]          # in the order of the module's header
    netlist: Netlist
    resets: tuple[int | None, ...]     # of each latch; None where it is free
    names: Names

    @property
    def inputs(self) -> int:
        """The number of input bits, latches not counted."""
        return self.netlist.inputs - len(self.resets)

    @property
    def rate(self) -> Rate:
        return "step" if self.resets else "call"

    @classmethod
    def read(cls, folder: Path, files: Mapping[str, str]) -> _Design:
        """Read what Yosys left in a folder; `files` gives the user's name of each file that it read."""
        func = parse_aiger((folder / "design.aig").read_bytes(), "design.aig").entry
        assert isinstance(func.body, Netlist)
        resets = tuple(int(r.initial.array) if r.initial else None for r in func.registers)
        top, ports = _ports((folder / "ports.json").read_text())
        vmap, body = (folder / "map.txt").read_text(), func.body
        if (folder / "origins.json").is_file():
            body = replace(body, names=gate_names((folder / "origins.json").read_text(), vmap, body, files))
        return cls(top, ports, body, resets, _names(vmap))


def _ports(text: str) -> tuple[str, list[_VerilogPort]]:
    """Read the module's name and ports from what Yosys wrote."""
    ((top, module),) = json.loads(text)["modules"].items()
    ports = [_VerilogPort(port["direction"], name, port["bits"]) for name, port in module["ports"].items()]
    for port in ports:
        if port.direction == "inout":
            raise error(f"port {port.name} of {top} is inout", help="circuitc reads inputs and outputs only")
    return top, ports


def _names(text: str) -> Names:
    """Read the map of names: kind -> number -> the (name, bit) pairs that it goes by."""
    names: Names = {kind: defaultdict(list) for kind in ("input", "output", "latch")}
    for line in text.splitlines():
        kind, _, rest = line.partition(" ")
        if kind in names:
            number, index, name = rest.split(" ", 2)
            names[kind][int(number)].append((name, int(index)))
    return names


def _module(design: _Design, clock: str, preferred: Collection[str]) -> Module:
    used = _used_inputs(design)
    numbers = {bit: n for n, bits in design.names["input"].items() for bit in bits}
    ports = [Port(p.name, _port_type(len(p.bits)), design.rate) for p in design.ports if p.direction == "input"]
    ports = [p for p in ports if not _is_clock(p, clock, bool(design.resets), used[numbers[p.name, 0]])]
    order = [numbers[p.name, k] for p in ports for k in range(p.type.bits)]
    loose = [n for n in range(design.inputs) if n not in design.names["input"] and used[n]]
    if loose:
        ports.append(Port(UNDEFINED, BIT.with_shape((len(loose),)), design.rate))
    registers, state = _registers(design, preferred)
    outputs = tuple(Port(p.name, _port_type(len(p.bits)), design.rate) for p in design.ports if p.direction == "output")
    latches = len(design.netlist.outputs) - len(design.resets)
    results = [*_output_literals(design), *design.netlist.outputs[[latches + k for k in state]].tolist()]
    body = _reordered(design.netlist, [*order, *loose, *(design.inputs + k for k in state)], results)
    return module_of(Func(design.top, tuple(ports), outputs, body, registers, STREAM if registers else ONCE))


def _output_literals(design: _Design) -> list[int]:
    """Give the literals of the output bits; Yosys's map of names leaves out those that are constants."""
    numbers = {bit: n for n, bits in design.names["output"].items() for bit in bits}
    bits = [(p.name, k, bit) for p in design.ports if p.direction == "output" for k, bit in enumerate(p.bits)]
    return [int(bit) if bit in ("0", "1") else int(design.netlist.outputs[numbers[name, k]]) for name, k, bit in bits]


def _port_type(width: int) -> Type:
    return BIT if width == 1 else ufixed(width) if width <= 64 else BIT.with_shape((width,))


def _is_clock(port: Port, clock: str, has_state: bool, is_used: bool) -> bool:
    if clock:
        return port.name == clock
    return has_state and not is_used and port.type == BIT and port.name.lower() in CLOCK_NAMES


def _registers(design: _Design, preferred: Collection[str]) -> tuple[tuple[Register, ...], list[int]]:
    """Group latches into named registers, bit 0 first: (registers, latch numbers in the order of their bits)."""
    port_names = {p.name for p in design.ports}
    words: dict[str, dict[int, int]] = {}
    for latch in range(len(design.resets)):
        known = sorted(design.names["latch"].get(latch, []), key=lambda n: (
            n[0] not in preferred, "$" in n[0], n[0].count("."), n[0] in port_names, n[0]))
        name, index = known[0] if known else (f"latch{latch}", 0)
        words.setdefault(name, {})[index] = latch
    registers: list[Register] = []
    order: list[int] = []
    for name, bits in words.items():
        freedom = {design.resets[latch] is None for latch in bits.values()}
        whole = set(bits) == set(range(len(bits))) and len(bits) <= 64 and len(freedom) == 1
        for group in [sorted(bits)] if whole else [[k] for k in sorted(bits)]:
            latches = [bits[k] for k in group]
            label = name if whole else f"{name}[{group[0]}]"
            registers.append(Register(label, _port_type(len(group)), _initial(design, latches)))
            order += latches
    return tuple(registers), order


def _initial(design: _Design, latches: Sequence[int]) -> Constant | None:
    resets = [design.resets[latch] for latch in latches]
    if None in resets:
        return None
    return Constant(_port_type(len(latches)), sum((reset or 0) << k for k, reset in enumerate(resets)))


def _used_inputs(design: _Design) -> list[bool]:
    """Mark the inputs that an output or a next state depends on."""
    netlist = design.netlist
    marks = [False] * netlist.nodes
    for literal in netlist.outputs.tolist():
        marks[literal >> 1] = True
    pairs = netlist.fanin.reshape(-1, 2).tolist()
    for node in range(netlist.nodes - 1, netlist.inputs, -1):  # 0.1 us a gate
        if marks[node]:
            a, b = pairs[node - 1 - netlist.inputs]
            marks[a >> 1] = marks[b >> 1] = True
    return marks[1:1 + design.inputs]


def _reordered(netlist: Netlist, inputs: list[int], outputs: list[int]) -> Netlist:
    """Give the network with inputs in another order and with these output literals; unused inputs may be left out."""
    node = np.zeros(netlist.nodes, np.int64)
    node[1 + np.array(inputs, np.int64)] = 1 + np.arange(len(inputs))
    node[1 + netlist.inputs:] = 1 + len(inputs) + np.arange(netlist.gates)

    def moved(literals: NDArray[np.integer]) -> NDArray[np.int64]:
        return node[literals >> 1] << 1 | literals & 1

    names = {int(node[k]): name for k, name in netlist.names.items()}
    return aig(len(inputs), moved(netlist.fanin), moved(np.array(outputs, np.int64)), names)
