"""The options of the lim target: `--option key=value`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from circuitc.diagnostics import CircuitError, Diagnostic, nearest

from .synthesis import EFFORTS

LOGICS = ("magic", "rm3")
_CHOICES = {"logic": LOGICS, "effort": tuple(EFFORTS), "reuse_inputs": ("true", "false"),
            "minimal_row": ("true", "false")}
_NUMBERS = {"row": (1, 1 << 20), "rows": (1, 1 << 20), "fan_in": (2, 8)}


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen.

    `row` is how many cells a row has and `rows` how many rows the array has; with `minimal_row` the smallest row that
    is found is taken instead. `fan_in` bounds the inputs of a NOR. With `reuse_inputs` the cells of inputs serve again
    once nothing reads them. `effort` is how long gates are saved: `low` only maps what is given.
    """

    logic: str = "magic"
    row: int = 512
    rows: int = 512
    fan_in: int = 2
    reuse_inputs: bool = False
    minimal_row: bool = False
    effort: str = "normal"


def parse_options(given: Mapping[str, str]) -> Options:
    """Read the options, or raise a CircuitError that says everything that is wrong with them."""
    found = wrong_options(given)
    if found:
        raise CircuitError(found)
    values: dict[str, Any] = {name: given[name] for name in ("logic", "effort") if name in given}
    values |= {name: given[name] == "true" for name in ("reuse_inputs", "minimal_row") if name in given}
    values |= {name: int(given[name]) for name in _NUMBERS if name in given}
    return Options(**values)


def wrong_options(given: Mapping[str, str]) -> list[Diagnostic]:
    """List what is wrong with the options."""
    names = [f.name for f in fields(Options)]
    wrong = [Diagnostic(f"the lim target has no option {name}", help=nearest(name, names))
             for name in given if name not in names]
    for name, choices in _CHOICES.items():
        if name in given and given[name] not in choices:
            wrong.append(Diagnostic(f"option {name}={given[name]} is not one of {', '.join(choices)}",
                                    help=nearest(given[name], choices)))
    for name, (least, most) in _NUMBERS.items():
        text = given.get(name)
        if text is not None and not (text.isascii() and text.isdigit() and len(text) < 10
                                     and least <= int(text) <= most):
            wrong.append(Diagnostic(f"option {name}={text} is not a whole number from {least} to {most}"))
    if given.get("logic") == "rm3" and "fan_in" in given:
        wrong.append(Diagnostic("option fan_in is for logic=magic: an rm3 step has three inputs"))
    if given.get("minimal_row") == "true" and "row" in given:
        wrong.append(Diagnostic("options row and minimal_row=true exclude each other"))
    return wrong
