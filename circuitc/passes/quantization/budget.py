"""Budgets: fewer bits for the layers that mind least, until a goal is met."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from circuitc.diagnostics import error

from .number_formats import NumberFormat, parse_weights
from .sensitivity import Bench
from .settings import Settings

STEPS = ("i16", "i8", "i6", "i5", "i4", "i3", "ternary", "binary")


@dataclass(frozen=True, slots=True)
class Budget:
    """A goal: `bits` of all weights at most, an `accuracy` at least, or a `drop` of it at most."""

    kind: Literal["bits", "accuracy", "drop"]
    amount: float

    def meet(self, bench: Bench) -> tuple[Settings, dict[str, Any]]:
        """Take bits from layers greedily, each time where the error grows least for a bit; equal ones by name.

        Answers the settings, and what was tried. Trials round weights and activations within the float program.
        """
        names = sorted(bench.names)
        start = {n: bench.plan.settings.of(n) for n in names}
        if self.kind == "bits":
            start = {n: replace(s, weights=parse_weights(STEPS[0])) for n, s in start.items()}
        now, found, rows = start, bench.trial(start), list[dict[str, Any]]()
        least = self._least(bench, found)
        while not self._is_met(bench, now):
            tries: list[tuple[float, str, dict[str, float]]] = []
            for name in names:
                fewer = _fewer(now[name].weights)
                if fewer is None:
                    continue
                trial = bench.trial({**now, name: replace(now[name], weights=fewer)})
                if trial.get("accuracy", 1.0) >= least:
                    saved = (now[name].weights.bits - fewer.bits) * bench.size(name)
                    tries.append(((trial["error"] - found["error"]) / saved, name, trial))
            if not tries:
                break
            _, name, found = min(tries, key=lambda t: t[:2])
            fewer = _fewer(now[name].weights)
            assert fewer is not None
            now = {**now, name: replace(now[name], weights=fewer)}
            rows.append({"layer": name, "weights": str(fewer), "bits": _bits(bench, now), **found})
        if self.kind == "bits" and not self._is_met(bench, now):
            needed = _bits(bench, now)
            raise error(f"quantize: a budget of {self.amount:g} bits is less than binary weights need, {needed}")
        settings = replace(bench.plan.settings, layers={**bench.plan.settings.layers, **now})
        return settings, {"goal": f"{self.kind}={self.amount:g}", "bits": _bits(bench, now), "steps": rows, **found}

    def _is_met(self, bench: Bench, now: dict[str, Any]) -> bool:
        """Tell whether to stop before nothing more can be taken: only a goal of bits does."""
        return self.kind == "bits" and _bits(bench, now) <= self.amount

    def _least(self, bench: Bench, found: dict[str, float]) -> float:
        """Give the accuracy that trials must keep."""
        if self.kind == "bits":
            return 0.0
        if "accuracy" not in found:
            raise error(f"quantize: a budget of {self.kind} needs the array labels in the calibration data, "
                        "one class a sample, and an output that is a class or a vector")
        least = self.amount if self.kind == "accuracy" else bench.trial({})["accuracy"] - self.amount
        if found["accuracy"] < least:
            raise error(f"quantize: the accuracy is {found['accuracy']:.4f} before any bit is saved, "
                        f"the budget asks for {least:.4f}", help="give more bits to start from")
        return least


def parse_budget(text: str) -> Budget | None:
    """Read a budget, or None from an empty text."""
    kind, equals, amount = text.partition("=")
    if not text:
        return None
    try:
        number = float(amount)
    except ValueError:
        number = -1.0
    match kind:
        case "bits" | "accuracy" | "drop" if equals and 0 <= number < 1e18 and (kind == "bits" or number <= 1):
            return Budget(kind, number)
        case _:
            raise error(f"quantize: a budget is bits=20000, accuracy=0.95 or drop=0.01, got {text}")


def _fewer(wanted: NumberFormat) -> NumberFormat | None:
    """Give the next format of fewer bits."""
    return next((f for f in map(parse_weights, STEPS) if f.bits < wanted.bits), None)


def _bits(bench: Bench, now: dict[str, Any]) -> int:
    return sum(bench.size(n) * s.weights.bits for n, s in now.items())
