"""Write `.bench` in the form of ABC's `write_bench -l`: AND, NOT and BUFF lines, a DFF for each latch."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import numpy as np

from circuitc.backends.gate_level import Circuit, circuit_of, gate_level_faults
from circuitc.diagnostics import CircuitError, Diagnostic
from circuitc.ir import Module

_LEGAL = re.compile(r"[^\s()=,#]+")
_LATCH = {0: "DFF0", 1: "DFF1", None: "DFF"}


def write_bench(module: Module) -> Mapping[str, bytes]:
    """Print a module's entry as `.bench`; the initial value of a latch is kept as DFF0, DFF1 or DFF (any)."""
    faults = gate_level_faults(module, "bench")
    if faults:
        raise CircuitError(faults)
    circuit = circuit_of(module)
    signals = _Signals(circuit)
    return {"": ("\n".join(_lines(circuit, signals)) + "\n").encode()}


class _Signals:
    """The names of literals: ports keep theirs, gates theirs where that is legal and free, else `n` and the node."""

    def __init__(self, circuit: Circuit) -> None:
        net = circuit.netlist
        self._taken: set[str] = set()
        sources = [*circuit.inputs, *circuit.latches]
        outputs = dict(zip(circuit.outputs, net.outputs.tolist(), strict=False))
        _refuse_clashes(circuit, sources, outputs)
        self._taken.update(sources, outputs)
        self.plain: list[str] = ["", *sources]
        for node in range(len(self.plain), net.nodes):  # 0.6 us a gate
            wish = net.names.get(node, "").partition(" (")[0]
            if outputs.get(wish) == node << 1 or (wish not in self._taken and _LEGAL.fullmatch(wish)):
                self._taken.add(wish)
                self.plain.append(wish)
            else:
                self.plain.append(self._free(f"n{node}"))
        used = np.union1d(net.fanin, net.outputs)
        self.inverted = {int(f) >> 1: self._free(f"{self.plain[f >> 1]}_inv") for f in used if f & 1 and f > 1}
        self.constants = {int(f): self._free(("zero", "one")[f]) for f in used if f <= 1}

    def _free(self, wish: str) -> str:
        while wish in self._taken:
            wish += "_"
        self._taken.add(wish)
        return wish

    def __getitem__(self, literal: int) -> str:
        if literal <= 1:
            return self.constants[literal]
        return self.inverted[literal >> 1] if literal & 1 else self.plain[literal >> 1]


def _refuse_clashes(circuit: Circuit, sources: list[str], outputs: Mapping[str, int]) -> None:
    faults = [Diagnostic(f"{name!r} is not a name that bench can spell", circuit.func.span,
                         "names have no space, comma, parenthesis, = or #")
              for name in [*sources, *outputs] if not _LEGAL.fullmatch(name)]
    for node, name in enumerate(sources, 1):
        if outputs.get(name, node << 1) != node << 1:
            faults.append(Diagnostic(f"{name!r} is an input or a register and also another output, bench has one "
                                     "signal of a name", circuit.func.span, "rename one of them"))
    if faults:
        raise CircuitError(faults)


def _lines(circuit: Circuit, signals: _Signals) -> Iterator[str]:
    net = circuit.netlist
    yield from (f"INPUT({name})" for name in circuit.inputs)
    yield from (f"OUTPUT({name})" for name in circuit.outputs)
    following = net.outputs[len(circuit.outputs):].tolist()
    for name, reset, literal in zip(circuit.latches, circuit.resets, following, strict=True):
        yield f"{name} = {_LATCH[reset]}({signals[literal]})"
    yield from (f"{name} = {('gnd', 'vdd')[literal]}" for literal, name in signals.constants.items())
    sources = range(1, 1 + net.inputs)
    yield from (f"{signals.inverted[n]} = NOT({signals.plain[n]})" for n in sources if n in signals.inverted)
    for node, (a, b) in enumerate(net.fanin.reshape(-1, 2).tolist(), 1 + net.inputs):  # 1 us a gate
        yield f"{signals.plain[node]} = AND({signals[a]}, {signals[b]})"
        if node in signals.inverted:
            yield f"{signals.inverted[node]} = NOT({signals.plain[node]})"
    for name, literal in zip(circuit.outputs, net.outputs.tolist(), strict=False):
        if signals[literal] != name:
            yield f"{name} = BUFF({signals[literal]})"
