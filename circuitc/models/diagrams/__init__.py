"""Neural circuit diagrams: architectures as named axes, affine places and blocks; typed, drawn, costed, compiled.

Written as in V. Abbott, Neural Circuit Diagrams (TMLR 2024): an axis is a wire, a shape is adjacent wires.
"""

from .builder import DiagramBuilder, at, fn, holds, number_of
from .elaborate import elaborate
from .lower import lower
from .steps import Typed
from .syntax import Diagram

__all__ = ["Diagram", "DiagramBuilder", "Typed", "at", "elaborate", "fn", "holds", "lower", "number_of"]
