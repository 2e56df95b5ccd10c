"""Pruning: the least useful weights of layers become zero."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import Builder, Constant, Func, Graph, Module, Node, Value, rebuild

from .base import Context, Pass
from .check import measure
from .lattice import (
    CLASS,
    Choice,
    Found,
    Neurons,
    adjacency_of,
    decided,
    draw,
    find_neurons,
    judge,
    layer_scores,
    matrix_of,
    neuron_masks,
    neuron_norms,
    order_of,
)
from .quantization.contractions import channel_axes
from .weight_blocks import NEURONS, pooled, read_block, spread

Mask = Any  # bool array of a layer's weights: True where a weight is kept
Layers = dict[Value, tuple[int, Constant]]


@dataclass(frozen=True, slots=True)
class Prune(Pass):
    """Set a share `sparsity` of the main func's constant weights to zero.

    APPROXIMATE. `magnitude` takes the smallest weights and `random` any (by `seed`), each layer its share or, with
    `scope=global`, the layers together; `structured` takes whole output neurons of least norm, but for the last layer;
    `nm` keeps the `n` largest of each `m` neighbours along the axis that is summed over. `lattice` is for recurrent
    funcs and keeps connections of meet-irreducible neurons first (`circuitc/passes/lattice/scores.py` says what of it
    is from the paper): `mode` is the adjacency, `cut` how cycles are cut, `density` the share of weights that are edges
    when it is binary, `alpha` the weight of centrality against magnitude, `steps` how far `cut=unroll` unrolls.
    `magnitude`, `random` and `lattice` take blocks of weights with `block=IxO`, I neighbouring inputs of O neighbouring
    outputs (rows, gate after gate), by the root mean square of what single weights would count. With `block=neurons`
    they take whole neurons of a recurrent func, `sparsity` of each layer's, by all weights into and out of them;
    `shrink` then leaves these out of an integer program. The facts list each layer's zeros, and what share of the mask
    the lattice itself decided.
    """

    exact: ClassVar[bool] = False
    method: Literal["magnitude", "random", "structured", "nm", "lattice"] = "magnitude"
    sparsity: float = 0.5
    scope: Literal["layer", "global", "row"] = "layer"
    block: str = ""
    n: int = 2
    m: int = 4
    seed: int = 0
    mode: Literal["binary", "continuous"] = "binary"
    cut: Literal["scc", "unroll", "fca", "orient"] = "fca"
    density: float = 0.02
    alpha: float = 0.1
    steps: int = 2

    def __post_init__(self) -> None:
        if not 0 <= self.sparsity < 1:
            raise error(f"prune: sparsity is at least 0 and below 1, got {self.sparsity}")
        if not 0 < self.n < self.m <= 1024:
            raise error(f"prune: n is above 0 and below m, which is at most 1024, got n={self.n} and m={self.m}")
        if (read_block(self.block) != (1, 1) or self.block == NEURONS) and self.method in ("structured", "nm"):
            raise error(f"prune: {self.method} has a shape of its own, and takes no block",
                        help="a block is for magnitude, random and lattice")
        if self.scope == "row" and (self.method == "structured" or self.block == NEURONS):
            raise error("prune: whole neurons have no rows", help="scope=layer or global")
        if self.scope != "layer" and self.method == "nm":
            raise error("prune: n of m is counted within each layer", help="leave scope out")
        if not 0 < self.density <= 1 or not 0 <= self.alpha <= 1 or not 2 <= self.steps <= 64:
            raise error("prune: density is above 0 and at most 1, alpha 0 to 1, steps 2 to 64, got "
                        f"density={self.density}, alpha={self.alpha}, steps={self.steps}")

    def apply(self, module: Module, context: Context) -> Module:
        func = module.entry
        if not isinstance(func.body, Graph):
            return module
        graph = func.body
        layers = weights_of(graph)
        if not layers:
            return module
        masks = self._masks(func, graph, layers, context.facts)
        result = module.with_func(func.with_body(_masked(graph, layers, masks)))
        rows: list[dict[str, Any]] = [
            {"layer": graph.nodes[v].name, "weights": masks[v].size, "zeros": int((~masks[v] | (c.array == 0)).sum())}
            for v, (_, c) in layers.items()]
        zeros, size = (sum(int(r[k]) for r in rows) for k in ("zeros", "weights"))
        context.facts["layers"] = rows
        context.facts["summary"] = f"pruned {zeros} of {size} weights to zero"
        if context.calibration is not None:
            context.facts["evidence"] = measure(module, result, context.calibration)
        return result if result.entry.body is not graph else module

    def _masks(self, func: Func, graph: Graph, layers: Layers, facts: dict[str, Any]) -> dict[Value, Mask]:
        if self.block == NEURONS:
            return self._neurons(func, graph, layers, facts)
        if self.method == "lattice":
            return self._lattice(func, graph, layers, facts)
        if self.method == "nm":
            return {v: _n_of_m(_along(graph, v, place), c.array, self.n, self.m) for v, (place, c) in layers.items()}
        axes = {v: _neuron_axis(graph, v, place) for v, (place, _) in layers.items()}
        if self.method == "structured":
            norms = {v: _norms(c.array, axes[v]) for v, (_, c) in list(layers.items())[:-1]}
            rows = self._kept(norms)
            whole = {v: np.ones(c.type.shape, bool) for v, (_, c) in layers.items()}
            return {v: np.broadcast_to(rows[v], mask.shape) if v in rows else mask for v, mask in whole.items()}
        rng = np.random.default_rng(self.seed)
        matrices = {v: matrix_of(c, axes[v]) for v, (_, c) in layers.items()}
        scores = {v: self._pooled(m) for v, m in matrices.items()}
        if self.method == "random":
            scores = {v: rng.random(s.shape) for v, s in scores.items()}
        masks = self._spread(self._kept(scores), matrices)
        return {v: _unfolded(mask, layers[v][1].type.shape, axes[v]) for v, mask in masks.items()}

    def _pooled(self, matrix: Any) -> Any:
        """Give the magnitude of each weight of a matrix, or of each block of them."""
        block = read_block(self.block)
        return np.abs(matrix) if block == (1, 1) else pooled(matrix, block)

    def _kept(self, scores: Mapping[Value, Any]) -> dict[Value, Mask]:
        """Keep all but a share of lowest score, in each layer or in all; exactly that many go, first ones of equals."""
        if self.scope == "row":
            return {v: _row_kept(s, self.sparsity) for v, s in scores.items()}
        kept: dict[Value, Mask] = {}
        for group in _groups(scores, together=self.scope == "global"):
            flat = np.concatenate([scores[v].ravel() for v in group])
            mask = np.ones(len(flat), bool)
            mask[np.argsort(flat, kind="stable")[:int(np.floor(self.sparsity * len(flat) + 1e-9))]] = False
            ends = np.cumsum([scores[v].size for v in group])[:-1]
            kept |= {v: part.reshape(scores[v].shape) for v, part in zip(group, np.split(mask, ends), strict=True)}
        return kept

    def _spread(self, flags: Mapping[Value, Mask], matrices: Mapping[Value, Any]) -> dict[Value, Mask]:
        """Give what holds for blocks to the weights of each layer's matrix."""
        return {v: spread(flags[v], matrices[v].shape, read_block(self.block)) for v in flags}

    def _neurons(self, func: Func, graph: Graph, layers: Layers, facts: dict[str, Any]) -> dict[Value, Mask]:
        """Keep whole neurons of recurrent layers."""
        axes, matrices, neurons = _recurrent(func, graph, layers)
        groups, rng = range(len(neurons.sizes)), np.random.default_rng(self.seed)
        scores = dict(enumerate(neuron_norms(neurons, matrices)))
        if self.method == "random":
            scores = {k: rng.random(s.shape) for k, s in scores.items()}
        if self.method == "lattice":
            found = self._judged(neurons, matrices, facts)
            ends = {k: found.irreducible[neurons.part(k)] for k in groups}
            scores = {k: scores[k] + self.alpha * found.centrality[neurons.part(k)] + CLASS * ends[k] for k in groups}
            facts["lattice"]["decided_share"] = self._decided(ends, self._kept(scores))
        kept = self._kept(scores)
        facts["neurons"] = [{"register": neurons.names[k], "removed": int((~kept[k]).sum()), "of": len(kept[k])}
                            for k in groups]
        masks = neuron_masks(neurons, matrices, kept)
        return {v: _unfolded(mask, layers[v][1].type.shape, axes[v]) for v, mask in masks.items()}

    def _judged(self, neurons: Neurons, matrices: Mapping[Value, Any], facts: dict[str, Any]) -> Found:
        found = judge(neurons, matrices, Choice(self.mode, self.cut, self.density, self.alpha, self.steps))
        facts["lattice"] = {"neurons": neurons.count, "irreducible": int(found.irreducible.sum()),
                            "irreducible_by_gate": list(found.by_gate)}
        return found

    def _decided(self, ends: Mapping[int, Mask], masks: Mapping[int, Mask]) -> float:
        """Give the share of masks that the lattice decided."""
        if self.scope == "row":
            count = sum(decided(*pair) for v in masks for pair in zip(ends[v], masks[v], strict=True))
        else:
            count = sum(decided(*(np.concatenate([flags[v].ravel() for v in group]) for flags in (ends, masks)))
                        for group in _groups(masks, together=self.scope == "global"))
        return count / sum(m.size for m in masks.values())

    def _lattice(self, func: Func, graph: Graph, layers: Layers, facts: dict[str, Any]) -> dict[Value, Mask]:
        """Keep connections of meet-irreducible neurons first, then by centrality and magnitude."""
        axes, matrices, neurons = _recurrent(func, graph, layers)
        found = self._judged(neurons, matrices, facts)
        scores: dict[Value, Any] = {}
        irreducible: dict[Value, Any] = {}
        for layer in neurons.layers:
            rest, at_end = layer_scores(layer, matrices[layer.value], neurons, found, self.alpha)
            irreducible[layer.value] = self._pooled(at_end.astype(np.float64)) ** 2 >= 0.5  # half of a block's weights
            scores[layer.value] = self._pooled(rest) + CLASS * irreducible[layer.value]
        masks, ends = (self._spread(flags, matrices) for flags in (self._kept(scores), irreducible))
        facts["lattice"]["decided_share"] = self._decided(ends, masks)
        return {v: _unfolded(mask, layers[v][1].type.shape, axes[v]) for v, mask in masks.items()}


def _recurrent(func: Func, graph: Graph, layers: Layers) -> tuple[dict[Value, int], dict[Value, Any], Neurons]:
    """Give each layer's axis of neurons, its matrix, and the neurons of the whole func."""
    axes = {v: _neuron_axis(graph, v, place) for v, (place, _) in layers.items()}
    matrices = {v: matrix_of(c, axes[v]) for v, (_, c) in layers.items()}
    neurons = find_neurons(func, graph, {v: (m.shape[0], m.shape[1]) for v, m in matrices.items()})
    if neurons is None:
        raise error(f"lattices and whole neurons are those of recurrent networks, and no layer of @{func.name} reads a "
                    "register", help="method=structured takes whole neurons of other layers")
    return axes, matrices, neurons


def draw_order(module: Module, *, cut: str, density: float, lattice: bool) -> str:
    """Draw the order, or the lattice, of a module's recurrent main func for Graphviz: all gates' largest weights."""
    options = Prune(method="lattice", cut=cut, density=density)  # pyright: ignore[reportArgumentType]  # checked below
    if cut not in ("scc", "unroll", "fca", "orient"):
        raise error(f"there is no cut {cut!r}", help="scc, unroll, fca or orient")
    func = module.entry
    if not isinstance(func.body, Graph):
        raise error(f"@{func.name} is a netlist, a lattice is made of recurrent networks")
    _, matrices, neurons = _recurrent(func, func.body, weights_of(func.body))
    choice = Choice("binary", options.cut, density, options.alpha, options.steps)
    union = np.maximum.reduce([adjacency_of(a, choice) for a in neurons.adjacencies(matrices)])
    names = [f"{name}.{k}" for name, size in zip(neurons.names, neurons.sizes, strict=True) for k in range(size)]
    times = [f"{name}@{t}" for t in range(options.steps) for name in names] if cut == "unroll" else names
    return draw(order_of(union, options.cut, options.steps), times, lattice=lattice)


def _unfolded(mask: Mask, shape: tuple[int, ...], axis: int) -> Mask:
    """Bring the mask of a matrix of neurons back to the shape of the weights."""
    if not shape:
        return mask.reshape(shape)
    first = (shape[axis], *(n for k, n in enumerate(shape) if k != axis))
    return np.moveaxis(mask.reshape(first), 0, axis)


def weights_of(graph: Graph) -> Layers:
    """Give the layers of a graph: contractions with one constant operand, its place and content."""
    layers: Layers = {}
    for v, node in enumerate(graph.nodes):
        constant = [k for k, o in enumerate(node.operands[:2]) if graph.nodes[o].is_constant]
        if node.op == "contract" and v in graph.live and len(constant) == 1 and (
                node.attributes["semiring"] == "plus_times"):
            weights = graph.nodes[node.operands[constant[0]]].constant
            if not weights.type.is_spin:
                layers[v] = constant[0], weights
    return layers


def _letters(graph: Graph, value: Value, place: int) -> tuple[str, str, str]:
    """Give the index letters of a layer's weights, of its other operand, and of its result."""
    operands, _, result = graph.nodes[value].attributes["spec"].replace(" ", "").partition("->")
    letters = operands.split(",")
    return letters[place], letters[1 - place], result


def _neuron_axis(graph: Graph, value: Value, place: int) -> int:
    mine, other, _ = _letters(graph, value, place)
    axes = channel_axes(mine, other)
    return axes[0] if axes else 0


def _along(graph: Graph, value: Value, place: int) -> int:
    """Give the longest axis of the weights that is summed over."""
    mine, _, result = _letters(graph, value, place)
    axes = [k for k, c in enumerate(mine) if c not in result] or [len(mine) - 1]
    shape = graph.nodes[graph.nodes[value].operands[place]].type.shape
    return max(axes, key=lambda k: shape[k])


def _norms(array: Any, axis: int) -> Any:
    """Give the Euclidean norm of each neuron's weights, with 1 for the axes that are folded."""
    axes = tuple(k for k in range(array.ndim) if k != axis)
    return np.sqrt((array.astype(np.float64) ** 2).sum(axis=axes, keepdims=True))


def _row_kept(scores: Any, sparsity: float) -> Mask:
    """Keep all but a share of lowest score in each row of a matrix."""
    mask = np.ones(scores.shape, bool)
    gone = np.argsort(scores, axis=1, kind="stable")[:, :int(np.floor(sparsity * scores.shape[1] + 1e-9))]
    np.put_along_axis(mask, gone, values=False, axis=1)
    return mask


def _groups(values: Mapping[Value, Any], *, together: bool) -> list[list[Value]]:
    """Give the layers that share one budget."""
    return ([list(values)] if values else []) if together else [[v] for v in values]


def _n_of_m(axis: int, array: Any, n: int, m: int) -> Mask:
    """Keep the n largest of each m along an axis; a last group that is shorter keeps n too."""
    rows = np.moveaxis(np.abs(array.astype(np.float64)), axis, -1)
    spare = -rows.shape[-1] % m
    padded = np.pad(rows, [(0, 0)] * (rows.ndim - 1) + [(0, spare)], constant_values=-1.0)
    groups = padded.reshape(*rows.shape[:-1], -1, m)
    ranks = np.argsort(np.argsort(-groups, axis=-1, kind="stable"), axis=-1, kind="stable")
    mask = (ranks < n).reshape(padded.shape)[..., :rows.shape[-1]]
    return np.moveaxis(mask, -1, axis)


def _masked(graph: Graph, layers: Layers, masks: Mapping[Value, Mask]) -> Graph:
    by_name = {graph.nodes[v].name: v for v in layers}

    def rule(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
        v = by_name.get(node.name) if node.op == "contract" else None
        if v is None:
            return None
        place, content = layers[v]
        source = b.nodes[operands[place]]
        array = np.where(masks[v], content.array, np.zeros((), content.array.dtype))
        pruned = b.constant(Constant(content.type, array, content.storage), source.name, source.origin)
        return b.copy(node, [pruned if k == place else o for k, o in enumerate(operands)])

    return rebuild(graph, rule)
