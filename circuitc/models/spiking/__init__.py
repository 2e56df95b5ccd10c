"""Spiking networks in discrete time: nodes and equations of NIR, cut into steps, as one `stream` func."""

from .build import MAX_STATE, build_network
from .cycles import cut_cycles
from .network import CHOICES, Edge, Network, Timing
from .nodes import KINDS, Kind, Node

__all__ = ["CHOICES", "KINDS", "MAX_STATE", "Edge", "Kind", "Network", "Node", "Timing", "build_network", "cut_cycles"]
