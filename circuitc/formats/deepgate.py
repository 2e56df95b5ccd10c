"""Graphs in the manner of DeepGate as plain arrays: inputs, ANDs and explicit NOTs, with levels and edges.

The file is an `.npz`; each circuit NAME has two arrays, and a third where outputs are known:

    NAME/x            int64[nodes, 3]   a row (id, type, level) a node; types are 0 input, 1 AND, 2 NOT
    NAME/edge_index   int64[2, edges]   drivers above, users below
    NAME/outputs      int64[outputs]    ids of the nodes that are outputs; without it, those that drive nothing

DeepGate's own files hold pickled dictionaries with `x` and `edge_index` in them; pickles run code and are refused.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.gate_level import circuit_of, gate_level_faults
from circuitc.diagnostics import CircuitError, Diagnostic, Source, Span, error
from circuitc.ir import BIT, Func, Module, Netlist, Port, aig

from .base import Format
from .files import identifier
from .npz import read_npz, write_npz
from .order import chain, topological_order

INPUT, AND, NOT = 0, 1, 2
MAX_CIRCUITS = 100_000
_PARTS = ("x", "edge_index", "outputs")
_ARITY = np.array([0, 2, 1])
Int64 = NDArray[np.int64]


def read_deepgate(path: Path) -> Module:
    """Read all circuits of a file as funcs; the first by name is the main one, ports are `x` and `y`."""
    span = Span(Source(str(path)))
    arrays = _arrays(path, span)
    names = sorted({name.rpartition("/")[0] for name in arrays})
    if not names or len(names) > MAX_CIRCUITS:
        raise error(f"the file has {len(names)} circuits (arrays NAME/x and NAME/edge_index)", span)
    funcs: dict[str, Func] = {}
    for name in names:
        label = identifier(name)
        if label in funcs:
            raise error(f"two circuits would both be named {label}", span)
        x, edges = arrays.get(f"{name}/x"), arrays.get(f"{name}/edge_index")
        if x is None or edges is None:
            raise error(f"circuit {name[:40]} has no array {'x' if x is None else 'edge_index'}", span)
        body = _Reading(name, x, edges, arrays.get(f"{name}/outputs"), span).netlist()
        funcs[label] = Func(label, _port("x", body.inputs), _port("y", len(body.outputs)), body, span=span)
    return Module(funcs, next(iter(funcs)), identifier(path.stem))


def _port(name: str, bits: int) -> tuple[Port, ...]:
    return (Port(name, BIT.with_shape((bits,))),) if bits else ()


def _arrays(path: Path, span: Span) -> dict[str, NDArray[Any]]:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.removesuffix(".npy") for name in archive.namelist()]
            for info in archive.infolist()[:10]:
                if re.search(rb"'descr': '\|?O", archive.open(info).read(256)):
                    raise error(f"{info.filename[:60]} holds pickled Python objects, which circuitc does not load: "
                                "they run code", span, "save plain arrays NAME/x and NAME/edge_index with numpy.savez")
    except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, RuntimeError, EOFError) as e:
        raise error(f"is not an .npz file ({' '.join(str(e).split())[:80]})", span) from None
    other = [name for name in names if name.rpartition("/")[2] not in _PARTS or "/" not in name]
    if other:
        raise error(f"the array {other[0][:60]!r} is none of NAME/x, NAME/edge_index and NAME/outputs", span)
    return read_npz(path, names)


class _Reading:
    """One circuit on its way to a netlist."""

    def __init__(self, name: str, x: NDArray[Any], edges: NDArray[Any], outputs: NDArray[Any] | None, span: Span):
        self.name, self.span = name, span
        shapes = x.ndim == 2 and x.shape[1] >= 2 and edges.ndim == 2 and edges.shape[0] == 2
        if not shapes or (outputs is not None and outputs.ndim != 1):
            raise self.fault(f"has x of shape {list(x.shape)} and edge_index of shape {list(edges.shape)}",
                             "they are [nodes, 3] and [2, edges], outputs is a list")
        self.ids = self.whole(x[:, 0], "ids")
        self.kinds = self.whole(x[:, 1], "types")
        if np.any((self.kinds < INPUT) | (self.kinds > NOT)):
            raise self.fault("has types other than 0 (input), 1 (AND) and 2 (NOT)")
        self.order = np.argsort(self.ids, kind="stable")
        if np.any(np.diff(self.ids[self.order]) == 0):
            raise self.fault("has two nodes of one id")
        self.drivers, self.users = (self.rows(self.whole(row, "edges"), "an edge") for row in edges)
        if np.any(np.bincount(self.users, minlength=len(x)) != _ARITY[self.kinds]):
            node = int(np.argmax(np.bincount(self.users, minlength=len(x)) != _ARITY[self.kinds]))
            count = int(np.sum(self.users == node))
            raise self.fault(f"has node {self.ids[node]} of type {self.kinds[node]} with {count} drivers",
                             "an input has none, an AND two, a NOT one")
        alone = np.flatnonzero(np.bincount(self.drivers, minlength=len(x)) == 0)
        self.outputs = alone if outputs is None else self.rows(self.whole(outputs, "outputs"), "an output")
        if x.shape[1] >= 3:
            self.check_levels(self.whole(x[:, 2], "levels"))

    def fault(self, message: str, help: str = "") -> CircuitError:
        return error(f"circuit {self.name[:40]} {message}", self.span, help)

    def whole(self, values: NDArray[Any], what: str) -> Int64:
        """Give numbers as integers; floats, as DeepGate has them, must be whole."""
        if values.dtype.kind == "f" and not (np.isfinite(values).all() and np.all(np.abs(values) < 2.0**31)
                                             and np.all(values == np.floor(values))):
            raise self.fault(f"has {what} that are not whole numbers")
        if values.dtype.kind == "u" and np.any(values > 1 << 31):
            raise self.fault(f"has {what} beyond 2**31")
        return values.astype(np.int64)

    def rows(self, ids: Int64, what: str) -> Int64:
        """Give the places of ids in x."""
        if not len(self.ids):
            place = np.zeros(len(ids), np.int64)
            known = np.zeros(len(ids), bool)
        else:
            place = self.order[np.minimum(np.searchsorted(self.ids[self.order], ids), len(self.ids) - 1)]
            known = self.ids[place] == ids
        if not known.all():
            raise self.fault(f"has {what} of node {ids[np.argmin(known)]}, which is not there")
        return place

    def sorted_rows(self) -> tuple[list[list[int]], list[int]]:
        """Give each node's drivers, and the nodes so that each comes after them."""
        drivers: list[list[int]] = [[] for _ in self.ids]
        for driver, user in zip(self.drivers.tolist(), self.users.tolist(), strict=True):
            drivers[user].append(driver)
        order, cycle = topological_order(drivers)
        if cycle:
            raise self.fault(f"has a cycle: {chain([str(self.ids[k]) for k in cycle])}")
        return drivers, order

    def check_levels(self, given: Int64) -> None:
        """Refuse levels that are not those of the graph: the columns would then mean something else."""
        drivers, order = self.sorted_rows()
        level = [0] * len(given)
        for node in order:
            level[node] = 1 + max((level[d] for d in drivers[node]), default=-1)
        wrong = np.flatnonzero(np.array(level, np.int64) != given)
        if len(wrong):
            raise self.fault(f"says that node {self.ids[wrong[0]]} has level {given[wrong[0]]}, it has "
                             f"{level[wrong[0]]}")

    def netlist(self) -> Netlist:
        drivers, order = self.sorted_rows()
        kinds = self.kinds.tolist()
        literal = [0] * len(kinds)
        inputs = np.flatnonzero(self.kinds == INPUT).tolist()
        for k, node in enumerate(inputs, 1):
            literal[node] = k << 1
        ands: list[tuple[int, int]] = []
        for node in order:
            if kinds[node] == NOT:
                literal[node] = literal[drivers[node][0]] ^ 1
            elif kinds[node] == AND:
                a, b = drivers[node]
                literal[node] = (1 + len(inputs) + len(ands)) << 1
                ands.append((literal[a], literal[b]))
        outputs = [literal[node] for node in self.outputs.tolist()]
        return aig(len(inputs), np.array(ands, np.int32).reshape(-1, 2), outputs)


def write_deepgate(module: Module) -> Mapping[str, bytes]:
    """Print a module's entry as one circuit; it must be combinational and have no constants."""
    faults, func = gate_level_faults(module, "deepgate"), module.entry
    if not faults and func.registers:
        faults = [Diagnostic(f"@{func.name} has registers, deepgate graphs are combinational", func.span)]
    if faults:
        raise CircuitError(faults)
    net = circuit_of(module).netlist
    if np.any(net.fanin <= 1) or np.any(net.outputs <= 1):
        raise error(f"@{func.name} uses a constant, deepgate graphs have inputs, ANDs and NOTs only", func.span,
                    "run the pass strash, and leave out outputs that never change")
    x, edges, outputs = _rows(net)
    return {"": write_npz({f"{func.name}/x": x, f"{func.name}/edge_index": edges, f"{func.name}/outputs": outputs})}


def _rows(net: Netlist) -> tuple[Int64, Int64, Int64]:
    """Number inputs and gates as in the netlist, from 0, then one NOT for each literal that is used inverted."""
    plain = net.nodes - 1
    used = np.union1d(net.fanin, net.outputs).astype(np.int64)
    inverted = used[used & 1 == 1] >> 1
    place = np.zeros(net.nodes, np.int64)
    place[inverted] = plain + np.arange(len(inverted))

    def ids(literals: NDArray[np.integer]) -> Int64:
        return np.where(literals & 1, place[literals >> 1], (literals >> 1) - 1).astype(np.int64)

    kinds = np.concatenate([np.zeros(net.inputs), np.full(net.gates, AND), np.full(len(inverted), NOT)])
    drivers = np.concatenate([ids(net.fanin), inverted - 1])
    users = np.concatenate([np.repeat(np.arange(net.inputs, plain), 2), plain + np.arange(len(inverted))])
    level = _levels(net)
    x = np.stack([np.arange(len(kinds)), kinds, np.concatenate([level[1:], level[inverted] + 1])], axis=1)
    return x.astype(np.int64), np.stack([drivers, users]).astype(np.int64), ids(net.outputs)


def _levels(net: Netlist) -> Int64:
    """Give levels where a NOT counts as a gate, in one loop over the gates."""
    level = [0] * net.nodes
    for node, (a, b) in enumerate(net.fanin.reshape(-1, 2).tolist(), 1 + net.inputs):
        level[node] = 1 + max(level[a >> 1] + (a & 1), level[b >> 1] + (b & 1))
    return np.array(level, np.int64)


def sniff(head: bytes) -> bool:
    """Tell an `.npz` file by its signature and the name of its first member."""
    size = int.from_bytes(head[26:28], "little")
    return head.startswith(b"PK\x03\x04") and head[30:30 + size].endswith(b".npy")


DEEPGATE = Format("deepgate", (".npz",), "graphs of inputs, ANDs and NOTs as plain arrays", sniff, read_deepgate,
                  write_deepgate)
