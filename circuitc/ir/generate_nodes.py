"""Grow random well-typed graphs: for each op of the language one way to find operands and attributes for it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np

from circuitc.diagnostics import CircuitError

from .constant import Constant
from .graph import Builder, Value
from .ops import OPS, find_op
from .types import BIT, F32, F64, SPIN, Shape, Type
from .values import random_raw

Test = Callable[[Type], bool]
Wish = tuple[Sequence[Value], dict[str, Any], Type | None]  # operands, attributes, declared type

MAX_ELEMENTS = 48
_SMALL = (1, 2, 3, 4, 5, 7, 8, 11, 16)
_EDGES = (1, 31, 32, 33, 48, 62, 63, 64)
_FRACTIONS = (-17, -3, -1, 1, 2, 4, 7, 12, 40)


class Growth:
    """A graph that grows at random. Everything is drawn from `rng`, so equal seeds grow equal graphs."""

    def __init__(self, rng: np.random.Generator, *, exact_only: bool, ops: Collection[str] | None) -> None:
        self.rng = rng
        self.builder = Builder()
        self.exact_only = exact_only
        self.ops = [name for name in OPS if ops is None or name in ops]

    # draws

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def count(self, fewest: int, most: int) -> int:
        """Draw a whole number, both ends included."""
        return int(self.rng.integers(fewest, most, endpoint=True))

    def choose(self, options: Sequence[Any]) -> Any:
        return options[self.count(0, len(options) - 1)]

    def subset(self, items: str, probability: float = 0.5) -> str:
        return "".join(c for c in items if self.chance(probability))

    def shuffled(self, items: Sequence[Any]) -> list[Any]:
        return [items[i] for i in self.rng.permutation(len(items))]

    def scalar(self, *, exact: bool = False) -> Type:
        """Draw an element type: all kinds, small widths more often than the edges near 32 and 64 bits."""
        if not exact and not self.exact_only and self.chance(0.15):
            return self.choose((F32, F64))
        if self.chance(0.25):
            return self.choose((BIT, SPIN))
        width = self.choose(_SMALL if self.chance(0.7) else _EDGES)
        return Type("fixed", width, self.choose(_FRACTIONS) if self.chance(0.3) else 0, self.chance(0.5))

    def shape(self) -> Shape:
        rank = self.choose((0, 0, 0, 0, 1, 1, 1, 2, 2, 3))
        return tuple(self.count(1, 4) for _ in range(rank))

    # values

    def type(self, value: Value) -> Type:
        return self.builder.type(value)

    def find(self, test: Test) -> Value | None:
        """Draw one of the values whose type passes a test, late ones more often."""
        fit = [v for v, node in enumerate(self.builder.nodes) if test(node.type)]
        return fit[-1 - int(len(fit) * self.rng.random() ** 1.5)] if fit else None

    def constant(self, t: Type) -> Value:
        """Add a constant: random numbers, or one of those that rewrite rules love."""
        raw = random_raw(t, 1, self.rng)[0]
        if self.chance(0.4):
            special = (-1, 1) if t.is_spin else (0, 1, 2) if t.is_float else (0, 1, t.lowest, t.highest)
            special = [s for s in special if t.is_float or t.lowest <= s <= t.highest]
            raw = np.full(t.shape, self.choose(special), dtype=t.dtype)
        return self.builder.constant(Constant(t, raw, "csr" if t.rank == 2 and self.chance(0.2) else "dense"), "k")

    def like(self, t: Type) -> Value:
        """Find a value of exactly this type, or make one."""
        found = self.find(lambda other: other == t) if self.chance(0.8) else None
        return self.constant(t) if found is None else found

    def shaped(self, shape: Shape, test: Test, scalar: Callable[[], Type]) -> Value:
        """Find a value of this shape that passes a test, or make a constant of the drawn element type."""
        found = self.find(lambda t: t.shape == shape and test(t)) if self.chance(0.8) else None
        return self.constant(scalar().with_shape(shape)) if found is None else found

    def partner(self, t: Type) -> Value:
        """Find or make a second operand for arithmetic with a value of type `t`."""
        if t.is_float:
            return self.like(t)
        return self.shaped(t.shape, lambda o: o.is_exact, lambda: self.scalar(exact=True))

    def operand(self, test: Test = lambda t: True, scalar: Callable[[], Type] | None = None) -> Value:
        """Find or make a value of any shape that passes a test."""
        found = self.find(test)
        if found is not None and self.chance(0.93):
            return found
        for _ in range(20):
            t = (scalar() if scalar else self.scalar()).with_shape(self.shape())
            if test(t):
                return self.constant(t)
        if found is None:
            raise _NothingFits
        return found

    def exact(self) -> Value:
        return self.operand(lambda t: t.is_exact, lambda: self.scalar(exact=True))

    def tensor(self) -> Value:
        return self.operand(lambda t: t.rank > 0)

    def bits(self, shape: Shape) -> Value:
        return self.shaped(shape, lambda t: t.is_bit, lambda: BIT)

    def indices(self) -> Value:
        return self.operand(_is_index, lambda: Type("fixed", self.choose((1, 2, 3, 3, 8, 64))))

    # growing

    def grow(self) -> Value | None:
        """Add one op, trying others where the types refuse; None where nothing fits."""
        for name in self.shuffled(self.ops)[:8]:
            try:
                return self.apply(name, *MAKERS[name](self))
            except (CircuitError, _NothingFits):
                continue
        return None

    def apply(self, name: str, operands: Sequence[Value], attributes: dict[str, Any], declared: Type | None) -> Value:
        """Apply an op; sometimes with a declared type that is wider than needed."""
        record = find_op(name)
        full = record.complete(attributes)
        inferred = record.result_type([self.type(v) for v in operands], full, declared)
        if inferred.size > MAX_ELEMENTS:
            raise _NothingFits
        wider = declared if record.declares else self.wider(inferred) if self.chance(0.15) else None
        origin = self.choose(("layer.1", "model:3")) if self.chance(0.1) else ""
        return self.builder.apply(name, *operands, type=wider, origin=origin, **full)

    def wider(self, t: Type) -> Type | None:
        """Draw a type that holds `t` and more, if there is one."""
        if t.kind != "fixed":
            return None
        extra, fraction = self.count(0, 3), self.count(0, 2)
        signed = t.signed or self.chance(0.3)
        width = t.width + extra + fraction + (signed and not t.signed)
        return Type("fixed", width, t.fraction + fraction, signed, t.shape) if width <= 64 else None

    def cast(self, value: Value, t: Type) -> Value:
        """Bring a value of the same shape to a type, as far as the allowed ops go; else another value of that type."""
        source = self.type(value)
        if source == t:
            return value
        op = "convert" if t.is_spin or source.is_spin or (t.is_float and source.is_exact) else "requantize"
        if op in self.ops and source.shape == t.shape:
            try:
                return self.apply(op, (value,), {"overflow": "wrap"} if op == "requantize" and t.is_exact else {}, t)
            except (CircuitError, _NothingFits):
                return self.like(t)
        return self.like(t)


class _NothingFits(Exception):
    """No operands were found for an op; another op is tried."""


def _is_index(t: Type) -> bool:
    return t.is_integer and not t.signed


def _unary(g: Growth) -> Wish:
    return (g.operand(),), {}, None


def _arithmetic(g: Growth) -> Wish:
    x = g.operand()
    return g.shuffled((x, g.partner(g.type(x)))), {}, None


def _sum(g: Growth) -> Wish:
    x = g.operand()
    return (x, *(g.partner(g.type(x)) for _ in range(g.choose((1, 1, 1, 2, 3))))), {}, None


def _alike(g: Growth) -> Wish:
    x = g.operand()
    return (x, g.like(g.type(x))), {}, None


def _logic(g: Growth) -> Wish:
    x = g.operand(lambda t: t.kind == "fixed")
    return (x, g.like(g.type(x))), {}, None


def _select(g: Growth) -> Wish:
    x = g.operand()
    return (g.bits(g.type(x).shape), x, g.like(g.type(x))), {}, None


def _requantize(g: Growth) -> Wish:
    x = g.operand(lambda t: not t.is_spin)
    source, target = g.type(x), g.scalar()
    modes = ["saturate", "wrap", *(["never"] if target.holds(source.scalar) else [])]
    return (x,), {"rounding": g.choose(("nearest_even", "floor")), "overflow": g.choose(modes)}, target


def _convert(g: Growth) -> Wish:
    x = g.operand()
    t = g.type(x).scalar
    options = [g.wider(t) or t, SPIN if t.is_bit else BIT, g.scalar()]
    if not g.exact_only:
        options += [F32, F64]
    return (x,), {}, g.choose(options)


def _shift(g: Growth) -> Wish:
    return (g.operand(lambda t: t.kind == "fixed"),), {"by": g.choose((-5, -1, 0, 1, 2, 9))}, None


def _reshape(g: Growth) -> Wish:
    x = g.operand()
    size = g.type(x).size
    split = g.choose([d for d in range(1, size + 1) if size % d == 0])
    return (x,), {"shape": g.choose(((size,), (split, size // split), (1, split, size // split)))}, None


def _transpose(g: Growth) -> Wish:
    x = g.operand()
    return (x,), {"order": g.shuffled(range(g.type(x).rank))}, None


def _broadcast(g: Growth) -> Wish:
    x = g.operand(lambda t: t.rank < 3)
    t = g.type(x)
    rank = g.count(max(t.rank, 1), 3)
    axes = sorted(g.shuffled(range(rank))[:t.rank])
    shape = [g.count(1, 3) for _ in range(rank)]
    for axis, n in zip(axes, t.shape, strict=True):
        shape[axis] = n if n > 1 else shape[axis]
    return (x,), {"shape": shape, "axes": axes}, None


def _slice(g: Growth) -> Wish:
    x = g.operand()
    starts = [g.count(0, n - 1) for n in g.type(x).shape]
    stops = [g.count(a + 1, n) for a, n in zip(starts, g.type(x).shape, strict=True)]
    step = [g.count(1, 3) for _ in starts] if g.chance(0.4) else []
    return (x,), {"start": starts, "stop": stops, "step": step}, None


def _window(g: Growth) -> Wish:
    x = g.tensor()
    axis = g.count(0, g.type(x).rank - 1)
    return (x,), {"axis": axis, "size": g.count(1, 3), "stride": g.count(1, 2), "dilation": g.count(1, 2)}, None


def _element(g: Growth) -> Wish:
    x = g.operand()
    return (x,), {"index": g.count(0, g.type(x).size - 1)}, None


def _concat(g: Growth) -> Wish:
    x = g.tensor()
    t = g.type(x)
    axis = g.count(0, t.rank - 1)
    more = (t.with_shape((*t.shape[:axis], g.count(1, 3), *t.shape[axis + 1:])) for _ in range(g.count(0, 2)))
    return (x, *(g.like(m) for m in more)), {"axis": axis}, None


def _stack(g: Growth) -> Wish:
    x = g.operand(lambda t: t.rank == 0)
    shape = g.choose(((), (1,), (2,), (3,), (2, 2), (1, 3)))
    size = int(np.prod(shape, dtype=np.int64))
    return g.shuffled((x, *(g.like(g.type(x)) for _ in range(size - 1)))), {"shape": shape}, None


def _pad(g: Growth) -> Wish:
    x = g.operand()
    t = g.type(x)
    before, after = ([g.count(0, 2) for _ in t.shape] for _ in range(2))
    return (x, g.like(t.scalar)), {"before": before, "after": after}, None


def _gather(g: Growth) -> Wish:
    x = g.tensor()
    return (x, g.indices()), {"axis": g.count(0, g.type(x).rank - 1)}, None


def _update(g: Growth) -> Wish:
    x = g.tensor()
    t = g.type(x)
    index = g.shaped((), _is_index, lambda: Type("fixed", g.choose((1, 2, 3, 64))))
    return (x, index, g.like(t.with_shape(t.shape[1:]))), {}, None


def _one_hot(g: Growth) -> Wish:
    return (g.indices(),), {"size": g.count(1, 6)}, None


def _priority(g: Growth) -> Wish:
    return (g.operand(lambda t: t.is_bit and t.rank > 0, lambda: BIT),), {}, None


def _pack(g: Growth) -> Wish:
    x = g.operand(lambda t: t.is_bit and t.rank > 0, lambda: BIT)
    width = g.type(x).shape[-1]
    if width == 1 and g.chance(0.5):
        return (x,), {}, SPIN
    return (x,), {}, Type("fixed", width, g.choose((0, 0, 2, -3)), g.chance(0.5))


def _unpack(g: Growth) -> Wish:
    return (g.exact(),), {}, None


def _reduce(g: Growth) -> Wish:
    x = g.tensor()
    rank = g.type(x).rank
    axes = sorted(g.shuffled(range(rank))[:g.count(1, rank)])
    return (x,), {"kind": g.choose(("add", "min", "max", "and", "or", "xor")), "axes": axes}, None


def _arg(g: Growth) -> Wish:
    x = g.tensor()
    where = (g.bits(g.type(x).shape),) if g.chance(0.4) else ()
    return (x, *where), {"axis": g.count(0, g.type(x).rank - 1)}, None


def _contract(g: Growth) -> Wish:
    semiring = g.choose(("plus_times", "plus_times", "plus_times", "min_plus", "max_plus", "or_and"))
    bits = semiring == "or_and"
    a = g.operand(lambda t: t.is_bit and t.rank > 0, lambda: BIT) if bits else g.tensor()
    scalar = g.type(a).scalar
    sizes = dict(zip("ijk", g.type(a).shape, strict=False))
    left = "".join(sizes)
    if g.chance(0.6):
        sizes["l"] = g.count(1, 3)
    right = "".join(g.shuffled(g.subset("".join(sizes), 0.7)))
    letters = "".join(c for c in sizes if c in left + right)
    result = "".join(g.shuffled(g.subset(letters)))
    fits: Test = (lambda t: t.scalar == scalar) if bits or scalar.is_float else (lambda t: t.is_exact)
    draw = (lambda: scalar) if bits or scalar.is_float else (lambda: g.scalar(exact=True))

    def tensor(index: str) -> Value:
        return g.shaped(tuple(sizes[c] for c in index), fits, draw)

    where = g.subset(letters) if g.chance(0.3) else ""
    init = g.chance(0.3) or (bool(where) and semiring in ("min_plus", "max_plus"))
    operands = [a, tensor(right)]
    operands += [g.bits(tuple(sizes[c] for c in where))] if where else []
    operands += [tensor(result)] if init else []
    return operands, {"spec": f"{left},{right}->{result}", "semiring": semiring, "where": where, "init": init}, None


def _threshold(g: Growth) -> Wish:
    x = g.operand(lambda t: t.is_exact and t.rank == 1, lambda: g.scalar(exact=True))
    outputs, inputs = g.count(1, 4), g.type(x).size
    w, t = (g.shaped(s, lambda t: t.is_exact, lambda: g.scalar(exact=True)) for s in ((outputs, inputs), (outputs,)))
    return (x, w, t), {}, None


def _table(g: Growth) -> Wish:
    x = g.operand(lambda t: t.is_exact and t.width <= 8, lambda: g.scalar(exact=True))
    return (x, g.constant(g.scalar().with_shape((1 << g.type(x).width,)))), {}, None


def _function(g: Growth) -> Wish:
    x = g.operand(lambda t: t.is_float or t.size <= 12)
    return (x,), {}, _declared(g, x)


def _divide(g: Growth) -> Wish:
    x = g.operand(lambda t: t.is_float or t.size <= 12)
    return (x, g.partner(g.type(x))), {}, _declared(g, x)


def _declared(g: Growth, x: Value) -> Type:
    t = g.type(x)
    if t.is_float:
        return t.scalar
    return Type("fixed", g.choose((4, 8, 12, 32, 64)), g.choose((0, 3, 6, 10)), g.chance(0.7))


Maker = Callable[[Growth], Wish]

MAKERS: dict[str, Maker] = {
    "add": _sum, "sub": _arithmetic, "mul": _arithmetic, "eq": _arithmetic, "lt": _arithmetic, "le": _arithmetic,
    "neg": _unary, "abs": _unary, "min": _alike, "max": _alike, "select": _select,
    "and": _logic, "or": _logic, "xor": _logic, "not": _unary,
    "requantize": _requantize, "convert": _convert, "shift": _shift,
    "reshape": _reshape, "transpose": _transpose, "broadcast": _broadcast, "slice": _slice, "window": _window,
    "element": _element, "concat": _concat, "stack": _stack, "pad": _pad, "gather": _gather, "update": _update,
    "one_hot": _one_hot, "priority": _priority, "pack": _pack, "unpack": _unpack,
    "reduce": _reduce, "argmax": _arg, "argmin": _arg, "contract": _contract, "threshold": _threshold,
    "table": _table, "divide": _divide, "exp": _function, "log": _function, "sqrt": _function, "rsqrt": _function,
    "tanh": _function, "sigmoid": _function, "sin": _function, "cos": _function, "erf": _function,
}
"""One maker for each op of the table; a test compares the two."""
