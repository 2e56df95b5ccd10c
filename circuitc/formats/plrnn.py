"""A trained piecewise-linear network as it is saved: a `.npz` of A, W, h and P, or of another variant's arrays.

A model.json of kind `plrnn` says more about such a file; alone, it is read with what follows from its arrays:

    P -> alrnn    W1 -> shallow    alpha -> dendritic    else vanilla
    L, [units - observed, observed] -> the input `x0` is the first observation; else the state starts from z0, or,
    without z0, from the input `z0`
    steps, one number -> how many steps a call takes; without it 1000

The func answers what is observed at each step, `y`, and the pattern of open relus, `code`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from circuitc.diagnostics import Source, Span, error
from circuitc.ir import Module

from .array_files import array_names, read_array
from .base import Format
from .model_cells import build_plrnn
from .schema import SCHEMA, PlrnnModel, validate

STEPS = 1000
_NAMES = frozenset(("A", "W", "h", "P", "L", "B", "b", "C", "z0", "alpha", "H", "W1", "W2", "h1", "h2", "steps"))


def sniff(head: bytes) -> bool:
    """Tell such a file by the name of its first array."""
    name = head[30:30 + int.from_bytes(head[26:28], "little")]
    return head.startswith(b"PK\3\4") and name.endswith(b".npy") and name[:-4].decode("latin-1") in _NAMES


def read(path: Path) -> Module:
    """Read the network as a func that runs on its own."""
    source = Source(str(path))
    span = Span(source)
    names = set(array_names(path, path.name, span))
    if not {"A", "h"} <= names and not {"A", "h1"} <= names:
        raise error(f"{path.name} is no piecewise-linear network: it has no arrays A and h", span)
    given: dict[str, Any] = {"schema": SCHEMA, "kind": "plrnn", "weights": path.name, "code": "code",
                             "variant": _variant(names), "steps": _steps(path, names, span)}
    if "L" in names:
        given["start"] = {"name": "x0"}
    elif "z0" not in names:
        given["start"] = {"name": "z0", "kind": "state"}
    return build_plrnn(validate(PlrnnModel, given, source), path, source)


def _variant(names: set[str]) -> str:
    rows = (("P", "alrnn"), ("W1", "shallow"), ("alpha", "dendritic"))
    return next((variant for array, variant in rows if array in names), "vanilla")


def _steps(path: Path, names: set[str], span: Span) -> int:
    if "steps" not in names:
        return STEPS
    found = read_array(path, path.name, "steps", None, span)
    if found.size != 1 or found.dtype.kind not in "iu":
        raise error(f"steps is one whole number, got an array {found.dtype}{list(found.shape)}", span)
    return int(found.flat[0])


PLRNN = Format("plrnn", (".npz",), "a trained piecewise-linear recurrent network: A, W, h, P and so on", sniff, read)

__all__ = ["PLRNN", "STEPS"]
