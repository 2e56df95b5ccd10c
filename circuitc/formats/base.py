"""What a file format is: a record that recognises, reads and writes one kind of file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from circuitc.diagnostics import CircuitError, error
from circuitc.ir import Module

Reader = Callable[..., Module]            # of a path; and of options by name, where a format has any
Writer = Callable[[Module], Mapping[str, bytes]]  # file ending or name -> content; see Format.write

MAX_FILE_BYTES = 1 << 31


@dataclass(frozen=True, slots=True)
class Format:
    """One file format.

    `sniff` looks at the first 4096 bytes. `read` gives a module or raises a CircuitError (one clear line, whatever the
    bytes are). `write` gives the content of the file under the key "" and of companions (such as `.npz`) under the
    suffix that is put after the file's stem; it raises a CircuitError for modules that do not fit. None where the
    format cannot. `rewrite` writes from another file instead, of a family whose structure a module has not. A format
    with `options` (name -> one sentence) has a `read` that takes them as a second argument, a mapping from
    name to text; options that it does not list never reach it.
    """

    name: str
    endings: tuple[str, ...]
    doc: str
    sniff: Callable[[bytes], bool]
    read: Reader | None = None
    write: Writer | None = None
    rewrite: Callable[[Path], Mapping[str, bytes]] | None = field(default=None, kw_only=True)
    options: Mapping[str, str] = field(default_factory=dict[str, str], kw_only=True)


def read_bytes(path: Path, limit: int = MAX_FILE_BYTES) -> bytes:
    """Read a file whole, or say in one line why not."""
    try:
        if path.stat().st_size > limit:
            raise error(f"{path}: {path.stat().st_size} bytes are more than the {limit} that this format reads")
        return path.read_bytes()
    except OSError as e:
        raise error(f"{path}: {e.strerror or e}") from None


def decode_text(data: bytes, source: str) -> str:
    """Give the text of a file's bytes, or say at which line they are none."""
    try:
        text = data.decode()
    except UnicodeDecodeError as e:
        raise error(f"{source}:{data.count(10, 0, e.start) + 1}: byte {data[e.start]:#04x} is not UTF-8 text") from None
    if "\0" in text:
        raise error(f"{source}:{text.count(chr(10), 0, text.index(chr(0))) + 1}: a NUL byte is not text")
    return text


__all__ = ["MAX_FILE_BYTES", "CircuitError", "Format", "Reader", "Writer", "decode_text", "read_bytes"]
