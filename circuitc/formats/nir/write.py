"""From a network, or a module that came from NIR, to the bytes of a `.nir` file."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from circuitc.diagnostics import CircuitError, error
from circuitc.ir import Module
from circuitc.models.spiking import Network, Timing, build_network

from .facts import network_from
from .hdf5 import h5py
from .read import PREFIX
from .tree import tree_of

VERSION = "1.0"     # of NIR, whose layout of files this is


def write_nir(module: Module) -> Mapping[str, bytes]:
    """Print a module that was read from NIR and is what it was: same network, same steps of time."""
    facts = module.facts
    if "nir" not in facts or "spiking" not in facts:
        raise error(f"{module.name} was not read from a .nir file, and only such networks are written as one",
                    help="write it as .ccir")
    timing = _timing(facts["spiking"])
    try:
        network = network_from(facts["nir"], module)
        same = build_network(network, timing, module.entry.name).entry == module.entry
    except CircuitError:
        same, network = False, None
    if network is None or not same:
        raise error(f"{module.name} was changed since it was read from a .nir file, and NIR cannot say what it is "
                    "now", help="write it as .ccir, or convert before passes run")
    return {"": network_bytes(network, timing)}


def _timing(facts: Mapping[str, Any]) -> Timing:
    return Timing(**{name: facts[name] for name in Timing.__dataclass_fields__})


def network_bytes(network: Network, timing: Timing | None = None) -> bytes:
    """Print a network; with a timing, how to cut it into steps stands in the metadata of the graph."""
    for name in network.nodes:
        if "/" in name or "\0" in name or name in (".", ""):
            raise error(f"{name!r} cannot be the name of a node in a file")
    tree = tree_of(network)
    if timing is not None:
        tree["metadata"] = {f"{PREFIX}{name}": repr(value) if isinstance(value, float) else value
                            for name, value in asdict(timing).items()}
    module, buffer = h5py(), io.BytesIO()
    with module.File(buffer, "w") as file:
        _put(module, file, "version", VERSION)
        _put(module, file, "node", tree)
    return buffer.getvalue()


def _put(module: Any, group: Any, name: str, value: Any) -> None:
    if isinstance(value, Mapping):
        inner = group.create_group(name)
        for key, item in value.items():
            _put(module, inner, str(key), item)
    elif isinstance(value, str) or np.asarray(value).dtype == object:
        group.create_dataset(name, data=value, dtype=module.string_dtype())
    else:
        group.create_dataset(name, data=np.asarray(value))


__all__ = ["network_bytes", "write_nir"]
