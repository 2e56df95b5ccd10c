"""Write one LLVM function: loops, memory, integers of any width, and the status that it answers."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

import llvmlite.ir as ir

from circuitc.ir import Type

from .memory import ALIGN, I1, I8, I32, I64, POINTER, element_type, is_signed, rounded, storage_bits


def number(bits: int, value: int) -> Any:
    """Make an integer constant, modulo 2**bits."""
    return ir.Constant(ir.IntType(bits), value & ((1 << bits) - 1))


def index(value: int) -> Any:
    """Make an index constant."""
    return ir.Constant(I64, value)


class Kernel:
    """A function under construction: `builder` stands at the end of what is written so far.

    Variables live in stack slots at the entry, which LLVM turns into registers. A kernel answers an i32 status: 0, or
    the number of the site (see `Unit.site`) where a promise of the program was broken.
    """

    def __init__(self, module: ir.Module, name: str, arguments: Sequence[Any], *, internal: bool = True) -> None:
        self.module = module
        self.function = ir.Function(module, ir.FunctionType(I32, list(arguments)), name)
        if internal:
            self.function.linkage = "internal"
        self.arguments = list(self.function.args)
        self.builder: Any = ir.IRBuilder(self.function.append_basic_block("entry"))
        self._entry = self.builder.block
        self._status = self.slot(I32)
        self._flags: dict[int, Any] = {}
        self.fails = False
        self.builder.store(number(32, 0), self._status)

    def noalias(self, arguments: Sequence[Any]) -> None:
        """Promise that these pointers do not overlap where one of them is written."""
        for argument in arguments:
            argument.add_attribute("noalias")

    def slot(self, kind: Any, count: int = 1) -> Any:
        """Make a variable (or an array of them) at the function's entry."""
        with self.builder.goto_block(self._entry):
            if self._entry.instructions:
                self.builder.position_before(self._entry.instructions[0])
            slot = self.builder.alloca(ir.ArrayType(kind, count) if count > 1 else kind)
        slot.align = ALIGN if count > 1 else max(1, _bytes(kind))
        slot.type = POINTER  # llvmlite still gives typed pointers here
        return slot

    def variable(self, value: Any) -> Any:
        """Make a variable that starts with a value."""
        slot = self.slot(value.type)
        self.builder.store(value, slot)
        return slot

    def load(self, slot: Any, kind: Any) -> Any:
        """Load from a pointer."""
        return self.builder.load(slot, typ=kind)

    def at(self, pointer: Any, offset: Any, kind: Any = I8) -> Any:
        """Step a pointer by a number of elements."""
        if isinstance(offset, int):
            if offset == 0:
                return pointer
            offset = index(offset)
        return self.builder.gep(pointer, [offset], inbounds=True, source_etype=kind)

    @contextmanager
    def loop(self, count: Any, start: int = 0) -> Generator[Any]:
        """Repeat what is written inside for i = start..count-1 and answer i; a constant count must exceed start."""
        b = self.builder
        constant = isinstance(count, int)
        if constant and count == start + 1:
            yield index(start)
            return
        limit = index(count) if constant else count
        before = b.block
        body = self.function.append_basic_block("loop")
        after = self.function.append_basic_block("done")
        if constant:
            b.branch(body)
        else:
            b.cbranch(b.icmp_signed("<", index(start), limit), body, after)
        b.position_at_end(body)
        i = b.phi(I64)
        i.add_incoming(index(start), before)
        yield i
        following = b.add(i, index(1), flags=("nsw", "nuw"))
        i.add_incoming(following, b.block)
        b.cbranch(b.icmp_signed("<", following, limit), body, after)
        b.position_at_end(after)

    @contextmanager
    def loops(self, counts: Sequence[Any]) -> Generator[list[Any]]:
        """Nest loops, the last one innermost, and answer all indices."""
        if not counts:
            yield []
            return
        with self.loop(counts[0]) as i, self.loops(counts[1:]) as rest:
            yield [i, *rest]

    def resize(self, value: Any, signed: bool, bits: int) -> Any:
        """Bring an integer to a width: sign- or zero-extended, or cut."""
        kind = ir.IntType(bits)
        if value.type.width == bits:
            return value
        if value.type.width > bits:
            return self.builder.trunc(value, kind)
        return self.builder.sext(value, kind) if signed else self.builder.zext(value, kind)

    def shift_left(self, value: Any, by: int) -> Any:
        """Multiply an integer by 2**by modulo its width."""
        bits = value.type.width
        if by == 0:
            return value
        return self.builder.shl(value, number(bits, by)) if by < bits else number(bits, 0)

    def widen(self, value: Any, t: Type, bits: int, fraction: int | None = None) -> Any:
        """Give a stored element in `bits` bits with `fraction` (its own by default), modulo 2**bits."""
        wide = self.resize(value, is_signed(t), bits)
        return wide if fraction is None else self.shift_left(wide, fraction - t.fraction)

    def settle(self, value: Any, source: Type, result: Type) -> Any:
        """Bring a stored element to a wider type that holds its number."""
        if source.is_float or result.is_float:
            return value
        return self.widen(value, source, storage_bits(result), result.fraction)

    def fail(self, site: int, condition: Any) -> None:
        """Note the site where a promise is broken, if the condition (i1) holds.

        Each site has a flag of its own: LLVM makes vectors of loops that `or` flags, not of one that selects a site.
        """
        self.fails = True
        flag = self._flags.get(site)
        if flag is None:
            flag = self._flags[site] = self.slot(I1)
            with self.builder.goto_block(self._entry):
                self.builder.position_before(self._entry.instructions[1])
                self.builder.store(number(1, 0), flag)
        self.builder.store(self.builder.or_(self.load(flag, I1), condition), flag)

    def _now(self) -> Any:
        """Give the status so far: that of a flag which is set (of the last site of several), or what was taken over."""
        status = self.load(self._status, I32)
        for site, flag in self._flags.items():
            status = self.builder.select(self.load(flag, I1), number(32, site), status)
        return status

    def merge(self, status: Any) -> None:
        """Take over the status of a called kernel."""
        self.fails = True
        old = self.load(self._status, I32)
        bad = self.builder.icmp_unsigned("!=", old, number(32, 0))
        self.builder.store(self.builder.select(bad, old, status), self._status)

    def return_if_failed(self) -> None:
        """Answer the status now where it is not 0."""
        status = self._now()
        with self.builder.if_then(self.builder.icmp_unsigned("!=", status, number(32, 0)), likely=False):
            self.builder.ret(status)

    def finish(self) -> ir.Function:
        """Answer the status and close the function."""
        self.builder.ret(self._now() if self.fails else number(32, 0))
        return self.function

    def copy(self, target: Any, source: Any, size: int) -> None:
        """Copy bytes between places that do not overlap."""
        if size == 0:
            return
        kind = ir.FunctionType(ir.VoidType(), [POINTER, POINTER, I64, I1])
        name = "llvm.memcpy.p0.p0.i64"
        function = self.module.globals.get(name) or ir.Function(self.module, kind, name)
        self.builder.call(function, [target, source, index(size), ir.Constant(I1, 0)])

    def intrinsic(self, name: str, result: Any, arguments: Sequence[Any]) -> Any:
        """Call an intrinsic or library function that has no side effects."""
        kind = ir.FunctionType(result, [a.type for a in arguments])
        function = self.module.globals.get(name) or ir.Function(self.module, kind, name)
        return self.builder.call(function, list(arguments))


def _bytes(kind: Any) -> int:
    if isinstance(kind, ir.IntType):
        return min(16, rounded(kind.width) // 8)
    return 4 if isinstance(kind, ir.FloatType) else 8


def zero(t: Type) -> Any:
    """Give the stored element whose bits are all zero: -1 for spins."""
    if t.is_float:
        return ir.Constant(element_type(t), 0.0)
    return number(storage_bits(t), -1 if t.is_spin else 0)
