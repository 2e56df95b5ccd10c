"""Networks for MNIST on arrays, whole, in Verilog: size, clocks, and the same bits as the model on test digits.

    python benchmarks/crossbar_verilog.py --data mnist.npz [--models NAME ...] [--verilator 20] [--icarus 5]

`mlp` is the 784-64-10 network of examples/20_mnist_arrays in 4 bits; the others, which read a digit as 28 rows, are
those of examples/10_row_rnn in 8 bits. Arrays are the preset rram-128, in `diff_pair`. The bits of all logits (`mlp`:
the digits) are compared with those of native code of the model: in the ideal mode, whole numbers on the tiles of the
bundle; in native code of the digital side with its models of the tiles; in the Verilog with its models of the tiles, by
Verilator and Icarus Verilog. Clocks are those of a digit, a word of inputs a clock and no stalls; seconds are CPU time,
Verilator's with the compilation of what it writes.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

import circuitc
from circuitc.ir import Module
from circuitc.passes import run_passes
from circuitc.simulation import simulate_verilog
from circuitc.tools import tool_version

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
MLP = EXAMPLES / "20_mnist_arrays" / "mnist_mlp.json"
EIGHT_BITS = "quantize{sensitivity=false,method=percentile,percentile=99.99,functions=8,table=8},narrow"
FOUR_BITS = "quantize{weights=i4,activations=4},narrow"


def network(name: str, data: dict[str, Any]) -> tuple[Module, Any]:
    """Quantize a network; give it with the test digits as it takes them."""
    path = MLP if name == "mlp" else EXAMPLES / "10_row_rnn" / f"{name}.json"
    model = circuitc.load(path)
    port = model.entry.inputs[0]
    shape = (784,) if name == "mlp" else (28, 28)
    digits, seen = (data[k].reshape(-1, *shape).astype(np.int64) for k in ("x_test", "x_train"))
    known = {port.name: seen[:500]} | ({"labels": data["y_train"][:500]} if name == "mlp" else {})
    return run_passes(model, FOUR_BITS if name == "mlp" else EIGHT_BITS, calibration=known), digits


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Say how many seconds of CPU time something took, those of the tools that it called included."""
    def spent() -> float:
        return sum(r.ru_utime + r.ru_stime for r in map(resource.getrusage, (resource.RUSAGE_SELF,
                                                                             resource.RUSAGE_CHILDREN)))
    start = spent()
    yield
    print(f"  {what} ({spent() - start:.0f} s)", flush=True)


def told(wanted: Any, found: Any) -> None:
    """Stop where a bit differs."""
    np.testing.assert_array_equal(found, wanted[:len(found)])


def study(name: str, data: dict[str, Any], given: argparse.Namespace, folder: Path) -> None:
    module, x = network(name, data)
    source, answer = module.entry.inputs[0].name, module.entry.outputs[0].name
    wanted = circuitc.jit(module)(x)
    right = ((wanted if wanted.ndim == 1 else wanted.argmax(1)) == data["y_test"]).mean()
    print(f"{name}: {right:.2%} of {len(x)} digits right in whole numbers", flush=True)
    with timed("compiled: mapped, solved and printed"):
        build = circuitc.compile(module, "crossbar", out=folder / name, verify=False,
                                 options={"array": "rram-128", "encoding": "diff_pair"})
    figures = build.report["figures"]
    text = (folder / name / figures["periphery"]).read_text()
    driven = circuitc.load(folder / name / "periphery.ccir")
    clocks = build.ports["interval"] * (1 if name == "mlp" else 28)
    print(f"  {figures['tiles']} tiles, {figures['devices']:,} devices; {figures['periphery']}: "
          f"{text.count(chr(10)):,} lines, {len(text):,} bytes; {clocks} clocks a digit; at most "
          f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.1f} GB", flush=True)
    with timed(f"ideal mode, {given.ideal} digits: same bits"):
        told(wanted, circuitc.crossbar.load(folder / name).run({source: x[:given.ideal]}, "ideal")[answer])
    with timed(f"native code of the digital side, {given.native} digits: same bits"):
        told(wanted, circuitc.jit(driven)(x[:given.native]))
    for engine, digits in (("verilator", given.verilator), ("icarus", given.icarus)):
        if digits and tool_version({"icarus": "vvp"}.get(engine, engine)) is not None:
            with timed(f"{engine}, {digits} digits: same bits"):
                told(wanted, simulate_verilog(text, build.ports, driven, {source: x[:digits]}, engine=engine,
                                              seconds=given.seconds)[answer])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--models", nargs="*", default=["mlp", "mnist_rnn64", "mnist_rnn", "mnist_lstm", "mnist_gru"])
    for name, count in (("ideal", 100), ("native", 1000), ("verilator", 20), ("icarus", 5), ("seconds", 1200)):
        parser.add_argument(f"--{name}", type=int, default=count)
    given = parser.parse_args()
    with np.load(given.data) as file, tempfile.TemporaryDirectory() as folder:
        data = {k: file[k] for k in ("x_test", "y_test", "x_train", "y_train")}
        for name in given.models:
            study(name, data, given, Path(folder))


if __name__ == "__main__":
    main()
