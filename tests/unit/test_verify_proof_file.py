"""Proof files: the clauses mean what the circuits mean, and a checker that is not ours accepts the refutation."""

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pysat.solvers import Solver

from circuitc.cli.entry import run
from circuitc.diagnostics import CircuitError
from circuitc.formats import write
from circuitc.ir import (
    BIT,
    Func,
    Module,
    Netlist,
    Port,
    aig,
    evaluate_words,
    module_of,
    parse_module,
    unpack_words,
)
from circuitc.ir.generate import random_netlist
from circuitc.passes import run_passes
from circuitc.proof import Proof, miter, refuse_unwritable, verify
from circuitc.proof.matching import lower, match
from circuitc.proof.miter import cnf_text
from circuitc.proof.network import PlainNetwork
from circuitc.proof.question import Question, ask_steps

dratify = pytest.importorskip("dratify", reason="the independent checker is not installed (pip install dratify)")
SEEDS = st.integers(0, 1 << 32)
ADDER = """ccir 1 "adder"
func @adder(%a: u8, %b: u8) -> (%s: u9) once {
  %s = add %a, %b : u9
  return %s
}
"""
SWAPPED = ADDER.replace("%a, %b : u9", "%b, %a : u9")
CLAMPED = ADDER.replace("%s = add %a, %b : u9", "%t = or %a, %b : u8\n  %s = convert %t : u9")


def module(netlist: Netlist) -> Module:
    ports = (Port("x", BIT.with_shape((netlist.inputs,))),), (Port("y", BIT.with_shape((len(netlist.outputs),))),)
    return module_of(Func("f", *ports, netlist))


def plain(first: Module, second: Module) -> Question:
    return ask_steps(lower(first), lower(second), match(first.entry, second.entry), (), PlainNetwork())


def accepted(proof: Proof | None) -> bool:
    assert proof is not None
    assert proof.steps.count(b"\n") == proof.lines
    result = dratify.check_proof(dratify.parse_dimacs(proof.cnf.decode()), proof.steps.decode())
    return result.ok and result.reached_empty


def read_dimacs(text: str) -> tuple[list[list[int]], list[int], list[tuple[int, int, int]]]:
    """Read clauses, the variables of inputs, and (first, second, difference) of each output, from the text alone."""
    lines = text.splitlines()
    clauses = [[int(w) for w in line.split()[:-1]] for line in lines if line[0] not in "cp"]
    inputs = [int(found[1]) for line in lines if (found := re.match(r"c input (\d+) ", line))]
    outputs = [(int(f[1]), int(f[2]), int(f[3])) for line in lines
               if (f := re.match(r"c output (-?\d+) (-?\d+) difference (\d+) ", line))]
    header = next(line for line in lines if line.startswith("p cnf"))
    assert header == f"p cnf {max(abs(x) for c in clauses for x in c)} {len(clauses)}"
    return clauses, inputs, outputs


def propagated(clauses: list[list[int]], given_: list[int]) -> set[int]:
    """Give all literals that follow from some by unit propagation; naive on purpose."""
    true = set(given_)
    while True:
        found: set[int] = set()
        for clause in clauses:
            if not any(x in true for x in clause):
                open_ = [x for x in clause if -x not in true]
                assert open_, "a clause is violated"
                if len(open_) == 1:
                    found.add(open_[0])
        if not found:
            return true
        true |= found


@settings(max_examples=25, deadline=None)
@given(SEEDS)
def test_propagation_through_the_clauses_computes_both_netlists(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = (random_netlist(rng, 6, int(rng.integers(1, 25)), 4) for _ in range(2))
    clauses, inputs, outputs = read_dimacs(cnf_text(plain(module(first), module(second))))
    words = rng.integers(0, 1 << 64, (6, 1), dtype=np.uint64)
    samples, ours, theirs = (unpack_words(w, 3) for w in
                             (words, evaluate_words(first, words), evaluate_words(second, words)))
    for k in range(3):
        setting = [v if samples[i, k] else -v for i, v in enumerate(inputs)]
        true = propagated(clauses[:-1], setting)  # all but "some output differs"
        for place, (a, b, difference) in enumerate(outputs):
            assert (a in true, -a in true) == (bool(ours[place, k]), not ours[place, k])
            assert (b in true, -b in true) == (bool(theirs[place, k]), not theirs[place, k])
            assert (difference in true) == (ours[place, k] != theirs[place, k])
    assert clauses[-1] == [difference for _, _, difference in outputs]


def mutated(netlist: Netlist, rng: np.random.Generator) -> Netlist:
    fanin = netlist.fanin.copy()
    fanin[rng.integers(len(fanin))] ^= 1
    return replace(netlist, fanin=fanin)


@settings(max_examples=30, deadline=None)
@given(SEEDS)
def test_another_solver_finds_the_clauses_unsatisfiable_exactly_where_a_proof_is_written(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = random_netlist(rng, int(rng.integers(1, 9)), int(rng.integers(1, 60)), int(rng.integers(1, 5)))
    second = mutated(first, rng) if len(first.fanin) and rng.integers(3) else run_passes(
        module(first), "lower-to-gates,to-aig,strash", check=None).entry.body
    verdict = verify(module(first), module(second), proof="p.drat")
    clauses, _, _ = read_dimacs(cnf_text(plain(module(first), module(second))))
    with Solver("cadical153", bootstrap_with=clauses) as solver:
        assert solver.solve() == (verdict.status == "different")
    if verdict.status == "different":
        assert (verdict.proof, verdict.no_proof) == (None, "the two sides differ")
    else:
        assert verdict.no_proof == ""
        assert accepted(verdict.proof)


def test_a_proof_that_takes_learning_is_accepted_and_a_spoiled_one_is_not() -> None:
    source = 'ccir 1 "m"\nfunc @m(%a: u6, %b: u6) -> (%p: u12) once {\n  %p = mul %a, %b : u12\n  return %p\n}\n'
    first, second = parse_module(source), parse_module(source.replace("%a, %b : u12", "%b, %a : u12"))
    verdict = verify(first, second, proof="p.drat")
    proof = verdict.proof
    assert proof is not None
    assert verdict.evidence.method == "sat"
    assert any(line.startswith("d ") for line in proof.steps.decode().splitlines()) or proof.lines > 300
    assert accepted(proof)
    wrong = read_dimacs(cnf_text(plain(first, parse_module(source.replace("mul %a, %b", "mul %a, %a")))))
    assert wrong[0] != read_dimacs(proof.cnf.decode())[0]
    text = cnf_text(plain(first, parse_module(source.replace("mul %a, %b", "mul %a, %a"))))
    assert not dratify.check_proof(dratify.parse_dimacs(text), proof.steps.decode()).ok
    lines = proof.steps.decode().splitlines()
    thinned = "\n".join([*lines[:len(lines) // 2:9], *lines[-3:]])
    assert not dratify.check_proof(dratify.parse_dimacs(proof.cnf.decode()), thinned).ok


def test_circuits_of_one_structure_still_have_a_proof() -> None:
    first = parse_module(ADDER)
    lowered = run_passes(first, "lower-to-gates", check=None)
    verdict = verify(first, lowered, proof="p.drat")
    assert verdict.evidence.method == "structural hashing"
    assert accepted(verdict.proof)
    assert accepted(verify(first, first, proof="p.drat").proof)


def test_constants_inputs_and_unused_inputs_can_be_outputs() -> None:
    none = np.zeros((0, 2), np.int64)
    first = aig(2, none, np.array([0, 1, 2, 5, 2]))
    trivial = aig(2, np.array([[0, 4], [2, 3], [4, 4]]), np.array([6, 9, 2, 11, 2]))
    for second in (first, trivial):
        assert accepted(verify(module(first), module(second), proof="p.drat").proof)


def test_names_stand_in_the_comments_and_stay_on_their_lines() -> None:
    text = verify(parse_module(ADDER), parse_module(SWAPPED), proof="p.drat").proof.cnf.decode()
    assert "c input 2 a[0]\n" in text
    assert re.search(r"^c output -?\d+ -?\d+ difference \d+ s\[8\]$", text, re.MULTILINE)
    strange = parse_module(ADDER)
    func = strange.entry
    named = strange.with_func(replace(func, inputs=(Port("a\np cnf 1 1", func.inputs[0].type), func.inputs[1])))
    proof = verify(named, named, proof="p.drat").proof
    assert b"c input 2 a?p cnf 1 1[0]\n" in proof.cnf
    assert accepted(proof)


def test_too_many_lines_or_too_little_time_is_no_proof_and_the_same_verdict(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = parse_module(ADDER), parse_module(SWAPPED)
    wanted = verify(first, second)
    question = plain(first, second)
    whole, _ = miter.refutation(question, "p", 60)
    assert whole is not None
    assert miter.refutation(question, "p", 60, limit=whole.lines)[0] == whole
    found, why = miter.refutation(question, "p", 60, limit=whole.lines - 1)
    assert (found, why) == (None, f"it would have more than {whole.lines - 1} lines")
    assert miter.refutation(question, "p", -1)[0] in (None, whole)
    monkeypatch.setattr(miter, "MAX_PROOF_LINES", 10)
    verdict = verify(first, second, proof="p.drat")
    assert (verdict.status, verdict.evidence) == (wanted.status, wanted.evidence)
    assert verdict.no_proof == "it would have more than 10 lines"
    assert verdict.as_json()["proof"] is None


@pytest.fixture
def files(tmp_path: Path) -> Path:
    for name, text in (("adder", ADDER), ("swapped", SWAPPED), ("clamped", CLAMPED)):
        (tmp_path / f"{name}.ccir").write_text(text)
    return tmp_path


def test_verify_writes_both_files_and_names_them(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b, out = files / "adder.ccir", files / "swapped.ccir", files / "out.drat"
    assert run(["verify", str(a), str(b), "--proof", str(out), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)["proof"]
    cnf = files / "out.drat.cnf"
    assert said["file"] == "out.drat"
    assert said["format"] == "DRUP"
    assert said["cnf"] == "out.drat.cnf"
    assert said["sha256"] == hashlib.sha256(out.read_bytes()).hexdigest()
    assert said["cnf_sha256"] == hashlib.sha256(cnf.read_bytes()).hexdigest()
    assert dratify.check_proof(dratify.parse_dimacs(cnf.read_text()), out.read_text()).ok
    before = out.read_bytes(), cnf.read_bytes()
    assert run(["verify", str(a), str(b), "--proof", str(out)]) == 0
    assert f"proof: out.drat (DRUP, {said['lines']} lines) refutes out.drat.cnf" in capsys.readouterr().out
    assert (out.read_bytes(), cnf.read_bytes()) == before
    assert not [p for p in files.iterdir() if p.name.endswith(".partial")]


def test_no_proof_leaves_what_was_there_and_says_why(
        files: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    out = files / "out.drat"
    out.write_text("older")
    assert run(["verify", str(files / "adder.ccir"), str(files / "clamped.ccir"), "--proof", str(out)]) == 1
    assert "no proof file: the two sides differ" in capsys.readouterr().out
    monkeypatch.setattr(miter, "MAX_PROOF_LINES", 10)
    assert run(["verify", str(files / "adder.ccir"), str(files / "swapped.ccir"), "--proof", str(out)]) == 3
    said = capsys.readouterr().out
    assert "equal (proved" in said
    assert "no proof file: it would have more than 10 lines" in said
    assert run(["verify", str(files / "adder.ccir"), str(files / "swapped.ccir"), "--proof", str(out),
                "--method", "random"]) == 3
    assert "no proof file: they were not found to be equal" in capsys.readouterr().out
    assert out.read_text() == "older"
    assert not (files / "out.drat.cnf").exists()


def test_a_path_that_cannot_be_written_is_refused_before_anything_is_read(
        files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "taken.drat.cnf").mkdir()
    for path, fact in ((files / "no" / "p.drat", "there is no folder"), (files, "is a directory"),
                       (files / "taken.drat", "taken.drat.cnf: is a directory"),
                       (files / "adder.ccir" / "p", "there is no folder")):
        for command in (["verify", "absent.ccir", "absent.ccir"], ["compile", "absent.ccir", "--prove"]):
            assert run([*command, "--proof", str(path)]) == 2
            said = capsys.readouterr().err
            assert fact in said
            assert said.count("\n") == 1
    with pytest.raises(CircuitError, match="not a file name"):
        refuse_unwritable(files / "a\nb")


def test_compile_puts_the_proof_into_the_certificate(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for target in ("verilog", "aiger"):
        out = files / f"build-{target}"
        command = ["compile", str(files / "adder.ccir"), "--target", target, "-o", str(out), "--prove",
                   "--proof", str(files / f"{target}.drat"),
                   *(["--passes", "lower-to-gates"] if target == "aiger" else [])]
        contents = []
        for _ in range(2):
            assert run(command) == 0
            assert f"proof: {target}.drat" in capsys.readouterr().out
            names = (files / f"{target}.drat", files / f"{target}.drat.cnf", out / "certificate.json")
            contents.append([p.read_bytes() for p in names])
        assert contents[0] == contents[1]
        steps, cnf, certificate = contents[0]
        said = json.loads(certificate)["claims"][0]["proof"]
        assert said["sha256"] == hashlib.sha256(steps).hexdigest()
        assert said["cnf_sha256"] == hashlib.sha256(cnf).hexdigest()
        assert dratify.check_proof(dratify.parse_dimacs(cnf.decode()), steps.decode()).ok


def test_compile_without_a_proof_says_so_with_status_3_and_still_builds(
        files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, proof = files / "build", files / "p.drat"
    arguments = ["compile", str(files / "adder.ccir"), "-o", str(out), "--proof", str(proof)]
    assert run(arguments) == 2
    assert "a proof file needs something that is proved (help: add --prove" in capsys.readouterr().err
    assert not out.exists()
    assert run([*arguments, "--prove", "--target", "llvm"]) == 3
    assert "no proof file: nothing was compared gate by gate" in capsys.readouterr().out
    assert (out / "certificate.json").exists()
    assert not proof.exists()


def test_a_proof_may_lie_in_the_folder_of_the_build(files: Path) -> None:
    out = files / "build"
    command = ["compile", str(files / "adder.ccir"), "-o", str(out), "--prove", "--proof", str(out / "p.drat")]
    assert run(command) == 0
    assert run(command) == 0
    assert {"p.drat", "p.drat.cnf", "certificate.json"} <= {p.name for p in out.iterdir()}


def test_what_a_refutation_needs_is_written_for_any_writer(files: Path) -> None:
    """A file read by another reader has gates in another order; the proof spans them."""
    lowered = run_passes(parse_module(ADDER), "lower-to-gates,to-aig,strash", check=None)
    write(lowered, files / "a.aig")
    write(lowered, files / "a.bench")
    assert run(["verify", str(files / "a.aig"), str(files / "a.bench"), "--proof", str(files / "p")]) == 0
    assert dratify.check_proof(dratify.parse_dimacs((files / "p.cnf").read_text()), (files / "p").read_text()).ok
