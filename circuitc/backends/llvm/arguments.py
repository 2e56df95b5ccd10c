"""The arrays of a call: what a func's ports ask of numpy, worked out once, so that small calls stay small."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error, nearest
from circuitc.ir import Func, Port, call_steps, check_raw

from .memory import aligned_up, bytes_of, compact_dtype

Raw = NDArray[Any]
_SHARED = 1 << 16  # bytes
PLANS = 64        # shapes of calls that are remembered


@dataclass(frozen=True, slots=True)
class Taken:
    """An input port: `axes` of batch and steps before its own `shape`, and how its elements are stored."""

    port: Port
    axes: tuple[str, ...]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    sure: frozenset[np.dtype[Any]]   # every number of these dtypes is one of the port's type
    as_is: np.dtype[Any] | None      # arrays of this dtype are stored as they come

    def check(self, raw: Raw) -> None:
        """Refuse an array that has not the port's axes."""
        lead = len(self.axes)
        if raw.ndim != lead + len(self.shape) or raw.shape[lead:] != self.shape:
            raise error(f"input {self.port.name} takes shape [{', '.join([*self.axes, *map(str, self.shape)])}], "
                        f"got {list(raw.shape)}")

    def compact(self, raw: Raw) -> Raw:
        """Bring raw numbers to compact storage, after a look whether the port's type holds them."""
        if raw.dtype not in self.sure:
            check_raw(f"input {self.port.name}", self.port.type, raw)
        return np.ascontiguousarray(raw, self.dtype)


@dataclass(frozen=True, slots=True)
class Given:
    """A result: whether it has an axis of steps, its shape, and its dtypes in storage and in Python."""

    name: str
    stepped: bool
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    raw: np.dtype[Any]
    size: int    # in bytes
    as_is: bool  # are the two dtypes one?


@dataclass(frozen=True, slots=True)
class Plan:
    """What follows from the shapes and dtypes of a call's inputs: samples, steps, where results lie in shared memory.

    `as_is` says that inputs of these dtypes are stored as they come.
    """

    batch: int
    steps: int
    shapes: tuple[tuple[int, ...], ...]   # of the results
    starts: tuple[int, ...]
    size: int                             # in bytes
    as_is: bool
    key: tuple[Any, ...]                  # the shapes and dtypes


class Arguments:
    """The ports of a func."""

    def __init__(self, func: Func) -> None:
        self.func = func
        self.inputs = tuple(_taken(func, p) for p in func.inputs)
        self.results = tuple(_given(func, p) for p in func.results)
        self._names = tuple(p.name for p in func.inputs)
        self._known = frozenset(self._names)
        self._plans: dict[tuple[Any, ...], Plan] = {}

    def arrays(self, values: Sequence[Any], named: Mapping[str, Any]) -> list[Raw]:
        """Give the inputs of a call, by position and by name, as arrays in port order."""
        if len(values) > len(self._names):
            raise error(f"@{self.func.name} takes {len(self._names)} inputs, got {len(values)}")
        if named or len(values) != len(self._names):
            inputs = {**dict(zip(self._names, values, strict=False)), **named}
            if len(inputs) != len(self._known) or not self._known.issuperset(inputs):
                self._refuse_names(inputs)
            values = [inputs[name] for name in self._names]
        return [np.asarray(v) for v in values]

    def plan(self, arrays: Sequence[Raw]) -> Plan:
        """Give what follows from the shapes and dtypes of a call's inputs."""
        key = tuple([(a.shape, a.dtype) for a in arrays])
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plan(arrays, key)
            if len(self._plans) >= PLANS:
                self._plans.clear()
            self._plans[key] = plan
        return plan

    def _refuse_names(self, inputs: Mapping[str, Any]) -> None:
        func = self.func
        for name in inputs:
            if name not in self._known:
                raise error(f"@{func.name} has no input {name}", help=nearest(name, self._known))
        port = next(p for p in func.inputs if p.name not in inputs)
        raise error(f"@{func.name} needs the input {port.name}: {port.type}")

    def _plan(self, arrays: Sequence[Raw], key: tuple[Any, ...]) -> Plan:
        """Check shapes against each other and the ports, and lay out the results."""
        func = self.func
        for taken, raw in zip(self.inputs, arrays, strict=True):
            taken.check(raw)
        if any(len(a) != len(arrays[0]) for a in arrays):
            raise error(f"inputs of @{func.name} have different batch sizes: {sorted({len(a) for a in arrays})}")
        batch, steps = len(arrays[0]) if arrays else 1, call_steps(func, arrays)
        ends = [0]
        for g in self.results:
            ends.append(aligned_up(ends[-1] + batch * (steps if g.stepped else 1) * g.size))
        shapes = tuple((batch, steps, *g.shape) if g.stepped else (batch, *g.shape) for g in self.results)
        as_is = all(a.dtype == taken.as_is for a, taken in zip(arrays, self.inputs, strict=True))
        return Plan(batch, steps, shapes, tuple(ends[:-1]), ends[-1], as_is, key)

    def room(self, plan: Plan) -> tuple[list[Raw], list[int]]:
        """Make room for the results, and say where each lies. Small results share one piece of memory."""
        if plan.size > _SHARED or len(self.results) == 1:
            outputs = [np.empty(shape, g.dtype) for g, shape in zip(self.results, plan.shapes, strict=True)]
            return outputs, [address(o) for o in outputs]
        block = np.empty(plan.size, np.uint8)
        first = address(block)
        outputs = [np.ndarray(shape, g.dtype, block, at)
                   for g, shape, at in zip(self.results, plan.shapes, plan.starts, strict=True)]
        return outputs, [first + at for at in plan.starts]

    def compact(self, arrays: list[Raw]) -> list[int]:
        """Bring the inputs to compact storage, in the list, and say where each lies."""
        places: list[int] = []
        for k, taken in enumerate(self.inputs):
            raw = arrays[k]
            if raw.dtype != taken.as_is or not raw.flags.c_contiguous:
                raw = arrays[k] = taken.compact(raw)
            places.append(address(raw))
        return places

    def answers(self, stored: list[Raw]) -> list[Raw]:
        """Give results in Python's dtypes."""
        return [o if g.as_is else o.astype(g.raw) for g, o in zip(self.results, stored, strict=True)]


def _place_by_layout(array: Raw) -> int:
    """Read the pointer to an array's data where numpy's ABI has it: after the two words of every Python object."""
    return _word_at(id(array) + 16).value


def _place_by_numpy(array: Raw) -> int:
    return array.ctypes.data


_word_at = ctypes.c_uint64.from_address
_probe = np.arange(4)[1:]
_laid_out = sys.implementation.name == "cpython" and _place_by_layout(_probe) == _place_by_numpy(_probe)
# Gives the place of an array's first element. The layout's way takes a tenth of the time, which small calls feel.
address = _place_by_layout if _laid_out else _place_by_numpy


def _taken(func: Func, port: Port) -> Taken:
    t = port.type
    candidates = [np.dtype(f"{kind}{size}") for kind in "iu" for size in (1, 2, 4, 8)]
    whole = t.is_exact and not t.is_spin
    sure = [d for d in candidates if whole and t.lowest <= np.iinfo(d).min and np.iinfo(d).max <= t.highest]
    if whole and t.highest >= 1:
        sure.append(np.dtype(bool))
    if t.is_float:
        sure += [np.dtype(np.float32), np.dtype(np.float64)]
    axes = ("batch", "steps") if func.is_stepped(port) else ("batch",)
    stored = compact_dtype(t)
    return Taken(port, axes, t.shape, stored, frozenset(sure), stored if stored in sure else None)


def _given(func: Func, port: Port) -> Given:
    stored, raw = compact_dtype(port.type), port.type.dtype
    return Given(port.name, func.is_stepped(port), port.type.shape, stored, raw, bytes_of(port.type), stored == raw)

