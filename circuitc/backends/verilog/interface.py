"""The face of a func in Verilog: module names, port names, and which handshakes there are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from circuitc.ir import BIT, PLAIN, Encoding, Func, Graph, Module, Port, Register, Type

from .names import Names, sanitised
from .options import HANDSHAKE, Options


@dataclass(frozen=True, slots=True)
class Signal:
    """A port or register of a func and the identifier it has in Verilog.

    As a vector it is `[type.bits - 1 : 0]`, element k (row major) at bits `[k * width +: width]`; a 1-bit scalar
    has no range.
    """

    name: str
    id: str
    type: Type
    rate: str = "call"
    encoding: Encoding = PLAIN

    @property
    def is_scalar_bit(self) -> bool:
        """True where the Verilog signal has no range."""
        return self.type.bits == 1 and not self.type.shape


@dataclass(frozen=True, slots=True)
class Interface:
    """How one func looks from outside.

    A combinational func is the module `module` with its ports; pipelined, that module has a clock and handshakes. Every
    other func is a combinational `step` (ports: inputs, registers, outputs, next registers, `done` for `until`) and the
    clocked `module` around it.
    """

    func: Func
    module: str
    step: str
    inputs: tuple[Signal, ...]
    outputs: tuple[Signal, ...]
    registers: tuple[Signal, ...]
    following: tuple[Signal, ...]
    done: str
    converged: Signal
    steps: Signal
    clk: str
    reset: str
    reset_kind: str
    ranks: int = 0  # of registers, where a combinational func is pipelined
    rows: int = 0   # words that carry the inputs of a call, a row of each tensor a word; 0: one word carries them all
    item: Func | None = None  # what a func calls for each of its steps, where these take steps of their own

    @property
    def clocked(self) -> bool:
        return self.ranks > 0 or not self.func.is_combinational

    @property
    def item_cycles(self) -> int:
        """The cycles from one step to the next, where nobody waits: one, or the steps of `item` and two."""
        return 1 if self.item is None else self.item.schedule.count + 2

    @property
    def takes_items(self) -> bool:
        """True where each step takes an input item; otherwise a call takes one bundle of inputs at its start."""
        kind = self.func.schedule.kind
        return kind == "stream" or self.ranks > 0 or (kind != "once" and any(p.rate == "step" for p in self.inputs))

    @property
    def words(self) -> tuple[Signal, ...]:
        """The input signals as pins: where the inputs come row by row, a row of each tensor."""
        return tuple(replace(s, type=s.type.with_shape(s.type.shape[1:])) if self.rows and s.type.rank else s
                     for s in self.inputs)

    @property
    def gives_items(self) -> bool:
        """True where each step gives an output item; otherwise a call gives one bundle at its end."""
        return self.func.schedule.kind != "once" and any(p.rate == "step" for p in self.outputs)

    @property
    def results(self) -> tuple[Signal, ...]:
        """The outputs of the module: those of the func, and `converged` and `steps` of an `until`."""
        until = self.func.schedule.kind == "until"
        return (*self.outputs, self.converged, self.steps) if until else self.outputs

    @property
    def has_in_last(self) -> bool:
        return self.func.schedule.kind == "stream"

    @property
    def has_out_last(self) -> bool:
        return self.clocked and self.gives_items

    @property
    def free_registers(self) -> tuple[Signal, ...]:
        """The registers without an initial value: reset leaves them as they are."""
        free = {r.name for r in self.func.registers if r.initial is None}
        return tuple(s for s in self.registers if s.name in free)

    def step_inputs(self) -> tuple[Signal, ...]:
        """The input signals of the step (or combinational) module, in the body's order."""
        return self.inputs + self.registers

    def step_outputs(self) -> tuple[Signal, ...]:
        """The output signals of the step (or combinational) module, in the body's order."""
        done = (Signal("done", self.done, BIT),) if self.func.schedule.kind == "until" else ()
        return self.outputs + self.following + done


def interfaces(module: Module, options: Options, ranks: int = 0) -> dict[str, Interface]:
    """Name the modules and ports of every func; callees come before their callers, the entry last.

    `ranks` is the number of ranks of registers of the entry, where it is pipelined.
    """
    names = Names()
    entry = module.entry
    top = names.take(options.top or options.prefix + sanitised(entry.name))
    top_step = names.take(f"{top}_step") if not entry.is_combinational else top
    found: dict[str, Interface] = {}
    for func in needed(module):
        name = top if func is entry else names.take(options.prefix + sanitised(func.name))
        step = top_step if func is entry else name if func.is_combinational else names.take(f"{name}_step")
        face = _interface(func, name, step, options, ranks if func is entry else 0, options.rows and func is entry)
        item = item_func(module, func)
        found[func.name] = face if item is None else replace(face, step=found[item.name].step, item=item)
    return found


def _interface(func: Func, name: str, step: str, options: Options, ranks: int, rows: bool) -> Interface:
    reserved = () if func.is_combinational and not ranks else (options.clk, options.reset, *HANDSHAKE)
    names = Names(name, step, *reserved)
    inputs = _signals(func.inputs, names)
    outputs = _signals(func.outputs, names)
    registers = _signals(func.registers, names)
    following = tuple(Signal(r.name, names.take(f"{r.id}_next"), r.type) for r in registers)
    until = {p.name: p for p in func.results[len(func.outputs):]}
    extra = [Signal(n, names.take(n) if n in until else n, until[n].type if n in until else BIT)
             for n in ("converged", "steps")]
    done = names.take("done") if until else "done"
    return Interface(func, name, step, inputs, outputs, registers, following, done, extra[0], extra[1],
                     options.clk, options.reset, options.reset_kind, ranks, row_count(func) if rows else 0)


def item_func(module: Module, func: Func) -> Func | None:
    """Give the `iterate` func that a step is: one call of it, on the step's own inputs, and nothing else."""
    body = func.body
    if func.is_combinational or not isinstance(body, Graph) or any(r.initial is None for r in func.registers):
        return None
    results = [body.nodes[v] for v in body.outputs]
    names = {n.attributes["func"] for n in results if n.op == "call" and n.operands == tuple(range(body.inputs))}
    if len(names) != 1 or any(n.op != "call" or n.operands != tuple(range(body.inputs)) for n in results):
        return None
    item = module.func(names.pop())
    once = all(not item.is_stepped(p) for p in (*item.inputs, *item.outputs))
    return item if item.schedule.kind == "iterate" and once and all(r.initial for r in item.registers) else None


def row_count(func: Func) -> int:
    """Give the first axis that all tensors among a func's inputs share; 0 where there is none."""
    counts = {p.type.shape[0] for p in func.inputs if p.type.rank}
    return counts.pop() if len(counts) == 1 else 0


def _signals(ports: Sequence[Port | Register], names: Names) -> tuple[Signal, ...]:
    return tuple(
        Signal(p.name, names.take(p.name), p.type, p.rate, p.encoding) if isinstance(p, Port)
        else Signal(p.name, names.take(p.name), p.type) for p in ports)


def called(func: Func) -> tuple[str, ...]:
    """Name the funcs that a body calls, in order of first use."""
    if not isinstance(func.body, Graph):
        return ()
    return tuple(dict.fromkeys(n.attributes["func"] for n in func.body.nodes if n.op == "call"))


def needed(module: Module) -> list[Func]:
    """List the funcs that the entry needs, callees first; what the entry never reaches is left out."""
    order: dict[str, Func] = {}
    stack: list[tuple[str, bool]] = [(module.entry.name, False)]
    while stack:
        name, after = stack.pop()
        if after:
            order.setdefault(name, module.func(name))
        elif name not in order:
            stack.append((name, True))
            stack += [(callee, False) for callee in reversed(called(module.func(name)))]
    return list(order.values())


def flat(signals: Sequence[Signal]) -> int:
    """Give the number of bits of signals put side by side."""
    return sum(s.type.bits for s in signals)
