"""RNN, LSTM and GRU: one `stream` func for each direction, called on the whole sequence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from circuitc.ir import Value
from circuitc.models.layers import reshape
from circuitc.models.rnn import GATES, Activation, Kind, Layer, call_layer, layer, layer_func
from circuitc.models.scaled import inner

from .tensors import Context, Known, Operator, Real, Tensor

_DIRECTIONS: Mapping[bytes, tuple[bool, ...]] = {b"forward": (False,), b"reverse": (True,),
                                                 b"bidirectional": (False, True)}
_PER_LAYER: Mapping[str, int] = {"rnn": 1, "lstm": 3, "gru": 2}
# How many of alpha and beta an activation takes from the lists of the node, which are used up in order.
_TAKES: Mapping[str, tuple[bool, bool]] = {
    "affine": (True, True), "leakyrelu": (True, False), "thresholdedrelu": (True, False), "scaledtanh": (True, True),
    "hardsigmoid": (True, True), "elu": (True, False)}
# Where onnxruntime takes 0 for what is left out, and ONNX's operators of these names take 1, or say nothing.
_NEEDS: Mapping[str, tuple[bool, bool]] = {
    "affine": (True, False), "thresholdedrelu": (True, False), "scaledtanh": (True, True)}


def _activations(n: Operator, kind: Kind, directions: int) -> list[tuple[Activation, ...]]:
    """Give the activations of each direction; none where the node leaves them to their defaults."""
    names = [bytes(v).decode("ascii", "replace") for v in n.attributes.get("activations", [])]
    if not names:
        return [()] * directions
    per = _PER_LAYER[kind]
    if len(names) != per * directions:
        raise n.fault(f"it has {per * directions} activations, {len(names)} are named")
    constants = [iter(n.attributes.get(f"activation_{which}", [])) for which in ("alpha", "beta")]
    found = [Activation(name, *(next(rest, None) if takes else None for rest, takes in zip(
        constants, _TAKES.get(name.lower(), (False, False)), strict=True))) for name in names]
    for one in found:
        for which, needs in zip(("alpha", "beta"), _NEEDS.get(one.name.lower(), (False, False)), strict=True):
            if needs and getattr(one, which) is None:
                raise n.fault(f"its activation {one.name} has no activation_{which}",
                              "ONNX and onnxruntime do not take the same default: write it into the node")
    return [tuple(found[k * per:(k + 1) * per]) for k in range(directions)]


def _array(n: Operator, index: int, what: str, rank: int, directions: int) -> Any:
    """Give a constant operand [directions, ...], or None where it is left out."""
    if n.optional(index) is None:
        return None
    array = n.known(index, what).array
    if array.ndim != rank or len(array) != directions or array.dtype.kind != "f":
        raise n.fault(f"its {what} has shape {list(array.shape)}, {directions} directions and {rank} axes are needed")
    return array


def _layers(n: Operator, kind: Kind, reverse: tuple[bool, ...]) -> list[Layer]:
    count = len(reverse)
    w, r = _array(n, 1, "weight W", 3, count), _array(n, 2, "weight R", 3, count)
    bias, peepholes = _array(n, 3, "bias B", 2, count), _array(n, 7, "peephole P", 2, count)
    if w is None or r is None or r.shape[1] != GATES[kind] * r.shape[2]:
        raise n.fault("its weights W and R do not fit")
    if int(n.attributes.get("hidden_size", r.shape[2])) != r.shape[2]:
        raise n.fault(f"its hidden_size is {n.attributes['hidden_size']}, its weights have {r.shape[2]}")
    if bias is not None and bias.shape[1] != 2 * r.shape[1]:
        raise n.fault(f"its bias B has {bias.shape[1]} numbers, {2 * r.shape[1]} are needed")
    clip = n.attributes.get("clip")
    options = {"linear_before_reset": bool(n.attributes.get("linear_before_reset", 0)),
               "input_forget": bool(n.attributes.get("input_forget", 0)),
               "clip": None if clip is None else float(clip)}
    activations = _activations(n, kind, count)
    return [layer(kind, w[k], r[k], *([None] * 2 if bias is None else np.split(bias[k], 2)),
                  activations=activations[k], peepholes=None if peepholes is None else peepholes[k], reverse=back,
                  **options) for k, back in enumerate(reverse)]


def recurrent(kind: Kind) -> Callable[[Context, Operator], tuple[Tensor, ...]]:
    """Make the handler of an operator: it answers Y, Y_h and, of an LSTM, Y_c."""
    def handle(c: Context, n: Operator) -> tuple[Tensor, ...]:
        reverse = _DIRECTIONS.get(n.attributes.get("direction", b"forward"))
        if reverse is None:
            raise n.fault(f"its direction {n.attributes['direction']!r} is none")
        x, batch_first = n.operand(0), bool(n.attributes.get("layout", 0))
        if len(x.shape) != 3 or x.shape[0 if batch_first else 1] != 1:
            raise n.fault(f"it takes [steps, 1, inputs], got {list(x.shape)}",
                          "samples never see each other: export with a batch of 1")
        steps = x.shape[1 if batch_first else 0]
        lengths = n.optional(4)
        if lengths is not None and not (isinstance(lengths, Known) and lengths.array.tolist() == [steps]):
            raise n.fault(f"its sequence_lens must be known and [{steps}], the whole length")
        sequence = reshape(c.builder, c.real(x), (steps, x.shape[2]))
        rows: list[list[Value]] = []
        for k, one in enumerate(_layers(n, kind, reverse)):
            if one.inputs != x.shape[2]:
                raise n.fault(f"its weight W has {one.inputs} inputs, what comes in has {x.shape[2]}")
            rows.append(_run(c, n, one, sequence, k, len(reverse), batch_first))
        return tuple(_joined(c, parts, steps if k == 0 else None, batch_first)
                     for k, parts in enumerate(zip(*rows, strict=True)))
    return handle


def _run(c: Context, n: Operator, one: Layer, sequence: Value, k: int, directions: int,
         batch_first: bool) -> list[Value]:
    """Call one direction: what it answers at every step, its last state, its last cell."""
    shape = (1, directions, one.hidden) if batch_first else (directions, 1, one.hidden)
    given: dict[str, Value] = {}
    for index, port in ((5, "h0"), (6, "c0"))[:2 if one.has_cell else 1]:
        first = n.optional(index)
        if first is None:
            continue
        if first.shape != shape:
            raise n.fault(f"its first state has shape {list(first.shape)}, {list(shape)} is needed")
        rows = reshape(c.builder, c.real(first), (directions, one.hidden))
        row = c.builder.apply("slice", rows, start=(k, 0), stop=(k + 1, one.hidden)) if directions > 1 else rows
        given[port] = reshape(c.builder, row, (one.hidden,))
    name = f"{n.kind.lower()}{len(c.funcs)}"
    func = layer_func(one, name, h0="h0" in given, c0="c0" in given)
    c.funcs.append(func)
    y, state = call_layer(c.builder, func, one, sequence, *given.values())
    return [y, *state]


def _joined(c: Context, parts: tuple[Value, ...], steps: int | None, batch_first: bool) -> Tensor:
    """Put directions side by side, in ONNX's shapes: [steps, directions, 1, hidden], or without steps."""
    b, count = c.builder, len(parts)
    hidden = b.type(parts[0]).shape[-1]
    lead = () if steps is None else (steps,)
    rows = [reshape(b, v, (*lead, 1, hidden)) for v in parts]
    value = rows[0] if count == 1 else b.apply("concat", *rows, axis=len(lead))
    shape = (1, *lead, count, hidden) if batch_first else (*lead, count, 1, hidden)
    return Real(reshape(b, value, inner(shape)), shape)


def sequence_first(nodes: Any) -> set[str]:
    """Name the tensors whose axis 0 is a sequence and axis 1 the batch, because a recurrent node reads them so."""
    return {node.input[0] for node in nodes if node.op_type in RECURRENT and node.domain in ("", "ai.onnx")
            and node.input and not any(a.name == "layout" and a.i for a in node.attribute)}


RECURRENT: Mapping[str, Callable[[Context, Operator], tuple[Tensor, ...]]] = {
    "RNN": recurrent("rnn"), "LSTM": recurrent("lstm"), "GRU": recurrent("gru")}

__all__ = ["RECURRENT", "sequence_first"]
