"""Options of passes between text and values, typed by the dataclass fields that declare them."""

from __future__ import annotations

import dataclasses
import json
import re
from functools import lru_cache
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from circuitc.diagnostics import error, nearest
from circuitc.ir import Type, parse_type

_PLAIN = re.compile(r"[\w./+-]+")
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a word or a text in quotes",
          Type: "a type such as fx<8,4>", NoneType: "none"}


@lru_cache(maxsize=256)
def option_types(cls: type) -> dict[str, Any]:
    """Give the options of a pass class, by name, with the Python types they are declared with."""
    hints = get_type_hints(cls)
    return {f.name: hints[f.name] for f in dataclasses.fields(cls) if f.init}


def read_option(kind: Any, text: str) -> Any:
    """Read an option's value from text: bool, int, float, str, Type, a Literal of words, or a union of these.

    Raises a CircuitError that says what the option takes.
    """
    for choice in _choices(kind):
        found, value = _read_one(choice, text)
        if found:
            return value
    raise _refusal(kind, text)


def print_option(value: Any) -> str:
    """Print an option's value as `read_option` reads it."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str) and not (_PLAIN.fullmatch(value) and value != "none"):
        return json.dumps(value)
    return str(value)


def describe_option(kind: Any) -> str:
    """Say in words what an option takes, for help texts and errors."""
    words = [", ".join(map(print_option, get_args(c))) if get_origin(c) is Literal else _WORDS[c]
             for c in _choices(kind)]
    return ", or ".join(words)


def _choices(kind: Any) -> tuple[Any, ...]:
    """Take a union apart; types come late, as they refuse what they cannot read, and texts last: they take all."""
    parts = get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)
    return tuple(sorted(parts, key=lambda part: (part is str, part is Type)))


def _read_one(kind: Any, text: str) -> tuple[bool, Any]:
    if get_origin(kind) is Literal:
        named = {print_option(choice): choice for choice in get_args(kind)}
        return text in named, named.get(text)
    if kind is NoneType:
        return text == "none", None
    if kind is bool:
        return text in ("true", "false"), text == "true"
    if kind is int:
        fits = re.fullmatch(r"[+-]?\d{1,18}", text) is not None
        return fits, int(text) if fits else None
    if kind is float:
        fits = re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", text) is not None
        return fits, float(text) if fits else None
    if kind is Type:
        return True, parse_type(text)
    assert kind is str, f"an option cannot be declared as {kind}"
    return _read_text(text)


def _read_text(text: str) -> tuple[bool, Any]:
    if not text.startswith('"'):
        return bool(text), text
    try:
        value = json.loads(text)
    except ValueError:
        return False, None
    return isinstance(value, str), value


def _refusal(kind: Any, text: str) -> Exception:
    words = [str(w) for c in _choices(kind) if get_origin(c) is Literal for w in get_args(c)]
    return error(f"takes {describe_option(kind)}, got {text or 'nothing'}", help=nearest(text, words) if words else "")
