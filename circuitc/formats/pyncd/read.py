"""From the terms of pyncd to a diagram: composition threads wires, each broadcast operator is a statement.

Axes get the names of the file; equal identities are one axis. A block that repeats n times becomes a block that is
called n times **with weights of its own each time** (`layer.0.L_q`, `layer.1.L_q`, ...), as PyTorch's `ModuleList` of
copies would. `Normalize` is the root mean square norm without a learned gain.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from circuitc.models.diagrams.syntax import Block, Call, Index, Item, Let, Output, Ref, WireDecl

from .read_axes import Axes, Body, Thread, affine_place, is_tiled
from .read_operators import OPERATORS, UNARY, Indices, Operator
from .terms import Term

MAX_WIRES = 10_000


class Reader(Axes):
    """Reads one file: names of axes by identity, blocks by tag."""

    def items(self, data: Term) -> tuple[Item, ...]:
        """Give the statements of a file's term: axes, inputs, blocks, statements, outputs."""
        body = Body(taken=self.names.taken)
        wires = [replace(t, name=body.fresh("X")) for t in self.domain(data)]
        inputs = [WireDecl("input", t.name, t.axes, t.of) for t in wires]
        results = self.apply(data, wires, body)
        outputs: list[Item] = []
        for wire in results:
            if any(isinstance(o, Output) and o.name == wire.name for o in outputs) or wire in wires:
                wire = self.copied(wire, body)
            outputs.append(Output(wire.name))
        return (*self.declared, *inputs, *body.items, *outputs)

    def copied(self, wire: Thread, body: Body) -> Thread:
        """Give a wire a second name."""
        name = body.fresh(wire.name)
        at = tuple(f"{a}_{k}'" for k, a in enumerate(wire.axes))
        body.items.append(Let((Ref(name, at),), Ref(wire.name, at)))
        return replace(wire, name=name)

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
        if sum(map(is_tiled, shape)) != len(tiled):
            raise self.terms.fault(f"a weave has {sum(map(is_tiled, shape))} tiled axes, its reindexing gives "
                                   f"{len(tiled)}")
        return Thread("", tuple(next(slots) if is_tiled(s) else self.axis(s) for s in shape), of)

    # ---- what a term does

    def apply(self, term: Term, wires: list[Thread], body: Body) -> list[Thread]:
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

    def block(self, term: Term, wires: list[Thread], body: Body) -> list[Thread]:
        """Make a block and call it."""
        t = self.terms
        tag = t.field(term, "block_tag")
        times = t.whole(t.field(tag, "repetition"), "a repetition")
        look = t.field(tag, "aesthetics")
        title = t.field(look, "title") if look is not None else None
        title = title.replace("\\", "") if isinstance(title, str) else "block"
        name = body.fresh(title.lower())
        inside = Body(taken={*self.axes.values()})
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

    def operator(self, term: Term, wires: list[Thread], body: Body) -> Thread:
        """Make the statement of a broadcast operator."""
        t = self.terms
        operator = t.field(term, "operator")
        kind = t.kind(operator)
        outputs = t.listed(term, "output_weaves")
        maps = self.maps(term)
        if len(outputs) != 1 or not maps:
            raise t.fault(f"a Broadcasted has inputs and one output, this {kind} has {len(outputs)}")
        names = Indices()
        degree = [names.new(a) for a in maps[0][0]]
        inputs = [self._places(w, [affine_place(c, degree) for _, c in m[1]], names)
                  for w, m in zip(t.listed(term, "input_weaves"), maps, strict=True)]
        tiled = iter(degree)
        shape = t.listed(outputs[0], "_shape")
        if sum(map(is_tiled, shape)) > len(degree):
            raise t.fault(f"the output of a {kind} has more tiled axes than its domain")
        made: list[str] = []
        target: list[str] = []
        axes: list[str] = []
        along = kind in ("SoftMax", "Normalize", "WeightedTriangularLower")
        consumed = iter(inputs[0][1])
        for slot in shape:
            if is_tiled(slot):
                index = next(tiled)
            else:
                index = next(consumed, "") if along else names.new(self.axis(slot))
                if not index:
                    raise t.fault(f"the output of a {kind} has an axis that its input has not")
                made.append(index)
            target.append(index)
            axes.append(names.axes[index])
        refs = [Ref(w.name, places) for w, (places, _) in zip(wires, inputs, strict=True)]
        handler = OPERATORS.get(kind) or OPERATORS.get("Elementwise" if kind in UNARY else "")
        if handler is None:
            raise t.fault(f"an operator of type {kind} is not read", f"read are {', '.join(OPERATORS)}")
        value = handler(Operator(self, operator, body, names, refs, inputs, made,
                                  t.field(t.listed(term, "input_weaves")[0], "datatype")))
        name = body.fresh(re.sub(r"[^A-Za-z0-9]+", "", kind))
        body.items.append(Let((Ref(name, tuple(target)),), value))
        return Thread(name, tuple(axes))

    def _places(self, weave: Term, tiled: list[Index], names: Indices) -> tuple[tuple[Index, ...], list[str]]:
        """Give where an input is read: its tiled axes by the reindexing, the others by new indices."""
        slots = iter(tiled)
        places: list[Index] = []
        consumed: list[str] = []
        for slot in self.terms.listed(weave, "_shape"):
            if is_tiled(slot):
                places.append(next(slots))
            else:
                consumed.append(names.new(self.axis(slot)))
                places.append(consumed[-1])
        return tuple(places), consumed
