"""Native functions in this process: raw numbers in numpy arrays in, raw numbers out."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import CircuitError, error, nearest
from circuitc.ir import Func, Module, Netlist, given_state

from . import target as targets
from .arguments import PLANS, Arguments, Plan, Raw, address
from .func import write_program
from .loaded import Code, Library
from .lowering import refusals
from .memory import aligned_zeros, to_compact
from .ports import registers_of
from .stepper import NativeStepper
from .team import Team
from .unit import Unit, reachable

SHAPES = ("auto", "straight", "table")
PART = 2048  # samples of a netlist that are worth a thread: four vectors of 512
_WORTH = 1 << 22  # elements that graph ops read in a step, worth a thread: some 100 us
_ARGUMENTS = {"run": "pllppp", "step": "pplpp", "reset": "pl", "packed_rows": "pllpp"}


class Working:
    """Working memory of one call at a time, and the lists of pointers that the call is given."""

    def __init__(self, size: int, inputs: int, outputs: int) -> None:
        self._block = aligned_zeros(size)
        self.inputs, self.outputs = (ctypes.c_uint64 * inputs)(), (ctypes.c_uint64 * outputs)()
        self.start = address(self._block)
        self.at_inputs, self.at_outputs = ctypes.addressof(self.inputs), ctypes.addressof(self.outputs)


class NativeFunction:
    """The entry func of a module as native code.

    `f(x, ...)` and `f(name=x)` take raw numbers, batch axis first, and answer the one output's raw numbers or a tuple
    of all; `f.run({name: raw})` answers all by name, in the shapes of `circuitc.ir.run`. `f.packed(words)` evaluates a
    netlist on 64 samples a word. `f.stepper(batch)` keeps registers from step to step.
    """

    def __init__(self, module: Module, prefix: str, code: Code | Library, sites: Sequence[str], scratch: int,
                 figures: Mapping[str, Any], threads: int = 1) -> None:
        self.module: Module = module
        self.func: Func = module.entry
        self.figures: dict[str, Any] = dict(figures)
        self.arguments = Arguments(self.func)
        self._has_free = any(r.initial is None for r in self.func.registers)
        self._sites = tuple(sites)
        self._code = code
        self._functions = {name: code.function(f"{prefix}_{name}", kinds) for name, kinds in _ARGUMENTS.items()
                           if name != "packed_rows" or isinstance(self.func.body, Netlist)}
        self._scratch_bytes = scratch
        self._team = Team(threads)
        self._part = _samples_of_a_part(self.func)
        self._names = tuple(p.name for p in self.func.results)
        self._prepared: dict[Any, Callable[[list[Raw]], Raw]] = {}
        self._outputs = len(self.func.outputs)
        self._pool: list[Working] = []  # memory that no call holds; taking, giving is atomic

    def __call__(self, *values: Any, **named: Any) -> Any:
        """Call on raw numbers, by position or by name."""
        if not named:
            arrays = [np.asarray(v) for v in values]
            call = self._prepared.get(tuple([(a.shape, a.dtype) for a in arrays]))
            if call is not None:
                return call(arrays)
        arrays = self.arguments.arrays(values, named)
        answers = self._run(arrays, None)
        self._prepare(self.arguments.plan(arrays))
        return answers[0] if self._outputs == 1 else tuple(answers[:self._outputs])

    def _prepare(self, plan: Plan) -> None:
        """Keep a function for calls like this one, where it has one result and inputs are stored as they come.

        It is one piece with names of its own: of a call of 5 us, looking up attributes and calling methods took 3.
        """
        results = self.arguments.results
        if not plan.as_is or len(results) != 1 or self._team.threads > 1 or self._has_free:
            return
        shape, result, start = plan.shapes[0], results[0], self._functions["run"]
        batch, steps, lend, give_back, empty = plan.batch, plan.steps, self._lend, self._pool.append, np.empty

        def call(arrays: list[Raw]) -> Raw:
            output = empty(shape, result.dtype)
            memory = lend()
            for k, array in enumerate(arrays):
                if not array.flags.c_contiguous:
                    array = arrays[k] = np.ascontiguousarray(array)  # kept until the call ends
                memory.inputs[k] = address(array)
            memory.outputs[0] = address(output)
            status = start(memory.start, batch, steps, memory.at_inputs, memory.at_outputs, None)
            give_back(memory)
            if status:
                self._refuse(status)
            return output if result.as_is else output.astype(result.raw)
        if len(self._prepared) >= PLANS:
            self._prepared.clear()
        self._prepared[plan.key] = call

    def run(self, inputs: Mapping[str, Any], state: Mapping[str, Any] | None = None) -> dict[str, Raw]:
        """Call on raw numbers by port name; see `circuitc.ir.run` for the shapes and for `state`."""
        return dict(zip(self._names, self._run(self.arguments.arrays((), inputs), state), strict=True))

    def _run(self, arrays: list[Raw], state: Mapping[str, Any] | None) -> list[Raw]:
        """Call on arrays in port order, and answer all results in order."""
        plan = self.arguments.plan(arrays)
        initial = self.initial(plan.batch, dict(state or {})) if state or self._has_free else None
        outputs, places = self.arguments.room(plan)

        def part(start: int, stop: int) -> None:
            self._run_part(stop - start, plan.steps, [a[start:stop] for a in arrays],
                           [address(o[start:stop]) for o in outputs], None if initial is None else initial[start:stop])
        if self._team.threads == 1:
            self._run_part(plan.batch, plan.steps, arrays, places, initial)
        else:
            self._team.each(plan.batch, self._part, part)
        return self.arguments.answers(outputs)

    def _run_part(self, batch: int, steps: int, arrays: list[Raw], places: list[int], initial: Raw | None) -> None:
        memory = self._lend()
        memory.inputs[:], memory.outputs[:] = self.arguments.compact(arrays), places
        self._call("run", memory.start, batch, steps, memory.at_inputs, memory.at_outputs,
                   None if initial is None else address(initial))
        self._pool.append(memory)

    def packed(self, words: NDArray[np.uint64]) -> NDArray[np.uint64]:
        """Evaluate a netlist body: uint64[body input bits, n] -> uint64[body output bits, n], 64 samples a word.

        Registers, where there are any, come in after the input ports and go out after the output ports.
        """
        body = self.func.body
        if not isinstance(body, Netlist):
            raise error(f"@{self.func.name} has a graph body; packed words are for netlists",
                        help="run the passes that lower it to gates")
        words = np.ascontiguousarray(words, np.uint64)
        if words.ndim != 2 or len(words) != body.inputs:
            raise error(f"@{self.func.name} takes words of shape [{body.inputs}, n], got {list(words.shape)}")
        out = np.empty((len(body.outputs), words.shape[1]), np.uint64)
        pitch = words.shape[1]

        def part(start: int, stop: int) -> None:
            memory = self._lend()
            self._call("packed_rows", memory.start, stop - start, pitch, address(words) + 8 * start,
                       address(out) + 8 * start)
            self._pool.append(memory)
        if out.size:
            self._team.each(pitch, PART // 64, part)
        return out

    def stepper(self, batch: int = 1, state: Mapping[str, Any] | None = None) -> NativeStepper:
        """Make a machine of `batch` samples that keeps its registers from step to step."""
        return NativeStepper(self, batch, dict(state or {}))

    def _lend(self) -> Working:
        """Lend working memory for one call; threads that call at the same time get memory of their own."""
        try:
            return self._pool.pop()
        except IndexError:
            return Working(max(64, self._scratch_bytes), len(self.func.inputs), len(self.func.results))

    def step(self, records: NDArray[np.uint8], inputs: Sequence[Raw], outputs: Sequence[Raw]) -> None:
        """Take one step of each sample on compact arrays; register records are read and replaced."""
        def part(start: int, stop: int) -> None:
            memory = self._lend()
            memory.inputs[:] = [address(a[start:stop]) for a in inputs]
            memory.outputs[:len(outputs)] = [address(a[start:stop]) for a in outputs]
            self._call("step", memory.start, address(records[start:stop]), stop - start, memory.at_inputs,
                       memory.at_outputs)
            self._pool.append(memory)
        self._team.each(len(records), self._part, part)

    def _call(self, name: str, *arguments: Any) -> None:
        status = self._functions[name](*arguments)
        if status:
            self._refuse(status)

    def _refuse(self, status: int) -> NoReturn:
        raise error(self._sites[status - 1], help="use overflow=saturate, or a wider type")

    def initial(self, batch: int, state: dict[str, Any]) -> NDArray[np.uint8] | None:
        """Lay out the registers of each sample, or None where all start as the program says."""
        func, layout = self.func, registers_of(self.func)
        for name in state:
            if all(r.name != name for r in func.registers):
                raise error(f"@{func.name} has no register {name}",
                            help=nearest(name, (r.name for r in func.registers)))
        for register in func.registers:
            if register.initial is None and register.name not in state:
                raise error(f"register {register.name} of @{func.name} has no initial value",
                            help=f"give one with state={{{register.name!r}: ...}}")
        if not func.registers:
            return None
        records = np.zeros((batch, layout.size), np.uint8)
        if batch:
            self._call("reset", records.ctypes.data, batch)
        for register, offset in zip(func.registers, layout.offsets, strict=True):
            if register.name in state:
                given = given_state(register, state[register.name], batch)
                stored = to_compact(register.type, given).reshape(batch, -1).view(np.uint8)
                records[:, offset:offset + stored.shape[1]] = stored
        return records


def _samples_of_a_part(func: Func) -> int:
    """Tell how many samples a thread should have at least; a netlist evaluates many in one go."""
    body = func.body
    if isinstance(body, Netlist):
        return PART
    read = sum(body.nodes[v].type.size for node in body.nodes for v in node.operands)
    return max(1, _WORTH // max(1, read))


def compile_native(module: Module, *, cpu: str | None = None, level: int = 2, shape: str = "auto",
                   threads: int = 1) -> NativeFunction:
    """Compile a module's entry for this process.

    `cpu` is the host by default. `shape` says how netlists become code: `straight`, `table`, or by size (`auto`).
    `threads` is how many split each call's samples; 0 takes one for each core. Answers do not depend on it.
    """
    if shape not in SHAPES:
        raise error(f"shape={shape} is not one of {', '.join(SHAPES)}")
    problems = [d for func in reachable(module) for d in refusals(func)]
    if problems:
        raise CircuitError(problems)
    processor = targets.host() if cpu is None else targets.named(cpu)
    unit = Unit(module, processor, "circuit", by_address=True, shape=shape)
    write_program(unit)
    return native_of(unit, level=level, threads=threads)


def native_of(unit: Unit, *, level: int = 2, threads: int = 1) -> NativeFunction:
    """Make code for this process of what was written."""
    entry = unit.program.entry.name
    return NativeFunction(unit.program, unit.prefix, Code(unit, level=level), unit.sites, unit.scratch[entry],
                          unit.figures, threads)


def load_library(path: Path, module: Module, ports: Mapping[str, Any]) -> NativeFunction:
    """Open a shared library that the backend emitted for a module, with its port map (`ports.json`), to run it here."""
    return NativeFunction(module, ports["prefix"], Library(path), ports["statuses"], ports["scratch_bytes"], {})
