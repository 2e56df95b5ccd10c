"""Numbers at the edge of a program: bits, encodings, random numbers, constants."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.diagnostics import CircuitError
from circuitc.ir import (
    BIT,
    F32,
    SPIN,
    Constant,
    Encoding,
    Port,
    Type,
    decode,
    encode,
    fixed,
    flatten_bits,
    parse_type,
    random_raw,
    ufixed,
    unflatten_bits,
)

EXACT = st.builds(lambda t, shape: t.with_shape(tuple(shape)), st.one_of(
    st.just(SPIN), st.builds(Type, st.just("fixed"), st.integers(1, 64), st.integers(-3, 9), st.booleans())),
    st.lists(st.integers(1, 3), max_size=3))


@settings(deadline=None)
@given(st.lists(EXACT, min_size=1, max_size=4), st.integers(0, 2**32 - 1))
def test_bits_and_back(types: list[Type], seed: int) -> None:
    rng = np.random.default_rng(seed)
    raws = [random_raw(t, 3, rng) for t in types]
    bits = flatten_bits(types, raws)
    assert bits.shape == (3, sum(t.bits for t in types))
    for t, before, after in zip(types, raws, unflatten_bits(types, bits), strict=True):
        assert after.dtype == t.dtype
        np.testing.assert_array_equal(before, after)


def test_the_order_of_bits() -> None:
    types = [ufixed(3, 0, (2,)), SPIN, fixed(2)]
    bits = flatten_bits(types, [np.array([[1, 6]]), np.array([1]), np.array([-2])])
    assert bits.tolist() == [[1, 0, 0, 0, 1, 1, 1, 0, 1]], "port order, row major, least significant bit first"
    assert bits.dtype == np.uint8


def test_no_ports_have_no_bits() -> None:
    assert flatten_bits([], []).shape == (1, 0)
    assert unflatten_bits([], np.zeros((5, 0), np.uint8)) == []


@pytest.mark.parametrize(("type_text", "encoding", "real", "raw"), [
    ("u8", Encoding(), 7, 7), ("fx<8,4>", Encoding(), 1.5, 24), ("fx<8,4>", Encoding(), 0.03125, 0),
    ("fx<8,4>", Encoding(), 0.09375, 2), ("ufx<8,-3>", Encoding(), 40, 5), ("ufx<8,-3>", Encoding(), 12, 2),
    ("u8", Encoding(scale=1 / 255), 0.2, 51), ("i8", Encoding(scale=0.5, zero_point=-3), 2.0, 1),
    ("u64", Encoding(), 2**64 - 1, 2**64 - 1), ("i64", Encoding(), -2**63, -2**63), ("spin", Encoding(), -1, -1),
    ("spin", Encoding(), 0, -1), ("bit", Encoding(), True, 1), ("f32", Encoding(), 0.1, np.float32(0.1)),
    ("bit[3]", Encoding(levels=(0.0, 1.0, 2.0)), 1.5, [1, 1, 0]),
    ("bit[2]", Encoding(levels=(0.0, 1.0)), [1, 1], [1, 1]), ("fx<64,8>", Encoding(), 2**55 - 1, (2**55 - 1) << 8),
])
def test_encode(type_text: str, encoding: Encoding, real: Any, raw: Any) -> None:
    port = Port("x", parse_type(type_text), encoding=encoding)
    values = np.array([real], dtype=object if "64" in type_text else None)
    answer = encode(port, values)
    assert answer.dtype == port.type.dtype
    assert answer.tolist() == np.array([raw]).tolist()


@pytest.mark.parametrize(("type_text", "values", "message"), [
    ("u8", [256], r"input x\[0\] is 256, which u8 does not hold"), ("u8", [-1], "which u8 does not hold"),
    ("u8", [[1]], r"input x takes shape \[batch\], got \[1, 1\]"),
    ("u8", [float("nan")], "a number that is not finite"),
    ("u8", [float("inf")], "a number that is not finite"), ("u8", ["1"], "input x takes numbers, got"),
    ("u8[2]", [1, 2], r"input x takes shape \[batch, 2\], got \[2\]"), ("spin", [2], "which spin does not hold"),
    ("spin", [0, -1], "which spin does not hold"), ("fx<8,4>", [1e300], "which fx<8,4> does not hold"),
    ("u8", [1 + 2j], "input x takes numbers"), ("i64", [9.3e18], "which i64 does not hold"),
])
def test_what_a_port_refuses(type_text: str, values: list[Any], message: str) -> None:
    with pytest.raises(CircuitError, match=message):
        encode(Port("x", parse_type(type_text)), np.array(values))


def test_encode_takes_steps() -> None:
    port = Port("x", ufixed(4, 0, (2,)), "step")
    assert encode(port, np.ones((1, 5, 2)), lead=2).shape == (1, 5, 2)
    with pytest.raises(CircuitError, match=r"takes shape \[batch, steps, 2\], got \[5, 2\]"):
        encode(port, np.ones((5, 2)), lead=2)


@settings(deadline=None)
@given(st.integers(1, 53), st.integers(-20, 20), st.booleans(), st.integers(0, 2**32 - 1))
def test_decode_inverts_encode(width: int, fraction: int, signed: bool, seed: int) -> None:
    t = Type("fixed", width, fraction, signed, (4,))
    port = Port("x", t, encoding=Encoding(scale=0.25, zero_point=0))
    raw = random_raw(t, 3, np.random.default_rng(seed))
    np.testing.assert_array_equal(encode(port, decode(port, raw)), raw)


def test_decode_keeps_whole_numbers_whole() -> None:
    assert decode(Port("x", ufixed(64)), np.array([2**64 - 1], dtype=object)).tolist() == [2**64 - 1]
    assert decode(Port("x", fixed(8, 4)), np.array([24])).tolist() == [1.5]


@pytest.mark.parametrize("text", ["bit", "spin", "i1", "i2", "u64", "i64", "fx<3,1>"])
def test_random_numbers_reach_the_ends(text: str) -> None:
    t = parse_type(text)
    raw = random_raw(t, 4000, np.random.default_rng(0))
    assert raw.dtype == t.dtype
    assert t.lowest <= min(raw.tolist())
    assert max(raw.tolist()) <= t.highest
    if t.width < 4:
        wanted = {-1, 1} if t.is_spin else set(range(t.lowest, t.highest + 1))
        assert set(raw.tolist()) == wanted
    else:
        assert max(raw.tolist()) > t.highest * 0.99


def test_constants_compare_by_content() -> None:
    t = ufixed(8, 0, (2,))
    a, b = Constant(t, [1, 2]), Constant(t, np.array([1, 2], np.uint8))
    assert a == b
    assert hash(a) == hash(b)
    assert a != Constant(t, [2, 1])
    assert a != Constant(fixed(9, 0, (2,)), [1, 2])
    assert a != Constant(t, [1, 2], "csr")
    assert Constant(F32, 0.0) != Constant(F32, -0.0)
    assert Constant(F32, float("nan")) == Constant(F32, -float("nan"))


def test_a_constant_is_read_only_and_its_own() -> None:
    source = np.array([1, 2])
    constant = Constant(ufixed(8, 0, (2,)), source)
    source[0] = 9
    assert constant.array.tolist() == [1, 2]
    with pytest.raises(ValueError, match="read-only"):
        constant.array[0] = 5


@pytest.mark.parametrize(("t", "values", "message"), [
    (BIT, 2, "2 is not a raw number of bit"), (SPIN, 0, "0 is not a raw number of spin"),
    (ufixed(8), 1.0, "holds raw integers, got float64"), (ufixed(8, 0, (2,)), [1], r"needs shape \[2\], got \[1\]"),
    (ufixed(64), -1, "-1 is not a raw number of u64"), (ufixed(64), 2**64, "is not a raw number of u64"),
])
def test_what_no_constant_holds(t: Type, values: Any, message: str) -> None:
    with pytest.raises(CircuitError, match=message):
        Constant(t, values)
