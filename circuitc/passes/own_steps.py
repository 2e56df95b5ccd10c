"""Steps that take steps of their own: what a step computes, as a func beside, and the body that calls it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from circuitc.ir import BIT, Builder, Func, Graph, Port


def step_func(func: Func, taken: Collection[str]) -> Func:
    """Give what a step of a func computes as a combinational func NAME_item, whose name is not in `taken`.

    It takes inputs and registers; it gives outputs, next registers, and `done` where the func runs until that.
    """
    assert isinstance(func.body, Graph), "gates have no steps to share"
    name = f"{func.name}_item"
    while name in taken:
        name += "_"
    inputs = tuple(Port(n.name, n.type) for n in func.body.nodes[:func.body.inputs])
    outputs = [*(Port(p.name, p.type) for p in func.outputs), *(Port(f"next_{r.name}", r.type) for r in func.registers)]
    outputs += [Port("done", BIT)] if func.schedule.kind == "until" else []
    return Func(name, inputs, _unique(outputs), func.body)


def calling(item: Func, body: Graph) -> Graph:
    """Give the body of a func whose step is a call of `item`."""
    b = Builder()
    entering = [b.input(n.name, n.type, n.span) for n in body.nodes[:body.inputs]]
    return b.finish([b.call(item.name, p.name, p.type, *entering, name=p.name) for p in item.outputs])


def _unique(ports: Collection[Port]) -> tuple[Port, ...]:
    taken: set[str] = set()
    found: list[Port] = []
    for port in ports:
        name = port.name
        while name in taken:
            name += "_"
        taken.add(name)
        found.append(replace(port, name=name))
    return tuple(found)
