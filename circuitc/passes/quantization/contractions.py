"""Contractions: constant weights on integers with scales of their own, activations on few bits, exact sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import Node, Value
from circuitc.ir.ops.reductions import Subscripts, subscripts

from .forms import Bound, Form, compact, uniform
from .lowering import Lowering
from .weights import Weights


def contract(low: Lowering, value: Value, node: Node) -> Form:
    """Give the exact sum of products of a layer, or of two values."""
    subs = subscripts([low.node(v).type for v in node.operands], node.attributes)
    known = [low.known(v) for v in node.operands]
    for k, weights in enumerate(known):
        if weights is not None:
            return _layer(low, node, subs, k, weights)
    x, y = (low.centred(v) for v in node.operands)
    number = low.builder.apply("contract", x.value, y.value, name=node.name, **node.attributes)
    scale = float(x.scale.flat[0]) * float(y.scale.flat[0])
    return uniform(number, scale, 0.0, node.type.rank, _products(subs, x.bound, y.bound))


def _layer(low: Lowering, node: Node, subs: Subscripts, place: int, real: Any) -> Form:
    """Quantize the weights, round the activations, and keep the product's scales and offset aside."""
    settings = low.plan.settings.of(node.name)
    if not np.all(np.isfinite(real)):
        raise error(f"quantize: the weights of {node.name} are not all finite")
    mine, other = (subs.a, subs.b) if place == 0 else (subs.b, subs.a)
    channels = channel_axes(mine, other) if settings.granularity == "channel" else ()
    weights = low.plan.weights.quantize(settings.weights, real, channels)
    x = low.narrow(node.operands[1 - place], settings.activations)
    source = low.node(node.operands[place])
    constant = low.builder.constant(weights.constant(source.constant.storage if source.is_constant else "dense"),
                                    source.name, source.origin)
    operands = (constant, x.value) if place == 0 else (x.value, constant)
    number = low.builder.apply("contract", *operands, name=node.name, origin=node.origin, **node.attributes)
    kept = [k for k, c in enumerate(mine) if c in subs.result]  # a channel's letter is always in the result
    scale = np.squeeze(weights.scale, tuple(k for k in range(real.ndim) if k not in kept)) * float(x.scale.flat[0])
    sums = weights.real.sum(axis=tuple(k for k in range(real.ndim) if k not in kept)) * float(x.offset.flat[0])
    letters = [mine[k] for k in kept]
    scale, offset = _laid_out(scale, letters, subs), _laid_out(sums, letters, subs)
    t = low.builder.type(x.value)
    low.layers.append({"layer": node.name, "weights": str(settings.weights), "weight_bits": weights.raw.size * (
        settings.weights.bits), "activations": str(t.scalar), "zeros": int((weights.raw == 0).sum()),
        "weight_error": float(np.abs(weights.real - real).max())})
    return Form(number, compact(scale), compact(offset), bound=_bound(subs, place, real, weights, x.bound))


def channel_axes(mine: str, other: str) -> tuple[int, ...]:
    """Give the weights' axes that number output channels: those that the activations do not have."""
    return tuple(k for k, c in enumerate(mine) if c not in other)


def _laid_out(array: Any, letters: list[str], subs: Subscripts) -> Any:
    """Bring an array over some of the result's letters to the result's axes, with 1 for the others."""
    order = [c for c in subs.result if c in letters]
    sizes = iter(np.transpose(array, [letters.index(c) for c in order]).shape)
    return np.transpose(array, [letters.index(c) for c in order]).reshape(
        [next(sizes) if c in letters else 1 for c in subs.result])


def _einsum(subs: Subscripts, a: Any, b: Any) -> Any:
    return np.einsum(f"{subs.a},{subs.b}->{subs.result}", a, b, optimize=True)


def _bound(subs: Subscripts, place: int, real: Any, weights: Weights, x: Bound | None) -> Bound | None:
    """Bound a layer: |w| times the activations' error, and the weights' error times what the activations can be."""
    if x is None:
        return None

    def sums(w: Any, a: Any) -> Any:
        a = np.broadcast_to(a, [subs.sizes[c] for c in (subs.b if place == 0 else subs.a)])
        return _einsum(subs, w, a) if place == 0 else _einsum(subs, a, w)

    up, down = np.maximum(real, 0.0), np.minimum(real, 0.0)
    error = sums(np.abs(weights.real), x.error) + sums(np.abs(weights.real - real), x.size)
    return Bound(sums(up, x.low) + sums(down, x.high), sums(up, x.high) + sums(down, x.low), error)


def _products(subs: Subscripts, x: Bound | None, y: Bound | None) -> Bound | None:
    if x is None or y is None:
        return None
    a, b = ([np.broadcast_to(getattr(bound, end), [subs.sizes[c] for c in letters]) for end in ("size", "error")]
            for bound, letters in ((x, subs.a), (y, subs.b)))
    size = _einsum(subs, a[0], b[0])
    error = _einsum(subs, a[0], b[1]) + _einsum(subs, a[1], b[0]) + _einsum(subs, a[1], b[1])
    return Bound(-size, size, error)
