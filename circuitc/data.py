"""Numbers in files: inputs and outputs of a run, calibration data; `.npz` by port name, `.npy` for the only port."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from circuitc.diagnostics import error
from circuitc.formats import write_files
from circuitc.ir import Func, decode, encode, unflatten_bits
from circuitc.passes.quantization.calibrate import LABELS

MAX_BYTES = 1 << 32
MAX_EXHAUSTIVE_BITS = 20


def read_arrays(path: Path) -> dict[str, Any]:
    """Read a `.npz` (by name) or a `.npy` (under the name ""); nothing in it is ever executed."""
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if sum(item.file_size for item in archive.infolist()) > MAX_BYTES:
                    raise error(f"{path}: unpacks to more than {MAX_BYTES} bytes")
            with np.load(path, allow_pickle=False) as arrays:
                return {name: arrays[name] for name in arrays.files}
        return {"": np.load(path, allow_pickle=False)}
    except OSError as e:
        raise error(f"{path}: {e.strerror or e}") from None
    except (ValueError, EOFError, zipfile.BadZipFile, SyntaxError) as e:
        raise error(f"{path}: is not an .npz or .npy file of plain arrays ({' '.join(str(e).split())[:80]})") from None


def encoded_inputs(func: Func, arrays: Mapping[str, Any]) -> dict[str, Any]:
    """Turn real values by port name into raw numbers with a batch axis (and steps, where the port has them)."""
    if set(arrays) == {""}:
        if len(func.inputs) != 1:
            raise error(f"@{func.name} has {len(func.inputs)} inputs; a bare .npy serves one",
                        help="give an .npz with an array for each of " + ", ".join(p.name for p in func.inputs[:5]))
        arrays = {func.inputs[0].name: arrays[""]}
    raw: dict[str, Any] = {}
    for name, values in arrays.items():
        port = func.input(name)
        lead = 2 if func.is_stepped(port) else 1
        raw[name] = encode(port, values, lead)
    return raw


def read_calibration(path: Path, func: Func) -> dict[str, Any]:
    """Read calibration data for a func as raw numbers: `.npz` or `.npy` of real values, or boolearn's `.dat`.

    An array `labels`, which no input is called by, comes along as it is: passes measure accuracy with it.
    """
    if path.suffix != ".dat":
        arrays = read_arrays(path)
        labels = {} if any(p.name == LABELS for p in func.inputs) else {
            name: arrays.pop(name) for name in (LABELS,) if name in arrays}
        return {**encoded_inputs(func, arrays), **labels}
    from circuitc.formats.boolearn_data import read_dat

    spins = read_dat(path)[0]
    types = [p.type for p in func.inputs]
    if sum(t.bits for t in types) != spins.shape[1]:
        raise error(f"{path}: has {spins.shape[1]} inputs an item, @{func.name} has {sum(t.bits for t in types)} bits")
    return dict(zip((p.name for p in func.inputs), unflatten_bits(types, (spins + 1) // 2), strict=True))


def decoded_outputs(func: Func, raw: Mapping[str, Any]) -> dict[str, Any]:
    """Turn raw results into real values by port name."""
    return {name: decode(func.result(name), values) for name, values in raw.items()}


def all_inputs(func: Func) -> dict[str, Any]:
    """Make every input of a combinational func, in counting order."""
    types = [p.type for p in func.inputs]
    bits = sum(t.bits for t in types)
    if bits > MAX_EXHAUSTIVE_BITS or any(t.is_float for t in types) or not func.is_combinational:
        raise error(f"@{func.name} has {bits} input bits; --exhaustive takes combinational funcs of at most "
                    f"{MAX_EXHAUSTIVE_BITS}", help="use --random N")
    pattern = (np.arange(1 << bits)[:, None] >> np.arange(bits)) & 1
    return dict(zip((p.name for p in func.inputs), unflatten_bits(types, pattern), strict=True))


def write_arrays(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write results as `.npz` by port name, whole or not at all."""
    buffer = io.BytesIO()
    plain: dict[str, Any] = {name: _without_objects(np.asarray(a)) for name, a in arrays.items()}
    np.savez(buffer, **plain)
    write_files({path: buffer.getvalue()})


def _without_objects(array: Any) -> Any:
    """Store unsigned 64-bit numbers, which the interpreter keeps as Python integers, as uint64."""
    return array.astype(np.uint64) if array.dtype == object else array
