"""The port map: which bit is which number, how it is encoded, and how the module is driven. Goes into ports.json."""

from __future__ import annotations

from typing import Any

from circuitc.ir import Encoding

from .design import Design
from .interface import Interface, Signal

SCHEMA = "circuitc.ports/1"


def latency(face: Interface) -> int:
    """Give the cycles from the accepted input word that completes an output to that output (0: combinational).

    An `iterate` or `until` that takes its inputs once needs one cycle more than its steps (`until`: at most).
    """
    if not face.clocked:
        return 0
    if face.ranks:
        return face.ranks
    if face.takes_items or face.gives_items:
        return face.item_cycles
    return 1 + face.func.schedule.count * face.item_cycles


def interval(face: Interface) -> int:
    """Give the cycles from one call's first accepted input word to the next call's, where nobody waits.

    Where each word is an item (that takes one step) or goes into a pipeline that is 1, and from item to item where an
    item takes steps of its own; a combinational func has none (0); `until`: at most.
    """
    if not face.clocked:
        return 0
    if face.takes_items or face.ranks:
        return face.item_cycles
    return (face.rows or 1) + face.func.schedule.count * face.item_cycles


def port_map(design: Design) -> dict[str, Any]:
    """Describe the top module for people and drivers (plain JSON values)."""
    face = design.top
    func = face.func
    found: dict[str, Any] = {
        "schema": SCHEMA,
        "module": face.module,
        "file": f"{face.module}.v",
        "func": func.name,
        "language": "verilog-2001",
        "bit_order": "element k, row major, is at bits [k*width +: width]; bit 0 is the least significant; "
                     "a spin is one bit, 1 means +1; signed numbers are two's complement",
        "schedule": {"kind": func.schedule.kind,
                     "steps": None if func.schedule.kind == "stream" else func.schedule.count},
        "latency": latency(face),
        "interval": interval(face),
        "ports": [_port(face, s, "input") for s in face.inputs] + [_port(face, s, "output") for s in face.results],
    }
    if face.rows:
        found["rows"] = face.rows  # input words of a call, each with one row of every input tensor, row 0 first
    if face.clocked:
        found["clock"] = {"name": face.clk, "edge": "rising"}
        found["reset"] = {"name": face.reset, "kind": face.reset_kind, "active": "high"}
        found["handshake"] = _handshake(face)
        if not face.ranks:
            found["step_module"] = face.step
        if face.item is not None:
            found["step_func"] = face.item.name  # the func that `step_module` is one step of
    if design.memories:
        found["memories"] = sorted(design.memories)  # files that the text reads by $readmemh, from where a tool runs
    if func.registers:
        found["registers"] = [
            {"name": s.name, "verilog": s.id, "type": str(s.type), "free": r.initial is None}
            for s, r in zip(face.registers, func.registers, strict=True)]
    return found


def _port(face: Interface, signal: Signal, direction: str) -> dict[str, Any]:
    t = signal.type
    stepped = signal.rate == "step" and face.func.schedule.kind != "once"
    return {
        "name": signal.name, "verilog": signal.id, "direction": direction, "type": str(t),
        "rate": "step" if stepped else "call", "bits": t.bits,
        "element": {"count": t.size, "shape": list(t.shape), "width": t.width, "signed": t.signed,
                    "fraction": t.fraction, "kind": t.kind},
        "encoding": _encoding(signal.encoding),
    }


def _encoding(encoding: Encoding) -> dict[str, Any]:
    """Say what a port's numbers mean: real value = (number - zero_point) * scale + offset."""
    found: dict[str, Any] = {"scale": encoding.scale, "zero_point": encoding.zero_point,
                             "bit_order": encoding.bit_order}
    if encoding.offset:
        found["offset"] = encoding.offset
    return found | ({"levels": list(encoding.levels)} if encoding.levels else {})


def _handshake(face: Interface) -> dict[str, Any]:
    inputs: dict[str, Any] = {"valid": "in_valid", "ready": "in_ready",
                              "words_per_call": "any" if face.has_in_last else
                              face.func.schedule.count if face.takes_items else face.rows or 1}
    outputs: dict[str, Any] = {"valid": "out_valid", "ready": "out_ready",
                               "words_per_call": "one a step" if face.gives_items else 1}
    if face.has_in_last:
        inputs["last"] = "in_last"
    if face.takes_items and not face.ranks:
        inputs["call_rate"] = "the same on every word of a call"
    if face.has_out_last:
        outputs |= {"last": "out_last", "call_rate": "means something on the last word of a call only"}
    return {"input": inputs, "output": outputs, "rule": "a word passes in a cycle where valid and ready are both 1"}
