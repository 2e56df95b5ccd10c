"""Named arrays in a `.npz` file: the same bytes for the same arrays, and a reader that trusts nothing in the file."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Iterable, Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from circuitc.diagnostics import CircuitError, error

MAX_ARRAY_BYTES = 1 << 32
_BROKEN = (ValueError, TypeError, KeyError, EOFError, OverflowError, NotImplementedError, RuntimeError, SyntaxError,
           OSError, zipfile.BadZipFile, zlib.error)


def write_npz(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    """Print arrays, sorted by name, uncompressed and without a date."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in sorted(arrays.items()):
            content = io.BytesIO()
            npy.write_array(content, np.ascontiguousarray(array), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0)), content.getvalue())
    return buffer.getvalue()


def read_npz(path: Path, names: Iterable[str], *, kinds: str = "iuf") -> dict[str, NDArray[Any]]:
    """Read some arrays by name, those that are not there left out; nothing is unpickled, sizes are checked first.

    `kinds` are the letters of numpy's kinds of numbers that are taken.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            held = set(archive.namelist())
            return {name: _read_array(archive, f"{name}.npy", kinds) for name in names if f"{name}.npy" in held}
    except CircuitError:
        raise
    except FileNotFoundError:
        raise error(f"{path}: there is no such file, and the model names arrays in it") from None
    except _BROKEN as e:
        raise error(f"{path}: is not an .npz file of plain arrays ({' '.join(str(e).split())[:80]})") from None


def _read_array(archive: zipfile.ZipFile, name: str, kinds: str) -> NDArray[Any]:
    if archive.getinfo(name).file_size > MAX_ARRAY_BYTES:
        raise error(f"{archive.filename}: {name} has more than {MAX_ARRAY_BYTES} bytes")
    content = io.BytesIO(archive.read(name))
    version = npy.read_magic(content)
    header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, fortran, dtype = header(content)
    if dtype.kind not in kinds or any(d < 0 for d in shape):
        raise error(f"{archive.filename}: {name} holds {dtype}, not integers or floats")
    data = content.read()
    if prod(shape) * dtype.itemsize != len(data):
        raise error(f"{archive.filename}: {name} of shape {list(shape)} needs {prod(shape) * dtype.itemsize} bytes, "
                    f"has {len(data)}")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
