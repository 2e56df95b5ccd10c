"""Run the command: what turns errors into exit statuses."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence

import typer

from circuitc.diagnostics import CircuitError, InternalError

from . import compile, crossbar, energy, equivalence, execute, extract, inspect, learn, readback, readout, report, sweep
from .app import EXIT_BUG, EXIT_INTERRUPTED, EXIT_USER, app

# Importing them enters their commands into the app.
COMMANDS = (compile, report, equivalence, execute, extract, inspect, learn, crossbar, energy, readback, readout, sweep)
_USAGE_ERROR = next(c for c in typer.BadParameter.__mro__ if c.__name__ == "ClickException")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and leave with its exit status."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command and answer its exit status; nothing a user does wrong shows a traceback."""
    try:
        status = typer.main.get_command(app).main(list(arguments), prog_name="circuitc", standalone_mode=False)
        sys.stdout.flush()
        return status if isinstance(status, int) else 0
    except CircuitError as e:
        complain(e)
        return getattr(e, "exit_status", EXIT_USER)
    except typer.Exit as e:
        return e.exit_code
    except (KeyboardInterrupt, typer.Abort):
        print("interrupted", file=sys.stderr)
        return EXIT_INTERRUPTED
    except SystemExit as e:  # typer's answer to a closed pipe: the reader left, and there is nothing more to say to it
        return 0 if type(sys.stdout).__name__ == "PacifyFlushWrapper" else int(str(e.code or 0))
    except OSError as e:
        print(f"circuitc: {e.filename or 'standard output'}: {e.strerror or e}", file=sys.stderr)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is still buffered cannot be written either
        return EXIT_USER
    except MemoryError:
        print("circuitc: the model needs more memory than there is", file=sys.stderr)
        return EXIT_USER
    except Exception as e:
        if isinstance(e, _USAGE_ERROR):
            print(f"circuitc: {e.format_message()}".replace("\n", " "), file=sys.stderr)  # pyright: ignore[reportAttributeAccessIssue]
            return EXIT_USER
        return _report_bug(e)


def complain(e: CircuitError) -> None:
    """Say what is wrong on stderr: one line for each fact, with caret lines below on a terminal."""
    terminal = sys.stderr.isatty()
    for d in e.diagnostics[:5]:
        print(d.render() if terminal else " ".join(str(d).split("\n")), file=sys.stderr)
    if len(e.diagnostics) > 5:
        print(f"... and {len(e.diagnostics) - 5} more", file=sys.stderr)


def _report_bug(e: Exception) -> int:
    traceback.print_exception(e)
    what = "a promise of circuitc is broken" if isinstance(e, InternalError) else "this is a bug of circuitc"
    print(f"circuitc: {what}; please report it with the command and the model", file=sys.stderr)
    return EXIT_BUG
