"""The crossbar target: tables that say for each device of an array what it holds and how its lines are driven."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from circuitc.backends.base import Emission
from circuitc.diagnostics import CircuitError, Diagnostic
from circuitc.ir import Func, Graph, Module, Port

from .bundle import bundle_files
from .design import Design, design_of
from .options import parse_options, wrong_options
from .periphery import no_periphery, periphery
from .regions import region_of


class Crossbar:
    """Write a bundle: devices, routing, references and certificates of every threshold and constant product."""

    name = "crossbar"

    def check(self, module: Module, options: Mapping[str, str]) -> list[Diagnostic]:
        """Collect wrong options, regions that no array can hold, and programs with nothing for one."""
        found = wrong_options(options)
        regions = [f for f in module.funcs.values() if f.target == "crossbar"]
        for func in regions:
            try:
                region_of(func)
            except CircuitError as e:
                found += e.diagnostics
        left = [d for f in module.funcs.values() if not f.target for d in _left_over(f)]
        return found + (left if left or regions else [_nothing(module)])

    def build(self, module: Module, options: Mapping[str, str]) -> Design:
        """Decide where every weight lies and how every output is read."""
        wrong = self.check(module, options)
        if wrong:
            raise CircuitError(wrong)
        return design_of(module, parse_options(options))

    def emit(self, design: Design) -> Emission:
        """Print the bundle."""
        side = periphery(design) if design.options.periphery else no_periphery("not asked for")
        files = bundle_files(design, side.files)
        ports = _ports(design.module.entry) if side.ports is None else side.ports
        said = {"periphery": side.verilog, "native_periphery": side.native}
        return Emission("map.json", files, ports, {**figures(design), **said})


CROSSBAR = Crossbar()


def _left_over(func: Func) -> Iterator[Diagnostic]:
    """Find what an array could do if it were written in exact numbers, or outlined."""
    if not isinstance(func.body, Graph):
        return
    nodes = func.body.nodes
    for value in sorted(func.body.live):
        node = nodes[value]
        constants = [nodes[v].is_constant for v in node.operands]
        if node.op not in ("threshold", "contract") or sum(constants) != len(constants) - 1:
            continue
        if node.op == "contract" and node.attributes["semiring"] != "plus_times":
            continue
        floats = any(nodes[v].type.is_float for v in node.operands)
        yield Diagnostic(f"%{node.name}: {node.op} {'works on floats' if floats else 'is not outlined for the array'}",
                         node.span, f"run the pass {'quantize' if floats else 'partition'} before")


def _nothing(module: Module) -> Diagnostic:
    gates = any(not isinstance(f.body, Graph) for f in module.funcs.values())
    return Diagnostic(f"@{module.entry.name} has no threshold and no product with constant weights that an array "
                      "could compute", module.entry.span,
                      "gates have neither: keep the thresholds (leave lower-to-gates out)" if gates else
                      "threshold networks and linear layers have them")


def _ports(func: Func) -> dict[str, Any]:
    def listed(ports: tuple[Port, ...], direction: str) -> list[dict[str, Any]]:
        return [{"name": p.name, "direction": direction, "type": str(p.type), "rate": p.rate} for p in ports]

    return {"schema": "circuitc.ports/1", "func": func.name,
            "ports": [*listed(func.inputs, "input"), *listed(func.results, "output")]}


def figures(design: Design) -> dict[str, Any]:
    """Count what the report shows: exact counts, no model of cost."""
    outputs, array = design.outputs, design.array
    tiles = [t for m in design.regions for t in m.mapped.tiles]
    used = sum(int(t.used.sum()) for t in tiles)
    kinds = Counter(o.kind for o in outputs)
    reads = sum(len(o.columns) * len(m.mapped.region.planes) * m.mapped.region.times
                for m in design.regions for o in m.outputs if o.kind == "adc")
    total = len(tiles) * array.array.rows * array.array.cols
    return {"array": array.name, "encodings": ", ".join(sorted({m.mapped.encoding.name for m in design.regions})),
            "tiles": len(tiles), "devices": used, "outputs": len(outputs),
            "certified_nominal": sum(o.nominal for o in outputs), "certified_window": sum(o.window for o in outputs),
            "nominal_by_placement": sum(m.gained[0] for m in design.regions),
            "window_by_placement": sum(m.gained[1] for m in design.regions),
            "window_percent": f"{100 * array.device.window_rel:g}",
            "comparators": kinds["comparator"], "conversions": reads,
            "constant_outputs": kinds["constant"], "split_outputs": sum(m.mapped.split for m in design.regions),
            "adc_bits_most": max((c.bits for o in outputs if o.kind == "adc" for c in o.columns), default=0),
            "wrong_weights": sum(m.mapped.residual for m in design.regions),
            "bad_devices_on_tiles": sum(int((t.fault != 0).sum()) for t in tiles),
            "used_percent": f"{100 * used / total:.1f}" if total else "0", "certify": design.options.certify}
