"""Synthesizable Verilog-2001 from IR modules, its port map, and benches to run it with."""

from .backend import VERILOG
from .bench import RESPONSE, STIMULUS, driver_bench, hex_words, response_values, stimulus_text
from .design import Design
from .options import option_passes
from .testbench import self_checking_bench

__all__ = ["RESPONSE", "STIMULUS", "VERILOG", "Design", "driver_bench", "hex_words", "option_passes", "response_values",
           "self_checking_bench", "stimulus_text"]
