"""The folded form: one sender a step. n steps make one of the algorithm's, with n adders instead of n * n.

A counter says whose turn it is. Each message between nodes keeps what it has folded of the senders so far; with the
last sender it is whole, and only then the state takes its next value. Messages to the graph are folded at once as ever.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from circuitc.diagnostics import error
from circuitc.ir import Type, Value

from .bounds import Bounds
from .formula import Read, parse_formula, parts
from .messages import SO_FAR, folded_type
from .program import GraphProgram, Message
from .scope import Scope
from .weave import Loom, Woven

ROW = "row_of_sweep"
_CURE = "leave folded out"


def check(program: GraphProgram) -> None:
    """Refuse programs without a message between nodes, with sums, or with one that waits for another message."""
    between = dict(_between(program))
    if not between:
        raise error(f"{program.name} sends nothing from node to node, so there is nothing to fold", help=_CURE)
    for name, message in between.items():
        if message.aggregate == "sum":
            raise error(f"{program.name}: {name} is a sum, which the folded form does not take", help=_CURE)
        late = _messages_read(program, [message.where, message.score])
        if late:
            raise error(f"{program.name}: {name} reads {late[0]}, which is whole only after the last sender",
                        help=_CURE)


def kept(program: GraphProgram, loom: Loom, bounds: Callable[[Message], Bounds | None]) -> dict[str, Type]:
    """Give the registers of the fold: the counter, and what each message has folded so far."""
    found = {ROW: loom.index}
    for name, message in _between(program):
        t = folded_type(program, name, message, bounds(message) if message.score else None, loom.index)
        found[f"{name}_so_far"] = t.with_shape((loom.n,))
    return found


def open(scope: Scope, held: Mapping[str, Value]) -> None:
    """Let messages between nodes be folded over one sender."""
    scope.row = Woven(held[ROW], "")
    scope.first_row = scope.loom.combine("eq", scope.row, scope.loom.number(0))
    scope.so_far = {name: Woven(held[f"{name}_so_far"], "j") for name, _ in _between(scope.program)}


def close(scope: Scope, held: Mapping[str, Value], following: Mapping[str, Woven],
          done: Woven) -> tuple[dict[str, Woven], Woven]:
    """Give the registers' next values, and whether all is done: only the last sender's step moves the state."""
    loom, row = scope.loom, scope.row
    assert row is not None
    last = loom.combine("eq", row, loom.number(loom.n - 1))
    found = {name: loom.select(last, x, Woven(held[name], x.axes)) for name, x in following.items()}
    one_more = loom.b.apply("requantize", loom.combine("add", row, loom.number(1)).value, type=loom.index,
                            overflow="wrap")
    found[ROW] = loom.select(last, loom.number(0, loom.index), Woven(one_more, ""))
    found |= {f"{name}_so_far": scope.named[name, SO_FAR] for name in scope.so_far}
    return found, loom.combine("and", last, done)


def _between(program: GraphProgram) -> list[tuple[str, Message]]:
    return [(name, m) for name, m in program.messages() if Read("j") in _reads(m.where, m.score)]


def _reads(*texts: str) -> list[object]:
    return [p for t in texts if t for p in parts(parse_formula(t))]


def _messages_read(program: GraphProgram, texts: list[str]) -> list[str]:
    """Name the messages that formulas read, through definitions too."""
    found: list[str] = []
    for p in _reads(*texts):
        if isinstance(p, Read) and p.name in program.steps:
            step = program.steps[p.name]
            found += [p.name] if isinstance(step, Message) else _messages_read(program, [step])
    return found


__all__ = ["ROW", "check", "close", "kept", "open"]
