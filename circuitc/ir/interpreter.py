"""The meaning of a program. Every backend must agree with this; slow is fine, wrong is not."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np

from circuitc.diagnostics import CircuitError, error, nearest

from .func import Func, Module
from .graph import Graph, Node, Value, at
from .netlist import Netlist
from .netlist_analysis import evaluate_words, pack_words, unpack_words
from .op import Application, Raw
from .ops import OPS
from .types import Type
from .values import flatten_bits, given_state, unflatten_bits

Values = dict[str, Raw]
StandIns = Mapping[str, Callable[[Values], Values]]


def run(module: Module, inputs: Mapping[str, Raw], func: str = "", state: Mapping[str, Raw] | None = None,
        stand_ins: StandIns | None = None) -> Values:
    """Call a func (the module's entry by default) on raw numbers, a batch of samples at once.

    A `call` port takes [batch, *shape]; a `step` port of a func that steps takes and gives [batch, steps, *shape]. The
    answer has every result port; step outputs of `until` are padded to the limit with the last step's value. `state`
    gives initial values of registers, [batch, *shape] or [*shape]: needed for those that are free. `stand_ins` answer
    calls of funcs by name instead of their bodies: models of the hardware that computes them.
    """
    f = module.func(func) if func else module.entry
    return _Run(module, stand_ins or {}).call(f, _checked_inputs(f, inputs), dict(state or {}))


def evaluate_body(module: Module, func: Func, values: Sequence[Raw]) -> list[Raw]:
    """Evaluate a body once: raw numbers of `func.body_inputs` to those of `func.body_outputs`, [batch, *shape] each."""
    return _Run(module).body(func, list(values))


class Stepper:
    """A func that keeps its registers between steps: `step(inputs)` answers one step's outputs, [batch, *shape]."""

    def __init__(self, module: Module, func: str = "", batch: int = 1, state: Mapping[str, Raw] | None = None) -> None:
        self._run = _Run(module)
        self.func = module.func(func) if func else module.entry
        self.state: list[Raw] = _initial(self.func, batch, dict(state or {}))

    def step(self, inputs: Mapping[str, Raw]) -> Values:
        """Take one step: every input port is given as [batch, *shape]."""
        ports = self.func.inputs
        values = self._run.body(self.func, [np.asarray(inputs[p.name]) for p in ports] + self.state)
        outputs = len(self.func.outputs)
        self.state = values[outputs:outputs + len(self.state)]
        return {p.name: v for p, v in zip(self.func.outputs, values[:outputs], strict=True)}


def _checked_inputs(func: Func, inputs: Mapping[str, Raw]) -> Values:
    for name in inputs:
        if all(p.name != name for p in func.inputs):
            raise error(f"@{func.name} has no input {name}", help=nearest(name, (p.name for p in func.inputs)))
    checked: Values = {}
    for port in func.inputs:
        if port.name not in inputs:
            raise error(f"@{func.name} needs the input {port.name}: {port.type}")
        raw = np.asarray(inputs[port.name])
        lead = 2 if func.is_stepped(port) else 1
        if raw.ndim != lead + port.type.rank or raw.shape[lead:] != port.type.shape:
            axes = ["batch", "steps"][:lead]
            raise error(f"input {port.name} takes shape [{', '.join([*axes, *map(str, port.type.shape)])}], "
                        f"got {list(raw.shape)}")
        checked[port.name] = raw.astype(port.type.dtype)
    batches = {len(v) for v in checked.values()}
    if len(batches) > 1:
        raise error(f"inputs of @{func.name} have different batch sizes: {sorted(batches)}")
    if batches == {0}:
        raise error(f"inputs of @{func.name} have no samples", help="the first axis is the batch")
    return checked


def call_steps(func: Func, arrays: Sequence[Raw]) -> int:
    """Give the number of steps of a call from its inputs, in port order; refuse lengths that do not fit."""
    lengths = {a.shape[1] for p, a in zip(func.inputs, arrays, strict=True) if func.is_stepped(p)}
    if len(lengths) > 1:
        raise error(f"step inputs of @{func.name} have different lengths: {sorted(lengths)}")
    match func.schedule.kind:
        case "once":
            return 1
        case "stream":
            if not lengths or lengths == {0}:
                raise error(f"@{func.name} is a stream and needs at least one item of a step input")
            return lengths.pop()
        case _:
            if lengths - {func.schedule.count}:
                raise error(f"step inputs of @{func.name} need {func.schedule.count} items, got {lengths.pop()}")
            return func.schedule.count


def _initial(func: Func, batch: int, state: Values) -> list[Raw]:
    """Give the registers' initial values, [batch, *shape] each."""
    values: list[Raw] = []
    for register in func.registers:
        given = state.get(register.name)
        if given is None:
            if register.initial is None:
                raise error(f"register {register.name} of @{func.name} has no initial value",
                            help=f"give one with state={{{register.name!r}: ...}}")
            given = register.initial.array
        values.append(given_state(register, given, batch))
    return values


class _Run:
    """One run of a module: remembers nothing but the module, and who stands in for its funcs."""

    def __init__(self, module: Module, stand_ins: StandIns = MappingProxyType({})) -> None:
        self.module, self.stand_ins = module, stand_ins

    def call(self, func: Func, inputs: Values, state: Values) -> Values:
        batch = len(next(iter(inputs.values()))) if inputs else 1
        registers = _initial(func, batch, state)
        steps = call_steps(func, [inputs[p.name] for p in func.inputs])
        outputs: list[list[Raw]] = []
        done = np.zeros(batch, bool)
        taken = np.zeros(batch, np.int64)
        for step in range(steps):
            arguments = [inputs[p.name][:, step] if func.is_stepped(p) else inputs[p.name] for p in func.inputs]
            values = self.body(func, arguments + registers)
            ports, after = len(func.outputs), len(func.outputs) + len(registers)
            results, following = values[:ports], values[ports:after]
            if func.schedule.kind == "until":
                if outputs:
                    results = [_keep(done, old, new) for old, new in zip(outputs[-1], results, strict=True)]
                following = [_keep(done, old, new) for old, new in zip(registers, following, strict=True)]
                taken += ~done
                done = done | (values[after] != 0)
            outputs.append(results)
            registers = following
            if done.all():
                break
        answer = self._gathered(func, outputs, steps)
        if func.schedule.kind == "until":
            answer |= {"converged": done.astype(np.int64), "steps": taken}
        return answer

    def _gathered(self, func: Func, outputs: list[list[Raw]], steps: int) -> Values:
        """Collect step outputs along an axis of steps, padded with the last step, and call outputs from the last."""
        padded = outputs + [outputs[-1]] * (steps - len(outputs))
        return {p.name: np.stack([o[k] for o in padded], axis=1) if func.is_stepped(p) else outputs[-1][k]
                for k, p in enumerate(func.outputs)}

    def body(self, func: Func, values: list[Raw]) -> list[Raw]:
        if isinstance(func.body, Netlist):
            return _evaluate_netlist(func, func.body, values)
        return self._evaluate_graph(func.body, values)

    def _evaluate_graph(self, graph: Graph, inputs: list[Raw]) -> list[Raw]:
        batch = len(inputs[0]) if inputs else 1
        values: list[Raw] = list(inputs)
        calls: dict[tuple[str, tuple[Value, ...]], Values] = {}
        for index, node in enumerate(graph.nodes[graph.inputs:], graph.inputs):
            if index not in graph.live:
                values.append(np.zeros(0))
            elif node.op == "constant":
                values.append(np.broadcast_to(node.constant.array, (batch, *node.type.shape)))
            elif node.op == "call":
                values.append(self._evaluate_call(node, values, calls))
            else:
                values.append(evaluate_node(node, [graph.nodes[v].type for v in node.operands],
                                            [values[v] for v in node.operands]))
        return [values[v] for v in graph.outputs]

    def _evaluate_call(self, node: Node, values: list[Raw], calls: dict[tuple[str, tuple[Value, ...]], Values]) -> Raw:
        func = self.module.func(node.attributes["func"])
        key = (func.name, node.operands)
        if key not in calls:
            arguments = {p.name: values[v] for p, v in zip(func.inputs, node.operands, strict=True)}
            stand_in = self.stand_ins.get(func.name)
            calls[key] = stand_in(arguments) if stand_in else self.call(func, arguments, {})
        return calls[key][node.attributes["output"]]


def evaluate_node(node: Node, types: Sequence[Type], operands: Sequence[Raw]) -> Raw:
    """Compute one node from its operands' raw numbers, [batch, *shape]."""
    application = Application(tuple(types), node.type, node.attributes)
    try:
        with np.errstate(all="ignore"):  # IEEE: infinities and NaNs are values
            return OPS[node.op].evaluate(application, *operands)
    except CircuitError as e:
        raise at(e, node.span, node.origin or f"%{node.name}") from None


def _evaluate_netlist(func: Func, netlist: Netlist, values: list[Raw]) -> list[Raw]:
    batch = len(values[0]) if values else 1
    bits = flatten_bits(func.body_inputs, values) if values else np.zeros((batch, 0), np.uint8)
    words = evaluate_words(netlist, pack_words(bits.T) if bits.size else np.zeros((0, -(-batch // 64)), np.uint64))
    return unflatten_bits(func.body_outputs, unpack_words(words, batch).T)


def _keep(done: Raw, old: Raw, new: Raw) -> Raw:
    """Hold the old value where a sample is done."""
    return np.where(done.reshape(-1, *([1] * (new.ndim - 1))), old, new)
