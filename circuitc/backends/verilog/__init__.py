"""Synthesizable Verilog-2001 from IR modules, its port map, and benches to run it with."""

from .bench import RESPONSE, STIMULUS, driver_bench, response_values, stimulus_text
from .design import Design

__all__ = ["RESPONSE", "STIMULUS", "Design", "driver_bench", "response_values", "stimulus_text"]
