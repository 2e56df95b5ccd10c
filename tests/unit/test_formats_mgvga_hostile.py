"""Broken and hostile `.pt` files: one clear line each, nothing run, no gigabytes, no other exception."""

from __future__ import annotations

import builtins
import io
import os
import pickle
import struct
import subprocess
import tracemalloc
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.formats import load
from circuitc.formats.bench import parse_bench
from circuitc.formats.mgvga import graph_of_netlist, parse_mgvga, write_mgvga
from circuitc.formats.mgvga.write import pickle_data
from circuitc.ir import Netlist, aig

WHOLE = write_mgvga(parse_bench(b"INPUT(a)\nINPUT(b)\nOUTPUT(z)\nq = DFF0(z)\nm = AND(a, q)\nz = AND(m, b)\n", "f"))[""]
DATA = b"ctorch_geometric.data.data\nData\n"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
EDGES = np.array([[0, 1, 2], [2, 2, 3]])
FIELDS: dict[str, Any] = {"node_id": ["a", "b", "z", "z_buff"], "node_type": [0, 0, 2, 1], "edge_type": [0, 1, 0],
                          "num_inverted_predecessors": [0, 0, 1, 0], "pi": 2, "not_edges": 1}


def zipped(members: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def file_of(data_pkl: bytes, storage: bytes = EDGES.astype("<i8").tobytes()) -> bytes:
    return zipped({"x/data.pkl": data_pkl, "x/data/0": storage})


def graph_file(edges: Any = EDGES, **other: Any) -> bytes:
    fields = {key: value for key, value in (FIELDS | other).items() if value is not None}
    return file_of(pickle_data(np.asarray(edges), fields), np.asarray(edges).astype("<i8").tobytes())


def tensor(offset: int, size: tuple[int, ...], stride: tuple[int, ...], count: int = 6, key: bytes = b"0",
           kind: bytes = b"Long") -> bytes:
    """A pickle of a Data object whose edge_index is this view of storage 0."""
    def number(n: int) -> bytes:
        return b"\x8a\x08" + struct.pack("<q", n)

    def numbers(values: tuple[int, ...]) -> bytes:
        return b"(" + b"".join(map(number, values)) + b"t"

    storage = (b"(X\x07\0\0\0storagectorch\n" + kind + b"Storage\nX" + struct.pack("<I", len(key)) + key
               + b"X\3\0\0\0cpu" + number(count) + b"tQ")
    return (b"\x80\x02" + DATA + b"N" + REBUILD + b"(" + storage + number(offset) + numbers(size) + numbers(stride)
            + b"\x89)tR\x86R.")


class Runs:
    """An object whose pickle calls something."""

    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def hostile() -> Iterator[bytes]:
    """Pickles that would run code, in every protocol, at the top or deep inside."""
    for function, *arguments in ((os.system, "touch HACKED"), (eval, "open('HACKED','w')"), (exec, "open('HACKED')"),
                                 (builtins.open, "HACKED", "w"), (subprocess.call, ["touch", "HACKED"]),
                                 (builtins.__import__, "os"),
                                 (os.popen, "touch HACKED"), (Path.touch, Path("HACKED")), (np.load, "HACKED")):
        for protocol in range(6):
            value = Runs(function, *arguments)
            yield pickle.dumps(value, protocol)
            yield pickle.dumps([{"edge_index": (value,)}], protocol)
            yield pickle.dumps(Runs(Runs, value), protocol)
    texts = [b"cos\nsystem\n(X\5\0\0\0touchtR.", b"(cos\nsystem\nX\5\0\0\0toucho.", b"(X\5\0\0\0touchios\nsystem\n.",
             b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\5touch\x85R.", b"\x80\x02\x82\x01.", b"\x80\x02\x84\1\0\0\0.",
             DATA + b")\x81}X\x0c\0\0\0__setstate__cos\nsystem\nsbX\5\0\0\0touchb.",
             DATA + b")\x81}X\x09\0\0\0__class__cos\nsystem\nsb.",
             DATA + b")\x81}X\x08\0\0\0__dict__}sb}X\5\0\0\0touchNsb.",
             DATA + b")\x81N}X\x0c\0\0\0__setstate__NsN\x86b.",
             b"ctorch_geometric.data.data\nData.__init__\n)R.", b"ctorch_geometric.data\nos.system\n)R.",
             b"\x80\x04\x8c\x1atorch_geometric.data.data\x8c\x12Data.__init__.__globals__\x93.",
             b"ctorch\nload\nX\x01\0\0\0x\x85R.", b"ctorch.storage\n_load_from_bytes\nC\x01x\x85R.",
             b"ctorch._utils\n_rebuild_tensor_v3\n)R.", b"cnumpy.core.multiarray\n_reconstruct\n)R.",
             b"ccopyreg\n_reconstructor\n)R.", b"cbuiltins\nobject\n)\x81.", b"ccollections\ndefaultdict\n)R.",
             b"ctorch\nLongStorage\n)R.", b"ctorch\nLongStorage\n)\x81.",
             b"ctorch_geometric.data.data\nDataEdgeAttr\n)R.",
             b"ccollections\nOrderedDict\n]\x85R.", b"X\x01\0\0\0a)R.", b"K\x01)R.", b"N)\x81."]
    yield from texts
    yield from (b"\x80\x02" + text for text in texts)


def structural() -> Iterator[bytes]:
    """Pickles that are no pickles, or that ask for memory, depth or time."""
    deep = 20_000
    yield from (b"", b".", b"\x80", b"\x80\x02", b"\x80\x02.", b"\x80\x02N", b"\x80\x02NN.", b"\x80\x02(.", b"\xff" * 9,
                b"\x80\x02}(K\x01u.", b"\x80\x02]N}s.", b"\x80\x02Na.", b"\x80\x02}Nb.", b"\x80\x02h\x07.",
                b"\x80\x02t.",
                b"\x80\x02(N\x85", b"\x80\x02(e.", b"\x80\x02Nu.", b"\x80\x02}(", b"\x80\x02}NNs.", b"\x80\x02})Ns.",
                b"\x80\x02q\x01.", b"\x80\x020.", b"\x80\x022.", b"\x80\x02\x86.", b"\x80\x02K\x01Q.", b"\x80\x02NQ.",
                b"\x80\x02X\xff\xff\xff\x7fabc.", b"\x80\x04\x8d" + b"\xff" * 8 + b"x.",
                b"\x80\x02\x8b\xff\xff\xff\x7f1.",
                b"\x80\x02\x8a\xff" + b"\x01" * 255 + b".", b"\x80\x02\x8b\0\1\0\0" + b"\x01" * 256 + b".",
                b"\x80\x04\x95" + b"\xff" * 8 + b"N.", b"\x80\x02X\2\0\0\0\xff\xfe.",
                b"\x80\x04\x96" + b"\xff" * 8 + b".",
                b"\x80\x02I99999999999999999999\n.", b"\x80\x02L" + b"9" * 5000 + b"L\n.", b"\x80\x02cos\n",
                b"\x80\x04NN\x93.", b"\x80\x02" + DATA + b"]\x81.", b"\x80\x02" + DATA + b"(NNNNNNtR.",
                b"\x80\x02" + DATA + b")\x81K\x01b.", b"\x80\x02" + DATA + b")\x81}K\x01Nsb.", b"\x80\x02]q\0h\0a.",
                b"\x80\x02Nr\xff\xff\xff\xffr\xff\xff\xff\x7f.", b"\x80\x02(" + b"(" * deep + b".",
                b"\x80\x02" + b"]" * deep + b"a" * (deep - 1) + b".", b"\x80\x02N" + b"\x85" * deep + b".",
                b"\x80\x02}N" + b"\x85" * 100_000 + b"Ns.", b"\x80\x02" + b"N" * deep + b".",
                b"\x80\x02" + DATA + b")\x81q\0}X\6\0\0\0_storeh\0sb.",
                b"\x80\x02" + DATA + b")\x81}X\6\0\0\0_store}sb.",
                b"\x80\x02ctorch_geometric.data.storage\nGlobalStorage\n)\x81.", b"\x80\x02" + DATA + b")\x81.")
    laughs = b"\x80\x02]q\0" + b"".join(b"](" + b"h" + bytes([k]) + (b"h" + bytes([k])) * 9 + b"eq" + bytes([k + 1])
                                         for k in range(40)) + b"."
    yield laughs


def cut_off() -> Iterator[bytes]:
    """Pickles that end early, with the storage that they need."""
    archive = zipfile.ZipFile(io.BytesIO(WHOLE))
    data = archive.read("graph/data.pkl")
    yield from (file_of(data[:k], archive.read("graph/data/0")) for k in range(0, len(data), 13))


def views() -> Iterator[bytes]:
    """Tensors that reach beyond their storage, or are larger than it."""
    big = 1 << 39
    for offset, size, stride in ((1, (2, 3), (3, 1)), (0, (2, 3), (4, 1)), (0, (2, 3), (3, 2)), (6, (1,), (1,)),
                                 (-1, (2, 3), (3, 1)), (0, (2, -3), (3, 1)), (0, (2, 3), (-3, 1)), (0, (2, 3), (1,)),
                                 (0, (2, big), (0, 0)), (0, (big, big), (0, 0)), (0, (2, 7), (0, 0)), (big, (1,), (1,)),
                                 (0, (2, big), (1, 0)), (0, (1 << 62, 0), (1, 1)), (0, (1,) * 9, (1,) * 9),
                                 (0, (0, big, big), (1, 1, 1)), (0, (), ())):
        yield file_of(tensor(offset, size, stride))
    yield from (file_of(tensor(0, (2, 3), (3, 1), count)) for count in (0, 5, 7, big, -1))
    yield from (file_of(tensor(0, (2, 3), (3, 1), key=key)) for key in (b"1", b"../0", b"", b"/etc/passwd", b"data/0"))
    yield from (file_of(tensor(0, (2, 3), (3, 1), kind=kind)) for kind in (b"Float", b"Quint", b"Untyped", b""))
    yield file_of(tensor(0, (2, 3), (3, 1)), b"\0" * 47)
    nested = tensor(0, (4, 1), (0, 1)).removeprefix(b"\x80\x02" + DATA + b"N").removesuffix(b"\x86R.")
    yield file_of(b"\x80\x02" + DATA + b"N" + REBUILD + b"(" + nested + b"K\x00(K\x04t(K\x01t\x89)tR\x86R.")


def graphs() -> Iterator[bytes]:
    """Well-formed files of graphs that are no circuits."""
    for key in ("node_type", "edge_type"):
        values = FIELDS[key]
        yield from (graph_file(**{key: v}) for v in (None, [], values[:-1], [*values, 0], "abc", 3, [[0]], ["a"] * 4,
                                                     [*values[:-1], 3], [*values[:-1], -1], [*values[:-1], 1 << 30]))
    yield from (graph_file(node_id=v) for v in ([], ["a"], "abcd", 4, [1, 2, 3, 4], ["a", "b", "z", ""],
                                                ["a", "a", "z", "z_buff"], ["a", "b", "z", "z_inv"],
                                                ["a", "b\n", "z", "z_buff"], ["a\0", "b", "z", "z_buff"],
                                                ["a", "b" * 2000, "z", "z_buff"]))
    yield from (graph_file(**{key: v}) for key in ("pi", "po", "and_nodes", "not_edges", "num_nodes")
                for v in (0, 7, -1))
    yield from (graph_file(num_inverted_predecessors=v) for v in ([], [0] * 4, [0, 0, 2, 0], [0] * 5, "x"))
    yield from (graph_file(e) for e in ([[0, 1, 9], [2, 2, 3]], [[0, 1, -1], [2, 2, 3]], [[0, 1, 2], [2, 2, 0]],
                                        [[3, 1, 2], [2, 2, 3]], [[0, 1, 0], [2, 2, 2]], [[0, 2, 2], [2, 2, 3]],
                                        [[0, 1, 2]], [[0, 1], [2, 2], [2, 3]], [[], []], [[0, 1, 0], [3, 3, 3]]))
    yield graph_file([[0, 3, 1, 2, 3], [2, 2, 3, 3, 4]], node_id=["a", "b", "c", "d", "z_buff"], pi=None,
                     node_type=[0, 0, 2, 2, 1], edge_type=[0] * 5, num_inverted_predecessors=None, not_edges=None)
    yield from (graph_file(circuitc=v) for v in (1, [], {}, {"registers": []}, {"registers": ["r"], "initial": [0],
                "constant": -1}, {"registers": [], "initial": [], "constant": 3}, {"registers": [""], "initial": [0],
                "constant": -1}, {"registers": ["r"], "initial": [2], "constant": -1}, {"registers": [], "initial": [1],
                "constant": -1}, {"registers": [], "initial": [], "constant": 99}))


def archives() -> Iterator[bytes]:
    """Zip files that are cut off, changed, too many, too large, encrypted, or of another kind."""
    yield from (WHOLE[:k] for k in range(0, len(WHOLE), 29))
    yield from (b"PK\3\4", b"PK\3\4" + b"\xff" * 100, b"PK\5\6" + b"\0" * 18, zipped({}), zipped({"a": b""}),
                zipped({"x/data.pkl": b"", "y/data.pkl": b""}), zipped({"a.pt": WHOLE[:50]}), zipped({"a.pt": b""}),
                zipped({"a.pt": zipped({"b.pt": WHOLE})}), zipped({f"{k}.pt": b"" for k in range(9)}),
                zipped({"x/data.pkl": b"N."} | {f"x/data/{k}": b"" for k in range(5000)}),
                zipped({"x/data.pkl": tensor(0, (2, 3), (3, 1)), "x/byteorder": b"middle", "x/data/0": b"\0" * 48}),
                zipped({"x/data.pkl": b"N" * (1 << 24)}, zipfile.ZIP_DEFLATED),
                zipped({"a.pt": b"\0" * (1 << 24)}, zipfile.ZIP_DEFLATED),
                zipped({"x/data.pkl": tensor(0, (2, 3), (3, 1), 1 << 21), "x/data/0": b"\0" * (1 << 24)},
                       zipfile.ZIP_DEFLATED))
    where = WHOLE.index(b"PK\1\2")  # the entry of data.pkl
    yield from (WHOLE[:where + k] + b"\xff\xff\xff\x7f" + WHOLE[where + k + 4:]
                for k in (10, 16, 20, 24, 26, 42))  # method, checksum, sizes, length of the name, offset
    encrypted = bytearray(WHOLE)
    encrypted[6] |= 1
    encrypted[WHOLE.index(b"PK\1\2") + 8] |= 1
    yield bytes(encrypted)


CASES = {"hostile": [file_of(p) for p in hostile()], "structural": [file_of(p) for p in structural()],
         "cut off": list(cut_off()), "views": list(views()), "graphs": list(graphs()), "archives": list(archives())}


def refusal(data: bytes) -> str:
    try:
        parse_mgvga(data, "f.pt")
    except CircuitError as e:
        return str(e)
    return "it is read"


@pytest.mark.parametrize("kind", CASES)
def test_broken_files_are_refused_in_one_line(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    tracemalloc.start()
    for number, data in enumerate(CASES[kind]):
        message = refusal(data)
        assert message.startswith("f.pt: "), f"{kind} {number}: {message}"
        assert "\n" not in message, message
        assert len(message) < 600, message
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200 << 20
    assert not list(tmp_path.iterdir()), "something was run"


def test_there_are_enough_of_them() -> None:
    assert sum(map(len, CASES.values())) > 400


def test_what_the_cases_change_is_read_unchanged() -> None:
    assert isinstance(parse_mgvga(WHOLE, "f.pt").entry.body, Netlist)
    body = parse_mgvga(graph_file(), "f.pt").entry.body
    assert body == aig(2, np.array([[2, 5]]), [6], {3: "z"})


def test_flipped_bytes_never_end_in_another_exception() -> None:
    rng = np.random.default_rng(5)
    refused = 0
    for _ in range(400):
        data = bytearray(WHOLE)
        for k in rng.integers(0, len(data), rng.integers(1, 4)):
            data[k] = rng.integers(0, 256)
        try:
            parse_mgvga(bytes(data), "f.pt")
        except CircuitError:
            refused += 1
    assert refused > 200


@pytest.mark.parametrize(("data", "message"), [
    (file_of(b"cos\nsystem\n."), "names 'os.system', which is not one of the"),
    (file_of(b"\x80\x04\x8c\x08builtins\x8c\x04eval\x93."), "names 'builtins.eval'"),
    (file_of(b"\x80\x020."), "the opcode POP is not one that a graph needs"),
    (file_of(b"ctorch\nLongStorage\n)R."), "the pickle calls torch.LongStorage; nothing was run"),
    (file_of(tensor(0, (2, 4), (3, 1))), "size [2, 4], stride [3, 1] and offset 0 reaches beyond its storage of 6"),
    (b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.", "is in PyTorch's format before 1.6"),
    (b"\x80\x02N.", "is a bare pickle, a PyTorch graph is a zip file"),
    (graph_file(node_id=["a", "b", "z", "z_inv"]), "output 'z_inv' (node 3) is inverted by its name and not by"),
    (graph_file(not_edges=2), "not_edges says [2], the graph has 1"),
    (graph_file([[0, 1, 0], [2, 2, 2]]), "'z' (node 2) is of type AND and has 3 fan-ins, not 2"),
    (graph_file([[0, 1, 2], [2, 2, 0]]), "edge 2 between 'z' (AND) and 'a' (PI) enters an input"),
    (graph_file(edge_type=[0, 1, 5]), "edge_type[2] is 5, known are 0 (plain) and 1 (inverted)"),
])
def test_messages(data: bytes, message: str) -> None:
    with pytest.raises(CircuitError) as caught:
        parse_mgvga(data, "f.pt")
    assert message in str(caught.value)


def test_legacy_files_are_recognised_and_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "old.pt"
    path.write_bytes(b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.")
    with pytest.raises(CircuitError, match=r"before 1\.6"):
        load(path)


def test_a_large_graph_is_read_back() -> None:
    """5,000 gates in a chain: more than any recursion, within a few hundred milliseconds."""
    gates = np.array([[2 * (k + 2), 2] for k in range(5000)])
    net = aig(2, gates, [2 * 5002])
    graph = graph_of_netlist(net)
    order = np.random.default_rng(3).permutation(graph.nodes)
    place = np.argsort(order)
    fields = {"node_id": [graph.names[k] for k in order], "node_type": graph.node_type[order].tolist(),
              "edge_type": graph.inverted.astype(int).tolist()}
    edges = place[graph.edges]
    body = parse_mgvga(file_of(pickle_data(edges, fields), edges.astype("<i8").tobytes()), "f.pt").entry.body
    assert isinstance(body, Netlist)
    assert (body.gates, body.depth) == (5000, 5000)
