"""Literals of the text form: the numbers of constants and of registers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from lark import Token

from circuitc.diagnostics import Source, error

from ..types import Type
from .tokens import is_whole, quoted, span_of, whole_number

MAX_DEPTH = 64                 # of lists in lists: the axes that numpy's arrays can have
MAX_FILLED_ELEMENTS = 1 << 26  # of a constant written as one number


def literal(item: Any, type: Type, large: Mapping[str, Any], source: Source) -> Any:
    """Give the numbers of a literal: a list, one number for all elements, or an array kept beside the text."""
    if isinstance(item, Token):
        return _filled(_number(item, type, source), type)
    if item.data == "npz":
        digest = quoted(item.children[0], source)
        if digest not in large:
            raise error(f"the numbers of constant {digest[:12]}... are not in the file beside the text",
                        span_of(item.children[0], source))
        return large[digest]
    values = _nested(item, type, source)
    _check_shape(values, type.shape, type)
    return np.array(values, dtype=type.dtype if type.is_float else object)


def _filled(value: Any, type: Type) -> Any:
    if type.size > MAX_FILLED_ELEMENTS:
        raise error(f"a constant of {type.size} elements is too large, at most {MAX_FILLED_ELEMENTS} are held")
    dtype = type.dtype if type.is_float or type.lowest <= value <= type.highest else object
    return np.full(type.shape, value, dtype=dtype)


def _check_shape(values: Any, shape: tuple[int, ...], type: Type) -> None:
    """Refuse lists that are not nested and filled as the type's shape says."""
    if isinstance(values, list) != bool(shape):
        depth = "deeper" if isinstance(values, list) else "less deeply"
        raise error(f"a constant of type {type} is nested {depth} than its {type.rank} axes")
    if shape:
        if len(values) != shape[0]:
            raise error(f"a constant of type {type} has a list of {len(values)} where {shape[0]} belong")
        for part in values:
            _check_shape(part, shape[1:], type)


def _nested(item: Any, type: Type, source: Source, depth: int = 0) -> Any:
    if isinstance(item, Token):
        return _number(item, type, source)
    if depth > MAX_DEPTH:
        raise error(f"lists are nested more than {MAX_DEPTH} deep")
    return [_nested(child, type, source, depth + 1) for child in item.children]


def _number(token: Token, type: Type, source: Source) -> Any:
    if type.is_float:
        return float(token)
    if not is_whole(token):
        raise error(f"{str(token)[:40]} is not a whole number", span_of(token, source),
                    f"constants of {type.scalar} are written as raw numbers")
    return whole_number(token, source)
