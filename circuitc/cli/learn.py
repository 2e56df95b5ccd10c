"""`circuitc learn`: from data to a network of threshold neurons, with what is known about it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from circuitc.diagnostics import error
from circuitc.formats import write
from circuitc.formats.detect import check_ending
from circuitc.formats.files import write_files

from .app import EXIT_INTERRUPTED, EXIT_UNKNOWN, app
from .compile import Json
from .output import progress, say

if TYPE_CHECKING:
    from circuitc.learn import Circuit, Dataset, Network, Settings, Training, Trial


class Stop(StrEnum):
    """When a start is done before its iterations are."""

    GAP = "gap"
    RIGHT = "right"


class Precision(StrEnum):
    """What training computes with."""

    F32 = "f32"
    F64 = "f64"


class Free(StrEnum):
    """What codes a generator takes."""

    BITS = "bits"
    ONE_HOT = "one-hot"


Data = Annotated[Path, typer.Argument(metavar="DATA", show_default=False, help=(
    ".npz with arrays x and y, boolearn's .dat, or a truth table as .pla."))]


@app.command("learn")
def learn_command(
    data: Data,
    widths: Annotated[str, typer.Option(help="Layers, from inputs to outputs: 4,4,4,4.", show_default=False)] = "",
    network: Annotated[Path | None, typer.Option(help="Instead: any network, as boolearn's .net or .wth.")] = None,
    out: Annotated[Path, typer.Option("-o", "--out", help="The model to write; its ending names the format.")
                   ] = Path("model.json"),
    sigma: Annotated[float, typer.Option(help="Support parameter: 3 allows AND2, OR2, MAJ3; 5 adds MAJ5; 7 AND3.")
                     ] = 3.0,
    beta: Annotated[float, typer.Option(help="Step of the iteration.")] = 0.2,
    gamma: Annotated[float, typer.Option(help="Rate at which metric weights follow the gap; about 1/iterations to "
                                         "100/iterations.")] = 1e-3,
    gap: Annotated[float, typer.Option(help="A start is done when its gap is below this.")] = 0.05,
    stop: Annotated[Stop, typer.Option(help="Done at a small gap, or already when all items are right.")] = Stop.GAP,
    iterations: Annotated[int, typer.Option(help="The most that a start takes.")] = 100_000,
    restarts: Annotated[int, typer.Option(help="How many starts are tried.")] = 10,
    all_runs: Annotated[bool, typer.Option("--all", help="Run every start, also after one is right.")] = False,
    seed: Annotated[int, typer.Option(help="Where starts are drawn from.")] = 0,
    threads: Annotated[int, typer.Option(help="Starts at a time.", show_default="all cores")] = 0,
    report: Annotated[int, typer.Option(help="Iterations between evaluations of the network.")] = 1000,
    precision: Annotated[Precision, typer.Option(help="What training computes with.")] = Precision.F32,
    free: Annotated[Free, typer.Option(help="Codes of a generator, where the .npz has no x.")] = Free.BITS,
    test: Annotated[Path | None, typer.Option(help="Data that is not trained on, to be evaluated.")] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Write the training here twice a minute, when interrupted, "
                                                    "and at the end (.npz).")] = None,
    resume: Annotated[Path | None, typer.Option(help="Go on from such a file.")] = None,
    figure: Annotated[Path | None, typer.Option(help="Draw gap and accuracy (.png, .svg, .pdf).")] = None,
    boolearn: Annotated[Path | None, typer.Option(metavar="STEM", help="Also write STEM.sol (trained weights), .gap, "
                                                  ".run, and .gen for a generator.")] = None,
    time: Annotated[float, typer.Option(metavar="SECONDS", help="How long the proof may take.", min=0.1)] = 60.0,
    as_json: Json = False,
) -> None:
    """Learn a threshold network from data by reflect-reflect-relax, and write it as a model of small integers.

    Where the data is a complete truth table, the model is proved equal to it, or nothing is written. Otherwise the
    best network is written, and how many items it has right is said. Exit status 3: it is not right on every item.
    With classes a .ccir file gets the program that answers the class, other files get the bits, one a class.

    Example: circuitc learn mul2.pla --widths 4,4,4,4 --sigma 3 -o model.json
    """
    from circuitc.learn import Settings, make_circuit, make_classifier, train
    from circuitc.learn.figure import check_figure, write_figure
    from circuitc.learn.trial import check_fit

    settings = Settings(sigma, beta, gamma, gap, stop.value, iterations, restarts, all_runs, seed, report,
                        precision.value, threads)
    items = _data(data, free.value)
    tests = _data(test, free.value) if test else None
    net = _network(widths, network)
    check_fit(net, items)
    check_ending(out)
    if out.resolve() == data.resolve():
        raise error(f"{out}: is the data, which the model would replace")
    if figure:
        check_figure(figure)
    with progress() as stage:
        training = train(net, items, settings, test=tests, save_to=checkpoint, resume_from=resume,
                         report=_reporter(stage))
        if not any(t.rows for t in training.trials):
            raise typer.Exit(EXIT_INTERRUPTED) if training.interrupted else error(
                "no start stayed finite: the step is too large", help="try a smaller --beta")
        stage("making a circuit")
        best = training.best
        circuit = make_circuit(net, best.weights, items, _name(out), codes=best.codes, seconds=time)
    if figure:
        write_figure(figure, training.trials)
    if boolearn:
        _write_boolearn(boolearn, training)
    solved = best.is_right if items.classes else circuit.items == 1.0
    proved = circuit.verdict is not None and circuit.verdict.status == "equal"
    written = proved or not items.is_complete
    if written:
        classify = items.classes and out.suffix == ".ccir"
        write(make_classifier(net, best.weights, _name(out)) if classify else circuit.module, out)
    lines = [*_lines(training, circuit, settings), *_outcome(items, circuit, solved, proved, out)]
    say(lines, _json(training, circuit, solved, out if written else None), as_json)
    if training.interrupted:
        raise typer.Exit(EXIT_INTERRUPTED)
    if not solved or not written:
        raise typer.Exit(EXIT_UNKNOWN)


def _data(path: Path, free: str) -> Dataset:
    from dataclasses import replace

    from circuitc.learn import read_dataset

    data = read_dataset(path)
    return replace(data, free=free) if data.inputs is None and path.suffix.lower() == ".npz" else data


def _network(widths: str, network: Path | None) -> Network:
    from circuitc.learn import layered
    from circuitc.learn.files import read_network

    if bool(widths) == (network is not None):
        raise error("one of --widths 4,4,4,4 and --network FILE.net says what is trained")
    if network is not None:
        return read_network(network)
    if not re.fullmatch(r"\d{1,7}(,\d{1,7})+", widths):
        raise error(f"--widths takes numbers with commas between, such as 4,4,4,4; got {widths[:60]!r}")
    return layered([int(w) for w in widths.split(",")])


def _name(out: Path) -> str:
    from circuitc.formats.files import identifier
    return identifier(out.name.split(".")[0])


def _reporter(stage: Callable[[str], None]) -> Callable[[list[Trial]], None]:
    def report(active: list[Trial]) -> None:
        stage("; ".join(f"start {t.number}: {t.iteration} iterations, gap {t.gap:.3f}, {100 * t.best.bits:.2f} % right"
                        for t in active[:4]))
    return report


def _lines(training: Training, circuit: Circuit, settings: Settings) -> list[str]:
    best = training.best
    right = sum(t.is_right for t in training.trials)
    edges = training.network.edges
    head = (f"{len(training.trials)} start{'s' if len(training.trials) != 1 else ''}, {right} right on every item; "
            f"start {best.number}: {best.iteration} iterations, gap {best.gap:.4f}, {100 * best.best.bits:.2f} % of "
            f"{'items' if training.data.classes else 'bits'}")
    if best.rows and len(best.rows[-1]) > 7:
        head += f", test {best.rows[-1][7]:.2f} %"
    lines = [head, f"{edges} edges, sigma {settings.sigma:g}: {circuit.summary}"]
    if training.data.contradictions:
        lines.insert(0, f"warning: {training.data.contradictions} items contradict others, so not all can be right")
    return lines


def _outcome(data: Dataset, circuit: Circuit, solved: bool, proved: bool, out: Path) -> Sequence[str]:
    if proved:
        assert circuit.verdict is not None
        e = circuit.verdict.evidence
        return [f"equal to the truth table of {data.items} rows ({e}{': ' + e.method if e.method else ''}"
                f"{', ' + e.solver if e.solver else ''})", f"model: {out}"]
    if data.is_complete:
        why = ("the circuit is right on every row, but equality was not proved in time" if solved
               else "no network equal to the truth table was found in this budget")
        return [f"{why}: nothing is written"]
    if data.classes:
        return [f"as bits, {100 * circuit.items:.2f} % of {data.items} items have all outputs right (the class is the "
                "largest sum)", f"model: {out}"]
    return [f"{100 * circuit.items:.2f} % of {data.items} items right, measured; other inputs are not specified",
            f"model: {out}"]


def _json(training: Training, circuit: Circuit, solved: bool, out: Path | None) -> dict[str, Any]:
    best = training.best
    return {"solved": solved, "out": str(out) if out else None, "evidence": circuit.evidence.as_json(),
            "best": best.number, "seconds": training.seconds, "interrupted": training.interrupted,
            "neurons": {"certified": circuit.certified, "data_only": circuit.data_only, "exact": circuit.exact},
            "items": circuit.items, "bits": circuit.bits, "contradictions": training.data.contradictions,
            "starts": [{"number": t.number, "iterations": t.iteration, "gap": t.gap, "least_gap": t.least_gap,
                        "bits": t.best.bits, "items": t.best.items} for t in training.trials]}


def _write_boolearn(stem: Path, training: Training) -> None:
    from circuitc.learn.files import codes_text, gap_text, run_text, solution_text

    best = training.best
    runs = [(t.number, t.iteration if t.is_right else 0, t.gap, 100 * t.best.bits,
             t.rows[-1][7] if t.rows and len(t.rows[-1]) > 7 else 0.0) for t in training.trials]
    texts = {".sol": solution_text(training.network, best.weights), ".gap": gap_text(best.rows), ".run": run_text(runs)}
    if best.codes is not None:
        texts[".gen"] = codes_text(best.codes)
    write_files({stem.with_name(stem.name + suffix): text.encode() for suffix, text in texts.items()})
