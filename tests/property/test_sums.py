"""What arithmetic calls equal is equal: on small networks full of adders, against all patterns of the inputs."""

from __future__ import annotations

from copy import deepcopy

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
@settings(max_examples=100, deadline=None)
def test_what_is_called_equal_is_equal(network: Network) -> None:
    merged = deepcopy(network)
    sums = Sums(network, merged, [n << 1 for n in range(network.nodes)])
    twins = [(node, sums.twin(node << 1, 0, network.nodes)) for node in range(1, network.nodes)]
    values = merged.values(patterns())[:, 0].tolist()  # of the sums that were made on the way too
    for node, twin in twins:
        if twin is not None:
            assert values[node] == values[twin >> 1] ^ ((1 << 64) - 1 if twin & 1 else 0)


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
    sums = Sums(network, deepcopy(network), [n << 1 for n in range(network.nodes)])
    for a, b in pairs:
        assert sums.twin(a, 0, network.nodes) is None
        assert sums.twin(b, 0, network.nodes) == a
        sums.merge(b, a)
