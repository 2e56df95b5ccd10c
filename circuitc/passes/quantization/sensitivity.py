"""Sensitivity: what quantizing one layer alone does to the outputs, by rounding it within the float program."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from circuitc.ir import Builder, Constant, Func, Graph, Module, Node, Type, Value, rebuild, run

from .calibrate import LABELS
from .contractions import channel_axes
from .grids import Grid, Statistics
from .lowering import Plan
from .measured import accuracy
from .settings import LayerSettings, layer_values

MAX_SAMPLES = 2000  # of the calibration data that trials run on; evenly spaced


@dataclass(frozen=True)
class Bench:
    """Where trials run: the float program, what calibration saw, and the data with its labels."""

    module: Module
    func: Func
    graph: Graph
    seen: Mapping[int, Statistics]
    inputs: Mapping[str, Any]
    labels: Any
    plan: Plan

    @cached_property
    def picks(self) -> Any:
        count = len(next(iter(self.inputs.values()))) if self.inputs else 1
        return np.linspace(0, count - 1, min(count, MAX_SAMPLES)).astype(np.int64)

    @cached_property
    def expected(self) -> dict[str, Any]:
        """The outputs of the float program."""
        return self._run(self.graph)

    @cached_property
    def compared(self) -> tuple[str, ...]:
        """The outputs that errors are taken of: floats, or where there are none, all."""
        floats = tuple(p.name for p in self.func.outputs if p.type.is_float)
        return floats or tuple(p.name for p in self.func.outputs)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.graph.nodes[v].name for v in layer_values(self.graph))

    def size(self, name: str) -> int:
        """Give the number of a layer's weights."""
        node = next(n for n in self.graph.nodes if n.name == name and n.op == "contract")
        return next(self.graph.nodes[v].type.size for v in node.operands if self.graph.nodes[v].is_constant)

    def trial(self, layers: Mapping[str, LayerSettings]) -> dict[str, float]:
        """Round some layers' weights and activations: the outputs' relative rms error, and accuracy with labels."""
        got = self._run(rounded(self.graph, self.seen, self.plan, layers))
        errors = [np.sqrt(np.mean((got[n] - self.expected[n]) ** 2))
                  / max(np.sqrt(np.mean(self.expected[n] ** 2)), 1e-30) for n in self.compared]
        found = {"error": float(max(errors, default=0.0))}
        if self.labels is not None:
            rates = [a for v in got.values() if (a := accuracy(v, np.asarray(self.labels)[self.picks])) is not None]
            found |= {"accuracy": max(rates)} if rates else {}
        return found

    def _run(self, graph: Graph) -> dict[str, Any]:
        module = self.module.with_func(self.func.with_body(graph))
        results = run(module, {n: np.asarray(a)[self.picks] for n, a in self.inputs.items() if n != LABELS})
        return {n: np.asarray(v, np.float64) for n, v in results.items()}


def sensitivity(bench: Bench) -> list[dict[str, Any]]:
    """Quantize one layer at a time, the worst first: its own settings, and the error that it alone makes."""
    rows: list[dict[str, Any]] = []
    for name in bench.names:
        layer = bench.plan.settings.of(name)
        rows.append({"layer": name, "weights": str(layer.weights), "activations": str(layer.activations),
                     **bench.trial({name: layer})})
    return sorted(rows, key=lambda r: (-r["error"], r["layer"]))


def rounded(graph: Graph, seen: Mapping[int, Statistics], plan: Plan, layers: Mapping[str, LayerSettings]) -> Graph:
    """Give the float graph with the weights and the activations of some layers rounded to what they would hold."""
    chosen = {graph.nodes[v].name: v for v in layer_values(graph) if graph.nodes[v].name in layers}

    def rule(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
        if node.op != "contract" or node.name not in chosen:
            return None
        old, layer = graph.nodes[chosen[node.name]], layers[node.name]
        place = 0 if graph.nodes[old.operands[0]].is_constant else 1
        letters = node.attributes["spec"].replace(" ", "").partition("->")[0].split(",")
        mine, other = letters[place], letters[1 - place]
        source = graph.nodes[old.operands[place]]
        channels = channel_axes(mine, other) if layer.granularity == "channel" else ()
        real = plan.weights.quantize(layer.weights, source.constant.array.astype(np.float64), channels).real
        weights = b.constant(Constant(source.type, real.astype(source.type.dtype)), source.name)
        x = _on_grid(b, operands[1 - place], plan.grids.choose(layer.activations, seen[old.operands[1 - place]]))
        pair = (weights, x) if place == 0 else (x, weights)
        return b.apply(node.op, *pair, name=node.name, type=node.type, **node.attributes)

    return rebuild(graph, rule)


def _on_grid(b: Builder, value: Value, grid: Grid) -> Value:
    """Round a float to a grid and back."""
    t: Type = b.type(value)
    number = b.apply("mul", value, b.number(t, 1 / grid.scale)) if grid.scale != 1 else value
    number = b.apply("add", number, b.number(t, grid.zero)) if grid.zero else number
    number = b.apply("convert", b.apply("requantize", number, type=grid.type), type=replace(t, shape=()))
    number = b.apply("sub", number, b.number(t, grid.zero)) if grid.zero else number
    return b.apply("mul", number, b.number(t, grid.scale)) if grid.scale != 1 else number
