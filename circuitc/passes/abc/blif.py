"""Read the look-up tables that ABC writes as BLIF: covers of sum-of-products, names of its own making."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from circuitc.diagnostics import error
from circuitc.ir import Netlist, NetlistBuilder
from circuitc.ir.netlist import MAX_LUT_INPUTS

from ..gates.canonical import add_lut

Table = tuple[list[str], list[str]]  # the signals of `.names`, output last, and the lines of its cover


def read_luts(text: str, inputs: int) -> Netlist:
    """Make a netlist of a combinational BLIF file; ABC writes tables after those they read, about 20 us each.

    Tables come in one form: no idle, constant or inverted fan-ins, 0 where all fan-ins are; buffers and inverters are
    literals.
    """
    names: list[str] = []
    outputs: list[str] = []
    tables: dict[str, Table] = {}
    for words, cover in _sections(text):
        match words[0]:
            case ".inputs":
                names += words[1:]
            case ".outputs":
                outputs += words[1:]
            case ".names":
                tables[words[-1]] = (words[1:], cover)
            case ".model" | ".end":
                pass
            case _:
                raise error(f"abc wrote {words[0]}, which is no combinational BLIF")
    assert len(names) == inputs, "ABC keeps the inputs"
    builder = NetlistBuilder(inputs)
    literal = {name: builder.input(k) for k, name in enumerate(names)}
    for name in _in_order(tables, literal):
        signals, cover = tables[name]
        if len(signals) - 1 > MAX_LUT_INPUTS:
            raise error(f"abc made a look-up table of {len(signals) - 1} inputs, the IR takes {MAX_LUT_INPUTS}",
                        help="map with -K 8")
        literal[name] = add_lut(builder, [literal[s] for s in signals[:-1]], truth_table(len(signals) - 1, cover))
    return builder.finish(literal[name] for name in outputs)


def _sections(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """Cut the text into directives, each with the lines that follow it."""
    words: list[str] = []
    cover: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        if line.startswith("#") or not line.strip():
            continue
        if line.startswith("."):
            if words:
                yield words, cover
            words, cover = line.split(), []
        else:
            cover.append(line)
    if words:
        yield words, cover


def _in_order(tables: dict[str, Table], known: dict[str, int]) -> Iterator[str]:
    """Give the tables after those they read."""
    done = set(known)
    for root in tables:
        stack = [root]
        while stack:
            name = stack[-1]
            missing = [s for s in tables[name][0][:-1] if s not in done]
            if name in done or not missing:
                stack.pop()
                if name not in done:
                    done.add(name)
                    yield name
            else:
                stack += missing


def truth_table(count: int, cover: Sequence[str]) -> int:
    """Give the truth table of a cover: lines `1-0 1` (or all `... 0`), no line is constant 0."""
    full = (1 << (1 << count)) - 1
    table, value = 0, "1"
    for line in cover:
        *cubes, value = line.split()
        term = full
        for j, c in enumerate(cubes[0] if cubes else ""):
            if c != "-":
                ones = _column(count, j)
                term &= ones if c == "1" else ~ones & full
        table |= term
    return table if value == "1" else ~table & full


def _column(count: int, j: int) -> int:
    """Give the truth table of input j among `count`."""
    block = ((1 << (1 << j)) - 1) << (1 << j)
    table, width = block, 2 << j
    while width < 1 << count:
        table |= table << width
        width *= 2
    return table
