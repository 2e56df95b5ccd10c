"""The typed ports of a graph: JSON text beside the bits, which says what numbers they are of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import numpy as np

from circuitc.diagnostics import CircuitError, Diagnostic, Span, error
from circuitc.ir import ONCE, STREAM, Constant, Func, Netlist, Port, Register, Type, parse_type, unflatten_bits
from circuitc.ir.func import PLAIN, Encoding

MAX_BITS = 1 << 26


def read_ports(text: Any, counts: tuple[int, int], resets: Sequence[int | None], netlist: Netlist, name: str,
               span: Span) -> Func:
    """Make the func of a graph: ports and registers of the types that the text says, in the order of their bits."""
    try:
        value = json.loads(text)
        stream = {"once": False, "stream": True}[value["schedule"]]
        inputs = tuple(_port(row, stream) for row in value["inputs"])
        outputs = tuple(_port(row, stream) for row in value["outputs"])
        kept = [(row["name"], _type(row["type"])) for row in value["registers"]]
    except CircuitError as e:
        raise CircuitError(Diagnostic(f"ports: {e.diagnostics[0].message}", span)) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
        raise error(f"ports is not the text that circuitc writes there ({' '.join(repr(e).split())[:80]})", span,
                    "leave it out to have ports named after the bits") from None
    bits = sum(p.type.bits for p in inputs), sum(p.type.bits for p in outputs), sum(t.bits for _, t in kept)
    if bits != (*counts, len(resets)):
        raise error(f"ports has {bits[0]} bits of inputs, {bits[1]} of outputs and {bits[2]} of registers, the graph "
                    f"{counts[0]}, {counts[1]} and {len(resets)}", span)
    names: list[Any] = [p.name for p in inputs] + [n for n, _ in kept]   # of any type: the text is not ours
    outs: list[Any] = [p.name for p in outputs]
    for group in (names, outs):
        if not all(isinstance(n, str) and n and not any(c in n for c in "\n\r\0") for n in group) or len(
                set(group)) < len(group):
            raise error("ports has a name twice, or one that is not a line of text", span)
    if kept and not stream:
        raise error("ports has registers and the schedule once", span)
    return Func(name, inputs, outputs, netlist, _registers(kept, resets, span), STREAM if stream else ONCE, span=span)


def _type(text: Any) -> Type:
    if not isinstance(text, str):
        raise TypeError("a type is text")
    found = parse_type(text)
    if found.is_float or found.bits > MAX_BITS:
        raise error(f"{text[:40]} is not a type of bits")
    return found


def _port(row: Any, stream: bool) -> Port:
    rate = row.get("rate", "step" if stream else "call")
    if rate not in ("step", "call"):
        raise ValueError(f"rate {rate}")
    return Port(row["name"], _type(row["type"]), rate, _encoding(row["encoding"]) if "encoding" in row else PLAIN)


def _encoding(row: Any) -> Encoding:
    if row["bit_order"] not in ("lsb", "msb") or type(row["zero_point"]) is not int:
        raise ValueError("encoding")
    return Encoding(float(row["scale"]), row["zero_point"], row["bit_order"], tuple(float(x) for x in row["levels"]),
                    float(row.get("offset", 0.0)))


def _registers(kept: Sequence[tuple[str, Type]], resets: Sequence[int | None], span: Span) -> tuple[Register, ...]:
    registers: list[Register] = []
    first = 0
    for name, type_ in kept:
        bits = resets[first:first + type_.bits]
        first += type_.bits
        known = [bit for bit in bits if bit is not None]
        if known and len(known) < len(bits):
            raise error(f"some bits of register {name[:40]} start free and others do not", span)
        start = Constant(type_, unflatten_bits([type_], np.array([known], np.uint8))[0][0]) if known else None
        registers.append(Register(name, type_, start))
    return tuple(registers)
