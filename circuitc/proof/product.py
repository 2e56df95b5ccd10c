"""The product of two sequential circuits: one machine that runs both on the same inputs and says where they differ."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from circuitc.backends.aiger import encode_binary
from circuitc.backends.gate_level import circuit_of
from circuitc.ir import BIT, STREAM, Constant, Func, Netlist, Port, Register, evaluate_words, module_of

from .layout import Layout, Pattern, lay_out
from .matching import Matching, Side, bit_names
from .network import Network
from .question import initial_bits, second_inputs

STATE = "s"  # the latches of the product are s[0], s[1], ... in its file


@dataclass(frozen=True, slots=True)
class Product:
    """A machine of latches that all begin with 0 and one output that is 1 in a step where the two sides differ.

    Its inputs are the bits of `layout`, a layout of one item; the netlist's are these and then the latches, its
    outputs the one output and then the latches' next values. A latch stands inverted where a register begins with 1.
    What is chosen once for a whole call (held inputs, free registers) is an input that counts in the first step only:

        started = latch(1)        held = started ? latch(held) : input
    """

    netlist: Netlist
    layout: Layout

    @property
    def latches(self) -> int:
        return self.netlist.inputs - self.layout.count

    def to_aiger(self) -> bytes:
        """Write it as binary AIGER."""
        step = [(Port(name, BIT.with_shape((bits,)), "step"),) if bits else ()
                for name, bits in (("x", self.layout.count), ("differ", 1))]
        kind = BIT.with_shape((self.latches,))
        state = (Register(STATE, kind, Constant(kind, np.zeros(self.latches, np.uint8))),)
        return encode_binary(circuit_of(module_of(Func("product", step[0], step[1], self.netlist, state, STREAM))))

    def first_difference(self, trace: Pattern) -> int | None:
        """Run a trace, uint8[steps, inputs], and give the first step where the two sides differ."""
        state = np.zeros(self.latches, np.uint8)
        for step, row in enumerate(trace):
            words = np.concatenate([row, state]).astype(np.uint64)[:, None]
            values = (evaluate_words(self.netlist, words) & np.uint64(1)).astype(np.uint8)[:, 0]
            if values[0]:
                return step
            state = values[1:]
        return None

    def call(self, trace: Pattern, whole: Layout) -> Pattern:
        """Give a trace as one pattern of a layout of as many items."""
        one, pattern = self.layout, np.zeros(whole.count, np.uint8)
        for step in reversed(range(len(trace))):  # held inputs have one number: the first step has the last word
            pattern[whole.inputs[step]] = trace[step, one.inputs[0]]
            pattern[whole.undefined[step]] = trace[step, one.undefined[0]]
        for mine, theirs in zip(whole.states, one.states, strict=True):
            for name, place in mine.items():
                pattern[place] = trace[0, theirs[name]]
        return pattern


def multiply(first: Side, second: Side, matching: Matching) -> Product:
    """Build the product of two streams."""
    layout = lay_out(first.func, second.func, matching, 1)
    machine = _Machine()
    bits = [machine.network.input() for _ in range(layout.count)]
    if layout.states[0] or layout.states[1] or not all(first.func.is_stepped(p) for p in first.func.inputs):
        machine.start()
    stepped = [first.func.is_stepped(p) for p in first.func.inputs for _ in range(p.type.bits)]
    inputs = [bits[k] if moves else machine.held(bits[k])
              for k, moves in zip(layout.inputs[0].tolist(), stepped, strict=True)]
    given = inputs, second_inputs(matching, inputs, [bits[k] for k in layout.undefined[0].tolist()])
    answers = [machine.run(side, row, {name: bits[k] for name, k in places.items()})
               for side, row, places in zip((first, second), given, layout.states, strict=True)]
    differ = 0
    for k, place in enumerate(matching.outputs):
        differ = machine.network.or_(differ, machine.network.xor(answers[0][place], answers[1][k]))
    return Product(machine.network.netlist([differ, *machine.following]), layout)


@dataclass(slots=True)
class _Machine:
    """A product that grows: the latches' next values so far, and the literal that is 1 in all steps but the first."""

    network: Network = field(default_factory=Network)
    following: list[int] = field(default_factory=list)
    started: int = 0

    def start(self) -> None:
        self.started = self.network.input()
        self.following.append(1)

    def held(self, first: int) -> int:
        """Give a literal that keeps the first step's value of another."""
        literal = self.network.mux(self.started, self.network.input(), first)
        self.following.append(literal)
        return literal

    def run(self, side: Side, inputs: list[int], free: dict[str, int]) -> list[int]:
        """Add a side with latches of its own: the literals of its outputs. `free` are first values by name."""
        initial, names = initial_bits(side.func), bit_names(side.func.registers)
        latches = [self.network.input() for _ in names]
        state = [self.network.mux(self.started, latch, free[name]) if start is None else latch ^ start
                 for name, start, latch in zip(names, initial, latches, strict=True)]
        values = self.network.import_netlist(side.netlist, [*inputs, *state])
        outputs = sum(p.type.bits for p in side.func.outputs)
        self.following += [x ^ (start or 0) for x, start in zip(values[outputs:], initial, strict=True)]
        return values[:outputs]
