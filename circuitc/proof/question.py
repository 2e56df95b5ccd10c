"""Turn "do these two funcs agree?" into pairs of literals of one network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from circuitc.diagnostics import error
from circuitc.ir import Func, flatten_bits

from .layout import Layout, second_columns, steps_of
from .matching import Matching, Pairs, Side, bit_names
from .network import Network


@dataclass(frozen=True, slots=True)
class Question:
    """A network whose `pairs` must all be equal, for every value of its inputs.

    `inputs` and `outputs` name the network's inputs and the pairs, `says` in words what is asked.
    """

    network: Network
    pairs: list[tuple[int, int]]
    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    says: str = ""


def ask_steps(first: Side, second: Side, matching: Matching, registers: Pairs,
              network: Network | None = None) -> Question:
    """Ask whether outputs and next states agree for all inputs and all (matched) states: one step from any state.

    Of an `until`, whether it is done belongs to the outputs. `network` is an empty network to build it in.
    """
    network = network or Network()
    inputs = [network.input() for p in first.func.inputs for _ in range(p.type.bits)]
    state = [network.input() for _ in range(_state_bits(first.func))]
    loose = [network.input() for _ in matching.free]
    partner = {theirs: state[mine] for mine, theirs in registers}
    second_state = [partner[k] if k in partner else network.input() for k in range(_state_bits(second.func))]
    ours = network.import_netlist(first.netlist, inputs + state)
    theirs = network.import_netlist(second.netlist, second_inputs(matching, inputs, loose) + second_state)
    outputs = len(matching.outputs)
    pairs = [(ours[place], theirs[k]) for k, place in enumerate(matching.outputs)]
    pairs += [(ours[outputs + a], theirs[outputs + b]) for a, b in registers]
    pairs += zip(ours[outputs + len(state):], theirs[outputs + len(second_state):], strict=True)
    return Question(network, pairs, *_step_names(first.func, second.func, matching, registers))


def _step_names(first: Func, second: Func, matching: Matching, registers: Pairs) -> tuple[list[str], list[str], str]:
    """Name inputs and pairs of a step, and say what it asks."""
    state, others = bit_names(first.registers), bit_names(second.registers)
    matched = {theirs for _, theirs in registers}
    inputs = [*bit_names(first.inputs), *(f"state {n}" for n in state), *(f"undefined {n}" for n in matching.free),
              *(f"second state {n}" for k, n in enumerate(others) if k not in matched)]
    outputs = bit_names(first.outputs)
    asked = [outputs[place] for place in matching.outputs] + [f"next {state[a]}" for a, _ in registers]
    asked += ["done"] * (first.schedule.kind == "until")
    return inputs, asked, "one step from any state, registers paired" if registers else "one evaluation"


def _state_bits(func: Func) -> int:
    return sum(r.type.bits for r in func.registers)


def ask_calls(first: Side, second: Side, matching: Matching, layout: Layout, items: int,
              network: Network | None = None) -> Question:
    """Ask whether whole calls agree, from the initial states on, by unrolling; the network's inputs are the layout."""
    network = network or Network()
    bits = [network.input() for _ in range(layout.count)]
    rows = [[bits[k] for k in row] for row in layout.inputs.tolist()]
    loose = [[bits[k] for k in row] for row in layout.undefined.tolist()]
    other = [second_inputs(matching, row, extra) for row, extra in zip(rows, loose, strict=True)]
    ours = _unroll(network, first, rows[:steps_of(first.func, items)], _state(first.func, layout.states[0], bits))
    theirs = _unroll(network, second, other[:steps_of(second.func, items)], _state(second.func, layout.states[1], bits))
    pairs, names = _call_pairs(first.func, second.func, matching, ours, theirs)
    steps = max(steps_of(f, items) for f in (first.func, second.func))
    return Question(network, pairs, _call_inputs(first.func, matching, layout), names,
                    f"whole calls of {steps} steps from the initial states")


def _call_inputs(first: Func, matching: Matching, layout: Layout) -> list[str]:
    """Name the bits of a call: an input that has a value each step by its first step and on, as `x[3]@2`."""
    names = [""] * layout.count
    stepped = [first.is_stepped(p) for p in first.inputs for _ in range(p.type.bits)]
    for step, row in enumerate(layout.inputs.tolist()):
        for k, name, moves in zip(row, bit_names(first.inputs), stepped, strict=True):
            names[k] = f"{name}@{step}" if moves else name
    for step, row in enumerate(layout.undefined.tolist()):
        for k, name in zip(row, matching.free, strict=True):
            names[k] = f"undefined {name}@{step}"
    for side in reversed(layout.states):
        for name, k in side.items():
            names[k] = f"state {name}"
    return names


def second_inputs(matching: Matching, inputs: Sequence[int], loose: Sequence[int]) -> list[int]:
    """Give literals for the second side's input bits from the first's and the undefined ones."""
    both = [*inputs, *loose]
    return [both[k] for k in second_columns(matching, len(inputs))]


def initial_bits(func: Func) -> list[int | None]:
    """List the initial value of each register bit, None where it is free."""
    values: list[int | None] = []
    for r in func.registers:
        known = None if r.initial is None else flatten_bits([r.type], [r.initial.array[None]])[0].tolist()
        values += known or [None] * r.type.bits
    return values


def _state(func: Func, places: dict[str, int], bits: list[int]) -> list[int]:
    """Give literals of the initial state."""
    names = bit_names(func.registers)
    return [bits[places[n]] if v is None else v for n, v in zip(names, initial_bits(func), strict=True)]


@dataclass(slots=True)
class _Trace:
    """The outputs of each step (held after the end), and of an `until` whether it is done after each step."""

    outputs: list[list[int]] = field(default_factory=list)
    done: list[int] = field(default_factory=list)


def _unroll(network: Network, side: Side, rows: Sequence[Sequence[int]], state: list[int]) -> _Trace:
    func, trace, done = side.func, _Trace(), 0
    outputs = sum(p.type.bits for p in func.outputs)
    for row in rows:
        values = network.import_netlist(side.netlist, [*row, *state])
        results, following = values[:outputs], values[outputs:outputs + len(state)]
        if func.schedule.kind == "until":
            if trace.outputs:
                results = [network.mux(done, old, new) for old, new in zip(trace.outputs[-1], results, strict=True)]
            following = [network.mux(done, old, new) for old, new in zip(state, following, strict=True)]
            done = network.or_(done, values[-1])
            trace.done.append(done)
        trace.outputs.append(results)
        state = following
    return trace


def _call_pairs(first: Func, second: Func, matching: Matching, ours: _Trace,
                theirs: _Trace) -> tuple[list[tuple[int, int]], list[str]]:
    """Pair what a call answers, and name it: `step` outputs step by step, others at the end.

    Every prefix of a stream is a call.
    """
    every = first.schedule.kind == "stream" or second.schedule.kind == "stream"
    ports, bits = [p for p in first.outputs for _ in range(p.type.bits)], bit_names(first.outputs)
    pairs = list(zip(ours.done, theirs.done, strict=True))
    names = [f"done@{step}" for step in range(len(pairs))]
    for k, place in enumerate(matching.outputs):
        if every or first.is_stepped(ports[place]):
            pairs += [(a[place], b[k]) for a, b in zip(ours.outputs, theirs.outputs, strict=True)]
            names += [f"{bits[place]}@{step}" for step in range(len(ours.outputs))]
        else:
            pairs.append((ours.outputs[-1][place], theirs.outputs[-1][k]))
            names.append(bits[place])
    return pairs, names


def check_schedules(first: Func, second: Func) -> None:
    """Refuse to compare funcs whose calls do not have the same form."""
    kinds = {first.schedule.kind, second.schedule.kind}
    stepping = any(f.is_stepped(p) for f in (first, second) for p in (*f.inputs, *f.outputs))
    same = first.schedule == second.schedule
    pure = not first.registers and not second.registers and kinds <= {"once", "stream"}
    if not (same or pure or (kinds <= {"once", "iterate"} and not stepping)):
        raise error(f"the schedules differ: the first is `{first.schedule}`, the second `{second.schedule}`",
                    help="calls of different form have nothing to compare")
    held = {p.name for p in second.inputs if not second.is_stepped(p)}
    for port in first.inputs:
        if first.is_stepped(port) and port.name in held and not pure:
            raise error(f"input {port.name} has a value each step in the first side and one a call in the second")
