"""Trained processors of CLRS-30 as funcs of floats: MPNN, PGN and GATv2 by the equations of CLRS's `processors.py`.

One call is one step: features of nodes, edges and the graph, the adjacency with self-loops, and the hidden state give
the next hidden state. Arrays are found by our names (`m_1/w`, `gate3/b`) or by Haiku's (`.../linear_4/w`, in the order
in which CLRS makes them). Layer normalisation and message MLPs are there where their arrays are.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import BIT, F32, ONCE, Builder, Constant, Func, Module, Port, Type, Value

Array = NDArray[Any]
Kind = Literal["mpnn", "pgn", "gatv2"]

NO_MESSAGE = -1e6   # CLRS's BIG_NUMBER: the greatest of no messages
NO_EDGE = -1e9      # less than every logit of GATv2
SLOPE = 0.01        # of jax.nn.leaky_relu
EPSILON = 1e-5      # of Haiku's LayerNorm


@dataclass(frozen=True, slots=True)
class Processor:
    """A trained processor: its kind, heads and arrays by our names (`w`: [in, out], `b`: [out])."""

    kind: Kind
    arrays: Mapping[str, Array]
    heads: int = 1
    gated: bool = False

    @property
    def hidden(self) -> int:
        """The width of the hidden state."""
        return int(self.arrays["o1/w" if self.kind != "gatv2" else "m/w"].shape[1])

    @property
    def features(self) -> int:
        """The width of the features; a node is seen as its features and its hidden state."""
        return int(self.arrays["m_e/w" if self.kind != "gatv2" else "w_e/w"].shape[0])


def _linears(kind: Kind, heads: int, gated: bool) -> list[str]:
    """Name the linear layers in the order in which CLRS makes them."""
    if kind == "gatv2":
        return ["m", "skip", "w_1", "w_2", "w_e", "w_g", *(f"a_{k}" for k in range(heads))]
    return ["m_1", "m_2", "m_e", "m_g", "o1", "o2", *(["gate1", "gate2", "gate3"] if gated else [])]


def processor_of(kind: Kind, arrays: Mapping[str, Array], heads: int = 1, *, gated: bool = False) -> Processor:
    """Recognise a processor's arrays by name and check their shapes against each other."""
    names = _linears(kind, heads, gated)
    found: dict[str, Array] = {}
    for name, array in arrays.items():
        ours = _our_name(name, names)
        if ours in found:
            raise error(f"two arrays are {ours}, the second is {name}")
        found[ours] = np.asarray(array, np.float64)
    wanted = [f"{name}/{part}" for name in names for part in "wb"]
    missing = [name for name in wanted if name not in found]
    if missing:
        raise error(f"a {kind} processor needs the array {missing[0]}"
                    + (f" and {len(missing) - 1} more" if len(missing) > 1 else ""),
                    help="by our names or by Haiku's: .../linear_4/w")
    extra = [n for n in found if n not in wanted and not re.fullmatch(r"mlp/\d+/[wb]|layer_norm/(scale|offset)", n)]
    if extra:
        raise error(f"a {kind} processor of {heads} heads has no array {extra[0]}",
                    help="triplets are not read; gates are with gated = true")
    processor = Processor(kind, found, heads, gated)
    _check_shapes(processor)
    return processor


def _our_name(name: str, names: Sequence[str]) -> str:
    """Give our name for an array of Haiku's, `net/mpnn_aggr_clrs_processor/linear_1/w`."""
    *path, part = re.split(r"[/:]", name)
    layer = path[-1] if path else ""
    if "mlp" in path:
        number = re.search(r"\d+$", layer)
        return f"mlp/{number[0] if number else 0}/{part}"
    haiku = re.fullmatch(r"linear(?:_(\d+))?", layer)
    if haiku:
        index = int(haiku[1] or 0)
        if index < len(names):
            return f"{names[index]}/{part}"
    return f"{layer}/{part}"


def _check_shapes(p: Processor) -> None:
    a, seen = p.arrays, p.features + p.hidden
    middle = a["m_1/w" if p.kind != "gatv2" else "w_1/w"].shape[-1]
    if p.kind == "gatv2":
        if p.hidden % p.heads or middle % p.heads:
            raise error(f"{p.heads} heads do not divide widths of {p.hidden} and {middle}")
        wanted = {"m": (seen, p.hidden), "skip": (seen, p.hidden), "w_1": (seen, middle), "w_2": (seen, middle),
                  "w_e": (p.features, middle), "w_g": (p.features, middle),
                  **{f"a_{k}": (middle // p.heads, 1) for k in range(p.heads)}}
    else:
        last, before = middle, middle
        wanted = {"m_1": (seen, middle), "m_2": (seen, middle), "m_e": (p.features, middle),
                  "m_g": (p.features, middle)}
        for k in range(_mlp_depth(p)):
            last = a[f"mlp/{k}/w"].shape[-1]
            wanted[f"mlp/{k}"], before = (before, last), last
        wanted |= {"o1": (seen, p.hidden), "o2": (last, p.hidden)}
        if p.gated:
            wanted |= {"gate1": (seen, p.hidden), "gate2": (last, p.hidden), "gate3": (p.hidden, p.hidden)}
    for name, shape in wanted.items():
        for part, needed in (("w", shape), ("b", shape[1:])):
            got = a[f"{name}/{part}"].shape if f"{name}/{part}" in a else None
            if got != needed:
                raise error(f"the array {name}/{part} needs shape {list(needed)}, got "
                            f"{'none' if got is None else list(got)}")
    for part in ("scale", "offset"):
        if ("layer_norm/scale" in a or "layer_norm/offset" in a) and a.get(
                f"layer_norm/{part}", np.zeros(0)).shape != (p.hidden,):
            raise error(f"the array layer_norm/{part} needs shape [{p.hidden}]")


def _mlp_depth(p: Processor) -> int:
    return sum(re.fullmatch(r"mlp/\d+/w", name) is not None for name in p.arrays)


def build_processor(processor: Processor, n: int, name: str = "processor") -> Module:
    """Give the module of one step of a processor on graphs of n nodes."""
    b = Builder()
    types = {"node_fts": F32.with_shape((n, processor.features)),
             "edge_fts": F32.with_shape((n, n, processor.features)),
             "graph_fts": F32.with_shape((processor.features,)), "adj": BIT.with_shape((n, n)),
             "hidden": F32.with_shape((n, processor.hidden))}
    values = {k: b.input(k, t) for k, t in types.items()}
    layers = _Layers(b, processor, n)
    z = b.apply("concat", values["node_fts"], values["hidden"], axis=1, name="z")
    result = layers.gatv2(z, values) if processor.kind == "gatv2" else layers.mpnn(z, values)
    body = b.finish([result])
    func = Func(name, tuple(Port(k, t) for k, t in types.items()), (Port("next_hidden", types["hidden"]),), body,
                (), ONCE)
    facts = {"processor": processor.kind, "n": n, "hidden": processor.hidden, "features": processor.features,
             "heads": processor.heads, "weights": int(sum(a.size for a in processor.arrays.values()))}
    return Module({name: func}, name, name, {"gnn": facts})


class _Layers:
    """Writes the layers of a processor."""

    def __init__(self, b: Builder, processor: Processor, n: int) -> None:
        self.b, self.p, self.n = b, processor, n

    def linear(self, x: Value, name: str) -> Value:
        """Apply a linear layer to the last axis."""
        w, bias = (self.weight(f"{name}/{part}") for part in "wb")
        shape = self.b.type(x).shape
        letters = "ijkl"[:len(shape) - 1]
        y = self.b.apply("contract", x, w, spec=f"{letters}f,fh->{letters}h", name=name.replace("/", "_"))
        return self.b.apply("add", y, self.spread(bias, self.b.type(y).shape, (len(shape) - 1,)))

    def weight(self, name: str) -> Value:
        array = self.p.arrays[name].astype(np.float32)
        return self.b.constant(Constant(F32.with_shape(array.shape), array), name=name.replace("/", "_"))

    def spread(self, x: Value, shape: tuple[int, ...], axes: tuple[int, ...]) -> Value:
        return self.b.apply("broadcast", x, shape=shape, axes=axes)

    def number(self, value: float, shape: tuple[int, ...]) -> Value:
        return self.b.number(Type("float", 32, shape=shape), value)

    def relu(self, x: Value) -> Value:
        return self.b.apply("max", x, self.number(0.0, self.b.type(x).shape))

    def pairs(self, at_target: Value, at_source: Value, edge: Value, graph: Value) -> Value:
        """Add what the two ends, the edge and the graph say, for each pair: [n, n, width]."""
        shape = self.b.type(edge).shape
        return self.b.apply("add", self.spread(at_target, shape, (1, 2)), self.spread(at_source, shape, (0, 2)), edge,
                            self.spread(graph, shape, (2,)))

    def mpnn(self, z: Value, values: Mapping[str, Value]) -> Value:
        """h_j = relu(o1 z_j + o2 max_i m_ij); PGN looks at neighbours only."""
        b, p = self.b, self.p
        messages = self.pairs(self.linear(z, "m_1"), self.linear(z, "m_2"), self.linear(values["edge_fts"], "m_e"),
                              self.linear(values["graph_fts"], "m_g"))
        for k in range(_mlp_depth(p)):
            messages = self.linear(self.relu(messages), f"mlp/{k}")
        shape = b.type(messages).shape
        if p.kind == "pgn":
            near = self.spread(values["adj"], shape, (0, 1))
            messages = b.apply("select", near, messages, self.number(NO_MESSAGE, shape))
        best = b.apply("reduce", messages, kind="max", axes=(0,), name="best")
        result = self.normal(self.relu(b.apply("add", self.linear(z, "o1"), self.linear(best, "o2"))))
        return self.gate(result, z, best, values["hidden"]) if p.gated else result

    def gate(self, result: Value, z: Value, best: Value, hidden: Value) -> Value:
        """Mix the result with the hidden state."""
        b = self.b
        inner = self.relu(b.apply("add", self.linear(z, "gate1"), self.linear(best, "gate2")))
        logits = self.linear(inner, "gate3")
        gate = b.apply("sigmoid", logits, type=b.type(logits))
        rest = b.apply("sub", self.number(1.0, b.type(gate).shape), gate)
        return b.apply("add", b.apply("mul", result, gate), b.apply("mul", hidden, rest))

    def gatv2(self, z: Value, values: Mapping[str, Value]) -> Value:
        """Attend from i to all j that adj[i, j] allows, head by head; add the skip connection, cut at 0."""
        b, p = self.b, self.p
        hidden = self.pairs(self.linear(z, "w_1"), self.linear(z, "w_2"), self.linear(values["edge_fts"], "w_e"),
                            self.linear(values["graph_fts"], "w_g"))
        shape = b.type(hidden).shape
        leaky = b.apply("max", hidden, b.apply("mul", hidden, self.number(SLOPE, shape)))
        v = self.linear(z, "m")
        wide, middle = p.hidden // p.heads, shape[2] // p.heads
        parts = [self.head(k, self.part(leaky, 2, k * middle, middle), self.part(v, 1, k * wide, wide), values["adj"])
                 for k in range(p.heads)]
        mixed = parts[0] if len(parts) == 1 else b.apply("concat", *parts, axis=1)
        return self.normal(self.relu(b.apply("add", mixed, self.linear(z, "skip"))))

    def part(self, x: Value, axis: int, start: int, size: int) -> Value:
        shape = self.b.type(x).shape
        if size == shape[axis]:
            return x
        return self.b.apply("slice", x, start=[start if k == axis else 0 for k in range(len(shape))],
                            stop=[start + size if k == axis else d for k, d in enumerate(shape)])

    def head(self, k: int, leaky: Value, v: Value, adj: Value) -> Value:
        """Give the mixture of values by the softmax of one head's logits."""
        b, square = self.b, (self.n, self.n)
        logits = b.apply("reshape", self.linear(leaky, f"a_{k}"), shape=square)
        return b.apply("contract", self.softmax(logits, adj), v, spec="ij,jf->if", name=f"head_{k}")

    def softmax(self, logits: Value, adj: Value) -> Value:
        """Give the softmax of each row over its edges, or over all where it has none.

        That is what CLRS's addend of -1e9 comes to, in numbers that keep their size and so can become few bits.
        """
        b, t = self.b, self.b.type(logits)
        some = b.apply("reduce", adj, kind="or", axes=(1,))
        near = b.apply("or", adj, self.spread(b.apply("not", some), t.shape, (0,)))
        best = b.apply("reduce", b.apply("select", near, logits, self.number(NO_EDGE, t.shape)), kind="max", axes=(1,))
        below = b.apply("min", b.apply("sub", logits, self.spread(best, t.shape, (0,))), self.number(0.0, t.shape))
        power = b.apply("select", near, b.apply("exp", below, type=t), self.number(0.0, t.shape))
        total = self.spread(b.apply("reduce", power, kind="add", axes=(1,)), t.shape, (0,))
        return b.apply("divide", power, total, type=t, name="attention")

    def normal(self, x: Value) -> Value:
        """Apply layer normalisation where the processor has one."""
        if "layer_norm/scale" not in self.p.arrays:
            return x
        b, t = self.b, self.b.type(x)
        rows, share = (t.shape[0],), self.number(1.0 / t.shape[1], (t.shape[0],))

        def mean(y: Value) -> Value:
            return b.apply("mul", b.apply("reduce", y, kind="add", axes=(1,)), share)
        centred = b.apply("sub", x, self.spread(mean(x), t.shape, (0,)))
        spread = b.apply("add", mean(b.apply("mul", centred, centred)), self.number(EPSILON, rows))
        scale = self.spread(b.apply("rsqrt", spread, type=b.type(spread)), t.shape, (0,))
        gain = self.spread(self.weight("layer_norm/scale"), t.shape, (1,))
        scaled = b.apply("mul", b.apply("mul", centred, scale), gain)
        return b.apply("add", scaled, self.spread(self.weight("layer_norm/offset"), t.shape, (1,)))
