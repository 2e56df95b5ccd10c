"""Where the numbers of a graph program lie: intervals of every field over all steps that a graph of n nodes takes.

The program is run on intervals, step by step, from its initial values to its limit of steps (or until no interval
grows). A shortest distance rises by at most one greatest weight a step, which proves that it fits; where intervals
cannot show it the program may state a bound, and then the report says that it was stated.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from circuitc.diagnostics import CircuitError, error
from circuitc.ir import Type, smallest

from .formula import Apply, Formula, Number, Read, parse_formula
from .program import GraphProgram, Message, whole

MOST_BITS = 48  # with the tie-breaking index below it, a score has to fit 64 bits
MOST_NODES = 1 << 13


@dataclass(frozen=True, slots=True)
class Bounds:
    """All values lie between two raw numbers, multiples of 2**-fraction."""

    low: int
    high: int
    fraction: int = 0

    def at(self, fraction: int) -> Bounds:
        """Give the same bounds with more bits behind the point."""
        by = fraction - self.fraction
        return Bounds(self.low << by, self.high << by, fraction)

    @property
    def type(self) -> Type:
        """The narrowest type that holds these numbers."""
        return smallest(self.low, self.high, self.fraction)


BIT_BOUNDS = Bounds(0, 1)


def join(a: Bounds, b: Bounds) -> Bounds:
    """Give the bounds of what may be either."""
    a, b = _aligned(a, b)
    return Bounds(min(a.low, b.low), max(a.high, b.high), a.fraction)


def _aligned(a: Bounds, b: Bounds) -> tuple[Bounds, Bounds]:
    fraction = max(a.fraction, b.fraction)
    return a.at(fraction), b.at(fraction)


@dataclass(frozen=True, slots=True)
class FieldRange:
    """The type of a field of the state, and how it is known that it holds all values: `proved` or `stated`."""

    bounds: Bounds
    evidence: str


def field_ranges(program: GraphProgram, n: int, weight: Type) -> dict[str, FieldRange]:
    """Bound every scalar and categorical field for graphs of n nodes with weights of a type.

    Fields of other kinds hold bits or node numbers. A CircuitError says where a field would need more than 48 bits, and
    which n is the largest that is safe.
    """
    try:
        return _field_ranges(program, n, weight)
    except CircuitError as e:
        raise error(str(e), help=_largest_words(program, n, weight)) from None


def largest_safe_n(program: GraphProgram, weight: Type, limits: Mapping[str, Type] | None = None,
                   most: int = MOST_NODES) -> int:
    """Give the largest n up to `most` for which every field fits (0 if none): 48 bits, or the type that `limits` names.

    Bounds grow with n, so the answer is found by bisection.
    """
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _fits(program, middle, weight, limits or {}) else (low, middle - 1)
    return low


def _fits(program: GraphProgram, n: int, weight: Type, limits: Mapping[str, Type]) -> bool:
    try:
        found = _field_ranges(program, n, weight)
    except CircuitError:
        return False
    return all(t.holds(found[name].bounds.type) for name, t in limits.items() if name in found)


def _largest_words(program: GraphProgram, n: int, weight: Type) -> str:
    safe = largest_safe_n(program, weight, most=n)
    return f"with weights of {weight} the largest safe n is {safe}" if safe else (
        "state a bound for the field, such as `n * top`")


def _field_ranges(program: GraphProgram, n: int, weight: Type) -> dict[str, FieldRange]:
    scope = Intervals(program, n, weight)
    scalars = [name for name, s in program.state.items() if s.probe.kind == "scalar"]
    stated = {name: Bounds(0, whole(parse_formula(program.state[name].bound), {"n": n, "top": weight.highest}),
                           weight.fraction if program.state[name].scale == 1.0 else 0)
              for name in scalars if program.state[name].bound}
    for name in scalars:
        scope.fields[name] = scope.bounds(parse_formula(program.state[name].initial))
    for _ in range(program.most_steps(n)):
        before = dict(scope.fields)
        after = {name: stated[name] if name in stated else join(
            before[name], scope.bounds(parse_formula(program.state[name].update or name))) for name in scalars}
        scope.known.clear()
        scope.fields.update(after)
        for name in scalars:
            if after[name].type.width > MOST_BITS:
                raise error(f"{program.name}: {name} may need more than {MOST_BITS} bits for n = {n}")
        if after == before:
            break
    found = {name: FieldRange(scope.fields[name], "stated" if name in stated else "proved") for name in scalars}
    return found | {name: FieldRange(Bounds(0, s.classes - 1), "proved") for name, s in program.state.items()
                    if s.probe.kind == "categorical"}


class Intervals:
    """Evaluates formulas on intervals, given those of the fields."""

    def __init__(self, program: GraphProgram, n: int, weight: Type) -> None:
        self.program, self.n, self.weight = program, n, weight
        self.index = Bounds(0, max(0, n - 1))
        self.fields: dict[str, Bounds] = {}
        self.known: dict[str, Bounds] = {}

    def bounds(self, formula: Formula) -> Bounds:
        match formula:
            case Number(value):
                return Bounds(value, value)
            case Read(name, _, part):
                return self._read(name, part)
            case Apply(op, operands):
                return self._apply(op, operands)

    def _read(self, name: str, part: str) -> Bounds:
        if part:
            return self.index if part == "arg" else BIT_BOUNDS
        match name:
            case "i" | "j" | "last":
                return self.index
            case "n":
                return Bounds(self.n, self.n)
            case "top":
                return Bounds(self.weight.highest, self.weight.highest, self.weight.fraction)
            case "active":
                return BIT_BOUNDS
            case _ if name in self.program.steps:
                if name not in self.known:
                    self.known[name] = self._step(name)
                return self.known[name]
            case _:
                return self._field(name)

    def _field(self, name: str) -> Bounds:
        probe = self.program.probe(name)
        assert probe is not None, "names were checked"
        match probe.kind:
            case "mask":
                return BIT_BOUNDS
            case "pointer" | "mask_one":
                return self.index
            case "categorical":
                return Bounds(0, self.program.state[name].classes - 1)
            case "scalar":
                return self.fields[name] if name in self.fields else (
                    Bounds(self.weight.lowest, self.weight.highest, self.weight.fraction))

    def _step(self, name: str) -> Bounds:
        step = self.program.steps[name]
        if not isinstance(step, Message):
            return self.bounds(parse_formula(step))
        if step.aggregate == "any":
            return BIT_BOUNDS
        score = self.bounds(parse_formula(step.score))
        if step.aggregate == "sum":
            return Bounds(min(0, self.n * score.low), max(0, self.n * score.high), score.fraction)
        return Bounds(min(0, score.low), max(0, score.high), score.fraction)  # 0 where nobody sends

    def _apply(self, op: str, operands: tuple[Formula, ...]) -> Bounds:
        if op in ("eq", "ne", "lt", "le", "and", "or", "not", "any", "all", "unchanged"):
            return BIT_BOUNDS
        if op == "select":
            return join(self.bounds(operands[1]), self.bounds(operands[2]))
        if op == "neg":
            a = self.bounds(operands[0])
            return Bounds(-a.high, -a.low, a.fraction)
        a, b = self.bounds(operands[0]), self.bounds(operands[1])
        if op == "mul":
            ends = [p * q for p in (a.low, a.high) for q in (b.low, b.high)]
            return Bounds(min(ends), max(ends), a.fraction + b.fraction)
        a, b = _aligned(a, b)
        match op:
            case "add":
                return Bounds(a.low + b.low, a.high + b.high, a.fraction)
            case "sub":
                return Bounds(a.low - b.high, a.high - b.low, a.fraction)
            case "min":
                return Bounds(min(a.low, b.low), min(a.high, b.high), a.fraction)
            case _:
                return Bounds(max(a.low, b.low), max(a.high, b.high), a.fraction)
