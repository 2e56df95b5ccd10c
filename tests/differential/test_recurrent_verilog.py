"""Folded recurrent networks: the same bits in interpreter, native code and simulators, sequence behind sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import circuitc
from circuitc.backends.verilog import VERILOG
from circuitc.ir import F32, Module, Port, parse_module, run
from circuitc.models.rnn import GATES, Linear, layer, network
from circuitc.passes import run_passes
from circuitc.proof.emitted import verify_emitted
from circuitc.simulation import ENGINES, simulate_verilog
from circuitc.tools import tool_version

INPUTS = 3


def quantized(kind: Any, hidden: int, levels: int = 1, *, returns: Any = "last", **more: Any) -> Module:
    """A random network at a few bits: tables of functions are small, so that simulators start soon."""
    rng = np.random.default_rng(hidden + 10 * levels)
    rows, found, width = GATES[kind] * hidden, [], INPUTS
    for _ in range(levels):
        parts = (rng.standard_normal(s) * 0.7 for s in ((rows, width), (rows, hidden), (rows,), (rows,)))
        found.append((layer(kind, *parts, **more),))
        width = hidden
    readout = Linear(rng.standard_normal((2, hidden)).astype(np.float32), np.ones(2, np.float32))
    module = network(found, [readout], Port("x", F32.with_shape((INPUTS,))), returns=returns)
    data = {"x": rng.standard_normal((20, 5, INPUTS)).astype(np.float32)}
    return run_passes(module, "quantize{sensitivity=false,weights=i4,activations=5,functions=5,table=5},narrow",
                      calibration=data)


def drawn(module: Module, sequences: int, steps: int) -> Any:
    t = module.entry.inputs[0].type
    return np.random.default_rng(1).integers(t.lowest, t.highest + 1, (sequences, steps, INPUTS))


@pytest.mark.parametrize(("kind", "hidden", "levels", "more"), [
    ("rnn", 5, 1, {}), ("lstm", 4, 1, {}), ("gru", 5, 1, {}), ("gru", 4, 1, {"linear_before_reset": True}),
    ("lstm", 3, 2, {}), ("gru", 3, 2, {})])
def test_folding_keeps_the_meaning(kind: str, hidden: int, levels: int, more: dict[str, Any]) -> None:
    module = quantized(kind, hidden, levels, **more)
    x = drawn(module, 6, 5)
    wanted = run(module, {"x": x})["y"]
    for reuse in (2, hidden, 99):
        folded = run_passes(module, f"fold-hardware{{reuse={reuse}}}")  # verified and compared
        item = folded.func(f"{folded.entry.name}_item")
        assert item.schedule.kind == "iterate"
        assert np.array_equal(run(folded, {"x": x})["y"], wanted)
        assert np.array_equal(circuitc.jit(folded)(x), wanted)


def test_all_gates_of_a_neuron_are_a_lane() -> None:
    """An LSTM of 4 in 4 steps: 4 rows of 3 + 4 columns at once, and only states and the answer are kept."""
    module = quantized("lstm", 4)
    folded = run_passes(module, "fold-hardware{reuse=4}")
    name = f"{folded.entry.name}_item"
    facts = folded.facts["passes"][-1]["facts"][name]
    assert [(p["rows"], p["rows_a_step"], p["multipliers"]) for p in facts["layers"]] == [
        (16, 4, 12), (16, 4, 16), (2, 1, 4)]
    assert facts["steps"] == 1 + 4 + 2 + 1
    kept = [r.type for r in folded.func(name).registers if r.name.endswith("_kept")]
    assert sorted(t.size for t in kept) == [2, 4, 4]


@pytest.mark.parametrize("returns", ["last", "sequence"])
@pytest.mark.parametrize("engine", ENGINES)
def test_sequences_back_to_back_in_every_engine(engine: str, returns: str) -> None:
    if engine != "yosys" and tool_version({"icarus": "vvp"}.get(engine, engine)) is None:
        pytest.skip(f"{engine} is not installed")
    if engine != "icarus" and returns == "last":
        pytest.skip("others than Icarus build for seconds: once is enough")
    module = run_passes(quantized("lstm", 2, returns=returns), "fold-hardware{reuse=2}", check=None)
    build = circuitc.compile(module, options={"vectors": "0"}, verify=False)
    x = drawn(module, 4, 3)
    found = simulate_verilog(build.artefacts[build.main].decode(), build.ports, build.module, {"x": x}, engine=engine,
                             stall=True)
    np.testing.assert_array_equal(found["y"], run(module, {"x": x})["y"])


def test_what_is_said_of_clocks_and_proved_of_a_step() -> None:
    module = run_passes(quantized("rnn", 3), "fold-hardware{reuse=3}", check=None)
    build = circuitc.compile(module, options={"vectors": "0"}, verify=False)
    item = build.module.func(f"{build.module.entry.name}_item")
    assert item.schedule.count == 1 + 3 + 2 + 1
    assert (build.ports["latency"], build.ports["interval"]) == (9, 9)
    verdict = verify_emitted(build.module, build.artefacts[build.main].decode(), build.ports, method="random",
                             vectors=500)
    assert verdict.subject.endswith(f"one step of @{item.name} from any state")


STEPPED = """
func @count(%x: u4) -> (%y: u6) iterate 3 {
  reg %sum : u6 = 0
  %wide = add %sum, %x : u7
  %new = requantize %wide {overflow=wrap} : u6
  next %sum = %new
  return %new
}
"""


def test_a_stream_that_does_more_than_call_is_refused() -> None:
    text = "func @main(%x: u4) -> (%y: u7 {rate=step}) stream {\n  %c = call @count %x {output=y} : u6\n" \
           "  %d = add %c, %c : u7\n  return %d\n}\n"
    try:
        module = parse_module(text + STEPPED)
    except circuitc.CircuitError:
        pytest.fail("the text form of a call changed")
    problems = VERILOG.check(module, {})
    assert len(problems) == 1
    assert "its schedule is iterate 3" in problems[0].message
    assert "let a step do nothing but call" in problems[0].help


COUNTING = """
const #limit : u6 = 40
func @main(%x: u4 {{rate={takes}}}) -> (%y: u6 {{rate={gives}}}) {schedule} {{
  reg %so_far : u6 = 5
  %y = call @count %x, %so_far {{output=y}} : u6
  %d = call @count %x, %so_far {{output=far}} : bit
  next %so_far = %y
{done}  return %y
}}
func @count(%x: u4, %so_far: u6) -> (%y: u6, %far: bit) iterate 3 {{
  reg %sum : u6 = 0
  %more = add %sum, %x : u7
  %all = add %more, %so_far : u8
  %new = requantize %all {{overflow=wrap}} : u6
  next %sum = %new
  %far = lt #limit, %new : bit
  return %new, %far
}}
"""


@pytest.mark.parametrize("schedule", ["iterate 4", "until limit 4", "until limit 1", "iterate 1"])
@pytest.mark.parametrize("takes", ["call", "step"])
@pytest.mark.parametrize("gives", ["call", "step"])
def test_steps_of_any_schedule_take_steps_of_their_own(schedule: str, takes: str, gives: str) -> None:
    """Calls back to back with stalls, an `until` that is done early and drains the items of its call among them."""
    done = "  done %d\n" if schedule.startswith("until") else ""
    module = parse_module(COUNTING.format(schedule=schedule, takes=takes, gives=gives, done=done))
    count = module.entry.schedule.count
    x = np.random.default_rng(0).integers(0, 16, (9, count) if takes == "step" else (9,))
    wanted = run(module, {"x": x})
    assert done == "" or count == 1 or wanted["steps"].min() < 3 < wanted["steps"].max()
    build = circuitc.compile(module, options={"vectors": "0"}, verify=False)
    assert build.ports["interval"] == (5 if takes == "step" else 1 + 5 * count)
    engine = "icarus" if tool_version("vvp") else "yosys"
    found = simulate_verilog(build.artefacts[build.main].decode(), build.ports, build.module, {"x": x}, engine=engine,
                             stall=True)
    for name, raw in wanted.items():
        np.testing.assert_array_equal(found[name], raw)


SETTLES = """
const #w : i3[3,3] = [[2, -2, 3], [0, 1, -1], [1, 1, 1]]
func @settles(%x: i3[3]) -> (%y: i3[3]) until limit 5 {
  reg %h : i3[3] = [0, 0, 0]
  %now = add %x, %h : i4[3]
  %s = contract #w, %now {spec="ij,j->i"} : i9[3]
  %n = requantize %s : i3[3]
  %same = eq %n, %h : bit[3]
  %stays = reduce %same {kind=and, axes=[0]} : bit
  next %h = %n
  done %stays
  return %n
}
"""


def test_what_runs_until_it_settles_is_folded_too() -> None:
    module = parse_module(SETTLES)
    folded = run_passes(module, "fold-hardware{reuse=3}")   # verified and compared
    assert folded.func("settles_item").schedule.count == 5
    x = {"x": np.random.default_rng(0).integers(-4, 4, (30, 3))}
    wanted = run(module, x)
    assert len(set(wanted["steps"].tolist())) > 1
    build = circuitc.compile(folded, options={"vectors": "0"}, verify=False)
    engine = "icarus" if tool_version("vvp") else "yosys"
    found = simulate_verilog(build.artefacts[build.main].decode(), build.ports, build.module, x, engine=engine)
    native = circuitc.jit(folded).run(x)
    for name, raw in wanted.items():
        np.testing.assert_array_equal(found[name], raw)
        np.testing.assert_array_equal(native[name], raw)
