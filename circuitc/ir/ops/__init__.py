"""The op table: every op of the language, one record each, gathered from one file a family."""

from types import MappingProxyType

from circuitc.diagnostics import error, nearest

from ..op import OpDef
from . import elementwise, functions, reductions, structure

OPS = MappingProxyType({
    op.name: op for family in (elementwise.OPS, structure.OPS, reductions.OPS, functions.OPS) for op in family})


def find_op(name: str) -> OpDef:
    """Give the record of an op, or say which name is nearest."""
    record = OPS.get(name)
    if record is None:
        raise error(f"there is no op {name}", help=nearest(name, OPS))
    return record


__all__ = ["OPS", "find_op"]
