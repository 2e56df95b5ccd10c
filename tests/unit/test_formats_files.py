"""Loading and writing: which format a file is, what stands in the way, and that files appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import circuitc.formats.files as files
from circuitc.diagnostics import CircuitError
from circuitc.formats import companion_path, detect, formats, load, write
from circuitc.formats.ccir import CCIR
from circuitc.formats.npz import read_npz, write_npz
from circuitc.ir import BIT, Builder, Constant, Func, Module, Port, aig, module_of, parse_type, random_raw, run

ADDER = b"aig 5 2 0 2 3\n10\n6\n\x02\x02\x03\x02\x01\x02i0 x\ni1 y\no0 s\no1 c\n"
BENCH = b"# by hand\n\n  INPUT(a)\nOUTPUT(z)\nz = NOT(a)\n"


def fault(call, *arguments, **more) -> str:
    with pytest.raises(CircuitError) as caught:
        call(*arguments, **more)
    said = str(caught.value)
    assert "\n" not in said
    return said


def table_module(*types: str) -> Module:
    """Make a program with a large constant of each type."""
    builder = Builder()
    builder.input("x", BIT)
    rng = np.random.default_rng(5)
    parsed = [parse_type(text) for text in types]
    values = [builder.constant(Constant(t, random_raw(t, 1, rng)[0]), f"c{k}") for k, t in enumerate(parsed)]
    outputs = tuple(Port(f"y{k}", t) for k, t in enumerate(parsed))
    return module_of(Func("f", (Port("x", BIT),), outputs, builder.finish(values)))


# Detection


@pytest.mark.parametrize(("content", "name", "format"), [
    (ADDER, "a.aig", "aiger"), (ADDER, "a.bench", "aiger"), (b"aag 0 0 0 0 0\n", "x.txt", "aiger-ascii"),
    (BENCH, "b.bench", "bench"), (BENCH, "b.txt", "bench"), (b"z = vdd\n", "x", "bench"),
    (b'// a program\nccir 1 "x"\n', "p.txt", "ccir"), (b"func @f() -> () once {\n}\n", "p.ccir", "ccir"),
    (b"something else\n", "c.bench", "bench"), (b"\xff\xfe", "D.AIG", "aiger")])
def test_content_first_then_ending(tmp_path: Path, content: bytes, name: str, format: str):
    path = tmp_path / name
    path.write_bytes(content)
    assert detect(path).name == format


def test_every_format_has_a_name_an_ending_and_a_sentence():
    listed = formats()
    assert {"aiger", "aiger-ascii", "bench", "ccir"} <= {f.name for f in listed}
    for f in listed:
        assert f.endings
        assert all(e.startswith(".") and e == e.lower() for e in f.endings)
        assert f.doc
        assert f.read or f.write


def test_what_cannot_be_loaded(tmp_path: Path):
    (tmp_path / "empty.aig").touch()
    (tmp_path / "odd.xyz").write_text("once upon a time\n")
    os.mkfifo(tmp_path / "pipe.aig")
    assert fault(load, tmp_path) == f"{tmp_path}: is a directory (help: name a model file)"
    assert fault(load, tmp_path / "no.aig") == f"{tmp_path}/no.aig: No such file or directory"
    assert fault(load, tmp_path / "empty.aig") == f"{tmp_path}/empty.aig: the file is empty"
    assert "is not a regular file" in fault(load, tmp_path / "pipe.aig")
    assert "embedded null" in fault(load, "a\0b")
    said = fault(load, tmp_path / "odd.xyz")
    assert said.startswith(f"{tmp_path}/odd.xyz: neither content nor ending is of a format that can be read")
    for word in ("aiger (.aig)", "bench (.bench)", "ccir (.ccir)"):
        assert word in said


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(tmp_path: Path):
    path = tmp_path / "a.aig"
    path.write_bytes(ADDER)
    path.chmod(0)
    assert fault(load, path) == f"{path}: Permission denied"


def test_a_named_format_is_taken_without_looking(tmp_path: Path):
    path = tmp_path / "a.aig"
    path.write_bytes(BENCH)
    assert load(path, format="bench").entry.inputs == (Port("a", BIT),)
    assert "is not a header" in fault(load, path, format="aiger")
    assert fault(load, path, format="benhc") == "there is no format named 'benhc' (help: did you mean bench?)"


# Writing


@pytest.mark.parametrize("name", ["z.aig", "z.aag", "z.bench", "z.ccir"])
def test_written_files_load_again(tmp_path: Path, name: str):
    path = tmp_path / "adder.aig"
    path.write_bytes(ADDER)
    first = load(path)
    assert write(first, tmp_path / name) == [tmp_path / name]
    again = load(tmp_path / name)
    patterns = {"x": np.array([0, 1, 0, 1]), "y": np.array([0, 0, 1, 1])}
    for port, value in run(first, patterns).items():
        np.testing.assert_array_equal(run(again, patterns)[port], value)
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["adder.aig", name])


def test_what_cannot_be_written(tmp_path: Path):
    module = module_of(Func("f", (Port("a", BIT),), (Port("z", BIT),), aig(1, np.zeros((0, 2), int), [2])))
    (tmp_path / "there.aig").mkdir()
    assert fault(write, module, tmp_path / "there.aig") == f"{tmp_path}/there.aig: is a directory"
    assert fault(write, module, tmp_path / "no" / "a.aig") == f"{tmp_path}/no/a.aig: No such file or directory"
    assert "the ending is not that of a format that can be written" in fault(write, module, tmp_path / "a.xyz")
    assert [p.name for p in tmp_path.iterdir()] == ["there.aig"]


def test_a_refused_module_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "a.aig"
    path.write_bytes(b"old")
    module = table_module("i8[600]")
    assert "run the pass lower-to-gates first" in fault(write, module, path)
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.aig"]


def test_an_interrupted_write_leaves_the_old_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path = tmp_path / "p.ccir"
    write(table_module("i8[600]"), path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}

    def full(self: Path, content: bytes) -> int:
        if self.name.startswith(".p.npz"):
            raise OSError(28, "No space left on device")
        return original(self, content)

    original = Path.write_bytes
    monkeypatch.setattr(files.Path, "write_bytes", full)
    assert "No space left on device" in fault(write, table_module("i16[700]"), path)
    monkeypatch.undo()
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


# The text form and its companion


def test_large_constants_go_beside_the_text(tmp_path: Path):
    module = table_module("i8[600]", "u64[20,30]", "f32[700]", "f64[600]", "fx<12,4>[600]", "i4[3]")
    paths = write(module, tmp_path / "p.ccir")
    assert [p.name for p in paths] == ["p.ccir", "p.npz"]
    again = load(tmp_path / "p.ccir")
    assert again == module
    assert CCIR.write is not None
    assert CCIR.write(again) == CCIR.write(module)


def test_a_program_without_its_numbers_is_refused(tmp_path: Path):
    write(table_module("i8[600]"), tmp_path / "p.ccir")
    numbers = (tmp_path / "p.npz").read_bytes()
    (tmp_path / "p.npz").unlink()
    assert "p.npz: there is no such file" in fault(load, tmp_path / "p.ccir")
    write(table_module("i8[601]"), tmp_path / "q.ccir")
    (tmp_path / "p.npz").write_bytes((tmp_path / "q.npz").read_bytes())
    assert "not in the file beside the text" in fault(load, tmp_path / "p.ccir")
    (tmp_path / "p.npz").write_bytes(numbers[:200])
    assert "is not an .npz file of plain arrays" in fault(load, tmp_path / "p.ccir")


def test_numbers_that_are_not_those_named_are_refused(tmp_path: Path):
    write(table_module("i8[600]"), tmp_path / "p.ccir")
    with np.load(tmp_path / "p.npz") as arrays:
        digest, = arrays.files
        changed = arrays[digest].copy()
    changed[7] ^= 2
    (tmp_path / "p.npz").write_bytes(write_npz({digest: changed}))
    assert "is not what its name says" in fault(load, tmp_path / "p.ccir")


def test_arrays_are_checked_before_they_are_believed(tmp_path: Path):
    path = tmp_path / "a.npz"
    path.write_bytes(write_npz({"a": np.arange(6).reshape(2, 3), "b": np.zeros(0)}))
    assert read_npz(path, ["a", "c"])["a"].tolist() == [[0, 1, 2], [3, 4, 5]]
    np.savez(path, a=np.array(["text"]), b=np.array([None]))
    assert "holds <U4, not integers or floats" in fault(read_npz, path, ["a"])
    assert "not integers or floats" in fault(read_npz, path, ["b"])
    claim = write_npz({"a": np.zeros(1000, np.int64)}).replace(b"(1000,)", b"(10**9")
    path.write_bytes(claim)
    assert "a.npz" in fault(read_npz, path, ["a"])


def test_the_same_arrays_give_the_same_bytes():
    one, two = np.arange(3), np.ones((2, 2), np.float32)
    assert write_npz({"a": one, "b": two}) == write_npz({"b": two, "a": one})


def test_companions_stay_in_the_folder(tmp_path: Path):
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path)
    model = inside / "model.json"
    assert companion_path(model, "w.npz") == inside / "w.npz"
    assert companion_path(model, "sub/w.npz") == inside / "sub" / "w.npz"
    for name in ("../w.npz", "/etc/passwd", "sub/../../w.npz", "link/w.npz", str(inside / "w.npz")):
        assert "lies outside the folder" in fault(companion_path, model, name)
    for name in ("", "a\0b"):
        assert "is not a file name" in fault(companion_path, model, name)


def test_a_pipe_stays_a_pipe(tmp_path: Path):
    """Nor does a device become a file: as root, /dev/null is soon gone otherwise."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        files.write_files({pipe: b"content"})
        assert os.read(reader, 100) == b"content"
    finally:
        os.close(reader)
    assert pipe.is_fifo()
    assert [p.name for p in tmp_path.iterdir()] == ["pipe"]
