"""The Verilog target: refuse what it cannot take, decide the modules, print them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from pyverilog.vparser import ast

from circuitc.backends.base import Emission
from circuitc.diagnostics import CircuitError, Diagnostic
from circuitc.ir import OPS, Func, Graph, Module, Netlist, Node, Type

from .axis import axis_wrapper
from .body import graph_items, word_of
from .clocked import clocked_unit
from .design import Design, Gates, Item, Pin, Pipeline, Unit
from .gates import gate_lines
from .interface import Interface, Signal, called, interfaces, item_func, needed, row_count
from .item_steps import item_unit
from .names import Names, one_line
from .options import Options, parse_options, wrong_options
from .pipelined import pipeline_lines, pipelined_unit, stages_of
from .portmap import latency, port_map
from .printer import declaration, item_lines
from .rows import REFUSALS, ROWS, STRUCTURAL
from .stages import Stages
from .testbench import random_vectors, self_checking_bench
from .tree import range_of
from .usage import sink_unread_bits


class Verilog:
    """Synthesizable Verilog-2001 with a test bench; options top, prefix, clk, reset, reset_kind, vectors,
    luts, stages, levels_per_stage, register_inputs, rows, roms, multipliers, axis."""

    name = "verilog"

    def check(self, module: Module, options: Mapping[str, str]) -> list[Diagnostic]:
        """Collect everything the target cannot take, in all funcs that the entry needs."""
        found = wrong_options(options)
        found = found or [*_wrong_pipeline(module.entry, parse_options(options)),
                          *_wrong_rows(module.entry, parse_options(options)),
                          *_wrong_roms(module.entry, parse_options(options))]
        for func in needed(module):
            found += _wrong_ports(func)
            if isinstance(func.body, Graph):
                for value in sorted(func.body.live if item_func(module, func) is None else ()):
                    found += _wrong_node(module, func.body, func.body.nodes[value])
        return found

    def build(self, module: Module, options: Mapping[str, str]) -> Design:
        """Decide every module, port, wire and test vector."""
        wrong = self.check(module, options)
        if wrong:
            raise CircuitError(wrong)
        chosen = parse_options(options)
        stages = stages_of(module.entry.body, chosen) if isinstance(module.entry.body, Netlist) else None
        faces = interfaces(module, chosen, stages.count + chosen.register_inputs if stages else 0)
        units = tuple(u for face in faces.values() for unit in _units(face, faces, chosen, stages)
                      for u in (*unit.helpers, unit))
        memories = {name: content for u in units for name, content in u.memories.items()}
        design = Design(module, chosen, faces, units, _figures(module, units, faces[module.entry.name]),
                        memories=memories)
        return _with_bench(design)

    def emit(self, design: Design) -> Emission:
        """Print the design."""
        name = design.top.module
        text = "\n".join(_file_lines(design.units)).encode()  # once: a million gates are 35 MB
        files = {f"{name}.v": text, **design.bench, **design.memories}
        if design.options.axis:
            files[f"{name}_axis.v"] = axis_wrapper(design.top).encode()
        figures = {**design.figures, "lines": text.count(b"\n")}
        return Emission(f"{name}.v", files, port_map(design), figures)


VERILOG = Verilog()

# Verilator wants a file for each module; one file is easier to hand on.
_ONE_FILE = "/* verilator lint_off DECLFILENAME */"


def _wrong_ports(func: Func) -> list[Diagnostic]:
    typed = [*((p.name, p.type) for p in (*func.inputs, *func.outputs)), *((r.name, r.type) for r in func.registers)]
    wrong = [Diagnostic(f"@{func.name}: {name} is {t}, and verilog has no floats", func.span,
                        "run the pass quantize before") for name, t in typed if t.is_float]
    if not func.outputs:
        wrong.append(Diagnostic(f"@{func.name} has no outputs, so there is nothing to print", func.span))
    return wrong


def _wrong_pipeline(func: Func, options: Options) -> list[Diagnostic]:
    """Refuse to pipeline what has registers of its own: a step would see its state too late."""
    if not options.pipelined:
        return []
    if not func.is_combinational:
        return [Diagnostic(f"@{func.name} runs by the schedule {func.schedule} and is not pipelined: each step needs "
                           "the registers as the one before left them", func.span,
                           "leave stages and levels_per_stage out, or pipeline a combinational func")]
    if isinstance(func.body, Graph):
        return [Diagnostic(f"the body of @{func.name} is a graph of typed ops, and pipelines are cut in gates",
                           func.span, "run the pass lower-to-gates first")]
    return []


def _wrong_rows(func: Func, options: Options) -> list[Diagnostic]:
    """Refuse rows where inputs are items of steps already, or tensors do not share their first axis."""
    if not options.rows:
        return []
    if func.is_combinational or any(func.is_stepped(p) for p in func.inputs):
        return [Diagnostic(f"rows=true is for funcs that take their inputs once and then run, and @{func.name} is not "
                           "one", func.span, "leave rows out")]
    if row_count(func) < 2:
        shapes = ", ".join(f"{p.name}: {p.type}" for p in func.inputs)
        return [Diagnostic(f"rows=true needs inputs with one first axis of at least 2 rows, and @{func.name} takes "
                           f"({shapes})", func.span, "leave rows out")]
    return []


def _wrong_roms(func: Func, options: Options) -> list[Diagnostic]:
    """Refuse files of tables where there is no clock: a table without a register is no memory."""
    if options.roms == "inline" or not func.is_combinational:
        return []
    return [Diagnostic(f"roms=files is for funcs that step, and @{func.name} is combinational", func.span,
                       "run the pass fold-hardware, or leave roms out")]


def _wrong_node(module: Module, graph: Graph, node: Node) -> Iterator[Diagnostic]:
    types = [graph.nodes[v].type for v in node.operands]
    say = f"{node.origin}: %{node.name}" if node.origin and node.span is None else f"%{node.name}"
    if node.op in REFUSALS:
        refusal = REFUSALS[node.op]
        yield Diagnostic(f"{say}: {node.op} {refusal.reason}", node.span, refusal.help)
    elif node.op != "input" and any(t.is_float for t in (node.type, *types)):
        yield Diagnostic(f"{say}: {node.op} works on floats, and verilog has none", node.span,
                         "run the pass quantize before")
    elif node.op == "call":
        callee = module.func(node.attributes["func"])
        if not callee.is_combinational:
            yield Diagnostic(f"{say}: @{callee.name} is called, but its schedule is {callee.schedule}", node.span,
                             "verilog instantiates combinational funcs: inline the callee or lift its registers; or "
                             "let a step do nothing but call an iterate func on its inputs and registers")
    elif node.op == "table" and not graph.nodes[node.operands[1]].is_constant:
        yield Diagnostic(f"{say}: the table is computed at run time, and verilog prints constant ones", node.span,
                         "give the table as a constant")
    elif _has_tensors(node, types):
        yield Diagnostic(f"{say}: {node.op} works on tensors ({node.type})", node.span, "run the pass scalarize before")
    elif node.op in OPS and node.op not in ROWS and node.op not in STRUCTURAL:
        yield Diagnostic(f"{say}: verilog has no row for {node.op}", node.span)


def _has_tensors(node: Node, types: Sequence[Type]) -> bool:
    """Tell whether a node works on tensors where its row takes scalars."""
    if node.op in ("table", "pack"):
        return bool(node.type.shape)
    return node.op in ROWS and (any(t.shape for t in types) or (bool(node.type.shape) and node.op != "stack"))


def _units(face: Interface, faces: Mapping[str, Interface], options: Options,
           stages: Stages | None) -> Iterator[Unit]:
    """Decide the one or two modules of a func."""
    func = face.func
    title = f"@{func.name}: {_signature(func)}"
    if face.ranks and stages is not None:
        gates = _pure_unit(face, face.module, (), faces, options).body
        assert isinstance(gates, Gates), "checked before"
        yield pipelined_unit(face, (title,), gates, stages, options)
        return
    if not face.clocked:
        yield _pure_unit(face, face.module, (title,), faces, options)
        return
    if face.item is not None:
        yield item_unit(face, faces[face.item.name], (f"{title}, {func.schedule}",))
        return
    yield _pure_unit(face, face.step, (f"One step of {title}",), faces, options)
    yield clocked_unit(face, (f"{title}, {func.schedule}",))


def _signature(func: Func) -> str:
    text = ", ".join(f"{p.name}: {p.type}" for p in func.inputs)
    return f"({text}) -> ({', '.join(f'{p.name}: {p.type}' for p in func.outputs)})"


def _pure_unit(face: Interface, name: str, remarks: tuple[str, ...], faces: Mapping[str, Interface],
               options: Options) -> Unit:
    """Decide a combinational module: the body of a func."""
    inputs, outputs = face.step_inputs(), face.step_outputs()
    pins = tuple(Pin(s.id, "input", s.type, str(s.type)) for s in inputs) + tuple(
        Pin(s.id, "output", s.type, str(s.type)) for s in outputs)
    reserved = (face.module, face.step, *[s.id for s in (*inputs, *outputs)],
                *[f.module for f in faces.values()], *[f.step for f in faces.values()])
    body = face.func.body
    if isinstance(body, Netlist):
        return Unit(name, remarks, pins, Gates(body, _bits(inputs), _bits(outputs), reserved))
    callees = {callee: faces[callee] for callee in called(face.func)}
    scope = graph_items(body, inputs, outputs, Names(*reserved), callees, name, memory_files=options.roms == "files")
    sink_unread_bits(scope, [word_of(s) for s in inputs])
    return Unit(name, remarks, pins, tuple(scope.items), tuple(scope.helpers.values()), scope.memories or {})


def _bits(signals: Sequence[Signal]) -> list[str]:
    """Spell every bit of signals, in order."""
    return [bit for s in signals for bit in (
        [s.id] if s.is_scalar_bit else [f"{s.id}[{k}]" for k in range(s.type.bits)])]


def _file_lines(units: Sequence[Unit]) -> Iterator[str]:
    """Print all modules, an empty line between them and a line end behind the last."""
    if len(units) > 1:
        yield _ONE_FILE
    for k, unit in enumerate(units):
        if k:
            yield ""
        yield from unit_lines(unit)
    yield ""


def unit_lines(unit: Unit) -> list[str]:
    """Print one module."""
    lines = [*(f"// {one_line(remark)}" for remark in unit.remarks), f"module {unit.name} ("]
    for k, pin in enumerate(unit.pins):
        comma = "," if k + 1 < len(unit.pins) else ""
        lines.append(f"  {_pin(pin)}{comma}" + (f"  // {one_line(pin.comment)}" if pin.comment else ""))
    lines.append(");")
    return [*lines, *_body_lines(unit), "endmodule"]


def _body_lines(unit: Unit) -> list[str]:
    match unit.body:
        case Gates() as gates:
            return gate_lines(gates)
        case Pipeline() as pipeline:
            return pipeline_lines(pipeline)
        case items:
            return [line for item in items for line in _item(item)]


def _pin(pin: Pin) -> str:
    t = pin.type
    variable = ast.Wire(pin.id, range_of(t.bits, t.bits == 1 and not t.shape), t.signed and not t.shape)
    return declaration(f"{pin.direction} {'reg' if pin.registered else 'wire'}", variable)


def _item(item: Item) -> list[str]:
    if item.tree is None:
        return [f"  // {one_line(item.comment)}"]
    first, *rest = item_lines(item.tree)
    comment = f"  // {one_line(item.comment)}" if item.comment else ""
    return [f"  {first}{comment}", *[f"  {line}" for line in rest]]


def _figures(module: Module, units: Sequence[Unit], top: Interface) -> dict[str, Any]:
    """Count what the report shows."""
    netlists = [u.body.gates if isinstance(u.body, Pipeline) else u.body for u in units]
    gates = sum(n.netlist.gates for n in netlists if isinstance(n, Gates))
    items = sum(len(n) for n in netlists if not isinstance(n, Gates))
    pipes = [u.body for u in units if isinstance(u.body, Pipeline)]
    registers = sum(len(p.gates.netlist.outputs) + p.ranks for p in pipes)
    nodes = [f.body.nodes[v] for f in needed(module) if isinstance(f.body, Graph) for v in f.body.live]
    return {"modules": len(units), "gates": gates, "ops": sum(n.op in OPS for n in nodes), "items": items,
            "trusted_to_fit": sum(n.attributes.get("overflow") == "never" for n in nodes),
            "latency": latency(top), "registers": registers}


def _with_bench(design: Design) -> Design:
    """Add the test bench, with answers of the interpreter to random vectors."""
    if design.options.vectors == 0:
        return design
    vectors, state = random_vectors(design, design.options.vectors)
    try:
        bench = self_checking_bench(design.module, design, vectors, state=state)
    except CircuitError as e:  # random numbers may break a promise of the model, such as overflow=never
        return replace(design, figures={**design.figures, "test_bench": f"none: {e.diagnostics[0].message}"})
    return replace(design, bench=bench)
