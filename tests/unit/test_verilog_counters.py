"""Counters of many bits in Verilog: what they count, and that binary layers stay small."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.backends.verilog.counters import count_width, counter_unit
from circuitc.ir import SPIN, Builder, Constant, Func, Module, Port, module_of, parse_type
from circuitc.simulation import simulate_verilog
from circuitc.tools import tool_version


def text_lines(profile: list[int]) -> list[str]:
    return list(counter_unit("count", profile).body[0].tree.lines)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=5), st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_counters_count(profile: list[int], seed: int) -> None:
    """Evaluated line by line as Python: every line is an assignment of vectors."""
    if not sum(profile):
        return
    x = np.random.default_rng(seed).integers(0, 2, sum(profile))
    values = {"zero": (0, 1), "x": (int("".join(map(str, x[::-1].tolist())), 2), len(x))}
    for line in text_lines(profile):
        left, equals, right = line.rstrip(";").partition(" = ")
        if equals:
            name = left.split()[-1]
            values[name] = _value(right, values)
    weights = np.repeat(1 << np.arange(len(profile)), profile)
    assert values["count"][0] == int((x * weights).sum()) < 1 << count_width(profile)


def _value(text: str, values: dict[str, tuple[int, int]]) -> tuple[int, int]:
    def name(match: re.Match[str]) -> str:
        value, width = values[match[1]]
        high, low = (int(match[2]), int(match[3] or match[2])) if match[2] else (width - 1, 0)
        return f"W({value >> low & (1 << high - low + 1) - 1}, {high - low + 1})"

    text = re.sub(r"\b(?!W\b)([a-z]\w*)(?:\[(\d+)(?::(\d+))?\])?", name, text.replace("1'd0", "zero"))
    found = eval(text.replace("{", "joined(").replace("}", ")"), {"W": Vector, "joined": joined})
    return found.value, found.width


class Vector:
    """A number of some bits, with Verilog's operators."""

    def __init__(self, value: int, width: int) -> None:
        self.value, self.width = value, width

    def _with(self, other: Vector, value: int) -> Vector:
        assert self.width == other.width, "nothing is left to Verilog's rules"
        return Vector(value & (1 << self.width) - 1, self.width)

    def __and__(self, other: Vector) -> Vector:
        return self._with(other, self.value & other.value)

    def __or__(self, other: Vector) -> Vector:
        return self._with(other, self.value | other.value)

    def __xor__(self, other: Vector) -> Vector:
        return self._with(other, self.value ^ other.value)

    def __add__(self, other: Vector) -> Vector:
        return self._with(other, self.value + other.value)


def joined(*parts: Vector) -> Vector:
    value, width = 0, 0
    for part in parts:
        value, width = value << part.width | part.value, width + part.width
    return Vector(value, width)


def binary(rows: int, columns: int) -> Module:
    """Two rows of weights -1 and +1 (the second layer's also 0) over spins."""
    rng = np.random.default_rng(rows)
    b = Builder()
    x = b.input("x", SPIN.with_shape((columns,)))
    w = b.constant(Constant(SPIN.with_shape((rows, columns)), rng.choice([-1, 1], (rows, columns))))
    h = b.apply("contract", w, x, spec="ij,j->i", name="h")
    s = b.apply("convert", b.apply("le", b.number(b.type(h), 0), h), type=SPIN.with_shape((rows,)), name="s")
    v = b.constant(Constant(parse_type(f"i2[3,{rows}]"), rng.choice([-1, 0, 1], (3, rows))))
    y = b.apply("contract", v, s, spec="ij,j->i", name="y")
    return module_of(Func("f", (Port("x", b.type(x)),), (Port("h", b.type(h)), Port("y", b.type(y))), b.finish([h, y])))


@pytest.mark.parametrize("engine", ["yosys", "icarus"])
def test_binary_layers_simulated(engine: str) -> None:
    if engine != "yosys" and tool_version({"icarus": "vvp"}.get(engine, engine)) is None:
        pytest.skip(f"{engine} is not installed")
    module = binary(6, 30)
    build = circuitc.compile(module, options={"vectors": "0"}, verify=False)
    text = build.artefacts[build.main].decode()
    x = np.random.default_rng(1).choice([-1, 1], (20, 30))
    expected = circuitc.run(module, {"x": x})
    found = simulate_verilog(text, build.ports, build.module, {"x": x}, engine=engine)
    for name in ("h", "y"):
        np.testing.assert_array_equal(found[name], expected[name])
    assert text.count("f_count_30 ") == 7, "one module, an instance for each neuron"
    assert text.count("^ 30'd") == 6, "the weights are a mask"


def test_a_layer_takes_a_line_or_two_for_each_neuron() -> None:
    build = circuitc.compile(binary(64, 200), options={"vectors": "0"}, verify=False)
    assert len(build.artefacts[build.main]) < 64 * 1000
