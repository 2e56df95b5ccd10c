"""Find bits that nothing reads and read them in one place, so that lint is clean without switching rules off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pyverilog.vparser import ast

from .design import Item
from .scope import Scope
from .tree import Lines, Tree, Word, concat, declared_wire, literal


def sink_unread_bits(scope: Scope, readable: Sequence[Word]) -> None:
    """Read every bit of the given signals and of the scope's own wires that no item reads.

    The bits go into a wire whose name says `unused`; Verilator and synthesis tools know that nothing hangs on it.
    """
    words = [*readable, *_wires(scope)]
    read: dict[str, int] = {w.signal: 0 for w in words}
    full = {w.signal: (1 << w.width) - 1 for w in words}
    for item in scope.items:
        for tree in _readers(item):
            _mark(tree, read, full)
    loose = [part.tree() for w in words for part in _holes(w, full[w.signal] & ~read[w.signal])]
    if loose:
        tree = ast.Uand(concat([literal(1, 0), *loose]))
        scope.add(declared_wire(scope.names.take("unused"), 1, False, tree), "bits that nothing depends on")


def _wires(scope: Scope) -> Iterator[Word]:
    for item in scope.items:
        if isinstance(item.tree, Lines):
            yield from (Word(1, name) for name in item.tree.wires)
        elif isinstance(item.tree, ast.Decl):
            wire = item.tree.list[0]
            width = int(wire.width.msb.value) + 1 if wire.width else 1
            yield Word(width, wire.name, signed=wire.signed)


def _readers(item: Item) -> Sequence[Tree]:
    """Give the parts of an item that can read."""
    if item.tree is None or isinstance(item.tree, ast.Function):
        return ()
    if isinstance(item.tree, Lines):
        return [word.tree() for word in item.tree.reads]
    if isinstance(item.tree, ast.InstanceList):
        return [p.argname for p in item.tree.instances[0].portlist if p.portname not in item.drives]
    return (item.tree,)


def _mark(tree: Tree, read: dict[str, int], full: dict[str, int]) -> None:
    """Note the bits that a tree reads: all but the targets of assignments."""
    stack = [tree]
    while stack:
        t = stack.pop()
        kind = type(t)
        if kind is ast.Identifier:
            read[t.name] = full.get(t.name, 0)
        elif kind is ast.Pointer and not isinstance(t.ptr, ast.IntConst):
            stack.append(t.ptr)  # a word of a memory, which has no bits of its own
        elif kind is ast.Pointer:
            read[t.var.name] = read.get(t.var.name, 0) | 1 << int(t.ptr.value)
        elif kind is ast.Partselect:
            high, low = int(t.msb.value), int(t.lsb.value)
            read[t.var.name] = read.get(t.var.name, 0) | ((1 << (high - low + 1)) - 1) << low
        elif kind in (ast.Assign, ast.NonblockingSubstitution):
            stack.append(t.right)
        elif kind not in (ast.IntConst, ast.Width):
            stack.extend(t.children())


def _holes(word: Word, missing: int) -> Iterator[Word]:
    """Give the runs of missing bits of a word."""
    while missing:
        low = (missing & -missing).bit_length() - 1
        run = missing >> low
        length = (~run & (run + 1)).bit_length() - 1
        yield word.part(low + length - 1, low)
        missing &= ~(((1 << length) - 1) << low)
