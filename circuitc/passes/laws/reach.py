"""Which part of each axis is read: for a wanted part of an op's result, the parts of its operands that it needs.

A part is an interval of places for each axis. An op without a row here needs, and gives, everything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from circuitc.ir import Node, Type

from .broadcast import ELEMENTWISE

Part = tuple[tuple[int, int], ...]  # first place and the one after the last, for each axis
Reach = Callable[[Node, list[Type], Part], list[Part | None]]  # None: nothing of the operand is read


def whole(t: Type) -> Part:
    """Give the part that is everything."""
    return tuple((0, n) for n in t.shape)


def hull(a: Part | None, b: Part | None) -> Part | None:
    """Give the smallest part that has both."""
    if a is None or b is None:
        return b if a is None else a
    return tuple((min(p, r), max(q, s)) for (p, q), (r, s) in zip(a, b, strict=True))


def _elementwise(node: Node, types: list[Type], part: Part) -> list[Part | None]:
    return [part for _ in types]


def _table(node: Node, types: list[Type], part: Part) -> list[Part | None]:
    return [part, whole(types[1])]


def _contract(node: Node, types: list[Type], part: Part) -> list[Part | None]:
    left, _, result = node.attributes["spec"].replace(" ", "").partition("->")
    where = node.attributes["where"]
    read = dict(zip(result, part, strict=True))
    letters = [*left.split(","), *([where] if where else [])]
    parts: list[Part | None] = [tuple(read.get(c, (0, n)) for c, n in zip(names, t.shape, strict=True))
                                for names, t in zip(letters, types, strict=False)]
    return [*parts, part] if node.attributes["init"] else parts


def _reduce(node: Node, types: list[Type], part: Part) -> list[Part | None]:
    rest = iter(part)
    return [tuple((0, n) if k in node.attributes["axes"] else next(rest) for k, n in enumerate(types[0].shape))]


def _transpose(node: Node, types: list[Type], part: Part) -> list[Part | None]:
    order = node.attributes["order"]
    return [tuple(part[order.index(k)] for k in range(len(order)))]


def _broadcast(node: Node, types: list[Type], part: Part) -> list[Part | None]:
    shape = node.attributes["shape"]
    return [tuple(part[k] if n == shape[k] else (0, 1)
                  for k, n in zip(node.attributes["axes"], types[0].shape, strict=True))]


def _slice(node: Node, types: list[Type], part: Part) -> list[Part | None]:
    a = node.attributes
    steps = a["step"] or (1,) * len(part)
    return [tuple((f + lo * s, f + (hi - 1) * s + 1) for f, s, (lo, hi) in zip(a["start"], steps, part, strict=True))]


def _concat(node: Node, types: list[Type], part: Part) -> list[Part | None]:
    axis, parts, start = node.attributes["axis"], [], 0
    lo, hi = part[axis]
    found: list[Part | None] = parts
    for t in types:
        n = t.shape[axis]
        inside = max(lo - start, 0), min(hi - start, n)
        found.append((*part[:axis], inside, *part[axis + 1:]) if inside[0] < inside[1] else None)
        start += n
    return found


def _gather(node: Node, types: list[Type], part: Part) -> list[Part | None]:
    axis, rank = node.attributes["axis"], types[1].rank
    return [(*part[:axis], (0, types[0].shape[axis]), *part[axis + rank:]), part[axis:axis + rank]]


def _window(node: Node, types: list[Type], part: Part) -> list[Part | None]:
    a = node.attributes
    axis, (lo, hi) = a["axis"], part[a["axis"]]
    reach = lo * a["stride"], (hi - 1) * a["stride"] + (a["size"] - 1) * a["dilation"] + 1
    return [(*part[:axis], reach, *part[axis + 1:-1])]


REACH: Mapping[str, Reach] = {
    **dict.fromkeys(sorted(ELEMENTWISE), _elementwise), "table": _table, "contract": _contract, "reduce": _reduce,
    "transpose": _transpose, "broadcast": _broadcast, "slice": _slice, "concat": _concat, "gather": _gather,
    "window": _window}
