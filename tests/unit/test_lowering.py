"""What the lowering passes make: gate counts, names, shapes of scalar graphs, and what they refuse."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.ir import (
    BIT,
    OPS,
    SPIN,
    Builder,
    Constant,
    Func,
    Graph,
    Kind,
    Module,
    Netlist,
    NetlistBuilder,
    Port,
    Register,
    Schedule,
    aig,
    evaluate_words,
    fixed,
    module_of,
    parse_type,
    random_raw,
    run,
    ufixed,
)
from circuitc.passes.base import Context
from circuitc.passes.gates.lowering import GATE_RULES
from circuitc.passes.inline_calls import InlineCalls
from circuitc.passes.lower_to_gates import LowerToGates, lower_to_gates
from circuitc.passes.map_luts import MapLuts
from circuitc.passes.scalar import SCALAR_RULES
from circuitc.passes.scalarize import SCALAR_OPS, Scalarize, scalarize
from circuitc.passes.strash import strash
from circuitc.passes.sweep_dead import sweep_dead
from circuitc.passes.threshold_rows import Row, peel
from circuitc.passes.to_aig import ToAig

EPFL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "epfl"
Build = Callable[..., int]


def graph_of(build: Build, *types: str) -> Graph:
    b = Builder()
    operands = [b.input(f"x{k}", parse_type(t)) for k, t in enumerate(types)]
    return b.finish([build(b, *operands)])


def func_of(build: Build, *types: str) -> Func:
    graph = graph_of(build, *types)
    ports = tuple(Port(f"x{k}", t) for k, t in enumerate(graph.input_types))
    return Func("main", ports, (Port("y", graph.output_types[0]),), graph)


def gates_of(build: Build, *types: str) -> Netlist:
    func = func_of(build, *types)
    body = lower_to_gates(module_of(func), func).body
    assert isinstance(body, Netlist)
    return body


def op(op_name: str, **attributes: object) -> Build:
    return lambda b, *x: b.apply(op_name, *x, **attributes)


def threshold(weights: list[list[int]], limits: list[int]) -> Build:
    w = Constant(fixed(8, 0, (len(weights), len(weights[0]))), weights)
    t = Constant(fixed(8, 0, (len(limits),)), limits)
    return lambda b, x: b.apply("threshold", x, b.constant(w), b.constant(t))


@pytest.mark.parametrize(("build", "types", "tables", "gates", "depth"), [
    (op("lt"), ("u16", "u16"), 0, 16, 16), (op("lt"), ("i16", "i16"), 4, 60, 8), (op("lt"), ("u16", "u16"), 6, 50, 10),
    (op("le"), ("fx<16,8>", "u12"), 4, 80, 11), (op("add"), ("u32", "u32"), 0, 95, 32),
    (op("add"), ("u32", "u32"), 4, 340, 12),
    (op("add"), ("u8", "u8"), 6, 23, 8)])
def test_tables_want_few_levels(build: Build, types: tuple[str, ...], tables: int, gates: int, depth: int) -> None:
    """The fewest gates ripple; for tables, long comparisons and additions are trees."""
    func = func_of(build, *types)
    module = module_of(func)
    body = lower_to_gates(module, func, tables=tables).body
    assert isinstance(body, Netlist)
    assert body.gates <= gates
    assert body.depth <= depth
    rng = np.random.default_rng(0)
    x = {p.name: random_raw(p.type, 500, rng) for p in func.inputs}
    x["x1"][:250] = np.clip(x["x0"][:250], 0, 4095) if len({*types}) == 2 else x["x0"][:250]  # equal numbers are rare
    assert np.array_equal(run(module, x)["y"], run(module_of(func.with_body(body)), x)["y"])


def test_six_bits_are_counted_at_once() -> None:
    """A full adder leaves one bit less for two tables, a count of six three less for three."""
    count = func_of(op("reduce", kind="add", axes=(0,)), "bit[60]")
    small, shallow = (lower_to_gates(module_of(count), count, tables=t).body for t in (0, 6))
    assert isinstance(small, Netlist)
    assert isinstance(shallow, Netlist)
    luts = [MapLuts(6, "fast").run(n, Context()) for n in (small, shallow)]
    assert luts[1].gates < 0.8 * luts[0].gates
    assert luts[1].depth <= luts[0].depth
    words = np.random.default_rng(0).integers(0, 1 << 63, (60, 4), np.uint64)
    assert np.array_equal(evaluate_words(small, words), evaluate_words(shallow, words))


def test_tables_have_three_to_eight_inputs() -> None:
    with pytest.raises(CircuitError, match="tables is 3 to 8 or 0, got 9"):
        LowerToGates(tables=9)


def test_each_op_has_its_rules() -> None:
    assert set(SCALAR_RULES) == set(OPS)
    assert set(GATE_RULES) == SCALAR_OPS | {"call"}


@pytest.mark.parametrize(("build", "types", "gates"), [
    (op("add"), ["bit"] * 3, {"xor": 2, "maj": 1}),
    (op("add"), ["bit"] * 7, {"xor": 8, "maj": 4}),
    (op("reduce", kind="add", axes=(0,)), ["bit[7]"], {"xor": 8, "maj": 4}),
    (op("add"), ["u8", "u8"], {"and": 1, "xor": 15, "maj": 7}),
    (op("sub"), ["i8", "i8"], {"and": 1, "xor": 15, "maj": 7}),
    (op("mul"), ["i8", "i8"], {"and": 72, "xor": 104, "maj": 48}),
    (op("mul"), ["spin", "spin"], {"xor": 1}),
    (op("lt"), ["i8", "i8"], {"and": 1, "maj": 7}),
    (op("eq"), ["u4", "u4"], {"and": 3, "xor": 4}),
    (op("gather"), ["bit[8]", "u3"], {"and": 21}),
    (op("one_hot", size=8), ["u3"], {"and": 12}),
    (op("convert", type=fixed(16)), ["i8"], {}),
    (op("shift", by=3), ["i8"], {}),
    (op("unpack"), ["i8[2]"], {}),
    (op("requantize", type=fixed(8), rounding="floor", overflow="wrap"), ["fx<16,4>"], {}),
    (op("transpose", order=(1, 0)), ["i8[2,3]"], {}),
])
def test_gate_counts(build: Build, types: list[str], gates: dict[str, int]) -> None:
    assert gates_of(build, *types).count() == gates


def test_unpacking_and_packing_is_wiring() -> None:
    netlist = gates_of(lambda b, x: b.apply("pack", b.apply("unpack", x), type=fixed(8)), "u8")
    assert netlist.gates == 0
    assert netlist.outputs.tolist() == [2 * k for k in range(1, 9)]


@pytest.mark.parametrize(("weights", "limit", "gates"), [
    ([1, 0, 0], 0, {}), ([0, -3, 0], 0, {}), ([1, 1, 0], 1, {"and": 1}), ([-2, 2, 0], -1, {"and": 1}),
    ([1, 1, 1], 0, {"maj": 1}), ([3, -4, 2], 0, {"maj": 1}), ([2, 1, 1], 1, {"and": 2}), ([5, 1, 1], 0, {}),
    ([1, 1, 1], 3, {}), ([1, 1, 1], 2, {"and": 2}),
])
def test_threshold_rows_become_single_gates(weights: list[int], limit: int, gates: dict[str, int]) -> None:
    assert gates_of(threshold([weights], [limit]), "spin[3]").count() == gates


def test_wide_and_is_a_balanced_tree() -> None:
    netlist = gates_of(threshold([[1] * 17], [16]), "spin[17]")
    assert (netlist.gates, netlist.depth) == (16, 5)


def multiplier_of_spins(b: Builder, x: int) -> int:
    """The product of two 2-bit numbers as three layers of threshold neurons; x holds a0, a1, b0, b1."""
    one = threshold([[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]], [1, 1, 1, 1])(b, x)
    two = threshold([[1, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]], [0, 1, -1, 0])(b, one)
    return threshold([[1, 0, 0, 0], [0, -1, 1, 0], [0, -1, 0, 1], [0, 1, 0, 0]], [0, 1, 1, 0])(b, two)


def test_two_bit_multiplier_is_eight_gates() -> None:
    netlist = gates_of(multiplier_of_spins, "spin[4]")
    assert (netlist.count(), netlist.depth) == ({"and": 8}, 3)
    func = func_of(multiplier_of_spins, "spin[4]")
    patterns = np.array([[a & 1, a >> 1, b & 1, b >> 1] for a in range(4) for b in range(4)])
    lowered = module_of(func.with_body(netlist))
    bits = (run(lowered, {"x0": 2 * patterns - 1})["y"] + 1) // 2
    assert (bits @ [1, 2, 4, 8]).tolist() == [a * b for a in range(4) for b in range(4)]


def test_rows_without_idle_literals() -> None:
    assert peel(Row((("a", 4), ("b", 4), ("c", 4), ("d", 1)), 7)).core == Row((("a", 1), ("b", 1), ("c", 1)), 1)
    assert peel(Row((("a", 6), ("b", 2), ("c", 2)), 7)).needed == ("a",)
    assert peel(Row((("a", 6), ("b", 2), ("c", 2)), 3)).enough == ("a",)
    assert peel(Row((("a", 1),), 1)).constant is False


def test_peeled_rows_mean_the_same() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        weights = rng.integers(1, 10, int(rng.integers(1, 7))).tolist()
        row = Row(tuple(enumerate(weights)), int(rng.integers(-1, sum(weights) + 1)))
        for pattern in range(1 << len(weights)):
            bits = [pattern >> k & 1 for k in range(len(weights))]
            assert _value(row, bits) == (sum(w * x for w, x in zip(weights, bits, strict=True)) > row.limit)


def _value(row: Row[int], bits: list[int]) -> bool:
    parts = peel(row)
    if parts.constant is not None:
        return parts.constant
    core = None if parts.core is None else sum(w * bits[x] for x, w in parts.core.terms) > parts.core.limit
    if parts.needed:
        return all(bits[x] for x in parts.needed) and core is not False
    return any(bits[x] for x in parts.enough) or core is True


def test_scalar_graph_of_a_matrix_product() -> None:
    w = Constant(fixed(4, 0, (2, 3)), [[1, -1, 0], [4, 3, -2]])
    graph = scalarize(graph_of(lambda b, x: b.apply("contract", b.constant(w), x, spec="ij,j->i", name="y"), "i8[3]"))
    ops = [n.op for n in graph.nodes if n.op not in ("input", "element", "constant")]
    assert ops == ["neg", "add", "shift", "mul", "neg", "shift", "add", "convert", "convert", "stack"]
    assert [n.name for n in graph.nodes if n.name in ("y_0", "y_1")] == ["y_0", "y_1"]


def test_scalar_graphs_come_back_as_they_are() -> None:
    graph = graph_of(op("add"), "u8", "u8")
    assert scalarize(graph) is graph
    func = func_of(op("add"), "u8", "u8")
    module = module_of(func)
    assert Scalarize().apply(module, Context()) is module


def test_gates_keep_names() -> None:
    netlist = gates_of(op("and", name="both"), "bit", "bit")
    assert dict(netlist.names) == {3: "both"}
    wide = gates_of(op("and", name="both"), "u2", "u2")
    assert dict(wide.names) == {5: "both_b0", 6: "both_b1"}


def test_floats_are_refused_with_place_and_cure() -> None:
    with pytest.raises(CircuitError) as caught:
        gates_of(op("tanh", type=parse_type("f32"), name="t", origin="layer.1"), "f32")
    assert str(caught.value).splitlines() == [
        "@main: x0 is f32, which gates do not compute (help: quantize the model first, or requantize floats to a "
        "fixed-point type)",
        "layer.1: tanh %t gives f32, which gates do not compute (help: quantize the model first, or requantize floats "
        "to a fixed-point type)"]


def test_wide_functions_are_refused() -> None:
    with pytest.raises(CircuitError, match="%t: exp of 32 bits is too wide to become gates by its table"):
        gates_of(op("exp", type=fixed(8), name="t"), "i32")


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "rsqrt", "tanh", "sigmoid", "sin", "cos", "erf"])
def test_small_functions_become_tables(name: str) -> None:
    func = func_of(op(name, type=fixed(7, 4)), "fx<5,2>")
    lowered = lower_to_gates(module_of(func), func)
    x = {"x0": np.arange(-16, 16)}
    np.testing.assert_array_equal(run(module_of(lowered), x)["y"], run(module_of(func), x)["y"])


def test_division_becomes_a_table() -> None:
    func = func_of(op("divide", type=fixed(7, 2)), "i4", "spin")
    lowered = lower_to_gates(module_of(func), func)
    x = {"x0": np.repeat(np.arange(-8, 8), 2), "x1": np.tile([-1, 1], 16)}
    np.testing.assert_array_equal(run(module_of(lowered), x)["y"], run(module_of(func), x)["y"])


def counter(kind: str, count: int) -> Func:
    """A func that adds its input to a register at each step, `until` it passes 9."""
    b = Builder()
    x, total = b.input("x", ufixed(2)), b.input("total", ufixed(6))
    following = b.apply("requantize", b.apply("add", x, total), type=ufixed(6), overflow="wrap")
    done = [b.apply("lt", b.number(ufixed(6), 9), following)] if kind == "until" else []
    body = b.finish([following, following, *done])
    return Func("count", (Port("x", ufixed(2)),), (Port("y", ufixed(6)),), body,
                (Register("total", ufixed(6), Constant(ufixed(6), 0)),), Schedule(kind, count))


def caller(callee: Func) -> Module:
    b = Builder()
    x = b.input("x", ufixed(2))
    values = [b.call(callee.name, p.name, p.type, x) for p in callee.results]
    outputs = tuple(Port(f"y{k}", p.type) for k, p in enumerate(callee.results))
    return module_of(Func("main", (Port("x", ufixed(2)),), outputs, b.finish(values)), callee)


@pytest.mark.parametrize("kind", ["iterate", "until"])
def test_calls_of_stepping_funcs_are_unrolled(kind: str) -> None:
    module = caller(counter(kind, 6))
    lowered = LowerToGates().apply(module, Context())
    x = {"x": np.arange(4)}
    before, after = run(module, x), run(lowered, x)
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])


def test_unrolling_stops_at_the_limit() -> None:
    module = caller(counter("iterate", 1000))
    with pytest.raises(CircuitError, match=r"call of @count, iterate 1000, unrolls to more than 500 gates .*limit="):
        lower_to_gates(module, module.entry, limit=500)


def test_a_call_of_a_free_register_is_refused() -> None:
    func = counter("iterate", 2)
    free = Func(func.name, func.inputs, func.outputs, func.body, (Register("total", ufixed(6), None),), func.schedule)
    with pytest.raises(CircuitError, match="call of @count: register total has no initial value"):
        lower_to_gates(caller(free), caller(free).entry)


def test_inlined_calls_keep_to_their_kind() -> None:
    pure = func_of(op("and", name="both"), "bit", "bit")
    b = Builder()
    x, y = b.input("p", BIT), b.input("q", BIT)
    body = b.finish([b.call("part", "y", BIT, x, y, name="c")])
    part = Func("part", pure.inputs, pure.outputs, pure.body)
    main = Func("main", (Port("p", BIT), Port("q", BIT)), (Port("r", BIT),), body)
    inlined = InlineCalls().apply(module_of(main, part), Context())
    assert [(n.op, n.name) for n in inlined.entry.body.nodes[2:]] == [("and", "c_both")]
    region = Func("part", pure.inputs, pure.outputs, pure.body, target="crossbar")
    module = module_of(main, region)
    assert InlineCalls().apply(module, Context()) is module


def test_strash_shares_and_folds() -> None:
    netlist = aig(2, np.array([[4, 2], [2, 4], [6, 9], [10, 2], [1, 6]]), [8, 10, 12, 14])
    assert strash(netlist) == aig(2, np.array([[2, 4]]), [6, 0, 0, 6])


def test_strash_sees_through_tables_and_thresholds() -> None:
    b = NetlistBuilder(3)
    x, y, z = (b.input(k) for k in range(3))
    and_table = b.lut([x, y], 0b1000)
    same_table = b.lut([y ^ 1, x, 1, z], sum(1 << row for row in range(16) if row & 1 == 0 and row & 2))
    buffer = b.lut([x, z], 0b1010)
    first = b.threshold([x, y, z], [1, 1, 1], 1)
    second = b.threshold([z, x ^ 1, y], [1, -1, 1], 0)
    after = sweep_dead(strash(b.finish([and_table, same_table, buffer, first, second])))
    outputs = after.outputs.tolist()
    assert after.count() == {"lut": 1, "threshold": 1}
    assert outputs[0] == outputs[1]
    assert outputs[2] == x
    assert outputs[3] == outputs[4]


def test_sweep_dead_keeps_order_names_and_tables() -> None:
    b = NetlistBuilder(2)
    x, y = b.input(0), b.input(1)
    dead, kept = b.and_(x, y), b.xor(x, y)
    b.name(dead, "dead")
    b.name(kept, "kept")
    after = sweep_dead(b.finish([kept]))
    assert (after.count(), dict(after.names)) == ({"xor": 1}, {3: "kept"})
    table = sweep_dead(b.finish([b.lut([x, kept], 0b0110), b.threshold([y], [3], 1)]))
    assert table.data.tolist()[-2:] == [0b0110, 1]
    assert table.weight.tolist()[-1] == 3


def test_to_aig_expands_and_shares() -> None:
    adder = gates_of(op("add"), "bit", "bit", "bit")
    ands = ToAig().run(adder, Context())
    assert ands.is_aig
    assert ToAig().run(ands, Context()) is ands
    assert ands.count() == {"and": ands.gates}


def test_wide_threshold_sums_pass_64_bits() -> None:
    rng = np.random.default_rng(1)
    weights = rng.integers(-2**62, 2**62, (3, 5)) * 2
    weights[2] = 2**61 + np.array([1, 3, 5, 7, 9])  # 64 bits hold the sum, but not that of the terms' types
    w = Constant(fixed(64, 0, (3, 5)), weights)
    t = Constant(fixed(64, 0, (3,)), rng.integers(-2**62, 2**62, 3))
    func = func_of(lambda b, x: b.apply("threshold", x, b.constant(w), b.constant(t)), "spin[5]")
    x = {"x0": np.array([[2 * (p >> k & 1) - 1 for k in range(5)] for p in range(32)])}
    expected = run(module_of(func), x)["y"]
    for after in (Scalarize().apply(module_of(func), Context()), LowerToGates().apply(module_of(func), Context())):
        np.testing.assert_array_equal(run(after, x)["y"], expected)


@pytest.mark.parametrize("build", [op("add"), lambda b, *x: b.apply(
    "reduce", b.apply("stack", *x, shape=(6,)), kind="add", axes=(0,))])
def test_sums_of_64_unsigned_bits(build: Build) -> None:
    func = func_of(build, *["u61"] * 6)
    x = {f"x{k}": np.array([2**61 - 1, 5 * k]) for k in range(6)}
    expected = [6 * (2**61 - 1), 75]
    for after in (module_of(func), LowerToGates().apply(module_of(func), Context())):
        assert run(after, x)["y"].tolist() == expected


@pytest.mark.skipif(not EPFL.is_dir(), reason="the EPFL circuits are not here (../shared/data/epfl)")
@pytest.mark.parametrize("name", ["ctrl", "int2float", "router", "max"])
def test_shared_circuits_stay_equal(name: str) -> None:
    from circuitc.formats.aiger import AIGER
    module = AIGER.read(EPFL / f"{name}.aig")
    netlist = module.entry.body
    assert isinstance(netlist, Netlist)
    after = sweep_dead(strash(netlist))
    assert after.gates <= netlist.gates
    assert np.all(after.kind[1 + after.inputs:] == Kind.AND)
    rng = np.random.default_rng(0)
    words = rng.integers(0, 2**63, (netlist.inputs, 8)).astype(np.uint64)
    np.testing.assert_array_equal(evaluate_words(netlist, words), evaluate_words(after, words))


def test_spins_count_as_literals() -> None:
    """A sum of spins against a constant is a majority, however it is written."""
    def written_out(b: Builder, *x: int) -> int:
        return b.apply("lt", b.number(ufixed(1), 0), b.apply("add", *x))
    assert gates_of(written_out, "spin", "spin", "spin").count() == {"maj": 1}
    assert SPIN.bits == 1
