"""From a model.json of kind `gnn` to the func of a graph program or of a trained processor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from circuitc.diagnostics import CircuitError, Source, Span, error, nearest
from circuitc.ir import Module, Port, Type, encode, parse_type
from circuitc.models.gnn import ALGORITHMS, GraphProgram, Message, Options, Probe, State, compile_program
from circuitc.models.gnn.graphs import edge_matrix, sender_lists
from circuitc.models.gnn.parameters import compiled_weights
from circuitc.models.gnn.processors import build_processor, processor_of

from .array_files import array_names, read_array
from .files import identifier
from .schema import FileArray, GnnModel, GnnProgram
from .schema.gnn import GnnGraph, GnnMessage

MAX_ARRAYS = 1000


def build_gnn(model: GnnModel, path: Path, source: Source) -> Module:
    """Give the module of a graph algorithm, of the model's own program, or of one step of a processor."""
    given = [key for key in ("algorithm", "program", "processor") if getattr(model, key) is not None]
    if len(given) != 1:
        raise error("a gnn model has one of algorithm, program and processor"
                    + (f", got {' and '.join(given)}" if given else ""), Span(source, path=given[1] if given else ""))
    if model.processor is not None:
        return _processor(model, path, source)
    program = _program(model, source)
    module = _placed(source, "", lambda: _compiled(model, program, path, source))
    name = model.name or identifier(path.stem)
    func = replace(module.entry, name=name)
    return Module({name: func}, name, name, module.facts)


def _placed(source: Source, place: str, work: Any) -> Any:
    """Give errors of the models' layer the place in the file that they belong to."""
    try:
        return work()
    except CircuitError as e:
        first = e.diagnostics[0]
        if first.span is not None:
            raise
        raise error(first.message, Span(source, path=place), first.help) from None


def _program(model: GnnModel, source: Source) -> GraphProgram:
    if model.program is not None:
        own = model.program
        return _placed(source, "program", lambda: graph_program(own))
    assert model.algorithm is not None
    if model.algorithm not in ALGORITHMS:
        raise error(f"there is no algorithm {model.algorithm[:40]!r}", Span(source, path="algorithm"),
                    nearest(model.algorithm, ALGORITHMS))
    return ALGORITHMS[model.algorithm]


def graph_program(model: GnnProgram) -> GraphProgram:
    """Give the graph program that a model writes down."""
    inputs = {name: Probe(p.location, p.kind) for name, p in model.inputs.items()}
    state = {name: State(Probe(s.location, s.kind), s.initial, s.update, s.hint, s.output, s.classes, s.bound,
                         _positive(s.scale, "scale")) for name, s in model.state.items()}
    steps = {name: Message(s.where, s.score, s.aggregate) if isinstance(s, GnnMessage) else s
             for name, s in model.steps.items()}
    return GraphProgram(model.name, inputs, state, steps, model.halt, model.limit)


def _positive(number: Any, what: str) -> float:
    if not number > 0:
        raise error(f"a {what} of {number} is not above 0")
    return float(number)


def _compiled(model: GnnModel, program: GraphProgram, path: Path, source: Source) -> Module:
    options = Options(model.n, _weight(model, program, source), model.directed, model.degree, model.padded, model.hints,
                      model.clrs_inputs, model.attention, model.selection, _positive(model.temperature, "temperature"),
                      {k: _type(t, Span(source, path=f"types.{k}")) for k, t in model.types.items()}, model.folded)
    weights = None
    if model.parameters is not None:
        own = compiled_weights(program, model.n)
        weights = own.with_arrays(_arrays(model.parameters, path, Span(source, path="parameters")))
    graph = _placed(source, "graph", lambda: _graph(model, options, program, path, source))
    return compile_program(program, options, weights, graph)


def _weight(model: GnnModel, program: GraphProgram, source: Source) -> Type:
    if model.weight is not None:
        return _type(model.weight, Span(source, path="weight"))
    counts = any(s.probe.kind == "scalar" and s.scale == 1.0 for s in program.state.values())
    return parse_type("u8" if counts else "bit")


def _type(text: str, span: Span) -> Type:
    try:
        return parse_type(text[:200])
    except CircuitError as e:
        raise error(e.diagnostics[0].message, span, "weights are bit, u8, ufx<8,4>, ..., or f32") from None


def _graph(model: GnnModel, options: Options, program: GraphProgram, path: Path, source: Source) -> dict[str, Any]:
    """Give the inputs that a given graph makes constant, as raw numbers."""
    if model.graph is None:
        return {}
    if "A" not in program.inputs:
        raise error(f"{program.name} has no input A")
    A = _matrix(model.graph, model, path, source)
    lists = sender_lists(A, model.degree) if model.degree else {"A": A}
    t = options.weight.with_shape(lists["A"].shape)
    if options.is_exact and np.any(np.ldexp(lists["A"].astype(float), t.fraction) % 1):
        raise error(f"a weight is not a number of {options.weight}", help="take a type with more bits behind the point")
    return {**lists, "A": encode(Port("A", t), lists["A"][None])[0]}


def _matrix(graph: GnnGraph, model: GnnModel, path: Path, source: Source) -> Any:
    if (graph.edges is None) == (graph.A is None):
        raise error("a graph is given by edges or by A")
    if graph.edges is not None:
        return _edge_matrix(graph.edges, model, source)
    A = _rows(graph.A, model, path, source)
    if A.shape != (model.n, model.n):
        raise error(f"A needs shape [{model.n}, {model.n}], got {list(A.shape)}", Span(source, path="graph.A"))
    if not model.directed and not np.array_equal(A, A.T):
        raise error("A is not symmetric, and the model is not directed", Span(source, path="graph.A"))
    return A


def _rows(rows: Any, model: GnnModel, path: Path, source: Source) -> Any:
    if isinstance(rows, FileArray):
        return read_array(path, rows.file, rows.array, 2, Span(source, path="graph.A"))
    if len(rows) != model.n or any(len(row) != model.n for row in rows):
        raise error(f"A has {model.n} rows of {model.n} numbers", Span(source, path="graph.A"))
    return np.array([[float(x) for x in row] for row in rows])


def _edge_matrix(edges: Any, model: GnnModel, source: Source) -> Any:
    for k, (i, j, weight) in enumerate(edges):
        span = Span(source, path=f"graph.edges[{k}]")
        if not all(isinstance(x, int) and 0 <= x < model.n for x in (i, j)):
            raise error(f"nodes are 0 to {model.n - 1}, got {i} and {j}", span)
        if not weight > 0:
            raise error(f"a weight is above 0, got {weight}", span)
    return edge_matrix(model.n, [(i, j, float(w)) for i, j, w in edges], directed=model.directed)


def _arrays(file: str, path: Path, span: Span) -> Mapping[str, Any]:
    names = array_names(path, file, span)
    if len(names) > MAX_ARRAYS:
        raise error(f"{file} has {len(names)} arrays, more than {MAX_ARRAYS}", span)
    return {name: read_array(path, file, name, None, span) for name in names}


def _processor(model: GnnModel, path: Path, source: Source) -> Module:
    assert model.processor is not None
    span = Span(source, path="parameters")
    if model.parameters is None:
        raise error("a processor needs parameters, the file with its trained weights", Span(source))
    arrays, kind = _arrays(model.parameters, path, span), model.processor
    found = _placed(source, "parameters", lambda: processor_of(kind, arrays, model.heads, gated=model.gated))
    return _placed(source, "n", lambda: build_processor(found, model.n, model.name or identifier(path.stem)))
