"""A pass of one's own: written, registered, used from pipeline text, and checked for nothing."""

from dataclasses import dataclass
from pathlib import Path

import circuitc
from circuitc.ir import Builder, Graph, Node, Value, rebuild
from circuitc.passes import Context, GraphPass


@circuitc.register_pass
@dataclass(frozen=True, slots=True)
class ShiftPowers(GraphPass):
    """Write products with a constant power of two as shifts."""

    most: int = 6  # the largest power that is worth it; `shift-powers{most=3}` in a pipeline

    def run(self, graph: Graph, context: Context) -> Graph:
        def rule(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
            for x, constant in (operands, operands[::-1]) if node.op == "mul" else ():
                factor = int(b.nodes[constant].constant.array.flat[0]) if b.nodes[constant].is_constant else 0
                if factor.bit_count() == 1 and not node.type.rank and factor <= 1 << self.most:
                    shifted = b.apply("shift", x, by=factor.bit_length() - 1)
                    return b.apply("convert", shifted, type=node.type, name=node.name)
            return None

        return rebuild(graph, rule)


@circuitc.register_pass
@dataclass(frozen=True, slots=True)
class ShiftTooFar(ShiftPowers):
    """The same with a mistake: one power too many."""

    def run(self, graph: Graph, context: Context) -> Graph:
        return rebuild(graph, lambda b, node, v: b.apply("convert", b.apply(
            "shift", v[0], by=4), type=node.type) if node.op == "mul" else None)


module = circuitc.load(Path(__file__).with_name("scale.ccir"))
better = circuitc.run_passes(module, "fold,shift-powers{most=3},dce")
for record in better.facts["passes"]:
    changed = "changed" if record["changed"] else "no change"
    print(record["name"], record["options"], changed, record["evidence"]["level"])
print(circuitc.print_module(better))
try:
    circuitc.run_passes(module, "shift-too-far")
except circuitc.InternalError as e:
    print(e)
