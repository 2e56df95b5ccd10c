"""From a region to tiles and back: what the levels of the devices say is what the region computes."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.backends.crossbar.array import Array
from circuitc.backends.crossbar.choosing import chosen_encoding
from circuitc.backends.crossbar.design import design_on
from circuitc.backends.crossbar.encoding import ENCODINGS, encode, find_encoding
from circuitc.backends.crossbar.faults import STUCK_HRS, STUCK_LRS
from circuitc.backends.crossbar.mapping import Mapped, map_region
from circuitc.backends.crossbar.margins import Gate
from circuitc.backends.crossbar.options import Options
from circuitc.backends.crossbar.readout import Column, Output, read_outputs
from circuitc.backends.crossbar.regions import Region, region_of
from circuitc.diagnostics import CircuitError
from circuitc.ir import Builder, Constant, Func, Module, Port, module_of, parse_type, run, smallest
from circuitc.passes import run_passes, sample_inputs

HEAD = 'schema = "circuitc.array/1"\n'


def array(folder: Path, more: str = "", *, rows: int = 8, cols: int = 8, levels: int = 2) -> Array:
    path = folder / "a.toml"
    path.write_text(f"{HEAD}[array]\nrows = {rows}\ncols = {cols}\n[device]\nlevels = {levels}\n{more}")
    return Array.load(path)


def constant(values: np.ndarray) -> Constant:
    kind = smallest(int(values.min()), int(values.max()))
    return Constant(parse_type(f"{kind}[{','.join(map(str, values.shape))}]"), values)


def gates(weights: np.ndarray, limits: np.ndarray, x_type: str = "spin") -> Module:
    b = Builder()
    x = b.input("x", parse_type(f"{x_type}[{weights.shape[1]}]"))
    y = b.apply("threshold", x, b.constant(constant(weights)), b.constant(constant(limits)))
    return _module(b, x, y)


def product(weights: np.ndarray, x_type: str, spec: str, shape: str) -> Module:
    b = Builder()
    x = b.input("x", parse_type(f"{x_type}[{shape}]"))
    y = b.apply("contract", x, b.constant(constant(weights)), spec=spec)
    return _module(b, x, y)


def _module(b: Builder, x: int, y: int) -> Module:
    func = Func("f", (Port("x", b.type(x)),), (Port("y", b.type(y)),), b.finish([y]))
    return run_passes(module_of(func), "partition")


def region(module: Module) -> Region:
    return region_of(next(f for f in module.funcs.values() if f.target == "crossbar"))


def digital(mapped: Mapped, outputs: list[Output], x: np.ndarray) -> np.ndarray:
    """Compute the region from what is in the tiles: digits that the devices hold, references, planes."""
    r = mapped.region
    reads = r.layout.reads(x, r.inputs)
    bits = [(reads + 1) // 2] if r.spins else [(reads >> k) & 1 for k in range(len(r.planes))]
    sums = np.zeros((*reads.shape[:2], r.outputs), dtype=np.int64)
    for out in outputs:
        for column in out.columns:
            for plane, factor in zip(bits, r.planes, strict=True):
                sums[..., out.index] += factor * mapped.encoded.base ** column.slice * (
                    plane[..., column.inputs] @ column.digits)
    if r.thresholds is not None:
        return r.layout.result(np.where(sums >= r.thresholds, 1, -1))
    return r.layout.result(2 * sums - r.weights.sum(1) if r.spins else sums)


def physical(mapped: Mapped, outputs: list[Output], x: np.ndarray) -> np.ndarray:
    """Compute a region of comparators from currents and references alone."""
    r = mapped.region
    bits = (r.layout.reads(x, r.inputs) + 1) // 2 if r.spins else r.layout.reads(x, r.inputs)
    answer = np.full((*bits.shape[:2], r.outputs), -1)
    for out in outputs:
        if out.kind == "constant":
            answer[..., out.index] = 1 if r.thresholds[out.index] <= 0 else -1
            continue
        c = out.columns[0]
        answer[..., out.index] = np.where(bits[..., c.inputs] @ c.currents > out.gate.reference, 1, -1)
    return r.layout.result(answer)


def answer(module: Module, x: np.ndarray) -> np.ndarray:
    return run(module, {"x": x})["y"]


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 20), st.integers(1, 7), st.integers(1, 3), st.sampled_from(list(ENCODINGS)),
       st.sampled_from(["spin", "bit"]), st.integers(2, 4), st.integers(0, 10**6))
def test_threshold_layers_are_rebuilt_from_their_tiles(tmp_path_factory, inputs: int, outputs: int, top: int, wish: str,
                                                       kind: str, levels: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    w = rng.integers(0 if wish == "single" else -top, top + 1, (outputs, inputs))
    module = gates(w, rng.integers(-3, 4, outputs), kind)
    made = array(tmp_path_factory.mktemp("a"), levels=levels)
    mapped = map_region(region(module), made, wish=wish, effort=50)
    outs = read_outputs(mapped, made)
    x = sample_inputs(module.entry, 64, rng)["x"]
    assert np.array_equal(digital(mapped, outs, x), answer(module, x))
    assert all(o.right for o in outs)
    if all(o.kind != "adc" for o in outs) and all(o.nominal for o in outs):
        assert np.array_equal(physical(mapped, outs, x), answer(module, x))


@settings(deadline=None, max_examples=50)
@given(st.sampled_from([("ij,j->i", "{i}", "xw"), ("jk,ij->ki", "{i},{k}", "xw"), ("kj,ij->ki", "{k},{i}", "xw")]),
       st.sampled_from(["u3", "i4", "bit", "spin"]), st.sampled_from(["diff_pair", "dual_rail", "offset"]),
       st.integers(1, 12), st.integers(1, 5), st.integers(1, 3), st.integers(0, 10**6))
def test_products_are_rebuilt_from_their_tiles(tmp_path_factory, form: tuple, kind: str, wish: str, inputs: int,
                                               outputs: int, times: int, seed: int) -> None:
    spec = form[0]
    rng = np.random.default_rng(seed)
    w = rng.integers(-5, 6, (outputs, inputs))
    shape = {"ij,j->i": f"{inputs}", "jk,ij->ki": f"{inputs},{times}", "kj,ij->ki": f"{times},{inputs}"}[spec]
    spec = "j,ij->i" if spec == "ij,j->i" else spec
    module = product(w, kind, spec, shape)
    made = array(tmp_path_factory.mktemp("a"), rows=16, cols=16, levels=3)
    mapped = map_region(region(module), made, wish=wish, effort=50)
    outs = read_outputs(mapped, made)
    x = sample_inputs(module.entry, 16, rng)["x"]
    assert np.array_equal(digital(mapped, outs, x), answer(module, x))


@pytest.mark.parametrize("seed", range(4))
def test_faults_are_dodged_or_told(seed: int, tmp_path: Path) -> None:
    rng = np.random.default_rng(seed)
    module = gates(rng.integers(-1, 2, (6, 12)), rng.integers(-2, 3, 6))
    made = array(tmp_path, rows=16, cols=16)
    faults = rng.choice([0, STUCK_HRS, STUCK_LRS], p=[0.9, 0.05, 0.05], size=(4, 16, 16))
    mapped = map_region(region(module), made, faults=list(faults), effort=50)
    for tile, fault in zip(mapped.tiles, faults, strict=False):
        assert np.all(tile.level[fault == STUCK_HRS] == 0)
        assert np.all(tile.level[fault == STUCK_LRS] == 1)
    outs = read_outputs(mapped, made)
    assert (mapped.residual == 0) == all(o.right for o in outs)
    x = sample_inputs(module.entry, 64, rng)["x"]
    assert not mapped.residual or not all(o.nominal for o in outs)
    if not mapped.residual:
        assert np.array_equal(digital(mapped, outs, x), answer(module, x))


def test_an_output_too_wide_for_a_tile_is_split_and_added_up(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    module = gates(rng.choice([-1, 1], (3, 20)), np.zeros(3, dtype=np.int64))
    made = array(tmp_path)
    mapped = map_region(region(module), made, effort=50)
    outs = read_outputs(mapped, made)
    assert mapped.split == 3
    assert {o.kind for o in outs} == {"adc"}
    x = sample_inputs(module.entry, 200, rng)["x"]
    assert np.array_equal(digital(mapped, outs, x), answer(module, x))


def test_gates_that_never_change_need_no_array(tmp_path: Path) -> None:
    module = gates(np.array([[1, -1], [1, 1], [0, 0]]), np.array([5, -5, -1]))
    made = array(tmp_path)
    outs = read_outputs(map_region(region(module), made), made)
    assert [o.kind for o in outs] == ["constant"] * 3
    assert all(o.nominal and o.window for o in outs)


def test_a_wider_window_certifies_less(tmp_path: Path) -> None:
    module = gates(np.ones((1, 7), dtype=np.int64), np.array([4]))
    counts = []
    for window in (0.0, 0.02, 0.3):
        made = array(tmp_path, f"window_rel = {window}\n", rows=16, cols=16)
        (out,) = read_outputs(map_region(region(module), made), made)
        counts.append(out.gate_window.margin)
        assert out.nominal
    assert counts[0] > counts[1] > 0 > counts[2]


def test_a_margin_that_printing_eats_is_none() -> None:
    """The map has eleven digits of a reference: of one at 1000 steps, half of 1e-7 may be lost."""
    column = Column(0, 0, 0, ((0, 1),), np.array([0]), np.array([1]), np.array([1.0]), 900.0, np.zeros(1), np.zeros(1))
    for margin, sure in ((4e-8, False), (8e-8, True)):
        gate = Gate(100.0, margin)
        out = Output(0, "comparator", (column,), gate, gate, (), (), True, True)
        assert out.nominal == out.window == sure


def test_few_converter_bits_are_not_lossless(tmp_path: Path) -> None:
    module = product(np.ones((1, 7), dtype=np.int64), "bit", "j,ij->i", "7")
    for bits, enough in ((2, False), (3, True)):
        made = array(tmp_path, f"[sense_amp]\nadc_bits = {bits}\n", rows=16, cols=16)
        (out,) = read_outputs(map_region(region(module), made), made)
        assert out.lossless == enough == out.nominal


def test_comparators_alone_read_gates_and_nothing_else(tmp_path: Path) -> None:
    made = array(tmp_path, "[sense_amp]\nkind = 'comparator'\n", rows=16, cols=16)
    design = design_on(gates(np.array([[1, -1, 1]]), np.array([0])), made, Options(encoding="diff_pair"))
    assert [o.kind for o in design.outputs] == ["comparator"]
    with pytest.raises(CircuitError, match="output 0 needs a converter, and array a has comparators only"):
        design_on(product(np.array([[1, -1, 1]]), "bit", "j,ij->i", "3"), made, Options(encoding="diff_pair"))


def test_digits_of_weights_lie_in_slices(tmp_path: Path) -> None:
    module = product(np.array([[5, -3]]), "bit", "j,ij->i", "2")
    encoded = encode(region(module), ENCODINGS["diff_pair"], 2)
    assert encoded.slices == 3
    assert [int(encoded.levels["true", s, "pos"][0, 0]) for s in range(3)] == [1, 0, 1]
    assert [int(encoded.levels["true", s, "neg"][0, 1]) for s in range(3)] == [1, 1, 0]


def test_wishes_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    r = region(gates(np.array([[1, -1]]), np.array([0])))
    with pytest.raises(CircuitError, match="negative weights, which the encoding single"):
        find_encoding(r, "single")
    with pytest.raises(CircuitError, match=r"no encoding 'diffpair'.*did you mean diff_pair"):
        find_encoding(r, "diffpair")
    with pytest.raises(CircuitError, match="needs 2 columns"):
        map_region(r, array(tmp_path, cols=1))


@pytest.mark.parametrize(("weights", "rows", "cols", "wanted"), [
    (np.ones((1, 3)), 8, 8, "single"),                 # off currents of three inputs are small enough
    (np.array([[1, -1, 1]]), 8, 8, "diff_pair"),       # as good as dual_rail, and first
    (np.array([[1, -1]] * 8), 4, 8, "dual_rail"),      # half the bitlines: one tile, not two
    (np.array([[1, -1]]), 4, 1, "dual_rail"),          # nothing else fits
    (np.array([[-1, 2, -1]]), 3, 4, "diff_pair")])
def test_auto_takes_what_is_cheapest(weights: np.ndarray, rows: int, cols: int, wanted: str, tmp_path: Path) -> None:
    r = region(product(weights.astype(np.int64), "bit", "j,ij->i", str(weights.shape[1])))
    name, why = chosen_encoding(r, array(tmp_path, rows=rows, cols=cols))
    assert name == wanted
    assert "decisions a read" in why


def test_auto_looks_at_windows_where_those_are_asked_for(tmp_path: Path) -> None:
    made = array(tmp_path, "window_rel = 0.05\n", rows=32, cols=16)
    r = region(product(np.array([[1, -1, 1, -1, 1, -1, 1, -1, 1]]), "bit", "j,ij->i", "9"))
    assert [chosen_encoding(r, made, certify)[0] for certify in ("", "nominal", "window")] == [
        "diff_pair", "diff_pair", "dual_rail"]
    certain = [read_outputs(map_region(r, made, wish=name), made)[0].window for name in ("diff_pair", "dual_rail")]
    assert certain == [False, True]


def test_what_an_array_cannot_do_is_said() -> None:
    b = Builder()
    x = b.input("x", parse_type("u4[3]"))
    y = b.apply("neg", x)
    func = Func("f", (Port("x", b.type(x)),), (Port("y", b.type(y)),), b.finish([y]), target="crossbar")
    with pytest.raises(CircuitError, match="marked for the crossbar, and is neither"):
        region_of(func)
