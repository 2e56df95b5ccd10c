"""Settings of layers: number formats for all, and `layers="fc1:weights=i4,activations=6;fc2:weights=binary"`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from circuitc.diagnostics import error, nearest
from circuitc.ir import Graph

from .number_formats import NumberFormat, parse_activations, parse_weights

Granularity = Literal["tensor", "channel"]


@dataclass(frozen=True, slots=True)
class LayerSettings:
    """How one layer's weights, and the activations that it reads, are stored."""

    weights: NumberFormat
    activations: NumberFormat
    granularity: Granularity


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings for all layers, and for those that differ, by the name of the layer's `contract`."""

    default: LayerSettings
    layers: Mapping[str, LayerSettings] = field(default_factory=dict)

    def of(self, name: str) -> LayerSettings:
        return self.layers.get(name, self.default)


def layer_values(graph: Graph) -> tuple[int, ...]:
    """Give the layers of a graph: float contractions with constant weights."""
    return tuple(v for v, n in enumerate(graph.nodes) if n.op == "contract" and n.type.is_float and v in graph.live
                 and sum(graph.nodes[o].is_constant for o in n.operands[:2]) == 1)


def parse_layers(text: str, default: LayerSettings) -> dict[str, LayerSettings]:
    """Read what differs for single layers; later entries of a name add to earlier ones."""
    layers: dict[str, LayerSettings] = {}
    for part in filter(None, (p.strip() for p in text.split(";"))):
        name, colon, options = part.partition(":")
        if not colon:
            raise error(f'quantize: layers are written "name:weights=i4;name:activations=6", got {part!r}')
        layer = layers.get(name.strip(), default)
        for option in filter(None, _split(options)):
            layer = _with_option(layer, *option.partition("=")[::2])
        layers[name.strip()] = layer
    return layers


def _split(options: str) -> list[str]:
    """Split at commas outside `<>`."""
    parts, depth = [""], 0
    for c in options:
        depth += (c == "<") - (c == ">")
        if c == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += c
    return [p.strip() for p in parts]


def _with_option(layer: LayerSettings, key: str, value: str) -> LayerSettings:
    match key.strip():
        case "weights":
            return replace(layer, weights=parse_weights(value.strip()))
        case "activations":
            return replace(layer, activations=parse_activations(value.strip()))
        case "granularity" if value.strip() in ("tensor", "channel"):
            return replace(layer, granularity="tensor" if value.strip() == "tensor" else "channel")
        case other:
            known = ("weights", "activations", "granularity")
            raise error(f"quantize: a layer has {', '.join(known)} (tensor or channel), got {other}={value}",
                        help=nearest(other, known))


def check_names(settings: Settings, names: tuple[str, ...]) -> None:
    """Refuse settings of layers that the program does not have."""
    for name in settings.layers:
        if name not in names:
            raise error(f"quantize: there is no layer {name}",
                        help=nearest(name, names) or f"layers are {', '.join(names[:8])}")
