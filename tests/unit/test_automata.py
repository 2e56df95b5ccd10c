"""Finite automata: minimised as Moore would, extracted from streams and trained networks, read and written, refused."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.cli.entry import run as command
from circuitc.diagnostics import CircuitError
from circuitc.ir import Module, Port, index_type, module_of, parse_module, parse_type, run, verify_module
from circuitc.models.automata import Automaton, automaton_module, extract, over_alphabet
from circuitc.passes import run_passes
from circuitc.passes.automata import Machine, all_symbols, compare_streams, equivalent_states, machine_func, minimize

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "14_automata"
HEAD = {"schema": "circuitc.model/1", "kind": "automaton"}
MODEL: dict[str, Any] = {**HEAD, "letters": ["a", "b"], "states": ["p", "q"], "start": "p", "accepting": ["q"],
                         "transitions": [["q", "p"], ["p", "q"]]}
LETTERS = {"letter": np.eye(2, dtype=int)}
SMALLEST = {1: 2, 2: 3, 3: 5, 4: 4, 5: 4, 6: 3, 7: 5}  # states of Tomita's grammars, the rejecting sink counted

COUNTER = """
func @count(%up: bit) -> (%y: u4) stream {
  reg %n : u4 = 0
  %more = add %n, %up : u5
  %after = requantize %more {overflow=wrap} : u4
  next %n = %after
  return %after
}
"""


def grammars() -> Any:
    sys.path.insert(0, str(FOLDER))
    try:
        import grammars as found  # pyright: ignore[reportMissingImports]
    finally:
        sys.path.remove(str(FOLDER))
    return found


def moore(machine: Machine) -> Any:
    """Refine by whole rounds until nothing is split: the textbook way, for comparison."""
    block = np.unique(machine.answers, axis=0, return_inverse=True)[1].reshape(-1)
    while True:
        new = np.unique(np.concatenate([block[:, None], block[machine.following]], axis=1), axis=0,
                        return_inverse=True)[1].reshape(-1)
        if new.max() == block.max():
            return block
        block = new


def random_machine(rng: np.random.Generator, states: int, symbols: int, answers: int) -> Machine:
    """Draw a machine many of whose states are copies of each other."""
    base = int(rng.integers(1, states + 1))
    copies = rng.integers(0, base, (base, symbols))[np.arange(states) % base]
    moved = copies + base * rng.integers(0, max(1, states // base), (states, symbols))
    following = np.where(moved < states, moved, copies)
    said = rng.integers(0, answers, (base, symbols))[np.arange(states) % base]
    return Machine(following, said, (np.arange(answers),), int(rng.integers(0, states)))


def stream_of(machine: Machine, encoding: Any) -> Module:
    ports = (Port("a", index_type(machine.symbols), "step"),), (Port("y", parse_type("u2"), "step"),)
    return module_of(machine_func(machine, "m", *ports, None, encoding))


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 10_000), st.integers(1, 60), st.integers(1, 4), st.integers(1, 4))
def test_hopcroft_finds_the_classes_that_moore_finds(seed: int, states: int, symbols: int, answers: int) -> None:
    machine = random_machine(np.random.default_rng(seed), states, symbols, answers)
    ours, theirs = equivalent_states(machine), moore(machine)
    assert len(set(zip(ours.tolist(), theirs.tolist(), strict=True))) == ours.max() + 1 == theirs.max() + 1
    small = minimize(machine)
    assert len(set(moore(small).tolist())) == small.states  # no two states left are equivalent
    assert minimize(small).states == small.states


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 10_000), st.integers(1, 12), st.integers(2, 4), st.sampled_from(["binary", "one-hot"]))
def test_a_stream_is_found_again(seed: int, states: int, symbols: int, encoding: str) -> None:
    rng = np.random.default_rng(seed)
    machine = random_machine(rng, states, symbols, 4)
    module = stream_of(machine, encoding)
    verify_module(module)
    after = run_passes(module, f"extract-automaton{{encoding={encoding}}}")
    items = rng.integers(0, symbols, (20, 15))
    want, state = np.zeros(items.shape, int), np.full(20, machine.start)
    for step in range(15):
        want[:, step] = machine.values[0][machine.answers[state, items[:, step]]]
        state = machine.following[state, items[:, step]]
    for program in (module, after):
        assert np.array_equal(run(program, {"a": items})["y"], want)
    record = after.facts["passes"][0]
    assert record["evidence"]["level"] == "exhausted"
    assert record["facts"]["minimal_states"] == minimize(machine).states


def test_the_comparison_sees_one_wrong_answer() -> None:
    machine = random_machine(np.random.default_rng(3), 9, 2, 3)
    small = minimize(machine)
    wrong = small.answers.copy()
    wrong[-1, 1] = (wrong[-1, 1] + 1) % 3
    sides = [stream_of(m, "binary") for m in (machine, Machine(small.following, wrong, small.values))]
    symbols = all_symbols(sides[0].entry)
    with pytest.raises(circuitc.diagnostics.InternalError, match="answers another y"):
        compare_streams(*((m, m.entry, symbols) for m in sides), 1000)  # pyright: ignore[reportArgumentType]


def test_encodings_are_proved_equal() -> None:
    automaton = Automaton(("x", "y", "z"), ("a", "b", "c"), ((1, 0, 2), (2, 0, 0), (2, 2, 1)), frozenset({0, 1}))
    binary, one_hot = (automaton_module(automaton, "m", e) for e in ("binary", "one-hot"))
    assert circuitc.verify(binary, one_hot).evidence.level == "proved"
    other = automaton_module(Automaton(automaton.letters, automaton.states, automaton.transitions, frozenset({1})), "m")
    assert circuitc.verify(binary, other).status == "different"


@pytest.mark.parametrize("number", sorted(SMALLEST))
def test_trained_networks_are_tomitas_automata(number: int) -> None:
    """All words of up to 12 letters, by the grammar's definition; the network itself on all words of 10."""
    tomita = grammars()
    rule = tomita.GRAMMARS[number][1]
    network = circuitc.load(FOLDER / f"tomita{number}.json")
    found = extract(network, LETTERS, letters="01")
    assert found.automaton is not None
    assert len(found.automaton.states) == SMALLEST[number]
    assert found.pairs == found.explored.machine.states
    assert found.explored.seen == 2 * found.explored.machine.states
    assert [w for w in tomita.words(12) if found.automaton.accepts(w) != rule(w)] == []
    letters = np.arange(1024)[:, None] >> np.arange(10) & 1
    said = run(network, {"letter": np.eye(2, dtype=int)[letters]})["accept"]
    assert np.array_equal(said, run(found.module, {"letter": letters})["accept"])


@pytest.mark.parametrize("number", [2, 5, 7])
def test_networks_of_integers_are_the_same_automata(number: int) -> None:
    spoken = over_alphabet(circuitc.load(FOLDER / f"tomita{number}.json"), LETTERS)
    words = np.arange(256)[:, None] >> np.arange(8) & 1
    integers = run_passes(spoken, "quantize{sensitivity=false},clean,tabulate", calibration={"symbol": words})
    assert not any(n.type.is_float for n in integers.entry.body.nodes)  # pyright: ignore
    after = run_passes(integers, "extract-automaton")
    facts = after.facts["passes"][-1]["facts"]
    assert facts["minimal_states"] in (SMALLEST[number], SMALLEST[number] - 1)  # a Mealy machine may share the start
    assert np.array_equal(run(after, {"symbol": words})["accept"], run(integers, {"symbol": words})["accept"])


def test_words_alone_know_what_they_met() -> None:
    network = circuitc.load(FOLDER / "tomita5.json")
    some = extract(network, LETTERS, letters="01", words=[[0, 0], [1, 0, 1, 0]])
    assert some.pairs == 0
    assert some.explored.seen < 2 * some.explored.machine.states
    assert some.automaton is not None
    assert [some.automaton.accepts(w) for w in ("00", "1010", "0", "1111")] == [True, True, False, False]
    rng = np.random.default_rng(0)
    many = extract(network, LETTERS, letters="01", words=rng.integers(0, 2, (50, 20)).tolist())
    whole = extract(network, LETTERS, letters="01")
    assert many.automaton == whole.automaton  # enough words meet every transition


def test_a_stream_with_numbers_for_answers_and_too_many_states(tmp_path: Path) -> None:
    module = parse_module(COUNTER)
    found = extract(module)
    assert found.automaton is None
    assert (found.machine.states, found.pairs) == (16, 16)
    up = np.ones((1, 20), int)
    assert np.array_equal(run(found.module, {"letter": up})["y"], run(module, {"up": up})["y"])
    with pytest.raises(CircuitError, match="@count reaches more than 10 states"):
        extract(module, states=10)
    with pytest.raises(CircuitError, match="more than 10 states"):
        run_passes(module, "extract-automaton{states=10}")


@pytest.mark.parametrize(("text", "message"), [
    ("func @f(%x: u4) -> (%y: u4) once {\n return %x\n}", "runs once, an automaton is a stream"),
    ("func @f(%x: u13) -> (%y: u13) stream {\n return %x\n}", "13 bits, all symbols are tried up to 12 bits"),
    ("func @f(%x: f32) -> (%y: bit) stream {\n %y = lt %x, %x : bit\n return %y\n}", "takes floats"),
    ("func @f(%x: bit) -> (%y: f32) stream {\n %y = convert %x : f32\n return %y\n}", "is a float"),
    ("func @f(%x: bit) -> (%y: bit {rate=call}) stream {\n return %x\n}", "is that of the last step"),
    ("func @f(%x: bit, %z: bit {rate=call}) -> (%y: bit) stream {\n return %x\n}", "is held for the whole call"),
    ("func @f(%x: bit) -> (%y: bit) stream {\n reg %r : bit = free\n next %r = %x\n return %r\n}",
     "may begin with any value"),
])
def test_what_is_no_automaton_is_refused(text: str, message: str) -> None:
    module = parse_module(text)
    with pytest.raises(CircuitError, match=message):
        run_passes(module, "extract-automaton")


def test_symbols_that_no_state_tells_apart_are_one() -> None:
    module = parse_module("""
const #limit : u8 = 100
func @f(%x: u8) -> (%y: bit) stream {
  reg %r : bit = 0
  %big = lt #limit, %x : bit
  %n = xor %r, %big : bit
  next %r = %n
  return %n
}
""")
    after = run_passes(module, "extract-automaton")
    facts = after.facts["passes"][0]["facts"]
    assert (facts["symbols"], facts["minimal_symbols"], facts["minimal_states"]) == (256, 2, 2)
    x = np.random.default_rng(0).integers(0, 256, (5, 9))
    assert np.array_equal(run(after, {"x": x})["y"], run(module, {"x": x})["y"])


def load(folder: Path, model: dict[str, Any]) -> Module:
    (folder / "net.json").write_text(json.dumps(model))
    return circuitc.load(folder / "net.json")


def test_an_automaton_is_a_model(tmp_path: Path) -> None:
    module = load(tmp_path, MODEL)
    x = np.array([[0, 1, 0, 0], [1, 1, 1, 1]])
    assert run(module, {"letter": x})["accept"].tolist() == [[1, 1, 0, 1], [0, 0, 0, 0]]
    assert [str(r.type) for r in load(tmp_path, {**MODEL, "encoding": "one-hot"}).entry.registers] == ["bit[2]"]


@pytest.mark.parametrize(("change", "message"), [
    ({"states": ["p", "p"]}, "states: the name 'p' stands twice"),
    ({"states": [*map(str, range(65535)), "65534"]}, "states: the name '65534' stands twice"),
    ({"start": "r"}, "start: there is no state 'r'"),
    ({"states": [*map(str, range(40000))], "start": "0", "accepting": [], "transitions": [["0", "0"]] * 40000},
     "40000 states and 2 symbols make tables of 2**17 entries, more than 2**16 (help: fewer states or symbols"),
    ({"accepting": ["x"]}, "accepting: there is no state 'x'"),
    ({"transitions": [["q", "p"]]}, "2 states have 1 rows of transitions"),
    ({"transitions": [["q", "p"], ["q"]]}, "transitions[1]: 2 letters have 1 transitions"),
    ({"transitions": [["q", "p"], ["q", 3]]}, "transitions[1][1]"),
    ({"letters": []}, "letters"),
    ({"encoding": "gray"}, "encoding"),
])
def test_wrong_automata_are_told_in_a_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    with pytest.raises(CircuitError) as e:
        load(tmp_path, {**MODEL, **change})
    assert message in str(e.value)
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(("change", "message"), [
    ({"centroids": [[1.0, 2.0]]}, "centroids have shape [centroids, 12], got [1, 2]"),
    ({"start": 10}, "there is no centroid 10"),
    ({"returns": "last"}, "a network with centroids is a stream that answers every step"),
    ({"centroids": {"file": "no.npz", "array": "c"}}, "there is no file no.npz"),
])
def test_wrong_centroids_are_told_in_a_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    model = json.loads((FOLDER / "tomita1.json").read_text())
    (tmp_path / "tomita1.safetensors").write_bytes((FOLDER / "tomita1.safetensors").read_bytes())
    with pytest.raises(CircuitError) as e:
        load(tmp_path, {**model, **change})
    assert message in str(e.value)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    network = str(FOLDER / "tomita4.json")
    base = ["extract", network, "--alphabet", "one-hot", "--letters", "0,1"]
    assert command([*base, "-o", str(tmp_path / "dfa.json")]) == 0
    said = capsys.readouterr().out
    assert "9 states met over 2 symbols, 18 transitions (all); the smallest automaton has 4 states" in said
    assert "exhausted: the automaton answers every word as the network does (9 pairs" in said
    again = circuitc.load(tmp_path / "dfa.json")
    assert again.facts["automaton"]["states"] == 4
    np.savez(tmp_path / "ab.npz", letter=np.eye(2))
    assert command([*base[:2], "--alphabet", str(tmp_path / "ab.npz"), "-o", str(tmp_path / "dfa.ccir"),
                    "--encoding", "one-hot"]) == 0
    assert circuitc.verify(again, circuitc.load(tmp_path / "dfa.ccir")).evidence.level == "proved"
    (tmp_path / "words.txt").write_text("0 1 1\n0001\n")
    assert command([*base, "--words", str(tmp_path / "words.txt"), "-o", str(tmp_path / "dfa.dot")]) == 0
    assert "not checked: only the transitions that the words met are known" in capsys.readouterr().out
    assert (tmp_path / "dfa.dot").read_text().startswith("digraph automaton {")


@pytest.mark.parametrize(("more", "message"), [
    (["--alphabet", "one-hot", "-o", "x.nothing"], ".nothing"),
    (["--alphabet", "one-hot", "--letters", "a", "-o", "x.json"], "2 symbols need as many different names, got 1"),
    (["--alphabet", "one-hot", "--states", "3", "-o", "x.json"], "reaches more than 3 states"),
    (["--alphabet", "one-hot", "--words", "missing.txt", "-o", "x.json"], "--words needs the names"),
    (["--alphabet", "missing.npz", "-o", "x.json"], "missing.npz"),
])
def test_the_command_refuses(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
                             more: list[str], message: str) -> None:
    monkeypatch.chdir(tmp_path)
    status = command(["extract", str(FOLDER / "tomita4.json"), *more])
    assert status == 2
    assert message in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
