"""A small exact model of each family, for the tests of arrays: random weights, the same each time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import circuitc
from circuitc.ir import F32, Module, Port, parse_module
from circuitc.models.gnn import build_processor, processor_of
from circuitc.models.recall import Memory, build_hopfield, hebbian
from circuitc.models.reservoir import EchoState, Liquid, build_echo_state, build_liquid, conductance_weights
from circuitc.models.rnn import GATES, Linear, layer, network

HERE = Path(__file__).resolve().parent
EXAMPLES = HERE.parent / "examples"
FEW_BITS = "quantize{sensitivity=false,weights=i4,activations=4,functions=4,table=4},narrow"


def few_bits(module: Module, pipeline: str = FEW_BITS, *, steps: int = 4, **given: Any) -> Module:
    """Quantize a module on random numbers, where none are given."""
    rng = np.random.default_rng(0)
    def drawn(port: Port) -> Any:
        stepped = module.entry.is_stepped(port)
        return rng.uniform(-1, 1, (20, *((steps,) if stepped else ()), *port.type.shape)).astype(np.float32)
    return circuitc.run_passes(module, pipeline, calibration={p.name: drawn(p) for p in module.entry.inputs} | given)


def threshold() -> Module:
    """The trained 2-bit multiplier."""
    return circuitc.load(EXAMPLES / "01_btf_multiplier" / "model.json")


def recurrent(kind: Any) -> Module:
    rng, hidden = np.random.default_rng(1), 3
    shapes = ((GATES[kind] * hidden, 2), (GATES[kind] * hidden, hidden), (GATES[kind] * hidden,),
              (GATES[kind] * hidden,))
    cell = layer(kind, *(rng.standard_normal(s) for s in shapes))
    readout = Linear(rng.standard_normal((2, hidden)).astype(np.float32), np.ones(2, np.float32))
    return few_bits(network([(cell,)], [readout], Port("x", F32.with_shape((2,))), returns="last"))


def graph_step() -> Module:
    """A step of a message-passing processor on three nodes: its five matrices meet every node and edge."""
    rng, features, hidden, n = np.random.default_rng(2), 1, 2, 3
    seen = features + hidden
    shapes = [(seen, hidden), (seen, hidden), (features, hidden), (features, hidden), (seen, hidden), (hidden, hidden)]
    arrays = {f"net/aggr_clrs_processor/linear{f'_{k}' if k else ''}/{p}":
              rng.normal(size=s if p == "w" else s[1:]).astype(np.float32)
              for k, s in enumerate(shapes) for p in "wb"}
    module = build_processor(processor_of("mpnn", arrays), n)
    return few_bits(module, adj=(rng.random((20, n, n)) < 0.5).astype(int))


def hopfield(**more: Any) -> Module:
    patterns = np.random.default_rng(3).choice([-1, 1], (2, 6))
    return build_hopfield(Memory(hebbian(patterns), np.zeros(6, int), patterns, **more), "memory")


def echo_state() -> Module:
    """A reservoir whose weights are differences of sampled conductances, with a readout."""
    rng = np.random.default_rng(4)
    pairs = 20e-6 * rng.lognormal(0, 0.4, (2, 5, 5))
    net = EchoState(0.3 * conductance_weights(*pairs, 1e-5), rng.normal(size=(5, 1)), np.zeros(5), 1.0,
                    rng.normal(size=(1, 5)), np.zeros(1))
    return few_bits(build_echo_state(net, "reservoir"), FEW_BITS.replace(",narrow", ""))


def liquid() -> Module:
    rng = np.random.default_rng(5)
    weights = rng.integers(-8, 9, (6, 6)).astype(float)
    return build_liquid(Liquid(weights, rng.integers(-8, 9, (6, 3)).astype(float), np.zeros(6)), "liquid")


# Features flow along a graph that is known: H becomes relu(A (H W)), as often as wanted.
GRAPH = """
const #A : bit[4,4] = [[0, 1, 1, 0], [1, 0, 1, 0], [1, 1, 0, 1], [0, 0, 1, 0]]
const #W : i3[2,3] = [[1, -2, 3], [-1, 2, 1]]
const #V : i3[3,2] = [[2, -1], [1, 1], [-3, 2]]
func @flow(%x: u3[4,2]) -> (%y: u3[4,2]) iterate 3 {
  reg %h : u3[4,2] = 0
  reg %started : bit = 0
  %chosen = broadcast %started {shape=[4, 2], axes=[]} : bit[4,2]
  %now = select %chosen, %h, %x : u3[4,2]
  %sent = contract %now, #W {spec="nf,fg->ng"} : i7[4,3]
  %met = contract #A, %sent {spec="mn,ng->mg"} : i9[4,3]
  %kept = requantize %met : u4[4,3]
  %back = contract %kept, #V {spec="ng,gf->nf"} : i9[4,2]
  %low = shift %back {by=-2} : fx<9,2>[4,2]
  %next = requantize %low : u3[4,2]
  %one = eq %started, %started : bit
  next %h = %next
  next %started = %one
  return %next
}
"""


def diagram(path: Path) -> Module:
    return few_bits(circuitc.load(path))


FAMILIES: dict[str, Callable[[], Module]] = {
    "threshold network": threshold,
    "dense network": lambda: diagram(EXAMPLES / "diagrams" / "mlp.ncd"),
    "convolutional network": lambda: diagram(HERE / "files" / "diagrams" / "convolution.ncd"),
    "RNN": lambda: recurrent("rnn"),
    "LSTM": lambda: recurrent("lstm"),
    "GRU": lambda: recurrent("gru"),
    "GNN processor": graph_step,
    "GNN in steps": lambda: parse_module(GRAPH),
    "Hopfield, sync": lambda: hopfield(sweeps=3, settle=True),
    "Hopfield, one by one": lambda: hopfield(order=tuple(range(6)), sweeps=2, settle=True, form="array"),
    "Hopfield, degree 4": lambda: hopfield(degree=4, sweeps=2),
    "echo state reservoir": echo_state,
    "spiking reservoir": liquid,
    "diagram of a transformer's block": lambda: diagram(HERE / "files" / "diagrams" / "one_block.ncd"),
}
