"""Which contractions are products of a constant matrix and rows of activations, and where their elements lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from circuitc.ir import Node
from circuitc.ir.ops.reductions import Subscripts

from .body import Body, View, offset_of
from .kernel import Kernel, index
from .panels import Form, Panels, form_of, panels_of
from .semiring import Sums

_SMALLEST = 256  # weights below which loops are as good


@dataclass(frozen=True, slots=True)
class Axes:
    """Index letters of one kind, outer first: their sizes and their steps in memory (in elements)."""

    sizes: tuple[int, ...]
    steps: tuple[int, ...]

    @property
    def count(self) -> int:
        return prod(self.sizes)

    @property
    def contiguous(self) -> bool:
        return len(self.sizes) <= 1 and self.steps in ((), (1,))

    def joined(self) -> Axes:
        """Join neighbours that are walked as one, and drop letters of one value."""
        sizes: list[int] = []
        steps: list[int] = []
        for n, step in zip(self.sizes, self.steps, strict=True):
            if n == 1:
                continue
            if sizes and steps[-1] == step * n:
                sizes[-1], steps[-1] = sizes[-1] * n, step
            else:
                sizes.append(n)
                steps.append(step)
        return Axes(tuple(sizes), tuple(steps))

    def offset(self, kernel: Kernel, place: Any) -> Any:
        """Give the elements from the first to the one of this number in row-major order."""
        b, indices = kernel.builder, []
        for n in reversed(self.sizes[1:]):
            indices.append(b.urem(place, index(n)))
            place = b.udiv(place, index(n))
        return offset_of(kernel, [place, *reversed(indices)][:len(self.sizes)], self.steps)


@dataclass(frozen=True, slots=True)
class Plan:
    """One product: its activations, where outputs, rows and summed letters lie, and the packed matrix."""

    x: int                 # the activations
    view: View
    outputs: Axes          # in the result
    rows: Axes             # in the result
    rows_in: Axes          # in x
    summed: Axes           # in x
    output_letters: str
    row_letters: str
    form: Form
    packed: Panels


def row_major_steps(sizes: tuple[int, ...]) -> tuple[int, ...]:
    """Give the steps of axes that lie without gaps."""
    return tuple(prod(sizes[k + 1:]) for k in range(len(sizes)))


def planned(body: Body, node: Node, subs: Subscripts, sums: Sums, out: View) -> Plan | None:
    """Take a contraction apart; None where it is no such product, or too small to gain."""
    if sums.semiring != "plus_times" or subs.where:
        return None
    matrix = next((k for k in (0, 1) if body.node(node.operands[k]).is_constant), None)
    if matrix is None or body.node(node.operands[1 - matrix]).is_constant:
        return None
    w, a = (subs.a, subs.b)[matrix], (subs.a, subs.b)[1 - matrix]
    if set(w) & set(a) != set(subs.contracted):  # letters of both that stay, or sums over one operand alone
        return None
    x, target = node.operands[1 - matrix], body.unit.target
    view = body.view(x)
    in_x, in_out = dict(zip(a, view.strides, strict=True)), dict(zip(subs.result, out.strides, strict=True))
    summed = sorted(subs.contracted, key=lambda c: (-abs(in_x[c]), a.index(c)))
    outputs, rows = ("".join(c for c in subs.result if c in letters) for letters in (w, a))
    array = body.node(node.operands[matrix]).constant.array
    weights = np.transpose(array, [w.index(c) for c in (*outputs, *summed)]).reshape(
        prod(subs.sizes[c] for c in outputs), -1)

    def axes(letters: Sequence[str], steps: dict[str, int]) -> Axes:
        return Axes(tuple(subs.sizes[c] for c in letters), tuple(steps[c] for c in letters)).joined()

    form = form_of(target, view.type.scalar, weights, sums)
    if weights.size < _SMALLEST or 2 * len(weights) < form.lanes:
        return None
    return Plan(x, view, axes(outputs, in_out), axes(rows, in_out), axes(rows, in_x), axes(summed, in_x), outputs,
                 rows, form, panels_of(weights, form, target.panel_vectors))
