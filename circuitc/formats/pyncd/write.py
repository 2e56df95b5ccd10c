"""From a diagram to the terms of pyncd: each statement is broadcast operators, wires are threaded by rearrangements.

Written are products of wires (Einops), of a wire and a weight (Linear, with a bias that is added), sums, functions of
one operand, softmax, root mean square norms, look-ups, weighted triangles and blocks with weights of their own.
Weights become the names of operators: their numbers stay with the reader's `.ncd` file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from circuitc.diagnostics import Span, error
from circuitc.models.diagrams.axes import Axis
from circuitc.models.diagrams.places import whole
from circuitc.models.diagrams.syntax import (
    AxisDecl,
    Binary,
    Block,
    Call,
    Diagram,
    Expr,
    Item,
    Let,
    Lookup,
    Output,
    Pattern,
    Ref,
    WireDecl,
)

from .store import Store, Term
from .threads import Body, Scope, Wire, unsaid
from .write_statement import Statement


def terms_of(diagram: Diagram) -> Term:
    """Give the object of a file; a CircuitError names the first statement that pyncd has no term for."""
    writer = _Writer(Store())
    scope = Scope({}, {}, {})
    declared = [i for i in diagram.items if isinstance(i, WireDecl) and i.kind == "input"]
    outputs = [i.name for i in diagram.items if isinstance(i, Output)]
    for item in diagram.items:
        if isinstance(item, AxisDecl):
            writer.declare(scope, item)
    body = Body(scope, [writer.wire(scope, d) for d in declared])
    data = writer.body(body, diagram.items, outputs)
    return {"uid_repository": writer.store.repository(data), "data": writer.store.plain(data)}


class _Writer:
    """Makes terms of statements."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def declare(self, scope: Scope, item: AxisDecl) -> None:
        """Declare an axis; one that is as long as another shares its number."""
        axis = scope.axes[item.name] = Axis(item.name)
        if isinstance(item.size, str) and item.size in scope.axes:
            self.store.same_size(axis, scope.axes[item.size])
        elif item.size is not None:
            axis.size = whole(item.size, lambda n: _length(scope, n, item.span), item.span)

    def wire(self, scope: Scope, item: WireDecl) -> Wire:
        of = scope.axis(item.of) if item.of else None
        return Wire(item.name, item.axes, tuple(scope.axis(a) for a in item.axes), of)

    def body(self, body: Body, items: Sequence[Item], outputs: Sequence[str]) -> Term:
        """Give the composition of the statements, ending in the outputs."""
        for k, item in enumerate(items):
            later = {n for i in items[k + 1:] for n in _names(i)} | set(outputs)
            match item:
                case WireDecl("weight"):
                    body.scope.weights[item.name] = self.wire(body.scope, item)
                case Block():
                    body.scope.blocks[item.name] = item
                case AxisDecl() if item.name not in body.scope.axes:
                    self.declare(body.scope, item)
                case Let():
                    self.let(body, item, later)
                case _:
                    pass
        self.rearrange(body, list(outputs))
        if not body.stages:
            raise error("a diagram without statements has no term")
        return body.stages[0] if len(body.stages) == 1 else {"__type__": "Composed", "content": body.stages}

    # ---- wires

    def rearrange(self, body: Body, wanted: list[str]) -> None:
        """Bring wires into an order: copies, swaps and deletions in one term."""
        names = [w.name for w in body.state]
        chosen = [body.state[names.index(n)] for n in wanted]
        if wanted != names:
            body.stages.append(self.arrays([names.index(n) for n in wanted], body.state))
        body.state = chosen

    def arrays(self, mapping: list[int], wires: Sequence[Wire]) -> Term:
        return {"__type__": "Rearrangement", "mapping": mapping, "_dom": [
            {"__type__": "Array", "datatype": self.store.datatype(w.of), "_shape": list(w.axes)} for w in wires]}

    def put(self, body: Body, term: Term, inputs: Sequence[str], made: Sequence[Wire], later: set[str]) -> None:
        """Add a stage: the term on its inputs, beside the wires that are needed later."""
        kept = [w.name for w in body.state if w.name in later or w.name in body.pending]
        self.rearrange(body, [*inputs, *kept])
        beside = body.state[len(inputs):]
        if beside:
            term = {"__type__": "ProductOfMorphisms", "content": [term, self.arrays([*range(len(beside))], beside)]}
        body.stages.append(term)
        body.state = [*made, *beside]

    # ---- statements

    def let(self, body: Body, item: Let, later: set[str]) -> None:
        if isinstance(item.value, Call) and item.value.name in body.scope.blocks:
            self.call(body, item.value, [t.name for t in item.targets], later)
            return
        target = item.targets[0]
        pattern = _indices(target.pattern, item) if target.pattern is not None else None
        Statement(self.store, self.put, body, item, later).named(target.name, item.value, pattern)

    def call(self, body: Body, call: Call, targets: Sequence[str], later: set[str]) -> tuple[Wire, ...]:
        """Write a block in place."""
        block = body.scope.blocks[call.name]
        times = whole(call.repetition, lambda n: _length(body.scope, n, call.span), call.span)
        if block.parameters or call.shared or call.alias:
            raise unsaid(f"{call.name} with parameters, a name or shared weights", call.span)
        arguments = [self.argument(body, a, call) for a in call.args]
        axes = dict(body.scope.axes)
        for port, wire in zip(block.inputs, arguments, strict=True):
            axes.update(zip(port.axes, wire.axes, strict=True))
        scope = Scope(axes, {}, dict(body.scope.blocks))
        inside = Body(scope, [Wire(p.name, p.axes, w.axes, w.of)
                               for p, w in zip(block.inputs, arguments, strict=True)])
        term = self.body(inside, block.body, [o.name for o in block.outputs])
        made = tuple(Wire(t, o.axes, w.axes, w.of)
                     for t, o, w in zip(targets, block.outputs, inside.state, strict=True))
        body.pending = []
        self.put(body, self.store.block(term, block.title or block.name, times), [w.name for w in arguments], made,
                 later)
        return made

    def argument(self, body: Body, e: Expr, call: Call) -> Wire:
        if isinstance(e, Ref) and e.pattern is None:
            return body.find(e.name, e.span)
        raise unsaid(f"{call.name} of an expression", call.span, "give it a name of its own before")


def _length(scope: Scope, name: str, span: Span | None) -> int:
    size = scope.axis(name).length
    if size is None:
        raise error(f"axis {name} has no length", span)
    return size


def _indices(pattern: Pattern, item: Let) -> tuple[str, ...]:
    if not all(isinstance(p, str) for p in pattern):
        raise error("the axes on the left are named", item.span)
    return tuple(map(str, pattern))


def _names(item: Item) -> Iterator[str]:
    """Name the wires that a statement reads."""
    if isinstance(item, Let):
        yield from _reads(item.value)


def _reads(e: Expr) -> Iterator[str]:
    match e:
        case Ref(name, pattern):
            yield name
            yield from (p.wire for p in pattern or () if isinstance(p, Lookup))
        case Binary(_, left, right):
            yield from _reads(left)
            yield from _reads(right)
        case Call(_, args):
            for a in args:
                yield from _reads(a)
        case _:
            pass
