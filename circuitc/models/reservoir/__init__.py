"""Reservoirs: fixed recurrent networks of which only a linear readout is trained."""

from .echo import EchoState, build_echo_state
from .liquid import Liquid, build_liquid
from .matrices import conductance_weights, liquid_matrices, ridge, sparse_matrix, spectral_radius

__all__ = ["EchoState", "Liquid", "build_echo_state", "build_liquid", "conductance_weights", "liquid_matrices", "ridge",
           "sparse_matrix", "spectral_radius"]
