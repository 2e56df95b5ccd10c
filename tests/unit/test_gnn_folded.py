"""The folded form takes one sender a step: the same answers as a sweep a step, after n times the steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.ir import parse_type, run, verify_module
from circuitc.models.gnn import ALGORITHMS, GraphProgram, Message, Options, Probe, State, compile_program

U8 = parse_type("u8")
N = 9


def drawn(name: str, *, padded: bool, directed: bool, count: int = 40) -> dict[str, Any]:
    rng = np.random.default_rng(3)
    A = rng.integers(0, 256, (count, N, N)) * (rng.random((count, N, N)) < 0.3)
    A = A if directed else np.maximum(A, A.transpose(0, 2, 1))
    found: dict[str, Any] = {"A": A}
    if "s" in ALGORITHMS[name].inputs:
        found["s"] = np.eye(N, dtype=int)[rng.integers(0, 3, count)]
    if padded:
        found["active"] = (np.arange(N) < rng.integers(3, N + 1, (count, 1))).astype(int)
    return found


@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("name", ["bfs", "bellman_ford", "widest_path", "connected_components"])
def test_the_same_answers(name: str, padded: bool) -> None:
    for directed in (True, False):
        options = {"hints": False, "padded": padded, "directed": directed}
        folded = compile_program(ALGORITHMS[name], Options(N, U8, folded=True, **options))
        verify_module(folded)
        inputs = drawn(name, padded=padded, directed=directed)
        want = run(compile_program(ALGORITHMS[name], Options(N, U8, **options)), inputs)
        for answer in (run(folded, inputs), circuitc.jit(folded).run(inputs)):
            for port, raw in want.items():
                assert np.array_equal(answer[port], raw * (N if port == "steps" else 1)), port


@pytest.mark.parametrize("name", ["dijkstra", "dfs", "floyd_warshall"])
def test_nothing_to_fold(name: str) -> None:
    with pytest.raises(CircuitError, match="nothing from node to node"):
        compile_program(ALGORITHMS[name], Options(4, U8, hints=False, folded=True))


@pytest.mark.parametrize("more", [{"hints": True}, {"degree": 2}, {"weight": parse_type("f32")}])
def test_forms_that_do_not_fold(more: dict[str, Any]) -> None:
    with pytest.raises(CircuitError, match="the folded form is dense and exact"):
        Options(**{"n": 4, "weight": U8, "hints": False, "folded": True, **more})


def program(steps: dict[str, Any]) -> GraphProgram:
    return GraphProgram("p", {"A": Probe("edge", "scalar")},
                        {"x": State(Probe("node", "mask"), "1", "x[j] and last_one.any", output="x")},
                        {**steps, "last_one": steps.get("last_one") or Message("A[i,j] != 0", "A[i,j]", "min")},
                        "unchanged(x)")


def test_what_is_whole_only_after_the_last_sender_is_not_read_before() -> None:
    chain = {"near": Message("A[i,j] != 0 and x[i]", aggregate="any"), "known": "near",
             "last_one": Message("A[i,j] != 0 and known", "A[i,j]", "min")}
    with pytest.raises(CircuitError, match="last_one reads near, which is whole only after the last sender"):
        compile_program(program(chain), Options(4, U8, hints=False, folded=True))
    with pytest.raises(CircuitError, match="near is a sum"):
        compile_program(program({"near": Message("A[i,j] != 0", "1", "sum")}),
                        Options(4, U8, hints=False, folded=True))
