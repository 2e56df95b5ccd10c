"""The LLVM target: native functions in this process, and object files with a C header."""

from .backend import LLVM
from .native import NativeFunction, compile_native, load_library
from .stepper import NativeStepper

BACKEND = LLVM()

__all__ = ["BACKEND", "LLVM", "NativeFunction", "NativeStepper", "compile_native", "load_library"]
