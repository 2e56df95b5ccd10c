"""Samples in bytes to samples in words and back: 64 samples of one bit are one word.

Both directions work on `lanes` words a row (a block of 64 x lanes samples) and run along the elements of a port, which
LLVM vectorises.
"""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir

from circuitc.ir import Type

from .kernel import Kernel, index, number
from .memory import I8, I64, POINTER, element_type, storage_bits
from .unit import Unit

PACK = (POINTER, I64, I64, I64, POINTER, POINTER)  # samples, stride in bytes, elements, count, rows, working memory


def working_bytes(elements: int) -> int:
    """Give the working memory that packing or unpacking a port of so many elements takes."""
    return 8 * elements


def packer(unit: Unit, t: Type) -> ir.Function:
    """Give the function that packs `count` samples of elements of a type into rows of words, one row a bit.

    Samples past the last are copies of it: their bits mean nothing and hurt nobody.
    """
    name = f"pack {t.scalar}"
    if name not in unit.runs:
        unit.runs[name] = _write_packer(unit, t.scalar)
    return unit.runs[name]


def _write_packer(unit: Unit, t: Type) -> ir.Function:
    """Eight samples make a byte row, eight byte rows make the words; both loops run along the elements."""
    kernel = unit.kernel("pack", list(PACK))
    kernel.function.attributes.add("noinline")  # one copy serves every port of the type
    samples, stride, elements, count, rows, bytes_ = kernel.arguments
    kernel.noalias([samples, rows, bytes_])
    b, kind, words = kernel.builder, element_type(t), unit.target.lanes
    last = b.sub(count, index(1))
    with kernel.loop(words) as word:
        needed = b.icmp_signed("<", b.mul(word, index(64)), count)
        with b.if_then(needed), kernel.loop(t.width) as bit:
            with kernel.loop(8) as group:
                eight = [_sample(kernel, samples, stride, b.add(b.mul(b.add(b.mul(word, index(8)), group), index(8)),
                                                               index(i)), last) for i in range(8)]
                with kernel.loop(elements) as e:
                    whole: Any = None
                    for i, sample in enumerate(eight):
                        x = _bit_of(kernel, kernel.load(kernel.at(sample, e, kind), kind), t, bit)
                        x = b.shl(x, number(8, i))
                        whole = x if whole is None else b.or_(whole, x)
                    b.store(whole, kernel.at(bytes_, b.add(b.mul(group, elements), e)))
            with kernel.loop(elements) as e:
                total: Any = None
                for i in range(8):
                    x = kernel.load(kernel.at(bytes_, b.add(b.mul(index(i), elements), e)), I8)
                    x = b.shl(b.zext(x, I64), number(64, 8 * i))
                    total = x if total is None else b.or_(total, x)
                row = b.add(b.mul(e, index(t.width)), bit)
                b.store(total, kernel.at(rows, b.add(b.mul(row, index(words)), word), I64))
    return kernel.finish()


def _sample(kernel: Kernel, samples: Any, stride: Any, number_: Any, last: Any) -> Any:
    b = kernel.builder
    safe = b.select(b.icmp_signed("<", number_, last), number_, last)
    return kernel.at(samples, b.mul(safe, stride))


def _bit_of(kernel: Kernel, x: Any, t: Type, bit: Any) -> Any:
    """Give a bit of a stored element as an i8 of 0 or 1."""
    b = kernel.builder
    if t.is_spin:
        return b.xor(b.and_(b.lshr(x, number(8, 1)), number(8, 1)), number(8, 1))
    if t.width == 1 and not t.signed:
        return x
    shifted = b.lshr(x, kernel.resize(bit, False, x.type.width))
    return b.and_(kernel.resize(shifted, False, 8), number(8, 1))


def unpacker(unit: Unit, t: Type) -> ir.Function:
    """Give the function that unpacks rows of words into `count` samples of elements of a type."""
    name = f"unpack {t.scalar}"
    if name not in unit.runs:
        unit.runs[name] = _write_unpacker(unit, t.scalar)
    return unit.runs[name]


def _write_unpacker(unit: Unit, t: Type) -> ir.Function:
    kernel = unit.kernel("unpack", list(PACK))
    kernel.function.attributes.add("noinline")
    samples, stride, elements, count, rows, row = kernel.arguments
    kernel.noalias([samples, rows, row])
    b, words = kernel.builder, unit.target.lanes
    with kernel.loop(words) as word:
        left = b.sub(count, b.mul(word, index(64)))
        some = b.select(b.icmp_signed("<", left, index(64)), left, index(64))
        with kernel.loop(t.width) as bit:
            with kernel.loop(elements) as e:  # one bit of all elements, side by side
                place = b.add(b.mul(b.add(b.mul(e, index(t.width)), bit), index(words)), word)
                b.store(kernel.load(kernel.at(rows, place, I64), I64), kernel.at(row, e, I64))
            with kernel.loop(some) as s:
                sample = kernel.at(samples, b.mul(b.add(b.mul(word, index(64)), s), stride))
                with kernel.loop(elements) as e:
                    x = b.lshr(kernel.load(kernel.at(row, e, I64), I64), s)
                    _put_bit(kernel, kernel.at(sample, e, element_type(t)), x, t, bit)
    return kernel.finish()


def _put_bit(kernel: Kernel, place: Any, x: Any, t: Type, bit: Any) -> None:
    """Put the lowest bit of a word into a stored element; bit 0 starts the element, the sign bit ends it."""
    b, bits = kernel.builder, storage_bits(t)
    x = b.and_(kernel.resize(x, False, bits), number(bits, 1))
    if t.is_spin:
        b.store(b.sub(b.shl(x, number(8, 1)), number(8, 1)), place)
        return
    if t.signed:
        top = b.icmp_unsigned("==", bit, index(t.width - 1))
        x = b.select(top, b.neg(x), x)
    if t.width == 1:
        b.store(x, place)
        return
    shifted = b.shl(x, kernel.resize(bit, False, bits))
    begun = b.icmp_unsigned("!=", bit, index(0))
    old = b.select(begun, kernel.load(place, element_type(t)), number(bits, 0))
    b.store(b.or_(old, shifted), place)
