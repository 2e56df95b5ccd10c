"""Commands that tell: show, passes, targets, formats, ops, doctor."""

from __future__ import annotations

import inspect
import json
from enum import StrEnum
from typing import Annotated, Any

import typer

import circuitc
from circuitc.driver import load
from circuitc.ir import OPS, Graph, Module, Netlist, print_module
from circuitc.passes import NAMED, describe_option, find_pass, option_types, run_passes
from circuitc.plugins import load_plugin, plugin_names

from .app import app
from .compile import Json, Model, ModelOptions, pairs_of
from .diagram import cost_lines, costs, svg
from .output import say, table


class View(StrEnum):
    """How to show a model."""

    TEXT = "text"
    STATS = "stats"
    DOT = "dot"
    ORDER = "order"
    LATTICE = "lattice"
    SVG = "svg"
    COST = "cost"


@app.command("show")
def show_command(
    model: Model,
    passes: Annotated[str | None, typer.Option(help="A pipeline to run first.")] = None,
    format: Annotated[View, typer.Option(help=(
        "IR text, figures, a Graphviz graph, a neural circuit diagram (svg), what it costs, or a recurrent network's "
        "order or lattice."))] = View.TEXT,
    cut: Annotated[str, typer.Option(help="How an order cuts cycles: scc, unroll, fca, orient.")] = "fca",
    density: Annotated[float, typer.Option(help="The share of weights that are edges of an order.")] = 0.02,
    model_option: ModelOptions = None,
    as_json: Json = False,
) -> None:
    """Show a model as the compiler sees it: as IR text, as figures, as a graph, as a diagram, or by its costs."""
    if format is View.SVG:
        print(svg(model, passes), end="")
        return
    if format is View.COST:
        found = costs(model, passes)
        say(cost_lines(found), found.rows(), as_json)
        return
    module = load(model, options=pairs_of(model_option or (), "--model-option"))
    if passes:
        module = run_passes(module, passes)
    if as_json or format is View.STATS:
        figures = statistics(module)
        say((line for name, rows in figures.items() for line in [f"@{name}", *table(
            (f"  {k}", str(v)) for k, v in rows.items())]), figures, as_json)
        return
    if format in (View.ORDER, View.LATTICE):
        from circuitc.passes.prune import draw_order

        print(draw_order(module, cut=cut, density=density, lattice=format is View.LATTICE), end="")
        return
    print(print_module(module) if format is View.TEXT else _dot(module), end="")


def statistics(module: Module) -> dict[str, dict[str, Any]]:
    """Count what is in each func: ports, registers, ops or gates by kind, depth."""
    figures: dict[str, dict[str, Any]] = {}
    for func in module.funcs.values():
        rows: dict[str, Any] = {
            "schedule": str(func.schedule),
            "inputs": ", ".join(f"{p.name}: {p.type}" for p in func.inputs[:8]) + (
                f", ... {len(func.inputs) - 8} more" if len(func.inputs) > 8 else ""),
            "outputs": ", ".join(f"{p.name}: {p.type}" for p in func.outputs[:8]) + (
                f", ... {len(func.outputs) - 8} more" if len(func.outputs) > 8 else ""),
            "registers": len(func.registers)}
        if isinstance(func.body, Netlist):
            rows |= {"gates": func.body.gates, "depth": func.body.depth, **func.body.count()}
        else:
            names = [n.op for n in func.body.nodes[func.body.inputs:] if not n.is_constant]
            rows |= {"ops": len(names), **{op: names.count(op) for op in sorted(set(names))}}
        figures[func.name] = rows
    return figures


def _dot(module: Module) -> str:
    """Draw the main func for Graphviz: one box a value, one arrow an operand."""
    body = module.entry.body
    lines = ["digraph circuit {", "  rankdir=LR; node [shape=box, fontname=monospace];"]
    if isinstance(body, Graph):
        for value, node in enumerate(body.nodes):
            lines.append(f"  n{value} [label={json.dumps(f'{node.name}: {node.op}{chr(10)}{node.type}')}];")
            lines += [f"  n{v} -> n{value};" for v in node.operands]
        lines += [f"  n{v} -> o{k}; o{k} [label=out{k}, shape=oval];" for k, v in enumerate(body.outputs)]
    else:
        from circuitc.ir import Kind

        for node in range(1, body.nodes):
            lines.append(f"  n{node} [label={json.dumps(f'{node} {Kind(int(body.kind[node])).name.lower()}')}];")
            lines += [f"  n{int(f) >> 1} -> n{node}{' [style=dashed]' if f & 1 else ''};" for f in body.fanins(node)]
        lines += [f"  n{int(o) >> 1} -> o{k}{' [style=dashed]' if o & 1 else ''}; o{k} [label=out{k}, shape=oval];"
                  for k, o in enumerate(body.outputs)]
    return "\n".join([*lines, "}", ""])


@app.command("passes")
def passes_command(as_json: Json = False) -> None:
    """List the passes with their options, and the named pipelines."""
    rows: list[tuple[str, ...]] = []
    value: dict[str, Any] = {}
    for name in plugin_names("pass"):
        cls = find_pass(name)
        first = (inspect.getdoc(cls) or "").splitlines()[0]
        options = {key: describe_option(t) for key, t in option_types(cls).items()}
        value[name] = {"doc": first, "exact": cls.exact, "options": options}
        rows.append((name, "exact" if cls.exact else "approximate", first))
    lines = [*table(rows), "", "pipelines", *table((f"  {k}", ",".join(v)) for k, v in NAMED.items())]
    say(lines, {"passes": value, "pipelines": dict(NAMED)}, as_json)


@app.command("targets")
def targets_command(as_json: Json = False) -> None:
    """List the targets and their options."""
    value: dict[str, str] = {}
    for name in plugin_names("backend"):
        value[name] = (inspect.getdoc(type(load_plugin("backend", name))) or "").splitlines()[0]
    say(table(value.items()), value, as_json)


@app.command("formats")
def formats_command(
    schema: Annotated[str, typer.Option(metavar="KIND", help="Print the JSON Schema of a kind of model.json.")] = "",
    as_json: Json = False,
) -> None:
    """List the file formats, or print the JSON Schema of a kind of model.json."""
    from circuitc.formats import formats
    from circuitc.formats.model_json import schema as model_schema

    if schema:
        print(json.dumps(model_schema(schema), indent=2, sort_keys=True))
        return
    rows = [(f.name, " ".join(f.endings),
             ("read" if f.read else "") + ("+write" if f.write or f.rewrite else ""), f.doc)
            for f in formats()]
    options = {f.name: dict(f.options) for f in formats() if f.options}
    lines = [f"--model-option of {name}: {key}={doc}" for name, held in options.items() for key, doc in held.items()]
    say([*table(rows), *lines], {r[0]: {"endings": r[1].split(), "access": r[2], "doc": r[3],
                                        "options": options.get(r[0], {})} for r in rows}, as_json)


@app.command("ops")
def ops_command(as_json: Json = False) -> None:
    """List the ops of the IR."""
    say(table((op.name, op.doc) for op in OPS.values()), {op.name: op.doc for op in OPS.values()}, as_json)


@app.command("doctor")
def doctor_command(as_json: Json = False) -> None:
    """Say which outside tools were found, and what is missing without them."""
    from circuitc.tools import TOOLS, tool_version

    found = {name: tool_version(name) for name in TOOLS}
    rows = [("circuitc", circuitc.__version__, "")]
    rows += [(name, version or "missing", TOOLS[name].purpose + ("" if version else f" ({TOOLS[name].install})"))
             for name, version in found.items()]
    say(table(rows), {"circuitc": circuitc.__version__, **found}, as_json)


def _version(wanted: bool) -> None:
    if wanted:
        print(f"circuitc {circuitc.__version__}")
        raise typer.Exit


@app.callback()
def common(version: Annotated[bool, typer.Option("--version", help="Print the version.", callback=_version,
                                                 is_eager=True)] = False) -> None:
    """Hold the options that stand before a command."""


__all__ = ["statistics"]
