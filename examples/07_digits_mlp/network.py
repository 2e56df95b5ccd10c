"""The trained network as a program in floats: pixels 0..16 in, ten logits and their class out."""

from pathlib import Path

import numpy as np

from circuitc.ir import F32, Builder, Constant, Encoding, Func, Module, Port, Value, module_of, parse_type

DATA = dict(np.load(Path(__file__).with_name("digits.npz")))
IMAGE = parse_type("u5[64]")


def digits() -> Module:
    """Build 64-32-10 with a relu between; the image port says that 16 is white (1.0)."""
    b = Builder()
    image = b.input("image", IMAGE)

    def constant(name: str) -> Value:
        return b.constant(Constant(F32.with_shape(DATA[name].shape), DATA[name]), name)

    x = b.apply("mul", b.apply("convert", image, type=F32), b.number(F32.with_shape((64,)), 1 / 16), name="x")
    h = b.apply("add", b.apply("contract", constant("w1"), x, spec="ij,j->i", name="fc1"), constant("b1"))
    h = b.apply("max", h, b.number(F32.with_shape((32,)), 0.0), name="relu")
    y = b.apply("contract", constant("w2"), h, spec="ij,j->i", name="fc2")
    y = b.apply("add", y, constant("b2"), name="logits")
    digit = b.apply("argmax", y, axis=0, name="digit")
    port = Port("image", IMAGE, encoding=Encoding(scale=1 / 16))
    return module_of(Func("digits", (port,), (Port("digit", b.type(digit)),), b.finish([digit])))
