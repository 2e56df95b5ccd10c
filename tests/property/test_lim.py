"""Programs of logic in memory for random netlists: played on cells, rebuilt and proved, they are the model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.backends.lim.backend import LIM
from circuitc.backends.lim.nor import NorNet, nor_of_gates, rebuilt
from circuitc.backends.lim.order import Values, orders, searched
from circuitc.backends.lim.resubstitute import Window, resubstituted
from circuitc.backends.lim.schedule import Job
from circuitc.backends.lim.widen import widened
from circuitc.diagnostics import CircuitError
from circuitc.formats.lim import read_bundle
from circuitc.ir import BIT, Func, Kind, Module, Netlist, Port, module_of, run
from circuitc.ir.generate import random_netlist
from circuitc.passes import sample_inputs
from circuitc.passes.abc.check import all_patterns
from circuitc.proof import verify
from circuitc.simulation.lim import run_bundle

SEEDS = st.integers(0, 2**32 - 1)


def random_module(seed: int, kinds: tuple[Kind, ...] | None = None) -> Module:
    rng = np.random.default_rng(seed)
    inputs, outputs = int(rng.integers(1, 9)), int(rng.integers(1, 8))
    more = {} if kinds is None else {"kinds": kinds}
    netlist = random_netlist(rng, inputs, int(rng.integers(1, 50)), outputs, **more)
    return module_of(Func("main", tuple(Port(f"x{k}", BIT) for k in range(inputs)),
                          tuple(Port(f"y{k}", BIT) for k in range(outputs)), netlist))


def built(module: Module, **options: Any) -> dict[str, bytes]:
    """Make a bundle without the checks of a compile: these tests are them."""
    words = {name: str(value).lower() for name, value in {"effort": "low", "row": 512, **options}.items()}
    if options.get("minimal_row"):
        del words["row"]
    return dict(LIM.emit(LIM.build(module, words)).files)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.sampled_from(["magic", "rm3"]), st.booleans(), st.booleans(), st.integers(2, 4))
def test_a_program_is_its_model_played_and_proved(seed: int, logic: str, reuse: bool, minimal: bool, fan_in: int):
    module = random_module(seed)
    wide = {"fan_in": fan_in} if logic == "magic" else {}
    bundle = read_bundle(built(module, logic=logic, reuse_inputs=reuse, minimal_row=minimal, **wide))
    inputs = sample_inputs(module.entry, 128, np.random.default_rng(seed))
    wanted, got = run(module, inputs), run_bundle(bundle, inputs)
    assert all(np.array_equal(wanted[name], got[name]) for name in wanted)
    assert verify(module, bundle.module()).is_equal
    figures = bundle.map.figures
    assert figures["steps"] == bundle.program.steps == figures["init_steps"] + figures["gate_steps"]


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.booleans())
def test_networks_that_were_made_smaller_or_wider_compute_the_same(seed: int, sideways: bool):
    netlist = random_module(seed, (Kind.AND, Kind.XOR, Kind.MAJ)).entry.body
    assert isinstance(netlist, Netlist)
    net = nor_of_gates(netlist)
    smaller = resubstituted(net, Window(sideways=sideways), seed)
    assert len(smaller.gates) <= len(net.gates)
    wide = widened(smaller, 4)
    assert len(wide.gates) <= len(smaller.gates)
    assert all(len(g) <= 4 for g in wide.gates)
    wanted = values(net)
    assert all(np.array_equal(values(other), wanted) for other in (smaller, wide, rebuilt(smaller)))


def values(net: NorNet) -> Any:
    """Evaluate a network on all patterns, in plain numpy."""
    words = all_patterns(net.inputs)
    cells = [np.full(words.shape[1], 2**64 - 1, np.uint64), *words]
    for fanins in net.gates:
        cells.append(~np.bitwise_or.reduce([cells[f] for f in fanins]))
    return np.array([cells[o] for o in net.outputs])


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.booleans())
def test_counts_are_those_of_the_program_and_a_smaller_row_is_refused(seed: int, reuse: bool):
    netlist = random_module(seed, (Kind.AND, Kind.XOR)).entry.body
    assert isinstance(netlist, Netlist)
    job = Job(nor_of_gates(netlist), reuse)
    for row in (None, 512):
        plan = job.best(row, work=500)
        program = job.program(plan.order, row or plan.smallest)
        assert program.steps == plan.steps
        assert job.plan(plan.order, plan.smallest - 1).steps is None
        if plan.smallest > job.net.inputs + 1:
            with pytest.raises(IndexError):      # not by agreement alone: there really is no cell
                job.program(plan.order, plan.smallest - 1)


@given(SEEDS)
@settings(max_examples=30, deadline=None)
def test_orders_are_topological_and_complete(seed: int):
    rng = np.random.default_rng(seed)
    fanins: list[tuple[int, ...]] = [()] * 4
    for node in range(4, 30):
        fanins.append(tuple(rng.integers(0, node, 2).tolist()))
    kept = sorted(set(range(4, 30)) - {f for g in fanins for f in g})
    things = Values(fanins, 4, kept)
    for order in (*orders(things), searched(things, lambda o: 0, 300)):
        seen = set(range(4))
        for node in order:
            assert seen.issuperset(fanins[node])
            seen.add(node)
        assert seen == set(range(30))


@settings(max_examples=30, deadline=None)
@given(SEEDS, st.sampled_from(["magic", "rm3"]))
def test_a_changed_operation_is_refused_or_refuted(seed: int, logic: str):
    """Change a cell or drop a line of `ops.csv`, with digests not looked at: only what changes nothing may pass."""
    rng = np.random.default_rng(seed)
    module = random_module(seed, (Kind.AND, Kind.MAJ))
    files = built(module, logic=logic)
    lines = files["ops.csv"].decode().splitlines()
    counted = [k for k, line in enumerate(lines) if k and not line.startswith("0,")]
    if not counted:
        return
    k = int(rng.choice(counted))
    step, op, output, inputs = lines[k].split(",")
    cells = inputs.split()
    match int(rng.integers(3)):
        case 0:
            lines[k] = f"{step},{op},{int(output) + 1},{inputs}"
        case 1 if cells:
            cells[0] = str(int(rng.integers(0, 20)))
            lines[k] = f"{step},{op},{output},{' '.join(cells)}"
        case _:
            del lines[k]
    changed = {**files, "ops.csv": ("\n".join(lines) + "\n").encode()}
    try:
        bundle = read_bundle(changed)
        verdict = verify(module, bundle.module())
    except CircuitError:
        return
    inputs_of = sample_inputs(module.entry, 512, rng)
    played, wanted = run_bundle(bundle, inputs_of), run(module, inputs_of)
    same = all(np.array_equal(played[name], wanted[name]) for name in wanted)
    assert same or not verdict.is_equal      # what is read back and what is played never disagree in our favour
    if verdict.is_equal:
        assert same


def test_compile_proves_what_it_writes(tmp_path: Any):
    build = circuitc.compile(random_module(5), "lim", tmp_path / "b", options={"logic": "rm3"})
    assert build.certificate.meets("proved")
    assert circuitc.verify(random_module(5), tmp_path / "b" / "map.json").is_equal
