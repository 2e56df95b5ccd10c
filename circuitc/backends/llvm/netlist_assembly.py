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
_TABLES = {0x88: "and", 0x22: "andn", 0xEE: "or", 0x66: "xor"}  # of b and c


@dataclass(frozen=True, slots=True)
class Straight:
    """The text of a module with functions `names`, to be called in order with (memory, number of tiles).

    A tile is `rows` rows of one vector: false, inputs, outputs, waiting values.
    """

    text: str
    names: tuple[str, ...]
    rows: int


def assembly(program: Program, target: Target, prefix: str, chunk: int = CHUNK) -> Straight:
    """Write a program for a target with 512-bit ternary logic or with AVX2."""
    writer = _Ternary() if target.ternary else _Binary()
    program = ordered(program if target.ternary else binary(program))
    code = allocate(program, writer.machine, chunk)
    row = target.vector_bits // 8
    origin = (1 + program.inputs + len(program.outputs)) * row  # the busiest rows lie around the pointer: short code
    names = tuple(f"{prefix}.gates{k}" for k in range(len(code.chunks)))
    lines = [f'target triple = "{target.triple}"']
    for name, chunk_code in zip(names, code.chunks, strict=True):
        body = "\\0A".join(("1:", *writer.start(), *writer.lines(chunk_code, row, origin),
                            f"addq $${code.rows * row},%rax", "decq %rcx", "jnz 1b", "vzeroupper"))
        clobbered = ",".join(f"~{{xmm{k}}}" for k in range(32 if target.ternary else 16))
        lines += [f"define void @{name}(ptr %memory, i64 %tiles) noinline {{",
                  f"  %origin = getelementptr i8, ptr %memory, i64 {origin}",
                  f'  call {{i64, i64}} asm sideeffect "{body}", '
                  f'"={{rax}},={{rcx}},0,1,{clobbered},~{{memory}},~{{flags}}"(ptr %origin, i64 %tiles)',
                  "  ret void", "}"]
    return Straight("\n".join(lines) + "\n", names, code.rows)


class _Ternary:
    """AVX-512: any table of three operands."""

    machine = Machine(registers=32, ternary=True)
    _r = tuple(f"%zmm{k}" for k in range(32))

    def start(self) -> list[str]:
        return []

    def lines(self, code: list[Instruction], row: int, origin: int) -> Iterator[str]:
        r = self._r
        for instruction in code:
            match instruction:
                case ("op", table, target, b, c):
                    source = r[c] if c >= 0 else f"{~c * row - origin}(%rax)"
                    plain = _TABLES.get(table)
                    yield (f"vp{plain}q {source},{r[b]},{r[target]}" if plain else
                           f"vpternlogq $${table},{source},{r[b]},{r[target]}")
                case ("load", target, place):
                    yield f"vmovdqa64 {place * row - origin}(%rax),{r[target]}"
                case ("store", source, place):
                    yield f"vmovdqa64 {r[source]},{place * row - origin}(%rax)"
                case (_, target, source):
                    yield f"vmovdqa64 {r[source]},{r[target]}"


class _Binary:
    """AVX2: two operands, and all ones in the last register."""

    machine = Machine(registers=15, ternary=False)
    _r = tuple(f"%ymm{k}" for k in range(16))

    def start(self) -> list[str]:
        return ["vpcmpeqd %ymm15,%ymm15,%ymm15"]

    def lines(self, code: list[Instruction], row: int, origin: int) -> Iterator[str]:
        r = self._r
        for instruction in code:
            match instruction:
                case ("op", table, target, b, c):
                    source = r[c] if c >= 0 else f"{~c * row - origin}(%rax)"
                    yield _SPECIAL[table].format(c=source, t=r[target]) if table in _SPECIAL else (
                        f"vp{_TABLES[table]} {source},{r[b]},{r[target]}")
                case ("load", target, place):
                    yield f"vmovdqa {place * row - origin}(%rax),{r[target]}"
                case ("store", source, place):
                    yield f"vmovdqa {r[source]},{place * row - origin}(%rax)"
                case (_, target, source):
                    yield f"vmovdqa {r[source]},{r[target]}"


_SPECIAL = {0x55: "vpxor {c},%ymm15,{t}", 0xAA: "vmovdqa {c},{t}",
            0x00: "vpxor {t},{t},{t}", 0xFF: "vpcmpeqd {t},{t},{t}"}
