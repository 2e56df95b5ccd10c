"""From a model.json of kind `rnn` to a module."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from circuitc.diagnostics import CircuitError, Source, Span, error
from circuitc.ir import Builder, Module, Port, Value
from circuitc.models.automata import regularized
from circuitc.models.rnn import Level, Linear, Reader, network, torch_layer, torch_levels

from .array_files import array_names, read_array
from .files import identifier
from .model_network import input_port, numbers
from .onnx.tensors import Context
from .schema import FileArray, RnnLayer, RnnModel


def build_rnn(model: RnnModel, path: Path, source: Source) -> Module:
    """Give the module of a recurrent network: a stream, or of a fixed length."""
    if len(model.input.shape) != 1:
        raise error("an item of a sequence is a vector: its shape is [features]", Span(source, path="input.shape"))
    port, tensor = input_port(model.input, source)
    levels: list[Level] = []
    readout: list[Linear] = []
    for number, layer in enumerate(model.layers):
        where = f"layers[{number}]"
        try:
            part = _Part(model, layer, where, path, source)
            if layer.op == "linear":
                readout.append(part.linear())
            elif readout:
                raise error("a recurrent layer stands behind a linear one")
            else:
                levels += part.levels()
        except CircuitError as e:
            head = e.diagnostics[0]
            raise error(head.message, head.span or Span(source, path=where), head.help) from None

    def read(b: Builder, value: Value) -> Value:
        context = Context(builder=b)
        return context.real(tensor(value, b.type(value).shape))
    try:
        if model.centroids is not None:
            return _regularized(model, levels, readout, port, read, path, source)
        if model.start is not None or model.decision:
            raise error("start and decision are those of a network with centroids")
        return network(levels, readout, port, read=read, length=model.length, returns=model.returns,
                       name=model.name or identifier(path.stem), output=model.output)
    except CircuitError as e:
        raise error(e.diagnostics[0].message, Span(source, path="layers"), e.diagnostics[0].help) from None


def _regularized(model: RnnModel, levels: list[Level], readout: list[Linear], port: Port, read: Reader, path: Path,
                 source: Source) -> Module:
    """Give the stream of a state-regularised network."""
    if len(levels) != 1 or len(levels[0]) != 1:
        raise error("centroids are those of one layer that runs forward")
    if model.returns != "sequence" or model.length is not None:
        raise error("a network with centroids is a stream that answers every step",
                    help='write "returns": "sequence", and no length')
    span = Span(source, path="centroids")
    given = model.centroids
    if isinstance(given, FileArray):
        array = read_array(path, given.file, given.array, 2, span)
    else:
        rows = numbers(given, 2, path, span)
        if len({len(row) for row in rows}) != 1:
            raise error("the rows of centroids are not of one length", span)
        array = np.array(rows, dtype=object)
    return regularized(levels[0][0], _finite(array, "centroids"), readout, port, read=read, start=model.start or 0,
                       decision=model.decision, name=model.name or identifier(path.stem), output=model.output)


class _Part:
    """One entry of `layers` on its way to layers."""

    def __init__(self, model: RnnModel, layer: RnnLayer, where: str, path: Path, source: Source) -> None:
        self.model, self.layer, self.where, self.path = model, layer, where, path
        self.span = Span(source, path=where)

    def levels(self) -> list[Level]:
        """Give recurrent layers: all that the file has under a prefix, or the one that stands here."""
        layer = self.layer
        assert layer.op != "linear"
        self._refuse(("weight", "bias"))
        if layer.activation != "tanh" and layer.op != "rnn":
            raise error(f"activation is that of op rnn, a {layer.op} has its own")
        if layer.tensors is not None:
            self._refuse(("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
            file = self._file()
            return torch_levels(layer.op, array_names(self.path, file, self.span), layer.tensors, self._read,
                                layer.activation)
        arrays = [self._inline(name, rank) for name, rank in (
            ("weight_ih", 2), ("weight_hh", 2), ("bias_ih", 1), ("bias_hh", 1))]
        return [(torch_layer(layer.op, *arrays, activation=layer.activation),)]

    def linear(self) -> Linear:
        """Give a linear layer."""
        self._refuse(("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        if self.layer.tensors is None:
            weights, bias = self._inline("weight", 2), self._inline("bias", 1)
        else:
            self._refuse(("weight", "bias"))
            dot = f"{self.layer.tensors}." if self.layer.tensors else ""
            weights = self._read(f"{dot}weight", 2)
            names = array_names(self.path, self._file(), self.span)
            bias = self._read(f"{dot}bias", 1) if f"{dot}bias" in names else None
        return Linear(weights, np.zeros(len(weights), np.float32) if bias is None else bias)

    def _file(self) -> str:
        if self.model.weights is None:
            raise error("the key weights is missing: layers with tensors need a file")
        return self.model.weights

    def _refuse(self, names: tuple[str, ...]) -> None:
        for name in names:
            if getattr(self.layer, name) is not None:
                raise error(f"the key {name} does not stand here, beside op {self.layer.op}" + (
                    " and tensors" if self.layer.tensors is not None else ""))

    def _read(self, name: str, rank: int) -> Any:
        return _finite(read_array(self.path, self._file(), name, rank, self.span), name)

    def _inline(self, name: str, rank: int) -> Any:
        given = getattr(self.layer, name)
        if given is None:
            if name.startswith("weight"):
                raise error(f"the key {name} is missing, or tensors that names the arrays of a file")
            return None
        rows = numbers(given, rank, self.path, self.span)
        if rank == 2 and len({len(row) for row in rows}) != 1:
            raise error(f"the rows of {name} are not of one length")
        return _finite(np.array(rows, dtype=object), name)


def _finite(array: Any, name: str) -> Any:
    try:
        with np.errstate(over="ignore"):
            found = array.astype(np.float64).astype(np.float32)
    except OverflowError:
        found = np.array([np.inf])
    if not np.all(np.isfinite(found)):
        raise error(f"{name} has a number beyond those of f32")
    return found
