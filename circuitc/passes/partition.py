"""The pass `partition`: what an array of memristors can compute becomes a func of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from circuitc.ir import Builder, Func, Graph, Module, Node, Port, Value, smallest
from circuitc.ir.graph import rebuild
from circuitc.ir.ranges import value_ranges

from .base import Context, Pass
from .widen import copy_widened


@dataclass(frozen=True, slots=True)
class Partition(Pass):
    """Outline each threshold and each sum of products with constant weights as a func marked for `target`.

    The rest keeps a call of it, so the interpreter runs the whole model as before. Float products stay where they
    are (quantize them first), as do products of two values that are both computed.
    """

    target: str = "crossbar"

    def apply(self, module: Module, context: Context) -> Module:
        regions: list[Func] = []
        for func in tuple(module.funcs.values()):
            if isinstance(func.body, Graph) and not func.target:
                outliner = _Outliner(module, func, self.target, regions)
                module = module.with_func(func.with_body(outliner.outline(func.body)))
        for region in regions:
            module = module.with_func(region)
        context.facts["regions"] = len(regions)
        return module


def computed_operand(nodes: Sequence[Node], node: Node) -> int | None:
    """Say which operand of a node is the computed one where all others are constant weights; None for other nodes."""
    operands = [nodes[v] for v in node.operands]
    if node.op == "threshold":
        computed = [0] if all(o.is_constant for o in operands[1:]) and not operands[0].is_constant else []
    elif node.op == "contract" and node.attributes["semiring"] == "plus_times" and len(operands) == 2:
        computed = [k for k, o in enumerate(operands) if not o.is_constant]
    else:
        return None
    exact = all(o.type.is_exact for o in (*operands, node))
    return computed[0] if exact and len(computed) == 1 else None


class _Outliner:
    """Moves the regions of one func out; region funcs are added to `regions`."""

    def __init__(self, module: Module, func: Func, target: str, regions: list[Func]) -> None:
        self.func, self.target, self.regions = func, target, regions
        self.taken = {*module.funcs, *(r.name for r in regions)}

    def outline(self, graph: Graph) -> Graph:
        """Give the graph with its regions called.

        What the ranges of weights proved is not seen behind a call: nodes that come after one are cut to their types.
        """
        behind: set[Value] = set()

        def rule(builder: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
            at = computed_operand(builder.nodes, _on(node, operands))
            if at is not None:
                region = self._region(builder, node, operands, at)
                y = region.outputs[0].type
                made = builder.call(region.name, "y", y, operands[at], name=node.name, origin=node.origin)
                if y != node.type:
                    made = builder.apply("requantize", made, type=node.type, rounding="floor", overflow="wrap")
            elif behind.isdisjoint(operands):
                return None
            else:
                made = copy_widened(builder, node, operands)
            behind.add(made)
            return made

        return rebuild(graph, rule)

    def _region(self, outer: Builder, node: Node, operands: tuple[Value, ...], at: int) -> Func:
        inner = Builder()
        x = inner.input("x", outer.type(operands[at]))
        copied = [x if k == at else inner.copy(outer.nodes[v], ()) for k, v in enumerate(operands)]
        result = copy_widened(inner, node, copied)
        if inner.nodes[result].op != node.op:  # cut to its type, which leaned on what is known of x
            result = self._exact(inner, node, copied)
        body = inner.finish([result])
        name = self._free(f"{self.func.name}_{node.name}")
        region = Func(name, (Port("x", outer.type(operands[at])),), (Port("y", inner.type(result)),), body,
                      target=self.target)
        self.regions.append(region)
        return region

    @staticmethod
    def _exact(inner: Builder, node: Node, copied: Sequence[Value]) -> Value:
        """Compute a node in its declared type where weights alone prove it, else in the least type that they prove."""
        wide = inner.apply(node.op, *copied, **node.attributes)
        found = value_ranges(inner.finish([wide]))[wide]
        assert found is not None, "regions are exact"
        if found.inside(node.type):
            return inner.copy(node, copied)
        least = smallest(int(found.low.min()), int(found.high.max()), node.type.fraction, node.type.shape)
        return inner.apply(node.op, *copied, type=least, name=node.name, origin=node.origin, **node.attributes)

    def _free(self, wish: str) -> str:
        name, count = wish, 1
        while name in self.taken:
            name, count = f"{wish}_{count}", count + 1
        self.taken.add(name)
        return name


def _on(node: Node, operands: tuple[Value, ...]) -> Node:
    """Give a node on its new operands."""
    return Node(node.op, operands, node.type, node.attributes)
