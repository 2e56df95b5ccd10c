"""The transfer matrix of an array is what Kirchhoff's laws say, node by node."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.backends.crossbar.approximate import fast_transfer
from circuitc.backends.crossbar.transfer import transfer_matrix
from circuitc.backends.crossbar.wires import Wires
from circuitc.diagnostics import CircuitError

LEVELS = [0.0, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3]
SHAPES = st.tuples(st.integers(1, 9), st.integers(1, 9))


def kirchhoff(g: np.ndarray, wires: Wires) -> np.ndarray:
    """Solve all node equations at once, densely: an unknown for each end of each device."""
    m, n = g.shape
    system, drive = np.zeros((2 * m * n, 2 * m * n)), np.zeros((2 * m * n, m))
    word, bit = np.arange(m * n).reshape(m, n), np.arange(m * n, 2 * m * n).reshape(m, n)

    def join(a: int, b: int | None, conductance: float) -> None:
        system[a, a] += conductance
        if b is not None:
            system[b, b] += conductance
            system[a, b] -= conductance
            system[b, a] -= conductance

    first, last = 1 / (wires.wordline + wires.wordline_end), 1 / (wires.bitline + wires.bitline_end)
    for i, j in np.ndindex(m, n):
        join(word[i, j], bit[i, j], g[i, j])
        if j:
            join(word[i, j], word[i, j - 1], 1 / wires.wordline)
        else:
            join(word[i, 0], None, first)
            drive[word[i, 0], i] = first
        if i + 1 < m:
            join(bit[i, j], bit[i + 1, j], 1 / wires.bitline)
        else:
            join(bit[i, j], None, last)
    return (np.linalg.solve(system, drive)[bit[-1]] * last).T


@settings(deadline=None, max_examples=60)
@given(SHAPES, st.integers(0, 2**32 - 1), st.tuples(*[st.sampled_from([0.5, 1.56, 40.0])] * 2),
       st.tuples(*[st.sampled_from([0.0, 3.0, 1e3])] * 2))
def test_it_solves_the_node_equations(shape: tuple[int, int], seed: int, segments: tuple[float, float],
                                      ends: tuple[float, float]) -> None:
    g = np.random.default_rng(seed).choice(LEVELS, size=shape)
    wires = Wires(*segments, *ends)
    wanted = kirchhoff(g, wires)
    assert np.abs(transfer_matrix(g, wires) - wanted).max() <= 1e-11 * max(np.abs(wanted).max(), 1e-12)


@pytest.mark.parametrize("wires", [
    Wires(2.0, 0.0, 1.0, 0.0), Wires(0.0, 2.0, 0.0, 1.0), Wires(0.0, 0.0, 5.0, 7.0), Wires(0.0, 0.0, 0.0, 7.0),
    Wires(2.0, 0.0, 0.0, 3.0), Wires(0.0, 3.0, 5.0, 0.0), Wires(0.0, 0.0, 5.0, 0.0)])
def test_ideal_parts_are_the_limit_of_good_ones(wires: Wires) -> None:
    g = np.random.default_rng(1).choice(LEVELS, size=(7, 6))
    nearly = Wires(*(max(r, 1e-5) for r in (wires.wordline, wires.bitline, wires.wordline_end, wires.bitline_end)))
    wanted = kirchhoff(g, nearly)
    assert np.abs(transfer_matrix(g, wires) - wanted).max() < 1e-5 * wanted.max()


def test_without_resistance_it_is_the_conductances() -> None:
    g = np.random.default_rng(2).choice(LEVELS, size=(5, 3))
    assert np.array_equal(transfer_matrix(g), g)
    assert np.array_equal(fast_transfer(g), g)
    assert transfer_matrix(np.zeros((0, 4)), Wires(1, 1)).shape == (0, 4)


def test_wires_only_take_away() -> None:
    g = np.full((20, 30), 1e-4)
    t = transfer_matrix(g, Wires(1.0, 1.0))
    assert np.all(t > 0)
    assert np.all(t < g)
    assert t[0, -1] < t[-1, 0]   # far from the driver and the sense node against near to both


def test_the_quick_model_is_near_where_the_drop_is_mild() -> None:
    g = np.random.default_rng(3).choice([1e-4, 1e-5], size=(64, 64))
    exact, quick = transfer_matrix(g, Wires(1, 1)).sum(0), fast_transfer(g, Wires(1, 1)).sum(0)
    assert 1 - exact.min() / g.sum(0).max() > 0.1
    assert np.abs(quick / exact - 1).max() < 0.01


def test_one_row_and_one_column_are_exact_in_the_quick_model() -> None:
    # With one row only, or one column only, there is nothing for the two drops to feed back on but each other.
    g = np.random.default_rng(4).choice(LEVELS, size=(1, 9))
    assert np.allclose(fast_transfer(g, Wires(2.0, 0.0)), transfer_matrix(g, Wires(2.0, 0.0)), rtol=1e-12, atol=0)
    column = Wires(0.0, 2.0, 0.0, 3.0)
    assert np.allclose(fast_transfer(g.T, column), transfer_matrix(g.T, column), rtol=1e-12, atol=0)


@pytest.mark.parametrize(("given_", "says"), [
    ([1.0, 2.0], "1 axes"), ([[-1.0]], "not below zero"), ([[float("nan")]], "finite"), ([[float("inf")]], "finite")])
def test_what_is_no_array_is_refused(given_: list, says: str) -> None:
    with pytest.raises(CircuitError, match=says):
        transfer_matrix(given_, Wires(1, 1))


def test_a_resistance_is_a_number_not_below_zero() -> None:
    with pytest.raises(CircuitError, match="wordline resistance of -1"):
        Wires(-1.0)
    with pytest.raises(CircuitError, match="bitline_end"):
        Wires(bitline_end=float("nan"))
