"""The road of a model: format -> pipeline -> backend -> evidence -> build."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from circuitc.backends.base import Emission
from circuitc.build import Build, changed_files, json_bytes, memory_files, read_json, refuse_foreign, write_folder
from circuitc.checks import Checked, check_emission, require
from circuitc.data import read_calibration
from circuitc.diagnostics import CircuitError, error
from circuitc.formats import load as read_model
from circuitc.formats.verilog import is_verilog
from circuitc.formats.verilog import read as read_verilog_file
from circuitc.ir import Graph, Module, Netlist, print_module, verify_module
from circuitc.ir.ops import structure
from circuitc.passes import check_exact, parse_pipeline, run_passes
from circuitc.plugins import load_plugin
from circuitc.proof import refuse_unwritable_proof, write_proof

Progress = Callable[[str], None]


def silent(stage: str) -> None:
    """Take no notice of progress."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a compile is asked for, beside the model and the target."""

    passes: str | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    calibration: Mapping[str, Any] | str | Path | None = None
    prove: bool = False
    require: str = ""
    verify: bool = True
    seconds: float = 60.0
    vectors: int = 1000
    proof: str | Path = ""
    model_options: Mapping[str, Any] = field(default_factory=dict)


def load(path: str | Path, *, top: str = "", options: Mapping[str, Any] = MappingProxyType({})) -> Module:
    """Read a model file of any known format and check it; a CircuitError says what is wrong with it.

    `top` names the main module of a Verilog file; `options` are those of the file's format (`circuitc formats`).
    """
    if top and not is_verilog(Path(path)):
        raise error(f"{path} is no Verilog: there is no module {top} to choose in it")
    module = read_verilog_file(Path(path), top) if top else read_model(Path(path), options=options)
    verify_module(module)
    return module


def compile(model: Module | str | Path, target: str = "verilog", out: str | Path | None = None, *,
            progress: Progress = silent, **wishes: Any) -> Build:
    """Compile a model for a target; with `out` the build is written there, whole or not at all.

    Keyword arguments are the fields of `Wishes`: `passes` (a pipeline as text), `options`, `calibration`, `prove`,
    `require` (an evidence level), `verify`, `seconds` (for proofs), `vectors` (for simulation) and `proof`
    (a file for a clausal proof, beside which `.cnf` is put; see `Build.no_proof`), and `model_options` of the format.
    """
    wish = Wishes(**wishes)
    folder = Path(out) if out is not None else None
    proof_path = _proof_path(wish, folder)
    if folder is not None:
        refuse_foreign(folder)
    if wish.prove and not wish.verify:
        raise error("a proof was asked for, and that nothing be checked")
    if not wish.seconds > 0:
        raise error(f"a time of {wish.seconds} seconds is none")
    backend = load_plugin("backend", target)
    progress("reading the model")
    module = load(model, options=wish.model_options) if not isinstance(model, Module) else model
    progress("running passes")
    reference, final = prepare(module, target, wish)
    problems = backend.check(final, wish.options)
    if problems:
        raise CircuitError(problems)
    progress(f"making {target}")
    emission = backend.emit(backend.build(final, wish.options))
    progress("checking what was made" if not wish.prove else "proving what was made")
    checked = check_emission(reference, final, emission, target, verify=wish.verify, prove=wish.prove,
                             seconds=wish.seconds, vectors=wish.vectors,
                             proof=proof_path.name if proof_path else "")
    build = _build(model, module, final, target, emission, checked, folder, proof_path is not None)
    if wish.require:
        require(build.certificate, wish.require)
    if folder is not None:
        progress("writing")
        write_folder(folder, build.artefacts)
    if proof_path is not None and checked.proof is not None:
        write_proof(proof_path, checked.proof)
    return build


def rewrite(module: Module, target: str, emission: Emission, out: str | Path) -> Build:
    """Check and write what was emitted again for a program that is final, as `compile` does; no pass is run."""
    folder, wish = Path(out), Wishes()
    refuse_foreign(folder)
    checked = check_emission(module, module, emission, target, verify=wish.verify, prove=wish.prove,
                             seconds=wish.seconds, vectors=wish.vectors)
    build = _build(module, module, module, target, emission, checked, folder, False)
    write_folder(folder, build.artefacts)
    return build


def _proof_path(wish: Wishes, folder: Path | None) -> Path | None:
    """Give the file that a proof goes to, if one is wanted; refuses what cannot be written, or is never proved."""
    if not str(wish.proof):
        return None
    if not wish.prove or not wish.verify:
        raise error("a proof file needs something that is proved", help="add --prove, and leave out --no-verify")
    refuse_unwritable_proof(Path(wish.proof), folder)
    return Path(wish.proof)


def prepare(module: Module, target: str, wish: Wishes) -> tuple[Module, Module]:
    """Run the asked-for pipeline, or the one that the target needs, and the passes that its options ask for.

    Answers the program after its last approximate pass, which is what exact passes and artefacts must equal, and the
    program after all passes.
    """
    more = ""
    if target == "verilog":
        from circuitc.backends.verilog import option_passes
        more = option_passes(wish.options)
    first = wish.passes
    if first is None:
        first = default_pipeline(module, target, wish.options, lowered=bool(more))
    text = ",".join(part for part in (first, more) if part)
    passes = parse_pipeline(text).passes if text else ()
    exact_from = max((k + 1 for k, p in enumerate(passes) if not p.exact), default=0)
    check = _check(wish)
    given = wish.calibration
    calibration = read_calibration(Path(given), module.entry) if isinstance(given, (str, Path)) else given
    reference = run_passes(module, passes[:exact_from], calibration=calibration, check=check)
    return reference, run_passes(reference, passes[exact_from:], calibration=calibration, check=check)


def _check(wish: Wishes) -> Callable[..., Mapping[str, Any]] | None:
    """Choose how exact passes are checked: by vectors, with `prove` by proof where the bodies are gates, or not."""
    if not wish.verify:
        return None
    if not wish.prove:
        return check_exact
    from circuitc.proof import prove_exact
    return partial(prove_exact, seconds=wish.seconds)


# By the Verilog option `multipliers`: more digits than DIGITS are cheaper as a multiplier block than as adders.
DIGITS = 4
PRODUCTS: Mapping[str, str] = MappingProxyType({
    "dsp": "", "shift-add": "shift-add,", "auto": f"shift-add{{digits={DIGITS}}},"})


def default_pipeline(module: Module, target: str, options: Mapping[str, str] = MappingProxyType({}), *,
                     lowered: bool = False) -> str:
    """Choose passes by target and body: logic goes to gates, arithmetic stays words in Verilog and loops on the CPU.

    With `lowered` passes that make gates of everything come behind them.
    """
    graphs = [f.body for f in module.funcs.values() if isinstance(f.body, Graph)]
    if not graphs:
        return "strash,sweep-dead" if target == "verilog" else ""
    logic = all(_is_logic(g) for g in graphs)
    first = "clean,snap-thresholds{evidence=reachable}" if logic else "clean,tabulate"
    match target:
        case "llvm" if not logic and _calls_netlists(module):
            return "clean,tabulate,lower-to-gates{luts=true}"
        case "llvm":
            return f"{first},lower-to-gates" if logic else first
        case "verilog" if lowered:
            return first if logic else f"{first},ranges,clean"
        case "crossbar":
            return f"{first if logic else 'clean'},partition"
        case "verilog" if not logic:
            products = PRODUCTS.get(options.get("multipliers", "auto"), "")
            return f"{first},ranges,{products}scalarize,clean"
        case _:
            return f"{first},lower-to-gates,sweep-dead"


def _is_logic(graph: Graph) -> bool:
    """Tell whether a graph only computes single bits: gates and thresholds, with words as bundles of bits."""
    moves = ("constant", "input", *(op.name for op in structure.OPS))
    return all(n.type.is_spin or n.type.is_bit or (n.type.is_exact and n.op in moves) for n in graph.nodes)


def _calls_netlists(module: Module) -> bool:
    """Tell whether the entry calls netlists and all is exact and combinational.

    A call computes one sample where a netlist computes 64 a word: such programs are better put together.
    """
    body = module.entry.body
    called = {n.attributes["func"] for n in body.nodes if n.op == "call"} if isinstance(body, Graph) else set[str]()
    return any(isinstance(module.funcs[name].body, Netlist) for name in called) and all(
        f.is_combinational and all(n.type.is_exact for n in f.body.nodes)
        for f in module.funcs.values() if isinstance(f.body, Graph))


def _build(model: Module | str | Path, module: Module, final: Module, target: str, emission: Emission,
           checked: Checked, folder: Path | None, wants_proof: bool) -> Build:
    program = program_files(final)
    artefacts = {**emission.files, **program, "ports.json": json_bytes(emission.ports)}
    source = print_module(module).encode() if isinstance(model, Module) else Path(model).read_bytes()
    certificate = checked.certificate(source, artefacts, final)
    report = {"schema": "circuitc.report/1", "model": module.name, "target": target, "main": emission.main,
              "program": next(iter(program)), "figures": dict(emission.figures), "facts": final.facts,
              "evidence": checked.lines(), "seconds": checked.seconds}
    artefacts = {**artefacts, "certificate.json": certificate.to_bytes(), "report.json": json_bytes(report)}
    return Build(final, target, artefacts, emission.main, emission.ports, report, certificate, folder,
                 tuple(checked.lines()), checked.proof, checked.no_proof if wants_proof else "")


def program_files(module: Module) -> dict[str, bytes]:
    """Print a module as `program.ccir`, with its large constants in `program.npz`."""
    from circuitc.formats.ccir import CCIR

    assert CCIR.write is not None
    return {f"program{suffix or '.ccir'}": content for suffix, content in CCIR.write(module).items()}


def open_build(folder: str | Path) -> tuple[Module, dict[str, Any], dict[str, Any]]:
    """Read a build back: its program, its port map and its report; a build that was changed is refused."""
    folder = Path(folder)
    report = read_json(folder, "report.json")
    changed = changed_files(folder)
    if changed:
        raise error(f"{folder}: {', '.join(changed)} changed since the certificate was given", help="compile it again")
    return load(folder / "program.ccir"), read_json(folder, "ports.json"), report


def jit(model: Module | str | Path, cpu: str | None = None, *, threads: int = 1, shape: str = "auto") -> Any:
    """Compile a module to native code in this process: a function of numpy arrays, batch axis first.

    `f(x, ...)` takes raw numbers by position or name; `f.packed(words)` runs bit-level funcs on 64 samples a word.
    The passes that the target needs are run first: logic becomes gates, functions become tables. `threads` split the
    samples of each call (0: one for each core); `shape` of netlists is `straight` code, a `table`, or by size (`auto`).
    """
    from circuitc.backends.llvm import compile_native

    module = model if isinstance(model, Module) else load(model)
    pipeline = default_pipeline(module, "llvm")
    return compile_native(run_passes(module, pipeline, check=None) if pipeline else module, cpu=cpu,
                          threads=threads, shape=shape)


def simulate(model: Module | str | Path, inputs: Mapping[str, Any], engine: str = "yosys") -> dict[str, Any]:
    """Run the Verilog of a model or of a build on raw numbers, through `yosys`, `icarus` or `verilator`.

    Shapes are those of `circuitc.run`.
    """
    from circuitc.simulation import simulate_verilog

    if not isinstance(model, Module) and Path(model).is_dir():
        folder = Path(model)
        module, ports, report = open_build(folder)
        if report.get("target") != "verilog":
            raise error(f"{folder}: is a build for {report.get('target')}, not for verilog")
        text, files = (folder / str(report["main"])).read_text(), memory_files(folder, ports)
    else:
        build = compile(model, "verilog", verify=False)
        module, ports, text = build.module, build.ports, build.artefacts[build.main].decode()
        files = {name: build.artefacts[name] for name in ports.get("memories", ())}
    return simulate_verilog(text, ports, module, inputs, engine=engine, files=files)


__all__: Sequence[str] = ("Wishes", "compile", "default_pipeline", "jit", "load", "open_build", "prepare", "simulate")
