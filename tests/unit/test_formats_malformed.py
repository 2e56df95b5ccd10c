"""Over a hundred broken files for each gate-level reader: one clear line each, no other exception, no gigabytes."""

from __future__ import annotations

import re
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from circuitc.diagnostics import CircuitError
from circuitc.formats import load

ASCII = b"aag 7 2 1 2 4\n2\n4\n6 8\n6\n7\n8 4 10\n10 13 15\n12 2 6\n14 3 7\n"
BINARY = b"aig 7 2 1 2 4\n8 1\n8\n7\n\x02\x02\x03\x02\x0b\x01\x82\x00\x01"
BENCH = b"INPUT(a)\nINPUT(b)\nOUTPUT(z)\nq = DFF(z)\nm = AND(a, q)\nn = LUT 0x6 (m, b)\nz = NOR(n, a)\n"
CCIR = (b'ccir 1 "m"\nfunc @f(%x : bit[2]) -> (%y : bit) stream {\n  reg %r : bit = 0\n  netlist {\n'
        b"    and 2 5\n    xor 6 8\n    outputs 10 9\n  }\n}\n")
HUGE = (b"10", b"1000", b"100000", b"1073741823", b"4294967296", b"999999999999", b"1000000000000000000",
        b"99999999999999999999999", b"9" * 30, b"-1", b"1.5", b"1e9", b"0x3", b"", b"x", b"\xb2", b"1 1 1 1 1 1 1 1 1")


def headers(whole: bytes) -> Iterator[bytes]:
    """Give one count of the header another value."""
    first, _, rest = whole.partition(b"\n")
    words = first.split(b" ")
    for k in range(len(words)):
        for value in HUGE:
            if k and value != words[k]:
                yield b" ".join([*words[:k], value, *words[k + 1:]]) + b"\n" + rest


def ascii_files() -> Iterator[bytes]:
    yield from (ASCII[:k] for k in range(1, len(ASCII) - 1))
    unused_variables = re.compile(rb"aag (10+|1073741823) 2 1 2 4\n")
    yield from (data for data in headers(ASCII) if not unused_variables.match(data))
    lines = ASCII.split(b"\n")
    for k in range(1, 10):
        for text in (b"", b"-2", b"2 3 4 5", b"99", b"99999999999", b"a", b"\x00", b"\xff", b"4 4 4", b"0 0 0"):
            if lines[k] != text:
                yield b"\n".join([*lines[:k], text, *lines[k + 1:]])
    yield from (b"\n".join([lines[0], *lines[1:k], *lines[k + 1:]]) for k in range(1, 10))
    yield b"\n".join([lines[0], *lines[1:10][::-1], b""])
    yield from (ASCII + tail for tail in (b"i2 x\n", b"l1 x\n", b"o2 x\n", b"b0 x\n", b"i0\n", b"i0 \n",
                                          b"i0 a\ni0 b\n", b"i0 a\ni1 a\n", b"z\n", b"i0 \xff\n", b"i0 a\0b\n", b"2\n",
                                          b"i99999999999 x\n"))
    yield from (b"aag", b"aag 1 1 1 1", b"AAG 0 0 0 0 0\n", b"aag0 0 0 0 0\n", b"aag 0 0 0 0\n", b" aag 0 0 0 0 0\n",
                b"aag\t0 0 0 0 0\n", b"aag 0 0 0 0 0 1\n", b"aag 0 0 0 0 0 0 1\n", b"aag 0 0 0 0 0 0 0 1\n",
                b"aag 0 0 0 0 0 0 0 0 1\n", b"aag  0 0 0 0 0\n", b"\xef\xbb\xbfaag 0 0 0 0 0\n",
                b"aag 1 1 0 0 0\n3\n")


def binary_files() -> Iterator[bytes]:
    yield from (BINARY[:k] for k in range(1, len(BINARY)))
    yield from headers(BINARY)
    body = BINARY.index(b"\x02")
    for k in range(body, len(BINARY)):
        for delta in (b"\xff\xff\xff\xff\x7f", b"\x80" * 9 + b"\x01", b"\xff" * 20, b"\x80\x80\x80\x01"):
            yield BINARY[:k] + delta + BINARY[k + 1:]
    yield BINARY[:body] + b"\x00" + BINARY[body + 1:]
    start = BINARY.index(b"\n") + 1
    for k in range(start, body - 1):
        yield from (BINARY[:k] + text + BINARY[k + 1:] for text in (b"-", b"99", b"\x00", b"\xc3", b"z", b"\t"))
    yield from (BINARY + tail for tail in (b"i2 x\n", b"l1 x\n", b"o2 x\n", b"j0 x\n", b"i0 a\ni0 b\n", b"i0 \xff\n",
                                           b"\x02\x02", b"i0 q\nl0 q\n", b"q\n", b"o0 z\no1 z\n"))


def bench_files() -> Iterator[bytes]:
    for k in range(1, len(BENCH) - 1):
        if k > BENCH.index(b"OUTPUT") and BENCH[k - 1:k] != b"\n":
            yield BENCH[:k]
    lines = BENCH.split(b"\n")
    yield from (b"\n".join(lines[:k] + lines[k + 1:]) for k in (0, 1, 3, 4, 5, 6))
    yield from (b"\n".join([*lines[:k], lines[k], *lines[k:]]) for k in range(7))
    for k in range(7):
        for text in (b"=", b"z = ", b"= AND(a)", b"INPUT()", b"INPUT(a, b)", b"a b", b"OUTPUT", b"x = AND(a b)",
                     b"x = AND(a,,b)", b"x = AND((a))", b"x = FOO(a)", b"x = NOT(a, b)", b"x = LUT 0x10 (a)",
                     b"x = LUT 0xg (a)", b"x = LUT 6 (a, b)", b"x = LUT 0x (a)", b"x = DFF()", b"x = DFF(a, b)",
                     b"x = DFFRSE(a, b, b, b, b)", b"x = NOT(x)", b"x = AND(y)\ny = AND(x)", b"x = AND(nowhere)",
                     b"OUTPUT(nowhere)", b"\x00", b"\xff\xfe", b"x = LUT 0x" + b"f" * 70000 + b" (a)", b"x = AND(a"):
            yield b"\n".join([*lines[:k], text, *lines[k:]])


def ccir_files() -> Iterator[bytes]:
    yield from (CCIR[:k] for k in range(5, len(CCIR) - 2))
    lines = CCIR.split(b"\n")
    for k in range(1, 9):
        for text in (b"%", b"\x00", b"\xff", b"func", b"}}", b"1", b'"open'):
            yield b"\n".join([*lines[:k], text, *lines[k:]])
    yield CCIR + b'const #c : i8[600] = npz "' + b"0" * 64 + b'"\n'
    yield CCIR.replace(b"bit[2]", b"bit[99999999999999]")
    yield CCIR.replace(b"and 2 5", b"and 2 " + b"9" * 40)


FILES: dict[str, tuple[Callable[[], Iterator[bytes]], bytes]] = {
    ".aag": (ascii_files, ASCII), ".aig": (binary_files, BINARY),
    ".bench": (bench_files, BENCH), ".ccir": (ccir_files, CCIR)}


@pytest.mark.parametrize("ending", FILES)
def test_the_whole_file_is_fine(tmp_path: Path, ending: str):
    path = tmp_path / f"whole{ending}"
    path.write_bytes(FILES[ending][1])
    assert load(path).entry.body.nodes > 4  # pyright: ignore[reportAttributeAccessIssue]


@pytest.mark.parametrize("ending", FILES)
def test_broken_files_are_refused_in_one_line(tmp_path: Path, ending: str):
    path = tmp_path / f"broken{ending}"
    format = {".aag": "aiger-ascii", ".aig": "aiger", ".bench": "bench", ".ccir": "ccir"}[ending]
    count = 0
    accepted: list[bytes] = []
    for data in FILES[ending][0]():
        path.write_bytes(data)
        count += 1
        try:
            load(path, format)
        except CircuitError as e:
            said = str(e)
            assert len(said.splitlines()) == 1, data
            assert said.startswith(str(tmp_path)), data
            assert len(said) < 1000, data
        else:
            accepted.append(data)
    assert accepted == []
    assert count >= 100


@pytest.mark.parametrize("data", [
    b"aig 1000000000 1000000000 0 0 0\n", b"aig 1000000000 0 0 0 1000000000\n", b"aig 0 0 0 1000000000 0\n",
    b"aig 1000000000 0 1000000000 0 0\n", b"aag 1000000000 1000000000 0 0 0\n", b"aag 1000000000 0 0 0 1000000000\n",
    b"aag 1000000000 0 0 0 0\n", b"aig 1000000 0 0 0 1000000\n" + b"\x02" * 1000, b"aag 1073741823 1 0 1 0\n2\n2\n"])
def test_memory_follows_the_file_and_not_the_header(tmp_path: Path, data: bytes):
    path = tmp_path / "f.aig"
    path.write_bytes(data)
    tracemalloc.start()
    try:
        load(path)
    except CircuitError:
        pass
    finally:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 8 << 20
