"""Verilog expressions as pyverilog trees, and words: bits of a signal or a constant that expressions are made of.

The tree is pyverilog's own (`pyverilog.vparser.ast`), so its tools read what we make. Every width is explicit:
nothing here leaves an extension or a truncation to Verilog's rules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pyverilog.vparser import ast

Tree = Any  # a pyverilog.vparser.ast.Node; the library has no types


@dataclass(frozen=True, slots=True)
class Word:
    """Some bits, `width` of them: those of a signal from bit `low` up, or of a constant (`signal` is empty).

    `whole` says that they are all bits of the signal, so that its plain name will do; `signed` that the signal is
    declared signed, so that comparisons of the plain name are. `inverse` is for single bits: it means NOT of the bit.
    """

    width: int
    signal: str = ""
    low: int = 0
    whole: bool = True
    signed: bool = False
    value: int = 0
    inverse: bool = False

    @property
    def is_constant(self) -> bool:
        return not self.signal

    def number(self, signed: bool) -> int:
        """Read a constant's bits as a number."""
        return self.value - (1 << self.width) if signed and self.value >> (self.width - 1) else self.value

    def part(self, high: int, low: int) -> Word:
        """Give bits high..low of the word."""
        width = high - low + 1
        assert 0 <= low <= high < self.width
        if width == self.width:
            return self
        if self.is_constant:
            return Word(width, value=self.value >> low & ((1 << width) - 1))
        return Word(width, self.signal, self.low + low, False)

    def bit(self, index: int) -> Tree:
        """Give one bit as an expression."""
        return self.part(index, index).tree()

    def text(self) -> str:
        """Spell the word as it prints."""
        if self.is_constant:
            return f"{self.width}'d{self.value}"
        if self.inverse:
            return f"~{replace(self, inverse=False).text()}"
        if self.whole:
            return self.signal
        high = self.low + self.width - 1
        return f"{self.signal}[{self.low}]" if self.width == 1 else f"{self.signal}[{high}:{self.low}]"

    def tree(self) -> Tree:
        """Give the word as an expression of its width."""
        if self.is_constant:
            return literal(self.width, self.value)
        if self.inverse:
            return ast.Unot(replace(self, inverse=False).tree())
        name = ast.Identifier(self.signal)
        if self.whole:
            return name
        if self.width == 1:
            return ast.Pointer(name, integer(self.low))
        return ast.Partselect(name, integer(self.low + self.width - 1), integer(self.low))


@dataclass(frozen=True, slots=True)
class Lines:
    """Items that are text already: adders by the ten thousand, which as trees take ten times as long.

    `wires` are the one-bit wires that the lines declare, `reads` what they read.
    """

    lines: tuple[str, ...]
    wires: tuple[str, ...]
    reads: tuple[Word, ...]


def integer(value: int) -> Tree:
    """Write a plain number, as in ranges."""
    return ast.IntConst(str(value))


def literal(width: int, value: int, signed: bool = False) -> Tree:
    """Write a constant of a width: decimal, or hexadecimal where it is wide; signed where negative or told so."""
    assert -(1 << (width - 1)) <= value < 1 << width
    if value < 0:
        if value == -(1 << (width - 1)):  # its magnitude would not fit
            return ast.IntConst(f"{width}'sh{1 << (width - 1):x}")
        return ast.Uminus(ast.IntConst(f"{width}'sd{-value}"))
    if width > 64:
        return ast.IntConst(f"{width}'h{value:x}")
    return ast.IntConst(f"{width}'{'s' if signed else ''}d{value}")


def concat(parts: Sequence[Tree]) -> Tree:
    """Join expressions, the first one highest."""
    return parts[0] if len(parts) == 1 else ast.Concat(tuple(parts))


def repeat(bit: Tree, times: int) -> Tree:
    """Write an expression several times side by side."""
    return bit if times == 1 else ast.Repeat(ast.Concat((bit,)), integer(times))


def fit(word: Word, signed: bool, width: int) -> Tree:
    """Bring a word to a width: extended by sign or zeros, or its lowest bits."""
    if word.is_constant:
        number = word.number(signed) & ((1 << width) - 1)
        return literal(width, number - (1 << width) if signed and number >> (width - 1) else number)
    if width <= word.width:
        return word.part(width - 1, 0).tree()
    extra = width - word.width
    high = repeat(word.bit(word.width - 1), extra) if signed else literal(extra, 0)
    return concat([high, word.tree()])


def shifted(word: Word, signed: bool, by: int, width: int) -> Tree:
    """Give a word times 2**by (by >= 0), modulo 2**width."""
    assert by >= 0
    if by == 0:
        return fit(word, signed, width)
    if by >= width:
        return literal(width, 0)
    if word.is_constant:
        return fit(Word(width, value=word.number(signed) << by & ((1 << width) - 1)), signed, width)
    return concat([fit(word, signed, width - by), literal(by, 0)])


def as_signed(tree: Tree) -> Tree:
    """Make an expression signed for a comparison or a product (a constant must have room for its sign)."""
    if isinstance(tree, ast.IntConst):
        return tree if "'s" in tree.value else ast.IntConst(tree.value.replace("'", "'s"))
    if isinstance(tree, ast.Uminus):
        return tree
    return ast.SystemCall("signed", (tree,))


def inverted(bit: Tree) -> Tree:
    """Give NOT of an expression; a double NOT goes away."""
    return bit.right if isinstance(bit, ast.Unot) else ast.Unot(bit)


def conditional(condition: Tree, yes: Tree, no: Tree) -> Tree:
    """Give `condition ? yes : no`; a condition known to be 0 or 1 chooses now."""
    if is_false(condition):
        return no
    return yes if is_true(condition) else ast.Cond(condition, yes, no)


def is_true(tree: Tree) -> bool:
    return isinstance(tree, ast.IntConst) and tree.value == "1'd1"


def is_false(tree: Tree) -> bool:
    return isinstance(tree, ast.IntConst) and tree.value == "1'd0"


def range_of(width: int, scalar: bool = False) -> Tree | None:
    """Give the range of a declaration, None for one bit that is a scalar."""
    return None if scalar else ast.Width(integer(width - 1), integer(0))


def assign(target: Tree, value: Tree) -> Tree:
    """Write a continuous assignment."""
    return ast.Assign(ast.Lvalue(target), ast.Rvalue(value))


def declared_wire(name: str, width: int, signed: bool, value: Tree | None) -> Tree:
    """Declare a wire (one bit: without a range), with the expression that drives it, if any."""
    wire = ast.Wire(name, range_of(width, width == 1 and not signed), signed)
    return ast.Decl((wire,)) if value is None else ast.Decl((wire, assign(ast.Identifier(name), value)))
