"""Types: how they print, what they hold, which is the smallest."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from circuitc.diagnostics import CircuitError
from circuitc.ir import BIT, F32, F64, SPIN, Type, fixed, index_type, parse_type, smallest, ufixed

SCALARS = st.one_of(
    st.sampled_from([BIT, SPIN, F32, F64]),
    st.builds(Type, st.just("fixed"), st.integers(1, 64), st.integers(-1024, 1024), st.booleans()))
TYPES = st.builds(lambda t, shape: t.with_shape(tuple(shape)), SCALARS, st.lists(st.integers(1, 9), max_size=4))


@given(TYPES)
def test_a_type_prints_as_it_parses(t: Type) -> None:
    assert parse_type(str(t)) == t


@pytest.mark.parametrize(("t", "text"), [
    (ufixed(1), "bit"), (fixed(1), "i1"), (ufixed(8), "u8"), (fixed(64), "i64"), (SPIN, "spin"), (F32, "f32"),
    (fixed(8, 4), "fx<8,4>"), (ufixed(8, -2), "ufx<8,-2>"), (fixed(8, 12, (2, 3)), "fx<8,12>[2,3]"),
    (BIT.with_shape((1,)), "bit[1]"),
])
def test_prints(t: Type, text: str) -> None:
    assert str(t) == text


@pytest.mark.parametrize(("text", "t"), [
    ("u1", BIT), ("fx<8,0>", fixed(8)), ("ufx<1,0>", BIT), (" fx < 8 , -4 > [ 2 , 3 ] ", fixed(8, -4, (2, 3))),
    ("u8[]", ufixed(8)), ("fx<08,00>", fixed(8)),
])
def test_other_spellings(text: str, t: Type) -> None:
    assert parse_type(text) == t


@pytest.mark.parametrize("text", [
    "", "u", "8", "u8[", "u8]", "u8[1,]", "u8[,1]", "u8[1 2]", "u8[-1]", "u8[1.5]", "fx<8>", "fx<8,4", "f16", "f128",
    "int8", "U8", "bits", "u8 x", "u٨", "u8[٣]", "fx<8,99999>", "u12345", "u8[" + "9" * 19 + "]", "u8[" * 9,
])
def test_what_is_not_a_type(text: str) -> None:
    with pytest.raises(CircuitError, match="is not a type") as caught:
        parse_type(text)
    assert "types are bit, spin, u8" in caught.value.diagnostics[0].help


@pytest.mark.parametrize(("text", "message"), [
    ("u0", "a width of 0 bits is outside 1..64"), ("i65", "a width of 65 bits is outside 1..64"),
    ("fx<8,1025>", "1025 fractional bits are outside -1024..1024"), ("u8[2,0]", r"shape \[2, 0\] has an axis shorter"),
    ("u8[65536,65536]", r"shape \[65536, 65536\] has more than 2\*\*31 elements"),
])
def test_what_no_type_can_be(text: str, message: str) -> None:
    with pytest.raises(CircuitError, match=message):
        parse_type(text)


def test_the_ends_of_types() -> None:
    ends = {"bit": (0, 1), "spin": (-1, 1), "i1": (-1, 0), "u8": (0, 255), "i8": (-128, 127), "fx<8,4>": (-128, 127),
            "u64": (0, 2**64 - 1), "i64": (-2**63, 2**63 - 1)}
    for text, (lowest, highest) in ends.items():
        t = parse_type(text)
        assert (t.lowest, t.highest) == (lowest, highest)


def test_facts_of_a_tensor() -> None:
    t = fixed(5, 2, (3, 4))
    assert (t.rank, t.size, t.bits, t.scalar) == (2, 12, 60, fixed(5, 2))
    assert not t.is_integer
    assert fixed(5).is_integer
    assert BIT.with_shape((7,)).is_bit
    assert not SPIN.is_bit
    assert SPIN.with_shape((3,)).bits == 3


def test_only_64_unsigned_bits_need_python_integers() -> None:
    assert ufixed(64).dtype == object
    assert {ufixed(63).dtype, fixed(64).dtype, SPIN.dtype, BIT.dtype} == {np.dtype(np.int64)}
    assert (F32.dtype, F64.dtype) == (np.float32, np.float64)


SMALL = [Type("fixed", w, f, s) for w, f, s in product(range(1, 5), range(-2, 3), (False, True))]


def values(t: Type) -> set[float]:
    return {raw * 2.0**-t.fraction for raw in range(t.lowest, t.highest + 1)}


def test_holds_is_the_subset_of_values() -> None:
    for a, b in product(SMALL, SMALL):
        # a finer type is asked for even where the coarse values happen to be enough
        if a.fraction >= b.fraction:
            assert a.holds(b) == (values(b) <= values(a)), f"{a} holds {b}"
        elif a.holds(b):
            assert values(b) <= values(a), f"{a} holds {b}"


def test_holds_across_kinds() -> None:
    assert F64.holds(F32)
    assert not F32.holds(F64)
    assert not F64.holds(BIT)
    assert not SPIN.holds(BIT)
    assert SPIN.holds(SPIN)
    assert not fixed(8).holds(fixed(8, 0, (1,)))


@given(st.integers(-2**63, 2**64 - 1), st.integers(0, 2**62))
def test_smallest_holds_and_nothing_smaller_does(low: int, span: int) -> None:
    high = min(low + span, 2**63 - 1 if low < 0 else 2**64 - 1)
    t = smallest(low, high)
    assert t.lowest <= low
    assert high <= t.highest
    assert t.signed == (low < 0)
    if t.width > 1:
        narrow = Type("fixed", t.width - 1, 0, t.signed)
        assert low < narrow.lowest or high > narrow.highest


def test_smallest_beyond_64_bits_says_where_to_requantize() -> None:
    with pytest.raises(CircuitError, match="requantize an operand"):
        smallest(-1, 2**63)


def test_index_types() -> None:
    assert [str(index_type(n)) for n in (1, 2, 3, 4, 5, 256, 257)] == ["bit", "bit", "u2", "u2", "u3", "u8", "u9"]
