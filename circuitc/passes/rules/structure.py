"""Rules of ops that only move elements; they hold for floats too."""

from __future__ import annotations

from math import prod

from circuitc.ir import Value

from .rule import Rule, Site


def _no_move(s: Site) -> bool:
    t, a = s.types[0], s.node.attributes
    match s.node.op:
        case "reshape" | "broadcast":
            return a["shape"] == t.shape
        case "transpose":
            return list(a["order"]) == list(range(t.rank))
        case "slice":
            return s.type.shape == t.shape
        case "concat":
            return len(s.operands) == 1
        case "stack":
            return not a["shape"]
        case "pad":
            return not any((*a["before"], *a["after"]))
        case _:
            return False


def move_nothing(s: Site) -> Value | None:
    """An op that leaves every element in its place is its operand."""
    return s.same(s[0]) if _no_move(s) else None


def reshape_twice(s: Site) -> Value | None:
    """Two reshapes are the second one."""
    inner = s.made_by(s[0], "reshape")
    return s.apply("reshape", inner.operands[0], **s.node.attributes) if inner else None


def transpose_twice(s: Site) -> Value | None:
    """Two transposes are one."""
    inner = s.made_by(s[0], "transpose")
    if inner is None:
        return None
    first, second = inner.attributes["order"], s.node.attributes["order"]
    return s.apply("transpose", inner.operands[0], order=tuple(first[k] for k in second))


def broadcast_twice(s: Site) -> Value | None:
    """Two broadcasts are one."""
    inner = s.made_by(s[0], "broadcast")
    if inner is None:
        return None
    axes = tuple(s.node.attributes["axes"][k] for k in inner.attributes["axes"])
    return s.apply("broadcast", inner.operands[0], shape=s.node.attributes["shape"], axes=axes)


def slice_twice(s: Site) -> Value | None:
    """A part of a part is a part."""
    inner = s.made_by(s[0], "slice")
    if inner is None:
        return None
    rank = s.type.rank
    outer_step, inner_step = (n.attributes["step"] or (1,) * rank for n in (s.node, inner))
    first = inner.attributes["start"]
    start = tuple(f + a * p for f, a, p in zip(first, s.node.attributes["start"], inner_step, strict=True))
    last = (f + (b - 1) * p for f, b, p in zip(first, s.node.attributes["stop"], inner_step, strict=True))
    step = tuple(p * q for p, q in zip(outer_step, inner_step, strict=True))
    return s.apply("slice", inner.operands[0], start=start, stop=tuple(n + 1 for n in last), step=step)


def element_of_stack(s: Site) -> Value | None:
    """An element of scalars that were stacked is that scalar; that of a reshaped tensor is the tensor's."""
    index = s.node.attributes["index"]
    stack, reshape = s.made_by(s[0], "stack"), s.made_by(s[0], "reshape")
    if stack:
        return s.same(stack.operands[index])
    if reshape:
        return s.apply("element", reshape.operands[0], index=index)
    return s.same(s[0]) if s.types[0].rank == 0 else None


def reduce_one(s: Site) -> Value | None:
    """Folding one element along each axis is a reshape (exact types: a float sum makes 0.0 of -0.0)."""
    t = s.types[0]
    if not s.is_exact or prod(t.shape[k] for k in s.node.attributes["axes"]) != 1:
        return None
    moved = s.intermediate("reshape", s[0], shape=s.type.shape)
    return None if moved is None else s.same(moved)


RULES: dict[str, tuple[Rule, ...]] = {
    "reshape": (move_nothing, reshape_twice),
    "transpose": (move_nothing, transpose_twice),
    "broadcast": (move_nothing, broadcast_twice),
    "slice": (move_nothing, slice_twice),
    "concat": (move_nothing,),
    "stack": (move_nothing,),
    "pad": (move_nothing,),
    "element": (element_of_stack,),
    "reduce": (reduce_one,),
}
