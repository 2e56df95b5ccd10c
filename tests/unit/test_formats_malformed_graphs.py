"""Over a hundred broken files for BLIF, graphs and DeepGate's arrays: one clear line each, no other exception."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.formats import load
from circuitc.formats.blif import parse_blif
from circuitc.formats.graph_json import write_graph_json
from circuitc.formats.graphml import write_graphml
from circuitc.ir import Netlist

BLIF = (b".model m\n.inputs a b\n.outputs z\n.latch z q 2\n.subckt half x=a y=q c=m\n.names m b n\n10 1\n01 1\n"
        b".names n a z\n00 1\n.end\n.model half\n.inputs x y\n.outputs c\n.names x y c\n11 1\n.end\n")
MODULE = parse_blif(BLIF, "m")
GRAPHML, GRAPH_JSON = write_graphml(MODULE)[""], write_graph_json(MODULE)[""]
X = [[0, 0, 0], [1, 0, 0], [2, 1, 1], [3, 2, 2]]
EDGES = [[0, 1, 2], [2, 2, 3]]


def npz(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, **{name.replace("__", "/"): np.asarray(array) for name, array in arrays.items()})
    return buffer.getvalue()


NPZ = npz(c__x=X, c__edge_index=EDGES, c__outputs=[3])


def blif_files() -> Iterator[bytes]:
    lines = BLIF.split(b"\n")
    for k in (1, 3, 4, 5, 8, 12, 13, 14):
        yield b"\n".join(lines[:k] + lines[k + 1:])
    bad = [b".inputs a", b".outputs z", b".latch a b", b".latch a", b".latch a x ah c 1", b".latch a x as c",
           b".latch a x zz c", b".latch a x 4", b".latch a x re a 2", b".latch a x re nowhere 0", b".exdc",
           b".search x",
           b".gate and2 a=a b=b o=x", b".mlatch d", b".model", b".model m", b".foo", b".names", b".names x x\n1 1",
           b".names a x\n1 1\n0 0", b".names a x\n1 -", b".names a x\n11 1", b".names a x\n2 1", b".names a x\n1",
           b".names nowhere x\n1 1", b".names a z\n1 1", b".names a b\n1 1", b".subckt", b".subckt nothing a=b",
           b".subckt half x=a", b".subckt half x=a y=b w=b", b".subckt half x=a x=b y=b", b".subckt half x",
           b".conn a",
           b".subckt half x=a y=b c=z", b".subckt m a=a b=b", b"\x00", b"\xff", b"11 1",
           b".blackbox",
           b".names a \\\n", b".start_kiss", b".names a x\n1 1 1", b".names u0.x y\n1 1\n.names u0.x y\n1 1"]
    for k in (1, 2, 3):
        for text in bad:
            yield b"\n".join([*lines[:k], text, *lines[k:]])
    yield from (b".names x x\n1 1\n", b"# nothing\n", b".inputs a\\", b".model a\n.subckt a\n.end\n")
    doubling = b"".join(b".model m%d\n.subckt m%d\n.subckt m%d\n.end\n" % (k, k + 1, k + 1) for k in range(60))
    yield doubling + b".model m60\n.end\n"
    yield b"".join(b".model m%d\n.subckt m%d\n.end\n" % (k, k + 1) for k in range(5000)) + b".model m5000\n.end\n"


def graphml_files() -> Iterator[bytes]:
    yield from (GRAPHML[:k] for k in range(0, len(GRAPHML) - 12, len(GRAPHML) // 60) if k)
    for old, new in (("and", "nand"), ("input", "and"), ("input", "output"), ("output", "input"), ("next", "output"),
                     ("directed", "undirected"), ("<data", "<datum"), ('target="n4"', 'target="n9"'),
                     ("False", "perhaps"), ("True", "2"), ("long", "double"), ("long", "string"), ("n5", "n4"),
                     (">0<", ">-1<"), (">0<", ">99999999999<"), (">0<", ">x<"), ("register", "xor"), ("free", "7"),
                     ("bit", "u2"), ("bit", "f32"), ("once", "until"), ("stream", "until"), ("stream", "once"),
                     ("schedule", "shedule"), ("&quot;a&quot;", "7"), ("\"a\"", "7"), ("boolean", "float"),
                     ("<graph ", "<graph edgedefault='directed'/><graph "), ("<?xml", "<!DOCTYPE x><?xml"),
                     ("<graphml", '<!ENTITY a "b"><graphml'), ("key=", "kye="), ("id=", "di="),
                     ("source=", "from="), ("<node", "<hyperedge"), ("</graph>", "</graf>"), ("xor", "maj"),
                     ("xor", "lut"), ("xor", "threshold"), ('source="n4"', 'source="o0"'),
                     ('source="n1"', 'source="n6"')):
        found = GRAPHML.decode()
        if old in found:
            yield found.replace(old, new).encode()
            yield found.replace(old, new, 1).encode()


def json_files() -> Iterator[bytes]:
    yield from (GRAPH_JSON[:k] for k in range(1, len(GRAPH_JSON) - 2, 40))
    whole = json.loads(GRAPH_JSON)

    def changed(act: Callable[[Any], Any]) -> bytes:
        copy = json.loads(GRAPH_JSON)
        act(copy)
        return json.dumps(copy).encode()

    strange: tuple[Any, ...] = (None, -1, 1.5, "x", [], {}, True, 10**30)
    for value in strange:
        for key in ("nodes", "edges"):
            yield changed(lambda g, key=key, value=value: g.__setitem__(key, value if value != [] else 3))
        for k, key in ((0, "type"), (0, "id"), (0, "index"), (0, "name"), (2, "initial"), (3, "type")):
            if not (key in ("name", "index", "initial") and value is None) and not (key == "name" and value == "x"):
                yield changed(lambda g, k=k, key=key, value=value: g["nodes"][k].__setitem__(key, value))
        for key in ("source", "target", "inverted", "place"):
            if not (key == "inverted" and value is True) and not (key == "place" and value is None):
                yield changed(lambda g, key=key, value=value: g["edges"][0].__setitem__(key, value))
        yield changed(lambda g, value=value: g["graph"].__setitem__("ports", value if value is not None else "[]"))
    for k in range(len(whole["edges"])):
        yield changed(lambda g, k=k: g["edges"].pop(k))
    yield changed(lambda g: g["edges"].append({"source": "n4", "target": "n4"}))
    yield changed(lambda g: g.__setitem__("directed", False))
    yield b"[]"
    yield b'{"directed": true, "nodes": [], "nodes": [], "edges": []}'
    yield b"[" * 100000


def npz_files() -> Iterator[bytes]:
    yield from (NPZ[:k] for k in range(1, len(NPZ) - 30, len(NPZ) // 60))
    strange: tuple[Any, ...] = (-1, 3, 99, 0.5, np.nan, np.inf, 2**40, 2**62)
    for k in range(4):
        for j in range(3):
            for value in strange:
                x = np.array(X, np.float64 if isinstance(value, float) else np.int64)
                if x[k, j] != value:
                    x[k, j] = value
                    yield npz(c__x=x, c__edge_index=EDGES, c__outputs=[3])
    for value in strange:
        edges = np.array(EDGES, np.float64)
        edges[0, 1] = value
        yield npz(c__x=X, c__edge_index=edges)
        yield npz(c__x=X, c__edge_index=EDGES, c__outputs=[value if value != 3 else 7])
    yield npz(c__x=X)
    yield npz(c__edge_index=EDGES)
    yield npz(x=X, edge_index=EDGES)
    yield npz(c__x=X, c__edge_index=EDGES, c__y=X)
    yield npz(c__x=np.array(X)[:, :1], c__edge_index=EDGES)
    yield npz(c__x=X, c__edge_index=np.array(EDGES).T)
    yield npz(c__x=np.array(X, str), c__edge_index=EDGES)
    yield npz(c__x=np.array(X, complex), c__edge_index=EDGES)
    yield npz(graphs={"c": {"x": np.array(X), "edge_index": np.array(EDGES)}})
    yield npz(c__x=np.array([["a"]], object), c__edge_index=EDGES)
    yield npz(**{"a-b__x": X, "a-b__edge_index": EDGES, "a_b__x": X, "a_b__edge_index": EDGES})
    empty = io.BytesIO()
    zipfile.ZipFile(empty, "w").close()
    yield empty.getvalue()


FILES: dict[str, tuple[Callable[[], Iterator[bytes]], bytes, str]] = {
    "blif": (blif_files, BLIF, ".blif"), "graphml": (graphml_files, GRAPHML, ".graphml"),
    "graph-json": (json_files, GRAPH_JSON, ".graph.json"), "deepgate": (npz_files, NPZ, ".npz")}


@pytest.mark.parametrize("format", FILES)
def test_the_whole_file_is_fine(tmp_path: Path, format: str):
    path = tmp_path / f"whole{FILES[format][2]}"
    path.write_bytes(FILES[format][1])
    body = load(path).entry.body
    assert isinstance(body, Netlist)
    assert body.gates >= 1


@pytest.mark.parametrize("format", FILES)
def test_broken_files_are_refused_in_one_line(tmp_path: Path, format: str):
    path = tmp_path / f"broken{FILES[format][2]}"
    count = 0
    accepted: list[bytes] = []
    for data in FILES[format][0]():
        path.write_bytes(data)
        count += 1
        try:
            load(path, format)
        except CircuitError as e:
            said = str(e)
            assert len(said.splitlines()) == 1, data[-300:]
            assert said.startswith(str(tmp_path)), (said, data[-300:])
            assert len(said) < 1000, data[-300:]
        else:
            accepted.append(data)
    assert accepted == []
    assert count >= 100
