"""Piecewise-linear recurrent networks: z' = A o z + W phi(z) + h (+ C s), with A a diagonal and phi made of relus.

    alrnn            phi(z) = z, but relu on the last P units                     (Brenner, Hemmer et al. 2024)
    vanilla          phi(z) = relu(z)                                             (Durstewitz 2017)
    mean-centred     phi(z) = relu(z - mean z)
    dendritic        phi(z) = sum_b alpha_b relu(z - H_b)                         (Brenner, Hess et al. 2022)
    clipped          phi(z) = sum_b alpha_b (relu(z - H_b) - relu(z))
    shallow          z' = A o z + W1 relu(W2 z + h2) + h1                         (Hess et al. 2023)
    clipped-shallow  z' = A o z + W1 (relu(W2 z + h2) - relu(W2 z)) + h1

Every relu is open or closed, and the pattern of open ones says which linear map a step applies: the symbolic code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitc.diagnostics import error, nearest
from circuitc.ir import Builder, Func, Value

from ..layers import spread
from .base import Floats, Ops, Stepped, floats

# The arrays of each variant, by the letters of the papers: M units, D hidden units of the shallow ones, B bases.
ARRAYS: Mapping[str, Mapping[str, str]] = {
    **{v: {"A": "M", "W": "MM", "h": "M"} for v in ("alrnn", "vanilla", "mean-centred")},
    **{v: {"A": "M", "W": "MM", "h": "M", "alpha": "B", "H": "MB"} for v in ("dendritic", "clipped")},
    **{v: {"A": "M", "W1": "MD", "W2": "DM", "h1": "M", "h2": "D"} for v in ("shallow", "clipped-shallow")}}
VARIANTS = tuple(ARRAYS)


@dataclass(frozen=True, eq=False)
class Plrnn:
    """A piecewise-linear network: `arrays` are those that ARRAYS lists for its variant.

    `relus` is P of an AL-RNN. `c` [M, K] multiplies an input of K numbers, if there is one. `z0` [M] is the state
    before the first step.
    """

    variant: str
    arrays: Mapping[str, Floats]
    relus: int
    c: Floats | None
    z0: Floats

    @property
    def units(self) -> int:
        return len(self.arrays["A"])

    @property
    def inputs(self) -> int:
        return 0 if self.c is None else self.c.shape[1]

    @property
    def state(self) -> Mapping[str, Floats]:
        return {"z": self.z0}

    def funcs(self, name: str) -> Sequence[Func]:
        return ()

    def step(self, b: Builder, x: Value | None, state: Sequence[Value], dt: Value | None, name: str) -> Stepped:
        """Add one step: the answer is the whole next state; `code` has a bit for each relu, 1 where it was open."""
        s, z = Ops(b, name), state[0]
        phi, code = _PHI[self.variant](s, self, z)
        weights, bias = ("W1", "h1") if "W1" in self.arrays else ("W", "h")
        terms = [s.scaled(z, self.arrays["A"], "A"), s.times(self.arrays[weights], phi, weights)]
        if self.c is not None:
            assert x is not None, "a network with C reads an input"
            terms.append(s.times(self.c, x, "C"))
        after = s.add(*terms, s.constant(self.arrays[bias], bias))
        return Stepped(after, (after,), {"code": code})


def _alrnn(s: Ops, m: Plrnn, z: Value) -> tuple[Value, Value]:
    linear = m.units - m.relus
    last = s.part(z, linear, m.units)
    return s.joined(*([s.part(z, 0, linear)] if linear else []), s.relu(last)), s.positive(last)


def _vanilla(s: Ops, m: Plrnn, z: Value) -> tuple[Value, Value]:
    return s.relu(z), s.positive(z)


def _mean_centred(s: Ops, m: Plrnn, z: Value) -> tuple[Value, Value]:
    total = s.b.apply("reduce", z, kind="add", axes=(0,))
    mean = s.b.apply("mul", total, s.constant(np.float32(1 / m.units), "share"))
    centred = s.sub(z, spread(s.b, mean, (m.units,)))
    return s.relu(centred), s.positive(centred)


def _dendritic(s: Ops, m: Plrnn, z: Value) -> tuple[Value, Value]:
    """Relus stand in rows of units and columns of bases; a clipped network has one more column, relu(z)."""
    alpha, thresholds = m.arrays["alpha"], m.arrays["H"]
    if m.variant == "clipped":
        alpha = np.append(alpha, -alpha.sum(dtype=np.float64)).astype(np.float32)
        thresholds = np.concatenate([thresholds, np.zeros((m.units, 1), np.float32)], axis=1)
    wide = s.b.apply("broadcast", z, shape=thresholds.shape, axes=(0,))
    inside = s.sub(wide, s.constant(thresholds, "H"))
    bits = s.positive(inside)
    phi = s.b.apply("contract", s.relu(inside), s.constant(alpha, "alpha"), spec="ij,j->i", name=f"{s.name}_basis")
    return phi, s.b.apply("reshape", bits, shape=(thresholds.size,))


def _shallow(s: Ops, m: Plrnn, z: Value) -> tuple[Value, Value]:
    """A clipped network has two relus for each hidden unit; the code has those with h2 first."""
    plain = s.times(m.arrays["W2"], z, "W2")
    inner = s.add(plain, s.constant(m.arrays["h2"], "h2"))
    if m.variant == "shallow":
        return s.relu(inner), s.positive(inner)
    return s.sub(s.relu(inner), s.relu(plain)), s.joined(s.positive(inner), s.positive(plain))


_PHI = {"alrnn": _alrnn, "vanilla": _vanilla, "mean-centred": _mean_centred, "dendritic": _dendritic,
        "clipped": _dendritic, "shallow": _shallow, "clipped-shallow": _shallow}


def plrnn(variant: str, arrays: Mapping[str, Any], *, relus: int | None = None, c: Any = None,
          z0: Any = None) -> Plrnn:
    """Make a network of arrays by the letters of ARRAYS; the first state is 0 where it is left out."""
    if variant not in ARRAYS:
        raise error(f"there is no piecewise-linear network {variant[:40]!r}", help=nearest(variant, VARIANTS))
    found: dict[str, Floats] = {}
    sizes: dict[str, int] = {}
    for name, letters in ARRAYS[variant].items():
        if arrays.get(name) is None:
            raise error(f"a {variant} network has an array {name}", help=f"it has {', '.join(ARRAYS[variant])}")
        found[name] = floats(arrays[name], name, [sizes.get(k) for k in letters])
        sizes |= dict(zip(letters, found[name].shape, strict=True))
        if letters == "MM" and len(set(found[name].shape)) > 1:
            raise error(f"{name} has shape {list(found[name].shape)}, it is square")
    units = sizes["M"]
    if (relus is None) == (variant == "alrnn"):
        raise error("an alrnn says how many units have a relu, P" if relus is None else
                    f"P is that of an alrnn, a {variant} network has none")
    if relus is not None and not 1 <= relus <= units:
        raise error(f"P is 1 to {units}, got {relus}")
    first = np.zeros(units, np.float32) if z0 is None else floats(z0, "z0", (units,))
    return Plrnn(variant, found, relus or 0, None if c is None else floats(c, "C", (units, None)), first)


__all__ = ["ARRAYS", "VARIANTS", "Plrnn", "plrnn"]
