"""Automata, memories and reservoirs on every target that takes them, against the interpreter."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.ir import Module, run
from circuitc.models.automata import Automaton, Grid, automaton_module, build_cellular, parse_pattern, parse_rule
from circuitc.models.recall import Memory, build_hopfield, hebbian
from circuitc.models.reservoir import EchoState, Liquid, build_echo_state, build_liquid, liquid_matrices, sparse_matrix
from circuitc.passes import run_passes, sample_inputs
from circuitc.simulation import simulate_verilog
from circuitc.tools import tool_version

LIFE = parse_rule("B3/S23")
GLIDER = parse_pattern([".#.", "..#", "###"], (5, 6))
PATTERNS = np.random.default_rng(0).choice([-1, 1], (2, 6))
EVEN = Automaton(("a", "b", "c"), ("even", "odd"), ((1, 0, 0), (0, 1, 1)), frozenset({0}))


def memory(**more: Any) -> Module:
    return build_hopfield(Memory(hebbian(PATTERNS), np.arange(-2, 4), PATTERNS, **more), "memory")


def liquid() -> Module:
    w, w_in = liquid_matrices((2, 2, 1), 3, 1, weight=15, input_density=0.7)
    readout = np.random.default_rng(0).normal(size=(3, 4))
    return build_liquid(Liquid(w, w_in, np.zeros(4), threshold=9.0, fraction=4, readout=readout), "liquid")


def echo() -> Module:
    """An echo state network of integers."""
    net = EchoState(sparse_matrix(4, 4, 0.6, radius=0.9), sparse_matrix(4, 2, seed=1), np.zeros(4), 0.5)
    items = np.random.default_rng(0).uniform(-1, 1, (1, 60, 2)).astype(np.float32)
    return run_passes(build_echo_state(net, "echo"), "quantize{weights=4,activations=5,sensitivity=false},tabulate",
                      calibration={"u": items})


STEPPED: dict[str, Callable[[], Module]] = {
    "life, several generations": lambda: build_cellular(Grid(LIFE, (5, 6), generations=3), "life"),
    "life, a stream": lambda: build_cellular(Grid(LIFE, (5, 6), stream=True, start=GLIDER), "life"),
    "life, a stream of neurons": lambda: build_cellular(Grid(LIFE, (3, 3), "thresholds", stream=True), "life"),
    "automaton, binary": lambda: automaton_module(EVEN, "even"),
    "automaton, one-hot": lambda: automaton_module(EVEN, "even", "one-hot"),
    "memory, settling": lambda: memory(sweeps=3, settle=True),
    "memory, unit by unit": lambda: memory(order=(5, 0, 1, 2, 3, 4), sweeps=2, settle=True),
    "memory, unit by unit on an array": lambda: memory(order=(5, 0, 1), form="array", ties="minus"),
    "liquid": liquid,
    "echo state of integers": echo,
}
ONCE: dict[str, Callable[[], Module]] = {
    "rule 30 on words": lambda: build_cellular(Grid(parse_rule(30), (11,)), "rule30"),
    "rule 150 of neurons": lambda: build_cellular(Grid(parse_rule(150), (4,), "thresholds"), "rule150"),
    "rule 232 of neurons": lambda: build_cellular(Grid(parse_rule(232), (4,), "thresholds"), "rule232"),
    "life on words of 64": lambda: build_cellular(Grid(LIFE, (3, 64)), "life"),
    "memory": memory,
    "dense memory": lambda: memory(degree=4),
}
EVERY = {**STEPPED, **ONCE}


def inputs_of(module: Module, samples: int = 6) -> dict[str, Any]:
    return sample_inputs(module.entry, samples, np.random.default_rng(7), 9)


@pytest.mark.parametrize("name", EVERY)
def test_native_code(name: str) -> None:
    module = EVERY[name]()
    inputs = inputs_of(module, 20)
    want, got = run(module, inputs), circuitc.jit(module).run(inputs)
    assert all(np.array_equal(got[k], v) for k, v in want.items())


@pytest.mark.skipif(not tool_version("iverilog"), reason="Icarus Verilog is not installed")
@pytest.mark.parametrize("name", EVERY)
def test_verilog(name: str) -> None:
    module = EVERY[name]()
    inputs = inputs_of(module)
    build = circuitc.compile(module, "verilog", verify=False)
    got = simulate_verilog(build.artefacts[build.main].decode(), build.ports, build.module, inputs, engine="icarus")
    assert all(np.array_equal(got[k], v) for k, v in run(module, inputs).items())


@pytest.mark.parametrize(("name", "target"), [
    ("life, a stream", "aiger"), ("automaton, one-hot", "blif"), ("rule 150 of neurons", "blif"), ("memory", "aiger")])
def test_gates_are_proved(name: str, target: str) -> None:
    build = circuitc.compile(EVERY[name](), target, prove=True)
    assert any(line.startswith("proved") for line in build.summary), build.summary


@pytest.mark.parametrize("name", ["rule 232 of neurons", "memory, settling", "memory, unit by unit on an array",
                                  "dense memory", "echo state of integers"])
def test_crossbar(name: str) -> None:
    """The regions are rebuilt from the table of devices, and answer through the wires."""
    module = EVERY[name]()
    with tempfile.TemporaryDirectory() as folder:
        build = circuitc.compile(module, "crossbar", out=f"{folder}/b",
                                 options={"array": "rram-128", "periphery": "false"})
        assert build.summary[0].startswith("proved"), build.summary
        bundle = circuitc.crossbar.load(build.folder)
        assert bundle.faults() == []
        inputs = inputs_of(module)
        want = run(module, inputs)
        for mode in ("ideal", "ir"):
            got = bundle.run(inputs, mode=mode)
            assert all(np.array_equal(got[k], v) for k, v in want.items()), mode


def test_what_arrays_do_not_take_is_refused() -> None:
    with pytest.raises(CircuitError, match="no threshold and no product with constant weights"):
        circuitc.compile(EVERY["memory, unit by unit"](), "crossbar")
    with pytest.raises(CircuitError, match="no threshold and no product with constant weights"):
        circuitc.compile(EVERY["rule 30 on words"](), "crossbar")
