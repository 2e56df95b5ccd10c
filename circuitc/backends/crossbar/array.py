"""An array: a hardware description, read from TOML or taken from a preset, with the source of each value."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error, nearest

from .presets import PRESETS
from .sections import (
    SECTIONS,
    Device,
    Energy,
    Fact,
    Faults,
    Geometry,
    Input,
    Logic,
    SenseAmp,
    Variation,
    Wire,
)
from .wires import Wires

SCHEMA = "circuitc.array/1"
_MAX_BYTES = 1 << 20


@dataclass(frozen=True)
class Array:
    """One kind of array. `sources` says for each `section.key` where its value comes from."""

    name: str
    array: Geometry
    device: Device
    variation: Variation
    wire: Wire
    input: Input
    sense_amp: SenseAmp
    energy: Energy
    faults: Faults
    logic: Logic
    folder: Path | None = field(default=None, compare=False)
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)

    @cached_property
    def levels(self) -> NDArray[np.float64]:
        """The conductances of the levels, rising, in siemens, as seen through the selector."""
        d = self.device
        ends = (1 / d.r_off_ohm, 1 / d.r_on_ohm)
        bare: NDArray[np.float64] = np.array(d.level_siemens or np.linspace(*ends, d.levels).tolist())
        return np.asarray(bare / (1 + bare * self.array.r_access_ohm), dtype=np.float64)

    @property
    def wires(self) -> Wires:
        """The wires of a tile; a load resistor is part of a bitline's end."""
        w = self.wire
        load = self.array.load_ohm if self.array.sense == "load" else 0.0
        return Wires(w.r_wl_ohm, w.r_bl_ohm, w.r_term_wl_ohm, w.r_term_bl_ohm + load)

    @staticmethod
    def load(name: str | Path) -> Array:
        """Give a preset by name, or read a hardware file (`.toml`)."""
        if isinstance(name, str) and name in PRESETS:
            return _preset(name)
        path = Path(name)
        if path.suffix != ".toml" and not path.exists():
            raise error(f"there is no array preset {str(name)!r}", help=nearest(str(name), PRESETS))
        return _read(path)

    def to_toml(self) -> str:
        """Print the whole description, every default filled in, each with its unit, meaning and source."""
        lines = [f'schema = "{SCHEMA}"', f"name = {_toml(self.name)}"]
        for section, record in SECTIONS.items():
            lines += ["", f"[{section}]"]
            values = getattr(self, section)
            for key in fields(record):
                said = f"{key.name} = {_toml(getattr(values, key.name))}"
                source = self.sources.get(f"{section}.{key.name}") or _fact(key).source
                lines.append(f"{said:<28} # {_fact(key).words} ({source})")
        return "\n".join(lines) + "\n"


def _preset(name: str) -> Array:
    preset = PRESETS[name]
    sources = {f"{section}.{key}": preset.source for section, keys in preset.values.items() for key in keys}
    return _resolve(f"preset {name}", {"name": name, **preset.values}, None, sources)


def _read(path: Path) -> Array:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise error(f"{path}: is larger than a hardware file may be ({_MAX_BYTES} bytes)")
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except OSError as e:
        raise error(f"{path}: {e.strerror or e}") from None
    except UnicodeDecodeError:
        raise error(f"{path}: is not UTF-8 text") from None
    except (tomllib.TOMLDecodeError, RecursionError) as e:
        raise error(f"{path}: is not TOML: {e}") from None
    schema = document.pop("schema", None)
    if schema != SCHEMA:
        raise error(f'{path}: schema is {schema!r}, expected "{SCHEMA}"')
    base = document.pop("base", None)
    values, sources = document, {}
    if base is not None:
        if base not in PRESETS:
            raise error(f"{path}: there is no array preset {base!r} to build on", help=nearest(str(base), PRESETS))
        preset = PRESETS[base]
        sources = {f"{section}.{key}": preset.source for section, keys in preset.values.items() for key in keys}
        merged = {section: {**preset.values.get(section, {}), **_table(path, section, document)}
                  for section in SECTIONS}
        values = {**document, **merged}
    sources |= {f"{section}.{key}": path.name for section in SECTIONS for key in _table(path, section, document)}
    sources |= _printed_sources(text)
    return _resolve(str(path), {"name": path.stem, **values}, path.parent, sources)


def _printed_sources(text: str) -> dict[str, str]:
    """Find the sources in a file that `to_toml` printed: a value keeps the one that its line ends with."""
    found: dict[str, str] = {}
    section = ""
    for line in text.splitlines():
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        key, told, rest = line.partition(" = ")
        record = SECTIONS.get(section)
        fact = next((_fact(f) for f in fields(record) if f.name == key), None) if record and told else None
        start = f" # {fact.words} (" if fact else ""
        if start and start in rest and rest.endswith(")"):
            found[f"{section}.{key}"] = rest.partition(start)[2][:-1]
    return found


def _table(path: Path, section: str, document: Mapping[str, Any]) -> Mapping[str, Any]:
    table = document.get(section, {})
    if not isinstance(table, Mapping):
        raise error(f"{path}:{section}: expected a table")
    return table


def _resolve(place: str, document: Mapping[str, Any], folder: Path | None, sources: Mapping[str, str]) -> Array:
    for key in document:
        if key not in SECTIONS and key != "name":
            raise error(f"{place}: there is no key {key!r} here", help=nearest(key, [*SECTIONS, "name", "base"]))
    if not isinstance(document["name"], str):
        raise error(f"{place}:name: expected a text")
    made = {name: _section(place, name, record, document.get(name, {})) for name, record in SECTIONS.items()}
    array = Array(document["name"], **made, folder=folder, sources=sources)
    _check_whole(place, array)
    return array


def _section(place: str, name: str, record: type[Any], table: Any) -> Any:
    if not isinstance(table, Mapping):
        raise error(f"{place}:{name}: expected a table")
    known = {key.name: key for key in fields(record)}
    for key in table:
        if key not in known:
            raise error(f"{place}:{name}: there is no key {key!r} here", help=nearest(key, known))
    return record(**{key: _value(f"{place}:{name}.{key}", known[key], value) for key, value in table.items()})


def _value(place: str, key: Field[Any], value: Any) -> Any:
    """Check one value against its key's default and limits."""
    default, fact = key.default, _fact(key)
    if isinstance(default, tuple):
        return _numbers(place, value)
    if isinstance(default, str):
        if not isinstance(value, str):
            raise error(f"{place}: expected a text, got {value!r}")
        if fact.choices and value not in fact.choices:
            raise error(f"{place}: {value!r} is not known", help=nearest(value, fact.choices))
        return value
    whole = isinstance(default, int)
    if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
        raise error(f"{place}: expected a {'whole ' if whole else ''}number, got {value!r}")
    low = (fact.least is not None and not value >= fact.least) or (fact.above is not None and not value > fact.above)
    if low or (fact.most is not None and value > fact.most) or not np.isfinite(value):
        raise error(f"{place}: {value} is out of range", help=_range(fact))
    return value if whole else float(value)


def _numbers(place: str, value: Any) -> Any:
    """Take a list of numbers, or a list of pairs of numbers."""
    if isinstance(value, list) and all(isinstance(v, list) and len(v) == 2 for v in value):
        return tuple(_numbers(place, v) for v in value)
    good = isinstance(value, list) and all(isinstance(v, (int, float)) and not isinstance(v, bool) and v >= 0
                                           and np.isfinite(v) for v in value)
    if not good:
        raise error(f"{place}: expected a list of numbers not below zero, got {value!r}")
    return tuple(float(v) for v in value)


def _range(fact: Fact) -> str:
    ends = [f"at least {fact.least:g}" if fact.least is not None else "",
            f"above {fact.above:g}" if fact.above is not None else "",
            f"at most {fact.most:g}" if fact.most is not None else ""]
    return "it is " + " and ".join(e for e in ends if e) if any(ends) else "it is finite"


def _check_whole(place: str, array: Array) -> None:
    """Check what involves several keys."""
    d, g = array.device, array.array
    if d.level_siemens:
        rising = bool(np.all(np.diff(d.level_siemens) > 0))
        if len(d.level_siemens) != d.levels or not rising:
            raise error(f"{place}:device.level_siemens: lists {len(d.level_siemens)} conductances, "
                        f"{d.levels} are needed, each greater than the one before")
    elif d.r_on_ohm >= d.r_off_ohm:
        raise error(f"{place}:device: r_on_ohm {d.r_on_ohm:g} is not below r_off_ohm {d.r_off_ohm:g}")
    if g.spare_rows >= g.rows or g.spare_cols >= g.cols:
        raise error(f"{place}:array: the spare rows or columns are all there are")
    if array.variation.d2d_model == "table" and not array.variation.d2d_table:
        raise error(f"{place}:variation: d2d_model is table, and d2d_table is missing")


def _fact(key: Field[Any]) -> Fact:
    return key.metadata["fact"]


def _toml(value: Any) -> str:
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return repr(value)


__all__ = ["SCHEMA", "Array"]
