"""From a model.json of kind `plrnn`, `cfc`, `ltc` or `egru` to a module."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from circuitc.diagnostics import Source, Span, error, nearest
from circuitc.ir import Builder, Module, Port, Value
from circuitc.models.cells import (
    ARRAYS,
    Cell,
    Observed,
    Readout,
    Shown,
    Start,
    cell_network,
    cfc,
    egru,
    floats,
    ltc,
    plrnn,
)
from circuitc.models.rnn import Linear

from .array_files import array_names, read_array
from .files import identifier
from .model_automata import placed
from .model_network import input_port
from .onnx.tensors import Context
from .schema import CfcModel, EgruModel, LtcModel, PlrnnModel
from .schema.cells import CellModel, LayeredModel
from .schema.networks import NetworkInput

_BACKBONE = re.compile(r"backbone\.(\d{1,6})\.weight")
_LAYER = re.compile(r"layer_(\d{1,6})\.ff1\.weight")
_LTC = ("gleak", "vleak", "cm", "w", "sigma", "mu", "erev", "sparsity_mask", "sensory_w", "sensory_sigma", "sensory_mu",
        "sensory_erev", "sensory_sparsity_mask", "input_w", "input_b", "output_w", "output_b")


@dataclass(frozen=True, slots=True)
class _Arrays:
    """The arrays of a model's file, under a prefix."""

    path: Path
    file: str
    prefix: str
    span: Span
    names: frozenset[str]

    @classmethod
    def of(cls, model: CellModel, path: Path, source: Source) -> _Arrays:
        span = Span(source, path="weights")
        names = array_names(path, model.weights, span)
        return cls(path, model.weights, model.tensors, span, frozenset(names))

    def under(self, prefix: str) -> _Arrays:
        return _Arrays(self.path, self.file, prefix, self.span, self.names)

    def within(self, part: str) -> _Arrays:
        return self.under(self._full(part))

    def _full(self, name: str) -> str:
        return f"{self.prefix}.{name}" if self.prefix else name

    def given(self, name: str) -> Any:
        """Give an array, or None where there is none of the name."""
        full = self._full(name)
        return read_array(self.path, self.file, full, None, self.span) if full in self.names else None

    def needed(self, name: str) -> Any:
        found = self.given(name)
        if found is None:
            full = self._full(name)
            raise error(f"{self.file} has no array {full}", self.span, nearest(full, sorted(self.names)[:1000]))
        return found

    def matching(self, pattern: re.Pattern[str]) -> list[int]:
        """Give the numbers in the names that a pattern matches, in order."""
        start = len(self._full(""))
        inner = (n[start:] for n in self.names if n.startswith(self._full("")))
        return sorted(int(m[1]) for n in inner if (m := pattern.fullmatch(n)))

    def affine(self, name: str) -> tuple[Any, Any]:
        return self.needed(f"{name}.weight"), self.needed(f"{name}.bias")


def build_plrnn(model: PlrnnModel, path: Path, source: Source) -> Module:
    """Give the module of a piecewise-linear network: a stream where it has an input, else so many steps."""
    arrays = _Arrays.of(model, path, source)

    def build() -> Module:
        relus = _relus(model, arrays)
        given = {name: arrays.given(name) for name in ARRAYS[model.variant]}
        cell = plrnn(model.variant, given, relus=relus, c=arrays.given("C") if model.input else None,
                     z0=arrays.given("z0"))
        seen = (("code", model.code),) if model.code else ()
        shown = Shown(model.output, model.returns, seen, model.state or "")
        return _module(model, path, source, [cell], [_plrnn_readout(model, arrays, cell.units)], model.input, shown,
                       steps=model.steps, start=_start(model, arrays))
    return placed(source, "weights", build)


def _relus(model: PlrnnModel, arrays: _Arrays) -> int | None:
    """Give P of an alrnn: the model's, or that of the file."""
    found = arrays.given("P") if model.variant == "alrnn" and model.relus is None else None
    if found is None:
        return model.relus
    if found.size != 1 or float(found.flat[0]) != int(found.flat[0]):
        raise error(f"P is one whole number, got an array of shape {list(found.shape)}" if found.size != 1 else
                    f"P is a whole number, got {float(found.flat[0]):g}", arrays.span)
    return int(found.flat[0])


def _start(model: PlrnnModel, arrays: _Arrays) -> Start | None:
    if model.start is None:
        return None
    if model.start.kind == "state":
        return Start(model.start.name)
    return Start(model.start.name, floats(arrays.needed("L"), "L", (None, None)))


def _plrnn_readout(model: PlrnnModel, arrays: _Arrays, units: int) -> Readout:
    if model.readout == "affine":
        if model.observed is not None:
            raise error("observed is that of readout identity, B says what an affine one observes")
        return _linear(arrays.needed("B"), arrays.given("b"), "B", "b")
    initial = arrays.given("L")
    return Observed(model.observed or (initial.shape[-1] if initial is not None and initial.ndim else units))


def _linear(weights: Any, bias: Any, *names: str) -> Linear:
    w = floats(weights, names[0], (None, None))
    return Linear(w, np.zeros(len(w), np.float32) if bias is None else floats(bias, names[1], (len(w),)))


def build_cfc(model: CfcModel, path: Path, source: Source) -> Module:
    """Give the module of a CfC, or of the layers of a wired one: a stream."""
    arrays = _Arrays.of(model, path, source)

    def cell(at: _Arrays) -> Cell:
        backbone = [at.affine(f"backbone.{k}") for k in at.matching(_BACKBONE)]
        names = ("ff1",) if model.mode == "pure" else ("ff1", "ff2", "time_a", "time_b")
        maps = {name: at.affine(name) for name in names}
        mask = at.given("sparsity_mask")
        if mask is not None:
            maps |= {name: _masked(maps[name], mask, name) for name in names if name.startswith("ff")}
        return cfc(model.mode, backbone, maps, activation=model.activation, w_tau=at.given("w_tau"), a=at.given("A"),
                   dt=None if model.timespans else float(model.dt))

    def build() -> Module:
        if any(n == "lstm.input_map.weight" or n.endswith(".lstm.input_map.weight") for n in arrays.names):
            raise error("mixed memory (an LSTM before the cell) is not read", arrays.span)
        layers = arrays.matching(_LAYER)
        cells = [cell(arrays.within(f"layer_{k}")) for k in layers] or [cell(arrays)]
        return _layered(model, path, source, arrays, cells, (), model.timespans or "")
    return placed(source, "weights", build)


def _masked(layer: tuple[Any, Any], mask: Any, name: str) -> tuple[Any, Any]:
    weights, bias = layer
    if mask.shape != weights.shape:
        raise error(f"sparsity_mask has shape {list(mask.shape)}, {name}.weight {list(weights.shape)}")
    return weights * mask, bias


def build_ltc(model: LtcModel, path: Path, source: Source) -> Module:
    """Give the module of an LTC: a stream whose steps call the solver's inner step."""
    arrays = _Arrays.of(model, path, source)

    def build() -> Module:
        cell = ltc({name: arrays.given(name) for name in _LTC}, unfolds=model.unfolds, dt=float(model.dt),
                   epsilon=float(model.epsilon), implicit=model.implicit)
        return _layered(model, path, source, arrays, [cell])
    return placed(source, "weights", build)


def build_egru(model: EgruModel, path: Path, source: Source) -> Module:
    """Give the module of an EGRU: a stream."""
    arrays = _Arrays.of(model, path, source)

    def build() -> Module:
        cell = egru(*(arrays.needed(n) for n in ("kernel", "recurrent_kernel", "bias", "recurrent_bias", "thr")))
        return _layered(model, path, source, arrays, [cell], (("events", model.events),) if model.events else ())
    return placed(source, "weights", build)


def _layered(model: LayeredModel, path: Path, source: Source, arrays: _Arrays, cells: Sequence[Cell],
             seen: tuple[tuple[str, str], ...] = (), dt: str = "") -> Module:
    readout: list[Readout] = []
    if model.readout is not None:
        at = arrays.under(model.readout)
        readout.append(_linear(at.needed("weight"), at.given("bias"), f"{model.readout}.weight",
                               f"{model.readout}.bias"))
    return _module(model, path, source, cells, readout, model.input, Shown(model.output, model.returns, seen), dt=dt)


def _module(model: CellModel, path: Path, source: Source, cells: Sequence[Cell], readout: Sequence[Readout],
            given: NetworkInput | None, shown: Shown, **more: Any) -> Module:
    port: Port | None = None
    reader: Any = None
    if given is not None:
        port, tensor = input_port(given, source)

        def read(b: Builder, value: Value) -> Value:
            return Context(builder=b).real(tensor(value, b.type(value).shape))
        reader = read
    name = model.name or identifier(path.stem)
    return cell_network(cells, readout, port, read=reader, shown=shown, name=name, **more)


__all__ = ["build_cfc", "build_egru", "build_ltc", "build_plrnn"]
