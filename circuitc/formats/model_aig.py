"""From a model.json of kind `aig` to a netlist."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import Source, Span, error
from circuitc.ir import BIT, ONCE, STREAM, Constant, Func, Module, Port, Register, aig, module_of
from circuitc.ir.func import Rate
from circuitc.models.btf import Terminal

from .aiger_read import read_aiger
from .array_files import read_array
from .files import companion_path, identifier
from .model_btf import MAX_BITS, exact_type, refuse_twice, terminal
from .schema import AigLatch, AigModel, AigOutput, FileArray
from .schema.base import NAME, NAME_WORDS

Nodes = NDArray[np.integer]

MAX_LITERAL = (1 << 31) - 1
_GRAPH_KEYS = ("inputs", "ands", "outputs", "latches", "names")


def build_aig(model: AigModel, path: Path, source: Source) -> Module:
    """Give the module of an and-inverter graph, from the AIGER file it names or from its own keys."""
    given = [key for key in _GRAPH_KEYS if getattr(model, key) is not None]
    if model.aiger is not None:
        if given:
            raise error(f"the model names an AIGER file, and has the key {given[0]} too", Span(source, path=given[0]),
                        "leave one of them out")
        return _read_aiger(model, path, source)
    if model.inputs is None or model.outputs is None:
        raise error(f"the key {'inputs' if model.inputs is None else 'outputs'} is missing", Span(source),
                    "or name an AIGER file with the key aiger")
    return _inline(model, path, source)


def _read_aiger(model: AigModel, path: Path, source: Source) -> Module:
    assert model.aiger is not None
    span = Span(source, path="aiger")
    file = companion_path(path, model.aiger, span)
    if not file.is_file():
        raise error(f"there is no file {model.aiger} beside the model", span)
    module = read_aiger(file)
    if model.name is None:
        return module
    func = module.entry
    return module_of(Func(model.name, func.inputs, func.outputs, func.body, func.registers, func.schedule))


def _inline(model: AigModel, path: Path, source: Source) -> Module:
    latches = model.latches or []
    inputs = [terminal(port, BIT, source, f"inputs[{k}]") for k, port in enumerate(model.inputs or ())]
    bits = sum(t.type.bits for t in inputs)
    if bits + len(latches) > MAX_BITS:
        raise error(f"{bits} input bits are more than the {MAX_BITS} that are read", Span(source, path="inputs"))
    if latches and not inputs:
        raise error("a model with latches needs an input", Span(source, path="inputs"))
    first = 1 + bits + len(latches)
    ands = _ands(model, first, path, source)
    top = 2 * (first + len(ands)) - 1
    rate = "step" if latches else "call"
    outputs, literals = _outputs(model.outputs or (), rate, top, source)
    registers = _registers(latches, source)
    literals += [_literal(latch.next, top, Span(source, path=f"latches[{k}].next")) for k, latch in enumerate(latches)]
    refuse_twice([*(t.name for t in inputs), *(r.name for r in registers)], "inputs", source)
    refuse_twice([port.name for port in outputs], "outputs", source)
    own = _own_nodes(inputs, first + len(ands))
    body = aig(bits + len(latches), _moved(own, ands), _moved(own, np.array(literals, np.int64)),
               _names(model, first, first + len(ands), source))
    ports = tuple(Port(t.name, t.type, rate, t.port.encoding) for t in inputs)
    return module_of(Func(model.name or identifier(path.stem), ports, outputs, body, registers,
                          STREAM if latches else ONCE))


def _own_nodes(inputs: Sequence[Terminal], nodes: int) -> Nodes:
    """Give for each node of the file the netlist's node: they differ where a number's highest bit comes first."""
    own = np.arange(nodes)
    start = 1
    for t in inputs:
        labels = range(start, start + t.type.bits)
        own[t.flat_order(labels)] = labels
        start += t.type.bits
    return own


def _moved(own: Nodes, literals: Nodes) -> Nodes:
    return own[literals >> 1] << 1 | (literals & 1)


def _ands(model: AigModel, first: int, path: Path, source: Source) -> Nodes:
    """Give the fan-in literals of the AND gates, int64[n, 2], each below its gate."""
    span = Span(source, path="ands")
    if isinstance(model.ands, FileArray):
        array = read_array(path, model.ands.file, model.ands.array, 2, span)
        if array.dtype.kind == "f" or array.shape[1] != 2:
            raise error(f"ands are pairs of whole numbers, got {array.dtype} of shape {list(array.shape)}", span)
        ands = array.astype(np.int64)
    else:
        pairs = model.ands or []
        if any(abs(n) > MAX_LITERAL for pair in pairs for n in pair):
            raise error(f"a literal is more than {MAX_LITERAL}", span)
        ands = np.array(pairs, np.int64).reshape(-1, 2)
    gate = first + np.arange(len(ands))
    wrong = (ands < 0) | (ands >> 1 >= gate[:, None])
    if wrong.any():
        row, column = (int(n) for n in np.argwhere(wrong)[0])
        raise error(f"gate {gate[row]} cannot read literal {ands[row, column]}", Span(source, path=f"ands[{row}]"),
                    f"it reads nodes before it: literals 0 to {2 * gate[row] - 1}")
    return ands


def _literal(literal: int, top: int, span: Span) -> int:
    if not 0 <= literal <= top:
        raise error(f"there is no literal {literal}, literals are 0 to {top}", span)
    return literal


def _outputs(outputs: Sequence[AigOutput], rate: Rate, top: int, source: Source) -> tuple[tuple[Port, ...], list[int]]:
    """Give the output ports and the literals of their bits."""
    ports: list[Port] = []
    literals: list[int] = []
    for k, output in enumerate(outputs):
        path = f"outputs[{k}]"
        count = len(output.literals)
        t = BIT if count == 1 else BIT.with_shape((count,))
        if output.type is not None:
            t = exact_type(output.type, Span(source, path=f"{path}.type"))
        if t.bits != count:
            raise error(f"{t} has {t.bits} bits, got {count} literals", Span(source, path=f"{path}.literals"))
        ports.append(Port(output.name, t, rate))
        literals += [_literal(n, top, Span(source, path=f"{path}.literals")) for n in output.literals]
    return tuple(ports), literals


def _registers(latches: Sequence[AigLatch], source: Source) -> tuple[Register, ...]:
    initial = {0: Constant(BIT, 0), 1: Constant(BIT, 1), "free": None}
    return tuple(Register(latch.name or f"l{k}", BIT, initial[latch.initial]) for k, latch in enumerate(latches))


def _names(model: AigModel, first: int, nodes: int, source: Source) -> dict[int, str]:
    """Give the names of gates by node."""
    names: dict[int, str] = {}
    for key, name in (model.names or {}).items():
        span = Span(source, path=f"names.{key[:40]}")
        if not re.fullmatch(r"[1-9]\d{0,9}", key) or not first <= int(key) < nodes:
            raise error(f"{key[:40]!r} is not the number of a gate", span, f"gates are nodes {first} to {nodes - 1}")
        if not re.fullmatch(NAME, name) or len(name) > 200:
            raise error(f"{name[:40]!r} is not {NAME_WORDS}", span)
        names[int(key)] = name
    return dict(sorted(names.items()))
