"""The clocked module of a func whose steps take steps of their own: it starts another module for each of them.

The registers of the func are here; the other module holds a step's inputs and the registers' values while it runs.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyverilog.vparser import ast

from circuitc.ir import BIT, Graph

from .body import word_of
from .clocked import Clocked, clocked_pins, declare_register, protocol, set_to, when
from .design import Unit
from .interface import Interface
from .tree import Tree, assign, inverted, range_of
from .usage import sink_unread_bits


def item_unit(face: Interface, item: Interface, remarks: Sequence[str]) -> Unit:
    """Decide the module of a func around the module of its steps."""
    builder = _Items(face, item)
    builder.fill()
    sink_unread_bits(builder.scope, [word_of(s) for s in face.words])
    return Unit(face.module, (*remarks, *protocol(face)), clocked_pins(face), tuple(builder.scope.items))


class _Items(Clocked):
    """Grow the items of the module; a step's answer is taken when there is room for it, or none is given.

    A step starts where its inputs are there and the one before was taken: the registers it is given have moved on.
    """

    def __init__(self, face: Interface, item: Interface) -> None:
        super().__init__(face, item.module)
        self.item = item
        self.name |= {n: self.scope.names.take(n) for n in ("item_last", "item_ready", "item_valid", "start")}

    def _step(self, held: dict[str, str]) -> None:
        """Instantiate the other module; what it answers stands for the outputs and next registers of a step."""
        face, item = self.face, self.item
        if face.has_in_last:
            declare_register(self.scope, self.name["item_last"], BIT, "the running item is the last of its call")
        for name in ("item_ready", "item_valid", "start", "advance"):
            self.scope.add(ast.Decl((ast.Wire(self.name[name], None, False),)))
        pins = {item.clk: face.clk, item.reset: face.reset, "in_valid": self.name["start"],
                "in_ready": self.name["item_ready"]}
        pins |= {s.id: held.get(own.id, own.id) for s, own in zip(item.inputs, face.step_inputs(), strict=True)}
        pins |= {"out_valid": self.name["item_valid"], "out_ready": self.name["advance"]}
        answer: dict[str, str] = {}
        for s in item.results:
            answer[s.name] = self.scope.names.take(f"{s.id}_now")
            wire = ast.Wire(answer[s.name], range_of(s.type.bits, s.is_scalar_bit), s.type.signed and not s.type.shape)
            self.scope.add(ast.Decl((wire,)))
            pins[s.id] = answer[s.name]
        ports = tuple(ast.PortArg(pin, ast.Identifier(wire)) for pin, wire in pins.items())
        instance = ast.Instance(item.module, self.name["step_logic"], ports, ())
        self.scope.add(ast.InstanceList(item.module, (), (instance,)),
                       drives=["in_ready", "out_valid", *(s.id for s in item.results)])
        body = face.func.body
        assert isinstance(body, Graph), "checked before"
        self.now = {s.id: answer[body.nodes[v].attributes["output"]]
                    for s, v in zip(face.step_outputs(), body.outputs, strict=True)}
        if self.until:
            done = ast.Wire(face.done, None, False)
            self.scope.add(ast.Decl((done, assign(ast.Identifier(face.done), ast.Identifier(self.now[face.done])))))

    def _flow(self) -> None:
        """Decide when a step starts, when its answer is taken, and when that gives an output."""
        face = self.face
        self._bit("last", self._last(), "this step ends the call")
        idle = inverted(self._id("item_valid"))
        taken = ast.And(ast.Identifier("in_valid"), ast.Identifier("in_ready"))
        if face.takes_items:
            ready: Tree = ast.And(self._id("item_ready"), idle)
            ready = ast.Or(ready, self._id("draining")) if self.drains else ready
            starts = ast.And(taken, inverted(self._id("draining"))) if self.drains else taken
        else:
            ready, starts = inverted(self._id("busy")), ast.And(self._id("busy"), idle)
        self.scope.add(assign(ast.Identifier("in_ready"), ready))
        self.scope.add(assign(self._id("start"), starts))
        room: Tree = ast.Or(inverted(ast.Identifier("out_valid")), ast.Identifier("out_ready"))
        room = room if face.gives_items else ast.Or(room, inverted(self._id("last")))
        self.scope.add(assign(self._id("advance"), ast.And(self._id("item_valid"), room)))
        if self.drains:
            self._bit("consume", ast.Or(self._id("advance"), ast.And(taken, self._id("draining"))),
                      "an item is done with")
        give = self._id("advance") if face.gives_items else ast.And(self._id("advance"), self._id("last"))
        self._bit("give", give, "an output word is made")

    def _last(self) -> Tree:
        return self._id("item_last") if self.face.has_in_last else super()._last()

    def _data(self, held: dict[str, str]) -> None:
        super()._data(held)
        if self.face.has_in_last:
            edge = ast.SensList((ast.Sens(ast.Identifier(self.face.clk), "posedge"),))
            last = set_to(self.name["item_last"], ast.Identifier("in_last"))
            self.scope.add(ast.Always(edge, ast.Block((when(self._id("start"), [last]),))))


__all__ = ["item_unit"]
