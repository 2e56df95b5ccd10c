"""Hopfield networks: patterns of spins that are recalled from parts of them.

Classical (Hopfield 1982): x_i becomes the sign of sum_j W_ij x_j - t_i, with W = sum over patterns of xi xi^T, zero
diagonal (the factor 1/n changes no sign). Energy E = -1/2 x W x + t x. One unit after the other (async) E never rises
where W is symmetric with a zero diagonal; all at once (sync) it may, and two states may follow each other for ever.

Dense (Krotov and Hopfield 2016, arXiv 1606.01164): x_i becomes the sign of sum_mu xi_i (xi_mu . x)^(p-1), the gradient
of E = -sum_mu (xi_mu . x)^p. Where p is even E is concave, so it never rises, async or sync; where p is odd it may.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import (
    BIT,
    SPIN,
    Builder,
    Constant,
    Func,
    Module,
    Port,
    Register,
    Schedule,
    Type,
    Value,
    index_type,
)

from ..btf import check_weights, weight_constant

Int64 = NDArray[np.int64]
MAX_UNITS = 1 << 13
MAX_STEPS = (1 << 31) - 1


@dataclass(frozen=True, eq=False, slots=True)
class Memory:
    """A Hopfield network, as whole numbers.

    With `degree` 2 `weights` [units, units] and `thresholds` [units]; above it `patterns` [patterns, units] of -1 and
    +1. `order` (async) lists the units of a sweep; without it (sync) all are updated at once. A call takes `sweeps`
    sweeps, with `settle` at most: it ends when one changes nothing. A field of exactly 0 leaves a unit as it is
    (`keep`) or makes it -1 (`minus`). `form` of async: `row` computes one unit's field a step, `array` all fields, of
    which one is taken.
    """

    weights: Int64
    thresholds: Int64
    patterns: Int64
    degree: int = 2
    order: tuple[int, ...] = ()
    sweeps: int = 1
    settle: bool = False
    ties: Literal["keep", "minus"] = "keep"
    form: Literal["row", "array"] = "row"

    @property
    def units(self) -> int:
        return self.patterns.shape[1] if self.degree > 2 else self.weights.shape[0]


def hebbian(patterns: Int64) -> Int64:
    """Give the weights that store patterns [patterns, units]: sum of xi xi^T, zero diagonal; times 1/n in the paper."""
    weights = patterns.T @ patterns
    np.fill_diagonal(weights, 0)
    return weights


def energy(memory: Memory, x: Int64) -> Any:
    """Give the energy of states [..., units]; in the classical case twice that of the paper, a whole number."""
    x = np.asarray(x, np.int64)
    if memory.degree > 2:
        return -((x @ memory.patterns.T).astype(object) ** memory.degree).sum(axis=-1)
    return -np.einsum("...i,ij,...j->...", x, memory.weights, x) + 2 * (x @ memory.thresholds)


def check_memory(memory: Memory) -> None:
    """Refuse what does not fit together, or needs more than 62 bits."""
    n = memory.units
    if not 1 <= n <= MAX_UNITS:
        raise error(f"a memory has 1 to {MAX_UNITS} units, got {n}")
    if memory.degree > 2:
        if not np.isin(memory.patterns, (-1, 1)).all():
            raise error("patterns are made of -1 and 1")
        if (n ** (memory.degree - 1) * len(memory.patterns) * 2).bit_length() > 62:
            raise error(f"{len(memory.patterns)} patterns of {n} units at degree {memory.degree} need sums of more "
                        "than 62 bits", help="take a smaller degree")
    else:
        if memory.weights.shape != (n, n) or memory.thresholds.shape != (n,):
            raise error(f"weights are [units, units] and thresholds [units], got {list(memory.weights.shape)} and "
                        f"{list(memory.thresholds.shape)}")
        for k, row in enumerate(memory.weights.tolist()):
            check_weights([2 * w for w in row] + [1, 2 * int(memory.thresholds[k])], f"unit {k}")
    if memory.order and not all(0 <= k < n for k in memory.order):
        raise error(f"the order names unit {next(k for k in memory.order if not 0 <= k < n)}, there are {n}")
    if memory.sweeps < 1 or memory.sweeps * max(1, len(memory.order)) > MAX_STEPS:
        raise error(f"a call takes 1 sweep or more, and at most {MAX_STEPS} steps, got {memory.sweeps} sweeps")


def build_hopfield(memory: Memory, name: str) -> Module:
    """Give the module of a memory: the state `x` in, the state `y` after the sweeps out.

    With `settle` it also answers whether it `converged`, and the `steps` taken: sweeps of sync, units of async updates.
    """
    check_memory(memory)
    t = SPIN.with_shape((memory.units,))
    if memory.order:
        func = _one_by_one(memory, name, t)
    elif memory.sweeps == 1 and not memory.settle:
        b = Builder()
        after = _Fields(b, memory, b.input("x", t)).all()
        func = Func(name, (Port("x", t),), (Port("y", t),), b.finish([after]))
    else:
        func = _all_at_once(memory, name, t)
    return Module({name: func}, name, name, {"hopfield": _facts(memory)})


def _all_at_once(memory: Memory, name: str, t: Type) -> Func:
    """Take a sweep a step."""
    b = Builder()
    state, registers = _begin(b, t)
    after = _Fields(b, memory, state).all()
    values = [after, after, b.number(BIT, 1)]
    if memory.settle:
        values.append(b.apply("not", _differ(b, after, state)))
    schedule = Schedule("until" if memory.settle else "iterate", memory.sweeps)
    return Func(name, (Port("x", t),), (Port("y", t),), b.finish(values), registers, schedule)


def _one_by_one(memory: Memory, name: str, t: Type) -> Func:
    """Take a unit a step; registers hold the place in the order, and whether the sweep changed anything so far."""
    b, count = Builder(), len(memory.order)
    place_type = index_type(count)
    state, registers = _begin(b, t, Register("place", place_type, Constant(place_type, np.array(0))),
                              Register("moved", BIT, Constant(BIT, np.array(0))))
    place, moved = 3, 4  # the inputs behind x, now and started
    after = _one_unit(b, memory, state, place)
    last = b.apply("eq", place, b.number(place_type, count - 1))
    one_more = b.apply("requantize", b.apply("add", place, b.number(BIT, 1)), type=place_type, overflow="wrap")
    changed = b.apply("or", moved, _differ(b, after, state))
    values = [after, after, b.number(BIT, 1), b.apply("select", last, b.number(place_type, 0), one_more),
              b.apply("and", changed, b.apply("not", last))]
    if memory.settle:
        values.append(b.apply("and", last, b.apply("not", changed)))
    schedule = Schedule("until" if memory.settle else "iterate", memory.sweeps * count)
    return Func(name, (Port("x", t),), (Port("y", t),), b.finish(values), registers, schedule)


def _begin(b: Builder, t: Type, *more: Register) -> tuple[Value, tuple[Register, ...]]:
    """Add the inputs `x`, `now`, `started` and those of more registers; give the state: x at first, then now."""
    registers = (Register("now", t, Constant(t, np.full(t.shape, -1))),
                 Register("started", BIT, Constant(BIT, np.array(0))), *more)
    x = b.input("x", t)
    now, started, *_ = (b.input(r.name, r.type) for r in registers)
    chosen = b.apply("broadcast", started, shape=t.shape, axes=())
    return b.apply("select", chosen, now, x, name="state"), registers


def _facts(memory: Memory) -> dict[str, Any]:
    """Say what is known of the energy, and why."""
    symmetric = memory.degree > 2 or bool(np.array_equal(memory.weights, memory.weights.T))
    if memory.degree > 2:
        falls = memory.degree % 2 == 0
        why = f"the energy of degree {memory.degree} is {'' if falls else 'not '}concave"
    elif memory.order:
        falls = symmetric and not np.diagonal(memory.weights).any()
        why = "async, " + ("symmetric weights without a diagonal" if falls else "weights not symmetric, or a diagonal")
    else:
        falls, why = False, "sync updates may alternate between two states"
    return {"units": memory.units, "degree": memory.degree, "update": "async" if memory.order else "sync",
            "energy_never_rises": falls, "because": why}


def _one_unit(b: Builder, memory: Memory, state: Value, place: Value) -> Value:
    """Give the state in which the unit at a place of the order is updated."""
    fields = _Fields(b, memory, state)
    units = index_type(memory.units).with_shape((len(memory.order),))
    unit = b.apply("gather", b.constant(Constant(units, np.array(memory.order)), "order"), place, axis=0, name="unit")
    if memory.form == "row":
        return b.apply("update", state, unit, fields.one(unit))
    return b.apply("select", b.apply("one_hot", unit, size=memory.units), fields.all(), state)


def _differ(b: Builder, x: Value, y: Value) -> Value:
    """Give 1 where two states differ anywhere."""
    bits = [b.apply("convert", v, type=BIT) for v in (x, y)]
    return b.apply("reduce", b.apply("xor", *bits), kind="or", axes=(0,))


@dataclass(frozen=True, slots=True)
class _Fields:
    """The new values of units in a state [units]."""

    b: Builder
    memory: Memory
    state: Value

    def all(self) -> Value:
        """Give the new value of every unit."""
        if self.memory.degree > 2:
            field = self._dense(None)
            return self._sign(field, self.state)
        weights, thresholds = self._constants()
        return self.b.apply("threshold", self.state, weights, thresholds, name="after")

    def one(self, unit: Value) -> Value:
        """Give the new value of one unit, by its number."""
        if self.memory.degree > 2:
            field = self._dense(unit)
            return self._sign(field, self.b.apply("gather", self.state, unit, axis=0))
        weights, thresholds = self._constants()
        row, limit = (self.b.apply("gather", v, unit, axis=0) for v in (weights, thresholds))
        field = self.b.apply("contract", row, self.state, spec="j,j->", name="field")
        return self.b.apply("convert", self.b.apply("lt", limit, field), type=SPIN)

    def _constants(self) -> tuple[Value, Value]:
        """Give weights and thresholds with which ties fall as they should.

        2 (W x - t) is even, so that adding x_i decides ties alone: the unit stays as it is.
        """
        weights, thresholds = self.memory.weights, self.memory.thresholds
        if self.memory.ties == "keep":
            weights, thresholds = 2 * weights + np.eye(self.memory.units, dtype=np.int64), 2 * thresholds
        return (self.b.constant(weight_constant(weights.tolist()), "weights"),
                self.b.constant(weight_constant(thresholds.tolist()), "thresholds"))

    def _dense(self, unit: Value | None) -> Value:
        """Give sum_mu xi_i (xi_mu . x)^(p-1): of all units, or of one."""
        b = self.b
        xi = b.constant(Constant(SPIN.with_shape(self.memory.patterns.shape), self.memory.patterns), "patterns")
        overlap = b.apply("contract", xi, self.state, spec="mj,j->m", name="overlap")
        power = overlap
        for _ in range(self.memory.degree - 2):
            power = b.apply("mul", power, overlap)
        if unit is None:
            return b.apply("contract", xi, power, spec="mi,m->i", name="field")
        columns = b.constant(Constant(SPIN.with_shape(self.memory.patterns.T.shape), self.memory.patterns.T), "columns")
        return b.apply("contract", b.apply("gather", columns, unit, axis=0), power, spec="m,m->", name="field")

    def _sign(self, field: Value, old: Value) -> Value:
        b = self.b
        zero = b.number(b.type(field), 0)
        above = b.apply("convert", b.apply("lt", zero, field), type=SPIN)
        if self.memory.ties == "minus":
            return above
        return b.apply("select", b.apply("eq", field, zero), old, above)
