"""From pydantic's errors to ours: the one place where it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from circuitc.diagnostics import CircuitError, Diagnostic, Source, Span, nearest

from ..json_text import describe
from .base import NAME_WORDS, Strict, shorten

Model = TypeVar("Model", bound=Strict)


def validate(model: type[Model], value: Any, source: Source) -> Model:
    """Check a JSON value against a model; the first fault is raised with its path."""
    try:
        return model.model_validate(value)
    except ValidationError as e:
        raise CircuitError(_diagnostic(e.errors(include_url=False)[0], source)) from None


def path_of(location: tuple[int | str, ...]) -> str:
    """Write a place in a JSON value: `layers[1].weights[0]`."""
    path = ""
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif not part.startswith("<"):  # a tag of ours that says which form a value has
            path += f".{shorten(part)}" if path else shorten(part)
    return path


def _diagnostic(error: ErrorDetails, source: Source) -> Diagnostic:
    location, context = error["loc"], error.get("ctx", {})
    if error["type"] == "missing":
        return Diagnostic(f"the key {location[-1]} is missing", Span(source, path=path_of(location[:-1])))
    words = _WORDS.get(error["type"])
    message = words(error["input"], context) if words else error["msg"].lower()
    return Diagnostic(message, Span(source, path=path_of(location)), _help(error["type"], error["input"], context))


def _help(kind: str, given: Any, context: Mapping[str, Any]) -> str:
    if kind == "circuitc":
        return context["help"]
    if kind == "literal_error" and isinstance(given, str):
        return nearest(given, [part.strip(" '") for part in context["expected"].replace(" or ", ",").split(",")])
    return ""


def _expected(what: str) -> Callable[[Any, Mapping[str, Any]], str]:
    return lambda given, context: f"expected {what}, got {describe(given)}"


def _limit(words: str, key: str) -> Callable[[Any, Mapping[str, Any]], str]:
    return lambda given, context: f"{describe(given)} is {words} {context[key]}"


def _length(given: Any, context: Mapping[str, Any]) -> str:
    least, most = context.get("min_length"), context.get("max_length")
    limit = f"at least {least}" if least is not None else f"at most {most}"
    return f"expected a list of {limit}, got {len(given)}"


_WORDS: Mapping[str, Callable[[Any, Mapping[str, Any]], str]] = {
    "circuitc": lambda given, context: context["message"],
    "int_type": _expected("a whole number"),
    "int_from_float": _expected("a whole number"),
    "string_type": _expected("a text"),
    "list_type": _expected("a list"),
    "dict_type": _expected("an object"),
    "model_type": _expected("an object"),
    "literal_error": lambda given, context: f"expected {context['expected']}, got {describe(given)}",
    "string_pattern_mismatch": lambda given, context: (
        f"{shorten(given)!r} is not {NAME_WORDS}"),
    "string_too_long": lambda given, context: f"{shorten(given)!r} is longer than {context['max_length']} characters",
    "greater_than_equal": _limit("less than", "ge"),
    "less_than_equal": _limit("more than", "le"),
    "too_short": _length,
    "too_long": _length,
}
