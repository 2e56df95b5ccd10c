"""HDF5 files as plain trees of arrays, read as input that may be hostile.

Only hard links are followed, and into a group only once. What a file says of sizes is checked before anything is read:
whole file, groups, names, numbers in all and beside what is stored of them, chunks (which HDF5 unpacks whole). Data
outside the file (external links and storage, virtual datasets), references, and filters that would load a plug-in are
refused.
"""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from circuitc.diagnostics import CircuitError, error

Tree = dict[str, Any]       # str -> Tree, an array, a string, or an array of strings

MAX_FILE_BYTES = 1 << 31
MAX_BYTES = 1 << 30         # of all datasets, unpacked
MAX_RATIO = 1100            # of bytes to stored bytes: deflate packs 1032 into one at best
SMALL_BYTES = 1 << 20       # what may be stored anyhow, such as zeros that were never written
MAX_CHUNK_BYTES = 1 << 28
MAX_OBJECTS = 1 << 17       # about 0.1 ms each
MAX_DEPTH = 32
MAX_STRINGS = 1 << 21
MAX_STRING_BYTES = 1 << 12  # of a string of fixed length
_FILTERS = ("gzip", "lzf", None)
_BROKEN = (OSError, RuntimeError, ValueError, KeyError, TypeError, AttributeError, UnicodeError, OverflowError,
           MemoryError, NotImplementedError, EOFError)


def h5py() -> Any:
    """Give the h5py module, or say how to get it."""
    try:
        import h5py as module
    except ImportError:
        raise error("HDF5 files need the package h5py", help="pip install circuitc[nir]") from None
    return module


def read_tree(path: Path, root: str) -> Tree:
    """Read a group of a file with all that it holds."""
    module = h5py()
    try:
        if path.stat().st_size > MAX_FILE_BYTES:
            raise error(f"{path}: has more than the {MAX_FILE_BYTES} bytes that this format reads")
        with module.File(path, "r", locking=False) as file:
            if root not in file or not isinstance(file.get(root, getlink=True), module.HardLink):
                raise error(f"{path}: is an HDF5 file without a group {root}, so not NIR")
            return _Reader(module, path).group(file[root], root, 0)
    except CircuitError:
        raise
    except _BROKEN as e:
        raise error(f"{path}: is a broken HDF5 file ({' '.join(str(e).split())[:100]})") from None


class _Reader:
    """One reading of a file, with what was read so far."""

    def __init__(self, module: Any, path: Path) -> None:
        self.h5, self.path = module, path
        self.bytes = self.objects = 0
        self.groups: set[tuple[int, int]] = set()

    def fail(self, place: str, what: str) -> CircuitError:
        return error(f"{self.path}: {place[:200]}: {what}")

    def group(self, group: Any, place: str, above: int) -> Tree:
        if not isinstance(group, self.h5.Group):
            raise self.fail(place, "is a dataset where a group is needed")
        if above >= MAX_DEPTH:
            raise self.fail(place, f"groups lie in each other more than {MAX_DEPTH} deep")
        info = self.h5.h5o.get_info(group.id)
        if (info.fileno, info.addr) in self.groups:
            raise self.fail(place, "is a group that stands at another place too")
        self.groups.add((info.fileno, info.addr))
        found: Tree = {}
        for name in group:
            self.objects += 1
            if self.objects > MAX_OBJECTS:
                raise self.fail(place, f"the file has more than {MAX_OBJECTS} objects")
            here = f"{place}/{name}"
            link = group.get(name, getlink=True)
            if not isinstance(link, self.h5.HardLink):
                raise self.fail(here, "is a link to elsewhere, which is not followed")
            item = group[name]
            if isinstance(item, self.h5.Dataset):
                found[name] = self.dataset(item, here)
            else:
                found[name] = self.group(item, here, above + 1)
        return found

    def dataset(self, item: Any, place: str) -> Any:
        """Read one dataset: an array of numbers, a string, or an array of strings."""
        plan = item.id.get_create_plist()
        if item.is_virtual or item.external or plan.get_layout() == self.h5.h5d.VIRTUAL:
            raise self.fail(place, "its data lies outside the file, which is not followed")
        if item.shape is None:
            raise self.fail(place, "has no content")
        if item.compression not in _FILTERS or not self._plain_filters(plan):
            raise self.fail(place, "is compressed in a way other than gzip or lzf")
        strings = self.h5.check_string_dtype(item.dtype)
        if strings is None and (item.dtype.kind not in "iufb" or item.dtype.itemsize > 8):
            raise self.fail(place, f"holds {item.dtype}, not numbers or text")
        if item.chunks is not None and prod(item.chunks) * item.dtype.itemsize > MAX_CHUNK_BYTES:
            raise self.fail(place, f"has a chunk of more than {MAX_CHUNK_BYTES} bytes")
        self._count(item, place)
        value = item[()]
        if strings is None:
            array = np.asarray(value)
            return array.astype(array.dtype.newbyteorder("=")) if array.dtype.kind != "b" else array.astype(np.int64)
        return np.vectorize(_text, otypes=[object])(value) if item.shape else _text(value)

    def _count(self, item: Any, place: str) -> None:
        count = prod(item.shape)
        size = count * max(1, item.dtype.itemsize)
        self.bytes += size
        if self.bytes > MAX_BYTES or (item.dtype.kind in "OS" and count > MAX_STRINGS):
            raise self.fail(place, f"with it the file unpacks to more than {MAX_BYTES} bytes or {MAX_STRINGS} strings")
        if item.dtype.kind == "S" and item.dtype.itemsize > MAX_STRING_BYTES:
            raise self.fail(place, f"has strings of {item.dtype.itemsize} bytes, at most {MAX_STRING_BYTES} are read")
        stored = item.id.get_storage_size()
        if size > max(SMALL_BYTES, MAX_RATIO * stored):
            raise self.fail(place, f"announces {size} bytes, and {stored} are stored")

    def _plain_filters(self, plan: Any) -> bool:
        z = self.h5.h5z
        plain = (z.FILTER_DEFLATE, z.FILTER_SHUFFLE, z.FILTER_FLETCHER32, z.FILTER_LZF)
        return all(plan.get_filter(k)[0] in plain for k in range(plan.get_nfilters()))


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


__all__ = ["MAX_DEPTH", "Tree", "h5py", "read_tree"]
