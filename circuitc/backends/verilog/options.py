"""The options of the Verilog target: `--option key=value`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from circuitc.diagnostics import CircuitError, Diagnostic, nearest

from .names import is_identifier

HANDSHAKE = ("in_valid", "in_ready", "in_last", "out_valid", "out_ready", "out_last")
GATE = 3  # inputs of the largest gate: what a level of a pipeline is without look-up tables
FLAGS = ("register_inputs", "rows", "axis")
LIMITS = {"vectors": (0, 1_000_000), "luts": (3, 8), "stages": (1, 1000), "levels_per_stage": (1, 1_000_000)}
ROMS = ("inline", "files")
MULTIPLIERS = ("auto", "shift-add", "dsp")


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen: names of modules, clock and reset, test vectors, tables, pipeline, faces, multipliers."""

    top: str = ""
    prefix: str = ""
    clk: str = "clk"
    reset: str = "rst"
    reset_kind: str = "sync"
    vectors: int = 64
    luts: int = 0               # inputs of the look-up tables that gates are mapped to; 0: not mapped
    stages: int = 0             # of a pipeline; 0: as `levels_per_stage` says
    levels_per_stage: int = 0   # of a pipeline; 0: no pipeline
    register_inputs: bool = False
    rows: bool = False          # inputs of a call come in row by row
    axis: bool = False          # whether an AXI-Stream wrapper is written beside the module
    roms: str = "inline"        # where tables stand: in the text, or in files beside it
    multipliers: str = "auto"   # what products with constants become, by the passes that are run before

    @property
    def pipelined(self) -> bool:
        return bool(self.stages or self.levels_per_stage)


def parse_options(given: Mapping[str, str]) -> Options:
    """Read the options, or raise a CircuitError that says everything that is wrong with them."""
    found = wrong_options(given)
    if found:
        raise CircuitError(found)
    read: dict[str, Callable[[str], Any]] = {**dict.fromkeys(LIMITS, int), **dict.fromkeys(FLAGS, "true".__eq__)}
    values: dict[str, Any] = {name: read.get(name, str)(value) for name, value in given.items()}
    return Options(**values)


def option_passes(given: Mapping[str, str]) -> str:
    """Give the passes that options ask for, to be run behind all others."""
    options = parse_options(given)
    if not options.luts and not options.pipelined:
        return ""
    tables = (f"map-luts{{k={options.luts},effort={'fast' if options.pipelined else 'good'}}}",) if options.luts else ()
    return ",".join((f"lower-to-gates{{tables={options.luts or GATE}}}", "sweep-dead", *tables))


def wrong_options(given: Mapping[str, str]) -> list[Diagnostic]:
    """List what is wrong with the options."""
    names = [f.name for f in fields(Options)]
    wrong = [Diagnostic(f"the verilog target has no option {name}", help=nearest(name, names))
             for name in given if name not in names]
    for name in ("top", "prefix", "clk", "reset"):
        value = given.get(name, "ok")
        if not (is_identifier(value) or (value == "" and name in ("top", "prefix"))):
            wrong.append(Diagnostic(f"option {name}={value} is not a verilog identifier",
                                    help="letters, digits and _, not a keyword"))
    clk, reset = given.get("clk", "clk"), given.get("reset", "rst")
    if clk == reset or {clk, reset} & set(HANDSHAKE):
        wrong.append(Diagnostic(f"options clk={clk} and reset={reset} need names of their own",
                                help=f"not each other's, and none of {', '.join(HANDSHAKE)}"))
    if given.get("reset_kind", "sync") not in ("sync", "async"):
        wrong.append(Diagnostic(f"option reset_kind={given['reset_kind']} is not one of sync, async"))
    if given.get("multipliers", "auto") not in MULTIPLIERS:
        wrong.append(Diagnostic(f"option multipliers={given['multipliers']} is not one of {', '.join(MULTIPLIERS)}"))
    if given.get("roms", "inline") not in ROMS:
        wrong.append(Diagnostic(f"option roms={given['roms']} is not one of {', '.join(ROMS)}"))
    return wrong + _wrong_numbers(given)


def _wrong_numbers(given: Mapping[str, str]) -> list[Diagnostic]:
    wrong: list[Diagnostic] = []
    for name, (low, high) in LIMITS.items():
        value = given.get(name, str(low))
        if not (value.isascii() and value.isdigit() and low <= int(value[:9]) <= high):
            bounds = f"up to {high}" if low == 0 else f"from {low} to {high}"
            wrong.append(Diagnostic(f"option {name}={value} is not a whole number {bounds}"))
    wrong += [Diagnostic(f"option {name}={given[name]} is not one of true, false") for name in FLAGS
              if given.get(name, "true") not in ("true", "false")]
    if "stages" in given and "levels_per_stage" in given:
        wrong.append(Diagnostic("options stages and levels_per_stage both say how to cut a pipeline", help="keep one"))
    if given.get("axis") == given.get("rows") == "true":
        wrong.append(Diagnostic("options axis and rows do not go together yet", help="keep one"))
    if "register_inputs" in given and not {"stages", "levels_per_stage"} & set(given):
        wrong.append(Diagnostic("option register_inputs is for pipelines", help="add stages or levels_per_stage"))
    return wrong
