"""What each op on floats becomes: a form (still a float to the program) or an exact value (a comparison, an index)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import BIT, Node, Type, Value, smallest
from circuitc.ir.graph import at

from .contractions import contract
from .forms import Bound, Form, compact, onto, product_bound, times, uniform
from .functions import divide, function
from .lowering import Lowering, Rule


def _add(low: Lowering, value: Value, node: Node) -> Form:
    """Constants go into the offset; values are brought to the scale of the sum and added exactly."""
    signs = [1.0] * len(node.operands) if node.op == "add" else [1.0, -1.0]
    known = [low.known(v) for v in node.operands]
    constant = sum((s * k for s, k in zip(signs, known, strict=True) if k is not None), np.zeros((1,) * node.type.rank))
    moving = [(v, s) for v, s, k in zip(node.operands, signs, known, strict=True) if k is None]
    form = _signed(_unclipped(low, moving[0][0]), moving[0][1]) if len(moving) == 1 else _sum(low, value, moving)
    bound = form.bound and Bound(form.bound.low + constant, form.bound.high + constant, form.bound.error)
    return replace(form, offset=compact(form.offset + constant), bound=bound)


def _sum(low: Lowering, value: Value, moving: list[tuple[Value, float]]) -> Form:
    grid = low.grid(value, low.plan.settings.default.activations)
    a, name = low.arithmetic, low.node(value).name
    parts = [onto(a, _signed(_unclipped(low, v), s), grid, low.node(v).name) for v, s in moving]
    total = low.builder.apply("add", *(p.value for p in parts), name=name)
    bounds = [p.bound for p in parts if p.bound is not None]
    bound = Bound(*(sum((getattr(b, end) for b in bounds), np.zeros(())) for end in ("low", "high", "error"))) if (
        len(bounds) == len(parts)) else None
    rank = low.node(value).type.rank
    return Form(total, np.full((1,) * rank, grid.scale), compact(sum((p.offset for p in parts), np.zeros((1,) * rank))),
                bound=bound)


def _unclipped(low: Lowering, value: Value) -> Form:
    """Give a form on which arithmetic may be put off: what waits to be clipped is rounded first."""
    return low.narrow(value) if low.form(value).is_clipped else low.form(value)


def _signed(form: Form, sign: float) -> Form:
    return form if sign > 0 else times(form, np.full((1,) * form.scale.ndim, -1.0))


def _mul(low: Lowering, value: Value, node: Node) -> Form:
    known = [low.known(v) for v in node.operands]
    for k, factor in enumerate(known):
        if factor is not None:
            return times(_unclipped(low, node.operands[1 - k]), factor)
    x, y = (low.centred(v) for v in node.operands)
    product = low.builder.apply("mul", x.value, y.value, name=node.name)
    return Form(product, x.scale * y.scale, np.zeros_like(x.scale), bound=product_bound(x.bound, y.bound))


def _neg(low: Lowering, value: Value, node: Node) -> Form:
    return _signed(_unclipped(low, node.operands[0]), -1.0)


def _abs(low: Lowering, value: Value, node: Node) -> Form:
    x = low.centred(node.operands[0])
    bound = x.bound and Bound(np.where((x.bound.low <= 0) & (x.bound.high >= 0), 0.0,
                                       np.minimum(abs(x.bound.low), abs(x.bound.high))), x.bound.size, x.bound.error)
    return Form(low.builder.apply("abs", x.value, name=node.name), x.scale, x.offset, bound=bound)


def _extreme(low: Lowering, value: Value, node: Node) -> Form:
    """A constant clips, for free where the grid ends there (relu); two values are compared on one grid."""
    known = [low.known(v) for v in node.operands]
    for k, end in enumerate(known):
        if end is not None and end.size and np.all(end == end.flat[0]):
            number, form = float(end.flat[0]), low.form(node.operands[1 - k])
            return form.clip(number, np.inf) if node.op == "max" else form.clip(-np.inf, number)
    grid = low.grid(value, low.plan.settings.default.activations)
    x, y = (low.on(v, grid) for v in node.operands)
    pick = np.maximum if node.op == "max" else np.minimum
    bound = x.bound and y.bound and Bound(pick(x.bound.low, y.bound.low), pick(x.bound.high, y.bound.high),
                                          np.maximum(x.bound.error, y.bound.error))
    return replace(x, value=low.builder.apply(node.op, x.value, y.value, name=node.name), bound=bound)


def _move(low: Lowering, value: Value, node: Node) -> Form:
    """Move numbers; scales and offsets that differ between elements move along."""
    forms = [low.form(v) for v in node.operands]
    if len(forms) > 1:
        return _join(low, value, node)
    form = forms[0]
    shape = low.node(node.operands[0]).type.shape
    scale, offset = (compact(_moved(low, node, [np.broadcast_to(part, shape)])) for part in (form.scale, form.offset))
    number = low.builder.apply(node.op, form.value, name=node.name, **node.attributes)
    return replace(form, value=number, scale=scale, offset=offset, bound=_moved_bound(low, node, [form]))


def _moved(low: Lowering, node: Node, arrays: list[Any]) -> Any:
    return low.moved(node, arrays)


def _moved_bound(low: Lowering, node: Node, forms: list[Form]) -> Bound | None:
    bounds = [f.bound for f in forms if f.bound is not None]
    if len(bounds) < len(forms):
        return None
    shapes = [low.node(v).type.shape for v in node.operands]
    return Bound(*(_moved(low, node, [np.broadcast_to(getattr(b, end), s) for b, s in zip(bounds, shapes, strict=True)])
                   for end in ("low", "high", "error")))


def _join(low: Lowering, value: Value, node: Node) -> Form:
    """Put tensors together on the grid of the whole."""
    grid = low.grid(value, low.plan.settings.default.activations)
    forms = [low.on(v, grid) for v in node.operands]
    number = low.builder.apply(node.op, *(f.value for f in forms), name=node.name, **node.attributes)
    return uniform(number, grid.scale, -grid.zero * grid.scale, node.type.rank, _moved_bound(low, node, forms))


def _pad(low: Lowering, value: Value, node: Node) -> Form:
    grid = low.grid(value, low.plan.settings.default.activations)
    forms = [low.on(v, grid) for v in node.operands]
    number = low.builder.apply("pad", *(f.value for f in forms), name=node.name, **node.attributes)
    return uniform(number, grid.scale, -grid.zero * grid.scale, node.type.rank, _moved_bound(low, node, forms))


def _gather(low: Lowering, value: Value, node: Node) -> Form:
    """Outside the axis all bits are zero, and so must the number be that they stand for."""
    x = low.centred(node.operands[0])
    number = low.builder.apply("gather", x.value, low.exact[node.operands[1]], name=node.name, **node.attributes)
    known = x.bound if node.operands[1] not in low.derived else None
    bound = known and _whole(Bound(np.minimum(known.low, 0), np.maximum(known.high, 0), known.error), node.type.shape)
    return uniform(number, float(x.scale.flat[0]), 0.0, node.type.rank, bound)


def _whole(b: Bound, shape: tuple[int, ...]) -> Bound:
    """Give one bound for all elements."""
    return Bound(np.full(shape, b.low.min()), np.full(shape, b.high.max()), np.full(shape, b.error.max()))


def _update(low: Lowering, value: Value, node: Node) -> Form:
    grid = low.grid(value, low.plan.settings.default.activations)
    x, row = low.on(node.operands[0], grid), low.on(node.operands[2], grid)
    number = low.builder.apply("update", x.value, low.exact[node.operands[1]], row.value, name=node.name)
    return replace(x, value=number, bound=None)


def _reduce(low: Lowering, value: Value, node: Node) -> Form:
    x = low.even(node.operands[0])
    axes, kind = tuple(node.attributes["axes"]), node.attributes["kind"]
    number = low.builder.apply("reduce", low.arithmetic.numeric(x.value), name=node.name, **node.attributes)
    count = float(np.prod([low.node(node.operands[0]).type.shape[k] for k in axes])) if kind == "add" else 1.0
    fold = {"add": np.add, "min": np.minimum, "max": np.maximum}[kind]
    b = x.bound
    worst = np.add if kind == "add" else np.maximum
    bound = b and Bound(fold.reduce(b.low, axis=axes), fold.reduce(b.high, axis=axes), worst.reduce(b.error, axis=axes))
    return uniform(number, float(x.scale.flat[0]), float(x.offset.flat[0]) * count, node.type.rank, bound)


def _arg(low: Lowering, value: Value, node: Node) -> Value:
    """An index of the extreme: numbers with one scale compare as the reals do, so nothing is rounded for it."""
    x = low.form(node.operands[0])
    if not x.is_uniform:
        x = onto(low.arithmetic, _unclipped(low, node.operands[0]), low.grid(
            node.operands[0], low.plan.settings.default.activations), low.node(node.operands[0]).name)
        number, _ = low.arithmetic.plus(x.value, compact(x.offset / x.scale), low.builder.type(x.value).fraction, "arg")
    else:
        number = x.value
    rest = [low.exact[v] for v in node.operands[1:]]
    return low.builder.apply(node.op, low.arithmetic.numeric(number), *rest, name=node.name, type=node.type,
                             **node.attributes)


def _select(low: Lowering, value: Value, node: Node) -> Form:
    """Choose between two constants by scale and offset alone, between values on one grid."""
    condition, *chosen = node.operands
    known = [low.known(v) for v in chosen]
    if all(k is not None and np.all(k == k.flat[0]) for k in known):
        one, zero = (float(k.flat[0]) for k in known if k is not None)
        low_, high_ = (np.full(node.type.shape, end) for end in (min(one, zero), max(one, zero)))
        error = np.full(node.type.shape, abs(one - zero) if condition in low.derived else 0.0)
        return uniform(low.exact[condition], one - zero, zero, node.type.rank, Bound(low_, high_, error))
    masked = _masked(low, value, chosen)
    grid = low.grid(value if masked is None else masked, low.plan.settings.default.activations)
    x, y = (low.on(v, grid) for v in chosen)
    selected = low.builder.apply("select", low.exact[condition], x.value, y.value, name=node.name)
    return replace(x, value=selected, bound=None)


def _masked(low: Lowering, value: Value, chosen: list[Value]) -> Value | None:
    """Give the value that a select masks for a maximum (or minimum) with one number below (above) all of it.

    Where calibration never saw that number come out of the fold, the end of the value's own grid serves as well, and
    the mask's number (-1e9, say) does not spoil the grid.
    """
    users = low.graph.users[value]
    masks = [(other, float(k.flat[0])) for v, other in (chosen, reversed(chosen))
             if (k := low.known(v)) is not None and np.all(k == k.flat[0])]
    if len(users) != 1 or len(masks) != 1 or low.node(users[0]).op != "reduce":
        return None
    kind, (other, number) = low.node(users[0]).attributes["kind"], masks[0]
    folded, own = low.seen[users[0]], low.seen.get(other)
    if own is None:
        return None
    below = kind == "max" and number < min(folded.low, own.low)
    return other if below or (kind == "min" and number > max(folded.high, own.high)) else None


def _compare(low: Lowering, value: Value, node: Node) -> Value:
    """Compare with a constant by an integer threshold for each element, flipped where the scale is negative."""
    known = [low.known(v) for v in node.operands]
    if node.op == "eq" or all(k is None for k in known):
        grids = [low.grid(v, low.plan.settings.default.activations) for v in node.operands]
        grid = max(grids, key=lambda g: g.step)
        x, y = (low.on(v, grid) for v in node.operands)
        return low.builder.apply(node.op, x.value, y.value, name=node.name)
    place = 0 if known[0] is None else 1
    level = known[1 - place]
    assert level is not None
    form = _unclipped(low, node.operands[place])
    above = place == 1                       # level < x, else x < level, which is not(level <= x)
    strict = (node.op == "lt") == above
    bit = _exceeds(low, form, level, strict=strict, name=node.name)
    return bit if above else low.builder.apply("not", bit, name=node.name)


def _exceeds(low: Lowering, form: Form, level: Any, *, strict: bool, name: str) -> Value:
    """Tell where a form is above a level (or, not strictly, at it): raw > threshold, flipped for negative scales."""
    b = low.builder
    number = low.arithmetic.numeric(form.value)
    t = b.type(number)
    scale = np.broadcast_to(form.scale, t.shape)
    gap = np.broadcast_to(level - form.offset, t.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        at_level = np.ldexp(gap / scale, t.fraction)
    flipped = scale < 0
    open_ = strict != flipped
    threshold = np.where(open_, np.floor(at_level), np.ceil(at_level) - 1)
    always = gap < 0 if strict else gap <= 0
    threshold = np.where(scale == 0, np.where(always, t.lowest - 1, t.highest), threshold)
    raw = np.frompyfunc(int, 1, 1)(np.clip(threshold, t.lowest - 1, t.highest))
    raw = compact_raw(np.asarray(raw, dtype=object))
    scalar = smallest(int(raw.min()), int(raw.max()), t.fraction)
    limit = low.arithmetic.spread(raw, scalar, t.shape, f"{name}_threshold")
    bit = b.apply("lt", limit, number, name=name)
    if not np.any(flipped):
        return bit
    flips = compact_raw(np.asarray(flipped.astype(np.int64)))
    return b.apply("xor", bit, low.arithmetic.spread(flips, BIT, t.shape, f"{name}_flip"), name=name)


def compact_raw(array: Any) -> Any:
    """Shrink axes along which integers do not change to 1."""
    for axis in range(array.ndim):
        first = array.take([0], axis=axis)
        array = first if bool(np.all(array == first)) else array
    return array


def _requantize(low: Lowering, value: Value, node: Node) -> Any:
    """A number that the program itself rounds keeps its type; between floats nothing happens."""
    if node.type.is_float:
        return low.form(node.operands[0])
    form = low.even(node.operands[0])
    ratio, offset = compact(form.scale), compact(form.offset)
    number, _ = low.arithmetic.scaled(form.value, ratio, node.name)
    number, _ = low.arithmetic.plus(number, offset, node.type.fraction + 16, node.name)
    return low.builder.apply("requantize", number, type=node.type, name=node.name, **node.attributes)


def _convert(low: Lowering, value: Value, node: Node) -> Form:
    operand = node.operands[0]
    if low.node(operand).type.is_float:
        return low.form(operand)
    t: Type = low.node(operand).type
    first, last = (np.full(t.shape, end * 2.0 ** -t.fraction) for end in (t.lowest, t.highest))
    error = last - first if operand in low.derived else np.zeros(t.shape)  # it may be any other of its numbers
    return uniform(low.exact[operand], 1.0, 0.0, t.rank, Bound(first, last, error))


def _refuse_masks(low: Lowering, value: Value, node: Node) -> Form:
    if node.attributes["semiring"] != "plus_times" or len(node.operands) > 2:
        raise at(error("quantize takes sums of products without where and init on floats"), node.span, node.origin)
    return contract(low, value, node)


RULES: Mapping[str, Rule] = MappingProxyType({
    "add": _add, "sub": _add, "mul": _mul, "neg": _neg, "abs": _abs, "min": _extreme, "max": _extreme,
    "select": _select, "lt": _compare, "le": _compare, "eq": _compare, "requantize": _requantize, "convert": _convert,
    "reshape": _move, "transpose": _move, "broadcast": _move, "slice": _move, "window": _move, "element": _move,
    "concat": _move, "stack": _move, "pad": _pad, "gather": _gather, "update": _update, "reduce": _reduce,
    "argmax": _arg, "argmin": _arg, "contract": _refuse_masks, "divide": divide,
    **dict.fromkeys(("exp", "log", "sqrt", "rsqrt", "tanh", "sigmoid", "sin", "cos", "erf"), function),
})
