"""Axes and how they are unified: aligned axes become one, and two different lengths are an error that names both."""

from __future__ import annotations

from circuitc.diagnostics import CircuitError, Diagnostic, Span, error


class Axis:
    """An axis of a diagram while its types are found: a union-find node with a name, a length and where it came from.

    `find` gives the axis that stands for all that it was aligned with.
    """

    __slots__ = ("_parent", "name", "size", "span")

    def __init__(self, name: str, size: int | None = None, span: Span | None = None) -> None:
        self.name = name
        self.size = size
        self.span = span
        self._parent: Axis | None = None

    def find(self) -> Axis:
        """Give the representative of the axes that are aligned with this one."""
        root = self
        while root._parent is not None:
            root = root._parent
        if root is not self:
            self._parent = root
        return root

    @property
    def length(self) -> int | None:
        """The number of places, or None while it is not known."""
        return self.find().size

    def told(self) -> str:
        """Say what the axis is in an error: `k = 8`."""
        return f"{self.name} = {self.length if self.length is not None else '?'}"

    def bind(self, size: int, span: Span | None, what: str) -> None:
        """Fix the length, or refuse another one than is known."""
        root = self.find()
        if root.size is None:
            root.size, root.span = size, span or root.span
        elif root.size != size:
            raise disagreement(self, f"axis {self.told()}", Axis(what, size, span), f"{what} = {size}", span)


def unify(a: Axis, b: Axis, span: Span | None, first: str, second: str) -> None:
    """Align two axes; `first` and `second` say on which wires they lie, for the error of different lengths."""
    p, q = a.find(), b.find()
    if p is q:
        return
    if p.size is not None and q.size is not None and p.size != q.size:
        raise disagreement(a, first, b, second, span)
    if p.size is None:
        p, q = q, p
    q._parent = p  # pyright: ignore[reportPrivateUsage]  # the two halves of one structure


def disagreement(a: Axis, first: str, b: Axis, second: str, span: Span | None) -> CircuitError:
    """Make the error of two lengths on one wire: both, and where each came from."""
    places = [(axis.find().span or axis.span, text) for axis, text in ((a, first), (b, second))]
    came = tuple((f"{text} comes from here", place) for place, text in places if place is not None)
    where = " and ".join(f"{text} (from {place.line}:{place.column})" if place and place.line else text
                         for place, text in places)
    return CircuitError(Diagnostic(f"{where} disagree", span, "aligned axes have one length", came))


def required(axis: Axis, span: Span | None) -> int:
    """Give the length of an axis that must be known by now."""
    if axis.length is None:
        raise error(f"axis {axis.name} has no length", span or axis.find().span, f"write `axis {axis.name} = 8`")
    return axis.length
