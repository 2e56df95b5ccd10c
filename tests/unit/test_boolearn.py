"""boolearn files: what is read, and one clear line for each of many broken files."""

import random
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.formats.boolearn import BOOLEARN, read_dat

FILES = Path(__file__).resolve().parents[1] / "files" / "btf"
GOOD = (FILES / "small.sol").read_text()
LINES = GOOD.splitlines(keepends=True)

DAT = "3\n2 3\n2 2\n\n1 0 1\n0 1\n\n0 0 0\n1 1\n\n1 1 1\n0 0\n"


def refuse(read: object, path: Path, content: str | bytes) -> str:
    """Read a broken file; answer the one line it is refused with. Nothing else may be there afterwards."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = sorted(p.name for p in path.parent.iterdir())
    with pytest.raises(CircuitError) as e:
        read(path)
    text = str(e.value)
    assert "\n" not in text, text
    assert text.startswith(f"{path}"), text
    assert len(text) < 400 + len(str(path)), text
    assert sorted(p.name for p in path.parent.iterdir()) == before
    return text


def swapped(line: int, word: int, by: str) -> str:
    """Replace a word of the good file."""
    words = LINES[line].split()
    words[word] = by
    return "".join([*LINES[:line], " ".join(words) + "\n", *LINES[line + 1:]])


NUMBERS = ["nan", "NaN", "inf", "-Infinity", "1e999999", "1e99999999999999", "0x10", "1,5", "one", "1_0", "--1",
           "1.2.3",
           "9" * 200, "\u0661", "1e", ".", "-", "+", "e5", "1e40", "0.00000000000000000000000000001",
           "4611686018427387904",
           "'1'", "None"]
LABELS = ["-1", "8", "99", "999999999", "9999999999", "1.0", "four", "", "0x4", "\u0664", "+4", "1e0"]


def broken() -> Iterator[tuple[str, str | bytes]]:
    for k in range(len(LINES)):
        yield f"cut after line {k}", "".join(LINES[:k])
        yield f"line {k} left out", "".join(LINES[:k] + LINES[k + 1:])
    for k in range(1, len(LINES)):
        yield f"line {k} twice", "".join([*LINES[:k], LINES[k], *LINES[k:]])
        yield f"cut in line {k}", "".join(LINES[:k]) + LINES[k][:12]
    for number in NUMBERS:
        yield f"weight {number[:20]}", swapped(5, 2, number)
    for label in LABELS:
        yield f"receiver {label}", swapped(5, 0, label)
        yield f"sender {label}", swapped(5, 1, label)
    for word in range(4):
        for count in ("-3", "999999999", "99999999999", "1e3", "x", "3.0", "nan"):
            yield f"count {word} {count}", swapped(0, word, count)
    for word, counts in ((0, "35"), (1, "0178"), (2, "05"), (3, "019")):
        for count in counts:
            yield f"count {word} {count}", swapped(0, word, count)
    yield "an edge into an input", swapped(5, 0, "2")
    yield "an edge into itself", swapped(5, 1, "5")
    yield "an edge backwards", swapped(5, 1, "7")
    yield "a cycle", GOOD.replace("    4    3 ", "    4    7 ")
    yield "an edge twice", GOOD.replace("    4    3 ", "    4    2 ")
    yield "an empty file", ""
    yield "blanks", "\n\n  \n"
    yield "bytes", bytes(range(256))
    yield "zeros", b"\0" * 100
    yield "UTF-16", GOOD.encode("utf-16")
    yield "a zero byte", GOOD.replace("1.1", "1.\0")
    yield "a letter", GOOD.replace("1.1", "1.\u00e4")
    yield "JSON", '{"nodes": 8}'
    yield "four columns", GOOD.replace("1.10000000", "1.10000000 7")
    yield "two columns", GOOD.replace("1.10000000", "")
    yield "a comment", GOOD + "# the end\n"
    yield "no header", "".join(LINES[1:])
    yield "header twice", LINES[0] + GOOD


@pytest.mark.parametrize(("what", "content"), [pytest.param(*case, id=case[0].encode("ascii", "replace").decode())
                                               for case in broken()])
def test_a_broken_network_is_one_line(tmp_path: Path, what: str, content: str | bytes) -> None:
    refuse(BOOLEARN.read, tmp_path / "net.sol", content)


def test_shuffled_words_are_one_line_or_a_network(tmp_path: Path) -> None:
    """A shuffle may by chance be well-formed; then it must read, else it is refused in one line."""
    rng = random.Random(3)
    refused: list[str] = []
    for _ in range(100):
        words = GOOD.split()
        for _ in range(rng.randint(1, 6)):
            i, j = rng.randrange(len(words)), rng.randrange(len(words))
            words[i], words[j] = words[j], words[i]
        text = " ".join(words[:4]) + "\n" + "\n".join(" ".join(words[k:k + 3]) for k in range(4, len(words), 3)) + "\n"
        path = tmp_path / "net.sol"
        path.write_text(text)
        try:
            BOOLEARN.read(path)
        except CircuitError as e:
            refused.append(str(e))
    assert len(refused) > 50
    assert not any("\n" in line for line in refused)


@pytest.mark.parametrize(("content", "message"), [
    (swapped(5, 1, "7"), r"net.sol:6: the edge from node 7 to node 5 goes backwards \(help: labels are in topological"),
    (swapped(5, 2, "nan"), r"net.sol:6: expected a decimal number, got 'nan'"),
    (swapped(5, 0, "2"), r"net.sol:6: an edge goes into node 2, which is an input"),
    (swapped(0, 3, "16"), r"net.sol:16: the header announces 16 edges, the file has 15"),
    (swapped(0, 2, "9"), r"net.sol:1: 9 outputs are more than the 4 neurons \(8 nodes, 4 of them inputs\)"),
    (swapped(2, 1, "0"), r"net.sol:3: the edge from node 0 to node 4 stands twice, first in line 2"),
    (swapped(5, 2, "1e20"), r"net.sol:6: neuron 5: as exact integers the weights need 94 bits, 62 fit"),
])
def test_what_broken_networks_say(tmp_path: Path, content: str, message: str) -> None:
    assert re.search(message, refuse(BOOLEARN.read, tmp_path / "net.sol", content))


def test_a_folder_and_nothing_are_one_line(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing.sol"):
        with pytest.raises(CircuitError) as e:
            BOOLEARN.read(path)
        assert "\n" not in str(e.value)


@pytest.mark.parametrize(("head", "ours"), [
    (GOOD, True), ("5 3 1 6\r\n3 0 0.0\r\n", True), ("17  5  4  60\n    5    0    0.00000000\n", True),
    ("aag 3 2 0 1 1\n2\n4\n", False), ("16\n2 4\n2 4\n\n1 0 0 1\n", False), ("1 2 3 4\n", False), ("{}", False),
    ("", False),
])
def test_networks_are_told_by_their_first_lines(head: str, ours: bool) -> None:
    assert BOOLEARN.sniff(head.encode()) is ours


def test_boolean_data(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_text(DAT)
    inputs, outputs = read_dat(path)
    assert inputs.tolist() == [[1, -1, 1], [-1, -1, -1], [1, 1, 1]]
    assert outputs.tolist() == [[-1, 1], [1, 1], [-1, -1]]
    assert inputs.dtype == np.int64


def test_analog_inputs_and_classes(tmp_path: Path) -> None:
    path = tmp_path / "a.dat"
    path.write_text("2\n0 3\n4 1\n\n0.5 .51 1\n2\n\n0 0.49999999 1e-3\n0\n")
    inputs, outputs = read_dat(path)
    assert inputs.tolist() == [[-1, 1, 1], [-1, -1, -1]]
    assert outputs.tolist() == [[-1, -1, 1, -1], [1, -1, -1, -1]]


BROKEN_DATA = {
    "empty": "", "count only": "3\n", "no outputs": "3\n2 3\n", "one item less": "4" + DAT[1:],
    "one item more": "2" + DAT[1:],
    "negative items": "-3" + DAT[1:], "no items": "0" + DAT[1:], "many items": "999999999" + DAT[1:],
    "a two": DAT.replace("1 0 1", "1 0 2"), "a word": DAT.replace("1 0 1", "1 x 1"),
    "nan": DAT.replace("1 0 1", "1 nan 1"),
    "analog out of range": "1\n0 2\n2 1\n0.5 1.5\n1\n", "analog nan": "1\n0 2\n2 1\n0.5 nan\n1\n",
    "class too large": "1\n2 1\n4 1\n1\n4\n", "negative class": "1\n2 1\n4 1\n1\n-1\n",
    "class of words": "1\n2 1\n4 1\n1\na\n",
    "free one-hot": "3\n1 0\n2 2\n0 1\n1 1\n0 0\n", "free hypercube": "3\n2 0\n2 2\n0 1\n1 1\n0 0\n",
    "unknown input": DAT.replace("2 3", "7 3"), "unknown output": DAT.replace("2 2", "1 2"), "bytes": "\u00ff" * 9,
    "classes of the moon": "1\n2 1\n999999999 1\n1\n4\n", "cut": DAT[:-4], "a network": GOOD,
}


@pytest.mark.parametrize("what", BROKEN_DATA)
def test_broken_data_is_one_line(tmp_path: Path, what: str) -> None:
    said = refuse(read_dat, tmp_path / "a.dat", BROKEN_DATA[what])
    if what.startswith("free"):
        assert "a generator" in said
