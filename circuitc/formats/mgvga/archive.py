"""Open PyTorch's zip files: `data.pkl` and raw storages become named numbers, texts, lists and arrays."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from types import MappingProxyType
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import CircuitError, error

from .pickled import Decoder, Record, Stub

MAX_PICKLE_BYTES = 1 << 26    # 2 us a byte at worst
MAX_STORAGE_BYTES = 1 << 31   # of all storages together
MAX_INNER_BYTES = 1 << 30     # of the .pt in a .pt.zip
MAX_RATIO = 200               # graphs compress by 5 to 50; what is tighter than this is a bomb
MAX_MEMBERS = 4096
LEGACY_MAGIC = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, KeyError, NotImplementedError, RuntimeError,
           OverflowError, MemoryError, IndexError, UnicodeError, TypeError)
_DTYPES = MappingProxyType({"Long": "i8", "Int": "i4", "Short": "i2", "Char": "i1", "Byte": "u1", "Bool": "?",
                            "Float": "f4", "Double": "f8", "Half": "f2"})
_GEOMETRIC = "torch_geometric.data."


def read_data(data: bytes, source: str) -> tuple[dict[str, Any], str]:
    """Give the attributes of the `Data` object in a `.pt` or `.pt.zip`, and which PyG layout it had."""
    refuse_legacy(data, source)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as outer:
            inner = _inner_pt(outer, source)
        if inner is not None:
            refuse_legacy(inner, source)
        with zipfile.ZipFile(io.BytesIO(data if inner is None else inner)) as archive:
            return _attributes(_Archive(archive, source).decode(), source)
    except CircuitError:
        raise
    except _BROKEN as e:
        raise error(f"{source}: is not a whole PyTorch file ({' '.join(str(e).split())[:80]})") from None


def refuse_legacy(data: bytes, source: str) -> None:
    """Refuse what is no zip: the formats of PyTorch before 1.6, and bare pickles."""
    if LEGACY_MAGIC in data[:16]:
        raise error(f"{source}: is in PyTorch's format before 1.6, a chain of pickles", help="load it with a PyTorch "
                    "you trust it with and save it again: torch.save writes zip files since 1.6")
    if not data.startswith(b"PK\3\4"):
        what = "a bare pickle" if data[:1] == b"\x80" else "no zip file"
        raise error(f"{source}: is {what}, a PyTorch graph is a zip file with data.pkl")


def _inner_pt(archive: zipfile.ZipFile, source: str) -> bytes | None:
    """Give the one `.pt` in a `.pt.zip`, None where the archive is a `.pt` itself."""
    members = archive.infolist()
    if any(info.filename.split("/")[-1] == "data.pkl" for info in members):
        return None
    held = [info for info in members if info.filename.endswith(".pt")]
    if len(held) != 1:
        raise error(f"{source}: the zip file holds {len(held)} .pt files and no data.pkl, one graph is read",
                    help="unpack it and read the graphs one by one" if held else "")
    return _member(archive, held[0], MAX_INNER_BYTES, source)


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, limit: int, source: str) -> bytes:
    """Read a member whose announced size is reasonable."""
    if info.file_size > limit:
        raise error(f"{source}: {info.filename[:80]!r} announces {info.file_size} bytes, at most {limit} are read")
    if info.compress_size > archive.start_dir:
        raise error(f"{source}: {info.filename[:80]!r} announces {info.compress_size} bytes in a file of "
                    f"{archive.start_dir}")
    if info.file_size > (1 << 20) and info.file_size > MAX_RATIO * max(1, info.compress_size):
        raise error(f"{source}: {info.filename[:80]!r} unpacks {info.compress_size} bytes to {info.file_size}, which "
                    "no graph does")
    return archive.read(info)


@dataclass(frozen=True, slots=True)
class _Storage:
    """The numbers of a member: a class of its own, so that no tensor (perhaps a view with strides) passes for one."""

    numbers: NDArray[Any]


class _Archive:
    """The members of one `.pt`, each storage read once."""

    def __init__(self, archive: zipfile.ZipFile, source: str) -> None:
        members = archive.infolist()
        if len(members) > MAX_MEMBERS:
            raise error(f"{source}: the zip file has {len(members)} members, at most {MAX_MEMBERS} are read")
        pickles = [info.filename for info in members if info.filename.split("/")[-1] == "data.pkl"]
        if len(pickles) != 1:
            raise error(f"{source}: the zip file holds data.pkl {len(pickles)} times")
        self._archive, self._source = archive, source
        self._folder = pickles[0].removesuffix("data.pkl")
        self._names = {info.filename: info for info in members}
        self._left = MAX_STORAGE_BYTES
        self._storages: dict[tuple[str, str], NDArray[Any]] = {}
        self._order: Literal["<", ">"] = self._byte_order()

    def decode(self) -> Any:
        info = self._names[f"{self._folder}data.pkl"]
        stubs = {stub.name: stub for stub in _stubs()}
        return Decoder(self._source, stubs, self._storage).decode(
            _member(self._archive, info, MAX_PICKLE_BYTES, self._source))

    def _byte_order(self) -> Literal["<", ">"]:
        info = self._names.get(f"{self._folder}byteorder")
        text = _member(self._archive, info, 64, self._source).strip() if info else b"little"
        if text not in (b"little", b"big"):
            raise error(f"{self._source}: the byte order is {text!r}, not little or big")
        return "<" if text == b"little" else ">"

    def _storage(self, identity: Any) -> _Storage:
        """Answer a persistent id ('storage', class, key, device, count) with the numbers of that member."""
        match identity:
            case ("storage", Stub(name=name), str() as key, str(), int() as count, *_) if (
                    name.startswith("torch.") and name.endswith("Storage")):
                pass
            case _:
                raise error(f"{self._source}: data.pkl refers to something that is not a storage of numbers")
        if (name, key) not in self._storages:
            self._storages[name, key] = self._numbers(name, key)
        numbers = self._storages[name, key]
        if count != len(numbers):
            raise error(f"{self._source}: storage {key[:40]!r} has {len(numbers)} numbers, data.pkl says {count}")
        return _Storage(numbers)

    def _numbers(self, name: str, key: str) -> NDArray[Any]:
        info = self._names.get(f"{self._folder}data/{key}")
        if info is None:
            raise error(f"{self._source}: storage {key[:40]!r} is not in the zip file")
        content = _member(self._archive, info, self._left, self._source)
        self._left -= len(content)
        dtype = np.dtype(_DTYPES[name.removeprefix("torch.").removesuffix("Storage")])
        if len(content) % dtype.itemsize:
            raise error(f"{self._source}: storage {key[:40]!r} of {len(content)} bytes is cut off")
        return np.frombuffer(content, dtype.newbyteorder(self._order))


def _stubs() -> list[Stub]:
    """List every global that a graph may name; all others are refused."""
    classes = ("data.Data", "storage.GlobalStorage")
    mentioned = ("data.DataTensorAttr", "data.DataEdgeAttr")
    return [
        *(Stub(_GEOMETRIC + name, lambda arguments, name=name: _record(name, arguments)) for name in classes),
        *(Stub(_GEOMETRIC + name) for name in mentioned),
        *(Stub(f"torch.{kind}Storage") for kind in _DTYPES),
        Stub("torch._utils._rebuild_tensor_v2", _tensor),
        Stub("collections.OrderedDict", _ordered_dict),
    ]


def _record(name: str, arguments: tuple[Any, ...]) -> Record:
    """Make an object; `Data(x, edge_index, edge_attr, y, pos)` may have its first attributes as arguments."""
    names = ("x", "edge_index", "edge_attr", "y", "pos") if name == "data.Data" else ()
    if len(arguments) > len(names):
        raise ValueError(f"{name} is made with {len(arguments)} arguments")
    return Record(name, dict(zip(names, arguments, strict=False)))


def _ordered_dict(arguments: tuple[Any, ...]) -> dict[str, Any]:
    if arguments:
        raise ValueError("an OrderedDict is made with arguments")
    return {}


def _tensor(arguments: tuple[Any, ...]) -> NDArray[Any]:
    """Rebuild a tensor from (storage, offset, size, stride, ...); it must lie inside its storage."""
    match arguments:
        case (_Storage(numbers=storage), int() as offset, tuple() as size, tuple() as stride, *rest) if len(rest) <= 3:
            pass
        case _:
            raise ValueError("a tensor is not made of a storage, an offset, a size and strides")
    shape, steps = cast("tuple[Any, ...]", size), cast("tuple[Any, ...]", stride)
    if len(shape) != len(steps) or len(shape) > 8 or not all(
            type(n) is int and 0 <= n < 1 << 40 for n in (offset, *shape, *steps)):
        raise ValueError("a tensor has a size or stride that is not a list of natural numbers")
    count = prod(shape)
    last = offset + sum((n - 1) * step for n, step in zip(shape, steps, strict=True)) if count else -1
    if count > len(storage) or last >= len(storage):
        raise ValueError(f"a tensor of size {list(shape)}, stride {list(steps)} and offset {offset} reaches beyond "
                         f"its storage of {len(storage)} numbers")
    if not count:
        return np.zeros(shape if prod(max(n, 1) for n in shape) < 1 << 20 else (0,), storage.dtype)
    strides = tuple(step * storage.itemsize for step in steps)
    return np.lib.stride_tricks.as_strided(storage[offset:], shape, strides, writeable=False)


def _attributes(value: Any, source: str) -> tuple[dict[str, Any], str]:
    """Find the attributes of a Data object: its own (PyG 1) or those of its storage's mapping (PyG 2)."""
    if not isinstance(value, Record) or value.name != "data.Data":
        what = value.name if isinstance(value, Record) else type(cast("object", value)).__name__
        raise error(f"{source}: the file holds {what}, not a torch_geometric Data object")
    store = value.fields.get("_store")
    if store is None:
        return value.fields, "PyG 1" if "edge_attr" in value.fields else "items"
    mapping = store.fields.get("_mapping") if isinstance(store, Record) else None
    if not isinstance(mapping, dict):
        raise error(f"{source}: the Data object's storage has no mapping of attributes")
    return _texts(cast("Mapping[Any, Any]", mapping)), "PyG 2"


def _texts(mapping: Mapping[Any, Any]) -> dict[str, Any]:
    return {key: value for key, value in mapping.items() if isinstance(key, str)}


