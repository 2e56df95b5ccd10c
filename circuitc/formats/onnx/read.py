"""From a graph of nodes to a module: node by node, in file order."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuitc.diagnostics import CircuitError, error
from circuitc.ir import Func, Module, Port, Value, module_of

from ..files import identifier
from . import elementwise, linear, pooling, quantizers, recurrence, recurrent, views
from .elementwise import Handler
from .ports import Reading, check_names, entering, input_port, leaving, unique
from .proto import Tensors, read_model
from .tensors import Context, Known, Operator, Tensor

OPERATORS: Mapping[str, Handler] = {**elementwise.OPERATORS, **linear.OPERATORS, **pooling.OPERATORS,
                                    **views.OPERATORS, **quantizers.OPERATORS}
SEVERAL: Mapping[str, Callable[[Context, Operator], tuple[Tensor, ...]]] = {**views.SEVERAL, **recurrent.RECURRENT}
STANDARD = ("", "ai.onnx")
QONNX_DOMAINS = ("onnx.brevitas", "finn.custom_op.general", "qonnx.custom_op.general")
OLDEST, OLDEST_QONNX, NEWEST = 13, 9, 26
_WHY = {"If": "control flow is not read"}
RECURRENCES = ("Scan", "Loop")
MAX_NODES = 100_000
_GRAPH = 5  # ONNX's number of an attribute that is a graph


def read_onnx(path: str | Path, inputs: Mapping[str, Reading] | None = None,
              outputs: Sequence[str] | None = None, length: int | None = None) -> Module:
    """Read an ONNX or QONNX model of a static shape; `length` fixes a sequence's length that the file leaves free.

    `inputs` says of float inputs, by their names in the file, as which exact numbers they come; `outputs` names the
    tensors to answer with, instead of the graph's own outputs. `module.facts["onnx"]` lists which nodes are exact and
    which compute in floats.
    """
    path = Path(path)
    model = read_model(path)
    try:
        return _Graph(path, model, length).read(dict(inputs or {}), outputs)
    except CircuitError as e:
        head = e.diagnostics[0]
        raise error(f"{path}: {head.message}", help=head.help) from None


@dataclass
class _Graph:
    """A model on its way to a module."""

    path: Path
    model: Any
    length: int | None = None
    inside: bool = False      # the body of a node

    def __post_init__(self) -> None:
        self.arrays = Tensors(self.path)
        self.context = Context()
        self.known: dict[str, Tensor] = {}
        self.graph = self.model.graph

    def read(self, inputs: dict[str, Reading], outputs: Sequence[str] | None) -> Module:
        opset = self._opset()
        if len(self.graph.node) > MAX_NODES:
            raise error(f"{len(self.graph.node)} nodes are more than the {MAX_NODES} that are read")
        if self.graph.sparse_initializer or self.model.functions:
            raise error("sparse initializers and functions of the model are not read")
        self.initializers()
        ports = self._inputs(inputs)
        wanted = list(outputs) if outputs is not None else [o.name for o in self.graph.output]
        if not wanted:
            raise error("the graph has no output")
        self.follow(wanted, opset)
        check_names(wanted, list(self.known), "tensor")
        taken: set[str] = set()
        found = [leaving(self.context, unique(name, taken), self.known[name]) for name in wanted]
        return self._module(ports, found)

    def follow(self, wanted: Sequence[str], opset: int) -> None:
        """Read the nodes that tensors depend on, in file order."""
        needed = self._needed(wanted)
        for index, node in enumerate(self.graph.node):
            if index in needed:
                self._node(index, node, opset)
        missing = next((name for name in wanted if name not in self.known), None)
        if missing is not None and self.inside:
            raise error(f"nothing makes its output {missing[:80]!r}")

    def _module(self, ports: list[Port], found: list[tuple[Value, Port]]) -> Module:
        c = self.context
        func = Func(identifier(self.path.stem), tuple(ports), tuple(p for _, p in found),
                    c.builder.finish([v for v, _ in found]))
        module = module_of(func, *c.funcs)
        facts = {"onnx": {"exact_nodes": len(c.exact), "float_nodes": list(c.floats)}}
        return Module(module.funcs, module.main, module.name, facts)

    def _opset(self) -> int:
        versions = {entry.domain: int(entry.version) for entry in self.model.opset_import}
        found = next((versions[d] for d in STANDARD if d in versions), 0)
        if not found:
            raise error("names no version of ONNX's operator set")
        quantized = any(node.domain in QONNX_DOMAINS for node in self.graph.node)
        oldest = OLDEST_QONNX if quantized else OLDEST
        if not oldest <= found <= NEWEST:
            raise error(f"operator set {found} is not read, {oldest} to {NEWEST} are",
                        help="convert it with onnx.version_converter" if found < oldest else "")
        return found

    def initializers(self) -> None:
        """Take in the graph's constants."""
        for tensor in self.graph.initializer:
            self.known[tensor.name] = Known(self.arrays.array(tensor, f"initializer {tensor.name[:80]}"))

    def _inputs(self, readings: dict[str, Reading]) -> list[Port]:
        free = [message for message in self.graph.input if message.name not in self.known]
        check_names(readings, [m.name for m in free], "input")
        if not free:
            raise error("the graph has no input")
        taken: set[str] = set()
        ports: list[Port] = []
        shapes: list[tuple[int, ...]] = []
        batched: list[bool] = []
        sequences = recurrent.sequence_first(self.graph.node) | recurrence.scanned(self.graph.node)
        for message in free:
            if message.name in [m.name for m in free[:len(ports)]]:
                raise error(f"two inputs are named {message.name}")
            port, shape, batch = input_port(message, readings.get(message.name), taken,
                                            message.name in sequences, self.length)
            ports.append(port)
            shapes.append(shape)
            batched.append(batch)
        self.context.batched = any(batched)
        values = [self.context.builder.input(p.name, p.type) for p in ports]
        for message, port, shape, value in zip(free, ports, shapes, values, strict=True):
            self.known[message.name] = entering(value, port.type, shape, readings.get(message.name))
        return ports

    def _needed(self, wanted: Sequence[str]) -> set[int]:
        """Give the nodes that the results depend on: nothing else is asked to be readable."""
        maker = {name: index for index, node in enumerate(self.graph.node) for name in node.output if name}
        needed: set[int] = set()
        waiting = list(wanted)
        while waiting:
            name = waiting.pop()
            index = None if name in self.known else maker.get(name)
            if index is not None and index not in needed:
                needed.add(index)
                waiting.extend(self.graph.node[index].input)
                waiting.extend(_read_inside(self.graph.node[index]))
        return needed

    def _node(self, index: int, node: Any, opset: int) -> None:
        name = node.name or (node.output[0] if node.output else f"number {index}")
        place = f"graph.node[{index}] {name[:80]} ({f'{node.domain}.' if node.domain else ''}{node.op_type[:40]})"
        recurs = node.domain in STANDARD and node.op_type in RECURRENCES
        bodies = [a.g for a in node.attribute if a.name == "body" and a.type == _GRAPH]
        if recurs and not bodies:
            raise error(f"{place}: has no body")
        handler = self._recurrence(bodies[0], opset) if recurs else self._handler(node, place)
        attributes = {a.name: self.arrays.attribute(a, place) for a in node.attribute if not recurs or a.type != _GRAPH}
        operands = tuple(self._operand(name, place) for name in node.input)
        while operands and operands[-1] is None:
            operands = operands[:-1]
        results = [name for name in node.output if name]
        n = Operator(node.op_type, place, opset, operands, attributes, len(node.output))
        try:
            answers = handler(self.context, n)
        except CircuitError as e:
            if e.diagnostics[0].message.startswith(place):
                raise
            raise error(f"{place}: {e.diagnostics[0].message}", help=e.diagnostics[0].help) from None
        answers = answers if isinstance(answers, tuple) else (answers,)
        for result, answer in zip(node.output, answers, strict=False):
            if not result:
                continue
            if result in self.known:
                raise error(f"{place}: the tensor {result[:80]} is made twice")
            self.known[result] = answer
        if any(result not in self.known for result in results):
            raise error(f"{place}: only its first result is read")
        self.context.note(n, answers[0])

    def _handler(self, node: Any, place: str) -> Callable[[Context, Operator], Any]:
        if node.domain in QONNX_DOMAINS and node.op_type in quantizers.QONNX:
            return quantizers.QONNX[node.op_type]
        if node.domain in STANDARD:
            found = SEVERAL.get(node.op_type) or OPERATORS.get(node.op_type)
            if found is not None:
                return found
        raise error(f"{place}: {_WHY.get(node.op_type, 'the operator is not read')}",
                    help="docs/networks.md lists the operators that are")

    def _recurrence(self, body: Any, opset: int) -> Callable[[Context, Operator], tuple[Tensor, ...]]:
        """Make the handler of a Scan or Loop. Its body sees constants of the graphs around it."""
        def read(context: Context) -> _Graph:
            inside = _Graph(self.path, self.model, inside=True)
            inside.graph, inside.context = body, context
            inside.known = {name: x for name, x in self.known.items() if isinstance(x, Known)}
            inside.initializers()
            return inside

        def handle(c: Context, n: Operator) -> tuple[Tensor, ...]:
            return recurrence.emit(c, n, recurrence.recurrence_of(n, body, self.known), read, opset)
        return handle

    def _operand(self, name: str, place: str) -> Tensor | None:
        if not name:
            return None
        if name not in self.known:
            made = any(name in node.output for node in self.graph.node)
            raise error(f"{place}: reads {name[:80]!r}, which " + (
                "a later node makes: the nodes are out of order or a cycle" if made else
                "is no constant of the graphs around" if self.inside else "nothing makes"))
        return self.known[name]


def _read_inside(node: Any) -> list[str]:
    """Name what a node's body reads, some of it from outside."""
    return [name for a in node.attribute if a.type == _GRAPH for inside in a.g.node
            for name in (*inside.input, *_read_inside(inside))]
