"""Which form a sparse matrix of bytes gets: the dense product, or one that skips single zeros."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from circuitc.backends.llvm import sparse
from circuitc.backends.llvm.body import Body
from circuitc.backends.llvm.semiring import Sums
from circuitc.backends.llvm.slices import window_of
from circuitc.backends.llvm.target import Target
from circuitc.ir import parse_type

FULL = Target("x86_64-unknown-linux-gnu", "znver5", "", 512, ternary=True, vnni=True, permutes_bytes=True)
NO_WINDOWS = Target("x86_64-unknown-linux-gnu", "alderlake", "", 256, ternary=False, vnni=True)
NO_BYTES = Target("x86_64-unknown-linux-gnu", "skylake-avx512", "", 512, ternary=True)


def dense_is_quicker(zeros: float, target: Target, element: str = "i8") -> bool:
    rng = np.random.default_rng(0)
    x = parse_type(element)
    result = x if x.is_float else parse_type("i32")
    sums = Sums("plus_times", (x, x), result, None, 32, 0, signed=True)
    weights = rng.integers(-127, 128, (128, 128)) * (rng.random((128, 128)) >= zeros)
    body = cast(Body, SimpleNamespace(unit=SimpleNamespace(target=target)))
    array: Any = weights.astype(np.float32) if x.is_float else weights
    return sparse._dense_is_quicker(body, x, array, sums, window_of(target, x, array, sums))


@pytest.mark.parametrize(("zeros", "target", "element", "dense"), [
    (0.5, FULL, "i8", True), (0.97, FULL, "i8", False),
    (0.5, NO_WINDOWS, "i8", True), (0.97, NO_WINDOWS, "i8", False),  # there a number costs an instruction
    (0.5, NO_BYTES, "i8", False), (0.5, FULL, "f32", False), (0.5, FULL, "i16", False)])
def test_bytes_are_multiplied_densely_until_most_are_zero(zeros: float, target: Target, element: str,
                                                          dense: bool) -> None:
    assert dense_is_quicker(zeros, target, element) == dense
