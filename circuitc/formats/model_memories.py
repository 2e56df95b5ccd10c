"""From a model.json of kind `hopfield` or `reservoir` to a module."""

from __future__ import annotations

import csv
import io
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import Source, Span, error
from circuitc.ir import Module
from circuitc.models.recall import Memory, build_hopfield, hebbian
from circuitc.models.reservoir import (
    EchoState,
    Liquid,
    build_echo_state,
    build_liquid,
    conductance_weights,
    liquid_matrices,
    sparse_matrix,
    spectral_radius,
)

from .array_files import read_array
from .base import decode_text, read_bytes
from .files import companion_path, identifier
from .model_automata import placed
from .model_network import numbers
from .schema import ConductanceMatrix, FileArray, HopfieldModel, ReservoirModel, SparseMatrix

Floats = NDArray[np.float64]
MAX_TABLE = 1 << 26  # bytes of a table of conductances
MAX_WEIGHTS = 1 << 26  # of the matrix that patterns make


def build_memory(model: HopfieldModel, path: Path, source: Source) -> Module:
    """Give the module of a Hopfield network."""
    memory = _memory(model, path, source)
    return placed(source, "", lambda: build_hopfield(memory, model.name or identifier(path.stem)))


def _memory(model: HopfieldModel, path: Path, source: Source) -> Memory:
    if (model.patterns is None) == (model.weights is None):
        raise error("a memory has either patterns or weights", Span(source))
    if model.update == "sync" and (model.order is not None or model.form == "array"):
        raise error("order and form are those of async updates", Span(source, path="update"))
    if model.degree > 2 and (model.patterns is None or model.thresholds is not None):
        raise error("a dense memory (degree above 2) has patterns and no thresholds", Span(source, path="degree"))
    if model.patterns is not None:
        patterns = _patterns(model.patterns, path, Span(source, path="patterns"))
        units = patterns.shape[1]
        if model.degree == 2 and units * units > MAX_WEIGHTS:
            raise error(f"patterns of {units} units make {units}**2 weights, more than {MAX_WEIGHTS}",
                        Span(source, path="patterns"))
        weights = hebbian(patterns) if model.degree == 2 else np.zeros((0, 0), np.int64)
    else:
        weights = np.array(_matrix_rows(model.weights, path, Span(source, path="weights")), object)
        units, patterns = len(weights), np.zeros((0, len(weights)), np.int64)
    thresholds = [Fraction(0)] * units
    if model.thresholds is not None:
        span = Span(source, path="thresholds")
        thresholds = [Fraction(x) for x in numbers(model.thresholds, 1, path, span)]
        if len(thresholds) != units:
            raise error(f"{units} units have {len(thresholds)} thresholds", span)
    order: tuple[int, ...] = ()
    if model.update == "async":
        order = tuple(range(units)) if model.order is None else tuple(model.order)
    whole_weights, whole_thresholds = _whole(weights, thresholds, Span(source, path="weights"))
    return Memory(whole_weights, whole_thresholds, patterns, model.degree, order, model.sweeps, model.settle,
                  model.ties, model.form)


def _patterns(given: Any, path: Path, span: Span) -> NDArray[np.int64]:
    rows = _matrix_rows(given, path, span)
    for k, row in enumerate(rows):
        if any(x not in (-1, 1) for x in row):
            raise error(f"pattern {k} has a number that is neither -1 nor 1", span)
    return np.array(rows, dtype=object).astype(np.int64)


def _matrix_rows(given: Any, path: Path, span: Span) -> list[list[Fraction]]:
    """Give the rows of a matrix exactly."""
    rows = numbers(given, 2, path, span)
    if not rows or not rows[0] or len({len(row) for row in rows}) != 1:
        raise error("a matrix has rows of one length, and numbers in them", span)
    return [[Fraction(x) for x in row] for row in rows]


def _whole(weights: NDArray[Any], thresholds: list[Fraction], span: Span) -> tuple[Any, Any]:
    """Give weights and thresholds times their common denominator, which changes no sign of a field.

    Weights are exact numbers, [units, units], or none.
    """
    count = len(thresholds)
    if weights.size and weights.shape[1] != count:
        raise error(f"weights are [units, units], got {len(weights)} rows of {weights.shape[1]}", span)
    exact = weights.flat if weights.dtype == object else ()  # whole numbers have no denominators
    common = lcm(*{x.denominator for x in (*exact, *thresholds)})
    levels = [x * common for x in thresholds]
    largest = np.asarray(np.abs(weights).max(initial=0)).item()  # a number of Python's, which does not overflow
    if max(largest * common, *(abs(x) for x in levels)) >= 1 << 60:
        raise error("as exact whole numbers the weights need more than 60 bits", span, "give them with fewer digits")
    whole = weights if common == 1 else weights.astype(object) * common
    return whole.astype(np.int64), np.array([int(x) for x in levels], np.int64)


def build_reservoir(model: ReservoirModel, path: Path, source: Source) -> Module:
    """Give the module of a reservoir."""
    name = model.name or identifier(path.stem)
    reader = _Reader(path, source)
    weights, weights_in = _matrices(model, reader)
    bias = reader.vector(model.bias, "bias")
    bias = np.zeros(len(weights)) if bias is None else bias
    readout = None if model.readout is None else reader.matrix(model.readout, "readout")
    rest = {"readout": readout, "readout_bias": reader.vector(model.readout_bias, "readout_bias")}
    if model.model == "echo-state":
        net = EchoState(weights, weights_in, bias, float(model.leak), **rest)
        return placed(source, "", lambda: build_echo_state(net, name, model.input, model.output))
    liquid = Liquid(weights, weights_in, bias, float(model.tau_v), float(model.tau_u), float(model.threshold),
                    model.refractory, model.fraction, **rest)
    return placed(source, "", lambda: build_liquid(liquid, name))


def _matrices(model: ReservoirModel, reader: _Reader) -> tuple[Floats, Floats]:
    drawn = model.liquid
    if drawn is None:
        if model.weights is None or model.weights_in is None:
            raise error("a reservoir has weights and weights_in" + (
                ", or liquid" if model.model == "liquid" else ""), Span(reader.source))
        return reader.matrix(model.weights, "weights"), reader.matrix(model.weights_in, "weights_in")
    if model.model != "liquid" or model.weights is not None or model.weights_in is not None:
        raise error("liquid draws the weights of a liquid, which then has no others",
                    Span(reader.source, path="liquid"))
    x, y, z = drawn.grid
    return placed(reader.source, "liquid", lambda: liquid_matrices(
        (x, y, z), drawn.inputs, drawn.seed, distance=float(drawn.distance), weight=float(drawn.weight),
        input_weight=float(drawn.input_weight), input_density=float(drawn.input_density)))


class _Reader:
    """Arrays of a model as doubles."""

    def __init__(self, path: Path, source: Source) -> None:
        self.path, self.source = path, source

    def vector(self, given: Any, key: str) -> Floats | None:
        if given is None:
            return None
        return self._doubles(numbers(given, 1, self.path, Span(self.source, path=key)), key)

    def matrix(self, given: Any, key: str) -> Floats:
        span = Span(self.source, path=key)
        if isinstance(given, SparseMatrix):
            radius = None if given.radius is None else float(given.radius)
            return placed(self.source, key, lambda: sparse_matrix(
                given.rows, given.columns, float(given.density), float(given.scale), radius, given.seed))
        if isinstance(given, ConductanceMatrix):
            positive, negative = (self._conductances(which, span) for which in (given.positive, given.negative))
            weights = placed(self.source, key, lambda: conductance_weights(positive, negative, float(given.unit)))
            return weights if given.radius is None else self._scaled(weights, float(given.radius), span)
        return self._doubles(_matrix_rows(given, self.path, span), key)

    def _scaled(self, weights: Floats, radius: float, span: Span) -> Floats:
        if weights.shape[0] != weights.shape[1]:
            raise error("a spectral radius is that of a square matrix", span)
        if not radius > 0:
            raise error(f"a spectral radius is above 0, got {radius}", span)
        found = spectral_radius(weights)
        if found < 1e-12:
            raise error("the matrix has no spectral radius to scale", span)
        return weights * (radius / found)

    def _conductances(self, given: FileArray | str, span: Span) -> Floats:
        if isinstance(given, FileArray):
            return np.asarray(read_array(self.path, given.file, given.array, 2, span), np.float64)
        file = companion_path(self.path, given, span)
        if file.suffix.lower() != ".csv":
            raise error(f"{given[:80]} is no .csv file", span, 'of an .npz write {"file": "g.npz", "array": "name"}')
        if not file.is_file():
            raise error(f"there is no file {given[:80]} beside the model", span)
        rows = [row for row in csv.reader(io.StringIO(decode_text(read_bytes(file, MAX_TABLE), str(file)))) if row]
        try:
            table = np.array([[float(x) for x in row] for row in rows], np.float64)
        except ValueError as e:
            raise error(f"{given[:80]} is no table of numbers: {e}", span) from None
        if table.ndim != 2 or not np.isfinite(table).all():
            raise error(f"{given[:80]} is no table of finite numbers, in rows of one length", span)
        return table

    def _doubles(self, values: Any, key: str) -> Floats:
        try:
            array = np.array(values, dtype=object).astype(np.float64)
        except (OverflowError, ValueError):
            array = np.array([np.inf])
        if not np.isfinite(array).all():
            raise error("a number is beyond those of f64", Span(self.source, path=key))
        return array
