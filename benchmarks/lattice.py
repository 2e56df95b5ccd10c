"""Lattice pruning against magnitude and chance at equal sparsity: accuracy on MNIST row by row, floats and integers.

    python benchmarks/lattice.py --data mnist.npz                      # without training again
    python benchmarks/lattice.py --data mnist.npz --epochs 1           # with it too; needs torch (circuitc[gradient])
    python benchmarks/lattice.py --data mnist.npz --exact              # int8: interpreter against native code
    python benchmarks/lattice.py --data mnist.npz --seeds lstm --epochs 1 --train 10000      # mean and spread
    python benchmarks/lattice.py --data mnist.npz --seeds rnn64 --latency                    # on a quiet machine
    python benchmarks/lattice.py --data mnist.npz --seeds rnn64 --luts 64
    python benchmarks/lattice.py --luts 0 --models digits.json        # scikit-learn's 8 x 8 digits

The networks are those of examples/10_row_rnn, or others that its train.py made. Accuracy is on the 10,000 test digits,
computed by native code. Bytes are those of all weights of layers at `--bits`: where some are pruned, the others and one
bit a weight (a block, where these go as one; none for whole neurons) that says which. Fine-tuning is on the first
`--train` pictures, with `--rounded` on weights and activations as the integers will be. With `--seeds` a row is the
mean over three networks that differ by the seed of their training, and the largest distance to it; the seed of chance
and of fine-tuning is the network's number. `decided` is the share of the mask that the lattice decided, and not
magnitude or centrality. With
`--latency` a row also has the time of one digit of integers in native code: microseconds, and the ratio to the whole
network's (medians of interleaved calls). With `--luts` it has the LUT6 of the integer design, folded by
`fold-hardware{reuse=...}` or, with 0, emitted whole (`if -K 6` on Yosys's AIG, as `circuitc report` counts).
"""

from __future__ import annotations

import argparse
import re
import time
from pathlib import Path
from typing import Any

import numpy as np

import circuitc
from circuitc.ir import Module, run
from circuitc.passes import run_passes
from circuitc.passes.prune import weights_of
from circuitc.synthesis.luts import count_luts

EXAMPLE = Path(__file__).resolve().parents[1] / "examples" / "10_row_rnn"
QUANTIZE = "quantize{sensitivity=false,method=percentile,percentile=99.99,weights=i%d,activations=%d}"
METHODS = ("", "magnitude", "random", "lattice,cut=fca,density=0.05", "lattice,cut=fca,density=0.01",
           "lattice,cut=unroll,density=0.05", "lattice,cut=scc,density=0.01", "lattice,cut=scc,density=0.05",
           "lattice,cut=orient,density=0.05", "lattice,mode=continuous,cut=fca", "lattice,mode=continuous,cut=scc")


class Digits:
    """Pictures and labels, and what a program answers on the test digits."""

    def __init__(self, path: Path | None, bits: int = 8) -> None:
        self.quantize = QUANTIZE % (bits, bits)
        if path is not None:
            with np.load(path) as data:
                self.x, self.y, self.test, self.labels = (data[k] for k in ("x_train", "y_train", "x_test", "y_test"))
        else:
            from sklearn.datasets import load_digits
            from sklearn.model_selection import train_test_split
            digits = load_digits()
            self.x, self.test, self.y, self.labels = train_test_split(  # as the example's train.py splits them
                digits.images.astype(np.uint8), digits.target, test_size=540, random_state=0)
        self.calibration = {"row": self.x[:300]}

    def accuracy(self, module: Module) -> float:
        return float((circuitc.jit(module)(self.test).argmax(axis=1) == self.labels).mean())

    def integers(self, module: Module) -> Module:
        return run_passes(module, self.quantize, calibration=self.calibration)

    def latency(self, module: Module, whole: Module) -> tuple[float, float]:
        """Give the microseconds that one digit takes, and their share of the whole network's."""
        calls: list[Any] = [circuitc.jit(run_passes(self.integers(m), "shrink,narrow")) for m in (module, whole)]
        one = self.test[:1]
        times = np.array([[timed(call, one) for call in calls] for _ in range(400)])
        return float(np.median(times[:, 0])), float(np.median(times[:, 0] / times[:, 1]))

    def luts(self, module: Module, reuse: int) -> float:
        """Count the tables of the integer design, with small tables of functions."""
        options = self.quantize.replace("}", ",functions=8,table=8},shrink,narrow")
        small = run_passes(module, options, calibration=self.calibration)
        folded = run_passes(small, f"fold-hardware{{reuse={reuse}}}", check=None) if reuse else small
        build = circuitc.compile(folded, "verilog", verify=False, options={"vectors": "0"})
        return count_luts(build.artefacts[build.main].decode(), build.ports["module"],
                          clock=build.ports["clock"]["name"], seconds=3600, apart=False).luts


def timed(call: Any, x: Any, calls: int = 4) -> float:
    """Give microseconds a call."""
    start = time.perf_counter()
    for _ in range(calls):
        call(x)
    return (time.perf_counter() - start) / calls * 1e6


def size(module: Module, method: str = "", bits: int = 8) -> tuple[float, int]:
    """Give the share of zeros, and the bytes at so many bits a weight."""
    arrays = [c.array for _, c in weights_of(module.entry.body).values()]  # pyright: ignore[reportArgumentType]
    zeros, count = sum(int((a == 0).sum()) for a in arrays), sum(a.size for a in arrays)
    if zeros < count / 100:
        return zeros / count, -(-count * bits // 8)
    inputs, outputs = map(int, re.findall(r"block=(\d+)x(\d+)", f"{method},block=1x1")[0])
    flags = 0 if "block=neurons" in method else sum(
        -(-a.shape[0] // outputs) * -(-a.shape[1] // inputs) for a in arrays)
    return zeros / count, -(-((count - zeros) * bits + flags) // 8)


def spread(values: list[float], places: int = 4) -> str:
    mean = sum(values) / len(values)
    widest = max(abs(v - mean) for v in values)
    return f"{mean:.{places}f}" + (f" ± {widest:.{places}f}" if len(values) > 1 else "")


def row(digits: Digits, models: list[Module], method: str, given: argparse.Namespace) -> str:
    """Measure one way of pruning on networks that differ by the seed of their training."""
    share = "" if "sparsity=" in method else f",sparsity={given.sparsity}"
    pruned = [run_passes(m, f"prune{{method={method}{share},seed={s}}}") if method else m
              for s, m in enumerate(models)]
    zeros, bytes_ = size(pruned[0], method, given.bits)
    facts = [m.facts["passes"][-1]["facts"].get("lattice") if method else None for m in pruned]
    cells = [method or "dense", f"{zeros:.2f}", str(bytes_), spread([digits.accuracy(m) for m in pruned]),
             spread([digits.accuracy(digits.integers(m)) for m in pruned])]
    if given.latency:
        times = [digits.latency(m, whole) for m, whole in zip(pruned, models, strict=True)]
        cells += [spread([t for t, _ in times], 1), spread([r for _, r in times], 2)]
    if given.luts is not None:
        cells.append(spread([digits.luts(m, given.luts) for m in pruned], 0))
    if given.epochs:
        from circuitc.learn.finetune import finetune
        bits = given.bits if given.rounded else None
        tuned = [finetune(m, {"row": digits.x[:given.train]}, digits.y[:given.train], epochs=given.epochs, rate=2e-3,
                          weight_bits=bits, activation_bits=bits, seed=s) for s, m in enumerate(pruned)]
        assert all(abs(size(m)[0] - zeros) < 1e-3 for m in tuned)
        cells += [spread([digits.accuracy(m) for m in modules])
                  for modules in (tuned, [digits.integers(m) for m in tuned])]
    cells.append("-" if facts[0] is None else ", ".join(
        f"{f['irreducible']}/{f['neurons']}: {f['decided_share']:.3f}" for f in facts if f is not None))
    return "| " + " | ".join(cells) + " |"


def exact(digits: Digits, path: Path) -> None:
    """Compare the int8 program's numbers in the interpreter and in native code, on all test digits."""
    module, name = digits.integers(circuitc.load(path)), path.stem
    native: Any = circuitc.jit(module)(digits.test)
    parts = [run(module, {"row": digits.test[k:k + 1000]})["logits"] for k in range(0, len(digits.test), 1000)]
    same = bool(np.array_equal(np.concatenate(parts), native))
    print(f"{name}: logits of {len(native)} digits in interpreter and native code "
          f"{'are the same' if same else 'DIFFER'}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="without it the pictures are scikit-learn's digits")
    parser.add_argument("--latency", action="store_true", help="the time of an int8 digit too; on a quiet machine")
    parser.add_argument("--luts", type=int, metavar="REUSE", help="tables too, folded so often; 0 for small networks")
    parser.add_argument("--models", nargs="+", type=Path, default=[EXAMPLE / "mnist_rnn.json",
                                                                   EXAMPLE / "mnist_lstm.json"])
    parser.add_argument("--seeds", choices=("lstm", "rnn64"), help="this network of the example, by three seeds")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--sparsity", type=float, default=0.5)
    parser.add_argument("--epochs", type=int, default=0)
    parser.add_argument("--train", type=int, default=60000)
    parser.add_argument("--bits", type=int, default=8, help="of weights and activations of the integer networks")
    parser.add_argument("--rounded", action="store_true", help="train again with weights and activations rounded")
    parser.add_argument("--exact", action="store_true")
    given = parser.parse_args()
    digits = Digits(given.data, given.bits)
    if given.exact:
        for path in given.models:
            exact(digits, path)
        return
    several = [EXAMPLE / f"mnist_{given.seeds}{end}.json" for end in ("", "_seed1", "_seed2")]
    for paths in [several] if given.seeds else [[path] for path in given.models]:
        models = [circuitc.load(path) for path in paths]
        print(f"\n{paths[0].stem}, {len(paths)} seeds: pruned, zeros, bytes, float, int{given.bits}"
              + (", us a digit, ratio" if given.latency else "") + (", tables" if given.luts is not None else "")
              + (f", tuned, tuned int{given.bits}" if given.epochs else "") + ", irreducible and decided", flush=True)
        for method in given.methods:
            print(row(digits, models, method, given), flush=True)


if __name__ == "__main__":
    main()
