"""The crossbar target: its solver beside ngspice, badcrossbar and CrossSim, certificates, packing, faults, sizes.

    python benchmarks/crossbar.py [FOLDER_OF_MAT_FILES] [--quick]

badcrossbar (`pip install --no-deps badcrossbar pathvalidate sigfig`) and ngspice are run where they are installed, on
the same arrays, and their answers compared; CrossSim's figures are recorded ones (crossbar_recorded.py). The `.mat`
files are AutoGMap's R882 and R1484, for packing. Set OPENBLAS_NUM_THREADS=1 where other work runs beside.
"""

from __future__ import annotations

import gzip
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from crossbar_certificates import soundness
from crossbar_recorded import beside_crosssim
from scipy.io import loadmat
from scipy.sparse import csr_matrix

from circuitc.backends.crossbar.approximate import fast_transfer
from circuitc.backends.crossbar.backend import CROSSBAR
from circuitc.backends.crossbar.cells import cells_csv, cells_of
from circuitc.backends.crossbar.faults import HEALTHY, STUCK_HRS, STUCK_LRS, attainable_pairs, place
from circuitc.backends.crossbar.packing import pack
from circuitc.backends.crossbar.sections import Variation
from circuitc.backends.crossbar.transfer import transfer_matrix
from circuitc.backends.crossbar.wires import Wires
from circuitc.ir import Builder, Constant, Func, Module, Port, module_of, parse_type
from circuitc.passes import run_passes, sample_inputs
from circuitc.simulation.crossbar.bundle import read_bundle
from circuitc.simulation.crossbar.montecarlo import trials
from circuitc.simulation.ngspice import spice_currents
from circuitc.tools import find_tool


def timed(work: Callable[[], Any], repeats: int = 3) -> tuple[Any, float, float]:
    """Give the answer, the median of the seconds, and their spread."""
    seconds: list[float] = []
    answer: Any = None
    for _ in range(repeats):
        start = time.perf_counter()
        answer = work()
        seconds.append(time.perf_counter() - start)
    return answer, statistics.median(seconds), max(seconds) - min(seconds)


def random_conductances(rng: np.random.Generator, shape: tuple[int, int], on: float, off: float) -> Any:
    return np.where(rng.random(shape) < 0.5, 1 / on, 1 / off)


def exactness(quick: bool) -> None:
    """Compare sense currents with ngspice and badcrossbar (A1)."""
    rng = np.random.default_rng(0)
    if find_tool("ngspice") is not None:
        cases = [((8, 8), Wires(1, 1)), ((16, 5), Wires(1.56, 4.69)), ((5, 16), Wires(2.82, 2.82, 10, 25)),
                 ((1, 16), Wires(3, 1)), ((16, 1), Wires(3, 1, 0, 1e3))]
        for shape, wires in cases if quick else [*cases, ((32, 32), Wires(1.56, 4.69))]:
            g = random_conductances(rng, shape, 1e4, 1e6)
            volts = rng.uniform(0, 0.2, shape[0])
            mine = volts @ transfer_matrix(g, wires)
            start = time.perf_counter()
            theirs = spice_currents(g, volts, wires)
            print(f"ngspice {shape[0]}x{shape[1]}: {np.abs(mine - theirs).max() / np.abs(mine).max():.1e} relative, "
                  f"{time.perf_counter() - start:.2f} s a vector")
    badcrossbar = _badcrossbar()
    if badcrossbar is None:
        print("badcrossbar is not installed")
        return
    for n in (64,) if quick else (64, 128):
        g = random_conductances(rng, (n, n), 1e4, 1e6)
        volts = rng.uniform(0, 0.2, (n, 1))
        mine = (volts.T @ transfer_matrix(g, Wires(1.0, 2.0)))[0]
        theirs = badcrossbar(volts, 1 / g, r_i_word_line=1.0, r_i_bit_line=2.0).currents.output.reshape(-1)
        print(f"badcrossbar {n}x{n}: {np.abs(mine - theirs).max() / np.abs(mine).max():.1e} relative")


def speed(quick: bool) -> None:
    """Time the transfer matrix and 1000 vectors, beside badcrossbar (A2)."""
    rng = np.random.default_rng(1)
    badcrossbar = _badcrossbar()
    wires = Wires(2.82, 2.82)
    for n in (64, 128) if quick else (64, 128, 256):
        g = random_conductances(rng, (n, n), 1e5, 1.7e6)
        volts = rng.integers(0, 2, (1000, n)) * 0.2
        t, solve, spread = timed(lambda g=g: transfer_matrix(g, wires), 3)
        currents, multiply, _ = timed(lambda t=t, v=volts: np.array([row @ t for row in v]))
        print(f"{n}x{n}: T in {solve:.3f} s (spread {spread:.3f}), then 1000 vectors one at a time in {multiply:.4f} s")
        fast, quick_time, _ = timed(lambda g=g: fast_transfer(g, wires))
        drop = 1 - (t.sum(0) / g.sum(0)).min()
        print(f"  quick model: {quick_time * 1e3:.1f} ms, {np.abs(fast.sum(0) / t.sum(0) - 1).max():.2%} off where the "
              f"drop is {drop:.0%}")
        if badcrossbar is None or n > 128:
            continue
        def one(v: Any, g: Any = g) -> Any:
            return badcrossbar(v, 1 / g, r_i_word_line=2.82, r_i_bit_line=2.82, node_voltages=False,
                               all_currents=False).currents.output
        single, one_vector, _ = timed(lambda v=volts: one(v[:1].T), 3)
        batch, batched, _ = timed(lambda v=volts: one(v.T), 1)
        assert np.abs(single.reshape(-1) - currents[0]).max() <= 1e-9 * np.abs(currents[0]).max()
        assert np.abs(batch - currents).max() <= 1e-9 * np.abs(currents).max()
        ours = solve + multiply
        print(f"  badcrossbar: {one_vector:.3f} s a vector ({1000 * one_vector / ours:.0f} times ours for 1000, one at "
              f"a time), {batched:.2f} s batched ({batched / ours:.1f} times ours)")


def packing(folder: Path) -> None:
    """Pack AutoGMap's matrices (A5)."""
    for name in ("R882", "R1484"):
        path = folder / f"{name}.mat"
        if not path.is_file():
            continue
        matrix = _only_matrix(loadmat(path))
        for k in (32, 64, 128):
            blocks, seconds, _ = timed(lambda m=matrix, k=k: pack(m, k, k), 1)
            grid = len({(r // k, c // k) for r, c in zip(*matrix.nonzero(), strict=True)})
            print(f"{name} k={k}: {len(blocks)} tiles (non-empty grid tiles: {grid}), "
                  f"{sum(len(b.parts) for b in blocks)} conversions, {seconds:.1f} s")


def _only_matrix(document: dict[str, Any]) -> Any:
    for value in document.values():
        if hasattr(value, "shape") and len(value.shape) == 2 and min(value.shape) > 100:
            return csr_matrix(value)
        if getattr(value, "dtype", None) is not None and value.dtype.names:
            return csr_matrix(value[value.dtype.names[0]][0, 0]) if "A" not in value.dtype.names else (
                csr_matrix(value["A"][0, 0]))
    raise SystemExit("the file has no matrix")


def faults(seeds: int) -> None:
    """Dodge stuck devices on 128 x 128 pairs of ternary weights, density 0.2 (A6)."""
    for hrs, lrs in ((0.01, 0.01), (0.0175, 0.0904), (0.05, 0.05)):
        left, still, seconds = [], [], []
        for seed in range(seeds):
            rng = np.random.default_rng(seed)
            w = rng.choice([-1, 0, 1], p=[0.1, 0.8, 0.1], size=(128, 128))
            codes = rng.choice([HEALTHY, STUCK_HRS, STUCK_LRS], p=[1 - hrs - lrs, hrs, lrs], size=(2, 128, 128))
            low, high = attainable_pairs(*codes, 1)
            still.append(place(w, low, high, turns=0).residual)
            placed, spent, _ = timed(lambda w=w, low=low, high=high: place(w, low, high), 1)
            left.append(placed.residual)
            seconds.append(spent)
        clean = np.mean(np.array(left) == 0)
        print(f"stuck {hrs:.2%}/{lrs:.2%}: {np.mean(left):.1f} wrong in all, of {np.mean(still):.0f} compensated in "
              f"place; none left on {clean:.0%} of {seeds} seeds; {np.median(seconds) * 1e3:.0f} ms")


def layer(inputs: int, outputs: int, seed: int = 0) -> Module:
    """Make one layer of gates with weights -1, 0, 1."""
    rng = np.random.default_rng(seed)
    b = Builder()
    x = b.input("x", parse_type(f"spin[{inputs}]"))
    w = Constant(parse_type(f"i2[{outputs},{inputs}]"), rng.choice([-1, 0, 1], size=(outputs, inputs)))
    t = Constant(parse_type(f"i2[{outputs}]"), np.zeros(outputs, dtype=np.int64))
    y = b.apply("threshold", x, b.constant(w), b.constant(t))
    func = Func("layer", (Port("x", b.type(x)),), (Port("y", b.type(y)),), b.finish([y]))
    return run_passes(module_of(func), "partition")


def monte_carlo(samples: int) -> None:
    """Draw arrays with exact wires (A10)."""
    module = layer(64, 32)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.toml"
        path.write_text('schema = "circuitc.array/1"\n[array]\nrows = 64\ncols = 64\n')
        design = CROSSBAR.build(module, {"array": str(path), "periphery": "false"})
    bundle = read_bundle(CROSSBAR.emit(design).files)
    x = sample_inputs(module.entry, 1, np.random.default_rng(0))
    variation = Variation(d2d_sigma=0.1)
    _, seconds, _ = timed(lambda: list(trials(module, bundle, x, variation, seeds=samples)), 1)
    print(f"Monte Carlo 64x64 with exact wires: {samples / seconds:.0f} arrays/s")


def size(inputs: int, outputs: int) -> None:
    """Write a bundle of a million devices (A11)."""
    module = layer(inputs, outputs)
    design, seconds, _ = timed(lambda: CROSSBAR.build(module, {"periphery": "false"}), 1)
    cells, roles = cells_of(design)
    print(f"{len(cells):,} devices on {design.tiles} tiles: mapped, solved and certified in {seconds:.1f} s")
    emission, writing, _ = timed(lambda: CROSSBAR.emit(design), 1)
    table = cells_csv(cells, roles, design)
    packed, packing_time, _ = timed(lambda: gzip.compress(table, 6, mtime=0), 1)
    print(f"  bundle printed in {writing:.1f} s ({sum(map(len, emission.files.values())) / 1e6:.0f} MB); the table is "
          f"{len(table) / 1e6:.0f} MB, packed {len(packed) / 1e6:.1f} MB in {packing_time:.1f} s")


def _badcrossbar() -> Callable[..., Any] | None:
    try:
        import badcrossbar
    except ImportError:
        return None
    return getattr(badcrossbar, "compute", None)


def main(arguments: list[str]) -> None:
    quick = "--quick" in arguments
    logging.disable(logging.INFO)   # badcrossbar tells of each step
    folders = [Path(a) for a in arguments if not a.startswith("--")]
    exactness(quick)
    speed(quick)
    beside_crosssim(quick)
    soundness(*((10, 4) if quick else (100, 24)))
    for folder in folders:
        packing(folder)
    faults(5 if quick else 20)
    monte_carlo(20 if quick else 100)
    size(*((160, 128) if quick else (800, 640)))


if __name__ == "__main__":
    main(sys.argv[1:])
