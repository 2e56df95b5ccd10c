"""Make a NOR network smaller: express gates by others nearby, found by truth tables over windows of few leaves.

The idea is resubstitution as in Mishchenko, Brayton: "Scalable logic synthesis using a simple circuit structure" (IWLS
2006), worked out for NOR gates of two inputs, where inverters count as much as gates: a gate whose cone would free m
gates is replaced by fewer than m new ones over divisors of its window (or, where asked for, as many: a sideways move).
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from .express import Expression, expressed
from .nor import NorBuilder, NorNet

MOST_DIVISORS = 48   # of a window
MOST_USERS = 30      # of a divisor that are looked at


@dataclass(frozen=True, slots=True)
class Window:
    """How hard to look: leaves of a window, nodes in it, and whether gates may be exchanged for as many others."""

    leaves: int = 8
    volume: int = 60
    sideways: bool = False


def resubstituted(net: NorNet, window: Window, seed: int) -> NorNet:
    """Give the network after one round over its gates; the seed says in which order divisors are tried."""
    return _Round(net, window, random.Random(seed)).run()


class _Round:
    """One round: gates are replaced in a growing table, and `position` keeps it free of cycles.

    A new gate takes the position of the gate that it stands in for; divisors come from strictly before. An output is a
    node of its own behind all gates, so that it is a user like any other.
    """

    def __init__(self, net: NorNet, window: Window, rng: random.Random) -> None:
        self.net, self.window, self.rng = net, window, rng
        self.fanins: list[tuple[int, ...]] = [()] * net.first + list(net.gates) + [(o,) for o in net.outputs]
        self.users: list[set[int]] = [set() for _ in self.fanins]
        for node, fanins in enumerate(self.fanins):
            for f in fanins:
                self.users[f].add(node)
        self.position = [0] * len(self.fanins)     # at first the level
        for node, fanins in enumerate(self.fanins):
            self.position[node] = 1 + max((self.position[f] for f in fanins), default=-1)

    def run(self) -> NorNet:
        net = self.net
        for node in sorted(range(net.first, net.nodes), key=lambda n: (self.position[n], n)):
            if self.users[node]:
                self._improve(node)
        return self._result()

    def _improve(self, node: int) -> None:
        freed = self._cone_freed(node)
        most = len(freed) if self.window.sideways else len(freed) - 1
        leaves, inside = self._cut(node)
        tables, divisors = self._tables(node, leaves, inside, freed)
        self.rng.shuffle(divisors)
        full = (1 << (1 << len(leaves))) - 1
        found = expressed(tables[node], full, [(tables[d], d) for d in divisors], most, self.fanins[node])
        if found is not None:
            self._replace(node, found)

    def _cone_freed(self, node: int) -> set[int]:
        """Give the gates that go when the node goes (its maximum fanout-free cone)."""
        freed = {node}
        stack = [node]
        while stack:
            for f in self.fanins[stack.pop()]:
                if f not in freed and self.fanins[f] and self.users[f] <= freed:
                    freed.add(f)
                    stack.append(f)
        return freed

    def _cut(self, node: int) -> tuple[list[int], list[int]]:
        """Grow a cut of few leaves below a node, choosing each time the leaf that adds fewest; answers inner nodes too.
        """
        leaves, inside = set(self.fanins[node]), {node}
        while len(inside) < self.window.volume:
            best, best_cost = -1, self.window.leaves - len(leaves) + 1
            for leaf in sorted(leaves):
                fanins = self.fanins[leaf]
                if fanins:
                    cost = sum(f not in leaves for f in fanins) - 1
                    if cost < best_cost or (cost == best_cost and best >= 0 and self.position[leaf] >
                                            self.position[best]):
                        best, best_cost = leaf, cost
            if best < 0:
                break
            leaves.remove(best)
            inside.add(best)
            leaves.update(f for f in self.fanins[best])
        return sorted(leaves), sorted(inside, key=lambda n: (self.position[n], n))

    def _tables(self, node: int, leaves: list[int], inside: list[int], freed: set[int],
                ) -> tuple[dict[int, int], list[int]]:
        """Compute truth tables over the leaves, for nodes inside and beside the cone; divisors are what stays."""
        full = (1 << (1 << len(leaves))) - 1
        tables = {leaf: _column(len(leaves), j) for j, leaf in enumerate(leaves)}
        if 0 in tables:
            tables[0] = full
        for n in self._after_fanins(inside, set(inside)):
            tables[n] = self._nor_table(n, tables, full)
        divisors = [n for n in (*leaves, *inside) if n not in freed]
        here, k = self.position[node], 0
        while k < len(divisors) and len(divisors) < MOST_DIVISORS:
            users = self.users[divisors[k]]
            k += 1
            if len(users) > MOST_USERS:
                continue
            for user in sorted(users):
                if (user not in tables and self.position[user] < here and user not in freed
                        and all(f in tables and f not in freed for f in self.fanins[user])):
                    tables[user] = self._nor_table(user, tables, full)
                    divisors.append(user)
        return tables, divisors

    def _nor_table(self, node: int, tables: dict[int, int], full: int) -> int:
        table = 0
        for f in self.fanins[node]:
            table |= tables[f]
        return full & ~table

    def _replace(self, node: int, found: Expression) -> None:
        new = self._make(found, self.position[node], {})
        for user in sorted(self.users[node]):
            self.fanins[user] = tuple(sorted({new if f == node else f for f in self.fanins[user]}))
            self.users[new].add(user)
        self.users[node] = set()
        self._drop(node)

    def _make(self, found: Expression, position: int, made: dict[Expression, int]) -> int:
        if isinstance(found, int):
            return found
        if found in made:
            return made[found]
        fanins = tuple(sorted({self._make(part, position, made) for part in found}))
        node = made[found] = len(self.fanins)
        self.fanins.append(fanins)
        self.users.append(set())
        self.position.append(position)
        for f in fanins:
            self.users[f].add(node)
        return node

    def _drop(self, node: int) -> None:
        """Take out a node without users, and all that only it used."""
        stack = [node]
        while stack:
            n = stack.pop()
            for f in self.fanins[n]:
                self.users[f].discard(n)
                if not self.users[f] and self.fanins[f]:
                    stack.append(f)

    def _result(self) -> NorNet:
        net, builder = self.net, NorBuilder(self.net.inputs)
        new = dict(zip(range(net.first), range(net.first), strict=True))
        ends = [self.fanins[net.nodes + k][0] for k in range(len(net.outputs))]
        for node in self._after_fanins(ends):
            if node not in new:
                new[node] = builder.nor(new[f] for f in self.fanins[node])
        return builder.finish([new[o] for o in ends])

    def _after_fanins(self, roots: list[int], within: set[int] | None = None) -> Iterator[int]:
        """Give nodes below the roots (of a set, where one is given) after their fan-ins."""
        done: set[int] = set()
        for root in roots:
            stack = [root]
            while stack:
                n = stack[-1]
                missing = [f for f in self.fanins[n] if f not in done and (within is None or f in within)]
                if n in done or not missing:
                    stack.pop()
                    if n not in done:
                        done.add(n)
                        yield n
                else:
                    stack += missing


@cache
def _column(count: int, j: int) -> int:
    """Give the table of leaf j among `count`."""
    table, width = ((1 << (1 << j)) - 1) << (1 << j), 2 << j
    while width < 1 << count:
        table |= table << width
        width *= 2
    return table
