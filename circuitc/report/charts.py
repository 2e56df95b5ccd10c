"""Histograms, curves with their intervals, and stacked bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .svg import COLOURS, Svg, legend, number, ticks

_WIDTH, _LEFT, _HEIGHT = 640.0, 52.0, 110.0


def histograms(title: str, axis: str, series: Mapping[str, Sequence[float]], cut: float | None = None) -> str:
    """Draw a histogram a series, one under another on the same axis; what lies below `cut` is orange."""
    everything = np.array([v for values in series.values() for v in values], dtype=np.float64)
    low, high = _range(everything, cut)
    edges = np.linspace(low, high, 33)
    if cut is not None:   # no bar lies on both sides of the cut
        edges += cut - edges[np.argmin(np.abs(edges - cut))]
        edges = np.append(edges, edges[-1] + edges[1] - edges[0]) if edges[-1] < high else edges
        edges = np.insert(edges, 0, edges[0] - (edges[1] - edges[0])) if edges[0] > low else edges
        low, high = float(edges[0]), float(edges[-1])
    svg = Svg(_WIDTH, 30 + len(series) * (_HEIGHT + 40) + 20, title)
    svg.text(4, 14, title, "t")
    across = (_WIDTH - _LEFT - 12) / (high - low)
    for k, (name, values) in enumerate(series.items()):
        base = 30 + k * (_HEIGHT + 40) + _HEIGHT + 12
        counts = np.histogram(np.asarray(values, dtype=np.float64), edges)[0]
        most = max(1, int(counts.max(initial=1)))
        svg.text(_LEFT, base - _HEIGHT - 4, name)
        for edge, after, count in zip(edges[:-1], edges[1:], counts.tolist(), strict=True):
            if count:
                bad = cut is not None and after <= cut + 1e-12
                svg.add("rect", hint=f"{count} from {edge:.3g} to {after:.3g}", x=_LEFT + (edge - low) * across,
                        y=base - _HEIGHT * count / most, width=max(1.0, (after - edge) * across - 1),
                        height=_HEIGHT * count / most, fill=COLOURS[3 if bad else 0])
        _across(svg, low, high, base, across, axis if k == len(series) - 1 else "")
        svg.text(_LEFT - 5, base - _HEIGHT + 8, str(most), "m e")
        svg.text(_LEFT - 5, base, "0", "m e")
        if cut is not None and low <= cut <= high:
            svg.line(_LEFT + (cut - low) * across, base - _HEIGHT, _LEFT + (cut - low) * across, base, "k",
                     stroke_dasharray="4 3")
    return svg.inline()


def _range(values: Any, cut: float | None) -> tuple[float, float]:
    low, high = float(values.min(initial=np.inf)), float(values.max(initial=-np.inf))
    low, high = (low, high) if low <= high else (0.0, 1.0)
    if cut is not None:
        low, high = min(low, cut), max(high, cut)
    room = 0.03 * (high - low) or 0.5
    return low - room, high + room


def _across(svg: Svg, low: float, high: float, base: float, across: float, words: str) -> None:
    svg.line(_LEFT, base, _WIDTH - 12, base, "k")
    for value in ticks(low, high, 8):
        x = _LEFT + (value - low) * across
        svg.line(x, base, x, base + 4, "k")
        svg.text(x, base + 16, f"{value:.3g}", "m c")
    if words:
        svg.text((_LEFT + _WIDTH) / 2, base + 32, words, "m c")


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A mean in percent at an amount, with half of its 95 % interval (None: one run only)."""

    amount: float
    mean: float
    half: float | None


def curve(title: str, axis: str, points: Sequence[CurvePoint]) -> str:
    """Draw means in percent with their intervals over an amount that begins at 0."""
    most = max((p.amount for p in points), default=1.0) or 1.0
    low = min(99.0, max(0.0, min((p.mean - (p.half or 0) for p in points), default=0) - 2))
    svg = Svg(_WIDTH, 250, title)
    base, across, up = 200.0, (_WIDTH - _LEFT - 24) / most, 160 / (100 - low)
    svg.text(4, 14, title, "t")
    svg.text(4, 32, "%", "m")
    for value in ticks(low, 100, 5):
        svg.line(_LEFT, base - (value - low) * up, _WIDTH - 12, base - (value - low) * up)
        svg.text(_LEFT - 5, base - (value - low) * up + 4, f"{value:g}", "m e")
    _across(svg, 0.0, most, base, across, axis)
    places = [(_LEFT + p.amount * across, base - (p.mean - low) * up, p) for p in points]
    svg.add("polyline", points=" ".join(f"{number(x)},{number(y)}" for x, y, _ in places), fill="none",
            stroke=COLOURS[0], stroke_width=1.5)
    for x, y, p in places:
        if p.half:
            top, bottom = base - (min(100, p.mean + p.half) - low) * up, base - (max(low, p.mean - p.half) - low) * up
            svg.add("path", d=f"M{number(x)} {number(top)}V{number(bottom)}M{number(x - 4)} {number(top)}h8"
                    f"M{number(x - 4)} {number(bottom)}h8", stroke=COLOURS[0], fill="none")
        said = f"{p.mean:.2f} %" + (f" +- {p.half:.2f}" if p.half is not None else "")
        svg.add("circle", hint=f"{p.amount:g}: {said}", cx=x, cy=y, r=3.5, fill=COLOURS[0])
    return svg.inline()


def stacked_bars(title: str, rows: Mapping[str, Mapping[str, float]], unit: str, kinds: Sequence[str]) -> Svg:
    """Draw a bar a row, in parts by kind, with the whole written at its end; all on one scale."""
    widest = max((sum(parts.values()) for parts in rows.values()), default=0.0) or 1.0
    left = 24 + 6.4 * max((len(name) for name in rows), default=0)
    svg = Svg(left + 560, 62 + 22 * len(rows), title)
    svg.text(4, 14, title, "t")
    legend(svg, 4, 34, iter([(COLOURS[k], kind) for k, kind in enumerate(kinds)]))
    for n, (name, parts) in enumerate(rows.items()):
        y, x = 48.0 + 22 * n, left
        svg.text(left - 8, y + 12, name, "e")
        for k, kind in enumerate(kinds):
            width = 440 * parts.get(kind, 0.0) / widest
            if width > 0:
                svg.add("rect", hint=f"{name}, {kind}: {parts[kind]:.4g} {unit}", x=x, y=y, width=width, height=16,
                        fill=COLOURS[k])
            x += width
        svg.text(x + 6, y + 12, f"{sum(parts.values()):.4g} {unit}" if parts else "refused", "m")
    return svg
