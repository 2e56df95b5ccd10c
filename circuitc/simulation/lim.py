"""Run a program of logic in memory on many rows at once, 64 rows a word: every cell is a column of bits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.lim.program import FALSE, TRUE, Op, Program
from circuitc.diagnostics import error
from circuitc.formats.lim import Bundle
from circuitc.ir import flatten_bits, pack_words, parse_type, unflatten_bits, unpack_words

Words = NDArray[np.uint64]
_ONES = np.uint64(0xFFFFFFFFFFFFFFFF)
_MOST_WORDS = 1 << 27   # of all cells together, 1 GB


def run_program(program: Program, inputs: Words, garbage: int = 0) -> Words:
    """Play every operation: uint64[input bits, words] in, uint64[output bits, words] out; rows are bits of the words.

    Cells begin with chance content (by the seed `garbage`), so a program that reads what it did not write shows it.
    """
    words = inputs.shape[1]
    if program.row * words > _MOST_WORDS:
        raise error(f"{64 * words} samples on a row of {program.row} cells are too many at once")
    rng = np.random.default_rng(garbage)
    cells = rng.integers(0, 1 << 64, (program.row, words), dtype=np.uint64)
    constants = {TRUE: np.full(words, _ONES), FALSE: np.zeros(words, np.uint64)}
    operands, offset = program.inputs.tolist(), program.offset.tolist()
    loaded = False
    rows = zip(program.step.tolist(), program.op.tolist(), program.output.tolist(), strict=True)
    for k, (step, op, output) in enumerate(rows):
        if step and not loaded:
            cells[list(program.input_cells)] = inputs
            loaded = True
        fanins = operands[offset[k]:offset[k + 1]]
        if op == Op.INIT:
            cells[output] = _ONES
        elif op == Op.NOR:   # the output can only go from 1 to 0: what was not initialised stays as it is
            cells[output] &= ~np.bitwise_or.reduce(cells[fanins], axis=0)
        else:
            p, q = (constants[f] if f in constants else cells[f] for f in fanins)
            z = cells[output]
            cells[output] = (p & ~q) | (z & (p | ~q))
    if not loaded:
        cells[list(program.input_cells)] = inputs
    return cells[list(program.output_cells)]


def run_bundle(bundle: Bundle, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Run a program of a function on raw numbers by port name, as `circuitc.run` does; a sample is a row."""
    map_ = bundle.map
    if map_.registers or map_.schedule != "once":
        raise error("the program is one step of a sequential circuit: run its model, or the step by `run_program`")
    types = [[parse_type(p.type) for p in side] for side in (map_.inputs, map_.outputs)]
    bits = flatten_bits(types[0], [np.asarray(inputs[p.name]) for p in map_.inputs])
    answer = unpack_words(run_program(bundle.program, pack_words(bits.T)), len(bits)).T
    return dict(zip((p.name for p in map_.outputs), unflatten_bits(types[1], answer), strict=True))
