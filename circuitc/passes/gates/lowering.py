"""Lower one scalar graph: its values become words of literals, value by value."""

from __future__ import annotations

from collections.abc import Sequence

from circuitc.diagnostics import CircuitError
from circuitc.ir import OPS, Graph, NetlistBuilder, Node, Type, Value
from circuitc.ir.graph import at

from . import calls, sums, tables, words
from .calls import Results
from .forms import Form, Word, form_of_word, word_of_form
from .rows import Templates
from .scope import Scope

_FORM_RULES = sums.RULES
_WORD_RULES = words.RULES | tables.RULES | {"call": calls.call}
GATE_RULES = _WORD_RULES | {name: rule for name, rule in _FORM_RULES.items() if name not in _WORD_RULES}


class Lowering:
    """The words of one body's values, and the forms of sums that nothing but another sum or comparison uses."""

    def __init__(self, scope: Scope, graph: Graph, prefix: str) -> None:
        self.scope = scope
        self.graph = graph
        self.calls: dict[tuple[str, tuple[Value, ...]], Results] = {}
        self._prefix = prefix
        self._words: dict[Value, Word] = {}
        self._forms: dict[Value, Form] = {}
        self._outputs = frozenset(graph.outputs)

    @property
    def builder(self) -> NetlistBuilder:
        return self.scope.builder

    @property
    def templates(self) -> Templates:
        return self.scope.templates

    def type(self, value: Value) -> Type:
        return self.graph.nodes[value].type

    def word(self, value: Value) -> Word:
        """Give the literals of a value, lowest bit first; of a tensor all elements, row major."""
        return self._words[value]

    def has_word(self, value: Value) -> bool:
        """Tell whether a value is there as a word: other values are sums that were not added up."""
        return value in self._words

    def form(self, value: Value) -> Form:
        """Give a value as a sum of bits."""
        form = self._forms.get(value)
        return form_of_word(self._words[value], self.type(value)) if form is None else form

    def run(self, inputs: Sequence[Word]) -> list[Word]:
        """Give the words of the outputs."""
        self._words.update(enumerate(inputs))
        for value, node in enumerate(self.graph.nodes):
            if value < self.graph.inputs or value not in self.graph.live:
                continue
            try:
                self._lower(value, node)
            except CircuitError as e:
                raise at(e, node.span, node.origin or f"%{node.name}") from None
        return [self._words[v] for v in self.graph.outputs]

    def _lower(self, value: Value, node: Node) -> None:
        if node.is_constant:
            self._words[value] = calls.constant_word(node.type, node.constant.array)
            return
        if sums.is_sum(self.graph, node) and not self._is_wiring(node):
            form = _FORM_RULES[node.op](self, node)
            if self._is_absorbed(value, form):
                self._forms[value] = form
                return
            word = word_of_form(self.builder, form, node.type, self.scope.tables)
        else:
            word = self._resized(node, _WORD_RULES[node.op](self, node))
        self._words[value] = word
        if node.op not in ("element", "stack"):
            self.scope.name(word, self._prefix + node.name, node.origin)

    def _is_wiring(self, node: Node) -> bool:
        """Tell whether a node only moves bits of a word that is there."""
        return node.op in ("shift", "convert") and node.operands[0] in self._words

    def _is_absorbed(self, value: Value, form: Form) -> bool:
        """Tell whether the one user of a sum takes it as a form."""
        users = self.graph.users[value]
        return len(users) == 1 and value not in self._outputs and len(form.terms) <= sums.MAX_TERMS and (
            sums.takes_sums(self.graph, self.graph.nodes[users[0]]))

    def _resized(self, node: Node, word: Word) -> Word:
        """Bring a word of the op's natural type to the declared one."""
        if node.op == "call" or len(word) == node.type.bits == 1:
            return word
        types = [self.type(v) for v in node.operands]
        natural = OPS[node.op].result_type(types, node.attributes, node.type)
        return word if natural == node.type or node.op in ("abs", "convert") else words.resize(word, natural, node.type)
