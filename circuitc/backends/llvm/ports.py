"""What a func's native functions are called with: ports by pointer, registers by record."""

from __future__ import annotations

import numpy as np

from circuitc.ir import Func

from .memory import I64, POINTER, Record, record, to_compact

RUN = (POINTER, I64, I64, POINTER, POINTER, POINTER)
STEP = (POINTER, POINTER, I64, POINTER, POINTER)


def registers_of(func: Func) -> Record:
    """Lay out the registers of one sample."""
    return record([r.type for r in func.registers])


def initial_bytes(func: Func) -> bytes:
    """Give the register record of a sample that starts; free registers are zero (spins -1)."""
    layout = registers_of(func)
    content = bytearray(layout.size)
    for register, offset in zip(func.registers, layout.offsets, strict=True):
        raw = np.full(register.type.shape, -1 if register.type.is_spin else 0) if register.initial is None else (
            register.initial.array)
        stored = to_compact(register.type, raw).tobytes()
        content[offset:offset + len(stored)] = stored
    return bytes(content)
