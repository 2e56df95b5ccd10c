"""Rows of activations as 32-bit words: bytes by fours, 16-bit numbers by twos, spins and bits by 32."""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir

from circuitc.ir import fixed

from .body import Body, Loops, View, offset_of
from .kernel import Kernel, index, number
from .memory import I8, I32, element_type, is_signed, storage_bits
from .product_plan import Axes, Plan, row_major_steps


def lies_in_words(plan: Plan) -> bool:
    """Tell whether activations already lie in words of `group` neighbours."""
    form, bits = plan.form, storage_bits(plan.view.type)
    return form.kind in ("bytes", "pairs") and not form.flip and bits == form.activation_bits and (
        plan.summed.contiguous and plan.summed.count % form.group == 0)


def pack_rows(body: Body, plan: Plan) -> View:
    """Write each row of activations as 32-bit words of `group` neighbours; what is missing at the end is zero bits."""
    out = body.buffer(fixed(32, 0, (plan.rows.count * plan.packed.groups,)))
    with Loops(body, out, {plan.x: plan.view}, "pack", shape=(), joined=False) as loops:
        kernel, groups = loops.kernel, plan.packed.groups
        with kernel.loop(plan.rows.count) as row:
            source = kernel.at(loops.views[plan.x].pointer, plan.rows_in.offset(kernel, row),
                               element_type(plan.view.type))
            target = kernel.at(kernel.arguments[0], kernel.builder.mul(row, index(4 * groups)))
            (_pack_bits if plan.form.group == 32 else _pack_numbers)(kernel, plan, source, target)
    return out


def _pack_numbers(kernel: Kernel, plan: Plan, source: Any, target: Any) -> None:
    b, form, t = kernel.builder, plan.form, plan.view.type
    bits, summed = form.activation_bits, plan.summed
    kind = ir.IntType(bits)
    flat = Axes(summed.sizes, row_major_steps(summed.sizes))
    with kernel.loops(summed.sizes) as indices:
        x = kernel.load(kernel.at(source, offset_of(kernel, indices, summed.steps), element_type(t)), element_type(t))
        x = b.xor(kernel.resize(x, is_signed(t), bits), number(bits, form.flip))
        b.store(x, kernel.at(target, offset_of(kernel, indices, flat.steps), kind))
    for k in range(summed.count, plan.packed.groups * form.group):
        b.store(number(bits, 0), kernel.at(target, k, kind))


def _pack_bits(kernel: Kernel, plan: Plan, source: Any, target: Any) -> None:
    """Pack spins and bits: positive is 1, or 0 where the form flips."""
    b, summed = kernel.builder, plan.summed
    test, words = "<=" if plan.form.flip else ">", 0
    if summed.contiguous and (words := summed.count // 32):
        with kernel.loop(words) as w:
            kind = ir.VectorType(I8, 32)
            x = kernel.load(kernel.at(source, b.mul(w, index(32))), kind)
            x.align = 1
            ones = b.icmp_signed(test, x, ir.Constant(kind, None))
            b.store(b.bitcast(ones, I32), kernel.at(target, w, I32))
    if words == plan.packed.groups:
        return
    with kernel.loop(plan.packed.groups, words) as w:
        word, first = kernel.variable(number(32, 0)), b.mul(w, index(32))
        left = b.sub(index(summed.count), first)
        with kernel.loop(b.select(b.icmp_unsigned("<", left, index(32)), left, index(32))) as k:
            x = kernel.load(kernel.at(source, summed.offset(kernel, b.add(first, k))), I8)
            bit = b.shl(b.zext(b.icmp_signed(test, x, number(8, 0)), I32), b.trunc(k, I32))
            b.store(b.or_(kernel.load(word, I32), bit), word)
        b.store(kernel.load(word, I32), kernel.at(target, w, I32))
