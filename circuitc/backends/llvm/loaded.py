"""Machine code in this process: compiled here, or in a shared library; functions by name."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import llvmlite.binding as llvm

from circuitc.diagnostics import error
from circuitc.ir import Netlist

from . import target as targets
from .unit import Unit

_C = {"p": ctypes.c_void_p, "l": ctypes.c_int64}


def assemble(unit: Unit) -> Any:
    """Link what was built and what was written as text into one LLVM module."""
    whole = llvm.parse_assembly(str(unit.module))
    for text in unit.texts:
        whole.link_in(llvm.parse_assembly(text))
    return whole


class Code:
    """Machine code in memory. It lives as long as this object, and so do the constants that it reads."""

    def __init__(self, unit: Unit, *, level: int) -> None:
        self._kept: list[Any] = list(unit.kept)
        tm = targets.machine(unit.target, level=level, jit=True)
        linked = assemble(unit)
        # A netlist's own code is made apart (Unit.functions): what is left here packs and unpacks samples.
        targets.optimise(linked, tm, level=level, unroll=not isinstance(unit.program.entry.body, Netlist))
        self._engine = llvm.create_mcjit_compiler(linked, tm)
        self._engine.finalize_object()

    def function(self, name: str, arguments: str) -> Any:
        """Give a function by name; its arguments are `p` pointers and `l` 64-bit integers."""
        address = self._engine.get_function_address(name)
        assert address, f"the module has no {name}"
        return ctypes.CFUNCTYPE(ctypes.c_int32, *(_C[a] for a in arguments))(address)


class Library:
    """Machine code in a shared library on disk."""

    def __init__(self, path: Path) -> None:
        try:
            self._library = ctypes.CDLL(str(path.resolve()))
        except OSError as e:
            raise error(f"{path}: {e}") from None

    def function(self, name: str, arguments: str) -> Any:
        """Give a function by name; its arguments are `p` pointers and `l` 64-bit integers."""
        found = getattr(self._library, name, None)
        if found is None:
            raise error(f"the library has no function {name}", help="take library and ports.json from the same build")
        found.restype, found.argtypes = ctypes.c_int32, [_C[a] for a in arguments]
        return found
