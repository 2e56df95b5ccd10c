"""Change one gate of EPFL circuits, many times: every mutant that differs must be refuted, none that does not.

    python benchmarks/mutants.py FOLDER_OF_AIG_FILES [MUTANTS [NAME ...]]

What a mutant really is comes from all patterns where inputs are few, else from ABC's `cec -n`, asked on a file of its
own. `verify` answers by its own SAT sweeping. Each counterexample is run again, through both netlists, here.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np

from circuitc.formats import load, write
from circuitc.ir import Module, Netlist, evaluate_words, flatten_bits
from circuitc.proof import Counterexample, verify
from circuitc.tools import require_tool, run_tool

FEW_INPUTS = 11      # all patterns up to here
LARGE_GATES = 4000   # circuits above get a quarter of the mutants that the others get
SECONDS = 60


def netlist_of(module: Module) -> Netlist:
    """Give the body, which is gates."""
    body = module.entry.body
    assert isinstance(body, Netlist)
    return body


def mutant(netlist: Netlist, rng: np.random.Generator) -> tuple[str, Netlist]:
    """Change one gate: invert a fan-in, take it from another place, make the AND an OR, or stick its output."""
    fanin, outputs = netlist.fanin.copy(), netlist.outputs.copy()
    edge = int(rng.integers(len(fanin)))
    node = int(np.searchsorted(netlist.offset, edge, side="right")) - 1
    what = ("inverted", "rewired", "and to or", "stuck")[rng.integers(4)]
    used, seen = fanin >> 1 == node, outputs >> 1 == node
    match what:
        case "inverted":
            fanin[edge] ^= 1
        case "rewired":
            fanin[edge] = rng.integers(2 * node)
        case "and to or":
            fanin[netlist.offset[node]:netlist.offset[node + 1]] ^= 1
            fanin[used] ^= 1
            outputs[seen] ^= 1
        case _:
            value = rng.integers(2)
            fanin[used] = value ^ fanin[used] & 1
            outputs[seen] = value ^ outputs[seen] & 1
    return what, replace(netlist, fanin=fanin, outputs=outputs)


def really_equal(first: Netlist, second: Netlist, files: tuple[Path, Path]) -> bool | None:
    """Say by all patterns, or by ABC, whether two netlists are equal; None where ABC does not know."""
    if first.inputs <= FEW_INPUTS:
        numbers = np.arange(max(64, 1 << first.inputs)) % (1 << first.inputs)
        rows = (numbers >> np.arange(first.inputs)[:, None] & 1).astype(np.uint8)
        words = np.packbits(rows, axis=1, bitorder="little").view("<u8").astype(np.uint64)
        return np.array_equal(evaluate_words(first, words), evaluate_words(second, words))
    command = f"cec -n -C 100000000 -T {SECONDS} {files[0]} {files[1]}"
    said = run_tool([str(require_tool("yosys-abc")), "-q", command], folder=files[1].parent, seconds=2 * SECONDS).said
    return True if "are equivalent" in said else False if "NOT EQUIVALENT" in said else None


def differs_on(example: Counterexample, module: Module, second: Netlist) -> bool:
    """Run a counterexample through both netlists."""
    func = module.entry
    row = flatten_bits([p.type for p in func.inputs], [np.asarray(example.inputs[p.name])[None] for p in func.inputs])
    words = row[0].astype(np.uint64)[:, None]
    ones = [evaluate_words(n, words) & np.uint64(1) for n in (netlist_of(module), second)]
    return not np.array_equal(*ones)


def measure(path: Path, count: int, folder: Path) -> Counter[str]:
    """Try the mutants of one circuit; raises AssertionError at the first wrong answer."""
    module, tally, seconds = load(path), Counter[str](), 0.0
    body, rng = netlist_of(module), np.random.default_rng(2026)
    copies = folder / "first.aig", folder / "second.aig"
    write(module, copies[0])
    for number in range(count):
        what, changed = mutant(body, rng)
        wrong = module.with_func(module.entry.with_body(changed))
        write(wrong, copies[1])
        start = time.perf_counter()
        verdict = verify(module, wrong, "sat", seconds=SECONDS)
        seconds += time.perf_counter() - start
        truth = really_equal(body, changed, copies)
        tally[verdict.status] += 1
        if verdict.counterexample is not None:
            assert differs_on(verdict.counterexample, module, changed), (path.stem, number, what)
        if truth is None:
            tally["not known to ABC"] += 1
        else:
            assert verdict.status in ("unknown", "equal" if truth else "different"), (path.stem, number, what, truth)
    print(f"{path.stem:<12} {body.gates:>6} {count:>8} {tally['different']:>8} {tally['equal']:>6} "
          f"{tally['unknown']:>8} {seconds / count:>10.3f} s", flush=True)
    return tally


def main(arguments: list[str]) -> None:
    """Print the table; the shares of small and large circuits add up to the number of mutants."""
    wanted, names = int(arguments[1]) if arguments[1:] else 1000, arguments[2:]
    paths = [p.absolute() for p in sorted(Path(arguments[0]).glob("*.aig")) if not names or p.stem in names]
    shares = np.array([1 if netlist_of(load(p)).gates > LARGE_GATES else 4 for p in paths])
    ends = np.round(np.cumsum(shares) * wanted / shares.sum()).astype(int)
    total: Counter[str] = Counter()
    print("circuit        ANDs  mutants  refuted  equal  unknown  verify, mean")
    with tempfile.TemporaryDirectory() as folder:
        for path, count in zip(paths, np.diff(ends, prepend=0).tolist(), strict=True):
            total += measure(path, count, Path(folder))
    print(f"{sum(total[s] for s in ('different', 'equal', 'unknown'))} mutants: {total['different']} refuted with a "
          f"counterexample that replays, {total['equal']} equal, {total['unknown']} unknown; no answer was wrong"
          + (f"; {total['not known to ABC']} that ABC does not know" if total["not known to ABC"] else ""))


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    main(sys.argv[1:])
