"""What emitted Verilog costs: look-up tables and depth in seconds, synthesis for FPGA families, clock rates."""

from .clock import ClockRate, clock_rate
from .flows import FLOWS, Resources, synthesize
from .luts import CONVENTION, LutCount, Part, count_luts, has_modules, verilog_of_parts
from .survey import Survey, survey

__all__ = ["CONVENTION", "FLOWS", "ClockRate", "LutCount", "Part", "Resources", "Survey", "clock_rate", "count_luts",
           "has_modules", "survey", "synthesize", "verilog_of_parts"]
