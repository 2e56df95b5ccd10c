"""What streams are built of: registers, counters, delays, line buffers with windows, and maps put together again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import BIT, Builder, Constant, Graph, Register, Type, Value, index_type

from .grid import Flow, Pending

_REGISTER = "(register)"  # the callee of the nodes that stand for registers until all of them are known


@dataclass
class Parts:
    """The body of one step while it grows. Registers may be added at any time: `finish` puts them in front."""

    period: int
    builder: Builder = field(default_factory=Builder)
    registers: list[Register] = field(default_factory=list[Register])
    _now: list[Value] = field(default_factory=list[Value])
    _following: dict[Value, Value] = field(default_factory=dict[Value, Value])

    def register(self, wish: str, t: Type, first: int = 0) -> Value:
        """Add a register that holds `first` throughout (spins: -1) before the first step."""
        value = self.builder.call(_REGISTER, f"{wish}/{len(self.registers)}", t, name=wish)
        raw = np.full(t.shape, -1 if t.is_spin else first, np.int64)
        self.registers.append(Register(self.builder.nodes[value].name, t, Constant(t, raw)))
        self._now.append(value)
        return value

    def follow(self, register: Value, value: Value) -> None:
        """Say what a register holds after the step."""
        self._following[register] = value

    def finish(self, inputs: int, outputs: Sequence[Value]) -> Graph:
        """Give the body: `inputs` ports, then registers in; outputs, then next registers out."""
        nodes = self.builder.nodes
        b = Builder()
        place = {v: b.input(nodes[v].name, nodes[v].type, nodes[v].span) for v in (*range(inputs), *self._now)}
        for value, node in enumerate(nodes):
            if value not in place:
                place[value] = b.copy(node, tuple(place[v] for v in node.operands))
        return b.finish([place[v] for v in (*outputs, *(self._following[v] for v in self._now))])

    # -- small things

    def bit(self, value: int) -> Value:
        return self.builder.number(BIT, value)

    def all_of(self, *bits: Value) -> Value:
        """Give 1 where all bits are."""
        b, found = self.builder, self.bit(1)
        for bit in bits:
            if found == self.bit(1) or bit == self.bit(0):
                found = bit
            elif bit != self.bit(1):
                found = b.apply("and", found, bit)
        return found

    def choose(self, condition: Value, yes: Value, no: Value) -> Value:
        """Give one of two tensors by one bit."""
        b, t = self.builder, self.builder.type(yes)
        if condition == self.bit(1):
            return yes
        wide = b.apply("broadcast", condition, shape=t.shape, axes=()) if t.shape else condition
        return b.apply("select", wide, yes, no)

    def looked_up(self, index: Value, bits: NDArray[np.bool_]) -> Value:
        """Give the bit that an index names."""
        if bits.all():
            return self.bit(1)
        full = np.zeros(1 << self.builder.type(index).width, np.int64)
        full[:len(bits)] = bits
        return self.builder.apply("table", index, self.builder.constant(Constant(BIT.with_shape(full.shape), full)))

    def counted(self, now: Value, count: int) -> Value:
        """Give the number after one of 0..count-1, and 0 after the last."""
        b, t = self.builder, self.builder.type(now)
        more = b.apply("requantize", b.apply("add", now, b.number(BIT, 1)), type=t, rounding="floor", overflow="wrap")
        return b.apply("select", b.apply("eq", now, b.number(t, count - 1)), b.number(t, 0), more)

    def shifted(self, name: str, length: int, pixel: Value, enable: Value) -> Value:
        """Give the last `length` pixels [length, ...] before this step, the oldest first."""
        b, t = self.builder, self.builder.type(pixel)
        kept = self.register(name, t.with_shape((length, *t.shape)))
        row = b.apply("reshape", pixel, shape=(1, *t.shape))
        moved = row if length == 1 else b.apply("concat", self.cut(kept, 1, length), row, axis=0)
        self.follow(kept, self.choose(enable, moved, kept))
        return kept

    def cut(self, value: Value, start: int, stop: int) -> Value:
        """Give some rows of a tensor."""
        shape = self.builder.type(value).shape
        zeros, ends = (0,) * (len(shape) - 1), shape[1:]
        return self.builder.apply("slice", value, start=(start, *zeros), stop=(stop, *ends))

    # -- larger things

    def delayed(self, name: str, flow: Flow, steps: int) -> Flow:
        """Give a flow so many steps later."""
        if not steps:
            return flow
        b, one = self.builder, self.bit(1)
        found: list[Value] = []
        for wish, value in ((f"{name}_late", flow.value), (f"{name}_late_valid", flow.valid)):
            kept = self.shifted(wish, steps, value, one)
            found.append(b.apply("reshape", self.cut(kept, 0, 1), shape=b.type(value).shape))
        return Flow(found[0], found[1], flow.axes, flow.times + steps)

    def windows(self, name: str, pending: Pending) -> Flow:
        """Keep lines of a map, and give its windows: a position is [..., *places].

        The registers hold the newest position and where the window that it completes starts, padding included.
        """
        source, rows, columns = pending.source, pending.rows, pending.columns
        kept = self.shifted(f"{name}_lines", pending.kept, source.value, source.valid)
        row, column, valid = self._places(name, pending)
        valid = self.all_of(valid, self.looked_up(row, rows.starts), self.looked_up(column, columns.starts))
        window = self._window(kept, pending)
        if pending.fill is not None:
            window = self._masked(window, pending, row, column)
        return Flow(window, valid, source.axes, pending.times(self.period))

    def _places(self, name: str, pending: Pending) -> tuple[Value, Value, Value]:
        """Give the row and the column where a window starts, and whether it is a new one."""
        b, valid = self.builder, pending.source.valid
        height, width = pending.rows.length, pending.columns.length
        first = (-pending.ahead - 1) % (height * width)
        row = self.register(f"{name}_row", index_type(height), first // width)
        column = self.register(f"{name}_column", index_type(width), first % width)
        fresh, warm = self.register(f"{name}_fresh", BIT), self.register(f"{name}_warm", BIT)
        end = b.apply("eq", column, b.number(b.type(column), width - 1))
        next_row = self.choose(end, self.counted(row, height), row)
        next_column = self.counted(column, width)
        begins = self.all_of(b.apply("eq", next_row, b.number(b.type(row), 0)),
                             b.apply("eq", next_column, b.number(b.type(column), 0)))
        for register, value in ((row, next_row), (column, next_column), (warm, b.apply("or", warm, begins))):
            self.follow(register, self.choose(valid, value, register))
        self.follow(fresh, valid)
        return row, column, self.all_of(fresh, warm)

    def _window(self, kept: Value, pending: Pending) -> Value:
        """Read the places [rows, columns] off the kept lines, and put them behind what a position has of axes."""
        b, rows, columns = self.builder, pending.rows, pending.columns
        inner = b.type(kept).shape[1:]
        taken = [self.cut(kept, at, at + 1) for y in range(rows.size) for x in range(columns.size)
                 for at in [y * rows.dilation * columns.length + x * columns.dilation]]
        grid = b.apply("reshape", b.apply("concat", *taken, axis=0), shape=(rows.size, columns.size, *inner))
        rank = len(inner)
        turned = b.apply("transpose", grid, order=(*range(2, 2 + rank), *pending.order,
                                                   *(k for k in (0, 1) if k not in pending.order)))
        return b.apply("reshape", turned, shape=(*inner, *pending.places))

    def _masked(self, window: Value, pending: Pending, row: Value, column: Value) -> Value:
        """Put the filling where a window lies on padding."""
        b, t = self.builder, self.builder.type(window)
        assert pending.fill is not None
        sizes = pending.rows.size, pending.columns.size
        bits = [[self.looked_up(at, axis.inside(k)) for k in range(axis.size)]
                for at, axis in ((row, pending.rows), (column, pending.columns))]
        grid = b.apply("stack", *(self.all_of(y, x) for y in bits[0] for x in bits[1]), shape=sizes)
        turned = b.apply("transpose", grid, order=(*pending.order, *(k for k in (0, 1) if k not in pending.order)))
        inside = b.apply("reshape", turned, shape=pending.places)
        rank, places = len(t.shape), len(pending.places)
        wide = b.apply("broadcast", inside, shape=t.shape, axes=tuple(range(rank - places, rank)))
        return b.apply("select", wide, window, b.number(t, pending.fill.array.flat[0]))

    def whole(self, name: str, flow: Flow) -> Flow:
        """Keep all positions of a map: the tensor with its axes, valid in the step after its last position."""
        if flow.axes is None:
            return flow
        b, (height, width) = self.builder, flow.times.shape
        inner = b.type(flow.value).shape
        kept = self.shifted(f"{name}_map", height * width, flow.value, flow.valid)
        done, last = self.register(f"{name}_done", BIT), self.bit(1)
        if height * width > 1:
            count = self.register(f"{name}_count", index_type(height * width))
            self.follow(count, self.choose(flow.valid, self.counted(count, height * width), count))
            last = b.apply("eq", count, b.number(b.type(count), height * width - 1))
        self.follow(done, self.all_of(flow.valid, last))
        grid = b.apply("reshape", kept, shape=(height, width, *inner))
        tensor = b.apply("transpose", grid, order=whole_order(flow.axes, len(inner)))
        return Flow(tensor, done, None, flow.times[-1:, -1:] + 1)


def whole_order(axes: tuple[int, int], inner: int) -> tuple[int, ...]:
    """Give the order that turns [rows, columns, ...] into a tensor with rows and columns at `axes`."""
    rest = iter(range(2, 2 + inner))
    return tuple(0 if k == axes[0] else 1 if k == axes[1] else next(rest) for k in range(inner + 2))


def inner_axes(rank: int, axes: tuple[int, int]) -> tuple[int, ...]:
    """Give the axes of a tensor that a position has."""
    return tuple(k for k in range(rank) if k not in axes)


__all__ = ["Parts", "inner_axes", "whole_order"]
