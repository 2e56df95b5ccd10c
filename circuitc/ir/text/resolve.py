"""Make a func of its parse tree: names to values, types checked as the builder grows the body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lark import Token

from circuitc.diagnostics import CircuitError, Diagnostic, Source, Span, error, nearest

from ..constant import Constant
from ..func import MAX_STEPS, Encoding, Func, Port, Rate, Register, Schedule
from ..graph import Builder, Graph, Value, at
from ..netlist import Netlist
from ..ops import OPS
from ..types import Type, parse_type
from .literals import literal
from .netlist import parse_netlist
from .tokens import name_of, number, quoted, span_of, whole_number

Tree = Any  # lark's trees carry no types of their children
_ENCODING_KINDS = {"scale": float, "zero_point": int, "bit_order": str, "levels": tuple,
                   "offset": float}
_PORT_ATTRIBUTES = ("rate", *_ENCODING_KINDS)
_NOT_ATTRIBUTES = frozenset(("op", "type", "name", "origin", "span"))  # what the builder is told of a node besides


def resolve_func(item: Tree, constants: Mapping[str, Constant], source: Source) -> Func:
    """Make the func that a `func` tree describes."""
    name, ins, outs, schedule_tree, *rest = item.children
    schedule = _schedule(schedule_tree, source)
    has_target = not isinstance(rest[0], Token) and rest[0].data == "target"
    target = str(_attribute_value(rest.pop(0).children[0], source)) if has_target else ""
    registers = tuple(_register(r, constants, source) for r in rest[:-1])
    inputs = tuple(_port(p, schedule, source) for p in ins.children)
    outputs = tuple(_port(p, schedule, source) for p in outs.children)
    _refuse_twins([(p.name, span_of(t.children[0], source)) for p, t in zip(inputs, ins.children, strict=True)] + [
        (r.name, span_of(t.children[0], source)) for r, t in zip(registers, rest[:-1], strict=True)], "input")
    _refuse_twins([(p.name, span_of(t.children[0], source)) for p, t in zip(outputs, outs.children, strict=True)],
                  "output")
    func = Func(name_of(name, source), inputs, outputs, Graph(0, (), ()), registers, schedule, target,
                span_of(name, source))
    return func.with_body(_netlist(rest[-1], func, source) if isinstance(rest[-1], Token)
                          else _Body(func, constants, source).resolve(rest[-1]))


def _refuse_twins(names: list[tuple[str, Span]], what: str) -> None:
    seen: dict[str, Span] = {}
    for name, span in names:
        if name in seen:
            raise CircuitError(Diagnostic(f"{what} %{name} is defined twice", span,
                                          notes=(("the first one is here", seen[name]),)))
        seen[name] = span


def _schedule(item: Tree, source: Source) -> Schedule:
    kind, *count = item.children
    steps = whole_number(count[0], source) if count else 1
    if steps > MAX_STEPS:
        raise error(f"a schedule of {steps} steps is too long, at most {MAX_STEPS} can be counted",
                    span_of(count[0], source))
    return Schedule(str(kind), steps)  # pyright: ignore[reportArgumentType]  # one of the grammar's four words


def _type(token: Any, source: Source) -> Type:
    try:
        return parse_type(str(token))
    except CircuitError as e:
        raise at(e, span_of(token, source)) from None


def _attributes(item: Tree | None, source: Source) -> dict[str, tuple[Any, Span]]:
    found: dict[str, tuple[Any, Span]] = {}
    for attribute in item.children if item is not None else ():
        name, value = attribute.children
        if str(name) in found:
            raise error(f"the attribute {name} stands twice", span_of(name, source))
        found[str(name)] = (_attribute_value(value, source), span_of(name, source))
    return found


def _attribute_value(value: Any, source: Source) -> Any:
    if not isinstance(value, Token):
        return tuple(number(t, source) for t in value.children)
    match value.type:
        case "NUMBER" | "INT":
            return number(value, source)
        case "STRING":
            return quoted(value, source)
        case _:
            return {"true": True, "false": False}.get(str(value), str(value))


def _port(item: Tree, schedule: Schedule, source: Source) -> Port:
    name, type_token, *rest = item.children
    given = _attributes(rest[0] if rest else None, source)
    for key, (_, span) in given.items():
        if key not in _PORT_ATTRIBUTES:
            raise error(f"a port has no attribute {key}", span, nearest(key, _PORT_ATTRIBUTES))
    values = {key: value for key, (value, _) in given.items()}
    rate: Rate = values.pop("rate", schedule.default_rate)
    if rate not in ("step", "call"):
        raise error(f"a rate is step or call, got {rate}", given["rate"][1])
    return Port(name_of(name, source), _type(type_token, source), rate, _encoding(values, given))


def _encoding(values: dict[str, Any], given: Mapping[str, tuple[Any, Span]]) -> Encoding:
    for key in ("scale", "offset"):
        if isinstance(values.get(key), int):
            values[key] = float(values[key])
    if isinstance(values.get("levels"), tuple):
        values["levels"] = tuple(float(v) for v in values["levels"])
    for key, value in values.items():
        if type(value) is not _ENCODING_KINDS[key] or (key == "bit_order" and value not in ("lsb", "msb")):
            raise error(f"{key} cannot be {value!r}", given[key][1])
    return Encoding(**values)


def _register(item: Tree, constants: Mapping[str, Constant], source: Source) -> Register:
    name, type_token, initial = item.children
    t = _type(type_token, source)
    if isinstance(initial, Token) and initial.type == "FREE":
        return Register(name_of(name, source), t, None)
    if isinstance(initial, Token) and initial.type == "CONST":
        return Register(name_of(name, source), t, _constant(initial, constants, source))
    try:
        return Register(name_of(name, source), t, Constant(t, literal(initial, t, {}, source)))
    except CircuitError as e:
        raise at(e, span_of(name, source)) from None


def _constant(token: Any, constants: Mapping[str, Constant], source: Source) -> Constant:
    name = name_of(token, source)
    if name not in constants:
        raise error(f"there is no constant {token} before this", span_of(token, source), nearest(name, constants))
    return constants[name]


def _netlist(token: Token, func: Func, source: Source) -> Netlist:
    head = token.index("{") + 1
    line = (token.line or 1) + token.count("\n", 0, head)
    return parse_netlist(str(token)[head:-1], sum(t.bits for t in func.body_inputs), source, line)


class _Body:
    """The statements of one graph body, resolved in order."""

    def __init__(self, func: Func, constants: Mapping[str, Constant], source: Source) -> None:
        self.func, self.constants, self.source = func, constants, source
        self.builder = Builder(share=False)  # the text says what there is; sharing is the pass cse's business
        entering = [(p.name, p.type) for p in func.inputs] + [(r.name, r.type) for r in func.registers]
        self.values: dict[str, Value] = {name: self.builder.input(name, t, func.span) for name, t in entering}
        self.spans: dict[str, Span] = {}

    def resolve(self, body: Tree) -> Graph:
        following: dict[str, Value] = {}
        done: Value | None = None
        results: list[Value] = []
        for item in body.children:
            match item.data:
                case "assign":
                    self.assign(item)
                case "next":
                    following[self.register_name(item.children[0], following)] = self.value(item.children[1])
                case "done":
                    if done is not None:
                        raise error("`done` stands twice", span_of(item.children[0], self.source))
                    done = self.value(item.children[0])
                case _:
                    results = [self.value(t) for t in item.children[0].children]
        return self.builder.finish(self.outputs(results, following, done))

    def outputs(self, results: list[Value], following: dict[str, Value], done: Value | None) -> list[Value]:
        func = self.func
        if len(results) != len(func.outputs):
            raise error(f"@{func.name} returns {len(results)} values, its header has {len(func.outputs)} outputs",
                        func.span)
        for register in func.registers:
            if register.name not in following:
                raise error(f"register %{register.name} has no next value", func.span,
                            f"write `next %{register.name} = ...`")
        if (done is None) == (func.schedule.kind == "until"):
            raise error("`done` belongs to the schedule `until`, and only to it", func.span)
        return results + [following[r.name] for r in func.registers] + ([] if done is None else [done])

    def register_name(self, token: Any, following: Mapping[str, Value]) -> str:
        name = name_of(token, self.source)
        if all(r.name != name for r in self.func.registers):
            raise error(f"there is no register {token}", span_of(token, self.source),
                        nearest(name, (r.name for r in self.func.registers)))
        if name in following:
            raise error(f"register {token} has two next values", span_of(token, self.source))
        return name

    def value(self, token: Any) -> Value:
        name = name_of(token, self.source)
        if token.type == "CONST":
            return self.builder.constant(_constant(token, self.constants, self.source), name)
        if name not in self.values:
            raise error(f"there is no value {token} before this", span_of(token, self.source),
                        nearest(name, self.values))
        return self.values[name]

    def assign(self, item: Tree) -> None:
        name_token, op, *rest = item.children
        name, span = name_of(name_token, self.source), span_of(op, self.source)
        parts: dict[str, Any] = {tree.data: tree for tree in rest}
        if name in self.values:
            notes = (("the first one is here", self.spans.get(name, self.func.span)),)
            raise CircuitError(Diagnostic(f"value %{name} is defined twice", span_of(name_token, self.source),
                                          notes=notes))
        operands = [self.value(t) for t in parts["operands"].children]
        attributes = {k: v for k, (v, _) in _attributes(parts.get("attributes"), self.source).items()}
        declared = _type(parts["type"].children[0], self.source) if "type" in parts else None
        origin = quoted(parts["loc"].children[0], self.source) if "loc" in parts else ""
        callee = name_of(parts["callee"].children[0], self.source) if "callee" in parts else ""
        self.spans[name] = span_of(name_token, self.source)
        self.values[name] = self.apply(str(op), callee, operands, declared, name, origin, span, attributes)

    def apply(self, op: str, callee: str, operands: list[Value], declared: Type | None, name: str, origin: str,
              span: Span, attributes: dict[str, Any]) -> Value:
        if op == "call":
            output = attributes.pop("output", "")
            if not callee or not isinstance(output, str) or declared is None or attributes or not output:
                raise error("a call is written `call @func %operands {output=name} : type`", span)
            return self.builder.call(callee, output, declared, *operands, name=name, origin=origin, span=span)
        if callee:
            raise error(f"{op} takes no func", span)
        if op not in OPS:
            raise error(f"there is no op {op}", span, nearest(op, OPS))
        for key in attributes.keys() & _NOT_ATTRIBUTES:
            raise error(f"{op} has no attribute {key}", span, nearest(key, OPS[op].attributes))
        return self.builder.apply(op, *operands, type=declared, name=name, origin=origin, span=span, **attributes)
