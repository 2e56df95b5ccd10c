"""Packing and fault dodging: every weight has one place, no tile is too full, and chance is seeded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import random as random_sparse

from circuitc.backends.crossbar.faults import (
    HEALTHY,
    STUCK_HRS,
    STUCK_LRS,
    attainable_levels,
    attainable_pairs,
    place,
)
from circuitc.backends.crossbar.packing import Block, pack
from circuitc.ir import parse_module
from circuitc.passes import run_passes


def covered(blocks: list[Block], shape: tuple[int, int]) -> np.ndarray:
    count = np.zeros(shape, dtype=int)
    for block in blocks:
        for part in block.parts:
            count[part.output, part.inputs] += 1
    return count


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 40), st.integers(1, 40), st.floats(0, 1), st.integers(1, 12), st.integers(1, 12),
       st.integers(0, 99))
def test_each_weight_lies_in_one_tile_that_has_room(outputs: int, inputs: int, density: float, rows: int, columns: int,
                                                    seed: int) -> None:
    pattern = np.random.default_rng(seed).random((outputs, inputs)) < density
    blocks = pack(pattern, rows, columns, effort=200, seed=seed)
    assert np.array_equal(covered(blocks, pattern.shape), pattern.astype(int))
    for block in blocks:
        assert len(block.parts) <= columns
        assert len(block.inputs) <= rows
    parts, grid = sum(len(b.parts) for b in blocks), -(-inputs // rows) * -(-outputs // columns)
    if pattern.sum(1).max(initial=0) <= rows and parts <= 4 * grid:   # nothing is split without need
        assert sum(len(b.parts) for b in blocks) == np.count_nonzero(pattern.any(1))


def test_the_same_seed_gives_the_same_tiles() -> None:
    matrix = random_sparse(200, 200, density=0.02, random_state=1)
    first, second = (pack(matrix, 16, 16, effort=3000, seed=7) for _ in range(2))
    assert [[(p.output, p.inputs.tolist()) for p in b.parts] for b in first] \
        == [[(p.output, p.inputs.tolist()) for p in b.parts] for b in second]


def test_a_dense_matrix_is_cut_as_a_grid() -> None:
    blocks = pack(np.ones((50, 70)), 32, 32, effort=0)
    assert len(blocks) == 2 * 3
    assert sorted({tuple(b.inputs[[0, -1]]) for b in blocks}) == [(0, 31), (32, 63), (64, 69)]


def test_outputs_that_hardly_share_a_tile_are_cut() -> None:
    pattern = np.random.default_rng(3).random((64, 20)) < 0.7
    blocks = pack(pattern, 16, 16, effort=100)
    assert np.array_equal(covered(blocks, pattern.shape), pattern.astype(int))
    assert len(blocks) <= 9
    assert len(pack(pattern[:, :16], 16, 16, effort=100)) == 4


def test_packing_beats_the_tiles_of_a_grid_that_are_not_empty() -> None:
    matrix = random_sparse(300, 300, density=0.01, random_state=2).toarray() != 0
    grid = sum(matrix[i:i + 32, j:j + 32].any() for i in range(0, 300, 32) for j in range(0, 300, 32))
    assert len(pack(matrix, 32, 32, effort=2000)) < grid / 2


def test_a_healthy_partner_cancels_a_stuck_device() -> None:
    positive, negative = [HEALTHY, STUCK_HRS, STUCK_LRS, STUCK_LRS], [HEALTHY, HEALTHY, HEALTHY, STUCK_HRS]
    low, high = attainable_pairs([positive], [negative], 3)
    assert low.tolist() == [[-3, -3, 0, 3]]
    assert high.tolist() == [[3, 0, 3, 3]]
    assert attainable_levels([HEALTHY, STUCK_HRS, STUCK_LRS], 3)[0].tolist() == [0, 0, 3]


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 8), st.integers(1, 8), st.integers(0, 3), st.integers(0, 3), st.integers(0, 999))
def test_placements_are_permutations_that_only_help(m: int, n: int, more_rows: int, more_columns: int,
                                                    seed: int) -> None:
    rng = np.random.default_rng(seed)
    w = rng.integers(-2, 3, (m, n))
    faults = rng.choice([HEALTHY, STUCK_HRS, STUCK_LRS], p=[0.6, 0.2, 0.2], size=(2, m + more_rows, n + more_columns))
    low, high = attainable_pairs(*faults, 2)
    placed, still = place(w, low, high), place(w, low, high, turns=0)
    assert len(set(placed.rows.tolist())) == m
    assert len(set(placed.columns.tolist())) == n
    held = w + placed.error
    there = np.ix_(placed.rows, placed.columns)
    assert np.all((low[there] <= held) & (held <= high[there]))
    assert placed.residual <= still.residual


@pytest.mark.parametrize("seed", range(3))
def test_few_faults_are_dodged_altogether(seed: int) -> None:
    rng = np.random.default_rng(seed)
    w = rng.choice([-1, 0, 1], p=[0.1, 0.8, 0.1], size=(64, 64))
    faults = rng.choice([HEALTHY, STUCK_HRS, STUCK_LRS], p=[0.98, 0.01, 0.01], size=(2, 64, 64))
    assert place(w, *attainable_pairs(*faults, 1)).residual == 0


def test_types_that_lean_on_outlined_weights_still_verify() -> None:
    """%y fits 5 bits because a weight is 0, which nobody sees once the product is a call."""
    text = """const #w : i4[1,2] = [[1, 0]]
func @main(%x: u4[2]) -> (%y: u5[1]) once {
  %c = contract #w, %x {spec="ok,k->o"} : u5[1]
  %y = add %c, %c : u5[1]
  return %y
}
"""
    after = run_passes(parse_module(text), "partition")
    assert after.facts["passes"][0]["evidence"]["level"] == "exhausted"


def test_regions_do_not_lean_on_what_is_known_outside() -> None:
    """The product's type holds because x is at most 1, which the region cannot see; and %z leans on the product."""
    module = parse_module("""
const #one : u2[2] = [1, 1]
const #w : i3[1,2] = [[3, 3]]
const #c : bit[1] = [1]
func @f(%x: u2[2]) -> (%z: i4[1]) once {
  %low = min %x, #one : u2[2]
  %y = contract #w, %low {spec="ij,j->i"} : i4[1]
  %z = add %y, #c : i4[1]
  return %z
}
""")
    outlined = run_passes(module, "partition")   # verified and compared
    assert [f.target for f in outlined.funcs.values()] == ["", "crossbar"]
