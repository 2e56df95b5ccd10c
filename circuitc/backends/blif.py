"""The BLIF target: one table a gate and one `.latch` a register bit, as ABC, Yosys and VPR read them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from circuitc.diagnostics import Diagnostic, nearest
from circuitc.ir import Kind, Module, Netlist

from .base import Emission
from .gate_level import Circuit, circuit_of, gate_level_faults, port_map

_LEGAL = re.compile(r"[^\s#\\=.][^\s#\\=]*")
_XOR = 0b0110
_MAJ = 0b11101000


class Blif:
    """Write the entry func as a BLIF model: gates stay what they are, threshold gates become ANDs. No options."""

    name: str = "blif"

    def check(self, module: Module, options: Mapping[str, str]) -> list[Diagnostic]:
        """Collect options, bodies that are not gates, and schedules and names that BLIF cannot say."""
        faults = [Diagnostic(f"blif has no option {key!r}", help=nearest(key, [])) for key in options]
        found = gate_level_faults(module, "blif")
        return faults + (found or _name_faults(circuit_of(module)))

    def build(self, module: Module, options: Mapping[str, str]) -> Circuit:
        """Take the gates as they are where BLIF has tables for them."""
        circuit, body = circuit_of(module), module.entry.body
        assert isinstance(body, Netlist), "checked before"
        return circuit if np.any(body.kind == Kind.THRESHOLD) else replace(circuit, netlist=body)

    def emit(self, design: Circuit) -> Emission:
        """Print the file; the port map says which bit is which."""
        main = f"{design.file_stem}.blif"
        content = ("\n".join(_lines(design, _Signals(design))) + "\n").encode()
        figures = {"tables": design.netlist.gates, "latches": len(design.latches), "depth": design.netlist.depth}
        return Emission(main, {main: content}, port_map(design), figures)


BLIF = Blif()


def _name_faults(circuit: Circuit) -> list[Diagnostic]:
    sources = (*circuit.inputs, *circuit.latches)
    faults = [Diagnostic(f"{name!r} is not a name that blif can spell", circuit.func.span,
                         "names have no space, #, = or backslash, and do not begin with a point")
              for name in (*sources, *circuit.outputs) if not _LEGAL.fullmatch(name)]
    outputs = dict(zip(circuit.outputs, circuit.netlist.outputs.tolist(), strict=False))
    for node, name in enumerate(sources, 1):
        if outputs.get(name, node << 1) != node << 1:
            faults.append(Diagnostic(f"{name!r} is an input or a register and also another output, blif has one "
                                     "signal of a name", circuit.func.span, "rename one of them"))
    return faults


class _Signals:
    """The names of nodes: ports keep theirs, gates theirs where that is legal and free, else `n` and the node."""

    def __init__(self, circuit: Circuit) -> None:
        net = circuit.netlist
        outputs = dict(zip(circuit.outputs, net.outputs.tolist(), strict=False))
        sources = (*circuit.inputs, *circuit.latches)
        self._taken = {*sources, *outputs}
        self.nodes = [self.free("false"), *sources]
        for node in range(len(self.nodes), net.nodes):
            wish = net.names.get(node, "").partition(" (")[0]
            if outputs.get(wish) == node << 1 or (wish not in self._taken and _LEGAL.fullmatch(wish)):
                self._taken.add(wish)
                self.nodes.append(wish)
            else:
                self.nodes.append(self.free(f"n{node}"))

    def free(self, wish: str) -> str:
        """Take a name that no one has, as near to the wish as may be."""
        while wish in self._taken:
            wish += "_"
        self._taken.add(wish)
        return wish


def _lines(circuit: Circuit, signals: _Signals) -> Iterator[str]:
    net, name = circuit.netlist, signals.nodes
    yield f".model {circuit.file_stem}"
    yield from _listed(".inputs", circuit.inputs)
    yield from _listed(".outputs", circuit.outputs)
    following = net.outputs[len(circuit.outputs):].tolist()
    inverted = {literal: signals.free(f"{name[literal >> 1]}_inv") for literal in sorted(set(following)) if literal & 1}
    for latch, reset, literal in zip(circuit.latches, circuit.resets, following, strict=True):
        yield f".latch {inverted.get(literal) or name[literal >> 1]} {latch} {3 if reset is None else reset}"
    if np.any(net.fanin <= 1) or 0 in following:
        yield f".names {name[0]}"
    fanin, offset = net.fanin.tolist(), net.offset.tolist()
    kinds = net.kind.tolist()
    for node in range(1 + net.inputs, net.nodes):
        fanins = fanin[offset[node]:offset[node + 1]]
        yield " ".join([".names", *[name[f >> 1] for f in fanins], name[node]])
        yield from _rows(kinds[node], fanins, net.table(node) if kinds[node] == Kind.LUT else 0)
    for literal, label in inverted.items():
        yield from _wire(literal, label, name)
    for label, literal in zip(circuit.outputs, net.outputs.tolist(), strict=False):
        if literal & 1 or name[literal >> 1] != label:
            yield from _wire(literal, label, name)
    yield ".end"


def _listed(word: str, names: Sequence[str]) -> Iterator[str]:
    """List names, ten a line."""
    for k in range(0, max(1, len(names)), 10):
        more = " \\" if k + 10 < len(names) else ""
        yield " ".join([word if k == 0 else "", *names[k:k + 10]]) + more


def _wire(literal: int, label: str, name: Sequence[str]) -> Iterator[str]:
    if literal <= 1:
        yield f".names {label}"
        if literal:
            yield "1"
    else:
        yield f".names {name[literal >> 1]} {label}"
        yield "0 1" if literal & 1 else "1 1"


def _rows(kind: int, fanins: Sequence[int], table: int) -> Iterator[str]:
    """Print the rows of a gate; inverted fan-ins become zeros in them."""
    signs = sum((f & 1) << j for j, f in enumerate(fanins))
    if kind == Kind.AND:
        yield _cube(0b11 ^ signs, 2) + " 1"
        return
    table = {Kind.XOR: _XOR, Kind.MAJ: _MAJ}.get(Kind(kind), table) & (1 << (1 << len(fanins))) - 1
    size = 1 << len(fanins)
    if table + 1 == 1 << size:  # without rows it would be read as 0
        yield "-" * len(fanins) + " 1"
        return
    value = int(2 * table.bit_count() <= size)   # the shorter of the two covers
    for i in range(size):
        if table >> i & 1 == value:
            yield f"{_cube(i ^ signs, len(fanins))} {value}"


def _cube(place: int, width: int) -> str:
    return "".join(str(place >> j & 1) for j in range(width))
