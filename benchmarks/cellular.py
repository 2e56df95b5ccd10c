"""Conway's Life (and rule 110) in native code beside numpy, in cells a second.

    python benchmarks/cellular.py [SIZE] [--rounds N]

A torus of SIZE x SIZE cells (1024), 100 generations a call. `bits` are ports of one byte a cell, packed and unpacked in
the call; `words` are ports of 64 cells a word. numpy runs as most programs do (bytes, moved and added up), and with the
same bit planes on words of 64 cells. Processor time of one thread, in rounds in which all take turns; all answers are
compared. `neurons` are the threshold network of a small torus, for the price of that form.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import circuitc
from circuitc.backends.llvm.target import host
from circuitc.models.automata import Grid, build_cellular, parse_rule

LIFE = parse_rule("B3/S23")
GENERATIONS = 100


def byte_life(cells: Any) -> Any:
    """Take a generation on bytes: sums over rows, then over columns."""
    rows = cells + np.roll(cells, 1, 0) + np.roll(cells, -1, 0)
    around = rows + np.roll(rows, 1, 1) + np.roll(rows, -1, 1)  # the cell itself is counted too
    return ((around == 3) | ((around == 4) & (cells == 1))).astype(np.uint8)


def word_life(x: Any) -> Any:
    """Take a generation on words of 64 cells (uint64), by the bit planes that circuitc uses."""
    one, top = np.uint64(1), np.uint64(63)
    west = x << one | np.roll(x, 1, 1) >> top
    east = x >> one | np.roll(x, -1, 1) << top
    s0, s1 = west ^ east, west & east
    r0, r1 = s0 ^ x, s1 | s0 & x
    u0, u1, d0, d1 = np.roll(r0, 1, 0), np.roll(r1, 1, 0), np.roll(r0, -1, 0), np.roll(r1, -1, 0)
    half = u0 ^ d0
    n0, carry = half ^ s0, u0 & d0 | half & s0
    half = u1 ^ d1
    twos, four = half ^ s1, u1 & d1 | half & s1
    n1, more = twos ^ carry, twos & carry
    return (x | n0) & n1 & ~(four ^ more)


def byte_110(cells: Any) -> Any:
    """Take a generation of rule 110 on bytes."""
    right = np.roll(cells, -1)
    return (cells | right) & ~(np.roll(cells, 1) & cells & right) & 1


def repeat(step: Callable[[Any], Any], cells: Any) -> Any:
    for _ in range(GENERATIONS):
        cells = step(cells)
    return cells


def to_words(cells: Any) -> Any:
    return np.packbits(cells, axis=-1, bitorder="little").view(np.int64)


def measure(name: str, cells: int, engines: dict[str, Callable[[], Any]], rounds: int) -> None:
    times: dict[str, list[float]] = {label: [] for label in engines}
    for _ in range(rounds):
        for label, run in engines.items():
            start = time.thread_time()
            run()
            times[label].append(time.thread_time() - start)
    print(f"{name}, {GENERATIONS} generations, answers equal")
    slowest = next(label for label in engines if label.startswith("numpy"))
    for label, seconds in times.items():
        rate = sorted(cells * GENERATIONS / s / 1e9 for s in seconds)
        ratio = statistics.median(b / a for a, b in zip(seconds, times[slowest], strict=True))
        print(f"  {label:14} {statistics.median(rate):8.3f} G cells/s ({rate[0]:.3f} to {rate[-1]:.3f}), "
              f"{ratio:.1f} times {slowest}")


def main() -> None:
    size = next((int(a) for a in sys.argv[1:] if a.isdigit()), 1024)
    rounds = int(sys.argv[sys.argv.index("--rounds") + 1]) if "--rounds" in sys.argv else 7
    print(f"cpu {host().cpu}, {host().vector_bits}-bit vectors")
    rng = np.random.default_rng(0)

    cells = rng.integers(0, 2, (size, size)).astype(np.uint8)
    words = to_words(cells)
    start = time.process_time()
    bits = circuitc.jit(build_cellular(Grid(LIFE, (size, size), generations=GENERATIONS), "bits"))
    print(f"ready in {time.process_time() - start:.2f} s")
    packed = circuitc.jit(build_cellular(Grid(LIFE, (size, size), ports="words", generations=GENERATIONS), "words"))
    wanted = repeat(byte_life, cells)
    assert np.array_equal(bits(cells[None])[0], wanted)
    assert np.array_equal(packed(words[None])[0], to_words(wanted))
    assert np.array_equal(repeat(word_life, words.view(np.uint64)).view(np.int64), to_words(wanted))
    measure(f"Life, {size} x {size} cells", size * size, {
        "ours, bits": lambda: bits(cells[None]), "ours, words": lambda: packed(words[None]),
        "numpy, bytes": lambda: repeat(byte_life, cells),
        "numpy, words": lambda: repeat(word_life, words.view(np.uint64))}, rounds)

    ring = rng.integers(0, 2, size * size).astype(np.uint8)
    row = to_words(ring)
    f = circuitc.jit(build_cellular(Grid(parse_rule(110), (len(ring),), ports="words", generations=GENERATIONS), "r"))
    assert np.array_equal(f(row[None])[0], to_words(repeat(byte_110, ring)))
    measure(f"rule 110, {len(ring)} cells", len(ring), {
        "ours, words": lambda: f(row[None]), "numpy, bytes": lambda: repeat(byte_110, ring)}, rounds)

    small = rng.integers(0, 2, (32, 32)).astype(np.uint8)
    start = time.process_time()
    g = circuitc.jit(build_cellular(Grid(LIFE, (32, 32), "thresholds", generations=GENERATIONS), "neurons"))
    print(f"neurons ready in {time.process_time() - start:.2f} s")
    assert np.array_equal(g(small[None])[0], repeat(byte_life, small))
    measure("Life, 32 x 32 cells", 1024, {
        "ours, neurons": lambda: g(small[None]), "numpy, bytes": lambda: repeat(byte_life, small)}, rounds)


if __name__ == "__main__":
    main()
