"""Proofs on real circuits: EPFL benchmarks against rewritten copies, their emitted Verilog and AIGER, and mutants."""

import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pysat.solvers import Solver

from circuitc.backends.verilog import VERILOG
from circuitc.diagnostics import CircuitError
from circuitc.formats import load, write
from circuitc.ir import Builder, Func, Module, Port, module_of, parse_type
from circuitc.passes import run_passes
from circuitc.proof import verify, verify_emitted, verify_emitted_aiger
from circuitc.tools import find_tool, run_tool

EPFL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "epfl"
SMALL = ("adder", "bar", "ctrl", "dec", "i2c", "int2float", "max", "router")
LARGE = ("multiplier", "sin", "square", "voter")
RESYN2 = "balance; rewrite; refactor; balance; rewrite; rewrite -z; balance; refactor -z; rewrite -z; balance"


def circuit(name: str) -> Module:
    if not EPFL.is_dir():
        pytest.skip("the EPFL circuits are not beside the checkout")
    return load(EPFL / f"{name}.aig")


def rewritten(name: str, folder: Path) -> Module:
    """Let ABC restructure a circuit."""
    abc = find_tool("yosys-abc")
    if abc is None:
        pytest.skip("pyosys is not installed")
    script = f"read {EPFL / f'{name}.aig'}; strash; {RESYN2}; write out.aig"
    run_tool([str(abc), "-q", script], folder=folder, seconds=120)
    return load(folder / "out.aig")


@pytest.mark.parametrize("name", [*SMALL, *LARGE])
def test_epfl_circuits_equal_their_rewritten_copies(name: str, tmp_path: Path) -> None:
    first, second = circuit(name), rewritten(name, tmp_path)
    verdict = verify(first, second, seconds=120)
    assert (verdict.status, verdict.evidence.level) == ("equal", "proved")


@pytest.mark.parametrize("name", ["ctrl", "i2c", "max", "square"])
def test_each_line_of_a_proof_file_follows_by_the_propagation_of_another_solver(name: str, tmp_path: Path) -> None:
    proof = verify(circuit(name), rewritten(name, tmp_path), "sat", seconds=120, proof="p.drat").proof
    assert proof is not None
    rows = [line for line in proof.cnf.decode().splitlines() if line[0] not in "cp"]
    with Solver("minisat22", bootstrap_with=[[int(w) for w in row.split()[:-1]] for row in rows]) as solver:
        for line in proof.steps.decode().splitlines():
            if line.startswith("d "):
                continue
            clause = [int(w) for w in line.split()[:-1]]
            consistent, _ = solver.propagate(assumptions=[-x for x in clause])
            assert not consistent, line
            if clause:
                solver.add_clause(clause)
    assert proof.steps.endswith(b"\n0\n")


@pytest.mark.parametrize("name", SMALL)
def test_a_rewritten_copy_with_one_wire_inverted_is_refuted(name: str, tmp_path: Path) -> None:
    from dataclasses import replace
    first, second = circuit(name), rewritten(name, tmp_path)
    func = second.entry
    rng = np.random.default_rng(len(name))
    for _ in range(3):
        fanin = func.body.fanin.copy()
        fanin[rng.integers(len(fanin))] ^= 1
        wrong = second.with_func(func.with_body(replace(func.body, fanin=fanin)))
        verdict = verify(first, wrong, seconds=60)
        redundant = verify(first, wrong, "abc", seconds=60).status == "equal"
        assert verdict.status == ("equal" if redundant else "different")


@pytest.mark.parametrize("name", ["adder", "ctrl", "max", "sin"])
def test_emitted_files_are_read_back_and_proved(name: str, tmp_path: Path) -> None:
    module = circuit(name)
    emission = VERILOG.emit(VERILOG.build(module, {"vectors": "0"}))
    verdict = verify_emitted(module, emission.files[emission.main].decode(), emission.ports)
    assert (verdict.status, verdict.evidence.level) == ("equal", "proved")
    write(module, tmp_path / "out.aig")
    verdict = verify_emitted_aiger(module, (tmp_path / "out.aig").read_bytes())
    assert (verdict.status, verdict.evidence.level) == ("equal", "proved")


def test_passes_are_proved_on_a_real_circuit() -> None:
    module = circuit("i2c")
    assert verify(module, run_passes(module, "strash,sweep-dead", check=None)).status == "equal"


MUTANTS = 200   # that are functions
LOOPS = 30      # more are drawn for those that close a loop: they compute nothing, and Icarus would not end
REFUSED = re.compile(r"refused: (input|output) \w has|refused: .*packed dimension"
                     r"|refused: .*(more than one driver|also driven inside)")  # another interface is no equal
CLASSES = ("0123456789", "&|^~+-*", "xyp", "01234567xyp[]()~&|^+-=:,;n ")  # edits within a class parse more often


def multiplier() -> Module:
    b = Builder()
    x, y = b.input("x", parse_type("u3")), b.input("y", parse_type("u3"))
    product = b.apply("mul", x, y)
    ports = Port("x", parse_type("u3")), Port("y", parse_type("u3"))
    func = Func("mul", ports, (Port("p", b.type(product)),), b.finish([product]))
    return run_passes(module_of(func), "lower-to-gates,sweep-dead")


def mutants(text: str, folder: Path) -> list[str]:
    """Draw texts that differ from this one in one character and that Icarus still reads."""
    rng = np.random.default_rng(7)
    comment = np.zeros(len(text), bool)
    for match in re.finditer(r"//.*|/\*.*?\*/", text):
        comment[match.start():match.end()] = rng.random() < 0.9  # a few comments stay in
    places = np.flatnonzero(~comment)
    found: dict[str, None] = {}

    def parses(number: int, changed: str) -> bool:
        (folder / f"{number}.v").write_text(changed)
        return subprocess.run(["iverilog", "-g2005", "-t", "null", "-s", "mul", f"{number}.v"], cwd=folder,
                              capture_output=True, check=False).returncode == 0

    with ThreadPoolExecutor(2) as pool:
        for _ in range(40):
            drawn = [(at, edit(text[at], rng)) for at in rng.choice(places, 64).tolist()]
            changed = [text[:at] + c + text[at + 1:] for at, c in drawn if text[at] != c]
            read = pool.map(parses, range(len(changed)), changed)
            found |= dict.fromkeys(t for t, ok in zip(changed, read, strict=True) if ok and "module mul (" in t)
            if len(found) >= MUTANTS + LOOPS:
                break
    return list(found)


def edit(character: str, rng: np.random.Generator) -> str:
    """Draw a character to put in the place of another, mostly one of its own class."""
    own = [c for c in CLASSES if character in c] or [CLASSES[-1]]
    pool = own[0] if rng.random() < 0.8 else CLASSES[-1]
    return pool[rng.integers(len(pool))]


def renamed(text: str, name: str) -> str:
    return text.replace("module mul (", f"module {name} (")


def outputs_in_icarus(texts: list[str], folder: Path) -> list[list[str]]:
    """Give each mutant's output for all 64 inputs, as Icarus prints it: one compile for all of them."""
    lines = ["module bench;", "  reg [5:0] i;", "  integer k;"]
    lines += [f"  wire [5:0] p{n}; m{n} d{n}(.x(i[2:0]), .y(i[5:3]), .p(p{n}));" for n in range(len(texts))]
    shown = ", ".join(f"p{n}" for n in range(len(texts)))
    lines += ["  initial for (k = 0; k < 64; k = k + 1) begin", "    i = k; #1;",
              f'    $display("{" ".join(["%b"] * len(texts))}", {shown});', "  end", "endmodule"]
    (folder / "all.v").write_text("\n".join([*(renamed(t, f"m{n}") for n, t in enumerate(texts)), *lines]))
    for command in (["iverilog", "-g2005", "-o", "all.vvp", "-s", "bench", "all.v"], ["vvp", "-n", "all.vvp"]):
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    rows = [line.split() for line in done.stdout.splitlines() if len(line.split()) == len(texts)]
    assert len(rows) == 64
    return [[row[n] for row in rows] for n in range(len(texts))]


def test_one_character_edits_are_refuted_exactly_where_they_change_the_function(tmp_path: Path) -> None:
    if shutil.which("iverilog") is None:
        pytest.skip("Icarus Verilog is not installed")
    module = multiplier()
    emission = VERILOG.emit(VERILOG.build(module, {"vectors": "0"}))
    text = emission.files[emission.main].decode()
    texts = mutants(text, tmp_path)
    right = [f"{(i & 7) * (i >> 3):06b}" for i in range(64)]
    assert outputs_in_icarus([text], tmp_path)[0] == right

    def verdict(changed: str) -> str:
        try:
            return verify_emitted(module, changed, emission.ports, seconds=30).status
        except CircuitError as e:  # a port of other width, or what Yosys does not read
            return f"refused: {e}"

    with ThreadPoolExecutor(2) as pool:
        said = dict(zip(texts, pool.map(verdict, texts), strict=True))
    texts = [t for t in texts if "combinational logic loop" not in said[t]][:MUTANTS]
    assert len(texts) == MUTANTS
    answers = outputs_in_icarus(texts, tmp_path)
    wrong: list[tuple[str, str, str]] = []
    for changed, answer in zip(texts, answers, strict=True):
        expected, status = "equal" if answer == right else "different", said[changed]
        if status != expected and not REFUSED.search(status):
            wrong.append((expected, status, difference(text, changed)))
    assert not wrong
    assert 20 < sum(a == right for a in answers) < 180
    assert sum("refused" in said[t] for t in texts) < 20


def difference(text: str, changed: str) -> str:
    at = next(k for k in range(len(text)) if text[k] != changed[k])
    return f"{text[at - 20:at + 20]!r} -> {changed[at - 20:at + 20]!r}"
