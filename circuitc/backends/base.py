"""What a backend is: it checks everything first, then decides, then prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from circuitc.diagnostics import Diagnostic
from circuitc.ir import Module


@dataclass(frozen=True, slots=True)
class Emission:
    """What a backend made: files by name (relative, no folders above), the port map, and figures for the report.

    Bytes are identical for the same module and options. `main` names the file people ask for first.
    """

    main: str
    files: Mapping[str, bytes]
    ports: Mapping[str, Any]
    figures: Mapping[str, Any] = field(default_factory=dict)


class Backend(Protocol):
    """A target. `options` are the `--option key=value` pairs, already split; unknown keys are refused by `check`."""

    name: str

    def check(self, module: Module, options: Mapping[str, str]) -> list[Diagnostic]:
        """Collect everything the target cannot take: op, place, and the pass that would help."""
        ...

    def build(self, module: Module, options: Mapping[str, str]) -> Any:
        """Decide: make the target's own tree."""
        ...

    def emit(self, design: Any) -> Emission:
        """Print the tree; nothing is decided here."""
        ...
