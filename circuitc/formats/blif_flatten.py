"""Put the models of a `.blif` file into one: instances are replaced by copies of what they stand for."""

from __future__ import annotations

from circuitc.diagnostics import nearest

from .blif_parse import BlifFile, Gate, Instance, Latch, Model

MAX_FLAT = 1 << 23  # a few lines of models that use each other twice would fill any memory
MAX_DEPTH = 1000


def flatten(file: BlifFile) -> Model:
    """Give the top model without instances: signals within an instance are `u<number>.<name>`.

    The point is written twice (or more often) where names of the file have it in them.
    """
    top = file.top
    if not top.instances:
        return top
    flat = Model(top.name, top.line, top.inputs, top.outputs)
    _check_size(file)
    separator = "."
    names = _signals(file)
    while any(separator in name for name in names):
        separator += "."
    count = 0
    waiting: list[tuple[Model, dict[str, str], str]] = [(top, {}, "")]
    while waiting:
        model, pins, prefix = waiting.pop()
        renamed = _Renaming(pins, prefix)
        _copy(model, renamed, flat)
        inner: list[tuple[Model, dict[str, str], str]] = []
        for instance in model.instances:
            inside = file.models[instance.model]
            prefix_inside = f"u{count}{separator}"
            count += 1
            actual = {formal: renamed[name] for formal, name in instance.pins.items()}
            for name in inside.outputs:  # an output that is an input too is a wire through the model
                if name in inside.inputs and name in actual:
                    raise file.fault(f"{name!r} of model {inside.name!r} is an input and an output", inside.line,
                                     "give the output a name of its own with .names")
            inner.append((inside, actual, prefix_inside))
        waiting += inner[::-1]
    return flat


class _Renaming:
    """The names of a model's signals in the flat one."""

    def __init__(self, pins: dict[str, str], prefix: str) -> None:
        self._pins = pins
        self._prefix = prefix

    def __getitem__(self, name: str) -> str:
        return self._pins.get(name) or (self._prefix + name if name else "")


def _copy(model: Model, renamed: _Renaming, flat: Model) -> None:
    flat.gates += [Gate(renamed[g.name], [renamed[o] for o in g.operands], g.cubes, g.value, g.line)
                   for g in model.gates]
    flat.latches += [Latch(renamed[k.name], renamed[k.operand], (k.clock[0], renamed[k.clock[1]]), k.initial, k.line)
                     for k in model.latches]


def _signals(file: BlifFile) -> set[str]:
    names: set[str] = set()
    for model in file.models.values():
        names.update(model.inputs, model.outputs, *([g.name, *g.operands] for g in model.gates))
        names.update(*((k.name, k.operand) for k in model.latches), *(i.pins.values() for i in model.instances))
    return names


def _check_size(file: BlifFile) -> None:
    """Refuse unknown models, wrong pins, models that contain themselves, and what would grow beyond all measure."""
    sizes: dict[str, tuple[int, int]] = {}   # gates and latches when flat, and how deep
    path: list[tuple[Model, int]] = [(file.top, 0)]
    while path:
        model, k = path.pop()
        if k < len(model.instances):
            path.append((model, k + 1))
            inside = _checked(file, model.instances[k])
            if any(inside is above for above, _ in path):
                raise file.fault(f"model {inside.name!r} contains itself", model.instances[k].line, name=inside.name)
            if inside.name not in sizes:
                path.append((inside, 0))
            continue
        parts = [sizes[i.model] for i in model.instances]
        size = 1 + len(model.gates) + len(model.latches) + sum(s for s, _ in parts)
        depth = 1 + max((d for _, d in parts), default=0)
        if size > MAX_FLAT or depth > MAX_DEPTH:
            raise file.fault(f"model {model.name!r} has more than {MAX_FLAT} gates or {MAX_DEPTH} levels when its "
                             "instances are put in", model.line, name=model.name)
        sizes[model.name] = size, depth


def _checked(file: BlifFile, instance: Instance) -> Model:
    """Give the model of an instance, after a look at its pins."""
    model = file.models.get(instance.model)
    if model is None:
        known = list(file.models)
        raise file.fault(f"there is no model {instance.model[:60]!r}", instance.line,
                         nearest(instance.model, known) if len(known) <= 1000 else "", instance.model)
    ports = {*model.inputs, *model.outputs}
    for formal in instance.pins:
        if formal not in ports:
            raise file.fault(f"model {model.name!r} has no port {formal[:60]!r}", instance.line,
                             nearest(formal, ports) if len(ports) <= 1000 else "")
    for name in model.inputs:
        if name not in instance.pins:
            raise file.fault(f"input {name!r} of model {model.name!r} is not connected", instance.line)
    return model
