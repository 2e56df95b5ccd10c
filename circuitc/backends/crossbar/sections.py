"""What a hardware file says: its sections as records, each key with its meaning, limits, default and its source."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

_WIRE = "NeuroSim's formula at 22 nm, 1T1R 4F x 12F, F = 40 nm"


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of a key: words for people, where its default comes from, and the values it may take."""

    words: str
    source: str
    least: float | None = None
    above: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()


def _key(default: Any, words: str, source: str = "circuitc", *, least: float | None = None, above: float | None = None,
         most: float | None = None, choices: Sequence[str] = ()) -> Any:
    return field(default=default, metadata={"fact": Fact(words, source, least, above, most, tuple(choices))})


@dataclass(frozen=True, slots=True)
class Geometry:
    """Section `[array]`: how many devices there are and how they are reached."""

    rows: int = _key(128, "wordlines of a tile", "ISAAC, NeuroSim, PIMCOMP", least=1, most=4096)
    cols: int = _key(128, "bitlines of a tile", "ISAAC, NeuroSim, PIMCOMP", least=1, most=4096)
    count: int = _key(0, "tiles there are; 0 is as many as needed", least=0)
    spare_rows: int = _key(0, "wordlines kept for repair", least=0)
    spare_cols: int = _key(0, "bitlines kept for repair", least=0)
    rows_active_max: int = _key(128, "wordlines driven at once", "NeuroSim numRowParallel", least=1)
    drive: str = _key("single", "ends of a wordline that are driven", choices=("single",))
    sense: str = _key("virtual_ground", "what a bitline ends in", choices=("virtual_ground", "load"))
    load_ohm: float = _key(0.0, "load resistor of a bitline, with sense = load", least=0)
    selector: str = _key("1T1R", "what stands beside a device", choices=("1T1R", "0T1R"))
    r_access_ohm: float = _key(0.0, "resistance of an open selector, in series with its device", least=0)


@dataclass(frozen=True, slots=True)
class Device:
    """Section `[device]`: one memristor."""

    r_on_ohm: float = _key(1.0e5, "resistance of the most conductive level", "NeuroSim V1.4: 100 kOhm", above=0)
    r_off_ohm: float = _key(1.7e6, "resistance of the least conductive level", "NeuroSim V1.4: 17 x 100 kOhm", above=0)
    levels: int = _key(2, "conductances that are told apart", "NeuroSim: 1 bit a cell", least=2, most=256)
    level_spacing: str = _key("linear_g", "how levels lie between the two ends", choices=("linear_g",))
    level_siemens: tuple[float, ...] = _key((), "each level's conductance, rising, in siemens: instead of the ends")
    v_read: float = _key(0.2, "read voltage in volt", "NI-RRAM: bit line 0.2 V; ArC example 0.2 V", above=0)
    window_rel: float = _key(0.10, "half of the write window, as a share of the target conductance",
                             "NI-RRAM: 9 to 11 kOhm about 10 kOhm", least=0, most=0.999)


@dataclass(frozen=True, slots=True)
class Variation:
    """Section `[variation]`: how devices differ from what was asked of them."""

    d2d_model: str = _key("lognormal", "device-to-device variation", choices=("none", "lognormal", "table"))
    d2d_sigma: float = _key(0.0, "its sigma (of the logarithm of the conductance)", least=0, most=10)
    d2d_table: tuple[tuple[float, float], ...] = _key(
        (), "with d2d_model = table: conductance and standard deviation in siemens, linear in between")
    c2c_read: float = _key(0.0, "read noise as a share of the conductance", "aihwkit suggests 0.01 for ReRAM", least=0)
    stuck_hrs: float = _key(0.0, "share of devices stuck at the least conductance", least=0, most=1)
    stuck_lrs: float = _key(0.0, "share of devices stuck at the greatest conductance", least=0, most=1)
    drift_nu: float = _key(0.0, "drift exponent: g(t) = g (t / t0) ** -nu", "aihwkit: PCM 0.049 to 0.1", least=0)
    drift_t0_s: float = _key(20.0, "time of the first reading in seconds", "aihwkit: PCM", above=0)


@dataclass(frozen=True, slots=True)
class Wire:
    """Section `[wire]`: resistances in ohm of a segment from device to device, and of the ends."""

    r_wl_ohm: float = _key(1.56, "a wordline's segment", _WIRE, least=0)
    r_bl_ohm: float = _key(4.69, "a bitline's segment", _WIRE, least=0)
    r_term_wl_ohm: float = _key(0.0, "a wordline's driver", least=0)
    r_term_bl_ohm: float = _key(0.0, "a bitline's sense node", least=0)


@dataclass(frozen=True, slots=True)
class Input:
    """Section `[input]`: how numbers become voltages."""

    dac_bits: int = _key(1, "bits of an input that are applied at once", "ISAAC", least=1, most=1)
    mode: str = _key("bit_serial", "how inputs of more bits are applied", choices=("bit_serial",))


@dataclass(frozen=True, slots=True)
class SenseAmp:
    """Section `[sense_amp]`: how currents become numbers."""

    kind: str = _key("adc", "what reads a column that is no threshold gate; comparator: nothing does",
                     choices=("adc", "comparator", "ideal"))
    adc_bits: int = _key(8, "bits of a conversion", "ISAAC: 8; NeuroSim: 5", least=1, most=24)
    cols_per_adc: int = _key(128, "columns that share a converter", "ISAAC: one for an array", least=1)
    range: str = _key("max", "what the highest code stands for", "CrossSim's names", choices=("max",))


@dataclass(frozen=True, slots=True)
class Energy:
    """Section `[energy]`: which cost model the estimates come from."""

    preset: str = _key("isaac-32nm", "cost model", choices=("isaac-32nm", "neurosim-22nm", "mnsim-256"))


@dataclass(frozen=True, slots=True)
class Faults:
    """Section `[faults]`: devices known to be bad."""

    map: str = _key("", "a CSV file `tile,row,col,kind` beside the hardware file, measured in the lab")


@dataclass(frozen=True, slots=True)
class Logic:
    """Section `[logic]`: for logic in memory."""

    family: str = _key("magic_nor", "family of gates", choices=("magic_nor", "rm3"))
    nor_fanin_max: int = _key(2, "most inputs of a NOR", least=1, most=8)


SECTIONS: dict[str, type[Any]] = {
    "array": Geometry, "device": Device, "variation": Variation, "wire": Wire, "input": Input,
    "sense_amp": SenseAmp, "energy": Energy, "faults": Faults, "logic": Logic,
}
