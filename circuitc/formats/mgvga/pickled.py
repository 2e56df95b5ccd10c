"""Decode the pickle of a PyTorch file without running anything in it: a small stack machine over an allow-list.

Python's own unpickler calls what a file names. This one knows a few opcodes, builds numbers, texts, lists, tuples and
dicts, and for a global it gives a stub of ours; any other global or opcode is refused by name. Nothing is imported,
called or walked recursively, and no opcode makes more than the file has bytes for (`memo` is a dict, so a large memo
number costs nothing).
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

from circuitc.diagnostics import Source, Span, error

MAX_NUMBER_BITS = 64


@dataclass(frozen=True, slots=True)
class Stub:
    """What stands for an allowed global: `make` answers a call of it (None where it is only mentioned)."""

    name: str
    make: Callable[[tuple[Any, ...]], Any] | None = None


@dataclass(slots=True, eq=False)
class Record:
    """What stands for an object of an allowed class: its attributes by name."""

    name: str
    fields: dict[str, Any] = field(default_factory=dict[str, Any])


class _Mark:
    """The place on the stack to which a tuple, list or dict reaches back."""


_MARK = _Mark()
_EMPTY: Mapping[str, Callable[[], object]] = MappingProxyType({
    "EMPTY_LIST": list[object], "EMPTY_DICT": dict[object, object], "EMPTY_TUPLE": tuple[object, ...],
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False, "MARK": lambda: _MARK})
_LITERALS = frozenset({"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "BINUNICODE", "SHORT_BINUNICODE"})
_TUPLES = MappingProxyType({"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3})
_OPERANDS = MappingProxyType({"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3, "APPEND": 2, "SETITEM": 3, "STACK_GLOBAL": 2,
                              "REDUCE": 2, "NEWOBJ": 2, "BUILD": 2, "BINPERSID": 1, "BINPUT": 1, "LONG_BINPUT": 1,
                              "MEMOIZE": 1, "STOP": 1})


class Decoder:
    """One decoding: the stack, the memo and where in the file it is."""

    def __init__(self, source: str, stubs: Mapping[str, Stub], persistent: Callable[[Any], Any]) -> None:
        self._span = Span(Source(source))
        self._stubs = stubs
        self._persistent = persistent
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._at = 0

    def decode(self, data: bytes) -> Any:
        """Give the value of a pickle of protocol 2 to 5; about 2 us an opcode."""
        for name, argument, at in self._opcodes(data):
            self._at = at
            needed = _OPERANDS.get(name, 0)
            if len(self._stack) < needed or (needed and any(v is _MARK for v in self._stack[-needed:])):
                raise self.fault(f"{name} finds too little on the stack")
            if name == "STOP":
                break
            self._step(name, argument)
        if len(self._stack) != 1:
            raise self.fault(f"the pickle ends with {len(self._stack)} values, not one")
        return self._stack[0]

    def fault(self, message: str) -> Exception:
        """Make the error that names the place in the pickle."""
        return error(f"data.pkl, byte {self._at}: {message}", self._span)

    def _opcodes(self, data: bytes) -> Iterator[tuple[str, Any, int]]:
        try:
            for opcode, argument, at in pickletools.genops(data):
                yield opcode.name, argument, at or 0
        except (ValueError, UnicodeError, IndexError, OverflowError, MemoryError) as e:
            raise self.fault(f"the pickle is broken: {' '.join(str(e).split())[:100]}") from None

    def _step(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name in _LITERALS:
            if isinstance(argument, int) and argument.bit_length() > MAX_NUMBER_BITS:
                raise self.fault(f"a number of {argument.bit_length()} bits, at most {MAX_NUMBER_BITS} are taken")
            stack.append(argument)
        elif name in _EMPTY:
            stack.append(_EMPTY[name]())
        elif name in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = stack[-1]
        elif name == "MEMOIZE":
            self._memo[len(self._memo)] = stack[-1]
        elif name in ("BINGET", "LONG_BINGET"):
            if argument not in self._memo:
                raise self.fault(f"memo {argument} is used before it is set")
            stack.append(self._memo[argument])
        elif name not in ("PROTO", "FRAME"):
            self._build(name, argument)

    def _build(self, name: str, argument: Any) -> None:
        stack = self._stack
        if name == "TUPLE":
            stack.append(tuple(self._to_mark()))
        elif name in _TUPLES:
            stack.append(tuple(self._take(_TUPLES[name])))
        elif name in ("APPEND", "APPENDS"):
            items = self._take(1) if name == "APPEND" else self._to_mark()
            self._target(name, list).extend(items)
        elif name in ("SETITEM", "SETITEMS"):
            items = self._take(2) if name == "SETITEM" else self._to_mark()
            self._set_items(name, items)
        elif name == "GLOBAL":
            stack.append(self._global(str(argument).replace(" ", ".", 1)))
        elif name == "STACK_GLOBAL":
            parts = self._take(2)
            if not all(isinstance(part, str) for part in parts):
                raise self.fault("a global is named by something else than text")
            stack.append(self._global(".".join(parts)))
        elif name in ("REDUCE", "NEWOBJ"):
            stack.append(self._call(*self._take(2)))
        elif name == "BUILD":
            self._set_state(self._take(1)[0])
        elif name == "BINPERSID":
            stack.append(self._persistent(self._take(1)[0]))
        else:
            raise self.fault(f"the opcode {name} is not one that a graph needs")

    def _take(self, count: int) -> list[Any]:
        values = self._stack[-count:]
        del self._stack[-count:]
        return values

    def _to_mark(self) -> list[Any]:
        for k in range(len(self._stack) - 1, -1, -1):
            if self._stack[k] is _MARK:
                values = self._stack[k + 1:]
                del self._stack[k:]
                return values
        raise self.fault("a tuple, list or dict ends that did not begin")

    def _target(self, name: str, *kinds: type) -> Any:
        top = self._stack[-1] if self._stack else None
        if not isinstance(top, kinds):
            raise self.fault(f"{name} finds nothing on the stack that it can fill")
        return top

    def _set_items(self, name: str, items: list[Any]) -> None:
        target = self._target(name, dict, Record)
        if len(items) % 2:
            raise self.fault("a dict has a key without a value")
        held = cast("dict[Any, Any]", target.fields if isinstance(target, Record) else target)
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, str | int):
                raise self.fault("a key of a dict is neither text nor a number")
            held[key] = value

    def _global(self, name: str) -> Stub:
        stub = self._stubs.get(name)
        if stub is None:
            raise error(f"data.pkl, byte {self._at}: the pickle names {name[:120]!r}, which is not one of the "
                        f"{len(self._stubs)} names that a graph needs; nothing was run", self._span,
                        "do not load this file with PyTorch unless you trust who made it")
        return stub

    def _call(self, stub: Any, arguments: Any) -> Any:
        if not isinstance(stub, Stub) or stub.make is None or not isinstance(arguments, tuple):
            what = stub.name if isinstance(stub, Stub) else "a value that is no class or function"
            raise self.fault(f"the pickle calls {what}; nothing was run")
        try:
            return stub.make(cast("tuple[Any, ...]", arguments))
        except ValueError as e:
            raise self.fault(str(e)) from None

    def _set_state(self, state: Any) -> None:
        target = self._target("BUILD", Record)
        if not isinstance(state, dict) or not all(isinstance(key, str) for key in cast("dict[Any, Any]", state)):
            raise self.fault(f"the state of {target.name} is not a dict of attributes by name")
        target.fields.update(cast("dict[str, Any]", state))
