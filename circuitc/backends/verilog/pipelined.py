"""The pipelined module around a netlist: ranks of registers, a valid bit that travels along, one stall for all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Kind, Netlist, Type

from .design import Gates, Pin, Pipeline, Unit
from .gates import printed_gates, spelled
from .interface import Interface
from .names import Names, sanitised
from .options import HANDSHAKE, Options
from .stages import Stages, cut_into, cut_within

ON_A_LINE = 8  # declarations of registers


def stages_of(netlist: Netlist, options: Options) -> Stages | None:
    """Cut a netlist as the options say; None where they ask for no pipeline."""
    if options.stages:
        return cut_into(netlist, options.stages)
    return cut_within(netlist, options.levels_per_stage) if options.levels_per_stage else None


def with_registers(netlist: Netlist, stages: Stages, register_inputs: bool) -> tuple[Netlist, list[tuple[int, int]]]:
    """Give the netlist with registers as inputs behind its own and their next values as outputs behind its own.

    The registers are (node, rank) pairs: the node's value, `rank - stage of the node` cycles later; inputs are of stage
    -1 where they are registered too. The last rank, of the outputs themselves, is not among them.
    """
    stage = stages.of.astype(np.int64)
    if register_inputs:
        stage[1:1 + netlist.inputs] = -1
    owner = np.repeat(np.arange(netlist.nodes), np.diff(netlist.offset))
    driver = np.concatenate([netlist.fanin, netlist.outputs]).astype(np.int64)
    read_at = np.concatenate([stage[owner], np.full(len(netlist.outputs), stages.count - 1)])
    read_at = np.where(driver <= 1, 0, read_at)      # a constant is the same in each stage
    last = stage.copy()
    np.maximum.at(last, driver >> 1, read_at)
    last[0] = stage[0]
    ranks = last - stage
    start = np.cumsum(ranks) - ranks
    count, first = int(ranks.sum()), 1 + netlist.inputs
    node = np.repeat(np.arange(netlist.nodes), ranks)
    rank = stage[node] + 1 + np.arange(count) - start[node]

    def at(literals: NDArray[np.int64], when: NDArray[np.int64]) -> NDArray[np.int64]:
        """Give the literals that hold old literals' values in these stages."""
        old = literals >> 1
        own = np.where(old < first, old, old + count)
        late = when - stage[old]
        return np.where(late > 0, first + start[old] + late - 1, own) << 1 | literals & 1

    value = node.astype(np.int64) << 1
    moved = at(driver, np.where(driver <= 1, stage[0], read_at))
    split = len(netlist.fanin)
    pad = np.zeros(count, np.int64)
    body = Netlist(
        netlist.inputs + count,
        np.insert(netlist.kind, first, np.full(count, Kind.INPUT, np.uint8)),
        np.insert(netlist.offset, first, np.full(count, netlist.offset[first])).astype(np.int32),
        moved[:split].astype(np.int32),
        np.concatenate([moved[split:], at(value, rank - 1)]).astype(np.int32),
        np.insert(netlist.data, first, pad) if len(netlist.data) else netlist.data, netlist.weight)
    return body, list(zip(node.tolist(), rank.tolist(), strict=True))


def pipelined_unit(face: Interface, remarks: Sequence[str], gates: Gates, stages: Stages, options: Options) -> Unit:
    """Decide the pipelined module of a combinational func with a netlist body."""
    body, registers = with_registers(gates.netlist, stages, options.register_inputs)
    spelling, by_node = spelled(replace(gates, reserved=(*gates.reserved, face.clk, face.reset, *HANDSHAKE)))
    taken = Names(*gates.reserved, *spelling.leading, *spelling.given.values(), face.clk, face.reset, *HANDSHAKE)
    ranked = [taken.take(f"{sanitised(spelling.name(node))}_q{rank}") for node, rank in registers]
    moved = {node + len(ranked): remark for node, remark in by_node.items()}
    return Unit(face.module, (*remarks, *_protocol(face, stages)), _pins(face), Pipeline(
        replace(gates, netlist=body, inputs=(*gates.inputs, *ranked)), spelling.with_leading(ranked), moved,
        tuple(ranked), tuple(rank for _, rank in registers), face.ranks, taken.take("valid"), taken.take("advance"),
        face.clk, face.reset, face.reset_kind))


def _protocol(face: Interface, stages: Stages) -> list[str]:
    return [f"A pipeline of {stages.count} stages of at most {stages.levels} levels: each result {face.ranks} "
            f"{'cycle' if face.ranks == 1 else 'cycles'} after its inputs, one a cycle.",
            "A word passes in a cycle where valid and ready are both 1.",
            "All stages stand still while a result waits for out_ready."]


def _pins(face: Interface) -> tuple[Pin, ...]:
    flag = Type("fixed", 1)
    return (Pin(face.clk, "input", flag, "clock"),
            Pin(face.reset, "input", flag, f"{face.reset_kind} reset, active high"),
            Pin("in_valid", "input", flag), Pin("in_ready", "output", flag),
            *[Pin(s.id, "input", s.type, str(s.type)) for s in face.inputs],
            Pin("out_valid", "output", flag), Pin("out_ready", "input", flag),
            *[Pin(s.id, "output", s.type, str(s.type), registered=True) for s in face.outputs])


def pipeline_lines(unit: Pipeline) -> list[str]:
    """Print the items of a pipelined module, two spaces in: registers, gates, then the clocked blocks."""
    printed = printed_gates(unit.gates, unit.spelling, unit.remarks)
    outputs = len(unit.gates.outputs)
    clock, last = unit.clk, unit.ranks - 1
    edge = f"posedge {clock}" + (f" or posedge {unit.reset}" if unit.reset_kind == "async" else "")
    width, shifted = ("", "in_valid") if last == 0 else (
        f"[{last}:0] ", f"{{{unit.valid}[{last - 1}:0], in_valid}}")
    ready = unit.valid if last == 0 else f"{unit.valid}[{last}]"
    moves = [f"    {target} <= {value};" for target, value in zip(
        (*unit.gates.outputs, *unit.registers), printed.outputs, strict=True)]
    return [
        f"  reg {width}{unit.valid};  // which stages hold a call",
        *_declared(unit),
        f"  wire {unit.advance} = ~{ready} | out_ready;",
        f"  assign in_ready = {unit.advance};",
        f"  assign out_valid = {ready};",
        *printed.blocks, *printed.unread,
        f"  always @({edge}) begin",
        f"    if ({unit.reset}) {unit.valid} <= {unit.ranks}'d0;",
        f"    else if ({unit.advance}) {unit.valid} <= {shifted};",
        "  end",
        f"  always @(posedge {clock}) if ({unit.advance}) begin",
        *moves[outputs:], *moves[:outputs],
        "  end"]


def _declared(unit: Pipeline) -> list[str]:
    """Declare the registers, rank by rank."""
    lines: list[str] = []
    for rank in sorted(set(unit.rank_of)):
        names = [name for name, of in zip(unit.registers, unit.rank_of, strict=True) if of == rank]
        lines.append(f"  // rank {rank}: {len(names)} bits")
        lines += [f"  reg {', '.join(names[k:k + ON_A_LINE])};" for k in range(0, len(names), ON_A_LINE)]
    return lines


__all__ = ["pipeline_lines", "pipelined_unit", "stages_of", "with_registers"]
