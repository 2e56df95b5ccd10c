"""From a `.nir` file to a module: how time is cut comes from options, or from a file that circuitc wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from circuitc.diagnostics import CircuitError, error
from circuitc.ir import Module
from circuitc.models.spiking import CHOICES, Timing, build_network

from ..files import identifier
from .facts import network_facts
from .hdf5 import read_tree
from .tree import network_of

PREFIX = "circuitc_"    # of the keys of a graph's metadata that are ours

OPTIONS: Mapping[str, str] = MappingProxyType({
    "dt": "the length of a step in seconds; needed, as NIR's equations have no steps",
    **{name: " or ".join(known) for name, known in CHOICES.items()}})


def read_nir(path: Path, options: Mapping[str, str] = MappingProxyType({})) -> Module:
    """Read a network and cut it into steps; options say how, before what the file itself may say."""
    tree = read_tree(path, "node")
    try:
        network = network_of(tree)
        timing = _timing({**_stored(tree), **options})
        module = build_network(network, timing, identifier(path.stem))
    except CircuitError as e:
        head = e.diagnostics[0]
        raise error(f"{path}: {head.message}", head.span, head.help) from None
    return replace(module, facts={**module.facts, "nir": network_facts(network, module)})


def _stored(tree: Mapping[str, Any]) -> dict[str, str]:
    """Give the options that a file of ours holds in the metadata of its graph."""
    metadata = tree.get("metadata", {})
    if not isinstance(metadata, dict):
        return {}
    return {name: str(metadata[PREFIX + name]) for name in OPTIONS if isinstance(metadata.get(PREFIX + name), str)}


def _timing(options: Mapping[str, str]) -> Timing:
    if "dt" not in options:
        raise error("NIR gives no step of time, and none was chosen",
                    help="add --model-option dt=1e-4 (seconds), in Python load(path, options={'dt': 1e-4})")
    try:
        dt = float(options["dt"])
    except ValueError:
        raise error(f"dt is a number of seconds, got {options['dt'][:40]!r}") from None
    return Timing(dt, **{name: options[name] for name in CHOICES if name in options})  # pyright: ignore[reportArgumentType]


__all__ = ["OPTIONS", "PREFIX", "read_nir"]
