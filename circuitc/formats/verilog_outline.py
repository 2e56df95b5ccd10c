"""The structure of a Verilog source as its author wrote it: modules and what they declare, with lines and comments.

pyverilog's tree says it for Verilog-2001. What that parser does not take (SystemVerilog, macros, some declarations) is
asked of Yosys, which knows names and lines and fewer kinds; `Outline.reader` and `Outline.note` say so.
"""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

from circuitc.diagnostics import error
from circuitc.tools import run_yosys

from .origins import parse_places
from .verilog_files import gather

MAX_CHARACTERS = 1_000_000  # that pyverilog is given: about ten seconds
_COMMENT = re.compile(r'"(?:\\.|[^"\\\n])*"|//(?P<line>[^\n]*)|/\*(?P<block>.*?)(?:\*/|\Z)', re.DOTALL)
_KINDS = ("input", "output", "inout", "reg", "wire", "integer", "parameter", "localparam", "genvar")


@dataclass(frozen=True, slots=True)
class Declared:
    """A name that a module declares: `kind` is the Verilog word, `module` for an instance.

    Yosys knows only `input`, `output`, `inout`, `module`, `reg` where it found a flip-flop, else `signal`.
    """

    name: str
    kind: str
    line: int
    comment: str = ""


@dataclass(frozen=True, slots=True)
class ModuleOutline:
    """A module: where it begins, the comment above it, and what it declares in the order of the source."""

    name: str
    line: int
    comment: str
    declared: tuple[Declared, ...]


@dataclass(frozen=True, slots=True)
class Outline:
    """The modules of a source; `reader` is who parsed it, `note` why that was not pyverilog, if it was not."""

    modules: tuple[ModuleOutline, ...]
    reader: Literal["pyverilog", "yosys"]
    note: str = ""


def outline(path: Path) -> Outline:
    """Outline a `.v` or `.sv` file; raises CircuitError where neither reader takes it."""
    text = gather(path).text
    comments = comments_of(text)
    modules, note = _by_pyverilog(text, comments)
    return Outline(modules, "pyverilog") if modules else Outline(_by_yosys(path, comments), "yosys", note)


def comments_of(text: str) -> dict[int, str]:
    """Give comments by the line that they speak of: their own if code stands before them, else the next with code."""
    found: dict[int, str] = {}
    waiting: list[str] = []
    lines = text.splitlines()
    spans = [(m.start(), m.end(), (m["line"] if m["line"] is not None else m["block"]))
             for m in _COMMENT.finditer(text) if m[0][0] != '"']
    bare = list(text)
    for start, end, _ in spans:
        bare[start:end] = [c if c == "\n" else " " for c in text[start:end]]
    has_code = [bool(line.strip()) for line in "".join(bare).splitlines()] + [False] * len(lines)
    starting: dict[int, list[str]] = {}
    for start, _, words in spans:
        starting.setdefault(text.count("\n", 0, start), []).append(" ".join(words.replace("*", " ").split()))
    for line in range(len(lines)):
        if has_code[line]:
            said = [*starting.get(line, []), *([] if line in starting else waiting)]
            waiting = []
            if any(said):
                found[line + 1] = " ".join(filter(None, said))
        elif line in starting:
            waiting += starting[line]
        elif not lines[line].strip():
            waiting = []
    return found


@cache
def _parser() -> Any:
    """Build pyverilog's parser, which takes over a second, once."""
    from pyverilog.vparser.parser import VerilogParser
    with tempfile.TemporaryDirectory() as folder:
        return VerilogParser(outputdir=folder, debug=False)


def _by_pyverilog(text: str, comments: dict[int, str]) -> tuple[tuple[ModuleOutline, ...], str]:
    """Outline by pyverilog's tree: the modules, or none and why."""
    if len(text) > MAX_CHARACTERS:
        return (), f"the source has more than {MAX_CHARACTERS:,} characters"
    parser = _parser()
    parser.lexer.reset_lineno()
    try:
        tree = parser.parse(text)
        return tuple(_module(node, comments) for node in tree.description.definitions
                     if type(node).__name__ == "ModuleDef"), "pyverilog finds no module"
    except Exception as e:  # pyverilog raises its own ParseError, and others from within its actions
        _parser.cache_clear()  # a parser that failed keeps its place in the text
        return (), f"pyverilog does not take it: {' '.join(str(e).split()) or type(e).__name__}"


def _module(node: Any, comments: dict[int, str]) -> ModuleOutline:
    line = int(node.lineno)
    declared = {(d.name, d.kind): d for d in _declared(node, comments)}
    return ModuleOutline(str(node.name), line, comments.get(line, ""), tuple(declared.values()))


def _declared(node: Any, comments: dict[int, str]) -> Iterator[Declared]:
    """Walk a tree for declarations and instances; a comment on the module's own line speaks of the module."""
    waiting = [node]
    while waiting:
        at = waiting.pop()
        kind = type(at).__name__.lower()
        if kind in _KINDS or kind == "instance":
            line = int(at.lineno)
            yield Declared(str(at.name), "module" if kind == "instance" else kind, line,
                           "" if line == node.lineno else comments.get(line, ""))
        waiting += reversed(at.children())


def _by_yosys(path: Path, comments: dict[int, str]) -> tuple[ModuleOutline, ...]:
    """Outline by Yosys's reader: names and lines."""
    gathered = gather(path)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gathered.write(folder)
        system = " -sv" if path.suffix.lower() == ".sv" else ""
        done = run_yosys([f"read_verilog{system} source", "proc -noopt", "write_json outline.json"], folder=folder,
                         seconds=120)
        if not done.ok or not (folder / "outline.json").is_file():
            raise error(f"{path}: neither pyverilog nor Yosys takes it; `circuitc convert` says where Yosys stops")
        design = json.loads((folder / "outline.json").read_text())
    modules = [_of_json(label.lstrip("\\"), module, comments) for label, module in design["modules"].items()]
    return tuple(sorted(modules, key=lambda m: (m.line, m.name)))


def _of_json(name: str, module: Any, comments: dict[int, str]) -> ModuleOutline:
    """Outline a module of Yosys's JSON; words of memories are signals `name[k]` there, and one signal here."""
    line, kinds = _line(module), {n: row["direction"] for n, row in module["ports"].items()}
    stored = {bit for cell in module["cells"].values() for bit in cell["connections"].get("Q", ())}
    rows = [(n.partition("[")[0], kinds.get(n, "reg" if stored & set(row["bits"]) else "signal"), _line(row))
            for n, row in module["netnames"].items() if "$" not in n]
    rows += [(n, "module", _line(row)) for n, row in module["cells"].items() if "$" not in n + row["type"]]
    declared = {(n, at): Declared(n, kind, at, "" if at == line else comments.get(at, ""))
                for n, kind, at in sorted(rows, key=lambda row: (row[2], row[0]))}
    return ModuleOutline(name, line, comments.get(line, ""), tuple(declared.values()))


def _line(row: Any) -> int:
    places = parse_places(row["attributes"].get("src", "").split("|")[0])
    return places[0].line if places else 0
