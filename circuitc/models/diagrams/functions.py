"""The functions that a diagram may name, by the number of their operands."""

from __future__ import annotations

ELEMENTWISE: dict[str, int] = {
    "relu": 1, "gelu": 1, "silu": 1, "tanh": 1, "sigmoid": 1, "exp": 1, "log": 1, "sqrt": 1, "rsqrt": 1, "abs": 1,
    "erf": 1, "sin": 1, "cos": 1, "sign": 1, "step": 1, "max": 2, "min": 2, "select": 3}
ALONG = ("softmax", "norm", "rms")          # give what they take, along the axes in brackets
FOLDS = ("sum", "mean", "max", "min")       # leave the axes in brackets out
FUNCTIONS = tuple(dict.fromkeys((*ELEMENTWISE, *ALONG, *FOLDS)))
EPSILON = 1e-5                              # what norm and rms add to a variance or a mean square
