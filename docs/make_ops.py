"""Write docs/ops.md: the op table in families, with the type of one example each. Run it after a change of the table.

    python docs/make_ops.py
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from circuitc.ir import OPS, OpDef, Type, parse_type
from circuitc.ir.op import Attribute
from circuitc.ir.ops import elementwise, functions, reductions, structure

PAGE = Path(__file__).with_name("ops.md")
FAMILIES = {
    "Element by element": elementwise.OPS,
    "Moving elements": structure.OPS,
    "Folding elements": reductions.OPS,
    "Functions and tables": functions.OPS,
}

# For each op one or more examples: operand types, attributes, and the declared type of ops that need one.
EXAMPLES: dict[str, list[tuple[str, dict[str, Any], str]]] = {
    "add": [("u8 u8", {}, ""), ("fx<8,4> u4 bit", {}, "")],
    "sub": [("u8 u8", {}, "")],
    "mul": [("i8 u4", {}, ""), ("spin spin", {}, "")],
    "neg": [("u8", {}, ""), ("i8", {}, "")],
    "abs": [("i8", {}, "")],
    "min": [("i8 i8", {}, "")],
    "max": [("i8 i8", {}, "")],
    "and": [("u8 u8", {}, "")],
    "or": [("u8 u8", {}, "")],
    "xor": [("u8 u8", {}, "")],
    "not": [("u8", {}, "")],
    "eq": [("u8 fx<9,4>", {}, "")],
    "lt": [("i8[3] u8[3]", {}, "")],
    "le": [("f32 f32", {}, "")],
    "select": [("bit i8 i8", {}, "")],
    "requantize": [("fx<16,8>", {}, "fx<8,4>"), ("f32", {"rounding": "floor", "overflow": "wrap"}, "u8")],
    "convert": [("u4", {}, "fx<9,3>"), ("spin", {}, "bit"), ("i16", {}, "f32")],
    "shift": [("u8", {"by": 3}, ""), ("fx<8,4>", {"by": -2}, "")],
    "reshape": [("u8[2,3]", {"shape": (3, 2)}, "")],
    "transpose": [("u8[2,3]", {"order": (1, 0)}, "")],
    "broadcast": [("u8[3]", {"shape": (2, 3), "axes": (1,)}, "")],
    "slice": [("u8[6]", {"start": (1,), "stop": (6,), "step": (2,)}, "")],
    "window": [("u8[6]", {"axis": 0, "size": 3}, "")],
    "element": [("u8[2,3]", {"index": 4}, "")],
    "concat": [("u8[2,3] u8[4,3]", {"axis": 0}, "")],
    "stack": [("u8 u8 u8 u8", {"shape": (2, 2)}, "")],
    "pad": [("u8[3] u8", {"before": (1,), "after": (0,)}, "")],
    "gather": [("u8[5,3] u3[2]", {"axis": 0}, "")],
    "update": [("u8[5,3] u3 u8[3]", {}, "")],
    "one_hot": [("u3", {"size": 5}, "")],
    "priority": [("bit[6]", {}, "")],
    "pack": [("bit[8]", {}, "i8")],
    "unpack": [("i8[2]", {}, "")],
    "reduce": [("u8[2,100]", {"kind": "add", "axes": (1,)}, ""), ("u8[2,100]", {"kind": "max", "axes": (0, 1)}, "")],
    "argmax": [("i8[10]", {"axis": 0}, ""), ("i8[10] bit[10]", {"axis": 0}, "")],
    "argmin": [("i8[4,10]", {"axis": 1}, "")],
    "contract": [("i8[10,784] u8[784]", {"spec": "ij,j->i"}, ""),
                 ("u8[5] u8[5,5] bit[5,5] u8[5]",
                  {"spec": "i,ij->j", "semiring": "min_plus", "where": "ij", "init": True}, "")],
    "threshold": [("spin[16] i5[4,16] i8[4]", {}, "")],
    "table": [("u3 i8[8]", {}, "")],
    "divide": [("u8 u8", {}, "ufx<8,4>")],
    **{name: [("fx<8,4>", {}, "fx<8,6>")] for name in (
        "exp", "log", "sqrt", "rsqrt", "tanh", "sigmoid", "sin", "cos", "erf")},
}

HEAD = """# Ops

<!-- Written by docs/make_ops.py; a test fails when this page and the op table differ. -->

Every op, with what it computes and the type rule at an example: operand types, then the narrowest result type, which
is what a program declares at least. Ops marked *declares* answer in the type that the program gives them. Every op is
pure. What arithmetic means in general is told in [semantics.md](semantics.md).
"""


def page() -> str:
    """Give the whole page."""
    return "\n".join([HEAD, *(line for title, ops in FAMILIES.items() for line in _family(title, ops))])


def _family(title: str, ops: tuple[OpDef, ...]) -> Iterator[str]:
    yield f"## {title}\n"
    yield "| op | computes | operands | attributes | types |"
    yield "|---|---|---|---|---|"
    for op in ops:
        marks = [word for word, holds in (("declares", op.declares), ("commutative", op.commutative)) if holds]
        about = op.doc + (f" *{', '.join(marks)}*" if marks else "")
        yield f"| `{op.name}` | {about} | {_arity(op)} | {_attributes(op)} | {'<br>'.join(_examples(op))} |"
    yield ""


def _arity(op: OpDef) -> str:
    fewest, most = op.arity
    return str(fewest) if fewest == most else f"{fewest} or more" if most is None else f"{fewest} to {most}"


def _attributes(op: OpDef) -> str:
    return "<br>".join(_attribute(name, spec) for name, spec in op.attributes.items())


_KINDS = {int: "whole number", str: "word", tuple: "list", bool: "true or false"}


def _attribute(name: str, spec: Attribute) -> str:
    kind = " \\| ".join(spec.choices) or _KINDS[spec.kind]
    default = "" if spec.default is None else f", else {_plain(spec.default)}"
    return f"`{name}`: {kind}{default}"


def _plain(value: Any) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case tuple():
            return f"[{', '.join(map(str, value))}]"
        case _:
            return str(value) or '""'


def _examples(op: OpDef) -> Iterator[str]:
    for operands, attributes, declared in EXAMPLES[op.name]:
        types = [parse_type(text) for text in operands.split()]
        result: Type = op.result_type(types, op.complete(attributes), parse_type(declared) if declared else None)
        options = " {" + ", ".join(f"{k}={_value(v)}" for k, v in attributes.items()) + "}" if attributes else ""
        yield f"`{', '.join(operands.split())}{options} : {result}`"


def _value(value: Any) -> str:
    return f'"{value}"' if isinstance(value, str) and not value.isidentifier() else _plain(value)


if __name__ == "__main__":
    assert set(EXAMPLES) == set(OPS), sorted(set(EXAMPLES) ^ set(OPS))
    PAGE.write_text(page())
