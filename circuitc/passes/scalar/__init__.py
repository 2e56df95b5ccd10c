"""How each op is said in scalar ops: one rule an op, gathered from one file a family."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from . import elementwise, indexing, reductions, structure, threshold
from .elementwise import ELEMENTWISE
from .emitter import Elements, Emitter, Pool

Rule = Callable[..., Elements]  # (emitter, node, elements of each operand) -> elements of the result

SCALAR_RULES: Mapping[str, Rule] = MappingProxyType(
    elementwise.RULES | structure.RULES | indexing.RULES | reductions.RULES | threshold.RULES)

__all__ = ["ELEMENTWISE", "SCALAR_RULES", "Elements", "Emitter", "Pool", "Rule"]
