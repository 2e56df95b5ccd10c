"""Graphviz drawings of the order of a small recurrent network, and of the lattice that it spans."""

from __future__ import annotations

import json
from collections.abc import Sequence

import networkx as nx
import numpy as np

from circuitc.diagnostics import error

from .relation import Matrix, meet_irreducible

MAX_ELEMENTS = 400  # of a drawing: nobody reads a larger one, and a lattice may have 2**n


def lattice_of(relation: Matrix) -> list[frozenset[int]]:
    """Give all intersections of columns of a relation of bits, and the whole set: smallest first.

    Refuses a lattice of more than `MAX_ELEMENTS`.
    """
    columns = {frozenset(np.flatnonzero(column).tolist()) for column in relation.T}
    found = {frozenset(range(len(relation)))}
    for column in sorted(columns, key=sorted):
        found |= {column & other for other in found}
        if len(found) > MAX_ELEMENTS:
            raise error(f"the lattice has more than the {MAX_ELEMENTS} elements that are drawn",
                        help="draw a smaller network, or with a lower density")
    return sorted(found, key=lambda s: (len(s), sorted(s)))


def draw(relation: Matrix, names: Sequence[str], *, lattice: bool) -> str:
    """Give the covers of an order, or of its lattice, for Graphviz: what is above is above, irreducibles are bold.

    Columns that are equal are one element, named by all of its neurons.
    """
    if relation.dtype != np.bool_:
        raise error("only orders of a binary adjacency are drawn", help="use mode=binary")
    irreducible = meet_irreducible(relation)
    labels: dict[frozenset[int], list[str]] = {}
    bold: set[frozenset[int]] = set()
    for name, column, is_bold in zip(names, relation.T, irreducible, strict=True):
        down = frozenset(np.flatnonzero(column).tolist())
        labels.setdefault(down, []).append(name)
        if is_bold:
            bold.add(down)
    elements = lattice_of(relation) if lattice else sorted(labels, key=lambda s: (len(s), sorted(s)))
    if len(elements) > MAX_ELEMENTS:
        raise error(f"the order has {len(elements)} elements, at most {MAX_ELEMENTS} are drawn")
    order = nx.DiGraph()
    order.add_nodes_from(range(len(elements)))
    order.add_edges_from((i, j) for i, x in enumerate(elements) for j, y in enumerate(elements) if x < y)
    covers = nx.transitive_reduction(order)
    lines = ["digraph order {", "  rankdir=BT; node [shape=box, fontname=monospace]; edge [dir=none];"]
    for k, element in enumerate(elements):
        style = ", style=bold" if element in bold else "" if element in labels else ", shape=point"
        lines.append(f"  e{k} [label={json.dumps(' '.join(labels.get(element, [])))}{style}];")
    lines += [f"  e{i} -> e{j};" for i, j in sorted(covers.edges)]
    return "\n".join([*lines, "}", ""])


__all__ = ["MAX_ELEMENTS", "draw", "lattice_of"]
