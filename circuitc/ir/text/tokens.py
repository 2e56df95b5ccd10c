"""Tokens of the text form: their places, and the texts and numbers that they spell."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from circuitc.diagnostics import Source, Span, error

MAX_DIGITS = 400


def span_of(token: Any, source: Source) -> Span:
    """Give the place of a token."""
    return Span(source, token.line, token.column, token.end_column or token.column + 1)


def line_span(source: Source, line: int) -> Span:
    """Give the place of a line's text, without the blanks around it."""
    text = source.line(line) or ""
    column = len(text) - len(text.lstrip()) + 1
    return Span(source, line, column, max(column + 1, len(text.rstrip()) + 1))


def quoted(token: Any, source: Source) -> str:
    """Give the text that a token in quotes spells."""
    return read_quoted(str(token), lambda: span_of(token, source))


def name_of(token: Any, source: Source) -> str:
    """Give the name that a token with a sigil spells: `x` for `%x`, `odd name` for `%"odd name"`."""
    text = str(token)[1:]
    return read_quoted(text, lambda: span_of(token, source)) if text.startswith('"') else text


def read_quoted(text: str, place: Callable[[], Span]) -> str:
    """Read a text in quotes that stands at a place."""
    try:
        return json.loads(text, strict=False)
    except ValueError:
        raise error(f"{text[:40]} has an escape that is not known", place(),
                    r"escapes are \" \\ \/ \b \f \n \r \t and \u with four hexadecimal digits") from None


def whole_number(token: Any, source: Source) -> int:
    """Give the whole number that a token spells; numbers that no type could hold are refused."""
    text = str(token)
    if len(text) > MAX_DIGITS:
        raise error(f"a number of {len(text)} digits is too long", span_of(token, source))
    return int(text)


def number(token: Any, source: Source) -> int | float:
    """Give the number that a token spells: an int where it is written as one, else a float."""
    return whole_number(token, source) if is_whole(token) else float(token)


def is_whole(token: Any) -> bool:
    """Tell whether a token is written as a whole number."""
    return str(token).lstrip("+-").isdecimal()
