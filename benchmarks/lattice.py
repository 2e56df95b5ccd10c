"""Lattice pruning against magnitude and chance at equal sparsity: accuracy on MNIST row by row, floats and int8.

    python benchmarks/lattice.py --data mnist.npz                      # without training again
    python benchmarks/lattice.py --data mnist.npz --epochs 1           # with it too; needs torch (circuitc[gradient])
    python benchmarks/lattice.py --data mnist.npz --exact              # int8: interpreter against native code
    python benchmarks/lattice.py --data mnist.npz --epochs 1 --together --models seed0.json seed1.json seed2.json
    python benchmarks/lattice.py --data mnist.npz --together --latency --luts 64 --models seed0.json ...
    python benchmarks/lattice.py --luts 0 --models digits.json        # scikit-learn's 8 x 8 digits

The networks are those of examples/10_row_rnn, or others that its train.py made. Accuracy is on the 10,000 test digits,
computed by native code. Bytes are those of all weights of layers at 8 bits: where some are pruned, the others and one
bit a weight that says which. Fine-tuning is on the first `--train` pictures. With `--together` a row is the mean over
the networks and the largest distance to it; the seed of chance and of fine-tuning is the network's number.
`decided` is the share of the mask that the lattice decided, and not magnitude or centrality. With `--latency` a row
also has the time of one int8 digit in native code: microseconds, and the ratio to the whole network's (medians of
interleaved calls). With `--luts` it has the LUT6 of the int8 design, folded by `fold-hardware{reuse=...}` or, with 0,
emitted whole (`if -K 6` on Yosys's AIG, as `circuitc report` counts).
"""

from __future__ import annotations

import argparse
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
QUANTIZE = "quantize{sensitivity=false,method=percentile,percentile=99.99}"
METHODS = ("", "magnitude", "random", "lattice,cut=fca,density=0.05", "lattice,cut=fca,density=0.01",
           "lattice,cut=unroll,density=0.05", "lattice,cut=scc,density=0.01", "lattice,cut=scc,density=0.05",
           "lattice,cut=orient,density=0.05", "lattice,mode=continuous,cut=fca", "lattice,mode=continuous,cut=scc")


class Digits:
    """Pictures and labels, and what a program answers on the test digits."""

    def __init__(self, path: Path | None) -> None:
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

    def int8(self, module: Module) -> Module:
        return run_passes(module, QUANTIZE, calibration=self.calibration)

    def latency(self, module: Module, whole: Module) -> tuple[float, float]:
        """Give the microseconds that one digit takes, and their share of the whole network's."""
        calls: list[Any] = [circuitc.jit(run_passes(self.int8(m), "narrow")) for m in (module, whole)]
        one = self.test[:1]
        times = np.array([[timed(call, one) for call in calls] for _ in range(400)])
        return float(np.median(times[:, 0])), float(np.median(times[:, 0] / times[:, 1]))

    def luts(self, module: Module, reuse: int) -> float:
        """Count the tables of the int8 design, with small tables of functions."""
        small = run_passes(module, QUANTIZE.replace("}", ",functions=8,table=8},narrow"), calibration=self.calibration)
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


def size(module: Module) -> tuple[float, int]:
    """Give the share of zeros, and the bytes at 8 bits."""
    arrays = [c.array for _, c in weights_of(module.entry.body).values()]  # pyright: ignore[reportArgumentType]
    zeros, count = sum(int((a == 0).sum()) for a in arrays), sum(a.size for a in arrays)
    return zeros / count, count if zeros < count / 100 else count - zeros + -(-count // 8)


def spread(values: list[float], places: int = 4) -> str:
    mean = sum(values) / len(values)
    widest = max(abs(v - mean) for v in values)
    return f"{mean:.{places}f}" + (f" ± {widest:.{places}f}" if len(values) > 1 else "")


def row(digits: Digits, models: list[Module], method: str, given: argparse.Namespace) -> str:
    """Measure one way of pruning on networks that differ by the seed of their training."""
    pruned = [run_passes(m, f"prune{{method={method},sparsity={given.sparsity},seed={s}}}") if method else m
              for s, m in enumerate(models)]
    share, bytes_ = size(pruned[0])
    facts = [m.facts["passes"][-1]["facts"].get("lattice") if method else None for m in pruned]
    cells = [method or "dense", f"{share:.2f}", str(bytes_), spread([digits.accuracy(m) for m in pruned]),
             spread([digits.accuracy(digits.int8(m)) for m in pruned])]
    if given.latency:
        times = [digits.latency(m, whole) for m, whole in zip(pruned, models, strict=True)]
        cells += [spread([t for t, _ in times], 1), spread([r for _, r in times], 2)]
    if given.luts is not None:
        cells.append(spread([digits.luts(m, given.luts) for m in pruned], 0))
    if given.epochs:
        from circuitc.learn.finetune import finetune
        tuned = [finetune(m, {"row": digits.x[:given.train]}, digits.y[:given.train], epochs=given.epochs, rate=2e-3,
                          seed=s) for s, m in enumerate(pruned)]
        assert all(abs(size(m)[0] - share) < 1e-3 for m in tuned)
        cells += [spread([digits.accuracy(m) for m in tuned]), spread([digits.accuracy(digits.int8(m)) for m in tuned])]
    cells.append("-" if facts[0] is None else ", ".join(
        f"{f['irreducible']}/{f['neurons']}: {f['decided_share']:.3f}" for f in facts if f is not None))
    return "| " + " | ".join(cells) + " |"


def exact(digits: Digits, path: Path) -> None:
    """Compare the int8 program's numbers in the interpreter and in native code, on all test digits."""
    module, name = digits.int8(circuitc.load(path)), path.stem
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
    parser.add_argument("--together", action="store_true", help="the models are one network, by several seeds")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--sparsity", type=float, default=0.5)
    parser.add_argument("--epochs", type=int, default=0)
    parser.add_argument("--train", type=int, default=60000)
    parser.add_argument("--exact", action="store_true")
    given = parser.parse_args()
    digits = Digits(given.data)
    if given.exact:
        for path in given.models:
            exact(digits, path)
        return
    for paths in [given.models] if given.together else [[path] for path in given.models]:
        models = [circuitc.load(path) for path in paths]
        print(f"\n{paths[0].stem}, {len(paths)} seeds: pruned, zeros, bytes, float, int8"
              + (", us a digit, ratio" if given.latency else "") + (", tables" if given.luts is not None else "")
              + (", tuned, tuned int8" if given.epochs else "") + ", irreducible and decided", flush=True)
        for method in given.methods:
            print(row(digits, models, method, given), flush=True)


if __name__ == "__main__":
    main()
