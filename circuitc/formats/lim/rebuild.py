"""Rebuild what a program computes: each cell holds a literal of a netlist that grows operation by operation."""

from __future__ import annotations

from circuitc.backends.lim.program import FALSE, TRUE, Op, Program
from circuitc.diagnostics import error
from circuitc.ir import Netlist, NetlistBuilder


def rebuilt_netlist(program: Program, place: str) -> Netlist:
    """Give the outputs as functions of the inputs; refuses what a row could not do.

    A NOR wants an output cell that was initialised and not written since, and nothing may read a cell that holds
    nothing known. About 3 us an operation.
    """
    builder = NetlistBuilder(len(program.input_cells))
    cells: dict[int, int] = {}
    ready: set[int] = set()
    loaded = False
    inputs, offset = program.inputs.tolist(), program.offset.tolist()
    rows = zip(program.step.tolist(), program.op.tolist(), program.output.tolist(), strict=True)
    for k, (step, op, output) in enumerate(rows):
        if step and not loaded:
            _load(program, builder, cells, ready)
            loaded = True
        fanins = inputs[offset[k]:offset[k + 1]]
        if op == Op.INIT:
            cells[output] = 1
            ready.add(output)
            continue
        try:
            if op == Op.NOR:
                if output not in ready:
                    raise error(f"{place}:{k + 2}: cell {output} was not initialised before it is written")
                ready.remove(output)
                value = 1
                for f in fanins:
                    value = builder.and_(value, cells[f] ^ 1)
                cells[output] = value
            else:
                cells[output] = _rm3(builder, cells, output, *fanins)
        except KeyError as e:
            raise error(f"{place}:{k + 2}: cell {e.args[0]} is read and holds nothing known") from None
    if not loaded:
        _load(program, builder, cells, ready)
    unknown = next((c for c in program.output_cells if c not in cells), None)
    if unknown is not None:
        raise error(f"{place}: cell {unknown} is an output and holds nothing known")
    return builder.finish(cells[c] for c in program.output_cells)


def _load(program: Program, builder: NetlistBuilder, cells: dict[int, int], ready: set[int]) -> None:
    for k, cell in enumerate(program.input_cells):
        cells[cell] = builder.input(k)
        ready.discard(cell)


def _rm3(builder: NetlistBuilder, cells: dict[int, int], z: int, p: int, q: int) -> int:
    """Give the majority of P, not Q and Z; with P and not Q equal constants Z need not be known."""
    constants = {TRUE: 1, FALSE: 0}
    a = constants[p] if p in constants else cells[p]
    b = (constants[q] if q in constants else cells[q]) ^ 1
    return a if a == b else builder.maj(a, b, cells[z])
