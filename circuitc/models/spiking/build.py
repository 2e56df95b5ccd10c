"""From a spiking network to a func: one step of the network an item, states in registers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from math import prod
from typing import Any

import numpy as np

from circuitc.diagnostics import CircuitError, error
from circuitc.ir import (
    BIT,
    F32,
    F64,
    STREAM,
    Constant,
    Func,
    Module,
    Port,
    Register,
    Type,
    Value,
    index_type,
    module_of,
)

from .cycles import cut_cycles
from .maps import Shape, apply_map, own_shape, shape_after
from .names import Names
from .network import Edge, Network, Timing, placed
from .neurons import states, step
from .nodes import KINDS, Node
from .scope import Scope

MAX_STATE = 1 << 24   # numbers that a network keeps from step to step
MAX_RANK = 8


def build_network(network: Network, timing: Timing, name: str = "network") -> Module:
    """Give the `stream` func of a network: an input port for each Input, an output port for each Output.

    Outputs of spiking nodes are bits, others real numbers. The facts `spiking` say how time was cut, and which edges
    were delayed.
    """
    network = _reaching(network)
    build = _Build(network, timing, Scope(F32 if timing.precision == "f32" else F64))
    func = build.func(name)
    return _with_facts(module_of(func), build)


def _reaching(network: Network) -> Network:
    """Leave out what no Output depends on; every Input stays, as it is a port."""
    wanted, waiting = set[str](), network.of_kind("Output")
    while waiting:
        node = waiting.pop()
        if node not in wanted:
            wanted.add(node)
            waiting += network.sources(node)
    nodes = {n: node for n, node in network.nodes.items() if n in wanted or node.kind == "Input"}
    return Network(nodes, tuple((a, b) for a, b in network.edges if b in wanted))


@dataclass
class _Build:
    """A network on its way to a func."""

    network: Network
    timing: Timing
    scope: Scope
    values: dict[str, Value] = field(default_factory=dict[str, Value])
    registers: list[Register] = field(default_factory=list[Register])
    held: dict[str, Value] = field(default_factory=dict[str, Value])       # registers by name
    following: dict[str, Value] = field(default_factory=dict[str, Value])  # their next values
    delayed: frozenset[Edge] = frozenset()
    shapes: Mapping[str, Shape] = field(default_factory=dict[str, Shape])
    bits: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.short = Names(self.network.nodes)

    def func(self, name: str) -> Func:
        """Write the body: ports, registers, nodes in order, next values."""
        nodes = self.network.nodes
        order, self.delayed = cut_cycles(self.network, self._holds)
        self.shapes = self._shapes(order)
        self.bits = self._spiking()
        inputs = [self._port(n) for n in self.network.of_kind("Input")]
        self._declare(order)
        for node in order:
            try:
                self._evaluate(node)
            except CircuitError as e:
                raise placed(e, node, nodes[node]) from None
        for node in order:
            if self._holds(node):
                self._delay(node, self._heard(node))
        for source in dict.fromkeys(a for a, _ in sorted(self.delayed)):
            self.following[f"{self.short[source]}_before"] = self.values[source]
        outputs = [(Port(self.short[n], self.scope.b.type(self.values[n]), "step"), self.values[n])
                   for n in self.network.of_kind("Output")]
        results = [v for _, v in outputs] + [self.following[r.name] for r in self.registers]
        return Func(name, tuple(inputs), tuple(p for p, _ in outputs), self.scope.b.finish(results),
                    tuple(self.registers), STREAM)

    def _port(self, name: str) -> Port:
        port = Port(self.short[name], self._type(name), "step")
        self.values[name] = self.scope.b.input(port.name, port.type)
        return port

    def _type(self, name: str) -> Type:
        return (BIT if name in self.bits else self.scope.real_type).with_shape(self.shapes[name])

    # Delays

    def _steps(self, name: str) -> Any:
        """Give a Delay's steps, whole numbers."""
        steps = np.rint(self.network.nodes[name].array("delay") / self.timing.dt)
        if np.any(steps < 0) or np.any(steps > MAX_STATE):
            raise placed(error("a delay is not negative, and of steps that can be counted"), name,
                         self.network.nodes[name])
        return steps.astype(np.int64)

    def _holds(self, name: str) -> bool:
        return self.network.nodes[name].role == "delay" and bool(np.all(self._steps(name) > 0))

    def _delay(self, name: str, x: Value) -> Value:
        """Write a line of delays: the register holds what came in, the newest first; gives what comes out."""
        b, steps, shape = self.scope.b, self._steps(name), self.shapes[name]
        depth = int(steps.max())
        if not depth:
            return x
        line = self.held[f"{self.short[name]}_line"]
        row = b.apply("reshape", x, shape=(1, *shape))
        whole = b.apply("concat", row, line)
        rest = [0] * len(shape)
        self.following[f"{self.short[name]}_line"] = b.apply("slice", whole, start=(0, *rest), stop=(depth, *shape))
        return self._picked(whole, steps, shape)

    def _picked(self, whole: Value, steps: Any, shape: Shape) -> Value:
        """Take each element from the row that its delay names; `whole` has a row for each step from 0 up."""
        b, rows = self.scope.b, self.scope.b.type(whole).shape[0]
        row = int(steps.flat[0])
        if np.all(steps == row):
            part = b.apply("slice", whole, start=(row, *(0,) * len(shape)), stop=(row + 1, *shape))
            return b.apply("reshape", part, shape=shape)
        size = prod(shape)
        places = np.broadcast_to(steps, shape).reshape(-1) * size + np.arange(size)
        index = b.constant(_indices(places, rows * size), "places")
        taken = b.apply("gather", b.apply("reshape", whole, shape=(rows * size,)), index)
        return b.apply("reshape", taken, shape=shape)

    # Types and shapes

    def _shapes(self, order: list[str]) -> dict[str, Shape]:
        """Find each node's shape: from what comes in, or on cycles from parameters."""
        nodes, shapes = self.network.nodes, dict[str, Shape]()
        while len(shapes) < len(nodes):
            found = len(shapes)
            for name in order:
                if name not in shapes:
                    shape = self._shape(name, shapes)
                    if shape is not None:
                        shapes[name] = shape
            if len(shapes) == found:
                left = [n for n in nodes if n not in shapes]
                raise error(f"the shape of {left[0]} ({nodes[left[0]].kind}) cannot be told")
        for name in order:
            self._check_shape(name, shapes)
        return shapes

    def _shape(self, name: str, shapes: Mapping[str, Shape]) -> Shape | None:
        node = self.network.nodes[name]
        if node.kind == "Input":
            return _given_shape(name, node)
        source = next((s for s in self.network.sources(name) if s in shapes), None)
        try:
            if source is not None:
                return shape_after(node, shapes[source])
            elementwise = node.role in ("neuron", "delay") or node.kind in ("Threshold", "Scale")
            return own_shape(node) or None if elementwise else None
        except CircuitError as e:
            raise placed(e, name, node) from None

    def _check_shape(self, name: str, shapes: Mapping[str, Shape]) -> None:
        node = self.network.nodes[name]
        for source in self.network.sources(name):
            try:
                found = shape_after(node, shapes[source])
            except CircuitError as e:
                raise placed(e, name, node) from None
            if found != shapes[name] or shapes[source] != shapes[self.network.sources(name)[0]]:
                raise placed(error(f"{source} gives shape {list(shapes[source])}, which does not fit the others' or "
                                   f"the node's own {list(shapes[name])}"), name, node)
        if node.kind == "Output" and _given_shape(name, node) != shapes[name]:
            raise placed(error(f"what comes in has shape {list(shapes[name])}, the node says "
                               f"{list(_given_shape(name, node))}"), name, node)

    def _spiking(self) -> frozenset[str]:
        """Find the nodes whose output are bits; what hears one of them and only moves its elements is one too."""
        found: set[str] = set()
        while True:
            more = {n for n, node in self.network.nodes.items() if n not in found and self._gives_bits(n, node, found)}
            if not more:
                return frozenset(found)
            found |= more

    def _gives_bits(self, name: str, node: Node, found: set[str]) -> bool:
        if node.kind == "Input":
            return self.timing.inputs == "spikes"
        sources = self.network.sources(name)
        moves = node.kind in ("Flatten", "Delay", "Output") and len(sources) == 1 and sources[0] in found
        return KINDS[node.kind].spikes or moves

    # Registers and nodes

    def _declare(self, order: list[str]) -> None:
        """Add a register for each state, line of delays and delayed edge; all begin with 0."""
        wanted: list[tuple[str, str, Type]] = []
        for name in order:
            node, t = self.network.nodes[name], self._type(name)
            if node.role == "neuron":
                real = self.scope.real_type.with_shape(t.shape)
                wanted += [(name, f"{self.short[name]}_{s}", real) for s in states(node)]
            elif node.role == "delay" and (depth := int(self._steps(name).max())):
                wanted.append((name, f"{self.short[name]}_line", t.with_shape((depth, *t.shape))))
        for source in dict.fromkeys(a for a, _ in sorted(self.delayed)):
            wanted.append((source, f"{self.short[source]}_before", self._type(source)))
        total = 0
        for name, register, t in wanted:
            total += t.size
            if total > MAX_STATE:
                raise placed(error(f"with it the network keeps more than {MAX_STATE} numbers from step to step"), name,
                             self.network.nodes[name])
            zero = Constant(t, np.zeros(t.shape, t.dtype))
            self.registers.append(Register(register, t, zero))
            self.held[register] = self.scope.b.input(register, t)

    def _heard(self, name: str) -> Value:
        """Give what comes into a node: the value of its only edge as it is, else the sum."""
        parts = [self.held[f"{self.short[s]}_before"] if (s, name) in self.delayed else self.values[s]
                 for s in self.network.sources(name)]
        if len(parts) == 1:
            return parts[0]
        return self.scope.b.apply("add", *(self.scope.real(p) for p in parts), name=f"{self.short[name]}_in")

    def _evaluate(self, name: str) -> None:
        node, short = self.network.nodes[name], self.short[name]
        if node.kind == "Input":
            return
        if self._holds(name):
            steps, shape = self._steps(name), self.shapes[name]
            self.values[name] = self._picked(self.held[f"{short}_line"], steps - 1, shape)
            return
        x = self._heard(name)
        match node.role:
            case "port":
                self.values[name] = x
            case "map":
                self.values[name] = apply_map(self.scope, short, node, x)
            case "delay":
                self.values[name] = self._delay(name, x)
            case "neuron":
                held = tuple(self.held[f"{short}_{s}"] for s in states(node))
                done = step(self.scope, short, node, self.timing, self.scope.real(x), held)
                self.values[name] = done.output
                self.following |= {f"{short}_{s}": v for s, v in zip(states(node), done.states, strict=True)}


def _given_shape(name: str, node: Node) -> Shape:
    try:
        shape = node.whole("shape")
    except CircuitError as e:
        raise placed(e, name, node) from None
    if len(shape) > MAX_RANK:
        raise placed(error(f"a shape has at most {MAX_RANK} axes, got {len(shape)}"), name, node)
    if any(n < 1 for n in shape) or prod(shape) > MAX_STATE:
        raise placed(error(f"a shape of {list(shape)} is none: axes are at least 1, numbers at most {MAX_STATE}"),
                     name, node)
    return shape


def _indices(places: Any, count: int) -> Constant:
    t = index_type(count, places.shape)
    return Constant(t, places.astype(t.dtype))


def _with_facts(module: Module, build: _Build) -> Module:
    facts: dict[str, Any] = {**asdict(build.timing), "delayed": [list(edge) for edge in sorted(build.delayed)]}
    if build.timing.decay == "shift":
        facts["decay_changed"] = _changes(build)
    return replace(module, facts={"spiking": facts})


def _changes(build: _Build) -> dict[str, float]:
    """Tell by which factor each time constant was changed at most."""
    found: dict[str, float] = {}
    for name, node in build.network.nodes.items():
        for tau in (p for p in node.parameters if p.startswith("tau")):
            steps = node.array(tau) / build.timing.dt
            off = np.abs(np.log2(steps) - np.maximum(0, np.rint(np.log2(steps))))
            found[f"{name}.{tau}"] = float(np.exp2(off.max()))
    return found


__all__ = ["MAX_STATE", "build_network"]
