"""The commands. Importing this file enters them into the app; each lives with its kind."""

from . import compile, equivalence, execute, inspect

__all__ = ["compile", "equivalence", "execute", "inspect"]
