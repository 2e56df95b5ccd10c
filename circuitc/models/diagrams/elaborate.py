"""From a diagram as it is written to one with types: wires with unified axes, and steps in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from circuitc.diagnostics import CircuitError, Span, error, nearest

from .axes import Axis, unify
from .functions import FUNCTIONS
from .scope import MAX_CALLS, MAX_DEPTH, Growing, Load, Scope
from .statement import Keep, Statement
from .steps import Step, Typed, Wire
from .syntax import AxisDecl, Binary, Block, Call, Diagram, Expr, Item, Let, Output, Ref, WireDecl

EVERYTHING = Keep(frozenset(), everything=True)


def no_weights(path: str, span: Span | None) -> None:
    """Give no array to any weight."""


def elaborate(diagram: Diagram, load: Load = no_weights, lengths: Mapping[str, int] | None = None) -> Typed:
    """Find the types of a diagram. `load` gives the array of a weight, or None; `lengths` fixes axes by name.

    Raises a CircuitError where two aligned axes have different lengths, or a name means nothing.
    """
    grow = Growing(load, dict(lengths or {}))
    scope = Scope(grow)
    inputs: list[Wire] = []
    outputs: list[tuple[str, Wire]] = []
    for item in diagram.items:
        if isinstance(item, Output):
            if any(name == item.name for name, _ in outputs):
                raise error(f"{item.name} is an output twice", item.span)
            outputs.append((item.name, scope.find(item.name, item.span)))
            continue
        _add(scope, item)
        if isinstance(item, WireDecl) and item.kind == "input":
            inputs.append(scope.wires[item.name])
    if not outputs:
        raise error("the diagram has no output", diagram.span, "write `output Y`")
    return Typed(diagram.name, tuple(inputs), tuple(outputs), tuple(grow.steps), grow.titles)


def _add(scope: Scope, item: Item) -> None:
    match item:
        case AxisDecl():
            _axis(scope, item)
        case WireDecl("weight"):
            _define(scope, item.name, _weight(scope, item), item.span)
        case WireDecl():
            of = scope.axis(item.of, item.span) if item.of else None
            wire = scope.growing.wire(item.name, item.axes, tuple(scope.axis(a, item.span) for a in item.axes), of,
                                      item.span)
            _define(scope, item.name, wire, item.span)
        case Block():
            if item.name in scope.blocks or item.name in FUNCTIONS:
                raise error(f"{item.name} is {'a function' if item.name in FUNCTIONS else 'a block already'}",
                            item.span)
            scope.blocks[item.name] = (item, scope, dict(scope.blocks))
        case Let():
            _let(scope, item)
        case Output():
            raise error("only a diagram has outputs", item.span)


def _define(scope: Scope, name: str, wire: Wire, span: Span | None) -> None:
    if name in scope.wires:
        raise error(f"there is a wire {name} already", span)
    scope.wires[name] = wire


def _axis(scope: Scope, item: AxisDecl) -> None:
    if item.name in scope.own:
        raise error(f"there is an axis {item.name} already", item.span)
    if item.name in scope.declared:
        del scope.axes[item.name]
    scope.own.add(item.name)
    given = scope.growing.lengths.get(item.name) if not scope.path else None
    size = given if given is not None else None if item.size is None else scope.whole(item.size, item.span)
    if size is not None and size < 1:
        raise error(f"axis {item.name} is {size} long", item.span)
    axis = scope.axis(item.name, item.span)
    if size is not None:
        axis.bind(size, item.span, item.name)
    scope.declared[item.name] = axis


def _weight(scope: Scope, item: WireDecl) -> Wire:
    axes = tuple(scope.axis(a, item.span) for a in item.axes)
    path = scope.prefix + item.name
    array = scope.growing.load(path, item.span)
    if array is not None:
        if array.ndim != len(axes):
            raise error(f"weight {path} has shape {list(array.shape)}, its axes are {' '.join(item.axes)}", item.span)
        for axis, name, size in zip(axes, item.axes, array.shape, strict=True):
            unify(axis, Axis(name, int(size), item.span), item.span, f"axis {axis.told()}",
                  f"axis {name} = {size} of the array {path}")
    wire = scope.growing.wire(item.name, item.axes, axes, span=item.span, learned=True)
    return scope.growing.add(Step("weight", (), wire, (item.axes,), {"array": array, "path": path, "fill": item.fill},
                                  scope.path, item.span))


def _let(scope: Scope, item: Let) -> None:
    value = item.value
    if isinstance(value, Call) and value.name in scope.blocks:
        results = _call(scope, value)
        if len(results) != len(item.targets):
            raise error(f"{value.name} gives {len(results)} wires, the left side names {len(item.targets)}", item.span)
        for target, wire in zip(item.targets, results, strict=True):
            names = target.pattern or wire.names
            if len(names) != len(wire.names) or not all(isinstance(n, str) for n in names):
                raise error(f"the result of {value.name} has axes {' '.join(wire.names)}", target.span)
            for name, axis in zip(names, wire.axes, strict=True):
                if name in scope.axes:
                    unify(scope.axes[str(name)], axis, target.span, f"axis {scope.axes[str(name)].told()}",
                          f"axis {axis.told()} of {value.name}")
            _define(scope, target.name, replace(wire, name=target.name, names=tuple(map(str, names))), target.span)
        return
    if len(item.targets) != 1:
        raise error("several results are those of a block", item.span)
    target = item.targets[0]
    _define(scope, target.name, _evaluated(scope, value, target), item.span)


def _evaluated(scope: Scope, value: Expr, target: Ref) -> Wire:
    value = _hoisted(scope, value)
    statement = Statement(scope, target.span)
    keep = EVERYTHING if target.pattern is None else Keep(frozenset(p for p in target.pattern if isinstance(p, str)))
    return statement.named(statement.value(value, keep), target)


def _hoisted(scope: Scope, e: Expr) -> Expr:
    """Call the blocks inside an expression; each leaves its result as a wire."""
    match e:
        case Binary(op, left, right, span):
            return Binary(op, _hoisted(scope, left), _hoisted(scope, right), span)
        case Call() if e.name in scope.blocks:
            results = _call(scope, e)
            if len(results) != 1:
                raise error(f"{e.name} gives {len(results)} wires, one is used here", e.span)
            name = f"{e.name}()#{len(scope.wires)}"
            scope.wires[name] = results[0]
            return Ref(name, None, e.span)
        case Call():
            return replace(e, args=tuple(_hoisted(scope, a) for a in e.args))
        case _:
            return e


def _call(scope: Scope, call: Call) -> Sequence[Wire]:
    """Put a block in place, as often as it repeats."""
    block, outside, visible = scope.blocks[call.name]
    if call.axes is not None or len(call.args) != len(block.inputs):
        raise error(f"{call.name} takes {len(block.inputs)} wires, got {len(call.args)}", call.span)
    times = scope.whole(call.repetition, call.span)
    if times < 1 or (times > 1 and len(block.inputs) != len(block.outputs)):
        raise error(f"{call.name} is repeated {times} times with {len(block.inputs)} wires in and "
                    f"{len(block.outputs)} out", call.span)
    if len(scope.path) >= MAX_DEPTH:
        raise error(f"blocks lie more than {MAX_DEPTH} deep", call.span)
    wires: Sequence[Wire] = [
        scope.find(a.name, a.span) if isinstance(a, Ref) and a.pattern is None and a.name in scope.wires else
        _evaluated(scope, a, Ref(i.name, None, call.span))
        for a, i in zip(call.args, block.inputs, strict=True)]
    for k in range(times):
        wires = _once(scope, call, (block, outside, visible), wires, k, times)
    return wires


def _once(scope: Scope, call: Call, known: tuple[Block, Scope, dict[str, Any]], wires: Sequence[Wire], k: int,
          times: int) -> Sequence[Wire]:
    block, outside, visible = known
    scope.growing.calls += 1
    if scope.growing.calls > MAX_CALLS:
        raise error(f"blocks are called more than {MAX_CALLS} times", call.span)
    label = call.alias or call.name
    place = f"{label}.{k}" if times > 1 else label
    prefix = scope.prefix + (label if call.shared else place) + "."
    path = (*scope.path, place)
    scope.growing.titles[path] = block.title or call.name
    axes = {n: a for n, a in outside.declared.items() if n not in block.parameters}
    inner = Scope(scope.growing, axes=dict(axes), declared=axes, blocks=dict(visible), prefix=prefix, path=path)
    for name in call.parameters:
        if name not in block.parameters:
            raise error(f"{call.name} has no parameter {name}", call.span, nearest(name, block.parameters))
    for name, default in block.parameters.items():
        if name in call.parameters:
            inner.numbers[name] = scope.whole(call.parameters[name], call.span)
        elif default is not None:
            inner.numbers[name] = inner.whole(default, block.span)
    for decl, wire in zip(block.inputs, wires, strict=True):
        inner.wires[decl.name] = _entering(inner, decl, wire, call)
    try:
        for item in block.body:
            _add(inner, item)
        return [_leaving(inner, decl) for decl in block.outputs]
    except CircuitError as e:
        raise _inside(e, call) from None


def _inside(e: CircuitError, call: Call) -> CircuitError:
    """Add where the block was called."""
    return CircuitError([replace(d, notes=(*d.notes, (f"in {call.name}, called here", call.span)))
                         if call.span and len(d.notes) < 6 else d for d in e.diagnostics])


def _entering(inner: Scope, decl: WireDecl, wire: Wire, call: Call) -> Wire:
    if len(decl.axes) != len(wire.axes):
        raise error(f"{call.name} takes {decl.name}[{' '.join(decl.axes)}], got {wire.name}[{' '.join(wire.names)}]",
                    call.span)
    for name, axis, own in zip(decl.axes, wire.axes, wire.names, strict=True):
        unify(inner.axis(name, decl.span), axis, call.span, f"axis {inner.axes[name].told()} of {call.name}'s "
              f"{decl.name}", f"axis {own} = {axis.length or '?'} of {wire.name}")
    return replace(wire, name=decl.name, names=decl.axes)


def _leaving(inner: Scope, decl: WireDecl) -> Wire:
    wire = inner.find(decl.name, decl.span)
    if len(decl.axes) != len(wire.axes):
        raise error(f"{decl.name} is promised with axes {' '.join(decl.axes)}, it has {' '.join(wire.names)}",
                    decl.span)
    for name, axis in zip(decl.axes, wire.axes, strict=True):
        unify(inner.axis(name, decl.span), axis, decl.span, f"axis {inner.axes[name].told()} of the result",
              f"axis {axis.told()} of {decl.name}")
    return replace(wire, names=decl.axes)
