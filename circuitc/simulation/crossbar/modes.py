"""Ways to know the currents of a tile: ideal, without wires, exact, quick, from ngspice, and with devices that vary."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.crossbar.approximate import fast_transfer
from circuitc.backends.crossbar.margins import gate_margin, sum_error
from circuitc.backends.crossbar.transfer import transfer_matrix
from circuitc.diagnostics import error, nearest
from circuitc.ir import Module
from circuitc.simulation.ngspice import spice_currents

from .bundle import Bundle
from .machine import Currents, Machine, RegionMachine, Terms, machine_of

Floats = NDArray[np.float64]
MODES = ("ideal", "quant", "mc", "ir", "ir-fast", "spice", "certify")
MAX_SPICE_READS = 2000   # runs of ngspice; one takes a second on a tile of 32 x 32


def run_mode(module: Module, bundle: Bundle, inputs: Mapping[str, Any], mode: str) -> dict[str, Any]:
    """Run a program on its tiles in a mode that needs no chance; raw inputs and outputs as the interpreter's."""
    if mode not in MODES:
        raise error(f"there is no mode {mode!r}", help=nearest(mode, MODES))
    if mode == "ideal":
        return machine_of(module, bundle, ideal=True).run(inputs, ideal_currents(bundle))
    if mode == "quant":
        return without_wires(machine_of(module, bundle)).run(inputs, linear(bundle, target_conductances(bundle)))
    if mode == "spice":
        return machine_of(module, bundle).run(inputs, _spice(bundle))
    assert mode in ("ir", "ir-fast"), "the others are not runs of one machine"
    solve = transfer_matrix if mode == "ir" else fast_transfer
    matrices = _Solved(bundle, solve)
    return machine_of(module, bundle).run(inputs, lambda tile, lines: lines @ matrices[tile] / bundle.step)


def target_conductances(bundle: Bundle) -> Floats:
    """Give the conductance of every device, [tiles, rows, cols], in siemens: its target, or what a lab measured."""
    return bundle.conductances


def ideal_currents(bundle: Bundle) -> Currents:
    """Give currents that are the levels themselves: whole numbers, whatever the devices."""
    levels = bundle.levels.astype(np.float64)
    return lambda tile, lines: lines @ levels[tile]


def linear(bundle: Bundle, matrices: Floats) -> Currents:
    """Give currents from conductances (or transfer matrices), [tiles, rows, cols], in siemens."""
    return lambda tile, lines: lines @ matrices[tile] / bundle.step


@dataclass
class _Solved:
    """Transfer matrices, each solved when it is first asked for."""

    bundle: Bundle
    solve: Callable[..., Floats]

    def __post_init__(self) -> None:
        self._known: dict[int, Floats] = {}

    def __getitem__(self, tile: int) -> Floats:
        if tile not in self._known:
            self._known[tile] = self.solve(self.bundle.conductances[tile], self.bundle.wires)
        return self._known[tile]


def _spice(bundle: Bundle) -> Currents:
    """Ask ngspice for every different state of the wordlines."""
    g = target_conductances(bundle)

    def currents(tile: int, lines: Any) -> Floats:
        states, which = np.unique(lines, axis=0, return_inverse=True)
        if len(states) > MAX_SPICE_READS:
            raise error(f"tile {tile} is read in {len(states)} different states, spice takes {MAX_SPICE_READS}",
                        help="give fewer inputs, or use the mode ir, which agrees with spice")
        v = bundle.map.physics.v_read
        found = np.array([spice_currents(g[tile], state * v, bundle.wires) / v for state in states])
        return (found / bundle.step)[which.reshape(-1)]

    return currents


def without_wires(machine: Machine) -> Machine:
    """Set references, gains and offsets anew for wires that drop nothing."""
    return calibrated(machine, target_conductances(machine.bundle))


def calibrated(machine: Machine, matrices: Floats) -> Machine:
    """Set references, gains and offsets anew for these transfer matrices, [tiles, rows, cols] in siemens."""
    e = matrices / machine.bundle.step
    regions = {name: replace(m, terms=tuple(_calibrated(m, t, e[t.tile], machine.bundle.levels[t.tile])
                                            for t in m.terms)) for name, m in machine.regions.items()}
    return replace(machine, regions=regions)


def _calibrated(machine: RegionMachine, terms: Terms, g: Floats, levels: Any) -> Terms:
    signals, digits = g[terms.lines] @ terms.sense, levels[terms.lines] @ terms.sense
    moved = np.where(terms.inverse, -1, 1)[:, None]
    offset = signals[terms.inverse].sum(0)
    gain, reference = terms.gain.copy(), terms.reference.copy()
    inputs, at = np.unique(terms.inputs, return_inverse=True)
    for k, output in enumerate(terms.output.tolist()):
        w = np.rint(np.bincount(at, (moved * digits)[:, k], len(inputs))).astype(np.int64)
        e = np.bincount(at, (moved * signals)[:, k], len(inputs)).astype(np.float64)
        least = machine.region.outputs[output].least
        if np.isfinite(reference[k]) and least is not None:
            reference[k] = gate_margin(w, e, least).reference + offset[k]
        else:
            gain[k] = sum_error(w, e).gain
    return replace(terms, gain=gain, offset=offset, reference=reference)
