"""Constant matrix-vector products as graphs of adders: signed digits, shared sums, balanced trees."""

from .digits import Digit, signed_digits
from .network import Adder, Network, evaluate, ranges_of
from .share import adder_network

__all__ = ["Adder", "Digit", "Network", "adder_network", "evaluate", "ranges_of", "signed_digits"]
