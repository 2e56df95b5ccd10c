"""Data to learn: what is read, and what is refused in one line."""

import re
from pathlib import Path

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.learn import Dataset, layered, read_dataset, score
from circuitc.learn.files import (
    codes_text,
    data_text,
    gap_text,
    read_network,
    read_solution,
    read_widths,
    run_text,
    solution_text,
    widths_text,
)
from circuitc.learn.pla import read_pla

SHARED = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "btf"
AND_PLA = ".i 2\n.o 1\n.ilb a b\n11 1\n.e\n"


def write(path: Path, content: str | dict) -> Path:
    if isinstance(content, str):
        path.write_text(content)
    else:
        np.savez(path, **content)
    return path


def test_npz_of_bits_spins_and_levels(tmp_path: Path) -> None:
    bits = np.array([[0, 1], [1, 1]])
    for number, (x, y) in enumerate([(bits, bits), (2 * bits - 1, bits.astype(bool)), (bits * 1.0, 2 * bits - 1)]):
        data = read_dataset(write(tmp_path / f"{number}.npz", {"x": x, "y": y}))
        assert data.inputs is not None
        assert data.inputs.tolist() == data.outputs.tolist() == [[-1, 1], [1, 1]]
    analog = read_dataset(write(tmp_path / "a.npz", {"x": np.array([[0.25, 1]]), "y": np.array([[1]])}))
    assert analog.inputs is not None
    assert analog.inputs.tolist() == [[-0.5, 1]]
    assert not analog.is_boolean


def test_npz_of_classes_and_of_a_generator(tmp_path: Path) -> None:
    data = read_dataset(write(tmp_path / "c.npz", {"x": np.eye(3), "y": np.array([2, 0, 1])}))
    assert data.classes == 3
    assert data.outputs.argmax(axis=1).tolist() == [2, 0, 1]
    two = read_dataset(write(tmp_path / "t.npz", {"x": np.eye(2), "y": np.array([0, 1])}))
    assert (two.classes, two.outputs.tolist()) == (0, [[-1], [1]])
    free = read_dataset(write(tmp_path / "g.npz", {"y": np.eye(2)}))
    assert (free.inputs, free.free) == (None, "bits")


@pytest.mark.parametrize(("arrays", "words"), [
    ({"x": np.eye(2)}, "has no array y"), ({"x": np.eye(2), "y": np.eye(3)}, "for 3 outputs"),
    ({"x": np.eye(2) * 3, "y": np.eye(2)}, "x holds 3"), ({"x": np.eye(2), "y": np.eye(2) * 2}, "y holds 2"),
    ({"x": np.full((2, 2), np.nan), "y": np.eye(2)}, "not finite"), ({"x": -np.eye(2), "y": np.eye(2)}, "x holds"),
    ({"x": np.eye(2)[0], "y": np.eye(2)}, "[items, bits]"), ({"x": np.eye(2), "y": np.array([0, -1])}, "class labels"),
    ({"x": np.eye(2), "y": np.array([0, 1 << 40])}, "class labels"), ({"x": np.zeros((0, 2)), "y": np.eye(2)}, "shape"),
    ({"x": np.array([["a"]]), "y": np.eye(1)}, "x.npy holds"), ({"x": np.eye(2), "y": np.eye(2) * 1j}, "y.npy holds")])
def test_npz_that_is_no_data(tmp_path: Path, arrays: dict, words: str) -> None:
    with pytest.raises(CircuitError, match=re.escape(words)):
        read_dataset(write(tmp_path / "d.npz", arrays))


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    np.savez(tmp_path / "o.npz", x=np.array([{}], object), y=np.eye(1))
    with pytest.raises(CircuitError, match="object"):
        read_dataset(tmp_path / "o.npz")


@pytest.mark.parametrize("name", ["none.npz", "none.dat", "none.pla", "none.csv"])
def test_files_that_are_not_there(tmp_path: Path, name: str) -> None:
    with pytest.raises(CircuitError, match=re.escape(name)):
        read_dataset(tmp_path / name)


def test_complete_tables_and_contradictions() -> None:
    x = 2.0 * (np.arange(4)[:, None] >> np.arange(2) & 1) - 1
    y = np.array([[1], [-1], [1], [1]], np.int8)
    assert Dataset(x, y).is_complete
    assert not Dataset(x[:3], y[:3]).is_complete
    twice = Dataset(np.concatenate([x, x[:1]]), np.concatenate([y, -y[:1]]))
    assert (twice.contradictions, twice.is_complete) == (1, False)
    assert Dataset(np.concatenate([x, x[:1]]), np.concatenate([y, y[:1]])).is_complete


def test_pla_tables(tmp_path: Path) -> None:
    x, y = read_pla(write(tmp_path / "a.pla", AND_PLA))
    assert x.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]
    assert y.tolist() == [[0], [0], [0], [1]]
    x, y = read_pla(write(tmp_path / "d.pla", ".i 3\n.o 2\n.p 3\n0-1 10 # comment\n1-- --\n000|01\n.e\nrubbish"))
    assert x.tolist() == [[0, 0, 0], [0, 0, 1], [0, 1, 0], [0, 1, 1]]
    rows = {tuple(a): tuple(b) for a, b in zip(x.tolist(), y.tolist(), strict=True)}
    assert rows[(0, 0, 1)] == rows[(0, 1, 1)] == (1, 0)
    assert rows[(0, 0, 0)] == (0, 1)
    assert rows[(0, 1, 0)] == (0, 0)
    x, y = read_pla(write(tmp_path / "r.pla", ".i 2\n.o 1\n.type fr\n11 1\n00 0\n"))
    assert (x.tolist(), y.tolist()) == ([[0, 0], [1, 1]], [[0], [1]])


@pytest.mark.parametrize(("text", "words"), [
    ("", "no product"), ("11 1\n", "before .i and .o"), (".i 2\n.o 1\n111 1\n", "expected 2 of"), (".i 99\n", ".i"),
    (".i x\n", ".i takes"), (".i 2\n.o 1\n1x 1\n", "expected 2 of"), (".i 2\n.o 1\n.type q\n", "type 'q'"),
    (".i 2\n.o 1\n.mv 3\n", ".mv is not read"), (".i 2\n.o 1\n.type fr\n11 1\n1- 0\n", "both 0 and 1"),
    (".i 2\n.o 2\n11 1-\n", None), (".i 2\n.o 1\n-- -\n", "no pattern"), (".i 1\n.o 1\n1 1\n.i 2\n", "after the first"),
    (".i 2\n.o 2\n.type fr\n11 1-\n", "some of its outputs")])
def test_pla_that_is_none(tmp_path: Path, text: str, words: str | None) -> None:
    with pytest.raises(CircuitError, match=re.escape(words or "some of its outputs")):
        read_pla(write(tmp_path / "x.pla", text))


def test_dat_of_every_kind(tmp_path: Path) -> None:
    for text, free, classes in (("2\n2 2\n2 1\n0 1\n1\n1 1\n0\n", "", 0), ("1\n0 2\n3 1\n0.25 1\n2\n", "", 3),
                                ("2\n1 0\n2 2\n0 1\n1 1\n", "one-hot", 0), ("1\n2 0\n2 2\n0 1\n", "bits", 0)):
        data = read_dataset(write(tmp_path / "a.dat", text))
        assert (data.free, data.classes, data.inputs is None) == (free, classes, bool(free))
        again = read_dataset(write(tmp_path / "b.dat", data_text(data)))
        assert np.array_equal(again.outputs, data.outputs)
        assert free or np.array_equal(again.inputs, data.inputs)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["", "x", "1\n3 0\n2 1\n1\n", "2\n2 2\n2 1\n0 1\n1\n", "1\n0 1\n2 1\n1.5\n1\n"])
def test_dat_that_is_none(tmp_path: Path, text: str) -> None:
    with pytest.raises(CircuitError):
        read_dataset(write(tmp_path / "a.dat", text))


def test_networks_go_out_and_come_back(tmp_path: Path) -> None:
    network = layered([3, 2, 1])
    weights = np.random.default_rng(0).normal(size=network.edges)
    again, read = read_solution(write(tmp_path / "n.sol", solution_text(network, weights)))
    assert again == network
    assert np.allclose(read, weights, atol=5e-9)
    assert read_network(write(tmp_path / "n.net", solution_text(network))) == network
    assert read_network(write(tmp_path / "n.wth", widths_text([3, 2, 1]))) == network
    for text in ("", "2\n3 2\n", "a\n1 2\n", "1\n0 2"):
        with pytest.raises(CircuitError):
            layered(read_widths(write(tmp_path / "w.wth", text)))


def test_records_of_a_run() -> None:
    assert gap_text([(100, 0.1, 0.2, 0.3, 0.4, 0.5, 99.0)]).split() == [
        "100", "0.100000", "0.200000", "0.300000", "0.400000", "0.500000", "99.00"]
    assert run_text([(3, 0, 0.4, 50, 0)]).split() == ["3", "0", "0.400000", "50.00", "0.00"]
    assert codes_text(np.array([[1, -1], [-1, -1], [1, -1]], np.int8)) == "00 1\n10 2\n"


@pytest.mark.skipif(not SHARED.is_dir(), reason="the authors' files are not here")
@pytest.mark.parametrize(("name", "edges", "shape"), [("mul2", 60, (16, 4, 4)), ("mul3", 474, (64, 6, 6)),
                                                      ("auto16", 420, (16, 16, 16))])
def test_the_authors_files(name: str, edges: int, shape: tuple[int, int, int]) -> None:
    network, data = read_network(SHARED / f"{name}.net"), read_dataset(SHARED / f"{name}.dat")
    assert network.edges == edges
    assert (data.items, network.innodes - 1, network.outnodes) == shape
    solution = SHARED / f"{name}_sigma3.sol" if name == "mul2" else SHARED / f"{name}.sol"
    if solution.exists():
        assert score(*read_solution(solution), data).items == 1.0
