"""One LLVM module in the making: its constants, its functions, and the places where a program can break its promise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import llvmlite.binding as llvm
import llvmlite.ir as ir
import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Func, Module, Type

from .header import stand_in_name
from .kernel import Kernel, index, number
from .memory import ALIGN, I8, POINTER, element_type, storage_bits, to_compact
from .target import Target, machine

_BY_ADDRESS = 1 << 12


@dataclass
class Unit:
    """What grows while a module's funcs are written.

    With `by_address` constants over 4 KB stay in numpy arrays (`kept`) and the code holds their address: right for
    code that lives in this process. `sites[k]` is the message of status k + 1. `scratch` and `runs` give for each
    func written so far the bytes of working memory it needs and its function. `texts` are modules written
    as text.
    """

    program: Module
    target: Target
    prefix: str
    by_address: bool
    shape: str = "auto"
    chunk: int | None = None
    module: ir.Module = field(init=False)
    sites: list[str] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)
    scratch: dict[str, int] = field(default_factory=dict)
    runs: dict[str, ir.Function] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    _globals: dict[bytes, Any] = field(default_factory=dict)
    _names: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.module = ir.Module(self.prefix)
        self.module.triple = self.target.triple

    def name(self, wish: str) -> str:
        """Give a function name that is not taken."""
        count = self._names.get(wish, 0)
        self._names[wish] = count + 1
        return f"{self.prefix}.{wish}" + (f".{count}" if count else "")

    def kernel(self, wish: str, arguments: list[Any]) -> Kernel:
        """Start an internal function."""
        return Kernel(self.module, self.name(wish), arguments)

    def stand_in(self, func: str, arguments: list[Any]) -> Kernel:
        """Start the function of a func that is marked for another target: weak, so that a program may bring its own."""
        kernel = Kernel(self.module, stand_in_name(self.prefix, func), arguments, internal=False)
        kernel.function.linkage = "weak"
        return kernel

    def site(self, message: str) -> int:
        """Number a place that may fail."""
        if message not in self.sites:
            self.sites.append(message)
        return self.sites.index(message) + 1

    def data(self, array: NDArray[Any]) -> Any:
        """Give a pointer to read-only data: in the object file, or where it lies in this process."""
        content = np.ascontiguousarray(array).tobytes()
        known = self._globals.get(content)
        if known is not None:
            return known
        if self.by_address and len(content) > _BY_ADDRESS:
            padded = np.zeros(len(content) + ALIGN, np.uint8)
            start = -padded.ctypes.data % ALIGN
            padded[start:start + len(content)] = np.frombuffer(content, np.uint8)
            self.kept.append(padded)
            pointer = index(padded.ctypes.data + start).inttoptr(POINTER)
        else:
            kind = ir.ArrayType(I8, len(content))
            pointer: Any = ir.GlobalVariable(self.module, kind, self.name("data"))
            pointer.initializer = ir.Constant(kind, bytearray(content))
            pointer.linkage, pointer.global_constant, pointer.align = "internal", True, ALIGN
            pointer.type = POINTER
        self._globals[content] = pointer
        return pointer

    def functions(self, kernel: Kernel, text: str, names: Sequence[str], arguments: Sequence[Any], *,
                  level: int) -> list[Any]:
        """Take in functions written as text, to be called in a kernel; `level` is that of generating their code here.

        Code for this process is made at once, apart from the rest, so that each part gets the level that suits it.
        """
        kind = ir.FunctionType(ir.VoidType(), list(arguments))
        if not self.by_address:
            self.texts.append(text.replace("\ndefine void", "\ndefine hidden void"))
            return [ir.Function(self.module, kind, name) for name in names]
        engine = llvm.create_mcjit_compiler(llvm.parse_assembly(text), machine(self.target, level=level, jit=True))
        engine.finalize_object()
        self.kept.append(engine)
        return [kernel.builder.inttoptr(index(engine.get_function_address(name)), kind.as_pointer()) for name in names]

    def constant(self, t: Type, raw: NDArray[Any]) -> Any:
        """Give a pointer to a constant in compact storage."""
        return self.data(to_compact(t, raw))


def element(t: Type, raw: Any) -> Any:
    """Make the stored element of one raw number."""
    if t.is_float:
        return ir.Constant(element_type(t), float(raw))
    return number(storage_bits(t), int(raw))


def callees(func: Func) -> list[str]:
    """List the funcs that a func calls, in order of first use."""
    body = func.body
    nodes = getattr(body, "nodes", ())
    if isinstance(nodes, int):  # a netlist calls nothing
        return []
    return list(dict.fromkeys(n.attributes["func"] for n in nodes if n.op == "call"))


def reachable(program: Module) -> list[Func]:
    """List the entry func and all that it calls, callees first."""
    found: dict[str, Func] = {}

    def visit(func: Func) -> None:
        if func.name not in found:
            for name in callees(func):
                visit(program.func(name))
            found[func.name] = func
    visit(program.entry)
    return list(found.values())
