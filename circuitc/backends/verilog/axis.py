"""An AXI-Stream face for a module: one slave stream in, one master stream out (AMBA 4 AXI4-Stream, ARM IHI 0051).

A word of the stream is the module's inputs (or outputs) side by side, the first port lowest, filled up to whole bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from .interface import Interface, Signal, flat


def stream_bits(signals: Sequence[Signal]) -> int:
    """Give the width of TDATA: whole bytes, at least one."""
    return max(8, -(-flat(signals) // 8) * 8)


def axis_wrapper(face: Interface) -> str:
    """Print the module `NAME_axis` that instantiates the top module."""
    name = face.module
    taken, given = stream_bits(face.inputs), stream_bits(face.results)
    pins = [(s.id, part) for s, part in _parts(face.inputs, "s_axis_tdata")]
    wires = [f"  wire [{flat(face.results) - 1}:0] result;"]
    pins += [(s.id, part) for s, part in _parts(face.results, "result")]
    loose = [f"s_axis_tdata[{taken - 1}:{flat(face.inputs)}]"] if taken > flat(face.inputs) else []
    if face.clocked:
        pins = [(face.clk, "aclk"), (face.reset, "~aresetn"), ("in_valid", "s_axis_tvalid"),
                ("in_ready", "s_axis_tready"), ("out_valid", "m_axis_tvalid"), ("out_ready", "m_axis_tready"), *pins]
        flow = []
    else:
        flow = ["  assign s_axis_tready = m_axis_tready;", "  assign m_axis_tvalid = s_axis_tvalid;"]
        loose += ["aclk", "aresetn"]
    if face.has_in_last:
        pins.append(("in_last", "s_axis_tlast"))
    elif face.clocked:
        loose.append("s_axis_tlast")
    if face.has_out_last:
        pins.append(("out_last", "m_axis_tlast"))
    else:
        last = "1'b1" if face.clocked else "s_axis_tlast"
        flow.append(f"  assign m_axis_tlast = {last};")
    if loose:
        wires.append(f"  wire unused = &{{1'b0, {', '.join(loose)}}};")
    fill = given - flat(face.results)
    data = f"{{{fill}'d0, result}}" if fill else "result"
    ports = ["input wire aclk", "input wire aresetn", f"input wire [{taken - 1}:0] s_axis_tdata",
             "input wire s_axis_tvalid", "output wire s_axis_tready", "input wire s_axis_tlast",
             f"output wire [{given - 1}:0] m_axis_tdata", "output wire m_axis_tvalid", "input wire m_axis_tready",
             "output wire m_axis_tlast"]
    return "\n".join([
        f"// AXI-Stream around {name}: ports side by side, the first one lowest, filled up to whole bytes.",
        f"module {name}_axis (", ",\n".join(f"  {p}" for p in ports), ");", *wires,
        f"  {name} core (" + ", ".join(f".{pin}({value})" for pin, value in pins) + ");",
        f"  assign m_axis_tdata = {data};", *flow, "endmodule", ""])


def _parts(signals: Sequence[Signal], vector: str) -> list[tuple[Signal, str]]:
    """Give each signal its part of a vector."""
    found: list[tuple[Signal, str]] = []
    low = 0
    for s in signals:
        high = low + s.type.bits - 1
        found.append((s, f"{vector}[{high}:{low}]"))
        low = high + 1
    return found
