"""Write a counterexample as a waveform that any viewer opens."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import Port, flatten_bits

from .verdict import Counterexample, Values

STEP = 10  # time units


def write_vcd(example: Counterexample, path: str | Path) -> None:
    """Write inputs, both sides' outputs and where they differ as a VCD file, ten time units a step."""
    try:
        Path(path).write_text(vcd_text(example))
    except OSError as e:
        raise error(f"{path}: {e.strerror or e}") from None


def vcd_text(example: Counterexample) -> str:
    """Print a counterexample as VCD: scopes `inputs`, `first`, `second`; one signal a port, element 0 lowest."""
    signals: list[tuple[str, str, Port, NDArray[Any]]] = []
    given = {**example.inputs, **example.state, **example.free}
    scopes: tuple[tuple[str, tuple[Port, ...], Values], ...] = (
        ("inputs", example.input_ports, given), ("first", example.output_ports, example.first),
        ("second", example.output_ports, example.second))
    for scope, ports, values in scopes:
        signals += [(scope, _code(len(signals) + k), p, values[p.name]) for k, p in enumerate(ports)]
    steps = max(1, example.steps)
    lines = ["$comment a counterexample of circuitc $end", "$timescale 1 ns $end", *_declarations(signals)]
    for step in range(steps):
        lines += [f"#{step * STEP}", *(_change(code, p, value, step) for _, code, p, value in signals)]
    return "\n".join([*lines, f"#{steps * STEP}", ""])


def _declarations(signals: list[tuple[str, str, Port, NDArray[Any]]]) -> Iterator[str]:
    for scope in ("inputs", "first", "second"):
        yield f"$scope module {scope} $end"
        for owner, code, port, _ in signals:
            if owner == scope:
                kind = f"real {port.type.width}" if _is_real(port) else f"wire {port.type.bits}"
                yield f"$var {kind} {code} {''.join(c if c.isalnum() else '_' for c in port.name)} $end"
        yield "$upscope $end"
    yield "$enddefinitions $end"


def _is_real(port: Port) -> bool:
    return port.type.is_float and not port.type.shape


def _change(code: str, port: Port, value: NDArray[Any], step: int) -> str:
    now = value[min(step, len(value) - 1)] if port.rate == "step" else value
    if _is_real(port):
        return f"r{float(now):.17g} {code}"
    bits = flatten_bits([port.type], [np.asarray(now)[None]])[0]
    return f"b{''.join(map(str, bits[::-1]))} {code}"


def _code(number: int) -> str:
    """Name a signal in printable characters, as VCD does."""
    digits = ""
    while True:
        digits += chr(33 + number % 94)
        number //= 94
        if not number:
            return digits
