"""Compressor trees: many bits added by full adders, in logarithmic depth."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
Full = Callable[[T, T, T], tuple[T, T]]
Half = Callable[[T, T], tuple[T, T]]


def compress(columns: Sequence[Sequence[T]], full: Full[T], half: Half[T]) -> list[T | None]:
    """Add bits of many weights: columns[k] holds bits worth 2**k; give the bits of the sum, lowest first.

    Three bits of a column become a sum bit there and a carry in the next (`full`), the shallowest first, so that the
    depth grows with the logarithm of the count; two bits that are left take a half adder. None is a bit that is 0.
    """
    heaps: list[list[tuple[int, int, T]]] = []
    serial = 0
    for column in columns:
        heaps.append([(0, serial + k, bit) for k, bit in enumerate(column)])
        serial += len(column)
    result: list[T | None] = []
    at = 0
    while at < len(heaps):
        heap = heaps[at]
        heapq.heapify(heap)
        while len(heap) > 1:
            inputs = [heapq.heappop(heap) for _ in range(min(3, len(heap)))]
            depth = inputs[-1][0] + 1
            bits = [bit for _, _, bit in inputs]
            low, carry = full(*bits) if len(bits) == 3 else half(*bits)
            heapq.heappush(heap, (depth, serial, low))
            if at + 1 == len(heaps):
                heaps.append([])
            heaps[at + 1].append((depth, serial + 1, carry))
            serial += 2
        result.append(heap[0][2] if heap else None)
        at += 1
    return result

