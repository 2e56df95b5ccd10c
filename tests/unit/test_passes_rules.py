"""Each rewrite rule of simplify, alone: `tests/files/passes/rules.txt` says what becomes of which program."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pytest

from circuitc.ir import Graph, parse_module, print_module, verify_module
from circuitc.passes import check_exact
from circuitc.passes.rules import RULES
from circuitc.passes.simplify import simplify_graph

FILE = Path(__file__).resolve().parents[1] / "files" / "passes" / "rules.txt"


class Case(NamedTuple):
    rule: str
    program: str
    expected: str | None  # None: unchanged


def read_cases() -> list[Case]:
    blocks = [b for b in FILE.read_text().split("\n\n") if not b.startswith("//")]
    return [read_case(block.strip().splitlines()) for block in blocks]


def read_case(lines: list[str]) -> Case:
    rule, _, ports = lines[0].partition(": ")
    ins, _, out = ports.rpartition(" -> ")
    arrow = next(k for k, line in enumerate(lines) if line.startswith("=>"))
    constants = [line.strip() for line in lines[1:arrow] if line.strip().startswith("const")]
    body = [line for line in lines[1:arrow] if line.strip() not in constants]
    program = "\n".join([*constants, f"func @main{ins} -> (%out: {out}) once {{", *body, "  return %r", "}"])
    return Case(rule, program, None if "unchanged" in lines[arrow] else "\n".join(lines[arrow + 1:]))


def rules_named(name: str) -> dict[str, Any]:
    found = {op: tuple(r for r in rules if name in r.__qualname__.split(".")) for op, rules in RULES.items()}
    assert any(found.values()), f"there is no rule {name}"
    return found


@pytest.mark.parametrize("case", read_cases(), ids=lambda case: case.rule)
def test_rule(case: Case) -> None:
    before = parse_module(case.program)
    verify_module(before)
    graph = before.entry.body
    assert isinstance(graph, Graph)
    new = simplify_graph(graph, rules_named(case.rule))
    if case.expected is None:
        assert new is graph
        return
    after = before.with_func(before.entry.with_body(new))
    verify_module(after)
    lines = print_module(after).splitlines()
    shown = [f"  {line}" for line in lines if line.startswith("const")] + [x for x in lines if x.startswith("  ")]
    assert "\n".join(shown) == case.expected
    assert check_exact(before, after)["level"] in ("exhausted", "simulated")


def test_every_rule_has_a_case_where_it_answers() -> None:
    tried = {case.rule for case in read_cases() if case.expected is not None}
    rules = {r.__qualname__.split(".")[0] for rules in RULES.values() for r in rules}
    assert rules == tried
