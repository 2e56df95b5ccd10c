"""Try every pattern of the inputs, 64 a word: of a whole question, or of each part of it that few inputs decide."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from circuitc.ir import evaluate_words, unpack_words

from .network import Network
from .sweep import Pattern, cone

MAX_EXHAUSTIVE_BITS = 20
PATTERNS_AT_ONCE = 1 << 16
Pair = tuple[int, int]


@dataclass(slots=True)
class Tried:
    """What came of it: a `pattern` that tells a pair apart, or the numbers of the pairs that are equal on all.

    `bits` is the most inputs that any of these depends on.
    """

    pattern: Pattern | None = None
    equal: list[int] = field(default_factory=list)
    bits: int = 0


def try_all(network: Network, pairs: Sequence[Pair], deadline: float) -> Tried:
    """Try all patterns of all inputs, until the clock reaches `deadline`."""
    bits, half = len(network.inputs), len(pairs)
    netlist = network.netlist([a for a, _ in pairs] + [b for _, b in pairs])
    for start in range(0, 1 << bits, PATTERNS_AT_ONCE):
        if time.monotonic() > deadline:
            return Tried()
        count = min(PATTERNS_AT_ONCE, 1 << bits)
        values = evaluate_words(netlist, _patterns(bits, start, count))
        wrong = np.bitwise_or.reduce(values[:half] ^ values[half:], axis=0)
        samples = np.flatnonzero(unpack_words(wrong[None], count)[0])
        if len(samples):
            number = start + int(samples[0])
            return Tried((number >> np.arange(bits) & 1).astype(np.uint8))
    return Tried(equal=list(range(half)), bits=bits)


def try_cones(network: Network, pairs: Sequence[Pair], wanted: Sequence[int], deadline: float) -> Tried:
    """Try all patterns for those of the wanted pairs (by number) that at most 20 inputs decide, a group at a time."""
    tried = Tried()
    for group in _groups(_support(network), pairs, wanted):
        core, kept, inputs = cone(network, [pairs[k] for k in group])
        found = try_all(core, kept, deadline)
        if found.pattern is not None:
            tried.pattern = np.zeros(len(network.inputs), np.uint8)
            tried.pattern[inputs] = found.pattern
            return tried
        if len(found.equal) < len(group):
            break   # time is up
        tried.equal += group
        tried.bits = max(tried.bits, found.bits)
    return tried


def _support(network: Network) -> list[int]:
    """Give for each node the set of inputs that it depends on, as bits of a number."""
    support = [0] * network.nodes
    for k, node in enumerate(network.inputs):
        support[node] = 1 << k
    for node in range(1, network.nodes):
        if network.is_gate(node):
            support[node] = support[network.left[node] >> 1] | support[network.right[node] >> 1]
    return support


def _groups(support: list[int], pairs: Sequence[Pair], wanted: Sequence[int]) -> Iterator[list[int]]:
    """Put pairs together while few enough inputs decide all of them; a pair that needs more is left out."""
    group: list[int] = []
    inputs = 0
    for k in wanted:
        mine = support[pairs[k][0] >> 1] | support[pairs[k][1] >> 1]
        if mine.bit_count() > MAX_EXHAUSTIVE_BITS:
            continue
        if group and (inputs | mine).bit_count() > max(inputs.bit_count(), mine.bit_count()):
            yield group   # together they would take more patterns than either
            group, inputs = [], 0
        group.append(k)
        inputs |= mine
    if group:
        yield group


def _patterns(bits: int, start: int, count: int) -> np.ndarray:
    """Give the patterns start..start+count-1 of input bits as words, uint64[bits, words]."""
    numbers = np.arange(start, start + count, dtype=np.int64)
    rows = (numbers[None] >> np.arange(bits)[:, None] & 1).astype(np.uint8)
    padded = np.zeros((bits, -(-count // 64) * 64), np.uint8)
    padded[:, :count] = rows
    return np.packbits(padded, axis=1, bitorder="little").view("<u8").astype(np.uint64)
