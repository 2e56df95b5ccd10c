"""Networks on images as streams of pixels: the same bits as on whole images, image behind image, in every engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.ir import (
    SPIN,
    Builder,
    Constant,
    Encoding,
    Func,
    Module,
    Port,
    Value,
    module_of,
    parse_module,
    parse_type,
    run,
)
from circuitc.models.layers import Sliding, convolution, max_pool, sum_pool
from circuitc.passes import run_passes
from circuitc.simulation import simulate_verilog
from circuitc.tools import tool_version

SEEDS = st.integers(0, 2**32 - 1)


def sliding(rng: np.random.Generator, height: int, width: int) -> Sliding:
    """Draw windows that fit: sizes up to 3, strides and dilations up to 2, padding up to what a window reaches."""
    size = tuple(int(rng.integers(1, min(3, n) + 1)) for n in (height, width))
    dilation = tuple(int(rng.integers(1, 3)) if 2 * (s - 1) < n else 1
                     for s, n in zip(size, (height, width), strict=True))
    pads = [tuple(int(rng.integers(0, (s - 1) * d + 1)) for s, d in zip(size, dilation, strict=True)) for _ in range(2)]
    return Sliding(size, tuple(int(rng.integers(1, 3)) for _ in size), dilation, *pads)


def drawn(b: Builder, rng: np.random.Generator, type_: str, shape: tuple[int, ...]) -> Value:
    t = parse_type(type_).with_shape(shape)
    raw = rng.choice([-1, 1], shape) if t.is_spin else rng.integers(t.lowest, t.highest + 1, shape)
    return b.constant(Constant(t, raw))


def layer(b: Builder, rng: np.random.Generator, x: Value) -> Value:
    """Add a convolution (with groups, or a second one beside it), or a pooling, or something element by element."""
    channels, height, width = b.type(x).shape
    window = sliding(rng, height, width)
    match int(rng.integers(6)):
        case 0 | 1:
            groups = channels if rng.integers(3) == 0 else 1
            outputs = int(rng.integers(1, 4)) * groups
            w = drawn(b, rng, ("i3", "spin")[rng.integers(2)], (outputs, channels // groups, *window.size))
            y = convolution(b, x, w, window, groups)
        case 2:
            y = max_pool(b, x, window)
        case 3:
            y = sum_pool(b, x, window)
        case 4:  # a residual: two ways of different length
            size = Sliding((3, 3), (1, 1), (1, 1), (1, 1), (1, 1))
            if b.type(x).is_spin:
                return x
            side = convolution(b, x, drawn(b, rng, "i2", (channels, channels, 3, 3)), size)
            y = b.apply("add", x, side)
        case _:
            y = b.apply("transpose", x, order=(1, 2, 0))
            y = b.apply("transpose", b.apply("concat", y, y, axis=2), order=(2, 0, 1))
    shape = b.type(y).shape
    if b.type(y).is_spin:
        return y
    y = b.apply("add", y, drawn(b, rng, "i4", (shape[0], 1, 1)) if shape[1:] == (1, 1) else b.apply(
        "broadcast", drawn(b, rng, "i4", (shape[0],)), shape=shape, axes=(0,)))
    return b.apply("requantize", y, type=parse_type("i3").with_shape(shape))


def network(seed: int, layers: int = 3, *, dense: bool = True) -> Module:
    """A random network on a small image with one to three channels."""
    rng = np.random.default_rng(seed)
    b = Builder()
    shape = tuple(int(n) for n in rng.integers((1, 3, 3), (4, 8, 8)))
    t = (parse_type("u3"), parse_type("fx<3,1>"), SPIN)[rng.integers(3)].with_shape(shape)
    x = value = b.input("x", t)
    for _ in range(layers):
        value = layer(b, rng, value)
    if dense:
        flat = b.apply("reshape", value, shape=(b.type(value).size,))
        value = b.apply("contract", drawn(b, rng, "i3", (4, b.type(flat).size)), flat, spec="ij,j->i")
    y = value
    return module_of(Func("net", (Port("x", b.type(x), encoding=Encoding(scale=0.5)),), (Port("y", b.type(y)),),
                          b.finish([y])))


def pixels(module: Module, streamed: Module, images: int) -> tuple[Any, Any, int]:
    """Draw images, lay them out pixel by pixel with what has to follow the last, and give what @net says of each."""
    t, facts = module.entry.inputs[0].type, streamed.facts["passes"][0]["facts"]["net"]
    rng = np.random.default_rng(1)
    x = rng.choice([-1, 1], (images, *t.shape)) if t.is_spin else rng.integers(t.lowest, t.highest + 1,
                                                                              (images, *t.shape))
    rows = x.transpose(0, 2, 3, 1).reshape(1, -1, t.shape[0])
    more = facts["steps_of_one_image"] - facts["interval"]
    rest = np.full((1, more, t.shape[0]), 1 if t.is_spin else 0)
    return np.concatenate([rows, rest], axis=1), run(module, {"x": x})["y"], facts


def said(found: Any, wanted: Any) -> Any:
    """Give the words of a run that are valid, in the shape of the images' answers."""
    words = found["y"][0][found["y_valid"][0] == 1]
    if words.shape == wanted.shape:
        return words
    images, channels, height, width = wanted.shape
    return words.reshape(images, height, width, channels).transpose(0, 3, 1, 2)


@given(seed=SEEDS, dense=st.booleans())
@settings(max_examples=8, deadline=None)
def test_a_stream_says_what_the_network_says(seed: int, dense: bool) -> None:
    module = network(seed, dense=dense)
    streamed = run_passes(module, "stream-rows,main{func=net_stream}")  # verified and compared
    items, wanted, facts = pixels(module, streamed, 3)
    found = run(streamed, {"x": items})
    np.testing.assert_array_equal(said(found, wanted), wanted)
    first = np.flatnonzero(found["y_valid"][0])
    assert (first[0], len(first)) == (facts["outputs"]["y"]["first"], 3 * facts["outputs"]["y"]["words"])


SMALL = """
const #k : i3[2,1,3,3] = [[[[1, -2, 3], [0, 1, -1], [2, 2, -3]]], [[[-1, 0, 1], [3, -4, 1], [0, 0, 2]]]]
const #w : i3[2,8] = [[1, -2, 3, 0, 1, 1, -4, 2], [0, 3, -1, -1, 2, 0, 1, -3]]
const #zero : u2 = 0
func @net(%x: u2[1,4,4]) -> (%y: i9[2]) once {
  %pad = pad %x, #zero {before=[0, 1, 1], after=[0, 1, 1]} : u2[1,6,6]
  %rows = window %pad {axis=1, size=3} : u2[1,4,6,3]
  %places = window %rows {axis=2, size=3} : u2[1,4,4,3,3]
  %map = contract %places, #k {spec="yabcd,zycd->zab"} : i9[2,4,4]
  %small = requantize %map : u2[2,4,4]
  %pairs = window %small {axis=1, size=2, stride=2} : u2[2,2,4,2]
  %fours = window %pairs {axis=2, size=2, stride=2} : u2[2,2,2,2,2]
  %pooled = reduce %fours {kind=max, axes=[3, 4]} : u2[2,2,2]
  %flat = reshape %pooled {shape=[8]} : u2[8]
  %y = contract #w, %flat {spec="ij,j->i"} : i9[2]
  return %y
}
"""


@pytest.mark.parametrize(("engine", "reuse"), [("icarus", 1), ("icarus", 2), ("yosys", 1)])
def test_images_back_to_back_in_verilog(engine: str, reuse: int) -> None:
    if engine == "icarus" and tool_version("vvp") is None:
        pytest.skip("icarus is not installed")
    module = parse_module(SMALL)
    streamed = run_passes(module, "stream-rows,main{func=net_stream}")
    items, wanted, _ = pixels(module, streamed, 4)
    folded = streamed if reuse == 1 else run_passes(streamed, f"fold-hardware{{reuse={reuse}}}")
    build = circuitc.compile(folded, options={"vectors": "0"}, verify=False)
    assert build.ports["interval"] == (1 if reuse == 1 else reuse + 4), "clocks a pixel"
    found = simulate_verilog(build.artefacts[build.main].decode(), build.ports, build.module, {"x": items},
                             engine=engine, stall=True)
    np.testing.assert_array_equal(said(found, wanted), wanted)
    native = dict(zip(("y", "y_valid"), circuitc.jit(folded)(items), strict=True))
    np.testing.assert_array_equal(said(native, wanted), wanted)


def test_what_is_said_of_steps_and_lines() -> None:
    """An image of 16 pixels: the last window waits for 5 positions behind it, then 4 registers follow each other."""
    facts = run_passes(parse_module(SMALL), "stream-rows").facts["passes"][0]["facts"]["net"]
    assert (facts["interval"], facts["line_bits"], facts["kept_whole"]) == (16, [22, 24], ["pooled"])
    assert facts["outputs"]["y"] == {"first": 23, "last": 23, "words": 1}


def test_the_main_func_changes_and_no_other() -> None:
    streamed = run_passes(parse_module(SMALL), "stream-rows,main{func=net_stream},main{func=net_stream}")
    first, again = streamed.facts["passes"][1:]
    assert list(streamed.funcs) == ["net_stream"]
    assert first["evidence"] == {"level": "proved", "method": "no func changed; the main one is now @net_stream"}
    assert not again["changed"]
    with pytest.raises(CircuitError, match="there is no func @nett"):
        run_passes(parse_module(SMALL), "main{func=nett}")


@pytest.mark.parametrize(("text", "message"), [
    ("func @f(%x: u4[3], %z: u4[3]) -> (%y: u5[3]) once {\n  %y = add %x, %z : u5[3]\n  return %y\n}",
     "has 2 inputs and 1 outputs"),
    ("func @f(%x: u4[3]) -> (%y: u4[3]) once {\n  %y = not %x : u4[3]\n  return %y\n}", "no two axes -2 and -1"),
    ("const #c : u4 = 3\nfunc @f(%x: u4[3,3]) -> (%y: u4) once {\n  return #c\n}", "an output is a constant"),
    ("const #c : u4 = 3\nfunc @f(%x: u4[3,3]) -> (%y: u4) once {\n  %y = call @c {output=y} : u4\n  return %y\n}\n"
     "func @c() -> (%y: u4) once {\n  return #c\n}", "@f calls @c"),
    ("func @f(%x: u4[3,3]) -> (%y: u4[3,3]) stream {\n  return %x\n}", "is not a combinational func"),
])
def test_what_is_no_image_is_refused(text: str, message: str) -> None:
    with pytest.raises(CircuitError, match=message):
        run_passes(parse_module(text), "stream-rows")
