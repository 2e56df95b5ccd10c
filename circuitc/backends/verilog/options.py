"""The options of the Verilog target: `--option key=value`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from circuitc.diagnostics import CircuitError, Diagnostic, nearest

from .names import is_identifier

HANDSHAKE = ("in_valid", "in_ready", "in_last", "out_valid", "out_ready", "out_last")
MAX_VECTORS = 1_000_000
MULTIPLIERS = ("auto", "shift-add", "dsp")


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen: the top module's name, a prefix of all module names, clock and reset, test vectors."""

    top: str = ""
    prefix: str = ""
    clk: str = "clk"
    reset: str = "rst"
    reset_kind: str = "sync"
    vectors: int = 64
    axis: bool = False          # whether an AXI-Stream wrapper is written beside the module
    multipliers: str = "auto"   # what products with constants become, by the passes that are run before


def parse_options(given: Mapping[str, str]) -> Options:
    """Read the options, or raise a CircuitError that says everything that is wrong with them."""
    found = wrong_options(given)
    if found:
        raise CircuitError(found)
    known = {name: value for name, value in given.items() if name not in ("vectors", "axis")}
    return Options(**known, vectors=int(given.get("vectors", Options().vectors)), axis=given.get("axis") == "true")


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
    if given.get("axis", "true") not in ("true", "false"):
        wrong.append(Diagnostic(f"option axis={given['axis']} is not one of true, false"))
    if given.get("multipliers", "auto") not in MULTIPLIERS:
        wrong.append(Diagnostic(f"option multipliers={given['multipliers']} is not one of {', '.join(MULTIPLIERS)}"))
    vectors = given.get("vectors", "0")
    if not (vectors.isascii() and vectors.isdigit() and int(vectors[:9]) <= MAX_VECTORS):
        wrong.append(Diagnostic(f"option vectors={vectors} is not a whole number up to {MAX_VECTORS}"))
    return wrong
