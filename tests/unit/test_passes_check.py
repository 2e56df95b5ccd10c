"""What `check_exact` answers: which evidence, on which inputs, and what it leaves out."""

from __future__ import annotations

import numpy as np
import pytest

from circuitc.diagnostics import InternalError
from circuitc.ir import Module, parse_module
from circuitc.passes import check_exact, sample_inputs


def program(ports: str, *body: str, schedule: str = "once", registers: str = "") -> Module:
    lines = "\n".join(body)
    return parse_module(f"func @main{ports} {schedule} {{\n{registers}\n{lines}\n}}")


TWELVE = "(%x: u6, %y: u6) -> (%s: u7)"
THIRTEEN = "(%x: u7, %y: u6) -> (%s: u8)"


def test_few_input_bits_are_tried_all() -> None:
    before = program(TWELVE, "%s = add %x, %y : u7", "return %s")
    after = program(TWELVE, "%t = add %y, %x : u7", "return %t")
    assert check_exact(before, after) == {"level": "exhausted", "vectors": 4096}


def test_one_wrong_input_of_all_is_found() -> None:
    before = program(TWELVE, "%s = add %x, %y : u7", "return %s")
    capped = parse_module(f"""const #most : u7 = 125
    func @main{TWELVE} once {{
      %s = add %x, %y : u7
      %m = min %s, #most : u7
      return %m
    }}""")
    with pytest.raises(InternalError, match=r"@main\(x=63, y=63\): output s was 126, is 125"):
        check_exact(before, capped)


def test_more_input_bits_are_sampled() -> None:
    before = program(THIRTEEN, "%s = add %x, %y : u8", "return %s")
    after = program(THIRTEEN, "%t = add %y, %x : u8", "return %t")
    assert check_exact(before, after, vectors=100) == {"level": "simulated", "vectors": 100}


def test_extreme_numbers_are_among_the_samples() -> None:
    ports = "(%x: u40) -> (%s: bit)"
    before = program(ports, "%n = not %x : u40", "%s = eq %x, %n : bit", "return %s")
    inputs = sample_inputs(before.entry, 256, np.random.default_rng(0))["x"]
    assert {0, 1, (1 << 40) - 1} <= set(inputs.tolist())


def test_unchanged_program_is_proved() -> None:
    module = program(TWELVE, "%s = add %x, %y : u7", "return %s")
    assert check_exact(module, module)["level"] == "proved"


def test_streams_are_compared_over_steps() -> None:
    ports = "(%x: bit) -> (%y: bit)"
    toggle = program(ports, "%n = xor %r, %x : bit", "next %r = %n", "return %r", schedule="stream",
                     registers="reg %r : bit = 0")
    late = program(ports, "%n = and %r, %x : bit", "next %r = %n", "return %r", schedule="stream",
                   registers="reg %r : bit = 0")
    assert check_exact(toggle, toggle.with_func(toggle.entry.with_body(toggle.entry.body)))["level"] == "proved"
    with pytest.raises(InternalError, match="output y was "):
        check_exact(toggle, late)


def test_free_registers_start_anywhere_on_both_sides() -> None:
    ports = "(%x: bit) -> (%y: bit)"
    registers = "reg %r : bit = free"
    before = program(ports, "%n = xor %r, %x : bit", "next %r = %n", "return %r", schedule="stream",
                     registers=registers)
    same = program(ports, "%n = xor %x, %r : bit", "next %r = %n", "return %r", schedule="stream", registers=registers)
    fixed = program(ports, "%n = xor %r, %x : bit", "next %r = %n", "return %r", schedule="stream",
                    registers="reg %r : bit = 0")
    assert check_exact(before, same) == {"level": "simulated", "vectors": 256}
    with pytest.raises(InternalError, match=r"@main\(x=\[.*\], r=\[?1"):
        check_exact(before, fixed)


def test_inputs_on_which_the_program_stops_are_left_out() -> None:
    ports = "(%x: i8) -> (%y: i4)"
    before = program(ports, "%y = requantize %x {overflow=never} : i4", "return %y")
    after = program(ports, "%y = requantize %x {overflow=wrap} : i4", "return %y")
    assert check_exact(before, after) == {"level": "simulated", "vectors": 16}
    with pytest.raises(InternalError, match=r"output \(all\) was a value, is .*overflow=never"):
        check_exact(after, before)


def test_program_that_always_stops_is_not_checked() -> None:
    ports = "(%x: u1) -> (%y: i4)"
    text = "const #big : u8 = 200\nfunc @main{} once {{\n%s = add %x, #big : u9\n" \
           "%y = requantize %s {{overflow=never{}}} : i4\nreturn %y\n}}"
    before, after = (parse_module(text.format(ports, more)) for more in ("", ", rounding=floor"))
    assert check_exact(before, after) == {
        "level": "not_checked", "reason": "@main overflows on every input that was tried"}


def test_signs_of_nothing_and_nan_are_the_same_number() -> None:
    ports = "(%x: f32) -> (%y: f32)"
    before = program(ports, "%y = sqrt %x : f32", "return %y")
    after = program(ports, "%a = neg %x : f32", "%b = neg %a : f32", "%y = sqrt %b : f32", "return %y")
    assert check_exact(before, after)["level"] == "simulated"


def test_changed_callee_is_found_through_its_caller() -> None:
    text = """
    func @main(%x: u4) -> (%y: u5) once {{
      %y = call @part %x {{output=z}} : u5
      return %y
    }}
    func @part(%x: u4) -> (%z: u5) once {{
      %z = add %x, {} : u5
      return %z
    }}"""
    before = parse_module(text.format("%x"))
    after = parse_module("const #one : u4 = 1\n" + text.format("#one"))
    with pytest.raises(InternalError, match="@main"):
        check_exact(before, after)
    renamed = parse_module(text.format("%x").replace("@part", "@other"))
    assert check_exact(before, renamed) == {"level": "exhausted", "vectors": 16}


def test_free_registers_without_any_input() -> None:
    text = """func @main() -> (%y: u4) iterate 3 {{
      reg %r : u4 = free
      %n = not %r : u4
      next %r = %n
      return {}
    }}"""
    before, after = (parse_module(text.format(v)) for v in ("%r", "%n"))
    assert check_exact(before, parse_module(text.format("%r"))) == {"level": "simulated", "vectors": 256}
    with pytest.raises(InternalError, match=r"@main\(r="):
        check_exact(before, after)
