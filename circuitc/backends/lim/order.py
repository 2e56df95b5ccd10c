"""Orders in which the gates of a network may be computed, those first that keep few values alive."""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

Fanins = Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class Values:
    """What has to be computed: the fan-ins of each node (sources have none), which are sources, which must stay.

    Nodes are in topological order. `kept` are the outputs.
    """

    fanins: Fanins
    sources: int
    kept: Sequence[int]

    @property
    def uses(self) -> list[int]:
        """Count the gates that read each node, and one more where it must stay."""
        count = [0] * len(self.fanins)
        for fanins in self.fanins:
            for f in set(fanins):
                count[f] += 1
        for node in set(self.kept):
            count[node] += 1
        return count


def orders(values: Values) -> Iterator[list[int]]:
    """Give different orders of the gates: as they are, cone by cone with three orders of the outputs, and greedy."""
    yield list(range(values.sources, len(values.fanins)))
    need = [float(n) for n in cells_needed(values)]
    roots = list(dict.fromkeys(values.kept))
    yield _cone_by_cone(values, need, roots)
    yield _cone_by_cone(values, need, sorted(roots, key=lambda n: -need[n]))
    yield _cone_by_cone(values, need, sorted(roots))
    yield _greedy(values)


def searched(values: Values, cost: Callable[[list[int]], Any], work: int, seed: int = 0) -> list[int]:
    """Search for a cheaper order by changing, a few at a time, which cones come first; `work` bounds gates visited.

    A change stays where it costs no more. The same arguments give the same order.
    """
    rng = random.Random(seed)
    first = [float(n) for n in cells_needed(values)]
    spread = max(first, default=1.0)
    roots = list(dict.fromkeys(values.kept))
    rank = [float(k) for k in range(len(roots))]
    best = _cone_by_cone(values, first, roots)
    least = cost(best)
    gates = range(values.sources, len(values.fanins))
    for _ in range(work // max(1, len(gates)) if gates else 0):
        trial, trial_rank = first.copy(), rank.copy()
        for node in rng.sample(gates, min(len(gates), rng.choice((1, 2, 4, 8, 1 + len(gates) // 50)))):
            trial[node] += rng.gauss(0, spread / 4)
        if rng.random() < 0.5 and roots:
            trial_rank[rng.randrange(len(roots))] = rng.uniform(-1, len(roots))
        order = _cone_by_cone(values, trial, [roots[k] for k in sorted(range(len(roots)), key=trial_rank.__getitem__)])
        now = cost(order)
        if now <= least:
            best, least, first, rank = order, now, trial, trial_rank
    return best


def cells_needed(values: Values) -> list[int]:
    """Estimate how many cells the cone of each node takes, as Sethi and Ullman do for trees (JACM 17, 1970)."""
    need = [0] * values.sources
    for fanins in values.fanins[values.sources:]:
        below = sorted((need[f] for f in set(fanins)), reverse=True)
        need.append(max([n + k for k, n in enumerate(below)] + [1]))
    return need


def _cone_by_cone(values: Values, first: Sequence[float], roots: Sequence[int]) -> list[int]:
    """Compute root after root, in each cone the fan-in with the highest number first."""
    done = bytearray(len(values.fanins))
    done[:values.sources] = b"\1" * values.sources
    order: list[int] = []
    for root in roots:
        stack = [root]
        while stack:
            node = stack[-1]
            missing = [f for f in values.fanins[node] if not done[f]]
            if done[node] or not missing:
                stack.pop()
                if not done[node]:
                    done[node] = 1
                    order.append(node)
            else:
                stack += sorted(missing, key=lambda f: (first[f], f))
    return order


def _greedy(values: Values) -> list[int]:
    """Compute next, of the gates that can be, the one that frees most cells; of equals the one ready last.

    A gate frees the sources that nothing else reads too: where these may not be used again it is an estimate.
    """
    uses, fanins = values.uses, [tuple(set(f)) for f in values.fanins]
    users: list[list[int]] = [[] for _ in fanins]
    waiting = [0] * len(fanins)
    for node in range(values.sources, len(fanins)):
        waiting[node] = sum(f >= values.sources for f in fanins[node])
        for f in fanins[node]:
            users[f].append(node)
    clock = 0
    heap: list[tuple[int, int, int]] = []

    def push(node: int) -> None:
        heapq.heappush(heap, (-sum(uses[f] == 1 for f in fanins[node]), -clock, node))

    for node in range(values.sources, len(fanins)):
        if not waiting[node]:
            push(node)
    done = bytearray(len(fanins))
    order: list[int] = []
    while heap:
        _, _, node = heapq.heappop(heap)
        if done[node]:
            continue
        done[node] = 1
        order.append(node)
        clock += 1
        for f in fanins[node]:
            uses[f] -= 1
            if uses[f] == 1:   # the one user left frees more now
                for user in users[f]:
                    if not done[user] and not waiting[user]:
                        push(user)
        for user in users[node]:
            waiting[user] -= 1
            if not waiting[user]:
                push(user)
    return order
