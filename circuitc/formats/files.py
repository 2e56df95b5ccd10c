"""Files around a module: safe names, companions, and writing that leaves all or nothing."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path

from circuitc.diagnostics import Span, error


def identifier(text: str) -> str:
    """Make a func name of a file's stem: letters, digits and underscores, not beginning with a digit."""
    name = re.sub(r"[^A-Za-z0-9_]", "_", text) or "circuit"
    return f"_{name}" if name[0].isdigit() else name


def companion_path(path: Path, name: str, span: Span | None = None) -> Path:
    """Find a file that another one names; it must lie in the folder of that file or below it."""
    folder = path.parent.resolve()
    if "\0" in name or not name:
        raise error(f"{name!r} is not a file name", span)
    companion = (folder / name).resolve()
    if Path(name).is_absolute() or not companion.is_relative_to(folder):
        raise error(f"the companion file {name!r} lies outside the folder of {path}", span,
                    "put it beside the file and name it without a path")
    return companion


def write_files(contents: Mapping[Path, bytes]) -> None:
    """Write files so that each is there whole or as it was before: all are prepared first, then renamed.

    A pipe or a device (`/dev/null`) is written to: a rename would put a file in its place.
    """
    prepared: dict[Path, Path] = {}
    target = Path()
    try:
        for target, content in contents.items():
            if target.is_dir():
                raise error(f"{target}: is a directory")
            if target.exists() and not target.is_file():
                target.write_bytes(content)
                continue
            partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
            prepared[target] = partial
            partial.write_bytes(content)
        for target, partial in prepared.items():
            partial.replace(target)
    except OSError as e:
        raise error(f"{target}: {e.strerror or e}") from None
    finally:
        for partial in prepared.values():
            partial.unlink(missing_ok=True)
