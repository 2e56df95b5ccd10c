"""Formulas as values of the IR: reads of fields at places, arithmetic, conditions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from circuitc.diagnostics import error
from circuitc.ir import BIT, F32, Type

from .formula import Apply, Formula, Number, Read
from .options import Options
from .program import GraphProgram
from .weave import GREATEST, Axes, Loom, Woven, union

_FOLDS = {"any": "or", "all": "and"}


@dataclass
class Scope:
    """What formulas may read, by name: fields of nodes have axes j, of edges ij, of the graph none.

    `named` holds definitions and the parts of messages. `among_edges` is true inside a message from i to j: in the
    sparse form the number of a sender is then looked up in j's list.
    """

    loom: Loom
    program: GraphProgram
    options: Options
    fields: Mapping[str, Woven]
    named: dict[tuple[str, str], Woven] = field(default_factory=dict)
    after: Mapping[str, Woven] = field(default_factory=dict)
    senders: Woven | None = None        # sparse: the lists of senders
    present: Woven | None = None        # sparse: which places of the lists hold one
    active: Woven | None = None         # padded: which nodes are there
    among_edges: bool = False
    row: Woven | None = None            # folded: the one sender whose turn it is
    first_row: Woven | None = None      # folded: whether it is the first one
    so_far: Mapping[str, Woven] = field(default_factory=dict)  # folded: what messages have folded of earlier senders

    def value(self, formula: Formula) -> Woven:
        """Compute a formula."""
        match formula:
            case Number(value):
                return self.loom.number(value)
            case Read():
                return self.read(formula)
            case Apply():
                return self.apply(formula)

    def condition(self, formula: Formula) -> Woven:
        """Compute a formula that is a condition; 0 and 1 stand for no and yes."""
        found = self.value(formula)
        if self.loom.type(found) != BIT:
            raise error(f"{self.program.name}: a condition was expected, got a number", help="compare it: `x != 0`")
        return found

    def apply(self, formula: Apply) -> Woven:
        """Compute an operation."""
        loom, operands = self.loom, formula.operands
        match formula.op:
            case "unchanged":
                return self._unchanged(operands)
            case "select":
                c, a, b = operands
                return loom.select(self.value(c), self.value(a), self.value(b))
            case "not":
                return loom.combine("not", self.value(operands[0]))
            case "neg":
                return Woven(loom.b.apply("neg", self.value(operands[0]).value), self.value(operands[0]).axes)
            case "any" | "all" as op:
                return loom.fold(_FOLDS[op], self._present(op, self.condition(operands[0])), "")
            case "ne":
                return self._differs(*operands)
            case "and" | "or" as op:
                found = self.value(operands[0])
                for operand in operands[1:]:
                    found = loom.combine(op, found, self.value(operand))
                return found
            case op:
                return loom.combine(op, *(self.value(o) for o in operands))

    def _present(self, op: str, x: Woven) -> Woven:
        """Let nodes that are not there take no part in `any` and `all`."""
        if self.active is None or x.axes not in ("i", "j"):
            return x
        active = Woven(self.active.value, x.axes)
        return self.loom.combine("and", x, active) if op == "any" else (
            self.loom.combine("or", x, self.loom.combine("not", active)))

    def _differs(self, a: Formula, b: Formula) -> Woven:
        left, right = self.value(a), self.value(b)
        if b == Number(0) and self.loom.type(left) == BIT:
            return left
        return self.loom.combine("not", self.loom.combine("eq", left, right))

    def _unchanged(self, operands: tuple[Formula, ...]) -> Woven:
        """Tell whether fields have the same values before and after the step."""
        found: Woven | None = None
        for operand in operands:
            if not isinstance(operand, Read) or operand.indices or operand.name not in self.after:
                raise error(f"{self.program.name}: unchanged takes fields of the state, and only in halt")
            same = self.loom.combine("eq", self.fields[operand.name], self.after[operand.name])
            same = self.loom.fold("and", same, "")
            found = same if found is None else self.loom.combine("and", found, same)
        assert found is not None
        return found

    def read(self, formula: Read) -> Woven:
        """Read a name, at places where it has any."""
        name, indices, part = formula.name, formula.indices, formula.part
        if (name, part) in self.named:
            if indices:
                raise error(f"{self.program.name}: {name} is computed for each node or edge and takes no index")
            return self.named[name, part]
        match name:
            case "i" | "j":
                return self._number_of(name)
            case "n":
                return self.loom.number(self.loom.n)
            case "last":
                return self._last()
            case "top":
                greatest = GREATEST if not self.options.is_exact else self.options.weight.highest
                return self.loom.number(greatest, self.options.weight)
            case "active":
                return self._active(indices)
            case _:
                return self._field(name, indices)

    def _number_of(self, name: str) -> Woven:
        if name == "i" and self.among_edges and self.row is not None:
            return self.row
        if name == "i" and self.among_edges and self.senders is not None:
            return self.senders
        return self.loom.numbers("i" if name == "i" else "j")

    def _last(self) -> Woven:
        """Give the number of the last node that is there."""
        if self.active is None:
            return self.loom.number(self.loom.n - 1, self.loom.index)
        numbers = self.loom.numbers("j")
        none = self.loom.number(0, self.loom.index)
        return self.loom.fold("max", self.loom.select(Woven(self.active.value, "j"), numbers, none), "")

    def _active(self, indices: tuple[Formula, ...]) -> Woven:
        if self.active is None:
            return self.loom.number(1, BIT)
        return self._at_node("active", self.active, indices)

    def _field(self, name: str, indices: tuple[Formula, ...]) -> Woven:
        held = self.fields.get(name)
        if held is None:
            raise error(f"{self.program.name}: {name} is read before it is computed")
        places = {"": 0, "i": 1, "j": 1, "ij": 2}[held.axes]
        if len(indices) != places:
            example = {0: name, 1: f"{name}[j]", 2: f"{name}[i,j]"}[places]
            raise error(f"{self.program.name}: {name} is read as {example}, with {places} indices, got {len(indices)}")
        if places == 0:
            return held
        return self._at_node(name, held, indices) if places == 1 else self._at_edge(name, held, *indices)

    def _at_node(self, name: str, held: Woven, indices: tuple[Formula, ...]) -> Woven:
        place = indices[0]
        if place == Read("i") and self.among_edges and self.row is not None:
            return self._gathered(held, self.row, 0)
        if place == Read("j") or (place == Read("i") and not (self.among_edges and self.senders is not None)):
            axes: Axes = "j" if place == Read("j") else "i"
            return Woven(held.value, axes)
        return self._gathered(held, self.value(place), 0)

    def _gathered(self, held: Woven, place: Woven, axis: int) -> Woven:
        t = self.loom.type(place)
        if not t.is_integer or t.signed:
            raise error(f"{self.program.name}: an index is a node's number, got {t}")
        return Woven(self.loom.b.apply("gather", held.value, place.value, axis=axis), place.axes)

    def _at_edge(self, name: str, held: Woven, p: Formula, q: Formula) -> Woven:
        i, j = Read("i"), Read("j")
        backwards = not self.options.directed and name in self.program.inputs
        if self.among_edges and self.row is not None and {p, q} == {i, j}:
            axis = 0 if (p, q) == (i, j) or backwards else 1
            return Woven(self.loom.b.apply("gather", held.value, self.row.value, axis=axis), "j")
        if (p, q) == (i, j) or ((p, q) == (j, i) and backwards):
            return held
        if self.options.degree:
            return self._in_lists(name, held, p, q, backwards)
        if (p, q) == (j, i):
            return Woven(self.loom.b.apply("transpose", held.value, order=(1, 0)), "ij")
        first = self._free(p)
        if first is None:
            row = self._gathered(held, self._node(name, p), 0)
            return self._rest(row, q)
        if self._free(q) is None:
            column = self._gathered(held, self._node(name, q), 1)
            return Woven(column.value, first)
        raise error(f"{self.program.name}: {name} is read at two equal places")

    def _rest(self, row: Woven, q: Formula) -> Woven:
        """Read a row of an edge field at every node, or at one."""
        axes = self._free(q)
        return Woven(row.value, axes) if axes else self._gathered(row, self.value(q), 0)

    def _free(self, place: Formula) -> Axes | None:
        return "i" if place == Read("i") else "j" if place == Read("j") else None

    def _node(self, name: str, place: Formula) -> Woven:
        found = self.value(place)
        if found.axes:
            raise error(f"{self.program.name}: an edge of {name} is read at i, j or one node of the graph")
        return found

    def _in_lists(self, name: str, held: Woven, p: Formula, q: Formula, backwards: bool) -> Woven:
        """Read the edges from one node to all others, which stand in the others' lists."""
        if backwards and self._free(p) is not None and self._free(q) is None:
            p, q = q, p
        if self._free(p) is not None or self._free(q) is None:
            raise error(f"{self.program.name}: {name} is read against its direction, which the lists of senders "
                        "do not hold", help="take the dense form, or directed = false where A is symmetric")
        assert self.senders is not None
        assert self.present is not None
        loom, free = self.loom, self._free(q)
        hit = loom.combine("and", loom.combine("eq", self.senders, self._node(name, p)), self.present)
        t = loom.type(held)
        none = loom.number(0, t)
        picked = loom.fold("or" if t == BIT else "max", loom.select(hit, held, none), "j")
        return Woven(picked.value, union(free or "j"))


def held_type(program: GraphProgram, name: str, options: Options, scalar: Mapping[str, Type], index: Type) -> Type:
    """Give the element type in which a field or an input is held."""
    probe = program.probe(name)
    assert probe is not None
    match probe.kind:
        case "mask":
            return BIT
        case "pointer" | "mask_one":
            return index
        case "scalar" if not options.is_exact and (name not in program.state or program.state[name].scale == 1.0):
            return F32
        case _:
            return scalar.get(name, options.weight)
