"""Short training of a float program between `prune` and `quantize`: pruned weights stay pruned. Needs PyTorch."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any

import numpy as np

from circuitc.diagnostics import error
from circuitc.ir import Builder, Constant, Func, Graph, Module, Node, Value, rebuild
from circuitc.passes.prune import weights_of


def finetune(module: Module, inputs: Mapping[str, Any], labels: Any, *, output: str = "", epochs: int = 1,
             batch: int = 128, rate: float = 1e-3, weight_bits: int | None = None, activation_bits: int | None = None,
             seed: int = 0) -> Module:
    """Train the float constants of the main func on labelled samples, and give the module with the new ones.

    `inputs` are raw numbers by port, samples first ([samples, steps, ...] of a stream's items); `labels` holds a class
    for each sample; `output` names the logits, the first output without it. A weight of a layer that is 0 stays 0. With
    `weight_bits` a forward step sees weights rounded to so many bits, with a power of two a row as scale, and the
    gradient passes straight through the rounding; what comes back are the floats behind. With `activation_bits` it also
    sees what layers multiply (inputs, states, what lies between layers) rounded to so many bits: one power of two for
    each such value as step, such that the largest number of the first batch fits before training; what does not fit
    later is clipped, and passes no gradient (the straight-through estimator of Bengio et al. 2013, clipped). Constants
    of rank 0 (limits, slopes) and initial states are not trained. The same seed gives the same numbers on one machine.
    """
    torch = _torch()
    func = module.entry
    if not isinstance(func.body, Graph) or func.schedule.kind not in ("once", "stream"):
        raise error(f"finetune trains graphs that run once or as a stream, @{func.name} is neither")
    names = [p.name for p in func.outputs]
    if output and output not in names:
        raise error(f"@{func.name} has no output {output}", help=f"one of {', '.join(names)}")
    bits = [n for n in (weight_bits, activation_bits) if n is not None]
    if epochs < 1 or batch < 1 or not rate > 0 or any(not 2 <= n <= 16 for n in bits):
        raise error(f"finetune takes at least one epoch, a batch, a positive rate and 2 to 16 bits, got "
                    f"epochs={epochs}, batch={batch}, rate={rate}, weight_bits={weight_bits}, "
                    f"activation_bits={activation_bits}")
    arrays = [np.asarray(inputs[p.name]) if p.name in inputs else None for p in func.inputs]
    target = np.asarray(labels)
    if any(a is None or len(a) != len(target) for a in arrays) or target.ndim != 1 or not len(target):
        ports = ", ".join(p.name for p in func.inputs)
        raise error(f"finetune needs samples for each of {ports}, and a label for each")
    torch.manual_seed(seed)
    net = _Net(torch, func, func.body, weight_bits)
    data = [torch.from_numpy(np.ascontiguousarray(a).astype(np.float32)) for a in arrays if a is not None]
    classes = torch.from_numpy(target.astype(np.int64))
    if activation_bits is not None:
        net.watch([d[:batch] for d in data], activation_bits)
    optimizer = torch.optim.Adam(list(net.trained.values()), lr=rate)
    steps = epochs * -(-len(target) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rate, total_steps=max(2, steps))
    place = names.index(output) if output else 0
    for _ in range(epochs):
        for part in torch.randperm(len(target)).split(batch):
            optimizer.zero_grad()
            loss = torch.nn.functional.cross_entropy(net.run([d[part] for d in data], place), classes[part])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(list(net.trained.values()), 1.0)
            optimizer.step()
            schedule.step()
    return module.with_func(func.with_body(net.written()))


def _torch() -> Any:
    try:
        return import_module("torch")
    except ImportError:
        raise error("finetune needs the package torch", help="pip install 'circuitc[gradient]'") from None


class _Net:
    """A body as PyTorch runs it: values are [batch, *shape], constants [*shape]."""

    def __init__(self, torch: Any, func: Func, graph: Graph, bits: int | None) -> None:
        self.torch, self.func, self.graph, self.bits = torch, func, graph, bits
        layers = weights_of(graph)
        self.multiplied = {v: graph.nodes[v].operands[1 - place] for v, (place, _) in layers.items()}
        self.seen: dict[Value, tuple[float, float]] | None = None   # least and largest of what layers multiply
        self.grids: dict[Value, tuple[float, int, int]] = {}        # its step, and its bounds in steps
        self.weights = {graph.nodes[v].operands[place] for v, (place, _) in layers.items()}
        self.trained: dict[Value, Any] = {}
        self.known: dict[Value, Any] = {}
        self.masks: dict[Value, Any] = {}
        for value, node in enumerate(graph.nodes):
            if not node.is_constant or value not in graph.live:
                continue
            array = node.constant.array
            real = array if node.type.is_float else np.ldexp(array.astype(np.float64), -node.type.fraction)
            tensor = torch.from_numpy(np.array(real, np.float32))
            if node.type.is_float and node.type.rank:
                self.trained[value] = tensor.requires_grad_()
                if value in self.weights:
                    self.masks[value] = torch.from_numpy(np.array(array != 0))
            else:
                self.known[value] = tensor
        if not self.masks:
            raise error(f"@{func.name} has no layer of floats to train")

    def constant(self, value: Value) -> Any:
        """Give a constant as a forward step sees it: masked, and rounded with its gradient left alone."""
        if value not in self.trained:
            return self.known[value]
        tensor = self.trained[value]
        if value not in self.masks:
            return tensor
        tensor = tensor * self.masks[value]
        if self.bits is None:
            return tensor
        top = tensor.detach().abs().amax(dim=tuple(range(1, tensor.ndim)), keepdim=True).clamp(min=1e-30)
        limit = 2 ** (self.bits - 1) - 1
        scale = 2 ** self.torch.ceil(self.torch.log2(top / limit))
        rounded = (tensor.detach() / scale).round().clamp(-limit, limit) * scale
        return tensor + (rounded - tensor).detach()

    def watch(self, inputs: list[Any], bits: int) -> None:
        """Choose the steps of what layers multiply by its range on some samples; what is never negative has no sign."""
        self.seen = {}
        with self.torch.no_grad():
            self.run(inputs, 0)
        for value, (least, largest) in self.seen.items():
            low, high = (0, 2 ** bits - 1) if least >= 0 else (-2 ** (bits - 1), 2 ** (bits - 1) - 1)
            step = 2.0 ** np.ceil(np.log2(max(largest, -least, 1e-30) / high))
            self.grids[value] = float(step), low, high
        self.seen = None

    def activation(self, value: Value, x: Any) -> Any:
        """Give what a layer multiplies as a forward step sees it."""
        if self.seen is not None:
            least, largest = self.seen.get(value, (np.inf, -np.inf))
            self.seen[value] = min(least, float(x.min())), max(largest, float(x.max()))
        if value not in self.grids:
            return x
        step, low, high = self.grids[value]
        clipped = x.clamp(low * step, high * step)
        return clipped + ((clipped / step).round() * step - clipped).detach()

    def run(self, inputs: list[Any], place: int) -> Any:
        """Give an output of a call, [batch, *shape]; of a step output the last step's."""
        func, batch = self.func, len(inputs[0])
        constants = {v: self.constant(v) for v in (*self.trained, *self.known)}
        state = [self.torch.from_numpy(np.array(r.initial.array, np.float32)).expand(batch, *r.type.shape)
                 for r in func.registers if r.initial is not None]
        stepped = [func.is_stepped(p) for p in func.inputs]
        steps = next((x.shape[1] for x, s in zip(inputs, stepped, strict=True) if s), 1)
        results: list[Any] = []
        for step in range(steps):
            entering = [x[:, step] if s else x for x, s in zip(inputs, stepped, strict=True)]
            results = self._body([*self._real(entering), *state], constants)
            state = results[len(func.outputs):]
        return results[place]

    def _real(self, entering: list[Any]) -> list[Any]:
        """Give the numbers that raw ones stand for: fixed point has its point."""
        return [x if p.type.is_float else x * 2.0 ** -p.type.fraction for x, p in zip(entering, self.func.inputs,
                                                                                      strict=True)]

    def _body(self, entering: list[Any], constants: Mapping[Value, Any]) -> list[Any]:
        values: dict[Value, Any] = dict(enumerate(entering)) | dict(constants)
        for value, node in enumerate(self.graph.nodes):
            if value in values or value not in self.graph.live:
                continue
            rule = _RULES.get(node.op)
            if rule is None:
                raise error(f"finetune has no gradient of {node.op}, which %{node.name} is")
            batched = [v not in constants for v in node.operands]
            rounded = self.multiplied.get(value)
            values[value] = rule(self.torch, node, batched, *(
                self.activation(v, values[v]) if v == rounded else values[v] for v in node.operands))
        return [values[v] for v in self.graph.outputs]

    def written(self) -> Graph:
        """Give the body with the trained constants."""
        new: dict[Constant, Any] = {}
        for value, tensor in self.trained.items():
            array = (tensor * self.masks[value] if value in self.masks else tensor).detach().numpy()
            new[self.graph.nodes[value].constant] = array

        def rule(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
            if not node.is_constant or node.constant not in new:
                return None
            old = node.constant
            return b.constant(Constant(old.type, new[old].astype(old.type.dtype), old.storage), node.name, node.origin)
        return rebuild(self.graph, rule)


def _contract(torch: Any, node: Node, batched: list[bool], *operands: Any) -> Any:
    if node.attributes["semiring"] != "plus_times" or len(operands) != 2:
        raise error(f"finetune has no gradient of %{node.name}: a contraction with a mask or over another semiring")
    inputs, _, result = node.attributes["spec"].replace(" ", "").partition("->")
    parts = [f"Z{p}" if is_batched else p for p, is_batched in zip(inputs.split(","), batched, strict=True)]
    return torch.einsum(f"{','.join(parts)}->Z{result}", *operands)


def _slice(torch: Any, node: Node, batched: list[bool], x: Any) -> Any:
    a = node.attributes
    steps = a["step"] or (1,) * len(a["start"])
    cuts = tuple(slice(*ends) for ends in zip(a["start"], a["stop"], steps, strict=True))
    return x[(slice(None), *cuts) if batched[0] else cuts]


def _broadcast(torch: Any, node: Node, batched: list[bool], x: Any) -> Any:
    shape, axes = node.attributes["shape"], node.attributes["axes"]
    own = x.shape[1:] if batched[0] else x.shape
    full = [1] * len(shape)
    for axis, size in zip(axes, own, strict=True):
        full[axis] = size
    return x.reshape(-1, *full).expand(-1, *shape) if batched[0] else x.reshape(full).expand(*shape)


def _concat(torch: Any, node: Node, batched: list[bool], *parts: Any) -> Any:
    count = next((len(p) for p, is_batched in zip(parts, batched, strict=True) if is_batched), 1)
    whole = [p if is_batched else p.expand(count, *p.shape) for p, is_batched in zip(parts, batched, strict=True)]
    return torch.cat(whole, dim=node.attributes["axis"] + 1)


def _add(torch: Any, node: Node, batched: list[bool], *terms: Any) -> Any:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total


_RULES: Mapping[str, Any] = {
    "contract": _contract, "slice": _slice, "broadcast": _broadcast, "concat": _concat, "add": _add,
    "reshape": lambda t, n, b, x: x.reshape(-1, *n.attributes["shape"]) if b[0] else x.reshape(n.attributes["shape"]),
    "sub": lambda t, n, b, x, y: x - y, "mul": lambda t, n, b, x, y: x * y, "divide": lambda t, n, b, x, y: x / y,
    "neg": lambda t, n, b, x: -x, "abs": lambda t, n, b, x: x.abs(), "convert": lambda t, n, b, x: x,
    "min": lambda t, n, b, x, y: t.minimum(x, y), "max": lambda t, n, b, x, y: t.maximum(x, y),
    "lt": lambda t, n, b, x, y: x < y, "select": lambda t, n, b, c, x, y: t.where(c, x, y),
    "tanh": lambda t, n, b, x: x.tanh(), "sigmoid": lambda t, n, b, x: x.sigmoid(), "exp": lambda t, n, b, x: x.exp(),
    "log": lambda t, n, b, x: x.log(), "sqrt": lambda t, n, b, x: x.sqrt()}

__all__ = ["finetune"]
