"""Verify the artefact itself: read what was emitted back through an independent reader and compare it with the IR."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np

from circuitc.diagnostics import CircuitError, InternalError
from circuitc.ir import BIT, ONCE, Func, Module, Port, random_raw, run
from circuitc.passes.check import sample_inputs
from circuitc.simulation import engine_name, simulate_verilog
from circuitc.simulation.read_gates import read_gates
from circuitc.simulation.read_verilog import (
    UNDEFINED,
    read_aiger_independently,
    read_blif_independently,
    read_verilog,
)
from circuitc.tools import tool_version

from .equivalence import verify
from .evidence import Evidence
from .layout import as_called
from .pipeline import without_registers
from .verdict import Counterexample, Verdict

MAX_YOSYS_LINES = 200_000  # Yosys takes about 0.2 ms and 10 KB a line


def verify_emitted(module: Module, text: str, ports: Mapping[str, Any], *, seconds: float = 60, method: str = "auto",
                   vectors: int = 100_000, seed: int = 0, proof: str = "",
                   files: Mapping[str, bytes] = MappingProxyType({})) -> Verdict:
    """Read emitted Verilog back through an independent reader and compare it with the module it was made of.

    The reader is Yosys, or where the text has more than MAX_YOSYS_LINES lines our own streaming reader of gates.

    `ports` is the content of `ports.json`, `files` the contents of memories that the text names. A combinational func
    is compared whole; of a clocked one the module of one step is compared with the body, and the verdict's subject says
    so: the registers and handshakes around it are for `simulate_emitted`.
    """
    module = replace(module, main=ports["step_func"]) if "step_func" in ports else module
    func = module.entry
    whole = func.is_combinational
    name = ports["module"] if whole else ports["step_module"]
    if text.count("\n") > MAX_YOSYS_LINES:
        design, reader = read_gates(text, name), "circuitc's streaming reader"
    else:
        design = read_verilog(text, name, seconds=max(60, 2 * seconds), files=files)
        reader = f"Yosys {tool_version('pyosys')}"
    mine = module if whole else step_module(module)
    names = {p["verilog"]: p["name"] for p in ports["ports"]}
    theirs = _renamed(design, mine.entry, names if whole else None)
    verdict = verify(mine, theirs, method, seconds=seconds, vectors=vectors, seed=seed, proof=proof)
    subject = f"module {name}" if whole else f"module {name}: one step of @{func.name} from any state"
    return replace(verdict, subject=subject, reader=reader, artefact=hashlib.sha256(text.encode()).hexdigest())


def verify_pipeline(module: Module, text: str, ports: Mapping[str, Any], *, seconds: float = 60, method: str = "auto",
                    vectors: int = 100_000, proof: str = "") -> Verdict:
    """Read an emitted pipeline back through Yosys, show that it is one, and compare what its gates make of a word.

    See `circuitc.proof.pipeline` for what is shown of the registers and handshakes, which makes the verdict one about
    the whole module. An InternalError says what does not hold.
    """
    name, latency = ports["module"], int(ports["latency"])
    design = read_verilog(text, name, clock=ports["clock"]["name"], seconds=max(60, 2 * seconds))
    theirs = without_registers(design, ports["reset"]["name"], latency)
    names = {p["verilog"]: p["name"] for p in ports["ports"]}
    verdict = verify(module, _renamed(theirs, module.entry, names), method, seconds=seconds, vectors=vectors,
                     proof=proof)
    note = f"all paths cross {latency} registers, which move and stand still together"
    evidence = replace(verdict.evidence, note="; ".join(n for n in (verdict.evidence.note, note) if n))
    return replace(verdict, evidence=evidence, subject=f"module {name}: {latency} cycles later",
                   reader=f"Yosys {tool_version('pyosys')}", artefact=hashlib.sha256(text.encode()).hexdigest())


def simulate_emitted(module: Module, text: str, ports: Mapping[str, Any], *, vectors: int = 256,
                     engine: str = "yosys", seed: int = 0, seconds: float = 120,
                     files: Mapping[str, bytes] = MappingProxyType({})) -> Verdict:
    """Run whole calls of emitted Verilog, handshakes and stalls included, and compare with the interpreter."""
    func = module.entry
    rng = np.random.default_rng(seed)
    inputs = sample_inputs(func, vectors, rng)
    samples = vectors if func.inputs else 1
    state = {r.name: random_raw(r.type, samples, rng) for r in func.registers if r.initial is None}
    try:
        wanted = run(module, inputs, func.name, state)
    except CircuitError as e:
        note = f"the interpreter stops: {e.diagnostics[0].message}"
        return Verdict("unknown", Evidence("not_checked", method="simulation", note=note))
    answer = simulate_verilog(text, ports, module, inputs, state=state, engine=engine, seconds=seconds, stall=True,
                              files=files)
    count = len(next(iter(wanted.values())))
    for k in range(count):
        if any(not np.array_equal(wanted[p.name][k], answer[p.name][k]) for p in func.results):
            free = [Port(r.name, r.type) for r in func.registers if r.initial is None]
            example = Counterexample(
                _sample(inputs, k), _sample(state, k), {}, _sample(wanted, k), _sample(answer, k),
                (*as_called(func, func.inputs), *free), as_called(func, func.results))
            found = Verdict("different", Evidence("simulated", 1, "simulation"), example)
            break
    else:
        found = Verdict("unknown", Evidence("simulated", count, "simulation"))
    return replace(found, subject=f"module {ports['module']}: whole calls", reader=engine_name(engine),
                   artefact=hashlib.sha256(text.encode()).hexdigest())


def _sample(values: Mapping[str, Any], k: int) -> dict[str, Any]:
    return {name: value[k] for name, value in values.items()}


def verify_emitted_aiger(module: Module, content: bytes, *, seconds: float = 60, method: str = "auto",
                         vectors: int = 100_000, proof: str = "") -> Verdict:
    """Read an emitted AIGER file back through Yosys and compare it with the module it was made of.

    A gate list has a value of each port in each step: ports with one a call are compared as their steps.
    """
    return _verify_gates(module, content, read_aiger_independently(content),
                         method=method, seconds=seconds, vectors=vectors, proof=proof)


def verify_emitted_blif(module: Module, content: bytes, *, seconds: float = 60, method: str = "auto",
                        vectors: int = 100_000, proof: str = "") -> Verdict:
    """Read an emitted BLIF file back through Yosys and compare it with the module it was made of, step by step."""
    return _verify_gates(module, content, read_blif_independently(content),
                         method=method, seconds=seconds, vectors=vectors, proof=proof)


def _verify_gates(module: Module, content: bytes, theirs: Module, **options: Any) -> Verdict:
    verdict = verify(each_step(module), theirs, **options)
    return replace(verdict, subject=f"the circuit of @{module.entry.name}", reader=f"Yosys {tool_version('pyosys')}",
                   artefact=hashlib.sha256(content).hexdigest())


def each_step(module: Module) -> Module:
    """Give the module whose main func takes and gives a value of each port in each step."""
    func = module.entry
    if func.schedule.kind != "stream" or all(p.rate == "step" for p in (*func.inputs, *func.outputs)):
        return module
    inputs, outputs = (tuple(replace(p, rate="step") for p in side) for side in (func.inputs, func.outputs))
    return module.with_func(replace(func, inputs=inputs, outputs=outputs))


def step_module(module: Module) -> Module:
    """Give the module whose main func is one step of the main func: registers and next values as ports of a `once`."""
    func = module.entry
    inputs = [Port(p.name, p.type, encoding=p.encoding) for p in func.inputs]
    outputs = [Port(p.name, p.type, encoding=p.encoding) for p in func.outputs]
    inputs += [Port(f"state {r.name}", r.type) for r in func.registers]
    outputs += [Port(f"next {r.name}", r.type) for r in func.registers]
    outputs += [Port("done", BIT)] if func.schedule.kind == "until" else []
    step = Func(func.name, tuple(inputs), tuple(outputs), func.body, (), ONCE)
    return replace(module, funcs={**module.funcs, func.name: step}, main=func.name)


def _renamed(design: Module, wanted: Func, names: Mapping[str, str] | None) -> Module:
    """Give the ports that were read the names of the IR: by the port map, or (steps) by their place in the header."""
    func = design.entry
    read = [p for p in func.inputs if p.name != UNDEFINED]
    if len(read) != len(wanted.inputs) or len(func.outputs) != len(wanted.outputs):
        raise InternalError(f"module {func.name} was emitted with {len(read)} inputs and {len(func.outputs)} outputs, "
                            f"@{wanted.name} has {len(wanted.inputs)} and {len(wanted.outputs)}")
    if names is None:
        names = {p.name: q.name for p, q in zip(read, wanted.inputs, strict=True)}
        outputs = tuple(replace(p, name=q.name) for p, q in zip(func.outputs, wanted.outputs, strict=True))
    else:
        outputs = tuple(replace(p, name=names.get(p.name, p.name)) for p in func.outputs)
    inputs = tuple(replace(p, name=names.get(p.name, p.name)) for p in func.inputs)
    typed = replace(func, inputs=_typed(inputs, wanted.inputs), outputs=_typed(outputs, wanted.outputs))
    return replace(design, funcs={func.name: typed}, main=func.name)


def _typed(read: Sequence[Port], wanted: Sequence[Port]) -> tuple[Port, ...]:
    """Give bits that were read the types that they were emitted for."""
    types = {p.name: p for p in wanted}
    return tuple(replace(p, type=q.type, encoding=q.encoding)
                 if (q := types.get(p.name)) is not None and q.type.bits == p.type.bits else p for p in read)
