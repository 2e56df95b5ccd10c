"""Kinds `plrnn`, `cfc`, `ltc` and `egru`: recurrent cells beyond gates."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

from pydantic import Field

from .base import NAME, Header, Number, Strict
from .networks import NetworkInput

_WEIGHTS = "A .npz or .safetensors file in the model's folder or below it."


class CellModel(Header):
    """What these kinds share."""

    weights: str = Field(description=_WEIGHTS)
    tensors: str = Field("", max_length=1000, description=(
        'The prefix of the arrays\' names in the file: "rnn_cell" means rnn_cell.ff1.weight and so on.'))
    output: str = Field("y", pattern=NAME, max_length=200, description="The output port's name.")
    returns: Literal["last", "sequence"] = Field("sequence", description=(
        "Whether the output answers each step, or the last one of a call."))


class LayeredModel(CellModel):
    """Cells that read a stream."""

    input: NetworkInput = Field(description="One item of the sequence; its shape is [features].")
    readout: str | None = Field(None, max_length=1000, description=(
        "The prefix of a linear layer that reads what the cell answers: P.weight and, if it is there, P.bias."))


class PlrnnStart(Strict):
    """The state before the first step as an input of the call."""

    name: str = Field("x0", pattern=NAME, max_length=200, description="The port's name.")
    kind: Literal["observation", "state"] = Field("observation", description=(
        "observation: x, of which the state is [x, L x] with the array L; state: the state itself."))


class PlrnnModel(CellModel):
    """A piecewise-linear recurrent network: z' = A z + W phi(z) + h, A a diagonal, phi made of relus."""

    kind: Literal["plrnn"] = Field(description="A piecewise-linear recurrent network.")
    variant: Literal["alrnn", "vanilla", "mean-centred", "dendritic", "clipped", "shallow", "clipped-shallow"] = Field(
        "alrnn", description="Which phi; docs/cells.md has the equations and the arrays of each.")
    relus: int | None = Field(None, ge=1, le=1 << 20, description=(
        "Of an alrnn: how many of the last units have a relu. Without it the file has an array P."))
    input: NetworkInput | None = Field(None, description=(
        "One item of an input that the array C multiplies. Without it the system runs on its own for `steps`."))
    steps: int | None = Field(None, ge=1, le=1 << 30, description="How many steps a call takes, without an input.")
    start: PlrnnStart | None = Field(None, description=(
        "The first state as an input. Without it it is the array z0, or 0 where the file has none."))
    observed: int | None = Field(None, ge=1, le=1 << 20, description=(
        "The output is the first so many units. Without it: as many as the array L says, or all."))
    readout: Literal["identity", "affine"] = Field("identity", description=(
        "affine: the output is B z + b, with arrays of these names (b may be left out)."))
    code: str | None = Field(None, pattern=NAME, max_length=200, description=(
        "The name of a port with a bit for each relu of the step, 1 where it is open: the symbolic code."))
    state: str | None = Field(None, pattern=NAME, max_length=200, description=(
        "The name of a port with the whole state after each step."))


class CfcModel(LayeredModel):
    """A closed-form continuous-time network, with the names of arrays that ncps gives them."""

    kind: Literal["cfc"] = Field(description="A closed-form continuous-time network.")
    mode: Literal["default", "no_gate", "pure"] = Field("default", description="Which closed form.")
    activation: Literal["lecun_tanh", "tanh", "relu", "silu", "gelu"] = Field("lecun_tanh", description=(
        "Of the backbone's layers; how many there are, the arrays say."))
    dt: Number = Field(1, description="The time of each step.")
    timespans: str | None = Field(None, pattern=NAME, max_length=200, description=(
        "Instead of dt: the name of an input port that tells the time of each step."))


class LtcModel(LayeredModel):
    """A liquid time-constant network, with the names of arrays that ncps gives them."""

    kind: Literal["ltc"] = Field(description="A liquid time-constant network.")
    unfolds: int = Field(6, ge=1, le=256, description="Inner steps of the solver.")
    dt: Number = Field(1, description="The time of each step.")
    epsilon: Number = Field(Decimal("1e-8"), description="What the solver adds to what it divides by.")
    implicit: bool = Field(True, description=(
        "Whether w, cm and gleak go through a softplus, as ncps has it unless it is told otherwise."))


class EgruModel(LayeredModel):
    """An event-based GRU, with the names of arrays that EvNN gives them."""

    kind: Literal["egru"] = Field(description="An event-based GRU.")
    events: str | None = Field(None, pattern=NAME, max_length=200, description=(
        "The name of a port with a bit for each unit, 1 where it sent an event."))


__all__ = ["CellModel", "CfcModel", "EgruModel", "LayeredModel", "LtcModel", "PlrnnModel", "PlrnnStart"]
