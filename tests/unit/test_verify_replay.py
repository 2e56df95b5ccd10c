"""Mutants are refuted exactly where they differ, and what is shown can be run again, by hand, on both models."""

import importlib.util
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from circuitc.cli.entry import run
from circuitc.formats import load, write
from circuitc.ir import BIT, Func, Module, Netlist, NetlistBuilder, Port, evaluate_words, module_of
from circuitc.ir.generate import random_netlist
from circuitc.passes import run_passes
from circuitc.proof import verify

ROOT = Path(__file__).resolve().parents[2]
PROGRAMS = {
    "unsigned": "func @f(%a: u6, %b: u6) -> (%s: u7) once {\n  %s = add %a, %b : u7\n  return %s\n}\n",
    "signed": "func @f(%a: i5, %b: i5) -> (%s: i6) once {\n  %s = sub %a, %b : i6\n  return %s\n}\n",
}


def mutants():
    """Load the benchmark's own code, so that the test and the figures are of one thing."""
    spec = importlib.util.spec_from_file_location("mutants", ROOT / "benchmarks" / "mutants.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def adder(bits: int) -> Netlist:
    b, carry, outputs = NetlistBuilder(2 * bits), 0, []
    for k in range(bits):
        x, y = b.input(k), b.input(bits + k)
        outputs.append(b.xor(b.xor(x, y), carry))
        carry = b.maj(x, y, carry)
    return b.finish([*outputs, carry])


def as_module(netlist: Netlist) -> Module:
    ports = (Port("x", BIT.with_shape((netlist.inputs,))),), (Port("y", BIT.with_shape((len(netlist.outputs),))),)
    return module_of(Func("f", *ports, netlist))


@pytest.mark.parametrize("seed", range(4))
def test_sixteen_mutants_are_refuted_where_they_differ_and_nowhere_else(seed: int, tmp_path: Path) -> None:
    tools, rng = mutants(), np.random.default_rng(seed)
    module = as_module(adder(4) if seed == 0 else random_netlist(rng, 4 + 2 * seed, 60, 4))
    answers = []
    for _ in range(16):
        _, changed = tools.mutant(module.entry.body, rng)
        truth = tools.really_equal(module.entry.body, changed, (tmp_path / "a", tmp_path / "b"))
        verdict = verify(module, as_module(changed), "sat")
        assert verdict.status == ("equal" if truth else "different")
        if verdict.counterexample is not None:
            assert tools.differs_on(verdict.counterexample, module, changed)
        answers.append(truth)
    assert not all(answers)


def test_each_kind_of_mutant_computes_what_its_name_says() -> None:
    tools, rng = mutants(), np.random.default_rng(5)
    b = NetlistBuilder(2)
    netlist = b.finish([b.and_(b.input(0), b.input(1))])
    words = np.array([[0b0101], [0b0011]], np.uint64)
    seen = {what: set() for what in ("inverted", "rewired", "and to or", "stuck")}
    for _ in range(200):
        what, changed = tools.mutant(netlist, rng)
        seen[what].add(int(evaluate_words(changed, words)[0, 0]) & 0b1111)
    assert seen["inverted"] == {0b0010, 0b0100}
    assert seen["and to or"] == {0b0111}
    assert seen["stuck"] == {0b0000, 0b1111}
    assert seen["rewired"] >= {0b0000, 0b0101}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_counterexample_runs_again_through_the_command_on_both_models(
        name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = f'ccir 1 "f"\n{PROGRAMS[name]}'
    body = re.search(r"%s = (add|sub) %a, %b : (\w\d)", text)
    assert body is not None
    wrong = text.replace(body[0], f"%t = {body[1]} %a, %b : {body[2]}\n  %u = {body[1]} %b, %b : {body[2]}\n"
                                  "  %c = eq %a, %b\n  %s = select %c, %t, %u")
    paths = tmp_path / "a.ccir", tmp_path / "b.ccir"
    for path, content in zip(paths, (text, wrong), strict=True):
        path.write_text(content)
    example, wave = tmp_path / "c.npz", tmp_path / "c.vcd"
    assert run(["verify", str(paths[0]), str(paths[1]), "--json", "--counterexample", str(example),
                "--vcd", str(wave)]) == 1
    shown = json.loads(capsys.readouterr().out)["counterexample"]
    answers = []
    for path in paths:
        out = tmp_path / f"{path.stem}.npz"
        assert run(["run", str(path), "--inputs", str(example), "-o", str(out)]) == 0
        answers.append(np.load(out)["s"].tolist())
    assert answers == [[shown["first"]["s"]], [shown["second"]["s"]]]
    assert answers[0] != answers[1]
    assert wave_values(wave.read_text(), "s") == [value & 0b1111111 if name == "unsigned" else value & 0b111111
                                                  for (value,) in answers]


def wave_values(text: str, signal: str) -> list[int]:
    """Read the values of a signal of both sides from a waveform."""
    codes = re.findall(rf"\$var wire \d+ (\S+) {signal} \$end", text)
    return [int(re.search(rf"^b([01]+) {re.escape(code)}$", text, re.MULTILINE)[1], 2) for code in codes]


def test_counterexamples_of_spins_and_gates_are_written_as_the_command_reads_them(tmp_path: Path) -> None:
    example = ROOT / "examples" / "01_btf_multiplier" / "model.json"
    gates = tmp_path / "gates.aig"
    final = run_passes(load(example), "snap-thresholds{evidence=reachable},lower-to-gates,to-aig", check=None)
    body = final.entry.body
    outputs = body.outputs.copy()
    outputs[1] ^= 1
    write(final.with_func(final.entry.with_body(replace(body, outputs=outputs))), gates)
    inputs = tmp_path / "c.npz"
    assert run(["verify", str(gates), str(gates), "--counterexample", str(inputs)]) == 0
    assert not inputs.exists()
    status = run(["verify", str(example), str(gates), "--counterexample", str(inputs)])
    assert status == 1
    assert run(["run", str(example), "--inputs", str(inputs), "-o", str(tmp_path / "o.npz")]) == 0


def test_paths_of_counterexamples_are_looked_at_first(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for option in ("--vcd", "--counterexample"):
        assert run(["verify", "absent", "absent", option, str(tmp_path / "no" / "file")]) == 2
        assert "there is no folder" in capsys.readouterr().err
