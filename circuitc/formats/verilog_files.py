"""Gather what a Verilog source reads: included files and memory contents, from its own folder and below only.

Yosys opens any file that a source names, and calls C functions that it imports. A source from someone we do not know
may do neither: each such place must name its file in plain text, and what hides names from us (pasted tokens) is
refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from circuitc.diagnostics import CircuitError, Source, Span, error

from .base import read_bytes
from .files import companion_path

MAIN = "source"                # what Yosys finds the source as; the others keep their names
MAX_FILES = 1000
_TAKEN = (MAIN, "script.ys", "design.aig", "map.txt", "ports.json", "origins.json", "outline.json", "drivers.il")
MAX_COMPANION_BYTES = 1 << 26

_SKIPPED = re.compile(r'"(?:\\.|[^"\\\n])*"|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_TOKEN = re.compile(_SKIPPED.pattern + r"|\\\S+", re.DOTALL)
_NAMED = re.compile(r'(?<!`)`include\b(?:[ \t]*"([^"\\\n]*)")?|\$(readmem[hb])\b(?:\s*\(\s*"([^"\\\n]*)"\s*,)?')
_HIDDEN = (
    (re.compile(r"``|`\\\\"), "macros that paste tokens are not taken: what files they name cannot be seen",
     "write out what the macro stands for"),
    (re.compile(r"(?<![`\w$])include\b|(?<![$\w])readmem[hb]\b|\$(?=`)"),
     "include and readmem stand only where they name a file", "write `include \"file\" or $readmemh(\"file\", memory)"),
    (re.compile(r"\bimport\b(?!\s+\w+\s*::)"), "functions of other languages are not called",
     "import takes packages only"),
)


@dataclass(frozen=True, slots=True)
class Gathered:
    """A source and what it reads, by the name under which Yosys finds it."""

    main: Source
    files: Mapping[str, bytes]

    @property
    def text(self) -> str:
        return self.main.text or ""

    def source_of(self, name: str) -> Source:
        """Give the source for a name in Yosys's messages."""
        name = name.removeprefix("./")
        if name in ("", MAIN) or name not in self.files:
            return self.main
        return Source(str(Path(self.main.name).parent / name), self.files[name].decode(errors="replace"))

    def write(self, folder: Path) -> None:
        """Put the files into the folder where Yosys runs."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def gather(source: Path | str, beside: Mapping[str, bytes] = MappingProxyType({})) -> Gathered:
    """Read a source, a file or the text itself, and all that it names; `beside` are the files that a text may name."""
    if isinstance(source, str):
        main = Source("design.v", source)
        for line, is_source, name in _companions(main):
            if is_source or name not in beside:
                raise error(f"the text names the file {name!r}, and has no folder to find it in", Span(main, line))
        return Gathered(main, {**beside, MAIN: source.encode(errors="replace")})
    main = Source(str(source), read_bytes(source).decode(errors="replace"))
    files = {MAIN: (main.text or "").encode()}
    waiting = [(main, source)]
    while waiting:
        text, at = waiting.pop()
        for line, is_source, name in _companions(text):
            path = _find(source, at, name, Span(text, line))
            key = path.relative_to(source.parent.resolve()).as_posix()
            if key in files:
                continue
            if len(files) >= MAX_FILES or key in _TAKEN:
                raise error(f"the file {name!r} cannot be taken in", Span(text, line), "give it another name, "
                            f"and have at most {MAX_FILES} of them")
            files[key] = read_bytes(path, MAX_COMPANION_BYTES)
            if is_source:
                waiting.append((Source(str(path), files[key].decode(errors="replace")), path))
    return Gathered(main, files)


def _find(main: Path, user: Path, name: str, span: Span) -> Path:
    """Find a file by its name from the folder of the main source, or from that of the file that names it."""
    try:
        path = companion_path(main, name, span)
    except CircuitError:
        raise error(f"the file {name!r} lies outside the folder of {main.name}", span,
                    "put it beside the source and name it without a path") from None
    if path.is_file():
        return path
    beside = (user.parent.resolve() / name).resolve()
    if beside.is_relative_to(main.parent.resolve()) and beside.is_file():
        return beside
    raise error(f"there is no file {name!r} beside {main.name}", span)


def _companions(source: Source) -> Iterator[tuple[int, bool, str]]:
    """Give (line, is it a source, name) of each file that a text names; what could name others unseen is refused."""
    text = source.text or ""
    _refuse_hidden(source, text)
    plain = _plain(text)
    for match in _NAMED.finditer(_plain(text, keep_strings=True)):
        if plain[match.start()] == " ":
            continue  # within quotes
        line = text.count("\n", 0, match.start()) + 1
        name = match[3] if match[2] else match[1]
        if name is None:
            what = f"${match[2]}" if match[2] else "`include"
            raise error(f"{what} takes the name of its file as plain text in quotes", Span(source, line))
        yield line, not match[2], name


def _refuse_hidden(source: Source, text: str) -> None:
    """Refuse what could name a file where we do not see it, also across comments and joined lines."""
    _refuse_odd_quotes(source, text)
    plain = _plain(text)
    joined = _plain(_SKIPPED.sub(lambda m: m[0] if m[0][0] == '"' else "", re.sub(r"\\\r?\n", "", text)))
    for pattern, message, cure in _HIDDEN:
        match = pattern.search(plain)
        if match:
            raise error(message, Span(source, text.count("\n", 0, match.start()) + 1), cure)
        if pattern.search(joined) or _counts(plain) != _counts(joined):
            raise error(message, Span(source), cure)


def _refuse_odd_quotes(source: Source, text: str) -> None:
    """Refuse what Yosys could take for the end of a text or a comment, and we not, or the other way round."""
    strange = re.search(r'`"', _plain(text, keep_strings=True))
    place = strange.start() if strange else -1
    if place < 0:
        place = next((m.start() for m in _TOKEN.finditer(text)
                      if m[0][0] == "\\" and re.search(r'"|//|/\*', m[0])), -1)
    if place < 0:
        place = _plain(text).find('"')
    if place >= 0:
        raise error("a quote that does not begin or end a text of one line is not taken",
                    Span(source, text.count("\n", 0, place) + 1))


def _counts(text: str) -> tuple[int, int]:
    """Count the places that name files: they must be as many, comments taken out or not."""
    return len(re.findall(r"`include\b", text)), len(re.findall(r"\$readmem[hb]\b", text))


def _plain(text: str, *, keep_strings: bool = False) -> str:
    """Blank comments, and strings too, so that every place stays where it was."""
    def blank(match: re.Match[str]) -> str:
        found = match[0]
        return found if keep_strings and found[0] == '"' else re.sub(r"[^\n]", " ", found)
    return _SKIPPED.sub(blank, text)
