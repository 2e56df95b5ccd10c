"""Products with constants become adders: `contract` and `mul` by constants as shared sums of shifted values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import prod
from string import ascii_letters
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import OPS, Builder, Constant, Graph, Node, Type, Value, rebuild, smallest
from circuitc.ir.ops.reductions import Subscripts, subscripts
from circuitc.ir.types import MAX_WIDTH

from .adders import Digit, Network, adder_network, ranges_of, signed_digits
from .base import Context, GraphPass
from .widen import copy_widened

Elements = NDArray[np.int64]
_ROOM = 3  # a partial sum of signed digits may take this many bits more than the sums and factors it is part of


@dataclass(frozen=True, slots=True)
class ShiftAdd(GraphPass):
    """Compute products with constants by adders and wiring: matrix-vector products share their common sums.

    A `contract` (plus_times) with a constant operand, on numbers of at least two bits, becomes one adder graph for each
    constant matrix; a `mul` by a constant one for each number. With `depth`, no result takes more adders in a row
    than that, or, where that is impossible, than it needs. With `digits`, a `mul` by a constant of more signed digits
    than that stays a multiplication. Products of bits and spins stay: they are counted, not multiplied.
    """

    depth: int | None = None
    digits: int | None = None

    def __post_init__(self) -> None:
        for name in ("depth", "digits"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise error(f"shift-add: {name} is at least 1, got {value}")

    def run(self, graph: Graph, context: Context) -> Graph:
        made: list[dict[str, Any]] = context.facts.setdefault("networks", [])
        networks = _Networks(self.depth)
        hidden: set[Value] = set()  # values behind adders, whose constants no range shows any more

        def rule(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
            product = find_product(b, node, operands)
            if product is None or (node.op == "mul" and self.digits is not None and product.digits > self.digits):
                if hidden.isdisjoint(operands):
                    return None
                result = copy_widened(b, node, operands)
            else:
                writer = _Writer(b, node)
                result = writer.write(product, networks)
                made.append({"value": node.name, **writer.figures()})
            hidden.add(result)
            return result

        return rebuild(graph, rule)


@dataclass(frozen=True, slots=True)
class Product:
    """A product with a constant, its index letters taken apart; `mul` is a contraction that sums nothing.

    `shared` letters are those of both operands and the result (each such index has a matrix of its own), `free` those
    of the other operand and the result, `rows` those of the constant and the result.
    """

    constant: Constant
    other: Value
    constant_letters: str
    other_letters: str
    subs: Subscripts

    @property
    def shared(self) -> str:
        return "".join(c for c in self.subs.result if c in self.constant_letters and c in self.other_letters)

    @property
    def free(self) -> str:
        return "".join(c for c in self.subs.result if c not in self.constant_letters)

    @property
    def rows(self) -> str:
        return "".join(c for c in self.subs.result if c not in self.other_letters)

    @property
    def digits(self) -> int:
        """Give the number of signed digits of the constant's worst entry."""
        return max(len(signed_digits(n)) for n in np.unique(self.constant.array).tolist())

    def size(self, letters: str) -> int:
        return prod(self.subs.sizes[c] for c in letters)

    def matrices(self) -> Elements:
        """Lay the constant out as int64[shared, summed, rows]."""
        return self._laid(self.constant.array, self.constant_letters, self.subs.contracted, self.rows)

    def vectors(self, elements: Elements) -> Elements:
        """Lay the other operand's elements out as [shared, free, summed]."""
        return self._laid(elements, self.other_letters, self.free, self.subs.contracted)

    def _laid(self, array: Elements, letters: str, middle: str, last: str) -> Elements:
        order = [letters.index(c) for c in self.shared + middle + last]
        shape = [self.size(part) for part in (self.shared, middle, last)]
        return np.transpose(array, order).reshape(shape).astype(np.int64)

    def result(self, elements: Elements) -> Elements:
        """Bring elements laid out as [shared, free, rows] into the order of the result."""
        letters = self.shared + self.free + self.rows
        spread = elements.reshape([self.subs.sizes[c] for c in letters])
        return np.transpose(spread, [letters.index(c) for c in self.subs.result])


def find_product(b: Builder, node: Node, operands: Sequence[Value]) -> Product | None:
    """Read a node as a product with a constant that adders can compute, None where it is none."""
    if node.op not in ("contract", "mul") or len(operands) != 2 or node.type.is_float:
        return None
    if node.op == "contract" and node.attributes["semiring"] != "plus_times":
        return None
    constants = [k for k, v in enumerate(operands) if b.nodes[v].is_constant]
    types = [b.type(v) for v in operands]
    if len(constants) != 1 or any(t.is_spin for t in types) or types[1 - constants[0]].width < 2:
        return None
    if OPS[node.op].result_type(types, node.attributes, node.type).width + _ROOM > MAX_WIDTH:
        return None
    letters = ascii_letters[:node.type.rank]
    spec = {"spec": f"{letters},{letters}->{letters}", "where": "", "init": False}
    subs = subscripts(types, node.attributes if node.op == "contract" else spec)
    if not set(subs.contracted) <= set(subs.a) & set(subs.b):
        return None
    sides = (subs.a, subs.b)
    k = constants[0]
    return Product(b.nodes[operands[k]].constant, operands[1 - k], sides[k], sides[1 - k], subs)


@dataclass(slots=True)
class _Networks:
    """The networks of one run of the pass, by matrix: equal channels share the work of finding one."""

    depth: int | None
    known: dict[tuple[tuple[int, ...], bytes], Network] = field(default_factory=dict)

    def of(self, matrix: Elements) -> Network:
        key = (matrix.shape, matrix.tobytes())
        if key not in self.known:
            self.known[key] = adder_network(matrix, self.depth)
        return self.known[key]


class _Writer:
    """Write networks into a builder, for the products of one node."""

    def __init__(self, builder: Builder, node: Node) -> None:
        self.builder = builder
        self.node = node
        self.used: list[Network] = []

    def figures(self) -> dict[str, int]:
        """Count what was written."""
        return {"adders": sum(len(n.adders) for n in self.used), "depth": max((n.depth for n in self.used), default=0),
                "networks": len(self.used)}

    def write(self, product: Product, networks: _Networks) -> Value:
        """Write a product: a network for each matrix of the constant, a copy of it for each vector."""
        b, t = self.builder, self.node.type
        scalars = b.elements(product.other) if b.type(product.other).rank else [product.other]
        elements = np.array(scalars, np.int64).reshape(b.type(product.other).shape)
        fraction = product.constant.type.fraction
        found = [[self._copy(networks.of(matrix), vector, fraction) for vector in vectors.tolist()]
                 for matrix, vectors in zip(product.matrices(), product.vectors(elements), strict=True)]
        result = product.result(np.array(found, np.int64)).ravel().tolist()
        if not t.rank:
            return result[0]
        return b.apply("stack", *result, shape=t.shape, name=self.node.name, origin=self.node.origin,
                       span=self.node.span)

    def _copy(self, network: Network, inputs: Sequence[Value], fraction: int) -> list[Value]:
        """Write one network; each value in the narrowest type of all it can be."""
        self.used.append(network)
        source = self.builder.type(inputs[0])
        types = [smallest(low, high, source.fraction) for low, high in ranges_of(
            network, source.lowest, source.highest)]
        values = list(inputs)
        for (x, y), t in zip(network.adders, types[network.inputs:], strict=True):
            plus, minus = (y, x) if x.negative else (x, y)
            op = "sub" if minus.negative else "add"
            values.append(self._fit(self._apply(op, self._moved(values, plus), self._moved(values, minus)), t))
        return [self._output(values, d, fraction) for d in network.outputs]

    def _moved(self, values: Sequence[Value], digit: Digit, by: int = 0) -> Value:
        value = values[digit.value]
        return self._apply("shift", value, by=digit.shift + by) if digit.shift + by else value

    def _output(self, values: Sequence[Value], digit: Digit | None, fraction: int) -> Value:
        t = self.node.type.scalar
        if digit is None:
            return self.builder.number(t, 0)
        value = self._moved(values, digit, -fraction)
        return self._fit(self._apply("neg", value) if digit.negative else value, t)

    def _fit(self, value: Value, t: Type) -> Value:
        """Give a number in a type that is known to hold it."""
        own = self.builder.type(value)
        if own == t:
            return value
        if t.holds(own):
            return self._apply("convert", value, type=t)
        return self._apply("requantize", value, type=t, rounding="floor", overflow="wrap")

    def _apply(self, op: str, *operands: Value, type: Type | None = None, **attributes: Any) -> Value:
        node = self.node
        return self.builder.apply(op, *operands, type=type, name=f"{node.name}_t", origin=node.origin, span=node.span,
                                  **attributes)
