"""Run generated hardware: read Verilog back, and simulate it in Icarus Verilog, Verilator or the embedded engine."""

from .read_verilog import UNDEFINED, read_aiger_independently, read_blif_independently, read_verilog
from .verilog import ENGINES, engine_name, simulate_verilog

__all__ = ["ENGINES", "UNDEFINED", "engine_name", "read_aiger_independently", "read_blif_independently",
           "read_verilog", "simulate_verilog"]
