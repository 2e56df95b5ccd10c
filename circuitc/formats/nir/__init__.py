"""NIR, the Neuromorphic Intermediate Representation: spiking networks in HDF5 files, read and written."""

from __future__ import annotations

from ..base import Format
from .read import OPTIONS, read_nir
from .write import network_bytes, write_nir

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def sniff(head: bytes) -> bool:
    """Tell an HDF5 file by its signature, which no other format here begins with."""
    return head.startswith(_SIGNATURE)


NIR = Format("nir", (".nir",), "spiking networks of NIR (HDF5); the step dt is an option", sniff, read_nir, write_nir,
             options=OPTIONS)

__all__ = ["NIR", "network_bytes", "read_nir", "write_nir"]
