"""File formats: each recognises, reads and writes one kind of file."""

from .base import Format
from .detect import detect, formats, load, rewrite, write
from .files import companion_path, write_files

__all__ = ["Format", "companion_path", "detect", "formats", "load", "rewrite", "write", "write_files"]
