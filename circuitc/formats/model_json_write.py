"""Write a module of thresholds as model.json: exact integers, one layer a line where the network is layered."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from circuitc.ir import Module
from circuitc.models.btf import Terminal, ThresholdNetwork
from circuitc.models.btf_extract import network_of

from .schema.base import SCHEMA


def write(module: Module) -> Mapping[str, bytes]:
    """Write a module of threshold neurons as a model of kind btf; refuse any other in one line."""
    network = network_of(module)
    head = {"schema": SCHEMA, "kind": "btf", "name": network.name,
            "inputs": [_port(t) for t in network.inputs], "outputs": [_port(t) for t in network.outputs]}
    layers = _layers(network)
    if layers is not None:
        rows = [_lines('    {"weights": [', [json.dumps(row) for row in layer], "]}") for layer in layers]
        body = _lines('  "layers": [', rows, "]")
    else:
        neurons = [json.dumps({"sources": n.sources, "weights": [n.threshold, *n.weights]}) for n in network.neurons]
        body = _lines('  "neurons": [', [f"    {n}" for n in neurons], "]")
    text = json.dumps(head, indent=2).removesuffix("\n}")
    return {"": f"{text},\n{body}\n}}\n".encode()}


def _lines(before: str, items: Sequence[str], after: str) -> str:
    indent = " " * (len(before) - len(before.lstrip()) + 2)
    joined = ",\n".join(item if item.startswith(" ") else indent + item for item in items)
    return f"{before}\n{joined}{after}"


def _port(t: Terminal) -> dict[str, Any]:
    plain = t.type.is_spin and t.type.rank == 1
    port: dict[str, Any] = {"name": t.name, **({"size": t.type.size} if plain else {"type": str(t.type)})}
    return port if t.bit_order == "lsb" else {**port, "bit_order": t.bit_order}


def _layers(network: ThresholdNetwork) -> list[list[list[int]]] | None:
    """Give the rows of a layered network, or None where a neuron does not read exactly the layer before."""
    layers: list[list[list[int]]] = []
    before = tuple(range(1, 1 + network.input_bits))
    label, current = before[-1] + 1, before
    for neuron in network.neurons:
        if not layers or neuron.sources != current:
            if layers:
                before = tuple(range(label - len(layers[-1]), label))
            if neuron.sources != before:
                return None
            current = before
            layers.append([])
        layers[-1].append([neuron.threshold, *neuron.weights])
        label += 1
    return layers if len(layers) and len(layers[-1]) == len(network.output_labels) else None
