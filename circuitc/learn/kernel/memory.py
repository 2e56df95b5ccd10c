"""Memory of a training run, laid out for the kernel, and calls of the kernel."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.llvm.memory import aligned_zeros

from ..network import Network
from .program import INFER_FIELDS, compiled
from .projection import rows_at_once
from .stage import FIELDS
from .vectors import LANES, SCALARS

Reals = NDArray[Any]
_CALL = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p, ctypes.c_int64)


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of the kernel's arrays: blocks of LANES items, rows of nodes and neurons rounded up."""

    blocks: int
    node_rows: int
    neuron_rows: int

    @staticmethod
    def of(network: Network, items: int, scalar: str) -> Shape:
        """Give the sizes for so many items."""
        rows = rows_at_once(SCALARS[scalar])
        neuron_rows = -(-network.neurons // rows) * rows
        return Shape(-(-items // LANES), network.innodes + neuron_rows, neuron_rows)


class Memory:
    """The state of one run and what the kernel works with; lanes beyond the last item repeat items and count nothing.

    Arrays are [blocks, rows, LANES]. `w`, `x`, `y` and `metric` are the state: all that decides what comes next.
    """

    def __init__(self, network: Network, inputs: Reals | None, outputs: Reals, scalar: str, *, free: int = 0) -> None:
        self.network, self.scalar, self.items = network, scalar, len(outputs)
        self.dtype = np.dtype(np.float32 if scalar == "f32" else np.float64)
        self.shape = shape = Shape.of(network, self.items, scalar)
        b, rows = shape.blocks, shape.neuron_rows
        self.w, self.x = (self._make(b, network.edges, LANES) for _ in range(2))
        self.y, self.metric, self.data = (self._make(b, shape.node_rows, LANES) for _ in range(3))
        self.codes = self._make(b, shape.node_rows, LANES)  # yA: of inputs the data, or the codes that were chosen
        self.agreed = self._make(network.weights)
        self.lanes = np.arange(b * LANES) % self.items      # the item that each lane holds
        self._mask = self.pack((np.arange(b * LANES) < self.items).astype(self.dtype)[:, None], 1)
        self._margins = self._make(rows, LANES)
        self._buffers = {"MASK": self._mask, "MU": self._margins, "W": self.w, "X": self.x, "Y": self.y,
                         "G": self.metric, "DATA": self.data, "YA": self.codes, "WB": self.agreed,
                         "U": self._make(b, rows, LANES), "SCALE": self._make(b, rows, LANES),
                         "YB": self._make(b, shape.node_rows, LANES), "GAP": self._make(b, shape.node_rows, LANES),
                         "P": self._make(rows, LANES), "Q": self._make(rows, LANES),
                         "YSUM": self._make(shape.node_rows, LANES), "YDEN": self._make(shape.node_rows, LANES),
                         "WSUM": self._make(network.weights, LANES), "TOTALS": self._make(4, LANES)}
        self._buffers["P"][:] = self._buffers["Q"][:] = 1  # rows beyond the last neuron: nothing to project
        self.metric[:] = 1
        self._fill_data(inputs, outputs)
        self._tables = network.tables()
        self._free = free
        self._engine, run, _ = compiled(scalar)
        self._run = _CALL(run)

    def _make(self, *shape: int) -> Reals:
        size = int(np.prod(shape)) * self.dtype.itemsize
        return aligned_zeros(size).view(self.dtype).reshape(shape)

    def pack(self, rows: Reals, count: int) -> Reals:
        """Lay out an array [lanes, n] as [blocks, count, LANES]; rows beyond n are 0."""
        packed = self._make(self.shape.blocks, count, LANES)
        packed[:, :rows.shape[1]] = rows.reshape(self.shape.blocks, LANES, -1).transpose(0, 2, 1)
        return packed

    def unpack(self, packed: Reals) -> Reals:
        """Give [items, rows] of an array of the kernel."""
        return packed.transpose(0, 2, 1).reshape(self.shape.blocks * LANES, -1)[:self.items]

    def _fill_data(self, inputs: Reals | None, outputs: Reals) -> None:
        n = self.network
        items = np.zeros((self.items, n.nodes), self.dtype)
        items[:, 0] = -1
        if inputs is not None:
            items[:, 1:n.innodes] = inputs
        items[:, n.nodes - n.outnodes:] = outputs
        self.data[:] = self.pack(items[self.lanes], self.shape.node_rows)

    def start(self, generator: np.random.Generator) -> None:
        """Begin anywhere: w, x and hidden y uniform in (-1, 1), inputs and outputs as the data says.

        Numbers are drawn item by item, so a start does not depend on lanes or the kind of number.
        """
        n = self.network
        drawn = generator.uniform(-1, 1, (self.items, 2 * n.edges + n.nodes))[self.lanes]
        self.w[:] = self.pack(drawn[:, :n.edges], n.edges)
        self.x[:] = self.pack(drawn[:, n.edges:2 * n.edges], n.edges)
        hidden = self.pack(drawn[:, 2 * n.edges:], self.shape.node_rows)
        given = np.zeros(self.shape.node_rows, bool)
        given[:1 if self._free else n.innodes] = True
        given[n.nodes - n.outnodes:] = True
        self.y[:] = np.where(given[None, :, None], self.data, hidden)
        self.metric[:] = 1

    def iterate(self, count: int, sigma: float, beta: float, gamma: float, gap_stop: float) -> NDArray[np.float64]:
        """Iterate until the gap is below `gap_stop`, at most `count` times; answer [n, 4]: gap of w, x, y, whole."""
        self._margins[:self.network.neurons] = np.sqrt(self.network.fan_in / sigma)[:, None]
        trace = np.empty((count, 4))
        record = self._record(beta, gamma, gap_stop, trace)
        self._run(record.ctypes.data, count)
        return trace[:int(record[FIELDS.index("done")])]

    def _record(self, beta: float, gamma: float, gap_stop: float, trace: NDArray[np.float64]) -> NDArray[np.int64]:
        n = self.network
        fields: dict[str, Any] = {
            "blocks": self.shape.blocks, "nodes": n.nodes, "node_rows": self.shape.node_rows, "innodes": n.innodes,
            "neurons": n.neurons, "neuron_rows": self.shape.neuron_rows, "outnodes": n.outnodes, "edges": n.edges,
            "classes": len(n.class_start) - 1, "groups": len(self._tables["MEMBER_START"]) - 1,
            "free": self._free, "done": 0, "TRACE": trace, "beta": beta, "gamma": gamma, "gap_stop": gap_stop,
            **self._tables, **self._buffers}
        return _words(fields, FIELDS)


def _words(fields: dict[str, Any], names: tuple[str, ...]) -> NDArray[np.int64]:
    """Lay out a record: addresses of arrays, integers, and the bits of floats."""
    record = np.zeros(len(names), np.int64)
    for place, name in enumerate(names):
        value = fields[name]
        if isinstance(value, np.ndarray):
            record[place] = value.ctypes.data
        elif isinstance(value, float):
            record[place:place + 1].view(np.float64)[0] = value
        else:
            record[place] = value
    return record


def infer(network: Network, weights: Reals, inputs: Reals) -> tuple[NDArray[np.int8], Reals]:
    """Evaluate the network with sign activations on spins [items, inputs]: output spins and their sums w.x."""
    scalar = "f32" if weights.dtype == np.float32 else "f64"
    shape, items, n = Shape.of(network, len(inputs), scalar), len(inputs), network
    lanes = shape.blocks * LANES
    values = aligned_zeros(shape.node_rows * lanes * weights.itemsize).view(weights.dtype)
    values = values.reshape(shape.blocks, shape.node_rows, LANES)
    sums = aligned_zeros(shape.neuron_rows * lanes * weights.itemsize).view(weights.dtype)
    sums = sums.reshape(shape.blocks, shape.neuron_rows, LANES)
    padded = np.zeros((lanes, n.innodes - 1))
    padded[:items] = inputs
    values[:, 0] = -1
    values[:, 1:n.innodes] = padded.reshape(shape.blocks, LANES, -1).transpose(0, 2, 1)
    fields: dict[str, Any] = {"blocks": shape.blocks, "node_rows": shape.node_rows, "innodes": n.innodes,
                              "neurons": n.neurons, "neuron_rows": shape.neuron_rows, "WB": weights, "VALUE": values,
                              "SUM": sums, **n.tables()}
    _, _, function = compiled(scalar)
    record = _words(fields, INFER_FIELDS)  # by name: it has to live until the call is over
    _CALL(function)(record.ctypes.data, 0)
    outputs = slice(n.neurons - n.outnodes, n.neurons)
    found = sums[:, outputs].transpose(0, 2, 1).reshape(lanes, -1)[:items]
    return np.where(found > 0, 1, -1).astype(np.int8), found
