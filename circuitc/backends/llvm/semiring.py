"""The terms and joins of a contraction, over each semiring."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import llvmlite.ir as ir

from circuitc.ir import Node, Type

from .body import Body
from .kernel import Kernel, number
from .memory import element_type, is_signed, rounded, storage_bits
from .reductions import REASSOCIATE


@dataclass(frozen=True, slots=True)
class Sums:
    """How terms are made and joined: accumulators of `bits` bits with `fraction` (exact types), or floats."""

    semiring: str
    types: tuple[Type, ...]
    result: Type
    init: Type | None
    bits: int
    fraction: int
    signed: bool

    @property
    def kind(self) -> Any:
        """LLVM's type of the accumulator."""
        return element_type(self.result) if self.result.is_float else ir.IntType(self.bits)

    @property
    def stores_accumulator(self) -> bool:
        """True where the accumulator is, as it stands, an element of the result."""
        return self.result.is_float or (self.bits == storage_bits(self.result) and (
            self.fraction == self.result.fraction))

    def start(self, kernel: Kernel, init: Any) -> Any:
        """Give what the reduction starts from: init, or the semiring's zero."""
        if init is not None:
            assert self.init is not None
            return init if self.result.is_float else kernel.widen(init, self.init, self.bits, self.fraction)
        if self.semiring in ("plus_times", "or_and"):
            return ir.Constant(self.kind, 0.0 if self.result.is_float else 0)
        least = self.semiring == "min_plus"
        if self.result.is_float:
            return ir.Constant(self.kind, float("inf") if least else float("-inf"))
        top = (1 << (self.bits - self.signed)) - 1
        return number(self.bits, top if least else -top - 1 if self.signed else 0)

    def term(self, kernel: Kernel, x: Any, y: Any) -> Any:
        """Give the product (of the semiring) of two elements, in the accumulator's type."""
        b, (s, t) = kernel.builder, self.types
        if self.semiring == "or_and":
            return b.and_(x, y)
        if self.result.is_float:
            return b.fmul(x, y, flags=("contract",)) if self.semiring == "plus_times" else b.fadd(x, y)
        if self.semiring == "plus_times":
            product = b.mul(kernel.widen(x, s, self.bits), kernel.widen(y, t, self.bits))
            return kernel.shift_left(product, self.fraction - s.fraction - t.fraction)
        return b.add(kernel.widen(x, s, self.bits, self.fraction), kernel.widen(y, t, self.bits, self.fraction))

    def join(self, kernel: Kernel, total: Any, term: Any, where: Any) -> Any:
        """Fold a term in, if `where` (an i8, or None) keeps it."""
        b = kernel.builder
        kept = None if where is None else b.icmp_unsigned("!=", where, number(8, 0))
        if kept is not None and self.semiring in ("plus_times", "or_and"):
            term = b.select(kept, term, ir.Constant(self.kind, 0.0 if self.result.is_float else 0))
        joined = self._joined(kernel, total, term)
        masks = kept is not None and self.semiring in ("min_plus", "max_plus")
        return b.select(kept, joined, total) if masks else joined

    def _joined(self, kernel: Kernel, total: Any, term: Any) -> Any:
        b = kernel.builder
        match self.semiring:
            case "plus_times":
                return b.fadd(total, term, flags=REASSOCIATE) if self.result.is_float else b.add(total, term)
            case "or_and":
                return b.or_(total, term)
            case semiring:
                least = semiring == "min_plus"
                if self.result.is_float:
                    name = f"llvm.{'minimum' if least else 'maximum'}.f{self.result.width}"
                    return kernel.intrinsic(name, total.type, [total, term])
                test = "<" if least else ">"
                better = b.icmp_signed(test, term, total) if self.signed else b.icmp_unsigned(test, term, total)
                return b.select(better, term, total)

    def completed(self, kernel: Kernel, products: Any, init: Any) -> Any:
        """Give the sum of products of raw numbers (floats, or integers of any width) and init (or None)."""
        start = self.start(kernel, init)
        if self.result.is_float:
            return kernel.builder.fadd(products, start, flags=REASSOCIATE)
        total = kernel.resize(products, True, self.bits)
        total = kernel.shift_left(total, self.fraction - self.types[0].fraction - self.types[1].fraction)
        return kernel.builder.add(total, start)

    def finish(self, kernel: Kernel, total: Any) -> Any:
        """Give the result's stored element."""
        if self.result.is_float:
            return total
        raw = kernel.resize(total, self.signed, storage_bits(self.result))
        return kernel.shift_left(raw, self.result.fraction - self.fraction)


def sums_of(body: Body, node: Node) -> Sums:
    types = tuple(body.type(v).scalar for v in node.operands[:2])
    init = body.type(node.operands[-1]).scalar if node.attributes["init"] else None
    result, semiring = node.type.scalar, node.attributes["semiring"]
    if semiring == "or_and":
        return Sums(semiring, types, result, init, 8, 0, False)
    if semiring == "plus_times" or result.is_float:  # exact modulo the result's width
        return Sums(semiring, types, result, init, storage_bits(result), result.fraction, is_signed(result))
    fraction = max(t.fraction for t in (*types, *([init] if init else [])))
    (a, b), ends = types, [(t.lowest << (fraction - t.fraction), t.highest << (fraction - t.fraction))
                           for t in (*types, *([init] if init else []))]
    low, high = ends[0][0] + ends[1][0], ends[0][1] + ends[1][1]
    if init:
        low, high = min(low, ends[2][0]), max(high, ends[2][1])
    signed = low < 0
    width = max(high.bit_length(), (~low).bit_length() if signed else 0) + signed
    return Sums(semiring, (a, b), result, init, max(rounded(width), storage_bits(result)), fraction, signed)
