"""Prove a pipelined module: its registers keep step with each other, and without them it is the func.

The module is read back by Yosys as one netlist with registers. Five facts are shown for every state and input, by
putting constants in and hashing structure:

1. while a result waits (`out_valid` and not `out_ready`) no register changes, and `in_ready` is 0;
2. otherwise `in_ready` is 1, and what the registers load does not depend on which of the two reasons there is;
3. then `out_valid` is `in_valid` behind exactly `latency` registers, which reset clears;
4. every path from an input to an output crosses exactly `latency` registers, and no path leads back;
5. what the outputs are where every register is a wire depends on the inputs of the func alone.

So each accepted word leaves `latency` moves after it came, next to its own valid bit, as what those gates make of it.
That netlist of wires is the answer; it is then compared with the func by any method.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from circuitc.diagnostics import InternalError
from circuitc.ir import ONCE, Func, Module, Netlist, NetlistBuilder, Port, module_of

CONTROL = ("in_valid", "out_ready")
STATUS = ("in_ready", "out_valid")
ANY = -1  # the rank of a constant: it is the same in each cycle


def without_registers(design: Module, reset: str, latency: int) -> Module:
    """Give a pipelined module with its registers as wires; an InternalError says which of the facts does not hold."""
    func = design.entry
    assert isinstance(func.body, Netlist), "Yosys gives ANDs"
    return _Machine(func, func.body, reset, latency).wires()


class _Machine:
    """A module with registers, its values under some constants all in one builder, so that equal ones are one literal.

    `bits` are the inputs and then the registers, by their place among the body's inputs.
    """

    def __init__(self, func: Func, body: Netlist, reset: str, latency: int) -> None:
        self.func, self.body, self.reset, self.latency = func, body, reset, latency
        self.inputs = _bits(func.inputs)
        self.registers = _bits([Port(r.name, r.type) for r in func.registers])
        self.bits = [*self.inputs, *self.registers]
        self.outputs = _bits(func.outputs)
        self.builder = NetlistBuilder(len(self.bits))
        for names, wanted in ((self.inputs, (reset, *CONTROL)), (self.outputs, STATUS)):
            for name in wanted:
                self.claim((name, 0) in names, f"there is no port {name}")
        self.in_ready, self.out_valid = (self.outputs.index((name, 0)) for name in STATUS)
        self.moving = self.values({reset: 0, "out_ready": 1})

    def claim(self, holds: bool, otherwise: str) -> None:
        """Hold the module to a fact."""
        if not holds:
            raise InternalError(f"what was emitted is wrong: module {self.func.name} is no pipeline: {otherwise}")

    def values(self, known: Mapping[str, int], register: int = -1, value: int = 0) -> list[int]:
        """Give the literals of outputs and next values where some inputs, and one register, are constants."""
        put = {self.inputs.index((name, 0)): constant for name, constant in known.items()}
        if register >= 0:
            put[len(self.inputs) + register] = value
        return _substituted(self.builder, self.body, put)

    def register(self, literal: int) -> int:
        """Give the number of the register that a literal is, or -1."""
        number = (literal >> 1) - 1 - len(self.inputs)
        return number if not literal & 1 and 0 <= number < len(self.registers) else -1

    def following(self, values: Sequence[int]) -> Sequence[int]:
        """Give the next values among the values of a case."""
        return values[len(self.outputs):]

    def wires(self) -> Module:
        """Show the facts and give the func of the wires."""
        last = self.register(self.moving[self.out_valid])
        self.claim(last >= 0, "out_valid is not a register")
        self._stands_still(last)
        self._moves(last)
        self._valid_bits()
        return self._collapse()

    def _stands_still(self, last: int) -> None:
        still = self.values({self.reset: 0, "out_ready": 0}, last, 1)
        self.claim(still[self.in_ready] == 0, "it takes a word while a result waits")
        for k, following in enumerate(self.following(still)):
            kept = 1 if k == last else self.builder.input(len(self.inputs) + k)
            self.claim(following == kept, f"register {_said(self.registers[k])} changes while a result waits")

    def _moves(self, last: int) -> None:
        empty = self.values({self.reset: 0, "out_ready": 0}, last, 0)
        self.claim(empty[self.in_ready] == self.moving[self.in_ready] == 1, "it takes no word though none waits")
        self.claim(self.following(empty) == self.following(self.moving),
                   "registers load something else where the last stage is empty")

    def _valid_bits(self) -> None:
        literal = self.moving[self.out_valid]
        cleared = self.following(self.values({self.reset: 1}))
        for _ in range(self.latency):
            number = self.register(literal)
            self.claim(number >= 0, f"out_valid is not in_valid behind {self.latency} registers")
            self.claim(cleared[number] == 0, f"reset does not clear {_said(self.registers[number])}")
            literal = self.following(self.moving)[number]
        in_valid = self.builder.input(self.inputs.index(("in_valid", 0)))
        self.claim(literal == in_valid, f"out_valid is not in_valid behind {self.latency} registers")

    def _collapse(self) -> Module:
        inputs = [p for p in self.func.inputs if p.name not in (self.reset, *CONTROL)]
        outputs = [p for p in self.func.outputs if p.name not in STATUS]
        walk = _Walk(self, _bits(inputs))
        literals: list[int] = []
        for bit in _bits(outputs):
            literal, rank = walk.follow(self.moving[self.outputs.index(bit)])
            self.claim(rank in (ANY, self.latency), f"{_said(bit)} comes {rank} cycles after inputs that it depends on")
            literals.append(literal)
        plain = [tuple(Port(p.name, p.type) for p in side) for side in (inputs, outputs)]
        return module_of(Func(self.func.name, plain[0], plain[1], walk.wires.finish(literals), (), ONCE))


class _Walk:
    """Copy the moving machine with wires for registers, and count the registers on the way: 3 us a gate."""

    def __init__(self, machine: _Machine, inputs: Sequence[tuple[str, int]]) -> None:
        self.machine = machine
        self.all = machine.builder.finish(machine.moving)
        self.fanin: list[int] = self.all.fanin.tolist()
        self.wires = NetlistBuilder(len(inputs))
        self.found: dict[int, tuple[int, int]] = {0: (0, ANY)}  # node -> its literal among the wires, its rank
        for k, bit in enumerate(inputs):
            self.found[1 + machine.inputs.index(bit)] = self.wires.input(k), 0
        self.open: set[int] = set()

    def follow(self, literal: int) -> tuple[int, int]:
        """Give what a literal is among the wires, and how many registers lie before it."""
        stack = [literal >> 1]
        while stack:
            node = stack[-1]
            if node in self.found:
                stack.pop()
                continue
            sources = self._sources(node)
            missing = [s >> 1 for s in sources if s >> 1 not in self.found]
            if missing:
                self.machine.claim(node not in self.open, "a path leads from a register back to itself")
                self.open.add(node)
                stack += missing
                continue
            self.found[node] = self._joined(node, sources)
            self.open.discard(node)
            stack.pop()
        found, rank = self.found[literal >> 1]
        return found ^ literal & 1, rank

    def _sources(self, node: int) -> list[int]:
        machine, number = self.machine, node - 1
        if number < len(machine.bits):
            named = _said(machine.bits[number])
            machine.claim(number >= len(machine.inputs), f"an output depends on {named}")
            return [machine.following(machine.moving)[number - len(machine.inputs)]]
        edge = 2 * (number - len(machine.bits))
        return self.fanin[edge:edge + 2]

    def _joined(self, node: int, sources: Sequence[int]) -> tuple[int, int]:
        literals = [self.found[s >> 1][0] ^ s & 1 for s in sources]
        ranks = {self.found[s >> 1][1] for s in sources} - {ANY}
        self.machine.claim(len(ranks) <= 1, f"inputs of one gate come {' and '.join(map(str, sorted(ranks)))} "
                                            "cycles after inputs of the module")
        rank = ranks.pop() if ranks else ANY
        if len(sources) == 1:
            return literals[0], rank if rank == ANY else rank + 1
        return self.wires.and_(*literals), rank


def _substituted(builder: NetlistBuilder, body: Netlist, known: Mapping[int, int]) -> list[int]:
    """Give the output literals of a netlist of ANDs where inputs with these numbers are constants: 1 us a gate."""
    literal = [0, *(known[k] if k in known else builder.input(k) for k in range(body.inputs))]
    fanin: list[int] = body.fanin.tolist()
    for a, b in zip(fanin[0::2], fanin[1::2], strict=True):
        literal.append(builder.and_(literal[a >> 1] ^ a & 1, literal[b >> 1] ^ b & 1))
    return [literal[o >> 1] ^ o & 1 for o in body.outputs.tolist()]


def _bits(ports: Sequence[Port]) -> list[tuple[str, int]]:
    return [(p.name, k) for p in ports for k in range(p.type.bits)]


def _said(bit: tuple[str, int]) -> str:
    return f"{bit[0]}[{bit[1]}]"
