"""Simulate emitted Verilog on raw inputs, and answer in the layout of `circuitc.ir.run`."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.backends.verilog import RESPONSE, STIMULUS, Design, driver_bench, response_values, stimulus_text
from circuitc.diagnostics import CircuitError, Diagnostic, error, nearest
from circuitc.ir import Module
from circuitc.tools import Completed, require_tool, run_tool, tool_version

from .embedded import simulate_embedded
from .face import design_of

Values = Mapping[str, NDArray[Any]]
ENGINES = ("yosys", "icarus", "verilator")
_TOOLS = {"yosys": "pyosys", "icarus": "vvp", "verilator": "verilator"}


def simulate_verilog(text: str, ports: Mapping[str, Any], module: Module, inputs: Values, *, engine: str = "yosys",
                     state: Values | None = None, seconds: float = 600,
                     stall: bool = False, files: Mapping[str, bytes] = MappingProxyType({})) -> dict[str, NDArray[Any]]:
    """Run calls through emitted Verilog: raw inputs [batch, *shape] in, raw results out, as `circuitc.ir.run` has them.

    `text` is the Verilog and `ports` its port map (`ports.json`); `module` says types, rates and schedule. Engines:
    `yosys` (the embedded one: Yosys reads the Verilog, the netlist is evaluated), `icarus`, `verilator`. `state` gives
    free registers. `stall` withholds `ready` at times. `files` are what stands beside the text: contents of memories.
    Raises CircuitError when the design stops answering,
    ToolMissing and ToolTimeout.
    """
    if engine not in ENGINES:
        raise error(f"there is no engine {engine}", help=nearest(engine, ENGINES))
    design = design_of(module, ports)
    arrays = {name: np.asarray(value) for name, value in inputs.items()}
    samples, steps = _extent(design, arrays)
    if engine == "yosys":
        answer = simulate_embedded(design.top, text, arrays, state, steps, seconds=seconds, stall=stall,
                                   files=files)
        return response_values(design, answer, samples, steps)
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        name = f"{design.top.module}.v"  # verilator wants the file to be called like the module
        (at / name).write_text(text)
        for beside, content in files.items():
            (at / beside).write_bytes(content)
        (at / "driver.v").write_text(driver_bench(design, samples, steps, stall=stall))
        (at / STIMULUS).write_text(stimulus_text(design, arrays, state))
        run = _icarus if engine == "icarus" else _verilator
        said = run(at, [name, "driver.v"], f"{design.top.module}_driver", seconds)
        if not (at / RESPONSE).exists():
            raise _complaint(engine, said)
        return response_values(design, (at / RESPONSE).read_text(), samples, steps)


def engine_name(engine: str) -> str:
    """Give an engine's tool and version, for evidence."""
    name = {"yosys": "Yosys", "icarus": "", "verilator": ""}[engine]
    return f"{name} {tool_version(_TOOLS[engine])}".strip()


def _extent(design: Design, inputs: Values) -> tuple[int, int]:
    """Give the number of samples, and of steps where a call's length is free."""
    func = design.top.func
    for port in func.inputs:
        if port.name not in inputs:
            raise error(f"@{func.name} needs the input {port.name}: {port.type}")
    samples = len(inputs[func.inputs[0].name]) if func.inputs else 1
    stepped = [p.name for p in func.inputs if func.is_stepped(p)]
    return samples, inputs[stepped[0]].shape[1] if stepped else 1


def _icarus(folder: Path, files: list[str], top: str, seconds: float) -> Completed:
    compiler, simulator = require_tool("iverilog"), require_tool("vvp")
    _run("icarus", [str(compiler), "-g2005", "-o", "design.vvp", "-s", top, *files], folder, seconds)
    return _run("icarus", [str(simulator), "-n", "design.vvp"], folder, seconds)


def _verilator(folder: Path, files: list[str], top: str, seconds: float) -> Completed:
    """Build with all warnings on (emitted Verilog has none) and without optimising: the C++ compiler takes longest."""
    tool = require_tool("verilator")
    (folder / "lint.vlt").write_text('`verilator_config\nlint_off -file "driver.v"\n')  # the bench is no hardware
    _run("verilator", [str(tool), "--binary", "--timing", "-Wall", "-j", "2",
                       "-MAKEFLAGS", "OPT_FAST=-O0 OPT_SLOW=-O0 OPT_GLOBAL=-O0", "--top-module", top,
                       "-o", "simulation", "lint.vlt", *files], folder, seconds)
    return _run("verilator", [str(folder / "obj_dir" / "simulation")], folder, seconds)


def _run(engine: str, argv: Sequence[str], folder: Path, seconds: float) -> Completed:
    completed = run_tool(argv, folder=folder, seconds=seconds)
    if not completed.ok:
        raise _complaint(engine, completed)
    return completed


def _complaint(engine: str, completed: Completed) -> CircuitError:
    """Say what a simulator says: its first line that speaks of an error or warning."""
    lines = [line.strip() for line in completed.said.splitlines() if line.strip()]
    telling = [line for line in lines if "error" in line.lower() or line.startswith("%")]
    what = (telling or lines or [f"it ended with status {completed.status}"])[0]
    return CircuitError(Diagnostic(f"{engine}: {what[:400]}"))
