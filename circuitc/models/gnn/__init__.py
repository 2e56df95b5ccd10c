"""Graph algorithms as message-passing networks: graph programs, their compilation, their weights."""

from .algorithms import ALGORITHMS
from .bounds import field_ranges, largest_safe_n
from .compile import compile_program
from .options import Options
from .parameters import Weights, compiled_weights, gatv2_arrays
from .program import GraphProgram, Message, Probe, State

__all__ = ["ALGORITHMS", "GraphProgram", "Message", "Options", "Probe", "State", "Weights", "compile_program",
           "compiled_weights", "field_ranges", "gatv2_arrays", "largest_safe_n"]
