"""The streaming reader of gate-level Verilog: what the emitter writes reads back equal; everything else is refused."""

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.ir import BIT, Func, Kind, Port, evaluate_words, module_of
from circuitc.ir.generate import random_netlist
from circuitc.plugins import load_plugin
from circuitc.simulation import read_verilog
from circuitc.simulation.read_gates import read_gates

TEXT = """
module m (
  input wire [1:0] x,  // two
  input wire c,
  output wire y,
  output wire z
);
  wire a = x[0] & ~x[1];
  wire b = (a | c) ^ ~(x[1] & 1'b1);
  assign y = ~b;
  assign z = 1'b0;
endmodule
"""


@pytest.mark.parametrize("seed", range(6))
def test_emitted_netlists_read_back_as_yosys_reads_them(seed: int) -> None:
    rng = np.random.default_rng(seed)
    netlist = random_netlist(rng, 9, 60, 5, kinds=[Kind.AND, Kind.XOR, Kind.MAJ, Kind.LUT])
    ports = (Port("x", BIT.with_shape((9,))),), (Port("y", BIT.with_shape((5,))),)
    backend = load_plugin("backend", "verilog")
    emission = backend.emit(backend.build(module_of(Func("m", *ports, netlist)), {}))
    text = emission.files[emission.main].decode()
    words = rng.integers(0, 1 << 64, (9, 8), dtype=np.uint64)
    ours, theirs = read_gates(text, "m").entry.body, read_verilog(text, "m").entry.body
    wanted = evaluate_words(netlist, words)
    assert np.array_equal(evaluate_words(ours, words), wanted)  # type: ignore[arg-type]
    assert np.array_equal(evaluate_words(theirs, words), wanted)  # type: ignore[arg-type]


def test_precedence_and_constants() -> None:
    body = read_gates(TEXT, "m").entry.body
    x0, x1, c = (np.array([w], np.uint64) for w in (0xAA, 0xCC, 0xF0))
    y, z = evaluate_words(body, np.stack([x0, x1, c]))  # type: ignore[arg-type]
    assert (int(y[0]) ^ ~(((0xAA & ~0xCC) | 0xF0) ^ ~0xCC)) & 0xFF == 0
    assert int(z[0]) & 0xFF == 0


@pytest.mark.parametrize(("old", "new"), [
    ("module m", "module other"), ("x[0] & ~x[1]", "x[0] + x[1]"), ("x[0] & ~x[1]", "x[7] & x[1]"),
    ("~b", "~later"), ("assign z = 1'b0;", ""), ("(a | c)", "(a | c"), ("wire b", "wire a"), ("~b;", "~b a;"),
    ("assign z", "always z"), ("1'b0", "2'b00"), ("endmodule", ""),
])
def test_anything_but_gates_is_refused(old: str, new: str) -> None:
    assert old in TEXT
    with pytest.raises(CircuitError) as e:
        read_gates(TEXT.replace(old, new), "m")
    assert "\n" not in str(e.value)
