"""What the rules of `scalarize` build with: scalar ops on the elements of one node's operands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import BIT, OPS, Builder, Constant, Node, Type, Value, fixed, smallest

Elements = NDArray[np.int64]  # values: the scalar elements of a tensor, in the tensor's shape


@dataclass(frozen=True, slots=True)
class Pool:
    """The graph that grows, and what is known about its values: constants by content, elements of tensors.

    With `ahead` rules prefer few levels to few ops.
    """

    builder: Builder = field(default_factory=Builder)
    raws: dict[Value, Any] = field(default_factory=dict)
    numbers: dict[tuple[Type, Any], Value] = field(default_factory=dict)
    whole: dict[Value, tuple[Value, int]] = field(default_factory=dict)
    ahead: bool = False

    def elements(self, value: Value) -> Elements:
        """Give the elements of an input or a call's result, in its shape."""
        t = self.builder.type(value)
        if not t.rank:
            return np.array(value, np.int64)
        ids = self.builder.elements(value)
        self.whole.update({v: (value, k) for k, v in enumerate(ids)})
        return np.array(ids, np.int64).reshape(t.shape)

    def number(self, t: Type, raw: Any) -> Value:
        """Give a scalar constant; the same raw number of a type is one value."""
        key = (t, np.asarray(raw, t.dtype).tobytes() if t.is_float else int(raw))
        known = self.numbers.get(key)
        if known is None:
            known = self.numbers[key] = self.builder.constant(Constant(t, np.asarray(raw, t.dtype)))
            self.raws[known] = raw if t.is_float else int(raw)
        return known

    def constants(self, constant: Constant) -> Elements:
        """Give the elements of a constant tensor: one value for each distinct number in it."""
        t, array = constant.type.scalar, constant.array
        if array.dtype == object:
            return np.array([self.number(t, raw) for raw in array.ravel()], np.int64).reshape(array.shape)
        bits = array.view(f"i{array.itemsize}") if t.is_float else array  # tells -0.0 from 0.0, finds NaN
        distinct, which = np.unique(bits, return_inverse=True)
        ids = [self.number(t, raw) for raw in distinct.view(array.dtype)]
        return np.array(ids, np.int64)[which].reshape(array.shape)

    def assemble(self, elements: Elements, t: Type) -> Value:
        """Give the tensor of these elements: the value they were taken from, or a `stack`."""
        if not t.rank:
            return int(elements)
        ids = elements.ravel().tolist()
        source, _ = self.whole.get(ids[0], (-1, 0))
        if source >= 0 and self.builder.type(source) == t and all(
                self.whole.get(v) == (source, k) for k, v in enumerate(ids)):
            return source
        return self.builder.apply("stack", *ids, shape=t.shape)


@dataclass(frozen=True, slots=True)
class Emitter:
    """Scalar ops for one node of the tensor graph: they carry its origin and its name with `_t` behind it."""

    pool: Pool
    node: Node

    def type(self, value: Value) -> Type:
        return self.pool.builder.type(value)

    def raw(self, value: Value) -> Any:
        """Give the raw number of a scalar constant, None for other values."""
        return self.pool.raws.get(value)

    def number(self, t: Type, raw: Any) -> Value:
        return self.pool.number(t, raw)

    def whole(self, raw: int, fraction: int = 0) -> Value:
        """Give the number raw * 2**-fraction in its narrowest type."""
        return self.pool.number(smallest(raw, raw, fraction), raw)

    def apply(self, op: str, *operands: Value, type: Type | None = None, **attributes: Any) -> Value:
        """Apply a scalar op."""
        node = self.node
        return self.pool.builder.apply(op, *operands, type=type, name=f"{node.name}_t", origin=node.origin,
                                       span=node.span, **attributes)

    def fit(self, value: Value, t: Type) -> Value:
        """Give a number in type t, which is known to hold it: its own type is wider only because nobody looked."""
        own = self.type(value)
        if own == t:
            return value
        raw = self.raw(value)
        if raw is not None and t.kind == own.kind == "fixed" and t.fraction >= own.fraction:
            return self.number(t, raw << (t.fraction - own.fraction))
        if t.is_float or t.holds(own):
            return self.apply("convert", value, type=t)
        if own.is_spin:
            value = self.apply("convert", value, type=fixed(2))
        return self.apply("requantize", value, type=t, rounding="floor", overflow="wrap")

    def fit_all(self, elements: Elements) -> Elements:
        """Bring the result of a rule to the node's declared type."""
        t = self.node.type.scalar
        return each(lambda v: self.fit(v, t), elements)

    def select(self, condition: Value, a: Value, b: Value) -> Value:
        """Give `a` where the condition is 1, else `b`; both have one type."""
        known = self.raw(condition)
        if known is not None:
            return a if known else b
        return a if a == b else self.apply("select", condition, a, b)

    def invert(self, bit: Value) -> Value:
        """Give the other bit."""
        raw = self.raw(bit)
        return self.apply("not", bit) if raw is None else self.number(BIT, 1 - raw)

    def both(self, a: Value, b: Value) -> Value:
        """Give the AND of two bits."""
        for p, q in ((a, b), (b, a)):
            if self.raw(p) is not None:
                return q if self.raw(p) else p
        return a if a == b else self.apply("and", a, b)

    def either(self, a: Value, b: Value) -> Value:
        """Give the OR of two bits."""
        for p, q in ((a, b), (b, a)):
            if self.raw(p) is not None:
                return p if self.raw(p) else q
        return a if a == b else self.apply("or", a, b)

    def as_bit(self, spin: Value) -> Value:
        """Give a spin's bit: 1 means +1."""
        raw = self.raw(spin)
        return self.apply("convert", spin, type=BIT) if raw is None else self.number(BIT, (raw + 1) // 2)

    def bit(self, value: Value, k: int) -> Value:
        """Give bit k of a number, which is wiring: cut the lower bits off, keep one, move the point to its right."""
        t = self.type(value)
        if t.is_spin:
            return self.as_bit(value)
        raw = self.raw(value)
        if raw is not None:
            return self.number(BIT, raw >> k & 1)
        if t == BIT:
            return value
        fraction = t.fraction - k
        one = Type("fixed", 1, fraction)
        cut = value if t == one else self.apply("requantize", value, type=one, rounding="floor", overflow="wrap")
        return self.apply("shift", cut, by=fraction) if fraction else cut

    def sum(self, terms: Sequence[Value]) -> Value:
        """Give the exact sum in one n-ary add; constants are folded into one."""
        if self.node.type.is_float:
            return terms[0] if len(terms) == 1 else self.apply("add", *terms) if terms else (
                self.number(self.node.type.scalar, 0.0))
        known = [v for v in terms if self.raw(v) is not None]
        fraction = max((self.type(v).fraction for v in known), default=0)
        total = sum(self.raw(v) << (fraction - self.type(v).fraction) for v in known)
        rest = [v for v in terms if self.raw(v) is None]
        if total or not rest:
            rest.append(self.whole(total, fraction))
        return rest[0] if len(rest) == 1 else self.apply("add", *rest)

    def tree(self, join: Callable[[Value, Value], Value], values: Sequence[Value]) -> Value:
        """Fold values with an associative op as a balanced tree."""
        while len(values) > 1:
            pairs = [join(a, b) for a, b in zip(values[::2], values[1::2], strict=False)]
            values = pairs + list(values[len(pairs) * 2:])
        return values[0]


def each(f: Callable[..., Value], *arrays: Elements) -> Elements:
    """Apply a function to each element of arrays of one shape."""
    flat = [f(*row) for row in zip(*(a.ravel().tolist() for a in arrays), strict=True)]
    return np.array(flat, np.int64).reshape(arrays[0].shape)


def natural_type(node: Node, types: Sequence[Type]) -> Type:
    """Give the type that a node has by its operands' types alone."""
    return OPS[node.op].result_type(types, node.attributes, node.type)
