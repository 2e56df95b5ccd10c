"""`circuitc report`: what a build holds, as text, JSON or a page of HTML."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer

from circuitc.build import changed_files, memory_files, read_json
from circuitc.crossbar import Program
from circuitc.crossbar import load as load_bundle
from circuitc.data import encoded_inputs, read_arrays
from circuitc.diagnostics import error
from circuitc.driver import load
from circuitc.formats import write_files
from circuitc.passes import sample_inputs
from circuitc.report import html_page
from circuitc.report.costs import cost_json, cost_lines
from circuitc.report.facts import build_page, level_of, method_of, words_of
from circuitc.simulation.crossbar.cost import Cost, estimate
from circuitc.synthesis import Survey, has_modules, survey, verilog_of_parts

from .app import EXIT_NO, app
from .compile import Json, census
from .output import progress, say, table


@app.command("report")
def report_command(
    build: Annotated[Path, typer.Argument(help="The folder of a build.", show_default=False)],
    full: Annotated[bool, typer.Option("--full", help="Also synthesize for FPGA families and find clock rates "
                                       "(minutes).")] = False,
    time: Annotated[float | None, typer.Option(metavar="SECONDS", help="How long each tool may take.", min=0.1,
                                               show_default="30, with --full 900")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Also write a page that needs no network and no "
                                              "script; of a bundle with heat maps, margins, routing and cost.")] = None,
    measured: Annotated[Path | None, typer.Option(help="With --html: measured conductances, CSV tile,row,col,g_S.",
                                                  show_default=False)] = None,
    samples: Annotated[int, typer.Option(metavar="N", help="With --html: accuracy under variation on N random "
                                         "samples.", min=0)] = 0,
    inputs: Annotated[Path | None, typer.Option(help="The same on these inputs: .npz by port name, or .npy.",
                                                show_default=False)] = None,
    seeds: Annotated[int, typer.Option(help="Simulated arrays for each point of that curve.", min=1)] = 5,
    accuracy: Annotated[Path | None, typer.Option(help="With --html: results of crossbar_accuracy.py --json.",
                                                  show_default=False)] = None,
    tiles: Annotated[int, typer.Option(help="With --html: how many tiles are drawn.", min=0)] = 16,
    as_json: Json = False,
) -> None:
    """Say what a build holds: figures, passes with their evidence, what was proved or only tested, and what it costs.

    Of Verilog it gives six-input look-up tables and their depth; with --full what Yosys makes of it for xc7, ice40 and
    ecp5, and with nextpnr installed the clock rate over three seeds. Of a crossbar bundle it gives energy, time and
    area as a published model estimates them.
    """
    certificate = read_json(build, "certificate.json")
    changed, report = changed_files(build), read_json(build, "report.json")
    if changed:
        say([f"{build}: {', '.join(changed)} changed since the certificate was given, so it says nothing of them"],
            {"report": report, "certificate": certificate, "changed": changed}, as_json)
        raise typer.Exit(EXIT_NO)
    wish = _Asked(html, measured, samples, inputs, seeds, accuracy, tiles)
    wish.check(str(report["target"]))
    survey = _survey(build, report, full, time) if report["target"] == "verilog" else None
    program = load_bundle(build) if report["target"] == "crossbar" else None
    cost = estimate(program.bundle.map, program.bundle.levels, program.array) if program is not None else None
    lines = [f"{report['model']} for {report['target']}: {build / str(report['main'])}", *census(report), ""]
    lines += table((f"  {k}", str(v)) for k, v in report["figures"].items()
                   if v or k.startswith("certified"))
    lines += ["", "passes", *table((f"  {r['name']}", "exact" if r["exact"] else "approximate",
                                    "changed" if r["changed"] else "no change", level_of(r["evidence"]))
                                   for r in report["facts"].get("passes", []))]
    lines += ["", "evidence", *(f"  {c['evidence']}: {c['claim']} ({method_of(c)})" for c in certificate["claims"])]
    lines += ["", "size", *survey.lines()] if survey else []
    lines += ["", *cost_lines(cost)] if cost is not None else []
    if html is not None:
        wish.write(report, certificate, survey, program, cost)
        lines += ["", f"page: {html}"]
    say(lines, {"report": report, "certificate": certificate, "changed": changed,
                **(survey.as_json() if survey else {}), **({"cost": cost_json(cost)} if cost is not None else {}),
                **({"html": str(html)} if html is not None else {})}, as_json)


@dataclass(frozen=True)
class _Asked:
    """What the options ask of a page."""

    html: Path | None
    measured: Path | None
    samples: int
    inputs: Path | None
    seeds: int
    accuracy: Path | None
    tiles: int

    def check(self, target: str) -> None:
        """Refuse options that nothing would come of."""
        given = {"--measured": self.measured, "--samples": self.samples, "--inputs": self.inputs,
                 "--accuracy": self.accuracy}
        for name, value in given.items():
            if value and (self.html is None or target != "crossbar"):
                raise error(f"{name} is for a page (--html FILE) of a crossbar bundle")
        if self.samples and self.inputs is not None:
            raise error("one of --samples N and --inputs FILE says what to run on")

    def write(self, report: Mapping[str, Any], certificate: Mapping[str, Any], survey: Survey | None,
              program: Program | None, cost: Cost | None) -> None:
        """Write the page."""
        from circuitc.report.crossbar import Wishes, put_bundle

        assert self.html is not None, "a page was asked for"
        page = build_page(report, certificate, survey.lines() if survey else ())
        if program is not None and cost is not None:
            wishes = Wishes(self.measured, self._raw(program), self.seeds, self.accuracy, self.tiles)
            with progress() as stage:
                stage("solving the tiles and drawing")
                put_bundle(page, program.bundle, program.module, program.array, cost, wishes)
        write_files({self.html: html_page(page, words_of(report, certificate)).encode()})

    def _raw(self, program: Program) -> Mapping[str, Any] | None:
        import numpy as np

        entry = program.module.entry
        if self.inputs is not None:
            return encoded_inputs(entry, read_arrays(self.inputs))
        return sample_inputs(entry, self.samples, np.random.default_rng(0)) if self.samples else None


def _survey(build: Path, report: Any, full: bool, seconds: float | None) -> Survey:
    text = (build / str(report["main"])).read_text()
    names = [] if has_modules(text) else report["facts"].get("logic-network", {}).get("parts", [])
    parts = verilog_of_parts(load(build / str(report["program"])), names) if names else {}
    ports = read_json(build, "ports.json")
    with progress() as stage:
        return survey(text, ports, full=full, seconds=seconds or (900 if full else 30), parts=parts, progress=stage,
                      files=memory_files(build, ports))
