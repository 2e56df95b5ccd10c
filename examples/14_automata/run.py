"""Recurrent networks that learned Tomita's grammars, and the automata that they are."""

from pathlib import Path

import numpy as np
from grammars import GRAMMARS, words

import circuitc
from circuitc.models.automata import extract, over_alphabet

FOLDER = Path(__file__).resolve().parent
LETTERS = {"letter": np.eye(2, dtype=int)}  # 0 and 1 as one-hot vectors

print("grammar                                  states: met  smallest  wrong words of up to 12 letters")
for number, (what, rule) in GRAMMARS.items():
    network = circuitc.load(FOLDER / f"tomita{number}.json")
    found = extract(network, LETTERS, letters="01")
    assert found.automaton is not None
    wrong = sum(found.automaton.accepts(word) != rule(word) for word in words(12))
    print(f"{number} {what:38} {found.explored.machine.states:11} {len(found.automaton.states):9}  {wrong}")

print("\nthe network of grammar 4 as integers, then as its automaton")
spoken = over_alphabet(circuitc.load(FOLDER / "tomita4.json"), LETTERS)
sequences = np.arange(256)[:, None] >> np.arange(8) & 1
integers = circuitc.run_passes(spoken, "quantize{sensitivity=false},clean,tabulate", calibration={"symbol": sequences})
plain = circuitc.compile(integers, "verilog", verify=False)
lines = plain.report["figures"]["lines"]
for encoding in ("binary", "one-hot"):
    build = circuitc.compile(integers, "verilog", prove=True,
                             passes=f"extract-automaton{{encoding={encoding}}},scalarize,clean")
    record = next(p for p in build.module.facts["passes"] if p["name"] == "extract-automaton")
    facts, evidence = record["facts"], record["evidence"]
    print(f"  {encoding}: {facts['states']} states met, {facts['minimal_states']} kept, {evidence['level']} "
          f"({evidence['vectors']} transitions), {build.module.entry.registers[0].type.bits} bits of state; less than "
          f"a twentieth of the network's Verilog: {20 * build.report['figures']['lines'] < lines}")
    print("   ", build.summary[0])
