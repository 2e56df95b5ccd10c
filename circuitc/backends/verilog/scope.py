"""The inside of a module while it is decided: names taken, items so far, shared helpers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .design import Item, Unit
from .names import Names
from .tree import Tree, Word, declared_wire


class Scope:
    """Grow the items of a module; `wire` declares a driven wire and gives it as a word.

    `helpers` are modules that the items instantiate, by name; `memories` the contents of tables that are memories read
    from files, by the files' names, None where all tables stand in the text.
    """

    def __init__(self, names: Names, module: str = "", *, memory_files: bool = False) -> None:
        self.names = names
        self.module = module
        self.helpers: dict[str, Unit] = {}
        self.memories: dict[str, bytes] | None = {} if memory_files else None
        self.items: list[Item] = []
        self.shared: dict[Any, Word] = {}

    def wire(self, hint: str, width: int, tree: Tree | None, comment: str = "", *, signed: bool = False) -> Word:
        """Declare a wire near a wished name, driven by an expression (or, with None, by an instance)."""
        name = self.names.take(hint)
        self.items.append(Item(declared_wire(name, width, signed, tree), comment))
        return Word(width, name, signed=signed)

    def add(self, tree: Tree, comment: str = "", drives: Iterable[str] = ()) -> None:
        """Add an item; `drives` names the pins of an instance that are outputs."""
        self.items.append(Item(tree, comment, frozenset(drives)))

    def remark(self, text: str) -> None:
        """Add a comment on a line of its own."""
        self.items.append(Item(None, text))
