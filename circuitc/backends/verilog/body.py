"""The body of a func as items of a module: one wire for each value, commented with its type and where it came from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from pyverilog.vparser import ast

from circuitc.ir import BIT, SPIN, Constant, Graph, Node, Type, Value, flatten_bits

from .arithmetic import Operand, into
from .counters import INLINE
from .interface import Interface, Signal
from .names import Names
from .rows import ROWS
from .scope import Scope
from .tree import Lines, Tree, Word, assign, fit, literal, range_of

MEMORY_BITS = 256  # tables of fewer bits stay in the text: no tool makes a memory of them


def word_of(signal: Signal) -> Word:
    """Give all bits of a port or register."""
    scalar = not signal.type.shape
    return Word(signal.type.bits, signal.id, signed=scalar and signal.type.signed)


def word_of_constant(constant: Constant) -> Word:
    """Give a constant's bits, row major, least significant bit first."""
    bits = flatten_bits([constant.type], [constant.array[None]])[0]
    value = int.from_bytes(np.packbits(bits, bitorder="little").tobytes(), "little")
    return Word(constant.type.bits, value=value)


class Body:
    """Turn a scalar graph into items. `callees` are the faces of the funcs it calls."""

    def __init__(self, graph: Graph, scope: Scope, callees: Mapping[str, Interface]) -> None:
        self.graph = graph
        self.scope = scope
        self.callees = callees
        self.words: dict[Value, Word] = {}
        self._instances: dict[tuple[str, tuple[Value, ...]], dict[str, Word]] = {}
        self._tables: dict[Constant, str] = {}

    def fill(self, inputs: Sequence[Signal], outputs: Sequence[Signal]) -> None:
        """Add the items that drive the outputs from the inputs."""
        for value, signal in enumerate(inputs):
            self.words[value] = word_of(signal)
        targets = self._targets(outputs)
        for value in range(self.graph.inputs, len(self.graph.nodes)):
            if value in self.graph.live:
                self.words[value] = self._word(value, targets.get(value))
        for value, signal in zip(self.graph.outputs, outputs, strict=True):
            if targets.get(value) is not signal:
                tree = fit(self.words[value], _is_signed_scalar(signal.type), signal.type.bits)
                self.scope.add(assign(ast.Identifier(signal.id), tree), f"{signal.type}")

    def _targets(self, outputs: Sequence[Signal]) -> dict[Value, Signal]:
        """Choose the values that drive an output port directly, without a wire between."""
        targets: dict[Value, Signal] = {}
        for value, signal in zip(self.graph.outputs, outputs, strict=True):
            node = self.graph.nodes[value]
            if (node.op in ROWS or node.op == "table") and value not in targets:
                targets[value] = signal
        return targets

    def _word(self, value: Value, target: Signal | None) -> Word:
        node = self.graph.nodes[value]
        match node.op:
            case "constant":
                return Word(0) if self._only_tables(value) else word_of_constant(node.constant)
            case "element":
                return self._element(node)
            case "call":
                return self._call(node)
            case "pack":
                return replace(self.words[node.operands[0]], signed=False)  # a vector of bits is the word already
            case "table":
                return self._wire(node, self._table(node), target)
            case "shift" | "convert" if target is None and self._keeps_bits(node):
                return self.words[node.operands[0]]
            case "neg" | "not" if target is None and self._is_counted(value):
                word = self.words[node.operands[0]]
                return replace(word, inverse=not word.inverse)
            case _:
                return self._wire(node, ROWS[node.op](self.scope, node, self._operands(node)), target)

    def _is_counted(self, value: Value) -> bool:
        """Tell whether an inverted bit is only counted, with many others: then the counter's XOR inverts it."""
        nodes = self.graph.nodes
        node = nodes[value]
        single = node.type.width == 1 and nodes[node.operands[0]].type == node.type and (
            node.type.is_spin or node.op == "not") and not self.words[node.operands[0]].is_constant
        return single and value not in self.graph.outputs and all(
            nodes[u].op == "add" and len(nodes[u].operands) > INLINE for u in self.graph.users[value])

    def _keeps_bits(self, node: Node) -> bool:
        """Tell whether a change of type leaves every bit where it is."""
        source = self.graph.nodes[node.operands[0]].type
        by = node.attributes.get("by", 0)
        same_bit = {source, node.type} == {BIT, SPIN}
        return same_bit or (source.kind, source.width, source.signed, source.fraction - by) == (
            node.type.kind, node.type.width, node.type.signed, node.type.fraction)

    def _operands(self, node: Node) -> list[Operand]:
        return [Operand(self.words[v], self.graph.nodes[v].type) for v in node.operands]

    def _wire(self, node: Node, tree: Tree, target: Signal | None) -> Word:
        """Drive a wire of the value's name (or an output port) with an expression."""
        trusted = ", trusted to fit" if node.attributes.get("overflow") == "never" else ""
        comment = f"{node.type}{trusted}" + (f"  from {node.origin}" if node.origin else "")
        if target is not None:
            self.scope.add(assign(ast.Identifier(target.id), tree), comment)
        known = constant_word(tree, node.type)
        if known is not None:  # as a constant it lets later comparisons be decided
            return known
        if target is not None:
            return word_of(target)
        return self.scope.wire(node.name, node.type.bits, tree, comment, signed=_is_signed_scalar(node.type))

    def _only_tables(self, value: Value) -> bool:
        """Tell whether a constant is used as table contents only."""
        users = self.graph.users[value]
        return value not in self.graph.outputs and all(
            self.graph.nodes[u].op == "table" and self.graph.nodes[u].operands[0] != value for u in users)

    def _element(self, node: Node) -> Word:
        """An element has no wire of its own: it is a part of the tensor's bits."""
        source = self.graph.nodes[node.operands[0]].type
        low = node.attributes["index"] * source.width
        word = self.words[node.operands[0]].part(low + source.width - 1, low)
        if source.scalar == node.type:
            return word
        return self._wire(node, into(self.scope, Operand(word, source.scalar), node.type), None)

    def _call(self, node: Node) -> Word:
        """Instantiate the callee once for all results of one call."""
        key = (node.attributes["func"], node.operands)
        if key not in self._instances:
            self._instances[key] = self._instance(node, self.callees[node.attributes["func"]])
        return self._instances[key][node.attributes["output"]]

    def _instance(self, node: Node, face: Interface) -> dict[str, Word]:
        name = self.scope.names.take(f"{face.module}_call")
        pins = [ast.PortArg(s.id, self.words[v].tree()) for s, v in zip(face.inputs, node.operands, strict=True)]
        results: dict[str, Word] = {}
        for s in face.outputs:
            word = self.scope.wire(f"{name}_{s.id}", s.type.bits, None, f"{s.type}", signed=_is_signed_scalar(s.type))
            pins.append(ast.PortArg(s.id, word.tree()))
            results[s.name] = word
        instance = ast.Instance(face.module, name, tuple(pins), ())
        self.scope.add(ast.InstanceList(face.module, (), (instance,)), f"@{face.func.name}",
                       drives=[s.id for s in face.outputs])
        return results

    def _table(self, node: Node) -> Tree:
        index, table = node.operands
        constant = self.graph.nodes[table].constant
        entry = constant.type.scalar
        patterns = table_patterns(constant)
        if len(set(patterns)) == 1:
            tree = fit(Word(entry.width, value=patterns[0]), entry.signed, entry.width)
        else:
            if self.scope.memories is not None and entry.width * len(patterns) >= MEMORY_BITS:
                return self._read(node, self._memory(table, constant, patterns))
            if constant not in self._tables:
                name = self._tables[constant] = self.scope.names.take(self.graph.nodes[table].name)
                argument = self.scope.names.take(f"{name}_index")
                self.scope.add(rom(name, argument, self.words[index].width, entry, patterns),
                               f"{constant.type}: the entry that the operand's bits name")
            tree = ast.FunctionCall(ast.Identifier(self._tables[constant]), (self.words[index].tree(),))
        return self._entry(node, entry, tree)

    def _memory(self, table: Value, constant: Constant, patterns: Sequence[int]) -> str:
        """Declare a memory whose contents are a file of hexadecimal words, one a line, entry 0 first."""
        assert self.scope.memories is not None, "asked before"
        if constant not in self._tables:
            name = self._tables[constant] = self.scope.names.take(self.graph.nodes[table].name)
            file, width = f"{self.scope.module}_{name}.hex", constant.type.width
            digits = -(-width // 4)
            self.scope.memories[file] = "".join(f"{p:0{digits}x}\n" for p in patterns).encode()
            self.scope.add(Lines((f"reg [{width - 1}:0] {name} [0:{len(patterns) - 1}];",
                                  f'initial $readmemh("{file}", {name});'), (), ()), f"{constant.type}")
        return self._tables[constant]

    def _read(self, node: Node, memory: str) -> Tree:
        entry = self.graph.nodes[node.operands[1]].constant.type.scalar
        return self._entry(node, entry, ast.Pointer(ast.Identifier(memory), self.words[node.operands[0]].tree()))

    def _entry(self, node: Node, entry: Type, tree: Tree) -> Tree:
        """Give the entry of a table in the type of the node."""
        if entry == node.type:
            return tree
        word = self.scope.wire(f"{node.name}_entry", entry.width, tree, signed=entry.signed)
        return into(self.scope, Operand(word, entry), node.type)


def constant_word(tree: Tree, t: Type) -> Word | None:
    """Give an expression that is just a literal as a constant; None where it is more."""
    negative = isinstance(tree, ast.Uminus) and isinstance(tree.right, ast.IntConst)
    text = tree.right.value if negative else tree.value if isinstance(tree, ast.IntConst) else ""
    match = re.fullmatch(r"\d+'s?([dh])([0-9a-f]+)", text)
    if match is None:
        return None
    value = int(match[2], 16 if match[1] == "h" else 10)
    return Word(t.bits, value=(-value if negative else value) & ((1 << t.bits) - 1))


def _is_signed_scalar(t: Type) -> bool:
    return t.signed and not t.shape


def table_patterns(constant: Constant) -> list[int]:
    """Give a table's entries as bit patterns."""
    t = constant.type.scalar
    mask = (1 << t.width) - 1
    return [(raw + 1) // 2 if t.is_spin else raw & mask for raw in constant.array.tolist()]


def rom(name: str, argument: str, width: int, entry: Type, patterns: Sequence[int]) -> Tree:
    """Write a table as a function with a case statement; the commonest entry is the default."""
    common = Counter(patterns).most_common(1)[0][0]
    target = ast.Identifier(name)

    def give(pattern: int) -> Tree:
        number = pattern - (1 << entry.width) if entry.signed and pattern >> (entry.width - 1) else pattern
        return ast.BlockingSubstitution(ast.Lvalue(target), ast.Rvalue(literal(entry.width, number, entry.signed)))

    cases = [ast.Case((literal(width, k),), give(p)) for k, p in enumerate(patterns) if p != common]
    cases.append(ast.Case(None, give(common)))
    index = ast.Decl((ast.Input(argument, range_of(width, width == 1)),))
    body = ast.CaseStatement(ast.Identifier(argument), tuple(cases))
    return ast.Function(name, range_of(entry.width, entry.width == 1), (index, body))


def graph_items(graph: Graph, inputs: Sequence[Signal], outputs: Sequence[Signal], names: Names,
                callees: Mapping[str, Interface], module: str, *, memory_files: bool = False) -> Scope:
    """Give the items of a module whose body is a scalar graph."""
    scope = Scope(names, module, memory_files=memory_files)
    Body(graph, scope, callees).fill(inputs, outputs)
    return scope
