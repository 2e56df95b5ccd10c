"""A sequence whose length the file leaves free, as a stream: one step an item, the layers' states in registers.

The file is read for one item; what its main func calls on the sequence (the layers) is put in the place of the calls,
and its registers become the stream's. That is the same program only where nothing but the layers looks from item to
item. Whether it is, is tried: the stream is compared with the file read for 2 and 3 items, on random inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import STREAM, Builder, Func, Graph, Module, Node, Port, Register, Value, module_of, random_raw, run

from .ports import Reading
from .read import read_onnx

SAMPLES, TOLERANCE = 4, 1e-4


def read_stream(path: str | Path, inputs: Mapping[str, Reading] | None = None,
                outputs: Sequence[str] | None = None) -> Module:
    """Read an ONNX model of a free sequence length as a stream; what is no stream is refused."""
    one, two, three = (read_onnx(path, inputs, outputs, length) for length in (1, 2, 3))
    inner, outer = _axes(two.entry.inputs, three.entry.inputs), _axes(two.entry.outputs, three.entry.outputs)
    if not any(axis is not None for axis in inner):
        raise error(f"{path}: no input has an axis that the file leaves free, so there is no stream",
                    help="leave stream out")
    module = _stream(one, two.entry, inner, outer)
    for fixed, length in ((two, 2), (three, 3)):
        if not _agree(module, fixed, length, inner, outer):
            raise error(f"{path}: is no stream: an answer depends on items in another way than by the states of layers "
                        "that run forward", help="give a length")
    return module


def _axes(two: Sequence[Port], three: Sequence[Port]) -> list[int | None]:
    """Give the axis of the sequence for each port: where reading for two and for three items differ."""
    found: list[int | None] = []
    for p, q in zip(two, three, strict=True):
        axes = [k for k, (m, n) in enumerate(zip(p.type.shape, q.type.shape, strict=True)) if m != n]
        found.append(axes[0] if axes else None)
    return found


def _without(p: Port, axis: int | None) -> Port:
    """Give the port of an item from that of two items."""
    if axis is None:
        return replace(p, rate="call")
    shape = p.type.shape[:axis] + p.type.shape[axis + 1:]
    return replace(p, type=p.type.with_shape(shape), rate="step")


class _Main:
    """The main func while its calls are put in place."""

    def __init__(self, module: Module, graph: Graph) -> None:
        self.module, self.graph, self.b = module, graph, Builder()
        self.registers: list[Register] = []
        self.following: dict[int, Value] = {}
        self.state: dict[tuple[Any, ...], tuple[int, list[Value]]] = {}
        self.answers: dict[tuple[Any, ...], dict[str, Value]] = {}
        self.new: dict[Value, Value] = {}

    def layer(self, node: Node) -> Func | None:
        """Give the stream that a node calls, if it calls one."""
        func = self.module.func(node.attributes["func"]) if node.op == "call" else None
        return func if func is not None and func.schedule.kind == "stream" and isinstance(func.body, Graph) else None

    def declare(self) -> None:
        """Add the registers of each call, behind the inputs."""
        for value in sorted(self.graph.live):
            node = self.graph.nodes[value]
            func, key = self.layer(node), (node.attributes.get("func"), node.operands)
            if func is None or key in self.state:
                continue
            held = [self.b.input(f"{func.name}_{r.name}", r.type) for r in func.registers]
            self.state[key] = (len(self.registers), held)
            self.registers += [replace(r, name=self.b.nodes[v].name) for r, v in zip(func.registers, held, strict=True)]

    def one_item(self, func: Func, port: Port, value: Value) -> Value:
        """Give the one item of a sequence."""
        if self.b.type(value).size != port.type.size:
            raise error(f"the sequence that @{func.name} reads has a length of its own, so it is no stream",
                        help="give a length")
        return self.b.apply("reshape", value, shape=port.type.shape)

    def place(self, node: Node, func: Func) -> Value:
        """Put a layer's step in the place of its call on a sequence of one item."""
        b, key = self.b, (node.attributes["func"], node.operands)
        if key not in self.answers:
            body = func.body
            assert isinstance(body, Graph), "only graphs are put in place"
            first, held = self.state[key]
            new: dict[Value, Value] = {}
            for k, (port, v) in enumerate(zip(func.inputs, node.operands, strict=True)):
                new[k] = self.new[v]
                if func.is_stepped(port):
                    new[k] = self.one_item(func, port, new[k])
            new |= {len(func.inputs) + k: v for k, v in enumerate(held)}
            for value in range(body.inputs, len(body.nodes)):
                if value in body.live:
                    inner = body.nodes[value]
                    new[value] = b.copy(inner, [new[v] for v in inner.operands])
            results = [new[v] for v in body.outputs]
            self.answers[key] = dict(zip((p.name for p in func.outputs), results, strict=False))
            for k, v in enumerate(results[len(func.outputs):]):
                self.following[first + k] = v
        answer = self.answers[key][node.attributes["output"]]
        return answer if b.type(answer).shape == node.type.shape else b.apply("reshape", answer, shape=node.type.shape)


def _stream(module: Module, two: Func, inputs: Sequence[int | None], outputs: Sequence[int | None]) -> Module:
    """Make the stream of a module for one item, given the main func for two and the axes of its sequences."""
    func, graph = module.entry, module.entry.body
    assert isinstance(graph, Graph), "what is read of ONNX is a graph"
    main = _Main(module, graph)
    b = main.b
    ports = tuple(_without(p, axis) for p, axis in zip(two.inputs, inputs, strict=True))
    items = [b.input(p.name, p.type) for p in ports]
    main.declare()
    for k, (item, port) in enumerate(zip(items, func.inputs, strict=True)):
        main.new[k] = item if b.type(item) == port.type else b.apply("reshape", item, shape=port.type.shape)
    for value in range(graph.inputs, len(graph.nodes)):
        if value in graph.live:
            node = graph.nodes[value]
            layer = main.layer(node)
            main.new[value] = b.copy(node, [main.new[v] for v in node.operands]) if layer is None else (
                main.place(node, layer))
    results = tuple(_without(p, axis) for p, axis in zip(two.outputs, outputs, strict=True))
    values = [main.new[v] if b.type(main.new[v]) == p.type else b.apply("reshape", main.new[v], shape=p.type.shape)
              for v, p in zip(graph.outputs, results, strict=True)]
    body = b.finish([*values, *(main.following[k] for k in range(len(main.registers)))])
    made = Func(func.name, ports, results, body, tuple(main.registers), STREAM)
    others = [f for f in module.funcs.values() if f.name != func.name and f.schedule.kind != "stream"]
    return replace(module_of(made, *others), facts=module.facts)


def _agree(stream: Module, fixed: Module, length: int, inner: Sequence[int | None],
           outer: Sequence[int | None]) -> bool:
    """Compare the stream with the file read for a length, on random inputs of both signs."""
    rng = np.random.default_rng(length)
    given: dict[str, Any] = {}
    for port in fixed.entry.inputs:
        shape = (SAMPLES, *port.type.shape)
        raw = random_raw(port.type, SAMPLES, rng) if port.type.is_exact else rng.standard_normal(shape)
        given[port.name] = raw.astype(port.type.dtype)
    wanted = run(fixed, given)
    items = {p.name: _by_step(given[p.name], axis) for p, axis in zip(stream.entry.inputs, inner, strict=True)}
    got = run(stream, items)
    for port, axis in zip(stream.entry.outputs, outer, strict=True):
        w, g = _by_step(wanted[port.name], axis), got[port.name]
        allowed = TOLERANCE * max(1e-3, np.abs(w).max()) if port.type.is_float else 0
        if w.shape != g.shape or np.abs(w - g).max() > allowed:
            return False
    return True


def _by_step(raw: Any, axis: int | None) -> Any:
    """Bring what has the sequence on an axis to [samples, steps, *item]; what has none stays."""
    return raw if axis is None else np.moveaxis(raw, axis + 1, 1)


__all__ = ["read_stream"]
