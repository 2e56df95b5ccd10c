"""Figures as SVG text, readable on light and dark, the same bytes each time; every text that is put in is escaped."""

from __future__ import annotations

import base64
import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Okabe and Ito's colours, told apart with every kind of colour vision.
COLOURS = ("#0072b2", "#e69f00", "#56b4e9", "#d55e00", "#cc79a7", "#009e73", "#8a8a8a")
LIGHT = "--ink:#1b1b1f;--muted:#5b5b66;--line:#c9c9d2;--paper:#ffffff;--panel:#f4f4f7"
DARK = "--ink:#ececf1;--muted:#a8a8b4;--line:#4a4a55;--paper:#17171b;--panel:#222228"
STYLE = (f":root{{{LIGHT}}}@media(prefers-color-scheme:dark){{:root{{{DARK}}}}}"
         "svg text{font:11px system-ui,sans-serif;fill:var(--ink)}svg .m{fill:var(--muted)}"
         "svg .l{stroke:var(--line);fill:none}svg .k{stroke:var(--ink);fill:none}"
         "svg .e{text-anchor:end}svg .c{text-anchor:middle}svg .t{font-weight:600}")


@dataclass
class Svg:
    """A figure as it grows; coordinates are pixels. `title` is what readers of screens are told."""

    width: float
    height: float
    title: str
    parts: list[str] = field(default_factory=list)

    def add(self, name: str, content: str = "", hint: str = "", **attributes: Any) -> None:
        """Add an element; `hint` shows under the pointer. Underscores in names of attributes stand for dashes."""
        said = "".join(f' {k.rstrip("_").replace("_", "-")}="{escape(number(v))}"' for k, v in attributes.items())
        inside = (f"<title>{escape(hint)}</title>" if hint else "") + escape(content)
        self.parts.append(f"<{name}{said}>{inside}</{name}>" if inside else f"<{name}{said}/>")

    def text(self, x: float, y: float, content: str, kind: str = "", **attributes: Any) -> None:
        """Put a text with its base line at y; kinds: m muted, e ends at x, c centred on x, t a title."""
        more = {"class_": kind} if kind else {}
        self.add("text", content, x=x, y=y, **more, **attributes)

    def line(self, x1: float, y1: float, x2: float, y2: float, kind: str = "l", **attributes: Any) -> None:
        self.add("line", x1=x1, y1=y1, x2=x2, y2=y2, class_=kind, **attributes)

    def inline(self) -> str:
        """Give the figure for a page that has STYLE."""
        size = f'width="{number(self.width)}" height="{number(self.height)}"'
        return "\n".join([f'<svg xmlns="http://www.w3.org/2000/svg" {size} viewBox="0 0 {number(self.width)} '
                          f'{number(self.height)}" role="img"><title>{escape(self.title)}</title>',
                          *self.parts, "</svg>"])

    def file(self) -> str:
        """Give the figure as a file of its own."""
        head, _, rest = self.inline().partition("</title>")
        paper = '<rect width="100%" height="100%" fill="var(--paper)"/>'
        return f"{head}</title><style>{STYLE}</style>{paper}{rest}\n"


def number(value: Any) -> str:
    """Spell a coordinate with at most two decimals, and leave texts as they are."""
    if isinstance(value, (float, np.floating)):
        return f"{value:.2f}".rstrip("0").rstrip(".") if math.isfinite(value) else "0"
    return str(value)


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Choose round numbers from low to high: steps of 1, 2 or 5 times a power of ten."""
    if not high > low:
        return [low]
    raw = (high - low) / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * m for m in (1, 2, 5, 10) if power * m >= raw * 0.999)
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def png(pixels: NDArray[np.uint8]) -> str:
    """Give pixels, [rows, columns, 4] of red, green, blue and opacity, as a PNG in a data address."""
    rows, columns = pixels.shape[:2]
    lines = np.concatenate([np.zeros((rows, 1), dtype=np.uint8), pixels.reshape(rows, -1)], axis=1).tobytes()
    chunks = {b"IHDR": struct.pack(">IIBBBBB", columns, rows, 8, 6, 0, 0, 0), b"IDAT": zlib.compress(lines, 9),
              b"IEND": b""}
    content = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks.items())
    return "data:image/png;base64," + base64.b64encode(content).decode()


def legend(svg: Svg, x: float, y: float, entries: Iterator[tuple[str, str]]) -> None:
    """Put a row of colours and what they stand for."""
    for colour, words in entries:
        svg.add("rect", x=x, y=y - 9, width=10, height=10, fill=colour)
        svg.text(x + 14, y, words)
        x += 26 + 6.4 * len(words)
