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
from .resubstitute import Window, resubstituted

SCRIPTS = {"compress2rs": "compress2rs; compress2rs", "resyn2": "resyn2; resyn2; resyn2; dc2"}
DEEP = "&get; &deepsyn -I 2 -J 3; &put"      # after the first script
MOST_FOR_SCRIPTS = 60_000    # ANDs; ABC takes about a minute for so many
MOST_FOR_DEEP = 1500         # ANDs; 25 s for 3000, as in the pass deep-synthesis
ABC_SECONDS = 300
SMALL = 4000                 # gates: networks of fewer are cheap to look at more often
FIRST_ROUNDS = 1             # for each way, before the best goes on


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to go on: gates that all rounds look at (about 0.8 ms each), rounds without gain, gates that a search
    for an order visits (about 1 us each).
    """

    gates: int
    fruitless: int
    order: int


EFFORTS = {"low": Effort(0, 0, 0), "normal": Effort(60_000, 3, 300_000), "high": Effort(1_500_000, 12, 10_000_000)}


@dataclass(frozen=True, slots=True)
class Found:
    """A network, the way it was started from, its size then, and the rounds of resubstitution behind it."""

    net: NorNet
    way: str
    started: int
    rounds: int = 0


def nor_networks(netlist: Netlist, effort: Effort) -> list[Found]:
    """Give small networks of two-input NORs, the smallest first. Netlist and effort alone decide the answer."""
    mapped = [(way, rebuilt(nor_of_gates(form))) for way, form in forms(netlist, scripts=effort.gates > 0)]
    found = sorted((Found(net, way, len(net.gates)) for way, net in mapped), key=_size)
    if not effort.gates:
        return found
    left, tried = effort.gates, list[Found]()
    for way in found:
        if tried and effort.gates - left + FIRST_ROUNDS * way.started > effort.gates // 2:
            break
        tried.append(_improved(way, min(FIRST_ROUNDS, left // max(1, way.started)), FIRST_ROUNDS))
        left -= tried[-1].rounds * way.started
    best = min(tried, key=_size)
    fruitless = max(effort.fruitless, min(8 * effort.fruitless, SMALL // max(1, _size(best))))
    tried.append(_improved(best, left // max(1, _size(best)), fruitless))
    return sorted([*tried, *found], key=_size)


def _size(found: Found) -> int:
    return len(found.net.gates)


def _improved(found: Found, rounds: int, fruitless: int) -> Found:
    """Play rounds of resubstitution, by turns strict and sideways, until some in a row gain nothing.

    Sideways moves gain nothing themselves and lead out of local minima.
    """
    net, best, last, k = found.net, found.net, found.rounds, found.rounds
    while k < found.rounds + rounds and k - last < fruitless:
        net = resubstituted(net, Window(sideways=k % 2 == 1), k)
        k += 1
        if len(net.gates) < len(best.gates):
            last = k
        if len(net.gates) <= len(best.gates):
            best = net
    return Found(best, found.way, found.started, k)


def forms(netlist: Netlist, *, scripts: bool) -> Iterator[tuple[str, Netlist]]:
    """Give a netlist as it is and as ABC's scripts make it, as ANDs and with the XOR and MAJ gates found in them."""
    ands = prepare(netlist)
    found = {"as given": ands}
    if scripts and 0 < ands.gates <= MOST_FOR_SCRIPTS and find_tool("yosys-abc"):
        for name, script in SCRIPTS.items():
            found[name] = run_to_ands(ands, read_script(script), ABC_SECONDS)
        if 0 < (first := found[next(iter(SCRIPTS))]).gates <= MOST_FOR_DEEP:
            found["deepsyn"] = run_to_ands(first, read_script(DEEP), ABC_SECONDS)
    for name, form in found.items():
        yield name, form
        with_gates = XorMaj().run(form, Context())
        if with_gates is not form:
            yield f"{name}, xor-maj", with_gates
