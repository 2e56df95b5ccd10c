"""The emitted files: a C program against them computes what the interpreter computes, and their bytes are stable."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuitc.backends.llvm import LLVM, load_library
from circuitc.diagnostics import CircuitError
from circuitc.ir import (
    Builder,
    Constant,
    Func,
    Module,
    Port,
    Register,
    Schedule,
    module_of,
    parse_type,
    random_raw,
    run,
)
from circuitc.ir.generate import random_module, random_netlist

needs_c = pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler")


def accumulator() -> Module:
    """A stream: total += weights . x, which must fit i12; answers the total and whether it is positive, as a spin."""
    b = Builder()
    x, total = b.input("x", parse_type("i8[5]")), b.input("total", parse_type("i12"))
    w = b.constant(Constant(parse_type("i4[5]"), np.array([3, -2, 0, 7, -8])), name="w")
    dot = b.apply("contract", w, x, spec="i,i->", name="dot")
    after = b.apply("requantize", b.apply("add", dot, total), type=parse_type("i12"), overflow="never", name="after")
    sign = b.apply("convert", b.apply("lt", b.number(parse_type("i12"), 0), after), type=parse_type("spin"))
    return module_of(Func(
        "main", (Port("x", parse_type("i8[5]"), "step"),),
        (Port("double", parse_type("i12"), "step"), Port("sign", parse_type("spin"))), b.finish([after, sign, after]),
        (Register("total", parse_type("i12"), Constant(parse_type("i12"), -5)),), Schedule("stream")), name="acc-1")


def build(module: Module, folder: Path, **options: str) -> Any:
    backend = LLVM()
    emission = backend.emit(backend.build(module, options))
    for name, content in emission.files.items():
        (folder / name).write_bytes(content)
    return emission


C_PROGRAM = r"""
#include <stdio.h>
#include "acc_1.h"
#define BATCH 7
#define STEPS 4
static acc_1_scratch scratch;
int main(void) {
  int8_t x[BATCH][STEPS][5], sign[BATCH];
  int16_t total[BATCH][STEPS];
  for (int b = 0; b < BATCH; b++) for (int s = 0; s < STEPS; s++) for (int i = 0; i < 5; i++) {
    int v; if (scanf("%d", &v) != 1) return 1; x[b][s][i] = (int8_t)v;
  }
  acc_1_inputs in = { &x[0][0][0] };
  acc_1_outputs out = { .double_ = &total[0][0], .sign = sign };
  int32_t status = acc_1_run(&scratch, BATCH, STEPS, &in, &out, 0);
  if (status) { printf("%s\n", acc_1_message(status)); return 3; }
  for (int b = 0; b < BATCH; b++) {
    for (int s = 0; s < STEPS; s++) printf("%d ", total[b][s]);
    printf("%d\n", sign[b]);
  }
  acc_1_registers registers[2];
  acc_1_reset(registers, 2);
  for (int s = 0; s < STEPS; s++) {
    int8_t one[2][5]; for (int b = 0; b < 2; b++) for (int i = 0; i < 5; i++) one[b][i] = x[b][s][i];
    acc_1_inputs now = { &one[0][0] };
    int16_t t[2]; acc_1_outputs then = { .double_ = t, .sign = sign };
    if (acc_1_step(&scratch, registers, 2, &now, &then)) return 4;
    if (t[0] != total[0][s] || t[1] != total[1][s] || registers[1].total != t[1]) return 5;
  }
  return 0;
}
"""


@needs_c
@pytest.mark.parametrize("linked", ["acc_1.o", "acc_1.so"])
def test_a_c_program(tmp_path: Path, linked: str) -> None:
    module = accumulator()
    emission = build(module, tmp_path)
    assert sorted(emission.files) == ["acc_1.h", "acc_1.ll", "acc_1.o", "acc_1.so"]
    (tmp_path / "main.c").write_text(C_PROGRAM)
    subprocess.run(["cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-O1", "-o", "main", "main.c", f"./{linked}",
                    "-lm", "-Wl,-rpath,."], cwd=tmp_path, check=True, timeout=60)
    raw = np.random.default_rng(0).integers(-30, 31, (7, 4, 5))
    text = " ".join(map(str, raw.ravel().tolist()))
    done = subprocess.run(["./main"], cwd=tmp_path, input=text, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    want = run(module, {"x": raw})
    rows = np.concatenate([want["double"], want["sign"][:, None]], axis=1)
    assert np.array_equal([[int(n) for n in line.split()] for line in done.stdout.splitlines()], rows)
    text = " ".join(["0 127 0 0 -127"] + ["0 -128 0 127 -128"] * 27)
    done = subprocess.run(["./main"], cwd=tmp_path, input=text, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (
        3, "%after: requantize says overflow=never, but a number does not fit i12\n")


@needs_c
def test_the_header_is_c_plus_plus_too(tmp_path: Path) -> None:
    compiler = shutil.which("c++")
    if compiler is None:
        pytest.skip("there is no C++ compiler")
    build(accumulator(), tmp_path)
    (tmp_path / "main.cpp").write_text('#include "acc_1.h"\nint main() { return sizeof(acc_1_scratch) % 64; }\n')
    subprocess.run([compiler, "-std=c++11", "-Wall", "-Werror", "-fsyntax-only", "main.cpp"], cwd=tmp_path, check=True,
                   timeout=60)


@needs_c
@pytest.mark.parametrize("cpu", ["baseline", "native"])
def test_the_emitted_library_computes_what_the_interpreter_does(tmp_path: Path, cpu: str) -> None:
    rng = np.random.default_rng(9)
    netlist = random_netlist(rng, 30, 200, 20)
    ports = (Port("x", parse_type("u8")), Port("y", parse_type("bit[22]"))), (Port("z", parse_type("spin[20]")),)
    for shape in ("straight", "table"):
        module = module_of(Func("net", *ports, netlist), name=f"net_{shape}")
        emission = build(module, tmp_path, cpu=cpu, shape=shape)
        f = load_library(tmp_path / f"net_{shape}.so", module, emission.ports)
        inputs = {"x": random_raw(parse_type("u8"), 700, rng), "y": random_raw(parse_type("bit[22]"), 700, rng)}
        assert np.array_equal(f.run(inputs)["z"], run(module, inputs)["z"])


def test_bytes_are_the_same_twice_and_for_any_module_of_the_same_content() -> None:
    backend, ops = LLVM(), ("add", "mul", "contract", "reshape", "requantize")
    for seed in range(6):
        modules = [random_module(np.random.default_rng(seed), 10, ops=ops, schedule=True) for _ in range(2)]
        first, second = (backend.emit(backend.build(module, {})) for module in modules)
        assert first.files == second.files
        assert first.ports == second.ports


@pytest.mark.parametrize(("options", "message"), [
    ({"cpus": "native"}, "no option cpus.*did you mean cpu"),
    ({"prefix": "a b"}, "not a C identifier.*use a_b"),
    ({"shape": "round"}, "not one of auto, straight, table"),
    ({"cpu": "x86-65"}, "not the name of a .* processor"),
    ({"cpu": ""}, "not the name of a .* processor")])
def test_wrong_options(options: dict[str, str], message: str) -> None:
    with pytest.raises(CircuitError, match=message):
        LLVM().build(accumulator(), options)
