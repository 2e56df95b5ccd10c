"""Arrays in files beside a model: `.npz`, `.npy` and `.safetensors`, from people we do not know."""

from __future__ import annotations

import struct
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from fractions import Fraction
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import Span, error, nearest

from .files import companion_path

MAX_BYTES = 1 << 28  # of one array, unpacked; a zip file of a few kilobytes may announce any size
MAX_ARRAYS = 1 << 14  # of a .npz file: its directory is read anew for each
_DTYPES = {"F16": 2, "F32": 4, "F64": 8, "I8": 1, "I16": 2, "I32": 4, "I64": 8, "U8": 1, "U16": 2, "U32": 4}
# What numpy, zipfile and safetensors raise on files that are not what they claim to be.
_BROKEN = (ValueError, SyntaxError, tokenize.TokenError, struct.error, zipfile.BadZipFile, zlib.error, EOFError,
           OSError, NotImplementedError, RuntimeError, MemoryError, KeyError, TypeError, OverflowError)


def read_array(model: Path, file: str, name: str, rank: int | None, span: Span) -> NDArray[Any]:
    """Read one array of whole numbers or floats with `rank` axes (None: any) from a file beside the model or below it.

    Nothing is unpickled, and no more memory is taken than the checked shape needs.
    """
    path = companion_path(model, file, span)
    readers = {".npz": _read_npz, ".npy": _read_npy, ".safetensors": _read_safetensors}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise error(f"{file} has no ending of an array file", span, "arrays are read from .npz, .npy and .safetensors")
    if not path.is_file():
        raise error(f"there is no file {file} beside the model", span)
    array = reader(path, name, span)
    if rank is not None and array.ndim != rank:
        raise error(f"{_full_name(file, name)} has shape {list(array.shape)}, {rank} axes are needed", span)
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        place = [int(i) for i in np.argwhere(~np.isfinite(array))[0]]
        raise error(f"{_full_name(file, name)}{place} is not a finite number", span)
    return array


def array_shapes(model: Path, file: str, span: Span) -> dict[str, tuple[int, ...]]:
    """List the arrays of a .safetensors file in the model's folder or below it, with their shapes."""
    from safetensors import SafetensorError, safe_open
    path = companion_path(model, file, span)
    if path.suffix.lower() != ".safetensors":
        raise error(f"{file} is no .safetensors file", span, "safetensors.torch.save_file writes a state_dict so")
    if not path.is_file():
        raise error(f"there is no file {file} beside the model", span)
    try:
        with safe_open(path, framework="numpy") as archive:
            return {name: tuple(archive.get_slice(name).get_shape()) for name in archive.keys()}  # noqa: SIM118
    except (SafetensorError, *_BROKEN) as e:
        raise _broken(path, "", e, span) from None


def array_names(model: Path, file: str, span: Span) -> list[str]:
    """Name the arrays of a `.npz` or `.safetensors` file in the model's folder or below it, sorted."""
    path = companion_path(model, file, span)
    if path.suffix.lower() == ".safetensors":
        return sorted(array_shapes(model, file, span))
    if path.suffix.lower() != ".npz":
        raise error(f"{file} has no names for its arrays", span, "weights are read from .npz and .safetensors")
    if not path.is_file():
        raise error(f"there is no file {file} beside the model", span)
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
            if len(names) > MAX_ARRAYS:
                raise error(f"{file} holds {len(names)} arrays, at most {MAX_ARRAYS} are read", span)
            return sorted(name.removesuffix(".npy") for name in names)
    except _BROKEN as e:
        raise _broken(path, "", e, span) from None


def exact_rows(array: NDArray[Any], decimals: int | None) -> list[list[int | Fraction]]:
    """Give the numbers of a matrix exactly, or rounded to `decimals` digits (then times 10**decimals, as integers)."""
    if array.dtype.kind != "f":
        return array.tolist()
    if decimals is None:
        return [[Fraction(x) for x in row] for row in array.tolist()]
    return [[round(Fraction(x) * 10**decimals) for x in row] for row in array.tolist()]


def _full_name(file: str, name: str) -> str:
    return f"{file}:{name}" if name else file


def _read_npz(path: Path, name: str, span: Span) -> NDArray[Any]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
            info = members.get(name)
            if info is None:
                raise _missing(path, name, list(members), span)
            _check_size(path, name, info.file_size, span)
            with archive.open(info) as stream:
                return _parse_npy(stream, info.file_size, path, name, span)
    except _BROKEN as e:
        raise _broken(path, name, e, span) from None


def _read_npy(path: Path, name: str, span: Span) -> NDArray[Any]:
    if name:
        raise error(f"{path.name} is one array, it has none named {name!r}", span, "leave the key `array` out")
    try:
        size = path.stat().st_size
        _check_size(path, name, size, span)
        with path.open("rb") as stream:
            return _parse_npy(stream, size, path, name, span)
    except _BROKEN as e:
        raise _broken(path, name, e, span) from None


def _parse_npy(stream: IO[bytes], size: int, path: Path, name: str, span: Span) -> NDArray[Any]:
    """Read a .npy stream of a known size: header, checks, then the data."""
    version = np.lib.format.read_magic(stream)
    if version not in ((1, 0), (2, 0)):
        raise ValueError(f"version {version[0]}.{version[1]} of the npy format")
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read_header(stream, max_header_size=10_000)
    if dtype.kind not in "iuf" or dtype.itemsize > 8 or dtype.names is not None:
        raise error(f"{_full_name(path.name, name)} holds {dtype}, whole numbers or floats are needed", span)
    _check_shape(path, name, shape, span)
    wanted = prod(shape) * dtype.itemsize
    if wanted > size:
        raise ValueError(f"shape {list(shape)} needs {wanted} bytes, the file has {size}")
    data = stream.read(wanted + 1)
    if len(data) != wanted:
        raise ValueError(f"shape {list(shape)} needs {wanted} bytes, the file has {len(data)}")
    array = np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")
    return array.astype(dtype.newbyteorder("="))


def _read_safetensors(path: Path, name: str, span: Span) -> NDArray[Any]:
    from safetensors import SafetensorError, safe_open
    try:
        with safe_open(path, framework="numpy") as archive:
            names = list(archive.keys())
            if name not in names:
                raise _missing(path, name, names, span)
            view = archive.get_slice(name)
            dtype, shape = view.get_dtype(), tuple(view.get_shape())
            if dtype not in _DTYPES:
                raise error(f"{_full_name(path.name, name)} holds {dtype}, whole numbers or floats are needed", span)
            _check_shape(path, name, shape, span)
            _check_size(path, name, prod(shape) * _DTYPES[dtype], span)
            return np.asarray(archive.get_tensor(name))
    except (SafetensorError, *_BROKEN) as e:
        raise _broken(path, name, e, span) from None


def _check_size(path: Path, name: str, size: int, span: Span) -> None:
    if size > MAX_BYTES:
        raise error(f"{_full_name(path.name, name)} announces {size} bytes, at most {MAX_BYTES} are read", span)


def _check_shape(path: Path, name: str, shape: Sequence[int], span: Span) -> None:
    if any(n < 1 for n in shape):
        raise error(f"{_full_name(path.name, name)} has shape {list(shape)}, with an axis shorter than 1", span)


def _missing(path: Path, name: str, names: list[str], span: Span) -> Exception:
    wanted = f"no array named {name!r}" if name else "several arrays: the key `array` says which"
    return error(f"{path.name} has {wanted}", span, nearest(name, names[:1000]))


def _broken(path: Path, name: str, e: BaseException, span: Span) -> Exception:
    reason = str(e).splitlines()[0][:160] if str(e) else type(e).__name__
    return error(f"{_full_name(path.name, name)} cannot be read: {reason}", span)
