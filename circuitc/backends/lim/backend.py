"""The lim target: programs of logic in memory, on the cells of one row of memristors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from circuitc.backends.base import Emission
from circuitc.backends.gate_level import Circuit, circuit_of, gate_level_faults, port_map
from circuitc.diagnostics import CircuitError, Diagnostic, error
from circuitc.ir import Module

from .bundle import bundle_files
from .majority import majorities_of
from .options import Options, parse_options, wrong_options
from .program import Program
from .rm3 import RowTooSmall, Written, best_program
from .schedule import Job
from .synthesis import EFFORTS, forms, nor_networks
from .widen import widened


@dataclass(frozen=True, slots=True)
class Design:
    """A circuit and the program that computes it; of sequential circuits, one step."""

    circuit: Circuit
    options: Options
    program: Program
    facts: Mapping[str, Any]    # how the network that is computed was found


class Lim:
    """Write a program of MAGIC NOR or RM3 steps. Registers are inputs and outputs of the program, which is one step."""

    name = "lim"

    def check(self, module: Module, options: Mapping[str, str]) -> list[Diagnostic]:
        """Collect wrong options, and what is not gates that step together."""
        return [*wrong_options(options), *gate_level_faults(module, "lim")]

    def build(self, module: Module, options: Mapping[str, str]) -> Design:
        """Find a small network, an order of its gates and a cell for each value."""
        wrong = self.check(module, options)
        if wrong:
            raise CircuitError(wrong)
        circuit, chosen = circuit_of(module), parse_options(options)
        program, facts = (_magic if chosen.logic == "magic" else _rm3)(circuit, chosen)
        return Design(circuit, chosen, program, facts)

    def emit(self, design: Design) -> Emission:
        """Print the bundle."""
        return Emission("map.json", bundle_files(design), port_map(design.circuit), figures(design))


LIM = Lim()


def figures(design: Design) -> dict[str, Any]:
    """Count what the report shows together: steps, cells, writes, and rows that run the program at once.

    MAGIC steps drive whole columns, so every row of the array runs the program on inputs of its own. The operands of
    an RM3 step are read and driven as voltages by a controller, one operation at a time.
    """
    program, magic = design.program, design.options.logic == "magic"
    at_once = design.options.rows if magic else 1
    return {"logic": design.options.logic, **program.figures(), "rows_at_once": at_once,
            "steps_an_item": f"{program.steps / at_once:.3g}", "inputs": len(program.input_cells),
            "outputs": len(program.output_cells), **design.facts}


def _magic(circuit: Circuit, options: Options) -> tuple[Program, dict[str, Any]]:
    """Place the smallest network that was found; for a minimal row the one that needs least, of all that were."""
    effort = EFFORTS[options.effort]
    row = None if options.minimal_row else options.row
    found = nor_networks(circuit.netlist, effort)
    chosen = found if options.minimal_row else found[:1]
    jobs = [Job(widened(f.net, options.fan_in), options.reuse_inputs) for f in chosen]
    plans = [job.best(row, effort.order // len(jobs)) for job in jobs]
    k = min(range(len(plans)), key=lambda k: (plans[k].smallest, plans[k].steps or 0))
    job, plan = jobs[k], plans[k]
    if plan.steps is None:
        raise _too_small(options.row, plan.smallest, options)
    facts = {"smallest_row": plan.smallest, "gates": len(job.net.gates), "started_from": chosen[k].way,
             "gates_mapped": chosen[k].started, "gates_two_input": len(chosen[k].net.gates),
             "rounds": chosen[k].rounds}
    return job.program(plan.order, row or plan.smallest), facts


def _rm3(circuit: Circuit, options: Options) -> tuple[Program, dict[str, Any]]:
    written: list[tuple[Written, str, int]] = []
    smallest: list[int] = []
    row = None if options.minimal_row else options.row
    for way, netlist in forms(circuit.netlist, scripts=EFFORTS[options.effort].gates > 0):
        net = majorities_of(netlist)
        try:
            done = best_program(net, row, reuse_inputs=options.reuse_inputs)
        except RowTooSmall as e:
            smallest.append(e.smallest)
            continue
        written.append((done, way, len(net.gates)))
        smallest.append(done.smallest)
    if not written:
        raise _too_small(options.row, min(smallest), options)
    by_steps = lambda w: (w[0].program.steps, w[0].smallest)   # noqa: E731  # the one key, the other way round
    best, way, gates = min(written, key=by_steps if row else lambda w: by_steps(w)[::-1])
    return best.program, {"smallest_row": best.smallest, "gates": gates, "started_from": way}


def _too_small(row: int, smallest: int, options: Options) -> CircuitError:
    more = "" if options.reuse_inputs else "; reuse_inputs=true may need fewer"
    return error(f"a row of {row} cells is too small: the smallest that was found for this program is {smallest}",
                 help=f"row={smallest} or minimal_row=true{more}")
