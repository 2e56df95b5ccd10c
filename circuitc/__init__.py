"""circuitc: a compiler for circuit-like models. One typed IR, CPU code, Verilog, and proofs that they agree."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from circuitc.build import Build
    from circuitc.diagnostics import CircuitError, InternalError
    from circuitc.driver import compile, jit, load, simulate
    from circuitc.formats import write
    from circuitc.ir import Module, parse_module, print_module, run, verify_module
    from circuitc.passes import run_passes
    from circuitc.plugins import register_pass
    from circuitc.proof import verify

__version__ = "0.1.0"

# Public names and where they live; loaded when first used, so that `import circuitc` costs nothing.
_PUBLIC = {
    "Build": "circuitc.build", "CircuitError": "circuitc.diagnostics", "InternalError": "circuitc.diagnostics",
    "Module": "circuitc.ir", "compile": "circuitc.driver", "jit": "circuitc.driver", "load": "circuitc.driver",
    "parse_module": "circuitc.ir", "print_module": "circuitc.ir", "run": "circuitc.ir",
    "register_pass": "circuitc.plugins", "run_passes": "circuitc.passes",
    "simulate": "circuitc.driver", "verify": "circuitc.proof", "verify_module": "circuitc.ir",
    "write": "circuitc.formats",
}

__all__ = ["Build", "CircuitError", "InternalError", "Module", "__version__", "compile", "jit", "load", "parse_module",
           "print_module", "register_pass", "run", "run_passes", "simulate", "verify", "verify_module", "write"]


def __getattr__(name: str) -> Any:
    if name == "crossbar":
        return import_module("circuitc.crossbar")
    if name not in _PUBLIC:
        raise AttributeError(f"module 'circuitc' has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)
