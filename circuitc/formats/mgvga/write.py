"""Write a module as a `.pt` file that PyTorch, PyTorch Geometric and MGVGA's loader read; no PyTorch is needed."""

from __future__ import annotations

import io
import re
import struct
import zipfile
from collections.abc import Mapping
from typing import Any

import numpy as np

from circuitc.backends.gate_level import Circuit, circuit_of, gate_level_faults
from circuitc.diagnostics import CircuitError, Diagnostic
from circuitc.ir import Module, Netlist

from ..origins import origins
from .build_graph import graph_of_netlist, longest_path, numbered, reads_constant
from .graph import AND, PI, PO, GateGraph, Int64
from .read import OWN_KEY

_LATCH_END = re.compile(r"l[io][0-9]+")
_FREE = -1
_LONG_AGO = (1980, 1, 1, 0, 0, 0)   # of members of zip files, whose bytes must not depend on the clock


def write_mgvga(module: Module) -> Mapping[str, bytes]:
    """Print a module's entry as a graph in the layout of MGVGA's sample: lists, and edges from driver to sink.

    Port names become the names of nodes. Latches are cut into `lo000` and `li000`; their own names and initial values,
    and which node is the constant, stand in one more attribute, the dict `circuitc`, with origins where they are known.
    """
    faults = gate_level_faults(module, "mgvga")
    if faults:
        raise CircuitError(faults)
    circuit = circuit_of(module)
    _refuse_names(circuit)
    latches = len(circuit.latches)
    graph = graph_of_netlist(circuit.netlist, [*circuit.inputs, *numbered("lo", latches, 3)],
                             [*circuit.outputs, *numbered("li", latches, 3)])
    own = {"registers": list(circuit.latches), "initial": [_FREE if r is None else r for r in circuit.resets],
           "constant": circuit.netlist.inputs if reads_constant(circuit.netlist) else -1}
    return {"": encode_graph(graph, {OWN_KEY: own | _origins(circuit.netlist, graph)})}


def write_zipped(module: Module) -> Mapping[str, bytes]:
    """Print a module's entry as a `.pt.zip`: one compressed member, a `.pt` that is named like the func."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        name = re.sub(r"[^\w.-]", "_", module.entry.name)
        member = zipfile.ZipInfo(f"{name}.pt", _LONG_AGO)
        archive.writestr(member, write_mgvga(module)[""], zipfile.ZIP_DEFLATED)
    return {"": buffer.getvalue()}


def _origins(netlist: Netlist, graph: GateGraph) -> dict[str, Any]:
    """Say where gates come from: `places`, and for each node the number of its place, or -1 where none is known.

    Both keys are always there: PyG batches graphs only whose dictionaries have the same keys.
    """
    number: dict[str, int] = {}
    of_node = [-1] * graph.nodes
    shift = int(np.argmax(graph.node_type == AND)) - netlist.inputs - 1
    for node, places in origins(netlist).items():
        of_node[node + shift] = number.setdefault("|".join(map(str, places)), len(number))
    return {"places": list(number), "place_of": of_node}


def encode_graph(graph: GateGraph, more: Mapping[str, Any]) -> bytes:
    """Give the bytes of a `.pt` file: the same for the same graph."""
    fields: dict[str, Any] = {
        "node_id": list(graph.names), "node_type": graph.node_type.tolist(),
        "num_inverted_predecessors": graph.inverted_fanins.tolist(), "edge_type": graph.inverted.astype(int).tolist(),
        "longest_path": longest_path(graph), "and_nodes": int(np.sum(graph.node_type == AND)),
        "pi": int(np.sum(graph.node_type == PI)), "po": int(np.sum(graph.node_type == PO)),
        "not_edges": int(np.sum(graph.inverted)), "num_nodes": graph.nodes, **more}
    members = {"data.pkl": pickle_data(graph.edges, fields), "byteorder": b"little",
               "data/0": graph.edges.astype("<i8").tobytes(), "version": b"3\n"}
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(f"graph/{name}", _LONG_AGO), content)
    return buffer.getvalue()


def pickle_data(edges: Int64, fields: Mapping[str, Any]) -> bytes:
    """Print a pickle that makes `Data(None, edges)` and sets fields one by one.

    PyG 1 and 2 keep attributes in different places; a call and items are what both of them understand.
    """
    storage = b"(" + b"".join([_text("storage"), b"ctorch\nLongStorage\n", _text("0"), _text("cpu"),
                               _number(edges.size)]) + b"tQ"
    size = _number(edges.shape[0]) + _number(edges.shape[1]) + b"\x86"
    stride = _number(edges.shape[1]) + _number(1) + b"\x86"
    tensor = (b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + _number(0) + size + stride
              + b"\x89ccollections\nOrderedDict\n)RtR")
    items = b"".join(_text(key) + _value(value) for key, value in fields.items())
    return b"\x80\x02ctorch_geometric.data.data\nData\nN" + tensor + b"\x86R(" + items + b"u."


def _value(value: Any) -> bytes:
    match value:
        case str():
            return _text(value)
        case int():
            return _number(value)
        case list():
            return b"](" + b"".join(map(_value, value)) + b"e"  # pyright: ignore[reportUnknownArgumentType]  # of Any
        case dict():
            items = b"".join(_value(part) for item in value.items() for part in item)  # pyright: ignore[reportUnknownVariableType]  # of Any
            return b"}(" + items + b"u"
        case _:
            raise AssertionError(f"no pickle of {value!r}")


def _text(text: str) -> bytes:
    data = text.encode()
    return b"X" + struct.pack("<I", len(data)) + data


def _number(number: int) -> bytes:
    if 0 <= number < 256:
        return b"K" + bytes([number])
    return b"J" + struct.pack("<i", number)


def _refuse_names(circuit: Circuit) -> None:
    """Refuse names that a reader would refuse, or take for the ends of a latch."""
    faults: list[Diagnostic] = []
    for name in (*circuit.inputs, *circuit.outputs, *circuit.latches):
        if not name.isprintable() or len(name) > 900:
            faults.append(Diagnostic(f"{name[:80]!r} is not a name that mgvga can spell", circuit.func.span,
                                     "rename the port or register"))
    for name in (*circuit.inputs, *circuit.outputs) if circuit.latches else ():
        if _LATCH_END.fullmatch(name):
            faults.append(Diagnostic(f"the port {name!r} has a name that mgvga gives to the end of a latch",
                                     circuit.func.span, "rename the port"))
    if faults:
        raise CircuitError(faults)
