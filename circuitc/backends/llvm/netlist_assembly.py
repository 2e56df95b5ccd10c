"""Straight-line code as x86 assembly inside LLVM functions: AVX-512's ternary logic, or AVX2's and, andn, or, xor.

A function is one chunk of instructions in a loop over tiles, so that instructions that do not fit the first caches are
fetched once for several blocks of patterns. LLVM assembles the text; it allocates nothing and selects nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from .netlist_binary import binary
from .netlist_order import ordered
from .netlist_program import Program
from .netlist_registers import Instruction, Machine, allocate
from .target import Target

CHUNK = 1000
TILES = 4    # blocks of patterns that share one fetch of the instructions
MANY = 256   # inputs: the rows of more do not fit the first cache, so those of the next tiles are fetched ahead
_BIAS = 100  # the pointer stands so many rows into the working memory: shorter instructions reach rows on both sides
_NAMES = {0x88: "and", 0x22: "andn", 0xEE: "or", 0x66: "xor"}  # of b and c


@dataclass(frozen=True, slots=True)
class Straight:
    """The text of a module with functions `names`, to be called in order with (memory, tiles, pointers, offset).

    A tile is one vector of patterns; its working memory is `rows` vectors. `pointers` say where the rows of inputs and
    then of outputs lie, and `offset` (in bytes) where in them to begin.
    """

    text: str
    names: tuple[str, ...]
    rows: int


def assembly(program: Program, target: Target, prefix: str, chunk: int = CHUNK) -> Straight:
    """Write a program for a target with 512-bit ternary logic or with AVX2."""
    writer = (_Ternary if target.ternary else _Binary)(program.inputs if program.inputs > MANY else 0)
    code = allocate(ordered(program if target.ternary else binary(program)), writer.machine, chunk)
    names = tuple(f"{prefix}.gates{k}" for k in range(len(code.chunks)))
    clobbered = ",".join(f"~{{{name}}}" for name in (*writer.clobbered, "rsi", "memory", "flags"))
    outside = program.inputs + len(program.outputs)
    lines = [f'target triple = "{target.triple}"']
    for name, instructions in zip(names, code.chunks, strict=True):
        body = "\\0A".join(("1:", *writer.lines(instructions, outside),
                            f"addq $${code.rows * writer.row},%rax", f"addq $${writer.row},%rdx", "decq %rcx", "jnz 1b",
                            "vzeroupper"))
        lines += [f"define void @{name}(ptr %memory, i64 %tiles, ptr %pointers, i64 %offset) noinline {{",
                  f"  %bias = getelementptr i8, ptr %memory, i64 {_BIAS * writer.row}",
                  f'  call {{i64, i64, i64}} asm sideeffect "{body}", '
                  f'"={{rax}},={{rcx}},={{rdx}},{{r8}},0,1,2,{clobbered}"(ptr %pointers, ptr %bias, i64 %tiles, '
                  "i64 %offset)",
                  "  ret void", "}"]
    return Straight("\n".join(lines) + "\n", names, code.rows)


class _Writer:
    """Prints instructions: rax walks through working memory, rdx through the rows that r8's pointers name.

    Of the first `ahead` rows, what the tiles after these need is fetched meanwhile: rows lie too far apart, and are too
    many, for the processor to foresee it. Past the end of a row a fetch does nothing.
    """

    row: int
    machine: Machine
    move, move_outside = "vmovdqa64", "vmovdqu64"
    start: tuple[str, ...] = ()

    def __init__(self, ahead: int) -> None:
        self.ahead = ahead
        letter = "z" if self.machine.ternary else "y"
        self.registers = tuple(f"%{letter}mm{k}" for k in range(32))

    @property
    def clobbered(self) -> list[str]:
        return [f"xmm{k}" for k in range(32 if self.machine.ternary else 16)]

    def lines(self, code: list[Instruction], outside: int) -> Iterator[str]:
        """Print a chunk; places up to `outside` are inputs and outputs."""
        r = self.registers
        yield from self.start
        for instruction in code:
            match instruction:
                case ("op", table, target, b, c):
                    if c < 0:
                        pointer, source, _ = self._memory(~c, outside)
                        yield from pointer
                    else:
                        source = r[c]
                    yield self.operation(table, r[target], r[b], source)
                case ("copy", target, source):
                    yield f"{self.move} {r[source]},{r[target]}"
                case (kind, register, place):
                    pointer, memory, move = self._memory(place, outside)
                    yield from pointer
                    ends = (memory, r[register]) if kind == "load" else (r[register], memory)
                    yield f"{move} {','.join(ends)}"

    def _memory(self, place: int, outside: int) -> tuple[tuple[str, ...], str, str]:
        """Name a place in memory: what to do before, its address, and how to move it."""
        if place <= outside:
            fetch = (f"prefetcht0 {TILES * self.row}(%rsi,%rdx)",) if place <= self.ahead else ()
            return (f"movq {8 * (place - 1)}(%r8),%rsi", *fetch), "(%rsi,%rdx)", self.move_outside
        return (), f"{(place - 1 - outside - _BIAS) * self.row}(%rax)", self.move

    def operation(self, table: int, target: str, b: str, c: str) -> str:
        raise NotImplementedError


class _Ternary(_Writer):
    """AVX-512: any table of three operands."""

    row, machine = 64, Machine(registers=32, ternary=True)

    def operation(self, table: int, target: str, b: str, c: str) -> str:
        name = _NAMES.get(table)
        return f"vp{name}q {c},{b},{target}" if name else f"vpternlogq $${table},{c},{b},{target}"


class _Binary(_Writer):
    """AVX2: two operands, and all ones in the last register."""

    row, machine = 32, Machine(registers=15, ternary=False)
    move, move_outside = "vmovdqa", "vmovdqu"
    start = ("vpcmpeqd %ymm15,%ymm15,%ymm15",)

    def operation(self, table: int, target: str, b: str, c: str) -> str:
        if table in _SPECIAL:
            return _SPECIAL[table].format(c=c, t=target)
        return f"vp{_NAMES[table]} {c},{b},{target}"


_SPECIAL = {0x55: "vpxor {c},%ymm15,{t}", 0xAA: "vmovdqa {c},{t}",
            0x00: "vpxor {t},{t},{t}", 0xFF: "vpcmpeqd {t},{t},{t}"}
