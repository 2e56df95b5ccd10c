"""Hardware files: what they say is what is meant, and what they cannot say is refused by name."""

from pathlib import Path

import numpy as np
import pytest

from circuitc.backends.crossbar.array import Array
from circuitc.backends.crossbar.presets import PRESETS
from circuitc.diagnostics import CircuitError

HEAD = 'schema = "circuitc.array/1"\n'


def read(folder: Path, text: str) -> Array:
    path = folder / "a.toml"
    path.write_text(text)
    return Array.load(path)


@pytest.mark.parametrize("name", PRESETS)
def test_a_resolved_preset_reads_back_as_itself(name: str, tmp_path: Path) -> None:
    preset = Array.load(name)
    again = read(tmp_path, preset.to_toml())
    assert again == preset


def test_levels_lie_evenly_between_the_ends() -> None:
    array = Array.load("isaac-128")
    assert np.allclose(array.levels, [5e-7, 5e-7 + 499.5e-6 / 3, 5e-7 + 999e-6 / 3, 5e-4], rtol=1e-12)


def test_a_selector_stands_in_series(tmp_path: Path) -> None:
    array = read(tmp_path, HEAD + "[array]\nr_access_ohm = 1e5\n")
    assert np.allclose(1 / array.levels, [1.8e6, 2e5])


def test_levels_may_be_listed(tmp_path: Path) -> None:
    array = read(tmp_path, HEAD + "[device]\nlevels = 3\nlevel_siemens = [1e-6, 5e-6, 2e-5]\n")
    assert array.levels.tolist() == [1e-6, 5e-6, 2e-5]


def test_a_file_may_build_on_a_preset(tmp_path: Path) -> None:
    array = read(tmp_path, HEAD + 'base = "mnsim-256"\n[wire]\nr_wl_ohm = 1\n')
    assert (array.array.rows, array.wire.r_wl_ohm, array.wire.r_bl_ohm) == (256, 1.0, 2.82)
    lines = {line.split()[0]: line for line in array.to_toml().splitlines() if " = " in line}
    assert lines["r_wl_ohm"].endswith("(a.toml)")
    assert lines["r_bl_ohm"].endswith("(MNSIM)")
    assert lines["stuck_lrs"].endswith("(circuitc)")


def test_a_load_resistor_is_part_of_the_bitline(tmp_path: Path) -> None:
    array = read(tmp_path, HEAD + '[array]\nsense = "load"\nload_ohm = 500\n[wire]\nr_term_bl_ohm = 3\n')
    assert array.wires.bitline_end == 503


@pytest.mark.parametrize(("text", "says"), [
    ("", "schema is None"),
    ('schema = "x"', "schema is 'x'"),
    ("[", "is not TOML"),
    (HEAD + "[devise]", "did you mean device"),
    (HEAD + "[device]\nr_on = 1", "did you mean r_on_ohm"),
    (HEAD + "[device]\nr_on_ohm = '1'", "expected a number"),
    (HEAD + "[array]\nrows = 1.5", "expected a whole number"),
    (HEAD + "[array]\nrows = true", "expected a whole number"),
    (HEAD + "[array]\nrows = 0", "at least 1"),
    (HEAD + "[array]\nrows = 100000", "at most 4096"),
    (HEAD + "[device]\nr_on_ohm = 0", "above 0"),
    (HEAD + "[device]\nr_on_ohm = inf", "out of range"),
    (HEAD + "[device]\nr_on_ohm = nan", "out of range"),
    (HEAD + "[device]\nr_on_ohm = 1e9", "not below r_off_ohm"),
    (HEAD + "[device]\nlevel_siemens = [1.0, 0.5]", "each greater"),
    (HEAD + "[device]\nlevel_siemens = ['a']", "expected a list of numbers"),
    (HEAD + "[array]\nselector = '1T2R'", "did you mean 1T1R"),
    (HEAD + "[array]\nspare_rows = 128", "all there are"),
    (HEAD + "[input]\nmode = 'analog'", "'analog' is not known"),
    (HEAD + "[input]\ndac_bits = 2", "at most 1"),
    (HEAD + "[sense_amp]\nrange = 'calibrated'", "'calibrated' is not known"),
    (HEAD + "[variation]\nd2d_model = 'table'", "d2d_table is missing"),
    (HEAD + "device = 3", "expected a table"),
    (HEAD + "name = 3", "expected a text"),
    (HEAD + "base = 'rram'", "no array preset 'rram'"),
])
def test_what_is_wrong_is_said_in_one_line(text: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(CircuitError, match=says) as caught:
        read(tmp_path, text)
    assert str(caught.value).startswith(str(tmp_path / "a.toml"))
    assert "\n" not in str(caught.value)


def test_files_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(CircuitError, match="not UTF-8"):
        Array.load(tmp_path / "a.toml")
    with pytest.raises(CircuitError, match="No such file"):
        Array.load(tmp_path / "b.toml")
    with pytest.raises(CircuitError, match=r"no array preset 'rram-182' .*did you mean rram-128"):
        Array.load("rram-182")
