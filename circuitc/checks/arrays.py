"""Bundles of arrays: regions rebuilt from the table of devices, worst cases solved again, the digital side compared."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from circuitc.backends.crossbar.driven import NATIVE_PORTS, PROGRAM, REGION
from circuitc.diagnostics import InternalError
from circuitc.ir import Module, parse_module
from circuitc.passes import check_exact
from circuitc.proof import Claim, Evidence, Verdict, simulate_emitted, verify_emitted
from circuitc.proof.certificate import digest
from circuitc.tools import ToolTimeout, find_tool

from .native import check_library
from .question import Question, ours

MAX_PLAYED = 100           # calls of a design with models of tiles in it, which has some thousand sums,
MAX_READS = 10**8          # and of the devices that these read, clock by clock
ITEMS = 5                  # of a call of a stream that is drawn at random
_CERTIFIED = {"nominal": "conductances on target", "window": "conductances anywhere in their windows"}


def check_crossbar(q: Question) -> Iterator[Claim]:
    """Rebuild the regions from the table of devices; where certificates were asked for, solve the tiles again."""
    from circuitc.proof.crossbar import certify_bundle, verify_bundle

    figures = q.emission.figures
    if figures["wrong_weights"]:
        yield q.unchecked(f"bad devices leave weights wrong by {figures['wrong_weights']} in all")
    else:
        verdict = ours(lambda: verify_bundle(q.final, q.emission.files))
        yield q.claim("and its table hold the regions of program.ccir", verdict, q.final)
    if not figures["wrong_weights"] and PROGRAM in q.emission.files:
        yield from _periphery(q)
    if kind := figures.get("certify"):
        verdict = ours(lambda: certify_bundle(q.emission.files, kind))
        yield q.claim(f"reads every output right ({_CERTIFIED[kind]})", verdict, q.final)


def _periphery(q: Question) -> Iterator[Claim]:
    """Compare the digital side, with its models of the tiles, with the program: as Verilog and as native code."""
    files, name = q.emission.files, str(q.emission.figures["periphery"])
    driven = parse_module(files[PROGRAM].decode(), PROGRAM)
    method = "auto" if q.prove else "random"
    same = all(f.name in driven.funcs for f in q.final.funcs.values() if f.target == REGION)  # else: read in steps
    against = q.final if same else driven
    verify_text = partial(verify_emitted, against, seconds=q.seconds, method=method, vectors=q.vectors)
    shown: list[tuple[str, Callable[[str, Mapping[str, Any]], Verdict]]] = []
    if same:
        shown.append(("and its models of the tiles compute what program.ccir does", verify_text))
    else:
        yield _claim_of(q, PROGRAM, "answers calls as program.ccir does", _interpreted(q, driven))
        if q.prove:
            shown.append(("computes each step as periphery.ccir does", verify_text))
        calls = min(q.vectors, calls_to_play(driven, q.emission.ports, int(q.emission.figures["devices"])))
        shown.append(("answers whole calls as periphery.ccir does", partial(_played, driven, vectors=calls)))
    for says, check in shown if name in files else ():
        try:
            verdict = check(files[name].decode(), q.emission.ports)
        except ToolTimeout as e:
            verdict = Verdict("unknown", Evidence("not_checked", note=e.diagnostics[0].message))
        yield _claim_of(q, name, says, verdict)
    library = next((n for n in files if n.endswith(".so")), "")
    if library:
        yield from check_library(q, library, driven, json.loads(files[NATIVE_PORTS]))


def _interpreted(q: Question, driven: Module) -> Verdict:
    """Run the program and its driven form on the same vectors."""
    try:
        found = check_exact(q.final, driven, vectors=q.vectors)
    except InternalError as e:
        raise InternalError(f"what was emitted is wrong: {e}") from e
    evidence = Evidence(found["level"], found.get("vectors", 0), "interpreter", note=found.get("reason", ""))
    return Verdict("equal" if evidence.is_complete else "unknown", evidence, artefact=digest(q.emission.files[PROGRAM]))


def calls_to_play(module: Module, ports: Mapping[str, Any], devices: int) -> int:
    """Say how many calls are simulated: at least one, and fewer the more devices these read."""
    clocks = max(1, int(ports.get("interval", 1))) * (ITEMS if module.entry.schedule.kind == "stream" else 1)
    return max(1, min(MAX_PLAYED, MAX_READS // max(1, devices * clocks)))


def _played(module: Module, text: str, ports: Mapping[str, Any], *, vectors: int) -> Verdict:
    engine = "icarus" if find_tool("iverilog") is not None and find_tool("vvp") is not None else "yosys"
    return simulate_emitted(module, text, ports, vectors=vectors, engine=engine)


def _claim_of(q: Question, name: str, says: str, verdict: Verdict) -> Claim:
    """Claim something of a file that is not the main one."""
    same = q.claim(says, verdict, q.final)
    return replace(same, claim=f"{name} {says}", artefact=name)
