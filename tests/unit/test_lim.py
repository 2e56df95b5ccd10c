"""The lim target: counts that are known by hand, refusals, files that were changed, the command."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import circuitc
from circuitc.backends.lim.backend import LIM
from circuitc.backends.lim.express import expressed
from circuitc.backends.lim.majority import majorities_of
from circuitc.backends.lim.nor import nor_of_gates
from circuitc.backends.lim.program import Op
from circuitc.backends.lim.rm3 import best_program
from circuitc.checks import TooLittleEvidence
from circuitc.cli.entry import run
from circuitc.diagnostics import CircuitError
from circuitc.formats.lim import load_bundle
from circuitc.ir import BIT, Func, Module, Netlist, NetlistBuilder, Port, evaluate_words, module_of, parse_module
from circuitc.proof import Evidence, Verdict
from circuitc.simulation.lim import run_program

DATA = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "epfl"
LOW = {"effort": "low"}
COUNTER = """
func @counter(%up: bit) -> (%q: bit[2]) stream {
  reg %r: bit[2] = 0
  netlist {
    xor 4 2
    and 4 2
    xor 6 10
    outputs 4 6 8 12
  }
}
"""


def adder(bits: int) -> Netlist:
    builder = NetlistBuilder(2 * bits)
    carry, sums = 0, []
    for k in range(bits):
        a, b = builder.input(k), builder.input(bits + k)
        half = builder.xor(a, b)
        sums.append(builder.xor(half, carry))
        carry = builder.maj(a, b, carry)
    return builder.finish([*sums, carry])


def model(netlist: Netlist) -> Module:
    return module_of(Func("main", tuple(Port(f"x{k}", BIT) for k in range(netlist.inputs)),
                          tuple(Port(f"y{k}", BIT) for k in range(len(netlist.outputs))), netlist))


def test_a_full_adder_takes_nine_nors_and_three_majorities():
    assert len(nor_of_gates(adder(9)).gates) - len(nor_of_gates(adder(8)).gates) == 9
    assert len(majorities_of(adder(9)).gates) - len(majorities_of(adder(8)).gates) == 3


def test_two_xors_are_found_for_four_nors():
    a, b = 0b0101, 0b0011
    assert expressed(0b1001, 0b1111, [(a, 1), (b, 2)], 4, ()) == ((1, (1, 2)), (2, (1, 2)))
    assert expressed(0b1001, 0b1111, [(a, 1), (b, 2)], 3, ()) is None


def test_constants_and_wires_take_what_they_take():
    module = parse_module("func @f(%a: bit) -> (%y: bit, %n: bit, %zero: bit, %one: bit) once {\n"
                          "  netlist {\n    outputs 2 3 0 1\n  }\n}\n")
    for logic, steps in (("magic", 2), ("rm3", 4)):
        build = circuitc.compile(module, "lim", options={"logic": logic, "row": "8"})
        assert build.report["figures"]["steps"] == steps     # a NOT and a NOT of true; a set and a NOT, two sets
        assert build.certificate.meets("proved")


def test_batches_of_initialisation_count_as_one_step(tmp_path: Path):
    build = circuitc.compile(model(adder(6)), "lim", tmp_path / "b", options={"minimal_row": "true", "effort": "low"})
    figures, bundle = build.report["figures"], load_bundle(tmp_path / "b" / "map.json")
    counted = bundle.program.step[bundle.program.op == 0]
    assert figures["init_steps"] == len({*counted.tolist()} - {0}) > 0
    assert figures["steps"] == figures["gates"] + figures["init_steps"]
    assert figures["row"] == figures["smallest_row"]


def test_a_row_that_is_too_small_is_refused_with_the_smallest_that_was_found():
    for logic in ("magic", "rm3"):
        with pytest.raises(CircuitError) as caught:
            circuitc.compile(model(adder(6)), "lim", options={"row": "14", "logic": logic, **LOW})
        assert "a row of 14 cells is too small: the smallest that was found for this program is" in str(caught.value)
        smallest = str(caught.value).split(" is ")[2].split()[0]
        circuitc.compile(model(adder(6)), "lim", options={"row": smallest, "logic": logic, **LOW})
    with pytest.raises(CircuitError, match="is too small"):
        circuitc.compile(model(adder(6)), "lim", options={"row": "3", **LOW})


def test_cells_of_inputs_stay_unless_they_may_be_used_again(tmp_path: Path):
    for reuse in ("false", "true"):
        for logic in ("magic", "rm3"):
            circuitc.compile(model(adder(4)), "lim", tmp_path / "b",
                             options={"reuse_inputs": reuse, "logic": logic, "minimal_row": "true", **LOW})
            program = load_bundle(tmp_path / "b" / "map.json").program
            written = {*program.output[program.counted].tolist()} & {*program.input_cells}
            assert bool(written) == (reuse == "true")


def test_one_step_of_a_sequential_circuit_is_proved_from_any_state(tmp_path: Path):
    module = parse_module(COUNTER)
    build = circuitc.compile(module, "lim", tmp_path / "b")
    assert build.certificate.meets("proved")
    assert "one step of @counter from any state" in build.artefacts["certificate.json"].decode()
    entry = json.loads(build.artefacts["map.json"])["registers"][0]
    assert (entry["name"], entry["initial"], len(entry["next_cells"])) == ("r", [0, 0], 2)
    assert circuitc.verify(module, circuitc.load(tmp_path / "b" / "map.json")).is_equal


def test_what_was_not_proved_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    unknown = Verdict("unknown", Evidence("not_checked", note="no time"))
    monkeypatch.setattr("circuitc.proof.lim.verify", lambda *_, **__: unknown)
    with pytest.raises(TooLittleEvidence, match="was not proved equal to the model in 60 s"):
        circuitc.compile(model(adder(2)), "lim", tmp_path / "b", options=LOW)
    assert not (tmp_path / "b").exists()
    build = circuitc.compile(model(adder(2)), "lim", tmp_path / "b", options=LOW, verify=False)
    assert build.certificate.evidence.level == "not_checked"


@pytest.mark.parametrize(("options", "says"), [
    ({"logic": "imply"}, "option logic=imply is not one of magic, rm3"),
    ({"fan_in": "9"}, "option fan_in=9 is not a whole number from 2 to 8"),
    ({"logic": "rm3", "fan_in": "3"}, "option fan_in is for logic=magic"),
    ({"row": "0"}, "option row=0 is not a whole number"), ({"rwo": "5"}, "no option rwo (help: did you mean row?)"),
    ({"row": "9", "minimal_row": "true"}, "exclude each other")])
def test_wrong_options_are_named(options: dict[str, str], says: str):
    with pytest.raises(CircuitError) as caught:
        circuitc.compile(model(adder(2)), "lim", options=options)
    assert says in str(caught.value)


def test_graphs_are_refused_with_the_pass_that_helps():
    module = parse_module("func @f(%a: u4) -> (%y: u5) once {\n  %y = add %a, %a : u5\n  return %y\n}\n")
    assert "run the pass lower-to-gates first" in str(LIM.check(module, {})[0])
    assert circuitc.compile(module, "lim").certificate.meets("proved")    # the default pipeline runs it


def test_the_same_bytes_twice():
    files = [LIM.emit(LIM.build(model(adder(3)), {})).files for _ in range(2)]
    assert files[0] == files[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    circuitc.compile(model(adder(3)), "lim", tmp_path / "b", options=LOW)
    return tmp_path / "b"


@pytest.mark.parametrize(("old", "new", "says"), [
    ("step,op", "cycle,op", "ops.csv:1: expected the header step,op,output,inputs"),
    ("\n1,NOR", "\n1,NAND", "expected `step,op,cell,cells`, got '1,NAND"),
    ("\n1,NOR", "\n1,RM3", "logic magic has no such operation"), ("\n1,NOR,", "\n1,NOR,999", "outside the row of 512"),
    ("\n1,NOR", "\n2,NOR", "steps rise by one"), ("\n1,NOR", "\n1,NOR,7,1\n1,NOR", "two operations happen in one step"),
    ("\n0,INIT,6,", "", "cell 6 was not initialised before it is written"),
    ("\n1,NOR,6,", "\n1,NOR,6,600 ", "an input is the output, outside the row, or a constant"),
    ("\n1,NOR,6,", "\n1,NOR,6,1 2 ", "another number of inputs")])
def test_a_changed_table_is_refused_by_what_it_says(folder: Path, old: str, new: str, says: str):
    table = folder / "ops.csv"
    text = table.read_text()
    assert old in text
    table.write_text(text.replace(old, new, 1))
    with pytest.raises(CircuitError) as caught:
        load_bundle(folder / "map.json", hashes=False).module()
    assert says in str(caught.value)
    with pytest.raises(CircuitError, match=r"ops\.csv"):
        circuitc.load(folder / "map.json")


def test_the_command_refutes_a_program_that_computes_something_else(folder: Path, tmp_path: Path,
                                                                    capsys: pytest.CaptureFixture[str]):
    good = tmp_path / "good.aag"
    circuitc.write(circuitc.run_passes(model(adder(3)), "to-aig"), good)
    assert run(["verify", str(good), str(folder)]) == 0
    text = (folder / "map.json").read_text()
    cells = [entry["cells"] for entry in json.loads(text)["outputs"]]
    first, second = (f'"cells": {c}' for c in cells[:2])
    (folder / "map.json").write_text(text.replace(first, "X").replace(second, first).replace("X", second))
    assert run(["verify", str(good), str(folder / "map.json")]) == 1
    assert "y0 is " in capsys.readouterr().out


@pytest.mark.parametrize("damage", ["", "{", "{SCHEMA}", '{SCHEMA, "row": 0}', '{SCHEMA, "inputs": [{}]}', "[]"])
def test_a_damaged_map_is_refused_in_one_line(folder: Path, damage: str):
    (folder / "map.json").write_text(damage.replace("SCHEMA", '"schema": "circuitc.lim/1"'))
    with pytest.raises(CircuitError):
        load_bundle(folder / "map.json")


def test_a_map_that_lies_about_cells_is_refused(folder: Path):
    text = (folder / "map.json").read_text()
    for old, new in (('"type": "bit"', '"type": "bit[3]"'), ('"cells": [0]', '"cells": [1]'),
                     ('"cells": [0]', '"cells": [700]'), ('"row": 512', '"row": 4'),
                     ('"type": "bit"', '"type": "f32"')):
        (folder / "map.json").write_text(text.replace(old, new, 1))
        with pytest.raises(CircuitError):
            circuitc.load(folder / "map.json")


def test_a_nor_cannot_raise_a_cell_that_was_not_initialised():
    """The simulator has the physics, not the intention."""
    program = LIM.build(model(adder(1)), {"row": "16"}).program
    ones = np.full((2, 1), 2**64 - 1, np.uint64)
    zeros = np.zeros((2, 1), np.uint64)
    kept = program.op != Op.INIT
    arity = np.diff(program.offset)[kept]
    bare = replace(program, step=program.step[kept], op=program.op[kept], output=program.output[kept],
                   offset=np.concatenate([[0], np.cumsum(arity)]).astype(np.int32))
    assert run_program(program, zeros)[1] == 0
    assert run_program(program, ones)[1] == 2**64 - 1        # the carry
    assert run_program(bare, ones)[1] != 2**64 - 1           # chance content stays where it was 0


@pytest.mark.skipif(not DATA.is_dir(), reason="the shared data folder is absent")
def test_a_controller_takes_fewer_steps_than_simpler_was_recorded_with(tmp_path: Path):
    build = circuitc.compile(DATA / "ctrl.aig", "lim", tmp_path / "b")
    assert build.report["figures"]["steps"] <= 120      # 134 recorded
    assert build.certificate.meets("proved")


def test_rm3_adds_in_few_steps():
    written = best_program(majorities_of(adder(4)), 64, reuse_inputs=True)
    words = np.random.default_rng(0).integers(0, 1 << 64, (8, 2), dtype=np.uint64)
    assert np.array_equal(run_program(written.program, words), evaluate_words(adder(4), words))
    assert written.program.steps <= 4 * 9
