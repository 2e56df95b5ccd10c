"""Quantizers as staircases: every integer of small ranges, every mode, against one division at a time."""

from __future__ import annotations

from fractions import Fraction
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.ir import Builder, Func, Port, module_of, parse_type, run, verify_module
from circuitc.models.scaled import ZERO, Scaled, quantize
from circuitc.models.steps import Line, Quantizer, Rounding, multiply, reals, staircase

MODES = get_args(Rounding)
fractions = st.builds(Fraction, st.integers(-40, 40), st.sampled_from([1, 2, 3, 4, 7, 8]))
positive = st.builds(Fraction, st.integers(1, 30), st.sampled_from([1, 2, 3, 4, 7, 8]))


def whole(*values: int) -> Any:
    return np.array(values, dtype=object)


def real_of(line: Line, k: int, n: int) -> Fraction:
    value = line.slope.ravel()[k] * n + line.offset.ravel()[k]
    value = value if line.low is None else max(value, line.low)
    return value if line.high is None else min(value, line.high)


@pytest.mark.parametrize("mode", MODES)
@settings(max_examples=20, deadline=None)
@given(slopes=st.lists(fractions, min_size=2, max_size=2), offsets=st.lists(fractions, min_size=2, max_size=2),
       scale=positive, zero=st.integers(-3, 3), low=st.none() | fractions, high=st.none() | fractions)
def test_steps_are_where_single_divisions_change(mode: Any, slopes: Any, offsets: Any, scale: Any, zero: int, low: Any,
                                                 high: Any) -> None:
    if low is not None and high is not None and low > high:
        low, high = high, low
    line = Line(reals(np.array(slopes)), reals(np.array(offsets)), low, high)
    q = Quantizer(reals(scale), whole(zero).reshape(()), -4, 5, mode)
    steps = staircase(line, q, -20, 20)
    found = multiply(line, q, steps, -20, 20)
    for k in range(2):
        for n in range(-20, 21):
            wanted = q.apply(real_of(line, k, n), scale, Fraction(zero))
            reached = sum(int((n >= first) != steps.falls[k]) for first in steps.first[k])
            assert q.lowest + reached == wanted
            if found is not None:
                total = n * int(found.factor[k]) + int(np.broadcast_to(found.bias, 2)[k])
                quotient = round(Fraction(total, 1 << found.shift)) if found.rounding == "nearest_even" else (
                    total >> found.shift)
                ends = [q.apply(v, scale, Fraction(zero)) if v is not None else d for v, d in ((low, -4), (high, 5))]
                assert min(max(quotient, ends[0]), ends[1]) == wanted


@settings(max_examples=30, deadline=None)
@given(slopes=st.lists(fractions, min_size=3, max_size=3), offset=fractions, scale=positive,
       mode=st.sampled_from(MODES), bits=st.sampled_from([1, 2, 3, 4, 6, 8]), signed=st.booleans(),
       zero=st.integers(-3, 3), fraction=st.sampled_from([0, 2]), sign=st.booleans())
def test_programs_quantize_as_single_divisions_do(slopes: Any, offset: Any, scale: Any, mode: Any, bits: int,
                                                  signed: bool, zero: int, fraction: int, sign: bool) -> None:
    t = parse_type(f"fx<6,{fraction}>")
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    b = Builder()
    x = Scaled(b.input("x", t.with_shape((3,))), (1, 3), reals(np.array(slopes)), reals(offset))
    q = Quantizer(reals(scale), whole(zero).reshape(()), low, high, mode, sign)
    y = quantize(b, x, q)
    assert y is not None
    graph = b.finish([y.value])
    func = Func("f", (Port("x", t.with_shape((3,))),), (Port("y", b.type(y.value)),), graph)
    module = module_of(func)
    verify_module(module)
    raw = np.arange(t.lowest, t.highest + 1)
    answer = run(module, {"x": np.stack([raw] * 3, axis=1)})["y"]
    point = Fraction(2)**(0 if b.type(y.value).is_spin else -b.type(y.value).fraction)
    got_scale = np.broadcast_to(y.scale, (1, 3))[0]
    for n, row in zip(raw.tolist(), answer.tolist(), strict=True):
        for k in range(3):
            level = q.apply(slopes[k] * Fraction(n, 1 << fraction) + offset, scale, Fraction(zero))
            wanted = level * scale if sign else (level - zero) * scale
            assert row[k] * point * got_scale[k] == wanted


def test_a_power_of_two_is_one_requantize() -> None:
    b = Builder()
    x = Scaled(b.input("x", parse_type("fx<12,6>[4]")), (1, 4), reals(Fraction(1, 4)), ZERO)
    y = quantize(b, x, Quantizer(reals(Fraction(1, 8)), whole(0).reshape(()), -8, 7))
    assert y is not None
    assert [n.op for n in b.nodes] == ["input", "shift", "requantize"]
    assert str(b.type(y.value)) == "fx<4,3>[4]"


def test_many_levels_are_one_multiply_and_few_are_compared() -> None:
    for bits, op in ((8, "mul"), (2, "le")):
        b = Builder()
        x = Scaled(b.input("x", parse_type("i16[4]")), (1, 4), reals(Fraction(3, 7)), reals(Fraction(1, 3)))
        assert quantize(b, x, Quantizer(reals(Fraction(5, 3)), whole(0).reshape(()), 0, (1 << bits) - 1)) is not None
        assert op in {n.op for n in b.nodes}
        assert {"mul", "le"} - {op} - {n.op for n in b.nodes}
