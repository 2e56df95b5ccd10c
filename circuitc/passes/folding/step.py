"""The body of one step of a folded network: lanes of this step from ROMs and registers, what is kept into registers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import (
    BIT,
    Builder,
    Constant,
    Graph,
    Node,
    Register,
    Type,
    Value,
    flatten_bits,
    index_type,
    ufixed,
)

from ..widen import copy_widened
from .plan import Group, Product, lane_operands

WORD = 32  # bits of a ROM's words: what block RAMs of all makers have


@dataclass(frozen=True)
class Rom:
    """The constants of a group by step: words int64[words, 2 ** index bits], and the type of each constant's lanes."""

    words: NDArray[np.int64]
    fields: Mapping[Value, Type]

    @property
    def bits(self) -> int:
        return self.words.size * WORD


class StepBody:
    """The step while it is built; `outputs` are what the body gave, and the next values of `registers`.

    `entering` are the inputs of the body as nodes. Each group's results that are needed elsewhere are kept in a
    register [steps, gates * together], which is whole when the group's steps are over.
    """

    def __init__(self, graph: Graph, products: Mapping[Value, Product], groups: Sequence[Group]) -> None:
        self.graph, self.products, self.groups = graph, products, groups
        self.group_of = {v: g for g in groups for v in g.values}
        self.steps = 1 + max(g.start + g.steps for g in groups)
        self.count = index_type(self.steps)
        self.builder = Builder()
        self.registers: list[Register] = []
        self.roms = {k: self._rom(g) for k, g in enumerate(groups)}
        self._now: dict[str, Value] = {}
        self._following: dict[str, Value] = {}
        self._whole: dict[Value, Value] = {}
        self._lane: dict[Value, Value] = {}
        self._loaded: dict[tuple[int, Value], Value] = {}

    def finish(self) -> Graph:
        """Build the body of one step."""
        b = self.builder
        for value, node in enumerate(self.graph.nodes[:self.graph.inputs]):
            self._whole[value] = b.input(node.name, node.type, node.span)
        self._register("step", self.count)
        kept = [v for g in self.groups for v in g.values if self._is_kept(v)]
        for k, rom in self.roms.items():
            for n in range(len(rom.words)):
                self._register(f"rom_{k}_word_{n}", ufixed(WORD))
        for value in kept:
            group, t = self.group_of[value], self.graph.nodes[value].type
            self._register(f"{self._name(value)}_kept", t.with_shape((group.steps, group.gates(t) * group.together)))
        self._following["step"] = self._wrapped(b.apply("add", self._now["step"], b.number(BIT, 1)), self.count)
        for k, group in enumerate(self.groups):
            self._load(k, group)
        for value in kept:
            self._whole[value] = self._gathered(value)
        for value in range(self.graph.inputs, len(self.graph.nodes)):
            if value in self.group_of:
                self._lane[value] = self._step_lanes(value)
            elif value in self.graph.live and not self.graph.nodes[value].is_constant:
                self._whole[value] = self._copied(self.graph.nodes[value], [
                    self.whole(v) for v in self.graph.nodes[value].operands])
        for value in kept:
            self._keep(value)
        outputs = [self.whole(v) for v in self.graph.outputs]
        return b.finish([*outputs, *(self._following[name] for name in self._now)])

    def whole(self, value: Value) -> Value:
        """Give a value as a whole, which holds once its phase is over."""
        node = self.graph.nodes[value]
        if value not in self._whole:
            self._whole[value] = self.builder.copy(node, ())
        return self._whole[value]

    def _name(self, value: Value) -> str:
        return self.graph.nodes[value].name

    def _register(self, name: str, t: Type) -> None:
        value = self.builder.input(name, t)
        self.registers.append(Register(self.builder.nodes[value].name, t, Constant(t, np.zeros(t.shape, np.int64))
                                       if not t.is_spin else Constant(t, np.full(t.shape, -1))))
        self._now[name] = value

    def _wrapped(self, value: Value, t: Type) -> Value:
        return self.builder.apply("requantize", value, type=t.with_shape(self.builder.type(value).shape),
                                  rounding="floor", overflow="wrap")

    def _since(self, start: int, t: Type) -> Value:
        """Give the number of steps since a step, modulo what the type holds."""
        b = self.builder
        return self._wrapped(b.apply("sub", self._now["step"], b.number(self.count, start)), t)

    def _is_kept(self, value: Value) -> bool:
        """Tell whether anything but the lanes of its own group needs a value."""
        group = self.group_of[value]
        if value in self.graph.outputs:
            return True
        users = [u for u in self.graph.users[value] if u in self.graph.live]
        return any(self.group_of.get(u) is not group or u in self.products for u in users)

    # -- constants

    def _rom(self, group: Group) -> Rom:
        """Collect the constants of a group: matrices, and vectors that are not one number throughout."""
        fields: dict[Value, Type] = {}
        parts: list[NDArray[np.uint8]] = []
        for value in group.values:
            node, product = self.graph.nodes[value], self.products.get(value)
            if product is not None:
                found = {value: product.matrix}
            else:
                nodes = {v: self.graph.nodes[v] for v in lane_operands(node)}
                found = {v: n.constant for v, n in nodes.items() if n.is_constant}
            for key, constant in found.items():
                if key in fields or (product is None and constant.is_uniform):
                    continue
                t = constant.type.scalar
                laid = group.by_step(constant.array.astype(np.int64), 1 if t.is_spin else 0)
                fields[key] = t.with_shape(laid.shape[1:])
                parts.append(flatten_bits([fields[key]], [laid]))
        bits = np.concatenate(parts, axis=1)
        words = -(-bits.shape[1] // WORD)
        full = np.zeros((1 << group.index.width, words * WORD), np.int64)
        full[:len(bits), :bits.shape[1]] = bits
        return Rom((full.reshape(len(full), words, WORD) << np.arange(WORD)).sum(axis=2).T, fields)

    def _load(self, k: int, group: Group) -> None:
        """Fetch the constants of the next step, a word from each ROM, and take those of this step apart."""
        b, rom = self.builder, self.roms[k]
        index = self._since(group.start - 1, group.index)
        for n, words in enumerate(rom.words):
            table = b.constant(Constant(ufixed(WORD, 0, (len(words),)), words), f"rom_{k}_{n}")
            self._following[f"rom_{k}_word_{n}"] = b.apply("table", index, table)
        bits = b.apply("concat", *(b.apply("unpack", self._now[f"rom_{k}_word_{n}"]) for n in range(len(rom.words))),
                       axis=0)
        place = 0
        for value, t in rom.fields.items():
            used = b.apply("slice", bits, start=(place,), stop=(place + t.bits,))
            place += t.bits
            shaped = b.apply("reshape", used, shape=(*t.shape, t.width))
            self._loaded[k, value] = b.apply("pack", shaped, type=t.scalar, name=f"{self._name(value)}_now")

    # -- lanes

    def _step_lanes(self, value: Value) -> Value:
        """Compute the lanes of this step of a value of a group."""
        b, node, group = self.builder, self.graph.nodes[value], self.group_of[value]
        t = node.type.with_shape((group.gates(node.type) * group.together,))
        if value in self.products:
            rows = b.apply("contract", self._loaded[self.groups.index(group), value],
                           self.whole(self.products[value].vector), spec="ij,j->i", name=f"{node.name}_part")
            return rows if b.type(rows).scalar == t.scalar else self._wrapped(rows, t.scalar)
        operands = [self._lanes(v, group) for v in lane_operands(node)]
        operands += [self.whole(v) for v in node.operands[len(operands):]]
        attributes = dict(node.attributes)
        if node.op == "slice":
            for end in ("start", "stop"):
                attributes[end] = (attributes[end][0] // group.lanes * group.together,)
        return self._copied(replace(node, type=t, attributes=attributes), operands)

    def _lanes(self, value: Value, group: Group) -> Value:
        """Give the lanes of this step of an operand: of the same group, of a constant, or of a whole value."""
        b, node = self.builder, self.graph.nodes[value]
        if self.group_of.get(value) is group:
            return self._lane[value]
        k = self.groups.index(group)
        if (k, value) in self._loaded:
            return self._loaded[k, value]
        if node.is_constant:
            t = node.type.with_shape((group.gates(node.type) * group.together,))
            self._loaded[k, value] = b.number(t, node.constant.array.flat[0])
        else:
            rows = self._by_step(self.whole(value), group)
            self._loaded[k, value] = b.apply("gather", rows, self._since(group.start, group.index), axis=0)
        return self._loaded[k, value]

    def _by_step(self, value: Value, group: Group) -> Value:
        """Lay a vector [gates * lanes] out as [steps, gates * together]."""
        b, t = self.builder, self.builder.type(value)
        gates, padded = group.gates(t), group.steps * group.together
        rows = b.apply("reshape", value, shape=(gates, group.lanes))
        if padded > group.lanes:
            rows = b.apply("pad", rows, b.number(t.scalar, 1 if t.is_spin else 0), before=(0, 0),
                           after=(0, padded - group.lanes))
        split = b.apply("reshape", rows, shape=(gates, group.steps, group.together))
        turned = b.apply("transpose", split, order=(1, 0, 2))
        return b.apply("reshape", turned, shape=(group.steps, gates * group.together))

    # -- what is kept

    def _gathered(self, value: Value) -> Value:
        """Give a kept value as a whole out of its register: the other way round than `_by_step`."""
        b, group, t = self.builder, self.group_of[value], self.graph.nodes[value].type
        gates, padded = group.gates(t), group.steps * group.together
        split = b.apply("reshape", self._now[f"{self._name(value)}_kept"], shape=(group.steps, gates, group.together))
        turned = b.apply("transpose", split, order=(1, 0, 2))
        rows = b.apply("reshape", turned, shape=(gates, padded))
        used = b.apply("slice", rows, start=(0, 0), stop=(gates, group.lanes))
        return b.apply("reshape", used, shape=t.shape, name=self._name(value))

    def _keep(self, value: Value) -> None:
        """Keep the lanes of this step if it is one of the group's."""
        b, group, name = self.builder, self.group_of[value], f"{self._name(value)}_kept"
        wide = index_type(group.steps + 1)
        begun = b.apply("le", b.number(self.count, group.start), self._now["step"])
        over = b.apply("le", b.number(self.count, group.start + group.steps), self._now["step"])
        active = b.apply("and", begun, b.apply("not", over))
        index = b.apply("select", active, self._since(group.start, wide), b.number(wide, group.steps))
        self._following[name] = b.apply("update", self._now[name], index, self._lane[value])

    def _copied(self, node: Node, operands: Sequence[Value]) -> Value:
        """Copy a node that may read what is not complete yet: promises hold of complete values only."""
        if node.attributes.get("overflow") == "never":
            node = replace(node, attributes={**node.attributes, "overflow": "wrap"})
        return copy_widened(self.builder, node, operands)


__all__ = ["Rom", "StepBody"]
