"""Kinds `onnx`, `mlp` and `state-dict`: trained networks."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import FailFast, Field
from typing_extensions import TypeAliasType

from .base import NAME, FileArray, Header, Number, Strict, Weights

_SCALE = r"^\d{1,30}(\.\d{1,30})?(/\d{1,30})?$"
_PADDING = "Zeros on both sides of each spatial axis (for max_pool numbers below all others)."
Activation = Literal["relu", "sign", "sigmoid", "tanh", "softmax", "none"]


class OnnxInput(Strict):
    """How the numbers of a float input come: its real value is (number - zero_point) * scale, exactly."""

    name: str = Field(max_length=1000, description="The input's name in the file.")
    type: str = Field(description="An exact element type: u8 for pixels, fx<16,6> for multiples of 1/64.")
    scale: str = Field("1", pattern=_SCALE, description='In quotes, a number or a fraction: "1/255", "0.5".')
    zero_point: int = Field(0, ge=-(1 << 40), le=1 << 40, description="The number that stands for 0.")


class OnnxModel(Header):
    """An ONNX or QONNX file, with what it does not say: which exact numbers its float inputs are."""

    kind: Literal["onnx"] = Field(description="An ONNX file beside the model.")
    file: str = Field(description="The .onnx file in the model's folder or below it.")
    inputs: list[OnnxInput] = Field(default_factory=list[OnnxInput], description="Inputs that come as exact numbers.")
    outputs: list[str] | None = Field(None, min_length=1, description=(
        "Names of tensors to answer with, such as the logits before a softmax; else the graph's own outputs."))
    length: int | None = Field(None, ge=1, le=1 << 16, description=(
        "The length of a sequence whose axis the file leaves free."))
    stream: bool = Field(False, description=(
        "Whether a sequence whose axis the file leaves free comes item by item, any number of them."))


class NetworkInput(Strict):
    """The one input of a network."""

    name: str = Field("x", pattern=NAME, max_length=200, description="The port's name.")
    shape: list[Annotated[int, Field(ge=1, le=1 << 20)]] = Field(min_length=1, max_length=4, description=(
        "Its shape without a batch: [features], or [channels, height, width]."))
    type: str = Field("f32", description="f32, or an exact element type such as u8 or fx<8,4>.")
    scale: str = Field("1", pattern=_SCALE, description='The real value of number 1, exact, such as "1/255".')
    zero_point: int = Field(0, ge=-(1 << 40), le=1 << 40, description="The number that stands for 0.")


class RnnLayer(Strict):
    """A recurrent layer, or a linear one behind them. Gates stand in PyTorch's order: LSTM i f g o, GRU r z n."""

    op: Literal["rnn", "lstm", "gru", "linear"] = Field(description="What the layer is.")
    tensors: str | None = Field(None, max_length=1000, description=(
        'The prefix of PyTorch\'s names in the file: "rnn" means rnn.weight_ih_l0, rnn.weight_hh_l0 and so on, with '
        'all levels and both directions that are there; of a linear layer P.weight and P.bias.'))
    weight_ih: Weights | None = Field(None, description="Instead of tensors: [gates * hidden, inputs].")
    weight_hh: Weights | None = Field(None, description="[gates * hidden, hidden].")
    bias_ih: list[Number] | FileArray | None = Field(None, description="One number for each row of weight_ih.")
    bias_hh: list[Number] | FileArray | None = Field(None, description="One number for each row of weight_hh.")
    weight: Weights | None = Field(None, description="Of a linear layer: [outputs, inputs].")
    bias: list[Number] | FileArray | None = Field(None, description="Of a linear layer: one number for each output.")
    activation: Literal["tanh", "relu"] = Field("tanh", description="Of op rnn.")


class RnnModel(Header):
    """A recurrent network: a stream of items, or whole sequences of one length."""

    kind: Literal["rnn"] = Field(description="A recurrent network.")
    input: NetworkInput = Field(description="One item of the sequence; its shape is [features].")
    output: str = Field("y", pattern=NAME, max_length=200, description="The output port's name.")
    weights: str | None = Field(None, description=(
        "A .safetensors or .npz file in the model's folder or below it, for layers that have tensors."))
    layers: list[RnnLayer] = Field(min_length=1, max_length=1000, description=(
        "Recurrent layers, then linear ones that read the state."))
    returns: Literal["last", "sequence"] = Field("last", description=(
        "What linear layers see: the last state (of both directions, side by side), or that of each step."))
    length: int | None = Field(None, ge=1, le=1 << 16, description=(
        "The sequences' length; needed where a layer runs backwards. Without it the func is a stream of any length."))
    centroids: Weights | None = Field(None, description=(
        "Of a state-regularised network: one row for each centroid. The state becomes, each step, the centroid with "
        "the largest dot product with what the one layer (rnn, gru) makes of it."))
    start: int | None = Field(None, ge=0, description="The centroid before the first step; the first without it.")
    decision: bool = Field(False, description=(
        "With centroids: answer a bit (one number of the last layer above 0), or the place of the largest number."))


class MlpLayer(Strict):
    """A dense layer: activation(weights . x + bias), then perhaps rounded to a type."""

    weights: Weights = Field(description="One row for each output, one number for each input.")
    bias: list[Number] | FileArray | None = Field(None, description="One number for each output.")
    activation: Activation = Field("none", description="sign answers -1 or +1 (+1 where the sum is 0 or more).")
    type: str | None = Field(None, description=(
        "An exact type that holds every weight, such as fx<6,4> or spin; a weight that it does not hold is refused."))
    output: str | None = Field(None, description=(
        "The exact type that the result is rounded to (nearest, ties to even; what does not fit saturates)."))


Layers = TypeAliasType("Layers", Annotated[list[MlpLayer], FailFast()])


class MlpModel(Header):
    """A multi-layer perceptron, in floats or with exact types."""

    kind: Literal["mlp"] = Field(description="A multi-layer perceptron.")
    input: NetworkInput = Field(description="The input.")
    output: str = Field("y", pattern=NAME, max_length=200, description="The output port's name.")
    layers: Layers = Field(min_length=1, description="The layers, from input to output.")


class StateLayer(Strict):
    """One layer of a PyTorch network; its tensors have PyTorch's names under the prefix `tensors`."""

    op: Literal["linear", "conv1d", "conv2d", "batch_norm", "max_pool", "avg_pool", "global_avg_pool", "flatten",
                "relu", "leaky_relu", "elu", "gelu", "sigmoid", "tanh", "hard_swish", "softmax", "log_softmax"]
    tensors: str | None = Field(None, max_length=1000, description=(
        'The prefix: "features.0" means features.0.weight, features.0.bias, features.0.running_mean and so on.'))
    size: int | None = Field(None, ge=1, le=1 << 20, description="The window of a pooling layer.")
    stride: int | None = Field(None, ge=1, le=1 << 20, description="1 without it; of a pooling layer its size.")
    padding: int = Field(0, ge=0, le=1 << 20, description=_PADDING)
    dilation: int = Field(1, ge=1, le=1 << 20, description="The distance of neighbours in a window.")
    groups: int = Field(1, ge=1, le=1 << 20, description="Groups of channels that do not see each other.")
    eps: Number = Field(0, description="What batch_norm adds to the variance; 1e-5 without it, as in PyTorch.")
    slope: Number = Field(0, description="The slope of leaky_relu below 0; 0.01 without it, as in PyTorch.")


class StateDictModel(Header):
    """A PyTorch state_dict saved as .safetensors, and the order of its layers."""

    kind: Literal["state-dict"] = Field(description="PyTorch weights and a list of layers.")
    weights: str = Field(description="The .safetensors file in the model's folder or below it.")
    input: NetworkInput = Field(description="The input.")
    output: str = Field("y", pattern=NAME, max_length=200, description="The output port's name.")
    layers: list[StateLayer] = Field(min_length=1, max_length=10_000, description="The layers in order.")
