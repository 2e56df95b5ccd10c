"""The quantized func: ports and registers on grids around the lowered body."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from circuitc.diagnostics import InternalError, error
from circuitc.ir import Constant, Func, Graph, Port, Register, rebuild

from .forms import Bound, Form, uniform
from .grids import Grid, Statistics
from .lowering import Lowering, Plan
from .number_formats import NumberFormat
from .rules import RULES


def quantized(func: Func, graph: Graph, seen: Mapping[int, Statistics], plan: Plan, inputs: NumberFormat,
              outputs: NumberFormat) -> tuple[Func, Lowering]:
    """Give the func in exact types, and the walk that made it."""
    low = Lowering(graph, plan, seen)
    grids = _enter(low, func, inputs)
    low.walk(RULES)
    ports = tuple(replace(p, type=g.type.with_shape(p.type.shape), encoding=g.encoding) if g else p
                  for p, g in zip(func.inputs, grids, strict=False))
    registers = tuple(_register(r, g) for r, g in zip(func.registers, grids[len(func.inputs):], strict=True))
    results: list[int] = []
    leaving: list[Port] = []
    for port, value in zip(func.outputs, graph.outputs, strict=False):
        if not port.type.is_float:
            leaving.append(port)
            results.append(low.exact[value])
            continue
        grid = low.grid(value, outputs)
        low.forms[value] = result = low.on(value, grid)
        leaving.append(replace(port, type=grid.type.with_shape(port.type.shape), encoding=grid.encoding))
        results.append(result.value)
    for value, grid in zip(graph.outputs[len(func.outputs):], (*grids[len(func.inputs):], None), strict=False):
        results.append(low.on(value, grid).value if grid else low.exact[value])
    body = rebuild(low.builder.finish(results))  # without what only led to roundings that nobody reads
    left = [n.name for v, n in enumerate(body.nodes) if n.type.is_float and v in body.live]
    if left:
        raise InternalError(f"quantize left floats: {', '.join(left[:5])}")
    return replace(func, inputs=ports, outputs=tuple(leaving), registers=registers, body=body), low


def _enter(low: Lowering, func: Func, inputs: NumberFormat) -> list[Grid | None]:
    """Add the body's inputs on their grids; None for those that are exact already."""
    grids: list[Grid | None] = []
    for value, node in enumerate(low.graph.nodes[:low.graph.inputs]):
        if not node.type.is_float:
            low.exact[value] = low.builder.input(node.name, node.type)
            grids.append(None)
            continue
        is_port = value < len(func.inputs)
        unused = Statistics(0.0, 1.0, np.zeros(1))
        wanted = inputs if is_port else low.plan.settings.default.activations
        grid = low.plan.grids.choose(wanted, low.seen.get(value, unused))
        shape = node.type.shape
        entered = low.builder.input(node.name, grid.type.with_shape(shape))
        error_ = np.full(shape, grid.step / 2)
        bound = Bound(np.full(shape, grid.low), np.full(shape, grid.high), error_) if is_port else None
        low.forms[value] = uniform(entered, grid.scale, -grid.zero * grid.scale, node.type.rank, bound)
        grids.append(grid)
    return grids


def _register(register: Register, grid: Grid | None) -> Register:
    if grid is None:
        return register
    t = grid.type.with_shape(register.type.shape)
    if register.initial is None:
        raise error(f"quantize: register {register.name} is a float without initial value")
    return replace(register, type=t, initial=Constant(t, grid.raw(register.initial.array)))


def bounds(func: Func, graph: Graph, low: Lowering) -> dict[str, float | None]:
    """Give for each float output how far it can be from the program's, for any input; None where none was found."""
    found: dict[str, float | None] = {}
    for port, value in zip(func.outputs, graph.outputs, strict=False):
        if port.type.is_float:
            form: Form = low.forms[value]
            found[port.name] = None if form.bound is None or not np.all(np.isfinite(form.bound.error)) else float(
                form.bound.error.max())
    return found
