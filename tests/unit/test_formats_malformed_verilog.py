"""Verilog that is broken in any way: cuts, flipped bytes, binary, depth, missing modules, files outside the folder.

Yosys takes some tenths of a second to start, so the suite tries a sample. All 120 are tried by
`python tests/unit/test_formats_malformed_verilog.py`.
"""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from circuitc.cli.entry import run as circuitc
from circuitc.diagnostics import CircuitError
from circuitc.formats import load
from circuitc.tools import find_tool

DESIGN = """module leaf(input [3:0] a, output [3:0] y);
  assign y = a ^ 4'b1010;
endmodule
module top(input clk, input [3:0] a, output reg [3:0] q);
  wire [3:0] y;
  leaf l(.a(a), .y(y));
  always @(posedge clk) if (a[0]) q <= y + 4'd1; else q <= {y[2:0], y[3]};
endmodule
"""
BROKEN = {
    "nothing": "", "spaces": " \n\n", "a comment": "// module top(); endmodule", "an open comment": "module top(); /*",
    "no module": "wire x;", "no end": "module top(input a);",
    "a missing module": "module top(input a); no n(a); endmodule",
    "depth": "module t(input a, output y); assign y = " + "(" * 20000 + "a" + ")" * 20000 + "; endmodule",
    "a cycle of modules": "module a(input x); b u(x); endmodule module b(input x); a u(x); endmodule",
    "an include outside": '`include "../x.v"\nmodule top(input a); endmodule',
    "an include of the system": '`include "/etc/passwd"\nmodule top(input a); endmodule',
    "a file that is missing": 'module top(input a); reg m[0:1]; initial $readmemh("no.hex", m); endmodule',
    "a width of minus": "module top(input [-1000000000:0] a, output y); assign y = a; endmodule",
    "an endless loop": "module top(output reg y); integer i;\n always @* for (i = 0; i >= 0; i = i) y = i; endmodule",
    "two drivers": "module top(input a, output y); assign y = a; assign y = !a; endmodule",
    "a loop of gates": "module top(input a, output y); wire z = ~y & a; assign y = z; endmodule",
    "two edges": "module top(input a, b, output reg y);\n always @(posedge a, negedge b) y <= 1; endmodule",
    "a latch": "module top(input a, b, output reg y); always @* if (a) y = b; endmodule",
    "an inout": "module top(inout a); endmodule",
    "a macro": "`define x `x\nmodule top(input a); assign b = `x; endmodule",
}


def mutants(count: int) -> Iterator[tuple[str, bytes]]:
    """Break the design: cut it, flip bytes, put in what is none, drop and double lines; the same ones each time."""
    rng, data = random.Random(5), DESIGN.encode()
    yield from ((name, text.encode()) for name, text in BROKEN.items())
    for k in range(count - len(BROKEN)):
        at = rng.randrange(len(data))
        match k % 5:
            case 0:
                yield f"cut at {at}", data[:at]
            case 1:
                yield f"byte {at} flipped", data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:]
            case 2:
                yield f"binary at {at}", data[:at] + rng.randbytes(rng.randrange(1, 200)) + data[at:]
            case 3:
                yield f"a piece lost at {at}", data[:at] + data[at + rng.randrange(1, 30):]
            case _:
                yield f"a piece doubled at {at}", data[:at] + data[at // 2:at] + data[at:]


def refused(path: Path, content: bytes) -> str:
    """Read it: the error in one line, or nothing where it is still a design."""
    path.write_bytes(content)
    try:
        load(path)
        said = ""
    except CircuitError as e:
        said = f"{e} "
    assert len(said.splitlines()) <= 1, said
    return said


@pytest.mark.skipif(find_tool("pyosys") is None, reason="needs Yosys")
@pytest.mark.parametrize(("name", "content"), list(mutants(120))[::10], ids=lambda v: v if isinstance(v, str) else "")
def test_a_broken_source_is_refused_or_read(name: str, content: bytes, tmp_path: Path) -> None:
    said = refused(tmp_path / "m.v", content)
    assert said or name not in BROKEN or name in ("a latch", "a loop of gates", "two drivers")


def test_the_command_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.v"
    path.write_text(BROKEN["an include outside"])
    assert circuitc(["convert", str(path), str(tmp_path / "m.pt")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        for label, source in mutants(120):
            print(f"{label}: {refused(Path(folder, 'm.v'), source)[:110] or 'read'}", flush=True)
