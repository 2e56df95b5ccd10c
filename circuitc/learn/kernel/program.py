"""The whole kernel: `run_*` iterates until the gap is small or the count is done, `infer_*` evaluates the network."""

from __future__ import annotations

from functools import cache
from typing import Any

import llvmlite.binding as llvm
import llvmlite.ir as ir

from circuitc.backends.llvm import target as targets
from circuitc.backends.llvm.kernel import Kernel, index
from circuitc.backends.llvm.memory import I32, I64, POINTER

from . import projection, stages
from .stage import FIELDS
from .vectors import SCALARS, Scalar, Vectors, load_fields, load_index

INFER_FIELDS = ("blocks", "node_rows", "innodes", "neurons", "neuron_rows", "START", "SOURCE", "OFFSET", "WB", "VALUE",
                "SUM")
_DOUBLE = ir.DoubleType()


@cache
def compiled(scalar: str) -> tuple[Any, Any, Any]:
    """Compile the kernel for this machine: the engine, which keeps the code alive, and both functions' addresses."""
    kind = SCALARS[scalar]
    module = ir.Module("learn")
    module.triple = targets.host().triple
    _write_run(module, kind)
    _write_infer(module, kind)
    machine = targets.machine(targets.host(), level=3, jit=True)
    parsed = llvm.parse_assembly(str(module))
    targets.optimise(parsed, machine, level=2)
    engine = llvm.create_mcjit_compiler(parsed, machine)
    engine.finalize_object()
    return engine, engine.get_function_address("run"), engine.get_function_address("infer")


def _write_run(module: ir.Module, scalar: Scalar) -> None:
    """Write `run(record, count)`: TRACE gets four f64 an iteration (gap of w, x, y, whole), `done` how many."""
    per_block = [write(module, scalar) for write in (projection.write_dots, projection.write_decisions,
                                                     stages.write_reflections, stages.write_nodes)]
    agree = stages.write_agreement(module, scalar)
    move, tune = stages.write_moves(module, scalar), stages.write_tuning(module, scalar)
    k = Kernel(module, "run", [POINTER, I64], internal=False)
    b = k.builder
    record, count = k.arguments
    f = load_fields(k, record, FIELDS)
    v = Vectors(k, scalar)
    done = k.at(record, FIELDS.index("done"), I64)
    with k.loop(count) as iteration:
        with k.loop(f["blocks"]) as block:
            for stage in per_block:
                b.call(stage, [record, block])
        b.call(agree, [record])
        for row in range(3):
            v.store(v.number(0), f["TOTALS"], index(row))
        with k.loop(f["blocks"]) as block:
            b.call(move, [record, block])
        gap = _write_gap(k, v, f, iteration)
        b.store(b.add(iteration, index(1)), done)
        with b.if_then(b.fcmp_ordered("<", gap, b.bitcast(f["gap_stop"], _DOUBLE)), likely=False):
            b.ret(ir.Constant(I32, 1))
        with k.loop(f["blocks"]) as block:
            b.call(tune, [record, block])
    k.finish()


def _write_gap(k: Kernel, v: Vectors, f: dict[str, Any], iteration: Any) -> Any:
    """Reduce TOTALS to root mean squares over neurons and real items; leave 1 / mean in its last row."""
    b = k.builder
    masked = k.variable(v.number(0))
    with k.loop(f["blocks"]) as block:
        v.accumulate(masked, v.load(f["MASK"], block))
    items = b.fpext(v.total(v.value(masked)), _DOUBLE) if v.scalar.bytes == 4 else v.total(v.value(masked))
    count = b.fmul(items, b.sitofp(f["neurons"], _DOUBLE))
    means: list[Any] = []
    for row in range(3):
        part = v.total(v.load(f["TOTALS"], index(row)))
        means.append(b.fdiv(b.fpext(part, _DOUBLE) if v.scalar.bytes == 4 else part, count))
    means.append(b.fadd(b.fadd(means[0], means[1]), means[2]))
    roots = [k.intrinsic("llvm.sqrt.f64", _DOUBLE, [m]) for m in means]
    row = k.at(f["TRACE"], b.mul(iteration, index(4)), _DOUBLE)
    for place, value in enumerate(roots):
        b.store(value, k.at(row, place, _DOUBLE))
    # a gap of exactly 0 has no direction to tune in: the floor keeps the quotient finite
    floor = ir.Constant(_DOUBLE, 1e-30)
    mean = b.select(b.fcmp_ordered(">", means[3], floor), means[3], floor)
    inverse = b.fdiv(ir.Constant(_DOUBLE, 1.0), mean)
    v.store(v.spread(inverse if v.scalar.bytes == 8 else b.fptrunc(inverse, v.scalar.type)), f["TOTALS"], index(3))
    return roots[3]


def _write_infer(module: ir.Module, scalar: Scalar) -> None:
    """Write `infer(record, unused)`: SUM = w.x of each neuron, VALUE = +1 where it is above 0, else -1."""
    k = Kernel(module, "infer", [POINTER, I64], internal=False)
    b, v = k.builder, Vectors(k, scalar)
    f = load_fields(k, k.arguments[0], INFER_FIELDS)
    with k.loop(f["blocks"]) as block:
        values = k.at(f["VALUE"], b.mul(block, f["node_rows"]), v.type)
        sums = k.at(f["SUM"], b.mul(block, f["neuron_rows"]), v.type)
        with k.loop(f["neurons"]) as n:
            low = load_index(k, f["START"], n)
            high = load_index(k, f["START"], b.add(n, index(1)))
            first = load_index(k, f["OFFSET"], n)
            (total,) = v.sums(1)
            with k.loop(b.sub(high, low)) as j:
                source = load_index(k, f["SOURCE"], b.add(low, j))
                v.accumulate(total, v.mul(v.spread(v.load_one(f["WB"], b.add(first, j))), v.load(values, source)))
            v.store(v.value(total), sums, n)
            positive = v.is_(">", v.value(total), v.number(0))
            v.store(v.choose(positive, v.number(1), v.number(-1)), values, b.add(f["innodes"], n))
    k.finish()
