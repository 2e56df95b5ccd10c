"""Rules for ops whose result is made bit by bit: logic, choice, comparison, rounding, moves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from circuitc.ir import BIT, NetlistBuilder, Node, Type, Value

from .forms import Form, Word, add_bits, add_forms, make_form, word_of_form
from .rows import add_tree, is_positive

if TYPE_CHECKING:
    from .lowering import Lowering


def resize(word: Word, source: Type, target: Type) -> Word:
    """Give a number's word in another type that holds it: wiring. A bit and a spin have the same word."""
    if target.is_spin or source == target or (source.is_spin and target == BIT):
        return word
    if source.is_spin:
        word, filler = (1, word[0] ^ 1), word[0] ^ 1
    else:
        filler = word[-1] if source.signed else 0
    up = target.fraction - source.fraction
    assert up >= 0, "a result keeps the fraction of its operands"
    return ((0,) * up + word + (filler,) * target.width)[:target.width]


def select_word(builder: NetlistBuilder, condition: int, a: Word, b: Word) -> Word:
    """Give word `a` where the condition is 1, else `b`."""
    return tuple(builder.mux(condition, x, y) for x, y in zip(a, b, strict=True))


def _bitwise(name: str) -> Callable[[Lowering, Node], Word]:
    def rule(g: Lowering, node: Node) -> Word:
        gate = getattr(g.builder, name)
        return tuple(gate(x, y) for x, y in zip(*(g.word(v) for v in node.operands), strict=True))
    return rule


def invert(g: Lowering, node: Node) -> Word:
    return tuple(x ^ 1 for x in g.word(node.operands[0]))


def equal(g: Lowering, node: Node) -> Word:
    """AND the XNORs of both operands' bits, aligned."""
    words = [g.word(v) for v in node.operands]
    types = [g.type(v) for v in node.operands]
    if types[0] != types[1]:
        words = _alike(words, types)
    return (add_tree(g.builder.and_, [g.builder.xor(x, y) ^ 1 for x, y in zip(*words, strict=True)]),)


def _alike(words: Sequence[Word], types: Sequence[Type]) -> list[Word]:
    """Bring words to one fraction and width; with a sign in either, the highest bit of both is turned round.

    So equal numbers are equal words, and a smaller number is the smaller word, read without a sign.
    """
    fraction = max(t.fraction for t in types)
    signed = any(t.signed or t.is_spin for t in types)
    width = max(t.width + t.is_spin + fraction - t.fraction for t in types) + (signed and types[0] != types[1])
    found = [_aligned(w, t, fraction, width) for w, t in zip(words, types, strict=True)]
    return [(*w[:-1], w[-1] ^ signed) for w in found]


def _aligned(word: Word, t: Type, fraction: int, width: int) -> Word:
    """Extend a word to a fraction and a width (which may pass 64 bits)."""
    if t.is_spin:
        word, filler = (1, word[0] ^ 1), word[0] ^ 1
    else:
        filler = word[-1] if t.signed else 0
    return ((0,) * (fraction - t.fraction) + word + (filler,) * width)[:width]


def less(g: Lowering, node: Node) -> Word:
    """Give the bit of `second - first > 0`."""
    return (_is_less(g, *node.operands),)


def less_or_equal(g: Lowering, node: Node) -> Word:
    """Give the opposite of `second < first`."""
    x, y = node.operands
    return (_is_less(g, y, x) ^ 1,)


def _is_less(g: Lowering, x: Value, y: Value) -> int:
    """Compare two numbers: by their difference, or words by a tree where few levels are wanted."""
    if g.scope.tables and g.has_word(x) and g.has_word(y):
        a, b = _alike([g.word(x), g.word(y)], [g.type(x), g.type(y)])
        return compare_words(g.builder, a, b, g.scope.tables)
    difference = add_forms([g.form(y), g.form(x)], [1, -1])
    return is_positive(g.builder, difference, g.templates, g.scope.tables)


def compare_words(builder: NetlistBuilder, x: Word, y: Word, tables: int) -> int:
    """Give the bit of x < y for words of one width, read without a sign.

    Blocks of bits, as many as one table reads of both, tell whether they are less, and whether at most equal; a
    balanced tree joins them.
    """
    size = tables // 2
    blocks = [_block(builder, x[k:k + size], y[k:k + size]) for k in range(0, len(x), size)]

    def join(low: tuple[int, int], high: tuple[int, int]) -> tuple[int, int]:
        less, at_most = high
        return (builder.or_(less, builder.and_(at_most, low[0])), builder.or_(less, builder.and_(at_most, low[1])))

    while len(blocks) > 1:
        odd = blocks[len(blocks) // 2 * 2:]
        blocks = [join(a, b) for a, b in zip(blocks[::2], blocks[1::2], strict=False)] + odd
    return blocks[0][0]


def _block(builder: NetlistBuilder, x: Word, y: Word) -> tuple[int, int]:
    """Tell of short words whether x < y and whether x <= y: the carries of y - x, without one and with one."""
    less, at_most = 0, 1
    for a, b in zip(x, y, strict=True):
        less, at_most = builder.maj(a ^ 1, b, less), builder.maj(a ^ 1, b, at_most)
    return less, at_most


def select(g: Lowering, node: Node) -> Word:
    condition, a, b = (g.word(v) for v in node.operands)
    return select_word(g.builder, condition[0], a, b)


def extreme(g: Lowering, node: Node) -> Word:
    """Compare, then choose; of one bit the smaller is the AND."""
    a, b = (g.word(v) for v in node.operands)
    smaller = node.op == "min"
    t = g.type(node.operands[0])
    if t.width == 1 and not t.signed:
        return (g.builder.and_(a[0], b[0]) if smaller else g.builder.or_(a[0], b[0]),)
    second_wins = _is_less(g, *node.operands) ^ smaller
    return select_word(g.builder, second_wins, b, a)


def magnitude(g: Lowering, node: Node) -> Word:
    """Invert where negative, and add the sign."""
    t, word = g.type(node.operands[0]), g.word(node.operands[0])
    if t.is_spin:
        return word_of_form(g.builder, Form({}, 1, 0), node.type)
    if not t.signed:
        return resize(word, t, node.type)
    sign = word[-1]
    weighted = [(g.builder.xor(x, sign), 1 << k) for k, x in enumerate(word[:-1])]
    return word_of_form(g.builder, make_form([*weighted, (sign, 1)], 0, t.fraction), node.type, g.scope.tables)


def requantize(g: Lowering, node: Node) -> Word:
    """Round away the lower bits, then keep what fits; `never` is known to fit."""
    source, target, word = g.type(node.operands[0]), node.type, g.word(node.operands[0])
    drop = source.fraction - target.fraction
    filler = word[-1] if source.signed else 0
    if drop <= 0:
        word = (0,) * -drop + word
    elif node.attributes["rounding"] == "floor":
        word = word[drop:] or (filler,)
    else:
        word = _rounded(g.builder, word, filler, drop, g.scope.tables)
        filler = word[-1] if source.signed else 0
    if node.attributes["overflow"] != "saturate":
        return (word + (filler,) * target.width)[:target.width]
    return _saturated(g.builder, (*word, filler), target)


def _rounded(builder: NetlistBuilder, word: Word, filler: int, drop: int, tables: int) -> Word:
    """Divide by 2**drop, to nearest, ties to even; the result has a bit more, for the carry."""
    word = word + (filler,) * (drop + 1 - len(word))
    kept, half = word[drop:], word[drop - 1]
    rest = add_tree(builder.or_, word[:drop - 1]) if drop > 1 else 0
    up = builder.and_(half, builder.or_(rest, kept[0]))
    kept = (*kept, filler)
    sign = len(kept) - 1 if filler else -1
    form = make_form([*((x, -1 << k if k == sign else 1 << k) for k, x in enumerate(kept)), (up, 1)])
    return add_bits(builder, form, len(kept), tables)


def _saturated(builder: NetlistBuilder, word: Word, target: Type) -> Word:
    """Bring a two's complement word into a type; its ends stand for what lies outside."""
    negative = word[-1]
    own = target.width - target.signed  # magnitude bits of the target
    word = word[:-1] + (negative,) * (own - len(word) + 1)
    inside, above = word[:own], word[own:]
    over = builder.and_(negative ^ 1, add_tree(builder.or_, above) if above else 0)
    if not target.signed:
        return tuple(builder.and_(builder.or_(x, over), negative ^ 1) for x in inside)
    under = builder.and_(negative, add_tree(builder.and_, above) ^ 1 if above else 0)
    return (*(builder.and_(builder.or_(x, over), under ^ 1) for x in inside), negative)


def multiply_spins(g: Lowering, node: Node) -> Word:
    """XNOR two spins: products of numbers are sums (`sums.py`)."""
    a, b = (g.word(v)[0] for v in node.operands)
    return (g.builder.xor(a, b) ^ 1,)


def convert(g: Lowering, node: Node) -> Word:
    return resize(g.word(node.operands[0]), g.type(node.operands[0]), node.type)


def same_bits(g: Lowering, node: Node) -> Word:
    return g.word(node.operands[0])


def element(g: Lowering, node: Node) -> Word:
    width = node.type.width
    start = node.attributes["index"] * width
    return g.word(node.operands[0])[start:start + width]


def stack(g: Lowering, node: Node) -> Word:
    return tuple(x for v in node.operands for x in g.word(v))


RULES = {
    "and": _bitwise("and_"), "or": _bitwise("or_"), "xor": _bitwise("xor"), "not": invert, "eq": equal, "lt": less,
    "le": less_or_equal, "select": select, "min": extreme, "max": extreme, "abs": magnitude, "neg": invert,
    "mul": multiply_spins, "requantize": requantize, "convert": convert, "shift": same_bits, "element": element,
    "stack": stack, "pack": same_bits}
