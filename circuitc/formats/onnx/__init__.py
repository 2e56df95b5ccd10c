"""ONNX and QONNX: trained networks, floats as floats, quantizers as exact types."""

from pathlib import Path

from circuitc.ir import Module

from ..base import Format
from .ports import Reading
from .read import OPERATORS, SEVERAL, read_onnx
from .stream import read_stream


def sniff(head: bytes) -> bool:
    """Tell a model by its first fields: the version of its format, then a text (producer, domain) or the graph."""
    return len(head) > 4 and head[0] == 0x08 and 1 <= head[1] <= 32 and head[2] in (0x12, 0x1a, 0x22, 0x3a, 0x42)


def read(path: Path) -> Module:
    """Read a model as its file describes it."""
    return read_onnx(path)


ONNX = Format("onnx", (".onnx",), "trained networks: ONNX, QONNX and quantize-dequantize pairs (needs circuitc[onnx])",
              sniff, read)

__all__ = ["ONNX", "OPERATORS", "SEVERAL", "Reading", "read_onnx", "read_stream"]
