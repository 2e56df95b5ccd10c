"""Small random machines: what the sequential engines say of two is what walking through all states says."""

from itertools import product as all_of

import numpy as np
import pytest

from circuitc.ir import BIT, STREAM, Constant, Func, Module, Port, Register, aig, evaluate_words, module_of, run
from circuitc.proof import Verdict, verify
from circuitc.tools import find_tool

pytestmark = pytest.mark.skipif(find_tool("yosys-abc") is None, reason="needs ABC")
LATCHES, GATES = 3, 9


def machine(rng: np.random.Generator, inputs: tuple[Port, ...], rate: str, names: str) -> Module:
    """Make a machine of three latches that begin with 0, 1 or anything, and one output."""
    total = len(inputs) + LATCHES
    pairs = np.array([rng.integers(2, 2 * (1 + total + k), 2) for k in range(GATES)])
    results = rng.integers(2 * (total + 1), 2 * (1 + total + GATES), 1 + LATCHES)
    starts = rng.choice([0, 1, None], LATCHES, p=[0.4, 0.4, 0.2])
    registers = tuple(Register(f"{names}{k}", BIT, None if v is None else Constant(BIT, int(v)))
                      for k, v in enumerate(starts))
    return module_of(Func("f", inputs, (Port("y", BIT, rate),), aig(total, pairs, results), registers, STREAM))


def changed(rng: np.random.Generator, module: Module, names: str) -> Module:
    """Give the machine with its latches inverted and in another order, and sometimes one literal of a gate changed."""
    func = module.entry
    order, flip = rng.permutation(LATCHES), rng.integers(0, 2, LATCHES)
    fanin, outputs = func.body.fanin.copy(), func.body.outputs.copy()
    if rng.random() < 0.6:
        fanin[rng.integers(len(fanin))] ^= 1
    start = len(func.inputs)
    place = {1 + start + old: (1 + start + new) << 1 | int(flip[old]) for new, old in enumerate(order)}

    def moved(literals: np.ndarray) -> np.ndarray:
        return np.array([place.get(int(x) >> 1, int(x) & ~1) ^ (int(x) & 1) for x in literals], np.int64)

    following = moved(outputs[1:])[order] ^ flip[order]
    body = aig(func.body.inputs, moved(fanin), np.concatenate([moved(outputs[:1]), following]))
    registers = tuple(
        Register(f"{names}{new}", BIT, None if (old := func.registers[k].initial) is None
                 else Constant(BIT, int(old.array) ^ int(flip[k]))) for new, k in enumerate(order))
    return module_of(Func("f", func.inputs, func.outputs, body, registers, STREAM))


def differ(first: Module, second: Module) -> bool:
    """Walk through all states of both machines together, from every start: free latches of one name start equal."""
    funcs = first.entry, second.entry
    free = sorted({r.name for f in funcs for r in f.registers if r.initial is None})
    held = [k for k, p in enumerate(funcs[0].inputs) if p.rate == "call"]
    todo = []
    for values in all_of((0, 1), repeat=len(free) + len(held)):
        named = dict(zip(free, values, strict=False))
        states = tuple(tuple(named[r.name] if r.initial is None else int(r.initial.array) for r in f.registers)
                       for f in funcs)
        todo.append((states, values[len(free):]))
    seen = set(todo)
    while todo:
        states, kept = todo.pop()
        for row in all_of((0, 1), repeat=len(funcs[0].inputs)):
            if any(row[k] != v for k, v in zip(held, kept, strict=True)):
                continue
            answers = [step(f, row, s) for f, s in zip(funcs, states, strict=True)]
            if answers[0][0] != answers[1][0]:
                return True
            following = (answers[0][1:], answers[1][1:]), kept
            if following not in seen:
                seen.add(following)
                todo.append(following)
    return False


def step(func: Func, row: tuple[int, ...], state: tuple[int, ...]) -> tuple[int, ...]:
    words = np.array([*row, *state], np.uint64)[:, None]
    return tuple(int(w) & 1 for w in evaluate_words(func.body, words)[:, 0])


def check(first: Module, second: Module, method: str) -> Verdict:
    verdict = verify(first, second, method, seconds=20)
    truth = differ(first, second)
    assert verdict.status != ("equal" if truth else "different"), verdict
    if (example := verdict.counterexample) is not None:
        for module, said in ((first, example.first), (second, example.second)):
            state = {r.name: example.state[r.name][None] for r in module.entry.registers if r.initial is None}
            answer = run(module, {n: v[None] for n, v in example.inputs.items()}, state=state)
            assert np.array_equal(answer["y"][0], said["y"])
    return verdict


@pytest.mark.parametrize("method", ["pdr", "scorr", "dsec", "bmc", "auto"])
def test_an_engine_says_what_walking_through_all_states_says(method: str) -> None:
    rng = np.random.default_rng(sum(map(ord, method)))
    verdicts = []
    for _ in range(14):
        inputs = (Port("a", BIT, "step"), Port("b", BIT, ("step", "call")[int(rng.integers(2))]))
        first = machine(rng, inputs, ("step", "call")[int(rng.integers(2))], "s")
        verdicts.append(check(first, changed(rng, first, ("s", "t")[int(rng.integers(2))]), method).status)
    if method == "scorr":
        assert "equal" in verdicts
    elif method == "bmc":
        assert "different" in verdicts
        assert "unknown" in verdicts
    else:
        assert {"equal", "different"} <= set(verdicts)
        assert "unknown" not in verdicts or method == "dsec"
