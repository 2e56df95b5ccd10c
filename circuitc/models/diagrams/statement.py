"""One statement: index expressions become steps, and the axes that an index stands for are unified.

An index that is not on the left is summed in the smallest product that has all of its places: `keep` is the set of
indices that are needed outside of an expression, and a product is contracted to it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from circuitc.diagnostics import Span, error, nearest

from .axes import Axis, unify
from .functions import ALONG, ELEMENTWISE, FOLDS, FUNCTIONS
from .indices import Keep, Value, e_span, factors, free
from .places import affine
from .scope import Scope
from .steps import Affine, Step, Wire
from .syntax import Binary, Call, Expr, Iverson, Lookup, Number, Pattern, Ref

LOWEST = -3.4028234663852886e38
_FILL = {"max": LOWEST, "min": -LOWEST}
_NAMES = {"+": "add", "-": "sub", "*": "mul", "/": "divide"}


class Statement:
    """The indices of one statement, and its steps as they are made."""

    def __init__(self, scope: Scope, span: Span | None) -> None:
        self.scope = scope
        self.span = span
        self.axes: dict[str, tuple[Axis, str]] = {}
        self.read_at: list[tuple[tuple[Affine, ...], Wire]] = []

    def bind(self, index: str, axis: Axis, told: str, span: Span | None) -> None:
        """Align an index with an axis of a wire; `told` names the wire."""
        known = self.axes.get(index)
        if known is None and index in self.scope.axes:
            scoped = self.scope.axes[index]
            unify(scoped, axis, span, f"axis {scoped.told()}", f"index {index} of {told} = {axis.length or '?'}")
        told = f"index {index} of {told} = {axis.length if axis.length is not None else '?'}"
        if known is None:
            self.axes[index] = (axis, told)
            return
        unify(known[0], axis, span, known[1] or f"axis {known[0].told()}", told)

    def axis(self, index: str) -> Axis:
        """Give the axis of an index; a new one where nothing says yet how long it is."""
        if index not in self.axes:
            known = self.scope.axes.get(index)
            self.axes[index] = (known or Axis(index, None, self.span), f"axis {index}")
        return self.axes[index][0]

    # ---- expressions

    def value(self, e: Expr, keep: Keep, fill: float = 0.0) -> Value:
        """Make the steps of an expression; the result has indices of `keep` only."""
        match e:
            case Number(value):
                return self.number(value)
            case Binary("+" | "-", left, right):
                return self.total(e, self.value(left, keep), self.value(right, keep), keep)
            case Ref() if self._is_number(e):
                return self.number(float(self.scope.length(e.name, e.span)))
            case Ref() if fill:
                return self.read(e, fill)
            case Iverson():
                return self.contracted(self.iverson(e), keep, e.span)
            case Call():
                return self.call(e, keep)
            case _:
                return self.product(e, keep)

    def _is_number(self, e: Ref) -> bool:
        return e.pattern is None and e.name not in self.scope.wires and (
            e.name in self.scope.numbers or e.name in self.scope.axes)

    def number(self, value: float) -> Value:
        """Make a number."""
        wire = self.scope.growing.wire("", (), (), span=self.span)
        return Value(self.scope.growing.add(Step("number", (), wire, ((),), {"value": value}, self.scope.path)), ())

    def step(self, op: str, inputs: tuple[Value, ...], indices: tuple[str, ...], span: Span | None,
             **detail: Any) -> Value:
        """Add a step on values."""
        grow = self.scope.growing
        wire = grow.wire("", indices, tuple(self.axis(i) for i in indices), span=span)
        grow.add(Step(op, tuple(v.wire for v in inputs), wire, (*(v.indices for v in inputs), indices), detail,
                      self.scope.path, span))
        return Value(wire, indices)

    def total(self, e: Binary, left: Value, right: Value, keep: Keep) -> Value:
        """Add or subtract; a statement without indices on its left repeats one side along the other's axes only."""
        p, q = left.indices, right.indices
        if keep.everything and not (set(p) <= set(q) or set(q) <= set(p)):
            raise error(f"the two sides have axes {self._told(left)} and {self._told(right)}", e.span or self.span,
                        "name the axes on the left and in each operand, such as Y[x m] = X[x m] + F[x m]")
        return self.step("map", (left, right), tuple(dict.fromkeys((*p, *q))), e.span, function=_NAMES[e.op])

    def _told(self, v: Value) -> str:
        axes = " ".join(f"{i}={self.axis(i).length or '?'}" for i in v.indices)
        return f"[{axes}]" + (f" ({v.wire.name}, from {v.wire.span.line}:{v.wire.span.column})"
                              if v.wire.name and v.wire.span and v.wire.span.line else "")

    def product(self, e: Expr, keep: Keep) -> Value:
        """Multiply and divide from left to right, summing an index as soon as nothing later has it."""
        parts = list(factors(e))
        has = [tuple(free(self.scope, f)) for f, _ in parts]
        values = [self.read(f) if isinstance(f, Ref) and not self._is_number(f) else
                  self.value(f, keep.plus(tuple(n for j, other in enumerate(has) if j != k for n in other)))
                  for k, (f, _) in enumerate(parts)]
        total, inverse = values[0], parts[0][1]
        assert not inverse
        for k, ((_, inverse), v) in enumerate(zip(parts[1:], values[1:], strict=True), 1):
            needed = keep.plus(tuple(n for later in has[k + 1:] for n in later))
            union = tuple(dict.fromkeys((*total.indices, *v.indices)))
            if inverse:
                total = self.step("map", (total, v), union, e_span(e), function="divide")
                continue
            kept = tuple(i for i in union if i in needed)
            crossed = set(total.indices) != set(v.indices) and total.indices and v.indices
            op, detail = ("linear", {}) if kept != union or crossed else ("map", {"function": "mul"})
            total = self.step(op, (total, v), kept, e_span(e), **detail)
        if len(parts) == 1 and isinstance(e, Ref) and e.pattern is None:
            lost = [i for i in total.indices if i not in keep]
            if lost:
                raise error(f"axis {lost[0]} of {e.name.partition('#')[0]} is not on the left", e.span,
                            f"name its axes in brackets if it is to be summed over {lost[0]}")
        return self.contracted(total, keep, e_span(e))

    def contracted(self, v: Value, keep: Keep, span: Span | None) -> Value:
        """Sum over the indices that nothing outside has."""
        kept = tuple(i for i in v.indices if i in keep)
        return v if kept == v.indices else self.step("reduce", (v,), kept, span, kind="add")

    def read(self, e: Ref, fill: float = 0.0) -> Value:
        """Read a wire at the places of a pattern."""
        wire = self.scope.find(e.name, e.span)
        pattern: Pattern = wire.names if e.pattern is None else e.pattern
        if e.pattern is None and len(set(wire.names)) != len(wire.names):
            raise error(f"{e.name} has an axis name twice: {' '.join(wire.names)}", e.span, f"write {e.name}[i j]")
        if len(pattern) != len(wire.axes):
            raise error(f"{e.name} has {len(wire.axes)} axes ({' '.join(wire.names)}), got {len(pattern)} places",
                        e.span)
        if wire.of is not None:
            raise error(f"{e.name} holds places on axis {wire.of.name}, no numbers", e.span,
                        f"read with it, such as E[{e.name}[x] m]")
        looked = [k for k, place in enumerate(pattern) if isinstance(place, Lookup)]
        if looked:
            return self.take(e, wire, pattern, looked)
        places = tuple(affine(place, self.scope.known, e.span) for place in pattern)
        plain = tuple(p.plain if isinstance(text, str) else "" for p, text in zip(places, pattern, strict=True))
        for name, axis in zip(plain, wire.axes, strict=True):
            if name:
                self.bind(name, axis, e.name, e.span)
        if all(plain) and len(set(plain)) == len(plain):
            return Value(wire, plain)
        indices = tuple(dict.fromkeys(n for p in places for n, _ in p.terms))
        self.read_at.append((places, wire))
        return self.step("reindex", (Value(wire, wire.names),), indices, e.span, places=places, fill=fill)

    def _infer(self, places: tuple[Affine, ...], wire: Wire) -> None:
        """Give an index without a length the most that stays on the axis, where it is the only one of a place."""
        for place, axis in zip(places, wire.axes, strict=True):
            free = [(n, c) for n, c in place.terms if self.axis(n).length is None]
            rest = place.constant + sum(c * ((self.axis(n).length or 1) - 1) for n, c in place.terms)
            if len(free) == 1 and free[0][1] > 0 and axis.length is not None and place.divisor == 1:
                room = (axis.length - 1 - rest) // free[0][1] + 1
                if room < 1:
                    raise error(f"no place of index {free[0][0]} stays on axis {axis.told()} of {wire.name}", self.span)
                self.axis(free[0][0]).bind(room, self.span, free[0][0])

    def take(self, e: Ref, wire: Wire, pattern: Pattern, looked: list[int]) -> Value:
        """Read slices that another wire names: one lookup among plain indices."""
        lookup = pattern[looked[0]]
        rest = tuple(p for p in pattern if isinstance(p, str))
        if len(looked) != 1 or not isinstance(lookup, Lookup) or len(rest) != len(pattern) - 1:
            raise error(f"{e.name} is read with one lookup, and plain indices beside it", e.span)
        chosen = self.scope.find(lookup.wire, lookup.span)
        inner = tuple(p for p in lookup.pattern if isinstance(p, str))
        if chosen.of is None or len(inner) != len(lookup.pattern) or len(inner) != len(chosen.axes):
            raise error(f"{lookup.wire} names no places with {len(lookup.pattern)} indices", lookup.span,
                        f"declare it so: input {lookup.wire}[x] of v")
        axis = looked[0]
        unify(chosen.of, wire.axes[axis], e.span, f"places of {lookup.wire} on {chosen.of.told()}",
              f"axis {wire.axes[axis].told()} of {e.name}")
        for name, a in (*zip(inner, chosen.axes, strict=True),
                        *zip(rest, (a for k, a in enumerate(wire.axes) if k != axis), strict=True)):
            self.bind(name, a, e.name, e.span)
        indices = (*rest[:axis], *inner, *rest[axis:])
        if len(set(indices)) != len(indices):
            raise error(f"{e.name} is looked up with an index twice", e.span)
        return self.step("take", (Value(wire, wire.names), Value(chosen, inner)), indices, e.span, axis=axis)

    def iverson(self, e: Iverson) -> Value:
        """Make the table of a relation between places."""
        indices = tuple(dict.fromkeys(free(self.scope, e)))
        left, right = (affine(side, self.scope.known, e.span) for side in (e.left, e.right))
        return self.step("iverson", (), indices, e.span, relation=e.op, left=left, right=right)

    def call(self, e: Call, keep: Keep) -> Value:
        """Apply a function."""
        axes = e.axes or ()
        if e.name not in FUNCTIONS:
            raise error(f"there is no function or block {e.name}", e.span,
                        nearest(e.name, [*FUNCTIONS, *self.scope.blocks]))
        along = e.name in ALONG or (e.name in FOLDS and bool(axes))
        wanted = 1 if along else ELEMENTWISE.get(e.name, 1)
        if len(e.args) != wanted or bool(axes) != along or e.parameters or e.repetition != 1:
            raise error(f"{e.name} takes {wanted} operand{'s' * (wanted > 1)}"
                        f"{' and axes, such as ' + e.name + '[x](S)' if along or not axes else ', and no axes'}"
                        f", got {len(e.args)}", e.span)
        inside = keep.plus(axes)
        values = tuple(self.value(a, inside, _FILL.get(e.name, 0.0) if along else 0.0) for a in e.args)
        if not along:
            return self.step("map", values, tuple(dict.fromkeys(i for v in values for i in v.indices)), e.span,
                             function=e.name)
        v = values[0]
        missing = [a for a in axes if a not in v.indices]
        if missing:
            raise error(f"{e.name} is taken along {missing[0]}, which its operand has not", e.span,
                        nearest(missing[0], v.indices))
        if e.name in ALONG:
            lost = [i for i in v.indices if i not in keep]
            if lost:
                raise error(f"index {lost[0]} of {e.name} goes nowhere", e.span, "name it on the left, or use it")
            return self.step(e.name, (v,), v.indices, e.span, over=axes)
        return self.step("reduce", (v,), tuple(i for i in v.indices if i not in axes), e.span,
                         kind={"sum": "add"}.get(e.name, e.name))

    # ---- results

    def named(self, v: Value, target: Ref) -> Wire:
        """Give a result its name, and its axes the order that the left side says."""
        for places, wire in self.read_at:
            self._infer(places, wire)
        names = v.indices if target.pattern is None else tuple(p for p in target.pattern if isinstance(p, str))
        if target.pattern is not None and (len(names) != len(target.pattern) or len(set(names)) != len(names)):
            raise error("the axes on the left are named, each once", target.span,
                        "write Y[p] = X[y] * [p == 2*y] for places")
        for index in names:
            if index not in self.axes and index not in self.scope.axes:
                raise error(f"nothing says what the index {index} of {target.name} is", target.span,
                            nearest(index, [*self.axes, *self.scope.axes]))
        if names != v.indices:
            v = self.step("reindex", (v,), names, target.span, places=tuple(Affine(((i, 1),)) for i in v.indices),
                          fill=0.0)
        for index in names:
            if index in self.scope.axes:
                unify(self.scope.axes[index], self.axis(index), target.span,
                      f"axis {self.scope.axes[index].told()}", self.axes[index][1])
        return replace(v.wire, name=target.name, names=names, span=target.span)
