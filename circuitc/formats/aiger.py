"""The AIGER formats: and-inverter graphs, combinational or with latches, binary (`.aig`) and ASCII (`.aag`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from circuitc.backends.aiger import encode_ascii, encode_binary
from circuitc.backends.gate_level import Circuit, circuit_of, gate_level_faults
from circuitc.diagnostics import CircuitError
from circuitc.ir import Module

from .aiger_read import read_aiger
from .base import Format


def _written(module: Module, encode: Callable[[Circuit], bytes]) -> Mapping[str, bytes]:
    faults = gate_level_faults(module, "aiger")
    if faults:
        raise CircuitError(faults)
    return {"": encode(circuit_of(module))}


AIGER = Format("aiger", (".aig",), "and-inverter graphs, binary AIGER 1.9", lambda head: head.startswith(b"aig "),
               read_aiger, lambda module: _written(module, encode_binary))
AIGER_ASCII = Format("aiger-ascii", (".aag",), "and-inverter graphs, ASCII AIGER 1.9",
                     lambda head: head.startswith(b"aag "), read_aiger, lambda module: _written(module, encode_ascii))
