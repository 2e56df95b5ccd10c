"""The Typer app that the commands enter, and the exit statuses."""

from __future__ import annotations

import typer

EXIT_NO, EXIT_USER, EXIT_UNKNOWN, EXIT_BUG, EXIT_INTERRUPTED = 1, 2, 3, 70, 130

app = typer.Typer(
    name="circuitc", no_args_is_help=True, add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Compile circuit-like models to Verilog, CPU code and gate lists, with proofs that they agree.\n\n"
         "Exit status: 0 done or yes; 1 the answer is no; 2 wrong use or bad input; 3 unknown, or less evidence than "
         "--require asked for; 70 a bug of circuitc; 130 interrupted.")
