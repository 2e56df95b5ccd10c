"""What the lowering of all bodies into one netlist shares: the builder, names, templates, the module."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from circuitc.diagnostics import error
from circuitc.ir import Func, Graph, Kind, Module, Netlist, NetlistBuilder, Node

from ..scalarize import scalarize
from .canonical import add_lut
from .forms import Word, make_form
from .rows import Templates, is_positive
from .tables import add_table


@dataclass(frozen=True, slots=True)
class Scope:
    """The netlist that grows, and the module in which called funcs are found.

    `limit` bounds the gates that unrolled calls may grow to. With `luts` the look-up tables of called netlists stay.
    `tables` is the inputs of the look-up tables that the gates are for, 0 where the fewest gates are wanted.
    """

    builder: NetlistBuilder
    module: Module
    limit: int
    luts: bool = False
    tables: int = 0
    templates: Templates = field(default_factory=dict)
    scalar: dict[str, Graph] = field(default_factory=dict)
    taken: set[str] = field(default_factory=set)
    named: dict[int, str] = field(default_factory=dict)

    def graph(self, func: Func) -> Graph:
        """Give a func's body in scalar ops."""
        assert isinstance(func.body, Graph)
        if func.name not in self.scalar:
            self.scalar[func.name] = scalarize(func.body, ahead=self.tables > 0)
        return self.scalar[func.name]

    def name(self, word: Word, name: str, origin: str = "") -> None:
        """Name the gates of a word: bit k of a wide word is `name_bk`, with the origin in parentheses behind it.

        The first name of a gate stays, but one that `scalarize` made up gives way to one of the program.
        """
        for k, literal in enumerate(word):
            node = literal >> 1
            if literal & 1 or node <= self.builder.inputs or not _is_made_up(self.named.get(node, "_t")) or (
                    node in self.named and _is_made_up(name)):
                continue
            wish = unique = name if len(word) == 1 else f"{name}_b{k}"
            count = 1
            while unique in self.taken:
                unique, count = f"{wish}_{count}", count + 1
            self.taken.add(unique)
            self.named[node] = unique
            self.builder.name(literal, f"{unique} ({origin})" if origin else unique, replace=True)

    def check_size(self, node: Node, func: Func) -> None:
        """Refuse to unroll further than the limit."""
        if self.builder.nodes > self.limit:
            raise error(f"the call of @{func.name}, {func.schedule}, unrolls to more than {self.limit} gates",
                        node.span, f"raise the limit with lower-to-gates{{limit={self.limit * 10}}}, "
                        "or make the call a step of its own in a clocked func")


def replay(scope: Scope, part: Netlist, inputs: Sequence[int]) -> Word:
    """Build a netlist's gates again on other literals.

    Threshold gates become plain gates, and so do look-up tables unless the scope keeps them.
    """
    builder = scope.builder
    literal = [0, *inputs]
    fanin, offset = part.fanin.tolist(), part.offset.tolist()
    for node in range(1 + part.inputs, part.nodes):
        edges = slice(offset[node], offset[node + 1])
        x = tuple(literal[f >> 1] ^ f & 1 for f in fanin[edges])
        match Kind(int(part.kind[node])):
            case Kind.AND:
                result = builder.and_(*x)
            case Kind.XOR:
                result = builder.xor(*x)
            case Kind.MAJ:
                result = builder.maj(*x)
            case Kind.LUT:
                table = part.table(node)
                result = add_lut(builder, x, table) if scope.luts else add_table(builder, x, table)
            case _:
                weighted = zip(x, part.weight[edges].tolist(), strict=True)
                result = is_positive(builder, make_form(weighted, -int(part.data[node])), scope.templates, scope.tables)
        literal.append(result)
    return tuple(literal[f >> 1] ^ f & 1 for f in part.outputs.tolist())


def _is_made_up(name: str) -> bool:
    """Tell whether a name is one that `scalarize` gave to a helper value, such as `sum_t_3`."""
    return re.search(r"_t(_\d+)?(_b\d+)?$", name) is not None
