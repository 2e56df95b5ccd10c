"""The arrays that come with circuitc: what each says, and who says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class Preset:
    """Values by section and key that differ from the defaults, with their source."""

    words: str
    source: str
    values: Mapping[str, Mapping[str, Any]]


PRESETS: Mapping[str, Preset] = MappingProxyType({
    "ideal-64": Preset("no wire resistance, no off current to speak of: for trying things", "circuitc", {
        "array": {"rows": 64, "cols": 64, "rows_active_max": 64},
        "device": {"r_on_ohm": 1.0e4, "r_off_ohm": 1.0e12, "window_rel": 0.0},
        "wire": {"r_wl_ohm": 0.0, "r_bl_ohm": 0.0},
        "sense_amp": {"kind": "ideal"}}),
    "rram-128": Preset("binary RRAM of 100 kOhm / 1.7 MOhm in 128 x 128 tiles, wires of 22 nm", "defaults", {}),
    "isaac-128": Preset("ISAAC: 2 bits a cell, 2 kOhm to 2 MOhm, 8-bit converters", "ISAAC, in CrossSim's form", {
        "device": {"r_on_ohm": 2.0e3, "r_off_ohm": 2.0e6, "levels": 4},
        "sense_amp": {"adc_bits": 8}}),
    "neurosim-22nm": Preset("NeuroSim V1.4's default: 22 nm, 5-bit converters shared by 8 columns", "NeuroSim V1.4", {
        "device": {"v_read": 0.55},
        "sense_amp": {"adc_bits": 5, "cols_per_adc": 8},
        "energy": {"preset": "neurosim-22nm"}}),
    "mnsim-256": Preset("MNSIM's default: 256 x 256, 10 kOhm to 1 MOhm, wires of 2.82 ohm, 6-bit converters", "MNSIM", {
        "array": {"rows": 256, "cols": 256, "rows_active_max": 256},
        "device": {"r_on_ohm": 1.0e4, "r_off_ohm": 1.0e6, "v_read": 0.15},
        "variation": {"d2d_sigma": 0.01},
        "wire": {"r_wl_ohm": 2.82, "r_bl_ohm": 2.82},
        "sense_amp": {"adc_bits": 6},
        "energy": {"preset": "mnsim-256"}}),
    "pcm-hermes": Preset("phase change memory of 0.25 to 25 uS, 16 levels",
                         "HERMES core's range; drift exponent from aihwkit", {
        "array": {"rows": 256, "cols": 256, "rows_active_max": 256},
        "device": {"r_on_ohm": 4.0e4, "r_off_ohm": 4.0e6, "levels": 16},
        "variation": {"drift_nu": 0.05}}),
    "lab-32x32": Preset("a 32 x 32 crossbar without selectors on an ArC TWO", "ArC TWO: 64 channels, read at 0.2 V", {
        "array": {"rows": 32, "cols": 32, "rows_active_max": 32, "selector": "0T1R", "count": 1},
        "device": {"r_on_ohm": 1.0e4, "r_off_ohm": 1.0e6}}),
})
