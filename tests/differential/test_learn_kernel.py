"""The compiled kernel against the numpy reference and against the plain C port, iteration by iteration."""

import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest

from circuitc.learn.kernel import Memory, infer
from circuitc.learn.network import Network, cellular, layered, ring
from circuitc.learn.reference import Point, iterate

ROOT = Path(__file__).resolve().parents[2]
DAG = Network(4, 2, ((0, 1, 2), (0, 2, 3), (1, 4), (0, 1, 2, 3, 4, 5, 6), (4, 6)))
NETWORKS = {"layers": layered([3, 5, 2]), "dag": DAG, "shared": cellular(5, ring(5), [3])}


def started(network: Network, items: int, precision: str, seed: int = 0) -> Memory:
    rng = np.random.default_rng(seed)
    memory = Memory(network, rng.choice([-1.0, 1.0], (items, network.innodes - 1)),
                    rng.choice([-1.0, 1.0], (items, network.outnodes)), precision)
    memory.start(rng)
    return memory


def point_of(memory: Memory) -> tuple[np.ndarray, Point]:
    n = memory.network
    parts = [memory.unpack(a)[:, :count].astype(np.float64).copy() for a, count in (
        (memory.data, n.nodes), (memory.w, n.edges), (memory.x, n.edges), (memory.y, n.nodes),
        (memory.metric, n.nodes))]
    return parts[0], Point(*parts[1:], agreed=np.zeros(n.weights))


@pytest.mark.parametrize("items", [1, 7, 18])
@pytest.mark.parametrize("name", NETWORKS)
def test_f64_steps_as_the_reference(name: str, items: int) -> None:
    memory = started(NETWORKS[name], items, "f64")
    data, z = point_of(memory)
    for _ in range(6):
        gap = iterate(NETWORKS[name], data, z, 3.0, 0.3, 0.01)
        assert memory.iterate(1, 3.0, 0.3, 0.01, 0.0)[0, 3] == pytest.approx(gap, rel=1e-7)
    _, found = point_of(memory)
    for field in ("w", "x", "y", "g"):
        assert np.allclose(getattr(found, field), getattr(z, field), atol=1e-6), field
    assert np.allclose(memory.agreed, z.agreed, atol=1e-6)


def test_f32_steps_as_the_reference_for_a_while() -> None:
    memory = started(NETWORKS["layers"], 16, "f32")
    data, z = point_of(memory)
    for _ in range(6):
        gap = iterate(NETWORKS["layers"], data, z, 3.0, 0.2, 0.01)
        assert memory.iterate(1, 3.0, 0.2, 0.01, 0.0)[0, 3] == pytest.approx(gap, rel=1e-4)


def test_analog_inputs_step_as_the_reference() -> None:
    rng, network = np.random.default_rng(5), NETWORKS["layers"]
    memory = Memory(network, rng.uniform(-1, 1, (9, 3)), rng.choice([-1.0, 1.0], (9, 2)), "f64")
    memory.start(rng)
    data, z = point_of(memory)
    for _ in range(10):
        gap = iterate(network, data, z, 5.0, 0.2, 0.01)
        assert memory.iterate(1, 5.0, 0.2, 0.01, 0.0)[0, 3] == pytest.approx(gap, rel=1e-7)


def test_the_gap_is_made_of_its_parts_and_stops_the_loop() -> None:
    memory = started(NETWORKS["layers"], 16, "f64")
    trace = memory.iterate(50, 3.0, 0.2, 0.0, 0.0)
    assert np.allclose((trace[:, :3]**2).sum(axis=1), trace[:, 3]**2)
    again = started(NETWORKS["layers"], 16, "f64")
    bound = float(trace[:30, 3].min()) * 1.0001
    assert len(again.iterate(50, 3.0, 0.2, 0.0, bound)) == int((trace[:, 3] < bound).argmax()) + 1


@pytest.mark.skipif(shutil.which("gcc") is None, reason="gcc is not installed")
def test_the_c_port_steps_as_the_kernel(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("learn_benchmark", ROOT / "benchmarks" / "learn.py")
    assert spec is not None
    assert spec.loader is not None
    benchmark = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(benchmark)
    network, data = layered([4, 4, 4, 4]), benchmark.multiplier(2)
    memory = Memory(network, *data, "f64")
    memory.start(np.random.default_rng(1))
    peer = benchmark.Peer(benchmark.build_peer(tmp_path), memory)
    ours = memory.iterate(100, benchmark.SIGMA, benchmark.BETA, benchmark.GAMMA, 0.0)[:, 3]
    assert np.allclose(ours, peer.iterate(100), rtol=1e-7)


@pytest.mark.parametrize("precision", ["f32", "f64"])
def test_degenerate_neurons_stay_finite(precision: str) -> None:
    """w = x with y of the wrong sign has no nearest point but a sphere of them."""
    memory = started(layered([2, 1]), 4, precision)
    memory.x[:] = memory.w[:] = 1.3
    memory.y[:, 3:] = -3
    assert np.isfinite(memory.iterate(200, 3.0, 0.2, 1e-3, 0.0)).all()


@pytest.mark.parametrize(("free", "plus"), [(1, None), (2, 1)])
def test_free_inputs_take_the_nearest_code(free: int, plus: int | None) -> None:
    rng = np.random.default_rng(2)
    network = layered([4, 3])
    memory = Memory(network, None, rng.choice([-1.0, 1.0], (20, 3)), "f64", free=free)
    memory.start(rng)
    before = memory.unpack(memory.y)[:, 1:5].copy()
    memory.iterate(1, 3.0, 0.2, 0.0, 0.0)
    codes = memory.unpack(memory.codes)
    assert (codes[:, 0] == -1).all()
    if plus is None:
        assert np.array_equal(codes[:, 1:5], np.where(before >= 0, 1, -1))
    else:
        assert np.array_equal(codes[:, 1:5].argmax(axis=1), before.argmax(axis=1))
        assert ((codes[:, 1:5] > 0).sum(axis=1) == plus).all()


def test_inference_is_signs_of_sums() -> None:
    rng = np.random.default_rng(4)
    weights = rng.normal(size=DAG.weights)
    x = rng.choice([-1, 1], (37, 3))
    out, sums = infer(DAG, weights, x)
    values = np.concatenate([-np.ones((37, 1)), x], axis=1)
    for k, read in enumerate(DAG.sources):
        last = values[:, list(read)] @ DAG.weights_of(weights, k)
        values = np.concatenate([values, np.where(last > 0, 1, -1)[:, None]], axis=1)
    assert np.array_equal(out, values[:, -2:])
    assert np.allclose(sums[:, -1], last)
