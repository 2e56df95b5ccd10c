"""Say what is wrong, where, and what would be right: the user's faults and ours."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was read: its name as the user gave it, and its text where it has lines to show."""

    name: str
    text: str | None = field(default=None, repr=False)

    def line(self, number: int) -> str | None:
        """Give the text of a line (first line is 1), or None where there is no text."""
        lines = self.text.split("\n") if self.text is not None else []
        return lines[number - 1].rstrip("\r") if 1 <= number <= len(lines) else None


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a source: line and column (both from 1), or a path such as `layers[1].weights`, or a byte offset.

    Prints as `file:12:3`, `file:layers[1].weights` or `file:byte 17`.
    """

    source: Source
    line: int = 0
    column: int = 0
    end_column: int = 0
    path: str = ""

    def __str__(self) -> str:
        if self.path:
            return f"{self.source.name}:{self.path}"
        if self.line and self.column:
            return f"{self.source.name}:{self.line}:{self.column}"
        return f"{self.source.name}:{self.line}" if self.line else self.source.name


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One fact that is wrong: a message, its place, notes at other places, and the cure where there is one."""

    message: str
    span: Span | None = None
    help: str = ""
    notes: tuple[tuple[str, Span | None], ...] = ()

    def __str__(self) -> str:
        place = f"{self.span}: " if self.span else ""
        cure = f" (help: {self.help})" if self.help else ""
        return f"{place}{self.message}{cure}"

    def render(self) -> str:
        """Lay the diagnostic out over several lines with the source line and a caret, for a terminal."""
        lines = [f"{self.span}: {self.message}" if self.span else self.message]
        lines += _excerpt(self.span)
        for note, span in self.notes:
            lines.append(f"  note: {f'{span}: ' if span else ''}{note}")
        if self.help:
            lines.append(f"  help: {self.help}")
        return "\n".join(lines)


def _excerpt(span: Span | None) -> list[str]:
    """Show the source line of a span with carets under it."""
    if span is None or not span.line or not span.column:
        return []
    text = span.source.line(span.line)
    if text is None or len(text) > 400:
        return []
    carets = "^" * max(1, span.end_column - span.column)
    return [f"  {text}", "  " + " " * (span.column - 1) + carets]


class CircuitError(Exception):
    """The user's program, file or use is at fault: diagnostics, no traceback, exit status 2."""

    def __init__(self, diagnostics: Diagnostic | Sequence[Diagnostic]) -> None:
        self.diagnostics = (diagnostics,) if isinstance(diagnostics, Diagnostic) else tuple(diagnostics)
        assert self.diagnostics, "an error says at least one thing"
        super().__init__(str(self))

    def __str__(self) -> str:
        shown = [str(d) for d in self.diagnostics[:5]]
        rest = len(self.diagnostics) - len(shown)
        return "\n".join([*shown, *([f"... and {rest} more"] if rest else [])])


class InternalError(Exception):
    """A promise of ours is broken: traceback, exit status 70."""


def error(message: str, span: Span | None = None, help: str = "") -> CircuitError:
    """Make the error that says one thing, ready to raise."""
    return CircuitError(Diagnostic(message, span, help))


def nearest(name: str, known: Iterable[str]) -> str:
    """Suggest the known name most like a misspelt one: `did you mean X?`, else the list of what there is."""
    known = sorted(known)
    close = difflib.get_close_matches(name, known, 1)
    if close:
        return f"did you mean {close[0]}?"
    shown = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
    return f"known are {shown}" if known else ""
