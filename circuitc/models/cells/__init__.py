"""Recurrent cells beyond gates: piecewise-linear (PLRNN), closed-form and liquid (CfC, LTC), event-driven (EGRU)."""

from .base import Cell, Floats, Stepped, floats
from .cfc import CURVES, MODES, Affine, Cfc, cfc
from .egru import Egru, egru
from .ltc import Ltc, Synapses, ltc
from .network import MAX_STEPS, Observed, Readout, Shown, Start, cell_network
from .plrnn import ARRAYS, VARIANTS, Plrnn, plrnn

__all__ = ["ARRAYS", "CURVES", "MAX_STEPS", "MODES", "VARIANTS", "Affine", "Cell", "Cfc", "Egru", "Floats",
           "Ltc", "Observed", "Plrnn", "Readout", "Shown", "Start", "Stepped", "Synapses",
           "cell_network", "cfc", "egru", "floats", "ltc", "plrnn"]
