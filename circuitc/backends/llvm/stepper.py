"""Machines in native code: registers kept from step to step, and the steps taken one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from circuitc.diagnostics import error

from .arguments import Raw
from .memory import bytes_of, compact_dtype, from_compact
from .ports import registers_of

if TYPE_CHECKING:
    from .native import NativeFunction


class NativeStepper:
    """Registers of a batch of samples, kept from step to step; `step(inputs)` answers one step's outputs."""

    def __init__(self, function: NativeFunction, batch: int, state: dict[str, Any]) -> None:
        self.function, self.batch = function, batch
        records = function.initial(batch, state)
        self._records = np.zeros((batch, 0), np.uint8) if records is None else records

    def step(self, inputs: Mapping[str, Any]) -> dict[str, Raw]:
        """Take one step: every input port is given as [batch, *shape]."""
        func = self.function.func
        arrays: list[Raw] = []
        for taken in self.function.arguments.inputs:
            port = taken.port
            raw = np.asarray(inputs[port.name]) if port.name in inputs else None
            if raw is None or raw.shape != (self.batch, *port.type.shape):
                raise error(f"a step of @{func.name} needs {port.name} with shape {[self.batch, *port.type.shape]}")
            arrays.append(taken.compact(raw))
        outputs = [np.empty((self.batch, *p.type.shape), compact_dtype(p.type)) for p in func.outputs]
        self.function.step(self._records, arrays, outputs)
        return {p.name: from_compact(p.type, o) for p, o in zip(func.outputs, outputs, strict=True)}

    @property
    def state(self) -> dict[str, Raw]:
        """The registers' raw numbers, [batch, *shape] each."""
        func, layout = self.function.func, registers_of(self.function.func)
        found: dict[str, Raw] = {}
        for register, offset in zip(func.registers, layout.offsets, strict=True):
            size = bytes_of(register.type)
            stored = np.ascontiguousarray(self._records[:, offset:offset + size]).view(compact_dtype(register.type))
            found[register.name] = from_compact(register.type, stored.reshape(self.batch, *register.type.shape))
        return found
