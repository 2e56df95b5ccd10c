"""What gate-level files have in common: a module seen as named bits around a netlist of ANDs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from circuitc.diagnostics import Diagnostic
from circuitc.ir import Func, Graph, Module, Netlist, Port, Register, flatten_bits
from circuitc.ir.netlist_expand import expand_to_aig


@dataclass(frozen=True, slots=True)
class Circuit:
    """A func as gate-level files see it: one name a bit, in the order of the netlist's inputs and outputs.

    `netlist` holds ANDs only; its inputs are `inputs` then `latches`, its outputs `outputs` then the latches' next
    values. `resets` has 0, 1 or None (free) for each latch.
    """

    func: Func
    netlist: Netlist
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    latches: tuple[str, ...]
    resets: tuple[int | None, ...]

    @property
    def file_stem(self) -> str:
        """The func's name with everything else than letters, digits and `_.-` replaced: safe as a file name."""
        return re.sub(r"[^A-Za-z0-9_.-]", "_", self.func.name).lstrip(".") or "circuit"


def circuit_of(module: Module) -> Circuit:
    """See a module's entry as a circuit; `gate_level_faults` has found nothing wrong with it."""
    func = module.entry
    assert isinstance(func.body, Netlist), "checked before"
    return Circuit(func, expand_to_aig(func.body), bit_names(func.inputs), bit_names(func.outputs),
                   bit_names(func.registers), tuple(r for register in func.registers for r in _resets(register)))


def bit_names(ports: Iterable[Port | Register]) -> tuple[str, ...]:
    """Name each bit of ports: a scalar bit by its port, other bits `port[k]`, row major and least significant first."""
    return tuple(name for port in ports for name in _names(port))


def _names(port: Port | Register) -> Iterator[str]:
    if port.type.bits == 1 and not port.type.shape:
        yield port.name
    else:
        yield from (f"{port.name}[{k}]" for k in range(port.type.bits))


def _resets(register: Register) -> list[int | None]:
    if register.initial is None:
        return [None] * register.type.bits
    return flatten_bits([register.type], [register.initial.array[None]])[0].tolist()


def gate_level_faults(module: Module, target: str) -> list[Diagnostic]:
    """Collect what keeps a module from being written as gates and latches that step together."""
    func = module.entry
    if isinstance(func.body, Graph):
        return [Diagnostic(f"the body of @{func.name} is a graph of typed ops, {target} takes gates", func.span,
                           "run the pass lower-to-gates first")]
    faults: list[Diagnostic] = []
    if func.schedule.kind not in ("once", "stream"):
        faults.append(Diagnostic(f"@{func.name} runs by the schedule {func.schedule}, {target} knows once and stream",
                                 func.span))
    if func.schedule.kind == "once" and func.registers:
        faults.append(Diagnostic(f"@{func.name} runs once and has registers, {target} latches step on",
                                 func.span))
    ports = (*func.inputs, *func.outputs, *func.registers)
    faults += [Diagnostic(f"{port.name} of @{func.name} is {port.type}, {target} takes bits", func.span,
                          "quantize the model to exact types first") for port in ports if port.type.is_float]
    for what, group in (("inputs and registers", (*func.inputs, *func.registers)), ("outputs", func.outputs)):
        faults += _name_faults(what, bit_names(group), func)
    return faults


def _name_faults(what: str, names: Sequence[str], func: Func) -> list[Diagnostic]:
    faults: list[Diagnostic] = []
    seen: set[str] = set()
    for name in names:
        if name in seen:
            faults.append(Diagnostic(f"two bits of the {what} of @{func.name} are both named {name!r}", func.span,
                                     "rename a port"))
        seen.add(name)
        if not name or not _one_line(name):
            faults.append(Diagnostic(f"the {what} of @{func.name} have the name {name!r}, which no line can hold",
                                     func.span, "rename the port"))
    return faults


def _one_line(name: str) -> bool:
    """Tell whether a name is encodable text without line breaks and NUL."""
    if any(c in name for c in "\n\r\0"):
        return False
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def port_map(circuit: Circuit) -> dict[str, Any]:
    """Say which bit is which: each port with its type, rate, encoding and the range of its bits."""
    func = circuit.func
    return {
        "func": func.name,
        "schedule": str(func.schedule),
        "inputs": _ranges(func.inputs),
        "outputs": _ranges(func.outputs),
        "registers": _ranges(func.registers),
    }


def _ranges(ports: Iterable[Port | Register]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    first = 0
    for port in ports:
        row: dict[str, Any] = {"name": port.name, "type": str(port.type), "first_bit": first, "bits": port.type.bits}
        if isinstance(port, Port):
            row |= {"rate": port.rate, "encoding": asdict(port.encoding)}
        else:
            row["initial"] = "free" if port.initial is None else _resets(port)
        rows.append(row)
        first += port.type.bits
    return rows
