"""Graph algorithms as networks: every hint and output beside CLRS's semantics and networkx, in every form."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.ir import F32, parse_module, parse_type, print_module, run, verify_module
from circuitc.models.gnn import (
    ALGORITHMS,
    GraphProgram,
    Message,
    Options,
    Probe,
    State,
    attention_distance,
    compile_program,
    compiled_weights,
    field_ranges,
    gatv2_arrays,
    largest_safe_n,
    sender_lists,
    trace_accuracy,
    weight_matrix,
)
from circuitc.models.gnn.formula import parse_formula

_path = Path(__file__).resolve().parents[1] / "clrs_reference.py"
_spec = importlib.util.spec_from_file_location("clrs_reference", _path)
assert _spec is not None
assert _spec.loader is not None
clrs: Any = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(clrs)

NAMES = tuple(ALGORITHMS)
U8, BIT1 = parse_type("u8"), parse_type("bit")


def weight(name: str) -> Any:
    return BIT1 if name in clrs.UNWEIGHTED else U8


def graphs(name: str, n: int, count: int, seed: int = 0, size: int = 0) -> tuple[Any, Any]:
    """Draw matrices of n nodes (of which the first `size` have edges) and sources."""
    rng = np.random.default_rng([seed, n, NAMES.index(name)])
    A = np.zeros((count, n, n), int)
    size = size or n
    for a in A:
        a[:size, :size] = clrs.random_graph(rng, size, weighted=name not in clrs.UNWEIGHTED,
                                            acyclic=name == "topological_sort" and rng.random() < 0.7)
    return A, rng.integers(0, size, count)


def inputs(name: str, A: Any, s: Any, **more: Any) -> dict[str, Any]:
    found = {"A": A, **more}
    return found | {"s": np.eye(A.shape[1], dtype=int)[s]} if name in clrs.FROM_SOURCE else found


def check(name: str, A: Any, s: Any, answer: Any, size: int = 0) -> None:
    """Compare each graph's outputs and hints with the reference, or with networkx where CLRS has no such algorithm."""
    assert answer["converged"].all()
    size = size or A.shape[1]
    for k, a in enumerate(A[:, :size, :size]):
        mine = {key: value[k] for key, value in answer.items()}
        if name == "connected_components":
            parts = nx.weakly_connected_components(nx.from_numpy_array(a, create_using=nx.DiGraph))
            lowest = {v: min(part) for part in parts for v in part}
            assert mine["component"][:size].tolist() == [lowest[v] for v in range(size)]
        elif name == "widest_path":
            check_widest(a, s[k], mine["width"][:size], mine["pi"][:size])
        else:
            outputs, hints = clrs.REFERENCE[name](a, *([s[k]] if name in clrs.FROM_SOURCE else []))
            steps = len(next(iter(hints.values())))
            assert mine["steps"] == steps
            for key, wanted in outputs.items():
                assert np.array_equal(cut(mine[key], wanted), wanted), key
            for key, wanted in hints.items():
                assert np.array_equal(cut(mine[key][:steps], wanted), wanted), key


def cut(value: Any, wanted: Any) -> Any:
    return value[tuple(slice(0, d) for d in np.shape(wanted))]


def check_widest(a: Any, s: int, width: Any, pi: Any) -> None:
    """Compare widths with those of a search that settles the widest node next, and parents with the widths."""
    n, open_nodes = len(a), set(range(len(a)))
    best = [0] * n
    best[s] = 255
    while open_nodes:
        u = max(open_nodes, key=lambda v: best[v])
        open_nodes.remove(u)
        for v in open_nodes:
            best[v] = max(best[v], min(best[u], int(a[u, v])))
    assert width.tolist() == best
    for v in range(n):
        if v != s and best[v]:
            assert min(best[pi[v]], a[pi[v], v]) == best[v]


@pytest.mark.parametrize("name", NAMES)
def test_every_hint_and_output_is_right(name: str) -> None:
    """Directed and undirected, thin, full, in two parts, with loops and equal weights, of 2 to 24 nodes."""
    for n, count in ((2, 6), (3, 6), (7, 8), (13, 6), (24, 3)):
        A, s = graphs(name, n, count)
        module = compile_program(ALGORITHMS[name], Options(n, weight(name)))
        verify_module(module)
        check(name, A, s, run(module, inputs(name, A, s)))


@pytest.mark.parametrize("name", NAMES)
def test_one_padded_module_serves_smaller_graphs_in_native_code(name: str) -> None:
    f = circuitc.jit(compile_program(ALGORITHMS[name], Options(12, weight(name), padded=True)))
    for size in (1, 5, 11, 12):
        A, s = graphs(name, 12, 4, 1, size)
        active = np.tile(np.arange(12) < size, (4, 1)).astype(int)
        check(name, A, s, f.run(inputs(name, A, s, active=active)), size)


def test_padding_hides_edges_of_nodes_that_are_not_there() -> None:
    A, s = np.ones((1, 4, 4), int), np.array([0])
    module = compile_program(ALGORITHMS["bfs"], Options(4, BIT1, padded=True))
    answer = run(module, inputs("bfs", A, s, active=np.array([[1, 1, 0, 0]])))
    assert answer["pi"].tolist() == [[0, 0, 2, 3]]


@pytest.mark.parametrize("name", [n for n in NAMES if n != "floyd_warshall"])
def test_lists_of_senders_say_the_same_as_matrices(name: str) -> None:
    A, s = graphs(name, 9, 5, 2)
    if name == "connected_components":
        A = np.maximum(A, A.transpose(0, 2, 1))
    wanted = run(compile_program(ALGORITHMS[name], Options(9, weight(name))), inputs(name, A, s))
    directed = name != "connected_components"
    module = compile_program(ALGORITHMS[name], Options(9, weight(name), degree=9, directed=directed))
    lists = sender_lists(A, 9)
    found = run(module, inputs(name, lists.pop("A"), s, **lists) | (
        {"s": np.eye(9, dtype=int)[s]} if name in clrs.FROM_SOURCE else {}))
    for key in wanted:
        assert np.array_equal(found[key], wanted[key]), key


def test_forms_that_lists_cannot_serve_are_refused() -> None:
    with pytest.raises(CircuitError, match="against its direction"):
        compile_program(ALGORITHMS["connected_components"], Options(5, BIT1, degree=2))
    with pytest.raises(CircuitError, match="keeps a value for every pair of nodes"):
        compile_program(ALGORITHMS["floyd_warshall"], Options(5, U8, degree=2))
    with pytest.raises(CircuitError, match="a node has 4 senders, the lists hold 3"):
        sender_lists(np.ones((4, 4), int), 3)


@pytest.mark.parametrize("name", NAMES)
def test_the_real_network_with_compiled_weights_runs_the_algorithm(name: str) -> None:
    """Floats, hard selection and a softmax of low temperature: the same hints, whole numbers below 2**24."""
    A, s = graphs(name, 8, 4, 3)
    wanted = run(compile_program(ALGORITHMS[name], Options(8, weight(name))), inputs(name, A, s))
    weights = compiled_weights(ALGORITHMS[name], 8)
    for selection in ("hard", "soft"):
        module = compile_program(ALGORITHMS[name], Options(8, F32, selection=selection), weights)
        verify_module(module)
        answers = [run(module, inputs(name, A, s))]
        if selection == "soft":
            answers.append(circuitc.jit(module).run(inputs(name, A, s)))
        for found in answers:
            for key, value in wanted.items():
                real = np.where(found[key] > 1e38, 255, found[key])  # the width of the source is the greatest number
                assert np.array_equal(real, value), (selection, key)


@pytest.mark.parametrize("name", ["bellman_ford", "mst_prim"])
def test_verilog_runs_the_algorithm_on_a_graph_of_sixteen(name: str) -> None:
    A, s = graphs(name, 16, 2, 4)
    module = compile_program(ALGORITHMS[name], Options(16, weight(name)))
    build = circuitc.compile(module, "verilog", verify=False, options={"vectors": "0"})
    from circuitc.simulation import simulate_verilog
    from circuitc.tools import find_tool
    if find_tool("iverilog") is None:
        pytest.skip("needs Icarus Verilog")
    found = simulate_verilog(build.artefacts[build.main].decode(), build.ports, build.module, inputs(name, A, s),
                             engine="icarus")
    check(name, A, s, found)


def test_distances_are_those_of_networkx() -> None:
    graph = nx.gnm_random_graph(12, 30, seed=3, directed=True)
    rng = np.random.default_rng(3)
    for edge, w in zip(graph.edges, rng.integers(1, 256, 30), strict=True):
        graph.edges[edge]["weight"] = int(w)
    A = weight_matrix(graph)[None]
    wanted = dict(nx.all_pairs_dijkstra_path_length(graph))
    all_pairs = run(compile_program(ALGORITHMS["floyd_warshall"], Options(12, U8)), {"A": A})
    for name in ("bellman_ford", "dijkstra"):
        module = compile_program(ALGORITHMS[name], Options(12, U8, hints=False))
        found = run(module, inputs(name, np.repeat(A, 12, 0), np.arange(12)))["distance"]
        for s in range(12):
            assert found[s].tolist() == [wanted[s].get(v, 0) for v in range(12)]
    for s in range(12):
        assert [all_pairs["distance"][0, s, v] for v in wanted[s] if v != s] == [
            d for v, d in wanted[s].items() if v != s]


def test_fixed_point_weights_are_exact() -> None:
    A, s = graphs("bellman_ford", 6, 4, 5)
    whole = run(compile_program(ALGORITHMS["bellman_ford"], Options(6, U8)), inputs("bellman_ford", A, s))
    module = compile_program(ALGORITHMS["bellman_ford"], Options(6, parse_type("ufx<8,4>")))
    found = run(module, inputs("bellman_ford", A, s))
    assert module.entry.result("distance").type.fraction == 4
    assert all(np.array_equal(found[k], whole[k]) for k in whole)


def test_programs_print_and_read_back() -> None:
    for name in ("dfs", "bellman_ford"):
        module = compile_program(ALGORITHMS[name], Options(5, weight(name)))
        text = print_module(module)
        assert print_module(parse_module(text)) == text


# Ranges

def test_types_hold_what_intervals_prove() -> None:
    found = field_ranges(ALGORITHMS["bellman_ford"], 64, U8)["d"]
    assert found.evidence == "proved"
    assert found.bounds.high == 64 * 255          # at most one weight a sweep
    assert field_ranges(ALGORITHMS["floyd_warshall"], 64, U8)["D"].evidence == "stated"


def test_the_largest_safe_n_is_told() -> None:
    assert largest_safe_n(ALGORITHMS["bellman_ford"], U8, {"d": parse_type("u16")}) == 257
    with pytest.raises(CircuitError, match=r"d may need u17 for n = 300, which u16 does not hold.*safe n is 257"):
        compile_program(ALGORITHMS["bellman_ford"], Options(300, U8, types={"d": parse_type("u16")}))
    with pytest.raises(CircuitError, match=r"d may need more than 48 bits.*largest safe n is 256"):
        compile_program(ALGORITHMS["bellman_ford"], Options(257, parse_type("u40")))


@pytest.mark.parametrize("name", ["bellman_ford", "dijkstra", "floyd_warshall"])
def test_the_heaviest_graph_fits(name: str) -> None:
    """A path of greatest weights, walked from its end: `requantize never` would raise."""
    A = np.diag(np.full(9, 255), 1)[None]
    found = run(compile_program(ALGORITHMS[name], Options(10, U8)), inputs(name, A, np.array([0])))
    far = found["distance"][0, 0, 9] if name == "floyd_warshall" else found["distance"][0, 9]
    assert far == 9 * 255


# Weights and faithfulness

def test_weights_are_saved_loaded_compared(tmp_path: Path) -> None:
    weights = compiled_weights(ALGORITHMS["bellman_ford"], 8)
    assert {k: a[a != 0].tolist() for k, a in weights.arrays.items()} == {
        "relax/0/source": [1], "relax/0/target": [], "relax/0/edge": [1], "relax/0/bias": []}
    assert weights.channels.node[weights.arrays["relax/0/source"].argmax()] == "d"
    assert compiled_weights(ALGORITHMS["bfs"], 8).arrays["first/0/source"].tolist()[0] == 8  # pos counts 1/n
    for ending in (".npz", ".safetensors"):
        path = tmp_path / f"w{ending}"
        weights.save(path)
        if ending == ".npz":
            with np.load(path) as file:
                back = weights.with_arrays(dict(file))
        else:
            from safetensors.numpy import load_file
            back = weights.with_arrays(load_file(path))
        assert set(weights.distance(back).values()) == {0.0}
    assert max(weights.distance(weights.perturbed(0.1)).values()) > 0.01
    with pytest.raises(CircuitError, match=r"have shape \[1\], got \[2\]"):
        weights.with_arrays({**weights.arrays, "relax/0/bias": np.zeros(2)})
    with pytest.raises(CircuitError, match="not finite"):
        weights.with_arrays({**weights.arrays, "relax/0/bias": np.array([np.nan])})
    with pytest.raises(CircuitError, match="real weights need weight f32"):
        compile_program(ALGORITHMS["bellman_ford"], Options(8, U8), weights.perturbed(0.1))


def test_perturbed_weights_lose_the_trace_and_the_attention() -> None:
    A, s = graphs("bellman_ford", 8, 6, 6)
    program, options = ALGORITHMS["bellman_ford"], Options(8, F32, attention=True)
    weights = compiled_weights(program, 8)
    right = run(compile_program(program, options, weights), inputs("bellman_ford", A, s))
    hints = {k: right[k] for k in ("pi_h", "d", "msk")}
    same = trace_accuracy(hints, hints, right["steps"])
    assert same.total == 1.0
    assert len(same.by_step) == right["steps"].max()
    far = run(compile_program(program, options, weights.perturbed(0.5, seed=1)), inputs("bellman_ford", A, s))
    wrong = trace_accuracy(far, hints, right["steps"])
    assert wrong.total < 1.0
    assert wrong.by_step[0] == 1.0                # before the first step nothing can be wrong
    distance = attention_distance(far["relax_attention"], right["relax_attention"], right["steps"])
    assert 0 < distance.variation <= 1
    assert attention_distance(right["relax_attention"], right["relax_attention"], right["steps"]).frobenius == 0
    with pytest.raises(CircuitError, match="no hint d"):
        trace_accuracy({}, {"d": hints["d"]}, right["steps"])


def test_a_colder_softmax_is_nearer_to_the_algorithm() -> None:
    A, s = np.random.default_rng(7).integers(1, 6, (6, 8, 8)), np.arange(6)
    program, weights = ALGORITHMS["bellman_ford"], compiled_weights(ALGORITHMS["bellman_ford"], 8)
    hard = run(compile_program(program, Options(8, F32, attention=True), weights), inputs("bellman_ford", A, s))
    errors: list[float] = []
    for t in (3.0, 0.3, 0.01):
        soft = Options(8, F32, attention=True, selection="soft", temperature=t)
        found = run(compile_program(program, soft, weights), inputs("bellman_ford", A, s))
        sums = found["relax_attention"].sum(2)
        assert np.all((np.abs(sums - 1) < 1e-5) | (sums == 0))
        errors.append(float(np.abs(found["distance"] - hard["distance"]).max()))
    assert errors[0] > errors[1] > errors[2]
    assert errors[2] < 1e-2


def test_a_head_of_gatv2_computes_the_compiled_logits() -> None:
    rng = np.random.default_rng(8)
    weights = compiled_weights(ALGORITHMS["bellman_ford"], 6)
    g = gatv2_arrays(weights, "relax/0", temperature=0.25)
    x, e = rng.normal(size=(6, len(weights.channels.node))), rng.normal(size=(6, 6, 1))
    hidden = (x @ g["w_source"].T)[:, None] + (x @ g["w_target"].T)[None] + e @ g["w_edge"].T + g["b"]
    logits = np.where(hidden > 0, hidden, 0.01 * hidden) @ g["a"]
    d = weights.channels.node.index("d")
    assert np.allclose(logits, -(x[:, d][:, None] + e[..., 0]) / 0.25)


# Programs of one's own

NODE = {k: Probe("node", k) for k in ("scalar", "mask", "pointer", "mask_one")}
EDGE = {"A": Probe("edge", "scalar")}


def core(k: int) -> GraphProgram:
    """The k-core: nodes with fewer than k neighbours that stay leave, until none does."""
    return GraphProgram("core", EDGE, {"stays": State(NODE["mask"], "1", "stays[j] and not few", output="stays")},
                        {"near": Message("stays[i] and A[i,j] != 0", "1", "sum"), "few": f"near < {k}"},
                        "unchanged(stays)", "n + 1")


def test_a_program_of_ones_own_counts() -> None:
    graph = nx.gnm_random_graph(14, 30, seed=1)
    A = nx.to_numpy_array(graph, dtype=int)[None]
    for degree in (0, 13):
        module = compile_program(core(3), Options(14, BIT1, directed=False, degree=degree))
        found = run(module, {"A": A} if not degree else sender_lists(A, degree))
        assert set(np.flatnonzero(found["stays"][0])) == set(nx.k_core(graph, 3).nodes)


BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"halt": "stays[j]"}, "halt is a condition of the graph"),
    ({"halt": "1 + 1"}, "a condition was expected, got a number"),
    ({"halt": "unchanged(few)"}, "unchanged takes fields of the state"),
    ({"halt": "unchanged(stay)"}, "there is no stay .*did you mean stays"),
    ({"halt": "near.argh"}, "there is no near.argh"),
    ({"halt": "stays[0] +"}, "is not a formula"),
    ({"halt": "open('x')"}, "is not part of formulas"),
    ({"halt": "stays.__class__"}, "there is no stays.__class__"),
    ({"halt": "lambda: 1"}, "is not part of formulas"),
    ({"halt": "1 < 2 < 3"}, "is not part of formulas"),
    ({"halt": "(" * 300 + "1" + ")" * 300}, "not a formula|nested too deep"),
    ({"limit": "A"}, "a limit or bound is made of n"),
    ({"name": "a b"}, "is not the name of a graph program"),
    ({"state": {}}, "keeps no state"),
    ({"state": {"stays": State(NODE["mask"], output="")}}, "has no output"),
    ({"state": {"A": State(NODE["mask"], output="y")}}, "the name 'A' is taken"),
    ({"state": {"stays": State(NODE["mask"], output="steps")}}, "the port 'steps'"),
    ({"state": {"stays": State(NODE["mask"], "A[i,j]", output="y")}}, "its value also depends on i"),
    ({"state": {"stays": State(NODE["mask"], "2", output="y")}}, "is a mask, and its value is a number"),
    ({"state": {"stays": State(NODE["mask"], "A[j]", output="y")}}, r"A is read as A\[i,j\]"),
    ({"state": {"stays": State(Probe("node", "categorical"), output="y")}}, "says no number of classes"),
    ({"steps": {"near": Message("1 == 1", "", "min"), "few": "1 < 2"}}, "folds by min, which needs a score"),
    ({"steps": {"near": Message("1 == 1", "1", "any"), "few": "1 < 2"}}, "has no score"),
    ({"steps": {"few": "near < 2", "near": Message("1 == 1", "1", "sum")}}, "near is read before it is computed"),
    ({"steps": {"near": Message("1 == 1", "i - n", "min"), "few": "near.any"}}, "may be negative"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN, ids=lambda v: str(v)[:40])
def test_broken_programs_are_told_in_one_line(change: dict[str, Any], message: str) -> None:
    good = core(2)
    parts: dict[str, Any] = {"name": "core", "inputs": EDGE, "state": good.state, "steps": good.steps,
                             "halt": good.halt, "limit": good.limit}
    with pytest.raises(CircuitError, match=message) as e:
        compile_program(GraphProgram(**(parts | change)), Options(4, BIT1))
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(("options", "message"), [
    ({"n": 1}, "at least 2 nodes"), ({"n": 4, "degree": 5}, "degree of 5"), ({"n": 5000}, "more than 4194304"),
    ({"n": 4, "weight": parse_type("i8")}, "unsigned"), ({"n": 4, "selection": "soft"}, "soft selection"),
    ({"n": 4, "weight": F32, "temperature": 0.0}, "temperature of 0"),
])
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(CircuitError, match=message):
        Options(**options)


@settings(max_examples=200, deadline=None)
@given(st.text("ij[]().,+-*<>=! andornt0123xA\x00\n", max_size=40))
def test_formulas_are_read_or_refused(text: str) -> None:
    try:
        parse_formula(text)
    except CircuitError as e:
        if "\n" in str(e):
            raise AssertionError(str(e)) from e


@pytest.mark.parametrize("kind", ["u8", "u16", "ufx<8,4>", "ufx<16,8>", "ufx<16,20>"])
def test_fixed_point_weights_stay_exact(kind: str) -> None:
    """Distances of u8 and u16 raw numbers are those of the same integers, whatever the point, in each backend."""
    t, n, fraction = parse_type(kind), 10, parse_type(kind).fraction
    rng = np.random.default_rng(t.width + fraction)
    A = rng.integers(1, t.highest, (30, n, n), endpoint=True) * (rng.random((30, n, n)) < 0.35)
    A[0] = np.where(A[0] != 0, t.highest, 0)
    s = rng.integers(0, n, 30)
    for name in ("bellman_ford", "dijkstra", "widest_path"):
        module = compile_program(ALGORITHMS[name], Options(n, t, hints=False))
        x = inputs(name, A, s)
        answer = run(module, x)
        native = circuitc.jit(module).run(x)
        assert all(np.array_equal(native[port], raw) for port, raw in answer.items())
        if name == "widest_path":
            continue
        assert module.entry.result("distance").type.fraction == fraction
        for k, a in enumerate(A):
            wanted = nx.single_source_dijkstra_path_length(nx.from_numpy_array(a, create_using=nx.DiGraph), int(s[k]))
            assert answer["distance"][k].tolist() == [wanted.get(v, 0) for v in range(n)]
