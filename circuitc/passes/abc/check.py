"""Check that what a logic optimizer answered is the function it was given: on all inputs, or on many."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import InternalError
from circuitc.ir import Func, Netlist, evaluate_words, module_of, print_module

EXHAUSTIVE_INPUTS = 16
WORDS = 256            # 64 patterns each
MAX_NUMBERS = 1 << 29  # words that a check computes; larger netlists are tried on fewer

_ALTERNATING = tuple(sum(1 << k for k in range(64) if k >> j & 1) for j in range(6))


def check_same(before: Netlist, after: Netlist, what: str, func: Func | None = None,
               words: int = WORDS) -> dict[str, Any]:
    """Compare two netlists on all inputs (at most 16), else on 64 * words random patterns, and answer the evidence.

    Raises an InternalError where they differ, with the pattern and, if the func is given, the program as a reproducer.
    """
    if (before.inputs, len(before.outputs)) != (after.inputs, len(after.outputs)):
        raise _broken(f"{what} answered {after.inputs} inputs and {len(after.outputs)} outputs for "
                      f"{before.inputs} and {len(before.outputs)}", func)
    given = all_patterns(before.inputs) if before.inputs <= EXHAUSTIVE_INPUTS else _some_patterns(before, words)
    wrong = evaluate_words(before, given) ^ evaluate_words(after, given)
    if wrong.any():
        output, word = (int(k) for k in np.argwhere(wrong)[0])
        bits = int(wrong[output, word])
        place = np.uint64((bits & -bits).bit_length() - 1)
        pattern = "".join(map(str, (given[:, word] >> place & np.uint64(1)).tolist()))
        raise _broken(f"{what} changed output bit {output} for the inputs {pattern} (first input bit first)", func)
    if before.inputs <= EXHAUSTIVE_INPUTS:
        return {"level": "exhausted", "vectors": 1 << before.inputs}
    return {"level": "simulated", "vectors": 64 * given.shape[1]}


def all_patterns(inputs: int) -> NDArray[np.uint64]:
    """Give every pattern once (at least 64 samples): uint64[inputs, words]; bit j of the sample's number is input j."""
    count = 1 << max(0, inputs - 6)
    rows = [np.full(count, _ALTERNATING[j], np.uint64) for j in range(min(inputs, 6))]
    number = np.arange(count)
    rows += [np.where(number >> j & 1, ~np.uint64(0), np.uint64(0)) for j in range(max(0, inputs - 6))]
    return np.array(rows, np.uint64).reshape(inputs, count)


def _some_patterns(netlist: Netlist, words: int) -> NDArray[np.uint64]:
    """Draw patterns: half uniform, a quarter each with few and with many ones, which wide gates need."""
    count = min(words, max(4, MAX_NUMBERS // netlist.nodes))
    rng = np.random.default_rng(0)
    a, b, c = rng.integers(0, 1 << 64, (3, netlist.inputs, count), dtype=np.uint64)
    quarter = count // 4
    a[:, :quarter] &= b[:, :quarter] & c[:, :quarter]
    a[:, quarter:2 * quarter] |= b[:, quarter:2 * quarter] | c[:, quarter:2 * quarter]
    return a


def _broken(message: str, func: Func | None) -> InternalError:
    broken = InternalError(message)
    if func is not None:
        broken.add_note(f"the program before:\n{print_module(module_of(func))}")
    return broken
