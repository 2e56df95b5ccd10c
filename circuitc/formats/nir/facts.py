"""What a module remembers of the NIR file that it came from, so that it can be written again.

Facts are JSON. Large arrays are not in them: where the program has the same numbers as a constant, its digest stands.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import Constant, Module
from circuitc.models.spiking import Network, Node

_SMALL = 16   # numbers that are listed without looking for a constant


def network_facts(network: Network, module: Module) -> dict[str, Any]:
    """Give a network as JSON, beside the module that was made of it."""
    constants = {_key(c.array): c.digest for c in module.constants.values() if c.type.is_float}
    nodes = {name: {"type": node.kind, **{p: _listed(v, constants) for p, v in node.parameters.items()}}
             for name, node in network.nodes.items()}
    return {"nodes": nodes, "edges": [list(edge) for edge in network.edges]}


def network_from(facts: Mapping[str, Any], module: Module) -> Network:
    """Give back the network that facts tell of; a KeyError where the module has lost a constant."""
    by_digest = {c.digest: c for c in module.constants.values()}
    nodes = {name: Node(item["type"], {p: _array(v, by_digest) for p, v in item.items() if p != "type"})
             for name, item in facts["nodes"].items()}
    return Network(nodes, tuple((str(a), str(b)) for a, b in facts["edges"]))


def _key(array: Any) -> tuple[Any, ...]:
    return array.shape, array.dtype.str, array.tobytes()


def _listed(value: Any, constants: Mapping[Any, str]) -> Any:
    if isinstance(value, str):
        return value
    array = np.asarray(value)
    head = {"dtype": array.dtype.name, "shape": list(array.shape)}
    if array.size > 1 and bool(np.all(array == array.flat[0])):
        return {**head, "every": array.flat[0].item()}
    digest = constants.get(_key(array)) if array.size > _SMALL else None
    return {**head, "constant": digest} if digest else {**head, "values": array.ravel().tolist()}


def _array(value: Any, by_digest: Mapping[str, Constant]) -> Any:
    if isinstance(value, str):
        return value
    dtype, shape = np.dtype(value["dtype"]), tuple(value["shape"])
    if "every" in value:
        return np.full(shape, value["every"], dtype)
    if "values" in value:
        return np.array(value["values"], dtype).reshape(shape)
    if value["constant"] not in by_digest:
        raise error("its weights are no longer those of the file")
    return np.asarray(by_digest[value["constant"]].array, dtype)


__all__ = ["network_facts", "network_from"]
