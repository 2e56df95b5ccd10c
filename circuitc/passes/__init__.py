"""Passes: programs in, better programs out; pipelines of them, run with verification and checks."""

from .base import Context, FuncPass, GraphPass, NetlistPass, Pass
from .check import check_exact, measure, sample_inputs
from .options import describe_option, option_types, print_option, read_option
from .pipeline import NAMED, Pipeline, find_pass, parse_pipeline
from .run import run_passes

__all__ = [
    "NAMED", "Context", "FuncPass", "GraphPass", "NetlistPass", "Pass", "Pipeline", "check_exact", "describe_option",
    "find_pass", "measure", "option_types", "parse_pipeline", "print_option", "read_option", "run_passes",
    "sample_inputs",
]
