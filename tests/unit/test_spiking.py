"""Spiking networks: each node against NIR's equations in doubles, cycles and delays, native code on random graphs."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.ir import Module, run, verify_module
from circuitc.models.spiking import Network, Node, Timing, build_network, cut_cycles

_path = Path(__file__).resolve().parents[1] / "spiking_reference.py"
_spec = importlib.util.spec_from_file_location("spiking_reference", _path)
assert _spec is not None
assert _spec.loader is not None
reference = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(reference)

DT = 1 / 1024


def network(nodes: dict[str, tuple[str, dict[str, Any]]], edges: list[tuple[str, str]]) -> Network:
    return Network({name: Node(kind, p) for name, (kind, p) in nodes.items()}, tuple(edges))


def chain(shape: list[int], kind: str, parameters: dict[str, Any], after: list[int]) -> tuple[Any, Any]:
    nodes = {"in": ("Input", {"shape": shape}), "node": (kind, parameters), "out": ("Output", {"shape": after})}
    return nodes, [("in", "node"), ("node", "out")]


def wanted(module: Module, nodes: Any, edges: Any, x: Any, timing: Timing) -> Any:
    delayed = module.facts["spiking"]["delayed"]
    return np.stack([reference.simulate(nodes, edges, delayed, {"in": sample}, timing.dt, timing.scheme)["out"]
                     for sample in x])


def check(nodes: Any, edges: Any, x: Any, timing: Timing, *, exactly: bool = False) -> Module:
    """Compare the interpreter with the reference on samples x [samples, steps, ...]."""
    module = build_network(network(nodes, edges), timing)
    verify_module(module)
    found, right = run(module, {"in": x})["out"], wanted(module, nodes, edges, x, timing)
    assert np.array_equal(found, right) if exactly else np.allclose(found, right, rtol=1e-9, atol=1e-12)
    return module


VECTOR = {
    "I": {"r": [2.0, 3.0, -1.0]},
    "IF": {"r": [100.0, 200.0, 300.0], "v_threshold": [0.5, 0.6, 0.7], "v_reset": [0.0, -0.2, 0.1]},
    "LI": {"tau": [0.004, 0.01, 0.02], "r": [1.0, 2.0, 3.0], "v_leak": [0.1, 0.0, -0.3]},
    "LIF": {"tau": [0.004, 0.01, 0.02], "r": [3.0, 4.0, 5.0], "v_leak": [0.1, 0.0, -0.3],
            "v_threshold": [0.5, 0.6, 0.7], "v_reset": [0.05, -0.2, 0.1]},
    "CubaLI": {"tau_syn": [0.004, 0.01, 0.002], "tau_mem": [0.01, 0.01, 0.02], "r": [1.0, 2.0, 3.0],
               "v_leak": [0.1, 0.0, -0.3], "w_in": [1.0, 2.0, 0.5]},
    "CubaLIF": {"tau_syn": [0.004, 0.01, 0.002], "tau_mem": [0.01, 0.01, 0.02], "r": [3.0, 2.0, 3.0],
                "v_leak": [0.1, 0.0, -0.3], "v_threshold": [0.3, 0.4, 0.5]},
    "Scale": {"scale": [2.0, -1.0, 0.5]},
    "Threshold": {"threshold": [0.2, 0.5, 0.9]},
    "Linear": {"weight": [[1.0, 2.0, 3.0], [-1.0, 0.5, 0.0], [0.0, 0.0, 1.0]]},
    "Affine": {"weight": [[1.0, 2.0, 3.0], [-1.0, 0.5, 0.0], [0.0, 0.0, 1.0]], "bias": [1.0, 0.0, -1.0]},
    "Delay": {"delay": [3 * DT, 0.0, DT]},
}


@pytest.mark.parametrize("scheme", ["euler", "exact"])
@pytest.mark.parametrize("kind", VECTOR)
def test_each_node_follows_its_equation(kind: str, scheme: Any) -> None:
    x = np.random.default_rng(1).normal(0.4, 0.5, (2, 25, 3))
    nodes, edges = chain([3], kind, VECTOR[kind], [3])
    module = check(nodes, edges, x, Timing(DT, scheme, precision="f64"))
    spikes = kind in ("IF", "LIF", "CubaLIF", "Threshold")
    assert module.entry.outputs[0].type.is_bit == spikes
    if spikes:
        assert 0.02 < run(module, {"in": x})["out"].mean() < 0.9


_W = np.random.default_rng(2).normal(size=(4, 1, 2, 3))
IMAGES = [
    ("Conv2d", [2, 6, 7], {"weight": _W, "bias": [1.0, 2.0, 3.0, 4.0], "stride": [2, 1], "padding": [1, 2],
                           "dilation": [1, 2], "groups": 2, "input_shape": [6, 7]}, [4, 4, 7]),
    ("Conv2d", [1, 5, 5], {"weight": _W, "bias": np.zeros(4), "stride": 1, "padding": "same", "dilation": 1,
                           "groups": 1}, [4, 5, 5]),
    ("Conv1d", [1, 9], {"weight": _W[:, :, 0], "bias": [0.0, 1.0, 0.0, 1.0], "stride": 2, "padding": "valid",
                        "dilation": 1, "groups": 1}, [4, 4]),
    ("SumPool2d", [2, 6, 5], {"kernel_size": [2, 3], "stride": [2, 1], "padding": [0, 1]}, [2, 3, 5]),
    ("AvgPool2d", [2, 6, 5], {"kernel_size": [2, 3], "stride": [2, 1], "padding": [1, 1]}, [2, 4, 5]),
    ("Flatten", [2, 3, 4], {"start_dim": 0, "end_dim": -1, "input_type": [2, 3, 4]}, [24]),
    ("Flatten", [2, 3, 4], {"start_dim": 1, "end_dim": 2}, [2, 12]),
    ("Affine", [2, 3], {"weight": np.arange(24.0).reshape(2, 4, 3), "bias": np.ones((2, 4))}, [2, 4]),
]


@pytest.mark.parametrize(("kind", "shape", "parameters", "after"), IMAGES)
def test_nodes_of_images(kind: str, shape: list[int], parameters: dict[str, Any], after: list[int]) -> None:
    x = np.random.default_rng(1).normal(size=(1, 2, *shape))
    nodes, edges = chain(shape, kind, parameters, after)
    if kind == "Affine":
        right = np.einsum("oij,btoj->btoi", parameters["weight"], x) + 1
        module = build_network(network(nodes, edges), Timing(DT, precision="f64"))
        assert np.allclose(run(module, {"in": x})["out"], right)
        return
    check(nodes, edges, x, Timing(DT, precision="f64"))


LIF = ("LIF", {"tau": [4 * DT] * 2, "r": [1.0] * 2, "v_leak": [0.0] * 2, "v_threshold": [0.5] * 2})
MIX = ("Affine", {"weight": [[0.0, 1.0], [1.0, 0.0]], "bias": [0.25, 0.0]})


def test_cycles_close_into_the_first_neuron_and_delays_lie_behind_neurons() -> None:
    nodes = {"in": ("Input", {"shape": [2]}), "a": LIF, "w": MIX, "b": LIF, "back": MIX,
             "out": ("Output", {"shape": [2]})}
    edges = [("in", "a"), ("a", "w"), ("w", "b"), ("b", "back"), ("back", "a"), ("b", "out"), ("b", "b")]
    order, delayed = cut_cycles(network(nodes, edges), lambda name: False)
    assert delayed == {("b", "back"), ("b", "b")}
    assert order.index("a") < order.index("w") < order.index("b")
    x = np.random.default_rng(0).integers(0, 4, (3, 30, 2)) / 2
    module = check(nodes, edges, x, Timing(DT, precision="f64"), exactly=True)
    kept = {r.name: str(r.type) for r in module.entry.registers}
    assert kept == {"a_v": "f64[2]", "b_v": "f64[2]", "b_before": "bit[2]"}  # spikes are kept, not sums


def test_a_delay_cuts_its_cycle_and_a_cycle_of_maps_is_cut_too() -> None:
    delay = ("Delay", {"delay": [2 * DT, DT]})
    nodes = {"in": ("Input", {"shape": [2]}), "a": LIF, "d": delay, "out": ("Output", {"shape": [2]})}
    edges = [("in", "a"), ("a", "d"), ("d", "a"), ("a", "out")]
    x = np.random.default_rng(0).integers(0, 4, (3, 30, 2)) / 2
    module = check(nodes, edges, x, Timing(DT, precision="f64"), exactly=True)
    assert module.facts["spiking"]["delayed"] == []
    nodes = {"in": ("Input", {"shape": [2]}), "s": ("Scale", {"scale": [0.5, 0.25]}), "out": ("Output", {"shape": [2]})}
    module = check(nodes, [("in", "s"), ("s", "s"), ("s", "out")], x[:, :8], Timing(DT, precision="f64"), exactly=True)
    assert module.facts["spiking"]["delayed"] == [["s", "s"]]


def test_edges_that_stand_twice_count_twice() -> None:
    nodes, _ = chain([2], "Scale", {"scale": [1.0, 1.0]}, [2])
    module = build_network(network(nodes, [("in", "node"), ("in", "node"), ("node", "out")]), Timing(DT))
    assert run(module, {"in": np.array([[[1.0, 2.0]]])})["out"].tolist() == [[[2.0, 4.0]]]


def test_a_spike_is_above_the_threshold_not_at_it() -> None:
    nodes, edges = chain([1], "IF", {"r": [1 / DT], "v_threshold": [1.0], "v_reset": [0.25]}, [1])
    module = build_network(network(nodes, edges), Timing(DT))
    x = np.array([[[1.0], [0.125], [0.75], [0.125]]])
    assert run(module, {"in": x})["out"].ravel().tolist() == [0, 1, 0, 1]


def test_leaks_as_shifts_change_time_constants_and_say_how_far() -> None:
    nodes, edges = chain([2], "LI", {"tau": [3 * DT, 8 * DT], "r": [1.0, 1.0], "v_leak": [0.0, 0.0]}, [2])
    module = build_network(network(nodes, edges), Timing(DT, decay="shift"))
    assert module.facts["spiking"]["decay_changed"] == {"node.tau": pytest.approx(4 / 3)}
    shifted, edges = chain([2], "LI", {"tau": [4 * DT, 8 * DT], "r": [1.0, 1.0], "v_leak": [0.0, 0.0]}, [2])
    assert module.entry.body == build_network(network(shifted, edges), Timing(DT)).entry.body


@pytest.mark.parametrize(("kind", "parameters", "message"), [
    ("LIF", {"tau": [DT / 4] * 3, "r": [1.0] * 3, "v_leak": [0.0] * 3, "v_threshold": [1.0] * 3},
     "node (LIF): dt 0.000976562 is more than twice tau"),
    ("LI", {"tau": [0.0] * 3, "r": [1.0] * 3, "v_leak": [0.0] * 3}, "node (LI): tau is not positive"),
    ("LI", {"tau": [0.1] * 2, "r": [1.0] * 2, "v_leak": [0.0] * 2}, "shape [2] does not fit values of shape [3]"),
    ("LI", {"tau": [0.1] * 2, "r": [1.0] * 3, "v_leak": [0.0] * 2}, "which do not fit each other"),
    ("Linear", {"weight": [[1.0, 2.0]]}, "weights of shape [1, 2] do not fit what comes in, of shape [3]"),
    ("Scale", {"scale": [1e300] * 3}, "node_scale has a number beyond those of f32"),
    ("Delay", {"delay": [-1.0] * 3}, "node (Delay): a delay is not negative"),
    ("Delay", {"delay": [1e9] * 3}, "node (Delay): a delay is not negative, and of steps"),
    ("Conv2d", {"weight": _W, "bias": np.zeros(4), "stride": 1, "padding": 0, "dilation": 1, "groups": 1},
     "what comes in has shape [3], [channels, height, width] is needed"),
    ("Flatten", {"start_dim": 3, "end_dim": 4}, "cannot flatten axes 3 to 4 of 1"),
])
def test_what_does_not_fit_is_said_in_one_line(kind: str, parameters: dict[str, Any], message: str) -> None:
    nodes, edges = chain([3], kind, parameters, [3])
    with pytest.raises(CircuitError) as caught:
        build_network(network(nodes, edges), Timing(DT))
    assert message in str(caught.value)


def test_networks_and_timings_that_are_none() -> None:
    nodes, edges = chain([1], "Scale", {"scale": [1.0]}, [1])
    for change, message in ((lambda: Timing(0.0), "positive number of seconds"),
                            (lambda: Timing(DT, "rk4"), "scheme is euler or exact"),  # type: ignore[arg-type]
                            (lambda: Timing(DT, "exact", "shift"), "scheme exact has none"),
                            (lambda: network(nodes, [*edges, ("node", "nod")]), "which is no node"),
                            (lambda: network(nodes, [("out", "node")]), "leaves an Output"),
                            (lambda: network(nodes, edges[:1]), "no edge leads to out"),
                            (lambda: network({"in": nodes["in"]}, []), "has an Output node"),
                            (lambda: Node("LIFF", {}), "no kind of node named 'LIFF'"),
                            (lambda: Node("Scale", {}), "needs the parameter scale"),
                            (lambda: Node("Scale", {"scale": [np.nan]}), "finite numbers"),
                            (lambda: Node("Scale", {"scale": "same"}), "is no word")):
        with pytest.raises(CircuitError, match=message):
            change()


# Random graphs with numbers that doubles add and multiply without rounding: then all must agree to the last bit.

PARTS = st.sampled_from([-0.5, -0.25, 0.0, 0.25, 0.5, 1.0])


@st.composite
def graphs(draw: st.DrawFn) -> tuple[Any, Any]:
    """Draw a graph of neurons, weights, delays and scales between one Input and one Output, cycles included."""
    width, count = draw(st.integers(1, 3)), draw(st.integers(1, 5))

    def numbers(*shape: int) -> Any:
        return np.array([draw(PARTS) for _ in range(int(np.prod(shape)))]).reshape(shape)

    def steps() -> Any:
        return np.array([draw(st.sampled_from([1.0, 2.0, 4.0])) * DT for _ in range(width)])

    def parameters(kind: str) -> dict[str, Any]:
        makers: dict[str, Any] = {
            "weight": lambda: numbers(width, width), "bias": lambda: numbers(width), "scale": lambda: numbers(width),
            "delay": lambda: steps() - DT, "tau": steps, "tau_syn": steps, "tau_mem": steps,
            "r": lambda: numbers(width) * (1024 if kind in ("I", "IF") else 1)}
        needs = circuitc.models.spiking.KINDS[kind].needs
        return {name: makers.get(name, lambda: numbers(width))() for name in needs}
    kinds = st.sampled_from([*VECTOR])
    nodes: dict[str, Any] = {"in": ("Input", {"shape": [width]})}
    edges: list[tuple[str, str]] = []
    for k in range(count):
        kind = draw(kinds)
        nodes[f"n{k}"] = kind, parameters(kind)
        edges.append((draw(st.sampled_from(["in", *[f"n{j}" for j in range(k)]])), f"n{k}"))
    for _ in range(draw(st.integers(0, 3))):  # some go back
        edges.append((f"n{draw(st.integers(0, count - 1))}", f"n{draw(st.integers(0, count - 1))}"))
    nodes["out"] = ("Output", {"shape": [width]})
    edges.append((f"n{count - 1}", "out"))
    return nodes, edges


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs(), st.integers(0, 100))
def test_random_graphs_follow_the_equations(graph: Any, seed: int) -> None:
    nodes, edges = graph
    x = np.random.default_rng(seed).integers(-2, 5, (2, 8, nodes["in"][1]["shape"][0])) / 2
    module = build_network(network(nodes, edges), Timing(DT, precision="f64"))

    found = run(module, {"in": x})["out"]
    reaching = needed(edges)
    kept = {n: v for n, v in nodes.items() if n in reaching or n == "in"}
    right = wanted(module, kept, [(a, b) for a, b in edges if b in reaching], x, Timing(DT))
    assert np.array_equal(found, right)


def needed(edges: list[tuple[str, str]]) -> set[str]:
    """Find what the output depends on."""
    found = {"out"}
    while more := {a for a, b in edges if b in found} - found:
        found |= more
    return found


def test_a_network_that_only_moves_numbers_runs_as_native_code() -> None:
    nodes, edges = chain([2], "Delay", {"delay": [0.0, DT]}, [2])
    module = build_network(network(nodes, edges), Timing(DT))
    x = np.arange(6, dtype=np.float32).reshape(1, 3, 2)
    assert circuitc.jit(module).run({"in": x})["out"].tolist() == [[[0, 0], [2, 1], [4, 3]]]


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(graphs(), st.integers(0, 100))
def test_random_graphs_run_the_same_as_native_code(graph: Any, seed: int) -> None:
    nodes, edges = graph
    x = np.random.default_rng(seed).integers(-2, 5, (3, 8, nodes["in"][1]["shape"][0])) / 2
    module = build_network(network(nodes, edges), Timing(DT, precision="f64"))
    assert np.array_equal(run(module, {"in": x})["out"], circuitc.jit(module).run({"in": x})["out"])
