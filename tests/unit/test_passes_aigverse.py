"""Logic passes by aigverse: the same checks as for ABC, another library behind them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import circuitc.passes.abc.aigverse as engine
import circuitc.tools as tools
from circuitc.diagnostics import CircuitError, InternalError
from circuitc.formats import load
from circuitc.ir import BIT, Func, Kind, Module, Netlist, Port, evaluate_words, module_of
from circuitc.ir.generate import random_netlist
from circuitc.passes import parse_pipeline, run_passes
from circuitc.passes.abc.check import all_patterns

EPFL = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "epfl"
needs_aigverse = pytest.mark.skipif(importlib.util.find_spec("aigverse") is None, reason="aigverse is not installed")
PASSES = ("balance{engine=aigverse}", "rewrite{engine=aigverse}", "rewrite{zero=true,engine=aigverse}",
          "refactor{engine=aigverse}", "resubstitute{cut=10,add=3,engine=aigverse}")


def module(netlist: Netlist) -> Module:
    ports = tuple(Port(name, BIT.with_shape((n,))) for name, n in (("x", netlist.inputs), ("y", len(netlist.outputs))))
    return module_of(Func("main", ports[:1], ports[1:], netlist))


@needs_aigverse
@pytest.mark.parametrize("text", PASSES)
def test_random_netlists_keep_their_function(text: str) -> None:
    assert str(parse_pipeline(text)) == text
    for seed, gates, kinds in ((2, 0, (Kind.AND,)), (3, 200, (Kind.AND,)), (4, 60, (Kind.AND, Kind.XOR, Kind.LUT))):
        before = module(random_netlist(np.random.default_rng(seed), 9, gates, 5, kinds))
        after = run_passes(before, text)
        one, two = (evaluate_words(m.entry.body, all_patterns(9)) for m in (before, after))
        assert np.array_equal(one, two)


@needs_aigverse
@pytest.mark.skipif(not EPFL.is_dir(), reason="the EPFL circuits are not here")
def test_each_engine_makes_a_circuit_better() -> None:
    before = load(EPFL / "ctrl.aig")
    for text in PASSES[1:]:
        assert run_passes(before, text).entry.body.gates < before.entry.body.gates
    assert run_passes(load(EPFL / "int2float.aig"), PASSES[0]).entry.body.depth < 16


@needs_aigverse
def test_a_wrong_answer_is_found_and_a_crash_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    before = module(random_netlist(np.random.default_rng(3), 8, 80, 4, (Kind.AND,)))
    program = engine._PROGRAM
    monkeypatch.setattr(engine, "_PROGRAM", "import os; os.abort(); '{call}'")
    with pytest.raises(CircuitError, match="aigverse ended with signal 6"):
        run_passes(before, "rewrite{engine=aigverse}")
    spoil = ("; d = open('out.aig', 'rb').read().split(b'\\n'); d[1] = b'%d' % (int(d[1]) ^ 1); "
             "open('out.aig', 'wb').write(b'\\n'.join(d))")
    monkeypatch.setattr(engine, "_PROGRAM", program + spoil)
    with pytest.raises(InternalError, match="aigverse's cut rewriting changed output bit 0"):
        run_passes(before, "rewrite{engine=aigverse}")


def test_a_missing_library_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tools.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(tools.shutil, "which", lambda *a, **k: None)
    before = module(random_netlist(np.random.default_rng(3), 8, 80, 4, (Kind.AND,)))
    with pytest.raises(CircuitError, match=r"aigverse is needed .* pip install circuitc\[aigverse\]"):
        run_passes(before, "rewrite{engine=aigverse}")


def test_another_engine_is_refused() -> None:
    with pytest.raises(CircuitError, match="takes abc, aigverse, got mockturtle"):
        parse_pipeline("rewrite{engine=mockturtle}")
