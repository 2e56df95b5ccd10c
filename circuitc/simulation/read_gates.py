"""Read gate-level Verilog as text, a statement at a time: for netlists larger than Yosys is asked to read.

It takes what a netlist needs and nothing else: one module of `wire n = expression;` and `assign port = expression;`
with `~ & ^ |`, parentheses, single bits and `1'b0`, `1'b1`. It shares no code with the emitter.
"""

from __future__ import annotations

import re

import numpy as np

from circuitc.diagnostics import CircuitError, Source, Span, error
from circuitc.ir import BIT, Func, Kind, Module, Netlist, Port, module_of

_MODULE = re.compile(r"\bmodule\s+(\w+)\s*\((.*?)\)\s*;(.*?)\bendmodule\b", re.DOTALL)
_PORT = re.compile(r"(input|output)\s+wire\s*(?:\[(\d+):0\])?\s*(\w+)\s*,?")
_AND = re.compile(r"\s*wire (\w+) = (~?)([\w\[\]]+) & (~?)([\w\[\]]+)")
_OTHER = re.compile(r"\s*(wire|assign)\s+(\w+(?:\[\d+\])?)\s*=\s*(.*)", re.DOTALL)
_TOKEN = re.compile(r"\s*(1'b[01]|\w+(?:\[\d+\])?|[~&|^()])")
_BINDING = {"|": 1, "^": 2, "&": 3}


def read_gates(text: str, top: str, name: str = "verilog") -> Module:
    """Read module `top` into one func with a netlist body; its ports are `bit` or `bit[n]`, in order.

    A Python loop over statements: about 2 us a gate. Raises a CircuitError on anything else than gates.
    """
    plain = re.sub(r"//[^\n]*|/\*.*?\*/", "", text, flags=re.DOTALL)
    found = next((m for m in _MODULE.finditer(plain) if m[1] == top), None)
    if found is None:
        raise error(f"there is no module {top} with a plain list of ports", Span(Source(name)))
    ports = [(kind, port, int(high) + 1 if high else 0) for kind, high, port in _PORT.findall(found[2])]
    gates = _Gates([(port, width) for kind, port, width in ports if kind == "input"])
    for statement in found[3].split(";"):
        try:
            gates.statement(statement)
        except (KeyError, IndexError, CircuitError):
            shown = " ".join(statement.split())[:60]
            raise error(f"{shown!r} is not a gate that this reader knows", Span(Source(name))) from None
    sides = {side: tuple(Port(p, BIT.with_shape((w,) if w else ())) for k, p, w in ports if k == side)
             for side in ("input", "output")}
    outputs = [b for k, p, w in ports if k == "output" for b in _bits(p, w)]
    missing = [b for b in outputs if b not in gates.literal]
    if missing:
        raise error(f"output {missing[0]} is never assigned", Span(Source(name)))
    return module_of(Func(top, sides["input"], sides["output"], gates.netlist(outputs)))


def _bits(port: str, width: int) -> list[str]:
    return [f"{port}[{k}]" for k in range(width)] if width else [port]


class _Gates:
    """The gates read so far: fan-ins in a flat list, and the literal that each name stands for."""

    def __init__(self, inputs: list[tuple[str, int]]) -> None:
        names = [bit for port, width in inputs for bit in _bits(port, width)]
        self.inputs = len(names)
        self.literal: dict[str, int] = {name: (1 + k) << 1 for k, name in enumerate(names)}
        self.literal |= {"1'b0": 0, "1'b1": 1}
        self.kinds: list[Kind] = []
        self.fanins: list[int] = []

    def statement(self, text: str) -> None:
        """Take one statement in; the common form first."""
        match = _AND.fullmatch(text)
        if match is not None:
            name, a, x, b, y = match.groups()
            literal = self.literal
            self.refuse_again(name)
            literal[name] = self.gate(Kind.AND, literal[x] ^ (a == "~"), literal[y] ^ (b == "~"))
            return
        other = _OTHER.fullmatch(text.rstrip())
        if other is not None and not other[3].startswith("&{"):  # which only gathers bits that nothing reads
            self.refuse_again(other[2])
            tokens = _TOKEN.findall(other[3])
            if "".join(tokens) != re.sub(r"\s", "", other[3]):
                raise error("not an expression of gates")
            tokens.reverse()
            self.literal[other[2]] = self.expression(tokens, 1)
            if tokens:
                raise error("the expression does not end")
        elif other is None and text.strip():
            raise error("not a wire and not an assign")

    def refuse_again(self, name: str) -> None:
        if name in self.literal:
            raise error(f"{name} is assigned twice")

    def gate(self, kind: Kind, a: int, b: int) -> int:
        self.kinds.append(kind)
        self.fanins += (a, b)
        return (self.inputs + len(self.kinds)) << 1

    def expression(self, tokens: list[str], binding: int) -> int:
        """Read operators that bind at least this tightly (tokens in reverse order)."""
        value = self.operand(tokens)
        while tokens and _BINDING.get(tokens[-1], 0) >= binding:
            sign = tokens.pop()
            other = self.expression(tokens, _BINDING[sign] + 1)
            value = (self.gate(Kind.XOR, value, other) if sign == "^" else
                     self.gate(Kind.AND, value, other) if sign == "&" else
                     self.gate(Kind.AND, value ^ 1, other ^ 1) ^ 1)
        return value

    def operand(self, tokens: list[str]) -> int:
        token = tokens.pop()
        if token == "~":
            return self.operand(tokens) ^ 1
        if token == "(":
            value = self.expression(tokens, 1)
            if tokens.pop() != ")":
                raise error("a parenthesis is not closed")
            return value
        return self.literal[token]

    def netlist(self, outputs: list[str]) -> Netlist:
        count = len(self.kinds)
        kind = np.concatenate([[Kind.FALSE], np.full(self.inputs, Kind.INPUT), self.kinds]).astype(np.uint8)
        offset = np.zeros(self.inputs + count + 2, np.int32)
        offset[self.inputs + 1:] = 2 * np.arange(count + 1)
        literals = np.array([self.literal[name] for name in outputs], np.int32)
        return Netlist(self.inputs, kind, offset, np.array(self.fanins, np.int32), literals)


__all__ = ["read_gates"]
