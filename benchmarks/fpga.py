"""Logic-gate networks on an ECP5: our Verilog against a plain emission of the same network, by Yosys and nextpnr.

The network is random (seeded): layers of two-input gates, groups of the last layer counted, the largest count wins. The
plain emission is how exporters of such networks write it: an assign a gate, each count as a chained sum, argmax as a
chain of comparisons. All are compared with the model first, and the evidence is printed. All lie between
the same registers (see
`circuitc.synthesis.clock.harness`), go through the same `synth_ecp5` and are placed with the same seeds.

    python benchmarks/fpga.py [--gates 400] [--layers 2] [--inputs 128] [--groups 5] [--seeds 3] [--time 3600]
                              [--only words]

Minutes to an hour: nextpnr runs as WebAssembly.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.ir import BIT, Builder, Func, Module, NetlistBuilder, Port, index_type
from circuitc.proof import verify
from circuitc.proof.equivalence import read_design
from circuitc.synthesis import clock_rate, count_luts

Layer = tuple[list[int], list[int], list[int]]  # the two sources of each gate, and its truth table
GATES = {1: "~({a} | {b})", 2: "{a} & ~{b}", 4: "~{a} & {b}", 6: "{a} ^ {b}", 7: "~({a} & {b})", 8: "{a} & {b}",
         9: "~({a} ^ {b})", 11: "{a} | ~{b}", 13: "~{a} | {b}", 14: "{a} | {b}"}
AHEAD = "clean,tabulate,ranges,scalarize{ahead=true},clean"
OURS: Mapping[str, Mapping[str, Any]] = {
    "ours, words": {},
    "ours, words ahead": {"passes": AHEAD},
    "ours, luts=4": {"options": {"luts": "4"}},
    "ours, luts=4 levels_per_stage=2": {"options": {"luts": "4", "levels_per_stage": "2"}}}


def network(gates: int, layers: int, inputs: int, rng: np.random.Generator) -> list[Layer]:
    """Draw layers of gates; each reads two different signals of the layer before, all of which are read."""
    found: list[Layer] = []
    width = inputs
    for _ in range(layers):
        a, b = (rng.permutation(np.arange(gates) % width) for _ in range(2))
        b = np.where(a == b, (b + 1) % width, b)
        found.append((a.tolist(), b.tolist(), rng.choice(list(GATES), gates).tolist()))
        width = gates
    return found


def model(layers: Sequence[Layer], inputs: int, groups: int) -> Module:
    """Make the network as two funcs: the gates, and the counting around them."""
    builder = NetlistBuilder(inputs)
    values = [builder.input(k) for k in range(inputs)]
    for a, b, tables in layers:
        values = [builder.lut((values[i], values[j]), t) for i, j, t in zip(a, b, tables, strict=True)]
    given, bits = BIT.with_shape((inputs,)), BIT.with_shape((len(values),))
    core = Func("core", (Port("x", given),), (Port("bits", bits),), builder.finish(values))
    b = Builder()
    called = b.call("core", "bits", bits, b.input("x", given))
    scored = b.apply("reshape", called, shape=(groups, len(values) // groups))
    y = b.apply("argmax", b.apply("reduce", scored, axes=(1,), kind="add", name="score"), axis=0)
    main = Func("classify", (Port("x", given),), (Port("y", index_type(groups)),), b.finish([y]))
    return Module({"classify": main, "core": core}, "classify", "network")


def plain(layers: Sequence[Layer], inputs: int, groups: int) -> str:
    """Write the network without thinking."""
    high = (groups - 1).bit_length() - 1
    lines = [f"module classify (input wire [{inputs - 1}:0] x, output wire [{high}:0] y);"]
    last = "x"
    for n, (a, b, tables) in enumerate(layers):
        lines.append(f"  wire [{len(a) - 1}:0] l{n};")
        lines += [f"  assign l{n}[{k}] = " + GATES[t].format(a=f"{last}[{i}]", b=f"{last}[{j}]") + ";"
                  for k, (i, j, t) in enumerate(zip(a, b, tables, strict=True))]
        last = f"l{n}"
    size = len(layers[-1][0]) // groups
    width = size.bit_length()
    for g in range(groups):
        for k in range(size):
            before = f"s{g}_{k - 1} + " if k else ""
            lines.append(f"  wire [{width - 1}:0] s{g}_{k} = {before}{last}[{g * size + k}];")
    for g in range(groups):
        score = f"s{g}_{size - 1}"
        better = f"{score} > best{g - 1}"
        lines.append(f"  wire [{width - 1}:0] best{g} = {f'({better}) ? {score} : best{g - 1}' if g else score};")
        lines.append(f"  wire [{high}:0] at{g} = {f'({better}) ? {g} : at{g - 1}' if g else 0};")
    return "\n".join([*lines, f"  assign y = at{groups - 1};", "endmodule", ""])


def designs(layers: Sequence[Layer], inputs: int, groups: int, only: str) -> dict[str, tuple[str, Mapping[str, Any]]]:
    """Give the text and ports of each design, each compared with the model."""
    module = model(layers, inputs, groups)
    found: dict[str, tuple[str, Mapping[str, Any]]] = {}
    for name, wishes in OURS.items():
        if only not in name:
            continue
        options = {**wishes.get("options", {}), "vectors": "0"}
        build = circuitc.compile(module, "verilog", **{**wishes, "options": options}, prove=True, seconds=60)
        print(f"{name}: {build.summary[0]}", flush=True)
        found[name] = build.artefacts[build.main].decode(), build.ports
    text = plain(layers, inputs, groups)
    with TemporaryDirectory() as folder:
        (Path(folder) / "plain.v").write_text(text)
        verdict = verify(_flat(module), _flat_ports(read_design(Path(folder) / "plain.v"), module), seconds=60)
    assert verdict.status != "different", verdict
    print(f"plain: {verdict.evidence}", flush=True)
    ports = circuitc.compile(module, "verilog", options={"vectors": "0"}, verify=False).ports
    return {"plain": (text, ports), **found}


def _flat(module: Module) -> Module:
    return circuitc.run_passes(module, "lower-to-gates")


def _flat_ports(design: Module, module: Module) -> Module:
    """Give a design that was read the types of the model's ports: the bits are the same."""
    func, wanted = design.entry, module.entry
    return design.with_func(Func(func.name, wanted.inputs, wanted.outputs, func.body))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("gates", 400), ("layers", 2), ("inputs", 128), ("groups", 5), ("seeds", 3), ("time", 3600)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--only", default="", help="of our designs those with this in their names")
    chosen = parser.parse_args()
    layers = network(chosen.gates, chosen.layers, chosen.inputs, np.random.default_rng(0))
    print(f"{chosen.layers} layers of {chosen.gates} gates, {chosen.groups} groups of {chosen.gates // chosen.groups}; "
          "ECP5-25, TRELLIS_COMB are its four-input tables, those in carry cells included")
    for name, (text, ports) in designs(layers, chosen.inputs, chosen.groups, chosen.only).items():
        start = time.monotonic()
        try:
            clock = str(ports["clock"]["name"]) if "clock" in ports else ""
            luts = count_luts(text, str(ports["module"]), clock=clock, seconds=chosen.time)
            rate = clock_rate(text, ports, "ecp5", seeds=range(1, 1 + chosen.seeds), seconds=chosen.time)
        except CircuitError as e:
            print(f"{name}: {e.diagnostics[0].message}", flush=True)
            continue
        results = f"{rate.median:.1f} M results/s" if ports["latency"] else "-"
        print(f"{name}: {rate.median:.1f} MHz ({min(rate.mhz)} to {max(rate.mhz)}), "
              f"TRELLIS_COMB {rate.used.get('TRELLIS_COMB')}, TRELLIS_FF {rate.used.get('TRELLIS_FF')}, "
              f"LUT6 {luts.luts} depth {luts.depth}, latency {ports['latency']}, {results}, "
              f"{time.monotonic() - start:.0f} s", flush=True)


if __name__ == "__main__":
    main()
