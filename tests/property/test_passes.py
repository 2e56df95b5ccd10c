"""Exact passes on generated programs: the meaning stays, and doing it again changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.diagnostics import CircuitError
from circuitc.ir import Module, print_module
from circuitc.ir.generate import random_module
from circuitc.passes import NAMED, find_pass, option_types, parse_pipeline, run_passes

SEEDS = st.integers(0, 2**32 - 1)
PASSES = ("fold", "simplify", "cse", "dce", "tabulate", "ranges")
# Rules meet their patterns where few ops stand close together; all ops at once meet everything else.
FAMILIES = (None, ("add", "sub", "mul", "neg", "abs", "shift", "convert"),
            ("and", "or", "xor", "not", "select", "eq", "lt", "le", "min", "max"),
            ("reshape", "transpose", "broadcast", "slice", "concat", "stack", "element", "pad", "reduce"),
            ("convert", "requantize", "pack", "unpack", "not", "min"),
            ("contract", "threshold", "requantize", "add", "reduce"),
            ("tanh", "exp", "divide", "add", "mul", "convert", "requantize", "table"))


def draw(seed: int) -> Module:
    ops = FAMILIES[seed % len(FAMILIES)]
    return random_module(np.random.default_rng(seed), 20, schedule=bool(seed // 7 % 2), exact_only=seed // 14 % 3 == 0,
                         ops=ops)


@pytest.mark.parametrize("name", PASSES)
@given(seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_pass_keeps_the_meaning(name: str, seed: int) -> None:
    module = draw(seed)
    after = run_passes(module, [find_pass(name)()])  # verified and compared on 256 inputs, or on all of them
    record = after.facts["passes"][0]
    assert record["evidence"]["level"] in ("proved", "exhausted", "simulated", "not_checked")
    if not record["changed"]:
        assert all(after.funcs[n] is f for n, f in module.funcs.items()), "unchanged is the same object"


@pytest.mark.parametrize("name", ["fold", "simplify", "cse", "dce", "tabulate"])
@given(seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_second_time_changes_nothing(name: str, seed: int) -> None:
    once = run_passes(draw(seed), [find_pass(name)()], check=None)
    twice = run_passes(once, [find_pass(name)()], check=None)
    assert not twice.facts["passes"][1]["changed"]


@pytest.mark.parametrize("name", sorted(NAMED))
@given(seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_named_pipelines_keep_the_meaning(name: str, seed: int) -> None:
    after = run_passes(draw(seed), name)
    assert [r["name"] for r in after.facts["passes"]] == [p.name() for p in parse_pipeline(name)]


@given(SEEDS)
@settings(max_examples=10, deadline=None)
def test_same_program_gives_the_same_text(seed: int) -> None:
    texts = {print_module(run_passes(draw(seed), "clean,ranges", check=None)) for _ in range(2)}
    assert len(texts) == 1


WORDS = st.text(st.characters(codec="ascii", categories=("L", "N", "P", "Zs")), min_size=1, max_size=8)


@given(st.lists(st.tuples(st.sampled_from(PASSES), st.integers(-(10**6), 10**6), st.integers(1, 16)), max_size=5))
@settings(max_examples=60, deadline=None)
def test_pipelines_read_as_they_print(rows: list[tuple[str, int, int]]) -> None:
    passes = [find_pass(name)(**{o: {"limit": limit, "width": width}[o] for o in option_types(find_pass(name))})
              for name, limit, width in rows]
    text = ",".join(map(str, passes))
    assert list(parse_pipeline(text)) == passes
    assert str(parse_pipeline(f" {text.replace(',', ' , ')} ")) == text


@given(WORDS)
@settings(max_examples=100, deadline=None)
def test_any_text_is_a_pipeline_or_a_clear_refusal(text: str) -> None:
    try:
        parse_pipeline(text)
    except CircuitError as e:
        lost = [d for d in e.diagnostics if d.span is None]
    else:
        lost = []
    assert not lost, "a refusal shows its place"
