"""Show that a program of logic in memory computes what its model does: rebuilt from its files, and proved equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.gate_level import circuit_of
from circuitc.diagnostics import error
from circuitc.formats.lim import read_bundle
from circuitc.ir import Module, evaluate_words
from circuitc.passes.abc.check import EXHAUSTIVE_INPUTS, all_patterns
from circuitc.simulation.lim import run_program

from .certificate import digest
from .emitted import each_step, step_module
from .equivalence import verify
from .verdict import Verdict

READER = "circuitc's reader of programs"
WORDS = 64   # of random patterns, 64 in a word, where the inputs are too many for all


def verify_program(module: Module, files: Mapping[str, bytes], *, seconds: float, method: str = "auto",
                   proof: str = "") -> Verdict:
    """Rebuild the function from `map.json` and `ops.csv` alone, and compare it with a program's (or its step's).

    `module` has gates or lowers to gates; of registers the next values are compared, from any state.
    """
    theirs = read_bundle(files).module()
    mine = each_step(module)
    clocked = bool(mine.entry.registers)
    verdict = verify(step_module(mine) if clocked else mine, step_module(theirs) if clocked else theirs, method,
                     seconds=seconds, proof=proof)
    what = f"one step of @{mine.entry.name} from any state" if clocked else f"the program for @{mine.entry.name}"
    return replace(verdict, subject=what, reader=READER, artefact=digest(files["map.json"]))


def play_program(module: Module, files: Mapping[str, bytes]) -> int:
    """Play the operations on rows of cells, compare with the gates of a module, and answer how many rows there were.

    Few inputs are tried in all patterns. A difference raises a CircuitError.
    """
    bundle = read_bundle(files)
    given = patterns(len(bundle.program.input_cells))
    wrong = np.argwhere(run_program(bundle.program, given) ^ evaluate_words(circuit_of(module).netlist, given))
    if len(wrong):
        raise error(f"played on cells, the program has output bit {wrong[0][0]} wrong")
    return 64 * given.shape[1]


def patterns(inputs: int) -> NDArray[np.uint64]:
    """Give all patterns of few inputs, else random ones: uint64[inputs, words]."""
    if inputs <= EXHAUSTIVE_INPUTS:
        return all_patterns(inputs)
    return np.random.default_rng(0).integers(0, 1 << 64, (inputs, WORDS), dtype=np.uint64)
