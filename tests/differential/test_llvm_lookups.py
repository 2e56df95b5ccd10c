"""Tables in vector registers: all widths of index and entry, and ends that fill no block, against the interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.backends.llvm import compile_native
from circuitc.backends.llvm.target import host
from circuitc.ir import Builder, Constant, Func, Module, Port, module_of, parse_type, random_raw, run

CPUS = (None, "baseline", "x86-64-v3")


def looked_up(index: str, entry: str, shape: tuple[int, ...], rng: np.random.Generator, before: bool = False) -> Module:
    """Look x up in a random table; `before`: a sum that only the table reads, and a user that reads what was found."""
    b = Builder()
    t, e = parse_type(index), parse_type(entry)
    port = Port("x", t.with_shape(shape))
    x = b.input("x", port.type)
    entries = e.with_shape((1 << t.width,))
    table = b.constant(Constant(entries, random_raw(entries, 1, rng)[0]))
    if before:
        x = b.apply("requantize", b.apply("add", x, x), type=port.type)
    y = b.apply("table", x, table)
    if before:
        y = b.apply("add", y, y)
    return module_of(Func("f", (port,), (Port("y", b.type(y)),), b.finish([y])))


def agree(module: Module, rng: np.random.Generator, cpu: str | None = None, batch: int = 7) -> None:
    given_: dict[str, Any] = {"x": random_raw(module.entry.inputs[0].type, batch, rng)}
    assert np.array_equal(compile_native(module, cpu=cpu).run(given_)["y"], run(module, given_)["y"])


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 13), st.booleans(), st.integers(1, 20), st.booleans(),
       st.sampled_from(((64,), (65,), (5, 40), (3,))), st.sampled_from(CPUS), st.booleans(), st.integers(0, 1000))
def test_widths(index: int, index_signed: bool, entry: int, entry_signed: bool, shape: tuple[int, ...], cpu: str | None,
                before: bool, seed: int) -> None:
    types = [f"{'i' if signed and width > 1 else 'u'}{width}" for width, signed in (
        (index, index_signed), (entry, entry_signed))]
    rng = np.random.default_rng(seed)
    agree(looked_up(*types, shape, rng, before), rng, cpu)


@pytest.mark.parametrize("index", ["u6", "i8", "i10", "u12"])
@pytest.mark.parametrize("entry", ["i8", "u13"])
def test_all_entries_are_found(index: str, entry: str) -> None:
    rng = np.random.default_rng(1)
    t = parse_type(index)
    module = looked_up(index, entry, (1 << t.width,) if t.width > 5 else (64,), rng)
    x = np.arange(t.lowest, t.highest + 1)[None]
    assert np.array_equal(compile_native(module).run({"x": x})["y"], run(module, {"x": x})["y"])


@pytest.mark.skipif(not host().permutes_bytes, reason="this processor does not permute bytes (AVX-512 VBMI)")
def test_the_instruction_is_used() -> None:
    from circuitc.backends.llvm.func import write_program
    from circuitc.backends.llvm.unit import Unit

    for index, count in (("i10", 8), ("u6", 1), ("i13", 0)):
        unit = Unit(looked_up(index, "i8", (128,), np.random.default_rng(0)), host(), "c", by_address=True)
        write_program(unit)
        assert sum("vpermi2var" in line and "call" in line for line in str(unit.module).splitlines()) == count
