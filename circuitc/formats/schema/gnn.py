"""Kind `gnn`: a graph algorithm as a message-passing network, or a trained processor."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import Discriminator, FailFast, Field, Tag
from typing_extensions import TypeAliasType

from ..json_text import Duplicate
from .base import FileArray, Header, Number, Strict, Weights

Triple = Annotated[list[Number], Field(min_length=3, max_length=3)]
Edges = TypeAliasType("Edges", Annotated[list[Triple], FailFast()])


class GnnProbe(Strict):
    """A value by CLRS's words."""

    location: Literal["node", "edge", "graph"] = Field(description="Where it lies.")
    kind: Literal["scalar", "mask", "mask_one", "pointer", "categorical"] = Field(
        description="A number, a bit, the mark of one node, a node's number, or one of some classes.")


class GnnState(GnnProbe):
    """A field that is kept from step to step."""

    initial: str = Field("0", description="A formula for its first value.")
    update: str = Field("", description="A formula for its next value; without one it stays.")
    hint: str = Field("", description="The name of the port that shows it at the start of each step.")
    output: str = Field("", description="The name of the port that shows it after the last step.")
    classes: int = Field(0, ge=0, le=64, description="How many values a categorical field has.")
    bound: str = Field("", description="A formula of n and top that states its greatest value, where it must be told.")
    scale: Number = Field(1, description="What one unit means to people.")


class GnnMessage(Strict):
    """What a node i sends to a node j, folded over i."""

    where: str = Field(description="A condition: who sends.")
    score: str = Field("", description="A formula: what is compared or added.")
    aggregate: Literal["min", "max", "any", "sum"] = Field("min", description="How it is folded over i.")


def _is_message(value: Any) -> str:
    return "<message>" if isinstance(value, (dict, GnnMessage, Duplicate)) else "<formula>"


Step = Annotated[Annotated[str, Tag("<formula>")] | Annotated[GnnMessage, Tag("<message>")],
                 Discriminator(_is_message)]


class GnnProgram(Strict):
    """A graph program; docs/graph-algorithms.md tells what formulas are made of."""

    name: str = Field(max_length=200, description="Its name.")
    inputs: dict[str, GnnProbe] = Field(description="What it reads; `A` on edges is the weight from i to j, or 0.")
    state: dict[str, GnnState] = Field(description="What it keeps.")
    steps: dict[str, Step] = Field(default_factory=dict, description=(
        "Messages and definitions (formulas with a name), in the order in which they are computed."))
    halt: str = Field(description="A condition on the step: it was the last one.")
    limit: str = Field("n", description="A formula of n: after so many steps at most it halts, for every graph.")


class GnnGraph(Strict):
    """A given graph: its weights become constants."""

    edges: Edges | None = Field(None, description="The edges, each as [i, j, weight].")
    A: Weights | None = Field(None, description="Or the matrix of weights, here or in a file.")


class GnnModel(Header):
    """A graph algorithm compiled into a message-passing network, or a trained processor of CLRS's kinds."""

    kind: Literal["gnn"] = Field(description="A graph neural network.")
    algorithm: str | None = Field(None, description=(
        "An algorithm by its name in CLRS-30 (bfs, dfs, bellman_ford, dijkstra, mst_prim, floyd_warshall, "
        "topological_sort), connected_components or widest_path; or else `program` or `processor`."))
    program: GnnProgram | None = Field(None, description="A graph program of your own.")
    processor: Literal["mpnn", "pgn", "gatv2"] | None = Field(None, description=(
        "A trained processor: one step of it as floats; its weights are named by `parameters`."))
    n: int = Field(ge=2, le=1 << 14, description="The number of nodes (with `padded`: the most).")
    weight: str | None = Field(None, description=(
        "The type of the weights: unsigned, such as bit, u8, ufx<8,4>, or f32; without it bit where only edges count, "
        "else u8."))
    directed: bool = Field(True, description="Whether A may differ from its transpose.")
    degree: int = Field(0, ge=0, le=1 << 14, description=(
        "The sparse form: lists of at most so many senders for each node, in the ports `senders` and `present`."))
    padded: bool = Field(False, description="A port `active` marks the nodes that are there.")
    hints: bool = Field(True, description="Whether hints are ports.")
    folded: bool = Field(False, description="One sender a step: n adders instead of n * n, n times the steps.")
    clrs_inputs: bool = Field(False, description="Whether `pos` and `adj` are ports, though nothing reads them.")
    attention: bool = Field(False, description="Whether attention coefficients are ports.")
    selection: Literal["hard", "soft"] = Field("hard", description="The best sender, or (floats) a softmax of all.")
    temperature: Number = Field(Decimal("0.001"), description="The temperature of the softmax.")
    types: dict[str, str] = Field(default_factory=dict, description=(
        'Types of numbers of the state, such as {"d": "u16"}.'))
    graph: GnnGraph | None = Field(None, description="A given graph, whose weights become constants: wires.")
    parameters: str | None = Field(None, description=(
        "A .npz or .safetensors file beside the model with the network's weights; without it they are compiled."))
    heads: int = Field(1, ge=1, le=64, description="Heads of a processor's attention.")
    gated: bool = Field(False, description="Whether a processor's update has a gate.")


__all__ = ["FileArray", "GnnGraph", "GnnMessage", "GnnModel", "GnnProbe", "GnnProgram", "GnnState"]
