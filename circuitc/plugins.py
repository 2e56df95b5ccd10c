"""Find formats, passes and backends by name: one row each, imported when asked for.

To add one of ours, add a row `name -> "module:NAME"`. Other packages add theirs through the entry point groups
`circuitc.formats`, `circuitc.passes` and `circuitc.backends`; a name of ours always means ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from types import MappingProxyType
from typing import Any, Literal, TypeVar

from circuitc.diagnostics import error, nearest

PluginKind = Literal["format", "pass", "backend"]

# In the order in which `load` asks them whether a file is theirs: strict signatures first.
FORMATS: Mapping[str, str] = MappingProxyType({
    "aiger": "circuitc.formats.aiger:AIGER",
    "aiger-ascii": "circuitc.formats.aiger:AIGER_ASCII",
    "ccir": "circuitc.formats.ccir:CCIR",
    "ncd": "circuitc.formats.ncd:NCD",
    "pyncd": "circuitc.formats.pyncd:PYNCD",
    "mgvga": "circuitc.formats.mgvga:MGVGA",
    "mgvga-zip": "circuitc.formats.mgvga:MGVGA_ZIP",
    "bench": "circuitc.formats.bench:BENCH",
    "blif": "circuitc.formats.blif:BLIF",
    "boolearn": "circuitc.formats.boolearn:BOOLEARN",
    "verilog": "circuitc.formats.verilog:VERILOG",
    "graphml": "circuitc.formats.graphml:GRAPHML",
    "graph-json": "circuitc.formats.graph_json:GRAPH_JSON",
    "plrnn": "circuitc.formats.plrnn:PLRNN",
    "deepgate": "circuitc.formats.deepgate:DEEPGATE",
    "nir": "circuitc.formats.nir:NIR",
    "onnx": "circuitc.formats.onnx:ONNX",
    "torchlogix": "circuitc.formats.torchlogix:TORCHLOGIX",
    "model-json": "circuitc.formats.model_json:MODEL_JSON",
    "lim": "circuitc.formats.lim:LIM",
})

PASSES: Mapping[str, str] = MappingProxyType({
    "fold": "circuitc.passes.fold:Fold",
    "cse": "circuitc.passes.cse:Cse",
    "dce": "circuitc.passes.dce:Dce",
    "simplify": "circuitc.passes.simplify:Simplify",
    "ranges": "circuitc.passes.ranges:Ranges",
    "tabulate": "circuitc.passes.tabulate:Tabulate",
    "partition": "circuitc.passes.partition:Partition",
    "inline-calls": "circuitc.passes.inline_calls:InlineCalls",
    "shift-add": "circuitc.passes.shift_add:ShiftAdd",
    "fold-hardware": "circuitc.passes.fold_hardware:FoldHardware",
    "stream-rows": "circuitc.passes.stream_rows:StreamRows",
    "main": "circuitc.passes.main:Main",
    "late-broadcast": "circuitc.passes.laws.broadcast:LateBroadcast",
    "fuse-linear": "circuitc.passes.laws.fuse:FuseLinear",
    "merge-linear": "circuitc.passes.laws.merge:MergeLinear",
    "absorb-residual": "circuitc.passes.laws.residual:AbsorbResidual",
    "drop-dead-axes": "circuitc.passes.laws.dead_axes:DropDeadAxes",
    "reassociate": "circuitc.passes.laws.reassociate:Reassociate",
    "scalarize": "circuitc.passes.scalarize:Scalarize",
    "lower-to-gates": "circuitc.passes.lower_to_gates:LowerToGates",
    "strash": "circuitc.passes.strash:Strash",
    "sweep-dead": "circuitc.passes.sweep_dead:SweepDead",
    "to-aig": "circuitc.passes.to_aig:ToAig",
    "balance": "circuitc.passes.logic:Balance",
    "rewrite": "circuitc.passes.logic:Rewrite",
    "refactor": "circuitc.passes.logic:Refactor",
    "resubstitute": "circuitc.passes.logic:Resubstitute",
    "sat-sweep": "circuitc.passes.logic:SatSweep",
    "abc": "circuitc.passes.abc_script:Abc",
    "deep-synthesis": "circuitc.passes.logic:DeepSynthesis",
    "xor-maj": "circuitc.passes.xor_maj:XorMaj",
    "map-luts": "circuitc.passes.map_luts:MapLuts",
    "detect-thresholds": "circuitc.passes.detect_thresholds:DetectThresholds",
    "snap-thresholds": "circuitc.passes.snap_thresholds:SnapThresholds",
    "fit-thresholds": "circuitc.passes.fit_thresholds:FitThresholds",
    "quantize": "circuitc.passes.quantize:Quantize",
    "prune": "circuitc.passes.prune:Prune",
    "sparsify": "circuitc.passes.sparsify:Sparsify",
    "shrink": "circuitc.passes.shrink:Shrink",
    "extract-automaton": "circuitc.passes.extract_automaton:ExtractAutomaton",
})

BACKENDS: Mapping[str, str] = MappingProxyType({
    "llvm": "circuitc.backends.llvm:BACKEND",
    "verilog": "circuitc.backends.verilog:VERILOG",
    "aiger": "circuitc.backends.aiger:AIGER",
    "blif": "circuitc.backends.blif:BLIF",
    "crossbar": "circuitc.backends.crossbar.backend:CROSSBAR",
    "lim": "circuitc.backends.lim.backend:LIM",
})

_TABLES: Mapping[PluginKind, Mapping[str, str]] = MappingProxyType({
    "format": FORMATS, "pass": PASSES, "backend": BACKENDS})
_GROUPS: Mapping[PluginKind, str] = MappingProxyType({
    "format": "circuitc.formats", "pass": "circuitc.passes", "backend": "circuitc.backends"})

_REGISTERED: dict[str, Any] = {}  # passes of this process; the one table that grows, for scripts and notebooks
Class = TypeVar("Class", bound=type)


def register_pass(cls: Class) -> Class:
    """Make a pass class known to pipelines of this process under its own name; use it as a decorator.

    A package does better with an entry point, which every process sees. Registering a name again replaces the pass;
    a name of ours is refused.
    """
    name: str = cls.name()  # pyright: ignore[reportAttributeAccessIssue]  # Pass lives in a layer above
    if name in PASSES:
        raise error(f"{name} is a pass of circuitc's own", help="give the class another name")
    _REGISTERED[name] = cls
    return cls


def plugin_names(kind: PluginKind) -> tuple[str, ...]:
    """List the names of a kind: ours in table order, then those of other packages by name."""
    ours = _TABLES[kind]
    others = {entry.name for entry in _entries(kind)} | set(_REGISTERED if kind == "pass" else ())
    return (*ours, *sorted(others - set(ours)))


def load_plugin(kind: PluginKind, name: str) -> Any:
    """Import what a name stands for; an unknown name is refused with the nearest known one."""
    target = _TABLES[kind].get(name)
    if target is not None:
        module, _, attribute = target.partition(":")
        return getattr(import_module(module), attribute)
    if kind == "pass" and name in _REGISTERED:
        return _REGISTERED[name]
    for entry in _entries(kind):
        if entry.name == name:
            return _load_foreign(kind, entry)
    raise error(f"there is no {kind} named {name!r}", help=nearest(name, plugin_names(kind)))


def _entries(kind: PluginKind) -> Iterable[EntryPoint]:
    """Give other packages' entry points of a kind in an order that does not depend on how they were found."""
    return sorted(entry_points(group=_GROUPS[kind]), key=lambda entry: (entry.name, entry.value))


def _load_foreign(kind: PluginKind, entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except (ImportError, AttributeError) as e:
        package = entry.dist.name if entry.dist else entry.module
        raise error(f"the {kind} {entry.name} of package {package} cannot be imported: {e}",
                    help=f"update or remove {package}") from e
