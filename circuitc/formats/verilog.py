"""Verilog and SystemVerilog as model files, read through Yosys: registers, memories, hierarchies, parameters."""

from __future__ import annotations

import re
from pathlib import Path

from circuitc.diagnostics import Source, Span, error
from circuitc.ir import Module

from .base import Format, read_bytes
from .yosys import read_verilog

_COMMENT = re.compile(rb"//[^\n]*|/\*.*?(?:\*/|\Z)|\(\*.*?\*\)", re.DOTALL)
_START = re.compile(rb"(?:\s|`[a-z_]+[^\n]*(?:\n|\Z)|import\s+\w[^;]*;)*"
                    rb"(?:module|macromodule|package|interface)\s+[\w\\$]")
_SYSTEM = (".sv", ".svh")
_TEXT = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_MODULE = re.compile(r"(\(\*[^*]*\btop\b[^*]*\*\)\s*)?"
                     r"\b(?:macro)?module\s+(?:automatic\s+|static\s+)?([A-Za-z_][\w$]*)")
_USE = re.compile(r"\b([A-Za-z_][\w$]*)\s*(?:#\s*\(|#\s*\d|\\\S+\s|[A-Za-z_][\w$]*\s*(?:\[[^\]]*\]\s*)*\()")


def sniff(head: bytes) -> bool:
    """Tell Verilog by its first word after comments and directives: module, package or interface."""
    return _START.match(_COMMENT.sub(b" ", head)) is not None


def is_verilog(path: Path) -> bool:
    """Tell by its ending whether a file is a Verilog source."""
    return path.suffix.lower() in VERILOG.endings


def read(path: Path, top: str = "") -> Module:
    """Read a design, its gates named by their origin; without `top` it is the module that `choose_top` finds."""
    top = top or choose_top(read_bytes(path).decode(errors="replace"), str(path))
    return read_verilog(path, top, system=path.suffix.lower() in _SYSTEM, origins=True)


def choose_top(text: str, name: str) -> str:
    """Find the top module of a source, or refuse with a list of those that it could be; empty lets Yosys choose.

    It looks at the text: a name after which another name and a parenthesis come, parameters between, is used.
    """
    plain = _TEXT.sub(" ", text)
    modules = list(_MODULE.finditer(plain))
    marked = [m[2] for m in modules if m[1]]
    names = list(dict.fromkeys(m[2] for m in modules))
    if len(marked) == 1 or len(names) <= 1:
        return (marked or names or [""])[0]
    bodies = _MODULE.sub(" ", plain)
    used = set(_USE.findall(bodies))
    free = [module for module in marked or names if marked or module not in used]
    if len(free) > 1:
        shown = ", ".join(free[:8]) + (", ..." if len(free) > 8 else "")
        raise error(f"the top could be any of {shown}", Span(Source(name)),
                    f"mark one, as in `(* top *) module {free[0]}`, or leave the others out")
    return free[0] if free else ""


VERILOG = Format("verilog", (".v", ".sv"), "Verilog and SystemVerilog designs, read through Yosys", sniff, read)
