"""The embedded simulator: Yosys reads the Verilog, the netlist is evaluated, and the handshakes are played here.

Each sample has a copy of the design to itself, 64 of them in a machine word, so a batch costs little more than one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.verilog.bench import hex_words, items_per_call, response_width, stimulus_bits
from circuitc.backends.verilog.interface import Interface, flat
from circuitc.diagnostics import error
from circuitc.ir import Func, Netlist, evaluate_words, pack_words, unpack_words

from .read_verilog import UNDEFINED, read_verilog

Bits = NDArray[np.uint8]
Lanes = NDArray[np.bool_]
RESET_CYCLES = 4


def simulate_embedded(face: Interface, text: str, inputs: Mapping[str, NDArray[Any]],
                      state: Mapping[str, NDArray[Any]] | None, steps: int, *, seconds: float, stall: bool,
                      files: Mapping[str, bytes]) -> str:
    """Run calls through Verilog and give the response words, in the layout of the driver bench."""
    words = stimulus_bits(face, inputs, state)
    design = read_verilog(text, face.module, clock=face.clk if face.clocked else "",
                          registers=[s.id for s in face.registers], seconds=seconds, files=files).entry
    if not face.clocked:
        answers = _evaluate(design, _drive(design, face, words, {}))
        return hex_words(_response(design, face, answers))
    items = items_per_call(face, steps)
    if face.ranks:  # calls follow each other through the pipeline, in a few lanes
        lanes = min(64, len(words))
        items = -(-len(words) // lanes)
        padded = np.concatenate([words, np.repeat(words[-1:], lanes * items - len(words), axis=0)])
        return hex_words(_Bench(face, design, padded.reshape(lanes, items, -1), stall).run()[:len(words)])
    bench = _Bench(face, design, words.reshape(-1, items, words.shape[1]), stall)
    return hex_words(bench.run())


def _drive(design: Func, face: Interface, words: Bits, control: Mapping[str, Lanes]) -> Bits:
    """Give the bits of the design's inputs, uint8[lanes, bits], from stimulus words and control signals."""
    rng = np.random.default_rng(0)
    data: dict[str, Bits] = {}
    low = 0
    for s in face.words:
        data[s.id] = words[:, low:low + s.type.bits]
        low += s.type.bits
    columns: list[Bits] = []
    for port in design.inputs:
        if port.name == UNDEFINED:
            columns.append(rng.integers(0, 2, (len(words), port.type.bits), dtype=np.uint8))
        else:
            columns.append(data[port.name] if port.name in data else control[port.name][:, None].astype(np.uint8))
    return np.concatenate(columns, axis=1) if columns else np.zeros((len(words), 0), np.uint8)


def _evaluate(design: Func, bits: Bits) -> Bits:
    """Evaluate the design's body: uint8[lanes, inputs and registers] -> uint8[lanes, outputs and next values]."""
    assert isinstance(design.body, Netlist)
    packed = pack_words(bits.T) if bits.shape[1] else np.zeros((0, -(-len(bits) // 64)), np.uint64)
    return unpack_words(evaluate_words(design.body, packed), len(bits)).T


def _places(design: Func) -> dict[str, slice]:
    """Give the columns of each output among the outputs' bits."""
    places: dict[str, slice] = {}
    low = 0
    for port in design.outputs:
        places[port.name] = slice(low, low + port.type.bits)
        low += port.type.bits
    return places


def _response(design: Func, face: Interface, answers: Bits) -> Bits:
    places = _places(design)
    columns = [answers[:, places[s.id]] for s in face.results]
    columns += [answers[:, places["out_last"]]] if face.has_out_last else []
    return np.concatenate(columns, axis=1) if columns else np.zeros((len(answers), response_width(face)), np.uint8)


@dataclass(slots=True)
class _Bench:
    """The driver bench, a lane for each sample; see `circuitc.backends.verilog.bench` for what it plays."""

    face: Interface
    design: Func
    words: Bits   # [lanes, items, width]
    stall: bool

    def run(self) -> Bits:
        """Give the response words of all calls, one call after the other."""
        lanes, items = self.words.shape[:2]
        rng = np.random.default_rng(1)
        registers = sum(r.type.bits for r in self.design.registers)
        state = rng.integers(0, 2, (lanes, registers), dtype=np.uint8)  # what a register holds before the reset
        none = np.zeros(lanes, bool)
        for _ in range(RESET_CYCLES):
            _, state = self._cycle(state, np.zeros(lanes, np.int64), none, ~none, none)
        sent, idle = np.zeros(lanes, np.int64), 0
        done, valid, accepted = none, none, none
        responses: list[list[Bits]] = [[] for _ in range(lanes)]
        while not done.all():
            renew = accepted | ~valid
            index = np.minimum(sent, items - 1)
            ready = rng.random(lanes) < 0.6 if self.stall else ~none
            offer = sent < items
            if self.stall:
                offer = offer & (rng.random(lanes) < 0.6)
            if self.face.free_registers and not self.face.takes_items:
                answers, _ = self._cycle(state, index, none, none, ready)
                offer = offer & self._column(answers, "in_ready")
            fresh = renew & offer & (sent == 0)
            valid = np.where(renew, offer, valid)
            state = self._with_free_state(state, fresh)
            answers, state = self._cycle(state, index, valid, none, ready)
            accepted = valid & self._column(answers, "in_ready")
            sent = sent + accepted
            given = self._column(answers, "out_valid") & ready & ~done
            done = done | self._collect(answers, given, responses)
            idle = 0 if accepted.any() or given.any() else idle + 1
            if idle > 64 * ((1 + self.face.func.schedule.count) * self.face.item_cycles + self.face.ranks + 16):
                raise error(f"module {self.face.module} stopped answering")
        return np.stack([word for lane in responses for word in lane])

    def _cycle(self, state: Bits, index: NDArray[np.int64], valid: Lanes, reset: Lanes,
               ready: Lanes) -> tuple[Bits, Bits]:
        """Evaluate one clock cycle: (outputs, state after the edge)."""
        words = self.words[np.arange(len(index)), index]
        control = {"in_valid": valid, "out_ready": ready, self.face.reset: reset}
        if self.face.has_in_last:
            control["in_last"] = words[:, -1].astype(bool)
        bits = np.concatenate([_drive(self.design, self.face, words, control), state], axis=1)
        answers = _evaluate(self.design, bits)
        outputs = answers.shape[1] - state.shape[1]
        return answers[:, :outputs], answers[:, outputs:]

    def _column(self, answers: Bits, name: str) -> Lanes:
        return answers[:, _places(self.design)[name]][:, 0].astype(bool)

    def _collect(self, answers: Bits, given: Lanes, responses: list[list[Bits]]) -> Lanes:
        """Keep the words that are given, and tell which lanes are done with them."""
        words = _response(self.design, self.face, answers)
        for lane in np.flatnonzero(given):
            responses[lane].append(words[lane])
        if self.face.ranks:
            return np.array([len(lane) == self.words.shape[1] for lane in responses])
        return given & self._column(answers, "out_last") if self.face.has_out_last else given

    def _with_free_state(self, state: Bits, fresh: Lanes) -> Bits:
        """Write the free registers' initial values where a call begins."""
        if not self.face.free_registers or not fresh.any():
            return state
        places: dict[str, int] = {}
        low = 0
        for r in self.design.registers:
            for k in range(r.type.bits):
                places[r.name if r.type.bits == 1 else f"{r.name}[{k}]"] = low + k
            low += r.type.bits
        state, low = state.copy(), flat(self.face.inputs)
        for s in self.face.free_registers:
            for k in range(s.type.bits):
                name = s.id if s.type.bits == 1 else f"{s.id}[{k}]"
                column = places.get(name, -1)
                if column >= 0:
                    state[fresh, column] = self.words[fresh, 0, low + k]
            low += s.type.bits
        return state
