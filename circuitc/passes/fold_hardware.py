"""Use hardware again: a network's matrix products take several steps, a few rows at a time, from ROMs of weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from circuitc.diagnostics import error
from circuitc.ir import Func, Graph, Module, Schedule, rebuild

from .base import Context, Pass, replace_context
from .folding import StepBody, plan_groups
from .own_steps import calling, step_func


@dataclass(frozen=True, slots=True)
class FoldHardware(Pass):
    """Turn a network into steps that use its multipliers up to `reuse` times.

    Each product of a constant matrix with a vector takes `reuse` steps (at most one a row), in each of which
    rows / reuse of its rows are computed by the same multipliers; their weights come out of a ROM through registers.
    Element-wise ops behind products (biases, roundings, tables, the gates of a recurrent cell) are computed for the
    same rows in the same step, and what they need of constants lies in the same ROM. Products that depend on each
    other run one after the other, others at once. A combinational func becomes `iterate`: one step fills the weights,
    the last one gives the outputs. The step of a func that steps becomes such a func, which it calls for each step.
    """

    reuse: int

    def __post_init__(self) -> None:
        if self.reuse < 2:
            raise error(f"fold-hardware: reuse is at least 2, got {self.reuse}")

    def apply(self, module: Module, context: Context) -> Module:
        for func in module.funcs.values():
            for new in self._folded(module, func, replace_context(context, module, func)):
                module = module.with_func(new)
        return module

    def _folded(self, module: Module, func: Func, context: Context) -> tuple[Func, ...]:
        """Give the funcs that stand for one: itself, folded, or with what it calls; none where nothing is."""
        if not isinstance(func.body, Graph):
            return ()
        if func.is_combinational:
            new = _steps(func, self.reuse, context)
            return () if new is None else (new,)
        item = _steps(step_func(func, module.funcs), self.reuse, context)
        return () if item is None else (replace(func, body=calling(item, func.body)), item)


def _steps(func: Func, reuse: int, context: Context) -> Func | None:
    """Give a combinational func as steps; None where it has nothing to fold."""
    assert isinstance(func.body, Graph)
    products, groups = plan_groups(func.body, reuse)
    if not groups:
        return None
    step = StepBody(func.body, products, groups)
    body = rebuild(step.finish())
    context.facts[func.name] = _facts(func.body, step)
    return replace(func, body=body, registers=tuple(step.registers), schedule=Schedule("iterate", step.steps))


def _facts(graph: Graph, step: StepBody) -> dict[str, Any]:
    """Say what is shared: each product with its rows, and each group's ROM."""
    layers: list[dict[str, Any]] = []
    for value, product in step.products.items():
        group = step.group_of[value]
        rows, columns = product.matrix.type.shape
        at_once = rows // group.lanes * group.together
        layers.append({"value": graph.nodes[value].name, "rows": rows, "rows_a_step": at_once, "steps": group.steps,
                       "multipliers": at_once * columns})
    return {"steps": step.steps, "layers": layers, "rom_bits": sum(rom.bits for rom in step.roms.values())}
