"""From typed steps to a program of the IR in f32: one handler a step."""

from __future__ import annotations

import operator
from collections.abc import Callable
from math import prod
from string import ascii_letters
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import F32, Builder, Func, Module, Port, Value, index_type, module_of, verify_module

from ..layers import float_constant, like, reshape, softmax
from .axes import required
from .functions import EPSILON
from .reading import read_places
from .steps import Affine, Step, Typed, Wire

MAX_ELEMENTS = 1 << 26
_RELATIONS: dict[str, Any] = {"<": operator.lt, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
                              ">": operator.gt, ">=": operator.ge, "": lambda left, right: left}


def lower(typed: Typed, seed: int | None = None) -> Module:
    """Give the program of a diagram. Weights without an array are drawn with `seed`; without one they are refused."""
    return _Lowering(typed, seed).module()


class _Lowering:
    """The program as it grows, and the value of each wire."""

    def __init__(self, typed: Typed, seed: int | None) -> None:
        self.typed = typed
        self.seed = seed
        self.builder = Builder()
        self.values: dict[int, Value] = {}

    def module(self) -> Module:
        b, typed = self.builder, self.typed
        ports: list[Port] = []
        for wire in typed.inputs:
            shape = self.shape(wire)
            t = F32.with_shape(shape) if wire.of is None else index_type(required(wire.of, wire.span), shape)
            ports.append(Port(wire.name, t))
            self.values[wire.key] = b.input(wire.name, t, wire.span)
        for step in typed.steps:
            self.values[step.output.key] = self.lowered(step)
        outputs = [self.values[w.key] for _, w in typed.outputs]
        results = tuple(Port(name, b.type(v)) for (name, _), v in zip(typed.outputs, outputs, strict=True))
        func = Func(typed.name, tuple(ports), results, b.finish(outputs))
        module = module_of(func)
        verify_module(module)
        return module

    def shape(self, wire: Wire) -> tuple[int, ...]:
        shape = tuple(required(a, wire.span) for a in wire.axes)
        if prod(shape) > MAX_ELEMENTS:
            raise error(f"a wire of shape {list(shape)} has more than {MAX_ELEMENTS} elements", wire.span)
        return shape

    def lowered(self, step: Step) -> Value:
        shape = self.shape(step.output)
        operands = [self.values[w.key] for w in step.inputs]
        return _HANDLERS[step.op](self, step, shape, operands)

    def aligned(self, value: Value, indices: tuple[str, ...], wanted: tuple[str, ...],
                shape: tuple[int, ...]) -> Value:
        """Give a value the axes of `wanted`: put in order, and repeated along those that it has not."""
        b = self.builder
        order = tuple(indices.index(i) for i in wanted if i in indices)
        if order != tuple(range(len(order))):
            value = b.apply("transpose", value, order=order)
        if len(order) == len(wanted):
            return value
        return b.apply("broadcast", value, shape=shape, axes=tuple(k for k, i in enumerate(wanted) if i in indices))


Handler = Callable[[_Lowering, Step, tuple[int, ...], list[Value]], Value]


def _weight(c: _Lowering, step: Step, shape: tuple[int, ...], operands: list[Value]) -> Value:
    array, path, fill = step.detail["array"], step.detail["path"], step.detail["fill"]
    if array is None:
        if fill is not None:
            array = np.full(shape, fill)
        elif c.seed is None:
            raise error(f"weight {path} has no numbers", step.span, "name their file, or write `weights random 1`")
        else:
            array = drawn(path, shape, c.seed)
    return float_constant(c.builder, array, path.replace(".", "_"))


def drawn(path: str, shape: tuple[int, ...], seed: int) -> NDArray[np.float32]:
    """Draw a weight: uniform, variance 1 over the longest axis; its name and the seed say which numbers."""
    source = np.random.default_rng([seed, crc32(path.encode())])
    limit = np.sqrt(3 / max(shape, default=1))
    return source.uniform(-limit, limit, shape).astype(np.float32)


def _number(c: _Lowering, step: Step, shape: tuple[int, ...], operands: list[Value]) -> Value:
    return float_constant(c.builder, step.detail["value"])


def _positions(place: Affine, indices: tuple[str, ...], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """Tabulate a place over its indices, on a grid of `shape`."""
    total = np.full((1,) * len(shape), place.constant, np.int64)
    for name, coefficient in place.terms:
        k = indices.index(name)
        line = coefficient * np.arange(shape[k], dtype=np.int64)
        total = total + line.reshape([-1 if j == k else 1 for j in range(len(shape))])
    return total // place.divisor


def _iverson(c: _Lowering, step: Step, shape: tuple[int, ...], operands: list[Value]) -> Value:
    left, right = (_positions(step.detail[side], step.indices[-1], shape) for side in ("left", "right"))
    holds = _RELATIONS[step.detail["relation"]](left, right)
    return float_constant(c.builder, np.broadcast_to(holds, shape).astype(np.float32), "iverson")


def _map(c: _Lowering, step: Step, shape: tuple[int, ...], operands: list[Value]) -> Value:
    values = [c.aligned(v, i, step.indices[-1], shape)
              for v, i in zip(operands, step.indices[:-1], strict=True)]
    return FUNCTION[step.detail["function"]](c.builder, *values)


def _linear(c: _Lowering, step: Step, shape: tuple[int, ...], operands: list[Value]) -> Value:
    """Contract; an index that only one operand has and the output has not is summed first."""
    left, right, out = step.indices
    a = _summed(c, operands[0], left, (*right, *out))
    d = _summed(c, operands[1], right, (*left, *out))
    letters = dict(zip(dict.fromkeys((*left, *right)), ascii_letters, strict=False))
    if len(letters) < len({*left, *right}):
        raise error(f"a product of {len({*left, *right})} indices is too much", step.span)
    p, q, r = ("".join(letters[i] for i in part) for part in (a[1], d[1], out))
    return c.builder.apply("contract", a[0], d[0], spec=f"{p},{q}->{r}")


def _summed(c: _Lowering, v: Value, indices: tuple[str, ...], needed: tuple[str, ...]) -> tuple[Value, tuple[str, ...]]:
    gone = tuple(k for k, i in enumerate(indices) if i not in needed)
    if not gone:
        return v, indices
    return c.builder.apply("reduce", v, kind="add", axes=gone), tuple(i for i in indices if i in needed)


def _reduce(c: _Lowering, step: Step, shape: tuple[int, ...], operands: list[Value]) -> Value:
    indices, out = step.indices
    gone = tuple(k for k, i in enumerate(indices) if i not in out)
    kind = step.detail["kind"]
    b = c.builder
    value = b.apply("reduce", operands[0], kind="add" if kind == "mean" else kind, axes=gone)
    if kind == "mean":
        count = prod(b.type(operands[0]).shape[k] for k in gone)
        value = b.apply("mul", value, like(b, value, np.float32(1 / count)))
    return value


def _softmax(c: _Lowering, step: Step, shape: tuple[int, ...], operands: list[Value]) -> Value:
    """Along several axes at once by folding them into one."""
    b, (indices, _), over = c.builder, step.indices, step.detail["over"]
    rest = tuple(i for i in indices if i not in over)
    if len(over) == 1:
        return softmax(b, operands[0], indices.index(over[0]))
    order = tuple(indices.index(i) for i in (*rest, *over))
    x = b.apply("transpose", operands[0], order=order)
    flat = reshape(b, x, (*b.type(x).shape[:len(rest)], prod(b.type(x).shape[len(rest):])))
    done = reshape(b, softmax(b, flat, len(rest)), b.type(x).shape)
    return b.apply("transpose", done, order=tuple(int(k) for k in np.argsort(order)))


def _normalised(c: _Lowering, step: Step, shape: tuple[int, ...], operands: list[Value]) -> Value:
    """(x - mean) / sqrt(variance + epsilon), or for `rms` x / sqrt(mean square + epsilon)."""
    b, (indices, _) = c.builder, step.indices
    gone = tuple(k for k, i in enumerate(indices) if i in step.detail["over"])
    kept = tuple(k for k in range(len(shape)) if k not in gone)
    count = np.float32(1 / prod(shape[k] for k in gone))

    def mean(v: Value) -> Value:
        total = b.apply("reduce", v, kind="add", axes=gone)
        return b.apply("mul", total, like(b, total, count))

    def spread(v: Value) -> Value:
        return b.apply("broadcast", v, shape=shape, axes=kept)

    x = operands[0]
    if step.op == "norm":
        x = b.apply("sub", x, spread(mean(x)))
    square = mean(b.apply("mul", x, x))
    root = b.apply("sqrt", b.apply("add", square, like(b, square, np.float32(EPSILON))), type=F32)
    return b.apply("divide", x, spread(root), type=F32)


def _take(c: _Lowering, step: Step, shape: tuple[int, ...], operands: list[Value]) -> Value:
    return c.builder.apply("gather", operands[0], operands[1], axis=step.detail["axis"])


def _reindex(c: _Lowering, step: Step, shape: tuple[int, ...], operands: list[Value]) -> Value:
    """Read axis after axis at its places, then put the indices in the order of the output."""
    names = step.indices[-1]
    lengths = dict(zip(names, shape, strict=True))
    value, indices = read_places(c.builder, operands[0], step.detail["places"], lengths, step.detail["fill"])
    return c.aligned(value, indices, names, shape)


def _unary(name: str) -> Callable[[Builder, Value], Value]:
    return lambda b, x: b.apply(name, x, type=F32.with_shape(b.type(x).shape))


def _choose(b: Builder, where: Value, yes: Value, no: Value) -> Value:
    return b.apply("select", where, yes, no)


def _positive(b: Builder, x: Value) -> Value:
    return b.apply("lt", like(b, x, 0.0), x)


def _gelu(b: Builder, x: Value) -> Value:
    half = b.apply("mul", x, like(b, x, np.float32(0.5)))
    inner = _unary("erf")(b, b.apply("mul", x, like(b, x, np.float32(np.sqrt(0.5)))))
    return b.apply("mul", half, b.apply("add", inner, like(b, x, 1.0)))


FUNCTION: dict[str, Callable[..., Value]] = {
    "add": lambda b, x, y: b.apply("add", x, y), "sub": lambda b, x, y: b.apply("sub", x, y),
    "mul": lambda b, x, y: b.apply("mul", x, y),
    "divide": lambda b, x, y: b.apply("divide", x, y, type=F32.with_shape(b.type(x).shape)),
    "max": lambda b, x, y: b.apply("max", x, y), "min": lambda b, x, y: b.apply("min", x, y),
    "relu": lambda b, x: b.apply("max", x, like(b, x, 0.0)), "gelu": _gelu,
    "silu": lambda b, x: b.apply("mul", x, _unary("sigmoid")(b, x)),
    "abs": lambda b, x: b.apply("abs", x),
    "sign": lambda b, x: _choose(b, _positive(b, x), like(b, x, 1.0), like(b, x, -1.0)),
    "step": lambda b, x: _choose(b, b.apply("le", like(b, x, 0.0), x), like(b, x, 1.0), like(b, x, 0.0)),
    "select": lambda b, c, x, y: _choose(b, b.apply("not", b.apply("eq", c, like(b, c, 0.0))), x, y),
    **{name: _unary(name) for name in ("tanh", "sigmoid", "exp", "log", "sqrt", "rsqrt", "erf", "sin", "cos")}}

_HANDLERS: dict[str, Handler] = {
    "weight": _weight, "number": _number, "iverson": _iverson, "map": _map, "linear": _linear, "reduce": _reduce,
    "softmax": _softmax, "norm": _normalised, "rms": _normalised, "take": _take, "reindex": _reindex}

__all__ = ["drawn", "lower"]
