"""Run the command as `python -m circuitc`."""

from circuitc.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
