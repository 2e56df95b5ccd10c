"""Logic passes: they keep the function, the names of ports and registers, and answer the same object for a no-op."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import circuitc.passes.abc.exchange as exchange
import circuitc.tools as tools
from circuitc.diagnostics import CircuitError, InternalError
from circuitc.driver import compile
from circuitc.formats import load
from circuitc.ir import (
    BIT,
    Func,
    Kind,
    Module,
    Netlist,
    NetlistBuilder,
    Port,
    evaluate_words,
    module_of,
    parse_module,
    print_module,
)
from circuitc.ir.generate import random_netlist
from circuitc.passes import NAMED, check_exact, parse_pipeline, run_passes
from circuitc.passes.abc import ALIASES, check_same, read_script
from circuitc.passes.abc.aiger import decode, encode
from circuitc.passes.abc.blif import read_luts, truth_table
from circuitc.passes.abc.check import all_patterns
from circuitc.passes.thresholds.tables import table_of, threshold_of
from circuitc.proof import prove_exact, verify

EPFL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "epfl"
needs_abc = pytest.mark.skipif(tools.find_tool("yosys-abc") is None, reason="yosys-abc is not installed")
needs_epfl = pytest.mark.skipif(not EPFL.is_dir(), reason="the EPFL circuits are not here")

PASSES = ("balance", "rewrite", "rewrite{zero=true}", "refactor", "refactor{zero=true}", "resubstitute{cut=10,add=2}",
          "sat-sweep", "deep-synthesis{rounds=1}", 'abc{script="resyn2; dc2"}', "map-luts{k=3,effort=fast}",
          "map-luts{k=5}", "map-luts{effort=best}", "xor-maj", "map-luts{k=4},detect-thresholds", "logic-fast")


def module(netlist: Netlist) -> Module:
    """Put a netlist behind two input ports and two output ports."""
    cut, out = netlist.inputs // 2, len(netlist.outputs) // 2
    inputs = (Port("left", BIT.with_shape((cut,))), Port("right", BIT.with_shape((netlist.inputs - cut,))))
    outputs = (Port("low", BIT.with_shape((out,))), Port("high", BIT.with_shape((len(netlist.outputs) - out,))))
    return module_of(Func("main", inputs, outputs, netlist))


def body(m: Module) -> Netlist:
    assert isinstance(m.entry.body, Netlist)
    return m.entry.body


@needs_abc
@pytest.mark.parametrize("text", PASSES)
@pytest.mark.parametrize("kinds", [(Kind.AND,), (Kind.AND, Kind.XOR, Kind.MAJ, Kind.LUT, Kind.THRESHOLD)],
                         ids=["ands", "all"])
def test_random_netlists_keep_their_function(text: str, kinds: tuple[Kind, ...]) -> None:
    for seed, gates in ((1, 0), (2, 3), (4, 150)):
        before = module(random_netlist(np.random.default_rng(seed), 10, gates, 6, kinds))
        after = run_passes(before, text)
        assert (after.entry.inputs, after.entry.outputs) == (before.entry.inputs, before.entry.outputs)
        words = all_patterns(10)
        assert np.array_equal(evaluate_words(body(before), words), evaluate_words(body(after), words))


@needs_abc
@needs_epfl
@pytest.mark.parametrize("name", ["ctrl", "router", "int2float", "dec", "i2c"])
def test_circuits_keep_their_meaning_and_names(name: str) -> None:
    before = load(EPFL / f"{name}.aig")
    text = "balance,rewrite,refactor,resubstitute,sat-sweep,xor-maj,map-luts,detect-thresholds"
    after = run_passes(before, text)
    assert (after.entry.inputs, after.entry.outputs) == (before.entry.inputs, before.entry.outputs)
    assert verify(before, after, seconds=30).status == "equal"


@needs_abc
@needs_epfl
def test_no_more_gates_than_resyn2_twice_and_no_more_tables_than_the_usual_rounds() -> None:
    before = load(EPFL / "int2float.aig")
    best, usual = run_passes(before, "logic-best"), run_passes(before, 'strash,abc{script="resyn2; resyn2"}')
    assert body(best).gates < body(usual).gates
    rounds = "; ".join(["strash; dch; if -a -K 6; mfs2 -a -e"] * 3)
    tables = exchange.run_to_luts(body(before), f"{ALIASES['resyn2']}; {rounds}", 60)
    assert body(run_passes(before, "luts-best")).gates <= tables.gates
    assert verify(before, best, seconds=30).status == "equal"


REGISTERS = """func @count(%step: bit) -> (%carry: bit, %state: bit[2]) stream {
  reg %low: bit = 1
  reg %high: bit = free
  netlist {
    and 2 4
    and 3 5
    and 9 11
    and 8 6
    and 9 7
    and 13 15
    and 14 1
    outputs 14 4 6 12 17
    name 4 "both"
  }
}"""


@needs_abc
@pytest.mark.parametrize("text", ["logic-best", "luts-best", "xor-maj", 'abc{script="resyn2"}'])
def test_registers_and_ports_stay(text: str) -> None:
    before = parse_module(REGISTERS)
    after = run_passes(before, text, check=prove_exact)
    a, b = before.entry, after.entry
    assert (a.inputs, a.outputs, a.registers, a.schedule) == (b.inputs, b.outputs, b.registers, b.schedule)
    changed = [p["evidence"]["level"] for p in after.facts["passes"] if p["changed"]]
    assert changed
    assert set(changed) == {"proved"}


@needs_abc
def test_a_gate_that_stays_keeps_its_name() -> None:
    b = NetlistBuilder(4)
    both = b.and_(b.input(0), b.input(1))
    twice = b.and_(b.and_(b.input(2), b.input(3)), b.input(2) ^ 1)  # always 0
    b.name(both, "both")
    b.name(twice, "never")
    before = module(b.finish([both, b.or_(both, twice)]))
    after = body(run_passes(before, "sat-sweep"))
    assert dict(after.names) == {5: "both"}
    assert after.gates == 1


@needs_abc
@pytest.mark.parametrize("text", PASSES)
def test_what_cannot_be_better_stays_the_same_object(text: str) -> None:
    graph = parse_module("func @main(%x: u8) -> (%y: u8) once {\n return %x\n}")
    assert run_passes(graph, text).funcs["main"] is graph.funcs["main"]
    b = NetlistBuilder(3)
    small = module(b.finish([b.input(0), 1, b.input(2) ^ 1, 0]))
    assert run_passes(small, text).entry is small.entry
    if "lut" not in text:
        b = NetlistBuilder(3)
        one = module(b.finish([b.and_(b.input(0), b.input(2) ^ 1), 0]))
        assert run_passes(one, text).entry is one.entry


@needs_abc
def test_a_mapped_netlist_stays_where_mapping_again_is_no_better() -> None:
    before = module(random_netlist(np.random.default_rng(5), 8, 80, 4, (Kind.AND,)))
    once = run_passes(before, "map-luts{k=4}")
    again = run_passes(once, "map-luts{k=4}")
    assert body(again).gates <= body(once).gates
    assert run_passes(again, "map-luts{k=4,effort=fast}").entry is again.entry


@pytest.mark.parametrize("script", [
    "!ls", "source x", "read_aiger /etc/passwd", "write_aiger out", "balance > x", "balance; !sh", "&syn2 -h",
    "rewrite\n!ls", "write /tmp/x", "print_stats", "set history 1", "quit", "&write x", "&read x", "if -S 66",
    "balance #x", "cec a b", "balance /tmp/x", "&deepsyn -T 5", "strash x.aig", "load", "save", "alias a b",
    "&get x", "if -K 1234567890123", "dsat", "zeropo", "scorr", "collapse a", "&ps -D file", "\\;ls", "`ls`", "$(ls)",
    "balance -h"])
def test_hostile_scripts_are_refused(script: str) -> None:
    with pytest.raises(CircuitError, match=r"abc: '?.* may (not )?hold|abc: .*more than"):
        read_script(script)


def test_a_script_error_points_at_the_pipeline() -> None:
    with pytest.raises(CircuitError) as caught:
        parse_pipeline('abc{script="balence"}')
    assert str(caught.value) == ("pipeline:1:1: abc: 'balence' is not among the commands that a script may hold "
                                 "(help: did you mean balance?)")
    with pytest.raises(CircuitError, match="the script holds no command"):
        read_script(" ; ")
    with pytest.raises(CircuitError, match="more than 500"):
        read_script("balance;" * 501)


@pytest.mark.parametrize(("text", "says"), [
    ("map-luts{k=9}", "k is 3 to 8, got 9 .*look-up tables of the IR have at most 8 inputs"),
    ("map-luts{k=2}", "k is 3 to 8, got 2"),
    ("resubstitute{cut=17}", "cut is 4 to 16"),
    ("resubstitute{add=4}", "add is 0 to 3"),
    ("sat-sweep{conflicts=0}", "conflicts is 1"),
    ("deep-synthesis{rounds=0}", "rounds is 1 to 100"),
    ("abc{script=balance,seconds=0}", "seconds is 1"),
    ("abc", "abc needs the option script")])
def test_options_out_of_range_are_refused(text: str, says: str) -> None:
    with pytest.raises(CircuitError, match=says):
        parse_pipeline(text)


def test_without_abc_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools, "find_tool", lambda name: None)
    b = NetlistBuilder(2)
    before = module(b.finish([b.and_(b.input(0), b.input(1)), 0]))
    with pytest.raises(CircuitError, match=r"yosys-abc is needed to optimize logic .* \(help: install it with: pip "):
        run_passes(before, "balance")


@needs_abc
@pytest.mark.parametrize(("script", "says"), [
    ("mfs2", "abc stopped in the script `mfs2`: Error: This command can only be applied to a logic network"),
    ("resub -K 99", "4 <= K <= 16"), ("balance; &put", "Empty network")])
def test_a_command_that_fails_says_why(script: str, says: str) -> None:
    before = module(random_netlist(np.random.default_rng(6), 10, 300, 6, (Kind.AND,)))
    with pytest.raises(CircuitError, match=says):
        run_passes(before, f'abc{{script="{script}"}}')


@needs_abc
def test_a_script_that_takes_too_long_is_ended() -> None:
    before = module(random_netlist(np.random.default_rng(6), 10, 300, 6, (Kind.AND,)))
    with pytest.raises(CircuitError, match="yosys-abc did not finish within 1 s"):
        run_passes(before, 'abc{script="&get; &deepsyn; &put",seconds=1}')  # without -J it never ends


@pytest.mark.parametrize("inputs", [5, 40])
def test_a_broken_answer_is_caught(inputs: int, monkeypatch: pytest.MonkeyPatch) -> None:
    before = module(random_netlist(np.random.default_rng(7), inputs, 90, 6, (Kind.AND,)))

    def wrong(netlist: Netlist, script: str, seconds: float) -> Netlist:
        b = NetlistBuilder(netlist.inputs)
        return b.finish([*netlist.outputs[:-1] & 1, b.and_(b.input(0), b.input(1))])

    monkeypatch.setattr(exchange, "run_to_ands", wrong)
    with pytest.raises(InternalError, match="ABC's rewrite changed output bit") as caught:
        run_passes(before, "rewrite", check=None)
    assert "func @main" in caught.value.__notes__[0]


def test_a_single_wrong_row_is_caught_where_all_are_tried() -> None:
    b = NetlistBuilder(16)
    every = b.input(0)
    for k in range(1, 16):
        every = b.and_(every, b.input(k))
    before, after = b.finish([every]), NetlistBuilder(16).finish([0])
    with pytest.raises(InternalError, match="changed output bit 0 for the inputs 1111111111111111"):
        check_same(before, after, "a test")
    assert check_same(before, before, "a test") == {"level": "exhausted", "vectors": 1 << 16}


def test_the_proof_finds_what_vectors_do_not() -> None:
    b = NetlistBuilder(40)
    every = b.input(0)
    for k in range(1, 40):
        every = b.and_(every, b.input(k) ^ k % 2)
    before, after = module(b.finish([every, 0])), module(NetlistBuilder(40).finish([0, 0]))
    assert check_exact(before, after)["level"] == "simulated"
    with pytest.raises(InternalError, match="changed the meaning of @main"):
        prove_exact(before, after)
    same = prove_exact(before, module(b.finish([every, 0])))
    assert same["level"] == "proved"


def test_aiger_and_blif_of_abc() -> None:
    netlist = random_netlist(np.random.default_rng(8), 5, 700, 4, (Kind.AND,))
    back = decode(encode(netlist))
    words = all_patterns(5)
    assert np.array_equal(evaluate_words(back, words), evaluate_words(netlist, words))
    assert truth_table(3, ["1-0 1", "011 1"]) == 0b01001010
    assert truth_table(2, ["11 0"]) == 0b0111
    assert (truth_table(0, []), truth_table(0, ["1"])) == (0, 1)
    text = (".model m\n.inputs a b \\\n c\n.outputs y z k a\n.names t c y\n11 1\n.names a b t\n1- 1\n-1 1\n"
            ".names y z\n0 1\n.names k\n.end\n")
    read = read_luts(text, 3)
    assert read.gates == 2
    a, b, c = all_patterns(3)
    assert np.array_equal(evaluate_words(read, all_patterns(3)), [(a | b) & c, ~((a | b) & c), a & ~a, a])
    with pytest.raises(CircuitError, match="look-up table of 9 inputs"):
        read_luts(".inputs a b c d e f g h i\n.outputs y\n.names a b c d e f g h i y\n111111111 1\n", 9)


def test_full_adders_are_found() -> None:
    b = NetlistBuilder(9)
    carry, sums = b.input(8), list[int]()
    for k in range(4):
        x, y = b.input(k), b.input(4 + k)
        half = b.or_(b.and_(x, y ^ 1), b.and_(x ^ 1, y))
        sums.append(b.and_(b.and_(half, carry) ^ 1, b.and_(half ^ 1, carry ^ 1) ^ 1))
        carry = b.or_(b.and_(x, y), b.and_(carry, half if k % 2 else b.or_(x, y)))
    after = run_passes(module(b.finish([*sums, carry])), "xor-maj")
    assert body(after).count() == {"xor": 8, "maj": 4}
    assert after.facts["passes"][0]["facts"] == {"found": {"main": {"xor": 8, "maj": 4}}}
    assert run_passes(after, "xor-maj").entry is after.entry


@pytest.mark.parametrize(("count", "known"), [(1, 4), (2, 14), (3, 104)])
def test_threshold_functions_are_exactly_those(count: int, known: int) -> None:
    found = [(table, threshold_of(table, count)) for table in range(1 << (1 << count))]
    assert sum(gate is not None for _, gate in found) == known  # 4, 14, 104, 1882: OEIS A000609
    assert all(gate is None or table_of(gate) == table for table, gate in found)


def test_every_threshold_gate_of_six_inputs_is_found_again() -> None:
    rng = np.random.default_rng(9)
    for _ in range(25):
        weights, limit = rng.integers(-9, 10, 6), int(rng.integers(-12, 12))
        rows = (np.arange(64)[:, None] >> np.arange(6) & 1) @ weights > limit
        table = sum(1 << k for k in range(64) if rows[k])
        gate = threshold_of(table, 6)
        assert gate is not None
        assert table_of(gate) == table


def test_tables_that_are_no_thresholds_stay() -> None:
    b = NetlistBuilder(4)
    x = [b.input(k) for k in range(4)]
    parity = sum(1 << row for row in range(16) if row.bit_count() % 2)
    pairs = sum(1 << row for row in range(16) if row & 3 == 3 or row & 12 == 12)  # unate, and no threshold function
    after = body(run_passes(module(b.finish([b.lut(x, parity), b.lut(x, pairs)])), "detect-thresholds"))
    assert after.count() == {"lut": 2}
    two = sum(1 << row for row in range(16) if row.bit_count() >= 2)
    after = body(run_passes(module(b.finish([b.lut(x, pairs), b.lut(x, two)])), "detect-thresholds"))
    assert after.count() == {"lut": 2, "threshold": 1}
    node = int(np.flatnonzero(after.kind == Kind.THRESHOLD)[0])
    assert after.weight[after.offset[node]:after.offset[node + 1]].tolist() == [1, 1, 1, 1]
    assert after.data[node] == 1


@needs_abc
def test_the_same_bytes_again() -> None:
    before = module(random_netlist(np.random.default_rng(10), 12, 80, 6, (Kind.AND,)))
    for text in ("logic-best", "luts-best"):
        assert body(run_passes(before, text)) == body(run_passes(before, text))


def test_aliases_and_named_pipelines_hold_only_allowed_commands() -> None:
    for script in ALIASES.values():
        assert read_script(script) == script
    assert all(parse_pipeline(part) for parts in NAMED.values() for part in parts)


@needs_abc
def test_compile_with_prove_proves_each_pass() -> None:
    before = module(random_netlist(np.random.default_rng(11), 24, 120, 5, (Kind.AND,)))
    build = compile(before, "aiger", passes="logic-fast,xor-maj", prove=True)
    passes = build.certificate.as_json()["passes"]
    assert [p["name"] for p in passes] == ["strash", "abc", "xor-maj"]
    assert {p["evidence"]["level"] for p in passes} == {"proved"}
    quick = compile(before, "aiger", passes="logic-fast,xor-maj").certificate.as_json()["passes"]
    assert {p["evidence"]["level"] for p in quick if p["changed"]} == {"simulated"}


@pytest.mark.parametrize("k", [7, 8])
def test_wide_tables_go_all_the_way(k: int, tmp_path: Path):
    """Text, AND expansion, proof, Verilog, BLIF and native code of tables of two and of four words."""
    rng = np.random.default_rng(k)
    builder = NetlistBuilder(k + 1)
    x = [builder.input(j) for j in range(k + 1)]
    table = int.from_bytes(rng.bytes(1 << k - 3), "little")
    wide = builder.lut(x[:k], table)
    body = builder.finish([wide, builder.xor(wide, x[k])])
    assert body.table(1 + body.inputs) == table
    vector = BIT.with_shape((k + 1,))
    module = module_of(Func("wide", (Port("x", vector),), (Port("y", BIT.with_shape((2,))),), body))
    assert parse_module(print_module(module)).entry.body == body
    mapped = run_passes(module, f"to-aig,map-luts{{k={k},effort=best}}")
    after = mapped.entry.body
    assert isinstance(after, Netlist)
    assert after.gates == 2
    assert np.diff(after.offset).max() >= k
    assert verify(module, mapped, "sat").status == "equal"
    for target in ("verilog", "blif"):
        compile(module, target, tmp_path / target, prove=True, require="exhausted")
    compile(module, "llvm", tmp_path / "llvm", require="simulated 1000")
