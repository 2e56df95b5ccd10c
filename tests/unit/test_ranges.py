"""Ranges are as narrow as they should be on small cases, and what they prove and refuse."""

from __future__ import annotations

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.ir import Graph, parse_module, parse_type, run, verify_module
from circuitc.ir.ranges import keeps_promise, proves, value_ranges


def last(ports: str, *lines: str, constants: str = "") -> tuple[object, object]:
    """The range of the last value of a body, low and high."""
    body = "\n".join(lines)
    name, t = lines[-1].split(" ", 1)[0], lines[-1].rsplit(":", 1)[1]
    module = parse_module(f"{constants}\nfunc @f({ports}) -> ({name}: {t}) once {{\n{body}\nreturn {name}\n}}")
    verify_module(module)
    graph = module.entry.body
    assert isinstance(graph, Graph)
    interval = value_ranges(graph)[graph.outputs[0]]
    assert interval is not None
    return interval.low.tolist(), interval.high.tolist()


SMALL = {
    "inputs have the range of their type": (("%x: u4", "%y = reshape %x {shape=[1]} : u4[1]"), ([0], [15])),
    "sums add their ends": (("%x: u4, %z: i4", "%y = add %x, %z : i6"), (-8, 22)),
    "differences cross them": (("%x: u4, %z: i4", "%y = sub %x, %z : i6"), (-7, 23)),
    "products take the best of four": (("%x: i4, %z: i4", "%y = mul %x, %z : i8"), (-56, 64)),
    "a wider fraction scales": (("%x: u4", "%y = convert %x : fx<9,3>"), (0, 120)),
    "spins": (("%x: spin, %z: spin", "%y = mul %x, %z : spin"), (-1, 1)),
    "abs folds at zero": (("%x: i4", "%y = abs %x : u4"), (0, 8)),
    "neg turns": (("%x: i4", "%y = neg %x : i5"), (-7, 8)),
    "min of a value and its image": (("%x: u4", "%z = requantize %x : u2", "%w = convert %z : u4",
                                      "%y = min %x, %w : u4"), (0, 3)),
    "requantize rounds and clips the ends": (("%x: fx<6,2>", "%y = requantize %x : i3"), (-4, 3)),
    "a small number stays small": (("%x: u2", "%w = convert %x : u8", "%y = add %w, %w : u9"), (0, 6)),
    "wrap keeps what surely fits": (("%x: u2", "%w = convert %x : u8", "%y = requantize %w {overflow=wrap} : u4"),
                                    (0, 3)),
    "wrap forgets what may not": (("%x: u8", "%y = requantize %x {overflow=wrap} : u4"), (0, 15)),
    "a shift keeps the bits": (("%x: u4", "%y = shift %x {by=3} : ufx<4,-3>"), (0, 15)),
    "sigmoid ends": (("%x: i4", "%y = sigmoid %x : ufx<8,8>"), (0, 255)),
    "tanh ends": (("%x: i3", "%y = tanh %x : fx<9,7>"), (-128, 127)),
    "sums over an axis": (("%x: u2[3]", "%y = reduce %x {kind=add, axes=[0]} : u4"), (0, 9)),
    "elements are kept apart": (("%x: u2, %z: u4", "%w = convert %x : u4", "%y = stack %w, %z {shape=[2]} : u4[2]"),
                                ([0, 0], [3, 15])),
    "one of 64 bits": (("%x: i64", "%y = abs %x : u64"), (0, 2**63)),
    "a sum just under 64 bits": (("%x: u63, %z: u63", "%y = add %x, %z : u64"), (0, 2**64 - 2)),
}


@pytest.mark.parametrize("name", SMALL)
def test_small_cases_are_exact(name: str) -> None:
    (ports, *lines), (low, high) = SMALL[name]
    assert last(ports, *lines) == (low, high)


WITH_CONSTANTS = {
    "a weight of zero adds nothing": (
        "const #w : i2[1,3] = [[0, 1, 0]]", '%y = contract #w, %x {spec="ij,j->i"} : i8[1]', ([0], [15])),
    "each row has its own bound": (
        "const #w : i3[2,3] = [[1, 1, 1], [-2, 0, 3]]", '%y = contract #w, %x {spec="ij,j->i"} : i9[2]',
        ([0, -30], [45, 45])),
    "a mask can take terms away": (
        "const #w : i3[1,3] = [[1, 2, -3]]\nconst #m : bit[3] = [1, 1, 0]",
        '%y = contract #w, %x, #m {spec="ij,j->i", where="j"} : i9[1]', ([-45], [45])),
    "init starts the sum": (
        "const #w : i2[1,3] = [[1, 1, 0]]\nconst #b : i6[1] = [-9]",
        '%y = contract #w, %x, #b {spec="ij,j->i", init=true} : i8[1]', ([-9], [21])),
    "min of sums": (
        "const #w : u4[3,1] = [[3], [0], [9]]", '%y = contract %x, #w {spec="j,jk->k", semiring=min_plus} : u5[1]',
        ([0], [15])),
    "max of sums": (
        "const #w : u4[3,1] = [[3], [0], [9]]", '%y = contract %x, #w {spec="j,jk->k", semiring=max_plus} : u5[1]',
        ([9], [24])),
    "a table answers with its entries": (
        "const #t : u8[16] = [7, 9, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8]", "%y = table %x, #t : u8[3]",
        ([7, 7, 7], [9, 9, 9])),
    "select of what is known": (
        "const #c : bit[3] = [1, 0, 1]\nconst #k : u4[3] = [1, 2, 3]", "%y = select #c, #k, %x : u4[3]",
        ([1, 0, 3], [1, 15, 3])),
}


@pytest.mark.parametrize("name", WITH_CONSTANTS)
def test_constants_are_looked_into(name: str) -> None:
    constants, line, (low, high) = WITH_CONSTANTS[name]
    assert last("%x: u4[3]", line, constants=constants) == (low, high)


def test_floats_have_no_range() -> None:
    graph = parse_module("func @f(%x: f32) -> (%y: f32) once { %y = add %x, %x : f32 return %y }").entry.body
    assert isinstance(graph, Graph)
    assert value_ranges(graph) == (None, None)


def test_a_proof_may_build_on_a_narrow_type_that_was_proved_before() -> None:
    module = parse_module("""const #w : i2[1,2] = [[1, 0]]
    const #v : u2[1] = 1
    func @f(%x: u4[2]) -> (%z: u5[1]) once {
      %y = contract #w, %x {spec="ij,j->i"} : u4[1]
      %z = add %y, #v : u5[1]
      return %z }""")
    verify_module(module)
    graph = module.entry.body
    assert isinstance(graph, Graph)
    assert proves(graph, [3]) == {3: True}


@pytest.mark.parametrize(("weights", "t", "fits"), [
    ("[[1, 1]]", "u5", True), ("[[1, 1]]", "u4", False), ("[[-1, 0]]", "u5", False), ("[[-1, 0]]", "i5", True),
    ("[[0, 0]]", "bit", True), ("[[-1, 1]]", "i5", True), ("[[-2, 1]]", "i5", False), ("[[-2, 1]]", "i6", True),
])
def test_the_verifier_takes_just_what_is_proved(weights: str, t: str, fits: bool) -> None:
    module = parse_module(f"""const #w : i2[1,2] = {weights}
    func @f(%x: u4[2]) -> (%y: {t}[1]) once {{
      %y = contract #w, %x {{spec="ij,j->i"}} : {t}[1]
      return %y }}""")
    if fits:
        verify_module(module)
    else:
        with pytest.raises(CircuitError, match=rf"needs i7\[1\], declared {t}\[1\]"):
            verify_module(module)


def test_a_coarser_fraction_is_never_taken() -> None:
    module = parse_module("""const #half : ufx<2,1> = 2
    func @f(%x: u4) -> (%y: u4) once {
      %y = mul %x, #half : u4
      return %y }""")
    with pytest.raises(CircuitError, match="declared u4"):
        verify_module(module)


@pytest.mark.parametrize("rounding", ["nearest_even", "floor"])
@pytest.mark.parametrize("source", ["fx<6,3>", "ufx<6,2>", "i5", "fx<5,-1>"])
def test_promises_that_nothing_overflows_are_proved_only_where_they_hold(source: str, rounding: str) -> None:
    t = parse_type(source)
    everything = {"x": np.arange(t.lowest, t.highest + 1)}
    proved = 0
    for target in ("i2", "i3", "u3", "i4", "fx<4,1>", "i5", "fx<6,1>", "ufx<6,1>", "i6", "fx<8,3>"):
        module = parse_module(f"func @f(%x: {source}) -> (%y: {target}) once {{\n %y = requantize %x "
                              f"{{rounding={rounding}, overflow=never}} : {target}\n return %y\n}}")
        graph = module.entry.body
        assert isinstance(graph, Graph)
        if keeps_promise(graph, graph.outputs[0], value_ranges(graph)):
            run(module, everything)  # raises where something overflows
            proved += 1
    assert proved >= 1
