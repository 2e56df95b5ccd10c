"""Floats become integers: post-training quantization with calibration, exact from there on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

from circuitc.diagnostics import error
from circuitc.ir import Func, Graph, Module

from .base import Context, Pass
from .fold import Fold
from .quantization.budget import parse_budget
from .quantization.calibrate import calibration_inputs, statistics
from .quantization.fold_scales import fold_scales
from .quantization.grids import GridChoice, Statistics
from .quantization.lowering import Lowering, Plan
from .quantization.measured import measured
from .quantization.number_formats import parse_activations, parse_weights
from .quantization.program import bounds, quantized
from .quantization.sensitivity import Bench, sensitivity
from .quantization.settings import LayerSettings, Settings, check_names, layer_values, parse_layers
from .quantization.weights import WeightChoice


@dataclass(frozen=True, slots=True)
class Quantize(Pass):
    """Replace floats of the main func by integers and fixed point, on ranges that calibration data shows.

    APPROXIMATE, and exact from there on: no float is left. `weights` are i1..i16, binary, ternary or a fixed-point
    type; `activations` are bits such as 8 (signed where needed), i8, u8 or a type, and so are `inputs` (as activations,
    if none) and `outputs`. With `scales=arbitrary` a rounding is a product with an integer constant of `multiplier`
    bits. `layers="fc1:weights=i4,activations=6;fc2:granularity=tensor"` says what differs for layers, by name. `budget`
    picks the bits of weights: "bits=20000" in all, "accuracy=0.95" or "drop=0.01" with `labels` in the calibration
    data. Functions of up to `functions` bits are tables up to `table` bits, else straight pieces with a bound over all
    inputs. The facts hold the ranges' effect on each layer, its sensitivity, the measured error, and a bound of the
    error.
    """

    exact: ClassVar[bool] = False
    weights: str = "i8"
    activations: str = "8"
    inputs: str | None = None
    outputs: str = "16"
    granularity: Literal["channel", "tensor"] = "channel"
    scales: Literal["power-of-two", "arbitrary"] = "power-of-two"
    scheme: Literal["symmetric", "affine"] = "symmetric"
    weight_scheme: Literal["symmetric", "affine"] = "symmetric"
    method: Literal["minmax", "percentile", "mse"] = "minmax"
    fit: Literal["minmax", "mse"] = "mse"
    percentile: float = 99.9
    multiplier: int = 16
    functions: int = 10
    table: int = 10
    layers: str = ""
    budget: str = ""
    sensitivity: bool = True

    def __post_init__(self) -> None:
        parse_layers(self.layers, self._default())
        parse_activations(self.inputs or self.activations)
        parse_activations(self.outputs)
        parse_budget(self.budget)
        for name, value, low, high in (("multiplier", self.multiplier, 4, 32), ("functions", self.functions, 2, 16),
                                       ("table", self.table, 4, 16)):
            if not low <= value <= high:
                raise error(f"quantize: {name} is {low} to {high} bits, got {value}")
        if not 50 < self.percentile <= 100:
            raise error(f"quantize: percentile is above 50 and at most 100, got {self.percentile}")

    def _default(self) -> LayerSettings:
        return LayerSettings(parse_weights(self.weights), parse_activations(self.activations), self.granularity)

    def apply(self, module: Module, context: Context) -> Module:
        func = module.entry
        if not isinstance(func.body, Graph) or not any(n.type.is_float for n in func.body.nodes):
            return module
        inputs = calibration_inputs(func, context.calibration, self.name())
        graph = self._prepared(func.body, replace(context, module=module, func=func, facts={}))
        seen = statistics(module, func, graph, inputs)
        plan = self._plan(module, func, graph, seen, context, inputs)
        after, low = quantized(func, graph, seen, plan, parse_activations(self.inputs or self.activations),
                               parse_activations(self.outputs))
        result = module.with_func(after)
        facts = context.facts
        facts["layers"], facts["functions"] = low.layers, low.functions
        facts["bound"] = self._bounds(func, graph, seen, plan, low)
        facts["evidence"] = measured(module, result, context.calibration or {})
        facts["summary"] = _summary(facts)
        return result

    def _bounds(self, func: Func, graph: Graph, seen: Mapping[int, Statistics], plan: Plan, low: Lowering,
                ) -> dict[str, Any]:
        """Bound the outputs' errors: for every input on the ports' grids, and where nothing saturates."""
        _, inside = quantized(func, graph, seen, replace(plan, within=True),
                              parse_activations(self.inputs or self.activations), parse_activations(self.outputs))
        return {"of": "each float output against the program in real arithmetic, by intervals",
                "any_input": bounds(func, graph, low), "nothing_saturates": bounds(func, graph, inside)}

    def _prepared(self, graph: Graph, context: Context) -> Graph:
        """Compute constants; with scales that are powers of two, put constant factors into weights."""
        graph = Fold().run(graph, context)
        return fold_scales(graph) if self.scales == "power-of-two" else graph

    def _plan(self, module: Module, func: Func, graph: Graph, seen: Mapping[int, Statistics], context: Context,
              inputs: Mapping[str, Any]) -> Plan:
        """Settle how each layer is stored: as said, or as the budget finds."""
        settings = Settings(self._default(), parse_layers(self.layers, self._default()))
        check_names(settings, tuple(graph.nodes[v].name for v in layer_values(graph)))
        choice = GridChoice(self.scales, self.scheme, self.method, self.percentile)
        plan = Plan(settings, choice, WeightChoice(self.scales, self.weight_scheme, self.fit), self.multiplier,
                    self.functions, self.table)
        if not self.sensitivity and not self.budget:
            return plan
        bench = Bench(module, func, graph, seen, inputs, (context.calibration or {}).get("labels"), plan)
        budget = parse_budget(self.budget)
        if budget is not None:
            settings, context.facts["budget"] = budget.meet(bench)
            plan = replace(plan, settings=settings)
        if self.sensitivity:
            context.facts["sensitivity"] = sensitivity(replace(bench, plan=plan))
        return plan


def _summary(facts: Mapping[str, Any]) -> str:
    """Say in a line what was done and what it cost."""
    bits = sum(r["weight_bits"] for r in facts["layers"])
    parts = [f"quantized {len(facts['layers'])} layers, {bits} bits of weights"]
    for name, found in facts["evidence"]["outputs"].items():
        if "accuracy" in found:
            parts.append(f"{name}: accuracy {found['accuracy']:.4f} (before {found['accuracy_before']:.4f})")
        elif "rms_error" in found:
            parts.append(f"{name}: error {found['max_error']:.3g} at most, {found['rms_error']:.3g} rms")
        else:
            parts.append(f"{name}: {found['changed']:.2%} changed")
    return f"{'; '.join(parts)}; on {facts['evidence']['samples']} samples"
