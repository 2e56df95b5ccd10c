"""Products with constant matrices: every form of multiplication equals the interpreter, on every kind of processor."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.backends.llvm import LLVM, compile_native, load_library
from circuitc.backends.llvm.batch import blocks_of
from circuitc.backends.llvm.slices import Window, slices_of
from circuitc.backends.llvm.target import host
from circuitc.diagnostics import CircuitError
from circuitc.ir import Builder, Constant, Func, Module, Port, Type, module_of, parse_type, random_raw, run

HOST = host()
CPUS = (None, "baseline", "x86-64-v3", *(["x86-64-v4"] if HOST.vector_bits == 512 else []),
        *(["alderlake"] if {"+avxvnni", "+gfni", "+vaes"} <= set(HOST.features.split(",")) else []))
# Activations and weights: one pair at least for each form, and what lies just outside it.
PAIRS = (("f32", "f32"), ("f64", "f64"), ("u8", "i8"), ("i8", "i8"), ("i8", "u8"), ("u8", "u8"), ("i7", "i2"),
         ("fx<6,3>", "fx<5,7>"), ("i16", "i8"), ("u15", "i16"), ("u16", "i16"), ("i16", "i16"), ("i12", "i20"),
         ("i30", "i20"), ("u30", "u20"), ("spin", "spin"), ("bit", "spin"), ("spin", "bit"), ("bit", "bit"),
         ("spin", "i8"), ("bit", "i8"), ("i8", "spin"), ("u1", "i2"))
SPECS = ("ij,j->i", "j,ij->i", "jn,ij->ni", "ij,nj->in", "ij,nmj->nim", "ijk,nkj->ni", "iljk,jnk->nil", "ij,mjn->nim")


def product(x: Type, w: Type, spec: str, sizes: dict[str, int], init: bool, rng: np.random.Generator) -> Module:
    """Write a product of a random constant and an input, with a start value where `init` says so."""
    b, left = Builder(), spec.split("->")[0].split(",")
    constant = next(k for k, letters in enumerate(left) if "i" in letters)
    types = [t.with_shape(tuple(sizes[c] for c in letters))
             for t, letters in zip((w, x) if constant == 0 else (x, w), left, strict=True)]
    given_ = b.input("x", types[1 - constant])
    operands = [0, 0]
    operands[1 - constant] = given_
    ports = [Port("x", types[1 - constant])]
    shape = tuple(sizes[c] for c in spec.split("->")[1])
    if init:
        ports.append(Port("start", (x if x.is_float else parse_type("fx<20,4>")).with_shape(shape)))
        operands.append(b.input("start", ports[1].type))
    operands[constant] = b.constant(Constant(types[constant], random_raw(types[constant], 1, rng)[0]))
    y = b.apply("contract", *operands, spec=spec, init=init)
    return module_of(Func("product", tuple(ports), (Port("y", b.type(y)),), b.finish([y])))


def assert_same(module: Module, cpu: str | None, rng: np.random.Generator, batch: int) -> None:
    inputs = {p.name: random_raw(p.type, batch, rng) for p in module.entry.inputs}
    if module.entry.inputs[0].type.is_exact:  # the ends of the range, where sums are largest
        t = module.entry.inputs[0].type
        inputs["x"][0] = t.lowest
        inputs["x"][-1] = t.highest
    want, got = run(module, inputs), compile_native(module, cpu=cpu).run(inputs)
    for port in module.entry.outputs:
        a, b = got[port.name], want[port.name]
        if port.type.is_exact:
            assert np.array_equal(a, b), (port.type, cpu)
        else:
            assert np.abs(a - b).max() <= 1e-5 * np.abs(b).max()


@settings(max_examples=16, deadline=None)
@given(st.sampled_from(PAIRS), st.sampled_from(SPECS), st.sampled_from(CPUS), st.booleans(), st.integers(0, 1 << 30))
def test_products(pair: tuple[str, str], spec: str, cpu: str | None, init: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = {"i": int(rng.integers(8, 150)), "j": int(rng.integers(1, 90)), "k": int(rng.integers(1, 5)),
             "l": int(rng.integers(1, 4)), "n": int(rng.integers(1, 15)), "m": int(rng.integers(1, 4))}
    if len(spec.split("->")[1]) == 1:
        sizes["j"] += 64
    x, w = map(parse_type, pair)
    assert_same(product(x, w, spec, sizes, init, rng), cpu, rng, 4)


def network(kind: str, sizes: tuple[int, ...], rng: np.random.Generator) -> Module:
    """Write a perceptron of a kind, with what comes between layers: biases, tables, rounding, signs, a class."""
    b, first = Builder(), parse_type({"float": "f32", "int": "i8", "spin": "spin", "table": "u4"}[kind])
    v = b.input("x", first.with_shape(sizes[:1]))
    start = v
    for inputs, outputs in itertools.pairwise(sizes):
        t = b.type(v).scalar
        w = parse_type("f32" if t.is_float else "spin" if t.is_spin else "i5").with_shape((outputs, inputs))
        total = b.apply("contract", b.constant(Constant(w, random_raw(w, 1, rng)[0])), v, spec="ij,j->i")
        s = b.type(total)
        bias = b.constant(Constant(s, random_raw(s, 1, rng)[0]))
        match kind:
            case "float":
                v = b.apply("max", b.apply("add", total, bias), b.number(s, 0))
            case "int":
                rounded = b.apply("shift", b.apply("add", total, bias), by=-7)
                v = b.apply("requantize", rounded, type=parse_type("i8"), overflow="saturate")
            case "spin":
                v = b.apply("convert", b.apply("le", bias, total), type=parse_type("spin"))
            case _:
                index = b.apply("requantize", b.apply("shift", total, by=-6), type=parse_type("u4"))
                table = b.constant(Constant(parse_type("u4[16]"), rng.integers(0, 16, 16)))
                v = b.apply("table", index, table)
    turned = b.apply("transpose", b.apply("reshape", v, shape=(2, sizes[-1] // 2)), order=(1, 0))
    found = b.apply("argmax", b.apply("slice", v, start=(1,), stop=(sizes[-1],)), axis=0)
    largest = b.apply("reduce", v, kind="max", axes=(0,)) if not b.type(v).is_spin else found
    outputs_ = [v, turned, found, largest, b.apply("concat", v, v, axis=0), bias]
    return module_of(Func("network", (Port("x", b.type(start)),),
                          tuple(Port(f"y{k}", b.type(o)) for k, o in enumerate(outputs_)), b.finish(outputs_)))


@pytest.mark.parametrize(("kind", "cpu"), [("float", None), ("int", None), ("spin", None), ("table", None),
                                           ("float", "x86-64-v3"), ("int", "baseline"), ("spin", "baseline")])
def test_blocks_of_samples(kind: str, cpu: str | None) -> None:
    """A batch is run in blocks of 64 and 6 and one by one; every way gives every sample the same answer."""
    rng = np.random.default_rng(len(kind))
    module = network(kind, (67, 70, 34), rng)
    assert blocks_of(module.entry.body)
    native = compile_native(module, cpu=cpu)
    x = random_raw(module.entry.inputs[0].type, 139, rng)
    want = run(module, {"x": x})
    for n in (1, 5, 6, 7, 64, 69, 70, 139):
        got = native.run({"x": x[:n]})
        for port in module.entry.outputs:
            a, b = got[port.name], want[port.name][:n]
            close = np.abs(a - b).max() <= 1e-5 * np.abs(b).max() if port.type.is_float else np.array_equal(a, b)
            assert close, (port.name, n)


def test_blocks_in_a_library_on_disk(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    module = network("int", (67, 70, 34), rng)
    emission = LLVM().emit(LLVM().build(module, {}))
    if "network.so" not in emission.files:
        pytest.skip("there is no C compiler to link with")
    (tmp_path / "network.so").write_bytes(emission.files["network.so"])
    x = {"x": random_raw(module.entry.inputs[0].type, 71, rng)}
    got, want = load_library(tmp_path / "network.so", module, emission.ports).run(x), run(module, x)
    assert all(np.array_equal(got[name], want[name]) for name in want)


def test_a_broken_promise_in_a_block_is_told() -> None:
    b = Builder()
    x = b.input("x", parse_type("i8[64]"))
    w = b.constant(Constant(parse_type("i8[64,64]"), np.eye(64, dtype=int) * 2))
    y = b.apply("requantize", b.apply("contract", w, x, spec="ij,j->i"), type=parse_type("i8"), overflow="never")
    module = module_of(Func("f", (Port("x", b.type(x)),), (Port("y", b.type(y)),), b.finish([y])))
    native, raw = compile_native(module), np.full((70, 64), 63)
    assert np.array_equal(native(raw), np.full((70, 64), 126))
    for sample in (0, 63, 64, 69):
        bad = raw.copy()
        bad[sample, 5] = 64
        with pytest.raises(CircuitError, match="overflow=never"):
            native(bad)


def test_small_graphs_are_not_blocked() -> None:
    module = network("int", (8, 8, 8), np.random.default_rng(0))
    assert blocks_of(module.entry.body) == {}


@settings(max_examples=16, deadline=None)
@given(st.sampled_from((("f32", "f32"), ("f64", "f64"), ("i8", "i8"), ("u8", "i8"), ("i12", "i8"), ("u8", "u8"))),
       st.sampled_from(("csr", "nm", "block")), st.sampled_from((None, *CPUS)), st.booleans(), st.booleans(),
       st.sampled_from((0.0, 0.5, 0.9, 0.99, 1.0)), st.integers(0, 1 << 30))
def test_sparse_products(pair: tuple[str, str], storage: Any, cpu: str | None, init: bool, turned: bool, zeros: float,
                         seed: int) -> None:
    """One sample and blocks of samples, rows and columns in either order, tails of rows and of columns."""
    rng = np.random.default_rng(seed)
    rows, columns = int(rng.integers(3, 75)), 8 * int(rng.integers(3, 40)) + int(rng.integers(0, 2))
    t, w = map(parse_type, pair)
    weights = random_raw(w.with_shape((rows, columns)), 1, rng)[0]
    weights = np.where(rng.random(weights.shape) < zeros, 0, weights)
    shape, stored = ((columns, rows), weights.T) if turned else ((rows, columns), weights)
    b = Builder()
    x = b.input("x", t.with_shape((columns,)))
    start = b.input("start", (t if t.is_float else parse_type("fx<20,4>")).with_shape((rows,)))
    matrix = b.constant(Constant(w.with_shape(shape), stored, storage))
    y = b.apply("contract", matrix, x, *([start] if init else []), spec="ji,j->i" if turned else "ij,j->i", init=init)
    module = module_of(Func("f", (Port("x", b.type(x)), Port("start", b.type(start))), (Port("y", b.type(y)),),
                            b.finish([y])))
    assert_same(module, cpu, rng, int(rng.choice([1, 7, 65])))


def test_sparse_slices_read_every_number_once() -> None:
    """Clusters, gaps wider than a window, full and empty rows."""
    for columns, window in ((32, Window(32, 1)), (700, Window(32, 1)), (128, Window(128, 4)), (1000, Window(128, 4))):
        weights = np.zeros((37, columns), np.int64)
        weights[0], weights[3, -1], weights[5, ::31], weights[36, columns // 2:] = 1, -7, 3, 5
        packed = slices_of(weights, window)
        again = np.zeros((48, columns), np.int64)
        for s in range(3):
            for step in range(packed.starts[s], packed.starts[s + 1]):
                place = packed.bases[step] + packed.places[step].astype(int)
                assert place.max() < columns
                for lane in range(16):
                    np.add.at(again[16 * s + lane], place[lane], packed.values[step, lane])
        assert np.array_equal(again[:37], weights)


@pytest.mark.parametrize("cpu", [None, *CPUS[4:]])
@pytest.mark.parametrize("block", [(4, 64), (4, 16), (3, 5)])
@pytest.mark.parametrize("sizes", [(512, 128), (200, 70)])
def test_blocks_of_zeros_are_left_out(sizes: tuple[int, int], block: tuple[int, int], cpu: str | None) -> None:
    """Whole panels may be zero, and panels of an odd number of steps; outputs need not fill the last one."""
    rng = np.random.default_rng(sizes)
    outputs, inputs = sizes
    for share, signed in ((0.0, "i"), (0.4, "i"), (0.4, "u")):
        kept = rng.random((-(-outputs // block[1]), -(-inputs // block[0]))) < share
        mask = np.repeat(np.repeat(kept, block[1], axis=0), block[0], axis=1)[:outputs, :inputs]
        weights = rng.integers(-128, 128, sizes) * mask
        b, x = Builder(), parse_type(f"{signed}8[{inputs}]")
        given_ = b.input("x", x)
        matrix = b.constant(Constant(parse_type(f"i8[{outputs},{inputs}]"), weights))
        y = b.apply("contract", matrix, given_, spec="ij,j->i")
        assert_same(module_of(Func("f", (Port("x", x),), (Port("y", b.type(y)),), b.finish([y]))), cpu, rng, 3)


def test_which_zeros_are_left_out() -> None:
    """Blocks as wide as a panel are worth it, single zeros and narrow blocks of a small matrix are not."""
    from circuitc.backends.llvm.memory import I8, I32
    from circuitc.backends.llvm.panels import Form, panels_of
    from circuitc.backends.llvm.product_kept import Kept, without_zeros
    from circuitc.backends.llvm.product_plan import Axes, Plan

    rng = np.random.default_rng(0)
    form = Form("bytes", 16, 4, I32, I8)

    def packed(outputs: int, block: tuple[int, int]) -> Any:
        kept = rng.permuted(np.tile([True, False], (128 // block[0] + 1) // 2))[:128 // block[0]]
        mask = np.stack([np.repeat(rng.permuted(kept), block[0]) for _ in range(outputs // block[1])])
        weights = rng.integers(1, 100, (outputs, 128)) * np.repeat(mask, block[1], axis=0)
        columns, row = Axes((128,), (1,)), Axes((), ())
        panels = panels_of(weights, form, 4)
        view: Any = None
        return without_zeros(Plan(0, view, Axes((outputs,), (1,)), row, row, columns, "i", "", form, panels)).packed

    wide, narrow = packed(128, (4, 64)), packed(512, (4, 16))
    assert isinstance(wide, Kept)
    assert (wide.vectors, len(wide.words), wide.data.nbytes) == (4, 32, 128 * 64)
    assert isinstance(narrow, Kept)
    assert narrow.vectors == 1
    assert not isinstance(packed(128, (4, 16)), Kept)
    assert not isinstance(packed(512, (1, 1)), Kept)
