"""Graph programs: what a message-passing network keeps at nodes and edges, what it sends, and when it stops.

A program is data. One step of it is one processor step: definitions and messages are computed in order from the state
before, then every field of the state gets its next value at once.

| index | means |
|---|---|
| `i` | the node that sends; messages are folded over it |
| `j` | the node that receives, and in `update` the node that is updated |
| a field of kind `mask_one` | the one node that it marks |

Without `j` a message is folded over all nodes into one number of the graph (a readout).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

from circuitc.diagnostics import error, nearest

from .formula import Apply, Formula, Number, Read, parse_formula, parts

Location = Literal["node", "edge", "graph"]
Kind = Literal["scalar", "mask", "mask_one", "pointer", "categorical"]
Aggregate = Literal["min", "max", "any", "sum"]

LOCATIONS = ("node", "edge", "graph")
KINDS = ("scalar", "mask", "mask_one", "pointer", "categorical")
AGGREGATES = ("min", "max", "any", "sum")
BUILT_IN = ("i", "j", "n", "last", "top", "active")
PARTS = ("arg", "any")


@dataclass(frozen=True, slots=True)
class Probe:
    """A value by CLRS's words: where it lies and what kind it is (`mask_one` marks one node, `pointer` names one)."""

    location: Location
    kind: Kind

    def __post_init__(self) -> None:
        for value, known, what in ((self.location, LOCATIONS, "location"), (self.kind, KINDS, "kind")):
            if value not in known:
                raise error(f"there is no {what} {value!r}", help=nearest(str(value), known))
        if self.kind == "mask_one" and self.location != "node":
            raise error("a mask_one lies on nodes: it marks one of them")


@dataclass(frozen=True, slots=True)
class State:
    """A field that is kept from step to step.

    `initial` and `update` are formulas. `hint` and `output` name the ports that show it: a hint at the start of each
    step, an output after the last one. `classes` counts the values of a categorical field. `bound` is a formula of `n`
    and `top` that states the greatest value where intervals over the steps cannot prove one (then the report says
    "stated"). `scale` is what one unit means to people.
    """

    probe: Probe
    initial: str = "0"
    update: str = ""
    hint: str = ""
    output: str = ""
    classes: int = 0
    bound: str = ""
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Message:
    """What i sends to j, and how it is folded over i: attention to the best score, or a sum.

    `m` is the best score (of `sum` the sum, of `any` a bit), `m.arg` the sender of the best score, the lowest in a tie,
    and `m.any` whether anybody sent. The linear forms in `score` have weights (see `parameters.py`).
    """

    where: str
    score: str = ""
    aggregate: Aggregate = "min"


Step = Message | str  # a message, or a definition: a formula with a name


@dataclass(frozen=True)
class GraphProgram:
    """An algorithm on graphs.

    `inputs` are the probes that it reads; `A` on edges is the weight of the edge from i to j, 0 where there is none.
    `steps` are messages and definitions in the order in which they are computed. `halt` is a condition on the step;
    `limit` is a formula of `n`: after so many steps at most it holds, for every graph.
    """

    name: str
    inputs: Mapping[str, Probe]
    state: Mapping[str, State]
    steps: Mapping[str, Step]
    halt: str
    limit: str = "n"
    doc: str = ""
    _formulas: dict[str, Formula] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", MappingProxyType(dict(self.inputs)))
        object.__setattr__(self, "state", MappingProxyType(dict(self.state)))
        object.__setattr__(self, "steps", MappingProxyType(dict(self.steps)))
        _check(self)

    def messages(self) -> Iterator[tuple[str, Message]]:
        """Give the messages in order."""
        for name, step in self.steps.items():
            if isinstance(step, Message):
                yield name, step

    def probe(self, name: str) -> Probe | None:
        """Give the probe of a field of the state or of an input."""
        if name in self.state:
            return self.state[name].probe
        return self.inputs.get(name)

    def texts(self) -> Iterator[tuple[str, str]]:
        """Give every formula with the place where it stands."""
        for name, s in self.state.items():
            yield from ((f"state.{name}.{key}", text) for key, text in (
                ("initial", s.initial), ("update", s.update), ("bound", s.bound)) if text)
        for name, step in self.steps.items():
            if isinstance(step, Message):
                yield from ((f"steps.{name}.{key}", text) for key, text in (
                    ("where", step.where), ("score", step.score)) if text)
            else:
                yield f"steps.{name}", step
        yield "halt", self.halt
        yield "limit", self.limit

    def uses(self, name: str, part: str) -> bool:
        """Tell whether some formula reads a part of a message."""
        wanted = Read(name, (), part)
        return any(wanted == p for _, text in self.texts() for p in parts(parse_formula(text)))

    def most_steps(self, n: int) -> int:
        """Give the most steps that a graph of n nodes takes."""
        return max(1, whole(parse_formula(self.limit), {"n": n}))


def whole(formula: Formula, known: Mapping[str, int]) -> int:
    """Compute a formula of whole numbers such as `2*n - 1`."""
    match formula:
        case Number(value):
            return value
        case Read(name, (), "") if name in known:
            return known[name]
        case Apply("add", (a, b)):
            return whole(a, known) + whole(b, known)
        case Apply("sub", (a, b)):
            return whole(a, known) - whole(b, known)
        case Apply("mul", (a, b)):
            return whole(a, known) * whole(b, known)
        case Apply("neg", (a,)):
            return -whole(a, known)
        case _:
            raise error(f"a limit or bound is made of {', '.join(known)} and whole numbers with + - *")


def _check(program: GraphProgram) -> None:
    """Refuse names that stand twice or are unknown, parts of what is no message, and ports that clash."""
    where = f"graph program {program.name}"
    if not program.name.isidentifier():
        raise error(f"{program.name!r} is not the name of a graph program")
    if not program.state:
        raise error(f"{where} keeps no state")
    names = [*program.inputs, *program.state, *program.steps]
    for name in names:
        if not (name.isidentifier() and name.isascii()) or name in BUILT_IN or names.count(name) > 1:
            raise error(f"{where}: the name {name!r} is taken or is none", help="names stand once; "
                        f"{', '.join(BUILT_IN)} have a meaning of their own")
    for name, s in program.state.items():
        if s.probe.kind == "categorical" and s.classes < 2:
            raise error(f"{where}: {name} is categorical and says no number of classes")
    outputs = [p for s in program.state.values() for p in (s.hint, s.output) if p]
    if not any(s.output for s in program.state.values()):
        raise error(f"{where} has no output")
    for name in outputs:
        if outputs.count(name) > 1 or name in ("converged", "steps") or not (name.isidentifier() and name.isascii()):
            raise error(f"{where}: the port {name!r} stands twice or cannot be one")
    for name, message in program.messages():
        if message.aggregate not in AGGREGATES:
            raise error(f"{where}: there is no aggregate {message.aggregate!r}",
                        help=nearest(message.aggregate, AGGREGATES))
        if bool(message.score) == (message.aggregate == "any"):
            raise error(f"{where}: message {name} folds by {message.aggregate}, which "
                        f"{'has no score' if message.score else 'needs a score'}")
    for place, text in program.texts():
        _check_formula(program, place, text)


def _check_formula(program: GraphProgram, place: str, text: str) -> None:
    known = {*program.inputs, *program.state, *program.steps, *BUILT_IN}
    for part in parts(parse_formula(text)):
        if isinstance(part, Read):
            if part.name not in known:
                raise error(f"graph program {program.name}: {place}: there is no {part.name}",
                            help=nearest(part.name, known))
            if part.part and (part.part not in PARTS or not isinstance(program.steps.get(part.name), Message)):
                raise error(f"graph program {program.name}: {place}: there is no {part.name}.{part.part}",
                            help="messages have the parts arg and any")
