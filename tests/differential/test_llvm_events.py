"""Products by columns (`storage=columns`): the same bits as the interpreter for integers, close for floats."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import circuitc
from circuitc.ir import (
    Builder,
    Constant,
    Func,
    Port,
    module_of,
    parse_module,
    parse_type,
    print_module,
    random_raw,
    run,
)


def product(weights: str, x: str, spec: str, storage: Any = "columns", init: str = "") -> Any:
    """Make the product of a constant matrix, whichever side it is on, with a vector."""
    b, t = Builder(), parse_type(weights)
    rng = np.random.default_rng(5)
    array = rng.normal(size=t.shape) if t.is_float else rng.integers(t.lowest, t.highest + 1, t.shape)
    v = b.input("x", parse_type(x))
    start = [b.input("s", parse_type(init))] if init else []
    w = b.constant(Constant(t, array, storage), "w")
    operands = (w, v) if len(t.shape) == len(spec.split(",")[0]) else (v, w)
    y = b.apply("contract", *operands, *start, spec=spec, init=bool(init))
    ports = (Port("x", b.type(v)), *(Port("s", b.type(s)) for s in start))
    return module_of(Func("f", ports, (Port("y", b.type(y)),), b.finish([y])))


def check(module: Any, count: int = 5) -> None:
    native = circuitc.jit(module)
    for share in (0.0, 0.05, 1.0):
        check_at(module, native, share, count)


def check_at(module: Any, native: Any, share: float, count: int) -> None:
    """Compare on inputs of which a share is not zero."""
    rng = np.random.default_rng(7)
    data = {p.name: random_raw(p.type, count, rng) for p in module.entry.inputs}
    data["x"] = np.where(rng.random(data["x"].shape) < share, data["x"], 0).astype(data["x"].dtype)
    found, wanted = native.run(data)["y"], run(module, data)["y"]
    if module.entry.outputs[0].type.is_exact:
        assert np.array_equal(found, wanted)
    else:
        assert np.allclose(found, wanted, rtol=0, atol=1e-5 * max(1e-30, float(np.abs(wanted).max())))


@pytest.mark.parametrize(("weights", "x", "spec", "init"), [
    ("i8[37,75]", "bit[75]", "ij,j->i", ""),
    ("i8[75,37]", "bit[75]", "j,ji->i", ""),
    ("fx<6,2>[5,9]", "fx<12,7>[9]", "ij,j->i", "fx<9,3>[5]"),
    ("i16[20,64]", "u8[64]", "ij,j->i", ""),
    ("i3[3,8]", "u3[8]", "ij,j->i", ""),
    ("i28[33,40]", "i28[40]", "ij,j->i", ""),
    ("f32[70,130]", "f32[130]", "ij,j->i", ""),
    ("f32[70,7]", "f32[7]", "ij,j->i", "f32[70]"),
    ("f64[16,40]", "f64[40]", "ij,j->i", ""),
])
def test_products_by_columns_agree_with_the_interpreter(weights: str, x: str, spec: str, init: str) -> None:
    check(product(weights, x, spec, init=init))


def test_other_contractions_are_made_as_usual() -> None:
    check(product("i8[6,70]", "i4[3,70]", "ij,kj->ki"))
    check(product("i8[6,70]", "i4[70]", "ij,j->ij"))


def test_sparsify_marks_columns_and_the_text_form_keeps_them() -> None:
    module = circuitc.run_passes(product("i8[6,70]", "bit[70]", "ij,j->i", "dense"), "sparsify{storage=columns}")
    again = parse_module(print_module(module))
    assert [c.storage for c in again.constants.values()] == ["columns"]
    assert again.entry == module.entry
