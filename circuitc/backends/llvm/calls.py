"""Calls: the callee runs its whole schedule, for one sample, in the caller's working memory."""

from __future__ import annotations

from typing import Any

from circuitc.ir import Func, Node

from .body import Body, Held
from .kernel import index
from .memory import POINTER


def steps_of(func: Func, operand_lengths: list[int]) -> int:
    """Tell how many steps a call takes at most; a stream as many as its items."""
    match func.schedule.kind:
        case "once":
            return 1
        case "stream":
            return operand_lengths[0]
        case _:
            return func.schedule.count


def pointers(body: Body, values: list[Any]) -> Any:
    """Lay pointers out in an array on the stack and answer its address."""
    kernel = body.kernel
    array = kernel.slot(POINTER, max(2, len(values)))
    for k, value in enumerate(values):
        kernel.builder.store(value, kernel.at(array, k, POINTER))
    return array


def call(body: Body, value: int, node: Node) -> None:
    """Call a func and hold the wanted result; calls of one func with the same operands are one call."""
    func = body.unit.program.func(node.attributes["func"])
    key = (func.name, node.operands)
    if key not in body.calls:
        body.calls[key] = _called(body, func, node)
    body.hold(value, body.calls[key][node.attributes["output"]])


def _called(body: Body, func: Func, node: Node) -> dict[str, Held]:
    kernel = body.kernel
    inputs = [body.packed(v).pointer for v in node.operands]
    lengths = [body.type(v).shape[0] for v, p in zip(node.operands, func.inputs, strict=True)
               if func.is_stepped(p)]
    steps = steps_of(func, lengths)
    results: dict[str, Held] = {}
    outputs: list[Any] = []
    for port in func.results:
        stepped = func.is_stepped(port)
        view = body.buffer(port.type.with_shape((steps, *port.type.shape)) if stepped else port.type)
        body.keep(view)
        results[port.name] = view
        outputs.append(view.pointer)
    status = kernel.builder.call(body.unit.runs[func.name], [
        body.scratch, index(1), index(steps), pointers(body, inputs), pointers(body, outputs), POINTER(None)])
    kernel.merge(status)
    kernel.return_if_failed()
    return results
