"""Read JSON text without losing or hiding anything: exact numbers, no key twice, no NaN, no deep recursion."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from circuitc.diagnostics import CircuitError, Source, Span, error
from circuitc.models.decimals import MAX_DIGITS, parse_decimal

from .base import read_bytes

MAX_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands where the text has something that is no number of ours; whoever reads the place refuses it by name."""

    words: str


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Stands where the text has an object with a key that comes twice."""

    key: str


def read_json(path: Path) -> tuple[Any, Source]:
    """Read a JSON file: numbers with a point become Decimal; a wrong value is left for its reader to name."""
    return parse_json(read_bytes(path, MAX_BYTES), str(path))


def parse_json(data: bytes, name: str) -> tuple[Any, Source]:
    """Read JSON from bytes; `name` names them in errors."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as e:
        raise error(f"byte {e.start} is not UTF-8 text", Span(Source(name))) from None
    source = Source(name, text)
    try:
        return json.loads(text, parse_float=_decimal, parse_int=_integer, parse_constant=_constant,
                          object_pairs_hook=_object), source
    except json.JSONDecodeError as e:
        message = e.msg[0].lower() + e.msg[1:]
        raise error(f"not JSON: {message}", Span(source, e.lineno, e.colno)) from None
    except RecursionError:
        raise error("the JSON is nested too deeply", Span(source)) from None


def _decimal(text: str) -> Decimal | Unreadable:
    try:
        return parse_decimal(text)
    except CircuitError:
        return Unreadable(f"{text[:20]}{'...' if len(text) > 20 else ''}, which is out of range")


def _integer(text: str) -> int | Unreadable:
    return int(text) if len(text) <= MAX_DIGITS else Unreadable(f"a whole number of {len(text.lstrip('-'))} digits")


def _constant(text: str) -> Unreadable:
    return Unreadable(f"{text}, which is not a number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any] | Duplicate:
    result = dict(pairs)
    if len(result) == len(pairs):
        return result
    seen: set[str] = set()
    return Duplicate(next(key for key, _ in pairs if key in seen or seen.add(key)))


def describe(value: Any) -> str:
    """Name a JSON value in a few words for a message."""
    match value:
        case bool():
            return "true" if value else "false"
        case None:
            return "null"
        case int() | Decimal():
            text = str(value)
            return text if len(text) <= 24 else text[:21] + "..."
        case str():
            return repr(value if len(value) <= 40 else value[:37] + "...")
        case list():
            return f"a list of {len(value)}"
        case Unreadable(words):
            return words
        case Duplicate(key):
            return f"an object with the key {key[:40]!r} twice"
        case _:
            return "an object"
