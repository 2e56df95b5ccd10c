"""Check a module against the rules of the IR: infer again and compare. Lists everything that is wrong.

Invariants:
 1. every op is known, its operands come before it, its attributes are those of its record, all of them, and a
    constant has the type of its content;
 2. a declared type holds what the operands' types imply, or what the range analysis proves (`ranges.py`);
 3. bodies take and give exactly the types of the func's ports, registers and (for `until`) the done bit;
 4. names of ports and registers are unique; `once` has no registers; a stream has a step input; counts are
    1 to 2**31-1;
 5. calls name a func and an output that exist, with operands of its input types, and never lead back to themselves;
 6. a netlist keeps the invariants of its encoding (`netlist_analysis.broken_invariants`) and has no float ports;
 7. initial values of registers have the register's type;
 8. encodings are usable: a finite scale that is not 0, a zero point of 64 bits, finite levels and only on bits;
 9. a module has a main func, and each func stands under its own name.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from math import isfinite

from circuitc.diagnostics import CircuitError, Diagnostic, Span, nearest

from .constant import Constant
from .func import MAX_STEPS, Func, Module, Port
from .graph import Graph, Node
from .netlist import Netlist
from .netlist_analysis import broken_invariants
from .ops import OPS, find_op
from .ranges import proves
from .types import Type


def verify_module(module: Module) -> None:
    """Raise a CircuitError with everything that is wrong with a module, or return."""
    found = list(_module(module))
    found += [d for func in module.funcs.values() for d in _func(module, func)]
    found += _cycles(module)
    if found:
        raise CircuitError(found)


def _module(module: Module) -> Iterator[Diagnostic]:
    if not module.funcs:
        yield Diagnostic("a module has at least one func")
    elif module.main and module.main not in module.funcs:
        yield Diagnostic(f"the main func @{module.main} is not in the module", help=nearest(module.main, module.funcs))
    for name, func in module.funcs.items():
        if name != func.name:
            yield Diagnostic(f"@{func.name} stands under the name @{name}", func.span)


def _func(module: Module, func: Func) -> Iterator[Diagnostic]:
    say = partial(Diagnostic, span=func.span)
    yield from (say(f"@{func.name}: {text}") for text in _header(func))
    if isinstance(func.body, Netlist):
        yield from (say(f"@{func.name}: {text}") for text in _netlist(func, func.body))
        return
    broken = list(_nodes(module, func, func.body))
    yield from broken
    if not 0 <= func.body.inputs <= len(func.body.nodes):
        yield say(f"@{func.name}: a body of {len(func.body.nodes)} values cannot have {func.body.inputs} inputs")
    elif any(not 0 <= v < len(func.body.nodes) for v in func.body.outputs):
        yield say(f"@{func.name}: an output is not a value of the body")
    else:
        yield from (say(f"@{func.name}: {text}") for text in _interface(func, func.body))


def _header(func: Func) -> Iterator[str]:
    results = [p.name for p in func.outputs] + ["converged", "steps"] * (func.schedule.kind == "until")
    for what, names in (("input or register", [p.name for p in func.inputs] + [r.name for r in func.registers]),
                        ("output", results)):
        yield from (f"{what} %{name} stands twice" for name in sorted({n for n in names if names.count(n) > 1}
                                                                      if len(set(names)) < len(names) else ()))
    if not 1 <= func.schedule.count <= MAX_STEPS:
        yield f"a schedule of {func.schedule.count} steps is outside 1..{MAX_STEPS}"
    if func.schedule.kind == "once" and func.registers:
        yield "a func that runs once has no registers"
    if func.schedule.kind == "stream" and func.inputs and all(p.rate != "step" for p in func.inputs):
        yield "a stream needs an input that has a value each step"
    for r in func.registers:
        if r.initial is not None and r.initial.type != r.type:
            yield f"register %{r.name} is {r.type}, its initial value is {r.initial.type}"
    for p in (*func.inputs, *func.outputs):
        yield from (f"port %{p.name} {text}" for text in _encoding(p))


def _encoding(port: Port) -> Iterator[str]:
    e = port.encoding
    if not isfinite(e.scale) or e.scale == 0:
        yield f"has a scale of {e.scale}, which no number can be divided by"
    if not isfinite(e.offset):
        yield f"has an offset of {e.offset}, which is not finite"
    if not -(1 << 63) <= e.zero_point < 1 << 63:
        yield "has a zero point beyond 64 bits"
    if e.levels and not port.type.is_bit:
        yield f"has thermometer levels but is {port.type}, not bits"
    if not all(map(isfinite, e.levels)):
        yield "has a thermometer level that is not finite"


def _netlist(func: Func, netlist: Netlist) -> Iterator[str]:
    yield from broken_invariants(netlist)
    for what, types, count in (("inputs", func.body_inputs, netlist.inputs),
                               ("outputs", func.body_outputs, len(netlist.outputs))):
        if any(t.is_float for t in types):
            yield f"a netlist has bits, its {what} have floats"
        elif sum(t.bits for t in types) != count:
            yield f"the netlist has {count} {what}, the ports have {sum(t.bits for t in types)} bits"


def _interface(func: Func, graph: Graph) -> Iterator[str]:
    for what, wanted, found in (("inputs", func.body_inputs, graph.input_types),
                                ("outputs", func.body_outputs, graph.output_types)):
        if len(wanted) != len(found):
            yield f"the body has {len(found)} {what}, the header needs {len(wanted)}"
            continue
        for k, (w, f) in enumerate(zip(wanted, found, strict=True)):
            if w != f:
                yield f"{what[:-1]} {_label(func, what, k)} is {w}, the body has {f}"


def _label(func: Func, what: str, index: int) -> str:
    ports = func.inputs if what == "inputs" else func.outputs
    names = [p.name for p in ports] + [r.name for r in func.registers] + ["(done)"]
    return f"%{names[index]}"


def _nodes(module: Module, func: Func, graph: Graph) -> Iterator[Diagnostic]:
    suspicious: list[int] = []
    refused = False
    for value, node in enumerate(graph.nodes):
        if value < graph.inputs or node.op == "input":
            if node.op != "input" or value >= graph.inputs:
                refused = True
                yield _say(node, "inputs stand first in a body and nowhere else")
            elif node.operands:
                refused = True
                yield _say(node, "an input reads nothing")
            continue
        if any(not 0 <= v < value for v in node.operands):
            yield _say(node, "an operand does not come before its use")
            return
        try:
            if not _agrees(module, graph, node):
                suspicious.append(value)
        except CircuitError as e:
            refused = True
            yield from (Diagnostic(d.message, d.span or node.span, d.help, d.notes) for d in e.diagnostics)
    if not refused:
        yield from _unproved(graph, suspicious)


def _agrees(module: Module, graph: Graph, node: Node) -> bool:
    """Tell whether a node's declared type holds what its operands' types imply; raise where it cannot be right."""
    types = [graph.nodes[v].type for v in node.operands]
    if node.op in ("constant", "call"):
        (_check_constant if node.op == "constant" else partial(_check_call, module))(node, types)
        return True
    record = find_op(node.op)
    full = record.complete(node.attributes)
    if full != dict(node.attributes):
        raise CircuitError(_say(node, f"{node.op} does not hold all its attributes in their own form",
                                "make nodes with Builder.apply, which fills them in"))
    inferred = record.result_type(types, full, node.type)
    if inferred.shape != node.type.shape or inferred.kind != node.type.kind:
        raise CircuitError(_say(node, f"{node.op} of {_list(types)} is {inferred}, declared {node.type}"))
    return node.type == inferred if record.declares or inferred.is_float else node.type.holds(inferred)


def _unproved(graph: Graph, values: Sequence[int]) -> Iterator[Diagnostic]:
    """Ask the range analysis about declared types that are narrower than the operands' types imply."""
    if not values:
        return
    proved = proves(graph, values)
    for value in values:
        node = graph.nodes[value]
        if not proved[value]:
            types = [graph.nodes[v].type for v in node.operands]
            inferred = OPS[node.op].result_type(types, node.attributes, node.type) if node.op in OPS else node.type
            yield _say(node, f"{node.op} of {_list(types)} needs {inferred}, declared {node.type}",
                       f"declare {inferred}, or requantize the result")


def _check_constant(node: Node, types: Sequence[Type]) -> None:
    content = node.attributes.get("value")
    if not isinstance(content, Constant) or types:
        raise CircuitError(_say(node, "a constant has a content and no operands"))
    if content.type != node.type:
        raise CircuitError(_say(node, f"the constant is {content.type}, declared {node.type}"))


def _check_call(module: Module, node: Node, types: Sequence[Type]) -> None:
    if set(node.attributes) != {"func", "output"} or not all(isinstance(v, str) for v in node.attributes.values()):
        raise CircuitError(_say(node, "a call names a func and an output"))
    func = module.func(node.attributes["func"], node.span)
    if len(types) != len(func.inputs):
        raise CircuitError(_say(node, f"@{func.name} takes {len(func.inputs)} operands, got {len(types)}"))
    steps: set[int] = set()
    for port, t in zip(func.inputs, types, strict=True):
        shape = t.shape
        if func.is_stepped(port):
            steps.add(shape[0] if shape else 0)
            shape = shape[1:]
        if t.with_shape(shape) != port.type:
            raise CircuitError(_say(node, f"@{func.name} takes {_call_type(func, port)} as %{port.name}, got {t}"))
    result = func.result(node.attributes["output"], node.span)
    length = func.schedule.count if func.schedule.kind in ("iterate", "until") else max(steps, default=1)
    if len(steps) > 1 or (steps and steps != {length}):
        raise CircuitError(_say(node, f"@{func.name} takes {length} steps of each step input, got {sorted(steps)}"))
    wanted = result.type
    if func.is_stepped(result):
        wanted = wanted.with_shape((length, *wanted.shape))
    if node.type != wanted:
        raise CircuitError(_say(node, f"output %{result.name} of @{func.name} is {wanted}, declared {node.type}"))


def _call_type(func: Func, port: Port) -> str:
    return f"steps of {port.type} (first axis)" if func.is_stepped(port) else str(port.type)


def _cycles(module: Module) -> Iterator[Diagnostic]:
    """Find funcs that call themselves, over any number of calls."""
    callees = {f.name: sorted({str(n.attributes.get("func", "")) for n in f.body.nodes if n.op == "call"})
               if isinstance(f.body, Graph) else [] for f in module.funcs.values()}
    finished: set[str] = set()
    for start in callees:
        path: list[tuple[str, Iterator[str]]] = [(start, iter(callees[start]))] if start not in finished else []
        open_names = {start}
        while path:
            name, rest = path[-1]
            callee = next((c for c in rest if c in callees and c not in finished), None)
            if callee is None:
                finished.add(name)
                open_names.discard(name)
                path.pop()
            elif callee in open_names:
                yield Diagnostic(f"@{callee} calls itself", module.funcs[callee].span, "there is no recursion")
                return
            else:
                open_names.add(callee)
                path.append((callee, iter(callees[callee])))


def _list(types: Sequence[Type]) -> str:
    return " and ".join(map(str, types)) or "nothing"


def _say(node: Node, message: str, help: str = "") -> Diagnostic:
    span: Span | None = node.span
    prefix = "" if span else f"{node.origin or '%' + node.name}: "
    return Diagnostic(prefix + message, span, help)
