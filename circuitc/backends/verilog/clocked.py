"""The clocked module around a step: registers, schedule, and the valid/ready handshakes."""

from __future__ import annotations

from collections.abc import Sequence

from pyverilog.vparser import ast

from circuitc.ir import BIT, Type, index_type

from .body import word_of, word_of_constant
from .design import Pin, Unit
from .interface import Interface, Signal
from .names import Names
from .options import HANDSHAKE
from .scope import Scope
from .tree import Tree, Word, assign, concat, conditional, integer, inverted, literal, range_of
from .usage import sink_unread_bits


def clocked_unit(face: Interface, remarks: Sequence[str]) -> Unit:
    """Decide the clocked module of a func."""
    pins = clocked_pins(face)
    builder = Clocked(face, face.step)
    builder.fill()
    sink_unread_bits(builder.scope, [word_of(s) for s in face.words])
    return Unit(face.module, (*remarks, *protocol(face)), pins, tuple(builder.scope.items))


def clocked_pins(face: Interface) -> tuple[Pin, ...]:
    flag = Type("fixed", 1)
    takes = [Pin("in_valid", "input", flag), Pin("in_ready", "output", flag)]
    gives = [Pin("out_valid", "output", flag, registered=True), Pin("out_ready", "input", flag)]
    if face.has_in_last:
        takes.append(Pin("in_last", "input", flag))
    if face.has_out_last:
        gives.append(Pin("out_last", "output", flag, registered=True))
    always = (Pin(face.clk, "input", flag, "clock"),
              Pin(face.reset, "input", flag, f"{face.reset_kind} reset, active high"))
    return (*always, *takes, *[Pin(w.id, "input", w.type, _rate(face, s))
                               for s, w in zip(face.inputs, face.words, strict=True)],
            *gives, *[Pin(s.id, "output", s.type, _rate(face, s), registered=True) for s in face.results])


def _rate(face: Interface, signal: Signal) -> str:
    stepped = signal.rate == "step" and face.func.schedule.kind != "once"
    by_row = face.rows and signal.type.rank and signal in face.inputs
    return f"{signal.type}, one a {'step' if stepped else 'call'}" + (", row by row" if by_row else "")


def protocol(face: Interface) -> list[str]:
    """Say in a few lines how the module is driven."""
    schedule = face.func.schedule
    lines = ["A word passes in a cycle where valid and ready are both 1."]
    if face.takes_items:
        what = "in_last marks the last item of a call." if face.has_in_last else f"A call takes {schedule.count} items."
        lines.append(f"Each accepted item is one step{_cycles(face)}. {what}")
        if any(s.rate == "call" for s in face.inputs):
            lines.append("Inputs with one value a call must be the same for all items of the call.")
    else:
        steps = f"at most {schedule.count} steps" if schedule.kind == "until" else f"{schedule.count} steps"
        how = f"in {face.rows} words, row 0 first" if face.rows else "once"
        each = _cycles(face) if face.item is not None else ", one a cycle"
        lines.append(f"A call takes its inputs {how}, then runs {steps}{each}.")
        if face.rows and any(not s.type.rank for s in face.inputs):
            lines.append("Inputs without rows are taken with the last word.")
    if face.gives_items:
        lines.append("Each step gives one output; out_last marks the last one of a call.")
    else:
        lines.append("A call gives its outputs once, at its end.")
    return lines


def _cycles(face: Interface) -> str:
    return f" of {face.item_cycles} cycles" if face.item is not None else ""


class Clocked:
    """Grow the items of one clocked module; `step` is the module that it instantiates."""

    def __init__(self, face: Interface, step: str) -> None:
        self.face = face
        every = (*face.inputs, *face.results, *face.registers, *face.following)
        names = Names(face.module, step, face.step, face.clk, face.reset, *HANDSHAKE, face.done, *[s.id for s in every])
        self.scope = Scope(names)
        self.until = face.func.schedule.kind == "until"
        self.limit = 0 if face.func.schedule.kind == "stream" else face.func.schedule.count
        self.drains = self.until and face.takes_items and self.limit > 1
        self.name = {n: names.take(n) for n in (
            "count", "row", "busy", "draining", "at_limit", "last", "advance", "give", "consume", "step_logic")}

    def fill(self) -> None:
        """Add everything, in reading order: state, the step, when it advances, what happens then."""
        for s in self.face.registers:
            self._register(s.id, s.type, "register" + (", free: reset leaves it as it is" if s in self.free else ""))
        if self.limit > 1:
            self._register(self.name["count"], self.counter, "steps done")
        if self.face.rows:
            self._register(self.name["row"], index_type(self.face.rows), "rows taken")
        if not self.face.takes_items:
            self._register(self.name["busy"], BIT, "a call is running")
        if self.drains:
            self._register(self.name["draining"], BIT, "done early: the call's last items pass by")
        held = {} if self.face.takes_items else {s.id: self._held(s) for s in self.face.inputs}
        self._step(held)
        self._flow()
        self._control()
        self._data(held)

    @property
    def free(self) -> tuple[Signal, ...]:
        return self.face.free_registers

    @property
    def counter(self) -> Type:
        return index_type(self.limit)

    def _register(self, name: str, t: Type, comment: str) -> None:
        declare_register(self.scope, name, t, comment)

    def _held(self, signal: Signal) -> str:
        name = self.scope.names.take(f"{signal.id}_held")
        self._register(name, signal.type, "an input of the running call")
        return name

    def _step(self, held: dict[str, str]) -> None:
        """Instantiate the step: inputs (or held inputs) and registers in, outputs and next registers out."""
        face = self.face
        pins = [ast.PortArg(s.id, ast.Identifier(held.get(s.id, s.id))) for s in face.step_inputs()]
        self.now: dict[str, str] = {}
        for s in face.step_outputs():
            wish = f"{s.id}_now" if s in face.outputs else s.id
            name = self.scope.names.take(wish) if s in face.outputs else wish
            wire = ast.Wire(name, range_of(s.type.bits, s.type.bits == 1 and not s.type.shape),
                            s.type.signed and not s.type.shape)
            self.scope.add(ast.Decl((wire,)))
            pins.append(ast.PortArg(s.id, ast.Identifier(name)))
            self.now[s.id] = name
        instance = ast.Instance(face.step, self.name["step_logic"], tuple(pins), ())
        self.scope.add(ast.InstanceList(face.step, (), (instance,)), drives=[s.id for s in face.step_outputs()])

    def _bit(self, name: str, tree: Tree, comment: str) -> None:
        reg = ast.Wire(self.name[name], None, False)
        self.scope.add(ast.Decl((reg, assign(ast.Identifier(self.name[name]), tree))), comment)

    def _flow(self) -> None:
        """Decide when a step happens, when it is the last one, and when it gives an output."""
        face = self.face
        slot = ast.Or(inverted(ast.Identifier("out_valid")), ast.Identifier("out_ready"))
        last = self._last()
        self._bit("last", last, "this step ends the call")
        if face.takes_items:
            ready = ast.Or(slot, self._id("draining")) if self.drains else slot
            self.scope.add(assign(ast.Identifier("in_ready"), ready))
            consume = ast.And(ast.Identifier("in_valid"), ast.Identifier("in_ready"))
            if self.drains:
                self._bit("consume", consume, "an item is taken")
                consume = ast.And(self._id("consume"), inverted(self._id("draining")))
            self._bit("advance", consume, "a step happens")
        else:
            self.scope.add(assign(ast.Identifier("in_ready"), inverted(self._id("busy"))))
            room = slot if face.gives_items else ast.Or(slot, inverted(self._id("last")))
            self._bit("advance", ast.And(self._id("busy"), room), "a step happens")
        give = self._id("advance") if face.gives_items else ast.And(self._id("advance"), self._id("last"))
        self._bit("give", give, "an output word is made")

    def _last(self) -> Tree:
        if self.face.has_in_last:
            return ast.Identifier("in_last")
        if self.limit > 1:
            at_limit = ast.Eq(self._id("count"), literal(self.counter.width, self.limit - 1))
        else:
            at_limit = literal(1, 1)
        self._bit("at_limit", at_limit, "no more steps than this")
        if not self.until or self.limit == 1:
            return self._id("at_limit")
        return ast.Or(ast.Identifier(self.face.done), self._id("at_limit"))

    def _id(self, name: str) -> Tree:
        return ast.Identifier(self.name[name])

    def _control(self) -> None:
        """Add the clocked block with reset: handshake, counters, and registers that have an initial value."""
        face = self.face
        cleared = ["out_valid", *(self.name[n] for n, used in (
            ("count", self.limit > 1), ("row", face.rows > 0), ("busy", not face.takes_items),
            ("draining", self.drains)) if used)]
        widths = {self.name["count"]: self.counter.width if self.limit > 1 else 1,
                  self.name["row"]: index_type(face.rows).width if face.rows else 1}
        reset = [set_to(n, literal(widths.get(n, 1), 0)) for n in cleared]
        initial = initial_values(self.face)
        reset += [set_to(s.id, initial[s.id]) for s in face.registers if s.id in initial]
        steps: list[Tree] = [when(self._id("give"), [set_to("out_valid", literal(1, 1))],
                                 ast.IfStatement(ast.Identifier("out_ready"),
                                                 block([set_to("out_valid", literal(1, 0))]), None))]
        moves = [set_to(s.id, conditional(self._id("last"), initial[s.id], ast.Identifier(self.now[n.id])))
                 for s, n in zip(face.registers, face.following, strict=True) if s.id in initial]
        if self.limit > 1 and not self.drains:
            moves.append(self._counting("last"))
        if moves:
            steps.append(when(self._id("advance"), moves))
        if self.drains:
            early = ast.Or(self._id("draining"), ast.Identifier(face.done))
            steps.append(when(self._id("consume"), [
                self._counting("at_limit"),
                set_to(self.name["draining"], ast.And(early, inverted(self._id("at_limit"))))]))
        if not face.takes_items:
            ends = ast.And(self._id("advance"), self._id("last"))
            steps.append(when(ast.And(ast.Identifier("in_valid"), ast.Identifier("in_ready")), self._taking(),
                             ast.IfStatement(ends, block([set_to(self.name["busy"], literal(1, 0))]), None)))
        edges = [ast.Sens(ast.Identifier(face.clk), "posedge")]
        if face.reset_kind == "async":
            edges.append(ast.Sens(ast.Identifier(face.reset), "posedge"))
        body = ast.IfStatement(ast.Identifier(face.reset), block(reset), block(steps))
        self.scope.add(ast.Always(ast.SensList(tuple(edges)), block([body])))

    def _taking(self) -> list[Tree]:
        """Take a word of inputs; the last one starts the steps."""
        rows = self.face.rows
        if not rows:
            return [set_to(self.name["busy"], literal(1, 1))]
        width = index_type(rows).width
        last = ast.Eq(self._id("row"), literal(width, rows - 1))
        return [set_to(self.name["busy"], last),
                set_to(self.name["row"], conditional(last, literal(width, 0), ast.Plus(self._id("row"),
                                                                                    literal(width, 1))))]

    def _counting(self, end: str) -> Tree:
        width = self.counter.width
        return set_to(self.name["count"], conditional(self._id(end), literal(width, 0),
                                                    ast.Plus(self._id("count"), literal(width, 1))))

    def _data(self, held: dict[str, str]) -> None:
        """Add what needs no reset: outputs, held inputs, free registers."""
        face = self.face
        results = [set_to(s.id, ast.Identifier(self.now[s.id])) for s in face.outputs]
        if self.until:
            results += [set_to(face.converged.id, ast.Identifier(face.done)),
                        set_to(face.steps.id, self._steps_taken())]
        if face.has_out_last:
            results.append(set_to("out_last", self._id("last")))
        blocks = [when(self._id("give"), results)] if results else []
        if held:
            takes = ast.And(ast.Identifier("in_valid"), ast.Identifier("in_ready"))
            blocks.append(when(takes, [set_to(held[s.id], self._next_held(s, held[s.id])) for s in face.inputs]))
        following = {s.id: self.now[n.id] for s, n in zip(face.registers, face.following, strict=True)}
        if self.free:
            blocks.append(when(self._id("advance"), [set_to(s.id, ast.Identifier(following[s.id])) for s in self.free]))
        edge = ast.SensList((ast.Sens(ast.Identifier(face.clk), "posedge"),))
        if blocks:
            self.scope.add(ast.Always(edge, block(blocks)))

    def _next_held(self, signal: Signal, held: str) -> Tree:
        """The inputs of a call as one word gives them, or with one more row, which pushes the first one down."""
        t = signal.type
        if not (self.face.rows and t.rank):
            return ast.Identifier(signal.id)
        above = ast.Partselect(ast.Identifier(held), integer(t.bits - 1), integer(t.bits // self.face.rows))
        return concat([ast.Identifier(signal.id), above])

    def _steps_taken(self) -> Tree:
        """The number of steps with this one: count + 1."""
        width = self.face.steps.type.width
        if self.limit == 1:
            return literal(width, 1)
        count = Word(self.counter.width, self.name["count"])
        extra = width - count.width
        wide = concat([literal(extra, 0), count.tree()]) if extra else count.tree()
        return ast.Plus(wide, literal(width, 1))


def declare_register(scope: Scope, name: str, t: Type, comment: str) -> None:
    """Declare a register of a type."""
    reg = ast.Reg(name, range_of(t.bits, t.bits == 1 and not t.shape), t.signed and not t.shape)
    scope.add(ast.Decl((reg,)), f"{t}, {comment}")


def initial_values(face: Interface) -> dict[str, Tree]:
    """Give the initial value of each register that has one, by its identifier."""
    values: dict[str, Tree] = {}
    for s, register in zip(face.registers, face.func.registers, strict=True):
        if register.initial is not None:
            word = word_of_constant(register.initial)
            scalar = s.type.signed and not s.type.shape
            values[s.id] = literal(word.width, word.number(scalar), scalar)
    return values


def set_to(name: str, value: Tree) -> Tree:
    """Assign at the clock's edge."""
    return ast.NonblockingSubstitution(ast.Lvalue(ast.Identifier(name)), ast.Rvalue(value))


def block(statements: Sequence[Tree]) -> Tree:
    """Put statements into begin and end."""
    return ast.Block(tuple(statements))


def when(condition: Tree, statements: Sequence[Tree], otherwise: Tree | None = None) -> Tree:
    """Do statements where a condition holds, else something else."""
    return ast.IfStatement(condition, block(statements), otherwise)


