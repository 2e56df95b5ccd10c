"""Which channel of an instrument reaches which line: arc2control's own TOML maps."""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuitc.diagnostics import error

from .array import Array

_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Channels:
    """Channel numbers of wordlines and bitlines, in order; `name` is the map's own.

    The file is `[config] name, words, bits` and `[mapping] words, bits`: lists of channels, one a line, as
    arc2control ships them.
    """

    place: str
    name: str
    words: tuple[int, ...]
    bits: tuple[int, ...]

    @staticmethod
    def load(path: str | Path) -> Channels:
        """Read a channel map."""
        try:
            content = Path(path).read_bytes()
            document = tomllib.loads(content[:_MAX_BYTES].decode())
        except OSError as e:
            raise error(f"{path}: {e.strerror or e}") from None
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as e:
            raise error(f"{path}: is not TOML: {e}") from None
        config, mapping = document.get("config"), document.get("mapping")
        if not isinstance(config, dict) or not isinstance(mapping, dict):
            raise error(f"{path}: expected the tables [config] and [mapping]")
        lines = {name: _channels(f"{path}:mapping.{name}", mapping.get(name)) for name in ("words", "bits")}
        for name, found in lines.items():
            if config.get(name, len(found)) != len(found):
                raise error(f"{path}: config.{name} is {config[name]!r}, mapping.{name} lists {len(found)} channels")
        return Channels(str(path), str(config.get("name", "")), lines["words"], lines["bits"])

    def to_toml(self) -> str:
        """Print the map in the form that it is read in."""
        return (f"[config]\nname = {_text(self.name)}\nwords = {len(self.words)}\nbits = {len(self.bits)}\n"
                f"\n[mapping]\nwords = {list(self.words)}\nbits = {list(self.bits)}\n")

    def check(self, array: Array) -> None:
        """Refuse an array that has more lines than there are channels."""
        for what, lines, channels in (("wordlines", array.array.rows, self.words), ("bitlines", array.array.cols,
                                                                                     self.bits)):
            if lines > len(channels):
                raise error(f"{self.place}: has channels for {len(channels)} {what}, array {array.name} has {lines}")


def _channels(place: str, value: Any) -> tuple[int, ...]:
    good = isinstance(value, list) and value and all(type(v) is int and 0 <= v < 1 << 16 for v in value)
    if not good:
        raise error(f"{place}: expected a list of channel numbers")
    if len(set(value)) != len(value):
        raise error(f"{place}: lists a channel twice")
    return tuple(value)


def _text(value: str) -> str:
    """Quote a text for TOML, which takes JSON's escapes but for pairs of surrogates."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
