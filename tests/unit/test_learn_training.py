"""Training: the same twice, on any number of threads, and across a checkpoint; what it stops at and what it refuses."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.formats.npz import read_npz, write_npz
from circuitc.ir import run
from circuitc.learn import (
    Dataset,
    Network,
    Settings,
    Training,
    cellular,
    layered,
    make_circuit,
    make_classifier,
    ring,
    torus,
    train,
)
from circuitc.learn.figure import check_figure, write_figure

MULTIPLIER = layered([4, 4, 4, 4])
QUICK = Settings(seed=2, restarts=1)


def table(bits: int, answers: np.ndarray) -> Dataset:
    x = np.arange(1 << bits)[:, None] >> np.arange(bits)[::-1] & 1
    return Dataset(2.0 * x - 1, (2 * answers - 1).astype(np.int8))


def multiplier() -> Dataset:
    n = np.arange(16)
    return table(4, ((n >> 2) * (n & 3))[:, None] >> np.array([3, 2, 1, 0]) & 1)


def xor() -> Dataset:
    return table(2, np.array([[0], [1], [1], [0]]))


def outcome(training: Training) -> list[tuple[int, int, float, float]]:
    return [(t.number, t.iteration, t.gap, t.best.bits) for t in training.trials]


def test_the_multiplier_is_learned_certified_and_proved() -> None:
    training = train(MULTIPLIER, multiplier(), Settings(restarts=5, threads=2))
    circuit = make_circuit(MULTIPLIER, training.best.weights, multiplier())
    assert training.best.converged
    assert training.best.is_right
    assert circuit.items == 1.0
    assert circuit.verdict is not None
    assert circuit.verdict.status == "equal"
    assert circuit.evidence.level == "proved"
    assert circuit.certified + circuit.data_only + circuit.exact == 12


def test_a_seed_gives_the_same_on_any_number_of_threads() -> None:
    settings = Settings(restarts=4, all_runs=True, iterations=1500, report=400)
    first = train(MULTIPLIER, multiplier(), replace(settings, threads=1))
    again = train(MULTIPLIER, multiplier(), replace(settings, threads=3))
    other = train(MULTIPLIER, multiplier(), replace(settings, seed=1))
    assert outcome(first) == outcome(again)
    assert outcome(first) != outcome(other)
    assert all(np.array_equal(a.weights, b.weights) for a, b in zip(first.trials, again.trials, strict=True))


def test_starts_beyond_the_winner_do_not_count() -> None:
    settings = Settings(restarts=6, seed=3)
    assert outcome(train(xor_network(), xor(), replace(settings, threads=1))) == \
        outcome(train(xor_network(), xor(), replace(settings, threads=4)))


def xor_network() -> Network:
    return layered([2, 2, 1])


@pytest.mark.parametrize("precision", ["f32", "f64"])
def test_resuming_is_as_if_nothing_had_happened(tmp_path: Path, precision: str) -> None:
    settings = Settings(restarts=2, all_runs=True, iterations=1300, report=300, precision=precision)
    whole = train(MULTIPLIER, multiplier(), settings)
    part = tmp_path / "part.npz"
    train(MULTIPLIER, multiplier(), replace(settings, iterations=700), save_to=part)
    # 700 is no multiple of a report: the trace has a row more, the numbers are the same
    resumed = train(MULTIPLIER, multiplier(), settings, resume_from=part)
    assert [(o[0], o[1], o[2]) for o in outcome(resumed)] == [(o[0], o[1], o[2]) for o in outcome(whole)]
    for a, b in zip(whole.trials, resumed.trials, strict=True):
        assert np.array_equal(a.memory.w, b.memory.w)
        assert np.array_equal(a.memory.metric, b.memory.metric)
        assert {r[0]: r for r in a.rows}.items() <= {r[0]: r for r in b.rows}.items()


def test_an_interrupted_training_is_saved(tmp_path: Path) -> None:
    def interrupt(_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "c.npz"
    training = train(MULTIPLIER, multiplier(), Settings(report=100), save_to=path, report=interrupt)
    assert training.interrupted
    assert training.best.iteration == 100
    assert train(MULTIPLIER, multiplier(), Settings(report=100, iterations=200), resume_from=path).best.iteration == 200


@pytest.mark.parametrize("change", [
    {"sigma": 5.0}, {"seed": 7}, {"precision": "f64"}, {"beta": 0.3}])
def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path, change: dict) -> None:
    path = tmp_path / "c.npz"
    settings = Settings(iterations=10)
    train(MULTIPLIER, multiplier(), settings, save_to=path)
    with pytest.raises(CircuitError, match="is not a checkpoint of this network, data and parameters"):
        train(MULTIPLIER, multiplier(), replace(settings, **change), resume_from=path)
    with pytest.raises(CircuitError, match="is not a checkpoint"):
        train(layered([4, 5, 4]), multiplier(), settings, resume_from=path)


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.npz"
    settings = Settings(iterations=10)
    train(MULTIPLIER, multiplier(), settings, save_to=path)
    names = ["fingerprint", "trials", *(f"trial0_{n}" for n in (
        "w", "x", "y", "metric", "weights", "numbers", "reals", "rows"))]
    good = read_npz(path, names)
    for name in names[1:]:
        for array in (good[name].ravel()[:1].astype(np.float32), None):
            path.write_bytes(write_npz({**{k: v for k, v in good.items() if k != name},
                                        **({} if array is None else {name: array})}))
            if name == "trials":
                continue  # fewer trials are a checkpoint too
            with pytest.raises(CircuitError):
                train(MULTIPLIER, multiplier(), settings, resume_from=path)
    for content in (b"", b"PK\x03\x04", write_npz(good)[:400]):
        path.write_bytes(content)
        with pytest.raises(CircuitError):
            train(MULTIPLIER, multiplier(), settings, resume_from=path)
    with pytest.raises(CircuitError, match="no such checkpoint"):
        train(MULTIPLIER, multiplier(), settings, resume_from=tmp_path / "none.npz")


def test_stop_right_ends_before_stop_gap() -> None:
    early = train(xor_network(), xor(), Settings(stop="right", report=5, restarts=20))
    late = train(xor_network(), xor(), Settings(report=5, restarts=20))
    assert early.best.is_right
    assert not early.best.converged
    assert late.best.converged
    assert early.best.iteration < late.best.iteration


def test_a_step_that_is_too_large_ends_in_a_failed_start_not_in_nonsense() -> None:
    training = train(MULTIPLIER, multiplier(), Settings(beta=2.0, gamma=1.0, iterations=20_000, report=5000))
    assert training.best.failed or np.isfinite(training.best.gap)
    assert np.isfinite(training.best.weights).all()


def test_one_cell_learned_at_all_places_is_the_rule() -> None:
    states = np.random.default_rng(0).integers(0, 2, (8, 9))
    near = 4 * np.roll(states, 1, axis=1) + 2 * states + np.roll(states, -1, axis=1)
    data = Dataset(2.0 * states - 1, (2 * (232 >> near & 1) - 1).astype(np.int8))
    training = train(cellular(9, ring(9)), data, Settings(restarts=3))
    rule = table(3, (232 >> np.arange(8) & 1)[:, None])
    circuit = make_circuit(layered([3, 1]), training.best.weights, rule)
    assert circuit.evidence.level == "proved"
    assert circuit.certified == 1


def test_a_generator_finds_codes() -> None:
    words = np.array([[1, 1, -1], [-1, 1, 1], [1, -1, 1], [1, 1, 1]], np.int8)
    for free, width in (("bits", 2), ("one-hot", 4)):
        training = train(layered([width, 4, 3]), Dataset(None, words, free), Settings(restarts=10, iterations=20_000))
        codes = training.best.codes
        assert training.best.is_right
        assert codes is not None
        assert len(np.unique(codes, axis=0)) == 4
        if free == "one-hot":
            assert ((codes > 0).sum(axis=1) == 1).all()
        assert make_circuit(training.network, training.best.weights, training.data, codes=codes).items == 1.0


def test_analog_inputs_and_classes() -> None:
    rng = np.random.default_rng(1)
    x = rng.uniform(0.6, 1, (24, 6)) * np.repeat(np.eye(3), 2, axis=1)[np.arange(24) % 3] * 2 - 1
    y = np.where(np.arange(3) == (np.arange(24) % 3)[:, None], 1, -1).astype(np.int8)
    data = Dataset(x, y, classes=3)
    for widths in ([6, 3], [6, 4, 3]):
        training = train(layered(widths), data, Settings(sigma=5, restarts=3, iterations=5000))
        assert training.best.is_right
        program = make_classifier(training.network, training.best.weights)
        assert run(program, {"x": data.spins.astype(np.int64)})["class"].tolist() == y.argmax(axis=1).tolist()


def test_data_for_another_network_is_refused() -> None:
    for widths in ([3, 4], [4, 3]):
        with pytest.raises(CircuitError, match="the data has 4"):
            train(layered(widths), multiplier(), QUICK)
    with pytest.raises(CircuitError, match="GB"):
        train(layered([4, 2000, 2000, 4]), Dataset(np.ones((1000, 4)), np.ones((1000, 4), np.int8)), QUICK)


@pytest.mark.parametrize(("field", "value"), [
    ("sigma", 0.5), ("sigma", float("nan")), ("beta", 0.0), ("gamma", -1.0), ("iterations", 0), ("restarts", 0),
    ("gap", float("inf")), ("stop", "never"), ("precision", "f16"), ("threads", -1)])
def test_settings_out_of_range_are_refused(field: str, value: object) -> None:
    with pytest.raises(CircuitError, match=field):
        Settings(**{field: value})


@pytest.mark.parametrize(("arguments", "words"), [
    ((1, 1, ((0,),)), "needs an input"), ((2, 2, ((0, 1),)), "2 outputs"), ((2, 1, ((0, 2),)), "nodes before it"),
    ((2, 1, ((),)), "nodes before it"), ((2, 1, ((1, 1),)), "once"), ((3, 2, ((0, 1), (0, 1, 2)), (0, 0)), "shares"),
    ((2, 1, ((0, 1),), (0, 1)), "sharing numbers")])
def test_networks_that_are_none_are_refused(arguments: tuple, words: str) -> None:
    with pytest.raises(CircuitError, match=re.escape(words)):
        Network(*arguments)


def test_neighbourhoods() -> None:
    assert ring(4) == [[3, 0, 1], [0, 1, 2], [1, 2, 3], [2, 3, 0]]
    assert torus(3, 3)[4] == list(range(9))
    assert torus(3, 4)[0] == [11, 8, 9, 3, 0, 1, 7, 4, 5]


def test_a_figure_is_drawn_twice_the_same(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    training = train(xor_network(), xor(), Settings(iterations=300, report=50))
    for name in ("a.svg", "b.svg"):
        write_figure(tmp_path / name, training.trials)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert b"iterations" in (tmp_path / "a.svg").read_bytes()
    with pytest.raises(CircuitError, match="a figure is"):
        check_figure(tmp_path / "a.gif")
