"""From floats to forms: one walk over a body that gives each float an exact value and what it says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import F64, Builder, Constant, Graph, Node, Type, Value, evaluate_node
from circuitc.ir.graph import at

from .forms import Arithmetic, Bound, Form, settle, uniform
from .grids import Floats, Grid, GridChoice, Statistics
from .number_formats import NumberFormat
from .settings import Settings
from .weights import WeightChoice

_MOVES = ("reshape", "transpose", "broadcast", "slice", "window", "element", "stack", "concat")


@dataclass(frozen=True, slots=True)
class Plan:
    """What `quantize` was asked for, read."""

    settings: Settings
    grids: GridChoice
    weights: WeightChoice
    multiplier: int
    functions: int       # bits of a function's operand
    table: int           # bits of the largest plain table; wider operands get pieces
    within: bool = False  # bounds hold where every float lies on the grids that calibration chose


@dataclass(slots=True)
class Lowering:
    """One walk: the old graph, the new builder, and what is known of each old value."""

    graph: Graph
    plan: Plan
    seen: Mapping[int, Statistics]
    builder: Builder = field(default_factory=Builder)
    exact: dict[Value, Value] = field(default_factory=dict[Value, Value])
    forms: dict[Value, Form] = field(default_factory=dict[Value, Form])
    settled: dict[tuple[Value, Grid], Form] = field(default_factory=dict[tuple[Value, Grid], Form])
    derived: set[Value] = field(default_factory=set[Value])   # exact values that floats decide, so that they may differ
    layers: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    functions: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    @property
    def arithmetic(self) -> Arithmetic:
        return Arithmetic(self.builder, self.plan.multiplier)

    def node(self, value: Value) -> Node:
        return self.graph.nodes[value]

    def known(self, value: Value) -> Floats | None:
        """Give the numbers of a value that is constant, or a constant moved about; None for others."""
        node = self.node(value)
        if node.is_constant:
            t = node.type
            return node.constant.array.astype(np.float64) if t.is_float else np.ldexp(
                node.constant.array.astype(np.float64), -t.fraction)
        if node.op not in (*_MOVES, "convert", "requantize", "pad") or not node.type.is_float:
            return None
        operands = [self.known(v) for v in node.operands]
        arrays = [o for o in operands if o is not None]
        return self.moved(node, arrays) if len(arrays) == len(operands) else None

    def moved(self, node: Node, arrays: list[Floats]) -> Floats:
        """Apply an op that moves elements to arrays of doubles."""
        if node.op in ("convert", "requantize"):
            return arrays[0]
        wide = replace(node, type=_double(node.type))
        types = [_double(self.node(v).type) for v in node.operands]
        return np.asarray(evaluate_node(wide, types, [np.asarray(a)[None] for a in arrays])[0])

    def grid(self, value: Value, wanted: NumberFormat) -> Grid:
        """Give the grid of a float of the program in a format."""
        if value not in self.seen:
            found = self.known(value)
            assert found is not None
            return self.plan.grids.choose(wanted, Statistics(float(found.min()), float(found.max()), found.ravel()))
        return self.plan.grids.choose(wanted, self.seen[value])

    def form(self, value: Value) -> Form:
        """Give a value's form; a constant is settled on 16 bits of its own."""
        if value not in self.forms:
            found = self.known(value)
            assert found is not None, self.node(value).name
            grid = self.grid(value, NumberFormat("integer", 16))
            raw = grid.raw(found)
            number = self.builder.constant(Constant(grid.type.with_shape(raw.shape), raw), self.node(value).name)
            bound = Bound(found, found, np.abs(grid.real(raw) - found))
            self.forms[value] = uniform(number, grid.scale, -grid.zero * grid.scale, raw.ndim, bound)
        return self.forms[value]

    def on(self, value: Value, grid: Grid) -> Form:
        """Give a value's form on a grid."""
        key = (value, grid)
        if key not in self.settled:
            self.settled[key] = settle(self.arithmetic, self.form(value), grid, self.node(value).name,
                                       within=self.plan.within)
        return self.settled[key]

    def narrow(self, value: Value, wanted: NumberFormat | None = None) -> Form:
        """Give a value with one scale in a format's few bits: as it is where it has no more, else rounded."""
        wanted = wanted or self.plan.settings.default.activations
        form = self.form(value)
        t = self.builder.type(form.value)
        if form.is_uniform and wanted.type is None and t.width <= wanted.bits:
            return form
        return self.on(value, self.grid(value, wanted))

    def even(self, value: Value) -> Form:
        """Give a value with one scale: as it is, or on its grid."""
        form = self.form(value)
        return form if form.is_uniform else self.narrow(value)

    def centred(self, value: Value) -> Form:
        """Give a value with one scale and no offset, for products of values."""
        form = self.narrow(value)
        offset = float(form.offset.flat[0])
        if offset == 0:
            return form
        shift = offset / float(form.scale.flat[0])
        if abs(shift - round(shift)) > 2 * np.spacing(abs(shift)):  # zero is no number of this form: take its grid
            form = self.on(value, self.grid(value, self.plan.settings.default.activations))
            shift = float(form.offset.flat[0]) / float(form.scale.flat[0])
        whole = round(shift)  # what a grid's zero times its scale, both of them floats, is divided by the scale
        number, lost = self.arithmetic.plus(form.value, np.full((1,) * form.offset.ndim, float(whole)), 0, "zero")
        assert not np.any(lost), "a grid's zero is whole"
        return uniform(number, float(form.scale.flat[0]), 0.0, form.offset.ndim, form.bound)

    def walk(self, rules: Mapping[str, Rule]) -> None:
        """Lower every live value after the inputs, which are there already."""
        for value, node in enumerate(self.graph.nodes):
            if value < self.graph.inputs or value not in self.graph.live:
                continue
            if node.type.is_exact and not any(self.node(v).type.is_float for v in node.operands):
                self.exact[value] = self.builder.copy(node, [self.exact[v] for v in node.operands])
                if self.derived.intersection(node.operands):
                    self.derived.add(value)
            elif not (node.type.is_float and self.known(value) is not None):
                self._apply(rules, value, node)

    def _apply(self, rules: Mapping[str, Rule], value: Value, node: Node) -> None:
        rule = rules.get(node.op)
        if rule is None:
            raise at(error(f"quantize has no exact form of {node.op} on floats",
                           help="inline-calls first" if node.op == "call" else ""), node.span, node.origin)
        result = rule(self, value, node)
        if isinstance(result, Form):
            self.forms[value] = result
        else:
            self.exact[value] = result
            self.derived.add(value)


Rule = Callable[[Lowering, Value, Node], Form | Value]


def _double(t: Type) -> Type:
    return F64.with_shape(t.shape)
