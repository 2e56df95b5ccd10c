"""Threshold networks in the IR: what a file means, where its neurons come from, and back."""

import json
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.formats.boolearn import BOOLEARN
from circuitc.formats.model_json import MODEL_JSON
from circuitc.ir import (
    BIT,
    SPIN,
    Graph,
    Module,
    flatten_bits,
    parse_module,
    parse_type,
    run,
    unflatten_bits,
    verify_module,
)

FILES = Path(__file__).resolve().parents[1] / "files" / "btf"


def read(name: str) -> Module:
    module = (MODEL_JSON if name.endswith(".json") else BOOLEARN).read(FILES / name)
    verify_module(module)
    return module


def spins(n: int) -> np.ndarray:
    return np.array(list(product((-1, 1), repeat=n)))


def every_answer(module: Module) -> np.ndarray:
    """Give the output bits of a network on all its inputs."""
    func = module.entry
    bits = sum(p.type.bits for p in func.inputs)
    patterns = np.arange(1 << bits)[:, None] >> np.arange(bits) & 1
    values = unflatten_bits([p.type for p in func.inputs], patterns)
    answer = run(module, dict(zip((p.name for p in func.inputs), values, strict=True)))
    return flatten_bits([p.type for p in func.outputs], [answer[p.name] for p in func.outputs])


def ops(module: Module) -> list[str]:
    body = module.entry.body
    assert isinstance(body, Graph)
    return [node.op for node in body.nodes[body.inputs:] if not node.is_constant]


def test_a_network_is_its_exact_decimal_sums() -> None:
    x = spins(3)
    a = np.where(95 * x[:, 0] + 105 * x[:, 1] + x[:, 2] > 110, 1, -1)
    b = np.where(2 * x[:, 0] + 101 * x[:, 1] - 99 * x[:, 2] > -100, 1, -1)
    wanted = np.stack([np.where(-170 * a + 20 * b > 3, 1, -1), np.where(x[:, 0] + 2 * x[:, 2] + a + b > 0, 1, -1)], 1)
    module = read("small.sol")
    assert module.entry.name == "small"
    assert np.array_equal(run(module, {"x": x})["y"], wanted)


def test_a_zero_sum_answers_minus_one() -> None:
    y = run(read("tie.sol"), {"x": np.array([[1, -1], [1, 1], [-1, -1]])})["y"]
    assert y.tolist() == [[-1, -1], [1, -1], [-1, 1]]


def test_neurons_with_the_same_sources_are_one_op() -> None:
    assert ops(read("tie.sol")) == ["threshold"]
    assert ops(read("small.sol")).count("threshold") == 3


def test_weights_are_the_integers_that_the_decimals_say() -> None:
    body = read("small.sol").entry.body
    assert isinstance(body, Graph)
    node = next(n for n in body.nodes if n.op == "threshold")
    w, t = (body.nodes[v].constant for v in node.operands[1:])
    assert w.array.tolist() == [[95000000, 105000000, 1000000], [2000000, 101000000, -99000000]]
    assert t.array.tolist() == [110000000, -100000000]
    assert str(w.type) == "i28[2,3]"
    assert node.origin == "small.sol:neurons 4-5"


def test_an_untrained_network_reads_with_a_warning() -> None:
    module = read("untrained.net")
    assert module.facts["boolearn"]["untrained"] is True
    assert "not trained" in module.facts["boolearn"]["warning"]
    assert np.all(run(module, {"x": spins(2)})["y"] == -1)


def test_a_neuron_without_edges_answers_minus_one(tmp_path: Path) -> None:
    path = tmp_path / "lonely.sol"
    path.write_text("5 2 2 2\n4 0 -1.0\n3 0 1.0\n")
    module = BOOLEARN.read(path)
    verify_module(module)
    assert run(module, {"x": spins(1)})["y"].tolist() == [[-1, 1], [-1, 1]]
    path.write_text("3 2 1 0\n")
    assert run(BOOLEARN.read(path), {"x": spins(1)})["y"].tolist() == [[-1], [-1]]


def test_decimals_of_any_length_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "net.sol"
    path.write_text("4 3 1 3\n3 1 0.10000000000000001\n3 2 0.1\n3 0 0\n")
    assert run(BOOLEARN.read(path), {"x": np.array([[1, -1], [-1, 1]])})["y"].tolist() == [[1], [-1]]


def test_ports_may_be_numbers() -> None:
    y = run(read("skip.json"), {"x": np.arange(4)})
    assert y["y"].tolist() == [0, 1, 1, 0]
    assert y["same"].tolist() == [0, 0, 0, 1]
    module = read("majority.json")
    x = spins(5)
    flipped = x * [1, 1, 1, -1, 1]
    assert np.array_equal(run(module, {"x": x})["y"], np.where(flipped.sum(axis=1) > 0, 1, -1))
    assert module.entry.outputs[0].type == SPIN


@pytest.mark.parametrize(("order", "wanted"), [("lsb", [0, 0, 1, 1]), ("msb", [0, 1, 0, 1])])
def test_the_bit_order_of_a_number(tmp_path: Path, order: str, wanted: list[int]) -> None:
    path = tmp_path / "second.json"
    path.write_text('{"schema": "circuitc.model/1", "kind": "btf", "inputs": [{"name": "x", "type": "u2", '
                    f'"bit_order": "{order}"}}], "outputs": [{{"name": "y", "type": "bit"}}], '
                    '"layers": [{"weights": [[0, 0, 1]]}]}')
    module = MODEL_JSON.read(path)
    assert run(module, {"x": np.arange(4)})["y"].tolist() == wanted
    assert module.entry.outputs[0].type == BIT


def test_an_and_inverter_graph() -> None:
    x = np.array(list(product((0, 1), repeat=3)))
    module = read("full_adder.json")
    assert run(module, dict(zip("abc", x.T, strict=True)))["sum"].tolist() == x.sum(axis=1).tolist()


def test_an_and_inverter_graph_with_a_latch() -> None:
    y = run(read("toggle.json"), {"enable": np.array([[1, 0, 1, 1, 0]])})["q"]
    assert y.tolist() == [[0, 1, 1, 0, 1]]


@pytest.mark.parametrize("name", ["small.sol", "untrained.net", "tie.sol", "majority.json", "skip.json"])
@pytest.mark.parametrize("format", [BOOLEARN, MODEL_JSON], ids=lambda f: f.name)
def test_what_is_written_reads_back_the_same(tmp_path: Path, name: str, format: object) -> None:
    module = read(name)
    path = tmp_path / "again"
    path.write_bytes(format.write(module)[""])
    again = format.read(path)
    assert np.array_equal(every_answer(again), every_answer(module))
    assert format.sniff(path.read_bytes()[:4096])
    assert format.write(again)[""] == format.write(module)[""]


def test_a_boolearn_file_is_written_as_boolearn_writes_it() -> None:
    text = (FILES / "small.sol").read_text()  # the last neuron has no edge from the constant; a written one always has
    text = text.replace("  2  15\n", "  2  16\n").replace("    7    1 ", "    7    0    0.00000000\n    7    1 ")
    assert BOOLEARN.write(read("small.sol"))[""].decode() == text


def test_outputs_that_are_no_last_neurons_are_copied(tmp_path: Path) -> None:
    module = parse_module("""
ccir 1 "net"
const #w : i2[2,2] = [[1, 1], [1, -1]]
const #t : i2[2] = [1, 0]
const #u : i2[1,2] = [[1, 1]]
const #z : i2[1] = [0]
func @net(%x: spin[2]) -> (%a: spin[2], %b: spin[1], %c: spin[2]) once {
  %h = threshold %x, #w, #t : spin[2]
  %k = threshold %h, #u, #z : spin[1]
  return %h, %k, %x
}
""")
    path = tmp_path / "net.sol"
    path.write_bytes(BOOLEARN.write(module)[""])
    x = spins(2)
    wanted = run(module, {"x": x})
    assert np.array_equal(run(BOOLEARN.read(path), {"x": x})["y"], np.concatenate([wanted[p] for p in "abc"], 1))


@pytest.mark.parametrize(("program", "message"), [
    ("func @f(%x: f32) -> (%y: f32) once {\n return %x\n}", "port x is f32"),
    ("func @f(%x: u4) -> (%y: u4) once {\n %y = not %x : u4\n return %y\n}", "%y is not"),
    ("func @f(%x: u4[2]) -> (%y: u4) once {\n %y = element %x {index=1} : u4\n return %y\n}", "%y is element"),
    ("func @f(%x: spin) -> (%y: i2) once {\n %y = convert %x : i2\n return %y\n}", "%y is convert"),
    ("func @f(%x: spin) -> (%y: spin) once {\n %y = neg %x : spin\n return %y\n}", "%y is neg"),
])
def test_other_modules_are_refused(program: str, message: str) -> None:
    with pytest.raises(CircuitError, match=message) as e:
        BOOLEARN.write(parse_module(f'ccir 1 "m"\n{program}\n'))
    assert "\n" not in str(e.value)


def test_the_example_is_written_as_it_was_read(tmp_path: Path) -> None:
    module = MODEL_JSON.read(FILES.parents[2] / "examples" / "01_btf_multiplier" / "model.json")
    path = tmp_path / "again.json"
    path.write_bytes(MODEL_JSON.write(module)[""])
    again = MODEL_JSON.read(path)
    assert (again.entry.inputs, again.entry.outputs) == (module.entry.inputs, module.entry.outputs)
    assert again.entry.body == module.entry.body
    assert '"layers"' in path.read_text()


@pytest.mark.parametrize("types", [("u3", "bit"), ("i2[2]", "u2"), ("bit[2,2]", "spin[1,2]"), ("bit", "bit[1]")])
def test_ports_of_any_exact_type_keep_their_bits(tmp_path: Path, types: tuple[str, str]) -> None:
    first, last = map(parse_type, types)
    rows = [[k, *[(-1) ** (k * j) for j in range(first.bits)]] for k in range(last.bits)]
    model = {"schema": "circuitc.model/1", "kind": "btf", "inputs": [{"name": "x", "type": types[0]}],
             "outputs": [{"name": "y", "type": types[1]}], "layers": [{"weights": rows}]}
    path = tmp_path / "net.json"
    path.write_text(json.dumps(model))
    module = MODEL_JSON.read(path)
    verify_module(module)
    x = spins(first.bits)[:, ::-1]
    wanted = np.array([[int(x_row @ row[1:] > row[0]) for row in rows] for x_row in x])
    assert np.array_equal(every_answer(module), wanted)
    for format in (MODEL_JSON, BOOLEARN):
        path.write_bytes(format.write(module)[""])
        assert np.array_equal(every_answer(format.read(path)), wanted)
