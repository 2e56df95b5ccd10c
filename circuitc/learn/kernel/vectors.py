"""Write vector code: numbers of LANES items at once, with masks for branches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir

from circuitc.backends.llvm.kernel import Kernel
from circuitc.backends.llvm.memory import I32, I64, POINTER

LANES = 16  # items side by side; one AVX-512 register of f32
_FUSED = ("contract",)  # a product may join its sum in one instruction


@dataclass(frozen=True, slots=True)
class Scalar:
    """The kind of number a kernel computes with: its LLVM type, its bytes, and when Newton's method may stop.

    `small` is the last step below which the next one would no longer change the number: convergence is quadratic.
    Squares of sums are known up to `floor` of their terms.
    """

    name: str
    type: Any
    bytes: int
    small: float
    floor: float
    suffix: str


SCALARS = {"f32": Scalar("f32", ir.FloatType(), 4, 3e-5, 1e-6, "f32"),
           "f64": Scalar("f64", ir.DoubleType(), 8, 1e-8, 1e-14, "f64")}


class Vectors:
    """What a kernel does with vectors of `width` numbers of one kind."""

    def __init__(self, kernel: Kernel, scalar: Scalar, width: int = LANES) -> None:
        self.kernel, self.scalar, self.width = kernel, scalar, width
        self.builder = kernel.builder
        self.type = ir.VectorType(scalar.type, width)

    def wide(self, width: int) -> Vectors:
        """Give the same with another number of lanes."""
        return Vectors(self.kernel, self.scalar, width)

    def number(self, value: float) -> Any:
        """Give a constant in every lane."""
        return ir.Constant(self.type, [float(value)] * self.width)

    def spread(self, value: Any) -> Any:
        """Give one number in every lane."""
        b = self.builder
        one = b.insert_element(ir.Constant(self.type, ir.Undefined), value, ir.Constant(I32, 0))
        return b.shuffle_vector(one, ir.Constant(self.type, ir.Undefined),
                                ir.Constant(ir.VectorType(I32, self.width), [0] * self.width))

    def load(self, pointer: Any, row: Any) -> Any:
        """Load row number `row` of LANES numbers (and as many rows after it as the width holds)."""
        return self.builder.load(self._at(pointer, row), align=LANES * self.scalar.bytes, typ=self.type)

    def store(self, value: Any, pointer: Any, row: Any) -> None:
        """Store at row number `row`."""
        self.builder.store(value, self._at(pointer, row), align=LANES * self.scalar.bytes)

    def _at(self, pointer: Any, row: Any) -> Any:
        return self.kernel.at(pointer, row, ir.VectorType(self.scalar.type, LANES))

    def load_one(self, pointer: Any, index: Any) -> Any:
        """Load one number."""
        return self.kernel.load(self.kernel.at(pointer, index, self.scalar.type), self.scalar.type)

    def add(self, a: Any, b: Any) -> Any:
        """Add."""
        return self.builder.fadd(a, b, flags=_FUSED)

    def sub(self, a: Any, b: Any) -> Any:
        """Subtract."""
        return self.builder.fsub(a, b, flags=_FUSED)

    def mul(self, a: Any, b: Any) -> Any:
        """Multiply."""
        return self.builder.fmul(a, b, flags=_FUSED)

    def div(self, a: Any, b: Any) -> Any:
        """Divide."""
        return self.builder.fdiv(a, b)

    def times_plus(self, a: Any, b: Any, c: Any) -> Any:
        """Give a * b + c."""
        return self.add(self.mul(a, b), c)

    def is_(self, relation: str, a: Any, b: Any) -> Any:
        """Compare lane by lane: a mask."""
        return self.builder.fcmp_ordered(relation, a, b)

    def choose(self, mask: Any, a: Any, b: Any) -> Any:
        """Give `a` where the mask is set, else `b`."""
        return self.builder.select(mask, a, b)

    def both(self, a: Any, b: Any) -> Any:
        """Give the mask that is set where both are."""
        return self.builder.and_(a, b)

    def any(self, mask: Any) -> Any:
        """Tell (i1) whether a mask is set anywhere."""
        bits = ir.IntType(self.width)
        return self.builder.icmp_unsigned("!=", self.builder.bitcast(mask, bits), ir.Constant(bits, 0))

    def magnitude(self, a: Any) -> Any:
        """Give |a|."""
        return self.kernel.intrinsic(f"llvm.fabs.v{self.width}{self.scalar.suffix}", self.type, [a])

    def root(self, value: Any) -> Any:
        """Give the square root of one number."""
        return self.kernel.intrinsic(f"llvm.sqrt.{self.scalar.suffix}", self.scalar.type, [value])

    def total(self, value: Any) -> Any:
        """Add up the lanes, halves first: the order is always the same."""
        b, width = self.builder, self.width
        while width > 1:
            width //= 2
            undefined = ir.Constant(value.type, ir.Undefined)
            places = [ir.Constant(ir.VectorType(I32, width), list(range(k, k + width))) for k in (0, width)]
            halves = [b.shuffle_vector(value, undefined, half) for half in places]
            value = self.add(*halves)
        return b.extract_element(value, ir.Constant(I32, 0))

    def sums(self, count: int) -> list[Any]:
        """Make variables that start at zero."""
        return [self.kernel.variable(self.number(0)) for _ in range(count)]

    def value(self, slot: Any) -> Any:
        """Give what a variable holds."""
        return self.kernel.load(slot, self.type)

    def accumulate(self, slot: Any, value: Any) -> None:
        """Add to a variable."""
        self.builder.store(self.add(self.value(slot), value), slot)


def load_index(kernel: Kernel, pointer: Any, place: Any) -> Any:
    """Load an int32 of a table as an index."""
    return kernel.builder.sext(kernel.load(kernel.at(pointer, place, I32), I32), I64)


def load_fields(kernel: Kernel, record: Any, names: Sequence[str]) -> dict[str, Any]:
    """Load a record of 64-bit words: those whose name is upper case are pointers, the others numbers."""
    fields: dict[str, Any] = {}
    for place, name in enumerate(names):
        word = kernel.load(kernel.at(record, place, I64), I64)
        fields[name] = kernel.builder.inttoptr(word, POINTER) if name.isupper() else word
    return fields
