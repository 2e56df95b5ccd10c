"""The pass `extract-automaton`: a stream with few states becomes the smallest automaton that answers the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from circuitc.ir import Module, module_of

from .automata import (
    all_symbols,
    check_answers,
    check_stream,
    compare_streams,
    explore,
    has_floats,
    machine_func,
    merged_symbols,
    minimize,
)
from .base import Context, Pass


@dataclass(frozen=True, slots=True)
class ExtractAutomaton(Pass):
    """Replace the main func, a stream with few reachable states, by the smallest automaton that answers the same.

    Every state that words reach from reset is tried with every input of a step (at most 12 bits); more than `states`
    states are refused. The automaton is minimised (Hopcroft) and compared with the program again, on every pair of
    states that they reach together. `encoding` is `binary` (a number) or `one-hot` (a bit a state). The facts say how
    many states, symbols and transitions were tried.
    """

    states: int = 4096
    encoding: Literal["binary", "one-hot"] = "binary"

    def apply(self, module: Module, context: Context) -> Module:
        func = module.entry
        check_stream(func)
        check_answers(func)
        symbols = all_symbols(func)
        found = explore(module, func, symbols, self.states).machine
        small = minimize(found)
        machine, codes = merged_symbols(small)
        new = machine_func(machine, func.name, func.inputs, func.outputs, codes, self.encoding)
        pairs = compare_streams((module, func, symbols), (module_of(new), new, symbols), found.states)
        tried = pairs * found.symbols
        how = "every pair of states that are reached together, with every symbol"
        if has_floats(module):
            how += ", floats as the interpreter rounds them"
        context.facts |= {"func": func.name, "states": found.states, "symbols": found.symbols,
                          "minimal_states": machine.states, "minimal_symbols": machine.symbols,
                          "pairs": pairs, "encoding": self.encoding,
                          "evidence": {"level": "exhausted", "vectors": tried, "method": how}}
        return Module({new.name: new}, new.name, module.name, module.facts)
