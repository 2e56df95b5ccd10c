"""Tell what a file is, by content first and then by its ending, and read or write it."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from circuitc.diagnostics import CircuitError, error, nearest
from circuitc.ir import Module
from circuitc.plugins import load_plugin, plugin_names

from .base import Format
from .files import write_files

SNIFFED_BYTES = 4096


def formats() -> list[Format]:
    """List all formats, ours first."""
    return [load_plugin("format", name) for name in plugin_names("format")]


def load(path: str | Path, format: str | None = None, options: Mapping[str, Any] = MappingProxyType({})) -> Module:
    """Read a model file of any format; `format` names one instead of looking, `options` are those of the format."""
    path = Path(path)
    chosen: Format = load_plugin("format", format) if format else detect(path)
    if chosen.read is None:
        raise error(f"{path}: format {chosen.name} is written only")
    _head(path)
    for name in options:
        if name not in chosen.options:
            raise error(f"{path}: format {chosen.name} has no option {name[:40]!r}",
                        help=nearest(name, chosen.options) or f"its options are {', '.join(chosen.options) or 'none'}")
    return chosen.read(path, {k: str(v) for k, v in options.items()}) if chosen.options else chosen.read(path)


def detect(path: Path) -> Format:
    """Find a file's format: the first whose signature is in its first bytes, else the one of its ending."""
    head = _head(path)
    for name in plugin_names("format"):  # one by one: most files need one module imported, not all
        candidate: Format = load_plugin("format", name)
        if candidate.read is not None and candidate.sniff(head):
            return candidate
    return _by_ending(path, "read")


def write(module: Module, path: str | Path, format: str | None = None) -> list[Path]:
    """Write a module in the format named or, without a name, that of the path's ending; give the paths written.

    Files appear whole or not at all; companions lie beside the file under its stem.
    """
    path = Path(path)
    chosen: Format = load_plugin("format", format) if format else _by_ending(path, "written")
    if chosen.write is None:
        raise error(f"{path}: format {chosen.name} is read only")
    contents = {_companion(path, suffix): content for suffix, content in chosen.write(module).items()}
    write_files(contents)
    return list(contents)


def rewrite(source: Path, path: Path) -> list[Path]:
    """Write a file from another one, where the ending names a format that is written so; give the paths, else none."""
    for chosen in formats():
        if chosen.rewrite is not None and path.name.lower().endswith(chosen.endings):
            contents = {_companion(path, suffix): content for suffix, content in chosen.rewrite(source).items()}
            write_files(contents)
            return list(contents)
    return []


def check_ending(path: str | Path) -> None:
    """Refuse a file that `write` would not know how to write: for asking before long work."""
    _by_ending(Path(path), "written")


def _companion(path: Path, suffix: str) -> Path:
    return path.with_name(path.stem + suffix) if suffix else path


def _by_ending(path: Path, done: Literal["read", "written"]) -> Format:
    known: list[Format] = []
    for name in plugin_names("format"):
        candidate: Format = load_plugin("format", name)
        if (candidate.read if done == "read" else candidate.write) is None:
            continue
        if path.name.lower().endswith(candidate.endings):
            return candidate
        known.append(candidate)
    listed = ", ".join(f"{f.name} ({' '.join(f.endings)})" for f in known)
    what = "neither content nor ending is" if done == "read" else "the ending is not that"
    raise error(f"{path}: {what} of a format that can be {done}", help=f"formats that can be {done} are {listed}")


def _head(path: Path) -> bytes:
    """Give a file's first bytes, or say in one line why there are none."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise error(f"{path}: is {'a directory' if path.is_dir() else 'not a regular file'}",
                        help="name a model file")
        with path.open("rb") as file:
            head = file.read(SNIFFED_BYTES)
    except CircuitError:
        raise
    except (OSError, ValueError) as e:
        raise error(f"{path}: {getattr(e, 'strerror', None) or e}") from None
    if not head:
        raise error(f"{path}: the file is empty")
    return head
