"""Nodes without state: weights, convolutions, pooling, shapes, thresholds. Shapes are those of NIR, without a batch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import prod
from types import MappingProxyType

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import Value

from ..layers import Sliding, convolution, dense, reshape, sum_pool, window_size
from .nodes import Node
from .scope import Scope

Shape = tuple[int, ...]


def apply_map(scope: Scope, name: str, node: Node, x: Value) -> Value:
    """Add what a node without state makes of a value."""
    return _MAPS[node.kind](scope, name, node, x)


def shape_after(node: Node, shape: Shape) -> Shape:
    """Give the shape of what a node makes of a tensor of this shape; refuses what does not fit."""
    match node.kind:
        case "Affine" | "Linear":
            weight = node.array("weight").shape
            if len(weight) < 2 or (len(weight) > 2 and weight[:-2] != shape[:-1]) or shape[-1:] != weight[-1:]:
                raise error(f"weights of shape {list(weight)} do not fit what comes in, of shape {list(shape)}")
            return (*shape[:-1], weight[-2])
        case "Conv1d" | "Conv2d":
            spatial = _sliding(node, shape)
            return (node.array("weight").shape[0], *window_size(shape[1:], spatial))
        case "SumPool2d" | "AvgPool2d":
            return (shape[0], *window_size(shape[1:], _sliding(node, shape)))
        case "Flatten":
            first, last = _flattened(node, len(shape))
            return (*shape[:first], prod(shape[first:last + 1]), *shape[last + 1:])
        case _:
            own = own_shape(node)
            if own is not None and own != shape and prod(own) != 1 and not _fits(own, shape):
                raise error(f"a parameter of shape {list(own)} does not fit values of shape {list(shape)}")
            return shape


def own_shape(node: Node) -> Shape | None:
    """Give the shape that the parameters of a node have together, one for each value that it hears; None for ports."""
    if node.kind in ("Input", "Output"):
        return None
    shapes = [np.shape(value) for value in node.parameters.values()]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        found = ", ".join(str(list(s)) for s in dict.fromkeys(shapes))
        raise error(f"its parameters have shapes {found}, which do not fit each other") from None


def _fits(own: Shape, shape: Shape) -> bool:
    try:
        return np.broadcast_shapes(own, shape) == shape
    except ValueError:
        return False


def _affine(scope: Scope, name: str, node: Node, x: Value) -> Value:
    x, weight = scope.real(x), node.array("weight")
    w = scope.constant(weight, f"{name}_weight")
    if weight.ndim == 2:
        y = dense(scope.b, x, w, f"{name}_sum")
    else:
        lead = "abcdefgh"[:weight.ndim - 2]
        y = scope.b.apply("contract", w, x, spec=f"{lead}yz,{lead}z->{lead}y", name=f"{name}_sum")
    if node.kind == "Linear" or not np.any(node.array("bias")):
        return y
    return scope.b.apply("add", y, scope.constant(node.array("bias"), f"{name}_bias", y), name=name)


def _scale(scope: Scope, name: str, node: Node, x: Value) -> Value:
    x = scope.real(x)
    return scope.b.apply("mul", x, scope.constant(node.array("scale"), f"{name}_scale", x), name=name)


def _threshold(scope: Scope, name: str, node: Node, x: Value) -> Value:
    x = scope.real(x)
    return scope.b.apply("lt", scope.constant(node.array("threshold"), f"{name}_threshold", x), x, name=name)


def _convolution(scope: Scope, name: str, node: Node, x: Value) -> Value:
    shape = scope.b.type(x).shape
    y = convolution(scope.b, scope.real(x), scope.constant(node.array("weight"), f"{name}_weight"),
                    _sliding(node, shape), node.one("groups"), f"{name}_sum")
    bias = node.array("bias")
    if bias.shape != (node.array("weight").shape[0],):
        raise error(f"a bias of shape {list(bias.shape)} does not fit weights of shape "
                    f"{list(node.array('weight').shape)}")
    if not np.any(bias):
        return y
    return scope.b.apply("add", y, scope.constant(bias.reshape(-1, *(1,) * (len(shape) - 1)), f"{name}_bias", y),
                         name=name)


def _pool(scope: Scope, name: str, node: Node, x: Value) -> Value:
    sliding = _sliding(node, scope.b.type(x).shape)
    total = sum_pool(scope.b, scope.real(x), sliding, f"{name}_sum")
    if node.kind == "SumPool2d":
        return total
    share = scope.constant(1 / prod(sliding.size), f"{name}_share", total)  # padding counts, as in PyTorch
    return scope.b.apply("mul", total, share, name=name)


def _flatten(scope: Scope, name: str, node: Node, x: Value) -> Value:
    return reshape(scope.b, x, shape_after(node, scope.b.type(x).shape))


def _flattened(node: Node, rank: int) -> tuple[int, int]:
    first, last = ((d if d >= 0 else rank + d) for d in (node.one("start_dim"), node.one("end_dim")))
    if not 0 <= first <= last < rank:
        raise error(f"cannot flatten axes {first} to {last} of {rank}")
    return first, last


def _sliding(node: Node, shape: Shape) -> Sliding:
    """Give the window of a convolution or a pool over [channels, *spatial]."""
    axes = 1 if node.kind == "Conv1d" else 2
    if len(shape) != 1 + axes:
        raise error(f"what comes in has shape {list(shape)}, [channels, {'length' if axes == 1 else 'height, width'}] "
                    "is needed")
    if node.kind.startswith("Conv"):
        size = _kernel(node, shape, axes)
        dilation = _each(node, "dilation", axes)
    else:
        size, dilation = _each(node, "kernel_size", axes), (1,) * axes
    stride = _each(node, "stride", axes)
    if min(*size, *stride, *dilation) < 1:
        raise error("sizes, strides and dilations of windows are at least 1")
    before, after = _padding(node, size, stride, dilation)
    return Sliding(size, stride, dilation, before, after)


def _kernel(node: Node, shape: Shape, axes: int) -> Shape:
    weight, groups = node.array("weight").shape, node.one("groups")
    if len(weight) != 2 + axes or groups < 1 or weight[0] % groups or weight[1] * groups != shape[0]:
        raise error(f"weights of shape {list(weight)} in {groups} groups do not fit what comes in, of shape "
                    f"{list(shape)}")
    return weight[2:]


def _padding(node: Node, size: Shape, stride: Shape, dilation: Shape) -> tuple[Shape, Shape]:
    given = node.parameters["padding"]
    if not isinstance(given, str):
        pads = _each(node, "padding", len(size))
        if min(pads) < 0 or max(pads) > 1 << 16:
            raise error(f"a padding of {list(pads)} is none")
        return pads, pads
    if given == "valid":
        return (0,) * len(size), (0,) * len(size)
    if any(s != 1 for s in stride):
        raise error("padding same has strides of 1")
    reach = [(k - 1) * d for k, d in zip(size, dilation, strict=True)]
    return tuple(r // 2 for r in reach), tuple(r - r // 2 for r in reach)


def _each(node: Node, name: str, axes: int) -> Shape:
    """Give a parameter for each spatial axis; one number stands for all."""
    value = node.whole(name)
    if len(value) not in (1, axes):
        raise error(f"{name} has {len(value)} numbers, {axes} axes need one each")
    return value * axes if len(value) == 1 else value


_Map = Callable[[Scope, str, Node, Value], Value]
_MAPS: Mapping[str, _Map] = MappingProxyType({
    "Affine": _affine, "Linear": _affine, "Scale": _scale, "Threshold": _threshold, "Conv1d": _convolution,
    "Conv2d": _convolution, "SumPool2d": _pool, "AvgPool2d": _pool, "Flatten": _flatten})

__all__ = ["Shape", "apply_map", "own_shape", "shape_after"]
