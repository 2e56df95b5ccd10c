"""The clocked module of a stream whose items take steps of their own: it starts another module for each item.

The registers of the stream are here; the other module holds an item and the registers' values while it runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyverilog.vparser import ast

from circuitc.ir import BIT, Graph

from .body import word_of
from .clocked import (
    block,
    clocked_pins,
    declare_register,
    initial_values,
    protocol,
    set_to,
    when,
)
from .design import Unit
from .interface import Interface
from .names import Names
from .options import HANDSHAKE
from .scope import Scope
from .tree import Tree, assign, conditional, inverted, literal, range_of
from .usage import sink_unread_bits


def item_unit(face: Interface, item: Interface, remarks: Sequence[str]) -> Unit:
    """Decide the module of a stream around the module of its items."""
    names = Names(face.module, item.module, item.step, face.clk, face.reset, *HANDSHAKE,
                  *[s.id for s in (*face.inputs, *face.results, *face.registers)])
    scope = Scope(names)
    _Items(face, item, scope).fill()
    sink_unread_bits(scope, [word_of(s) for s in face.words])
    return Unit(face.module, (*remarks, *protocol(face)), clocked_pins(face), tuple(scope.items))


class _Items:
    """Grow the items of the module; an item's answer is taken when there is room for it, or none is given."""

    def __init__(self, face: Interface, item: Interface, scope: Scope) -> None:
        self.face, self.item, self.scope = face, item, scope
        self.name = {n: scope.names.take(n) for n in (
            "item_last", "item_ready", "item_valid", "start", "advance", "give", "item_steps")}
        self.answer = {s.name: scope.names.take(f"{s.id}_now") for s in item.results}

    def fill(self) -> None:
        face = self.face
        for s in face.registers:
            declare_register(self.scope, s.id, s.type, "register")
        declare_register(self.scope, self.name["item_last"], BIT, "the running item is the last of its call")
        for name in ("item_ready", "item_valid"):
            self.scope.add(ast.Decl((ast.Wire(self.name[name], None, False),)))
        self.scope.add(assign(ast.Identifier("in_ready"), ast.And(self._id("item_ready"),
                                                                  inverted(self._id("item_valid")))))
        self._bit("start", ast.And(ast.Identifier("in_valid"), ast.Identifier("in_ready")), "an item is taken")
        room: Tree = ast.Or(inverted(ast.Identifier("out_valid")), ast.Identifier("out_ready"))
        if not face.gives_items:
            room = ast.Or(room, inverted(self._id("item_last")))
        self._bit("advance", ast.And(self._id("item_valid"), room), "an item's answer is taken")
        gives = self._id("advance") if face.gives_items else ast.And(self._id("advance"), self._id("item_last"))
        self._bit("give", gives, "an output word is made")
        self._instance()
        self._clocked()

    def _id(self, name: str) -> Tree:
        return ast.Identifier(self.name[name])

    def _bit(self, name: str, tree: Tree, comment: str) -> None:
        wire = ast.Wire(self.name[name], None, False)
        self.scope.add(ast.Decl((wire, assign(ast.Identifier(self.name[name]), tree))), comment)

    def _instance(self) -> None:
        face, item = self.face, self.item
        pins = {item.clk: face.clk, item.reset: face.reset, "in_valid": self.name["start"],
                "in_ready": self.name["item_ready"]}
        pins |= {s.id: own.id for s, own in zip(item.inputs, face.step_inputs(), strict=True)}
        pins |= {"out_valid": self.name["item_valid"], "out_ready": self.name["advance"]}
        for s in item.results:
            name = self.answer[s.name]
            wire = ast.Wire(name, range_of(s.type.bits, s.is_scalar_bit), s.type.signed and not s.type.shape)
            self.scope.add(ast.Decl((wire,)))
            pins[s.id] = name
        ports = tuple(ast.PortArg(pin, ast.Identifier(wire)) for pin, wire in pins.items())
        instance = ast.Instance(item.module, self.name["item_steps"], ports, ())
        self.scope.add(ast.InstanceList(item.module, (), (instance,)),
                       drives=["in_ready", "out_valid", *(s.id for s in item.results)])

    def _clocked(self) -> None:
        face, initial = self.face, initial_values(self.face)
        body = face.func.body
        assert isinstance(body, Graph), "checked before"
        answers = [ast.Identifier(self.answer[body.nodes[v].attributes["output"]]) for v in body.outputs]
        given, following = answers[:len(face.outputs)], answers[len(face.outputs):]
        reset = [set_to("out_valid", literal(1, 0)), *(set_to(s.id, initial[s.id]) for s in face.registers)]
        steps: list[Tree] = [when(self._id("give"), [set_to("out_valid", literal(1, 1))],
                                  ast.IfStatement(ast.Identifier("out_ready"),
                                                  block([set_to("out_valid", literal(1, 0))]), None))]
        moves = [set_to(s.id, conditional(self._id("item_last"), initial[s.id], value))
                 for s, value in zip(face.registers, following, strict=True)]
        steps += [when(self._id("advance"), moves)] if moves else []
        edges = [ast.Sens(ast.Identifier(face.clk), "posedge")]
        if face.reset_kind == "async":
            edges.append(ast.Sens(ast.Identifier(face.reset), "posedge"))
        controlled = ast.IfStatement(ast.Identifier(face.reset), block(reset), block(steps))
        self.scope.add(ast.Always(ast.SensList(tuple(edges)), block([controlled])))
        results = [set_to(s.id, value) for s, value in zip(face.outputs, given, strict=True)]
        if face.has_out_last:
            results.append(set_to("out_last", self._id("item_last")))
        edge = ast.SensList((ast.Sens(ast.Identifier(face.clk), "posedge"),))
        self.scope.add(ast.Always(edge, block([
            when(self._id("start"), [set_to(self.name["item_last"], ast.Identifier("in_last"))]),
            when(self._id("give"), results)])))


__all__ = ["item_unit"]
