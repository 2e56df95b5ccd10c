"""One statement as it is written: its expression becomes broadcast operators, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from circuitc.models.diagrams.axes import Axis, unify
from circuitc.models.diagrams.functions import ELEMENTWISE
from circuitc.models.diagrams.places import affine, names_of
from circuitc.models.diagrams.steps import Affine
from circuitc.models.diagrams.syntax import Binary, Call, Expr, Let, Lookup, Number, Pattern, Ref

from .store import TILED, Store, Term
from .threads import Body, Wire, unsaid

_ALONG = {"softmax": "SoftMax", "rms": "Normalize"}
Put = Callable[[Body, Term, Sequence[str], Sequence[Wire], set[str]], None]


class Statement:
    """One statement: its indices, and the operators that it is made of."""

    def __init__(self, store: Store, put: Put, body: Body, item: Let, later: set[str]) -> None:
        self.store, self.put, self.body, self.item, self.later = store, put, body, item, later
        self.axes: dict[str, Axis] = {}

    def named(self, name: str, e: Expr, target: tuple[str, ...] | None) -> Wire:
        """Add the operators of an expression, the last of which makes the wire of this name."""
        if (triangle := _triangle(e)) is not None:
            return self.operator(name, {"__type__": "WeightedTriangularLower", "name": self.store.name("wtril")},
                                 [triangle], target, along=target[-2:] if target else ())
        match e:
            case Ref(_, pattern) if any(isinstance(p, Lookup) for p in pattern or ()):
                return self.lookup(name, e, target)
            case Ref():
                return self.operator(name, {"__type__": "Identity", "name": None}, [e], target)
            case Binary("+", Binary("*") as product, Ref() as bias) if bias.name in self.body.scope.weights:
                return self.product(name, product, target, bias)
            case Binary("*"):
                return self.product(name, e, target, None)
            case Binary("+", left, right):
                parts = [*_sum(left), *_sum(right)]
                return self.operator(name, {"__type__": "AdditionOp", "name": self.store.name("+")},
                                     [self.read(p, target) for p in parts], target)
            case Call(function, (x,), axes) if function in _ALONG and axes:
                kind = _ALONG[function]
                extra = {"contracted": False} if kind == "SoftMax" else {}
                return self.operator(name, {"__type__": kind, "name": self.store.name(kind), **extra},
                                     [self.read(x, target)], target, along=axes)
            case Call(function, (x,), None) if ELEMENTWISE.get(function) == 1:
                return self.operator(name, {"__type__": "Elementwise", "name": self.store.name(function),
                                            "operator": function}, [self.read(x, target)], target)
            case _:
                raise unsaid(_told(e), self.item.span)

    def read(self, e: Expr, target: tuple[str, ...] | None) -> Ref:
        """Give a read of a wire; an expression becomes a wire of its own first."""
        if isinstance(e, Ref):
            return e
        if target is None:
            raise unsaid("an expression in a statement that names no axes", self.item.span)
        return self.made(e, target)

    def made(self, e: Expr, indices: tuple[str, ...]) -> Ref:
        """Give an expression a wire of its own, with these indices."""
        self.body.temporaries += 1
        made = self.named(f"#{self.body.temporaries}", e, indices)
        self.body.pending.append(made.name)
        return Ref(made.name, indices, self.item.span)

    # ---- operators

    def pattern(self, ref: Ref, wire: Wire) -> tuple[Affine, ...]:
        """Give the places at which a wire is read, and align the axes of plain ones."""
        pattern: Pattern = wire.names if ref.pattern is None else ref.pattern
        places = tuple(affine(p, lambda n: None, ref.span) for p in pattern)
        for place, axis in zip(places, wire.axes, strict=True):
            if place.plain:
                known = self.axes.setdefault(place.plain, axis)
                unify(known, axis, ref.span, f"index {place.plain} = {known.length or '?'}", wire.name)
            elif place.constant or place.divisor != 1 or any(c < 0 for _, c in place.terms):
                raise unsaid(f"the place {ref.name}[...] with padding, division or a negative step", ref.span)
        return places

    def axis(self, index: str) -> Axis:
        return self.axes.get(index) or self.axes.setdefault(index, self.body.scope.axis(index.rstrip("'")))

    def operator(self, name: str, operator: Term, refs: Sequence[Ref], target: tuple[str, ...] | None, *,
                 along: Sequence[str] = (), consumed: Sequence[str] = (), made: Sequence[str] = ()) -> Wire:
        """Add a broadcast operator. It works on indices of `along`, eats those of `consumed` and makes those of `made`.

        All others are tiled: they are the domain of the reindexings.
        """
        wires = [self.body.find(r.name, r.span) for r in refs]
        reads = [self.pattern(r, w) for r, w in zip(refs, wires, strict=True)]
        longest = max(reads, key=len)
        names = target if target is not None else tuple(p.plain for p in longest)
        if target is None and refs[0].pattern is None and len({w.names for w in wires}) > 1:
            names = wires[0].names
        eaten = {*along, *consumed}
        degree = tuple(i for i in names if i not in eaten and i not in made)
        axes = {i: self.axis(i) for i in (*names, *(n for places in reads for p in places for n, _ in p.terms))}
        maps = [self.store.index_map(degree, axes, [(w.axes[k], p) for k, p in enumerate(places)
                                                    if p.plain not in eaten]) for w, places in zip(wires, reads,
                                                                                                  strict=True)]
        lost = next((n for places in reads for p in places for n, _ in p.terms if n not in degree and n not in eaten),
                    "")
        if lost:
            raise unsaid(f"a sum over {lost} outside of a product", self.item.span)
        inputs = [self.store.weave(w.of, [w.axes[k] if p.plain in eaten else TILED for k, p in enumerate(places)])
                  for w, places in zip(wires, reads, strict=True)]
        output = self.store.weave(None, [TILED if i in degree else axes[i] for i in names])
        term = {"__type__": "Broadcasted", "operator": operator, "input_weaves": inputs, "output_weaves": [output],
                "reindexings": maps}
        self.body.pending = [p for p in self.body.pending if p not in {w.name for w in wires}]
        wire = Wire(name, names, tuple(axes[i] for i in names))
        self.put(self.body, term, [w.name for w in wires], [wire], self.later)
        return wire

    def product(self, name: str, e: Expr, target: tuple[str, ...] | None, bias: Ref | None) -> Wire:
        """Write a product: of wires an Einops, of a wire and a weight a Linear."""
        factors = list(_product(e))
        if target is None:
            raise unsaid("a product in a statement that names no axes", self.item.span)
        weights = [f for f in factors if isinstance(f, Ref) and f.name in self.body.scope.weights]
        if not weights and bias is None:
            refs = [self.plain(f) for f in factors]
            return self.einops(name, refs, target)
        if len(weights) != 1 or len(factors) != 2:
            raise unsaid("a product of several weights", self.item.span)
        (x,) = (f for f in factors if f is not weights[0])
        return self.linear(name, self.plain(x), weights[0], target, bias)

    def plain(self, e: Expr) -> Ref:
        """Give a factor as a wire that is read at plain indices: windows and expressions are made before."""
        if isinstance(e, Ref) and all(isinstance(p, str) for p in e.pattern or ()):
            return e
        return self.made(e, self.free(e))

    def free(self, e: Expr) -> tuple[str, ...]:
        """Name the indices of a factor that is no wire: those of the wires in it."""
        match e:
            case Ref(_, pattern):
                return tuple(dict.fromkeys(n for p in pattern or () for n in names_of(p)))
            case Call(_, args):
                return tuple(dict.fromkeys(i for a in args for i in self.free(a)))
            case _:
                raise unsaid(_told(e), self.item.span)

    def einops(self, name: str, refs: list[Ref], target: tuple[str, ...]) -> Wire:
        groups: dict[str, int] = {}
        signature: list[list[int]] = []
        for ref in refs:
            wire = self.body.find(ref.name, ref.span)
            row = [p.plain for p in self.pattern(ref, wire) if p.plain and p.plain not in target]
            signature.append([groups.setdefault(i, len(groups)) for i in row])
        return self.operator(name, {"__type__": "Einops", "name": self.store.name("einops"), "signature": signature},
                             refs, target, consumed=tuple(groups))

    def linear(self, name: str, x: Ref, weight: Ref, target: tuple[str, ...], bias: Ref | None) -> Wire:
        """A Linear eats the indices of its weight that the target has not, and makes those that the wire has not."""
        learned = self.body.scope.weights[weight.name]
        wire = self.body.find(x.name, x.span)
        read = [p.plain for p in self.pattern(x, wire)]
        indices = [p.plain for p in self.pattern(weight, learned)]
        made, eaten = tuple(i for i in indices if i not in read), tuple(i for i in indices if i in read)
        if any(i in target for i in eaten) or any(i not in target for i in made) or (
                bias is not None and tuple(p for p in bias.pattern or () if isinstance(p, str)) != made):
            raise unsaid(f"the product with {weight.name}, which is no linear map of whole axes", self.item.span)
        return self.operator(name, {"__type__": "Linear", "name": self.store.name(weight.name, bold=True),
                                    "bias": bias is not None}, [x], target, consumed=eaten, made=made)

    def lookup(self, name: str, e: Ref, target: tuple[str, ...] | None) -> Wire:
        table = self.body.scope.weights.get(e.name)
        pattern = e.pattern or ()
        place = next(iter(pattern), None)
        if table is None or target is None or not isinstance(place, Lookup):
            raise unsaid(f"the look-up in {e.name}", e.span, "look up along the first axis of a weight")
        chosen = self.body.find(place.wire, e.span)
        made = tuple(p for p in pattern[1:] if isinstance(p, str))
        for i, axis in zip(made, table.axes[1:], strict=False):
            self.axes[i] = axis
        if chosen.of is not None:
            unify(chosen.of, table.axes[0], e.span, place.wire, e.name)
        return self.operator(name, {"__type__": "Embedding", "name": self.store.name(e.name, bold=True)},
                             [Ref(place.wire, place.pattern, e.span)], target, made=made)


def _told(e: Expr) -> str:
    match e:
        case Number() | Binary("*" | "/" | "-"):
            return "numbers, quotients and differences"
        case Call(name):
            return f"{name} here"
        case _:
            return "this expression"


def _sum(e: Expr) -> Iterator[Expr]:
    if isinstance(e, Binary) and e.op == "+":
        yield from _sum(e.left)
        yield from _sum(e.right)
    else:
        yield e


def _product(e: Expr) -> Iterator[Expr]:
    if isinstance(e, Binary) and e.op == "*":
        yield from _product(e.left)
        yield from _product(e.right)
    else:
        yield e


def _triangle(e: Expr) -> Ref | None:
    """Recognise X[q x] * [x <= q], divided by its sums along x + 1e-8."""
    match e:
        case Binary("/", Binary("*", Ref() as x, _) as kept, Binary("+", Call("sum", (again,), _), Number(small))) if (
                again == kept and small == 1e-8):
            return x
        case _:
            return None
