"""Each op's meaning (computed by hand), type rule, and one refusal with its exact message."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.ir import OPS, Builder, Constant, evaluate_node, parse_module, parse_type, verify_module

Operand = tuple[str, Any]  # a type and its raw numbers
MAX64, MIN64, TOP64 = (1 << 63) - 1, -(1 << 63), (1 << 64) - 1
INF, NAN = math.inf, math.nan


def apply(op: str, operands: list[Operand], attributes: dict[str, Any], declared: str = "") -> tuple[str, Any]:
    """Apply an op to constants, and answer its result type and raw numbers."""
    b = Builder()
    constants = [Constant(parse_type(t), raw) for t, raw in operands]
    value = b.apply(op, *map(b.constant, constants), type=parse_type(declared) if declared else None, **attributes)
    node = b.nodes[value]
    raw = evaluate_node(node, [c.type for c in constants], [c.array[None] for c in constants])
    assert raw.dtype == node.type.dtype
    assert raw.shape == (1, *node.type.shape)
    return str(node.type), np.asarray(raw[0]).tolist()


Row = tuple[str, list[Operand], dict[str, Any], str, Any]  # op, operands, attributes, result type, raw result

MEANING: list[Row] = [
    # sums and products grow exactly
    ("add", [("u8", 255), ("u8", 255)], {}, "u9", 510),
    ("add", [("i8", -128), ("u8", 255)], {}, "i10", 127),
    ("add", [("spin", -1), ("spin", -1), ("spin", 1)], {}, "i3", -1),
    ("add", [("fx<8,4>", 24), ("fx<4,-1>", -3)], {}, "fx<10,4>", -72),          # 1.5 + -6
    ("add", [("ufx<8,10>", 3), ("bit", 1)], {}, "ufx<11,10>", 1027),            # f may exceed w
    ("add", [("i63", 1 - (1 << 62)), ("i63", -(1 << 62))], {}, "i64", 1 - (1 << 63)),
    ("add", [("u63", MAX64), ("u63", MAX64)], {}, "u64", TOP64 - 1),
    ("add", [("f32", 16777216.0), ("f32", 1.0)], {}, "f32", 16777216.0),        # ties to even, IEEE
    ("sub", [("u8", 0), ("u8", 255)], {}, "i9", -255),
    ("sub", [("u63", 0), ("u63", MAX64)], {}, "i64", -MAX64),
    ("sub", [("spin", -1), ("bit", 1)], {}, "i2", -2),
    ("mul", [("i4", -8), ("i4", -8)], {}, "i8", 64),
    ("mul", [("spin", -1), ("spin", -1)], {}, "spin", 1),
    ("mul", [("spin", -1), ("i4", -8)], {}, "i5", 8),
    ("mul", [("fx<4,2>", -5), ("fx<4,-2>", 3)], {}, "i8", -15),                 # -1.25 * 12
    ("mul", [("u32", 0xFFFFFFFF), ("u32", 0xFFFFFFFF)], {}, "u64", 0xFFFFFFFF ** 2),
    ("neg", [("i8", -128)], {}, "i9", 128),
    ("neg", [("u8", 255)], {}, "i9", -255),
    ("neg", [("spin", 1)], {}, "spin", -1),
    ("neg", [("u63", MAX64)], {}, "i64", -MAX64),
    ("abs", [("i8", -128)], {}, "u8", 128),
    ("abs", [("i64", MIN64)], {}, "u64", 1 << 63),
    ("abs", [("f64", -0.0)], {}, "f64", 0.0),
    ("min", [("i8[2]", [3, -4]), ("i8[2]", [2, -3])], {}, "i8[2]", [2, -4]),
    ("max", [("u64", TOP64), ("u64", 1 << 63)], {}, "u64", TOP64),
    ("max", [("spin", -1), ("spin", 1)], {}, "spin", 1),
    # bits
    ("and", [("i8", -2), ("i8", 7)], {}, "i8", 6),
    ("or", [("u64", 1 << 63), ("u64", 1)], {}, "u64", (1 << 63) + 1),
    ("xor", [("fx<4,2>", -8), ("fx<4,2>", 7)], {}, "fx<4,2>", -1),
    ("not", [("u4", 5)], {}, "u4", 10),
    ("not", [("i4", 5)], {}, "i4", -6),
    ("not", [("u64", 0)], {}, "u64", TOP64),
    # comparisons are total on exact types, whatever the types are
    ("eq", [("fx<8,4>", -16), ("spin", -1)], {}, "bit", 1),
    ("lt", [("i64", -1), ("u64", TOP64)], {}, "bit", 1),
    ("lt", [("u64", TOP64), ("i64", -1)], {}, "bit", 0),
    ("le", [("ufx<2,1>[3]", [0, 2, 3]), ("u1[3]", [0, 1, 1])], {}, "bit[3]", [1, 1, 0]),
    ("eq", [("f32", NAN), ("f32", NAN)], {}, "bit", 0),
    ("select", [("bit[2]", [0, 1]), ("spin[2]", [1, 1]), ("spin[2]", [-1, -1])], {}, "spin[2]", [-1, 1]),
    ("select", [("bit", 1), ("u64", TOP64), ("u64", 0)], {}, "u64", TOP64),
    # moving the point
    ("shift", [("i8", -3)], {"by": 2}, "fx<8,-2>", -3),
    ("shift", [("ufx<8,4>", 9)], {"by": -70}, "ufx<8,74>", 9),
    # moving elements
    ("reshape", [("i4[2,2]", [[1, 2], [3, 4]])], {"shape": (4,)}, "i4[4]", [1, 2, 3, 4]),
    ("transpose", [("u2[1,2,3]", [[[0, 1, 2], [3, 2, 1]]])], {"order": (2, 0, 1)}, "u2[3,1,2]",
     [[[0, 3]], [[1, 2]], [[2, 1]]]),
    ("broadcast", [("u2[2]", [1, 2])], {"shape": (2, 3), "axes": (0,)}, "u2[2,3]", [[1, 1, 1], [2, 2, 2]]),
    ("broadcast", [("u2[1]", [3])], {"shape": (2, 2), "axes": (1,)}, "u2[2,2]", [[3, 3], [3, 3]]),
    ("broadcast", [("u64", TOP64)], {"shape": (2,), "axes": ()}, "u64[2]", [TOP64, TOP64]),
    ("slice", [("u4[6]", [0, 1, 2, 3, 4, 5])], {"start": (1,), "stop": (6,), "step": (2,)}, "u4[3]", [1, 3, 5]),
    ("slice", [("u4[2,2]", [[0, 1], [2, 3]])], {"start": (0, 1), "stop": (2, 2)}, "u4[2,1]", [[1], [3]]),
    ("window", [("u4[5]", [0, 1, 2, 3, 4])], {"size": 2, "stride": 2}, "u4[2,2]", [[0, 1], [2, 3]]),
    ("window", [("u4[5]", [0, 1, 2, 3, 4])], {"size": 3, "dilation": 2}, "u4[1,3]", [[0, 2, 4]]),
    ("element", [("u4[2,3]", [[0, 1, 2], [3, 4, 5]])], {"index": 4}, "u4", 4),
    ("element", [("spin", -1)], {"index": 0}, "spin", -1),
    ("concat", [("u4[1]", [1]), ("u4[2]", [2, 3])], {}, "u4[3]", [1, 2, 3]),
    ("concat", [("bit[1,1]", [[0]]), ("bit[1,2]", [[1, 0]])], {"axis": 1}, "bit[1,3]", [[0, 1, 0]]),
    ("stack", [("u4", 1), ("u4", 2)], {"shape": (2, 1)}, "u4[2,1]", [[1], [2]]),
    ("pad", [("u4[1,1]", [[5]]), ("u4", 9)], {"before": (0, 1), "after": (1, 0)}, "u4[2,2]", [[9, 5], [9, 9]]),
    ("gather", [("u4[3]", [7, 8, 9]), ("u2[4]", [2, 0, 3, 1])], {}, "u4[4]", [9, 7, 0, 8]),
    ("gather", [("spin[2]", [1, 1]), ("u8", 255)], {}, "spin", -1),              # outside: all bits zero
    ("gather", [("u4[2,2]", [[1, 2], [3, 4]]), ("bit[1]", [1])], {"axis": 1}, "u4[2,1]", [[2], [4]]),
    ("gather", [("u4[2]", [1, 2]), ("u64", TOP64)], {}, "u4", 0),
    ("update", [("u4[3]", [1, 2, 3]), ("u2", 1), ("u4", 9)], {}, "u4[3]", [1, 9, 3]),
    ("update", [("u4[2,1]", [[1], [2]]), ("u2", 3), ("u4[1]", [9])], {}, "u4[2,1]", [[1], [2]]),
    ("one_hot", [("u2[2]", [1, 3])], {"size": 3}, "bit[2,3]", [[0, 1, 0], [0, 0, 0]]),
    ("priority", [("bit[2,3]", [[0, 1, 1], [0, 0, 0]])], {}, "u2[2]", [1, 0]),
    ("unpack", [("i4", -2)], {}, "bit[4]", [0, 1, 1, 1]),
    ("unpack", [("spin[2]", [-1, 1])], {}, "bit[2,1]", [[0], [1]]),
    ("unpack", [("u64", 1 << 63)], {}, "bit[64]", [0] * 63 + [1]),
    # folds
    ("reduce", [("i4[3]", [-8, -8, -8])], {"kind": "add", "axes": (0,)}, "i6", -24),
    ("reduce", [("u64[2]", [TOP64, 0])], {"kind": "xor", "axes": (0,)}, "u64", TOP64),
    ("reduce", [("i4[2,2]", [[1, -2], [3, -4]])], {"kind": "max", "axes": (0,)}, "i4[2]", [3, -2]),
    ("reduce", [("spin[3]", [1, 1, -1])], {"kind": "add", "axes": (0,)}, "i3", 1),
    ("reduce", [("spin[3]", [1, 1, -1])], {"kind": "min", "axes": (0,)}, "spin", -1),
    ("reduce", [("bit[2,2]", [[1, 1], [0, 1]])], {"kind": "and", "axes": (0, 1)}, "bit", 0),
    ("argmax", [("i4[4]", [2, 7, 7, -8])], {}, "u2", 1),                         # the lowest index wins a tie
    ("argmax", [("i4[3]", [7, 2, 2]), ("bit[3]", [0, 1, 1])], {}, "u2", 1),
    ("argmax", [("u64[2]", [0, TOP64])], {}, "bit", 1),
    ("argmin", [("i4[2,2]", [[1, 0], [0, 0]])], {"axis": 1}, "bit[2]", [1, 0]),
    ("argmin", [("i4[2]", [1, 0]), ("bit[2]", [0, 0])], {}, "bit", 0),
    ("contract", [("i4[2]", [1, -8]), ("i4[2,2]", [[1, 2], [3, -8]])], {"spec": "j,ij->i"}, "i9[2]", [-15, 67]),
    ("contract", [("spin[2]", [1, -1]), ("spin[2]", [-1, -1])], {"spec": "i,i->"}, "i3", 0),
    ("contract", [("u2[2]", [1, 2]), ("u2[2]", [3, 0])], {"spec": "i,j->ij", "semiring": "min_plus"}, "u3[2,2]",
     [[4, 1], [5, 2]]),
    ("contract", [("u2[2]", [1, 2]), ("u2[2]", [3, 0]), ("bit[2]", [1, 0]), ("u4", 9)],
     {"spec": "i,i->", "semiring": "min_plus", "where": "i", "init": True}, "u4", 4),
    ("contract", [("u2[2]", [1, 2]), ("u2[2]", [3, 0]), ("bit[2]", [0, 0]), ("i4", -7)],
     {"spec": "i,i->", "semiring": "max_plus", "where": "i", "init": True}, "i4", -7),
    ("contract", [("u2[2]", [1, 2]), ("u2[2]", [3, 3]), ("bit[2]", [0, 1]), ("ufx<2,1>", 1)],
     {"spec": "i,i->", "where": "i", "init": True}, "ufx<6,1>", 13),             # 6 + 0.5
    ("contract", [("bit[2]", [0, 1]), ("bit[2]", [1, 1])], {"spec": "i,i->", "semiring": "or_and"}, "bit", 1),
    ("contract", [("i32[1]", [-(1 << 31)]), ("i32[1]", [-(1 << 31)])], {"spec": "i,i->"}, "i64", 1 << 62),
    ("threshold", [("spin[3]", [1, -1, 1]), ("i4[2,3]", [[1, 1, 1], [3, -2, 2]]), ("i4[2]", [1, 6])], {},
     "spin[2]", [-1, 1]),                                                        # 1 > 1 is not, 7 > 6 is
    ("threshold", [("bit[1]", [1]), ("fx<4,2>[1,1]", [[1]]), ("fx<8,4>[1]", [3])], {}, "spin[1]", [1]),
    ("threshold", [("u62[2]", [(1 << 62) - 1] * 2), ("i62[1,2]", [[1 - (1 << 61)] * 2]), ("i64[1]", [MIN64])], {},
     "spin[1]", [-1]),                                                           # the sum is beyond 64 bits
    ("table", [("i2[3]", [0, -1, 1]), ("fx<8,4>[4]", [10, 11, 12, 13])], {}, "fx<8,4>[3]", [10, 13, 11]),
    ("table", [("spin", -1), ("u64[2]", [TOP64, 0])], {}, "u64", TOP64),
]


@pytest.mark.parametrize("row", MEANING, ids=lambda row: row[0])
def test_meaning_and_type(row: Row) -> None:
    op, operands, attributes, t, raw = row
    assert apply(op, operands, attributes) == (t, raw)


Declared = tuple[str, list[Operand], dict[str, Any], str, Any]

DECLARED: list[Declared] = [
    # requantize: ties to even, both ways; floor goes down; saturate, wrap
    ("requantize", [("fx<8,1>[6]", [1, 3, 5, -1, -3, -5])], {}, "i8[6]", [0, 2, 2, 0, -2, -2]),
    ("requantize", [("fx<8,1>[4]", [1, 3, -1, -3])], {"rounding": "floor"}, "i8[4]", [0, 1, -1, -2]),
    ("requantize", [("i8[3]", [127, -128, 5])], {}, "i4[3]", [7, -8, 5]),
    ("requantize", [("i8[3]", [127, -128, 9])], {"overflow": "wrap"}, "i4[3]", [-1, 0, -7]),
    ("requantize", [("i8[2]", [-1, 17])], {"overflow": "wrap"}, "u4[2]", [15, 1]),
    ("requantize", [("i8", 12)], {}, "fx<4,-3>", 2),                             # 12 is 1.5 eights
    ("requantize", [("i8", 20)], {}, "fx<4,-3>", 2),                             # and 20 is 2.5
    ("requantize", [("u64", TOP64)], {}, "i64", MAX64),
    ("requantize", [("i64", -1)], {"overflow": "wrap"}, "u64", TOP64),
    ("requantize", [("u64", TOP64)], {"overflow": "never"}, "ufx<1,-64>", 1),
    ("requantize", [("f32[5]", [0.5, 1.5, -2.5, 1e30, -INF])], {}, "i8[5]", [0, 2, -2, 127, -128]),
    ("requantize", [("f64[3]", [NAN, INF, 300.0])], {"overflow": "wrap"}, "u8[3]", [0, 0, 44]),
    ("requantize", [("f64", -0.26)], {"rounding": "floor"}, "fx<8,2>", -2),
    ("requantize", [("f64", NAN)], {"overflow": "never"}, "i8", 0),
    ("requantize", [("f64", 1 + 2**-24)], {}, "f32", 1.0),
    # convert keeps the number
    ("convert", [("i4", -8)], {}, "fx<8,4>", -128),
    ("convert", [("bit[2]", [0, 1])], {}, "spin[2]", [-1, 1]),
    ("convert", [("spin[2]", [-1, 1])], {}, "bit[2]", [0, 1]),
    ("convert", [("spin[2]", [-1, 1])], {}, "fx<4,1>[2]", [-2, 2]),
    ("convert", [("fx<8,4>", -24)], {}, "f32", -1.5),
    ("convert", [("fx<8,-4>", -3)], {}, "f64", -48.0),
    ("convert", [("spin", -1)], {}, "f32", -1.0),
    ("convert", [("u63", MAX64)], {}, "u64", MAX64),
    ("pack", [("bit[4]", [0, 1, 1, 1])], {}, "i4", -2),
    ("pack", [("bit[2,1]", [[0], [1]])], {}, "spin[2]", [-1, 1]),
    ("pack", [("bit[64]", [1] * 64)], {}, "u64", TOP64),
    ("pack", [("bit[3]", [1, 0, 1])], {}, "ufx<3,5>", 5),
    # functions: correctly rounded, saturating
    ("exp", [("i4[3]", [0, 1, -8])], {}, "fx<8,4>[3]", [16, 43, 0]),
    ("exp", [("i16", 32767)], {}, "u8", 255),
    ("exp", [("fx<8,-300>", 1)], {}, "u64", TOP64),
    ("log", [("u4[3]", [0, 1, 10])], {}, "fx<8,4>[3]", [-128, 0, 37]),
    ("sqrt", [("i8[4]", [-4, 2, 4, 99])], {}, "u4[4]", [0, 1, 2, 10]),
    ("sqrt", [("u64", TOP64)], {}, "u64", 1 << 32),
    ("rsqrt", [("u4[3]", [0, 4, 1])], {}, "ufx<8,6>[3]", [255, 32, 64]),
    ("divide", [("i4[4]", [7, -7, 0, 1]), ("i4[4]", [2, 2, 0, 0])], {}, "i4[4]", [4, -4, 0, 7]),  # 3.5 is a tie
    ("divide", [("i4", -1), ("u4", 0)], {}, "i4", -8),
    ("divide", [("f32", 1.0), ("f32", 0.0)], {}, "f32", INF),
    ("tanh", [("fx<4,1>[3]", [-8, 0, 1])], {}, "fx<8,7>[3]", [-128, 0, 59]),
    ("tanh", [("fx<8,40>", 3)], {}, "fx<8,39>", 1),                              # 1.5 units less 1e-24: not a tie
    ("sigmoid", [("i8[3]", [-128, 0, 127])], {}, "ufx<8,8>[3]", [0, 128, 255]),
    ("sigmoid", [("spin", 1)], {}, "ufx<8,8>", 187),
    ("sin", [("i4[2]", [0, 2])], {}, "fx<8,6>[2]", [0, 58]),
    ("cos", [("i4[2]", [0, 3])], {}, "fx<8,6>[2]", [64, -63]),
    ("erf", [("fx<4,1>[2]", [1, -1])], {}, "fx<8,7>[2]", [67, -67]),
    # a declared type may be wider than needed, and finer
    ("add", [("u4", 3), ("u4", 4)], {}, "fx<9,2>", 28),
    ("not", [("u4", 5)], {}, "u8", 10),                                          # the bits are those of the operand
    ("eq", [("u4", 3), ("u4", 3)], {}, "ufx<3,2>", 4),
    ("mul", [("spin", -1), ("i2", 1)], {}, "fx<4,1>", -2),
    ("argmax", [("i4[2]", [0, 1])], {}, "ufx<4,1>", 2),
    ("threshold", [("bit[1]", [1]), ("i2[1,1]", [[1]]), ("i2[1]", [0])], {}, "spin[1]", [1]),
    ("reshape", [("u4[2]", [1, 2])], {"shape": (1, 2)}, "ufx<8,2>[1,2]", [[4, 8]]),
    ("one_hot", [("u2", 1)], {"size": 2}, "ufx<3,1>[2]", [0, 2]),
    ("unpack", [("u2", 1)], {}, "ufx<3,1>[2]", [2, 0]),
    ("contract", [("bit[1]", [1]), ("bit[1]", [1])], {"spec": "i,i->", "semiring": "or_and"}, "ufx<3,1>", 2),
    ("table", [("bit", 1), ("u2[2]", [0, 3])], {}, "ufx<4,1>", 6),
    ("update", [("u2[1]", [1]), ("bit", 0), ("u2", 3)], {}, "ufx<4,1>[1]", [6]),
]


@pytest.mark.parametrize("row", DECLARED, ids=lambda row: row[0])
def test_meaning_in_a_declared_type(row: Declared) -> None:
    op, operands, attributes, t, raw = row
    assert apply(op, operands, attributes, t) == (t, raw)


FLOATS: list[tuple[str, list[float], float]] = [
    ("exp", [1.0], math.e), ("log", [-1.0], NAN), ("sqrt", [2.0], math.sqrt(2)), ("rsqrt", [0.0], INF),
    ("tanh", [0.5], math.tanh(0.5)), ("sigmoid", [-1000.0], 0.0), ("sin", [1.0], math.sin(1)),
    ("cos", [1.0], math.cos(1)), ("erf", [0.5], math.erf(0.5)), ("divide", [1.0, 3.0], 1 / 3),
    ("min", [NAN, 1.0], NAN), ("max", [-INF, 1.0], 1.0),
]


@pytest.mark.parametrize(("op", "operands", "expected"), FLOATS)
@pytest.mark.parametrize("t", ["f32", "f64"])
def test_meaning_of_floats(op: str, operands: list[float], expected: float, t: str) -> None:
    found = apply(op, [(t, x) for x in operands], {}, t)
    assert found[0] == t
    np.testing.assert_allclose(found[1], expected, rtol=1e-6 if t == "f32" else 1e-14)


REFUSED: dict[str, tuple[list[str], dict[str, Any], str, str]] = {
    "add": (["u64", "u1"], {}, "", "a width of 65 bits is outside 1..64 (help: requantize an operand to fewer bits)"),
    "sub": (["u8[2]", "u8"], {}, "",
            "sub takes operands of one shape, got u8[2] and u8 (help: broadcast the smaller one first)"),
    "mul": (["f32", "u8"], {}, "",
            "mul takes operands of one type, got f32 and u8 (help: convert or requantize one of them)"),
    "neg": (["u64"], {}, "", "a width of 65 bits is outside 1..64 (help: requantize an operand to fewer bits)"),
    "abs": (["u8", "u8"], {}, "", "abs takes 1 operands, got 2"),
    "min": (["u8", "u4"], {}, "", "min takes operands of one type, got u8 and u4 (help: convert the other one to u8)"),
    "max": (["u8", "i8"], {}, "",
            "max takes operands of one type, got u8 and i8 (help: convert or requantize one of them)"),
    "and": (["spin", "spin"], {}, "",
            "and works on the bits of fixed-point types, got spin (help: convert it to bit first)"),
    "or": (["f32", "f32"], {}, "", "or works on the bits of fixed-point types, got f32"),
    "xor": (["u8", "u4"], {}, "", "xor takes operands of one type, got u8 and u4 (help: convert the other one to u8)"),
    "not": (["f32"], {}, "", "not works on the bits of fixed-point types, got f32"),
    "eq": (["f32", "f64"], {}, "",
           "eq takes operands of one type, got f32 and f64 (help: convert the other one to f64)"),
    "lt": (["u8"], {}, "", "lt takes 2 operands, got 1"),
    "le": (["u8", "u8[1]"], {}, "",
           "le takes operands of one shape, got u8 and u8[1] (help: broadcast the smaller one first)"),
    "select": (["u2", "u8", "u8"], {}, "", "select takes a bit to choose by, got u2"),
    "requantize": (["spin"], {}, "i4", "requantize changes numbers, got spin to i4 (help: use convert for spins)"),
    "convert": (["i8"], {}, "u8", "convert changes types exactly, but u8 does not hold every i8 "
                                  "(help: use requantize, which rounds and says what happens on overflow)"),
    "shift": (["spin"], {"by": 1}, "", "shift moves the point of fixed-point types, got spin"),
    "reshape": (["u8[2,3]"], {"shape": (5,)}, "", "reshape keeps the number of elements, got u8[2,3] to [5]"),
    "transpose": (["u8[2,3]"], {"order": (0, 0)}, "",
                  "transpose: order [0, 0] does not name each axis of u8[2,3] once"),
    "broadcast": (["u8[2]"], {"shape": (3,), "axes": (0,)}, "",
                  "broadcast: u8[2] does not fit axes [0] of shape [3] "
                  "(help: axes names, for each axis of the operand, the axis of the result it lies on)"),
    "slice": (["u8[4]"], {"start": (2,), "stop": (2,)}, "", "slice: [2] to [2] by [1] is not a part of u8[4]"),
    "window": (["u8[4]"], {"size": 3, "dilation": 2}, "",
               "window: size 3, stride 1, dilation 2 do not fit axis 0 of u8[4]"),
    "element": (["u8[4]"], {"index": 4}, "", "element: u8[4] has no element 4"),
    "concat": (["u8[2]", "u4[2]"], {}, "",
               "concat takes operands of one type, got u8 and u4 (help: convert the other one to u8)"),
    "stack": (["u8", "u8"], {"shape": (3,)}, "", "stack makes shape [3] of 3 scalars, got 2 of u8"),
    "pad": (["u8[2]", "u4"], {"before": (0,), "after": (1,)}, "", "pad fills with one u8, got u4"),
    "gather": (["u8[2]", "i2"], {}, "", "gather takes unsigned integers as indices, got i2"),
    "update": (["u8[2]", "u1", "u4"], {}, "",
               "update writes one u8 into u8[2] at a scalar index, got u4 at bit"),
    "one_hot": (["u2"], {"size": 0}, "", "one_hot: size 0 is below 1"),
    "priority": (["bit"], {}, "", "priority takes a vector of bits, got bit"),
    "pack": (["bit[3]"], {}, "i4", "pack takes bits with a last axis of 4 to make i4, got bit[3]"),
    "unpack": (["f32"], {}, "", "unpack takes exact types, got f32"),
    "reduce": (["u8[2]"], {"kind": "add", "axes": (1,)}, "", "reduce: [1] is not a rising list of axes of u8[2]"),
    "argmax": (["u8[2]", "bit"], {}, "", "argmax: where takes bit[2], got bit"),
    "argmin": (["u8"], {}, "", "argmin: axis 0 is not an axis of u8"),
    "contract": (["u8[2]", "u8[3]"], {"spec": "i,i->"}, "",
                 "contract: index i is 2 long in one operand and 3 in another"),
    "threshold": (["u8[2]", "u8[1,3]", "u8[1]"], {}, "",
                  "threshold takes x[n], W[m,n], t[m], got u8[2], u8[1,3], u8[1]"),
    "table": (["u2", "u8[3]"], {}, "", "table needs 4 entries for u2, got u8[3]"),
    "exp": (["u2"], {}, "", "exp needs a declared result type (help: write `exp ... : fx<8,4>`)"),
    "log": (["u2"], {}, "spin", "log of exact types is declared fixed point, got spin"),
    "sqrt": (["f32"], {}, "f64", "sqrt of f32 is f32, not f64 (help: requantize the result)"),
    "rsqrt": (["f32"], {}, "u8", "rsqrt of f32 is f32, not u8 (help: requantize the result)"),
    "divide": (["u2", "f32"], {}, "u8",
               "divide takes operands of one type, got u2 and f32 (help: convert or requantize one of them)"),
    "tanh": (["u2"], {}, "f32", "tanh of exact types is declared fixed point, got f32"),
    "sigmoid": (["u2", "u2"], {}, "u8", "sigmoid takes 1 operands, got 2"),
    "sin": (["u2"], {"x": 1}, "u8", "sin has no attribute x"),
    "cos": (["u2[2]"], {}, "spin", "cos of exact types is declared fixed point, got spin"),
    "erf": (["u2"], {}, "spin", "erf of exact types is declared fixed point, got spin"),
}


@pytest.mark.parametrize("op", sorted(OPS))
def test_refusal(op: str) -> None:
    types, attributes, declared, said = REFUSED[op]
    b = Builder()
    operands = [b.input(f"x{k}", parse_type(t)) for k, t in enumerate(types)]
    with pytest.raises(CircuitError) as caught:
        b.apply(op, *operands, type=parse_type(declared) if declared else None, **attributes)
    assert str(caught.value) == said


def test_every_op_has_its_meaning_tested() -> None:
    assert {row[0] for row in (*MEANING, *DECLARED)} == set(OPS)


@pytest.mark.parametrize(("attributes", "said"), [
    ({"kind": "sum", "axes": (0,)}, "reduce: kind is one of add, min, max, and, or, xor, got sum "
                                    "(help: known are add, and, max, min, or, xor)"),
    ({"kind": "add"}, "reduce needs the attribute axes"),
    ({"kind": "add", "axes": 0}, "reduce: axes takes a list of whole numbers, got 0"),
    ({"kind": "add", "axes": (0,), "axs": 1}, "reduce has no attribute axs (help: did you mean axes?)"),
])
def test_wrong_attributes_are_refused(attributes: dict[str, Any], said: str) -> None:
    b = Builder()
    with pytest.raises(CircuitError) as caught:
        b.apply("reduce", b.input("x", parse_type("u4[2]")), **attributes)
    assert str(caught.value) == said


def test_overflow_that_must_never_happen_says_where() -> None:
    with pytest.raises(CircuitError) as caught:
        apply("requantize", [("i8", 9)], {"overflow": "never", "name": "sum"}, "i4")
    assert str(caught.value) == ("%sum: requantize says overflow=never, but raw 9 does not fit i4 "
                                 "(help: use overflow=saturate, or a wider type)")


def test_unknown_op_is_refused_with_the_nearest() -> None:
    with pytest.raises(CircuitError, match=r"there is no op contrct \(help: did you mean contract\?\)"):
        Builder().apply("contrct")


@pytest.mark.parametrize("t", ["u4[2]", "u64[2]"])
def test_constants_of_exact_types_hold_raw_integers(t: str) -> None:
    with pytest.raises(CircuitError, match="holds raw integers"):
        Constant(parse_type(t), [1, 0.5])


@pytest.mark.parametrize(("op", "said"), [
    ("%s = add %x, %x : f64", "add of f32 and f32 needs f32, declared f64"),       # floats do not widen by the way
    ("%s = add %i, #half : i6", "add of i4 and ufx<1,1> needs fx<5,1>, declared i6"),  # nor do fractions vanish
    ("%s = add %i, %i : i4", "add of i4 and i4 needs i5, declared i4"),
])
def test_declared_type_must_hold_the_result(op: str, said: str) -> None:
    declared = op.rpartition(" ")[2]
    module = parse_module(f"""const #half : ufx<1,1> = 1
    func @main(%x: f32, %i: i4) -> (%y: {declared}) once {{
      {op}
      return %s
    }}""")
    with pytest.raises(CircuitError) as caught:
        verify_module(module)
    assert said in str(caught.value)
