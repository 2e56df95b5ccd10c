"""Streams in native code: input products ahead of the loop, and blocks of samples in step, against the interpreter."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from circuitc.backends.llvm import compile_native
from circuitc.backends.llvm.ahead import ahead_of
from circuitc.backends.llvm.late import kept_promises, without_results
from circuitc.diagnostics import CircuitError
from circuitc.ir import F32, Graph, Module, Port, parse_module, run
from circuitc.models.rnn import GATES, Kind, Linear, layer, network
from circuitc.passes import run_passes

STEPS = (1, 5, 6, 7, 13)


def made(kind: Kind, returns: Any = "last", hidden: int = 40, inputs: int = 12) -> Module:
    rng = np.random.default_rng(len(kind))
    rows = GATES[kind] * hidden
    w, r, bias, h0 = (rng.standard_normal(s).astype(np.float32) / 4 for s in (
        (rows, inputs), (rows, hidden), (rows,), (hidden,)))
    readout = Linear(rng.standard_normal((5, hidden)).astype(np.float32), np.ones(5, np.float32))
    return network([(layer(kind, w, r, bias, h0=h0),)], [readout], Port("x", F32.with_shape((inputs,))),
                   returns=returns)


def agree(module: Module, x: Any, state: Any = None) -> None:
    native = compile_native(module)
    for steps in STEPS:
        for batch in (1, 5, 6, 8, 13):
            given = {"x": x[:batch, :steps]}
            wanted, got = run(module, given, state=state)["y"], native.run(given, state)["y"]
            allowed = 1e-5 * np.abs(wanted).max() if wanted.dtype.kind == "f" else 0
            assert np.abs(got - wanted).max() <= allowed, (steps, batch)
    stepper, wanted = native.stepper(2, state), run(module, {"x": x[:2, :3]}, state=state)["y"]
    got = [stepper.step({"x": x[:2, k]})["y"] for k in range(3)][-1]
    wanted = wanted[:, -1] if module.entry.is_stepped(module.entry.outputs[0]) else wanted
    assert np.abs(got - wanted).max() <= (1e-5 * np.abs(wanted).max() if wanted.dtype.kind == "f" else 0)


@pytest.mark.parametrize(("kind", "returns"), [("rnn", "sequence"), ("lstm", "last"), ("gru", "sequence")])
def test_steps_and_samples_in_blocks(kind: Kind, returns: str) -> None:
    x = np.random.default_rng(1).standard_normal((13, 13, 12)).astype(np.float32)
    module = made(kind, returns)
    agree(module, x)
    if kind == "rnn":
        agree(module, x, {"h0": np.random.default_rng(2).standard_normal((40,))})


def test_integers_in_blocks_are_exact() -> None:
    rng = np.random.default_rng(3)
    module = run_passes(made("rnn", "sequence"), "quantize{sensitivity=false},shrink,narrow",
                        calibration={"x": rng.standard_normal((20, 13, 12)).astype(np.float32)})
    agree(module, rng.integers(-128, 128, (13, 13, 12)))


@pytest.mark.parametrize(("kind", "hidden"), [("gru", 112), ("rnn", 100)])
def test_matrices_that_are_read_to_and_fro(kind: Kind, hidden: int) -> None:
    """37 KB of bytes in three units of panels, 40 KB of floats in two panels: odd and even numbers of steps."""
    x = np.random.default_rng(4).standard_normal((13, 13, 12)).astype(np.float32)
    module = made(kind, hidden=hidden)
    if kind == "rnn":
        agree(module, x)
        return
    module = run_passes(module, "quantize{sensitivity=false},shrink,narrow,tabulate", calibration={"x": x})
    agree(module, np.random.default_rng(5).integers(-128, 128, x.shape))


def test_results_of_the_call_wait_for_the_last_step() -> None:
    """A readout is left out of the steps before, but not one that may break its promise in any of them."""
    last, sequence = made("lstm"), made("lstm", "sequence")
    assert isinstance(last.entry.body, Graph)
    assert isinstance(sequence.entry.body, Graph)
    early = without_results(last.entry, last.entry.body)
    assert early is not None
    assert [len(g.outputs) for g in (last.entry.body, early)] == [3, 2]
    assert sum(n.op == "contract" for n in last.entry.body.nodes) == 1 + sum(n.op == "contract" for n in early.nodes)
    assert without_results(sequence.entry, sequence.entry.body) is None
    for promise, kept in (("i9", True), ("i8", False)):
        module = parse_module(f"""
        ccir 1 "promise"
        func @f(%x: i6[8] {{rate=step}}) -> (%y: {promise} {{rate=call}}) stream {{
          reg %h : i6[8] = {[0] * 8}
          %sum = reduce %h {{kind=add, axes=[0]}} : i10
          %y = requantize %sum {{overflow=never}} : {promise}
          next %h = %x
          return %y
        }}
        """)
        body = module.entry.body
        assert isinstance(body, Graph)
        assert (without_results(module.entry, body) is not None) == kept
        assert (len(kept_promises(body)) == 1) == kept
        x = np.random.default_rng(0).integers(-8, 8, (13, 13, 8))
        agree(module, x)
        if not kept:
            with pytest.raises(CircuitError, match="overflow=never"):
                compile_native(module).run({"x": np.repeat([[[-32], [0], [0]]], 8, axis=2)})


def test_what_is_computed_ahead() -> None:
    module = made("lstm")
    body = module.entry.body
    assert isinstance(body, Graph)
    found = ahead_of(module.entry, body)
    assert found.before is not None
    assert [n.op for n in found.before.nodes] == ["input", "constant", "contract"]
    assert sum(n.op == "contract" for n in found.body.nodes) == 2
    small = made("rnn", hidden=4)
    assert isinstance(small.entry.body, Graph)
    assert ahead_of(small.entry, small.entry.body).before is None


@pytest.mark.parametrize("batch", [1, 6])
def test_a_broken_promise_of_any_step_is_found(batch: int) -> None:
    """Two promises in one loop, so each has its flag; the item that breaks one is the last of all."""
    rows = ", ".join("[" + ", ".join("1" for _ in range(80)) + "]" for _ in range(80))
    module = parse_module(f"""
    const #w : u1[80,80] = [{rows}]
    func @f(%x: u8[80] {{rate=step}}) -> (%y: u8[80] {{rate=call}}) stream {{
      reg %s : u8[80] = {[0] * 80}
      %sum = contract #w, %x {{spec="ij,j->i"}} : u15[80]
      %small = requantize %sum {{rounding=floor, overflow=never}} : u8[80]
      %both = add %small, %s : u9[80]
      %y = requantize %both {{rounding=floor, overflow=never}} : u8[80]
      next %s = %y
      return %y
    }}
    """)
    native = compile_native(module)
    x = np.zeros((batch, 8, 80), np.int64)
    x[:, :, 0] = 30
    assert np.array_equal(native.run({"x": x})["y"], run(module, {"x": x})["y"])
    for value, place in ((60, "text:8"), (255, "text:6|text:8")):  # 210 + 120 breaks the second promise, 510 both
        x[-1, -1, :2] = value, value
        with pytest.raises(CircuitError):
            run(module, {"x": x})
        with pytest.raises(CircuitError, match=place):
            native.run({"x": x})
