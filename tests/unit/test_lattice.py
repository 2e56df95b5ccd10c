"""Lattice pruning: the irreducibility test against brute force, the cuts, what the mask keeps, the drawings."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuitc.cli.entry import run as command
from circuitc.diagnostics import CircuitError
from circuitc.ir import F32, Func, Graph, Module, Port, parse_module, print_module, verify_module
from circuitc.models.rnn import GATES, Linear, network, torch_layer
from circuitc.passes import run_passes
from circuitc.passes.lattice import draw, find_neurons, irreducible_neurons, meet_irreducible, order_of
from circuitc.passes.prune import weights_of


def brute_force(relation: Any) -> list[bool]:
    """Build the whole lattice of intersections, and ask of each column whether it has exactly one upper cover."""
    whole = frozenset(range(len(relation)))
    columns = [frozenset(np.flatnonzero(c).tolist()) for c in relation.T]
    lattice = {whole}
    for count in range(1, len(columns) + 1):
        lattice |= {frozenset.intersection(*chosen) for chosen in combinations(columns, count)}
    found = []
    for column in columns:
        above = [e for e in lattice if column < e]
        found.append(sum(not any(column < other < e for other in above) for e in above) == 1)
    return found


def random_order(rng: Any, n: int, density: float) -> Any:
    """The reflexive, transitive closure of a random acyclic graph, in a random order of its elements."""
    relation = np.triu(rng.random((n, n)) < density, 1) | np.eye(n, dtype=bool)
    for k in range(n):
        relation |= relation[:, k:k + 1] & relation[k:k + 1]
    order = rng.permutation(n)
    return relation[np.ix_(order, order)]


def test_the_irreducibility_test_is_that_of_the_completion() -> None:
    rng = np.random.default_rng(0)
    kinds = set()
    for trial in range(150):
        n = int(rng.integers(1, 9))
        density = (0.1, 0.3, 0.6)[trial % 3]
        relation = random_order(rng, n, density) if trial % 2 else rng.random((int(rng.integers(1, 8)), n)) < density
        wanted = brute_force(relation)
        assert meet_irreducible(relation).tolist() == wanted
        fuzzy = meet_irreducible(relation.astype(float))
        assert fuzzy.tolist() == wanted
        kinds.add((all(wanted), any(wanted)))
    assert kinds == {(True, True), (False, True), (False, False)}


def test_cuts_of_a_cycle_and_a_chain() -> None:
    cycle = np.zeros((4, 4), bool)             # 0 -> 1 -> 2 -> 0, and 2 -> 3; rows are targets
    for source, target in ((0, 1), (1, 2), (2, 0), (2, 3)):
        cycle[target, source] = True
    scc = order_of(cycle, "scc")
    assert np.array_equal(scc[:, 0], scc[:, 1])
    assert scc[:, 3].all()
    assert irreducible_neurons(cycle, "scc").tolist() == [True, True, True, False]   # the top is everything
    oriented = order_of(cycle, "orient")
    assert len({c.tobytes() for c in oriented.T}) == 4
    assert not (oriented & oriented.T & ~np.eye(4, dtype=bool)).any()
    unrolled = order_of(cycle, "unroll", 3)
    assert unrolled.shape == (12, 12)
    assert unrolled[0, 4 + 1]
    assert unrolled[0, 8 + 2]
    assert not unrolled[4 + 1, 0]
    assert order_of(cycle, "fca") is cycle


def recurrent(kind: Any, hidden: int = 6, levels: int = 1, seed: int = 0) -> Module:
    rng = np.random.default_rng(seed)
    rows = GATES[kind] * hidden
    made = [(torch_layer(kind, rng.normal(size=(rows, 4 if k == 0 else hidden)), rng.normal(size=(rows, hidden))),)
            for k in range(levels)]
    readout = Linear(rng.normal(size=(3, hidden)).astype(np.float32), np.zeros(3, np.float32))
    return network(made, [readout], Port("x", F32.with_shape((4,))))


def parts(module: Module) -> tuple[Func, Graph, dict[int, tuple[int, int]]]:
    graph = module.entry.body
    assert isinstance(graph, Graph)
    return module.entry, graph, {v: c.type.shape for v, (_, c) in weights_of(graph).items()}  # pyright: ignore


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_layers_are_found_with_their_ends_and_gates(kind: Any) -> None:
    module = recurrent(kind, levels=2)
    func, graph, shapes = parts(module)
    neurons = find_neurons(func, graph, shapes)
    assert neurons is not None
    assert neurons.names == ("h0", "h1")
    assert {(graph.nodes[x.value].name, x.target, x.source, x.gates) for x in neurons.layers} == {
        ("l0_in", 0, None, GATES[kind]), ("l0_state", 0, 0, GATES[kind]), ("l1_in", 1, 0, GATES[kind]),
        ("l1_state", 1, 1, GATES[kind]), ("readout", None, 1, 1)}
    adjacencies = neurons.adjacencies({v: np.ones(shapes[v]) for v in shapes})
    assert len(adjacencies) == GATES[kind]
    assert all(not a[:6, 6:].any() and a[6:, :6].all() for a in adjacencies)  # the second layer feeds nothing back


FEEDBACK = """
func @main(%x: f32[4]) -> (%y: f32[3] {rate=call}) stream {
  reg %low : f32[2] = 0
  reg %high : f32[3] = 0
  %a = contract #w_in, %x {spec="ij,j->i"} : f32[2]
  %b = contract #w_low, %low {spec="ij,j->i"} : f32[2]
  %c = contract #w_down, %high {spec="ij,j->i"} : f32[2]
  %sum = add %a, %b, %c : f32[2]
  %low2 = tanh %sum : f32[2]
  %d = contract #w_up, %low2 {spec="ij,j->i"} : f32[3]
  %e = contract #w_high, %high {spec="ij,j->i"} : f32[3]
  %sum2 = add %d, %e : f32[3]
  %high2 = tanh %sum2 : f32[3]
  next %low = %low2
  next %high = %high2
  return %high2
}
"""


def test_a_layer_above_that_feeds_back_is_one_graph_with_the_one_below() -> None:
    """The lower of two layers reads the upper one's last state: both directions are edges, cycles cross layers."""
    shapes = {"w_in": (2, 4), "w_low": (2, 2), "w_down": (2, 3), "w_up": (3, 2), "w_high": (3, 3)}
    rng = np.random.default_rng(2)
    constants = "".join(f"const #{k} : f32[{m},{n}] = {rng.normal(size=(m, n)).round(3).tolist()}\n"
                        for k, (m, n) in shapes.items())
    module = parse_module(constants + FEEDBACK)
    func, graph, found = parts(module)
    neurons = find_neurons(func, graph, found)
    assert neurons is not None
    assert (neurons.names, neurons.sizes) == (("low", "high"), (2, 3))
    assert {(graph.nodes[x.value].name, x.target, x.source) for x in neurons.layers} == {
        ("a", 0, None), ("b", 0, 0), ("c", 0, 1), ("d", 1, 0), ("e", 1, 1)}
    down_and_up = {v: np.full(found[v], float(graph.nodes[v].name in "cd")) for v in found}
    adjacency, = neurons.adjacencies(down_and_up)
    assert adjacency[:2, 2:].all()
    assert adjacency[2:, :2].all()
    assert not adjacency[:2, :2].any()
    assert order_of(adjacency > 0, "scc").all()          # one cycle through both layers: all are one element
    assert not irreducible_neurons(adjacency > 0, "scc").any()
    for cut in ("fca", "scc", "unroll", "orient"):
        pruned = run_passes(module, f"prune{{method=lattice,sparsity=0.5,cut={cut},density=0.3}}")
        assert pruned.facts["passes"][-1]["facts"]["lattice"]["neurons"] == 5
        assert isinstance(pruned.entry.body, Graph)
        kept = [int((c.array != 0).sum()) for _, c in weights_of(pruned.entry.body).values()]
        assert sum(kept) == sum(m * n - m * n // 2 for m, n in shapes.values())


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("options", ["cut=fca,density=0.2", "cut=scc,density=0.1", "cut=unroll,density=0.1",
                                     "cut=orient,density=0.2", "mode=continuous,cut=scc", "cut=fca,scope=global"])
def test_as_many_go_as_asked_for_and_irreducible_neurons_stay(kind: Any, options: str) -> None:
    module = recurrent(kind, levels=2, seed=3)
    pruned = run_passes(module, f"prune{{method=lattice,sparsity=0.5,{options}}}")
    verify_module(pruned)
    assert isinstance(pruned.entry.body, Graph)
    arrays = [c.array for _, c in weights_of(pruned.entry.body).values()]
    zeros = [int((a == 0).sum()) for a in arrays]
    if "global" in options:
        assert sum(zeros) == sum(a.size for a in arrays) // 2
    else:
        assert zeros == [a.size // 2 for a in arrays]
    facts = pruned.facts["passes"][-1]["facts"]["lattice"]
    assert facts["neurons"] == 12
    assert len(facts["irreducible_by_gate"]) == GATES[kind]
    assert max(facts["irreducible_by_gate"]) <= facts["irreducible"] <= 12
    assert 0 <= facts["decided_share"] <= 1
    if facts["irreducible"] in (0, 12):
        assert facts["decided_share"] == 0


def test_small_weights_of_irreducible_neurons_outlive_a_large_one() -> None:
    """Neuron 1 feeds what both 0 and 2 feed, so it is their intersection: its edge to itself goes first."""
    weights = np.full((4, 4), 0.1, np.float32)
    for target, source in ((0, 0), (1, 0), (1, 2), (2, 2), (3, 3)):
        weights[target, source] = 5
    weights[1, 1] = 9
    assert irreducible_neurons(weights > 1, "fca").tolist() == [True, False, True, True]
    module = network([(torch_layer("rnn", np.ones((4, 1)), weights),)], [], Port("x", F32.with_shape((1,))))
    pruned = run_passes(module, "prune{method=lattice,sparsity=0.0625,cut=fca,density=0.375}")
    assert isinstance(pruned.entry.body, Graph)
    matrix = next(c.array for _, c in weights_of(pruned.entry.body).values() if c.type.shape == (4, 4))
    assert np.argwhere(matrix == 0).tolist() == [[1, 1]]
    assert pruned.facts["passes"][-1]["facts"]["lattice"]["decided_share"] == 1 / 20


def test_blocks_of_irreducible_neurons_stay_before_larger_ones() -> None:
    """As above, twice of each neuron: blocks of 2 x 2 go as single edges do there."""
    weights = np.full((4, 4), 0.1, np.float32)
    for target, source in ((0, 0), (1, 0), (1, 2), (2, 2), (3, 3)):
        weights[target, source] = 5
    weights[1, 1] = 9
    twice = np.kron(weights, np.ones((2, 2), np.float32))
    module = network([(torch_layer("rnn", np.ones((8, 1)), twice),)], [], Port("x", F32.with_shape((1,))))
    pruned = run_passes(module, "prune{method=lattice,sparsity=0.0625,block=2x2,cut=fca,density=0.375}")
    assert isinstance(pruned.entry.body, Graph)
    matrix = next(c.array for _, c in weights_of(pruned.entry.body).values() if c.type.shape == (8, 8))
    assert np.argwhere(matrix == 0).tolist() == [[2, 2], [2, 3], [3, 2], [3, 3]]
    assert pruned.facts["passes"][-1]["facts"]["lattice"]["decided_share"] == 4 / 72


def test_refuses_what_has_no_state() -> None:
    module = parse_module("""
    const #w : f32[2,2] = [[1, 2], [3, 4]]
    func @main(%x: f32[2]) -> (%y: f32[2]) once {
      %y = contract #w, %x {spec="ij,j->i"} : f32[2]
      return %y
    }
    """)
    for options in ("method=lattice", "block=neurons"):
        with pytest.raises(CircuitError, match="no layer of @main reads a register"):
            run_passes(module, f"prune{{{options}}}")
    with pytest.raises(CircuitError, match="density is above 0"):
        run_passes(module, "prune{method=lattice,density=0.0}")


def test_drawings_show_covers_and_refuse_what_nobody_reads() -> None:
    chain = np.triu(np.ones((3, 3), bool))
    text = draw(chain, ["a", "b", "c"], lattice=False)
    assert text.count("->") == 2
    assert '"a"' in text
    assert text.count("style=bold") == 2
    antichain = np.eye(3, dtype=bool)
    assert draw(antichain, ["a", "b", "c"], lattice=True).count("->") == 6   # bottom, three atoms, top
    with pytest.raises(CircuitError, match="more than the 400 elements"):
        draw(~np.eye(12, dtype=bool), [str(k) for k in range(12)], lattice=True)


def test_the_command_draws_a_small_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.ccir"
    path.write_text(print_module(recurrent("lstm", hidden=4)))
    for view in ("order", "lattice"):
        for cut in ("fca", "scc", "unroll", "orient"):
            assert command(["show", str(path), "--format", view, "--cut", cut, "--density", "0.15"]) == 0
            assert capsys.readouterr().out.startswith("digraph order {")
    assert command(["show", str(path), "--format", "order", "--cut", "sideways"]) == 2
    assert "there is no cut 'sideways'" in capsys.readouterr().err
