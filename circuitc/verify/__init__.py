"""Show that nothing was lost: proofs, counterexamples, evidence and certificates."""

from circuitc.simulate.read_verilog import read_verilog

from .equivalence import read_design, verify
from .evidence import LEVELS, NOT_CHECKED, Evidence, parse_level, weakest
from .verdict import Counterexample, Verdict

__all__ = ["LEVELS", "NOT_CHECKED", "Counterexample", "Evidence", "Verdict", "parse_level", "read_design",
           "read_verilog", "verify", "weakest"]
