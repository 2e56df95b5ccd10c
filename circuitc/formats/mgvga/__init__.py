"""Graphs of the MGVGA and OpenABC-D data sets: PyTorch Geometric files, read and written without PyTorch."""

from __future__ import annotations

from ..base import Format
from .archive import LEGACY_MAGIC
from .build_graph import graph_of_netlist
from .graph import GateGraph
from .read import parse_mgvga, read_mgvga
from .views import ExpandedGraph, MaskedView, expand_inverters, mask
from .write import encode_graph, write_mgvga, write_zipped


def sniff(head: bytes) -> bool:
    """Tell a PyTorch file by its first member, and PyTorch's older format, which is refused by name."""
    if LEGACY_MAGIC in head[:16]:
        return True
    name = head[30:30 + int.from_bytes(head[26:28], "little")]
    return head.startswith(b"PK\3\4") and (name.endswith(b".pt") or name.split(b"/")[-1] == b"data.pkl")


MGVGA = Format("mgvga", (".pt",), "graphs of MGVGA and OpenABC-D for PyTorch Geometric (also in .pt.zip)", sniff,
               read_mgvga, write_mgvga)
MGVGA_ZIP = Format("mgvga-zip", (".pt.zip",), "the same graphs, compressed as OpenABC-D keeps them", lambda _: False,
                   read_mgvga, write_zipped)

__all__ = ["MGVGA", "MGVGA_ZIP", "ExpandedGraph", "GateGraph", "MaskedView", "encode_graph", "expand_inverters",
           "graph_of_netlist", "mask", "parse_mgvga", "read_mgvga", "write_mgvga"]
