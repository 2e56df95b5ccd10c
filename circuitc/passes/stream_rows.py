"""Take images pixel by pixel: convolutions read line buffers, and a network is a stream of one pixel a step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import BIT, Builder, Constant, Func, Graph, Module, Port, Schedule, Type, Value, index_type

from .base import Context, Pass
from .streaming import RULES, Flow, StreamBody, inner_axes, whole_order


@dataclass(frozen=True, slots=True)
class StreamRows(Pass):
    """Write the main func, a network on an image, as a stream that takes one pixel (all its channels) a step.

    The input is a tensor whose axes `rows` and `columns` (counted from behind: -2 and -1) pass row by row. Each
    convolution or pooling keeps the lines that its windows need, with a register behind; other ops work on one position
    a step. Where rows and columns meet, as before a dense layer, the map is kept as a whole. Images may follow each
    other without a gap. The stream is a func of its own, @NAME_stream: beside each output it has a bit NAME_valid, 1 in
    the steps in which the output is one. @NAME calls it for one image, and so is compared with what it was; the pass
    `main` makes the stream the main func.
    """

    rows: int = -2
    columns: int = -1

    def apply(self, module: Module, context: Context) -> Module:
        func = module.entry
        called = {n.attributes["func"] for n in func.body.nodes if n.op == "call"} if isinstance(
            func.body, Graph) else set[str]()
        if any(module.funcs[name].schedule.kind == "stream" for name in called):
            return module  # written so already
        if called:
            raise error(f"stream-rows: @{func.name} calls @{min(called)}", func.span, "run the pass inline-calls first")
        graph, axes = _checked(func, self.rows, self.columns)
        body = StreamBody(graph, axes, RULES)
        flows = body.flows()
        name = f"{func.name}_stream"
        while name in module.funcs:
            name += "_"
        stream = _stream(name, func, body, flows)
        steps = max(body.parts.period, *(1 + int(f.times.max()) for f in flows))
        context.facts[func.name] = _facts(func, body, flows, steps)
        caller = replace(func, body=_calling(func, stream, flows, axes, steps))
        return module.with_func(caller).with_func(stream)


def _checked(func: Func, rows: int, columns: int) -> tuple[Graph, tuple[int, int]]:
    """Give the body, and the axes that pass, or say why there are none."""
    def refused(why: str) -> Exception:
        return error(f"stream-rows: @{func.name} {why}", func.span)
    if not isinstance(func.body, Graph) or not func.is_combinational:
        raise refused("is not a combinational func of typed ops")
    if len(func.inputs) != 1 or not func.outputs:
        raise refused(f"has {len(func.inputs)} inputs and {len(func.outputs)} outputs; one image goes in, and "
                      "something comes out")
    t = func.inputs[0].type
    if not (-t.rank <= rows < t.rank and -t.rank <= columns < t.rank) or rows % t.rank == columns % t.rank:
        raise refused(f"takes {t}, which has no two axes {rows} and {columns}")
    return func.body, (rows % t.rank, columns % t.rank)


def _stream(name: str, func: Func, body: StreamBody, flows: list[Flow]) -> Func:
    parts = body.parts
    graph = parts.finish(1, [v for f in flows for v in (f.value, f.valid)])
    image = func.inputs[0]
    taken = {p.name for p in func.outputs}
    outputs: list[Port] = []
    for port, flow in zip(func.outputs, flows, strict=True):
        valid = f"{port.name}_valid"
        while valid in taken:
            valid += "_"
        taken.add(valid)
        outputs += [replace(port, type=parts.builder.type(flow.value), rate="step"), Port(valid, BIT, "step")]
    return Func(name, (replace(image, type=graph.nodes[0].type, rate="step"),), tuple(outputs), graph,
                tuple(parts.registers), Schedule("stream"))


def _calling(func: Func, stream: Func, flows: list[Flow], axes: tuple[int, int], steps: int) -> Graph:
    """Give the body of a func that calls the stream for one image, and for steps without pixels until all is out."""
    b = Builder()
    image = b.input(func.inputs[0].name, func.inputs[0].type)
    t = b.type(image)
    inner = inner_axes(t.rank, axes)
    turned = b.apply("transpose", image, order=(*axes, *inner))
    pixels = t.shape[axes[0]] * t.shape[axes[1]]
    rows = b.apply("reshape", turned, shape=(pixels, *(t.shape[k] for k in inner)))
    zero = b.number(t.scalar, 1 if t.is_spin else 0)
    items = b.apply("pad", rows, zero, before=(0,) * (1 + len(inner)), after=(steps - pixels, *[0] * len(inner)))
    outputs = [_picked(b, b.call(stream.name, port.name, port.type.with_shape((steps, *port.type.shape)), items), flow)
               for port, flow in zip(stream.outputs[::2], flows, strict=True)]
    return b.finish(outputs)


def _picked(b: Builder, items: Value, flow: Flow) -> Value:
    """Take the steps in which a flow means something, and make them its tensor again."""
    inner = b.type(items).shape[1:]
    index: Type = index_type(b.type(items).shape[0], (flow.times.size,))
    steps = b.constant(Constant(index, flow.times.reshape(-1)))
    rows = b.apply("gather", items, steps, axis=0)
    if flow.axes is None:
        return b.apply("reshape", rows, shape=inner)
    grid = b.apply("reshape", rows, shape=(*flow.times.shape, *inner))
    return b.apply("transpose", grid, order=whole_order(flow.axes, len(inner)))


def _facts(func: Func, body: StreamBody, flows: list[Flow], steps: int) -> dict[str, Any]:
    """Say when outputs come, counted in steps from the first pixel of an image, and what is kept."""
    outputs = {port.name: {"first": int(f.times.min()), "last": int(f.times.max()), "words": int(f.times.size)}
               for port, f in zip(func.outputs, flows, strict=True)}
    bits = [p.kept * body.parts.builder.type(p.source.value).bits for p in body.lines]
    return {"interval": body.parts.period, "steps_of_one_image": steps, "outputs": outputs, "line_bits": bits,
            "kept_whole": body.whole, "register_bits": int(np.sum([r.type.bits for r in body.parts.registers]))}
