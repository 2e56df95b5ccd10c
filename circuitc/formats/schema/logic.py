"""Kinds `logic-gates`, `lut-network` and `dwn`: networks of two-input gates and of look-up tables."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, FailFast, Field, Tag
from typing_extensions import TypeAliasType

from ..json_text import Duplicate
from .base import NAME, FileArray, Header, Number, Strict, Weights

Whole = TypeAliasType("Whole", Annotated[list[int], FailFast()])
WholeRows = TypeAliasType("WholeRows", Annotated[list[Whole], FailFast()])


def _is_file(value: Any) -> str:
    return "<file>" if isinstance(value, (dict, FileArray, Duplicate)) else "<rows>"


Numbers = Annotated[Annotated[Whole, Tag("<rows>")] | Annotated[FileArray, Tag("<file>")], Discriminator(_is_file)]
Matrix = Annotated[Annotated[WholeRows, Tag("<rows>")] | Annotated[FileArray, Tag("<file>")], Discriminator(_is_file)]


class LogicInput(Strict):
    """The input port, and how the network sees its numbers."""

    name: str = Field(pattern=NAME, max_length=200, description="The port's name.")
    size: int | None = Field(None, ge=1, le=1 << 20, description="A vector of so many bits.")
    type: str | None = Field(None, description=(
        "Instead of size: any exact type, such as u8[64], fx<12,8>[16], bit[784], u8[28,28]."))
    thresholds: Weights | None = Field(None, description=(
        "One row of thresholds for each feature (row major), or one row for all: bit `feature * levels + level` is "
        "`feature > threshold`. Without it gates see the features' bits, lowest first, and tables the features."))
    scale: Number | None = Field(None, description=(
        "What one step of the port's numbers is worth to people: a real value is (number - zero_point) * scale. "
        "It changes nothing in the network: thresholds are in the port's own numbers."))
    zero_point: int = Field(0, description="See scale.")


class GateLayerModel(Strict):
    """One layer of two-input gates; either `gates` or `weights`."""

    connections: Matrix = Field(description=(
        "Two rows, [2, gates]: the first and the second fan-in of each gate, from 0, in the layer before."))
    gates: Numbers | None = Field(None, description=(
        "Each gate's function, 0 to 15: the bits of the number, highest first, are its values at 00, 01, 10, 11."))
    weights: Weights | None = Field(None, description=(
        "Instead of gates: one row of 16 numbers for each, as difflogic trains them; the largest says the function."))


GateLayers = TypeAliasType("GateLayers", Annotated[list[GateLayerModel], FailFast()])


class LogicHeader(Header):
    """The keys that networks of gates and tables share."""

    input: LogicInput = Field(description="The input port.")
    groups: int | None = Field(None, ge=2, le=1 << 16, description=(
        "The last layer is cut into so many contiguous groups; the outputs are `class`, the first group with the "
        "largest sum, and `scores`, the sums. Without it the output is the last layer, `activations`."))


class LogicGatesModel(LogicHeader):
    """A logic-gate network, as difflogic and torchlogix train them."""

    kind: Literal["logic-gates"] = Field(description="A logic-gate network.")
    layers: GateLayers | None = Field(None, min_length=1, description="The layers; or else `state`.")
    state: str | None = Field(None, description=(
        "A .safetensors file in the model's folder with a state_dict: for each layer P the arrays `P.weight` or "
        "`P.weights` [gates, 16], and `P.connections.indices` or `P.indices` [2, gates]."))


class TableLayerModel(Strict):
    """One layer of neurons that are truth tables."""

    connections: Matrix = Field(description="One row of fan-ins for each neuron, from 0, in the layer before.")
    tables: Matrix = Field(description=(
        "One row for each neuron: the number that it answers at each address. The first connection is the lowest "
        "part of the address, with as many bits as an activation of the layer before has."))
    type: str = Field("bit", description="The type of the neurons' answers, such as bit, u2, i3.")
    address: Literal["lsb", "msb"] = Field("lsb", description=(
        "Whether the first connection is the lowest (lsb) or the highest (msb) part of the address."))


TableLayers = TypeAliasType("TableLayers", Annotated[list[TableLayerModel], FailFast()])


class LutNetworkModel(LogicHeader):
    """A network of look-up tables, as LogicNets, PolyLUT and NeuraLUT train them."""

    kind: Literal["lut-network"] = Field(description="A network of look-up tables.")
    layers: TableLayers = Field(min_length=1, description="The layers.")


class DwnLayerModel(Strict):
    """One layer of look-up tables of bits, in the names of torch-dwn."""

    mapping: Matrix = Field(description="One row of fan-ins for each table, [tables, inputs], from 0.")
    luts: Weights = Field(description=(
        "One row of numbers for each table, [tables, 2**inputs]: a number above 0 is a 1. "
        "The first input is the lowest bit of the address."))


DwnLayers = TypeAliasType("DwnLayers", Annotated[list[DwnLayerModel], FailFast()])


class DwnModel(LogicHeader):
    """A differentiable weightless network, as torch-dwn trains them."""

    kind: Literal["dwn"] = Field(description="A differentiable weightless network.")
    layers: DwnLayers | None = Field(None, min_length=1, description="The layers; or else `state`.")
    state: str | None = Field(None, description=(
        "A .safetensors file in the model's folder with a state_dict: for each layer P the arrays `P.luts` "
        "[tables, 2**inputs], and `P.mapping` [tables, inputs] or (learnable) `P.mapping.weights`."))
