"""The AIGER target: and-inverter graphs with latches, binary (`aig`) or ASCII (`aag`), version 1.9."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from circuitc.diagnostics import Diagnostic, nearest
from circuitc.ir import Module
from circuitc.ir.deltas import encode_deltas

from .base import Emission
from .gate_level import Circuit, circuit_of, gate_level_faults, port_map

ENCODINGS = {"binary": ".aig", "ascii": ".aag"}


@dataclass(frozen=True, slots=True)
class AigerDesign:
    """What is to be printed: the circuit and the encoding's name."""

    circuit: Circuit
    encoding: str


@dataclass(frozen=True, slots=True)
class Aiger:
    """Write the entry func as an AIGER file. Option `encoding`: `binary` (default) or `ascii`."""

    name: str = "aiger"

    def check(self, module: Module, options: Mapping[str, str]) -> list[Diagnostic]:
        """Collect unknown options, bodies that are not gates, and schedules and names that AIGER cannot say."""
        faults = [Diagnostic(f"aiger has no option {key!r}", help=nearest(key, ["encoding"]))
                  for key in options if key != "encoding"]
        encoding = options.get("encoding", "binary")
        if encoding not in ENCODINGS:
            faults.append(Diagnostic(f"{encoding!r} is not an encoding of aiger", help=nearest(encoding, ENCODINGS)))
        return faults + gate_level_faults(module, "aiger")

    def build(self, module: Module, options: Mapping[str, str]) -> AigerDesign:
        """Expand the gates to ANDs."""
        return AigerDesign(circuit_of(module), options.get("encoding", "binary"))

    def emit(self, design: AigerDesign) -> Emission:
        """Print the file; the port map says which bit is which."""
        circuit = design.circuit
        main = circuit.file_stem + ENCODINGS[design.encoding]
        figures = {"ands": circuit.netlist.gates, "latches": len(circuit.latches), "depth": circuit.netlist.depth}
        content = encode_binary(circuit) if design.encoding == "binary" else encode_ascii(circuit)
        return Emission(main, {main: content}, port_map(circuit), figures)


AIGER = Aiger()


def encode_binary(circuit: Circuit) -> bytes:
    """Print a circuit as binary AIGER."""
    net = circuit.netlist
    first = 2 * (1 + net.inputs)
    pairs = net.fanin.reshape(-1, 2)
    high, low = pairs.max(axis=1), pairs.min(axis=1)
    deltas = np.stack([first + 2 * np.arange(len(pairs), dtype=np.int64) - high, high - low], axis=1)
    return b"".join([_header("aig", circuit), _latches(circuit, numbered=False), _outputs(circuit),
                     encode_deltas(deltas.ravel()), _symbols(circuit)])


def encode_ascii(circuit: Circuit) -> bytes:
    """Print a circuit as ASCII AIGER; one `%` for all ANDs costs 0.4 s a million."""
    net = circuit.netlist
    first = 1 + net.inputs
    inputs = "".join(f"{2 * (1 + k)}\n" for k in range(len(circuit.inputs)))
    lhs = 2 * np.arange(first, net.nodes, dtype=np.int64)
    rows = np.column_stack([lhs, net.fanin.reshape(-1, 2)]).ravel().tolist()
    ands = "%d %d %d\n" * net.gates % tuple(rows)
    return b"".join([_header("aag", circuit), inputs.encode(), _latches(circuit, numbered=True), _outputs(circuit),
                     ands.encode(), _symbols(circuit)])


def _header(magic: str, circuit: Circuit) -> bytes:
    net = circuit.netlist
    return (f"{magic} {net.nodes - 1} {len(circuit.inputs)} {len(circuit.latches)} {len(circuit.outputs)} "
            f"{net.gates}\n").encode()


def _latches(circuit: Circuit, *, numbered: bool) -> bytes:
    """Print `[literal] next [reset]` a line: no reset means 0, the latch itself means any value."""
    lines: list[str] = []
    following = circuit.netlist.outputs[len(circuit.outputs):].tolist()
    for k, (literal, reset) in enumerate(zip(following, circuit.resets, strict=True), 1 + len(circuit.inputs)):
        start = {0: "", 1: " 1", None: f" {2 * k}"}[reset]
        lines.append(f"{f'{2 * k} ' if numbered else ''}{literal}{start}\n")
    return "".join(lines).encode()


def _outputs(circuit: Circuit) -> bytes:
    return "".join(f"{literal}\n" for literal in circuit.netlist.outputs[:len(circuit.outputs)].tolist()).encode()


def _symbols(circuit: Circuit) -> bytes:
    """Print the symbol table, without the names that a reader gives by itself to bits without a symbol."""
    groups = (("i", circuit.inputs), ("l", circuit.latches), ("o", circuit.outputs))
    seen = Counter(name for _, names in groups for name in names)
    lines = (f"{prefix}{k} {name}\n" for prefix, names in groups for k, name in enumerate(names)
             if name != f"{prefix}{k}" or seen[name] > 1)
    return "".join(lines).encode()
