"""Pipelines: passes in a row, as text both ways: `prune{method=magnitude,sparsity=0.5},quantize{weights=i8}`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from circuitc.diagnostics import CircuitError, Diagnostic, Source, Span, nearest

from .base import Pass
from .options import option_types, read_option

NAMED: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "clean": (
        "fold",      # first: what is constant decides which identities simplify may use
        "simplify",  # then identities: they make nodes equal and leave others unused
        "cse",       # before dce: a node whose twin is taken instead has lost its users
        "dce",
    ),
    "narrow": (
        "fold",      # ranges reads constants, not the ops that make them
        "simplify",
        "ranges",    # after simplify: an interval of a smaller expression is a tighter one
        "simplify",  # narrower operands leave conversions that cancel
        "cse",
        "dce",
    ),
    "tables": (
        "ranges",    # narrower operands make smaller tables, and more functions small enough for one
        "fold",      # tables are made of constants, which the ops beside them should already be
        "tabulate",
        "cse",       # one function of one value is one table
        "dce",
    ),
    "logic-fast": (
        "strash",                    # what is shared before ABC need not be found by it
        "abc{script=resyn2}",        # the balance of time and size that everyone compares with
    ),
    "logic-best": (
        "strash",
        'abc{script="resyn2; resyn2"}',
        'abc{script="compress2rs; compress2rs"}',  # resubstitution finds what rewriting of small cones left
        "sat-sweep",                 # equal gates that are far apart
        'abc{script="dch; balance"}',  # other structures for the same functions, for the next rewriting
        'abc{script="&get -n; &dc2; &put; compress2rs"}',
        "deep-synthesis",            # last: its time grows with what the others leave
    ),
    "luts-best": (
        "strash",
        "map-luts{effort=best}",
    ),
})
"""Names for rows of passes, each as pipelines write it. A comment is the reason for the place of its pass."""

_NAME = re.compile(r"[A-Za-z][\w-]*")
_OPEN, _CLOSE = "<{[(", ">}])"


@dataclass(frozen=True, slots=True)
class Pipeline:
    """Passes in the order in which they run; prints as the text that makes it."""

    passes: tuple[Pass, ...] = ()

    def __iter__(self) -> Iterator[Pass]:
        return iter(self.passes)

    def __len__(self) -> int:
        return len(self.passes)

    def __str__(self) -> str:
        return ",".join(map(str, self.passes))


def parse_pipeline(text: str, source_name: str = "pipeline") -> Pipeline:
    """Read a pipeline from its text; names of `NAMED` stand for their passes.

    Errors show the place in the text and the nearest known name.
    """
    return Pipeline(tuple(_Reader(text, source_name).pipeline()))


def find_pass(name: str) -> type[Pass]:
    """Give the class of a pass by its name; an unknown name is refused with the nearest one."""
    from circuitc.plugins import load_plugin, plugin_names

    if name not in plugin_names("pass"):
        known = (*plugin_names("pass"), *NAMED)
        raise CircuitError(Diagnostic(f"there is no pass named {name}", None, nearest(name, known)))
    return load_plugin("pass", name)


class _Reader:
    """A cursor over the text of a pipeline."""

    def __init__(self, text: str, source_name: str) -> None:
        self.text = text
        self.source = Source(source_name, text)
        self.place = 0

    def pipeline(self) -> Iterator[Pass]:
        self._skip()
        more = self.place < len(self.text)
        while more:
            yield from self._item()
            more = self._take(",") is not None
        if self.place < len(self.text):
            raise self._error(f"expected a comma between passes, got {self.text[self.place]!r}", self.place)

    def _item(self) -> Iterator[Pass]:
        start = self.place
        name = self._word("the name of a pass")
        if name in NAMED:
            if self._peek() == "{":
                raise self._error(f"{name} stands for {','.join(NAMED[name])} and takes no options", self.place)
            yield from (p for part in NAMED[name] for p in parse_pipeline(part, name))
            return
        cls: type[Pass] = self._placed(lambda: find_pass(name), start, self.place)
        options = self._options(cls) if self._take("{") is not None else {}
        missing = [o for o in cls.required_options() if o not in options]
        if missing:
            raise self._error(f"{name} needs the option {missing[0]}", start, help=f"write {name}{{{missing[0]}=...}}")
        yield self._placed(lambda: cls(**options), start, self.place)

    def _options(self, cls: type[Pass]) -> dict[str, Any]:
        known = option_types(cls)
        options: dict[str, Any] = {}
        while self._take("}") is None:
            start = self.place
            name = self._word("the name of an option")
            if name not in known:
                raise self._error(f"{cls.name()} has no option {name}", start,
                                  help=nearest(name, known) if known else "it takes none")
            if name in options:
                raise self._error(f"{cls.name()} is given the option {name} twice", start)
            if self._take("=") is None:
                raise self._error(f"expected = and a value after {name}", self.place)
            start, value = self.place, self._value()
            options[name] = self._placed(lambda: read_option(known[name], value), start, self.place,  # noqa: B023  called at once
                                         f"{cls.name()}: {name} ")
            if self._peek() != "}" and self._take(",") is None:
                raise self._error(f"expected a comma or }} after the value of {name}", self.place)
        return options

    def _value(self) -> str:
        """Read up to the comma or brace that ends a value; brackets nest, and quotes hide what they hold."""
        start, depth = self.place, 0
        while self.place < len(self.text):
            c = self.text[self.place]
            if c == '"':
                self._quoted()
                continue
            if depth == 0 and c in ",}":
                break
            depth += (c in _OPEN) - (c in _CLOSE)
            self.place += 1
        if self.place >= len(self.text):
            raise self._error("expected } at the end of the options", len(self.text))
        return self.text[start:self.place].rstrip()

    def _quoted(self) -> None:
        match = re.compile(r'"(?:[^"\\]|\\.)*"').match(self.text, self.place)
        if match is None:
            raise self._error("the quotes that open here do not close", self.place)
        self.place = match.end()

    def _word(self, what: str) -> str:
        match = _NAME.match(self.text, self.place)
        if match is None:
            got = repr(self.text[self.place]) if self.place < len(self.text) else "the end"
            raise self._error(f"expected {what}, got {got}", self.place)
        self.place = match.end()
        self._skip()
        return match[0]

    def _take(self, c: str) -> str | None:
        if self._peek() != c:
            return None
        self.place += 1
        self._skip()
        return c

    def _peek(self) -> str:
        return self.text[self.place:self.place + 1]

    def _skip(self) -> None:
        while self._peek().isspace():
            self.place += 1

    def _placed(self, make: Any, start: int, end: int, prefix: str = "") -> Any:
        """Call `make`, giving the errors that it raises a place and what they are about."""
        try:
            return make()
        except CircuitError as e:
            span = self._span(start, end)
            raise CircuitError([Diagnostic(prefix + d.message, d.span or span, d.help, d.notes)
                                for d in e.diagnostics]) from None

    def _error(self, message: str, place: int, help: str = "") -> CircuitError:
        return CircuitError(Diagnostic(message, self._span(place, place + 1), help))

    def _span(self, start: int, end: int) -> Span:
        line = self.text.count("\n", 0, start) + 1
        column = start - (self.text.rfind("\n", 0, start) + 1) + 1
        return Span(self.source, line, column, column + max(1, len(self.text[start:end].rstrip())))
