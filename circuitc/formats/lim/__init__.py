"""Programs of logic in memory (`map.json` beside `ops.csv`) as models: what they compute, rebuilt from the operations.

So everything that takes a model takes a program too: `circuitc verify adder.aig build/map.json` proves one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from circuitc.backends.lim.bundle import MAP, OPS, SCHEMA
from circuitc.backends.lim.program import Program
from circuitc.diagnostics import Source, error
from circuitc.ir import Constant, Func, Module, Port, Register, Schedule, Type, module_of, parse_type, unflatten_bits

from ..base import Format, read_bytes
from ..json_text import parse_json, read_json
from ..schema import validate
from .rebuild import rebuilt_netlist
from .schema import LimMap, PortMap, RegisterMap
from .table import read_ops

_SIGNATURE = re.compile(rb'\s*\{\s*"schema"\s*:\s*"' + re.escape(SCHEMA.encode()) + rb'"')


@dataclass(frozen=True, slots=True)
class Bundle:
    """A program as its two files say it; `place` names `ops.csv` in errors."""

    map: LimMap
    program: Program
    place: str

    def module(self) -> Module:
        """Give what the program computes as a model with the ports of the one it was made of."""
        map_ = self.map
        rebuilt = rebuilt_netlist(self.program, self.place)
        return module_of(Func(
            map_.func, tuple(_port(p) for p in map_.inputs), tuple(_port(p) for p in map_.outputs), rebuilt,
            tuple(_register(r) for r in map_.registers), Schedule(map_.schedule)))


def read_bundle(files: Mapping[str, bytes]) -> Bundle:
    """Read a program from the bytes of its files; others than `map.json` and `ops.csv` are not looked at."""
    missing = next((name for name in (MAP, OPS) if name not in files), None)
    if missing:
        raise error(f"these files hold no program of logic in memory: there is no {missing}")
    value, source = parse_json(files[MAP], MAP)
    return _bundle(value, source, files[OPS], OPS)


def load_bundle(path: Path, *, hashes: bool = True) -> Bundle:
    """Read a program from its `map.json`, with `ops.csv` beside it; a table that was changed since is refused.

    Without `hashes` the digest is not looked at.
    """
    value, source = read_json(path)
    table = path.with_name(OPS)
    content = read_bytes(table)
    bundle = _bundle(value, source, content, str(table))
    if hashes and bundle.map.files.get(OPS) != hashlib.sha256(content).hexdigest():
        raise error(f"{table}: changed since {path.name} was written")
    return bundle


def _bundle(value: Any, source: Source, ops: bytes, place: str) -> Bundle:
    map_ = validate(LimMap, value, source)
    for entry in (*map_.inputs, *map_.outputs, *map_.registers):
        bits = _type(entry.type).bits
        lists = (entry.cells, entry.next_cells) if isinstance(entry, RegisterMap) else (entry.cells,)
        if any(len(cells) != bits for cells in lists):
            raise error(f"{source.name}: {entry.name[:40]} is {entry.type}, which takes {bits} cells")
        if any(cell >= map_.row for cells in lists for cell in cells):
            raise error(f"{source.name}: {entry.name[:40]} has a cell outside the row of {map_.row}")
    if len(set(map_.input_cells)) != len(map_.input_cells):
        raise error(f"{source.name}: two inputs are in one cell")
    return Bundle(map_, read_ops(ops, map_, place), place)


def _type(text: str) -> Type:
    found = parse_type(text)
    if found.is_float:
        raise error(f"a port of a program is bits, not {found}")
    return found


def _port(port: PortMap) -> Port:
    return Port(port.name, _type(port.type), port.rate)


def _register(register: RegisterMap) -> Register:
    type_, bits = _type(register.type), register.initial
    if bits is None:
        return Register(register.name, type_, None)
    if len(bits) != type_.bits:
        raise error(f"register {register.name[:40]} is {type_}, and starts with {len(bits)} bits")
    return Register(register.name, type_, Constant(type_, unflatten_bits([type_], np.array([bits], np.uint8))[0][0]))


def _read(path: Path) -> Module:
    return load_bundle(path).module()


LIM = Format("lim", (".json",), "programs of logic in memory, map.json beside ops.csv (to write them is a target)",
             lambda head: _SIGNATURE.match(head) is not None, _read)

__all__ = ["LIM", "Bundle", "load_bundle", "read_bundle"]
