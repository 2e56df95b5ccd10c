"""Ops that fold many elements into one: reductions, arg-extremes, contractions over a semiring, thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from circuitc.diagnostics import error

from ..op import Application, Attribute, Attributes, OpDef, Raw, refuse_floats, same_types
from ..types import BIT, SPIN, Type, index_type, smallest
from .elementwise import aligned, product_range, settle

SEMIRINGS = ("plus_times", "min_plus", "max_plus", "or_and")


def _infer_reduce(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    t, axes, kind = types[0], attributes["axes"], attributes["kind"]
    if not axes or list(axes) != sorted(set(axes)) or axes[-1] >= t.rank or axes[0] < 0:
        raise error(f"reduce: {list(axes)} is not a rising list of axes of {t}")
    shape = tuple(n for k, n in enumerate(t.shape) if k not in axes)
    if kind in ("and", "or", "xor") and t.kind != "fixed":
        raise error(f"reduce with {kind} works on the bits of fixed-point types, got {t}")
    if kind != "add" or t.is_float:
        return t.with_shape(shape)
    count = prod(t.shape[k] for k in axes)
    return smallest(t.lowest * count, t.highest * count, t.fraction, shape)


_FOLD: dict[str, Any] = {"add": np.add, "min": np.minimum, "max": np.maximum,
                         "and": np.bitwise_and, "or": np.bitwise_or, "xor": np.bitwise_xor}


def _reduce(a: Application, x: Raw) -> Raw:
    if a.result.dtype == object:
        x = x.astype(object)
    folded = _FOLD[a["kind"]].reduce(x, axis=tuple(k + 1 for k in a["axes"])) if x.dtype != object else (
        _fold_objects(_FOLD[a["kind"]], x, a["axes"]))
    return settle(a, np.asarray(folded), a.types[0].fraction) if a.result.is_exact else np.asarray(folded)


def _fold_objects(fold: Any, x: Raw, axes: tuple[int, ...]) -> Raw:
    for axis in reversed(axes):
        parts = np.moveaxis(x, axis + 1, 0)
        total = parts[0]
        for part in parts[1:]:
            total = fold(total, part)
        x = np.asarray(total, dtype=object)
    return x


def _infer_arg(name: str) -> Any:
    def infer(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
        t, axis = types[0], attributes["axis"]
        if not 0 <= axis < t.rank:
            raise error(f"{name}: axis {axis} is not an axis of {t}")
        if len(types) == 2 and types[1] != BIT.with_shape(t.shape):
            raise error(f"{name}: where takes {BIT.with_shape(t.shape)}, got {types[1]}")
        return index_type(t.shape[axis], tuple(n for k, n in enumerate(t.shape) if k != axis))
    return infer


def _arg(pick: Any, sign: int) -> Any:
    """Give the lowest index of the extreme element among those where `where` is 1; 0 where there are none."""
    def evaluate(a: Application, x: Raw, where: Raw | None = None) -> Raw:
        axis = a["axis"] + 1
        if where is not None:
            kept = where != 0
            worst = (np.min if sign > 0 else np.max)(x, axis=axis, keepdims=True)
            best = (np.max if sign > 0 else np.min)(np.where(kept, x, worst), axis=axis, keepdims=True)
            return settle(a, np.asarray(np.argmax(kept & (x == best), axis=axis)), 0)
        return settle(a, np.asarray(pick(x, axis=axis)), 0)
    return evaluate


@dataclass(frozen=True, slots=True)
class Subscripts:
    """A contraction's subscripts, taken apart: index letters of a, b, where (or None) and the result."""

    a: str
    b: str
    where: str | None
    result: str
    sizes: dict[str, int]

    @property
    def all(self) -> str:
        """Every index letter, those of the result first."""
        return self.result + "".join(c for c in dict.fromkeys(self.a + self.b) if c not in self.result)

    @property
    def contracted(self) -> str:
        """The letters that are summed over."""
        return self.all[len(self.result):]

    @property
    def terms(self) -> int:
        """How many terms each result element has."""
        return prod(self.sizes[c] for c in self.contracted)


def subscripts(types: Sequence[Type], attributes: Attributes) -> Subscripts:
    """Check the subscripts of a contraction against its operand types (a, b[, where][, init])."""
    spec, where = attributes["spec"], attributes["where"]
    left, arrow, result = spec.replace(" ", "").partition("->")
    a, comma, b = left.partition(",")
    letters = a + b + result + where
    if not arrow or not comma or (letters and not (letters.isascii() and letters.isalpha())):
        raise error(f"contract: {spec!r} is not of the form ij,jk->ik")
    expected = 2 + bool(where) + attributes["init"]
    if len(types) != expected:
        raise error(f"contract takes {expected} operands here (two{', where' if where else ''}"
                    f"{', init' if attributes['init'] else ''}), got {len(types)}")
    sizes: dict[str, int] = {}
    for name, index, t in (("first", a, types[0]), ("second", b, types[1]), *(
            [("where", where, types[2])] if where else [])):
        if len(set(index)) != len(index):
            raise error(f"contract: {index} repeats an index within one operand")
        if len(index) != t.rank:
            raise error(f"contract: the {name} operand has {len(index)} indices ({index}), its type is {t}")
        for letter, size in zip(index, t.shape, strict=True):
            if sizes.setdefault(letter, size) != size:
                raise error(f"contract: index {letter} is {sizes[letter]} long in one operand and {size} in another")
    if any(c not in a + b for c in result + where) or len(set(result)) != len(result):
        raise error(f"contract: {spec!r} has a result or where index that no operand has, or has one twice")
    return Subscripts(a, b, where or None, result, sizes)


def _infer_contract(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    subs = subscripts(types, attributes)
    semiring = attributes["semiring"]
    shape = tuple(subs.sizes[c] for c in subs.result)
    init = types[-1] if attributes["init"] else None
    if subs.where and not types[2].is_bit:
        raise error(f"contract: where takes bits, got {types[2]}")
    if init is not None and init.shape != shape:
        raise error(f"contract: init needs shape {list(shape)}, got {init}")
    a, b = types[0], types[1]
    if semiring == "or_and":
        if not all(t.is_bit for t in (a, b, *([init] if init else []))):
            raise error(f"contract over (or,and) takes bits, got {a} and {b}")
        return BIT.with_shape(shape)
    if semiring != "plus_times" and subs.where and init is None:
        raise error(f"contract over {semiring} with where needs init", help="give the value of an empty reduction")
    if a.is_float or b.is_float:
        same_types("contract", [t.scalar for t in (a, b, *([init] if init else []))])
        return a.with_shape(shape)
    low, high, fraction = _contract_range(subs, semiring, a, b)
    if init is not None:
        init_low, init_high, fraction, low, high = _with_init(init, low, high, fraction)
        low, high = (low + init_low, high + init_high) if semiring == "plus_times" else (
            min(low, init_low), max(high, init_high))
    return smallest(low, high, fraction, shape)


def _contract_range(subs: Subscripts, semiring: str, a: Type, b: Type) -> tuple[int, int, int]:
    if semiring == "plus_times":
        low, high = product_range(a, b)
        if subs.where:
            low, high = min(low, 0), max(high, 0)
        return low * subs.terms, high * subs.terms, a.fraction + b.fraction
    fraction = max(a.fraction, b.fraction)
    shift = (fraction - a.fraction, fraction - b.fraction)
    low = (a.lowest << shift[0]) + (b.lowest << shift[1])
    return low, (a.highest << shift[0]) + (b.highest << shift[1]), fraction


def _with_init(init: Type, low: int, high: int, fraction: int) -> tuple[int, int, int, int, int]:
    common = max(fraction, init.fraction)
    s, t = common - init.fraction, common - fraction
    return init.lowest << s, init.highest << s, common, low << t, high << t


def _contract(app: Application, a: Raw, b: Raw, *rest: Raw) -> Raw:
    subs = subscripts(app.types, app.attributes)
    where = rest[0] if subs.where else None
    init = rest[-1] if app["init"] else None
    semiring = app["semiring"]
    if semiring == "plus_times" and where is None:
        total = _einsum(app, subs, a, b)
    else:
        total = _termwise(app, subs, a, b, where)
    fraction = _contract_range(subs, semiring, *app.types[:2])[2] if app.result.is_exact else 0
    if init is not None:
        total, start, fraction = _common(app, total, fraction, init)
        joined = _JOIN[semiring](total[0] if isinstance(total, tuple) else total, start)
        total = np.where(total[1], joined, start) if isinstance(total, tuple) else joined
    elif isinstance(total, tuple):
        total = total[0]
    return settle(app, np.asarray(total), fraction) if app.result.is_exact else np.asarray(total, app.result.dtype)


_JOIN: dict[str, Any] = {"plus_times": np.add, "min_plus": np.minimum, "max_plus": np.maximum,
                         "or_and": np.bitwise_or}


def _common(app: Application, total: Any, fraction: int, init: Raw) -> tuple[Any, Raw, int]:
    """Bring a contraction and its init to one fraction."""
    if app.result.is_float:
        return total, init, 0
    common = max(fraction, app.types[-1].fraction)
    up = 1 << (common - fraction)
    wide = app.result.width + common - min(fraction, app.types[-1].fraction) > 62
    start = (init.astype(object) if wide else init) * (1 << (common - app.types[-1].fraction))
    if isinstance(total, tuple):
        return (total[0].astype(object) * up if wide else total[0] * up, total[1]), start, common
    return (total.astype(object) if wide else total) * up, start, common


def _einsum(app: Application, subs: Subscripts, a: Raw, b: Raw) -> Raw:
    """Sum of products. Integers below 2**53 go through float64, exactly, for the speed of its matrix product."""
    z = _fresh(subs)
    batch = len(a)
    (a, first), (b, second) = _shared(a, z), _shared(b, z)
    spec = f"{first}{subs.a},{second}{subs.b}->{z if first or second else ''}{subs.result}"
    total = _exact_einsum(app, subs, spec, a, b)
    return total if first or second else np.broadcast_to(total, (batch, *total.shape))


def _shared(x: Raw, z: str) -> tuple[Raw, str]:
    """Give an operand without its batch axis where all samples share it (constants), and the axis's letter or none."""
    return (x[0], "") if len(x) == 1 or x.strides[0] == 0 else (x, z)


def _exact_einsum(app: Application, subs: Subscripts, spec: str, a: Raw, b: Raw) -> Raw:
    if app.result.is_float:
        return np.einsum(spec, a, b, optimize=True)
    low, high, _ = _contract_range(subs, "plus_times", *app.types[:2])
    if max(-low, high) < 1 << 53:
        return np.einsum(spec, a.astype(np.float64), b.astype(np.float64), optimize=True).astype(np.int64)
    if max(-low, high) < 1 << 62:
        return np.einsum(spec, a, b)
    return np.asarray(np.einsum(spec, a.astype(object), b.astype(object)), dtype=object)


def _fresh(subs: Subscripts) -> str:
    return next(c for c in "ZYXWVUTSRQPONMLKJIHGFEDCBAzyxwvutsrqponmlkjihgfedcba" if c not in subs.all)


def _termwise(app: Application, subs: Subscripts, a: Raw, b: Raw, where: Raw | None) -> Any:
    """Fold terms one sample at a time: (min,+), (max,+), (or,and), and sums with a mask.

    With a mask the answer of min and max is a pair: folded terms, and whether any term took part.
    """
    parts = [_terms_of_one(app, subs, a[i], b[i], None if where is None else where[i]) for i in range(len(a))]
    folded = np.stack([p[0] for p in parts])
    if where is None or app["semiring"] in ("plus_times", "or_and"):
        return folded
    return folded, np.stack([p[1] for p in parts])


def spread(x: Raw, index: str, subs: Subscripts) -> Raw:
    """Lay an operand out over all indices, so that operands multiply by broadcasting."""
    letters = subs.all
    order = sorted(range(len(index)), key=lambda k: letters.index(index[k]))
    shape = [subs.sizes[c] if c in index else 1 for c in letters]
    return np.transpose(x, order).reshape(shape)


def _terms_of_one(app: Application, subs: Subscripts, a: Raw, b: Raw, where: Raw | None) -> tuple[Raw, Raw]:
    semiring = app["semiring"]
    axes = tuple(range(len(subs.result), len(subs.all)))
    if app.result.is_exact:
        wide = app.result.width > 62 or sum(t.width for t in app.types[:2]) > 62
        if semiring in ("min_plus", "max_plus"):  # below as vectors of one sample: numpy makes bare integers of scalars
            a, b = (x[0] for x in aligned(app.types[:2], (np.asarray(a)[None], np.asarray(b)[None])))
        a, b = (np.asarray(x, dtype=object if wide else np.int64) for x in (a, b))
    a, b = spread(a, subs.a, subs), spread(b, subs.b, subs)
    terms = a & b if semiring == "or_and" else a * b if semiring == "plus_times" else a + b
    terms = np.broadcast_to(terms, tuple(subs.sizes[c] for c in subs.all))
    if where is None:
        kept = np.ones(terms.shape, bool)
    else:
        kept = np.broadcast_to(spread(where, subs.where or "", subs) != 0, terms.shape)
    empty = {"plus_times": 0, "or_and": 0}.get(semiring)
    if empty is None:
        empty = terms.max() if semiring == "min_plus" else terms.min()
    terms = np.where(kept, terms, empty)
    fold = _JOIN[semiring]
    folded = fold.reduce(terms, axis=axes) if axes else terms
    return np.asarray(folded), np.asarray(kept.any(axis=axes) if axes else kept)


def _infer_threshold(types: Sequence[Type], attributes: Attributes, declared: Type | None) -> Type:
    x, w, t = types
    refuse_floats("threshold", types)
    if x.rank != 1 or w.rank != 2 or w.shape[1] != x.shape[0] or t.shape != w.shape[:1]:
        raise error(f"threshold takes x[n], W[m,n], t[m], got {x}, {w}, {t}")
    return SPIN.with_shape(w.shape[:1])


def _threshold(a: Application, x: Raw, w: Raw, t: Raw) -> Raw:
    low, high = product_range(a.types[0], a.types[1])
    fraction = a.types[0].fraction + a.types[1].fraction
    wide = max(-low, high) * x.shape[1] >= 1 << 62 or a.types[2].width + abs(fraction - a.types[2].fraction) > 61
    if wide:
        x, w, t = (v.astype(object) for v in (x, w[:1] if w.strides[0] == 0 else w, t))
    (w, z) = _shared(w, "z")
    total = np.asarray(np.einsum(f"zn,{z}mn->zm", x, w))
    common = max(fraction, a.types[2].fraction)
    if common > fraction:
        total = total.astype(object) * (1 << (common - fraction))
    above = total > t * (1 << (common - a.types[2].fraction))
    return settle(a, np.where(np.asarray(above, dtype=bool), 1, -1), 0)


OPS: tuple[OpDef, ...] = (
    OpDef("reduce", (1, 1), _infer_reduce, _reduce, "The elements along some axes folded into one.",
          {"kind": Attribute(str, None, tuple(_FOLD)), "axes": Attribute(tuple)}),
    OpDef("argmax", (1, 2), _infer_arg("argmax"), _arg(np.argmax, 1),
          "The lowest index of the largest element along an axis, among those that `where` keeps; 0 if none.",
          {"axis": Attribute(int, 0)}),
    OpDef("argmin", (1, 2), _infer_arg("argmin"), _arg(np.argmin, -1),
          "The lowest index of the smallest element along an axis, among those that `where` keeps; 0 if none.",
          {"axis": Attribute(int, 0)}),
    OpDef("contract", (2, 4), _infer_contract, _contract,
          "A contraction of two tensors over a semiring; operands a, b[, where][, init].",
          {"spec": Attribute(str), "semiring": Attribute(str, "plus_times", SEMIRINGS),
           "where": Attribute(str, ""), "init": Attribute(bool, False)}),
    OpDef("threshold", (3, 3), _infer_threshold, _threshold, "Spins: +1 where W.x is greater than t, else -1."),
)
