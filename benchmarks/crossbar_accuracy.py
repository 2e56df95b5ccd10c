"""How right networks stay on arrays of memristors: device variation, stuck devices, wires; mean and 95 % interval.

    python benchmarks/crossbar_accuracy.py [mnist.npz] [--seeds 10] [--images 1000] [--figure accuracy.svg]
        [--json accuracy.json]

With MNIST (a file with `x_test`, `y_test`, `x_train`, `y_train`) the network is examples/20_mnist_arrays, without it
the digits of examples/07_digits_mlp. Both are quantized to 4 bits and compiled for the preset rram-128. Each seed is an
array of its own, all of whose tiles are solved exactly. The figure needs matplotlib; the JSON
is what `circuitc report BUNDLE --html FILE --accuracy` draws.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

import circuitc
from circuitc.backends.crossbar.sections import Variation
from circuitc.backends.crossbar.transfer import transfer_matrix
from circuitc.backends.crossbar.wires import Wires
from circuitc.simulation.crossbar.machine import machine_of
from circuitc.simulation.crossbar.modes import calibrated, linear, target_conductances, without_wires
from circuitc.simulation.crossbar.montecarlo import Interval, interval, trials

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
PASSES = "quantize{weights=i4,activations=4},narrow"
SIGMAS = (0.05, 0.1, 0.2, 0.4)
STUCK = (0.001, 0.01, 0.05)
SCALES = (0.0, 1.0, 2.0, 4.0)


@dataclass(frozen=True)
class Study:
    """A compiled network with pictures and their labels."""

    name: str
    program: circuitc.crossbar.Program
    inputs: dict[str, Any]
    labels: Any

    def right(self, outputs: Any) -> float:
        """Give the share of pictures that outputs name right."""
        answer = next(iter(outputs.values()))
        return float((np.asarray(answer if answer.ndim == 1 else answer.argmax(1)) == self.labels).mean())


@dataclass(frozen=True)
class Row:
    """One line of the table: what varies, by how much, and the accuracy over seeds."""

    what: str
    amount: float
    accuracy: Interval


def study_of(path: Path | None, images: int, folder: Path) -> Study:
    """Quantize a network, compile it, and take pictures that it never saw."""
    if path is None:
        sys.path.insert(0, str(EXAMPLES / "07_digits_mlp"))
        from network import DATA, digits  # pyright: ignore[reportMissingImports]
        name, module, x, labels = "digits", digits(), DATA["test"], DATA["test_labels"]
        calibration = {"image": DATA["calibration"], "labels": DATA["calibration_labels"]}
    else:
        with np.load(path) as data:
            x, labels = data["x_test"].reshape(-1, 784), data["y_test"]
            calibration = {"image": data["x_train"][:500].reshape(-1, 784), "labels": data["y_train"][:500]}
        name, module = "mnist", circuitc.load(EXAMPLES / "20_mnist_arrays" / "mnist_mlp.json")
    exact = circuitc.run_passes(module, PASSES, calibration=calibration)
    integers = circuitc.jit(exact)(x)
    whole = float(((integers if integers.ndim == 1 else integers.argmax(1)) == labels).mean())
    start = time.perf_counter()
    build = circuitc.compile(exact, "crossbar", out=folder / "bundle", verify=False,
                             options={"array": "rram-128", "encoding": "diff_pair", "periphery": "false"})
    figures = build.report["figures"]
    print(f"{name}: {whole:.4f} of {len(labels)} pictures right in integers; {figures['tiles']} tiles, "
          f"{figures['devices']} devices, {figures['conversions']} conversions of at most {figures['adc_bits_most']} "
          f"bits; mapped and solved in {time.perf_counter() - start:.0f} s", flush=True)
    chosen = np.random.default_rng(0).permutation(len(x))[:images]
    study = Study(name, circuitc.crossbar.load(folder / "bundle"), {"image": x[chosen]}, labels[chosen])
    answers = study.program.run(study.inputs, "ideal")
    assert all(np.array_equal(v, circuitc.run(exact, study.inputs)[n]) for n, v in answers.items())
    print(f"ideal: as the interpreter on {len(chosen)} pictures, bit for bit: {study.right(answers):.4f}", flush=True)
    return study


def varied(study: Study, seeds: int) -> Iterator[Row]:
    """Draw arrays with devices that vary, then with devices that stick, behind the wires of the preset."""
    cases = [("device variation, sigma of ln G", s, Variation(d2d_sigma=s)) for s in SIGMAS]
    cases += [("stuck devices, half low, half high", p, Variation(stuck_hrs=p / 2, stuck_lrs=p / 2)) for p in STUCK]
    for what, amount, variation in cases:
        made = trials(study.program.module, study.program.bundle, study.inputs, variation, seeds=seeds)
        yield Row(what, amount, interval([study.right(t.outputs) for t in made]))


def wired(study: Study) -> Iterator[Row]:
    """Make the wires better and worse: with references and gains set for them, as a compile does, and without."""
    bundle = study.program.bundle
    machine, g = machine_of(study.program.module, bundle), target_conductances(bundle)
    for scale in SCALES:
        wires = Wires(**{name: scale * r for name, r in asdict(bundle.wires).items()})
        matrices = np.array([transfer_matrix(tile, wires) for tile in g])
        for what, made in (("wires, times the preset's, gains set for them", calibrated(machine, matrices)),
                           ("wires, times the preset's, gains left", without_wires(machine))):
            right = study.right(made.run(study.inputs, linear(bundle, matrices)))
            yield Row(what, scale, Interval(right, 0.0, 1))


def draw(path: Path, study: Study, rows: Sequence[Row], exact: float) -> None:
    """Draw a panel for each cause, means with their intervals."""
    import matplotlib
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "circuitc"
    from matplotlib import pyplot

    kinds = list(dict.fromkeys(r.what for r in rows))
    panels = [[k for k in kinds if k.startswith(word)] for word in ("device", "stuck", "wires")]
    figure, axes = pyplot.subplots(1, 3, figsize=(10, 3.2), sharey=True, layout="constrained")
    for panel, names in zip(axes, panels, strict=True):
        for name in names:
            own = [r for r in rows if r.what == name]
            panel.errorbar([r.amount for r in own], [100 * r.accuracy.mean for r in own],
                           [100 * r.accuracy.half for r in own], marker="o", markersize=3, capsize=3,
                           label=name.rpartition(", ")[2] if len(names) > 1 else None)
        panel.axhline(100 * exact, color="grey", linewidth=0.8, linestyle=":")
        panel.set_xlabel(names[0] if len(names) == 1 else "wire resistance, times the preset's")
        if len(names) > 1:
            panel.legend(fontsize=8)
        else:
            panel.set_xscale("log")
    axes[0].set_ylabel(f"{study.name}: pictures right, %")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)


def document(study: Study, rows: Sequence[Row]) -> dict[str, Any]:
    """Give the rows as plain values; an interval that one seed leaves open is 0."""
    return {"schema": "circuitc.accuracy/1", "name": study.name, "samples": len(study.labels), "rows": [
        {"what": r.what, "amount": r.amount, "mean": r.accuracy.mean,
         "half": r.accuracy.half if math.isfinite(r.accuracy.half) else 0.0, "seeds": r.accuracy.seeds} for r in rows]}


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mnist", nargs="?", type=Path)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--json", type=Path)
    wish = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        study = study_of(wish.mnist, wish.images, Path(folder))
        exact = study.right(study.program.run(study.inputs, "ideal"))
        rows: list[Row] = []
        for row in chain(wired(study), varied(study, wish.seeds)):
            print(f"{row.what:48} {row.amount:7g}  {row.accuracy}", flush=True)
            rows.append(row)
        if wish.figure:
            draw(wish.figure, study, rows, exact)
        if wish.json:
            wish.json.write_text(json.dumps(document(study, rows), indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
