"""Give neurons with wide weights small ones that are right on the calibration data only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import Builder, Func, Graph, Module, Node, Value, random_raw, rebuild

from .base import Context, GraphPass
from .snap_thresholds import check_fanin, note_neurons
from .thresholds.ladder import Rung, climb, fit
from .thresholds.patterns import Spins, enumerate_inputs, patterns_seen, probe, signed_rows
from .thresholds.rows import fact, integer_rows, is_addable, is_neurons, neuron_operands, new_threshold, row_names

SAMPLES = 1 << 14  # random inputs to measure on where all inputs are too many


@dataclass(frozen=True, slots=True)
class FitThresholds(GraphPass):
    """Replace neurons whose exact weights add up to more than `above` by small ones fitted to the calibration data.

    APPROXIMATE: a fitted neuron answers as before on the calibration inputs, elsewhere as it happens to. Recorded are,
    for each fitted neuron and for the network, the agreement with the model on all inputs (at most 20 bits) or on
    random ones. Neurons whose exact gate is small become that gate.
    """

    exact: ClassVar[bool] = False
    above: int = 64
    max_fanin: int = 20

    def __post_init__(self) -> None:
        check_fanin(self.name(), self.max_fanin)

    def run(self, graph: Graph, context: Context) -> Graph:
        assert context.func is not None
        assert context.module is not None
        operands = neuron_operands(graph)
        if not operands or context.func is not context.module.entry:
            return graph  # calibration data is for the main func
        inputs = _calibration(context.func, context.calibration)
        seen = patterns_seen(context.module, context.func, graph, operands, iter([inputs]))
        facts: list[dict[str, Any]] = []
        changes: list[_Change] = []

        def replace_rows(builder: Builder, node: Node, new_operands: tuple[Value, ...]) -> Value | None:
            if not is_neurons(graph, node):
                return None
            rows = integer_rows(graph, node)
            found = [self._fit(row, seen[node.operands[0]]) for row in rows]
            for name, row, rung in zip(row_names(node, len(rows)), rows, found, strict=True):
                facts.append(fact(name, context.func.name if context.func else "", rung))
                if rung.name == "data":
                    changes.append(_Change(node.operands[0], row, rung, facts[-1]))
            return new_threshold(builder, node, new_operands[0], [rung.weights for rung in found])

        result = rebuild(graph, replace_rows)
        measured = _measure(context.module, context.func, graph, result, changes)
        note_neurons(context, facts)
        context.facts["evidence"] = {"level": "measured", "calibration": len(inputs[0]), **measured}
        share = int(1000 * measured["words_equal"]) / 10  # rounded down: 100 means all
        context.facts["summary"] += f"; {share} % of {measured['measured_on']} as before"
        return result

    def _fit(self, row: tuple[int, tuple[int, ...]], patterns: Spins) -> Rung:
        exact = climb(*row, self.max_fanin)
        if exact.sum <= self.above or not is_addable(row):
            return exact
        return fit(signed_rows(patterns, *row), "data", "measured") or exact


@dataclass(frozen=True, slots=True)
class _Change:
    """A fitted neuron: the vector it reads, what it was, what it became, and its row in the facts."""

    operand: Value
    before: tuple[int, tuple[int, ...]]
    after: Rung
    fact: dict[str, Any]


def _calibration(func: Func, calibration: Mapping[str, Any] | None) -> list[NDArray[Any]]:
    """Give the calibration data in the order of the func's inputs."""
    if func.schedule.kind != "once":
        raise error(f"fit-thresholds works on funcs that run once, @{func.name} runs as {func.schedule}")
    missing = [p.name for p in func.inputs if p.name not in (calibration or {})]
    if calibration is None or missing:
        what = f" for the input {missing[0]} of @{func.name}" if calibration is not None else ""
        raise error(f"fit-thresholds needs calibration data{what}", help="give it with --calibration DATA.npz")
    arrays = [np.asarray(calibration[p.name]) for p in func.inputs]
    for port, array in zip(func.inputs, arrays, strict=True):
        if array.shape[1:] != port.type.shape or array.ndim != 1 + port.type.rank or not len(array):
            raise error(f"calibration data for {port.name} takes shape "
                        f"[{', '.join(['samples', *map(str, port.type.shape)])}], "
                        f"got {list(array.shape)}")
        if len(array) != len(arrays[0]):
            raise error(f"calibration data has {len(arrays[0])} samples of {func.inputs[0].name}, "
                        f"but {len(array)} of {port.name}")
    return arrays


def _measure(module: Module, func: Func, before: Graph, after: Graph, changes: list[_Change]) -> dict[str, Any]:
    """Compare fitted neurons and the whole network with the model; notes each neuron's agreement in its fact."""
    everything = enumerate_inputs(func)
    batches = everything or iter([_random_inputs(func)])
    equal = np.zeros(len(changes), np.int64)
    same, bits, total, width = 0, 0, 0, 1
    for inputs in batches:
        total += len(inputs[0])
        seen = probe(module, func, before, [c.operand for c in changes], inputs)
        for k, (x, c) in enumerate(zip(seen, changes, strict=True)):
            equal[k] += (_answers(x, *c.before) == _answers(x, c.after.weights[0], c.after.weights[1:])).sum()
        old, new = (probe(module, func, g, g.outputs, inputs) for g in (before, after))
        right = np.concatenate([(a == b).reshape(len(a), -1) for a, b in zip(old, new, strict=True)], axis=1)
        same, bits, width = same + int(right.all(axis=1).sum()), bits + int(right.sum()), right.shape[1]
    for change, count in zip(changes, equal.tolist(), strict=True):
        change.fact["agreement"] = count / total
    return {"measured_on": f"{'all' if everything else 'random'} {total} inputs", "inputs": total,
            "words_equal": same / total, "elements_equal": bits / (total * width)}


def _answers(x: Spins, threshold: int, weights: tuple[int, ...]) -> NDArray[np.bool_]:
    return x @ np.array(weights, np.int64) > threshold


def _random_inputs(func: Func) -> list[NDArray[Any]]:
    rng = np.random.default_rng(0)
    return [random_raw(t, SAMPLES, rng) for t in func.body_inputs]
