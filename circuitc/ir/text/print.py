"""Print a module in the text form."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..constant import Constant
from ..func import PLAIN, Func, Module, Port, Register
from ..graph import Graph, Node
from ..netlist import Netlist
from ..ops import OPS
from .names import distinct, quote, spell
from .netlist import print_netlist

VERSION = 1
LARGE_BYTES = 4096
_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_WORDS = ("true", "false", "inf", "nan")  # they read back as something else


def print_module(module: Module, large: dict[str, Constant] | None = None) -> str:
    """Print a module so that it reads back the same.

    Where `large` is given, constants over 4 KB are put into it by digest and only named in the text; their numbers
    belong in a file beside it.
    """
    lines = [f"ccir {VERSION} {quote(module.name)}"]
    if module.entry is not next(iter(module.funcs.values())):
        lines.append(f"main {spell('@', module.entry.name)}")
    names = {constant: name for name, constant in module.constants.items()}
    for name, constant in module.constants.items():
        storage = "" if constant.storage == "dense" else f" {constant.storage}"
        lines.append(f"const {spell('#', name)} : {constant.type}{storage} = {_content(constant, large)}")
    for func in module.funcs.values():
        lines += ["", *_func_lines(func, names, large)]
    return "\n".join(lines) + "\n"


def _content(constant: Constant, large: dict[str, Constant] | None) -> str:
    if constant.is_uniform:
        return _number(constant.array.ravel()[0])
    if large is not None and constant.array.size * 8 > LARGE_BYTES:
        large[constant.digest] = constant
        return f'npz "{constant.digest}"'
    return _nested(constant.array.tolist())


def _number(value: Any) -> str:
    return repr(float(value)) if isinstance(value, (float, np.floating)) else str(int(value))


def _nested(values: Any) -> str:
    return f"[{', '.join(map(_nested, values))}]" if isinstance(values, list) else _number(values)


def _func_lines(func: Func, constants: Mapping[Constant, str], large: dict[str, Constant] | None) -> Iterator[str]:
    ins = ", ".join(_port(p, func) for p in func.inputs)
    outs = ", ".join(_port(p, func) for p in func.outputs)
    target = f" target={_value(func.target)}" if func.target else ""
    yield f"func {spell('@', func.name)}({ins}) -> ({outs}) {func.schedule}{target} {{"
    for register in func.registers:
        yield f"  reg {spell('%', register.name)} : {register.type} = {_initial(register, constants)}"
    if isinstance(func.body, Netlist):
        yield from print_netlist(func.body)
    else:
        yield from _graph_lines(func, func.body, constants)
    yield "}"


def _initial(register: Register, constants: Mapping[Constant, str]) -> str:
    if register.initial is None:
        return "free"
    if register.initial in constants:
        return spell("#", constants[register.initial])
    return _content(register.initial, None)


def _port(port: Port, func: Func) -> str:
    attributes: dict[str, Any] = {}
    if port.rate != func.schedule.default_rate:
        attributes["rate"] = port.rate
    for field in ("scale", "zero_point", "bit_order", "levels", "offset"):
        value = getattr(port.encoding, field)
        if value != getattr(PLAIN, field):
            attributes[field] = value
    return f"{spell('%', port.name)}: {port.type}{_attributes(attributes)}"


def _attributes(attributes: Mapping[str, Any]) -> str:
    return " {" + ", ".join(f"{k}={_value(v)}" for k, v in attributes.items()) + "}" if attributes else ""


def _value(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            return f"[{', '.join(map(_number, value))}]"
        case str():
            return value if _WORD.fullmatch(value) and value not in _NOT_WORDS else quote(value)
        case _:
            return _number(value)


def _graph_lines(func: Func, graph: Graph, constants: Mapping[Constant, str]) -> Iterator[str]:
    entering = [p.name for p in func.inputs] + [r.name for r in func.registers]
    inner = [n for n in graph.nodes[graph.inputs:] if not n.is_constant]
    names = iter(distinct((n.name for n in inner), entering))
    spelled = [spell("%", name) for name in entering]
    for node in graph.nodes[graph.inputs:]:
        if node.is_constant:
            spelled.append(spell("#", constants.get(node.constant, "")))  # what nothing uses has no name
        else:
            spelled.append(spell("%", next(names)))
            yield "  " + _statement(node, spelled)
    outputs = [spelled[v] for v in graph.outputs]
    ports, registers = len(func.outputs), len(func.registers)
    for register, value in zip(func.registers, outputs[ports:ports + registers], strict=True):
        yield f"  next {spell('%', register.name)} = {value}"
    if func.schedule.kind == "until":
        yield f"  done {outputs[-1]}"
    yield f"  return {', '.join(outputs[:ports])}".rstrip()


def _statement(node: Node, spelled: Sequence[str]) -> str:
    shown = dict(node.attributes)
    callee = ""
    if node.op == "call":
        callee = " " + spell("@", shown.pop("func"))
    else:
        shown = {k: v for k, v in shown.items() if v != OPS[node.op].attributes[k].default}
    operands = " " + ", ".join(spelled[v] for v in node.operands) if node.operands else ""
    origin = f" loc {quote(node.origin)}" if node.origin else ""
    return f"{spelled[-1]} = {node.op}{callee}{operands}{_attributes(shown)} : {node.type}{origin}"

