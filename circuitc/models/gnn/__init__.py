"""Graph algorithms as message-passing networks: graph programs, their compilation, their weights."""

from .algorithms import ALGORITHMS
from .bounds import field_ranges, largest_safe_n
from .compile import compile_program
from .faithfulness import AttentionDistance, TraceAccuracy, attention_distance, trace_accuracy
from .graphs import clrs_inputs, edge_matrix, sender_lists, weight_matrix
from .options import Options
from .parameters import Weights, compiled_weights, gatv2_arrays
from .processors import Processor, build_processor, processor_of
from .program import GraphProgram, Message, Probe, State

__all__ = ["ALGORITHMS", "AttentionDistance", "GraphProgram", "Message", "Options", "Probe", "Processor", "State",
           "TraceAccuracy", "Weights", "attention_distance", "build_processor", "clrs_inputs", "compile_program",
           "compiled_weights", "edge_matrix", "field_ranges", "gatv2_arrays", "largest_safe_n", "processor_of",
           "sender_lists", "trace_accuracy", "weight_matrix"]
