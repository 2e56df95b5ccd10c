"""Messages as ops of the IR: attention to the best score with the lowest sender in a tie, sums, and reachability.

Exact scores carry the sender's number below their last bit: `score + i * 2**-k`. One minimum then finds the best score
and its sender at once, and ties fall to the lowest, as CLRS has it. (It is the bias of the attention logits by position
that the paper needs for breadth-first search; k ties it to the size of the graph.) Where nobody sends, the fold starts
from 2**width, one above every score: its high bit says so, and the low bits make the value 0.
"""

from __future__ import annotations

from circuitc.diagnostics import error
from circuitc.ir import BIT, F32, Type, ufixed

from .bounds import Bounds
from .formula import Apply, Formula, Read, conjuncts, parse_formula, parts
from .parameters import Weights, weigh
from .program import GraphProgram, Message
from .scope import Scope
from .weave import GREATEST, Axes, Woven, union

SO_FAR = "so far"  # the part of a message that the folded form keeps


def emit_message(scope: Scope, name: str, message: Message, score_bounds: Bounds | None,
                 weights: Weights | None) -> Woven | None:
    """Compute a message; its parts go into the scope. Gives the attention coefficients if they are asked for."""
    formulas = [parse_formula(t) for t in (message.where, message.score) if t]
    scope.among_edges = any(p == Read("j") for f in formulas for p in parts(f))
    writer = _Writer(scope, name, message, "j" if scope.among_edges else "")
    try:
        match message.aggregate:
            case "any":
                writer.reached()
            case "sum":
                writer.summed()
            case _ if scope.options.is_exact:
                assert score_bounds is not None
                writer.best_exact(score_bounds)
            case _:
                writer.best_real(weights)
        return writer.attention() if scope.options.attention else None
    finally:
        scope.among_edges = False


def folded_type(program: GraphProgram, name: str, message: Message, bounds: Bounds | None, index: Type) -> Type:
    """Give the element type of what a message has folded so far, in the folded form."""
    if message.aggregate == "any":
        return BIT
    assert bounds is not None
    return _packed(bounds, _tie_bits(program, name, message, index, False))


def _tie_bits(program: GraphProgram, name: str, message: Message, index: Type, attention: bool) -> int:
    """Give the bits below a score that name the sender; the score i is its own."""
    named = program.uses(name, "arg") or attention
    return index.width if named and parse_formula(message.score) != Read("i") else 0


def _packed(bounds: Bounds, tie: int) -> Type:
    return ufixed(bounds.type.width + 1 + tie, bounds.fraction + tie)


class _Writer:
    """Writes one message from its formulas."""

    def __init__(self, scope: Scope, name: str, message: Message, to: Axes) -> None:
        self.scope, self.loom, self.name, self.message = scope, scope.loom, name, message
        self.to: Axes = to
        self.score = parse_formula(message.score) if message.score else None
        self.coefficients: Woven | None = None
        found = [scope.condition(c) for c in conjuncts(parse_formula(message.where))]
        if scope.among_edges and scope.present is not None:
            found.append(scope.present)
        self.by_sender = self._joined([c for c in found if c.axes == "i"])
        self.by_edge = self._joined([c for c in found if c.axes == "ij"])
        self.by_target = self._joined([c for c in found if c.axes in ("", "j")])

    def _joined(self, conditions: list[Woven]) -> Woven | None:
        found: Woven | None = None
        for c in conditions:
            found = c if found is None else self.loom.combine("and", found, c)
        return found

    @property
    def full(self) -> Axes:
        """The axes of the terms before they are folded."""
        return "j" if self.to and self.scope.row is not None else "ij" if self.to else "i"

    def over(self, kind: str, term: Woven, start: Woven) -> Woven:
        """Fold terms over the senders; in the folded form, join the one sender's to those of the senders before it."""
        if not (self.to and self.scope.row is not None):
            return self.loom.fold(kind, term, self.to)
        assert self.scope.first_row is not None
        earlier = self.loom.select(self.scope.first_row, start, self.scope.so_far[self.name])
        joined = self.loom.combine(kind, earlier, term)
        self.say(SO_FAR, joined)
        return joined

    def where(self) -> Woven:
        """Give for every sender (and edge) whether it sends."""
        every = self._joined([c for c in (self.by_sender, self.by_edge, self.by_target) if c is not None])
        return self.loom.spread(every if every is not None else self.loom.number(1, BIT), self.full)

    def say(self, part: str, value: Woven) -> None:
        self.scope.named[self.name, part] = value

    def reached(self) -> None:
        """Tell whether anybody sends."""
        found = self.over("or", self.where(), self.loom.number(0, BIT))
        self.say("", found)
        self.say("any", found)

    def summed(self) -> None:
        """Add the scores of all who send."""
        assert self.score is not None
        score, where = self.scope.value(self.score), self.where()
        zero = self.loom.number(0, self.loom.type(score))
        terms = self.loom.select(where, self.loom.spread(score, self.full), zero)
        self.say("", self.loom.fold("add", terms, self.to))
        if self.scope.program.uses(self.name, "any"):
            self.say("any", self.loom.fold("or", where, self.to))

    # Exact scores

    def best_exact(self, bounds: Bounds) -> None:
        """Find the best score, its sender, and whether there is one, in one fold."""
        assert self.score is not None
        if bounds.low < 0:
            raise error(f"{self.scope.program.name}: the scores of {self.name} may be negative (from {bounds.low})",
                        help="add a constant to the score, or subtract the other way round and fold by the other end")
        tie = _tie_bits(self.scope.program, self.name, self.message, self.loom.index, self.scope.options.attention)
        packed = _packed(bounds, tie)
        least = self.message.aggregate == "min"
        best = self._contracted(packed, bounds, tie) if least and self._splits() else (
            self._folded(packed, bounds, tie, least))
        self._unpack(best, bounds, tie, least)

    def _splits(self) -> bool:
        """Tell whether the score is a number of the sender plus one of the edge, so that a contraction adds them."""
        return self.to == "j" and not self.scope.options.degree and self.scope.row is None and all(
            self._axes(term) in ("i", "ij", "") for term in _terms(self.score))

    def _axes(self, formula: Formula) -> Axes:
        return self.scope.value(formula).axes

    def _tie(self, tie: int, fraction: int, *, least: bool) -> Woven | None:
        """Give the sender's number (for a maximum: counted from the end) as a fraction below the score's last bit."""
        if not tie:
            return None
        i = self.scope.value(Read("i"))
        if not least:
            i = self.loom.word("not", self.loom.to(i, ufixed(tie)))
        return Woven(self.loom.b.apply("shift", i.value, by=-(fraction + tie)), i.axes)

    def _contracted(self, packed: Type, bounds: Bounds, tie: int) -> Woven:
        """Fold over a (min,+) contraction: sender's part, edge's part, mask of edges; senders that are silent stand at
        the value for nobody."""
        loom = self.loom
        mine = [self.scope.value(t) for t in _terms(self.score)]
        sender = self._sum([x for x in mine if x.axes in ("i", "")], self._tie(tie, bounds.fraction, least=True))
        edge = self._sum([x for x in mine if x.axes == "ij"], None)
        sender = loom.spread(sender or loom.number(0), "i")
        edge = loom.spread(edge or loom.number(0), "ij")
        nobody = loom.number(1 << (packed.width - 1), packed)
        if self.by_sender is not None:
            sender = loom.select(self.by_sender, sender, nobody)
        start = loom.spread(nobody, "j")
        if self.by_edge is None:
            best = loom.b.apply("contract", sender.value, edge.value, start.value, spec="i,ij->j", semiring="min_plus",
                                init=True, name=self.name)
        else:
            best = loom.b.apply("contract", sender.value, edge.value, self.by_edge.value, start.value, spec="i,ij->j",
                                semiring="min_plus", where="ij", init=True, name=self.name)
        return Woven(best, "j")

    def _sum(self, parts: list[Woven], more: Woven | None) -> Woven | None:
        found = more
        for part in parts:
            found = part if found is None else self.loom.combine("add", *self._spread(found, part))
        return found

    def _spread(self, *xs: Woven) -> list[Woven]:
        axes = union(*(x.axes for x in xs))
        return [self.loom.spread(x, axes) for x in xs]

    def _folded(self, packed: Type, bounds: Bounds, tie: int, least: bool) -> Woven:
        """Write every term, then fold. For a maximum all terms lie above 2**width, and 0 stands for nobody."""
        loom = self.loom
        assert self.score is not None
        high = 1 << (packed.width - 1)
        term = self._sum([self.scope.value(self.score)], self._tie(tie, bounds.fraction, least=least))
        assert term is not None
        term = loom.to(loom.spread(term, self.full), packed)
        if not least:
            term = loom.word("or", term, loom.number(high, packed))
        term = loom.select(self.where(), term, loom.number(high if least else 0, packed))
        return self.over(self.message.aggregate, term, loom.number(high if least else 0, packed))

    def _unpack(self, best: Woven, bounds: Bounds, tie: int, least: bool) -> None:
        """Take the folded word apart: a bit that says whether anybody sent, the score, the sender."""
        loom, width = self.loom, bounds.type.width
        if least:
            high = loom.number(1 << (width + tie), ufixed(width + tie + 1, bounds.fraction + tie))
            found = loom.combine("lt", best, high)
        else:
            top = self._cut(best, 1, bounds.fraction - width)
            found = Woven(loom.b.apply("shift", top.value, by=bounds.fraction - width), best.axes)
        value = self._cut(best, width, bounds.fraction)
        if self.by_target is not None and best.axes == self.to and least and self._splits():
            found = loom.combine("and", found, self.by_target)
            value = loom.select(found, value, loom.number(0, loom.type(value)))
        self.say("any", found)
        self.say("", value)
        if tie:
            place = self._cut(best, tie, bounds.fraction + tie)
            place = Woven(loom.b.apply("shift", place.value, by=bounds.fraction + tie), best.axes)
            self.say("arg", place if least else loom.word("not", place))
        elif self.score == Read("i"):
            self.say("arg", value)

    def _cut(self, x: Woven, width: int, fraction: int) -> Woven:
        """Give `width` bits of a word, the lowest of them worth 2**-fraction."""
        t = ufixed(width, fraction, self.loom.b.type(x.value).shape)
        return Woven(self.loom.b.apply("requantize", x.value, type=t, rounding="floor", overflow="wrap"), x.axes)

    # Real scores

    def best_real(self, weights: Weights | None) -> None:
        """Find the best score among floats; softly, senders are mixed by the softmax of their scores."""
        assert self.score is not None
        loom, least = self.loom, self.message.aggregate == "min"
        score = weigh(self.scope, self.name, self.score, weights)
        score = loom.spread(loom.to(score, F32) if not loom.type(score).is_float else score, self.full)
        where = self.where()
        nobody = loom.number(GREATEST if least else -GREATEST, F32)
        best = loom.fold(self.message.aggregate, loom.select(where, score, nobody), self.to)
        found = loom.fold("or", where, self.to)
        zero = loom.number(0.0, F32)
        axis = 0 if not self.to else loom.sender_axis
        arg = loom.b.apply("argmin" if least else "argmax", score.value, where.value, axis=axis)
        if self.scope.options.selection == "soft":
            self._soften(score, where, best, least)
            assert self.coefficients is not None
            best = loom.fold("add", loom.combine("mul", self.coefficients, score), self.to)
        self.say("any", found)
        self.say("", loom.select(found, best, zero))
        self.say("arg", self._sender(Woven(arg, self.to)))

    def _sender(self, place: Woven) -> Woven:
        """Give the number of the sender at a place of j's list (which in the dense form is the place)."""
        if not (self.to and self.scope.options.degree):
            return place
        assert self.scope.senders is not None
        loom = self.loom
        at = loom.spread(place, "ij")
        slots = loom.constant(loom.type(place), [list(range(loom.degree))] * loom.n, "ij", "slot")
        none = loom.number(0, loom.index)
        return loom.fold("max", loom.select(loom.combine("eq", at, slots), self.scope.senders, none), self.to)

    def _soften(self, score: Woven, where: Woven, best: Woven, least: bool) -> None:
        """Give the softmax of (best - score) / temperature over those who send."""
        loom, t = self.loom, self.scope.options.temperature
        a, b = (best, score) if least else (score, best)
        logits = loom.combine("mul", loom.combine("sub", a, b), loom.number(1 / t, F32))
        floor = loom.number(-100.0, F32)  # exp(-100) is nothing, and what is masked may be anything
        logits = loom.select(where, loom.combine("max", logits, floor), floor)
        power = Woven(loom.b.apply("exp", logits.value, type=loom.b.type(logits.value)), logits.axes)
        power = loom.select(where, power, loom.number(0.0, F32))
        total = loom.combine("max", loom.fold("add", power, self.to), loom.number(1e-30, F32))
        total = loom.spread(total, power.axes)
        self.coefficients = Woven(loom.b.apply("divide", power.value, total.value, type=loom.b.type(power.value)),
                                  power.axes)

    def attention(self) -> Woven | None:
        """Give the coefficients with which senders are attended: 1 for the best one where selection is hard."""
        if self.message.aggregate not in ("min", "max"):
            return None
        if self.coefficients is not None:
            return self.coefficients
        named = self.scope.named
        chosen = self.loom.combine("eq", self.scope.value(Read("i")), named[self.name, "arg"])
        return self.loom.spread(self.loom.combine("and", chosen, named[self.name, "any"]), self.full)


def _terms(score: Formula | None) -> list[Formula]:
    """Give the terms of a sum."""
    if isinstance(score, Apply) and score.op == "add":
        return [t for operand in score.operands for t in _terms(operand)]
    assert score is not None
    return [score]
