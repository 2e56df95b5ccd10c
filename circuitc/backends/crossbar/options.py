"""The options of the crossbar target: `--option key=value`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from circuitc.diagnostics import CircuitError, Diagnostic, nearest

from .encoding import ENCODINGS

_CHOICES = {"encoding": ("auto", *ENCODINGS), "placement": ("margin", "load"), "spice": ("false", "true"),
            "certify": ("", "nominal", "window"), "periphery": ("true", "false"), "native": ("false", "true")}
_TEXTS = ("array", "encoding", "placement", "channels", "faults", "certify")


@dataclass(frozen=True, slots=True)
class Options:
    """What can be chosen: the array (a preset or a hardware file), how weights are held, and what is written beside.

    `placement` says how outputs get their places in a tile: by `margin` where that certifies more, or by `load` alone.
    `faults` is a CSV file `tile,row,col,kind`, `channels` a channel map in TOML, `certify` the certificate that every
    output must have; `periphery` and `native` say whether the digital side is printed, and as native code too.
    """

    array: str = "rram-128"
    encoding: str = "auto"
    placement: str = "margin"
    seed: int = 0
    spice: bool = False
    channels: str = ""
    faults: str = ""
    certify: str = ""
    periphery: bool = True
    native: bool = False


def parse_options(given: Mapping[str, str]) -> Options:
    """Read the options, or raise a CircuitError that says everything that is wrong with them."""
    found = wrong_options(given)
    if found:
        raise CircuitError(found)
    texts = {name: given[name] for name in _TEXTS if name in given}
    return Options(**texts, seed=int(given.get("seed", "0")), spice=given.get("spice") == "true",
                   periphery=given.get("periphery") != "false", native=given.get("native") == "true")


def wrong_options(given: Mapping[str, str]) -> list[Diagnostic]:
    """List what is wrong with the options."""
    names = [f.name for f in fields(Options)]
    wrong = [Diagnostic(f"the crossbar target has no option {name}", help=nearest(name, names))
             for name in given if name not in names]
    for name, choices in _CHOICES.items():
        value = given.get(name, choices[0])
        if value not in choices:
            wrong.append(Diagnostic(f"option {name}={value} is not one of {', '.join(c for c in choices if c)}",
                                    help=nearest(value, choices)))
    seed = given.get("seed", "0")
    if not (seed.isascii() and seed.isdigit() and len(seed) < 10):
        wrong.append(Diagnostic(f"option seed={seed} is not a whole number below 1000000000"))
    return wrong
