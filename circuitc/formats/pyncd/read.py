"""From the terms of pyncd to a diagram: composition threads wires, each broadcast operator is a statement.

Axes get the names of the file; equal identities are one axis. A block that repeats n times becomes a block that is
called n times **with weights of its own each time** (`layer.0.L_q`, `layer.1.L_q`, ...), as PyTorch's `ModuleList` of
copies would. `Normalize` is the root mean square norm without a learned gain.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from circuitc.models.diagrams.functions import ELEMENTWISE
from circuitc.models.diagrams.syntax import (
    Arithmetic,
    AxisDecl,
    Binary,
    Block,
    Call,
    Expr,
    Index,
    Item,
    Iverson,
    Let,
    Lookup,
    Number,
    Output,
    Ref,
    WireDecl,
)

from .terms import Term, Terms

MAX_WIRES = 10_000
_UNARY = {"ReLU": "relu", "GELU": "gelu", "SiLU": "silu", "Tanh": "tanh", "Sigmoid": "sigmoid"}


@dataclass(frozen=True, slots=True)
class Thread:
    """A wire between terms: its name, the names of its axes, and the axis whose places it holds."""

    name: str
    axes: tuple[str, ...]
    of: str = ""


@dataclass
class _Body:
    """The statements of a diagram or a block as they grow."""

    items: list[Item] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def fresh(self, wish: str) -> str:
        """Make a name that is not taken."""
        wish = re.sub(r"[^A-Za-z0-9_]+", "_", wish).strip("_") or "X"
        wish = f"X{wish}" if wish[0].isdigit() else wish
        name, count = wish, 2
        while name in self.taken:
            name, count = f"{wish}_{count}", count + 1
        self.taken.add(name)
        return name


class Reader:
    """Reads one file: names of axes by identity, blocks by tag."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.axes: dict[int, str] = {}
        self.sizes: dict[int, str] = {}
        self.names = _Body()
        self.declared: list[Item] = []

    def items(self, data: Term) -> tuple[Item, ...]:
        """Give the statements of a file's term: axes, inputs, blocks, statements, outputs."""
        body = _Body(taken=self.names.taken)
        wires = [replace(t, name=body.fresh("X")) for t in self.domain(data)]
        inputs = [WireDecl("input", t.name, t.axes, t.of) for t in wires]
        results = self.apply(data, wires, body)
        outputs: list[Item] = []
        for wire in results:
            if any(isinstance(o, Output) and o.name == wire.name for o in outputs) or wire in wires:
                wire = self.copied(wire, body)
            outputs.append(Output(wire.name))
        return (*self.declared, *inputs, *body.items, *outputs)

    def copied(self, wire: Thread, body: _Body) -> Thread:
        """Give a wire a second name."""
        name = body.fresh(wire.name)
        at = tuple(f"{a}_{k}'" for k, a in enumerate(wire.axes))
        body.items.append(Let((Ref(name, at),), Ref(wire.name, at)))
        return replace(wire, name=name)

    # ---- axes

    def axis(self, term: Term) -> str:
        """Name an axis; a new one is declared, with the length of another whose size is the same number."""
        if self.terms.kind(term) != "RawAxis":
            raise self.terms.fault(f"a shape has axes, got a {self.terms.kind(term)}")
        identity = self.terms.identity(term)
        if identity not in self.axes:
            self.axes[identity] = self._declared(self.terms.uid_name(term) or "a", self.terms.field(term, "_size"))
        return self.axes[identity]

    def _declared(self, wish: str, size: Term) -> str:
        name = self.names.fresh(wish)
        self.declared.append(AxisDecl(name, self.size(size, name)))
        return name

    def size(self, term: Term, name: str) -> Index | None:
        """Read a size; a free number belongs to the axis that has it first."""
        match self.terms.kind(term):
            case "Integer":
                return self.terms.whole(term, "a size")
            case "FreeNumeric":
                owner = self.sizes.setdefault(self.terms.identity(term), name)
                return None if owner == name else owner
            case "Addition" | "Multiplication" as kind:
                parts = [self.size(self.terms.resolve(t), name) for t in self.terms.listed(term, "content")]
                if not parts or any(p is None for p in parts):
                    raise self.terms.fault(f"the size of axis {name} uses a number that no axis before it has")
                total = parts[0]
                for part in parts[1:]:
                    assert total is not None
                    assert part is not None
                    total = Arithmetic("+" if kind == "Addition" else "*", total, part)
                return total
            case other:
                raise self.terms.fault(f"a size is no {other}")

    def vocabulary(self, datatype: Term) -> str:
        """Name the axis whose places a Natural holds; nothing for reals."""
        kind = self.terms.kind(datatype)
        if kind != "Natural":
            if kind != "Reals":
                raise self.terms.fault(f"arrays hold reals or naturals, got {kind}")
            return ""
        size = self.terms.field(datatype, "max_value")
        known = self.sizes.get(self.terms.identity(size)) if self.terms.kind(size) == "FreeNumeric" else None
        return known or self._declared(self.terms.uid_name(size) if "uid" in size else "v", size)

    def thread(self, array: Term) -> Thread:
        """Read the type of an array."""
        of = self.vocabulary(self.terms.field(array, "datatype"))
        return Thread("", tuple(self.axis(a) for a in self.terms.listed(array, "_shape")), of)

    # ---- what enters a term

    def domain(self, term: Term) -> list[Thread]:
        """Give the types of the wires that a term takes."""
        t = self.terms
        match t.kind(term):
            case "Composed":
                content = t.listed(term, "content")
                if not content:
                    raise t.fault("a Composed has at least one term")
                return self.domain(t.resolve(content[0]))
            case "ProductOfMorphisms":
                return [w for part in t.listed(term, "content") for w in self.domain(t.resolve(part))]
            case "Rearrangement":
                return [self.thread(t.resolve(a)) for a in t.listed(term, "_dom")]
            case "Block":
                return self.domain(t.field(term, "body"))
            case "Broadcasted":
                return [self._weave(w, [a for a, _ in m[1]]) for w, m in zip(
                    t.listed(term, "input_weaves"), self.maps(term), strict=True)]
            case other:
                raise t.fault(f"a term of type {other} is not read",
                              "read are Composed, ProductOfMorphisms, Rearrangement, Block and Broadcasted")

    def _weave(self, weave: Term, tiled: Sequence[str]) -> Thread:
        slots = iter(tiled)
        of = self.vocabulary(self.terms.field(weave, "datatype"))
        shape = self.terms.listed(weave, "_shape")
        if sum(map(_is_tiled, shape)) != len(tiled):
            raise self.terms.fault(f"a weave has {sum(map(_is_tiled, shape))} tiled axes, its reindexing gives "
                                   f"{len(tiled)}")
        return Thread("", tuple(next(slots) if _is_tiled(s) else self.axis(s) for s in shape), of)

    def maps(self, term: Term) -> list[tuple[list[str], list[tuple[str, list[int]]]]]:
        """Give the reindexings of an operator, one an input: its domain, and each axis with coefficients over it."""
        found = [self.index_map(self.terms.resolve(r)) for r in self.terms.listed(term, "reindexings")]
        if len(found) != len(self.terms.listed(term, "input_weaves")):
            raise self.terms.fault("a Broadcasted has a reindexing for each input")
        if any(m[0] != found[0][0] for m in found):
            raise self.terms.fault("the reindexings of a Broadcasted share their domain")
        return found

    def index_map(self, term: Term) -> tuple[list[str], list[tuple[str, list[int]]]]:
        """Read a map of axes: its domain, and for each axis that it gives the coefficients over the domain."""
        t = self.terms
        match t.kind(term):
            case "Rearrangement":
                domain = [self.axis(a) for a in t.listed(term, "_dom")]
                chosen = [t.whole(k, "a place of a mapping") for k in t.listed(term, "mapping")]
                if any(not 0 <= k < len(domain) for k in chosen):
                    raise t.fault(f"the mapping {chosen[:8]} leads outside of {len(domain)} axes")
                return domain, [(domain[k], [int(j == k) for j in range(len(domain))]) for k in chosen]
            case "StrideMorphism":
                domain = [self.axis(a) for a in t.listed(term, "_dom")]
                rows: list[tuple[str, list[int]]] = []
                for pair in t.listed(term, "_cod_stride"):
                    if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[1], list) or (
                            len(pair[1]) != len(domain)):
                        raise t.fault("a row of _cod_stride is an axis and a coefficient for each axis of the domain")
                    rows.append((self.axis(pair[0]), [t.whole(c, "a coefficient") for c in pair[1]]))
                return domain, rows
            case "ProductOfMorphisms":
                domain, rows = [], []
                parts = [self.index_map(t.resolve(p)) for p in t.listed(term, "content")]
                width = sum(len(d) for d, _ in parts)
                for d, part in parts:
                    before = len(domain)
                    rows += [(a, [0] * before + c + [0] * (width - before - len(d))) for a, c in part]
                    domain += d
                return domain, rows
            case "Composed":
                domain, rows = self.index_map(t.resolve(t.listed(term, "content")[0]))
                for part in t.listed(term, "content")[1:]:
                    inner, after = self.index_map(t.resolve(part))
                    if len(inner) != len(rows):
                        raise t.fault(f"a map of {len(inner)} axes follows one that gives {len(rows)}")
                    rows = [(a, [sum(c[k] * rows[k][1][j] for k in range(len(inner))) for j in range(len(domain))])
                            for a, c in after]
                return domain, rows
            case other:
                raise t.fault(f"a reindexing of type {other} is not read")

    # ---- what a term does

    def apply(self, term: Term, wires: list[Thread], body: _Body) -> list[Thread]:
        """Add the statements of a term on wires; give the wires that leave it."""
        t = self.terms
        if len(body.items) > MAX_WIRES:
            raise t.fault(f"the diagram has more than {MAX_WIRES} statements")
        wanted = self.domain(term)
        if len(wanted) != len(wires):
            raise t.fault(f"a {t.kind(term)} takes {len(wanted)} arrays, {len(wires)} reach it")
        match t.kind(term):
            case "Composed":
                for part in t.listed(term, "content"):
                    wires = self.apply(t.resolve(part), wires, body)
                return wires
            case "ProductOfMorphisms":
                results: list[Thread] = []
                for part in t.listed(term, "content"):
                    count = len(self.domain(t.resolve(part)))
                    results += self.apply(t.resolve(part), wires[:count], body)
                    wires = wires[count:]
                return results
            case "Rearrangement":
                chosen = [t.whole(k, "a place of a mapping") for k in t.listed(term, "mapping")]
                if any(not 0 <= k < len(wires) for k in chosen):
                    raise t.fault(f"the mapping {chosen[:8]} leads outside of {len(wires)} arrays")
                return [wires[k] for k in chosen]
            case "Block":
                return self.block(term, wires, body)
            case _:
                return [self.operator(term, wires, body)]

    def block(self, term: Term, wires: list[Thread], body: _Body) -> list[Thread]:
        """Make a block and call it."""
        t = self.terms
        tag = t.field(term, "block_tag")
        times = t.whole(t.field(tag, "repetition"), "a repetition")
        look = t.field(tag, "aesthetics")
        title = t.field(look, "title") if look is not None else None
        title = title.replace("\\", "") if isinstance(title, str) else "block"
        name = body.fresh(title.lower())
        inside = _Body(taken={*self.axes.values()})
        entering = [replace(w, name=inside.fresh("X")) for w in self.domain(t.field(term, "body"))]
        results = self.apply(t.field(term, "body"), entering, inside)
        unlike: list[Thread] = []
        for wire in results:
            unlike.append(self.copied(wire, inside) if wire in entering or wire in unlike else wire)
        body.items.append(Block(name, tuple(WireDecl("input", w.name, w.axes) for w in entering),
                                tuple(WireDecl("output", w.name, w.axes) for w in unlike), tuple(inside.items),
                                {}, title))
        leaving = [replace(w, name=body.fresh(title)) for w in unlike]
        call = Call(name, tuple(Ref(w.name) for w in wires), repetition=times)
        body.items.append(Let(tuple(Ref(w.name) for w in leaving), call))
        return leaving

    def operator(self, term: Term, wires: list[Thread], body: _Body) -> Thread:
        """Make the statement of a broadcast operator."""
        t = self.terms
        operator = t.field(term, "operator")
        kind = t.kind(operator)
        outputs = t.listed(term, "output_weaves")
        maps = self.maps(term)
        if len(outputs) != 1 or not maps:
            raise t.fault(f"a Broadcasted has inputs and one output, this {kind} has {len(outputs)}")
        names = _Indices(self)
        degree = [names.new(a) for a in maps[0][0]]
        inputs = [self._places(w, [_place(c, degree) for _, c in m[1]], names)
                  for w, m in zip(t.listed(term, "input_weaves"), maps, strict=True)]
        tiled = iter(degree)
        shape = t.listed(outputs[0], "_shape")
        if sum(map(_is_tiled, shape)) > len(degree):
            raise t.fault(f"the output of a {kind} has more tiled axes than its domain")
        made: list[str] = []
        target: list[str] = []
        axes: list[str] = []
        along = kind in ("SoftMax", "Normalize", "WeightedTriangularLower")
        consumed = iter(inputs[0][1])
        for slot in shape:
            if _is_tiled(slot):
                index = next(tiled)
            else:
                index = next(consumed, "") if along else names.new(self.axis(slot))
                if not index:
                    raise t.fault(f"the output of a {kind} has an axis that its input has not")
                made.append(index)
            target.append(index)
            axes.append(names.axes[index])
        refs = [Ref(w.name, places) for w, (places, _) in zip(wires, inputs, strict=True)]
        handler = _OPERATORS.get(kind) or _OPERATORS.get("Elementwise" if kind in _UNARY else "")
        if handler is None:
            raise t.fault(f"an operator of type {kind} is not read", f"read are {', '.join(_OPERATORS)}")
        value = handler(_Operator(self, operator, body, names, refs, inputs, made,
                                  t.field(t.listed(term, "input_weaves")[0], "datatype")))
        name = body.fresh(re.sub(r"[^A-Za-z0-9]+", "", kind))
        body.items.append(Let((Ref(name, tuple(target)),), value))
        return Thread(name, tuple(axes))

    def _places(self, weave: Term, tiled: list[Index], names: _Indices) -> tuple[tuple[Index, ...], list[str]]:
        """Give where an input is read: its tiled axes by the reindexing, the others by new indices."""
        slots = iter(tiled)
        places: list[Index] = []
        consumed: list[str] = []
        for slot in self.terms.listed(weave, "_shape"):
            if _is_tiled(slot):
                places.append(next(slots))
            else:
                consumed.append(names.new(self.axis(slot)))
                places.append(consumed[-1])
        return tuple(places), consumed


class _Indices:
    """Names of the indices of one statement: that of the axis, with primes where it comes again."""

    def __init__(self, reader: Reader) -> None:
        self.axes: dict[str, str] = {}

    def new(self, axis: str) -> str:
        name = axis
        while name in self.axes:
            name += "'"
        self.axes[name] = axis
        return name


@dataclass(frozen=True, slots=True)
class _Operator:
    """What an operator's handler sees: reads of the inputs, indices consumed by each, and those it makes."""

    reader: Reader
    term: Term
    body: _Body
    names: _Indices
    refs: list[Ref]
    inputs: list[tuple[tuple[Index, ...], list[str]]]
    made: list[str]
    datatype: Term

    def weight(self, wish: str, indices: Sequence[str]) -> Ref:
        """Declare a learned array."""
        name = self.body.fresh(wish)
        self.body.items.append(WireDecl("weight", name, tuple(self.names.axes[i] for i in indices)))
        return Ref(name, tuple(indices))

    def title(self, otherwise: str) -> str:
        return self.reader.terms.name(self.term.get("name")) or otherwise


def _linear(o: _Operator) -> Expr:
    name = o.title("L")
    value: Expr = Binary("*", o.refs[0], o.weight(name, (*o.made, *o.inputs[0][1])))
    return Binary("+", value, o.weight(f"{name}_bias", o.made)) if o.term.get("bias") is True else value


def _einops(o: _Operator) -> Expr:
    """Consumed axes of one group are one index, and are summed."""
    signature = o.reader.terms.listed(o.term, "signature")
    groups: dict[Any, str] = {}
    renamed: list[Expr] = []
    for ref, (_, consumed), ids in zip(o.refs, o.inputs, signature, strict=False):
        if not isinstance(ids, list) or len(ids) != len(consumed) or not all(isinstance(g, int) for g in ids):
            raise o.reader.terms.fault("the signature of an Einops has a group for each consumed axis")
        to = {i: groups.setdefault(g, i) for i, g in zip(consumed, ids, strict=True)}
        renamed.append(Ref(ref.name, tuple(to.get(p, p) if isinstance(p, str) else p for p in ref.pattern or ())))
    if len(renamed) != len(o.refs):
        raise o.reader.terms.fault("the signature of an Einops has a row for each input")
    return _folded("*", renamed)


def _folded(op: Any, parts: Sequence[Expr]) -> Expr:
    total = parts[0]
    for part in parts[1:]:
        total = Binary(op, total, part)
    return total


def _triangular(o: _Operator) -> Expr:
    """Keep the lower triangle and divide each row by its sum + 1e-8."""
    if len(o.made) != 2:
        raise o.reader.terms.fault("a WeightedTriangularLower takes a matrix")
    row, column = o.made
    kept = Binary("*", o.refs[0], Iverson("<=", column, row))
    return Binary("/", kept, Binary("+", Call("sum", (kept,), (column,)), Number(1e-8)))


def _elementwise(o: _Operator) -> Expr:
    kind = o.term["__type__"]
    name = _UNARY.get(kind) or o.term.get("operator")
    if not isinstance(name, str) or ELEMENTWISE.get(name.lower()) != 1:
        raise o.reader.terms.fault(f"an elementwise {str(name)[:40]!r} is not read",
                                   f"read are {', '.join(n for n, k in ELEMENTWISE.items() if k == 1)}")
    return Call(name.lower(), (o.refs[0],))


def _embedding(o: _Operator) -> Expr:
    reader = o.reader
    vocabulary = reader.vocabulary(o.datatype)
    index = o.names.new(vocabulary)
    table = o.weight(o.title("E"), (index, *o.made))
    return Ref(table.name, (Lookup(o.refs[0].name, o.refs[0].pattern or ()), *o.made))


_OPERATORS: dict[str, Callable[[_Operator], Expr]] = {
    "Linear": _linear, "Einops": _einops, "Embedding": _embedding, "Elementwise": _elementwise,
    "AdditionOp": lambda o: _folded("+", o.refs), "Identity": lambda o: o.refs[0], "Dropout": lambda o: o.refs[0],
    "SoftMax": lambda o: Call("softmax", (o.refs[0],), tuple(o.made)),
    "Normalize": lambda o: Call("rms", (o.refs[0],), tuple(o.made)), "WeightedTriangularLower": _triangular}


def _is_tiled(slot: Term) -> bool:
    return isinstance(slot, dict) and slot.get("__registered__") == "enum" and slot.get("name") == "TILED"


def _place(coefficients: Sequence[int], degree: Sequence[str]) -> Index:
    """Write an affine place."""
    total: Index | None = None
    for c, index in zip(coefficients, degree, strict=True):
        if c:
            part: Index = index if c == 1 else Arithmetic("*", c, index)
            total = part if total is None else Arithmetic("+", total, part)
    return 0 if total is None else total
