"""The file itself: protobuf bytes to nodes and arrays, trusting nothing in them. Needs the package `onnx`."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import CircuitError, error

from ..base import read_bytes
from ..files import companion_path

MAX_TENSOR_BYTES = 1 << 30
FLOAT, EXTERNAL = 1, 1
_DTYPES: Mapping[int, tuple[str, float]] = {  # ONNX's number of a type: its name and bytes an element
    1: ("float32", 4), 2: ("uint8", 1), 3: ("int8", 1), 4: ("uint16", 2), 5: ("int16", 2), 6: ("int32", 4),
    7: ("int64", 8), 9: ("bool", 1), 10: ("float16", 2), 11: ("float64", 8), 12: ("uint32", 4), 13: ("uint64", 8),
    21: ("uint4", 0.5), 22: ("int4", 0.5)}


def onnx_package() -> Any:
    """Give the package onnx, or say how it is installed."""
    try:
        import onnx
    except ImportError:
        raise error("reading ONNX needs the package onnx", help="pip install 'circuitc[onnx]'") from None
    return onnx


def read_model(path: Path) -> Any:
    """Give the model of a file as onnx's own message; nonsense is refused in one line."""
    onnx = onnx_package()
    data = read_bytes(path)
    from google.protobuf.message import DecodeError
    try:
        model = onnx.ModelProto.FromString(data)
    except (DecodeError, ValueError, RuntimeError) as e:
        raise error(f"{path}: is not an ONNX model, or a part of one ({str(e).splitlines()[0][:80]})") from None
    if not model.HasField("graph") or not model.ir_version:
        raise error(f"{path}: is not an ONNX model: it has no graph")
    if not _is_text(model):
        raise error(f"{path}: has a name that is no text in UTF-8")
    return model


def _is_text(message: Any) -> bool:
    """Tell whether all texts of a message are; what is no UTF-8, protobuf hands out as bytes without a word."""
    for kind, value in message.ListFields():
        if kind.type not in (kind.TYPE_STRING, kind.TYPE_MESSAGE):
            continue
        each = value if hasattr(value, "append") or hasattr(value, "add") else (value,)
        if not all(isinstance(v, str) if kind.type == kind.TYPE_STRING else _is_text(v) for v in each):
            return False
    return True


def dtype_name(kind: int) -> str:
    """Name a tensor's element type."""
    return _DTYPES[kind][0] if kind in _DTYPES else f"element type {kind}"


class Tensors:
    """Arrays out of a model's messages; external data lie in the model's folder or below it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def array(self, tensor: Any, where: str) -> NDArray[Any]:
        """Give a tensor's numbers. Sizes are checked before memory is taken."""
        dims = tuple(int(d) for d in tensor.dims)
        if tensor.data_type not in _DTYPES:
            raise error(f"{where}: holds {dtype_name(tensor.data_type)}, which is not read")
        if any(d < 0 for d in dims):
            raise error(f"{where}: has shape {list(dims)[:16]}")
        name, size = _DTYPES[tensor.data_type]
        wanted = -(-int(prod(dims) * size * 2) // 2)
        if prod(dims) * max(size, 1) > MAX_TENSOR_BYTES:
            raise error(f"{where}: shape {list(dims)[:16]} needs more than the {MAX_TENSOR_BYTES} bytes that are read")
        if tensor.data_location == EXTERNAL:
            return self._external(tensor, dims, name, wanted, where)
        try:
            array = onnx_package().numpy_helper.to_array(tensor)
        except (ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError, OverflowError) as e:
            reason = str(e).splitlines()[0][:100] if str(e) else type(e).__name__
            raise error(f"{where}: cannot be read: {reason}") from None
        if array.shape != dims:
            raise error(f"{where}: shape {list(dims)[:16]} does not fit its {array.size} numbers")
        return np.asarray(array)

    def _external(self, tensor: Any, dims: tuple[int, ...], name: str, wanted: int, where: str) -> NDArray[Any]:
        entries = {e.key: e.value for e in tensor.external_data}
        try:
            file = companion_path(self.path, entries.get("location", ""))
            offset, length = int(entries.get("offset", "0")), int(entries.get("length", str(wanted)))
        except ValueError:
            raise error(f"{where}: its external data have a place that is no number") from None
        except CircuitError as e:
            raise error(f"{where}: {e.diagnostics[0].message}", help=e.diagnostics[0].help) from None
        if name in ("uint4", "int4", "bool") or length != wanted or offset < 0:
            raise error(f"{where}: its external data are {length} bytes, {list(dims)[:16]} of {name} needs {wanted}")
        try:
            if not file.is_file():
                raise error(f"{where}: there is no file {entries['location'][:100]} beside the model")
            with file.open("rb") as stream:
                stream.seek(offset)
                data = stream.read(wanted)
        except OSError as e:
            raise error(f"{where}: {e.strerror or e}") from None
        if len(data) != wanted:
            raise error(f"{where}: its external data end after {len(data)} of {wanted} bytes")
        return np.frombuffer(data, np.dtype(name).newbyteorder("<")).reshape(dims).astype(name)

    def attribute(self, attribute: Any, where: str) -> Any:
        """Give an attribute's value as plain Python or numpy; graphs are refused by whoever reads the node."""
        match attribute.type:
            case 1:
                return float(attribute.f)
            case 2:
                return int(attribute.i)
            case 3:
                return bytes(attribute.s)
            case 4:
                return self.array(attribute.t, f"{where}: attribute {attribute.name}")
            case 6:
                return [float(v) for v in attribute.floats]
            case 7:
                return [int(v) for v in attribute.ints]
            case 8:
                return [bytes(v) for v in attribute.strings]
            case _:
                raise error(f"{where}: its attribute {attribute.name[:40]} is of a kind that is not read")
