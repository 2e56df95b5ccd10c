"""A machine as a stream func again: its state as a number (binary) or as one bit a state (one-hot)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import (
    BIT,
    SPIN,
    STREAM,
    Builder,
    Constant,
    Func,
    Port,
    Register,
    Type,
    Value,
    flatten_bits,
    smallest,
    ufixed,
)
from circuitc.ir.ops.functions import MAX_TABLE_WIDTH

from .machine import Int64, Machine

Encoding = Literal["binary", "one-hot"]
MAX_ONE_HOT = 1 << 22  # states * states * symbols: what the one-hot product goes over


def machine_func(machine: Machine, name: str, inputs: Sequence[Port], outputs: Sequence[Port],
                 codes: Int64 | None = None, encoding: Encoding = "binary") -> Func:
    """Give the stream that a machine is, with these ports.

    The flattened bits of an input item are its pattern; `codes[pattern]` is its symbol (the pattern itself where codes
    are None). Patterns beyond the symbols are those of symbol 0.
    """
    b = Builder()
    items = [b.input(p.name, p.type) for p in inputs]
    state_type = BIT.with_shape((machine.states,)) if encoding == "one-hot" else ufixed(_bits(machine.states), 0)
    state = b.input("state", state_type)
    symbol = _symbol(b, items, codes)
    machine = _with_all_patterns(machine, b.type(symbol).width)
    make = _one_hot if encoding == "one-hot" else _binary
    values = make(b, machine, state, symbol, outputs)
    start = np.eye(machine.states, dtype=np.int64)[machine.start] if encoding == "one-hot" else np.array(machine.start)
    register = Register("state", state_type, Constant(state_type, start))
    return Func(name, tuple(inputs), tuple(outputs), b.finish(values), (register,), STREAM)


def _with_all_patterns(machine: Machine, bits: int) -> Machine:
    """Make of each pattern of the symbol's bits that stands for no symbol another symbol 0."""
    column = np.arange(1 << bits)
    column[machine.symbols:] = 0
    return replace(machine, following=machine.following[:, column], answers=machine.answers[:, column])


def _bits(count: int) -> int:
    return max(1, (count - 1).bit_length())


def merged_symbols(machine: Machine) -> tuple[Machine, Int64 | None]:
    """Make symbols that no state tells apart one; answers the machine and the symbol of each pattern."""
    both = np.concatenate([machine.following, machine.answers]).T
    first, codes = np.unique(both, axis=0, return_index=True, return_inverse=True)[1:]
    if len(first) == machine.symbols:
        return machine, None
    order = np.argsort(first)  # in the order in which they first come
    rank = np.argsort(order)
    keep = first[order]
    return (Machine(machine.following[:, keep], machine.answers[:, keep], machine.values, machine.start),
            rank[codes.reshape(-1)].astype(np.int64))


def _symbol(b: Builder, items: Sequence[Value], codes: Int64 | None) -> Value:
    """Give the symbol's number from the input items."""
    address = _address(b, [_flat(b, v) for v in items])
    if codes is None:
        return address
    size = 1 << b.type(address).width
    table = np.zeros(size, np.int64)
    table[:len(codes)] = codes
    t = smallest(0, max(1, int(codes.max())), 0, (size,))
    return b.apply("table", address, b.constant(Constant(t, table), "symbols"), name="symbol")


def _flat(b: Builder, value: Value) -> Value:
    """Give a value's bits as a vector, the lowest first."""
    t = b.type(value)
    if t.is_spin:
        value = b.apply("convert", value, type=BIT)
    elif not t.is_bit:
        value = b.apply("unpack", value)
    return b.apply("reshape", value, shape=(t.bits,))


def _address(b: Builder, parts: Sequence[Value]) -> Value:
    """Pack vectors of bits into one number, the first lowest."""
    bits = parts[0] if len(parts) == 1 else b.apply("concat", *parts)
    return b.apply("pack", bits, type=ufixed(b.type(bits).size, 0))


def _binary(b: Builder, machine: Machine, state: Value, symbol: Value, outputs: Sequence[Port]) -> list[Value]:
    """Look everything up by (state, symbol), the symbol in the low bits."""
    low = b.type(symbol).width
    address = _address(b, [_flat(b, symbol), _flat(b, state)])
    if b.type(address).width > MAX_TABLE_WIDTH:
        raise error(f"{machine.states} states and {machine.symbols} symbols make tables of 2**{b.type(address).width} "
                    f"entries, more than 2**{MAX_TABLE_WIDTH}", help="fewer states or symbols, or the encoding one-hot")
    place = (np.arange(machine.states)[:, None] << low) + np.arange(machine.symbols)

    def look_up(entries: NDArray[Any], t: Type, name: str) -> Value:
        table = np.zeros(1 << b.type(address).width, t.dtype)
        table[:] = t.lowest if t.is_spin else 0
        table[place] = entries
        return b.apply("table", address, b.constant(Constant(t.with_shape(table.shape), table), name), name=name)
    values: list[Value] = []
    for port, rows in zip(outputs, machine.values, strict=True):
        flat = rows.reshape(len(rows), port.type.size)
        parts = [look_up(flat[machine.answers, k], port.type.scalar, f"{port.name}{k}") for k in range(port.type.size)]
        values.append(b.apply("stack", *parts, shape=port.type.shape) if port.type.rank else parts[0])
    return [*values, look_up(machine.following, b.type(state), "following")]


def _one_hot(b: Builder, machine: Machine, state: Value, symbol: Value, outputs: Sequence[Port]) -> list[Value]:
    """Let each state look for the (state, symbol) pairs that lead to it, and each output bit for those that set it."""
    n, m = machine.states, machine.symbols
    if n * n * m > MAX_ONE_HOT:
        raise error(f"{n} states and {m} symbols are too many for one bit a state", help="take the encoding binary")
    letters = b.apply("one_hot", symbol, size=m, name="letter")
    pairs = b.apply("and", b.apply("broadcast", state, shape=(n, m), axes=(0,)),
                    b.apply("broadcast", letters, shape=(n, m), axes=(1,)), name="pairs")

    def collect(ones: NDArray[Any], name: str) -> Value:
        return b.apply("contract", b.constant(Constant(BIT.with_shape(ones.shape), ones.astype(np.int64)), name), pairs,
                       spec="ijk,jk->i", semiring="or_and", name=name)
    values: list[Value] = []
    for port, rows in zip(outputs, machine.values, strict=True):
        bits = flatten_bits([port.type], [rows])[machine.answers]  # [states, symbols, bits]
        values.append(_shaped(b, collect(np.moveaxis(bits, 2, 0), port.name), port.type))
    following = machine.following[None] == np.arange(n)[:, None, None]
    return [*values, collect(following, "following")]


def _shaped(b: Builder, bits: Value, t: Type) -> Value:
    """Make a value of a type of its flattened bits."""
    if t.is_spin or t.is_bit:
        value = b.apply("reshape", bits, shape=t.shape)
        return b.apply("convert", value, type=SPIN) if t.is_spin else value
    return b.apply("pack", b.apply("reshape", bits, shape=(*t.shape, t.width)), type=t.scalar)


__all__ = ["Encoding", "machine_func", "merged_symbols"]
