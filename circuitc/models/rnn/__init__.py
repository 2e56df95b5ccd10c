"""Recurrent networks: cells, layers in both directions, streams and whole sequences."""

from .activations import ACTIVATIONS, Activation
from .cells import DEFAULTS, GATES, Kind, Layer, layer
from .network import Level, Linear, Reader, call_layer, layer_func, network, reversed_steps
from .torch_names import torch_layer, torch_levels

__all__ = ["ACTIVATIONS", "DEFAULTS", "GATES", "Activation", "Kind", "Layer", "Level", "Linear", "Reader", "call_layer",
           "layer", "layer_func", "network", "reversed_steps", "torch_layer", "torch_levels"]
