"""A stream over an alphabet: only the inputs that happen, by number, and so a machine with few symbols."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import Builder, Constant, Func, Graph, Module, Port, Value, index_type
from circuitc.passes.automata import check_stream

MAX_SYMBOLS = 1 << 12


def over_alphabet(module: Module, symbols: Mapping[str, Any], name: str = "symbol") -> Module:
    """Give the same stream with one input, the number of a symbol, instead of its own.

    `symbols` has raw numbers [symbols, *shape] for each input port. Numbers beyond the symbols mean symbol 0.
    """
    func = module.entry
    check_stream(func)
    arrays = alphabet_arrays(func, symbols)
    count = len(arrays[0])
    if not isinstance(func.body, Graph):
        raise error(f"@{func.name} is a netlist: an alphabet is given to programs of ops")
    b = Builder()
    index = b.input(name, index_type(count))
    registers = [b.input(r.name, r.type) for r in func.registers]
    items: list[Value] = []
    for port, array in zip(func.inputs, arrays, strict=True):
        array = np.concatenate([array, np.repeat(array[:1], (1 << b.type(index).width) - count, axis=0)])
        rows = b.constant(Constant(port.type.with_shape(array.shape), array), f"{port.name}_symbols")
        items.append(b.apply("gather", rows, index, axis=0, name=port.name))
    new: dict[Value, Value] = dict(enumerate([*items, *registers]))
    for value, node in enumerate(func.body.nodes[func.body.inputs:], func.body.inputs):
        new[value] = b.copy(node, [new[v] for v in node.operands])
    body = b.finish([new[v] for v in func.body.outputs])
    spoken = replace(func, inputs=(Port(name, index_type(count), "step"),), body=body)
    return module.with_func(spoken)


def alphabet_arrays(func: Func, symbols: Mapping[str, Any]) -> list[Any]:
    """Give an alphabet as one array [symbols, *shape] of raw numbers for each input port."""
    arrays: list[Any] = []
    for port in func.inputs:
        if port.name not in symbols:
            raise error(f"the alphabet says nothing of the input {port.name}")
        array = np.asarray(symbols[port.name])
        if array.ndim != 1 + port.type.rank or array.shape[1:] != port.type.shape or not len(array):
            raise error(f"the alphabet has shape {list(array.shape)} for {port.name}, "
                        f"[symbols, {', '.join(map(str, port.type.shape))}] is needed")
        arrays.append(array.astype(port.type.dtype))
    if len({len(a) for a in arrays}) != 1:
        raise error("the alphabet has another number of symbols for each input")
    if len(arrays[0]) > MAX_SYMBOLS:
        raise error(f"an alphabet has at most {MAX_SYMBOLS} symbols, got {len(arrays[0])}")
    return arrays
