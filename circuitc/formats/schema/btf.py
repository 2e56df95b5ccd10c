"""Kind `btf`: a Boolean threshold network."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import FailFast, Field
from typing_extensions import TypeAliasType

from .base import Header, InputPort, Row, Strict, Weights


class BtfOutput(InputPort):
    """A named group of output bits."""

    nodes: list[int] | None = Field(None, description=(
        "The labels of the output's bits: 1..n are the input bits in order, then come the neurons. "
        "Without it (then in no output) the outputs are the last neurons, in order."))


class BtfLayer(Strict):
    """One layer: each neuron reads all of the layer before (the first: all input bits)."""

    weights: Weights = Field(description=(
        "One row a neuron: the constant's weight first, then one weight for each neuron of the layer before. "
        "The constant input is -1, so a neuron answers +1 where the sum of its weighted inputs is greater than the "
        "first number, else -1. Numbers are taken exactly as written; decimal numbers in quotes are taken too."))


class BtfNeuron(Strict):
    """One neuron of a general network."""

    sources: list[int] = Field(description=(
        "The labels of what it reads: 1..n are the input bits in order, then the neurons in order. Earlier ones only."))
    weights: Row = Field(description="The constant's weight first, then one for each source.")


Neurons = TypeAliasType("Neurons", Annotated[list[BtfNeuron], FailFast()])


class BtfModel(Header):
    """A Boolean threshold network: neurons over -1 and +1, in layers or as any network without cycles."""

    kind: Literal["btf"] = Field(description="A Boolean threshold network.")
    inputs: list[InputPort] = Field(min_length=1, description="The input ports; their bits in order are labels 1..n.")
    outputs: list[BtfOutput] = Field(min_length=1, description="The output ports.")
    layers: list[BtfLayer] | None = Field(None, description="The layers, from inputs to outputs; or else `neurons`.")
    neurons: Neurons | None = Field(None, description=(
        "The neurons of a network that is not layered, each after those it reads; or else `layers`."))
