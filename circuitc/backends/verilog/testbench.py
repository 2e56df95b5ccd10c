"""The self-checking test bench: stimulus and expected words in files, the interpreter's answers as the truth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Module, flatten_bits, random_raw, run

from .bench import Raw, clocked_bench, combinational_bench, hex_words, response_width, stimulus_bits
from .design import Design
from .interface import Interface, flat

SHOWN = 10  # mismatches that are printed
STREAM_ITEMS = 8
MAX_STEPS = 20_000  # of all test vectors together

Bits = NDArray[np.uint8]


def self_checking_bench(module: Module, design: Design, vectors: Mapping[str, Raw],
                        expected: Mapping[str, Raw] | None = None,
                        state: Mapping[str, Raw] | None = None) -> dict[str, bytes]:
    """Give `<top>_tb.v` and its two files of words.

    `vectors` are raw inputs and `expected` the raw results in the layout of `circuitc.ir.run` (by default what it
    answers); `state` gives free registers. The bench prints `PASS n`, or the first mismatches and `FAIL`; it withholds
    `out_ready` and leaves gaps in the input at fixed random times. Of a pipeline it also checks the latency. The files
    are read from the working folder.
    """
    face = design.top
    answers = run(module, vectors, state=state) if expected is None else expected
    given = stimulus_bits(face, vectors, state)
    due, calls = expected_bits(face, answers)
    name = f"{face.module}_tb"
    files = {"stimulus": f"{name}_stimulus.hex", "expected": f"{name}_expected.hex"}
    text = _bench(face, name, files, len(given), len(due), calls)
    return {f"{name}.v": text.encode(), files["stimulus"]: hex_words(given).encode(),
            files["expected"]: hex_words(due).encode()}


def expected_bits(face: Interface, answers: Mapping[str, Raw]) -> tuple[Bits, int]:
    """Lay the interpreter's answers out as response words: uint8[lines, width], and the number of calls."""
    results = face.results
    first = np.asarray(answers[results[0].name])
    samples = len(first)
    if not face.gives_items:
        bits = flatten_bits([s.type for s in results], [np.asarray(answers[s.name]) for s in results])
        return bits, samples
    stepped = [s for s in face.outputs if s.rate == "step"]
    count = np.asarray(answers[stepped[0].name]).shape[1]
    until = face.func.schedule.kind == "until"
    taken = np.asarray(answers["steps"], np.int64) if until else np.full(samples, count)
    sample = np.repeat(np.arange(samples), taken)
    step = np.concatenate([np.arange(n) for n in taken.tolist()])
    columns = [np.asarray(answers[s.name])[sample, step] if s in stepped else np.asarray(answers[s.name])[sample]
               for s in results]
    last = (step == taken[sample] - 1).astype(np.uint8)
    return np.concatenate([flatten_bits([s.type for s in results], columns), last[:, None]], axis=1), samples


def random_vectors(design: Design, count: int) -> tuple[dict[str, Raw], dict[str, Raw]]:
    """Draw about `count` test vectors and initial values for free registers; always the same ones for a design."""
    face = design.top
    rng = np.random.default_rng(0)
    kind, limit = face.func.schedule.kind, face.func.schedule.count
    items = STREAM_ITEMS if kind == "stream" else limit
    samples = max(1, min(count // items if kind == "stream" else count, MAX_STEPS // items))
    vectors: dict[str, Raw] = {}
    for s in face.inputs:
        if kind != "once" and s.rate == "step":
            raw = random_raw(s.type, samples * items, rng)
            vectors[s.name] = raw.reshape(samples, items, *s.type.shape)
        else:
            vectors[s.name] = random_raw(s.type, samples, rng)
    return vectors, {s.name: random_raw(s.type, samples if face.inputs else 1, rng) for s in face.free_registers}


def _bench(face: Interface, name: str, files: Mapping[str, str], lines: int, answers: int, calls: int) -> str:
    width = response_width(face)
    declare = [f"reg [{width - 1}:0] expected [0:{answers - 1}];", f"reg [{width - 1}:0] mask;", "integer got;",
               "integer bad;"]
    opening = ["got = 0;", "bad = 0;", f'$readmemh("{files["expected"]}", expected);']
    each = [
        *_mask(face),
        f"if (got >= {answers} || ((response ^ expected[got]) & mask) !== {width}'d0) begin",
        "  bad = bad + 1;",
        f'  if (bad <= {SHOWN}) $display("mismatch %0d: expected %h, got %h", got, expected[got], response);',
        "end",
        "got = got + 1;"]
    finish = [f'if (bad == 0 && got == {answers}) $display("PASS %0d", got);',
              f'else $display("FAIL %0d of {answers}", bad + ({answers} - got));', "$finish;"]
    watch: list[str] = []
    if face.ranks:
        declare += ["integer moves;", f"integer entered [0:{lines - 1}];"]
        opening.append("moves = 0;")
        watch = ["if (in_ready) moves = moves + 1;", "if (in_valid && in_ready) entered[sent] = moves;"]
        each = [f"if (moves !== entered[got] + {face.ranks}) begin", "  bad = bad + 1;",
                f'  if (bad <= {SHOWN}) $display("response %0d came after %0d moves", got, moves - entered[got]);',
                "end", *each]
    if not face.clocked:
        return combinational_bench(face, name, files["stimulus"], lines, opening, each, finish, declare)
    return clocked_bench(face, name, files["stimulus"], lines, calls, opening=opening, each=each, finish=finish,
                         timeout=['$display("timeout: the design stopped answering");'], declare=declare, stall=True,
                         watch=watch)


def _mask(face: Interface) -> list[str]:
    """Compare outputs that have one value a call on the last word of a call only."""
    width = response_width(face)
    ones = f"{{{width}{{1'b1}}}}"
    if not face.has_out_last:
        return [f"mask = {ones};"]
    bits = "1" + "".join(("1" if s.rate == "step" and s in face.outputs else "0") * s.type.bits
                         for s in reversed(face.results))
    assert len(bits) == flat(face.results) + 1 == width
    return [f"mask = expected[got][{width - 1}] ? {ones} : {width}'b{bits};"]
