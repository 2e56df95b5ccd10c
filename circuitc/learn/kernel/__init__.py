"""The inner loop of training as machine code: LLVM vectors whose lanes are items."""

from .memory import Memory, infer

__all__ = ["Memory", "infer"]
