"""Calls as gates: the called body is put in place, once for each step it takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import error
from circuitc.ir import Func, Netlist, Node, Port
from circuitc.ir.ops.structure import raw_bits
from circuitc.ir.types import Type

from .forms import Word, make_form, word_of_form
from .scope import Scope, replay
from .words import select_word

if TYPE_CHECKING:
    from .lowering import Lowering

Results = Mapping[str, Word]


def call(g: Lowering, node: Node) -> Word:
    """Give one result of a call; calls of a func on the same operands are one call."""
    func = g.scope.module.func(node.attributes["func"])
    key = (func.name, node.operands)
    if key not in g.calls:
        g.calls[key] = unroll(g.scope, node, func, [g.word(v) for v in node.operands])
    return g.calls[key][node.attributes["output"]]


def unroll(scope: Scope, node: Node, func: Func, arguments: Sequence[Word]) -> Results:
    """Run a func's whole schedule in gates: a body for each step; step ports hold their steps one after the other."""
    state = [_initial(node, func, k) for k in range(len(func.registers))]
    steps = _steps(func, arguments)
    taken: list[list[Word]] = []
    done, open_steps = 0, list[int]()
    for step in range(steps):
        given = [_at_step(func, p, word, step) for p, word in zip(func.inputs, arguments, strict=True)]
        values = run_body(scope, func, [*given, *state], f"{node.name}_")
        ports, after = len(func.outputs), len(func.outputs) + len(state)
        results, following = values[:ports], values[ports:after]
        if func.schedule.kind == "until":
            if taken:
                results = [select_word(scope.builder, done, a, b) for a, b in zip(taken[-1], results, strict=True)]
            following = [select_word(scope.builder, done, a, b) for a, b in zip(state, following, strict=True)]
            open_steps.append(done ^ 1)
            done = scope.builder.or_(done, values[after][0])
        taken.append(results)
        state = following
        scope.check_size(node, func)
        if done == 1:
            break
    words = _gathered(func, taken, steps)
    if func.schedule.kind == "until":
        count = make_form((x, 1) for x in open_steps)
        counted = word_of_form(scope.builder, count, func.result("steps").type, scope.tables)
        words |= {"converged": (done,), "steps": counted}
    return words


def _steps(func: Func, arguments: Sequence[Word]) -> int:
    """Count the steps of a call; a stream has as many as its step inputs."""
    if func.schedule.kind != "stream":
        return func.schedule.count if func.schedule.kind != "once" else 1
    return next(len(word) // p.type.bits for p, word in zip(func.inputs, arguments, strict=True) if p.rate == "step")


def _at_step(func: Func, port: Port, word: Word, step: int) -> Word:
    return word[step * port.type.bits:(step + 1) * port.type.bits] if func.is_stepped(port) else word


def _gathered(func: Func, taken: Sequence[Sequence[Word]], steps: int) -> dict[str, Word]:
    """Collect outputs: of a step port all steps, padded with the last one, of others the last."""
    padded = [*taken, *[taken[-1]] * (steps - len(taken))]
    return {p.name: tuple(x for results in padded for x in results[k]) if func.is_stepped(p) else taken[-1][k]
            for k, p in enumerate(func.outputs)}


def _initial(node: Node, func: Func, k: int) -> Word:
    register = func.registers[k]
    if register.initial is None:
        raise error(f"call of @{func.name}: register {register.name} has no initial value", node.span,
                    "give the register an initial value, or pass it in through a port")
    return constant_word(register.type, register.initial.array)


def constant_word(t: Type, array: NDArray[Any]) -> Word:
    """Give the literals of a constant."""
    return tuple(raw_bits(t, np.asarray(array)).ravel().tolist())


def run_body(scope: Scope, func: Func, values: Sequence[Word], prefix: str) -> list[Word]:
    """Give the words that leave a body: outputs, next registers, done."""
    from .lowering import Lowering
    if not isinstance(func.body, Netlist):
        return Lowering(scope, scope.graph(func), prefix).run(values)
    bits = replay(scope, func.body, [x for word in values for x in word])
    words: list[Word] = []
    start = 0
    for t in func.body_outputs:
        words.append(bits[start:start + t.bits])
        start += t.bits
    return words
