"""What arithmetic calls equal is equal: on small networks full of adders, against all patterns of the inputs."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.proof.network import Network
from circuitc.proof.sums import Sums

INPUTS = 6


def patterns() -> np.ndarray:
    """All 64 patterns of six inputs, one word each."""
    rows = np.arange(64)
    return np.array([[sum(int(r >> k & 1) << int(r) for r in rows)] for k in range(INPUTS)], np.uint64)


@st.composite
def networks(draw: st.DrawFn) -> Network:
    """Full and half adders, and stray gates, each reading anything made before, inverted or not."""
    network = Network()
    made = [network.input() for _ in range(INPUTS)]
    for _ in range(draw(st.integers(3, 9))):
        a, b, c = (draw(st.sampled_from(made)) ^ draw(st.integers(0, 1)) for _ in range(3))
        match draw(st.integers(0, 5)):
            case 0:
                made.append(network.and_(a, b))
            case 1:
                made += [network.xor(a, b), network.and_(a, b)]
            case 2:  # the same adder as below in other gates
                p = network.xor(a, b)
                made += [network.xor(c, p), network.or_(network.and_(a, b), network.and_(p, c))]
            case _:
                made += [network.xor(network.xor(b, c), a), network.maj(a, b, c)]
    return network


@given(networks())
@settings(max_examples=30, deadline=None)
def test_what_is_called_equal_is_equal(network: Network) -> None:
    values = network.values(patterns())[:, 0]
    sums = Sums(network, network, [n << 1 for n in range(network.nodes)])
    nodes = network.nodes
    for a, b in combinations(range(1, nodes), 2):
        for flip in (0, 1):
            if sums.equal(a << 1, b << 1 | flip, nodes):
                full = np.uint64(0xFFFFFFFFFFFFFFFF if flip else 0)
                assert values[a] == values[b] ^ full


def added(network: Network, bits: list[int], *, last_first: bool) -> list[int]:
    """Count bits by full adders, the first or the last ones first: the bits of the count."""
    columns, k = [list(bits)], 0
    while k < len(columns):
        while len(columns[k]) > 1:
            taken = [columns[k].pop(-1 if last_first else 0) for _ in range(min(3, len(columns[k])))]
            a, b, c = (*taken, 0)[:3]
            if k + 1 == len(columns):
                columns.append([])
            columns[k].append(network.xor(network.xor(a, b), c))
            columns[k + 1].append(network.maj(a, b, c))
        k += 1
    return [column[0] for column in columns if column]


def test_counts_in_any_order_are_one_count() -> None:
    """Bottom up, as a sweep asks: each place is shown with those below it taken for one."""
    network = Network()
    inputs = [network.input() for _ in range(40)]
    pairs = list(zip(added(network, inputs, last_first=False), added(network, inputs, last_first=True), strict=True))
    sums = Sums(network, network, [n << 1 for n in range(network.nodes)])
    for a, b in pairs[:-1]:
        assert sums.equal(a, b, network.nodes)
        sums.merge(a, b)
    assert not sums.equal(pairs[0][0], pairs[1][1], network.nodes)
