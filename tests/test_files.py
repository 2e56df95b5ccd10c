"""Run the circuits in tests/files: each says on its first line what to do with it and what comes out.

    // test: run x=[5, 3] y=1.5 == z=8         the real values that go in and come out, by port name
    // test: error                              the message, place and help stand in comments at the end of the file

(`// test: pass NAME` in tests/files/passes is run by unit/test_passes_golden.py, which also asks what the pass says.)
Values are Python literals. A step port takes a list of steps. Several `run` lines may follow each other. A name with
its sigil is a register's initial value: `// test: run x=[1] %latch=1 == ...`.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.ir import Module, decode, encode, parse_module, print_module, run, verify_module

FOLDER = Path(__file__).parent / "files"
FILES = sorted([*(FOLDER / "run").glob("*.ccir"), *(FOLDER / "errors").glob("*.ccir")])
VERB = re.compile(r"// test: (\w+) ?(.*)")
ASSIGNMENT = re.compile(r"([%\w.]+)=(?!=)")


def verbs(text: str) -> list[tuple[str, str]]:
    """The verbs that a file begins with, and what follows each on its line."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines():
        match = VERB.fullmatch(line)
        if match is None:
            break
        found.append((match[1], match[2].strip()))
    return found


def assignments(text: str) -> dict[str, object]:
    """Read `x=[1, 2] y=3` to values by name."""
    matches = list(ASSIGNMENT.finditer(text))
    ends = [m.start() for m in matches[1:]] + [len(text)]
    return {m[1]: _literal(text[m.end():end].strip()) for m, end in zip(matches, ends, strict=True)}


def _literal(text: str) -> object:
    words = re.sub(r"\b(inf|nan)\b", r'"\1"', text)
    return _floats(ast.literal_eval(words))


def _floats(value: object) -> object:
    if isinstance(value, list):
        return [_floats(v) for v in value]
    return float(value) if isinstance(value, str) else value



def check_run(module: Module, line: str) -> None:
    given, _, wanted = line.partition("==")
    func = module.entry
    values = assignments(given)
    state = {name[1:]: np.array([value]) for name, value in values.items() if name.startswith("%")}
    inputs = {}
    for name, value in values.items():
        if not name.startswith("%"):
            port = func.input(name)
            lead = 2 if func.is_stepped(port) else 1
            inputs[name] = encode(port, np.array([value]), lead)
    answer = run(module, inputs, state=state)
    for name, value in assignments(wanted).items():
        port = func.result(name)
        assert answer[name].dtype == port.type.dtype
        np.testing.assert_array_equal(decode(port, answer[name])[0], value, err_msg=f"output {name}")
    assert assignments(wanted), "a run says what comes out"


def check_error(text: str) -> None:
    program, *said = re.split(r"^// says\n", text, flags=re.MULTILINE)
    with pytest.raises(CircuitError) as caught:
        verify_module(parse_module(program, "file"))
    shown = "\n".join(d.render() for d in caught.value.diagnostics)
    assert "".join(f"// {line}".rstrip() + "\n" for line in shown.splitlines()) == "".join(said)


@pytest.mark.parametrize("path", FILES, ids=[str(p.relative_to(FOLDER)) for p in FILES])
def test_file(path: Path) -> None:
    text = path.read_text()
    wanted = verbs(text)
    assert wanted, "the first line says what to do: // test: run or // test: error"
    for verb, rest in wanted:
        match verb:
            case "run":
                module = parse_module(text, path.name)
                verify_module(module)
                check_run(module, rest)
                check_run(parse_module(print_module(module)), rest)
            case "error":
                check_error(text)
            case _:
                pytest.fail(f"{verb} is not a verb")
