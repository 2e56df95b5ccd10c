"""What a region asks of an array: a matrix of whole weights over binary reads, and what becomes of the sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import Func, Graph, Type
from circuitc.ir.ops.reductions import subscripts

Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Region:
    """y = W x, or W x > t, as the array sees it.

    `weights` is [outputs, inputs], raw whole numbers. Each input is read bit by bit: `planes` gives the factor of each
    read (1 for bits and spins; powers of two for numbers, the sign bit's negative). A spin s is driven as the bit
    (s + 1) / 2, so with `spins` a sum over bits counts double and has the sum of the row's weights taken off.
    `thresholds`, where the region is a layer of gates, are the least sums over *bits* that answer +1; None where the
    sums themselves are wanted. `times` is how often the matrix is applied in a step (rows of a matrix product);
    `layout` tells where the axes of x and y lie.
    """

    name: str
    weights: Integers
    planes: tuple[int, ...]
    spins: bool
    thresholds: Integers | None
    times: int
    layout: Layout

    @property
    def outputs(self) -> int:
        return self.weights.shape[0]

    @property
    def inputs(self) -> int:
        return self.weights.shape[1]


@dataclass(frozen=True, slots=True)
class Layout:
    """How tensors become rows of reads: x to [times, inputs], [times, outputs] to y, by transposing and reshaping."""

    x_shape: tuple[int, ...]
    x_order: tuple[int, ...]
    y_shape: tuple[int, ...]   # of the transposed result
    y_order: tuple[int, ...]

    def reads(self, x: Any, inputs: int) -> Any:
        """Give [samples, *x_shape] as [samples, times, inputs]."""
        x = np.asarray(x).reshape(-1, *self.x_shape)
        return np.transpose(x, (0, *(k + 1 for k in self.x_order))).reshape(len(x), -1, inputs)

    def result(self, y: Any) -> Any:
        """Give [samples, times, outputs] as [samples, *shape of y]."""
        y = np.asarray(y)
        return np.transpose(y.reshape(len(y), *self.y_shape), (0, *(k + 1 for k in self.y_order)))


def region_of(func: Func) -> Region:
    """Read a region func that the pass `partition` made."""
    body = func.body
    node = body.nodes[body.outputs[0]] if isinstance(body, Graph) and len(body.outputs) == 1 else None
    if node is None or node.op not in ("threshold", "contract") or not isinstance(body, Graph) or body.inputs != 1:
        raise error(f"@{func.name} is marked for the crossbar, and is neither a threshold nor a product with constant "
                    "weights", func.span, "let the pass partition outline the regions")
    operands = [body.nodes[v] for v in node.operands]
    x = body.nodes[0].type
    if node.op == "threshold":
        return _threshold(func.name, x, operands[1].constant, operands[2].constant)
    types = [o.type for o in operands]
    subs = subscripts(types, node.attributes)
    at = 0 if operands[1].is_constant else 1
    x_index, w_index = (subs.a, subs.b) if at == 0 else (subs.b, subs.a)
    return _product(func.name, x, operands[1 - at].constant.array, x_index, w_index, subs.result)


def _threshold(name: str, x: Type, w: Any, t: Any) -> Region:
    """W.x > t over the reals; with whole raw numbers at one fraction this is W.x >= floor(t) + 1."""
    planes, spins = _planes(name, x)
    weights = w.array.astype(np.int64)
    # At raw scales W.x > t reads raw(W) raw(x) 2^-(fw + fx) > raw(t) 2^-ft.
    up = w.type.fraction + x.fraction - t.type.fraction
    limits = [_floor_shift(int(v), up) for v in t.array.tolist()]
    if spins:  # 2 W.b - sum(W) > t
        limits = [(limit + int(row.sum())) // 2 for limit, row in zip(limits, weights, strict=True)]
    least = np.array([limit + 1 for limit in limits], dtype=np.int64)
    layout = Layout(x.shape, tuple(range(len(x.shape))), (weights.shape[0],), (0,))
    return Region(name, weights, planes, spins, least, 1, layout)


def _product(name: str, x: Type, w: Any, x_index: str, w_index: str, result: str) -> Region:
    contracted = [c for c in w_index if c in x_index]
    if any(c in result for c in contracted):
        raise error(f"@{name}: the product {x_index},{w_index}->{result} uses other weights for each {contracted[0]}",
                    help="lift that axis out, so that each array has one set of weights")
    kept, made = [c for c in result if c in x_index], [c for c in result if c in w_index]
    planes, spins = _planes(name, x)
    weights = np.transpose(w, [w_index.index(c) for c in (*made, *contracted)]).astype(np.int64)
    inputs = int(np.prod([x.shape[x_index.index(c)] for c in contracted], initial=1))
    missing = [c for c in x_index if c not in result and c not in w_index]
    if missing:
        raise error(f"@{name}: the product sums {missing[0]} over one operand only", help="reduce that axis before")
    sizes = {**dict(zip(x_index, x.shape, strict=True)), **dict(zip(w_index, w.shape, strict=True))}
    axes = [*kept, *made]
    layout = Layout(x.shape, tuple(x_index.index(c) for c in (*kept, *contracted)),
                    tuple(sizes[c] for c in axes), tuple(axes.index(c) for c in result))
    times = int(np.prod([sizes[c] for c in kept], initial=1))
    return Region(name, weights.reshape(-1, inputs), planes, spins, None, times, layout)


def _planes(name: str, x: Type) -> tuple[tuple[int, ...], bool]:
    if x.is_float:
        raise error(f"@{name}: an array reads exact numbers, and its input is {x}", help="run the pass quantize before")
    if x.is_spin:
        return (1,), True
    signed = x.lowest < 0
    planes = [1 << k for k in range(x.width)]
    if signed:
        planes[-1] = -planes[-1]
    return tuple(planes), False


def _floor_shift(value: int, up: int) -> int:
    return value << up if up >= 0 else value >> -up


__all__ = ["Layout", "Region", "region_of"]
