"""Axes of a file: names by identity, lengths by their numbers, and maps between lists of axes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from circuitc.models.diagrams.syntax import Arithmetic, AxisDecl, Index, Item

from .terms import Term, Terms

IndexMap = tuple[list[str], list[tuple[str, list[int]]]]  # a domain, and each axis with coefficients over it


@dataclass(frozen=True, slots=True)
class Thread:
    """A wire between terms: its name, the names of its axes, and the axis whose places it holds."""

    name: str
    axes: tuple[str, ...]
    of: str = ""


@dataclass
class Body:
    """The statements of a diagram or a block as they grow."""

    items: list[Item] = field(default_factory=list)
    taken: set[str] = field(default_factory=set)

    def fresh(self, wish: str) -> str:
        """Make a name that is not taken."""
        wish = re.sub(r"[^A-Za-z0-9_]+", "_", wish).strip("_") or "X"
        wish = f"X{wish}" if wish[0].isdigit() else wish
        name, count = wish, 2
        while name in self.taken:
            name, count = f"{wish}_{count}", count + 1
        self.taken.add(name)
        return name


class Axes:
    """The axes of one file, and their declarations in the order in which they are met."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.axes: dict[int, str] = {}
        self.sizes: dict[int, str] = {}
        self.names = Body()
        self.declared: list[Item] = []

    def axis(self, term: Term) -> str:
        """Name an axis; a new one is declared, with the length of another whose size is the same number."""
        if self.terms.kind(term) != "RawAxis":
            raise self.terms.fault(f"a shape has axes, got a {self.terms.kind(term)}")
        identity = self.terms.identity(term)
        if identity not in self.axes:
            self.axes[identity] = self._declared(self.terms.uid_name(term) or "a", self.terms.field(term, "_size"))
        return self.axes[identity]

    def _declared(self, wish: str, size: Term) -> str:
        name = self.names.fresh(wish)
        self.declared.append(AxisDecl(name, self.size(size, name)))
        return name

    def size(self, term: Term, name: str) -> Index | None:
        """Read a size; a free number belongs to the axis that has it first."""
        match self.terms.kind(term):
            case "Integer":
                return self.terms.whole(term, "a size")
            case "FreeNumeric":
                owner = self.sizes.setdefault(self.terms.identity(term), name)
                return None if owner == name else owner
            case "Addition" | "Multiplication" as kind:
                parts = [self.size(self.terms.resolve(t), name) for t in self.terms.listed(term, "content")]
                if not parts or any(p is None for p in parts):
                    raise self.terms.fault(f"the size of axis {name} uses a number that no axis before it has")
                total = parts[0]
                for part in parts[1:]:
                    assert total is not None
                    assert part is not None
                    total = Arithmetic("+" if kind == "Addition" else "*", total, part)
                return total
            case other:
                raise self.terms.fault(f"a size is no {other}")

    def vocabulary(self, datatype: Term) -> str:
        """Name the axis whose places a Natural holds; nothing for reals."""
        kind = self.terms.kind(datatype)
        if kind != "Natural":
            if kind != "Reals":
                raise self.terms.fault(f"arrays hold reals or naturals, got {kind}")
            return ""
        size = self.terms.field(datatype, "max_value")
        known = self.sizes.get(self.terms.identity(size)) if self.terms.kind(size) == "FreeNumeric" else None
        return known or self._declared(self.terms.uid_name(size) if "uid" in size else "v", size)

    def thread(self, array: Term) -> Thread:
        """Read the type of an array."""
        of = self.vocabulary(self.terms.field(array, "datatype"))
        return Thread("", tuple(self.axis(a) for a in self.terms.listed(array, "_shape")), of)

    # ---- reindexings

    def maps(self, term: Term) -> list[IndexMap]:
        """Give the reindexings of an operator, one an input: its domain, and each axis with coefficients over it."""
        found = [self.index_map(self.terms.resolve(r)) for r in self.terms.listed(term, "reindexings")]
        if len(found) != len(self.terms.listed(term, "input_weaves")):
            raise self.terms.fault("a Broadcasted has a reindexing for each input")
        if any(m[0] != found[0][0] for m in found):
            raise self.terms.fault("the reindexings of a Broadcasted share their domain")
        return found

    def index_map(self, term: Term) -> IndexMap:
        """Read a map of axes: its domain, and for each axis that it gives the coefficients over the domain."""
        t = self.terms
        match t.kind(term):
            case "Rearrangement":
                domain = [self.axis(a) for a in t.listed(term, "_dom")]
                chosen = [t.whole(k, "a place of a mapping") for k in t.listed(term, "mapping")]
                if any(not 0 <= k < len(domain) for k in chosen):
                    raise t.fault(f"the mapping {chosen[:8]} leads outside of {len(domain)} axes")
                return domain, [(domain[k], [int(j == k) for j in range(len(domain))]) for k in chosen]
            case "StrideMorphism":
                domain = [self.axis(a) for a in t.listed(term, "_dom")]
                rows: list[tuple[str, list[int]]] = []
                for pair in t.listed(term, "_cod_stride"):
                    if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[1], list) or (
                            len(pair[1]) != len(domain)):
                        raise t.fault("a row of _cod_stride is an axis and a coefficient for each axis of the domain")
                    rows.append((self.axis(pair[0]), [t.whole(c, "a coefficient") for c in pair[1]]))
                return domain, rows
            case "ProductOfMorphisms":
                domain, rows = [], []
                parts = [self.index_map(t.resolve(p)) for p in t.listed(term, "content")]
                width = sum(len(d) for d, _ in parts)
                for d, part in parts:
                    before = len(domain)
                    rows += [(a, [0] * before + c + [0] * (width - before - len(d))) for a, c in part]
                    domain += d
                return domain, rows
            case "Composed":
                domain, rows = self.index_map(t.resolve(t.listed(term, "content")[0]))
                for part in t.listed(term, "content")[1:]:
                    inner, after = self.index_map(t.resolve(part))
                    if len(inner) != len(rows):
                        raise t.fault(f"a map of {len(inner)} axes follows one that gives {len(rows)}")
                    rows = [(a, [sum(c[k] * rows[k][1][j] for k in range(len(inner))) for j in range(len(domain))])
                            for a, c in after]
                return domain, rows
            case other:
                raise t.fault(f"a reindexing of type {other} is not read")


def is_tiled(slot: Term) -> bool:
    return isinstance(slot, dict) and slot.get("__registered__") == "enum" and slot.get("name") == "TILED"


def affine_place(coefficients: Sequence[int], degree: Sequence[str]) -> Index:
    """Write an affine place."""
    total: Index | None = None
    for c, index in zip(coefficients, degree, strict=True):
        if c:
            part: Index = index if c == 1 else Arithmetic("*", c, index)
            total = part if total is None else Arithmetic("+", total, part)
    return 0 if total is None else total
