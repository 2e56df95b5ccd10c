"""Terms as they are written: identities of axes and blocks, weaves, reindexings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from circuitc.models.diagrams.axes import Axis
from circuitc.models.diagrams.steps import Affine

Term = Any
TILED: Term = {"__registered__": "enum", "type": "WeaveMode", "name": "TILED"}


class Store:
    """Gives identities, in the order in which they are asked for: the same diagram gives the same bytes."""

    def __init__(self) -> None:
        self.tags: list[Term] = []
        self.axes: list[Axis] = []
        self.sizes: dict[int, Axis] = {}      # of an axis (by its place in `axes`): the one whose number it shares

    def name(self, text: str, *, bold: bool = False) -> Term:
        settings = {"__type__": "DynamicNameSettings", "bold": bold, "overline": False, "absolute": False}
        return {"__type__": "DynamicName", "body": text, "subscript": None, "settings": settings if bold else None}

    def uid(self, kind: str, number: int, name: str = "") -> Term:
        return {"__type__": "UID", "_type": {"__registered__": "type", "repr": kind}, "_id": number,
                "_name": self.name(name) if name else None}

    def block(self, body: Term, title: str, times: int) -> Term:
        """Make a block, its tag with an identity."""
        number = 1_000_001 + len(self.tags)
        self.tags.append({"__type__": "BlockTag", "uid": self.uid("BlockTag", number),
                          "repetition": {"__type__": "Integer", "_value": times},
                          "aesthetics": {"__type__": "BlockAesthetics", "title": title, "description": None,
                                         "fill_color": None}})
        return {"__type__": "Block", "body": body, "block_tag": {"__ref__": number}}

    def place(self, axis: Axis) -> int:
        """Number an axis; aligned axes have one number."""
        root = axis.find()
        for k, known in enumerate(self.axes):
            if known.find() is root:
                return k
        self.axes.append(root)
        return len(self.axes) - 1

    def same_size(self, axis: Axis, other: Axis) -> None:
        """Note that an axis is as long as another."""
        self.sizes[self.place(axis)] = other

    def size(self, axis: Axis) -> Term:
        """Give an axis's length: a number, or a free one of the axis that it is shared with."""
        if axis.length is not None:
            return {"__type__": "Integer", "_value": axis.length}
        k = self.place(axis)
        return self.size(self.sizes[k]) if k in self.sizes else {"__ref__": 2_000_001 + k}

    def datatype(self, of: Axis | None) -> Term:
        return {"__type__": "Reals"} if of is None else {"__type__": "Natural", "max_value": of}

    def weave(self, of: Axis | None, shape: Sequence[Axis | Term]) -> Term:
        return {"__type__": "Weave", "datatype": self.datatype(of), "_shape": list(shape)}

    def index_map(self, degree: Sequence[str], axes: Mapping[str, Axis], places: Sequence[tuple[Axis, Affine]]) -> Term:
        """Make a reindexing: for each tiled axis of an input its place over the degree."""
        domain = [axes[i] for i in degree]
        if all(p.plain for _, p in places):
            return {"__type__": "Rearrangement", "mapping": [degree.index(p.plain) for _, p in places], "_dom": domain}
        rows = [[axis, [dict(p.terms).get(i, 0) for i in degree]] for axis, p in places]
        return {"__type__": "StrideMorphism", "_dom": domain, "_cod_stride": rows, "name": None}

    # ---- once the diagram is written

    def plain(self, term: Term) -> Term:
        """Put references where axes stand; the number of places of a vocabulary is its length."""
        match term:
            case Axis():
                return {"__ref__": 3_000_001 + self.place(term)}
            case dict():
                return {k: self.size(v) if k == "max_value" else self.plain(v) for k, v in term.items()}
            case list():
                return [self.plain(v) for v in term]
            case _:
                return term

    def repository(self, data: Term) -> Mapping[str, Term]:
        """Give the terms with identities."""
        self.plain(data)                       # numbers every axis
        found: dict[str, Term] = {}
        for k, axis in enumerate(self.axes):
            if axis.length is None and k not in self.sizes:
                found[str(2_000_001 + k)] = {"__type__": "FreeNumeric",
                                             "uid": self.uid("FreeNumeric", 2_000_001 + k, axis.name)}
            found[str(3_000_001 + k)] = {"__type__": "RawAxis", "uid": self.uid("RawAxis", 3_000_001 + k, axis.name),
                                         "_size": self.size(axis)}
        return found | {str(t["uid"]["_id"]): t for t in self.tags}
