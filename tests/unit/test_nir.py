"""`.nir` files in and out: real ones, nested graphs, options, and files that are broken or hostile."""

from __future__ import annotations

import importlib.util
import io
import os
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuitc
from circuitc.cli.entry import run as command
from circuitc.diagnostics import CircuitError
from circuitc.formats import load, write
from circuitc.formats.nir import network_bytes
from circuitc.ir import Module, run
from circuitc.models.spiking import Network, Node, Timing, build_network

h5py = pytest.importorskip("h5py", reason="h5py is not installed")

_path = Path(__file__).resolve().parents[1] / "spiking_reference.py"
_spec = importlib.util.spec_from_file_location("spiking_reference", _path)
assert _spec is not None
assert _spec.loader is not None
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "nir"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the shared data folder is absent")
FIRST = {"dt": 1e-4}


def put(group: Any, tree: dict[str, Any], **how: Any) -> None:
    """Write a tree as NIR's own package does."""
    for key, value in tree.items():
        if isinstance(value, dict):
            put(group.create_group(key), value, **how)
        elif isinstance(value, str) or np.asarray(value).dtype.kind == "U":
            group.create_dataset(key, data=np.asarray(value, dtype=object) if not isinstance(value, str) else value,
                                 dtype=h5py.string_dtype())
        else:
            array = np.asarray(value)
            group.create_dataset(key, data=array, **(how if array.ndim else {}))


LIF = {"type": "LIF", "tau": np.full(2, 4e-4), "r": np.ones(2), "v_leak": np.zeros(2), "v_threshold": np.full(2, 0.5)}


def graph(**more: Any) -> dict[str, Any]:
    nodes = {"input": {"type": "Input", "shape": [2]}, "lif": LIF, "output": {"type": "Output", "shape": [2]}, **more}
    return {"type": "NIRGraph", "nodes": nodes, "edges": [["input", "lif"], ["lif", "output"]]}


def file(path: Path, tree: dict[str, Any], **how: Any) -> Path:
    with h5py.File(path, "w") as f:
        put(f, {"version": "1.0", "node": tree}, **how)
    return path


def nodes_of(path: Path) -> tuple[dict[str, tuple[str, dict[str, Any]]], list[tuple[str, str]]]:
    """Read a file with h5py alone, for the reference."""
    with h5py.File(path) as f:
        nodes = {name: (g["type"][()].decode(), {k: v[()] for k, v in g.items() if k != "type"})
                 for name, g in f["node/nodes"].items()}
        return nodes, [(a.decode(), b.decode()) for a, b in f["node/edges"][()]]


@needs_data
@pytest.mark.parametrize("scheme", ["euler", "exact"])
@pytest.mark.parametrize(("name", "dt"), [("lif_norse", 1e-3), ("braille_noDelay_bias_zero", 1e-4)])
def test_trained_networks_follow_the_equations(name: str, dt: float, scheme: str) -> None:
    path = DATA / f"{name}.nir"
    nodes, edges = nodes_of(path)
    x = (np.random.default_rng(3).random((3, 80, *nodes["input"][1]["shape"])) < 0.2).astype(np.float64)
    module = load(path, options={"dt": dt, "scheme": scheme, "precision": "f64"})
    delayed = module.facts["spiking"]["delayed"]
    assert delayed == ([["lif1.lif", "lif1.w_rec"]] if "braille" in name else [])
    right = np.stack([reference.simulate(nodes, edges, delayed, {"input": s}, dt, scheme)["output"] for s in x])
    assert 0.01 < right.mean() < 0.9
    assert np.array_equal(run(module, {"input": x})["output"], right)
    assert np.array_equal(circuitc.jit(module).run({"input": x})["output"], right)
    single = load(path, options={"dt": dt, "scheme": scheme})  # f32: the same spikes but where a voltage is at its edge
    interpreted = run(single, {"input": x.astype(np.float32)})["output"]
    assert np.mean(interpreted != right) < 0.01
    assert np.mean(circuitc.jit(single).run({"input": x.astype(np.float32)})["output"] != interpreted) < 0.01


@needs_data
@pytest.mark.parametrize("name", ["lif_norse", "braille_noDelay_bias_zero"])
def test_trained_networks_come_back_as_they_were(name: str, tmp_path: Path) -> None:
    path = DATA / f"{name}.nir"
    module = load(path, options={**FIRST, "scheme": "exact"})
    write(module, tmp_path / f"{name}.nir")
    again = load(tmp_path / f"{name}.nir")  # dt and scheme are in the file
    assert again.entry == module.entry
    assert again.facts == module.facts
    (mine, my_edges), (theirs, their_edges) = nodes_of(tmp_path / f"{name}.nir"), nodes_of(path)
    assert my_edges == their_edges
    for node, (kind, parameters) in theirs.items():
        assert mine[node][0] == kind
        assert mine[node][1].keys() == parameters.keys()
        assert all(np.array_equal(mine[node][1][k], v) and mine[node][1][k].dtype == v.dtype
                   for k, v in parameters.items())


def test_options_win_over_what_a_file_says(tmp_path: Path) -> None:
    module = load(file(tmp_path / "a.nir", graph(), compression="gzip", shuffle=True), options=FIRST)
    write(module, tmp_path / "b.nir")
    write(module, tmp_path / "c.nir")
    assert (tmp_path / "b.nir").read_bytes() == (tmp_path / "c.nir").read_bytes()
    assert load(tmp_path / "b.nir").facts["spiking"]["dt"] == 1e-4
    assert load(tmp_path / "b.nir", options={"dt": "2e-4"}).facts["spiking"]["dt"] == 2e-4
    with pytest.raises(CircuitError, match=r"no step of time.*--model-option dt=") as caught:
        load(tmp_path / "a.nir")
    assert "\n" not in str(caught.value)


def test_a_nested_graph_is_put_in(tmp_path: Path) -> None:
    inner = {"type": "NIRGraph", "nodes": {"i": {"type": "Input", "shape": [2]},
             "s": {"type": "Scale", "scale": [2.0, 3.0]},
             "o": {"type": "Output", "shape": [2]}}, "edges": [["i", "s"], ["s", "o"], ["i", "o"]]}
    tree = {"type": "NIRGraph", "nodes": {"input": {"type": "Input", "shape": [2]}, "sub": inner,
            "output": {"type": "Output", "shape": [2]}}, "edges": [["input", "sub"], ["sub", "output"]]}
    module = load(file(tmp_path / "a.nir", tree), options=FIRST)
    x = np.array([[[1.0, 10.0]]])
    assert run(module, {"input": x})["output"].tolist() == [[[3.0, 40.0]]]
    write(module, tmp_path / "b.nir")
    assert load(tmp_path / "b.nir").entry.body == module.entry.body


def test_what_is_not_from_nir_or_was_changed_is_refused(tmp_path: Path) -> None:
    module = load(file(tmp_path / "a.nir", graph()), options=FIRST)
    foreign = Module(module.funcs, module.main, "mine")
    with pytest.raises(CircuitError, match="mine was not read from"):
        write(foreign, tmp_path / "b.nir")
    x = np.random.default_rng(0).random((4, 20, 2)).astype(np.float32)
    small = circuitc.run_passes(module, "quantize", calibration={"input": x})
    with pytest.raises(CircuitError, match="was changed since it was read"):
        write(small, tmp_path / "b.nir")
    assert not (tmp_path / "b.nir").exists()


def test_a_network_made_in_python_is_written(tmp_path: Path) -> None:
    nodes = {"a": Node("Input", {"shape": [1]}), "b": Node("Linear", {"weight": np.arange(40.0).reshape(40, 1)}),
             "c": Node("Output", {"shape": [40]})}
    (tmp_path / "x.nir").write_bytes(network_bytes(Network(nodes, (("a", "b"), ("b", "c"))), Timing(1e-3, "exact")))
    module = load(tmp_path / "x.nir")
    assert run(module, {"a": np.array([[[2.0]]])})["c"].ravel().tolist() == [2.0 * k for k in range(40)]
    write(module, tmp_path / "y.nir")
    assert (tmp_path / "x.nir").read_bytes() == (tmp_path / "y.nir").read_bytes()
    for name in ("a/b", ".", ""):
        with pytest.raises(CircuitError, match="cannot be the name of a node in a file"):
            network_bytes(Network({name: nodes["a"], "c": nodes["c"]}, ((name, "c"),)))


def test_the_command_takes_options_of_formats(tmp_path: Path, capsys: Any) -> None:
    path = str(file(tmp_path / "a.nir", graph()))
    assert command(["convert", path, str(tmp_path / "b.nir"), "--model-option", "dt=1e-4"]) == 0
    assert command(["run", path, "--model-option", "dt=1e-4", "--random", "2", "--engine", "llvm"]) == 0
    assert command(["convert", path, str(tmp_path / "b.ccir")]) == 2
    assert command(["show", path, "--model-option", "d=1e-4"]) == 2
    assert "has no option 'd'" in capsys.readouterr().err
    assert command(["show", str(tmp_path / "b.nir"), "--model-option", "dt"]) == 2
    assert "--model-option takes KEY=VALUE" in capsys.readouterr().err


def test_without_h5py_one_line_says_how_to_get_it(tmp_path: Path, monkeypatch: Any) -> None:
    path = file(tmp_path / "a.nir", graph())
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(CircuitError, match=r"pip install circuitc\[nir\]"):
        load(path, options=FIRST)


# Hostile files

def broken(path: Path, change: Any, tree: dict[str, Any] | None = None) -> str:
    """Give the message that a file gets after a change to it with h5py."""
    file(path, tree or graph())
    with h5py.File(path, "r+") as f:
        change(f)
    with pytest.raises(CircuitError) as caught:
        load(path, options=FIRST)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def replaced(name: str, **how: Any) -> Any:
    def change(f: Any) -> None:
        del f[name]
        f.create_dataset(name, **how)
    return change


def linked(name: str, link: Any) -> Any:
    def change(f: Any) -> None:
        del f[name]
        f[name] = link
    return change


def virtual(f: Any) -> None:
    layout = h5py.VirtualLayout((2,), "f8")
    layout[:] = h5py.VirtualSource(__file__, "data", (2,))
    del f["node/nodes/lif/tau"]
    f["node/nodes/lif"].create_virtual_dataset("tau", layout)


def outside(f: Any) -> None:
    del f["node/nodes/lif/tau"]
    f["node/nodes/lif"].create_dataset("tau", (2,), "f8", external=[(__file__, 0, 16)])


def loop(f: Any) -> None:
    f["node/nodes/sub"] = f["node"]


def reference_data(f: Any) -> None:
    del f["node/nodes/lif/tau"]
    f["node/nodes/lif"].create_dataset("tau", data=np.array([f.ref, f.ref], dtype=h5py.ref_dtype), dtype=h5py.ref_dtype)


def doubling(f: Any) -> None:
    """Make 2 ** 25 paths of 25 groups."""
    inner = f["node/nodes"].create_group("a0")
    for k in range(1, 25):
        outer = f["node/nodes"].create_group(f"a{k}")
        outer["left"] = outer["right"] = inner
        inner = outer


TAU = "node/nodes/lif/tau"
HOSTILE = [
    (linked(TAU, h5py.ExternalLink("/etc/passwd", "/x")), "tau: is a link to elsewhere"),
    (linked(TAU, h5py.SoftLink("/version")), "tau: is a link to elsewhere"),
    (linked("node", h5py.ExternalLink("/etc/passwd", "/")), "without a group node"),
    (virtual, "tau: its data lies outside the file"),
    (outside, "tau: its data lies outside the file"),
    (loop, "sub: is a group that stands at another place too"),
    (reference_data, "tau: holds object, not numbers or text"),
    (replaced(TAU, shape=(1 << 40,), dtype="f8", chunks=(1024,)), "unpacks to more than"),
    (replaced(TAU, shape=(8000, 8000), dtype="f8", chunks=(1000, 1000)), "announces 512000000 bytes, and 0 are stored"),
    (replaced("node/edges", shape=(10, 2), dtype="S100000"), "has strings of 100000 bytes"),
    (doubling, "is a group that stands at another place too"),
    (replaced("node/nodes/input/shape", data=np.ones(1000, int)), "input (Input): a shape has at most 8 axes"),
    (replaced("node/nodes/input/shape", data=[1.5]), "input (Input): shape has numbers that are not whole"),
    (replaced(TAU, shape=(1 << 20,), dtype="f8", chunks=(1 << 26,), maxshape=(None,)), "has a chunk of more than"),
    (replaced(TAU, data=np.zeros(2, [("a", "f8"), ("b", "i4")])), "not numbers or text"),
    (replaced(TAU, data=np.zeros(2), dtype="f8", scaleoffset=2, chunks=(2,)), "compressed in a way other than"),
    (replaced(TAU, data=h5py.Empty("f8")), "has no content"),
    (replaced(TAU, data=np.array([1.0, np.inf])), "lif: the parameter tau of a node of kind LIF is not an array"),
    (replaced(TAU, data="soon"), "lif: the parameter tau of a node of kind LIF is no word"),
    (replaced(TAU, data=np.zeros(0)), "is not an array of finite numbers"),
    (replaced("node/edges", data=np.zeros((3, 2))), "the edges of the root are not pairs of names"),
    (replaced("node/edges", data=[["input", "nope"]], dtype=h5py.string_dtype()), "which is no node"),
    (replaced("node/type", data="LIF"), "the root is LIF, a NIRGraph is needed"),
    (replaced("node/nodes/lif/type", data="LIFE"), "lif: there is no kind of node named 'LIFE' (help: did you"),
    (replaced("node/nodes/lif/type", data=5), "lif does not say its type"),
    (replaced("node/nodes/lif", data=5), "lif is no node but an array"),
    (replaced("node/nodes/input/shape", data=[-2]), "input (Input): a shape of [-2] is none"),
    (replaced("node/nodes/input/shape", data=[1 << 40]), "shape"),
    (lambda f: f.__delitem__("node/nodes"), "the root has no nodes"),
    (lambda f: f.__delitem__("node"), "without a group node"),
    (lambda f: f["node/nodes/lif"].create_group("extra"), "lif: extra is a group where numbers are needed"),
]


@pytest.mark.parametrize(("change", "message"), HOSTILE)
def test_hostile_files_get_one_line(change: Any, message: str, tmp_path: Path) -> None:
    try:
        found = broken(tmp_path / "x.nir", change)
    except (ValueError, NotImplementedError) as e:  # h5py itself may refuse to write such a thing
        pytest.skip(f"h5py does not write it: {e}")
    assert message in found


def test_what_a_network_keeps_is_counted_once(tmp_path: Path) -> None:
    """A delay line of 12 million numbers fits, whatever stands behind it; one of 24 million does not."""
    def delayed(steps: int) -> dict[str, Any]:
        nodes = {"input": {"type": "Input", "shape": [2]}, "wait": {"type": "Delay", "delay": np.full(2, steps * 1e-4)},
                 "lif": LIF, "output": {"type": "Output", "shape": [2]}}
        return {"type": "NIRGraph", "nodes": nodes, "edges": [["input", "wait"], ["wait", "lif"], ["lif", "output"]]}
    assert load(file(tmp_path / "a.nir", delayed(6_000_000)), options=FIRST).entry.registers[0].type.size == 12_000_000
    found = message(file(tmp_path / "b.nir", delayed(12_000_000)))
    assert "wait (Delay): with it the network keeps more than 16777216 numbers" in found


def test_many_nodes_take_no_long_time() -> None:
    """A chain of neurons; every edge was once looked at for every node."""
    names = ["in", *(f"n{k}" for k in range(2000)), "out"]
    nodes = {n: Node("I", {"r": np.ones(1)}) for n in names[1:-1]}
    nodes |= {"in": Node("Input", {"shape": [1]}), "out": Node("Output", {"shape": [1]})}
    network = Network(nodes, tuple(pairwise(names)))
    assert network.sources("n1") == ["n0"]
    assert network.sinks("n1") == ["n2"]
    assert len(build_network(network, Timing(dt=1e-3)).entry.registers) == 2000


def message(path: Path) -> str:
    try:
        load(path, options=FIRST)
    except CircuitError as e:
        return str(e)
    return ""


def test_truncated_and_damaged_files_get_one_line(tmp_path: Path) -> None:
    whole = file(tmp_path / "a.nir", graph(), compression="gzip").read_bytes()
    path = tmp_path / "b.nir"
    for size in (8, 9, 100, 800, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(CircuitError) as caught:
            load(path, options=FIRST)
        assert "\n" not in str(caught.value)
    rng = np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(whole)
        for place in rng.integers(8, len(data), 3):
            data[place] = rng.integers(256)
        path.write_bytes(data)
        assert "\n" not in message(path)


def test_a_device_or_nothing_is_no_file(tmp_path: Path) -> None:
    for name in (os.devnull, str(tmp_path), str(tmp_path / "none.nir")):
        with pytest.raises(CircuitError):
            load(name, "nir", FIRST)
    assert io.BytesIO(network_bytes(Network({"a": Node("Input", {"shape": [1]}), "c": Node("Output", {"shape": [1]})},
                                            (("a", "c"),)))).read(8) == b"\x89HDF\r\n\x1a\n"
