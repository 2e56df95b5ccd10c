"""Pipelines as text, and the runner: records, evidence, and what it says when a pass breaks its promise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError, InternalError
from circuitc.ir import Builder, Func, Graph, Module, Node, Type, Value, parse_module, parse_type, print_module, rebuild
from circuitc.passes import (
    NAMED,
    Context,
    FuncPass,
    GraphPass,
    Pass,
    describe_option,
    parse_pipeline,
    print_option,
    read_option,
    run_passes,
)
from circuitc.passes.fold import Fold
from circuitc.passes.tabulate import Tabulate

ADD = parse_module("""
func @main(%x: u4, %y: u4) -> (%s: u5) once {
  %s = add %x, %y : u5
  return %s
}
""")


@dataclass(frozen=True, slots=True)
class Tunable(Pass):
    """A pass with an option of each kind."""

    goal: Literal["size", "speed"]
    weights: Type | None = None
    share: float = 0.5
    rounds: int = 3
    safe: bool = True
    label: str = "a"

    def apply(self, module: Module, context: Context) -> Module:
        return module


# text both ways

@pytest.mark.parametrize(("text", "canonical"), [
    ("", ""),
    ("fold", "fold"),
    (" fold { limit = 12 } , cse\n,dce", "fold{limit=12},cse,dce"),
    ("fold{}", "fold"),
    ("fold{limit=65536}", "fold"),
    ("clean", "fold,simplify,cse,dce"),
    ("tabulate{width=8,}", "tabulate{width=8}"),
])
def test_pipeline_prints_canonically(text: str, canonical: str) -> None:
    pipeline = parse_pipeline(text)
    assert str(pipeline) == canonical
    assert parse_pipeline(canonical) == pipeline


@pytest.mark.parametrize(("text", "said", "column"), [
    ("foldd", "there is no pass named foldd (help: did you mean fold?)", 1),
    ("cse,clen", "there is no pass named clen (help: did you mean clean?)", 5),
    ("fold{limt=3}", "fold has no option limt (help: did you mean limit?)", 6),
    ("cse{limit=3}", "cse has no option limit (help: it takes none)", 5),
    ("fold{limit=x}", "fold: limit takes a whole number, got x", 12),
    ("fold{limit=}", "fold: limit takes a whole number, got nothing", 12),
    ("fold{limit=3,limit=4}", "fold is given the option limit twice", 14),
    ("fold{limit}", "expected = and a value after limit", 11),
    ("fold{limit=3", "expected } at the end of the options", 13),
    ('fold{limit="3}', "the quotes that open here do not close", 12),
    ("fold{limit=3}}", "expected a comma between passes, got '}'", 14),
    ("fold,,cse", "expected the name of a pass, got ','", 6),
    ("fold,", "expected the name of a pass, got the end", 6),
    ("clean{x=1}", "clean stands for fold,simplify,cse,dce and takes no options", 6),
    ("tabulate{width=17}", "tabulate: width is 1 to 16 bits, got 17", 1),
])
def test_wrong_pipeline_is_refused_with_its_place(text: str, said: str, column: int) -> None:
    with pytest.raises(CircuitError) as caught:
        parse_pipeline(text)
    assert str(caught.value) == f"pipeline:1:{column}: {said}"


def test_second_line_of_a_pipeline_has_its_own_columns() -> None:
    with pytest.raises(CircuitError, match=r"^pipeline:2:3: there is no pass"):
        parse_pipeline("fold,\n  nothing-like-it")


@pytest.mark.parametrize(("kind", "text", "value"), [
    (bool, "true", True), (int, "-3", -3), (float, "0.5", 0.5), (float, "1e-3", 1e-3), (str, "a.b", "a.b"),
    (str, '"a, b"', "a, b"), (Type, "fx<8,4>", parse_type("fx<8,4>")), (Type, "i8[2,3]", parse_type("i8[2,3]")),
    (Literal["size", "speed"], "speed", "speed"), (Type | None, "none", None), (int | None, "7", 7),
])
def test_options_read_as_they_print(kind: Any, text: str, value: object) -> None:
    assert read_option(kind, text) == value
    assert read_option(kind, print_option(value)) == value


@pytest.mark.parametrize(("kind", "text", "said"), [
    (bool, "yes", "takes true or false, got yes"),
    (float, "half", "takes a number, got half"),
    (Literal["size", "speed"], "sped", "takes size, speed, got sped (help: did you mean speed?)"),
    (int | None, "x", "takes a whole number, or none, got x"),
    (str, '"open', 'takes a word or a text in quotes, got "open'),
])
def test_wrong_option_says_what_it_takes(kind: Any, text: str, said: str) -> None:
    with pytest.raises(CircuitError) as caught:
        read_option(kind, text)
    assert str(caught.value) == said


def test_wrong_type_in_an_option_is_refused() -> None:
    with pytest.raises(CircuitError, match="'x8' is not a type"):
        read_option(Type, "x8")


def test_pass_prints_the_options_that_differ() -> None:
    assert Tunable.name() == "tunable"
    assert Tunable.required_options() == ("goal",)
    assert str(Tunable("speed", parse_type("fx<8,4>"), rounds=4, label="a b")) == (
        'tunable{goal=speed,weights=fx<8,4>,rounds=4,label="a b"}')
    assert describe_option(int | None) == "a whole number, or none"


def test_named_pipelines_are_made_of_passes() -> None:
    for parts in NAMED.values():
        assert [str(parse_pipeline(part)) for part in parts] == list(parts)


# the runner

def test_runner_writes_down_what_happened() -> None:
    module = run_passes(ADD, "fold{limit=7},cse")
    assert [(r["name"], r["options"], r["exact"], r["changed"]) for r in module.facts["passes"]] == [
        ("fold", {"limit": 7}, True, False), ("cse", {}, True, False)]
    assert module.facts["passes"][0]["evidence"] == {"level": "proved", "method": "the program is unchanged"}
    assert len(run_passes(module, [Tabulate()]).facts["passes"]) == 3


def test_unchecked_passes_are_recorded_as_such() -> None:
    record = run_passes(ADD, [Fold()], check=None).facts["passes"][0]
    assert record["evidence"] == {"level": "not_checked", "reason": "switched off"}


@dataclass(frozen=True, slots=True)
class Drop(GraphPass):
    """Forget the lowest bit of every sum."""

    exact: ClassVar[bool] = False

    def run(self, graph: Graph, context: Context) -> Graph:
        def rule(b: Builder, node: Node, operands: tuple[Value, ...]) -> Value | None:
            if node.op != "add":
                return None
            rounded = b.apply("requantize", b.copy(node, operands), type=parse_type("ufx<4,-1>"), rounding="floor")
            return b.apply("convert", rounded, type=node.type)

        context.facts["rounded"] = 1
        return rebuild(graph, rule)


def test_approximate_pass_is_measured_on_calibration_data() -> None:
    data = {"x": np.array([1, 2, 3]), "y": np.array([0, 0, 15])}
    record = run_passes(ADD, [Drop()], calibration=data).facts["passes"][0]
    assert record["evidence"] == {
        "level": "measured", "samples": 3, "outputs": {"s": {"max_error": 1.0, "changed": 1 / 3}}}
    assert record["facts"] == {"rounded": 1}


@pytest.mark.parametrize(("data", "reason"), [
    (None, "no calibration data was given"), ({"x": np.zeros(1, int)}, "no calibration data for y")])
def test_approximate_pass_without_data_is_not_checked(data: Any, reason: str) -> None:
    record = run_passes(ADD, [Drop()], calibration=data).facts["passes"][0]
    assert record["evidence"] == {"level": "not_checked", "reason": reason}


@dataclass(frozen=True, slots=True)
class ExactDrop(Drop):
    """The same, promising too much."""

    exact: ClassVar[bool] = True


def test_broken_promise_names_pass_and_sample_and_keeps_the_program() -> None:
    with pytest.raises(InternalError) as caught:
        run_passes(ADD, [ExactDrop()])
    assert str(caught.value) == ("pass exact-drop changed the program's meaning: "
                                 "@main(x=1, y=0): output s was 1, is 0")
    assert print_module(parse_module(caught.value.__notes__[0])) == print_module(ADD)


@dataclass(frozen=True, slots=True)
class Invalid(FuncPass):
    """Answer a graph of wrong types."""

    def run_func(self, func: Func, context: Context) -> Func:
        assert isinstance(func.body, Graph)
        nodes = (*func.body.nodes[:2], replace(func.body.nodes[2], type=parse_type("u4")))
        return func.with_body(replace(func.body, nodes=nodes))


def test_invalid_result_is_the_passs_fault() -> None:
    with pytest.raises(InternalError, match=r"^pass invalid made a program that does not verify: .*add of u4 and u4"):
        run_passes(ADD, [Invalid()])


def test_invalid_program_is_the_users_fault() -> None:
    bad = Invalid().apply(ADD, Context())
    with pytest.raises(CircuitError, match="add of u4 and u4 needs u5, declared u4"):
        run_passes(bad, [Fold()])


@dataclass(frozen=True, slots=True)
class Rename(FuncPass):
    """Give the main func another output name."""

    def run_func(self, func: Func, context: Context) -> Func:
        return replace(func, outputs=(replace(func.outputs[0], name="other"),))


def test_exact_pass_keeps_the_ports() -> None:
    with pytest.raises(InternalError, match="the ports of @main changed"):
        run_passes(ADD, [Rename()])
