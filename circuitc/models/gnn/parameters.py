"""The weights of a compiled network: real arrays, one row of numbers for each linear form in the program's messages.

The nodes of the network hold one channel for each field: `pos` (a node's number over n, as in CLRS), then the inputs
and states of nodes in order; edges hold those of edges. The encoder copies inputs to their channels and the decoder
reads them. A linear form such as `d[i] + A[i,j]` is then four arrays: `relax/0/source` (weights of the sender's
channels), `relax/0/target`, `relax/0/edge` and `relax/0/bias`; here `source[d]` and `edge[A]` are 1, all others 0. The
score is what a layer of GATv2 computes before its softmax: see `gatv2_arrays`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error, nearest
from circuitc.ir import F32

from .formula import Apply, Formula, Number, Read, parse_formula
from .program import GraphProgram
from .scope import Scope
from .weave import Woven

Array = NDArray[np.float64]
_PLACES = ("source", "target", "edge", "bias")


@dataclass(frozen=True, slots=True)
class Channels:
    """What nodes and edges hold, by name and in order."""

    node: tuple[str, ...]
    edge: tuple[str, ...]


@dataclass(frozen=True)
class Weights:
    """The real parameters of a program for graphs of n nodes, by name; see the module's text."""

    program: str
    n: int
    channels: Channels
    arrays: Mapping[str, Array]

    def perturbed(self, scale: float, seed: int = 0) -> Weights:
        """Give weights with normal noise of a standard deviation added to every number."""
        rng = np.random.default_rng(seed)
        return replace(self, arrays={k: a + scale * rng.standard_normal(a.shape) for k, a in self.arrays.items()})

    def distance(self, other: Weights) -> dict[str, float]:
        """Compare with other weights of the same shapes: for each array the greatest difference."""
        self.refuse_other_shapes(other.arrays)
        return {k: float(np.abs(a - other.arrays[k]).max()) for k, a in self.arrays.items()}

    def with_arrays(self, arrays: Mapping[str, Any]) -> Weights:
        """Give weights of the same program with these numbers; names and shapes must be the same."""
        self.refuse_other_shapes(arrays)
        given = {k: np.asarray(arrays[k], np.float64) for k in self.arrays}
        for name, a in given.items():
            if not np.isfinite(a).all():
                raise error(f"{name} has a number that is not finite")
        return replace(self, arrays=given)

    def refuse_other_shapes(self, arrays: Mapping[str, Any]) -> None:
        """Refuse arrays that are not those of this program."""
        for name in arrays:
            if name not in self.arrays:
                raise error(f"{self.program} has no weights named {name}", help=nearest(name, self.arrays))
        for name, a in self.arrays.items():
            if name not in arrays:
                raise error(f"the weights {name} of {self.program} are missing")
            if np.shape(arrays[name]) != a.shape:
                raise error(f"the weights {name} of {self.program} have shape {list(a.shape)}, got "
                            f"{list(np.shape(arrays[name]))}")

    def save(self, path: str | Path) -> None:
        """Write the arrays to a `.safetensors` file, or else as `.npz`."""
        path = Path(path)
        if path.suffix == ".safetensors":
            from safetensors.numpy import save_file
            save_file({k: np.ascontiguousarray(a) for k, a in self.arrays.items()}, path)
        else:
            write: Any = np.savez  # its type takes no names
            write(path, **self.arrays)


def channels_of(program: GraphProgram) -> Channels:
    """Name the channels of nodes and edges."""
    probes = {**program.inputs, **{name: s.probe for name, s in program.state.items()}}
    return Channels(("pos", *(k for k, p in probes.items() if p.location == "node")),
                    tuple(k for k, p in probes.items() if p.location == "edge"))


def compiled_weights(program: GraphProgram, n: int) -> Weights:
    """Compile a program to the weights of its network, for graphs of n nodes."""
    channels = channels_of(program)
    arrays: dict[str, Array] = {}
    for name, message in program.messages():
        if message.score:
            for k, form in enumerate(linear_forms(parse_formula(message.score))):
                arrays.update(_arrays(program, n, channels, f"{name}/{k}", form))
    return Weights(program.name, n, channels, arrays)


def _arrays(program: GraphProgram, n: int, channels: Channels, prefix: str, form: Formula) -> dict[str, Array]:
    found = {"source": np.zeros(len(channels.node)), "target": np.zeros(len(channels.node)),
             "edge": np.zeros(len(channels.edge)), "bias": np.zeros(1)}
    coefficients = linear(form)
    assert coefficients is not None, "it is a linear form"
    for term, factor in coefficients.items():
        place, channel, scale = _place(program, term, n)
        index = 0 if place == "bias" else (channels.edge if place == "edge" else channels.node).index(channel)
        found[place][index] += factor * scale
    return {f"{prefix}/{place}": found[place] for place in _PLACES}


def _place(program: GraphProgram, term: Formula, n: int) -> tuple[str, str, int]:
    match term:
        case Number():
            return "bias", "", 1
        case Read("i" | "j" as name, (), ""):
            return ("source" if name == "i" else "target"), "pos", n
        case Read(name, (place,), "") if program.probe(name) and place in (Read("i"), Read("j")):
            return ("source" if place == Read("i") else "target"), name, 1
        case Read(name, (Read("i"), Read("j")), "") if program.probe(name):
            return "edge", name, 1
        case _:
            raise error(f"{program.name}: a score with weights is made of fields at i, at j and on the edge [i,j]")


def linear(formula: Formula) -> dict[Formula, int] | None:
    """Give the coefficients of a linear form by what they multiply (the constant under `Number(1)`), or None."""
    match formula:
        case Number(value):
            return {Number(1): value}
        case Read():
            return {formula: 1}
        case Apply("add" | "sub" as op, (a, b)):
            p, q = linear(a), linear(b)
            if p is None or q is None:
                return None
            sign = 1 if op == "add" else -1
            return {k: p.get(k, 0) + sign * q.get(k, 0) for k in {**p, **q}}
        case Apply("neg", (a,)):
            p = linear(a)
            return None if p is None else {k: -v for k, v in p.items()}
        case Apply("mul", (Number(factor), a) | (a, Number(factor))):
            p = linear(a)
            return None if p is None else {k: factor * v for k, v in p.items()}
        case _:
            return None


def linear_forms(score: Formula) -> Iterator[Formula]:
    """Give the largest linear parts of a score, from left to right; conditions have none."""
    if linear(score) is not None:
        yield score
    elif isinstance(score, Apply):
        for operand in score.operands[1 if score.op == "select" else 0:]:
            yield from linear_forms(operand)


def weigh(scope: Scope, name: str, score: Formula, weights: Weights | None) -> Woven:
    """Compute a score over floats, its linear forms with the given weights (or as the program says them)."""
    if weights is None:
        return scope.value(score)
    numbers = iter(range(len(list(linear_forms(score)))))

    def written(formula: Formula) -> Woven:
        if linear(formula) is not None:
            return _weighted(scope, f"{name}/{next(numbers)}", weights)
        assert isinstance(formula, Apply)
        if formula.op == "select":
            c, a, b = formula.operands
            return scope.loom.select(scope.condition(c), written(a), written(b))
        return scope.loom.combine(formula.op, *(written(o) for o in formula.operands))

    return written(score)


def _weighted(scope: Scope, prefix: str, weights: Weights) -> Woven:
    """Write a linear form: the products of weights that are not 0, and the bias."""
    loom, arrays, channels = scope.loom, weights.arrays, weights.channels
    found = loom.number(float(arrays[f"{prefix}/bias"][0]), F32)
    for place, names in (("source", channels.node), ("target", channels.node), ("edge", channels.edge)):
        for channel, weight in zip(names, arrays[f"{prefix}/{place}"].tolist(), strict=True):
            if weight:
                term = loom.to(_channel(scope, channel, place), F32)
                found = loom.combine("add", found, loom.combine("mul", term, loom.number(weight, F32)))
    return found


def _channel(scope: Scope, channel: str, place: str) -> Woven:
    i, j = Read("i"), Read("j")
    if place == "edge":
        return scope.read(Read(channel, (i, j)))
    node = i if place == "source" else j
    if channel == "pos":
        numbers = scope.loom.to(scope.read(node), F32)
        return scope.loom.combine("mul", numbers, scope.loom.number(1.0 / scope.loom.n, F32))
    probe = scope.program.probe(channel)
    assert probe is not None
    if probe.kind == "mask_one":
        return scope.loom.combine("eq", scope.read(node), scope.read(Read(channel)))
    return scope.read(Read(channel, (node,)))


def gatv2_arrays(weights: Weights, form: str, temperature: float, slope: float = 0.01) -> dict[str, Array]:
    """Write a linear form as the attention of a GATv2 head: logits = a . leaky_relu(w_source + w_target + w_edge + b).

    A leaky ReLU of slope s satisfies relu(x) - relu(-x) = (1 + s) x, so two hidden units carry a linear logit exactly:
    rows w and -w, and the attention vector (-1, 1) / ((1 + s) temperature), where the best score is the least.
    """
    rows = {place: weights.arrays[f"{form}/{place}"] for place in _PLACES}
    sign = np.array([1.0, -1.0])
    found = {f"w_{place}": sign[:, None] * row for place, row in rows.items() if place != "bias"}
    return {**found, "b": sign * rows["bias"][0], "a": -sign / ((1 + slope) * temperature)}
