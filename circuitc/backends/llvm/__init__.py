"""The LLVM target: native functions in this process, and object files with a C header."""

from .native import NativeFunction, NativeStepper, compile_native

__all__ = ["NativeFunction", "NativeStepper", "compile_native"]
