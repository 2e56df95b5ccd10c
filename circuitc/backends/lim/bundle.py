"""The bundle of a program: `ops.csv` and `map.json` say all of it, `program.txt` is for people."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import circuitc
from circuitc.backends.gate_level import Circuit
from circuitc.ir import Port

from .program import FALSE, TRUE, Op, Program

if TYPE_CHECKING:
    from .backend import Design

SCHEMA = "circuitc.lim/1"
OPS, MAP, LISTING = "ops.csv", "map.json", "program.txt"
HEADER = "step,op,output,inputs"
CONSTANTS = {TRUE: "true", FALSE: "false"}

CONVENTIONS = {
    "cells": "cells of one row, from 0; inputs are written to theirs after step 0 and before step 1",
    "step": "rows of one step happen together; step 0 is not counted",
    "INIT": "the output cell is set to 1 (low resistance)",
    "NOR": "the output cell, which holds 1, becomes 0 if any input cell is 1 (MAGIC; one input: NOT)",
    "RM3": "the output cell Z becomes the majority of P, not Q and Z; inputs are P and Q, cells or constants",
    "bits": "cells of a port are its bits, row major and least significant first",
    "registers": "`cells` hold the state before the program, `next_cells` the next state after it; to move it over is "
                 "not part of the program",
}


def bundle_files(design: Design) -> dict[str, bytes]:
    """Print every file; `map.json` has the digests of the others."""
    files = {OPS: _ops_csv(design.program), LISTING: _listing(design)}
    return {MAP: _map_json(design, files), **files}


def _ops_csv(program: Program) -> bytes:
    lines = (f"{step},{op.name},{output},{' '.join(_operand(i) for i in inputs)}"
             for step, op, output, inputs in _operations(program))
    return ("\n".join([HEADER, *lines]) + "\n").encode()


def _operand(cell: int) -> str:
    return CONSTANTS.get(cell) or str(cell)


def _operations(program: Program) -> Iterator[tuple[int, Op, int, list[int]]]:
    inputs, offset = program.inputs.tolist(), program.offset.tolist()
    rows = zip(program.step.tolist(), program.op.tolist(), program.output.tolist(), strict=True)
    for k, (step, op, output) in enumerate(rows):
        yield step, Op(op), output, inputs[offset[k]:offset[k + 1]]


def _map_json(design: Design, files: dict[str, bytes]) -> bytes:
    """Print the map, the schema first: that is how a file is told to be one."""
    from .backend import figures

    circuit, program = design.circuit, design.program
    func = circuit.func
    before, after = _Cells(program.input_cells), _Cells(program.output_cells)
    ports = {"inputs": [before.port(p) for p in func.inputs], "outputs": [after.port(p) for p in func.outputs],
             "registers": _registers(circuit, before, after)}
    document: dict[str, Any] = {
        "schema": SCHEMA, "tool": f"circuitc {circuitc.__version__}", "func": func.name,
        "schedule": func.schedule.kind, "logic": design.options.logic, "row": program.row,
        "fan_in": design.options.fan_in, "options": asdict(design.options), **ports, "figures": figures(design),
        "conventions": CONVENTIONS,
        "files": {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}}
    return (_indented(document) + "\n").encode()


class _Cells:
    """Hands out the cells of ports one after the other."""

    def __init__(self, cells: Sequence[int]) -> None:
        self._rest = iter(cells)

    def take(self, bits: int) -> list[int]:
        return [next(self._rest) for _ in range(bits)]

    def port(self, port: Port) -> dict[str, Any]:
        return {"name": port.name, "type": str(port.type), "rate": port.rate, "cells": self.take(port.type.bits)}


def _registers(circuit: Circuit, before: _Cells, after: _Cells) -> list[dict[str, Any]]:
    resets = iter(circuit.resets)
    rows: list[dict[str, Any]] = []
    for register in circuit.func.registers:
        bits = [next(resets) for _ in range(register.type.bits)]
        rows.append({"name": register.name, "type": str(register.type),
                     "initial": None if register.initial is None else bits,
                     "cells": before.take(len(bits)), "next_cells": after.take(len(bits))})
    return rows


def _indented(document: dict[str, Any]) -> str:
    """Print an object with one line for each key, and for each entry of a list of objects."""
    def value(v: Any) -> str:
        if isinstance(v, list) and v and isinstance(v[0], dict):
            return "[\n" + ",\n".join(f"    {json.dumps(entry, ensure_ascii=False)}" for entry in v) + "\n  ]"
        return json.dumps(v, ensure_ascii=False)

    return "{\n" + ",\n".join(f"  {json.dumps(k)}: {value(v)}" for k, v in document.items()) + "\n}"


def _listing(design: Design) -> bytes:
    """Print the program as people read it: what lies where, then a line a step."""
    circuit, program = design.circuit, design.program
    names = (*circuit.inputs, *circuit.latches)
    lines = [f"# @{circuit.func.name}: {program.steps} steps on a row of {program.row} cells ({design.options.logic})",
             *(f"# {name} is written to c{cell}" for name, cell in zip(names, program.input_cells, strict=True))]
    step, initialised = -1, list[int]()
    for at, op, output, inputs in _operations(program):
        if op is Op.INIT and at == step:
            initialised.append(output)
            continue
        lines += _initialised(step, initialised)
        initialised, step = [output] if op is Op.INIT else [], at
        if op is Op.NOR:
            lines.append(f"{at:6}  c{output} = nor({', '.join(f'c{i}' for i in inputs)})")
        elif op is Op.RM3:
            p, q = (CONSTANTS.get(i) or f"c{i}" for i in inputs)
            lines.append(f"{at:6}  c{output} = maj({p}, not {q}, c{output})")
    lines += _initialised(step, initialised)
    outputs = (*circuit.outputs, *(f"next {name}" for name in circuit.latches))
    lines += [f"# {name} is read from c{cell}" for name, cell in zip(outputs, program.output_cells, strict=True)]
    return ("\n".join(lines) + "\n").encode()


def _initialised(step: int, cells: Sequence[int]) -> Iterable[str]:
    return [f"{step:6}  init {_ranges(sorted(cells))}"] if cells else []


def _ranges(cells: Sequence[int]) -> str:
    """Print rising numbers with runs as `c3-c9`."""
    runs: list[list[int]] = []
    for cell in cells:
        if runs and cell == runs[-1][1] + 1:
            runs[-1][1] = cell
        else:
            runs.append([cell, cell])
    return " ".join(f"c{a}" if a == b else f"c{a}-c{b}" for a, b in runs)
