"""Kinds `hopfield` and `reservoir`: associative memories, and fixed recurrent networks with a trained readout."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from ..json_text import Duplicate
from .base import NAME, FileArray, Header, Number, Rows, Strict, Weights

Unit = Annotated[int, Field(ge=0, le=1 << 20)]


class HopfieldModel(Header):
    """A Hopfield network: patterns or weights."""

    kind: Literal["hopfield"] = Field(description="A Hopfield network.")
    patterns: Weights | None = Field(None, description=(
        "Patterns to store, one a row, of -1 and 1. Classical weights are the sum of xi xi^T, without the diagonal."))
    weights: Weights | None = Field(None, description="Instead of patterns: [units, units], exact numbers.")
    thresholds: list[Number] | FileArray | None = Field(None, description=(
        "With degree 2: a unit becomes 1 where its field is above this; 0 without it."))
    degree: int = Field(2, ge=2, le=20, description=(
        "2: classical. Above: dense, the field is the sum over patterns of xi (xi . x)^(degree - 1)."))
    update: Literal["sync", "async"] = Field("async", description=(
        "All units at once, or one after the other; the fact energy_never_rises says what is known of the two."))
    order: list[Unit] | None = Field(None, min_length=1, max_length=1 << 16, description=(
        "The units of an async sweep in order; each once, from 0, without it."))
    sweeps: int = Field(1, ge=1, le=1 << 24, description="How many sweeps a call takes, with settle at most.")
    settle: bool = Field(False, description="End the call after the first sweep that changes nothing.")
    ties: Literal["keep", "minus"] = Field("keep", description=(
        "What a field of exactly the threshold does: leave the unit as it is, or make it -1."))
    form: Literal["row", "array"] = Field("row", description=(
        "Async: compute the field of one unit a step (row), or all and take one (array), as an array of devices does."))


class SparseMatrix(Strict):
    """Weights drawn from a seed, uniform in [-scale, scale]."""

    draw: Literal["sparse"] = Field(description="Drawn from a seed.")
    rows: int = Field(ge=1, le=1 << 13)
    columns: int = Field(ge=1, le=1 << 13)
    density: Number = Field(1, description="The share of weights that are not 0.")
    scale: Number = Field(1, description="The largest weight, before `radius`.")
    radius: Number | None = Field(None, description="The spectral radius that the matrix is scaled to.")
    seed: int = Field(0, ge=0, le=(1 << 63) - 1)


def _is_named(value: Any) -> str:
    return "<name>" if isinstance(value, str) else "<file>"


Table = Annotated[Annotated[FileArray, Tag("<file>")] | Annotated[str, Tag("<name>")], Discriminator(_is_named)]


class ConductanceMatrix(Strict):
    """Weights as pairs of measured or sampled conductances: (positive - negative) / unit."""

    positive: Table = Field(description=(
        "[rows, columns] in siemens: an array of a .npz, .npy or .safetensors file, or the name of a .csv file."))
    negative: Table = Field(description="The other device of each pair.")
    unit: Number = Field(description="The difference in siemens that is a weight of 1.")
    radius: Number | None = Field(None, description="The spectral radius that the matrix is scaled to.")


def _which(value: Any) -> str:
    if isinstance(value, (SparseMatrix, ConductanceMatrix)):
        return "<sparse>" if isinstance(value, SparseMatrix) else "<conductances>"
    if isinstance(value, dict) and "draw" in value:
        return "<sparse>"
    if isinstance(value, dict) and "file" not in value:
        return "<conductances>"
    return "<file>" if isinstance(value, (dict, FileArray, Duplicate)) else "<rows>"


Matrix = Annotated[
    Annotated[Rows, Tag("<rows>")] | Annotated[FileArray, Tag("<file>")] | Annotated[SparseMatrix, Tag("<sparse>")]
    | Annotated[ConductanceMatrix, Tag("<conductances>")], Discriminator(_which)]


class LiquidDraw(Strict):
    """A liquid drawn from a seed: neurons on a grid, joined the likelier the nearer they are."""

    grid: list[Annotated[int, Field(ge=1, le=1 << 13)]] = Field(min_length=3, max_length=3)
    inputs: int = Field(ge=1, le=1 << 16)
    seed: int = Field(0, ge=0, le=(1 << 63) - 1)
    distance: Number = Field(3, description="The distance at which the chance of a synapse has fallen to 1/e.")
    weight: Number = Field(20, description="The largest weight of a synapse.")
    input_weight: Number = Field(20, description="The size of an input's weight.")
    input_density: Number = Field("0.15", description="The share of neurons that an input reaches.")


class ReservoirModel(Header):
    """A reservoir: an echo state network, or a liquid of spiking neurons."""

    kind: Literal["reservoir"] = Field(description="A reservoir.")
    model: Literal["echo-state", "liquid"] = Field(description="Which.")
    weights: Matrix | None = Field(None, description="[units, units], row: receiver.")
    weights_in: Matrix | None = Field(None, description="[units, inputs].")
    liquid: LiquidDraw | None = Field(None, description="Of a liquid, instead of weights and weights_in.")
    bias: list[Number] | FileArray | None = Field(None, description="One number for each unit; 0 without it.")
    readout: Weights | None = Field(None, description="[outputs, units]: what was trained.")
    readout_bias: list[Number] | FileArray | None = Field(None, description="One number for each output.")
    leak: Number = Field(1, description="Of an echo state network: the share of the state that is new, each step.")
    input: str = Field("u", pattern=NAME, max_length=200, description="The input port's name (echo-state).")
    output: str = Field("y", pattern=NAME, max_length=200, description="The output port's name (echo-state).")
    tau_v: Number = Field(64, description="Of a liquid: the time constant of potentials, in steps.")
    tau_u: Number = Field(2, description="Of a liquid: the time constant of synapses, in steps.")
    threshold: Number = Field(20, description="Of a liquid: the potential of a spike.")
    refractory: int = Field(2, ge=0, le=1000, description="Of a liquid: steps without a spike behind one.")
    fraction: int = Field(8, ge=2, le=14, description="Of a liquid: bits behind the point that it computes with.")
