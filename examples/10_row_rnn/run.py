"""An LSTM that reads digits row by row: pruned by magnitude, chance and lattice, then as integers."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import circuitc

FOLDER = Path(__file__).resolve().parent
digits = load_digits()
pixels, test, _, labels = train_test_split(digits.images.astype(np.int64), digits.target, test_size=540, random_state=0)
model = circuitc.load(FOLDER / "digits_lstm.json")


def accuracy(module: circuitc.Module) -> str:
    return f"{(circuitc.jit(module)(test).argmax(axis=1) == labels).mean():.4f}"


print(f"{'pruned':34} float   int8    decided by the lattice")
for method in ("", "magnitude", "random", "lattice,cut=fca,density=0.02", "lattice,cut=scc,density=0.06",
               "lattice,mode=continuous"):
    pruned = circuitc.run_passes(model, f"prune{{method={method},sparsity=0.5}}") if method else model
    small = circuitc.run_passes(pruned, "quantize{sensitivity=false}", calibration={"row": pixels[:300]})
    share = pruned.facts["passes"][0]["facts"]["lattice"]["decided_share"] if "lattice" in method else 0
    print(f"{method or 'not':34} {accuracy(pruned)}  {accuracy(small)}" + (
        f"  {share:.0%} of the mask" if "lattice" in method else ""))
answers = circuitc.run(small, {"row": test})["logits"]
print("integers the same in native code:", np.array_equal(circuitc.jit(small)(test), answers))
