"""Maps that pass pixel by pixel: where and when their positions come, line buffers, and the body of one step."""

from .body import StreamBody
from .grid import Axis, Flow, Pending
from .parts import inner_axes, whole_order
from .rules import RULES

__all__ = ["RULES", "Axis", "Flow", "Pending", "StreamBody", "inner_axes", "whole_order"]
