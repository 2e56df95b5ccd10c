"""A figure of a training: gap and accuracy over iterations (needs matplotlib)."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from circuitc.diagnostics import error
from circuitc.formats.files import write_files

from .trial import TRACE_COLUMNS, Trial

FORMATS = (".png", ".svg", ".pdf")


def check_figure(path: Path) -> None:
    """Refuse before training what could not be drawn after it."""
    if path.suffix.lower() not in FORMATS:
        raise error(f"{path}: a figure is {', '.join(FORMATS)}")
    _pyplot()


def _pyplot() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise error("a figure needs matplotlib", help="pip install 'circuitc[learn]'") from None
    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "circuitc"  # the same figure, the same bytes
    from matplotlib import pyplot
    return pyplot


def write_figure(path: Path, trials: Sequence[Trial]) -> None:
    """Draw the gap (logarithmic) above the share of right bits, one line a start."""
    check_figure(path)
    pyplot = _pyplot()
    figure, (gaps, right) = pyplot.subplots(2, 1, sharex=True, figsize=(7, 5), layout="constrained")
    for trial in trials:
        columns = dict(zip(TRACE_COLUMNS, zip(*trial.rows, strict=True), strict=False))
        if not columns:
            continue
        (line,) = gaps.plot(columns["iteration"], columns["gap"], label=f"start {trial.number}", linewidth=1)
        right.plot(columns["iteration"], columns["train"], color=line.get_color(), linewidth=1)
        if "test" in columns:
            right.plot(columns["iteration"], columns["test"], color=line.get_color(), linewidth=1, linestyle=":")
    gaps.axhline(trials[0].settings.gap, color="black", linewidth=0.5)
    gaps.set(yscale="log", ylabel="gap")
    right.set(xlabel="iterations", ylabel="bits right (%), test dotted")
    if len(trials) <= 10:
        gaps.legend(fontsize="small")
    content = io.BytesIO()
    kind = path.suffix.lower().removeprefix(".")
    figure.savefig(content, format=kind, metadata={"png": {}, "svg": {"Date": None}}.get(kind, {"CreationDate": None}))
    pyplot.close(figure)
    write_files({path: content.getvalue()})
