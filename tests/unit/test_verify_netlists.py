"""Every verdict on small random netlists is checked against all input patterns."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.ir import BIT, Func, Kind, Netlist, NetlistBuilder, Port, evaluate_words, module_of, unpack_words
from circuitc.ir.generate import random_netlist
from circuitc.proof import sweep as sweep_module
from circuitc.proof import verify
from circuitc.proof.methods import METHODS
from circuitc.proof.network import Network

SEEDS = st.integers(0, 1 << 32)


def module(netlist: Netlist):
    ports = [Port("x", BIT.with_shape((netlist.inputs,)))], [Port("y", BIT.with_shape((len(netlist.outputs),)))]
    return module_of(Func("f", tuple(ports[0]), tuple(ports[1]), netlist))


def patterns(bits: int) -> np.ndarray:
    numbers = np.arange(max(64, 1 << bits)) % (1 << bits)
    rows = (numbers >> np.arange(bits)[:, None] & 1).astype(np.uint8)
    return np.packbits(rows, axis=1, bitorder="little").view("<u8").astype(np.uint64)


def table(netlist: Netlist) -> np.ndarray:
    return evaluate_words(netlist, patterns(netlist.inputs))


def mutated(netlist: Netlist, rng: np.random.Generator) -> Netlist:
    """Change one thing: an inversion, a fan-in, or an output."""
    fanin, outputs = netlist.fanin.copy(), netlist.outputs.copy()
    what = rng.integers(3)
    if what == 0 or not len(fanin):
        outputs[rng.integers(len(outputs))] ^= 1
    elif what == 1:
        fanin[rng.integers(len(fanin))] ^= 1
    else:
        edge = int(rng.integers(len(fanin)))
        owner = int(np.searchsorted(netlist.offset, edge, side="right")) - 1
        fanin[edge] = rng.integers(2 * owner)
    return replace(netlist, fanin=fanin, outputs=outputs)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_a_network_computes_what_the_netlist_computes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    netlist = random_netlist(rng, 6, int(rng.integers(1, 60)), 5)
    network = Network()
    outputs = network.import_netlist(netlist, [network.input() for _ in range(6)])
    assert np.array_equal(table(network.netlist(outputs)), table(netlist))


@pytest.mark.parametrize("fanins", [1, 3, 10, 14])
def test_thresholds_become_diagrams_or_adders(fanins: int) -> None:
    rng = np.random.default_rng(fanins)
    for bound in (2, 9, 5000):
        builder = NetlistBuilder(fanins)
        weights = rng.integers(-bound, bound + 1, fanins)
        for threshold in (-bound, 0, int(weights[weights > 0].sum() // 2), int(weights[weights > 0].sum()) - 1):
            literals = [builder.input(k) ^ int(rng.integers(2)) for k in range(fanins)]
            netlist = builder.finish([builder.threshold(literals, weights.tolist(), threshold)])
            network = Network()
            outputs = network.import_netlist(netlist, [network.input() for _ in range(fanins)])
            assert np.array_equal(table(network.netlist(outputs)), table(netlist)), (weights, threshold)


@settings(max_examples=80, deadline=None)
@given(SEEDS)
def test_verdicts_on_mutated_netlists_are_those_of_all_patterns(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = random_netlist(rng, int(rng.integers(1, 11)), int(rng.integers(1, 80)), int(rng.integers(1, 6)))
    second = mutated(first, rng)
    same = np.array_equal(table(first), table(second))
    for method in ("auto", "sat", "exhaustive"):
        verdict = verify(module(first), module(second), method)
        assert verdict.status == ("equal" if same else "different"), method
        assert verdict.evidence.level == ("simulated" if not same else "exhausted" if method == "exhaustive" else
                                          "proved") or verdict.evidence.method == "structural hashing"
        if verdict.counterexample is not None:
            check_counterexample(verdict.counterexample, first, second)


def check_counterexample(example, first: Netlist, second: Netlist) -> None:
    """The outputs that it shows are those of the two netlists, worked out here."""
    words = np.asarray(example.inputs["x"], np.uint64).reshape(-1, 1)
    for shown, netlist in ((example.first, first), (example.second, second)):
        bits = unpack_words(evaluate_words(netlist, words), 1)[:, 0]
        assert np.array_equal(shown["y"], bits)
    assert example.differing == ("y",)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_sweeping_stays_right_when_its_first_guesses_are_poor(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = random_netlist(rng, 10, 120, 4)
    second = mutated(first, rng) if rng.random() < 0.7 else first
    network = Network()
    inputs = [network.input() for _ in range(10)]
    # inputs in reverse order on an inverted copy: equal functions of other structure, as well as different ones
    pairs = list(zip(network.import_netlist(first, inputs), network.import_netlist(second, inputs), strict=True))
    blurred = [(a, network.or_(network.and_(b, inputs[0]), network.and_(b, inputs[0] ^ 1))) for a, b in pairs]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweep_module, "FIRST_WORDS", 1)
        patch.setattr(sweep_module, "REFINE_AFTER", int(rng.integers(1, 20)))
        outcome = sweep_module.sweep(network, blurred, float("inf"), seed=seed, inner_conflicts=int(rng.integers(1, 5)))
    assert not outcome.open
    assert outcome.proved == np.array_equal(table(first), table(second))


def with_rare_differences(netlist: Netlist, rng: np.random.Generator) -> Netlist:
    """Rebuild a netlist so that each output differs for one random value of all inputs, or (a quarter) nowhere."""
    network = Network()
    inputs = [network.input() for _ in range(netlist.inputs)]
    outputs = network.import_netlist(netlist, inputs)
    for k, output in enumerate(outputs):
        cube = 1
        for literal in rng.permutation(inputs).tolist():
            cube = network.and_(cube, literal ^ int(rng.integers(2)))
        outputs[k] = (network.or_(output, cube), network.and_(output, cube ^ 1), network.xor(output, cube),
                      network.mux(cube, output, output))[rng.integers(4)]
    return network.netlist(outputs)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_differences_too_rare_for_vectors_are_left_to_the_solver_and_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first = random_netlist(rng, 14, 150, 1)
    second = with_rare_differences(first, rng)
    network = Network()
    inputs = [network.input() for _ in range(14)]
    pairs = list(zip(network.import_netlist(first, inputs), network.import_netlist(second, inputs), strict=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweep_module, "FIRST_WORDS", 1)
        outcome = sweep_module.sweep(network, pairs, float("inf"), seed=seed)
    assert outcome.proved == np.array_equal(table(first), table(second))
    if outcome.pattern is not None:
        words = outcome.pattern.astype(np.uint64)[:, None]
        one, other = (unpack_words(evaluate_words(n, words), 1) for n in (first, second))
        assert not np.array_equal(one, other)


def factors(product: int, *, differ: bool) -> tuple[Network, list[tuple[int, int]]]:
    """Pair an output with one that differs where two 9-bit numbers multiply to `product`."""
    network = Network()
    inputs = [network.input() for _ in range(18)]
    total = [0] * 18
    for i in range(9):
        carry = 0
        row = [network.and_(inputs[i], inputs[9 + k - i]) if 0 <= k - i < 9 else 0 for k in range(18)]
        for k in range(18):
            a, b = total[k], row[k]
            total[k] = network.xor(network.xor(a, b), carry)
            carry = network.maj(a, b, carry)
    hit = 1
    for k in range(18):
        hit = network.and_(hit, total[k] ^ 1 ^ (product >> k & 1))
    return network, [(inputs[0], network.xor(inputs[0], hit) if differ else inputs[0])]


@pytest.mark.parametrize("patience", [1, 20, None])
@pytest.mark.parametrize(("product", "is_product"), [(509 * 503, True), (509 * 509 - 2, False)])
def test_a_solver_that_gives_up_has_proved_nothing(product: int, is_product: bool, patience: int | None) -> None:
    network, pairs = factors(product, differ=True)
    outcome = sweep_module.sweep(network, pairs, float("inf"), inner_conflicts=patience or 300, patience=patience)
    if patience is None:
        assert outcome.proved != is_product
        assert (outcome.pattern is not None) == is_product
    else:
        assert outcome.proved <= (not is_product)
        assert outcome.open == [0] or outcome.pattern is not None or not is_product
    if outcome.pattern is not None:
        x, y = (int(part @ (1 << np.arange(9))) for part in (outcome.pattern[:9], outcome.pattern[9:]))
        assert x * y == product


@pytest.mark.parametrize("method", [m for m in METHODS if m != "random"])
def test_every_method_proves_and_refutes(method: str) -> None:
    def adder(flip: int, *, plain: bool) -> Netlist:
        b = NetlistBuilder(16)
        carry, outputs = 0, []
        for k in range(8):
            x, y = b.input(k), b.input(8 + k)
            outputs.append(b.xor(b.xor(x, y), carry))
            carry = b.maj(x, y, carry) if plain else b.or_(b.and_(x, y), b.and_(carry, b.xor(x, y)))
        return b.finish([*outputs, carry ^ flip])

    ours, theirs, wrong = (module(n) for n in (adder(0, plain=True), adder(0, plain=False), adder(1, plain=False)))
    equal, different = verify(ours, theirs, method), verify(ours, wrong, method)
    assert (equal.status, different.status) == ("equal", "different")
    if method == "abc":
        assert equal.evidence.solver == "ABC cec"
    assert different.counterexample is not None
    assert different.counterexample.differing == ("y",)


def test_the_same_object_and_equal_structure_need_no_solver() -> None:
    netlist = random_netlist(np.random.default_rng(1), 8, 100, 4)
    one, two = module(netlist), module(netlist)
    assert verify(one, one).evidence.method == "the same object"
    assert verify(one, two).evidence.method == "structural hashing"


def test_threshold_gates_against_their_truth_tables() -> None:
    b = NetlistBuilder(5)
    weights, threshold = [3, -2, 1, 4, -1], 2
    inputs = [b.input(k) for k in range(5)]
    gate = b.finish([b.threshold(inputs, weights, threshold)])
    bits = sum(1 << i for i in range(32) if sum(w for k, w in enumerate(weights) if i >> k & 1) > threshold)
    b = NetlistBuilder(5)
    lut = b.finish([b.lut([b.input(k) for k in range(5)], bits)])
    assert gate.kind[-1] == Kind.THRESHOLD
    assert verify(module(gate), module(lut)).status == "equal"
    b = NetlistBuilder(5)
    other = b.finish([b.lut([b.input(k) for k in range(5)], bits ^ 1 << 7)])
    assert verify(module(gate), module(other)).counterexample.inputs["x"].tolist() == [1, 1, 1, 0, 0]
