"""Benches that drive an emitted design from a file of stimulus words and write its responses to another file.

`driver_bench(design, samples, steps)` is the Verilog text of a module `<top>_driver`. Compile it together with the
design's .v file and run it in a folder that holds `stimulus.hex`; it writes `response.hex` there and ends the
simulation. `stimulus_text` makes the first file from raw numbers, `response_values` reads the second one back, both in
the layout of `circuitc.ir.run`: `[batch, *shape]`, and `[batch, steps, *shape]` for `step` ports of a func that steps.

Both files hold one word a line, in hexadecimal, most significant digit first, zero padded, without prefix.

stimulus.hex: a word is, from bit 0 up, all input ports in port order (each flattened row major, least significant bit
first), then the initial values of the registers that are free (if any), then, for the schedule `stream` only, one bit
`last`. A func without any of these has words of one bit that is not looked at. Lines:
  combinational funcs (pipelined or not), and clocked ones
  without step inputs                                          one a sample
  `stream`                                                     one an item; `last` is 1 on a sample's last item
  `iterate n`, `until` with step inputs                        n a sample
  `iterate`, `until` without, whose inputs come in n rows      n a sample, a row of each tensor in each
`call` inputs and free registers are repeated on each item of a sample.

response.hex: a word is, from bit 0 up, all result ports in order (for `until` also `converged` and `steps`), then, for
clocked funcs with step outputs only, one bit `last`, which is 1 on a sample's last line. Lines:
  combinational funcs, and clocked ones without step outputs   one a sample
  clocked funcs with step outputs                              one a step; an `until` gives as many as it takes steps
`call` outputs mean something on a sample's last line only. A line `timeout` says that the design stopped answering.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import flatten_bits, unflatten_bits

from .design import Design
from .interface import Interface, Signal, flat

STIMULUS, RESPONSE = "stimulus.hex", "response.hex"
Bits = NDArray[np.uint8]
Raw = NDArray[np.generic]


def driver_bench(design: Design, samples: int, steps: int = 1, *, stall: bool = False) -> str:
    """Write the bench that runs `samples` calls, of `steps` items each where the schedule is `stream`.

    With `stall` it leaves gaps between inputs and withholds `out_ready` at (fixed) random times.
    """
    face = design.top
    name = f"{face.module}_driver"
    lines = samples * items_per_call(face, steps)
    finish = ["$fclose(file);", "$finish;"]
    if not face.clocked:
        return combinational_bench(face, name, STIMULUS, lines, [f'file = $fopen("{RESPONSE}", "w");'],
                                   ['$fdisplay(file, "%h", response);'], finish, ["integer file;"])
    return clocked_bench(face, name, STIMULUS, lines, samples, opening=[f'file = $fopen("{RESPONSE}", "w");'],
                         each=['$fdisplay(file, "%h", response);'], finish=finish,
                         timeout=['$fdisplay(file, "timeout");'], declare=["integer file;"], stall=stall)


def items_per_call(face: Interface, steps: int) -> int:
    """Give the number of input words of one call."""
    if not face.takes_items:
        return face.rows or 1
    return steps if face.func.schedule.kind == "stream" else face.func.schedule.count


def stimulus_width(face: Interface) -> int:
    """Give the number of bits of a stimulus word (at least one)."""
    return max(1, flat(face.words) + flat(face.free_registers) + face.has_in_last)


def response_width(face: Interface) -> int:
    """Give the number of bits of a response word (at least one)."""
    return max(1, flat(face.results) + face.has_out_last)


def stimulus_text(design: Design, inputs: Mapping[str, Raw], state: Mapping[str, Raw] | None = None) -> str:
    """Write raw numbers of the input ports, in the layout of `circuitc.ir.run`, as stimulus words.

    `state` gives the free registers' values, [batch, *shape] or [*shape].
    """
    return hex_words(stimulus_bits(design.top, inputs, state))


def stimulus_bits(face: Interface, inputs: Mapping[str, Raw], state: Mapping[str, Raw] | None = None) -> Bits:
    """Give the stimulus words as bits, uint8[lines, width]."""
    steps = next((inputs[s.name].shape[1] for s in face.inputs if _has_steps(face, s)), 1)
    samples = len(next(iter(inputs.values()))) if inputs else 1
    items = items_per_call(face, steps)
    values = [_spread(inputs[s.name], items, _has_steps(face, s) or bool(face.rows and s.type.rank))
              for s in face.inputs]
    for s in face.free_registers:
        if state is None or s.name not in state:
            raise error(f"register {s.name} of @{face.func.name} has no initial value", help="give one in the state")
        given = np.asarray(state[s.name])
        full = np.broadcast_to(given if given.ndim > s.type.rank else given[None], (samples, *s.type.shape))
        values.append(_spread(full, items, False))
    types = [s.type for s in (*face.words, *face.free_registers)]
    bits = flatten_bits(types, values) if types else np.zeros((samples * items, 0), np.uint8)
    if face.has_in_last:
        last = (np.arange(len(bits)) % items == items - 1).astype(np.uint8)
        bits = np.concatenate([bits, last[:, None]], axis=1)
    return bits if bits.shape[1] else np.zeros((len(bits), 1), np.uint8)


def _has_steps(face: Interface, signal: Signal) -> bool:
    return face.func.schedule.kind != "once" and signal.rate == "step"


def _spread(values: Raw, items: int, has_steps: bool) -> Raw:
    """Lay values out one an item, samples one after the other."""
    values = np.asarray(values)
    return values.reshape(-1, *values.shape[2:]) if has_steps else np.repeat(values, items, axis=0)


def response_values(design: Design, text: str, samples: int, steps: int = 1) -> dict[str, Raw]:
    """Read response words as the answer of `circuitc.ir.run`; a response that is not whole is a CircuitError."""
    face = design.top
    bits = hex_bits(text, response_width(face))
    if not face.has_out_last:
        _expect(len(bits), samples, "words")
        ends = np.arange(samples)
    else:
        ends = np.flatnonzero(bits[:, -1])
        _expect(len(ends), samples, "calls")
    rows = _rows_of_steps(face, ends, steps) if face.gives_items else ends[:, None]
    types = [s.type for s in face.results]
    values = unflatten_bits(types, bits[:, :flat(face.results)])
    stepped = [face.gives_items and s.rate == "step" and k < len(face.outputs) for k, s in enumerate(face.results)]
    return {s.name: v[rows] if many else v[ends]
            for s, v, many in zip(face.results, values, stepped, strict=True)}


def _rows_of_steps(face: Interface, ends: NDArray[np.int64], steps: int) -> NDArray[np.int64]:
    """Give the line number of each step of each sample, int64[samples, steps]; `until` repeats its last step."""
    schedule = face.func.schedule
    count = steps if schedule.kind == "stream" else schedule.count
    starts = np.concatenate([[0], ends[:-1] + 1])
    taken = ends - starts + 1
    if schedule.kind != "until" and np.any(taken != count):
        raise error(f"the simulation gave {int(taken[taken != count][0])} steps where {count} were due")
    return np.minimum(starts[:, None] + np.arange(count), ends[:, None])


def _expect(got: int, wanted: int, what: str) -> None:
    if got != wanted:
        raise error(f"the simulation answered {got} {what} where {wanted} were due",
                    help="the design stopped answering, or the simulator was cut short")


def hex_words(bits: Bits) -> str:
    """Write rows of bits (least significant first) as lines of hexadecimal digits."""
    packed = np.packbits(bits, axis=1, bitorder="little")[:, ::-1]
    digits = 2 * packed.shape[1]
    skip = digits - -(-bits.shape[1] // 4)
    text = packed.tobytes().hex()
    return "".join(f"{text[at + skip:at + digits]}\n" for at in range(0, len(text), digits))


def hex_bits(text: str, width: int) -> Bits:
    """Read lines of hexadecimal digits as rows of bits, uint8[lines, width]."""
    digits = 2 * -(-width // 8)
    lines = text.split()
    try:
        data = bytes.fromhex("".join(line.rjust(digits, "0") for line in lines))
    except ValueError:
        bad = next(n for n, line in enumerate(lines, 1) if line.strip("0123456789abcdefABCDEF"))
        word = lines[bad - 1]
        what = "stopped answering" if word == "timeout" else f"answered {word[:40]}, which has unknown bits"
        raise error(f"the simulated design {what} at word {bad}") from None
    table = np.frombuffer(data, np.uint8).reshape(len(lines), -1)[:, ::-1]
    return np.unpackbits(table, axis=1, bitorder="little", count=width)


def combinational_bench(face: Interface, name: str, stimulus: str, lines: int, opening: Sequence[str],
                        each: Sequence[str], finish: Sequence[str], declare: Sequence[str]) -> str:
    """Write a bench that applies each stimulus word and runs `each` on the settled `response`."""
    body = [*_head(face, name, lines, declare), *_instance(face, {}), "", "initial begin",
            *_indent(f'$readmemh("{stimulus}", stimulus);', *opening,
                     f"for (sent = 0; sent < {lines}; sent = sent + 1) begin",
                     *_indent("item = stimulus[sent];", "#1;", *each), "end", *finish), "end"]
    return _module(name, body)


def clocked_bench(face: Interface, name: str, stimulus: str, lines: int, calls: int, *, opening: Sequence[str],
                  each: Sequence[str], finish: Sequence[str], timeout: Sequence[str], declare: Sequence[str],
                  stall: bool, watch: Sequence[str] = ()) -> str:
    """Write a bench that plays the handshakes and runs `each` on every accepted `response`, `watch` on every edge.

    It drives at falling edges and looks at rising ones, so no order of events within a time step matters.
    """
    count = face.item_cycles * (1 if face.func.schedule.kind == "stream" else face.func.schedule.count)
    patience = 64 * (count + face.ranks + 16)
    control = {face.clk: face.clk, face.reset: face.reset}
    control |= {n: n for n in ("in_valid", "in_ready", "out_valid", "out_ready")}
    if face.has_in_last:
        control["in_last"] = f"item[{stimulus_width(face) - 1}]"
    if face.has_out_last:
        control["out_last"] = f"response[{response_width(face) - 1}]"
    ready = "(lfsr[4] | lfsr[7])" if stall else "1'b1"
    gap = " && (lfsr[2] | lfsr[9])" if stall else ""
    done = f"response[{response_width(face) - 1}]" if face.has_out_last else "1'b1"
    declare = [f"reg {face.clk};", f"reg {face.reset};", "reg in_valid;", "wire in_ready;", "wire out_valid;",
               "reg out_ready;", "reg accepted;", "reg [15:0] lfsr;", "integer done;", "integer idle;", *declare]
    wait = " && in_ready" if face.free_registers and not face.takes_items else ""
    body = [
        *_head(face, name, lines, declare), *_instance(face, control), "",
        "initial begin",
        *_indent(f"{face.clk} = 1'b0;", f"{face.reset} = 1'b1;", "in_valid = 1'b0;", "out_ready = 1'b0;",
                 "accepted = 1'b0;", "lfsr = 16'hace1;", "sent = 0;", "done = 0;", "idle = 0;", "item = 0;",
                 f'$readmemh("{stimulus}", stimulus);', *opening,
                 "#1;", f"repeat (8) #5 {face.clk} = ~{face.clk};", f"{face.reset} = 1'b0;",
                 f"forever #5 {face.clk} = ~{face.clk};"),
        "end", "",
        f"always @(negedge {face.clk}) if (!{face.reset}) begin",
        *_indent("lfsr = {lfsr[14:0], lfsr[15] ^ lfsr[13] ^ lfsr[12] ^ lfsr[10]};",
                 f"out_ready = {ready};",
                 "if (accepted || !in_valid) begin",
                 *_indent(f"in_valid = sent < {lines}{gap}{wait};",
                          f"if (sent < {lines}) item = stimulus[sent];",
                          *_state(face)),
                 "end"),
        "end", "",
        f"always @(posedge {face.clk}) if (!{face.reset}) begin",
        *_indent(*watch, "accepted = in_valid && in_ready;",
                 "idle = idle + 1;",
                 "if (accepted) begin", *_indent("sent = sent + 1;", "idle = 0;"), "end",
                 "if (out_valid && out_ready) begin",
                 *_indent("idle = 0;", *each, f"if ({done}) done = done + 1;"), "end",
                 f"if (done == {calls}) begin", *_indent(*finish), "end",
                 f"else if (idle > {patience}) begin", *_indent(*timeout, *finish), "end"),
        "end"]
    return _module(name, body)


def _state(face: Interface) -> list[str]:
    """Write free registers' initial values into the design as a call's first item is presented."""
    if not face.free_registers:
        return []
    low = flat(face.words)
    loads: list[str] = []
    for s in face.free_registers:
        loads += [f"force dut.{s.id} = item[{low} +: {s.type.bits}];", f"release dut.{s.id};"]
        low += s.type.bits
    if face.func.schedule.kind == "stream":
        first = f"(sent == 0 || stimulus[sent - 1][{stimulus_width(face) - 1}])"
    else:
        first = f"sent % {items_per_call(face, 1)} == 0"
    return [f"if (in_valid && {first}) begin", *_indent(*loads), "end"]


def _head(face: Interface, name: str, lines: int, declare: Sequence[str]) -> list[str]:
    width = stimulus_width(face)
    return [f"reg [{width - 1}:0] stimulus [0:{max(lines, 1) - 1}];", f"reg [{width - 1}:0] item;",
            f"wire [{response_width(face) - 1}:0] response;", "integer sent;", *declare, ""]


def _instance(face: Interface, control: Mapping[str, str]) -> list[str]:
    pins = [f".{name}({wire})" for name, wire in control.items()]
    pins += _pins(face.words, "item") + _pins(face.results, "response")
    return [f"{face.module} dut (", *_indent(*[f"{pin}," for pin in pins[:-1]], *pins[-1:]), ");"]


def _pins(signals: Sequence[Signal], word: str) -> list[str]:
    pins: list[str] = []
    low = 0
    for s in signals:
        pins.append(f".{s.id}({word}[{low + s.type.bits - 1}:{low}])")
        low += s.type.bits
    return pins


def _indent(*lines: str) -> list[str]:
    return [f"  {line}" for line in lines]


def _module(name: str, body: Sequence[str]) -> str:
    """Put a bench together; the lint rules that are off are about widths of indices into the stimulus memory."""
    text = [f"  {line}" if line else "" for line in body]
    return "\n".join([f"/* verilator lint_off DECLFILENAME */\n/* verilator lint_off WIDTH */\n"
                      f"module {name};", *text, "endmodule", ""])
