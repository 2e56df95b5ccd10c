"""Numbers of seven bits a byte (LEB128), as binary AIGER holds the fan-ins of its ANDs."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def encode_deltas(deltas: NDArray[np.integer]) -> bytes:
    """Print numbers below 2**35 in seven bits a byte, lowest first, the high bit saying that more follow."""
    length = np.ones(len(deltas), np.int64)
    for k in range(1, 5):
        length += deltas >> 7 * k > 0
    start = np.cumsum(length) - length
    out = np.zeros(int(np.sum(length)), np.uint8)
    for k in range(5):
        here = length > k
        out[start[here] + k] = deltas[here] >> 7 * k & 0x7F | np.where(length[here] > k + 1, 0x80, 0)
    return out.tobytes()


def decode_deltas(data: bytes, start: int, count: int) -> NDArray[np.int64]:
    """Read `count` numbers from byte `start` on; what `encode_deltas` printed, from a writer that is trusted."""
    buffer = np.frombuffer(data, np.uint8)[start:start + 5 * count]
    ends = np.flatnonzero(buffer < 0x80)[:count] + 1
    assert len(ends) == count, "the file ends before its last gate"
    begin = np.concatenate([[0], ends[:-1]]).astype(np.int64)[:count]
    value = np.zeros(count, np.int64)
    for k in range(5):
        here = ends - begin > k
        value[here] |= (buffer[begin[here] + k].astype(np.int64) & 0x7F) << 7 * k
    return value
