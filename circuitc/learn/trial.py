"""One restart: a start drawn from its seed, iterations, and the best network that it came across."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error

from .dataset import FREE_KINDS, Dataset, Spins
from .kernel import Memory, infer
from .network import Network
from .settings import Settings

Reals = NDArray[Any]
TRACE_COLUMNS = ("iteration", "gap_w", "gap_x", "gap_y", "gap", "least_gap", "train", "test")
MAX_BYTES = 1 << 34


def check_fit(network: Network, data: Dataset) -> None:
    """Refuse data that is not for this network."""
    if data.inputs is not None and data.inputs.shape[1] != network.innodes - 1:
        raise error(f"the data has {data.inputs.shape[1]} inputs, the network {network.innodes - 1}")
    if data.outputs.shape[1] != network.outnodes:
        raise error(f"the data has {data.outputs.shape[1]} outputs, the network {network.outnodes}")
    needed = 16 * network.edges * data.items
    if needed > MAX_BYTES:
        raise error(f"{network.edges} edges and {data.items} items need {needed >> 30} GB, more than "
                    f"{MAX_BYTES >> 30}", help="take fewer items")


@dataclass(frozen=True, slots=True)
class Score:
    """How a network does on some items: the share of output bits, and of whole items, that are right.

    With classes an item is right when its class has the largest sum, and bits count items too.
    """

    bits: float
    items: float


def score(network: Network, weights: Reals, data: Dataset, codes: Spins | None = None) -> Score:
    """Evaluate a network with sign activations; inputs are the data's spins, or the codes of a generator."""
    inputs = codes if data.inputs is None else data.spins
    assert inputs is not None
    out, sums = infer(network, weights, inputs)
    if data.classes:
        share = float((sums.argmax(axis=1) == data.outputs.argmax(axis=1)).mean())
        return Score(share, share)
    same = out == data.outputs
    return Score(float(same.mean()), float(same.all(axis=1).mean()))


class Trial:
    """One restart. `advance` iterates; `rows` has a line of the trace for each report (see TRACE_COLUMNS)."""

    def __init__(self, network: Network, data: Dataset, settings: Settings, number: int,
                 test: Dataset | None = None) -> None:
        self.network, self.data, self.settings, self.number, self.test = network, data, settings, number, test
        self.memory = Memory(network, data.inputs, data.outputs.astype(np.float64), settings.precision,
                             free=FREE_KINDS[data.free])
        self.memory.start(np.random.default_rng(np.random.SeedSequence([settings.seed, number])))
        self.iteration, self.least_gap, self.gap = 0, float("inf"), float("inf")
        self.best = Score(-1.0, -1.0)
        self.weights: Reals = self.memory.agreed.copy()
        self.codes: Spins | None = None
        self.rows: list[tuple[float, ...]] = []
        self.failed = False

    @property
    def converged(self) -> bool:
        """True where the gap came below the bound."""
        return self.gap < self.settings.gap

    @property
    def is_right(self) -> bool:
        """True where a network was found that is right on every item."""
        return self.best.items == 1.0

    @property
    def is_done(self) -> bool:
        """True where nothing is left to do."""
        early = self.is_right and self.settings.stop == "right"
        return self.converged or early or self.failed or self.iteration >= self.settings.iterations

    def advance(self) -> None:
        """Iterate to the next report, evaluate, and keep the network if it is the best so far."""
        s = self.settings
        count = min(s.report - self.iteration % s.report, s.iterations - self.iteration)
        trace = self.memory.iterate(count, s.sigma, s.beta, s.gamma, s.gap)
        self.iteration += len(trace)
        self.gap, self.least_gap = float(trace[-1, 3]), min(self.least_gap, float(trace[:, 3].min()))
        if not np.isfinite(self.gap):
            self.failed = True  # left the numbers: a step too large, say; what was best before stays
            return
        found = self._evaluate()
        test = score(self.network, self.memory.agreed, self.test).bits if self.test else float("nan")
        self.rows.append((self.iteration, *trace[-1].tolist(), self.least_gap, 100 * found.bits,
                          *([100 * test] if self.test else [])))
        # where two are equally right, the one with the smaller gap is nearer to clean gates
        if (found.items, found.bits) > (self.best.items, self.best.bits) or (self.converged and found == self.best):
            self.best, self.weights, self.codes = found, self.memory.agreed.copy(), self._codes()

    def _codes(self) -> Spins | None:
        if self.data.inputs is not None:
            return None
        return self.memory.unpack(self.memory.codes)[:, 1:self.network.innodes].astype(np.int8)

    def _evaluate(self) -> Score:
        return score(self.network, self.memory.agreed, self.data, self._codes())

    def state(self) -> dict[str, NDArray[Any]]:
        """Give all that decides how it goes on, as plain arrays."""
        m = self.memory
        arrays: dict[str, NDArray[Any]] = {
            "w": m.w, "x": m.x, "y": m.y, "metric": m.metric, "weights": self.weights,
            "numbers": np.array([self.iteration, self.failed], np.int64),
            "reals": np.array([self.gap, self.least_gap, self.best.bits, self.best.items]),
            "rows": np.array(self.rows, np.float64).reshape(len(self.rows), -1)}
        return arrays if self.codes is None else {**arrays, "codes": self.codes}

    def restore(self, state: dict[str, NDArray[Any]]) -> None:
        """Go back to a state; arrays of other shapes are refused."""
        m = self.memory
        targets = {"w": m.w, "x": m.x, "y": m.y, "metric": m.metric, "weights": self.weights}
        for name, target in targets.items():
            given = state.get(name)
            if given is None or given.shape != target.shape or given.dtype != target.dtype:
                raise error(f"the checkpoint's {name} is not that of this network and data")
            target[:] = given
        try:
            self.iteration, self.failed = int(state["numbers"][0]), bool(state["numbers"][1])
            self.gap, self.least_gap, bits, items = map(float, state["reals"])
            self.rows = [tuple(row) for row in state["rows"].tolist()]
        except (KeyError, IndexError, ValueError, TypeError) as e:
            raise error(f"the checkpoint is damaged ({e})") from None
        self.best = Score(bits, items)
        self.codes = state.get("codes")
