"""From a model.json of kind `onnx`, `mlp` or `state-dict` to a module, by the operators that read ONNX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from circuitc.diagnostics import CircuitError, Source, Span, error
from circuitc.ir import Encoding, Func, Module, Port, Type, Value, module_of, parse_type
from circuitc.models.scaled import ONE, reals
from circuitc.models.steps import Quantizer, Reals

from .array_files import read_array
from .files import companion_path, identifier
from .onnx.ports import Reading, entering, leaving
from .onnx.quantizers import apply
from .onnx.read import OPERATORS, read_onnx
from .onnx.stream import read_stream
from .onnx.tensors import Context, Known, Operator, Tensor
from .schema import FileArray, MlpLayer, MlpModel, NetworkInput, OnnxModel, StateDictModel, StateLayer

_ACTIVATIONS: Mapping[str, tuple[str, dict[str, Any]]] = {
    "relu": ("Relu", {}), "sigmoid": ("Sigmoid", {}), "tanh": ("Tanh", {}), "softmax": ("Softmax", {"axis": -1}),
    "log_softmax": ("LogSoftmax", {"axis": -1}), "elu": ("Elu", {}), "gelu": ("Gelu", {}),
    "hard_swish": ("HardSwish", {}), "global_avg_pool": ("GlobalAveragePool", {})}


def build_onnx(model: OnnxModel, path: Path, source: Source) -> Module:
    """Give the module of an ONNX file, its float inputs read as exact numbers where the model says so."""
    readings: dict[str, Reading] = {}
    for k, port in enumerate(model.inputs):
        span = Span(source, path=f"inputs[{k}]")
        if port.name in readings:
            raise error(f"the input {port.name} stands twice", span)
        readings[port.name] = Reading(port.type, _scale(port.scale, span), port.zero_point)
    file = companion_path(path, model.file, Span(source, path="file"))
    if model.stream and model.length is not None:
        raise error("a stream has no length", Span(source, path="length"), "leave out length, or stream")
    module = read_stream(file, readings, model.outputs) if model.stream else (
        read_onnx(file, readings, model.outputs, model.length))
    name = model.name or module.entry.name
    func = module.entry
    called = {k: f for k, f in module.funcs.items() if f is not func}
    if name in called:
        raise error(f"{name} is the name of a layer already", Span(source, path="name"))
    main = replace(func, name=name)
    return Module({name: main, **called}, name, name, module.facts)


def _scale(text: str, span: Span) -> Fraction:
    try:
        scale = Fraction(text) if "." not in text or "/" not in text else Fraction(text.split("/")[0]) / Fraction(
            text.split("/")[1])
    except ZeroDivisionError:
        scale = Fraction(0)
    if scale <= 0:
        raise error(f"a scale of {text} is none", span)
    return scale


def input_port(given: NetworkInput, source: Source) -> tuple[Port, Callable[[Value, tuple[int, ...]], Tensor]]:
    """Give the port of an input, and what makes a tensor of its value and shape (the program's, without a batch)."""
    span = Span(source, path="input")
    t = _type(given.type, Span(source, path="input.type"))
    scale = _scale(given.scale, span)
    plain = given.scale == "1" and given.zero_point == 0
    if t.is_float and (t.width != 32 or not plain):
        raise error("a float input is f32 and has no scale", span)
    encoding = Encoding() if t.is_float else Encoding(scale=float(scale), zero_point=given.zero_point)
    reading = None if plain else Reading(str(t), scale, given.zero_point)
    return (Port(given.name, t.with_shape(tuple(given.shape)), encoding=encoding),
            lambda value, shape: entering(value, t, (1, *shape), reading))


class _Growing:
    """A network being built layer by layer, each through an operator of the ONNX reader."""

    def __init__(self, given: NetworkInput, source: Source) -> None:
        self.source, self.context = source, Context()
        self.port, tensor = input_port(given, source)
        self.tensor = tensor(self.context.builder.input(given.name, self.port.type), tuple(given.shape))

    def apply(self, kind: str, where: str, *operands: Tensor, **attributes: Any) -> None:
        """Put an operator of ONNX behind what is there."""
        n = Operator(kind, where, 17, (self.tensor, *operands), attributes)
        try:
            self.tensor = OPERATORS[kind](self.context, n)
        except CircuitError as e:
            message = e.diagnostics[0].message.removeprefix(f"{where}: ")
            raise error(message, Span(self.source, path=where), e.diagnostics[0].help) from None
        self.context.note(n, self.tensor)

    def quantize(self, where: str, quantizer: Quantizer) -> None:
        """Round what is there."""
        self.tensor = apply(self.context, Operator("Quant", where, 17, (), {}), self.tensor, quantizer)

    def finish(self, model: MlpModel | StateDictModel, path: Path) -> Module:
        """Give the module."""
        name = model.name or identifier(path.stem)
        value, port = leaving(self.context, model.output, self.tensor)
        func = Func(name, (self.port,), (port,), self.context.builder.finish([value]))
        module = module_of(func)
        facts = {"model-json": {"kind": model.kind, "exact_nodes": len(self.context.exact),
                                "float_nodes": list(self.context.floats)}}
        return Module(module.funcs, module.main, module.name, facts)


def _type(text: str, span: Span) -> Type:
    try:
        t = parse_type(text[:200])
    except CircuitError as e:
        raise error(e.diagnostics[0].message, span, "types are f32, spin, u8, i8, fx<8,4>, ufx<8,4>, ...") from None
    if t.rank:
        raise error(f"an element type is asked for here, got {t}", span)
    return t


def build_mlp(model: MlpModel, path: Path, source: Source) -> Module:
    """Give the module of a multi-layer perceptron; layers with types stay exact, the others compute in f32."""
    net = _Growing(model.input, source)
    if len(model.input.shape) != 1:
        raise error("the input of a perceptron is a vector: its shape is [features]", Span(source, path="input.shape"))
    for number, layer in enumerate(model.layers):
        _mlp_layer(net, layer, f"layers[{number}]", path, source)
    return net.finish(model, path)


def _mlp_layer(net: _Growing, layer: MlpLayer, where: str, path: Path, source: Source) -> None:
    span = Span(source, path=f"{where}.weights")
    weights = numbers(layer.weights, 2, path, span)
    features = net.tensor.shape[-1]
    if any(len(row) != features for row in weights):
        bad = next(k for k, row in enumerate(weights) if len(row) != features)
        raise error(f"row {bad} has {len(weights[bad])} numbers, the layer before has {features}", span)
    matrix = _known(weights, span)
    if layer.type is not None:
        matrix = _typed(matrix, reals(np.array(weights, dtype=object)),
                        _type(layer.type, Span(source, path=f"{where}.type")), span)
    net.apply("MatMul", where, _turned(matrix))
    if layer.bias is not None:
        span = Span(source, path=f"{where}.bias")
        bias = numbers(layer.bias, 1, path, span)
        if len(bias) != len(weights):
            raise error(f"{len(bias)} numbers are given, the layer has {len(weights)} outputs", span)
        net.apply("Add", where, _known(bias, span))
    if layer.activation == "sign":
        net.quantize(where, Quantizer(ONE, np.asarray(np.array(0, dtype=object)), -1, 1, sign=True))
    elif layer.activation != "none":
        kind, attributes = _ACTIVATIONS[layer.activation]
        net.apply(kind, where, **attributes)
    if layer.output is not None:
        t = _type(layer.output, Span(source, path=f"{where}.output"))
        if t.kind != "fixed" or t.width > 24:
            raise error(f"a result is rounded to fixed point of at most 24 bits, got {t}",
                        Span(source, path=f"{where}.output"))
        net.quantize(where, Quantizer(reals(Fraction(2)**-t.fraction), np.asarray(np.array(0, dtype=object)),
                                      t.lowest, t.highest))


def numbers(given: Any, rank: int, path: Path, span: Span) -> Any:
    """Give numbers exactly: lists of whole numbers, decimals or fractions."""
    if not isinstance(given, FileArray):
        if not given:
            raise error("expected a list of at least 1", span)
        return given
    array = read_array(path, given.file, given.array, rank, span)
    if given.decimals is not None and array.dtype.kind == "f":
        ten = 10**given.decimals
        whole = np.frompyfunc(lambda v: Fraction(round(Fraction(v) * ten), ten), 1, 1)
        return np.asarray(whole(array.astype(np.float64)), dtype=object).tolist()
    return array.tolist()


def _known(values: Any, span: Span) -> Known:
    exact = np.array(values, dtype=object)
    numbers = reals(exact)
    try:
        array = numbers.astype(np.float64).astype(np.float32)
    except OverflowError:
        raise error("a number is beyond those of f32", span) from None
    if not np.all(np.isfinite(array)):
        raise error("a number is beyond those of f32", span)
    denominators = [v.denominator for v in numbers.ravel()]
    top = max(denominators)
    if all(top % d == 0 for d in denominators) and top & (top - 1) == 0 and top < 1 << 30:
        return Known(array, np.asarray(np.frompyfunc(int, 1, 1)(numbers * top), dtype=object), reals(Fraction(1, top)))
    return Known(array)


def _typed(w: Known, values: Reals, t: Type, span: Span) -> Known:
    """Check that a type holds every weight, and give the weights as its raw numbers."""
    if t.is_float:
        return w
    point = Fraction(2)**(0 if t.is_spin else t.fraction)
    raws = np.asarray(values * point, dtype=object)
    wrong = np.array([v.denominator != 1 or not t.lowest <= v <= t.highest or (t.is_spin and v == 0)
                      for v in raws.ravel()]).reshape(raws.shape)
    if wrong.any():
        place = tuple(int(i) for i in np.argwhere(wrong)[0])
        raise error(f"{float(values[place]):g} in row {place[0]} is not a number of {t}", span,
                    "give the quantized weights, or leave the type out")
    whole = np.asarray(np.frompyfunc(int, 1, 1)(raws), dtype=object)
    return Known(w.array, whole, reals(1 / point))


def _turned(w: Known) -> Known:
    return Known(w.array.T, None if w.integers is None else w.integers.T, w.scale)


def build_state_dict(model: StateDictModel, path: Path, source: Source) -> Module:
    """Give the module of a PyTorch network: its layers in order, weights from the .safetensors file."""
    if not model.weights.endswith(".safetensors"):
        raise error(f"{model.weights} is not a .safetensors file", Span(source, path="weights"),
                    "save it with safetensors.torch.save_file(net.state_dict(), ...)")
    net = _Growing(model.input, source)
    for number, layer in enumerate(model.layers):
        _State(net, layer, f"layers[{number}]", path, model.weights, source).add()
    return net.finish(model, path)


class _State:
    """One layer of a state dict on its way into a network."""

    def __init__(self, net: _Growing, layer: StateLayer, where: str, path: Path, file: str, source: Source) -> None:
        self.net, self.layer, self.where = net, layer, where
        self.path, self.file, self.source = path, file, source

    def tensor(self, name: str, rank: int) -> Known:
        """Read one tensor of the layer."""
        span = Span(self.source, path=self.where)
        if self.layer.tensors is None:
            raise error(f"the key tensors is missing: {self.layer.op} has weights", span)
        return Known(self._read(f"{self.layer.tensors}.{name}", rank, span).astype(np.float32))

    def _read(self, name: str, rank: int, span: Span) -> NDArray[Any]:
        return read_array(self.path, self.file, name, rank, span)

    def bias(self) -> tuple[Known, ...]:
        """Give the layer's bias, if the file has one."""
        try:
            return (self.tensor("bias", 1),)
        except CircuitError as e:
            if "no array named" in e.diagnostics[0].message:
                return ()
            raise

    def add(self) -> None:
        """Put the layer behind the others."""
        layer, net = self.layer, self.net
        match layer.op:
            case "linear":
                net.apply("MatMul", self.where, _turned(self.tensor("weight", 2)))
                for bias in self.bias():
                    net.apply("Add", self.where, bias)
            case "conv1d" | "conv2d":
                axes = 1 if layer.op == "conv1d" else 2
                net.apply("Conv", self.where, self.tensor("weight", axes + 2), *self.bias(), group=layer.groups,
                          **self._sliding(axes, layer.stride or 1), dilations=[layer.dilation] * axes)
            case "batch_norm":
                constants = [self.tensor(name, 1) for name in ("weight", "bias", "running_mean", "running_var")]
                net.apply("BatchNormalization", self.where, *constants, epsilon=float(layer.eps or 1e-5))
            case "max_pool" | "avg_pool":
                axes = len(net.tensor.shape) - 2
                if layer.size is None:
                    raise error("the key size is missing: a pooling layer has a window",
                                Span(self.source, path=self.where))
                kind = {"max_pool": "MaxPool", "avg_pool": "AveragePool"}[layer.op]
                net.apply(kind, self.where, kernel_shape=[layer.size] * axes, count_include_pad=1,
                          **self._sliding(axes, layer.stride or layer.size))
            case "flatten":
                net.apply("Flatten", self.where)
            case "leaky_relu":
                net.apply("LeakyRelu", self.where, alpha=float(layer.slope or 0.01))
            case _:
                kind, attributes = _ACTIVATIONS[layer.op]
                net.apply(kind, self.where, **attributes)

    def _sliding(self, axes: int, stride: int) -> dict[str, Any]:
        return {"strides": [stride] * axes, "pads": [self.layer.padding] * (2 * axes)}

