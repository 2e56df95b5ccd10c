"""Terms of a pyncd file: JSON objects with a type, references resolved, every field checked when it is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from circuitc.diagnostics import CircuitError, Source, Span, error

from ..json_text import describe

Term = Any


@dataclass(frozen=True)
class Terms:
    """A file's repository of terms with identities, and where errors are placed."""

    repository: dict[str, Term]
    source: Source

    def fault(self, message: str, help: str = "") -> CircuitError:
        """Make an error of this file."""
        return error(message, Span(self.source), help)

    def resolve(self, value: Term) -> Term:
        """Follow a reference."""
        if isinstance(value, dict) and "__ref__" in value:
            key = str(value["__ref__"])[:40]
            if key not in self.repository:
                raise self.fault(f"the repository has no term {key}")
            return self.repository[key]
        return value

    def kind(self, value: Term) -> str:
        """Give a term's type."""
        value = self.resolve(value)
        name = value.get("__type__") if isinstance(value, dict) else None
        if not isinstance(name, str):
            raise self.fault(f"a term has a __type__, got {describe(value)}")
        return name

    def field(self, term: Term, name: str) -> Term:
        """Give a field of a term, its reference followed."""
        value = self.resolve(term)
        if not isinstance(value, dict) or name not in value:
            raise self.fault(f"a {self.kind(value)} has a field {name}")
        return self.resolve(value[name])

    def listed(self, term: Term, name: str) -> list[Term]:
        """Give a field that is a list, references in it not followed."""
        value = self.field(term, name)
        if not isinstance(value, list):
            raise self.fault(f"{name} of a {self.kind(term)} is a list, got {describe(value)}")
        return value

    def whole(self, value: Term, what: str) -> int:
        """Give a whole number, plain or an `Integer` term."""
        value = self.resolve(value)
        if isinstance(value, dict) and value.get("__type__") == "Integer":
            value = value.get("_value")
        if not isinstance(value, int) or isinstance(value, bool) or abs(value) > 1 << 31:
            raise self.fault(f"{what} is a whole number, got {describe(value)}")
        return value

    def name(self, value: Term, depth: int = 0) -> str:
        """Give a name with its subscripts, as letters: `d_ff`."""
        value = self.resolve(value)
        if value is None or depth > 8:
            return ""
        if not isinstance(value, dict) or not isinstance(value.get("body"), str):
            raise self.fault(f"a name has a body, got {describe(value)}")
        below = self.name(value.get("subscript"), depth + 1)
        return value["body"] + (f"_{below}" if below else "")

    def identity(self, term: Term) -> int:
        """Give the number of a term with a uid."""
        return self.whole(self.field(self.field(term, "uid"), "_id"), "an _id")

    def uid_name(self, term: Term) -> str:
        """Give the name of a term with a uid."""
        return self.name(self.field(self.field(term, "uid"), "_name"))
