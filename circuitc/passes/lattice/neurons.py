"""The neurons of a recurrent func, found in its body: which matrix leads from which neurons to which."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Constant, Func, Graph, Value


@dataclass(frozen=True, slots=True)
class Layer:
    """Weights as a matrix [gates * targets, sources]: the groups of neurons at both ends, None for ports."""

    value: Value
    target: int | None
    source: int | None
    gates: int


@dataclass(frozen=True, slots=True)
class Neurons:
    """Groups of neurons (a register that a matrix reads is one), all their numbers in a row, and the layers."""

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    layers: tuple[Layer, ...]

    @property
    def count(self) -> int:
        return sum(self.sizes)

    def part(self, group: int) -> slice:
        """Give the numbers of a group's neurons."""
        start = sum(self.sizes[:group])
        return slice(start, start + self.sizes[group])

    def adjacencies(self, matrices: Mapping[Value, NDArray[np.float64]]) -> list[NDArray[np.float64]]:
        """Give the magnitudes of all connections between neurons, [target, source], one matrix a gate.

        The gates of a group are all blocks of the matrices that read the group's own state; a group with fewer gates
        than another repeats its last. Matrices between groups come in with the gate of their row.
        """
        inner = [layer for layer in self.layers if layer.target is not None and layer.source is not None]
        most = max(layer.gates for layer in inner)
        found = [np.zeros((self.count, self.count)) for _ in range(most)]
        for layer in inner:
            assert layer.target is not None
            assert layer.source is not None
            blocks = np.split(np.abs(matrices[layer.value]), layer.gates)
            for gate, adjacency in enumerate(found):
                place = self.part(layer.target), self.part(layer.source)
                adjacency[place] = np.maximum(adjacency[place], blocks[min(gate, layer.gates - 1)])
        return found


def neuron_norms(neurons: Neurons, matrices: Mapping[Value, NDArray[np.float64]]) -> list[NDArray[np.float64]]:
    """Give the Euclidean norm of all weights into and out of each neuron, [neurons] a group, 1 for the largest."""
    squares = [np.zeros(size) for size in neurons.sizes]
    for layer in neurons.layers:
        square = matrices[layer.value] ** 2
        if layer.target is not None:
            squares[layer.target] += square.sum(axis=1).reshape(layer.gates, -1).sum(axis=0)
        if layer.source is not None:
            squares[layer.source] += square.sum(axis=0)
    return [np.sqrt(s / (s.max() or 1)) for s in squares]


def neuron_masks(neurons: Neurons, matrices: Mapping[Value, Any],
                 kept: Mapping[int, NDArray[np.bool_]]) -> dict[Value, NDArray[np.bool_]]:
    """Give the weights of each layer's matrix that lie between neurons (or ports) that are kept, by group."""
    masks: dict[Value, NDArray[np.bool_]] = {}
    for layer in neurons.layers:
        mask = np.ones(matrices[layer.value].shape, bool)
        if layer.target is not None:
            mask &= np.tile(kept[layer.target], layer.gates)[:, None]
        if layer.source is not None:
            mask &= kept[layer.source]
        masks[layer.value] = mask
    return masks


def find_neurons(func: Func, graph: Graph, matrices: Mapping[Value, tuple[int, int]]) -> Neurons | None:
    """Find the groups of neurons of a func and its layers, given the shape [rows, columns] of each; None without any.

    A register that a layer reads (itself, or times a gate) is a group. A layer leads to the group whose next state is
    the nearest that depends on it, where its rows are a multiple of that group's neurons.
    """
    ports, outputs = len(func.inputs), len(func.outputs)
    following = {graph.outputs[outputs + k]: k for k in range(len(func.registers))}
    read = {v: _register_read(graph, _other(graph, v), ports) for v in matrices}
    registers = sorted({k for v, k in read.items() if k is not None and func.registers[k].type.size == matrices[v][1]})
    if not registers:
        return None
    groups = {k: number for number, k in enumerate(registers)}
    ends = {v: groups[k] for v, k in following.items() if k in groups}
    sizes = tuple(func.registers[k].type.size for k in registers)
    layers: list[Layer] = []
    for value, (rows, columns) in matrices.items():
        target = _reached(graph, value, ends)
        if target is not None and rows % sizes[target]:
            target = None
        register = read[value]
        source = ends.get(_other(graph, value)) if register is None else groups.get(register)
        if source is not None and sizes[source] != columns:
            source = None
        layers.append(Layer(value, target, source, 1 if target is None else rows // sizes[target]))
    if not any(layer.target is not None and layer.source is not None for layer in layers):
        return None
    return Neurons(tuple(func.registers[k].name for k in registers), sizes, tuple(layers))


def _other(graph: Graph, value: Value) -> Value:
    operands = graph.nodes[value].operands
    return next(v for v in operands[:2] if not graph.nodes[v].is_constant)


def _register_read(graph: Graph, value: Value, ports: int) -> int | None:
    """Give the register that a value is, or is a multiple of by a gate; roundings in between are passed over."""
    node = graph.nodes[value]
    if value < graph.inputs:
        return value - ports if value >= ports else None
    if node.op in ("requantize", "convert", "mul"):
        found = [_register_read(graph, v, ports) for v in node.operands if not graph.nodes[v].is_constant]
        return next((k for k in found if k is not None), None)
    return None


def _reached(graph: Graph, value: Value, ends: Mapping[Value, int]) -> int | None:
    """Give the group whose next state is nearest, counted in ops."""
    seen, front = {value}, [value]
    while front:
        found = [ends[v] for v in front if v in ends]
        if found:
            return min(found)
        front = [u for v in front for u in graph.users[v] if not (u in seen or seen.add(u))]
    return None


def matrix_of(constant: Constant, axis: int) -> Any:
    """Give weights as a matrix of one row a neuron, [neurons, whatever is summed over]; a number is 1 x 1."""
    array = np.moveaxis(constant.array.astype(np.float64).reshape(constant.type.shape or (1,)), axis, 0)
    return array.reshape(len(array), -1)


__all__ = ["Layer", "Neurons", "find_neurons", "matrix_of", "neuron_masks", "neuron_norms"]
