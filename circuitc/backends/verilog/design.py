"""The design tree: everything that will be printed, decided."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from circuitc.ir import Module, Netlist, Type

from .interface import Interface
from .options import Options
from .spelling import Spelling


@dataclass(frozen=True, slots=True)
class Pin:
    """A port of a Verilog module."""

    id: str
    direction: str              # "input" or "output"
    type: Type
    comment: str = ""
    registered: bool = False    # `output reg`


@dataclass(frozen=True, slots=True)
class Item:
    """One item of a module: a pyverilog tree (or None: a remark on its own) and the comment printed with it.

    `drives` names the pins of an instance that are outputs.
    """

    tree: Any
    comment: str = ""
    drives: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Gates:
    """A netlist as the body of a module: the bits of its inputs and outputs, in order, by their Verilog spelling."""

    netlist: Netlist
    inputs: Sequence[str]
    outputs: Sequence[str]
    reserved: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pipeline:
    """A netlist with ranks of registers as the body of a module.

    The netlist of `gates` has the registers as inputs behind its own and their next values as outputs behind its own;
    `spelling` names every node, `remarks` are of those whose source's name could not be kept. `rank_of` tells in which
    rank each register is; `ranks` counts the last one too, which is the outputs.
    """

    gates: Gates
    spelling: Spelling
    remarks: Mapping[int, str]
    registers: tuple[str, ...]
    rank_of: tuple[int, ...]
    ranks: int
    valid: str
    advance: str
    clk: str
    reset: str
    reset_kind: str


@dataclass(frozen=True, slots=True)
class Unit:
    """One Verilog module: header, ports, a body of items, gates, or gates in a pipeline; modules that it alone uses."""

    name: str
    remarks: tuple[str, ...]
    pins: tuple[Pin, ...]
    body: tuple[Item, ...] | Gates | Pipeline
    helpers: tuple[Unit, ...] = ()
    memories: Mapping[str, bytes] = field(default_factory=dict[str, bytes])  # contents, by file


@dataclass(frozen=True, slots=True)
class Design:
    """A module of the IR as Verilog modules, callees first, the entry's last."""

    module: Module
    options: Options
    interfaces: Mapping[str, Interface]
    units: tuple[Unit, ...]
    figures: Mapping[str, Any] = field(default_factory=dict)
    bench: Mapping[str, bytes] = field(default_factory=dict)
    memories: Mapping[str, bytes] = field(default_factory=dict[str, bytes])

    @property
    def top(self) -> Interface:
        """The face of the entry func."""
        return self.interfaces[self.module.entry.name]
