"""Fewer steps for the same outputs: cones of gates with at most three leaves become one function of three values.

A cut of a value is a set of at most three earlier values that determine it. Each value keeps its few best cuts by area
flow (the steps that a cut costs, shared among the value's users); then the outputs choose cuts from the top down.
On the EPFL circuits this leaves about 0.4 steps an AND, as ABC's `if -K 3 -a` does.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .netlist_program import Program, dependence, operands_of

_KEPT = 5
_LEAF_PATTERNS = (0xF0, 0xCC, 0xAA)
Cut = tuple[int, ...]


def cover(program: Program) -> Program:
    """Give an equal program of fewer steps. A plain loop: 20 us a step, which the shorter code pays back."""
    first = 1 + program.inputs
    kept = _kept_cuts(program)
    return _chosen(program, _recovered(program, kept, first), first)


def _kept_cuts(program: Program) -> list[list[Cut]]:
    """Give each step its best cuts by area flow, the best first."""
    first = 1 + program.inputs
    users = np.bincount(np.concatenate([program.operand.ravel(), program.outputs >> 1]), minlength=program.values)
    share = (1.0 / np.maximum(users, 1)).tolist()
    flow = [0.0] * program.values
    kept: list[list[Cut]] = [[(v,)] if v else [()] for v in range(first)]
    for step, names in enumerate(operands_of(program)):
        value = first + step
        found: set[Cut] = {()}
        for name in filter(None, names):
            found = {merged for a in found for b in kept[name] if len(merged := _union(a, b)) <= 3}
        ranked = sorted((sum(flow[leaf] for leaf in cut), len(cut), cut) for cut in found)[:_KEPT]
        flow[value] = (1.0 + ranked[0][0]) * share[value]
        kept.append([*(cut for _, _, cut in ranked), (value,)])
    return [cuts[:-1] for cuts in kept[first:]]


def _union(a: Cut, b: Cut) -> Cut:
    return a if a == b or not b else b if not a else tuple(sorted({*a, *b}))


def _recovered(program: Program, kept: list[list[Cut]], first: int) -> list[Cut]:
    """Choose again for each used step, in order, the cut that costs fewest steps as the others stand now."""
    best = [cuts[0] for cuts in kept]
    used = [0] * program.values

    def take(cut: Cut) -> int:
        """Count one more user of a cut's leaves, and of what they then need; answer how many steps that brings in."""
        open_, cost = list(cut), 0
        while open_:
            leaf = open_.pop()
            used[leaf] += 1
            if used[leaf] == 1 and leaf >= first:
                cost += 1
                open_ += best[leaf - first]
        return cost

    def drop(cut: Cut) -> None:
        open_ = list(cut)
        while open_:
            leaf = open_.pop()
            used[leaf] -= 1
            if not used[leaf] and leaf >= first:
                open_ += best[leaf - first]

    def cost(cut: Cut) -> tuple[int, int, Cut]:
        steps = take(cut)
        drop(cut)
        return steps, len(cut), cut

    take(tuple((program.outputs >> 1).tolist()))
    for value in range(first, program.values):
        if used[value] and len(kept[value - first]) > 1:
            drop(best[value - first])
            best[value - first] = min(map(cost, kept[value - first]))[2]
            take(best[value - first])
    return best


def _chosen(program: Program, cuts: list[Cut], first: int) -> Program:
    """Keep the steps that the outputs need, each as a function of its cut's leaves."""
    needed = [False] * program.values
    for value in (program.outputs >> 1).tolist():
        needed[value] = True
    for value in range(program.values - 1, first - 1, -1):
        if needed[value]:
            for leaf in cuts[value - first]:
                needed[leaf] = True
    tables, operands = program.table.tolist(), program.operand.tolist()
    new = list(range(first)) + [-1] * program.steps
    made: list[int] = []
    rows: list[tuple[int, int, int]] = []
    for value in range(first, program.values):
        if needed[value]:
            cut = cuts[value - first]
            new[value] = first + len(made)
            made.append(_function(value, cut, tables, operands, first))
            x, *rest = [new[leaf] for leaf in cut] or [0]
            rows.append((x, rest[0] if rest else x, rest[-1] if rest else x))
    renamed = np.array(new, np.int32)
    outputs = renamed[program.outputs >> 1] << 1 | (program.outputs & 1)
    return Program(program.inputs, np.array(made, np.uint8), np.array(rows, np.int32).reshape(-1, 3),
                   outputs.astype(np.int32))


def _function(value: int, cut: Cut, tables: list[int], operands: list[list[int]], first: int) -> int:
    """Give the truth table of a value over its cut's leaves, by evaluating the cone on all eight patterns."""
    known = {0: 0, **dict(zip(cut, _LEAF_PATTERNS, strict=False))}
    stack = [value]
    while stack:
        node = stack[-1]
        table, names = tables[node - first], operands[node - first]
        wanted = [n if used else 0 for n, used in zip(names, dependence(table), strict=True)]
        missing = [n for n in wanted if n not in known]
        if missing:
            stack += missing
            continue
        known[stack.pop()] = _apply(table, *(known[n] for n in wanted))
    return known[value]


@lru_cache(maxsize=65536)
def _apply(table: int, x: int, y: int, z: int) -> int:
    """Evaluate a truth table on patterns of eight cases."""
    result = 0
    for row in range(8):
        if table >> row & 1:
            result |= (x if row & 4 else ~x) & (y if row & 2 else ~y) & (z if row & 1 else ~z)
    return result & 0xFF

