"""Threads, processors and shapes of code change nothing in the answers."""

from __future__ import annotations

import llvmlite.binding as llvm
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import circuitc
from circuitc.backends.llvm import compile_native
from circuitc.backends.llvm.netlist_assembly import assembly
from circuitc.backends.llvm.netlist_binary import gates_of
from circuitc.backends.llvm.netlist_program import program_of
from circuitc.backends.llvm.netlist_straight import straight
from circuitc.backends.llvm.target import Target, host, machine, named
from circuitc.diagnostics import CircuitError
from circuitc.ir import (
    Builder,
    Func,
    Kind,
    Module,
    Netlist,
    Port,
    evaluate_words,
    module_of,
    parse_type,
    random_raw,
    run,
)
from circuitc.ir.generate import random_netlist


def around(netlist: Netlist) -> Module:
    return module_of(Func("main", (Port("x", parse_type(f"bit[{netlist.inputs}]")),),
                          (Port("y", parse_type(f"bit[{len(netlist.outputs)}]")),), netlist))


@settings(max_examples=8, deadline=None)
@given(seed=st.integers(0, 1 << 30), gates=st.integers(0, 400), inputs=st.integers(1, 60), outputs=st.integers(1, 40),
       words=st.integers(1, 90), threads=st.integers(1, 3), shape=st.sampled_from(["straight", "table"]),
       cpu=st.sampled_from([None, "x86-64-v3", "x86-64-v4", "baseline"]))
def test_any_netlist(seed: int, gates: int, inputs: int, outputs: int, words: int, threads: int, shape: str,
                     cpu: str | None) -> None:
    if host().vector_bits < {"x86-64-v4": 512, "x86-64-v3": 256}.get(cpu or "", 0):
        cpu = None
    rng = np.random.default_rng(seed)
    netlist = random_netlist(rng, inputs, gates, outputs)
    f = compile_native(around(netlist), shape=shape, cpu=cpu, threads=threads)
    given_words = rng.integers(0, 1 << 64, (inputs, words), dtype=np.uint64)
    assert np.array_equal(f.packed(given_words), evaluate_words(netlist, given_words))


@pytest.mark.parametrize("cpu", [None, "x86-64-v3"])
def test_more_values_than_registers(cpu: str | None) -> None:
    """Values that wait in memory, chunks, several tiles and parts of one, by ABC's cover."""
    rng = np.random.default_rng(1)
    netlist = random_netlist(rng, 300, 2500, 64, (Kind.AND, Kind.XOR))
    f = compile_native(around(netlist), shape="straight", cpu=cpu, threads=2)
    for count in (1, 32, 77, 203):
        words = rng.integers(0, 1 << 64, (300, count), dtype=np.uint64)
        assert np.array_equal(f.packed(words), evaluate_words(netlist, words))


def test_threads_split_bytes_and_steps() -> None:
    rng = np.random.default_rng(2)
    module = around(random_netlist(rng, 30, 200, 20))
    inputs = {"x": random_raw(parse_type("bit[30]"), 5000, rng)}
    f = compile_native(module, threads=2)
    assert np.array_equal(f.run(inputs)["y"], run(module, inputs)["y"])
    stepper = f.stepper(5000)
    assert np.array_equal(stepper.step(inputs)["y"], run(module, inputs)["y"])


def test_threads_of_a_graph_and_its_errors() -> None:
    b = Builder()
    x = b.input("x", parse_type("u8"))
    y = b.apply("mul", x, x)
    module = module_of(Func("f", (Port("x", parse_type("u8")),), (Port("y", b.type(y)),), b.finish([y])))
    values = np.arange(256).repeat(3)
    assert np.array_equal(circuitc.jit(module, threads=3)(values), values * values)
    with pytest.raises(CircuitError, match="threads is a whole number from 0"):
        circuitc.jit(module, threads=-1)
    with pytest.raises(CircuitError, match="shape=round is not one of"):
        circuitc.jit(module, shape="round")


def test_every_function_of_three_values_in_gates_of_two() -> None:
    for table in range(256):
        gates, answer = gates_of(table)
        values = [0, 0xF0, 0xCC, 0xAA]

        def literal(x: int, values: list[int] = values) -> int:
            return values[x >> 1] ^ (0xFF if x & 1 else 0)
        for is_xor, a, b in gates:
            values.append(literal(a) ^ literal(b) if is_xor else literal(a) & literal(b))
        assert literal(answer) == table
        assert len(gates) <= 4


def test_code_for_arm_is_made_here() -> None:
    """NEON code goes through LLVM's own instruction selection: it has `and`, `bic` and `eor` on 128 bits."""
    llvm.initialize_all_targets()
    llvm.initialize_all_asmprinters()
    arm = Target("aarch64-unknown-linux-gnu", "neoverse-n1", "", 128, False)
    netlist = random_netlist(np.random.default_rng(0), 12, 200, 8)
    code = straight(program_of(netlist), arm, "arm")
    text = machine(arm, level=1).emit_assembly(llvm.parse_assembly(code.text))
    assert all(f"\t{name}\tv" in text for name in ("and", "bic", "eor", "orr"))
    assert machine(arm, level=1).emit_object(llvm.parse_assembly(code.text)).startswith(b"\x7fELF")


def test_code_for_avx2_has_no_wider_registers() -> None:
    netlist = random_netlist(np.random.default_rng(0), 40, 900, 8)
    if not host().triple.startswith("x86_64"):
        pytest.skip("x86 assembly")
    text = assembly(program_of(netlist), named("x86-64-v3"), "avx2").text
    assert "ymm" in text
    assert "zmm" not in text
