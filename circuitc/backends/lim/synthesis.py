"""Find a small NOR network of a netlist: several ways to map it, each made smaller, the smallest taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from circuitc.ir import Netlist
from circuitc.passes.abc import read_script, run_to_ands
from circuitc.passes.abc.exchange import prepare
from circuitc.passes.base import Context
from circuitc.passes.xor_maj import XorMaj
from circuitc.tools import find_tool

from .nor import NorNet, nor_of_gates, rebuilt
from .resubstitute import Effort, resubstituted

SCRIPTS = {"compress2rs": "compress2rs; compress2rs", "resyn2": "resyn2; resyn2; resyn2; dc2"}
MOST_FOR_SCRIPTS = 60_000    # ANDs; ABC takes about a minute for so many
ABC_SECONDS = 300
FIRST_ROUNDS = 2             # for each way, before the best goes on


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to go on: gates looked at by all rounds together (about 1 ms each), and rounds without any gain."""

    gates: int
    rounds: int


EFFORTS = {"low": Patience(0, 0), "normal": Patience(100_000, 3), "high": Patience(2_000_000, 12)}


@dataclass(frozen=True, slots=True)
class Found:
    """A network, the way it was started from, its size then, and the rounds of resubstitution behind it."""

    net: NorNet
    way: str
    started: int
    rounds: int = 0


def nor_network(netlist: Netlist, effort: str) -> Found:
    """Give a small network of two-input NORs. The answer depends on the netlist and the effort alone."""
    found = [Found(net, way, len(net.gates)) for way, net in _ways(netlist, effort)]
    patience = EFFORTS[effort]
    found.sort(key=_size)
    for k in range(1, len(found)):
        if FIRST_ROUNDS * sum(f.started for f in found[:k + 1]) > patience.gates // 2:
            del found[k:]
            break
    left = patience.gates
    for k, way in enumerate(found):
        found[k] = _improved(way, min(FIRST_ROUNDS, left // max(1, way.started)), FIRST_ROUNDS)
        left -= found[k].rounds * way.started
    best = min(found, key=_size)
    return _improved(best, left // max(1, _size(best)), patience.rounds)


def _size(found: Found) -> int:
    return len(found.net.gates)


def _improved(found: Found, rounds: int, fruitless: int) -> Found:
    """Play rounds of resubstitution, by turns strict and sideways, until some in a row gain nothing.

    Sideways moves gain nothing themselves and lead out of local minima.
    """
    net, best, last, k = found.net, found.net, found.rounds, found.rounds
    while k < found.rounds + rounds and k - last < fruitless:
        net = resubstituted(net, Effort(sideways=k % 2 == 1), k)
        k += 1
        if len(net.gates) < len(best.gates):
            last = k
        if len(net.gates) <= len(best.gates):
            best = net
    return Found(best, found.way, found.started, k)


def _ways(netlist: Netlist, effort: str) -> Iterator[tuple[str, NorNet]]:
    for way, form in forms(netlist, effort):
        yield way, rebuilt(nor_of_gates(form))


def forms(netlist: Netlist, effort: str) -> Iterator[tuple[str, Netlist]]:
    """Give a netlist as it is and as ABC's scripts make it, as ANDs and with the XOR and MAJ gates found in them."""
    ands = prepare(netlist)
    found = {"as given": ands}
    if effort != "low" and 0 < ands.gates <= MOST_FOR_SCRIPTS and find_tool("yosys-abc"):
        for name, script in SCRIPTS.items():
            found[name] = run_to_ands(ands, read_script(script), ABC_SECONDS)
    for name, form in found.items():
        yield name, form
        with_gates = XorMaj().run(form, Context())
        if with_gates is not form:
            yield f"{name}, xor-maj", with_gates
