"""pyncd JSON: the bundled transformer and a convolution compute what numpy does; damage is told in one line."""

from __future__ import annotations

import json
import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from circuitc.cli.entry import run as command
from circuitc.diagnostics import CircuitError
from circuitc.driver import load
from circuitc.formats.pyncd import read_pyncd
from circuitc.ir import run
from circuitc.models.diagrams.lower import drawn

TRANSFORMER = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "diagrams" / "transformer.pyncd.json"
TILED = {"__registered__": "enum", "type": "WeaveMode", "name": "TILED"}


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


def rms(x: Any) -> Any:
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5)


def transformer(tokens: Any) -> Any:
    """Six layers of the bundled diagram: no 1/sqrt(k), a masked softmax that is normalised again, norms after sums."""
    sizes = {"v": 11, "x": 4, "m": 8, "h": 2, "k": 4, "k_2": 3, "f": 16}

    def w(path: str, axes: str) -> Any:
        return drawn(path, tuple(sizes[a] for a in axes.split()), 1)

    x = w("embedding.E", "v m")[tokens]
    lower = np.tril(np.ones((4, 4)))
    for n in range(6):
        p = f"transformer_layer.{n}.add_norm"
        a = f"{p}.multi_head_attention."
        q, k = (np.einsum("xm,hkm->xhk", x, w(a + name, "h k m")) for name in ("L_q", "L_k"))
        v = np.einsum("xm,hkm->xhk", x, w(a + "L_v", "h k_2 m"))
        s = softmax(np.einsum("qhk,xhk->hqx", q, k)) * lower
        s = s / (s.sum(-1, keepdims=True) + 1e-8)
        z = np.einsum("hqx,xhk->qhk", s, v)
        x = rms(x + np.einsum("qhk,mhk->qm", z, w(a + "L_o", "m h k_2")))
        f = f"{p}_2.feed_forward."
        hidden = 1 / (1 + np.exp(-np.einsum("xm,fm->xf", x, w(f + "L_in", "f m"))))
        x = rms(x + np.einsum("xf,mf->xm", hidden, w(f + "L_out", "m f")))
    return softmax(np.einsum("xm,vm->xv", x, w("aggregator.L", "v m")))


@pytest.mark.skipif(not TRANSFORMER.exists(), reason="the bundled transformer is not beside the repository")
def test_the_bundled_transformer_runs(tmp_path: Path) -> None:
    (tmp_path / "transformer.pyncd.json").write_bytes(TRANSFORMER.read_bytes())
    path = tmp_path / "bound.ncd"
    path.write_text("axis v = 11, x = 4, m = 8, h = 2, k = 4, k_2 = 3, d_ff = 16, v_2 = 11\nweights random 1\n"
                    'diagram "transformer.pyncd.json"\n')
    module = load(path)
    tokens = np.array([3, 10, 0, 7])
    result = run(module, {module.entry.inputs[0].name: tokens[None]})
    np.testing.assert_allclose(result[module.entry.outputs[0].name][0], transformer(tokens), atol=1e-5)
    with pytest.raises(CircuitError, match=r"has no length.*bind axes and weights in an \.ncd file"):
        load(tmp_path / "transformer.pyncd.json")


def uid(kind: str, number: int, name: str) -> dict[str, Any]:
    return {"__type__": "UID", "_type": {"__registered__": "type", "repr": kind}, "_id": number,
            "_name": {"__type__": "DynamicName", "body": name, "subscript": None, "settings": None}}


def convolution() -> dict[str, Any]:
    """A strided convolution: places 2y + w on the axis x, then a linear map of channels and window."""
    sizes = {1: ("c", 2), 2: ("x", 7), 3: ("y", 3), 4: ("w", 3), 5: ("d", 4)}
    repository = {str(k): {"__type__": "RawAxis", "uid": uid("RawAxis", k, n),
                           "_size": {"__type__": "Integer", "_value": s}} for k, (n, s) in sizes.items()}
    c, x, y, w, d = ({"__ref__": k} for k in (1, 2, 3, 4, 5))

    def weave(*shape: Any) -> dict[str, Any]:
        return {"__type__": "Weave", "datatype": {"__type__": "Reals"}, "_shape": list(shape)}

    windows = {"__type__": "Broadcasted", "operator": {"__type__": "Identity", "name": None},
               "input_weaves": [weave(TILED, TILED)], "output_weaves": [weave(TILED, TILED, TILED)],
               "reindexings": [{"__type__": "StrideMorphism", "_dom": [y, c, w], "name": None,
                                "_cod_stride": [[c, [0, 1, 0]], [x, [2, 0, 1]]]}]}
    linear = {"__type__": "Broadcasted", "operator": {"__type__": "Linear", "name": None, "bias": True},
              "input_weaves": [weave(TILED, c, w)], "output_weaves": [weave(TILED, d)],
              "reindexings": [{"__type__": "Rearrangement", "mapping": [0], "_dom": [y]}]}
    return {"uid_repository": repository, "data": {"__type__": "Composed", "content": [windows, linear]}}


def bound(folder: Path, file: Any) -> Path:
    (folder / "net.pyncd.json").write_text(file if isinstance(file, str) else json.dumps(file))
    path = folder / "net.ncd"
    path.write_text('weights random 1\ndiagram "net.pyncd.json"\n')
    return path


def test_a_stride_morphism_is_a_convolution(tmp_path: Path) -> None:
    module = load(bound(tmp_path, convolution()))
    x = np.random.default_rng(0).normal(size=(2, 7)).astype(np.float32)
    seen = np.stack([x[:, 2 * p:2 * p + 3] for p in range(3)])
    wanted = np.einsum("ycw,dcw->yd", seen, drawn("L", (4, 2, 3), 1)) + drawn("L_bias", (4,), 1)
    result = run(module, {module.entry.inputs[0].name: x[None]})
    np.testing.assert_allclose(result[module.entry.outputs[0].name][0], wanted, atol=1e-5)


def test_damaged_files_are_told_in_one_line(tmp_path: Path) -> None:
    """Whatever is cut, swapped or replaced: a program, or one clear line."""
    text = json.dumps(convolution())
    source = random.Random(0)
    told = 0
    for _ in range(70):
        start = source.randrange(len(text))
        damaged = text[:start] + source.choice(["", "null", "7", "[]", '"a"', "-1", "{}"]) + text[start
                                                                                               + source.randrange(9):]
        said = ""
        try:
            load(bound(tmp_path, damaged))
        except CircuitError as e:
            said = str(e)
        told += bool(said)
        assert len(said.splitlines()) <= 1, said
    assert told > 40


@pytest.mark.parametrize(("change", "message"), [
    (lambda d: d["data"]["content"][1]["operator"].update(__type__="Fourier"), "type Fourier is not read"),
    (lambda d: d["data"]["content"][0]["reindexings"][0]["_cod_stride"][1].pop(), "a row of _cod_stride is"),
    (lambda d: d["uid_repository"].pop("4"), "the repository has no term 4"),
    (lambda d: d["uid_repository"]["3"]["_size"].update(_value=5), "disagree|stays|outside"),
    (lambda d: d["data"].update(content=[]), "a Composed has at least one term"),
    (lambda d: d.pop("data"), "a pyncd file is an object with uid_repository and data")])
def test_what_is_refused(tmp_path: Path, change: Any, message: str) -> None:
    file = convolution()
    change(file)
    if "disagree" in message:     # three places more read zeros outside: allowed, as padding is
        assert load(bound(tmp_path, file)).entry.outputs[0].type.shape == (5, 4)
        return
    with pytest.raises(CircuitError, match=message):
        load(bound(tmp_path, file))


@pytest.mark.skipif(not TRANSFORMER.exists(), reason="the bundled transformer is not beside the repository")
def test_the_transformer_is_read_as_it_was_written(tmp_path: Path) -> None:
    written = tmp_path / "transformer.pyncd.json"
    assert command(["convert", str(TRANSFORMER), str(written)]) == 0
    assert read_pyncd(written) == replace(read_pyncd(TRANSFORMER), path=written)
    again = tmp_path / "again.pyncd.json"
    assert command(["convert", str(written), str(again)]) == 0
    assert again.read_bytes() == written.read_bytes()


TEXT = """axis c = 2, x = 9, d = 3, w = 3, v = 5, n = 4
weights random 1
input X[c x]
input t[n] of v
block twice(A[d p]) -> B[d p] {
  weight M[e d]
  H[e p] = tanh(M[e d] * A[d p])
  B[d p] = A[d p] + H[d p]
}
weight E[v c]
Z[n c] = E[t[n] c]
weight K[d c w]
weight K_bias[d]
Y[d p] = relu(X[c, 2*p + w] * K[d c w] + K_bias[d])
U = twice^3(Y)
S[n p] = Z[n c] * X[c x] * U[d p]
P[n p] = softmax[p](S[n p])
output P, U
"""


def test_a_diagram_as_text_is_the_same_program_as_terms(tmp_path: Path) -> None:
    """Windows, biases, blocks that repeat, look-ups, sums, softmax: the numbers are those of the text."""
    (tmp_path / "net.ncd").write_text(TEXT)
    assert command(["convert", str(tmp_path / "net.ncd"), str(tmp_path / "net.pyncd.json")]) == 0
    (tmp_path / "bound.ncd").write_text('weights random 1\ndiagram "net.pyncd.json"\n')
    first, second = load(tmp_path / "net.ncd"), load(tmp_path / "bound.ncd")
    assert [p.type for p in second.entry.inputs] == [p.type for p in first.entry.inputs]
    rng = np.random.default_rng(0)
    values = [rng.normal(size=(5, 2, 9)).astype("f4"), rng.integers(0, 5, (5, 4))]
    a, b = (run(m, dict(zip((p.name for p in m.entry.inputs), values, strict=True))) for m in (first, second))
    for p, q in zip(first.entry.outputs, second.entry.outputs, strict=True):
        np.testing.assert_allclose(b[q.name], a[p.name], atol=1e-6)
        assert np.ptp(a[p.name]) > 0.01


@pytest.mark.parametrize(("statement", "message"), [
    ("Y[n] = X[n] / 2", "no term for numbers, quotients and differences"),
    ("Y[n] = sum[n](X[n]) * X[n]", "no term for"),
    ("Y[n] = max(X[n], X[n])", "no term for max here"),
    ("weight W[n n']\nweight V[n]\nY[n] = W[n n'] * V[n'] * X[n']", "no term for a product of several weights"),
    ("Y[p] = X[n - p]", "no term for the place X"),
    ("block f<d>(X[n]) -> Y[n] { Y[n] = tanh(X[n]) }\nY = f<d=2>(X)", "no term for f with parameters")])
def test_what_pyncd_cannot_say_is_refused(tmp_path: Path, statement: str, message: str,
                                          capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "d.ncd").write_text(f"axis n = 4, p = 4\nweights random 1\ninput X[n]\n{statement}\noutput Y\n")
    assert command(["convert", str(tmp_path / "d.ncd"), str(tmp_path / "d.pyncd.json")]) == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "d.pyncd.json").exists()


def test_a_netlist_is_no_diagram(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.bench").write_text("INPUT(a)\nOUTPUT(y)\ny = NOT(a)\n")
    assert command(["convert", str(tmp_path / "a.bench"), str(tmp_path / "a.pyncd.json")]) == 2
    assert "pyncd files are made of neural circuit diagrams, this is bench" in capsys.readouterr().err
