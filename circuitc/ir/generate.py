"""Random programs: well-typed funcs, modules and netlists that use the whole language, for tests and fuzzing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .constant import Constant
from .func import ONCE, PLAIN, Encoding, Func, Module, Port, Rate, Register, Schedule
from .generate_nodes import Growth
from .graph import Value
from .netlist import ARITY, MAX_LUT_INPUTS, WORD_INPUTS, Kind, Netlist, table_words
from .types import BIT, Type
from .values import random_raw


@dataclass(frozen=True, slots=True)
class _Frame:
    """What stands around a random body: input ports, registers, schedule."""

    inputs: tuple[Port, ...]
    registers: tuple[Register, ...]
    schedule: Schedule


def random_func(rng: np.random.Generator, size: int, *, exact_only: bool = False, ops: Collection[str] | None = None,
                schedule: bool = False, name: str = "main", callees: Sequence[Func] = ()) -> Func:
    """Draw a func whose body has about `size` ops: all types and ops of the language (or only `ops`, plus constants).

    With `schedule` it steps: a stream, `iterate` or `until`, with registers. `callees` are funcs that the body may
    call. The same generator state gives the same func.
    """
    growth = Growth(rng, exact_only=exact_only, ops=ops)
    frame = _frame(growth, stepping=schedule)
    for port in (*frame.inputs, *frame.registers):
        growth.builder.input(port.name, port.type)
    for _ in range(size):
        if callees and growth.chance(0.15):
            _call(growth, growth.choose(callees))
        else:
            growth.grow()
    return _closed(growth, frame, name)


def random_module(rng: np.random.Generator, size: int, *, exact_only: bool = False,
                  ops: Collection[str] | None = None, schedule: bool = False) -> Module:
    """Draw a module: a main func that calls up to two smaller ones, of which one may step on its own."""
    funcs: list[Func] = []
    for k in range(int(rng.integers(0, 3))):
        part = random_func(rng, max(2, size // 4), exact_only=exact_only, ops=ops, name=f"part{k}",
                           schedule=bool(rng.random() < 0.3), callees=tuple(funcs))
        funcs.append(part)
    main = random_func(rng, size, exact_only=exact_only, ops=ops, schedule=schedule, callees=tuple(funcs))
    return Module({f.name: f for f in (main, *funcs)}, "main", "random")


def _frame(g: Growth, *, stepping: bool) -> _Frame:
    schedule = ONCE
    if stepping:
        kind = g.choose(("stream", "iterate", "until"))
        schedule = Schedule(kind, 1 if kind == "stream" else g.count(1, 5))
    inputs = [_port(g, f"x{k}", schedule) for k in range(g.count(1, 4))]
    if schedule.kind == "stream":
        inputs[0] = Port("x0", inputs[0].type, "step", inputs[0].encoding)
    registers: list[Register] = []
    for k in range(g.count(1, 2) if stepping else 0):
        t = g.scalar().with_shape(g.shape())
        registers.append(Register(f"r{k}", t, Constant(t, random_raw(t, 1, g.rng)[0])))
    return _Frame(tuple(inputs), tuple(registers), schedule)


def _port(g: Growth, name: str, schedule: Schedule) -> Port:
    t = g.scalar().with_shape(g.shape())
    encoding = Encoding(scale=0.25, zero_point=3) if t.kind == "fixed" and g.chance(0.1) else PLAIN
    return Port(name, t, _rate(g, schedule), encoding)


def _rate(g: Growth, schedule: Schedule) -> Rate:
    return "step" if schedule.kind != "once" and g.chance(0.5) else "call"


def _call(g: Growth, func: Func) -> None:
    """Add a call of a func on values of its ports' types; step ports carry their steps on a first axis."""
    steps = g.count(1, 3) if func.schedule.kind == "stream" else func.schedule.count
    operands = [g.like(_called(func, p, steps)) for p in func.inputs]
    result = g.choose(func.results)
    g.builder.call(func.name, result.name, _called(func, result, steps), *operands, name="call")


def _called(func: Func, port: Port, steps: int) -> Type:
    return port.type.with_shape((steps, *port.type.shape)) if func.is_stepped(port) else port.type


def _closed(g: Growth, frame: _Frame, name: str) -> Func:
    """Choose outputs, close the registers' loops, and freeze the func."""
    values = [_output(g) for _ in range(g.count(1, 4))]
    following = [_next(g, r.type) for r in frame.registers]
    done = [_next(g, BIT)] if frame.schedule.kind == "until" else []
    outputs = tuple(Port(f"y{k}", g.type(v), _rate(g, frame.schedule)) for k, v in enumerate(values))
    body = g.builder.finish([*values, *following, *done])
    return Func(name, frame.inputs, outputs, body, frame.registers, frame.schedule)


def _output(g: Growth) -> Value:
    """Draw an output, mostly among the values that nothing uses yet."""
    nodes = g.builder.nodes
    used = {v for n in nodes for v in n.operands}
    free = [v for v, n in enumerate(nodes) if v not in used and n.op not in ("input", "constant")]
    return g.choose(free) if free and g.chance(0.8) else g.count(0, len(nodes) - 1)


def _next(g: Growth, t: Type) -> Value:
    found = g.find(lambda other: other.shape == t.shape)
    return g.like(t) if found is None else g.cast(found, t)


GATES = (Kind.AND, Kind.XOR, Kind.MAJ, Kind.LUT, Kind.THRESHOLD)


def random_netlist(rng: np.random.Generator, inputs: int, gates: int, outputs: int,
                   kinds: Sequence[Kind] = GATES) -> Netlist:
    """Draw a netlist of gates of these kinds, about 0.3 us a gate: repeated, inverted and constant fan-ins included."""
    kind = np.array([Kind.FALSE] + [Kind.INPUT] * inputs, np.uint8)
    kind = np.concatenate([kind, rng.choice(np.array(kinds, np.uint8), gates)])
    arity = _arities(rng, kind)
    offset = np.zeros(len(kind) + 1, np.int32)
    np.cumsum(arity, out=offset[1:])
    owner = np.repeat(np.arange(len(kind)), arity)
    distance = (owner * rng.random(len(owner)) ** 2).astype(np.int64)  # near nodes more often than far ones
    fanin = (owner - 1 - distance) << 1 | rng.integers(0, 2, len(owner))
    last = len(kind) - 1 - (len(kind) * rng.random(outputs) ** 2).astype(np.int64)
    side = np.isin(kind, (Kind.LUT, Kind.THRESHOLD)).any()
    weight = np.where(kind[owner] == Kind.THRESHOLD, rng.integers(-9, 10, len(owner)), 0)
    wide = (kind == Kind.LUT) & (arity > WORD_INPUTS)
    for word in range(1, table_words(MAX_LUT_INPUTS)):
        mine = offset[:-1][wide & (np.left_shift(1, arity) > 64 * word)] + word - 1
        weight[mine] = rng.integers(-1 << 63, 1 << 63, len(mine))
    names = {int(n): f"g{n}" for n in rng.integers(1 + inputs, len(kind), min(3, gates))} if gates else {}
    return Netlist(inputs, kind, offset, fanin.astype(np.int32),
                   (last << 1 | rng.integers(0, 2, outputs)).astype(np.int32),
                   _data(rng, kind, arity) if side else np.zeros(0, np.int64),
                   weight.astype(np.int64) if (kind == Kind.THRESHOLD).any() or wide.any() else np.zeros(0, np.int64),
                   dict(sorted(names.items())))


def _arities(rng: np.random.Generator, kind: NDArray[np.uint8]) -> NDArray[np.int64]:
    arity = np.zeros(len(kind), np.int64)
    for k, n in ARITY.items():
        arity[kind == k] = n
    luts, thresholds = kind == Kind.LUT, kind == Kind.THRESHOLD
    arity[luts] = rng.integers(1, MAX_LUT_INPUTS + 1, int(luts.sum()))
    arity[thresholds] = rng.integers(1, 9, int(thresholds.sum()))
    return arity


def _data(rng: np.random.Generator, kind: NDArray[np.uint8], arity: NDArray[np.int64]) -> NDArray[np.int64]:
    """Draw truth tables (as many bits as the lut has rows) and thresholds."""
    tables = rng.integers(0, 1 << 64, len(kind), dtype=np.uint64)
    rows = np.left_shift(1, arity).astype(np.uint64)  # 64 rows keep all bits
    mask = np.where(rows >= 64, np.uint64((1 << 64) - 1),
                    np.left_shift(np.uint64(1), np.minimum(rows, 63).astype(np.uint64)) - np.uint64(1))
    data = np.where(kind == Kind.LUT, tables & mask, np.uint64(0)).view(np.int64).copy()
    thresholds = kind == Kind.THRESHOLD
    data[thresholds] = rng.integers(-12, 13, int(thresholds.sum()))
    return data
