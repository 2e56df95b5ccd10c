"""The text form of the IR: prints, reads back, prints the same."""

from .parse import parse_module
from .print import print_module

__all__ = ["parse_module", "print_module"]
