"""The command line: a thin shell over the API, with the same names."""

from .entry import main

__all__ = ["main"]
