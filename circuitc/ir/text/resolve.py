"""Make a func of its parse tree: names to values, types checked as the builder grows the body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lark import Token

from circuitc.diagnostics import CircuitError, Diagnostic, Source, Span, error, nearest

from ..constant import Constant
from ..func import Encoding, Func, Port, Rate, Register, Schedule
from ..graph import Builder, Graph, Value, at
from ..netlist import Netlist
from ..ops import OPS
from ..types import Type, parse_type
from .names import unspell
from .netlist import parse_netlist

Tree = Any  # lark's trees carry no types of their children
_PORT_ATTRIBUTES = ("rate", "scale", "zero_point", "bit_order", "levels")


def _span(token: Any, source: Source) -> Span:
    return Span(source, token.line, token.column, token.end_column or token.column + 1)


def resolve_func(item: Tree, constants: Mapping[str, Constant], source: Source) -> Func:
    """Make the func that a `func` tree describes."""
    name, ins, outs, schedule_tree, *rest = item.children
    schedule = _schedule(schedule_tree)
    has_target = not isinstance(rest[0], Token) and rest[0].data == "target"
    target = str(rest.pop(0).children[0]) if has_target else ""
    registers = tuple(_register(r, constants, source) for r in rest[:-1])
    inputs = tuple(_port(p, schedule, source) for p in ins.children)
    outputs = tuple(_port(p, schedule, source) for p in outs.children)
    _refuse_twins([(p.name, _span(t.children[0], source)) for p, t in zip(inputs, ins.children, strict=True)] + [
        (r.name, _span(t.children[0], source)) for r, t in zip(registers, rest[:-1], strict=True)], "input")
    _refuse_twins([(p.name, _span(t.children[0], source)) for p, t in zip(outputs, outs.children, strict=True)],
                  "output")
    func = Func(unspell(str(name)), inputs, outputs, Graph(0, (), ()), registers, schedule, target, _span(name, source))
    return func.with_body(_netlist(rest[-1], func, source) if isinstance(rest[-1], Token)
                          else _Body(func, constants, source).resolve(rest[-1]))


def _refuse_twins(names: list[tuple[str, Span]], what: str) -> None:
    seen: dict[str, Span] = {}
    for name, span in names:
        if name in seen:
            raise CircuitError(Diagnostic(f"{what} %{name} is defined twice", span,
                                          notes=(("the first one is here", seen[name]),)))
        seen[name] = span


def _schedule(item: Tree) -> Schedule:
    kind, *count = (str(t) for t in item.children)
    return Schedule(kind, int(count[0]) if count else 1)  # pyright: ignore[reportArgumentType]  # one of the grammar's four words


def _type(token: Any, source: Source) -> Type:
    try:
        return parse_type(str(token))
    except CircuitError as e:
        raise at(e, _span(token, source)) from None


def _attributes(item: Tree | None, source: Source) -> dict[str, tuple[Any, Span]]:
    found: dict[str, tuple[Any, Span]] = {}
    for attribute in item.children if item is not None else ():
        name, value = attribute.children
        found[str(name)] = (_attribute_value(value), _span(name, source))
    return found


def _attribute_value(value: Any) -> Any:
    if not isinstance(value, Token):
        return tuple(_number(t) for t in value.children)
    match value.type:
        case "NUMBER" | "INT":
            return _number(value)
        case "STRING":
            return json.loads(str(value))
        case _:
            return {"true": True, "false": False}.get(str(value), str(value))


def _number(token: Token) -> int | float:
    text = str(token)
    return int(text) if text.lstrip("+-").isdecimal() else float(text)


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
    return Port(unspell(str(name)), _type(type_token, source), rate, _encoding(values, given))


def _encoding(values: dict[str, Any], given: Mapping[str, tuple[Any, Span]]) -> Encoding:
    if "scale" in values:
        values["scale"] = float(values["scale"]) if isinstance(values["scale"], (int, float)) else values["scale"]
    if "levels" in values and isinstance(values["levels"], tuple):
        values["levels"] = tuple(float(v) for v in values["levels"])
    wanted = {"scale": float, "zero_point": int, "bit_order": str, "levels": tuple}
    for key, value in values.items():
        if not isinstance(value, wanted[key]) or (key == "bit_order" and value not in ("lsb", "msb")):
            raise error(f"{key} cannot be {value!r}", given[key][1])
    return Encoding(**values)


def _register(item: Tree, constants: Mapping[str, Constant], source: Source) -> Register:
    from .parse import literal
    name, type_token, initial = item.children
    t = _type(type_token, source)
    if isinstance(initial, Token) and initial.type == "FREE":
        return Register(unspell(str(name)), t, None)
    if isinstance(initial, Token) and initial.type == "CONST":
        return Register(unspell(str(name)), t, _constant(initial, constants, source))
    try:
        return Register(unspell(str(name)), t, Constant(t, literal(initial, t, {}, source)))
    except CircuitError as e:
        raise at(e, _span(name, source)) from None


def _constant(token: Any, constants: Mapping[str, Constant], source: Source) -> Constant:
    name = unspell(str(token))
    if name not in constants:
        raise error(f"there is no constant {token}", _span(token, source), nearest(name, constants))
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
                    following[self.register_name(item.children[0])] = self.value(item.children[1])
                case "done":
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

    def register_name(self, token: Any) -> str:
        name = unspell(str(token))
        if all(r.name != name for r in self.func.registers):
            raise error(f"there is no register {token}", _span(token, self.source),
                        nearest(name, (r.name for r in self.func.registers)))
        return name

    def value(self, token: Any) -> Value:
        name = unspell(str(token))
        if token.type == "CONST":
            return self.builder.constant(_constant(token, self.constants, self.source), name)
        if name not in self.values:
            raise error(f"there is no value {token} before this", _span(token, self.source),
                        nearest(name, self.values))
        return self.values[name]

    def assign(self, item: Tree) -> None:
        name_token, op, *rest = item.children
        name, span = unspell(str(name_token)), _span(op, self.source)
        parts: dict[str, Any] = {tree.data: tree for tree in rest}
        if name in self.values:
            notes = (("the first one is here", self.spans.get(name, self.func.span)),)
            raise CircuitError(Diagnostic(f"value %{name} is defined twice", _span(name_token, self.source),
                                          notes=notes))
        operands = [self.value(t) for t in parts["operands"].children]
        attributes = {k: v for k, (v, _) in _attributes(parts.get("attributes"), self.source).items()}
        declared = _type(parts["type"].children[0], self.source) if "type" in parts else None
        origin = json.loads(str(parts["loc"].children[0])) if "loc" in parts else ""
        callee = unspell(str(parts["callee"].children[0])) if "callee" in parts else ""
        self.spans[name] = _span(name_token, self.source)
        self.values[name] = self.apply(str(op), callee, operands, declared, name, origin, span, attributes)

    def apply(self, op: str, callee: str, operands: list[Value], declared: Type | None, name: str, origin: str,
              span: Span, attributes: dict[str, Any]) -> Value:
        if op == "call":
            output = attributes.pop("output", "")
            if not callee or not output or declared is None or attributes:
                raise error("a call is written `call @func %operands {output=name} : type`", span)
            return self.builder.call(callee, output, declared, *operands, name=name, origin=origin, span=span)
        if callee:
            raise error(f"{op} takes no func", span)
        if op not in OPS:
            raise error(f"there is no op {op}", span, nearest(op, OPS))
        return self.builder.apply(op, *operands, type=declared, name=name, origin=origin, span=span, **attributes)
