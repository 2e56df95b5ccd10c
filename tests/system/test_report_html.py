"""Pages of `circuitc report --html`: what they say, and how a real browser shows them."""

import csv
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from circuitc.cli.entry import run
from circuitc.report import html_page
from circuitc.report.facts import build_page

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from browser import Browser, found

MODEL = Path(__file__).resolve().parents[2] / "examples" / "01_btf_multiplier" / "model.json"
SMALL = 'schema = "circuitc.array/1"\n[array]\nrows = 16\ncols = 16\n'
EVIL = '"><script>document.title = "taken"</script><img src=x onerror="document.title = 1">'
BOXES = """[...document.querySelectorAll('svg')].map(s => {
    const r = s.getBoundingClientRect();
    const inside = [...s.querySelectorAll('rect,path,circle,polyline,image,text')].filter(
        e => {const b = e.getBBox(); return b.width + b.height > 0;});
    return [r.width, r.height, inside.length, Math.round(r.right), s.getAttribute('width')];})"""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "small.toml").write_text(SMALL)
    assert run(["compile", str(MODEL), "--target", "crossbar", "--array", str(folder / "small.toml"), "--option",
                "periphery=false", "-o", str(folder / "b")]) == 0
    return folder / "b"


@pytest.fixture(scope="module")
def page(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page with everything: measured conductances, a curve that was simulated, and one from a file."""
    folder = tmp_path_factory.mktemp("page")
    with (bundle / "cells.csv").open() as table, (folder / "measured.csv").open("w") as out:
        out.write("tile,row,col,g_S\n")
        for k, cell in enumerate(csv.DictReader(table)):
            out.write(f"{cell['tile']},{cell['row']},{cell['col']},{float(cell['g_target_S']) * (0.9 + k % 3 / 10)}\n")
    rows = [{"what": f"stuck {EVIL}", "amount": amount, "mean": mean, "half": 0.01, "seeds": 3}
            for amount, mean in ((0, 1), (0.1, 0.9))]
    (folder / "accuracy.json").write_text(json.dumps({"schema": "circuitc.accuracy/1", "rows": rows}))
    assert run(["report", str(bundle), "--html", str(folder / "page.html"), "--measured", str(folder / "measured.csv"),
                "--samples", "8", "--seeds", "2", "--accuracy", str(folder / "accuracy.json")]) == 0
    return folder / "page.html"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    if found() is None:
        pytest.skip("no Chromium to look at pages with (tests/install_tools.sh installs it where it may)")
    opened = Browser()
    yield opened
    opened.close()


def test_the_page_says_what_was_checked_and_what_is_an_estimate(page: Path) -> None:
    text = page.read_text()
    for words in ("map.json and its table hold the regions of program.ccir", "Nothing is claimed that is not in this",
                  "model estimate, preset isaac-32nm: nothing of this was measured", "Errors are of what was measured",
                  "PUMA simulator, constants-128.py", "8 samples on 2 simulated arrays a point"):
        assert words in text
    assert text.count("target conductance, µS") == text.count("error of conductance, level steps") == 3
    assert "<script" not in text
    assert not re.search(r'(?:src|href)="(?!#|data:image/png;base64,)', text)
    assert not re.search(r"url\(|@import|http-equiv=\"refresh", text)


def test_the_same_page_twice_is_the_same_bytes(bundle: Path, tmp_path: Path) -> None:
    for name in ("a.html", "b.html"):
        assert run(["report", str(bundle), "--html", str(tmp_path / name)]) == 0
    assert (tmp_path / "a.html").read_bytes() == (tmp_path / "b.html").read_bytes()


@pytest.mark.parametrize("dark", [False, True])
def test_a_browser_shows_the_page_without_network_or_complaints(page: Path, browser: Browser, dark: bool) -> None:
    browser.open(page, dark)
    assert browser.requests == [page.resolve().as_uri()]
    assert browser.complaints == []
    boxes = browser.evaluate(BOXES)
    assert len(boxes) == 3 * 3 + 5   # three maps a tile; margins, two curves, routing, bars
    for width, height, inside, right, _ in boxes:
        assert width > 100
        assert height > 40
        assert inside > 5
        assert right <= 1280
    paper = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    ink = browser.evaluate("getComputedStyle(document.querySelector('svg text')).fill")
    lightness = [sum(map(int, re.findall(r"\d+", colour)[:3])) / 3 for colour in (paper, ink)]
    assert lightness[0] < 60 if dark else lightness[0] > 220
    assert abs(lightness[0] - lightness[1]) > 150
    assert browser.picture().startswith(b"\x89PNG")


def test_texts_stay_inside_their_figures(page: Path, browser: Browser) -> None:
    browser.open(page)
    outside = browser.evaluate("""[...document.querySelectorAll('svg')].flatMap(s => {
        const [w, h] = [s.viewBox.baseVal.width, s.viewBox.baseVal.height], m = s.getCTM().inverse();
        return [...s.querySelectorAll('text')].filter(t => !t.closest('[transform]')).filter(t => {
            const b = t.getBBox(); return b.x < -1 || b.y < -1 || b.x + b.width > w + 1 || b.y + b.height > h + 1;
        }).map(t => t.textContent)})""")
    assert [t for t in outside if "document.title" not in t] == []   # what the hostile name says may be cut


def test_hostile_names_stay_text(page: Path, browser: Browser, tmp_path: Path) -> None:
    report = {"model": EVIL, "target": EVIL, "main": EVIL, "figures": {EVIL: EVIL},
              "facts": {"passes": [{"name": EVIL, "exact": True, "changed": True, "evidence": {"level": EVIL}}]}}
    certificate = {"claims": [{"evidence": EVIL, "claim": EVIL, "method": EVIL}]}
    path = tmp_path / "evil.html"
    path.write_text(html_page(build_page(report, certificate, [EVIL]), EVIL))
    for each, count in ((path, 11), (page, 1)):
        browser.open(each)
        assert browser.evaluate("document.querySelectorAll('script,img').length") == 0
        assert browser.evaluate("document.title") not in ("taken", "1")
        assert browser.evaluate("document.body.textContent").count(EVIL) >= count
        assert browser.complaints == []
        assert len(browser.requests) == 1


def test_builds_for_other_targets_have_a_page_too(tmp_path: Path, browser: Browser) -> None:
    assert run(["compile", str(MODEL), "--target", "aiger", "-o", str(tmp_path / "b")]) == 0
    assert run(["report", str(tmp_path / "b"), "--html", str(tmp_path / "p.html")]) == 0
    browser.open(tmp_path / "p.html")
    assert browser.complaints == []
    assert "What was checked" in browser.evaluate("document.body.innerText")


def test_a_changed_bundle_gets_no_page(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in bundle.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    (copy / "cells.csv").write_bytes((copy / "cells.csv").read_bytes() + b"\n")
    assert run(["report", str(copy), "--html", str(tmp_path / "p.html")]) == 1
    assert "cells.csv" in capsys.readouterr().out
    assert not (tmp_path / "p.html").exists()


def test_the_report_and_the_sweep_give_costs(bundle: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", str(bundle)]) == 0
    text = capsys.readouterr().out
    assert "cost of a step (model estimate, preset isaac-32nm; nothing of it was measured)" in text
    assert re.search(r"tile 0 @multiply_n5: [\d.]+ pJ, [\d.]+ ns; DAC-bound: ", text)
    assert run(["report", str(bundle), "--json"]) == 0
    cost = json.loads(capsys.readouterr().out)["cost"]
    assert cost["joule"] == pytest.approx(sum(t["joule"] for t in cost["tiles"]))
    figure = tmp_path / "s.svg"
    assert run(["xbar", "sweep", str(MODEL), "--sizes", "8", "--encodings", "diff_pair,single", "--figure", str(figure),
                "--json"]) == 0
    points = json.loads(capsys.readouterr().out)["points"]
    assert [p["encoding"] for p in points] == ["diff_pair", "single"]
    assert points[0]["cost"]["label"] == "model estimate, preset isaac-32nm"
    assert figure.read_text().startswith("<svg")


@pytest.mark.parametrize(("arguments", "says"), [
    (["report", "B", "--samples", "4"], "--samples is for a page"),
    (["report", "B", "--html", "x.html", "--samples", "4", "--inputs", "x.npz"], "one of --samples"),
    (["report", "B", "--html", "x.html", "--measured", "none.csv"], "none.csv: No such file"),
    (["report", "B", "--html", "no/such/folder/x.html"], "no/such/folder"),
    (["xbar", "sweep", str(MODEL), "--sizes", "a"], "--sizes takes whole numbers"),
    (["xbar", "sweep", str(MODEL), "--encodings", "singel"], "did you mean single"),
    (["xbar", "sweep", str(MODEL), "--figure", "x.png"], "the figure is .svg")])
def test_wrong_use_is_told_in_one_line(arguments: list[str], says: str, bundle: Path, tmp_path: Path,
                                       monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    assert run([str(bundle) if a == "B" else a for a in arguments]) == 2
    told = capsys.readouterr().err
    assert says in told
    assert told.count("\n") == 1


def test_pages_of_given_inputs(bundle: Path, tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", a=np.array([[0, 1], [1, 1]]), b=np.array([[1, 1], [1, 0]]))
    assert run(["report", str(bundle), "--html", str(tmp_path / "p.html"), "--inputs", str(tmp_path / "x.npz"),
                "--seeds", "1", "--tiles", "1"]) == 0
    text = (tmp_path / "p.html").read_text()
    assert "2 samples on 1 simulated arrays a point" in text
    assert "1 of 3 tiles are drawn" in text
