"""Spiking networks in discrete time: NIR's nodes and equations cut into steps, a fixed-point core, UltraLIF."""

from .build import MAX_STATE, build_network
from .core import Core, core_module
from .cycles import cut_cycles
from .network import CHOICES, Edge, Network, Timing
from .nodes import KINDS, Kind, Node
from .ultra import UltraLayer, ultra_network

__all__ = ["CHOICES", "KINDS", "MAX_STATE", "Core", "Edge", "Kind", "Network", "Node", "Timing", "UltraLayer",
           "build_network", "core_module", "cut_cycles", "ultra_network"]
