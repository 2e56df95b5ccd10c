"""From a model.json of kind `spiking` to a module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from circuitc.diagnostics import Source, Span, error
from circuitc.ir import Module, parse_type
from circuitc.models.spiking import Core, UltraLayer, core_module, ultra_network

from .files import identifier
from .model_automata import placed
from .model_network import numbers
from .schema import SpikingModel


def build_spiking(model: SpikingModel, path: Path, source: Source) -> Module:
    """Give the module of a core, or of layers of UltraLIF neurons."""
    if (model.core is None) == (model.layers is None):
        raise error("one of the keys core and layers says what the network is", Span(source))
    name = model.name or identifier(path.stem)
    where, build = ("core", _core) if model.core is not None else ("layers", _layers)
    return placed(source, where, lambda: build(model, name, path, source))


def _core(model: SpikingModel, name: str, path: Path, source: Source) -> Module:
    given = model.core
    assert given is not None

    def read(key: str, rank: int) -> Any:
        return _array(getattr(given, key), rank, path, Span(source, path=f"core.{key}"))
    threshold = read("threshold", 1)
    refractory, reset = (np.zeros(len(threshold)) if getattr(given, key) is None else read(key, 1)
                         for key in ("refractory", "reset"))
    core = Core(read("lateral", 2), read("forward", 2), threshold, refractory, read("tau", 1), reset,
                given.weight_fraction)
    return core_module(core, given.form, name)


def _layers(model: SpikingModel, name: str, path: Path, source: Source) -> Module:
    layers: list[UltraLayer] = []
    for k, given in enumerate(model.layers or ()):
        def read(key: str, rank: int, given: Any = given, k: int = k) -> Any:
            return _array(getattr(given, key), rank, path, Span(source, path=f"layers[{k}].{key}"))
        weights = read("weights", 2)
        bias = np.zeros(len(weights)) if given.bias is None else read("bias", 1)
        layers.append(UltraLayer(weights, bias, read("tau", 1), read("theta", 1)))
    t = parse_type(model.type)
    if t.shape:
        raise error(f"the type of voltages is that of one number, got {t}", Span(source, path="type"))
    return ultra_network(layers, t, inputs=model.inputs, name=name, port=model.input, output=model.output)


def _array(given: Any, rank: int, path: Path, span: Span) -> Any:
    rows = numbers(given, rank, path, span)
    if rank == 2 and len({len(row) for row in rows}) != 1:
        raise error("the rows are not of one length", span)
    return np.array(rows, dtype=object).astype(np.float64)
