"""Use hardware again: a network's matrix products take several steps, a few rows at a time, from ROMs of weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from circuitc.diagnostics import error
from circuitc.ir import Builder, Func, Graph, Module, Port, Schedule, rebuild

from .base import Context, Pass, replace_context
from .folding import StepBody, plan_groups


@dataclass(frozen=True, slots=True)
class FoldHardware(Pass):
    """Turn a network into steps that use its multipliers up to `reuse` times.

    Each product of a constant matrix with a vector takes `reuse` steps (at most one a row), in each of which
    rows / reuse of its rows are computed by the same multipliers; their weights come out of a ROM through registers.
    Element-wise ops behind products (biases, roundings, tables, the gates of a recurrent cell) are computed for the
    same rows in the same step, and what they need of constants lies in the same ROM. Products that depend on each
    other run one after the other, others at once. A combinational func becomes `iterate`: one step fills the weights,
    the last one gives the outputs. The step of a `stream` becomes such a func, which the stream calls for each item.
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
        """Give the funcs that stand for one: itself, folded, or a stream and what it calls; none where nothing is."""
        if not isinstance(func.body, Graph) or not (func.is_combinational or func.schedule.kind == "stream"):
            return ()
        if func.schedule.kind == "once":
            new = _steps(func, self.reuse, context)
            return () if new is None else (new,)
        name = f"{func.name}_item"
        while name in module.funcs:
            name += "_"
        inputs = tuple(Port(n.name, n.type) for n in func.body.nodes[:func.body.inputs])
        outputs = (*(Port(p.name, p.type) for p in func.outputs),
                   *(Port(f"next_{r.name}", r.type) for r in func.registers))
        item = _steps(Func(name, inputs, _unique(outputs), func.body), self.reuse, context)
        return () if item is None else (replace(func, body=_calling(item, func.body)), item)


def _unique(ports: tuple[Port, ...]) -> tuple[Port, ...]:
    taken: set[str] = set()
    found: list[Port] = []
    for port in ports:
        name = port.name
        while name in taken:
            name += "_"
        taken.add(name)
        found.append(replace(port, name=name))
    return tuple(found)


def _calling(item: Func, body: Graph) -> Graph:
    """Give the body of a stream whose step is a call."""
    b = Builder()
    entering = [b.input(n.name, n.type, n.span) for n in body.nodes[:body.inputs]]
    return b.finish([b.call(item.name, p.name, p.type, *entering, name=p.name) for p in item.outputs])


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
