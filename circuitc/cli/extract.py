"""`circuitc extract`: the finite automaton that a recurrent network is."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from circuitc.data import encoded_inputs, read_arrays
from circuitc.diagnostics import error
from circuitc.driver import load
from circuitc.formats import write
from circuitc.formats.base import decode_text, read_bytes
from circuitc.formats.detect import check_ending
from circuitc.formats.files import write_files
from circuitc.formats.model_automata import automaton_json
from circuitc.ir import Func, decode
from circuitc.models.automata import Extraction, extract, to_dot
from circuitc.passes import run_passes
from circuitc.passes.automata import has_floats

from .app import app
from .compile import Json, Model
from .output import progress, say

DRAWN = (".json", ".dot")


class Encoding(StrEnum):
    """How a state is kept."""

    BINARY = "binary"
    ONE_HOT = "one-hot"


class Empty(StrEnum):
    """Whether the empty word is accepted."""

    FREE = "free"
    YES = "yes"
    NO = "no"


@app.command("extract")
def extract_command(
    model: Model,
    out: Annotated[Path, typer.Option("-o", "--out", help=(
        "What to write: .json (a model of kind automaton), .dot (Graphviz), or a program (.ccir, ...)."))],
    alphabet: Annotated[str, typer.Option(metavar="FILE.npz", help=(
        "The symbols that happen, [symbols, ...] real values by port name; or one-hot, for one vector. Without it "
        "every input of a step is a symbol."))] = "",
    letters: Annotated[str, typer.Option(help="Names of the symbols, with commas between; else their numbers.")] = "",
    words: Annotated[Path | None, typer.Option(metavar="FILE", help=(
        "Follow only these words: a text, one a line, letters with spaces between, or of one character each."))] = None,
    passes: Annotated[str | None, typer.Option(help="A pipeline to run first, such as ranges or scalarize.")] = None,
    states: Annotated[int, typer.Option(help="The most states that are tried; more are refused.", min=1)] = 4096,
    empty: Annotated[Empty, typer.Option(help=(
        "Whether the empty word is accepted, of which a network says nothing; free: what needs no state more."))
    ] = Empty.FREE,
    encoding: Annotated[Encoding, typer.Option(help="How a program keeps the state.")] = Encoding.BINARY,
    as_json: Json = False,
) -> None:
    """Find the finite automaton that a stream is: every state that is reached from reset, with every symbol.

    The automaton is made as small as can be (Hopcroft) and compared with the network once more, on every pair of states
    that both reach together. With --words only what the words meet is known; all else is rejected, nothing is shown.
    """
    if out.suffix not in DRAWN:
        check_ending(out)
    with progress() as stage:
        stage("reading")
        module = load(model)
        if passes:
            module = run_passes(module, passes)
        symbols = _symbols(module.entry, alphabet)
        names = [name.strip() for name in letters.split(",")] if letters else []
        followed = None if words is None else _words(words, names)
        stage("trying states")
        found = extract(module, symbols, letters=names, words=followed, states=states, encoding=encoding.value,
                        empty={"free": None, "yes": True, "no": False}[empty.value])
    _write(out, found, model)
    facts = {"states": found.explored.machine.states - (words is not None), "symbols": found.machine.symbols,
             "transitions": found.explored.seen, "complete": words is None, "pairs": found.pairs,
             "minimal_states": len(found.automaton.states) if found.automaton else found.machine.states,
             "floats": has_floats(module), "out": str(out)}
    say(_lines(module.entry.name, facts), facts, as_json)


def _symbols(func: Func, alphabet: str) -> dict[str, Any] | None:
    """Give the alphabet that is asked for as raw numbers by port."""
    if not alphabet:
        return None
    if alphabet != "one-hot":
        arrays = read_arrays(Path(alphabet))
        steps = {name: np.asarray(a)[:, None] for name, a in arrays.items() if np.asarray(a).ndim}
        if len(steps) != len(arrays):
            raise error(f"{alphabet}: symbols lie along the first axis, an array has none")
        return {name: a[:, 0] for name, a in encoded_inputs(func, steps).items()}
    if len(func.inputs) != 1 or func.inputs[0].type.rank != 1:
        raise error(f"a one-hot alphabet is for one input that is a vector, not for those of @{func.name}")
    port = func.inputs[0]
    one_hot = decode(port, np.eye(port.type.size, dtype=np.int64)) if port.type.width == 1 else np.eye(port.type.size)
    return {name: a[:, 0] for name, a in encoded_inputs(func, {port.name: one_hot[:, None]}).items()}


def _words(path: Path, names: Sequence[str]) -> list[list[int]]:
    """Read words as numbers of symbols."""
    if not names:
        raise error("--words needs the names of the symbols", help="add --letters, such as --letters 0,1")
    number = {name: k for k, name in enumerate(names)}
    found: list[list[int]] = []
    for line, text in enumerate(decode_text(read_bytes(path), str(path)).splitlines(), 1):
        word = text.split() if " " in text.strip() else list(text.strip())
        for letter in word:
            if letter not in number:
                raise error(f"{path}:{line}: {letter[:40]!r} is not one of the letters {', '.join(names[:20])}")
        found.append([number[letter] for letter in word])
    if not any(found):
        raise error(f"{path}: there are no words")
    return found


def _write(out: Path, found: Extraction, model: Path) -> None:
    if out.suffix not in DRAWN:
        write(found.module, out)
        return
    if found.automaton is None:
        raise error("an automaton that accepts has one output, a bit", help="write a program instead, such as .ccir")
    content = to_dot(found.automaton).encode() if out.suffix == ".dot" else automaton_json(
        found.automaton, out.stem, f"extracted from {model.name}")
    write_files({out: content})


def _lines(name: str, facts: dict[str, Any]) -> list[str]:
    what = "all" if facts["complete"] else f"of {facts['states'] * facts['symbols']}"
    lines = [f"@{name}: {facts['states']} states met over {facts['symbols']} symbols, {facts['transitions']} "
             f"transitions ({what}); the smallest automaton has {facts['minimal_states']} states"]
    if facts["complete"]:
        floats = ", floats as the interpreter rounds them" if facts["floats"] else ""
        lines.append(f"exhausted: the automaton answers every word as the network does ({facts['pairs']} pairs of "
                     f"states with every symbol{floats})")
    else:
        lines.append("not checked: only the transitions that the words met are known, the rest is rejected")
    return [*lines, f"automaton: {facts['out']}"]
