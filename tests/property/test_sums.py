"""What arithmetic calls equal is equal: on small networks full of adders, against all patterns of the inputs."""

from __future__ import annotations

import time
from collections.abc import Callable
from copy import deepcopy
from itertools import zip_longest
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.proof.network import Network
from circuitc.proof.sums import Sums
from circuitc.proof.sweep import sweep

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


ALL = (1 << 64) - 1


def swept(network: Network, asked: Callable[[int], bool]) -> tuple[list[tuple[int, int]], list[int]]:
    """Walk up a network as a sweep does whose solver knows everything, and ask arithmetic about `asked` nodes first.

    Gives the pairs of literals that arithmetic called equal, and the values of the merged network's nodes.
    """
    merged, image, claims = Network(), [0] * network.nodes, []
    truth = network.values(patterns())[:, 0].tolist()
    oldest: dict[int, int] = {0: 0}
    sums = Sums(network, merged, image)
    for node in range(1, network.nodes):
        a, b = network.left[node], network.right[node]
        mine = merged.and_(image[a >> 1] ^ (a & 1), image[b >> 1] ^ (b & 1)) if a >= 0 else merged.input()
        flip = truth[node] & 1
        theirs = oldest.setdefault(truth[node] ^ ALL * flip, mine ^ flip) ^ flip
        image[node] = mine
        if mine >> 1 and asked(node):
            twin = sums.twin(mine, theirs, node + 1)
            if twin is not None:
                claims.append((mine, twin))
        if theirs != mine:
            image[node] = theirs
            sums.merge(mine, theirs)
    return claims, merged.values(patterns())[:, 0].tolist()


@given(networks(), st.randoms(use_true_random=False))
@settings(max_examples=150, deadline=None)
def test_what_is_called_equal_is_equal_whatever_was_merged_below(network: Network, random: Random) -> None:
    """Merging tears adders whose operands depend on each other; both ways of asking must stay sound."""
    claims, values = swept(network, lambda node: random.random() < 0.5)
    for mine, twin in claims:
        assert values[mine >> 1] ^ (mine & 1) * ALL == values[twin >> 1] ^ (twin & 1) * ALL


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


def pair_of_counts(network: Network, bits: list[int]) -> list[tuple[int, int]]:
    """Count bits twice, the first and the last ones first."""
    return list(zip(added(network, bits, last_first=False), added(network, bits, last_first=True), strict=True))


def added_in_rounds(network: Network, bits: list[int]) -> list[int]:
    """Count bits round by round, each column's thirds against each other: the bits of the count."""
    columns = [list(bits)]
    while any(len(column) > 1 for column in columns):
        following: list[list[int]] = [[] for _ in range(len(columns) + 1)]
        for k, column in enumerate(columns):
            third = -(-len(column) // 3)
            for row in zip_longest(column[:third], column[third:2 * third], column[2 * third:], fillvalue=0):
                following[k].append(network.xor(network.xor(*row[:2]), row[2]))
                following[k + 1].append(network.maj(*row))
        columns = [[x for x in column if x] for column in following]
    return [column[0] for column in columns if column]


@pytest.mark.parametrize("size", [8, 30, 75, 150])
def test_a_count_has_one_rest_however_often_sums_wrap(size: int) -> None:
    """Where a lower bit of the count comes as c from one tree and as c - 2**K from another, that is one rest."""
    network = Network()
    inputs = [network.input() for _ in range(size)]
    pairs = list(zip(added(network, inputs, last_first=True), added_in_rounds(network, inputs), strict=False))
    assert sweep(network, pairs, time.monotonic() + 60, patience=400).proved  # what is left over is never 1


@pytest.mark.parametrize("size", [9, 24, 60])
def test_counts_of_bits_that_depend_on_each_other_are_one_count(size: int) -> None:
    """Thermometers: each bit is 1 only with the one before, so carries of neighbours are the operands themselves."""
    network = Network()
    inputs = [network.input() for _ in range(size)]
    bits: list[int] = []
    for k in range(0, size, 3):
        a, b, c = inputs[k:k + 3]
        bits += [network.or_(a, b), a, network.and_(a, c), network.and_(a ^ 1, c)]
    assert sweep(network, pair_of_counts(network, bits), time.monotonic() + 60, patience=400).proved


def test_a_literal_is_found_equal_to_its_guess_whatever_was_asked_before() -> None:
    """Asked when too little was known, it is asked again when more is: what it was remembered by is not its twin."""
    network = Network()
    inputs = [network.input() for _ in range(9)]
    one, other = added(network, inputs, last_first=False), added_in_rounds(network, inputs)
    sums = Sums(network, deepcopy(network), [n << 1 for n in range(network.nodes)])
    assert sums.twin(other[2], 0, network.nodes) is None
    assert sums.twin(one[2], 0, network.nodes) is None
    for a, b in zip(one[:2], other[:2], strict=True):
        sums.merge(a, b)   # so what was remembered of the other stays as it is, and becomes what the guess comes to
    assert sums.twin(other[2], one[2], network.nodes) == one[2]
