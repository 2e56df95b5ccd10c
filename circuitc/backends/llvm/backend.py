"""The LLVM target: LLVM assembly, an object file, a shared library and a C header."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from circuitc.backends.base import Emission
from circuitc.diagnostics import CircuitError, Diagnostic, nearest
from circuitc.ir import Graph, Module

from . import target as targets
from .func import write_program
from .header import Face, header, identifier, port_map
from .loaded import assemble
from .lowering import refusals
from .native import SHAPES
from .unit import Unit, reachable

OPTIONS = ("cpu", "prefix", "shape")
_LINK_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Design:
    """A module as LLVM text, optimised, and its object code."""

    face: Face
    assembly: str
    code: bytes
    library: bytes | None
    figures: Mapping[str, Any]


class LLVM:
    """The CPU: `.ll`, `.o`, `.so` (where there is a C compiler) and C header; options cpu, prefix, shape.

    Options: `cpu` (`baseline`, `native` or LLVM's name of a processor), `prefix` (of all names; the module's name by
    default), `shape` (of netlists: `straight`, `table`, or `auto` by size).
    """

    name = "llvm"

    def check(self, module: Module, options: Mapping[str, str]) -> list[Diagnostic]:
        """Collect what this target cannot take."""
        found = [Diagnostic(f"the llvm target has no option {key}", help=nearest(key, OPTIONS))
                 for key in options if key not in OPTIONS]
        prefix = options.get("prefix")
        if prefix is not None and identifier(prefix) != prefix:
            found.append(Diagnostic(f"option prefix={prefix} is not a C identifier", help=f"use {identifier(prefix)}"))
        if options.get("shape", "auto") not in SHAPES:
            found.append(Diagnostic(f"option shape={options['shape']} is not one of {', '.join(SHAPES)}"))
        try:
            targets.named(options.get("cpu", "baseline"))
        except CircuitError as e:
            found += e.diagnostics
        return found + [d for func in reachable(module) for d in refusals(func)]

    def build(self, module: Module, options: Mapping[str, str]) -> Design:
        """Write, optimise and assemble the code."""
        problems = self.check(module, options)
        if problems:
            raise CircuitError(problems)
        cpu, prefix = options.get("cpu", "baseline"), options.get("prefix") or identifier(module.name)
        processor = targets.named(cpu)
        unit = Unit(module, processor, prefix, by_address=False, shape=options.get("shape", "auto"))
        write_program(unit)
        linked, tm = assemble(unit), targets.machine(processor)
        targets.optimise(linked, tm)
        code = tm.emit_object(linked)
        library = _shared_library(code)
        stand_ins = tuple(f for f in reachable(module)
                          if f.target and isinstance(f.body, Graph) and f is not module.entry)
        face = Face(module.entry, prefix, unit.scratch[module.entry.name], tuple(unit.sites), processor.cpu, stand_ins)
        figures = {**unit.figures, "cpu": processor.cpu, "vector bits": processor.vector_bits,
                   "scratch bytes": face.scratch, "object bytes": len(code),
                   "shared library": "linked" if library else "not made: there is no C compiler (cc, gcc) to link with"}
        return Design(face, str(linked), code, library, figures)

    def emit(self, design: Design) -> Emission:
        """Name the files."""
        prefix = design.face.prefix
        files = {f"{prefix}.ll": design.assembly.encode(), f"{prefix}.o": design.code,
                 f"{prefix}.h": header(design.face).encode()}
        if design.library is not None:
            files[f"{prefix}.so"] = design.library
        return Emission(f"{prefix}.o", files, port_map(design.face), dict(design.figures))


def _shared_library(code: bytes) -> bytes | None:
    """Link an object file into a shared library, or answer None where there is no C compiler that can."""
    linker = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
    if linker is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "code.o").write_bytes(code)
        command = [linker, "-shared", "-o", "code.so", "code.o", "-lm", "-Wl,--build-id=none"]
        try:
            done = subprocess.run(command, cwd=place, capture_output=True, timeout=_LINK_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return (place / "code.so").read_bytes() if done.returncode == 0 else None
