"""The project's own model files: `model.json`, versioned, with a kind."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from circuitc.diagnostics import CircuitError, Source, Span, error, nearest
from circuitc.ir import Module

from .base import Format
from .files import companion_path
from .json_text import Duplicate, describe, read_json
from .model_aig import build_aig
from .model_automata import build_automaton, build_cellular_automaton
from .model_btf import build_btf
from .model_cells import build_cfc, build_egru, build_ltc, build_plrnn
from .model_gnn import build_gnn
from .model_json_write import write
from .model_logic import build_dwn, build_logic_gates, build_lut_network
from .model_memories import build_memory, build_reservoir
from .model_network import build_mlp, build_onnx, build_state_dict
from .model_rnn import build_rnn
from .model_spiking import build_spiking
from .schema import MODELS, SCHEMA, validate

_SIGNATURE = re.compile(rb'^(\xef\xbb\xbf)?\s*\{.*"schema"\s*:\s*"circuitc\.model/', re.DOTALL)

COMPANIONS = (".onnx", ".npz", ".npy", ".safetensors", ".aig", ".aag")

BUILDERS: Mapping[str, Callable[[Any, Path, Source], Module]] = {
    "btf": build_btf,
    "aig": build_aig,
    "logic-gates": build_logic_gates,
    "lut-network": build_lut_network,
    "dwn": build_dwn,
    "mlp": build_mlp,
    "state-dict": build_state_dict,
    "onnx": build_onnx,
    "rnn": build_rnn,
    "gnn": build_gnn,
    "cellular-automaton": build_cellular_automaton,
    "automaton": build_automaton,
    "hopfield": build_memory,
    "reservoir": build_reservoir,
    "plrnn": build_plrnn,
    "cfc": build_cfc,
    "ltc": build_ltc,
    "egru": build_egru,
    "spiking": build_spiking,
}


def sniff(head: bytes) -> bool:
    """Tell a model by the key `schema` near its beginning."""
    return _SIGNATURE.match(head) is not None


def schema(kind: str) -> dict[str, Any]:
    """Give the JSON Schema of a kind of model, descriptions included."""
    if kind not in MODELS:
        raise error(f"there is no kind of model named {kind}", help=nearest(kind, MODELS))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **MODELS[kind].model_json_schema(by_alias=True)}


def read(path: Path) -> Module:
    """Read a model; every number is taken exactly as written."""
    value, source = read_json(path)
    kind = _kind(value, source)
    module = BUILDERS[kind](validate(MODELS[kind], value, source), path, source)
    files = {name: hashlib.sha256((path.parent / name).read_bytes()).hexdigest()
             for name in sorted(_companions(path, value))}
    return replace(module, facts={**module.facts, "files": files}) if files else module


def _companions(path: Path, value: Any) -> set[str]:
    """Give the files in the model's folder that it names, at whatever place: weights, arrays, networks."""
    if isinstance(value, str):
        return {value} if value.lower().endswith(COMPANIONS) and _is_companion(path, value) else set()
    inner: Iterable[Any] = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {name for v in inner if not isinstance(v, (int, float)) for name in _companions(path, v)}


def _is_companion(path: Path, name: str) -> bool:
    try:
        return companion_path(path, name).is_file()
    except (CircuitError, OSError, ValueError):
        return False


def _kind(value: Any, source: Source) -> str:
    """Check the head of a model, and give its kind."""
    span = Span(source)
    if isinstance(value, Duplicate) or not isinstance(value, dict):
        raise error(f"a model is an object, got {describe(value)}", span)
    for key, known in (("schema", (SCHEMA,)), ("kind", tuple(MODELS))):
        if key not in value:
            raise error(f"the key {key} is missing", span, f'a model begins {{"schema": "{SCHEMA}", "kind": "btf"')
        if value[key] not in known:
            raise error(f"expected the {key} of a model, got {describe(value[key])}", Span(source, path=key),
                        nearest(str(value[key]), known))
    return value["kind"]


MODEL_JSON = Format("model-json", (".json",), f"circuitc's own models, kinds {', '.join(MODELS)}", sniff, read, write)
