"""From a graph program to a func: encode, process until the program halts, decode.

Registers are the state. The first step starts from the initial formulas, the others from the registers; hints leave at
the start of each step, as CLRS records them, and outputs after the last.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from circuitc.diagnostics import error, nearest
from circuitc.ir import (
    BIT,
    F32,
    Builder,
    Constant,
    Encoding,
    Func,
    Module,
    Port,
    Register,
    Schedule,
    Type,
    Value,
    index_type,
    rebuild,
)

from . import fold
from .bounds import Bounds, FieldRange, Intervals, field_ranges, largest_safe_n
from .formula import Read, parse_formula
from .messages import emit_message
from .options import Options
from .parameters import Weights, compiled_weights
from .program import GraphProgram, Message, State
from .scope import Scope, held_type
from .weave import Axes, Loom, Woven

_AXES: Mapping[str, Axes] = {"node": "j", "edge": "ij", "graph": ""}


def compile_program(program: GraphProgram, options: Options, weights: Weights | None = None,
                    graph: Mapping[str, Any] | None = None, name: str = "") -> Module:
    """Compile a graph program to a module.

    `weights` are those of `compiled_weights`, perhaps changed; exact types take none but the compiled ones. `graph`
    gives inputs (raw numbers by name, such as `A`) that become constants: the circuit of one map.
    """
    if options.degree and any(s.probe.location == "edge" for s in program.state.values()):
        raise error(f"{program.name} keeps a value for every pair of nodes, so it has no sparse form",
                    help="leave degree out")
    ranges = _checked_ranges(program, options)
    _refuse_weights(program, options, weights)
    return _Compiler(program, options, ranges, weights, graph or {}).module(name or program.name)


def _checked_ranges(program: GraphProgram, options: Options) -> dict[str, FieldRange]:
    if not options.is_exact:
        small = Type("fixed", 16)
        return {k: r for k, r in field_ranges(program, options.n, small).items()
                if program.state[k].probe.kind == "categorical" or program.state[k].scale != 1.0}
    ranges = field_ranges(program, options.n, options.weight)
    for field, t in (options.types or {}).items():
        if field not in ranges:
            raise error(f"{program.name} has no number {field}", help=nearest(field, ranges))
        if not t.holds(ranges[field].bounds.type):
            safe = largest_safe_n(program, options.weight, {field: t}, options.n)
            raise error(f"{field} may need {ranges[field].bounds.type} for n = {options.n}, which {t} does not hold",
                        help=f"with weights of {options.weight} the largest safe n is {safe}")
    return ranges


def _refuse_weights(program: GraphProgram, options: Options, weights: Weights | None) -> None:
    if weights is None:
        return
    own = compiled_weights(program, options.n)
    own.refuse_other_shapes(weights.arrays)
    if options.is_exact and any(own.distance(weights).values()):
        raise error(f"the weights differ from those that {program.name} compiles to, and {options.weight} is exact",
                    help="real weights need weight f32")


class _Compiler:
    """Builds one func."""

    def __init__(self, program: GraphProgram, options: Options, ranges: Mapping[str, FieldRange],
                 weights: Weights | None, graph: Mapping[str, Any]) -> None:
        self.program, self.options, self.weights = program, options, weights
        self.ranges = ranges
        self.scalar = {k: r.bounds.type for k, r in ranges.items()} | dict(options.types or {})
        self.index = index_type(options.n)
        self.loom = Loom(Builder(), options.n, options.degree)
        self.graph = {k: _constant(k, self._input_type(k), v) for k, v in graph.items()}
        self.range_scope = Intervals(program, options.n, options.weight if options.is_exact else Type("fixed", 16))
        if options.folded:
            fold.check(program)

    def module(self, name: str) -> Module:
        """Build the func and its module."""
        inputs = self._inputs()
        values = {p.name: self.loom.b.input(p.name, p.type) for p in inputs}
        registers, held = self._registers()
        scope = self._scope(values, held)
        if self.options.folded:
            fold.open(scope, held)
        attention = self._steps(scope)
        after = {field: self._next(scope, field, s) for field, s in self.program.state.items()}
        scope.after = after
        done = scope.condition(parse_formula(self.program.halt))
        if done.axes:
            raise error(f"{self.program.name}: halt is a condition of the graph", help="use any(...) or all(...)")
        outputs, results = self._outputs(scope, after, attention)
        following = {field: after[field] for field in self.program.state}
        if "started" in held:
            following["started"] = self.loom.number(1, BIT)
        limit = self.program.most_steps(self.options.n)
        if self.options.folded:
            following, done = fold.close(scope, held, following, done)
            limit *= self.options.n
        results += [following[r.name].value for r in registers]
        body = rebuild(self.loom.b.finish([*results, done.value]))
        schedule = Schedule("until", limit)
        func = Func(name, tuple(inputs), tuple(outputs), body, tuple(registers), schedule)
        return Module({name: func}, name, name, {"gnn": self._facts()})

    def _facts(self) -> dict[str, Any]:
        return {"algorithm": self.program.name, **self.options.facts(),
                "limit": self.program.most_steps(self.options.n),
                "fields": {k: {"type": str(self.scalar[k]), "evidence": r.evidence} for k, r in self.ranges.items()}}

    def _held_type(self, name: str) -> Type:
        return held_type(self.program, name, self.options, self.scalar, self.index)

    # Ports and registers

    def _input_type(self, name: str) -> Type:
        lists = {"senders": self.index, "present": BIT}
        if self.options.degree and name in lists:
            return lists[name].with_shape(self.loom.shape("ij"))
        probe = self.program.inputs.get(name)
        if probe is None:
            raise error(f"{self.program.name} has no input {name}", help=nearest(name, self.program.inputs))
        if probe.kind == "mask_one":
            return BIT.with_shape((self.options.n,))
        return self._held_type(name).with_shape(self.loom.shape(_AXES[probe.location]))

    def _inputs(self) -> list[Port]:
        names = [*self.program.inputs, *(("senders", "present") if self.options.degree else ())]
        ports = [Port(k, self._input_type(k)) for k in names if k not in self.graph]
        n = self.options.n
        if self.options.padded:
            ports.append(Port("active", BIT.with_shape((n,))))
        if self.options.clrs_inputs:
            ports.append(Port("pos", F32.with_shape((n,)) if not self.options.is_exact else
                              self.index.with_shape((n,)), encoding=Encoding(1 / n) if self.options.is_exact else
                              Encoding()))
            ports.append(Port("adj", BIT.with_shape((n, n))))
        return ports

    def _registers(self) -> tuple[list[Register], dict[str, Value]]:
        """Make a register for each field, and one that tells the first step where initial values depend on inputs."""
        registers: list[Register] = []
        held: dict[str, Value] = {}
        for field, s in self.program.state.items():
            t = self._state_type(field, s)
            registers.append(Register(field, t, Constant(t, np.zeros(t.shape, t.dtype))))
            held[field] = self.loom.b.input(field, t)
        if any(s.initial != "0" for s in self.program.state.values()):
            registers.append(Register("started", BIT, Constant(BIT, 0)))
            held["started"] = self.loom.b.input("started", BIT)
        if self.options.folded:
            for name, t in fold.kept(self.program, self.loom, self._score_bounds).items():
                registers.append(Register(name, t, Constant(t, np.zeros(t.shape, t.dtype))))
                held[name] = self.loom.b.input(name, t)
        return registers, held

    def _state_type(self, field: str, s: State) -> Type:
        axes = "" if s.probe.kind == "mask_one" else _AXES[s.probe.location]
        return self._held_type(field).with_shape(self.loom.shape(axes))

    def _scope(self, values: Mapping[str, Value], held: Mapping[str, Value]) -> Scope:
        """Encode: inputs as fields, then the state before the step."""
        loom, fields = self.loom, dict[str, Woven]()
        values = {**values, **{k: loom.b.constant(c, name=k) for k, c in self.graph.items()}}
        scope = Scope(loom, self.program, self.options, fields)
        if self.options.degree:
            scope.senders, scope.present = Woven(values["senders"], "ij"), Woven(values["present"], "ij")
        if self.options.padded:
            scope.active = Woven(values["active"], "j")
        for name, probe in self.program.inputs.items():
            value = values[name]
            if probe.kind == "mask_one":
                fields[name] = Woven(loom.b.apply("priority", value, name=f"{name}_node"), "")
            else:
                fields[name] = self._there(scope, Woven(value, _AXES[probe.location]))
        first = {field: self._initial(scope, field, s) for field, s in self.program.state.items()}
        fields.update({field: self._begin(first[field], Woven(held[field], first[field].axes), held)
                       for field in self.program.state})
        return scope

    def _there(self, scope: Scope, x: Woven) -> Woven:
        """Take away the edges of nodes that are not there."""
        if scope.active is None or x.axes != "ij":
            return x
        loom = self.loom
        scope.among_edges = True
        here = loom.combine("and", scope.read(Read("active", (Read("i"),))), scope.read(Read("active", (Read("j"),))))
        scope.among_edges = False
        return loom.select(here, x, loom.number(0, loom.type(x)))

    def _initial(self, scope: Scope, field: str, s: State) -> Woven:
        return self._settled(field, s, scope.value(parse_formula(s.initial)))

    def _begin(self, first: Woven, kept: Woven, held: Mapping[str, Value]) -> Woven:
        node = self.loom.b.nodes[first.value]
        zero = node.is_constant and not np.any(node.constant.array)
        if "started" not in held or zero:
            return kept
        return self.loom.select(Woven(held["started"], ""), kept, first)

    def _settled(self, field: str, s: State, value: Woven) -> Woven:
        """Bring a new value to its field's type and axes."""
        axes = "" if s.probe.kind == "mask_one" else _AXES[s.probe.location]
        if not set(value.axes) <= set(axes):
            raise error(f"{self.program.name}: {field} lies on {s.probe.location}s, its value also depends on "
                        f"{' and '.join(sorted(set(value.axes) - set(axes)))}")
        t = self._held_type(field)
        if s.probe.kind == "mask" and self.loom.type(value) != BIT:
            raise error(f"{self.program.name}: {field} is a mask, and its value is a number")
        node = self.loom.b.nodes[value.value]
        if node.is_constant and t.is_exact and not node.type.shape and not node.type.is_float:
            raw = int(node.constant.array) << (t.fraction - node.type.fraction)
            return Woven(self.loom.b.number(t.with_shape(self.loom.shape(axes)), raw), axes)
        return self.loom.spread(self.loom.to(value, t, name=f"{field}_next"), axes)

    # The step

    def _steps(self, scope: Scope) -> dict[str, Woven]:
        attention: dict[str, Woven] = {}
        for name, step in self.program.steps.items():
            if not isinstance(step, Message):
                scope.named[name, ""] = scope.value(parse_formula(step))
                continue
            bounds = self._score_bounds(step) if step.score else None
            found = emit_message(scope, name, step, bounds, self.weights)
            if found is not None:
                attention[name] = found
        return attention

    def _score_bounds(self, message: Message) -> Bounds | None:
        """Bound a score by the types of the fields that it reads."""
        if not self.options.is_exact:
            return None
        self.range_scope.fields = {k: Bounds(t.lowest, t.highest, t.fraction) for k, t in self.scalar.items()}
        self.range_scope.known.clear()
        return self.range_scope.bounds(parse_formula(message.score))

    def _next(self, scope: Scope, field: str, s: State) -> Woven:
        return self._settled(field, s, scope.value(parse_formula(s.update)) if s.update else scope.fields[field])

    # Decode

    def _outputs(self, scope: Scope, after: Mapping[str, Woven], attention: Mapping[str, Woven],
                 ) -> tuple[list[Port], list[Value]]:
        ports: list[Port] = []
        values: list[Value] = []

        def put(name: str, value: Value, rate: Any, scale: float = 1.0) -> None:
            ports.append(Port(name, self.loom.b.type(value), rate, Encoding(scale)))
            values.append(value)

        for field, s in self.program.state.items():
            if s.output:
                put(s.output, self._decoded(s, after[field]), "call", s.scale)
            if s.hint and self.options.hints:
                put(s.hint, self._decoded(s, scope.fields[field]), "step", s.scale)
        for name, x in attention.items():
            put(f"{name}_attention", x.value, "step")
        return ports, values

    def _decoded(self, s: State, x: Woven) -> Value:
        """Show a field as CLRS does: what marks one node as a one-hot row, categories as one-hot columns."""
        size = self.options.n if s.probe.kind == "mask_one" else s.classes if s.probe.kind == "categorical" else 0
        return self.loom.b.apply("one_hot", x.value, size=size) if size else x.value


def _constant(name: str, t: Type, values: Any) -> Constant:
    array = np.asarray(values)
    if array.shape != t.shape:
        raise error(f"the graph's {name} needs shape {list(t.shape)}, got {list(array.shape)}")
    return Constant(t, array.astype(t.dtype) if t.is_float else array)


__all__ = ["compile_program"]
