"""Say any netlist in AND gates: each gate is replaced by its template, all gates of one template at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error

from .netlist import WORD_INPUTS, Kind, Netlist, aig
from .netlist_templates import Shape, template

Int64 = NDArray[np.int64]
Groups = Sequence[tuple[Netlist, Int64]]  # a template and the gates it stands for

MAX_NODES = 1 << 30  # literals are int32


def expand_to_aig(netlist: Netlist) -> Netlist:
    """Give an equal netlist of two-input ANDs; the same object where it is one already.

    XOR takes three ANDs, MAJ four; look-up tables and threshold gates are as in `netlist_templates`. Inputs, outputs
    and gates keep their order. Equal ANDs of different gates are not merged: that is what structural hashing is for.
    A name goes with the AND that has the very same value, and is dropped where there is none.
    """
    if netlist.is_aig:
        return netlist
    groups = [(template(shape), nodes) for shape, nodes in _gates_by_shape(netlist).items()]
    sizes = np.zeros(netlist.nodes, np.int64)
    for part, nodes in groups:
        sizes[nodes] = part.gates
    first, total = 1 + netlist.inputs, int(sizes.sum())
    if first + total >= MAX_NODES:
        raise error(f"the netlist needs {total} AND gates, more than {MAX_NODES}")
    start = first + np.cumsum(sizes) - sizes  # the new node of a gate's first AND
    literal = _new_literals(netlist, groups, start)
    fanin = literal[netlist.fanin >> 1] ^ (netlist.fanin & 1)
    ands = np.empty((total, 2), np.int64)
    for part, nodes in groups:
        operands = fanin[netlist.offset[nodes][:, None] + np.arange(part.inputs)]
        _instantiate(part, operands, start[nodes], ands, first)
    outputs = literal[netlist.outputs >> 1] ^ (netlist.outputs & 1)
    return aig(netlist.inputs, ands, outputs, _moved_names(netlist, literal, first))


def _gates_by_shape(netlist: Netlist) -> dict[Shape, Int64]:
    """Group gates that compute the same function of their fan-ins."""
    groups: dict[Shape, Int64] = {}
    for kind, arity in ((Kind.AND, 2), (Kind.XOR, 2), (Kind.MAJ, 3)):
        nodes = np.flatnonzero(netlist.kind == kind)
        if len(nodes):
            groups[Shape(kind, arity)] = nodes
    luts = np.flatnonzero(netlist.kind == Kind.LUT)
    if len(luts):
        arity = np.diff(netlist.offset)[luts].astype(np.int64)
        first_edge = netlist.offset[luts]
        more = [np.where(arity > WORD_INPUTS + (k > 0), netlist.weight[first_edge + np.minimum(k, arity - 1)], 0)
                for k in range(3) if arity.max() > WORD_INPUTS + (k > 0)]
        facts = np.stack([arity, netlist.data[luts], *more], axis=1)
        _, first, which = np.unique(facts, axis=0, return_index=True, return_inverse=True)
        for k, node in enumerate(luts[first].tolist()):
            groups[Shape(Kind.LUT, len(netlist.fanins(node)), netlist.table(node))] = luts[which.ravel() == k]
    thresholds: dict[Shape, list[int]] = {}
    for node in np.flatnonzero(netlist.kind == Kind.THRESHOLD).tolist():  # few and wide: one at a time
        edges = slice(netlist.offset[node], netlist.offset[node + 1])
        weights = tuple(netlist.weight[edges].tolist())
        shape = Shape(Kind.THRESHOLD, len(weights), int(netlist.data[node]), weights)
        thresholds.setdefault(shape, []).append(node)
    return groups | {shape: np.array(nodes, np.int64) for shape, nodes in thresholds.items()}


def _new_literals(netlist: Netlist, groups: Groups, start: Int64) -> Int64:
    """Give the new literal that has each old node's value.

    A template without ANDs is a constant or one of its fan-ins: such nodes point to older literals until those do not.
    """
    first = 1 + netlist.inputs
    literal = np.arange(netlist.nodes, dtype=np.int64) << 1
    pointer = literal.copy()
    for part, nodes in groups:
        output = int(part.outputs[0])
        if part.gates:
            literal[nodes] = (start[nodes] + (output >> 1) - 1 - part.inputs) << 1 | output & 1
        elif output <= 1:
            pointer[nodes] = output
        else:
            pointer[nodes] = netlist.fanin[netlist.offset[nodes] + (output >> 1) - 1] ^ (output & 1)
    while True:
        further = pointer[pointer >> 1] ^ (pointer & 1)
        if np.array_equal(further, pointer):
            break
        pointer = further
    literal[:first] = np.arange(first) << 1
    return literal[pointer >> 1] ^ (pointer & 1)


def _instantiate(part: Netlist, operands: Int64, start: Int64, ands: Int64, first: int) -> None:
    """Write the ANDs of a template for many gates: operands [gates, arity], first new nodes [gates]."""
    if not part.gates:
        return
    local = part.fanin.reshape(-1, 2)
    rows = start[:, None] - first + np.arange(part.gates)
    for side in range(2):
        node, inverted = local[:, side] >> 1, local[:, side] & 1
        own = (start[:, None] + node - 1 - part.inputs) << 1
        outside = np.concatenate([np.zeros((len(start), 1), np.int64), operands], axis=1)
        value = np.where(node > part.inputs, own, outside[:, np.minimum(node, part.inputs)])
        ands[rows, side] = value ^ inverted


def _moved_names(netlist: Netlist, literal: Int64, first: int) -> dict[int, str]:
    """Carry names over to new nodes; the first name of a node stays, inverted nodes get none."""
    names: dict[int, str] = {}
    for node, name in sorted(netlist.names.items()):
        new = int(literal[node])
        if not new & 1 and (new >> 1 >= first or new >> 1 == node):
            names.setdefault(new >> 1, name)
    return names
