"""A stage of an iteration under construction: the record that it is given, and rows of the block at hand."""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir

from circuitc.backends.llvm.kernel import Kernel, index
from circuitc.backends.llvm.memory import I64, POINTER

from .vectors import Scalar, Vectors, load_fields, load_index

# Numbers are lower case, pointers upper case. See `memory.py`, which fills the record.
FIELDS = ("blocks", "nodes", "node_rows", "innodes", "neurons", "neuron_rows", "outnodes", "edges", "classes",
          "groups", "free", "START", "SOURCE", "OFFSET", "CLASS_START", "MEMBER_START", "MEMBER", "READ_START", "READ",
          "W", "X", "Y", "G", "DATA", "MASK", "MU", "U", "SCALE", "YA", "YB", "GAP",
          "P", "Q", "YSUM", "YDEN", "WSUM", "WB", "TOTALS", "beta", "gamma", "gap_stop", "TRACE", "done")
PER_BLOCK = {"W": "edges", "X": "edges", "Y": "node_rows", "G": "node_rows", "DATA": "node_rows", "MASK": "",
             "U": "neuron_rows", "SCALE": "neuron_rows", "YA": "node_rows", "YB": "node_rows", "GAP": "node_rows"}


class Stage:
    """One stage under construction: the kernel, the record's fields, and rows moved to the block at hand."""

    def __init__(self, module: ir.Module, name: str, scalar: Scalar, *, per_block: bool = True) -> None:
        arguments = [POINTER, I64] if per_block else [POINTER]
        self.kernel = Kernel(module, f"{name}_{scalar.name}", arguments)
        self.v = Vectors(self.kernel, scalar)
        self.f = load_fields(self.kernel, self.kernel.arguments[0], FIELDS)
        b = self.kernel.builder
        for name_, count in PER_BLOCK.items() if per_block else ():
            rows = b.mul(self.kernel.arguments[1], self.f[count]) if count else self.kernel.arguments[1]
            self.f[name_] = self.kernel.at(self.f[name_], rows, self.v.type)

    def parameter(self, name: str) -> Any:
        """Give a parameter, kept as the bits of an f64, as the kernel's own kind of number."""
        b, double = self.kernel.builder, ir.DoubleType()
        value = b.bitcast(self.f[name], double)
        return value if self.v.scalar.type == double else b.fptrunc(value, self.v.scalar.type)

    def range_of(self, table: str, place: Any) -> tuple[Any, Any]:
        """Give where a table's entry starts and ends: `table[place]`, `table[place + 1]`."""
        b = self.kernel.builder
        return (load_index(self.kernel, self.f[table], place),
                load_index(self.kernel, self.f[table], b.add(place, index(1))))

    def node(self, neuron: Any) -> Any:
        """Give the node of a neuron."""
        return self.kernel.builder.add(self.f["innodes"], neuron)


def span_loop(stage: Stage, low: Any, high: Any) -> Any:
    """Loop over low..high-1, counting from 0: yields the offset from low."""
    return stage.kernel.loop(stage.kernel.builder.sub(high, low))
