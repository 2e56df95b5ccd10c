"""Read Verilog through Yosys: the reader of `circuitc.formats`, which proofs and simulation judge our emitter by."""

from circuitc.formats.yosys import (
    UNDEFINED,
    read_aiger_independently,
    read_blif_independently,
    read_verilog,
)

__all__ = ["UNDEFINED", "read_aiger_independently", "read_blif_independently", "read_verilog"]
