"""Where the bits on wordlines come from: the entry of a program followed through what moves bits and numbers about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.crossbar.regions import Layout
from circuitc.ir import Graph, Module
from circuitc.ir.graph import Node
from circuitc.simulation.crossbar.schema import MapFile, RegionMap

Ids = NDArray[np.int64]
ELSEWHERE = -1   # the id of what is computed from several things


@dataclass(frozen=True, slots=True)
class Source:
    """One bit or number: of a `port` of the program, of a region's output, or bit `bit` of such a number."""

    owner: str     # the port's name or the region's func
    index: int
    region: bool
    bit: int = -1

    @property
    def name(self) -> str:
        return f"{self.owner}[{self.index}]" + (f".{self.bit}" if self.bit >= 0 else "")


@dataclass(frozen=True)
class Wiring:
    """What drives each input of each region, and each element of each output port.

    Entries are numbers in `sources`, or ELSEWHERE; `changed` holds, for the same places, where arithmetic on one
    number (a scale, a rounding, a relu) lies between.
    """

    sources: tuple[Source, ...]
    regions: Mapping[str, Ids]
    outputs: Mapping[str, Ids]
    changed: Mapping[str, NDArray[np.bool_]]


_MOVES: Mapping[str, Callable[..., Any]] = MappingProxyType({
    "reshape": lambda a, x: x.reshape(a["shape"]),
    "transpose": lambda a, x: np.transpose(x, a["order"]),
    "slice": lambda a, x: x[tuple(slice(i, j, k) for i, j, k in zip(
        a["start"], a["stop"], a["step"] or (1,) * x.ndim, strict=True))],
    "element": lambda a, x: x.reshape(-1)[a["index"]],
    "concat": lambda a, *x: np.concatenate(x, a["axis"]),
    "stack": lambda a, *x: np.stack(x).reshape(a["shape"])})
_ONE_BY_ONE = frozenset(("requantize", "convert", "shift", "add", "sub", "mul", "max", "min", "neg", "abs", "not"))


def wiring_of(module: Module, described: MapFile) -> Wiring | None:
    """Follow the entry of a program; None where its body is gates, which have no regions to wire."""
    return _Tracer(module, described).run() if isinstance(module.entry.body, Graph) else None


class _Tracer:
    def __init__(self, module: Module, described: MapFile) -> None:
        self.module = module
        self.maps = {r.func: r for r in described.regions}
        self.sources: list[Source] = []
        self.known: list[Any] = []                 # ids of each value
        self.changed: list[NDArray[np.bool_]] = []  # and where they were computed with
        self.regions: dict[str, Ids] = {}
        self.between: dict[str, NDArray[np.bool_]] = {}

    def run(self) -> Wiring:
        entry = self.module.entry
        assert isinstance(entry.body, Graph)
        names = [*(p.name for p in entry.inputs), *(r.name for r in entry.registers)]
        for node in entry.body.nodes:
            if node.op == "input":
                ids, changed = self._new(names[len(self.known)], False, node.type.shape), None
            else:
                ids, changed = self._value(node)
            self.known.append(ids)
            self.changed.append(np.zeros(ids.shape, dtype=bool) if changed is None else changed)
        outputs = {p.name: np.asarray(self.known[v]).reshape(-1)
                   for p, v in zip(entry.outputs, entry.body.outputs, strict=False)}
        changed = {p.name: self.changed[v].reshape(-1) for p, v in zip(entry.outputs, entry.body.outputs, strict=False)}
        return Wiring(tuple(self.sources), self.regions, outputs, {**self.between, **changed})

    def _new(self, owner: str, region: bool, shape: tuple[int, ...], order: Any = None) -> Ids:
        count = int(np.prod(shape, initial=1))
        index = np.arange(count) if order is None else np.asarray(order).reshape(-1)
        first = len(self.sources)
        self.sources += [Source(owner, int(k), region) for k in index]
        return np.arange(first, first + count).reshape(shape)

    def _value(self, node: Node) -> tuple[Any, Any]:
        body = self.module.entry.body
        assert isinstance(body, Graph), "as run has seen"
        nodes = body.nodes
        given = [(self.known[v], self.changed[v]) for v in node.operands]
        varying = [k for k, v in enumerate(node.operands) if not nodes[v].is_constant]
        elsewhere = np.full(node.type.shape, ELSEWHERE)
        if node.op == "call" and node.attributes["func"] in self.maps:
            return self._call(self.maps[node.attributes["func"]], node, *given[0])
        if node.op in _MOVES:
            move = _MOVES[node.op]
            return (np.asarray(move(node.attributes, *(ids for ids, _ in given))),
                    np.asarray(move(node.attributes, *(changed for _, changed in given))))
        if node.op == "gather" and nodes[node.operands[1]].is_constant:
            index = nodes[node.operands[1]].constant.array.astype(np.int64)
            x, changed = given[0]
            if np.all(index < x.shape[node.attributes["axis"]]):
                return np.take(x, index, node.attributes["axis"]), np.take(changed, index, node.attributes["axis"])
        if node.op == "unpack" and len(varying) == 1:
            return self._bits(*given[0], node.type.shape)
        if node.op in _ONE_BY_ONE and len(varying) == 1 and given[varying[0]][0].shape == node.type.shape:
            ids, changed = given[varying[0]]
            before = nodes[node.operands[varying[0]]].type
            moved = node.op == "convert" and before.width == node.type.width == 1   # a bit as a spin, or back
            return ids, changed if moved else np.ones_like(changed)
        return elsewhere, None

    def _bits(self, ids: Ids, changed: Any, shape: tuple[int, ...]) -> tuple[Any, Any]:
        first = len(self.sources)
        made = np.full(shape, ELSEWHERE)
        for place in np.ndindex(ids.shape):
            if ids[place] == ELSEWHERE:
                continue
            source = self.sources[ids[place]]
            made[place] = np.arange(shape[-1]) + len(self.sources)
            self.sources += [Source(source.owner, source.index, source.region, k) for k in range(shape[-1])]
        return (made if len(self.sources) > first else np.full(shape, ELSEWHERE),
                np.repeat(changed[..., None], shape[-1], axis=-1))

    def _call(self, region: RegionMap, node: Node, ids: Ids, changed: Any) -> tuple[Any, Any]:
        said = region.layout
        layout = Layout(tuple(said.x_shape), tuple(said.x_order), tuple(said.y_shape), tuple(said.y_order))
        self.regions[region.func] = layout.reads(ids[None], region.inputs)[0].reshape(-1)
        self.between[region.func] = layout.reads(changed[None], region.inputs)[0].reshape(-1)
        made = np.arange(region.times * len(region.outputs)).reshape(1, region.times, -1)
        return self._new(region.func, True, node.type.shape, layout.result(made)), None


__all__ = ["ELSEWHERE", "Source", "Wiring", "wiring_of"]
