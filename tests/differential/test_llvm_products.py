"""Products with constant matrices: every form of multiplication equals the interpreter, on every kind of processor."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.backends.llvm import compile_native
from circuitc.ir import Builder, Constant, Func, Module, Port, Type, module_of, parse_type, random_raw, run

CPUS = (None, "baseline", "x86-64-v3", "x86-64-v4")
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


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(PAIRS), st.sampled_from(SPECS), st.sampled_from(CPUS), st.booleans(), st.integers(0, 1 << 30))
def test_products(pair: tuple[str, str], spec: str, cpu: str | None, init: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = {"i": int(rng.integers(8, 150)), "j": int(rng.integers(1, 90)), "k": int(rng.integers(1, 5)),
             "l": int(rng.integers(1, 4)), "n": int(rng.integers(1, 15)), "m": int(rng.integers(1, 4))}
    if len(spec.split("->")[1]) == 1:
        sizes["j"] += 64
    x, w = map(parse_type, pair)
    assert_same(product(x, w, spec, sizes, init, rng), cpu, rng, 4)
