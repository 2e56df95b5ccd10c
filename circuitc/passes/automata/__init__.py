"""Finite machines: found in streams by trying every state and symbol, made as small as can be, written as funcs."""

from .encode import Encoding, machine_func, merged_symbols
from .explore import Explored, all_symbols, check_answers, check_stream, compare_streams, explore, has_floats, observe
from .machine import Machine, equivalent_states, minimize, reachable

__all__ = ["Encoding", "Explored", "Machine", "all_symbols", "check_answers", "check_stream", "compare_streams",
           "equivalent_states", "explore", "has_floats", "machine_func", "merged_symbols", "minimize", "observe",
           "reachable"]
