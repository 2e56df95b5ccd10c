"""Scan and Loop that are a plain recurrence: the body is the step of a `stream` func, its states are registers.

What makes a recurrence plain: every step reads the next item (or, backwards, the one before) of each sequence; states
are floats that keep their shape; whatever else the body reads from outside are constants of the file. A Loop counts to
a known number, never stops sooner, and uses its count for nothing but `Gather(sequence, count)`. Everything else is
refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Protocol

import numpy as np

from circuitc.diagnostics import CircuitError
from circuitc.ir import BIT, F32, STREAM, Builder, Constant, Func, Port, Register, Value
from circuitc.models.layers import reshape
from circuitc.models.rnn import reversed_steps
from circuitc.models.scaled import inner

from .tensors import Context, Known, Operator, Real, Shape, Tensor

_BOOL = 9  # ONNX's number of the type


class Reader(Protocol):
    """What reads a graph of nodes, here a body."""

    context: Context
    known: dict[str, Tensor]

    def follow(self, wanted: Sequence[str], opset: int) -> None:
        """Read the nodes that tensors depend on."""
        ...


@dataclass(frozen=True, slots=True)
class Items:
    """A sequence that a recurrence reads: its tensor, what the body calls an item, and whether it runs backwards."""

    tensor: Tensor
    item: str
    backwards: bool = False
    axis: int = 0

    @property
    def steps(self) -> int:
        return self.tensor.shape[self.axis]

    @property
    def shape(self) -> Shape:
        return (*self.tensor.shape[:self.axis], *self.tensor.shape[self.axis + 1:])


@dataclass(frozen=True, slots=True)
class Recurrence:
    """Scan or Loop by what they have in common; names are the body's."""

    sequences: tuple[Items, ...]
    first: tuple[Tensor, ...]           # states before the first step
    states: tuple[str, ...]
    following: tuple[str, ...]
    collected: tuple[str, ...]          # answers of every step, the first axis of the result
    backwards: tuple[bool, ...]         # for each of these
    steps: int


def recurrence_of(n: Operator, body: Any, outer: Mapping[str, Tensor]) -> Recurrence:
    """Take a node apart; `outer` are the tensors that its body may name."""
    return (_scan if n.kind == "Scan" else _loop)(n, body, outer)


def _scan(n: Operator, body: Any, outer: Mapping[str, Tensor]) -> Recurrence:
    count = int(n.attributes.get("num_scan_inputs", 0))
    states = len(n.operands) - count
    if not 0 < count <= len(n.operands) or len(body.input) != len(n.operands) or len(body.output) < states:
        raise n.fault(f"its {len(n.operands)} operands, {count} of them sequences, and its body of {len(body.input)} "
                      f"inputs and {len(body.output)} outputs do not fit")
    collected = tuple(o.name for o in body.output[states:])

    def flags(name: str, size: int) -> tuple[int, ...]:
        found = tuple(int(v) for v in n.attributes.get(name, [0] * size))
        if len(found) != size:
            raise n.fault(f"its {name} has {len(found)} numbers, {size} are needed")
        return found
    axes, back = flags("scan_input_axes", count), flags("scan_input_directions", count)
    if any(flags("scan_output_axes", len(collected))):
        raise n.fault("it collects along another axis than 0, which is not read", "transpose the result")
    rows: list[Items] = []
    for k in range(count):
        tensor = n.operand(states + k)
        rows.append(Items(tensor, body.input[states + k].name, bool(back[k]), n.axis(axes[k], len(tensor.shape))))
    return Recurrence(tuple(rows), tuple(n.operand(k) for k in range(states)),
                      tuple(i.name for i in body.input[:states]), tuple(o.name for o in body.output[:states]),
                      collected, tuple(map(bool, flags("scan_output_directions", len(collected)))), rows[0].steps)


def _loop(n: Operator, body: Any, outer: Mapping[str, Tensor]) -> Recurrence:
    states = len(n.operands) - 2
    if states < 1 or len(body.input) != states + 2 or len(body.output) < states + 1:
        raise n.fault("is no plain recurrence: a count, a condition and at least one state are needed")
    limit, going = n.optional(0), n.optional(1)
    if not isinstance(limit, Known) or limit.array.size != 1 or int(limit.array.ravel()[0]) < 1:
        raise n.fault("is no plain recurrence: how often it runs is not a known number from 1 on")
    if going is not None and not (isinstance(going, Known) and np.all(going.array)):
        raise n.fault("is no plain recurrence: it has a condition to start")
    steps, counter, condition = int(limit.array.ravel()[0]), body.input[0].name, body.input[1].name
    rows: list[Items] = []
    for node in body.node:
        if counter not in node.input:
            continue
        if node.op_type != "Gather" or list(node.input)[1:] != [counter] or any(a.i for a in node.attribute):
            raise n.fault("is no plain recurrence: its count is used for more than Gather along axis 0")
        tensor = outer.get(node.input[0])
        if tensor is None or len(tensor.shape) < 1 or tensor.shape[0] != steps:
            raise n.fault(f"is no plain recurrence: it gathers from {node.input[0][:80]!r}, which is no sequence of "
                          f"{steps} items outside")
        rows.append(Items(tensor, node.output[0]))
    if not rows:
        raise n.fault("is no plain recurrence: it reads no item of a sequence")
    if not _stays_true(body, body.output[0].name, condition, outer):
        raise n.fault("is no plain recurrence: it may stop before its count is reached")
    collected = tuple(o.name for o in body.output[states + 1:])
    return Recurrence(tuple(rows), tuple(n.operand(k + 2) for k in range(states)),
                      tuple(i.name for i in body.input[2:]), tuple(o.name for o in body.output[1:states + 1]),
                      collected, (False,) * len(collected), steps)


def _stays_true(body: Any, name: str, condition: str, outer: Mapping[str, Tensor]) -> bool:
    """Tell whether a body's condition is the one it was given, or true."""
    makers = {o: node for node in body.node for o in node.output}
    while name in makers and makers[name].op_type == "Identity":
        name = makers[name].input[0]
    if name == condition:
        return True
    constants = {t.name: t for t in body.initializer}
    constants |= {node.output[0]: a.t for node in body.node if node.op_type == "Constant"
                  for a in node.attribute if a.name == "value"}
    if name in constants:
        return constants[name].data_type == _BOOL and any(constants[name].raw_data or constants[name].int32_data)
    found = outer.get(name)
    return isinstance(found, Known) and bool(np.all(found.array))


def emit(c: Context, n: Operator, r: Recurrence, read: Callable[[Context], Reader], opset: int) -> tuple[Tensor, ...]:
    """Make a recurrence's `stream` func and call it: the last states, then what was collected."""
    for row in r.sequences:
        if prod(row.tensor.shape[:row.axis]) != 1 or row.steps != r.steps:
            raise n.fault(f"a sequence of shape {list(row.tensor.shape)} is not one of {r.steps} items along axis "
                          f"{row.axis}, with nothing but axes of 1 before it")
    if any(t.array.dtype.kind != "f" if isinstance(t, Known) else not isinstance(t, Real) for t in r.first):
        raise n.fault("is no plain recurrence: only states of floats are read")
    name = f"{n.kind.lower()}{len(c.funcs)}"
    func, shapes = _func(c, n, r, read, opset, name)
    c.funcs.append(func)
    b = c.builder
    operands: list[Value] = []
    for row in r.sequences:
        x = reshape(b, c.real(row.tensor), (r.steps, *inner(row.shape)))
        operands.append(reversed_steps(b, x) if row.backwards else x)
    operands += [c.real(t) for t in r.first if not isinstance(t, Known)]
    count, found = len(r.first), list[Tensor]()
    for k, port in enumerate((*func.outputs[len(r.collected):], *func.outputs[:len(r.collected)])):
        t = port.type.with_shape((r.steps, *port.type.shape)) if port.rate == "step" else port.type
        value = b.call(func.name, port.name, t, *operands)
        if k >= count and r.backwards[k - count]:
            value = reversed_steps(b, value)
        shape = r.first[k].shape if k < count else (r.steps, *shapes[k - count])
        found.append(Real(reshape(b, value, inner(shape)), shape))
    return tuple(found)


def _func(outer: Context, n: Operator, r: Recurrence, read: Callable[[Context], Reader], opset: int,
          name: str) -> tuple[Func, list[Shape]]:
    """Make the func of one step, and give the shapes of what it collects, of one step."""
    b = Builder()
    c = replace(outer, builder=b)
    reader = read(c)
    types = [F32.with_shape(inner(t.shape)) for t in r.first]
    ports = [Port(f"x{k}", F32.with_shape(inner(row.shape)), "step") for k, row in enumerate(r.sequences)]
    given = {k: Port(f"s{k}", t, "call") for k, t in enumerate(types) if not isinstance(r.first[k], Known)}
    ports += given.values()
    entering = {p.name: b.input(p.name, p.type) for p in ports}
    registers = [Register(f"state{k}", t, Constant(t, _start(tensor, t)))
                 for k, (t, tensor) in enumerate(zip(types, r.first, strict=True))]
    held = [b.input(q.name, q.type) for q in registers]
    if given:
        registers.append(Register("started", BIT, Constant(BIT, np.array(0))))
        started = b.input("started", BIT)
        for k, port in given.items():
            many = b.apply("broadcast", started, shape=port.type.shape, axes=()) if port.type.rank else started
            held[k] = b.apply("select", many, held[k], entering[port.name])
    for k, row in enumerate(r.sequences):
        reader.known[row.item] = Real(entering[f"x{k}"], row.shape)
    for state, value, tensor in zip(r.states, held, r.first, strict=True):
        reader.known[state] = Real(value, tensor.shape)
    try:
        reader.follow([*r.following, *r.collected], opset)
    except CircuitError as e:
        raise n.fault(f"in its body: {e.diagnostics[0].message}", e.diagnostics[0].help) from None
    following = [reader.known[k] for k in r.following]
    for k, (state, tensor) in enumerate(zip(following, r.first, strict=True)):
        if state.shape != tensor.shape:
            raise n.fault(f"is no plain recurrence: state {k} of shape {list(tensor.shape)} becomes "
                          f"{list(state.shape)}")
    last = [c.real(state) for state in following]
    collected = [reader.known[k] for k in r.collected]
    steps = [c.real(x) for x in collected]
    results = (*(Port(f"y{k}", b.type(v), "step") for k, v in enumerate(steps)),
               *(Port(f"last{k}", t, "call") for k, t in enumerate(types)))
    after = [*last, b.number(BIT, 1)] if given else last
    func = Func(name, tuple(ports), results, b.finish([*steps, *last, *after]), tuple(registers), STREAM)
    return func, [x.shape for x in collected]


def _start(tensor: Tensor, t: Any) -> Any:
    """Give a register's first value: the constant, or zeros where it is an input that the first step takes instead."""
    if isinstance(tensor, Known):
        return tensor.array.astype(np.float32).reshape(t.shape)
    return np.zeros(t.shape, np.float32)


def scanned(nodes: Any) -> set[str]:
    """Name the tensors that a Scan or Loop reads item by item, along axis 0."""
    found: set[str] = set()
    for node in nodes:
        attributes = {a.name: a for a in node.attribute}
        if node.op_type == "Scan" and "num_scan_inputs" in attributes and "scan_input_axes" not in attributes:
            found.update(node.input[len(node.input) - attributes["num_scan_inputs"].i:])
        if node.op_type == "Loop" and "body" in attributes and attributes["body"].g.input:
            counter = attributes["body"].g.input[0].name
            found.update(inside.input[0] for inside in attributes["body"].g.node
                         if inside.op_type == "Gather" and list(inside.input)[1:] == [counter])
    return found


__all__ = ["Reader", "Recurrence", "emit", "recurrence_of", "scanned"]
