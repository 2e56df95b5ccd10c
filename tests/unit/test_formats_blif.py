"""BLIF: tables, latches, hierarchies; what is refused, in which words; Yosys and ABC as referees."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from circuitc.backends.blif import BLIF as TARGET
from circuitc.diagnostics import CircuitError
from circuitc.driver import compile
from circuitc.formats import detect, load, write
from circuitc.formats.blif import parse_blif, write_blif
from circuitc.ir import BIT, Func, Kind, Module, Netlist, NetlistBuilder, Port, module_of, run
from circuitc.proof import verify
from circuitc.simulation import read_blif_independently
from circuitc.tools import find_tool, run_tool

needs_abc = pytest.mark.skipif(find_tool("yosys-abc") is None, reason="yosys-abc is not installed")


def read(text: str) -> Module:
    return parse_blif(text.encode(), "f.blif", "f")


def table(module: Module) -> list[int]:
    """The one output for all values of the inputs, the first lowest."""
    names = [p.name for p in module.entry.inputs]
    values = np.arange(1 << len(names))
    return run(module, {n: values >> k & 1 for k, n in enumerate(names)})["z"].tolist()


@pytest.mark.parametrize(("cover", "answers", "kinds"), [
    ("11 1", [0, 0, 0, 1], {"and": 1}), ("11 0", [1, 1, 1, 0], {"and": 1}), ("1- 1\n-1 1", [0, 1, 1, 1], {"and": 1}),
    ("10 1\n01 1", [0, 1, 1, 0], {"xor": 1}), ("10 0\n01 0", [1, 0, 0, 1], {"xor": 1}), ("1- 1", [0, 1, 0, 1], {}),
    ("-0 1", [1, 1, 0, 0], {}), ("", [0, 0, 0, 0], {}), ("-- 1", [1, 1, 1, 1], {}), ("-- 0", [0, 0, 0, 0], {}),
    ("01 1", [0, 0, 1, 0], {"and": 1})])
def test_covers_of_two_inputs(cover: str, answers: list[int], kinds: dict[str, int]):
    module = read(f".model m\n.inputs a b\n.outputs z\n.names a b z\n{cover}\n.end\n")
    assert table(module) == answers
    assert isinstance(module.entry.body, Netlist)
    assert module.entry.body.count() == kinds


@pytest.mark.parametrize("inputs", [3, 5, 6, 7, 9])
@pytest.mark.parametrize("value", [0, 1])
def test_wider_covers_mean_what_their_rows_say(inputs: int, value: int):
    rng = np.random.default_rng(inputs)
    cubes = ["".join(rng.choice(list("01-"), inputs)) for _ in range(4)]
    names = " ".join(f"x_{k}" for k in range(inputs))
    rows = "\n".join(f"{cube} {value}" for cube in cubes)
    module = read(f".model m\n.inputs {names}\n.outputs z\n.names {names} z\n{rows}\n.end\n")
    covered = [any(all(c in ("-", str(i >> k & 1)) for k, c in enumerate(cube)) for cube in cubes)
               for i in range(1 << inputs)]
    assert table(module) == [int(c == bool(value)) for c in covered]
    assert isinstance(module.entry.body, Netlist)
    assert (module.entry.body.count() == {"lut": 1}) == (inputs <= 8)


def test_constants_comments_continuations_and_missing_ends():
    module = read("# a comment\n.model m # more\n.inputs \\\n a b\n.outputs one zero y\n.names one\n1\n.names zero\n"
                  ".names a \\\n  b y\n11 \\\n1\n.default_input_arrival 0 0\n")
    out = run(module, {"a": np.array([1, 0]), "b": np.array([1, 1])})
    assert {k: v.tolist() for k, v in out.items()} == {"one": [1, 1], "zero": [0, 0], "y": [1, 0]}


def test_gates_may_come_in_any_order():
    assert table(read(".inputs a b\n.outputs z\n.names t z\n0 1\n.names a b t\n11 1\n")) == [1, 1, 1, 0]


def test_latches_and_their_clock():
    module = read(".model m\n.inputs clk d\n.outputs q0 q1 q2 q3\n.latch d q0 re clk 0\n.latch q0 q1 re clk 1\n"
                  ".latch q1 q2 re clk 2\n.latch q2 q3 re clk\n.end\n")
    assert [p.name for p in module.entry.inputs] == ["d"]
    starts = [None if r.initial is None else int(r.initial.array) for r in module.entry.registers]
    assert starts == [0, 1, None, None]


HALVES = """.model top
.inputs a b c
.outputs s
.subckt half x=a y=b s=t
.subckt half x=t y=c s=s
.end
.model half
.inputs x y
.outputs s c
.names x y inner
00 1
11 1
.names inner s
0 1
.names x y c
11 1
.end
"""


def test_instances_are_put_in():
    module = read(HALVES)
    a, b, c = (np.arange(8) >> k & 1 for k in range(3))
    assert run(module, {"a": a, "b": b, "c": c})["s"].tolist() == (a ^ b ^ c).tolist()
    assert isinstance(module.entry.body, Netlist)
    assert {"u0.c", "u1.c"} <= set(module.entry.body.names.values())
    clashing = HALVES.replace("inner", "u0.inner").replace(".names x y c", ".names x y u0..c\n11 1\n.names x y c")
    assert verify(module, read(clashing)).status == "equal"


@pytest.mark.parametrize(("text", "message"), [
    (".names a z\n1 1\n0 0\n", "f.blif:4: the cover of 'z' has rows for 0 and for 1 (help: give only one of them, the "
                               "other is what is left)"),
    (".names a z\n1 -\n", "f.blif:3: '1 -' is not a row such as 01- 1 (help: don't-cares of an output are not taken)"),
    (".exdc\n", "f.blif:2:1: .exdc is not taken (help: external don't-cares are not taken: they say what may be "
                "wrong)"),
    (".latch a z re k 0\n.latch a y fe k 0\n", "f.blif:2: latch 'z' has the clock re of k, others have fe of k (help: "
                                               "circuitc steps all latches together: one clock, one edge)"),
    (".latch a z ah a 0\n", "f.blif:2: latch 'z' is level-sensitive 'ah' (help: latches of the types re and fe are "
                            "taken)"),
    (".latch z z re a 0\n.names a y\n1 1\n", "f.blif:3:8: the clock 'a' is also used as data (help: within a step a "
                                             "clock has no value)"),
    (".subckt hlf x=a\n", "f.blif:2:9: there is no model 'hlf' (help: known are )"),
    (".names y z\n1 1\n.names z y\n1 1\n", "f.blif:2:10: signal 'z' depends on itself: z <- y <- z (help: a loop needs "
                                           "a .latch in it)"),
    (".namse a z\n", "f.blif:2:1: '.namse' is not a command of BLIF (help: did you mean .names?)"),
])
def test_refusals_name_line_and_cure(text: str, message: str):
    with pytest.raises(CircuitError) as caught:
        read(".inputs a\n" + text)
    assert str(caught.value) == message


def test_names_that_blif_cannot_spell_are_refused():
    body = NetlistBuilder(1).finish([2])
    module = module_of(Func("f", (Port("a b", BIT),), (Port("z", BIT),), body))
    with pytest.raises(CircuitError, match="'a b' is not a name that blif can spell"):
        write_blif(module)


def all_gates(inverted: int) -> Module:
    """Every kind of gate, some fan-ins inverted."""
    b = NetlistBuilder(6)
    x = [b.input(k) ^ (inverted >> k & 1) for k in range(6)]
    outs = [b.and_(x[0], x[1]), b.xor(x[2], x[3]) ^ 1, b.maj(x[0], x[3], x[5]), b.lut(x, 0x8123_4567_89AB_CDEF),
            b.lut(x[:3], 0b11010110), 0, 1, x[4], x[5] ^ 1]
    return module_of(Func("f", (Port("x", BIT.with_shape((6,))),), (Port("y", BIT.with_shape((9,))),), b.finish(outs)))


@pytest.mark.parametrize("inverted", [0, 0b101101])
def test_yosys_sees_what_was_written(inverted: int):
    module = all_gates(inverted)
    content = write_blif(module)[""]
    assert verify(module, parse_blif(content, "f", "f")).status == "equal"
    verdict = verify(module, read_blif_independently(content))
    assert (verdict.status, verdict.evidence.level) == ("equal", "proved")
    wrong = content.replace(b"11 1", b"10 1", 1) if b"11 1" in content else content.replace(b"00 1", b"01 1", 1)
    assert verify(module, read_blif_independently(wrong)).status == "different"


def test_a_build_is_proved_through_yosys(tmp_path: Path):
    source = tmp_path / "s.blif"
    source.write_text(".model s\n.inputs d e\n.outputs q\n.latch n r 1\n.latch r p 3\n.names d r n\n10 1\n01 1\n"
                      ".names p e q\n0- 1\n.end\n")
    assert detect(source).name == "blif"
    build = compile(source, "blif", tmp_path / "out", prove=True)
    assert str(build.certificate.evidence) == "proved"
    assert verify(load(source), next((tmp_path / "out").glob("*.blif"))).status == "equal"
    assert TARGET.check(load(source), {"gates": "x"})


def abc(script: str, folder: Path) -> str:
    path = find_tool("yosys-abc")
    assert path is not None
    completed = run_tool([str(path), "-c", script], folder=folder, seconds=60)
    assert completed.ok, completed.said
    return completed.said


@needs_abc
@pytest.mark.parametrize("inverted", [0, 0b110010])
def test_abc_reads_what_was_written_and_we_read_what_abc_writes(tmp_path: Path, inverted: int):
    module = all_gates(inverted)
    write(module, tmp_path / "mine.blif")
    write(module, tmp_path / "mine.aig")
    assert "Networks are equivalent" in abc("cec mine.blif mine.aig", tmp_path)
    abc("read mine.blif; strash; dch; if -K 6; write_blif theirs.blif", tmp_path)
    assert verify(module, load(tmp_path / "theirs.blif")).status == "equal"


@needs_abc
def test_abc_counts_the_same_initial_values(tmp_path: Path):
    write(read(".inputs d\n.outputs q\n.latch d a 0\n.latch a b 1\n.latch b q 2\n"), tmp_path / "s.blif")
    said = abc("read s.blif; print_latch", tmp_path)
    assert "Total latches =     3. Init0 = 1. Init1 = 1. InitDC = 1." in said


def test_a_table_of_ones_is_not_read_back_as_zero():
    ones = Netlist(2, np.array([0, 1, 1, Kind.LUT], np.uint8), np.array([0, 0, 0, 0, 2], np.int32),
                   np.array([2, 5], np.int32), np.array([6], np.int32), np.array([0, 0, 0, 15]))
    ports = tuple(Port(name, BIT) for name in "xyz")
    func = Func("f", ports[:2], ports[2:], ones)
    again = parse_blif(write_blif(module_of(func))[""], "f", "f")
    assert run(again, {"x": np.array([0, 1]), "y": np.array([1, 0])})["z"].tolist() == [1, 1]
