"""Kind `spiking`: spiking networks that NIR has no nodes for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import NAME, FileArray, Header, Number, Strict, Weights

Numbers = list[Number] | FileArray


class CoreModel(Strict):
    """A core of neurons in fixed point, in the manner of NeuroCoreX: voltages fx<18,10>, weights of 8 bits."""

    lateral: Weights = Field(description="Weights from neurons to neurons, one row for each that hears.")
    forward: Weights = Field(description="Weights from inputs to neurons, one row for each neuron.")
    threshold: Numbers = Field(description="The voltage from which each neuron spikes.")
    tau: Numbers = Field(description="The time constant of each neuron in ticks, at least 1; powers of two are shifts.")
    refractory: Numbers | None = Field(None, description="Ticks in which each neuron sends nothing after a spike; 0.")
    reset: Numbers | None = Field(None, description="The voltage of each neuron after a spike; 0 without it.")
    weight_fraction: int = Field(7, ge=0, le=10, description="Bits of a weight behind the point.")
    form: Literal["multiplexed", "parallel"] = Field("multiplexed", description=(
        "One neuron a clock, with weights from a ROM, or all neurons at once."))


class UltraLayerModel(Strict):
    """A layer of UltraLIF neurons in the hard limit: v := max(v + log tau, weights . x + bias)."""

    weights: Weights = Field(description="One row for each neuron.")
    bias: Numbers | None = Field(None, description="One number for each neuron; 0 without it.")
    tau: Numbers = Field(description="Of each neuron, above 0 and at most 1; its logarithm is what a voltage loses.")
    theta: Numbers = Field(description="The voltage from which each neuron spikes.")


class SpikingModel(Header):
    """A spiking network: a core, or layers of UltraLIF neurons."""

    kind: Literal["spiking"] = Field(description="A spiking network that NIR has no nodes for.")
    input: str = Field("x", pattern=NAME, max_length=200, description="The input port's name (of layers).")
    output: str = Field("y", pattern=NAME, max_length=200, description="The output port's name (of layers).")
    core: CoreModel | None = Field(None, description="A core; or else `layers`.")
    layers: list[UltraLayerModel] | None = Field(None, min_length=1, max_length=1000, description="Layers of UltraLIF.")
    type: str = Field("f32", description="Of the voltages of layers: f32, f64 or a signed type such as fx<16,8>.")
    inputs: Literal["real", "spikes"] = Field("spikes", description="What layers hear: bits, or numbers of `type`.")
