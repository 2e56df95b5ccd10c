"""From a training to a circuit: gates where the data allows them, exact numbers where not, and what is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import BIT, SPIN, Builder, Constant, Func, Module, Port, module_of, run, ufixed
from circuitc.models.btf import Neuron, Terminal, ThresholdNetwork, build_module, check_weights
from circuitc.passes import run_passes
from circuitc.proof import Evidence, verify
from circuitc.proof.verdict import Verdict

from .dataset import Dataset
from .network import Network
from .snapping import Snapped, flat, snap_all
from .trial import score

DECIMALS = 10**8      # trained weights mean what a `.sol` file says: eight digits after the point
BATCH = 1 << 14
LENGTHS = (1, 3, 5, 7, 9, 13, 21, 37, 64, 128, 256)  # squared lengths of uncertified integers, tried in this order
REACHABLE_BITS = 20   # inputs that are listed to find what neurons can see


@dataclass(frozen=True)
class Circuit:
    """A trained network as a module of integer neurons, and how much of the data it has right.

    `certified` neurons are the trained ones on all inputs; `data_only` ones were rounded further, and are only known
    to be right together, on the data; `exact` ones hold their decimal weights or what equals them. `bits` and `items`
    are shares of the data that the interpreter finds right. `verdict` compares with the truth table, if it is complete.
    """

    module: Module
    certified: int
    data_only: int
    exact: int
    bits: float
    items: float
    summary: str
    verdict: Verdict | None = None

    @property
    def evidence(self) -> Evidence:
        """What is known of the equality with the data: proved for a truth table, else measured on its items."""
        if self.verdict is not None and self.verdict.status == "equal":
            return self.verdict.evidence
        return Evidence("measured", method=f"{100 * self.items:.4g} % of the items right")


def threshold_network(network: Network, rows: Sequence[Sequence[int]], name: str) -> ThresholdNetwork:
    """Give a network with these integer weights, one row a neuron in the order of its sources."""
    neurons: list[Neuron] = []
    for k, (read, row) in enumerate(zip(network.sources, rows, strict=True)):
        label = network.innodes + k
        check_weights(row, f"neuron {label}")
        weight = dict(zip(read, row, strict=True))
        sources = tuple(sorted(s for s in read if s))
        neurons.append(Neuron(sources, tuple(weight[s] for s in sources), weight.get(0, 0), label))
    inputs = Terminal("x", SPIN.with_shape((network.innodes - 1,)))
    outputs = Terminal("y", SPIN.with_shape((network.outnodes,)))
    labels = tuple(range(network.nodes - network.outnodes, network.nodes))
    return ThresholdNetwork(name, name, (inputs,), (outputs,), tuple(neurons), labels)


def decimal_rows(network: Network, weights: NDArray[Any]) -> list[list[int]]:
    """Give each neuron's trained weights as whole hundred-millionths."""
    return [np.rint(network.weights_of(weights, k).astype(np.float64) * DECIMALS).astype(np.int64).tolist()
            for k in range(network.neurons)]


def make_circuit(network: Network, weights: NDArray[Any], data: Dataset, name: str = "learned", *,
                 codes: NDArray[np.int8] | None = None, seconds: float = 60.0) -> Circuit:
    """Make the cleanest circuit that is as right on the data as the trained network.

    First every neuron becomes integers near its weights, those of shorter ones (COPIES, AND2, MAJ3) before longer
    ones. Where none of that is as right as the trained network, only certified neurons do, and the others keep their
    decimal weights, which `snap-thresholds` brings down exactly. A complete truth table is compared by proof.
    """
    decimals = decimal_rows(network, weights)
    inputs = codes if data.inputs is None else data.spins
    assert inputs is not None
    bits = replace(data, classes=0)  # a circuit puts bits out, also where they stand for classes
    wanted = score(network, np.rint(weights.astype(np.float64) * DECIMALS), bits, codes).items
    snapped, as_right = _shortest(network, weights, bits, codes, wanted)
    sure = [snapped[kind].certified for kind in network.kinds]
    rows = [list(snapped[kind].weights) for kind in network.kinds]
    kept = 0
    if not as_right:
        rows = [row if own else exact for row, own, exact in zip(rows, sure, decimals, strict=True)]
        kept = sure.count(False)
    module = build_module(threshold_network(network, rows, name), {})
    if kept:
        few = network.innodes - 1 <= REACHABLE_BITS
        module = run_passes(module, f"snap-thresholds{'{evidence=reachable}' if few else ''}")
    items, right = _right(module, inputs, bits)
    rest = sure.count(False) - kept
    verdict = verify(module, truth_table(data), seconds=seconds) if data.is_complete and items == 1.0 else None
    return Circuit(module, sure.count(True), rest, kept, right, items,
                   _summary(module, sure.count(True), rest, kept), verdict)


def _shortest(network: Network, weights: NDArray[Any], data: Dataset, codes: NDArray[np.int8] | None,
              wanted: float) -> tuple[list[Snapped], bool]:
    """Give the shortest integers with which the network is as right as wanted; say whether there are any."""
    snapped: list[Snapped] = []
    for most in LENGTHS:
        snapped = snap_all(network, weights, most)
        if score(network, flat(snapped), data, codes).items >= wanted:
            return snapped, True
    return snapped, False


def _right(module: Module, inputs: NDArray[np.int8], data: Dataset) -> tuple[float, float]:
    """Give the share of items and of output bits that the interpreter finds right."""
    answers = [run(module, {"x": inputs[k:k + BATCH].astype(np.int64)})["y"] for k in range(0, len(inputs), BATCH)]
    same = np.concatenate(answers) == data.outputs
    return float(same.all(axis=1).mean()), float(same.mean())


def truth_table(data: Dataset, name: str = "table") -> Module:
    """Give a complete truth table as a program that looks its answer up: what a learned circuit is compared with."""
    if not data.is_complete:
        raise error("the data is not a complete truth table")
    bits = data.spins.shape[1]
    order = ((data.spins > 0) @ (1 << np.arange(bits, dtype=np.int64))).astype(np.int64)
    table = np.zeros((1 << bits, data.outputs.shape[1]), np.int64)
    table[order] = data.outputs > 0
    b = Builder()
    x = b.input("x", SPIN.with_shape((bits,)))
    number = b.apply("pack", b.apply("convert", x, type=BIT), type=ufixed(bits, 0))
    rows = b.constant(Constant(BIT.with_shape(table.shape), table), name="rows")
    y = b.apply("convert", b.apply("gather", rows, number), type=SPIN)
    outputs = Port("y", SPIN.with_shape((table.shape[1],)))
    return module_of(Func(name, (Port("x", SPIN.with_shape((bits,))),), (outputs,), b.finish([y])))


def _summary(module: Module, certified: int, data_only: int, exact: int) -> str:
    """Say what became of the neurons, and which gates they are."""
    parts = [f"{count} {words}" for count, words in ((certified, "certified"), (data_only, "right on the data only"),
                                                     (exact, "exact")) if count]
    counted = ", ".join(f"{n} {family}" for family, n in gate_census(module).items())
    total = certified + data_only + exact
    return f"{total} neuron{'s' if total != 1 else ''}: {', '.join(parts)} ({counted})"


def gate_census(module: Module) -> dict[str, int]:
    """Count a network's neurons by family of gates: copy, and/or, maj, larger."""
    snapped = run_passes(module, "snap-thresholds")
    for record in reversed(snapped.facts.get("passes", ())):
        if "census" in record.get("facts", {}):
            return dict(record["facts"]["census"])
    return {}


def simplified(module: Module, pipeline: str = "clean,lower-to-gates,sweep-dead,logic-fast") -> Module:
    """Give the circuit as gates after the logic passes."""
    return run_passes(module, pipeline)
