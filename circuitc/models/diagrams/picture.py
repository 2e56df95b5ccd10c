"""What a picture shows of a diagram: boxes on arrays, in order; weights and numbers become labels of boxes.

Copies of a repeated block are shown once, with their number; a diagram of many boxes shows its blocks folded.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from .steps import Affine, Step, Typed, Wire

FOLD_ABOVE = 60     # boxes; above, each outermost block is one box
Array = tuple[int, tuple[str, ...]]     # a wire's key and the indices of its axes
_SIGNS = {"add": "+", "sub": "\u2212", "mul": "\u00d7", "divide": "\u00f7"}
_COPY = re.compile(r"(.*)\.(\d+)$")


@dataclass(frozen=True, slots=True)
class Box:
    """One box: its shape, its label, what enters and leaves, and the indices that it works on; others pass over it.

    Shapes are `linear` (a pentagon), `learned` (a bold one), `function`, `fold`, `places`, `join` and `block`.
    """

    shape: str
    label: str
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    works_on: frozenset[str] = frozenset()
    bold: bool = False
    block: tuple[str, ...] = ()


@dataclass
class Picture:
    """The boxes of a diagram, the arrays that enter and leave it, and labels `name length` of the axes of arrays."""

    title: str
    inputs: list[int]
    outputs: list[int]
    boxes: list[Box]
    axes: dict[int, tuple[str, ...]] = field(default_factory=dict)
    titles: Mapping[tuple[str, ...], str] = field(default_factory=dict)


def picture(typed: Typed) -> Picture:
    """Choose what is drawn of a diagram."""
    steps, same, repeats = _once(typed.steps)
    known: dict[int, str] = {}
    learned: set[int] = set()
    boxes: list[Box] = []
    axes: dict[int, tuple[str, ...]] = {w.key: _labels(w) for w in typed.inputs}
    for step in steps:
        inputs = [(same.get(w.key, w.key), i) for w, i in zip(step.inputs, step.indices, strict=False)]
        data = [a for a in inputs if a[0] not in known]
        out = step.output.key
        if not data:
            known[out] = _constant_label(step, [known[k] for k, _ in inputs])
            if step.op == "weight" or any(k in learned for k, _ in inputs):
                learned.add(out)
            continue
        axes[out] = _labels(step.output)
        boxes.append(_box(step, inputs, data, known, learned))
    titles = {path: title + (f" \u00d7{repeats[path]}" if path in repeats else "")
              for path, title in typed.titles.items()}
    outputs = [same.get(w.key, w.key) for _, w in typed.outputs]
    made = Picture(typed.name, [w.key for w in typed.inputs], outputs, boxes, axes, titles)
    return _folded(made) if len(boxes) > FOLD_ABOVE else made


def _labels(wire: Wire) -> tuple[str, ...]:
    return tuple(f"{n} {a.length if a.length is not None else ''}".strip()
                 for n, a in zip(wire.names, wire.axes, strict=True))


def _once(steps: Sequence[Step]) -> tuple[list[Step], dict[int, int], dict[tuple[str, ...], int]]:
    """Leave out the later copies of repeated blocks: the steps, the wires that stand for theirs, and the counts."""
    first: dict[tuple[str, ...], list[Step]] = {}
    same: dict[int, int] = {}
    repeats: dict[tuple[str, ...], int] = {}
    places: dict[tuple[str, ...], int] = {}
    kept: list[Step] = []
    for step in steps:
        base = step.block
        for k, part in enumerate(step.block):
            copy = _COPY.match(part)
            if copy:
                base = (*base[:k], f"{copy[1]}.0", *base[k + 1:])
                head = base[:k + 1]
                repeats[head] = max(repeats.get(head, 1), int(copy[2]) + 1)
        if base == step.block:
            first.setdefault(base, []).append(step)
            kept.append(step)
            continue
        place = places.get(step.block, 0)
        places[step.block] = place + 1
        same[step.output.key] = first[base][place].output.key
    return kept, same, repeats


def _constant_label(step: Step, operands: list[str]) -> str:
    match step.op:
        case "weight":
            return step.detail["path"].split(".")[-1]
        case "number":
            return f"{step.detail['value']:g}"
        case "iverson":
            left, right = _place(step.detail["left"]), _place(step.detail["right"])
            relation = step.detail["relation"]
            return f"[{left} {relation} {right}]" if relation else left
        case "map":
            name = step.detail["function"]
            if name == "sqrt":
                return f"\u221a{operands[0]}"
            return f" {_SIGNS[name]} ".join(operands) if name in _SIGNS else f"{name} {' '.join(operands)}"
        case _:
            return operands[0] if operands else step.op


def _place(place: Affine) -> str:
    parts = [n if c == 1 else f"{c}{n}" for n, c in place.terms]
    text = "+".join(parts) + (f"{place.constant:+d}" if place.constant or not parts else "")
    text = text.lstrip("+")
    if place.divisor == 1:
        return text
    return f"{text}/{place.divisor}" if text.isidentifier() else f"({text})/{place.divisor}"


def _box(step: Step, inputs: list[Array], data: list[Array], known: Mapping[int, str], learned: set[int]) -> Box:
    """Choose the shape and the label of a step."""
    constants = [a for a in inputs if a[0] in known]
    bold = any(k in learned for k, _ in constants)
    output = (step.output.key, step.indices[-1])
    on_constants = frozenset(i for _, indices in constants for i in indices)
    words = " ".join(known[k] for k, _ in constants)
    all_indices = frozenset(i for _, indices in data for i in indices)
    shape, label, works_on = "function", step.op, all_indices
    match step.op:
        case "linear":
            shape, label, works_on = ("learned" if bold else "linear", words, on_constants) if constants else (
                "join", "", frozenset())
        case "map":
            sign = _SIGNS.get(step.detail["function"])
            label = f"{sign or step.detail['function']} {words}".strip()
            if len(data) > 1:
                shape, works_on = "join", frozenset()
            elif on_constants & all_indices:      # a bias lies on its own axes; the others pass over
                works_on = on_constants & all_indices
        case "softmax" | "norm" | "rms":
            works_on = frozenset(step.detail["over"])
        case "reduce":
            shape, label = "fold", "\u03a3" if step.detail["kind"] == "add" else str(step.detail["kind"])
            works_on = all_indices - set(output[1])
        case "take":
            shape, label = "learned" if bold else "places", words or "take"
            works_on = frozenset(output[1]) - all_indices
        case "reindex":
            return _reading(step, data[0], output)
        case _:
            label = str(step.detail.get("label", step.op))
            works_on = frozenset(step.detail.get("works_on", all_indices))
    return Box(shape, label, tuple(data), (output,), works_on, bold, step.block)


def _reading(step: Step, source: Array, output: Array) -> Box:
    """Show affine places as a box on the axes that are read at them; renamed and reordered axes are wires alone."""
    renamed: list[str] = []
    labels: list[str] = []
    on: set[str] = set()
    for k, place in enumerate(step.detail["places"]):
        if place.plain and place.plain not in renamed:
            renamed.append(place.plain)
            continue
        renamed.append(f"{k}:")
        on.update((renamed[-1], *(n for n, _ in place.terms)))
        labels.append(_place(place))
    shape = "places" if labels else "join"
    return Box(shape, ", ".join(labels), ((source[0], tuple(renamed)),), (output,), frozenset(on), False, step.block)


def _folded(made: Picture) -> Picture:
    """Draw each outermost block as one box."""
    groups: list[list[Box]] = []
    for box in made.boxes:
        if groups and box.block and groups[-1][0].block[:1] == box.block[:1]:
            groups[-1].append(box)
        else:
            groups.append([box])
    boxes: list[Box] = []
    for n, group in enumerate(groups):
        if not group[0].block or len(group) == 1:
            boxes += [replace(b, block=()) for b in group]
            continue
        made_here = {k for b in group for k, _ in b.outputs}
        later = {k for g in groups[n + 1:] for b in g for k, _ in b.inputs} | set(made.outputs)
        entering = list(dict.fromkeys(k for b in group for k, _ in b.inputs if k not in made_here))
        leaving = [k for k in dict.fromkeys(k for b in group for k, _ in b.outputs) if k in later]
        inputs = tuple((k, tuple(f"{k}.{j}" for j in range(len(made.axes[k])))) for k in entering)
        outputs = tuple((k, tuple(f"{k}.{j}" for j in range(len(made.axes[k])))) for k in leaving)
        on = frozenset(i for _, indices in (*inputs, *outputs) for i in indices)
        boxes.append(Box("block", made.titles[group[0].block[:1]], inputs, outputs, on))
    return replace(made, boxes=boxes)
