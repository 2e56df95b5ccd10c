"""Use hardware again: a network's matrix products take several steps, a few rows at a time, from ROMs of weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import (
    BIT,
    Builder,
    Constant,
    Func,
    Graph,
    Node,
    Register,
    Schedule,
    Type,
    Value,
    flatten_bits,
    index_type,
    ufixed,
)
from circuitc.ir.ops.reductions import subscripts

from .base import Context, FuncPass
from .widen import copy_widened

WORD = 32  # bits of a ROM's words: what block RAMs of all makers have


@dataclass(frozen=True, slots=True)
class FoldHardware(FuncPass):
    """Turn a combinational network into steps that use its multipliers up to `reuse` times.

    Each product of a constant matrix with a vector takes `reuse` steps (at most one a row), in each of which
    rows / reuse of its rows are computed by the same multipliers; their weights come out of a ROM through registers.
    Products that depend on each other run one after the other, others at once. What stands between them is computed
    as before. The func becomes `iterate`: one step fills the weights, the last one gives the outputs.
    """

    reuse: int

    def __post_init__(self) -> None:
        if self.reuse < 2:
            raise error(f"fold-hardware: reuse is at least 2, got {self.reuse}")

    def run_func(self, func: Func, context: Context) -> Func:
        if not func.is_combinational or not isinstance(func.body, Graph):
            return func
        layers = find_layers(func.body, self.reuse)
        if not layers:
            return func
        folding = _Folding(func, func.body, layers)
        context.facts[func.name] = {"steps": folding.steps, "layers": [
            {"value": layer.name, "rows": layer.rows, "rows_a_step": layer.together, "steps": layer.steps,
             "multipliers": layer.together * layer.columns, "rom_bits": layer.rom.size * WORD}
            for layer in layers.values()]}
        return folding.func()


@dataclass(frozen=True)
class Layer:
    """A matrix product that is folded: which node, its matrix [rows, columns], and when its steps begin."""

    name: str
    matrix: Constant
    vector: Value
    type: Type
    steps: int
    start: int

    @property
    def rows(self) -> int:
        return self.matrix.type.shape[0]

    @property
    def columns(self) -> int:
        return self.matrix.type.shape[1]

    @property
    def together(self) -> int:
        """The number of rows that are computed in one step."""
        return -(-self.rows // self.steps)

    @property
    def index(self) -> Type:
        return index_type(self.steps)

    @property
    def rom(self) -> NDArray[np.int64]:
        """Give the weights of each step as words: int64[words, 2 ** index bits], lowest bits first."""
        t = self.matrix.type.scalar
        padded = np.full((1 << self.index.width, self.together, self.columns), 1 if t.is_spin else 0, np.int64)
        padded.reshape(-1, self.columns)[:self.rows] = self.matrix.array
        bits = flatten_bits([t.with_shape(padded.shape[1:])], [padded])
        words = -(-bits.shape[1] // WORD)
        full = np.zeros((len(bits), words * WORD), np.int64)
        full[:, :bits.shape[1]] = bits
        return (full.reshape(len(bits), words, WORD) << np.arange(WORD)).sum(axis=2).T


def find_layers(graph: Graph, reuse: int) -> dict[Value, Layer]:
    """Find the products of a constant matrix of two or more rows with a vector, and when each is computed."""
    depth: dict[Value, int] = {}
    found: list[tuple[Value, Constant, Value]] = []
    for value, node in enumerate(graph.nodes):
        depth[value] = max((depth[v] for v in node.operands), default=0)
        if value in graph.live and (product := _matrix_product(graph, value)) is not None:
            depth[value] += 1
            found.append((value, *product))
    steps = {value: min(reuse, matrix.type.shape[0]) for value, matrix, _ in found}
    deepest = max((depth[v] for v in steps), default=0)
    longest = [max(steps[v] for v in steps if depth[v] == d) for d in range(1, deepest + 1)]
    return {value: Layer(graph.nodes[value].name, matrix, vector, graph.nodes[value].type, steps[value],
                         1 + sum(longest[:depth[value] - 1])) for value, matrix, vector in found}


def _matrix_product(graph: Graph, value: Value) -> tuple[Constant, Value] | None:
    """Read a node as matrix times vector: the matrix [rows, columns] and the vector."""
    node = graph.nodes[value]
    if node.op != "contract" or len(node.operands) != 2 or node.type.is_float or len(node.type.shape) != 1:
        return None
    known = [graph.nodes[v].is_constant for v in node.operands]
    if node.attributes["semiring"] != "plus_times" or sum(known) != 1 or node.type.shape[0] < 2:
        return None
    k = known.index(True)
    subs = subscripts([graph.nodes[v].type for v in node.operands], node.attributes)
    sides = (subs.a, subs.b)
    if set(sides[k]) != {subs.result, sides[1 - k]} or len(sides[k]) != 2:
        return None
    constant = graph.nodes[node.operands[k]].constant
    array = constant.array if sides[k][0] == subs.result else constant.array.T
    return Constant(constant.type.with_shape(array.shape), array), node.operands[1 - k]


class _Folding:
    """The stepped func while it is built."""

    def __init__(self, func: Func, graph: Graph, layers: Mapping[Value, Layer]) -> None:
        self.source = func
        self.graph = graph
        self.layers = layers
        self.steps = 1 + max(layer.start + layer.steps for layer in layers.values())
        self.count = index_type(self.steps)
        self.builder = Builder()
        self.registers: list[Register] = []
        self.now: dict[str, Value] = {}
        self.following: dict[str, Value] = {}

    def func(self) -> Func:
        """Give the func: ports as they were, registers, and the body of one step."""
        b = self.builder
        entering = self.graph.nodes[:self.graph.inputs]
        new = {k: b.input(node.name, node.type, node.span) for k, node in enumerate(entering)}
        self._register("step", self.count)
        roms = {value: layer.rom for value, layer in self.layers.items()}
        for value, layer in self.layers.items():
            for k in range(len(roms[value])):
                self._register(f"{layer.name}_weights_{k}", ufixed(WORD))
            self._register(f"{layer.name}_rows", layer.type.with_shape((layer.steps, layer.together)))
        for value in range(self.graph.inputs, len(self.graph.nodes)):
            if value in self.layers:
                new[value] = self._result(self.layers[value])
            elif value in self.graph.live:
                new[value] = self._copied(self.graph.nodes[value], [new[v] for v in self.graph.nodes[value].operands])
        one = b.apply("add", self.now["step"], b.number(BIT, 1))
        self.following["step"] = self._wrapped(one, self.count)
        for value, layer in self.layers.items():
            self._load(layer, roms[value])
            self._compute(layer, len(roms[value]), new[layer.vector])
        outputs = [new[v] for v in self.graph.outputs] + [self.following[r.name] for r in self.registers]
        return replace(self.source, body=b.finish(outputs), registers=tuple(self.registers),
                       schedule=Schedule("iterate", self.steps))

    def _register(self, name: str, t: Type) -> None:
        value = self.builder.input(name, t)
        unique = self.builder.nodes[value].name
        self.registers.append(Register(unique, t, Constant(t, np.zeros(t.shape, np.int64))))
        self.now[name] = value

    def _wrapped(self, value: Value, t: Type) -> Value:
        return self.builder.apply("requantize", value, type=t.with_shape(self.builder.type(value).shape),
                                  rounding="floor", overflow="wrap")

    def _copied(self, node: Node, operands: Sequence[Value]) -> Value:
        """Copy a node that may read rows which are not complete yet: promises hold of complete ones only."""
        if node.attributes.get("overflow") == "never":
            node = replace(node, attributes={**node.attributes, "overflow": "wrap"})
        return copy_widened(self.builder, node, operands)

    def _since(self, start: int, t: Type) -> Value:
        """Give the number of steps since a step, modulo what the type holds."""
        b = self.builder
        return self._wrapped(b.apply("sub", self.now["step"], b.number(self.count, start)), t)

    def _result(self, layer: Layer) -> Value:
        """Give a layer's result from its registers; it is complete when its steps are over."""
        b = self.builder
        flat = b.apply("reshape", self.now[f"{layer.name}_rows"], shape=(layer.steps * layer.together,))
        return b.apply("slice", flat, start=(0,), stop=(layer.rows,), name=layer.name)

    def _load(self, layer: Layer, rom: NDArray[np.int64]) -> None:
        """Fetch the weights of the next step, a word from each ROM."""
        b = self.builder
        index = self._since(layer.start - 1, layer.index)
        for k, words in enumerate(rom):
            table = b.constant(Constant(ufixed(WORD, 0, (len(words),)), words), f"{layer.name}_rom_{k}")
            self.following[f"{layer.name}_weights_{k}"] = b.apply("table", index, table)

    def _weights(self, layer: Layer, words: int) -> Value:
        """Take the weights of this step out of their words."""
        b, t = self.builder, layer.matrix.type.scalar
        parts = [b.apply("unpack", self.now[f"{layer.name}_weights_{k}"]) for k in range(words)]
        bits = b.apply("concat", *parts, axis=0)
        size = layer.together * layer.columns * t.width
        used = b.apply("slice", bits, start=(0,), stop=(size,))
        shaped = b.apply("reshape", used, shape=(layer.together, layer.columns, t.width))
        return b.apply("pack", shaped, type=t, name=f"{layer.name}_weights")

    def _compute(self, layer: Layer, words: int, vector: Value) -> None:
        """Compute the rows of this step, and keep them if the step is one of the layer's."""
        b = self.builder
        rows = b.apply("contract", self._weights(layer, words), vector, spec="ij,j->i", name=f"{layer.name}_part")
        if b.type(rows).scalar != layer.type.scalar:
            rows = self._wrapped(rows, layer.type.scalar)
        wide = index_type(layer.steps + 1)
        begun = b.apply("le", b.number(self.count, layer.start), self.now["step"])
        over = b.apply("le", b.number(self.count, layer.start + layer.steps), self.now["step"])
        active = b.apply("and", begun, b.apply("not", over))
        index = b.apply("select", active, self._since(layer.start, wide), b.number(wide, layer.steps))
        name = f"{layer.name}_rows"
        self.following[name] = b.apply("update", self.now[name], index, rows)
