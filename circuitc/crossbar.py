"""Bundles of the crossbar target as objects: their cells, their physics, and what they compute.

    bundle = circuitc.crossbar.load("out.xbar")
    bundle.cells["level"], bundle.transfer(0), bundle.run({"x": x}, mode="ir"), bundle.certificate()
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from circuitc.backends.crossbar.array import Array
from circuitc.backends.crossbar.backend import CROSSBAR
from circuitc.backends.crossbar.fault_file import read_faults
from circuitc.backends.crossbar.transfer import transfer_matrix
from circuitc.build import REPORT, changed_files, read_json
from circuitc.diagnostics import CircuitError, Diagnostic
from circuitc.diagnostics import error as user_error
from circuitc.driver import load as load_model
from circuitc.driver import rewrite
from circuitc.ir import OPS, Graph, Module
from circuitc.proof.crossbar import region_differences
from circuitc.simulation.crossbar.agreement import disagreements
from circuitc.simulation.crossbar.bundle import Bundle, load_bundle
from circuitc.simulation.crossbar.bundle import changed_files as changed_since_map
from circuitc.simulation.crossbar.certificates import Finding, findings
from circuitc.simulation.crossbar.energy import Descent, descents
from circuitc.simulation.crossbar.exhaustion import Tried, exhausted
from circuitc.simulation.crossbar.lab import Lab
from circuitc.simulation.crossbar.machine import machine_of
from circuitc.simulation.crossbar.measured import measured_cells, read_measured, run_as_it_is, run_measured
from circuitc.simulation.crossbar.modes import linear, run_mode
from circuitc.simulation.crossbar.montecarlo import Trial, trials
from circuitc.simulation.crossbar.readback import Readback, read_back
from circuitc.simulation.crossbar.readback_file import read_notes
from circuitc.simulation.crossbar.reservoir import sampled_map


@dataclass(frozen=True)
class Program:
    """A program with the bundle that holds its regions."""

    folder: Path
    bundle: Bundle

    @cached_property
    def module(self) -> Module:
        """The program, `program.ccir`."""
        return load_model(self.folder / "program.ccir")

    @cached_property
    def array(self) -> Array:
        """The hardware description, `array.toml`."""
        return Array.load(self.folder / "array.toml")

    @property
    def cells(self) -> Mapping[str, Any]:
        """The table of devices: an array for each column of `cells.csv`."""
        return self.bundle.table.columns

    @property
    def tiles(self) -> int:
        return len(self.bundle.map.tiles)

    @property
    def on_arrays(self) -> dict[str, tuple[int, int]]:
        """The matrices that lie on arrays, [outputs, inputs] each, by the names of their funcs."""
        return {r.func: (len(r.outputs), r.inputs) for r in self.bundle.map.regions}

    @property
    def digital(self) -> dict[str, int]:
        """The ops that do not, and how many there are of each in the program: the digital periphery computes them."""
        bodies = [f.body for f in self.module.funcs.values() if not f.target and isinstance(f.body, Graph)]
        counts = Counter(b.nodes[v].op for b in bodies for v in b.live)
        return {op: counts[op] for op in sorted(counts) if op in OPS}

    def conductances(self, tile: int) -> Any:
        """Give a tile's conductances, [rows, cols] in siemens: the targets, or what a lab measured."""
        return self.bundle.conductances[tile]

    def transfer(self, tile: int) -> Any:
        """Solve a tile: the current into each sense node for one volt on each wordline, [rows, cols] in siemens."""
        return transfer_matrix(self.conductances(tile), self.bundle.wires)

    def run(self, inputs: Mapping[str, Any], mode: str = "ir") -> dict[str, Any]:
        """Run the program on its tiles, in the mode ideal, quant, ir, ir-fast or spice.

        Raw numbers go in and come out, as with `circuitc.run`.
        """
        return run_mode(self.module, self.bundle, inputs, mode)

    def run_measured(self, inputs: Mapping[str, Any], path: str | Path, *,
                     unprogrammed: bool = False) -> dict[str, Any]:
        """Run it on conductances that were measured: a CSV file `tile,row,col,g_S`.

        With `unprogrammed` they are what they are: each matrix is read with the gain that gives it the model's size.
        """
        run = run_as_it_is if unprogrammed else run_measured
        return run(self.module, self.bundle, inputs, path)

    def sample(self, seed: int = 0, sigma: float = 0.4, *, unprogrammed: bool = False) -> str:
        """Draw conductances of the devices in use, lognormal about their targets, as such a CSV file."""
        return sampled_map(self.bundle, seed, sigma, unprogrammed=unprogrammed)

    def descents(self, measured: str | Path | None = None, *, states: int = 100, seed: int = 0) -> list[Descent]:
        """Update its symmetric layers unit by unit, wires solved exactly, and count where the energy of Hopfield rises.

        Devices are on target, or as a CSV file `tile,row,col,g_S` says.
        """
        g = self.bundle.conductances if measured is None else read_measured(measured, self.bundle)
        currents = linear(self.bundle, np.array([transfer_matrix(tile, self.bundle.wires) for tile in g]))
        return descents(machine_of(self.module, self.bundle), currents, states=states, seed=seed)

    def trials(self, inputs: Mapping[str, Any], *, seeds: int, **options: Any) -> Iterator[Trial]:
        """Run it on arrays whose devices vary as `array.toml` says, one for each seed."""
        return trials(self.module, self.bundle, inputs, self.array.variation, seeds=seeds, **options)

    def lab(self, seed: int = 0, attempts: int = 1) -> Lab:
        """Make a simulated array to program and to measure, whose devices vary and stick as `array.toml` says."""
        return Lab(self.bundle, self.array.variation, seed, attempts)

    def read_back(self, measured: str | Path, out: str | Path | None = None, *, faults: str | Path | None = None,
                  error: float = 0.0) -> Readback:
        """Certify the bundle from what a lab measured, and choose what to write again and what to move.

        `measured` is a CSV file `tile,row,col,g_S`, `error` the share of itself by which a value may be off, `faults` a
        CSV file `tile,row,col,kind` of devices known to be bad. With `out` the next bundle is written there.
        """
        if not 0 <= error < 1:
            raise user_error(f"an error of {error} of a measurement is none (0 to 1)")
        self._refuse_inconsistent()
        shape = self.bundle.levels.shape
        cells = measured_cells(measured, self.bundle)
        known = read_faults(faults, *self.bundle.shape) if faults is not None else []
        if len(known) > self.tiles:
            raise user_error(f"{faults}: names tile {len(known) - 1}, the bundle has {self.tiles}")
        found = read_back(self.bundle, self.module, cells, notes=read_notes(self.folder, shape), faults=known,
                          error=error, certify=self._certify())
        if out is not None:
            emission = CROSSBAR.emit(found.design)
            rewrite(self.module, "crossbar", replace(emission, files={**emission.files, **found.files()}), out)
        return found

    def _refuse_inconsistent(self) -> None:
        """Refuse a bundle that contradicts itself or its program; weights that known faults leave wrong do not."""
        found = [*disagreements(self.bundle), *(f"map.json: the program has no region @{r.func}"
                                                for r in self.bundle.map.regions if r.func not in self.module.funcs)]
        if not found and not any(r.wrong_weights for r in self.bundle.map.regions):
            found = list(region_differences(self.module, self.bundle))
        if found:
            raise CircuitError([Diagnostic(f"{self.folder}: {f}") for f in found[:5]])

    def _certify(self) -> str:
        figures = read_json(self.folder, REPORT).get("figures")
        asked = figures.get("certify") if isinstance(figures, dict) else ""
        return asked if asked in ("nominal", "window") else ""

    def certificate(self) -> list[Finding]:
        """Solve every tile again and say of each output whether it is certified."""
        return list(findings(self.bundle))

    def exhausted(self) -> list[Tried]:
        """Try every state of the inputs on each tile that at most 16 inputs drive, through its transfer matrix."""
        return list(exhausted(self.bundle))

    def faults(self, *, hashes: bool = True) -> list[str]:
        """Say all that is wrong: between the table and the map, against the program, in certificates, in files.

        The function is rebuilt from `cells.csv` and `map.json` alone; without `hashes` no digest is looked at.
        """
        found = [*disagreements(self.bundle), *region_differences(self.module, self.bundle)]
        if not found:
            found = [fault for finding in self.certificate() for fault in finding.faults]
        if hashes:
            changed = sorted({*changed_files(self.folder), *changed_since_map(self.bundle)})
            found += [f"{name} changed since the bundle was made" for name in changed]
        return found


def load(folder: str | Path) -> Program:
    """Open a bundle; a CircuitError says what is wrong with its files."""
    return Program(Path(folder), load_bundle(folder))


__all__ = ["Program", "load"]
