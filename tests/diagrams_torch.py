"""Makes tests/unit/diagrams_torch.json: what PyTorch computes for the architectures of examples/diagrams.

Run it with a Python that has torch and circuitc's own dependencies:  python tests/diagrams_torch.py
Inputs are drawn by `inputs_of`, weights by name and seed as the diagrams say.
"""

import json
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

FOLDER = Path(__file__).resolve().parent
T = torch.Tensor


def inputs_of(name: str, shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """Draw the inputs of a diagram: uniform in -1..1; those of the Hopfield networks are signs."""
    source = np.random.default_rng(crc32(name.encode()))
    drawn = {k: source.uniform(-1, 1, s).astype(np.float32) for k, s in shapes.items()}
    return {k: np.sign(v) for k, v in drawn.items()} if name == "hopfield" else drawn


def w(path: str, *shape: int) -> T:
    """Draw a weight as diagrams with `weights random 1` do."""
    limit = np.sqrt(3 / max(shape))
    source = np.random.default_rng([1, crc32(path.encode())])
    return torch.tensor(source.uniform(-limit, limit, shape).astype(np.float32))


def mlp(x: T) -> list[T]:
    h = F.relu(F.linear(x, w("W1", 12, 16), w("B1", 12)))
    g = F.relu(F.linear(h, w("W2", 12, 12), w("B2", 12)))
    return [F.softmax(F.linear(g, w("W3", 4, 12), w("B3", 4)), -1)]


def attention(q: T, k: T, v: T) -> list[T]:
    return [F.scaled_dot_product_attention(q, k, v)]


def multihead(x: T) -> list[T]:
    layer = nn.MultiheadAttention(8, 2, bias=False, batch_first=True)
    with torch.no_grad():
        layer.in_proj_weight.copy_(torch.cat([w(n, 2, 4, 8).reshape(8, 8) for n in ("Wq", "Wk", "Wv")]))
        layer.out_proj.weight.copy_(w("Wo", 8, 2, 4).reshape(8, 8))
    return [layer(x[None], x[None], x[None])[0][0]]


def encoder(x: T) -> list[T]:
    for k in range(2):
        layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True).eval()
        p = f"layer.{k}."
        state = {"self_attn.in_proj_weight": torch.cat([w(f"{p}attend.{n}", 2, 4, 8).reshape(8, 8)
                                                        for n in ("Wq", "Wk", "Wv")]),
                 "self_attn.in_proj_bias": torch.cat([w(f"{p}attend.{n}", 2, 4).reshape(8)
                                                      for n in ("Bq", "Bk", "Bv")]),
                 "self_attn.out_proj.weight": w(f"{p}attend.Wo", 8, 2, 4).reshape(8, 8),
                 "self_attn.out_proj.bias": w(f"{p}attend.Bo", 8),
                 "linear1.weight": w(f"{p}feed.W1", 16, 8), "linear1.bias": w(f"{p}feed.B1", 16),
                 "linear2.weight": w(f"{p}feed.W2", 8, 16), "linear2.bias": w(f"{p}feed.B2", 8),
                 "norm1.weight": w(f"{p}norm1.G", 8), "norm1.bias": w(f"{p}norm1.B", 8),
                 "norm2.weight": w(f"{p}norm2.G", 8), "norm2.bias": w(f"{p}norm2.B", 8)}
        layer.load_state_dict(state)
        x = layer(x[None])[0]
    return [x]


def decoder(x: T, m: T) -> list[T]:
    def norm(v: T) -> T:
        return F.layer_norm(v, (8,))

    def heads(v: T, name: str) -> T:
        return F.linear(v, w(f"{name}.W", 2, 4, 8).reshape(8, 8)).reshape(-1, 2, 4).transpose(0, 1)

    def merge(z: T, name: str) -> T:
        return F.linear(z.transpose(0, 1).reshape(-1, 8), w(f"{name}.W", 8, 2, 4).reshape(8, 8))

    n = norm(x)
    a = F.scaled_dot_product_attention(heads(n, "self_q"), heads(n, "self_k"), heads(n, "self_v"), is_causal=True)
    x = x + merge(a, "self_o")
    c = F.scaled_dot_product_attention(heads(norm(x), "cross_q"), heads(m, "cross_k"), heads(m, "cross_v"))
    x = x + merge(c, "cross_o")
    return [x + F.linear(F.gelu(F.linear(norm(x), w("feed.W1", 16, 8))), w("feed.W2", 8, 16))]


def convolution(x: T) -> list[T]:
    strided = F.conv2d(x[None], w("K", 4, 3, 3, 3), w("B", 4), stride=2, padding=1)
    dilated = F.conv2d(x[None], w("D", 4, 3, 3, 3), dilation=2, padding=2)
    pooled = F.max_pool2d(dilated, 2)
    return [strided[0], pooled[0], F.avg_pool2d(strided, 2)[0], pooled.repeat_interleave(2, 2)[0]]


def transposed(x: T) -> list[T]:
    return [F.conv_transpose2d(x[None], w("K", 2, 3, 3, 3), stride=2, padding=1)[0]]


def resnet(x: T) -> list[T]:
    def conv(v: T, name: str, n: int, stride: int = 1) -> T:
        return F.conv2d(v, w(f"{name}.W", n, v.shape[1], 3, 3), w(f"{name}.B", n), stride=stride, padding=1)

    def identity(v: T, name: str) -> T:
        n = v.shape[1]
        return v + conv(F.relu(conv(F.relu(v), f"{name}.conv1", n)), f"{name}.conv2", n)

    v = conv(x[None], "stem", 4)
    v = identity(identity(v, "first.0"), "first.1")
    v = conv(F.relu(v), "down", 8, 2)
    v = identity(identity(v, "second.0"), "second.1")
    return [F.linear(v.mean((2, 3)), w("Wk", 10, 8))[0]]


def unet(x: T) -> list[T]:
    def conv(v: T, name: str, n: int) -> T:
        return F.relu(F.conv2d(v, w(f"{name}.W", n, v.shape[1], 3, 3), w(f"{name}.B", n), padding=1))

    def join(v: T, z: T, name: str, n: int) -> T:
        z = F.interpolate(z, scale_factor=2, mode="nearest")
        kernel = torch.cat([w(f"{name}.W", n, v.shape[1], 3, 3), w(f"{name}.V", n, z.shape[1], 3, 3)], 1)
        return F.relu(F.conv2d(torch.cat([v, z], 1), kernel, w(f"{name}.B", n), padding=1))

    l0 = conv(x[None], "down0", 4)
    l1 = conv(F.max_pool2d(l0, 2), "down1", 6)
    l2 = conv(F.max_pool2d(l1, 2), "bottom", 8)
    r0 = join(l0, join(l1, l2, "up1", 6), "up0", 4)
    return [F.conv2d(r0, w("W", 3, 4)[:, :, None, None])[0]]


def vit(x: T) -> list[T]:
    patches = F.conv2d(x[None], w("E", 8, 3, 4, 4), stride=4)[0].flatten(1).T
    z = torch.cat([w("T", 8)[None], patches]) + w("Pos", 5, 8)
    layer = nn.MultiheadAttention(8, 2, bias=False, batch_first=True)
    with torch.no_grad():
        names = ("attend.Wq", "attend.Wk", "attend.Wv")
        layer.in_proj_weight.copy_(torch.cat([w(n, 2, 4, 8).reshape(8, 8) for n in names]))
        layer.out_proj.weight.copy_(w("attend.Wo", 8, 2, 4).reshape(8, 8))
    n = F.layer_norm(z, (8,))[None]
    a = z + layer(n, n, n)[0][0]
    n = F.layer_norm(a, (8,))
    b = a + F.linear(F.gelu(F.linear(n, w("feed.W1", 16, 8))), w("feed.W2", 8, 16))
    return [F.linear(b[0], w("C", 10, 8))]


def kan(x: T) -> list[T]:
    """After pykan's KANLayer: extended grid, half-open base intervals, order 3."""
    grid = (torch.arange(12, dtype=torch.float32) - 3) * (2 / 5) - 1
    v = x[:, None]
    basis = ((v >= grid[:-1]) & (v < grid[1:])).float()
    for k in range(1, 4):
        basis = ((v - grid[:-k - 1]) / (grid[k:-1] - grid[:-k - 1]) * basis[:, :-1]
                 + (grid[k + 1:] - v) / (grid[k + 1:] - grid[1:-k]) * basis[:, 1:])
    spline = torch.einsum("xn,oxn->ox", basis, w("Coef", 2, 3, 8))
    return [(w("Base", 2, 3) * F.silu(x) + w("Scale", 2, 3) * spline).sum(1)]


def hopfield(xi: T, s: T, r: T) -> list[T]:
    weights = xi.T @ xi / 12 * (1 - torch.eye(12))
    for _ in range(4):
        s = torch.where(weights @ s > 0, 1.0, -1.0)
    return [s, F.softmax(2 * r @ xi.T, -1) @ xi]


def floydnet(r: T) -> list[T]:
    q, k1, k2, v1, v2 = (torch.einsum("ijm,hdm->hijd", r, w(n, 2, 3, 6)) for n in ("Wq", "W1", "W2", "V1", "V2"))
    scores = (torch.einsum("hikd,hijd->hikj", q, k1) + torch.einsum("hikd,hjkd->hikj", q, k2)) / (2 * 3) ** 0.5
    a = F.softmax(scores, -1)
    out = torch.einsum("hikj,hijd->hikd", a, v1) + torch.einsum("hikj,hjkd->hikd", a, v2)
    return [torch.einsum("hikd,mhd->ikm", out, w("Wo", 6, 2, 3))]


ARCHITECTURES: dict[str, tuple[Any, dict[str, tuple[int, ...]]]] = {
    "mlp": (mlp, {"X": (16,)}), "attention": (attention, {"Q": (4, 8), "K": (6, 8), "V": (6, 5)}),
    "multihead": (multihead, {"X": (5, 8)}), "encoder": (encoder, {"X": (5, 8)}),
    "decoder": (decoder, {"X": (4, 8), "M": (6, 8)}), "convolution": (convolution, {"X": (3, 9, 9)}),
    "transposed": (transposed, {"X": (2, 4, 4)}), "resnet": (resnet, {"X": (3, 8, 8)}),
    "unet": (unet, {"X": (2, 8, 8)}), "vit": (vit, {"X": (3, 8, 8)}), "kan": (kan, {"X": (3,)}),
    "hopfield": (hopfield, {"Xi": (3, 12), "S": (12,), "R": (2, 12)}), "floydnet": (floydnet, {"R": (4, 4, 6)})}


def main() -> None:
    """Write what each architecture answers to its inputs."""
    answers: dict[str, Any] = {}
    for name, (function, shapes) in ARCHITECTURES.items():
        with torch.no_grad():
            results = function(*(torch.tensor(v) for v in inputs_of(name, shapes).values()))
        answers[name] = [[float(f"{x:.7g}") for x in y.flatten().tolist()] for y in results]
    text = json.dumps({"torch": torch.__version__, "answers": answers})
    (FOLDER / "unit" / "diagrams_torch.json").write_text(text.replace("]]", "]]\n") + "\n")


if __name__ == "__main__":
    main()
