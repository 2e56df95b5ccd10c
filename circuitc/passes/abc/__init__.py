"""ABC and aigverse as tools of passes.

Netlists go out and come back by order, in a process of its own, and are checked.
"""

from .aigverse import run_in_aigverse
from .check import check_same
from .commands import ALIASES, COMMANDS, read_script
from .exchange import optimize_ands, run_to_ands, run_to_luts, size_of

__all__ = ["ALIASES", "COMMANDS", "check_same", "optimize_ands", "read_script", "run_in_aigverse",
           "run_to_ands", "run_to_luts", "size_of"]
