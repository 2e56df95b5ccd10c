"""Exact arithmetic on words: every operand is brought to the result's width first, where the result is known to fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from pyverilog.vparser import ast

from circuitc.ir import Type

from .counters import INLINE, count_width, counter_unit
from .scope import Scope
from .sums import compress
from .tree import Lines, Tree, Word, as_signed, concat, conditional, fit, inverted, literal, repeat, shifted


@dataclass(frozen=True, slots=True)
class Operand:
    """An operand of an op: its bits and its (scalar) type."""

    word: Word
    type: Type

    @property
    def ends(self) -> tuple[int, int]:
        """The least and greatest raw number: of the constant, or of the type."""
        if self.word.is_constant:
            raw = 2 * self.word.value - 1 if self.type.is_spin else self.word.number(self.type.signed)
            return raw, raw
        return self.type.lowest, self.type.highest


def number(scope: Scope, x: Operand) -> Operand:
    """Give an operand as a fixed-point number: a spin becomes the two bits of -1 or +1."""
    if not x.type.is_spin:
        return x
    pair = Type("fixed", 2, 0, True)
    if x.word.is_constant:
        return Operand(Word(2, value=1 if x.word.value else 3), pair)
    key = ("number", x.word)
    word = scope.shared.get(key)
    if word is None:
        tree = concat([inverted(x.word.tree()), literal(1, 1)])
        word = scope.shared[key] = scope.wire(f"{x.word.signal}_number", 2, tree, signed=True)
    return Operand(word, pair)


def at(scope: Scope, x: Operand, fraction: int, width: int) -> Tree:
    """Give an operand's number with this fraction, modulo 2**width."""
    n = number(scope, x)
    return shifted(n.word, n.type.signed, fraction - n.type.fraction, width)


def into(scope: Scope, x: Operand, result: Type) -> Tree:
    """Give an operand's number in a type that holds it."""
    if x.type.is_spin and result.is_spin:
        return x.word.tree()
    return at(scope, x, result.fraction, result.width)


def of_tree(scope: Scope, hint: str, tree: Tree, source: Type, result: Type) -> Tree:
    """Give an expression of one type in another type that holds its number."""
    if source == result:
        return tree
    return into(scope, Operand(scope.wire(hint, source.width, tree, signed=source.signed), source), result)


def compare(scope: Scope, x: Operand, y: Operand, kind: str) -> Tree:
    """Give one bit: x `lt`, `le` or `eq` y. What the operands' ranges decide is decided here."""
    fraction = max(x.type.fraction, y.type.fraction)
    (x_low, x_high), (y_low, y_high) = (
        tuple(e << (fraction - o.type.fraction) for e in o.ends) for o in (x, y))
    if x == y:
        known = kind != "lt"
    elif kind == "eq":
        known = False if x_high < y_low or y_high < x_low else True if x_low == x_high == y_low == y_high else None
    elif kind == "lt":
        known = True if x_high < y_low else False if x_low >= y_high else None
    else:
        known = True if x_high <= y_low else False if x_low > y_high else None
    if known is not None:
        return literal(1, int(known))
    if kind == "eq" and x.type.width == y.type.width == 1 and x.type == y.type:
        return _same_bit(x.word, y.word)
    low, high = min(x_low, y_low), max(x_high, y_high)
    a, b = (_comparable(scope, o, fraction, bits_for(low, high), low < 0) for o in (x, y))
    return {"lt": ast.LessThan, "le": ast.LessEq, "eq": ast.Eq}[kind](a, b)


def _same_bit(x: Word, y: Word) -> Tree:
    for a, b in ((x, y), (y, x)):
        if b.is_constant:
            return a.tree() if b.value else inverted(a.tree())
    return inverted(ast.Xor(x.tree(), y.tree()))


def _comparable(scope: Scope, x: Operand, fraction: int, width: int, signed: bool) -> Tree:
    tree = at(scope, x, fraction, width)
    if not signed:
        return tree
    plain = x.word.signed and x.word.whole and x.type.fraction == fraction and x.type.width == width
    return tree if plain else as_signed(tree)


def extreme(scope: Scope, x: Operand, y: Operand, largest: bool) -> Tree:
    """Give the smaller or the larger of two operands of one type."""
    if x.type.is_spin or x.type.is_bit:
        return (ast.Or if largest else ast.And)(x.word.tree(), y.word.tree())
    less = compare(scope, *((y, x) if largest else (x, y)), "lt")
    return conditional(less, x.word.tree(), y.word.tree())


@dataclass(frozen=True, slots=True)
class Term:
    """A partial sum: a word, whether it is signed, and the range of its exact number."""

    word: Word
    signed: bool
    low: int
    high: int


def total(scope: Scope, hint: str, operands: Sequence[Operand], result: Type) -> Tree:
    """Give the sum of two or more operands.

    Single bits and spins are counted by a compressor tree; that count and the words are added by a balanced tree.
    """
    width, fraction = result.width, result.fraction
    columns: list[list[Word]] = []
    terms: list[Term] = []
    offset = 0
    for x in operands:
        up = fraction - x.type.fraction
        if x.word.is_constant:
            offset += x.ends[0] << up
        elif x.type.is_spin or (x.type.width == 1 and not x.type.signed):
            _put(columns, up + x.type.is_spin, x.word)
            offset -= x.type.is_spin << up
        else:
            word = x.word if not up else scope.wire(f"{hint}_up", x.type.width + up,
                                                    shifted(x.word, x.type.signed, up, x.type.width + up),
                                                    signed=x.type.signed)
            terms.append(Term(word, x.type.signed, x.type.lowest << up, x.type.highest << up))
    if columns:
        terms.append(count(scope, hint, columns, width))
    if offset or not terms:
        bits = bits_for(offset, offset)
        terms.append(Term(Word(bits, value=offset & ((1 << bits) - 1)), offset < 0, offset, offset))
    return _added(scope, hint, sorted(terms, key=lambda t: t.word.width), width)


def _put(columns: list[list[Word]], weight: int, bit: Word) -> None:
    while len(columns) <= weight:
        columns.append([])
    columns[weight].append(bit)


def count(scope: Scope, hint: str, columns: Sequence[Sequence[Word]], width: int) -> Term:
    """Count bits of weights 2**k by full adders, as a partial sum (its lowest `width` bits)."""
    highest = sum(len(column) << k for k, column in enumerate(columns))
    bits = sum(map(len, columns))
    if bits > 2:
        scope.remark(f"{hint}: {bits} bits counted by full adders")
    if bits <= INLINE:
        counted = _in_place(scope, hint, columns)
    else:
        up = next(k for k, column in enumerate(columns) if column)
        counted = _by_module(scope, hint, columns[up:])
        if up:
            counted = scope.wire(f"{hint}_count", counted.width + up, concat([counted.tree(), literal(up, 0)]))
    return Term(counted.part(min(width, counted.width) - 1, 0), False, 0, highest)


def _by_module(scope: Scope, hint: str, columns: Sequence[Sequence[Word]]) -> Word:
    """Count by an instance of the module for so many bits; bits of one order share a vector, a mask inverts them."""
    profile = [len(column) for column in columns]
    module = f"{scope.module}_count_{'_'.join(map(str, profile))}"
    if module not in scope.helpers:
        scope.helpers[module] = counter_unit(module, profile)
    words = [w for column in columns for w in sorted(column, key=lambda w: (w.signal, w.low, w.inverse))]
    plain = tuple(replace(w, inverse=False) for w in words)
    vector = scope.shared.get(plain)
    if vector is None:
        vector = scope.wire(f"{hint}_bits", len(plain), concat([w.tree() for w in _runs(plain)]))
        scope.shared[plain] = vector
    mask = sum(w.inverse << k for k, w in enumerate(words))
    given = ast.Xor(vector.tree(), literal(len(words), mask)) if mask else vector.tree()
    word = scope.wire(f"{hint}_ones", count_width(profile), None)
    name = scope.names.take(f"{hint}_counter")
    instance = ast.Instance(module, name, (ast.PortArg("x", given), ast.PortArg("count", word.tree())), ())
    scope.add(ast.InstanceList(module, (), (instance,)), drives=["count"])
    return word


def _runs(words: Sequence[Word]) -> list[Word]:
    """Join neighbouring bits of one signal into parts, and give them highest first."""
    runs: list[Word] = []
    for w in words:
        last = runs[-1] if runs else w
        if runs and w.signal == last.signal and w.low == last.low + last.width:
            runs[-1] = replace(last, width=last.width + 1)
        else:
            runs.append(w)
    return runs[::-1]


def _in_place(scope: Scope, hint: str, columns: Sequence[Sequence[Word]]) -> Word:
    """Count by full adders here; the bits of the sum as one word."""
    lines: list[str] = []
    wires: list[str] = []
    reads: list[Word] = []

    def add(low: str, carry: str, *inputs: Word) -> tuple[Word, Word]:
        sum_name, carry_name = scope.names.take(f"{hint}_s"), scope.names.take(f"{hint}_c")
        lines.append(f"wire {sum_name} = {low};")
        lines.append(f"wire {carry_name} = {carry};")
        wires.extend((sum_name, carry_name))
        reads.extend(inputs)
        return Word(1, sum_name), Word(1, carry_name)

    def full(a: Word, b: Word, c: Word) -> tuple[Word, Word]:
        p, q, r = a.text(), b.text(), c.text()
        return add(f"{p} ^ {q} ^ {r}", f"({p} & {q}) | ({r} & ({p} | {q}))", a, b, c)

    def half(a: Word, b: Word) -> tuple[Word, Word]:
        p, q = a.text(), b.text()
        return add(f"{p} ^ {q}", f"{p} & {q}", a, b)

    found = compress(columns, full, half)[:count_width([len(column) for column in columns])]
    if lines:
        scope.add(Lines(tuple(lines), tuple(wires), tuple(reads)))
    trees = [literal(1, 0) if bit is None else bit.tree() for bit in reversed(found)]
    return scope.wire(f"{hint}_count", len(found), concat(trees)) if len(found) > 1 else found[0] or Word(1)


def _added(scope: Scope, hint: str, terms: Sequence[Term], width: int) -> Tree:
    """Add partial sums pairwise; each is as wide as its range needs, at most `width`."""
    if len(terms) == 1:
        return fit(terms[0].word, terms[0].signed, width)

    def join(a: Term, b: Term) -> Term:
        low, high = a.low + b.low, a.high + b.high
        bits = min(width, bits_for(low, high))
        tree = _plus(a, b, bits)
        signed = low < 0
        return Term(scope.wire(f"{hint}_sum", bits, tree, signed=signed), signed, low, high)

    layer = list(terms)
    while len(layer) > 2:
        layer = [join(a, b) for a, b in zip(layer[::2], layer[1::2], strict=False)] + layer[len(layer) // 2 * 2:]
    a, b = layer
    return _plus(a, b, width)


def _plus(a: Term, b: Term, width: int) -> Tree:
    """Add two partial sums in so many bits; a negative constant is taken away."""
    for x, y in ((a, b), (b, a)):
        if y.word.is_constant and y.high < 0 and -y.high < 1 << width:
            return ast.Minus(fit(x.word, x.signed, width), literal(width, -y.high))
    return ast.Plus(fit(a.word, a.signed, width), fit(b.word, b.signed, width))


def bits_for(low: int, high: int) -> int:
    """Give the number of bits that hold low..high, in two's complement where low is negative."""
    size = max(high.bit_length(), (~low).bit_length() if low < 0 else 0)
    return max(1, size + (low < 0))


def product(scope: Scope, x: Operand, y: Operand, result: Type) -> Tree:
    """Give the product of two operands: of spins their XNOR, of a bit or a spin and a number a choice."""
    if x.type.is_spin and y.type.is_spin and result.is_spin:
        return _same_bit(x.word, y.word)
    for a, b in ((x, y), (y, x)):
        if a.type.is_spin and not a.word.is_constant:
            value = at(scope, b, result.fraction, result.width)
            return conditional(a.word.tree(), value, ast.Uminus(value))
        if a.type.width == 1 and not a.type.signed and not a.word.is_constant:
            value = at(scope, b, result.fraction - a.type.fraction, result.width)
            return ast.And(repeat(a.word.tree(), result.width), value)
    up = result.fraction - x.type.fraction - y.type.fraction
    width = result.width - up
    if width <= 0:
        return literal(result.width, 0)
    p, q = (at(scope, o, o.type.fraction, width) for o in (x, y))
    signed = x.type.lowest < 0 or y.type.lowest < 0
    tree = ast.Times(as_signed(p), as_signed(q)) if signed else ast.Times(p, q)
    return tree if not up else concat([scope.wire("product", width, tree).tree(), literal(up, 0)])


def negative(scope: Scope, x: Operand, result: Type) -> Tree:
    """Give minus an operand."""
    if x.type.is_spin and result.is_spin:
        return inverted(x.word.tree())
    return ast.Uminus(at(scope, x, result.fraction, result.width))


def magnitude(scope: Scope, x: Operand, result: Type) -> Tree:
    """Give the magnitude of an operand."""
    if x.type.is_spin:
        return literal(result.width, 1 << result.fraction & ((1 << result.width) - 1))
    value = at(scope, x, result.fraction, result.width)
    if not x.type.signed:
        return value
    return conditional(x.word.bit(x.word.width - 1), ast.Uminus(value), value)


def moved(x: Operand, by: int) -> Operand:
    """Give an operand with its point moved: times 2**by."""
    return replace(x, type=replace(x.type, fraction=x.type.fraction - by))
