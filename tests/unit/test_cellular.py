"""Cellular automata: every rule against its definition, words against neurons, schedules, and wrong models."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.ir import Stepper, run, verify_module
from circuitc.models.automata import Grid, build_cellular, find_turns, parse_pattern, parse_rule, word_type
from circuitc.models.automata.formula import find_formula

HEAD = {"schema": "circuitc.model/1", "kind": "cellular-automaton"}


def elementary(rule: int, cells: Any) -> Any:
    """Wolfram's definition, cell by cell."""
    left, right = np.roll(cells, 1, -1), np.roll(cells, -1, -1)
    return rule >> (4 * left + 2 * cells + right) & 1


def lifelike(birth: set[int], survive: set[int], cells: Any) -> Any:
    """Count eight neighbours by moving the torus."""
    around = sum(np.roll(cells, (i, j), (-2, -1)) for i in (-1, 0, 1) for j in (-1, 0, 1)) - cells
    return np.where(cells == 1, np.isin(around, list(survive)), np.isin(around, list(birth))).astype(np.int64)


def test_all_elementary_rules_on_all_states_of_a_ring() -> None:
    cells = np.arange(64)[:, None] >> np.arange(6) & 1
    for rule in range(256):
        want = elementary(rule, cells)
        for form in ("words", "thresholds"):
            module = build_cellular(Grid(parse_rule(rule), (6,), form), "ring")
            assert np.array_equal(run(module, {"cells": cells})["after"], want), (rule, form)


@settings(deadline=None, max_examples=25)
@given(st.sets(st.integers(0, 8)), st.sets(st.integers(0, 8)), st.integers(1, 6),
       st.sampled_from([1, 2, 3, 7, 63, 64, 65, 67, 100, 128]), st.integers(0, 9))
def test_life_like_rules(birth: set[int], survive: set[int], rows: int, columns: int, seed: int) -> None:
    cells = np.random.default_rng(seed).integers(0, 2, (2, rows, columns))
    rule = parse_rule(f"B{''.join(map(str, birth))}/S{''.join(map(str, survive))}")
    module = build_cellular(Grid(rule, (rows, columns)), "life")
    verify_module(module)
    want = lifelike(birth, survive, cells)
    assert np.array_equal(run(module, {"cells": cells})["after"], want)
    if rows * columns <= 128:
        neurons = build_cellular(Grid(rule, (rows, columns), "thresholds"), "life")
        assert np.array_equal(run(neurons, {"cells": cells})["after"], want)


@pytest.mark.parametrize(("rule", "shape"), [("B3/S23", (6, 7)), ("B36/S23", (5, 5)), ("B2/S", (4, 8)), (30, (40,)),
                                             (110, (24,)), (150, (9,)), (0, (5,))])
def test_words_and_neurons_are_proved_equal(rule: int | str, shape: tuple[int, ...]) -> None:
    words, neurons = (build_cellular(Grid(parse_rule(rule), shape, form), "a") for form in ("words", "thresholds"))
    verdict = circuitc.verify(words, neurons)
    assert verdict.status == "equal"
    assert verdict.evidence.level == "proved"


def test_the_proof_sees_a_wrong_rule() -> None:
    words = build_cellular(Grid(parse_rule("B3/S23"), (4, 5)), "a")
    neurons = build_cellular(Grid(parse_rule("B36/S23"), (4, 5), "thresholds"), "b")
    assert circuitc.verify(words, neurons).status == "different"


def test_life_is_three_neurons_a_cell() -> None:
    """5 <= 2 n + centre <= 7; and no elementary rule turns more than three times."""
    assert find_turns(parse_rule("B3/S23")).turns == ((4, 5), (7, 8))
    network = build_cellular(Grid(parse_rule("B3/S23"), (3, 3), "thresholds"), "life")
    assert network.facts["cellular-automaton"]["neurons"] == 27
    assert len(find_turns(parse_rule(150)).turns) == 3
    assert len(find_turns(parse_rule(232)).turns) == 1  # the majority is one neuron


def test_words_are_as_wide_as_rows_allow() -> None:
    assert [str(word_type(n)) for n in (1, 8, 63, 64, 65, 67, 100, 1024)] == [
        "bit", "u8", "u63", "i64", "u13", "bit", "u50", "i64"]


def test_formulas_are_short_and_right() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        table = tuple(rng.choice([0, 1, None], 16).tolist())
        formula = find_formula(table)
        for address, want in enumerate(table):
            if want is not None:
                assert value(formula, address) == want
    assert find_formula(tuple(bin(k).count("1") & 1 for k in range(8))).cost == 2  # the parity of three
    assert find_formula((None, 1, None, 1)).gate == "constant"


def value(formula: Any, address: int) -> int:
    parts = [value(p, address) for p in formula.parts]
    match formula.gate:
        case "constant":
            return formula.number
        case "variable":
            return address >> formula.number & 1
        case "not":
            return 1 - parts[0]
        case "and":
            return min(parts)
        case "or":
            return max(parts)
        case _:
            return parts[0] ^ parts[1]


@pytest.mark.parametrize("form", ["words", "thresholds"])
def test_generations_and_streams(form: Any) -> None:
    life, rng = parse_rule("B3/S23"), np.random.default_rng(1)
    cells = rng.integers(0, 2, (3, 5, 6))
    trail = [cells]
    for _ in range(4):
        trail.append(lifelike({3}, {2, 3}, trail[-1]))
    four = build_cellular(Grid(life, (5, 6), form, generations=4), "four")
    assert np.array_equal(run(four, {"cells": cells})["after"], trail[4])
    stream = Stepper(build_cellular(Grid(life, (5, 6), form, stream=True), "stream"), batch=3)
    for k, want in enumerate(trail):
        got = stream.step({"load": np.full(3, k == 0), "cells": cells})["after"]
        assert np.array_equal(got, want)


def test_ports_of_words() -> None:
    cells = np.random.default_rng(2).integers(0, 2, (1, 4, 128)).astype(np.uint8)
    words = np.packbits(cells, axis=-1, bitorder="little").view(np.int64)
    life = parse_rule("B3/S23")
    module = build_cellular(Grid(life, (4, 128), ports="words"), "life")
    got = np.unpackbits(np.ascontiguousarray(run(module, {"cells": words})["after"]).view(np.uint8), axis=-1,
                        bitorder="little")
    assert np.array_equal(got.reshape(cells.shape), lifelike({3}, {2, 3}, cells.astype(np.int64)))


def test_a_glider_in_a_model_file(tmp_path: Path) -> None:
    model = {**HEAD, "rule": "b3/s32", "shape": [5, 64], "stream": True, "start": [".#.", "..#", "###"]}
    (tmp_path / "glider.json").write_text(json.dumps(model))
    module = circuitc.load(tmp_path / "glider.json")
    assert module.facts["cellular-automaton"]["rule"] == "B3/S23"
    still = {"load": np.zeros((1, 4), int), "cells": np.zeros((1, 4, 5, 64), int)}
    glider = parse_pattern([".#.", "..#", "###"], (5, 64))
    assert np.array_equal(run(module, still)["after"][0, -1], np.roll(glider, (1, 1), (0, 1)))


@pytest.mark.parametrize(("change", "message"), [
    ({"rule": 256}, "elementary rules are 0 to 255, got 256"),
    ({"rule": "B9/S2"}, "'B9/S2' is no rule of a cellular automaton"),
    ({"rule": "B33/S2"}, "names a count twice"),
    ({"rule": True}, "expected a rule"),
    ({"rule": 30}, "rule30 lives on a ring [columns], got shape [4, 4]"),
    ({"shape": [4]}, "B3/S23 lives on a torus [rows, columns], got shape [4]"),
    ({"shape": [1 << 14, 1 << 14]}, "a grid has 1 to 67108864 cells"),
    ({"shape": [0, 4]}, "0 is less than 1"),
    ({"shape": [65, 64], "form": "thresholds"}, "4160 cells are more than the 4096"),
    ({"form": "thresholds", "ports": "words"}, "threshold neurons see cells as bits"),
    ({"stream": True, "generations": 2}, "each step of a stream is one generation"),
    ({"start": ["#"]}, "only a stream has first cells of its own"),
    ({"stream": True, "start": ["#" * 5]}, "do not fit a grid of [4, 4]"),
    ({"stream": True, "start": ["x"]}, "cells are drawn with . (dead) and # (alive)"),
])
def test_wrong_models_are_told_in_a_line(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    (tmp_path / "net.json").write_text(json.dumps({**HEAD, "rule": "B3/S23", "shape": [4, 4], **change}))
    with pytest.raises(CircuitError) as e:
        circuitc.load(tmp_path / "net.json")
    assert message in str(e.value)
    assert "\n" not in str(e.value)
