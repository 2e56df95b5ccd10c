"""A graph body as one function on one sample: which values get memory, and the loops that fill it.

Scalars are registers. A tensor is a strided view of memory, so that reshape, transpose, slice, broadcast and window
cost nothing; an element-wise tensor with a single, element-wise user is not stored at all (`Deferred`) but computed in
its user's loop. Small buffers lie on the stack, large ones in the caller's working memory, where they are used again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from circuitc.ir import Func, Graph, Node, Type

from .elementwise import PROVED, Use
from .functions import ELEMENTWISE, table_index
from .kernel import Kernel, index
from .memory import POINTER, aligned_up, bytes_of, element_type
from .unit import Unit, element

_STACK_BUFFER, _STACK_TOTAL = 4096, 1 << 16
_DEEPEST = 40  # element-wise ops computed in one loop


@dataclass(frozen=True, slots=True)
class View:
    """Elements in memory: a pointer to the first, and for each axis of the type the step in elements."""

    pointer: Any
    strides: tuple[int, ...]
    type: Type
    block: int = -1  # the working memory it lies in, see `Body.blocks`

    @property
    def is_packed(self) -> bool:
        """True where the elements lie one after the other, row major."""
        return all(s == w or n == 1 for s, w, n in zip(self.strides, row_major(self.type), self.type.shape,
                                                       strict=True))

    def moved(self, kernel: Kernel, offset: int, strides: Sequence[int], t: Type) -> View:
        """Give another view of the same memory, starting some elements later."""
        return View(kernel.at(self.pointer, offset, element_type(self.type)), tuple(strides), t, self.block)


@dataclass(frozen=True, slots=True)
class Splat:
    """A scalar in a register, or one scalar that fills a tensor."""

    value: Any
    type: Type


@dataclass(frozen=True, slots=True)
class Deferred:
    """An element-wise tensor that its only user computes."""

    depth: int


Held = View | Splat | Deferred
Leaf = View | Splat


def row_major(t: Type) -> tuple[int, ...]:
    """Give the strides of a tensor without gaps."""
    strides: list[int] = []
    step = 1
    for n in reversed(t.shape):
        strides.append(step)
        step *= n
    return tuple(reversed(strides))


class Body:
    """The writing of one graph body; `function(scratch, inputs..., outputs...)` answers a status."""

    def __init__(self, unit: Unit, func: Func, graph: Graph, nested: int, name: str = "body",
                 proved: frozenset[int] = frozenset()) -> None:
        self.unit, self.func, self.graph = unit, func, graph
        pointers = [POINTER] * (1 + graph.inputs + len(graph.outputs))
        self.kernel = unit.kernel(f"{func.name}.{name}", pointers)
        self.kernel.noalias(self.kernel.arguments)
        self.scratch = self.kernel.arguments[0]
        self._places = dict(reversed(list(zip(graph.outputs, self.kernel.arguments[1 + graph.inputs:], strict=True))))
        self.held: dict[int, Held] = {}
        self.calls: dict[tuple[Any, ...], dict[str, Held]] = {}
        self._remaining = {v: len(graph.users[v]) + (1 << 30) * (v in self._places) for v in range(len(graph.nodes))}
        self._proved = proved  # values whose `overflow=never` is not looked at
        self._top, self._stacked = nested, 0
        self._free: dict[int, list[int]] = {}
        self._blocks: dict[int, int] = {}
        self._holders: dict[int, int] = {}

    @property
    def scratch_bytes(self) -> int:
        """The working memory that the body and what it calls needs."""
        return self._top

    def node(self, value: int) -> Node:
        return self.graph.nodes[value]

    def type(self, value: int) -> Type:
        return self.graph.nodes[value].type

    # -- memory

    def buffer(self, t: Type, value: int | None = None) -> View:
        """Make room for a value: the output it leaves by, the stack, or working memory."""
        if value is not None and value in self._places:
            return View(self._places[value], row_major(t), t)
        size = bytes_of(t)
        if size <= _STACK_BUFFER and self._stacked + size <= _STACK_TOTAL:
            self._stacked += size
            return View(self.kernel.slot(element_type(t), max(2, t.size)), row_major(t), t)
        size = aligned_up(size)
        reusable = self._free.get(size)
        offset = reusable.pop() if reusable else self._top
        if offset == self._top:
            self._top += size
        self._blocks[offset], self._holders[offset] = size, 0
        return View(self.kernel.at(self.scratch, offset), row_major(t), t, offset)

    def lasting(self, t: Type) -> View:
        """Make room that nothing else in this body uses: it keeps its content from step to step, and begins as any."""
        self._top += aligned_up(bytes_of(t))
        return View(self.kernel.at(self.scratch, self._top - aligned_up(bytes_of(t))), row_major(t), t)

    def hold(self, value: int, held: Held) -> None:
        """Remember where a value is; scalars move to registers."""
        if isinstance(held, View) and not held.type.rank:
            held = Splat(self.kernel.load(held.pointer, element_type(held.type)), held.type)
        self.held[value] = held
        if isinstance(held, View) and held.block >= 0:
            self._holders[held.block] += 1

    def keep(self, view: View) -> None:
        """Never use a view's working memory again in this body."""
        if view.block >= 0:
            self._holders[view.block] += 1

    def release(self, view: View) -> None:
        """Let working memory that no value holds be used again."""
        if view.block >= 0 and not self._holders[view.block]:
            self._free.setdefault(self._blocks[view.block], []).append(view.block)

    def consume(self, value: int) -> None:
        """Note that one user of a value has been written; memory that nobody will read again is free."""
        self._remaining[value] -= 1
        if self._remaining[value]:
            return
        held = self.held[value]
        if isinstance(held, Deferred):
            for operand in self.node(value).operands:
                self.consume(operand)
        elif isinstance(held, View) and held.block >= 0:
            self._holders[held.block] -= 1
            if not self._holders[held.block]:
                self._free.setdefault(self._blocks[held.block], []).append(held.block)

    def leaf(self, value: int) -> Leaf:
        """Give a value in memory or in a register, computing it now where it was deferred."""
        held = self.held[value]
        if isinstance(held, Deferred):
            raise AssertionError("only element-wise users see deferred values")
        return held

    def view(self, value: int) -> View:
        """Give a value in memory."""
        held = self.leaf(value)
        if isinstance(held, View):
            return held
        t = self.type(value)
        slot = self.kernel.variable(held.value)
        return View(slot, (0,) * t.rank, t)

    def packed(self, value: int) -> View:
        """Give a value in memory without gaps."""
        view = self.view(value)
        if view.is_packed:
            return view
        out = self.buffer(view.type)
        self.copy(out, view, view.type)
        return out

    def scalar(self, value: int) -> Any:
        """Give a rank-0 value in a register."""
        held = self.leaf(value)
        return held.value if isinstance(held, Splat) else self.kernel.load(held.pointer, element_type(held.type))

    # -- writing

    def write(self, lowerings: Mapping[str, Callable[[Body, int, Node], None]]) -> Any:
        """Write the whole body and answer its function; `lowerings` has a row for each op."""
        for value in range(len(self.graph.nodes)):
            if value < self.graph.inputs:
                self._input(value)
            elif value in self.graph.live:
                node = self.node(value)
                lowerings[node.op](self, value, node)
                if not isinstance(self.held[value], Deferred):
                    for operand in node.operands:
                        self.consume(operand)
        for output, place in zip(self.graph.outputs, self.kernel.arguments[1 + self.graph.inputs:], strict=True):
            self._output(output, place)
        return self.kernel.finish()

    def _input(self, value: int) -> None:
        t, pointer = self.type(value), self.kernel.arguments[1 + value]
        if t.rank:
            self.hold(value, View(pointer, row_major(t), t))
        else:
            self.hold(value, Splat(self.kernel.load(pointer, element_type(t)), t))

    def _output(self, value: int, place: Any) -> None:
        t, leaf = self.type(value), self.leaf(value)
        if isinstance(leaf, Splat) and not t.rank:
            self.kernel.builder.store(leaf.value, place)
        elif isinstance(leaf, View) and leaf.is_packed:
            if leaf.pointer is not place:
                self.kernel.copy(place, leaf.pointer, bytes_of(t))
        else:
            self.copy(View(place, row_major(t), t), leaf, t)

    def constant(self, value: int, node: Node) -> None:
        """Hold a constant: in the code where it is one number, else in read-only memory."""
        array, t = node.constant.array, node.type
        first = array.ravel()[0]
        if not t.rank or (np.all(array == first) and not (t.is_float and first == 0)):
            self.hold(value, Splat(element(t, first), t))
        else:
            self.hold(value, View(self.unit.constant(t, array), row_major(t), t))

    def map(self, value: int, node: Node) -> None:
        """Compute an element-wise op: in a register, later in its user's loop, or in a loop of its own."""
        if not node.type.rank:
            elements = {v: self.scalar(v) for v in node.operands if not self.type(v).rank}
            self.hold(value, Splat(self.compute(self.kernel, value, elements), node.type))
            return
        depth = 1 + sum(h.depth for h in (self.held[v] for v in node.operands) if isinstance(h, Deferred))
        if self._defers(value, node, depth):
            self.hold(value, Deferred(depth))
            return
        out = self.buffer(node.type, value)
        self.fill(out, value)
        self.hold(value, out)

    def _defers(self, value: int, node: Node, depth: int) -> bool:
        users = self.graph.users[value]
        if len(users) != 1 or value in self._places or depth >= _DEEPEST:
            return False
        user = self.node(users[0])
        if user.op == "table":
            return user.operands[0] == value and user.operands[1] != value
        return user.op in ELEMENTWISE or user.op == "reduce"

    def leaves(self, value: int) -> dict[int, Leaf]:
        """List what the element-wise tree under a value reads, in order of first use."""
        held = self.held.get(value)
        if held is not None and not isinstance(held, Deferred):
            return {value: held}
        found: dict[int, Leaf] = {}
        for operand in self.node(value).operands:
            found |= self.leaves(operand)
        return found

    def compute(self, kernel: Kernel, value: int, elements: dict[int, Any],
                tables: dict[int, View] | None = None) -> Any:
        """Compute one element of an element-wise tree from its leaves' elements (kept in `elements`)."""
        if value in elements:
            return elements[value]
        node = self.node(value)
        types = tuple(self.type(v).scalar for v in node.operands)
        attributes = {**node.attributes, "overflow": PROVED} if value in self._proved else node.attributes
        use = Use(kernel, types, node.type.scalar, attributes, lambda message: self.site(node, message))
        if node.op == "table":
            entry = table_index(use, self.compute(kernel, node.operands[0], elements, tables))
            result = self._entry(kernel, node.operands[1], entry, elements, tables)
            result = kernel.settle(result, types[1], use.result)
        else:
            result = ELEMENTWISE[node.op](use, *(self.compute(kernel, v, elements, tables) for v in node.operands))
        elements[value] = result
        return result

    def _entry(self, kernel: Kernel, table: int, entry: Any, elements: dict[int, Any],
               tables: dict[int, View] | None) -> Any:
        """Load an entry of a table; one that has a single number throughout lies in a register."""
        if tables is None:
            return load_at(kernel, self.view(table), [entry])
        return load_at(kernel, tables[table], [entry]) if table in tables else elements[table]

    def site(self, node: Node, message: str) -> int:
        """Number a place of this body that may fail."""
        place = node.span or node.origin or f"%{node.name}"
        return self.unit.site(f"{place}: {message}")

    def fill(self, out: View, value: int) -> None:
        """Fill a buffer with an element-wise tree, in a kernel of its own."""
        with Loops(self, out, self.leaves(value), self.node(value).op, shape=out.type.shape) as loops:
            loops.store(self.compute(loops.kernel, value, loops.elements(), loops.views))

    def copy(self, out: View, source: Leaf, source_type: Type) -> None:
        """Copy a view element by element, to a type that holds it."""
        with Loops(self, out, {0: source}, "copy", shape=out.type.shape) as loops:
            loops.store(loops.kernel.settle(loops.elements()[0], source_type, out.type))

    def call_kernel(self, kernel: Kernel, arguments: Sequence[Any]) -> None:
        """Call a kernel from the body, and take over its status where it can fail."""
        status = self.kernel.builder.call(kernel.function, list(arguments))
        if kernel.fails:
            self.kernel.merge(status)


class Loops:
    """A kernel that visits each index of a shape once: `with Loops(...) as loops: loops.store(element)`.

    Axes along which all views step evenly are joined, so that most kernels are one loop. With `joined=False` the
    index of every axis is there to compute with.
    """

    def __init__(self, body: Body, out: View, leaves: dict[int, Leaf], name: str, *, shape: tuple[int, ...],
                 joined: bool = True) -> None:
        self.body, self.out = body, out
        self._leaves = leaves
        self._arguments = [out.pointer, *(h.pointer if isinstance(h, View) else h.value for h in leaves.values())]
        self.kernel = body.unit.kernel(f"{body.func.name}.{name}", [a.type for a in self._arguments])
        self.kernel.noalias([a for a in self.kernel.arguments if a.type == POINTER])
        formal = dict(zip(leaves, self.kernel.arguments[1:], strict=True))
        self.views = {v: View(formal[v], h.strides, h.type) for v, h in leaves.items() if isinstance(h, View)}
        self.values = {v: formal[v] for v, h in leaves.items() if isinstance(h, Splat)}
        self._walked = {v: w for v, w in self.views.items() if w.type.shape == shape} if joined else {}
        walked = [View(self.kernel.arguments[0], out.strides, out.type), *self._walked.values()]
        self._counts, self._strides = (_join if joined else _keep)(shape, [w.strides for w in walked])
        self.indices: list[Any] = []

    def __enter__(self) -> Loops:
        self._open = self.kernel.loops(self._counts)
        self.indices = self._open.__enter__()
        return self

    def __exit__(self, *problem: Any) -> None:
        if problem[0] is None:
            self._open.__exit__(None, None, None)
            self.kernel.finish()
            self.body.call_kernel(self.kernel, self._arguments)

    def elements(self) -> dict[int, Any]:
        """Load the element at the current index from each view that has the loops' shape, and give the scalars."""
        loaded = {v: self._load(w, self._strides[k]) for k, (v, w) in enumerate(self._walked.items(), 1)}
        return loaded | self.values

    def _load(self, view: View, strides: Sequence[int]) -> Any:
        kind = element_type(view.type)
        return self.kernel.load(self.kernel.at(view.pointer, offset_of(self.kernel, self.indices, strides), kind), kind)

    def load(self, leaf: int, indices: Sequence[Any]) -> Any:
        """Load an element of a leaf at any index."""
        if leaf in self.values:
            return self.values[leaf]
        return load_at(self.kernel, self.views[leaf], indices)

    def store(self, value: Any) -> None:
        """Store the result's element at the current index."""
        kind = element_type(self.out.type)
        offset = offset_of(self.kernel, self.indices, self._strides[0])
        self.kernel.builder.store(value, self.kernel.at(self.kernel.arguments[0], offset, kind))


def load_at(kernel: Kernel, view: View, indices: Sequence[Any]) -> Any:
    """Load an element of a view."""
    kind = element_type(view.type)
    return kernel.load(kernel.at(view.pointer, offset_of(kernel, indices, view.strides), kind), kind)


def offset_of(kernel: Kernel, indices: Sequence[Any], strides: Sequence[int]) -> Any:
    """Give the number of elements from a view's start to an index."""
    b = kernel.builder
    total: Any = None
    for i, stride in zip(indices, strides, strict=True):
        if stride:
            part = i if stride == 1 else b.mul(i, index(stride), flags=("nsw",))
            total = part if total is None else b.add(total, part, flags=("nsw",))
    return index(0) if total is None else total


def _keep(shape: tuple[int, ...], strides: list[tuple[int, ...]]) -> tuple[list[int], list[list[int]]]:
    return list(shape), [list(s) for s in strides]


def _join(shape: tuple[int, ...], strides: list[tuple[int, ...]]) -> tuple[list[int], list[list[int]]]:
    """Join neighbouring axes that every view walks through as one, and drop axes of length 1."""
    counts: list[int] = []
    steps: list[list[int]] = [[] for _ in strides]
    for axis, n in enumerate(shape):
        if n == 1:
            continue
        if counts and all(p[-1] == s[axis] * n for p, s in zip(steps, strides, strict=True)):
            counts[-1] *= n
            for p, s in zip(steps, strides, strict=True):
                p[-1] = s[axis]
        else:
            counts.append(n)
            for p, s in zip(steps, strides, strict=True):
                p.append(s[axis])
    return counts, steps
