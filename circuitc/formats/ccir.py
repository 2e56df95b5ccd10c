"""The `.ccir` format: the IR's text form, with the numbers of large constants in a `.npz` beside it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import Constant, Module, parse_module, print_module

from .base import Format, read_bytes
from .files import companion_path
from .npz import read_npz, write_npz

_START = re.compile(rb"(?:\s|//[^\n]*\n)*ccir\s+\d")
_NAMED = re.compile(r'\bnpz\s+"([0-9a-f]{64})"')


def sniff(head: bytes) -> bool:
    """Tell the text form by its first word, comments left out."""
    return _START.match(head) is not None


def read_ccir(path: Path) -> Module:
    """Read a program; arrays that it names by digest come from the `.npz` file of its stem."""
    data = read_bytes(path)
    try:
        text = data.decode()
    except UnicodeDecodeError as e:
        raise error(f"{path}:{data.count(10, 0, e.start) + 1}: byte {data[e.start]:#04x} is not UTF-8 text") from None
    digests = sorted(set(_NAMED.findall(text)))
    large = read_npz(companion_path(path, f"{path.stem}.npz"), digests) if digests else {}
    module = parse_module(text, str(path), large)
    _check_digests(path, digests, module)
    return module


def _check_digests(path: Path, digests: Sequence[str], module: Module) -> None:
    """Refuse arrays that are not those whose digest the text names: the program would be another one."""
    found = {constant.digest for constant in module.constants.values()}
    for digest in digests:
        if digest not in found:
            raise error(f"{path}: the array {digest[:12]}... in {path.stem}.npz is not what its name says, or nothing "
                        "uses it", help="write the program and its arrays again, together")


def write_ccir(module: Module) -> Mapping[str, bytes]:
    """Print a module; constants over 4 KB go into a `.npz`."""
    large: dict[str, Constant] = {}
    text = print_module(module, large)
    content = {"": text.encode()}
    if large:
        content[".npz"] = write_npz({digest: _plain(constant) for digest, constant in large.items()})
    return content


def _plain(constant: Constant) -> NDArray[Any]:
    """Give the numbers in an ordinary dtype, least significant byte first (raw u64 are Python integers)."""
    array = constant.array.astype(np.uint64) if constant.array.dtype == object else constant.array
    return array.astype(array.dtype.newbyteorder("<"))


CCIR = Format("ccir", (".ccir",), "circuitc's own IR as text", sniff, read_ccir, write_ccir)
