"""Diagrams as text: what statements mean, which axes agree, what is refused and how it is told."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from circuitc.cli.entry import run as command
from circuitc.diagnostics import CircuitError
from circuitc.driver import compile, load
from circuitc.formats.ncd.parse import parse_diagram
from circuitc.ir import Graph, decode, encode, run
from circuitc.models.diagrams import elaborate, lower
from circuitc.models.diagrams.cost import cost
from circuitc.models.diagrams.draw import draw
from circuitc.models.diagrams.picture import picture
from circuitc.passes import run_passes

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "diagrams"


def outcome(text: str, **inputs: Any) -> Any:
    diagram, _ = parse_diagram(text)
    module = lower(elaborate(diagram), diagram.seed)
    results = run(module, {k: np.asarray(v)[None] for k, v in inputs.items()})
    return next(iter(results.values()))[0]


def random_array(*shape: int) -> Any:
    return np.random.default_rng(len(shape)).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize(("axes", "statement", "wanted"), [
    ("i = 3, j = 3", "Y[i] = X[i i]", lambda x: np.diag(x)),
    ("i = 3, j = 3", "Y[j i] = X[i j]", lambda x: x.T),
    ("i = 3, j = 3, k = 2", "Y[k i j] = X[i j]", lambda x: np.stack([x, x])),
    ("i = 3, j = 3", "Y[i] = X[i j]", lambda x: x.sum(1)),
    ("i = 3, j = 3", "Y[i j] = X[i j] * X[i j]", lambda x: x * x),
    ("i = 3, j = 3, k = 3", "Y[i k] = X[i j] * X[j k]", lambda x: x @ x),
    ("i = 3, j = 3", "Y[i] = mean[j](X[i j]) - 2", lambda x: x.mean(1) - 2),
    ("i = 3, j = 3", "Y[i j] = softmax[i j](X[i j])", lambda x: np.exp(x) / np.exp(x).sum()),
    ("i = 3, j = 3", "Y[i j] = [i <= j] * X[i j] / 2", lambda x: np.triu(x) / 2),
    ("i = 3, j = 3", "Y[i j] = select([i == j], X[i j], [i - j])",
     lambda x: np.where(np.eye(3), x, np.subtract.outer(np.arange(3), np.arange(3)))),
    ("i = 3, j = 3, p = 5", "Y[i p] = X[i, p - 1]", lambda x: np.pad(x, ((0, 0), (1, 1)))),
    ("i = 3, j = 3, p = 6", "Y[i p] = X[i, p / 2]", lambda x: x.repeat(2, 1)),
    ("i = 3, j = 3, p = 3", "Y[i p] = X[i, 2 - p]", lambda x: x[:, ::-1]),
    ("i = 3, j = 3", "Y[j] = X[1, j]", lambda x: x[1]),
    ("i = 3, j = 3, w = 2", "Y[i p] = max[w](X[i, p + w])", lambda x: np.maximum(x[:, :-1], x[:, 1:])),
    ("i = 3, j = 3", "Y[i j] = step(X[i j]) + sign(X[i j])", lambda x: np.where(x < 0, -1, 2)),
])
def test_what_a_statement_means(axes: str, statement: str, wanted: Any) -> None:
    x = random_array(3, 3)
    got = outcome(f"axis {axes}\ninput X[i j]\n{statement}\noutput Y", X=x)
    np.testing.assert_allclose(got, wanted(x), atol=2e-6)


@settings(max_examples=25, deadline=None)
@given(size=st.integers(4, 9), window=st.integers(1, 3), stride=st.integers(1, 3), dilation=st.integers(1, 2),
       pad=st.integers(0, 2), out=st.integers(1, 4))
def test_affine_places_read_zeros_outside(size: int, window: int, stride: int, dilation: int, pad: int,
                                          out: int) -> None:
    """Any stride, dilation, padding and length: windows, slices and tables all say the same."""
    x = random_array(size)
    got = outcome(f"axis n = {size}, w = {window}, p = {out}\ninput X[n]\n"
                  f"Y[p w] = X[{stride}*p + {dilation}*w - {pad}]\noutput Y", X=x)
    places = stride * np.arange(out)[:, None] + dilation * np.arange(window) - pad
    wanted = np.where((places >= 0) & (places < size), x[np.clip(places, 0, size - 1)], 0)
    np.testing.assert_array_equal(got, wanted)


def test_repeated_blocks_have_weights_of_their_own_or_share_them() -> None:
    text = ("axis n = 4\nweights random 3\ninput X[n]\nblock f(X[n]) -> Y[m] {{ axis m = n\n weight W[m n]\n"
            " Y[m] = W[m n] * X[n] }}\nY = f^3{}(X)\noutput Y")
    own = elaborate(parse_diagram(text.format(""))[0])
    assert [s.detail["path"] for s in own.steps if s.op == "weight"] == ["f.0.W", "f.1.W", "f.2.W"]
    shared = elaborate(parse_diagram(text.format(" shared"))[0])
    assert {s.detail["path"] for s in shared.steps if s.op == "weight"} == {"f.W"}


def test_weights_come_from_a_file_and_bind_axes(tmp_path: Path) -> None:
    w = random_array(3, 5)
    np.savez(tmp_path / "w.npz", **{"f.W": w})
    (tmp_path / "d.ncd").write_text('weights "w.npz"\ninput X[n]\nblock f(X[n]) -> Y[m] { weight W[m n]\n'
                                    " Y[m] = W[m n] * X[n] }\nY = f(X)\noutput Y\n")
    module = load(tmp_path / "d.ncd")
    x = random_array(5)
    np.testing.assert_allclose(run(module, {"X": x[None]})["Y"][0], w @ x, atol=1e-5)


def test_disagreeing_wires_are_shown_with_lengths_and_places() -> None:
    text = "axis q = 4, x = 5\ninput Q[q k]\ninput K[x d]\naxis k = 8, d = 6\nS[q x] = Q[q k] * K[x k]\noutput S\n"
    with pytest.raises(CircuitError) as caught:
        elaborate(parse_diagram(text, "a.ncd")[0])
    assert caught.value.diagnostics[0].render() == """\
a.ncd:5:19: index k of Q = 8 (from 4:6) and index k of K = 6 (from 4:13) disagree
  S[q x] = Q[q k] * K[x k]
                    ^^^^^^
  note: a.ncd:4:6: index k of Q = 8 comes from here
  note: a.ncd:4:13: index k of K = 6 comes from here
  help: aligned axes have one length"""


@pytest.mark.parametrize(("text", "message"), [
    ("input X[n]", "t:1:1: expected|the diagram has no output"),
    ("axis n = 0\ninput X[n]\noutput X", "t:1:6: axis n is 0 long"),
    ("axis n = 4\ninput X[n]\nY[n] = X[n", "expected"),
    ("axis n = 4\ninput X[n]\nY[n] = X[n n]\noutput Y", "t:3:8: X has 1 axes (n), got 2 places"),
    ("axis n = 4\ninput X[n]\nY[n] = Z[n]\noutput Y", "t:3:8: there is no wire Z"),
    ("axis n = 4\ninput X[n]\nY[n] = foo(X[n])\noutput Y", "t:3:8: there is no function or block foo"),
    ("axis n = 4\ninput X[n]\nY[m] = X[n]\noutput Y", "t:3:1: nothing says what the index m of Y is"),
    ("axis n = 4, m = 3\ninput X[n]\ninput Z[m]\nY = X + Z\noutput Y",
     "t:4:5: the two sides have axes [n=4] (X, from 2:1) and [m=3] (Z, from 3:1)"),
    ("axis n = 4\ninput X[n]\nweight W[n]\nY[n] = X[n] * W[n]\noutput Y", "t:3:1: weight W has no numbers"),
    ("input X[n]\noutput X", "axis n has no length"),
    ("axis n = 4\ninput X[n]\nY[n] = X[n*n]\noutput Y", "a place is affine"),
    ("axis n = 4\ninput X[n]\nblock f(X[n]) -> Y[n] { Y = f(X) }\nY = f(X)\noutput Y", "no function or block f"),
    ("axis n = 4\ninput X[n]\nblock f(X[n]) -> Y[n] { Y[n] = X[n] }\nY = f^99999999(X)\noutput Y",
     "called more than 10000 times"),
    ("axis n = 999999999\ninput X[n]\nY[n] = X[n]\noutput Y", "has more than"),
    ("axis n = 4\ninput X[n]\nY[n] = softmax(X[n])\noutput Y", "softmax takes 1 operand and axes"),
    ("axis n = 4\ninput X[n]\nX[n] = X[n]\noutput X", "there is a wire X already"),
])
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(CircuitError) as caught:
        lower(elaborate(parse_diagram(text, "t")[0]))
    assert any(m in str(caught.value) for m in message.split("|")), str(caught.value)


def test_damaged_text_is_told_in_one_line(tmp_path: Path) -> None:
    source = random.Random(1)
    texts = [p.read_text() for p in sorted(EXAMPLES.glob("*.ncd"))]
    told = 0
    for _ in range(60):
        text = source.choice(texts)
        start = source.randrange(len(text))
        damage = source.choice(["", "[", "]", "(", "x", "9", "=", "*", "^2", "\n", "block", "Y[", "0"])
        (tmp_path / "d.ncd").write_text(text[:start] + damage + text[start + source.randrange(6):])
        said = ""
        try:
            load(tmp_path / "d.ncd")
        except CircuitError as e:
            said = str(e)
        told += bool(said)
        assert len(said.splitlines()) <= 1, said
    assert told > 15


def test_deep_nesting_is_refused() -> None:
    with pytest.raises(CircuitError, match="nested too deeply"):
        parse_diagram("axis n = 1\ninput X[n]\nY[n] = " + "-" * 20000 + "X[n]")


@pytest.mark.parametrize("name", ["attention", "multihead", "mlp", "floydnet", "kan"])
def test_costs_are_those_of_the_program(name: str) -> None:
    """Multiply-adds of the formula are those that the program's contractions and the interpreter's loops do."""
    typed_text = (EXAMPLES / f"{name}.ncd").read_text()
    diagram, _ = parse_diagram(typed_text)
    found = cost(elaborate(diagram))
    body = lower(elaborate(diagram), 1).entry.body
    assert isinstance(body, Graph)
    counted = 0
    for node in body.nodes:
        if node.op == "contract":
            left, _, _ = node.attributes["spec"].partition("->")
            shapes = [body.nodes[v].type.shape for v in node.operands]
            sizes = {c: n for part, shape in zip(left.split(","), shapes, strict=True)
                     for c, n in zip(part, shape, strict=True)}
            counted += int(np.prod(list(sizes.values())))
    assert found.macs.at(found.lengths) == counted


def test_attention_costs_are_quadratic_in_its_tokens() -> None:
    found = cost(elaborate(parse_diagram((EXAMPLES / "attention.ncd").read_text())[0]))
    assert str(found.macs) == "k*q*x + q*v*x"
    assert str(found.largest) == "q*x"


@pytest.mark.parametrize("name", ["attention", "convolution", "resnet"])
def test_pictures(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The goldens are pictures that were looked at."""
    assert command(["show", str(EXAMPLES / f"{name}.ncd"), "--format", "svg"]) == 0
    golden = Path(__file__).resolve().parents[1] / "files" / "diagrams" / f"{name}.svg"
    assert capsys.readouterr().out == golden.read_text()


def test_a_thousand_operations_fold_into_their_blocks() -> None:
    calls = "\n".join(f"X{k + 1} = f as part{k}(X{k})" for k in range(100))
    text = ("axis n = 4\nweights random 1\ninput X0[n]\nblock f(X[n]) -> Y[m] { axis m = n\n weight W[m n]\n"
            " A[m] = relu(W[m n] * X[n])\n B[m] = tanh(A[m]) + A[m]\n C[m] = exp(B[m]) * B[m]\n"
            f" D[m] = sigmoid(C[m]) - B[m]\n Y[m] = silu(D[m]) + A[m] }}\n{calls}\noutput X100")
    typed = elaborate(parse_diagram(text)[0])
    assert len(typed.steps) >= 1000
    boxes = picture(typed).boxes
    assert {b.shape for b in boxes} == {"block"}
    assert len(boxes) == 100
    assert draw(picture(typed)).count('class="f"') == 100


def test_any_program_has_a_picture_and_costs(capsys: pytest.CaptureFixture[str]) -> None:
    path = str(EXAMPLES / "attention.ncd")
    assert command(["show", path, "--passes", "clean", "--format", "svg"]) == 0
    assert "<svg" in capsys.readouterr().out
    assert command(["show", path, "--passes", "clean", "--format", "cost"]) == 0
    assert "multiply-adds" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["attention", "transposed", "kan"])
def test_native_code_agrees(name: str) -> None:
    build = compile(EXAMPLES / f"{name}.ncd", "llvm", vectors=20)
    assert "simulated" in str(build.certificate.evidence)


def test_attention_is_quantized_to_whole_numbers() -> None:
    module = load(EXAMPLES / "attention.ncd")
    inputs = {p.name: np.random.default_rng(k).uniform(-1, 1, (64, *p.type.shape)).astype(np.float32)
              for k, p in enumerate(module.entry.inputs)}
    exact = run_passes(module, "quantize", calibration=inputs)
    body = exact.entry.body
    assert isinstance(body, Graph)
    assert not any(node.type.is_float for node in body.nodes)
    raw = {p.name: encode(p, inputs[p.name]) for p in exact.entry.inputs}
    got = decode(exact.entry.outputs[0], run(exact, raw)["Y"])
    assert np.abs(got - run(module, inputs)["Y"]).max() < 0.05
