"""Diagrams from Python are the statements of the text form, record for record."""

from __future__ import annotations

from pathlib import Path

import pytest

from circuitc.diagnostics import CircuitError
from circuitc.formats.ncd.parse import parse_diagram
from circuitc.models.diagrams import DiagramBuilder, at, fn, holds, number_of

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "diagrams"


def attention() -> DiagramBuilder:
    d = DiagramBuilder("attention", seed=1)
    d.axes(q=4, x=6, k=8, v=5)
    queries, keys, values = d.input("Q", "q k"), d.input("K", "x k"), d.input("V", "x v")
    scores = d.let("S[q x]", queries["q k"] * keys["x k"] / fn.sqrt(d.length("k")))
    d.output(d.let("Y[q v]", fn.softmax(scores["q x"], along="x") * values["x v"]))
    return d


def encoder() -> DiagramBuilder:
    d = DiagramBuilder("encoder", seed=1)
    d.axes(x=5, y=5, m=8, h=2, k=4, f=16)
    tokens = d.input("X", "x m")
    attend = d.block("attend", {"X": "x m"}, {"Y": "x m"})
    w = {n: attend.weight(f"W{n}", "m h k" if n == "o" else "h k m") for n in "qkvo"}
    b = {n: attend.weight(f"B{n}", "m" if n == "o" else "h k") for n in "qkvo"}
    x = attend["X"]
    q = attend.let("Q[x h k]", x["x m"] * w["q"]["h k m"] + b["q"]["h k"])
    k, v = (attend.let(f"{n.upper()}[y h k]", x["y m"] * w[n]["h k m"] + b[n]["h k"]) for n in "kv")
    s = attend.let("S[h x y]", q["x h k"] * k["y h k"] / fn.sqrt(attend.length("k")))
    z = attend.let("Z[x h k]", fn.softmax(s["h x y"], along="y") * v["y h k"])
    attend.let("Y[x m]", z["x h k"] * w["o"]["m h k"] + b["o"]["m"])
    norm = d.block("layernorm", {"X": "x m"}, {"Y": "x m"})
    gain, shift = norm.weight("G", "m"), norm.weight("B", "m")
    norm.let("Y[x m]", fn.norm(norm["X"]["x m"], along="m") * gain["m"] + shift["m"])
    feed = d.block("feed", {"X": "x m"}, {"Y": "x m"})
    w1, b1, w2, b2 = (feed.weight(n, a) for n, a in (("W1", "f m"), ("B1", "f"), ("W2", "m f"), ("B2", "m")))
    hidden = feed.let("H[x f]", fn.relu(feed["X"]["x m"] * w1["f m"] + b1["f"]))
    feed.let("Y[x m]", hidden["x f"] * w2["m f"] + b2["m"])
    layer = d.block("layer", {"X": "x m"}, {"Y": "x m"})
    a = layer.let("A", norm(layer["X"] + attend(layer["X"]), alias="norm1"))
    layer.let("Y", norm(a + feed(a), alias="norm2"))
    d.output(d.let("Y", layer(tokens, times=2)))
    return d


@pytest.mark.parametrize("make", [attention, encoder])
def test_text_and_python_are_the_same_records(make) -> None:
    text, _ = parse_diagram((EXAMPLES / f"{make.__name__}.ncd").read_text(), make.__name__)
    made = make().diagram()
    assert made.items == text.items
    assert made == text


def test_places_lookups_and_masks() -> None:
    text = ("axis n = 9, v = 4, w = 2*n\ninput X[n]\ninput t[n] of v\nweight E[v m] = 1\n"
            "Y[p u] = X[2*p + u - 1] * [p <= u] + [p - 1] * X[n/2] - 3\nZ[n m] = E[t[n] m]\noutput Y, Z")
    d = DiagramBuilder("t")
    d.axes(n=9, v=4, w=2 * at("n"))
    x, t, e = d.input("X", "n"), d.input("t", "n", of="v"), d.weight("E", "v m", fill=1)
    y = d.let("Y[p u]", x[2 * at("p") + "u" - 1] * holds("p", "<=", "u") + number_of(at("p") - 1) * x[at("n") // 2] - 3)
    z = d.let("Z[n m]", e[t.names("n"), "m"])
    d.output(y, z)
    assert d.diagram() == parse_diagram(text, "t")[0]


def test_wrong_use_is_told() -> None:
    d = DiagramBuilder()
    with pytest.raises(AttributeError, match="no function sofmax"):
        _ = fn.sofmax
    with pytest.raises(CircuitError, match="relu works element by element"):
        fn.relu(d.input("X", "n"), along="n")
    with pytest.raises(CircuitError, match="is no wire on the left"):
        d.let("Y[n", 1.0)
    with pytest.raises(CircuitError, match="f has no input Y"):
        _ = d.block("f", {"X": "n"}, {"Z": "n"})["Y"]
