"""Circuits of torchlogix (`Circuit.to_dict` as JSON): gates by name, and sums of bits behind them.

    {"n_inputs": 4, "input_shape": [4], "outputs": [6, 7], "output_shape": [2],
     "gates": [{"gate_id": 4, "op": "AND", "in0": 0, "in1": 1}, ...],
     "sum_nodes": [{"node_id": 6, "input_ids": [4, 5], "tau": 1.0, "beta": 0.0}, ...]}

Nodes 0 to n_inputs - 1 are the inputs. The outputs are bits, or they are sums: then they are the scores of classes, a
score being (sum + beta) / tau, and the first class with the largest is an output too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np

from circuitc.diagnostics import CircuitError, Source, Span, error, nearest
from circuitc.ir import BIT, Func, Module, Port
from circuitc.models.gate_arrays import GateArrays, Literals
from circuitc.models.logic_network import counted_module

from .base import Format
from .files import identifier
from .json_text import describe, read_json
from .order import chain, topological_order

# The number of each gate's function of in0 and in1, numbered as `GateArrays` does; which of the two it reads.
OPS: Mapping[str, tuple[int, str]] = {
    "CONST_FALSE": (0, ""), "AND": (1, "ab"), "AND_NOT_B": (2, "ab"), "WIRE": (3, "a"), "AND_NOT_A": (4, "ab"),
    "XOR": (6, "ab"), "OR": (7, "ab"), "NOR": (8, "ab"), "XNOR": (9, "ab"), "NOT_B": (10, "b"), "OR_NOT_B": (11, "ab"),
    "NOT": (12, "a"), "NOT_A": (12, "a"), "OR_NOT_A": (13, "ab"), "NAND": (14, "ab"), "CONST_TRUE": (15, "")}
MAX_INPUTS = 1 << 24
MAX_SUMMED = 1 << 24   # bits of all sums, padding included

_SIGNATURE = re.compile(rb'^(?:\xef\xbb\xbf)?\s*\{\s*"n_inputs"\s*:')


def read_torchlogix(path: Path) -> Module:
    """Read a circuit; the input port is `x`, one bit an input."""
    value, source = read_json(path)
    return _Reading(value, source).module(identifier(path.stem))


class _Reading:
    """One circuit on its way to a module."""

    def __init__(self, value: Any, source: Source) -> None:
        self.source = source
        if not isinstance(value, dict):
            raise error(f"a circuit is an object, got {describe(value)}", Span(source))
        self.value: dict[str, Any] = value
        self.inputs = self.whole(value.get("n_inputs"), "n_inputs", 1, MAX_INPUTS)
        self.gates = self.rows("gates", True)
        self.sums = self.rows("sum_nodes", False)
        self.place: dict[int, int] = {}   # of each id: inputs, then gates, then sums, in the order of the file
        for key, rows, name in (("gates", self.gates, "gate_id"), ("sum_nodes", self.sums, "node_id")):
            for k, row in enumerate(rows):
                where = f"{key}[{k}].{name}"
                number = self.whole(row.get(name), where, self.inputs, 1 << 40)
                if number in self.place:
                    raise self.fault(f"{number} is the id of another node too", where)
                self.place[number] = self.inputs + len(self.place)

    def fault(self, message: str, where: str, help: str = "") -> CircuitError:
        return error(message, Span(self.source, path=where), help)

    def whole(self, value: Any, where: str, least: int, most: int) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.fault(f"expected a whole number from {least} to {most}, got {describe(value)}", where)
        return value

    def rows(self, key: str, needed: bool) -> list[dict[str, Any]]:
        rows = self.value.get(key, None if needed else [])
        if not isinstance(rows, list):
            raise self.fault(f"expected a list, got {describe(rows)}", key)
        for k, row in enumerate(rows):
            if not isinstance(row, dict):
                raise self.fault(f"expected an object, got {describe(row)}", f"{key}[{k}]")
        return rows

    def node(self, value: Any, where: str, *, of: str = "gates") -> int:
        """Give the place of a node that is read: an input or a gate, or with `of="any"` a sum."""
        if isinstance(value, int) and not isinstance(value, bool):
            place = value if 0 <= value < self.inputs else self.place.get(value, -1)
            if 0 <= place < self.inputs + len(self.gates) + (len(self.sums) if of == "any" else 0):
                return place
        raise self.fault(f"there is no {'node' if of == 'any' else 'input or gate'} {describe(value)}", where)

    def module(self, name: str) -> Module:
        arrays = GateArrays(self.inputs)
        literals = self.literals(arrays)
        wanted = self.value.get("outputs")
        if not isinstance(wanted, list) or not wanted:
            raise self.fault("expected a list of at least one node", "outputs")
        places = [self.node(v, f"outputs[{k}]", of="any") for k, v in enumerate(wanted)]
        first_sum = self.inputs + len(self.gates)
        counted = [p >= first_sum for p in places]
        if any(counted) and not all(counted):
            raise self.fault("some outputs are bits and some are sums", "outputs", "make a circuit of each kind")
        x = Port("x", BIT.with_shape((self.inputs,)))
        bits, scale = (self.summed(literals, [p - first_sum for p in places]) if any(counted) else
                       (literals[places], 1.0))
        core = Func("core", (x,), (Port("activations", BIT.with_shape((len(bits),))),), arrays.finish(bits))
        facts = {"kind": "torchlogix", "gates": len(self.gates)}
        return counted_module(name, core, len(places) if any(counted) else 0, facts, scale)

    def literals(self, arrays: GateArrays) -> Literals:
        """Add the gates, level by level; give the literal of each input and gate."""
        number = np.zeros(len(self.gates), np.int64)
        operands: list[tuple[int, ...]] = []
        for k, row in enumerate(self.gates):
            op = row.get("op")
            if not isinstance(op, str) or op not in OPS:
                raise self.fault(f"there is no gate {describe(op)}", f"gates[{k}].op", nearest(str(op), OPS))
            number[k], reads = OPS[op]
            operands.append(tuple(self.node(row.get(f"in{'ab'.index(c)}"), f"gates[{k}].in{'ab'.index(c)}")
                                  for c in reads))
        first = self.inputs
        order, cycle = topological_order([[p - first for p in read] for read in operands])
        if cycle:
            around = chain([str(self.gates[k].get("gate_id")) for k in cycle])
            raise self.fault(f"gates form a cycle: {around}", "gates")
        level = np.zeros(len(self.gates), np.int64)
        for k in order:
            level[k] = 1 + max((level[p - first] for p in operands[k] if p >= first), default=0)
        pair = np.array([(r[0] if r else 0, r[-1] if r else 0) for r in operands], np.int64).reshape(-1, 2)
        result = np.concatenate([arrays.input_literals(), np.zeros(len(self.gates), np.int64)])
        for depth in range(1, int(level.max(initial=0)) + 1):
            mine = np.flatnonzero(level == depth)
            result[first + mine] = arrays.gates(result[pair[mine, 0]], result[pair[mine, 1]], number[mine])
        return result

    def summed(self, literals: Literals, numbers: Sequence[int]) -> tuple[Literals, float]:
        """Give the bits of each sum, padded to one length, and what a unit of a sum is worth as a score."""
        groups: list[list[int]] = []
        taus: set[Decimal] = set()
        for k in numbers:
            row, where = self.sums[k], f"sum_nodes[{k}]"
            inputs = row.get("input_ids")
            if not isinstance(inputs, list):
                raise self.fault(f"expected a list, got {describe(inputs)}", f"{where}.input_ids")
            beta, tau = (self.number(row.get(key, usual), f"{where}.{key}") for key, usual in (("beta", 0), ("tau", 1)))
            if beta != int(beta) or not 0 <= beta <= MAX_SUMMED:
                raise self.fault(f"beta is {beta}, and scores are whole numbers of ones", f"{where}.beta",
                                 "give a whole number from 0, or subtract the same from all")
            if tau <= 0:
                raise self.fault(f"tau is {tau}, and it is greater than 0", f"{where}.tau")
            taus.add(tau)
            groups.append([*(int(literals[self.node(v, f"{where}.input_ids[{j}]")]) for j, v in enumerate(inputs)),
                           *[1] * int(beta)])
        if len(taus) > 1:
            raise self.fault("the sums have different tau, so they do not compare as counts", "sum_nodes")
        size = max(1, *map(len, groups))
        if size * len(groups) > MAX_SUMMED:
            raise self.fault(f"{len(groups)} sums of up to {size} bits are more than {MAX_SUMMED} bits", "sum_nodes")
        padded = np.zeros((len(groups), size), np.int64)
        for k, group in enumerate(groups):
            padded[k, :len(group)] = group
        return padded.ravel(), 1 / float(taus.pop())

    def number(self, value: Any, where: str) -> Decimal:
        if isinstance(value, bool) or not isinstance(value, (int, Decimal)):
            raise self.fault(f"expected a number, got {describe(value)}", where)
        return Decimal(value)


def sniff(head: bytes) -> bool:
    """Tell a circuit by its first key."""
    return _SIGNATURE.match(head) is not None


TORCHLOGIX = Format("torchlogix", (".json",), "circuits of torchlogix: gates by name and sums of bits", sniff,
                    read_torchlogix)
