"""model.json: its schema, arrays beside it, and one clear line for each of many broken models."""

import copy
import json
import random
import re
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from circuitc.diagnostics import CircuitError
from circuitc.formats import array_files
from circuitc.formats.model_json import MODEL_JSON, schema
from circuitc.ir import Graph, run, verify_module

FILES = Path(__file__).resolve().parents[1] / "files" / "btf"

BTF: dict[str, Any] = {
    "schema": "circuitc.model/1", "kind": "btf", "inputs": [{"name": "a", "size": 2}, {"name": "b", "size": 2}],
    "outputs": [{"name": "y", "size": 2}],
    "layers": [{"weights": [[1, 1, 1, 0, 0], [0.5, 0, 0, -1.25, "1.5"], [0, 1, 0, 0, 0]]},
               {"weights": [[0, 1, 1, 1], [-1, 1, 0, 1]]}]}
DAG: dict[str, Any] = json.loads((FILES / "skip.json").read_text())
AIG: dict[str, Any] = json.loads((FILES / "full_adder.json").read_text())
TOGGLE: dict[str, Any] = json.loads((FILES / "toggle.json").read_text())
W = BTF["layers"][0]["weights"]

Change = Callable[[Any], object]


def changed(model: dict[str, Any], change: Change) -> str:
    new = copy.deepcopy(model)
    change(new)
    return json.dumps(new)


def refuse(path: Path, content: str | bytes) -> str:
    """Read a broken model; answer the one line it is refused with, without the folder's name."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    before = sorted(p.name for p in path.parent.iterdir())
    with pytest.raises(CircuitError) as e:
        MODEL_JSON.read(path)
    text = str(e.value)
    assert "\n" not in text, text
    assert text.startswith(str(path)), text
    assert len(text) < 500 + len(str(path)), text
    assert sorted(p.name for p in path.parent.iterdir()) == before
    return text.replace(f"{path.parent}/", "")


def put(*path: Any) -> Change:
    """Make a change that sets the last of the path to a value: put("inputs", 0, "size", -1)."""
    *way, last, value = path

    def change(model: Any) -> None:
        for step in way:
            model = model[step]
        model[last] = value
    return change


def cut(*path: Any) -> Change:
    """Make a change that deletes what the path leads to."""
    def change(model: Any) -> None:
        for step in path[:-1]:
            model = model[step]
        del model[path[-1]]
    return change


WRONG: list[Any] = [None, True, 3, -1, 2.5, "x", [], {}, [[]], [None], {"a": 1}, [[["deep"]]]]
NUMBERS: list[Any] = [None, True, [1], {}, "one", "nan", "1/2", "0x1", "", "9" * 70, 10**70, float("nan"), float("inf"),
                      -float("inf"), 1e300, 1e-300, 10**20, -(2**62)]

BROKEN: list[tuple[dict[str, Any], Change]] = [
    *((BTF, put(key, wrong)) for key in ("schema", "kind", "inputs", "outputs", "layers") for wrong in WRONG),
    *((BTF, put("name", wrong)) for wrong in WRONG if wrong not in (None, "x")),
    *((BTF, put("layers", 0, wrong)) for wrong in WRONG),
    *((BTF, put("layers", 0, "weights", wrong)) for wrong in WRONG),
    *((BTF, put("layers", 0, "weights", 0, wrong)) for wrong in WRONG),
    *((BTF, put("layers", 0, "weights", 1, 3, number)) for number in NUMBERS),
    *((BTF, put("inputs", 0, wrong)) for wrong in WRONG),
    *((BTF, put("inputs", 0, "name", wrong)) for wrong in [None, 3, "", "1a", "a b", "a[0]", "b", "\u00e9", "a\n",
                                                           "x" * 300]),
    *((BTF, put("inputs", 0, "size", wrong)) for wrong in [True, -1, 0, 2.5, 2.0, "2", [], 10**9, 10**40, 3]),
    *((BTF, put("inputs", 0, {"name": "a", "type": wrong})) for wrong in
      [3, "", "f32", "u65", "spin[0]", "spin[-1]", "spin[3]", "u2x", "bit[99999999999]", "spin[2]" * 50, ["spin"]]),
    *((BTF, put("inputs", 0, "bit_order", wrong)) for wrong in [3, "big", "LSB", []]),
    *((BTF, put("inputs", 0, key, 1)) for key in ("width", "typ", "Name", "")),
    *((BTF, cut(*path)) for path in
      [("schema",), ("kind",), ("inputs",), ("outputs",), ("layers",), ("inputs", 0, "name"), ("layers", 0, "weights"),
       ("layers", 0, "weights", 0, 1), ("layers", 0, "weights", 0), ("layers", 1), ("inputs", 0)]),
    (BTF, put("neurons", [])), (BTF, put("layer", [])), (BTF, put("outputs", 0, "size", 3)),
    (BTF, put("outputs", 0, "size", 1)),
    (BTF, lambda m: m["outputs"].append(m["outputs"][0])),
    (BTF, lambda m: m["layers"][1]["weights"][1].append(3)),
    (BTF, put("layers", 0, "weights", {"file": "w.npz"})), (BTF, put("layers", 0, "weights", {"array": "w"})),
    *((BTF, put("layers", 0, "weights", {"file": file, "array": "w"})) for file in
      ["/etc/passwd", "../w.npz", "a/../../w.npz", "w.txt", "", "\0.npz", "w.npz", "nul\0l.npz", "~/w.npz", ".",
       "w.npz/x"]),
    *((BTF, put("layers", 0, "weights", {"file": "w.npz", "array": "w", "decimals": d})) for d in (-1, 19, 1.5, "3")),
    *((DAG, put("neurons", 0, "sources", wrong)) for wrong in
      [None, 3, [0, 1], [1, 3], [1, 1], [-1, 1], [1, 2, 3], [1], ["1", 2], [1.0, 2], [1, 10**30], [True, 2]]),
    *((DAG, put("neurons", 0, "weights", wrong)) for wrong in [None, [], [1, 1], [1, 1, 1, 1], [1, "x", 1]]),
    *((DAG, put("outputs", 0, "nodes", wrong)) for wrong in [[], [0], [5], [-1], [1, 2], ["3"], 3, [10**30], None]),
    (DAG, put("neurons", 0, "threshold", 1)), (DAG, put("neurons", [])), (DAG, put("layers", [])),
    *((AIG, put("ands", wrong)) for wrong in WRONG if wrong not in (None, [])),
    *((AIG, put("ands", 2, wrong)) for wrong in
      [None, 3, [], [2], [2, 4, 6], [-1, 2], [2, 12], [13, 2], [2, 10**9], [2, 10**40], ["2", 4], [2.0, 4], [True, 2]]),
    *((AIG, put("outputs", wrong)) for wrong in WRONG),
    *((AIG, put("outputs", 0, "literals", wrong)) for wrong in
      [None, 3, [], [2], [2, 4, 6], [2, 22], [2, -1], [2, 10**40], ["2", 4]]),
    *((AIG, put("outputs", 0, "type", wrong)) for wrong in ["u3", "f32", 2, "bit", ""]),
    *((AIG, put("names", wrong)) for wrong in
      [3, [], {"x": "y"}, {"3": "y"}, {"11": "y"}, {"-4": "y"}, {"4": ""}, {"4": 3}, {"4": "a b"}, {"04": "a"}]),
    *((TOGGLE, put("latches", 0, wrong)) for wrong in WRONG),
    *((TOGGLE, put("latches", 0, key, wrong)) for key, wrong in
      [("next", None), ("next", 12), ("next", -1), ("next", "3"), ("initial", 2), ("initial", "zero"),
       ("initial", None), ("name", "enable"), ("name", 3), ("reset", 0)]),
    (TOGGLE, put("inputs", [])), (AIG, put("aiger", "x.aig")), (AIG, cut("inputs")), (AIG, cut("outputs")),
    (AIG, put("inputs", 2, "name", "a")),
    *(({"schema": "circuitc.model/1", "kind": "aig"}, put("aiger", wrong)) for wrong in
      [None, 3, "", "x.aig", "/etc/passwd", "../x.aig", "\0"]),
]


@pytest.mark.parametrize("number", range(len(BROKEN)))
def test_a_broken_model_is_one_line(tmp_path: Path, number: int) -> None:
    refuse(tmp_path / "net.json", changed(*BROKEN[number]))


GOOD = json.dumps(BTF, indent=1)
TEXTS: list[str | bytes] = [
    "", " ", "{", "[]", "3", "null", "NaN", '"text"', "{}", '{"schema": "circuitc.model/1"}', "{'schema': 1}",
               "\0" * 50,
    bytes(range(256)), GOOD.encode("utf-16"), GOOD + "}", GOOD + GOOD, GOOD.replace(",", ";"), GOOD.replace('"', "'"),
    GOOD.replace("[", "{"), GOOD.replace('"kind"', '"kind": "btf", "kind"'), GOOD.replace("0.5", "0.5.5"),
    GOOD.replace('"weights"', '"weights": 1, "weights"', 1), GOOD.replace("0.5", "NaN"),
    GOOD.replace("0.5", "-Infinity"), GOOD.replace("0.5", "1e999999999"),
    GOOD.replace("0.5", "1" * 10_000), GOOD.replace("0.5", "0." + "1" * 10_000),
    GOOD.replace("0.5", "[" * 500 + "]" * 500), "[" * 1_000_000, '{"a":' * 200_000, GOOD.replace("0.5", "[" * 100_000),
    GOOD.replace("model/1", "model/2"), GOOD.replace('"btf"', '"btff"'), GOOD.replace("0.5", "05"),
    GOOD.replace("0.5", ".5"),
    *(GOOD[:k] for k in range(1, len(GOOD), 12)),
]


@pytest.mark.parametrize("number", range(len(TEXTS)))
def test_a_broken_text_is_one_line(tmp_path: Path, number: int) -> None:
    refuse(tmp_path / "net.json", TEXTS[number])


def test_shuffled_values_are_one_line_or_a_model(tmp_path: Path) -> None:
    """Whatever stands where, the answer is a module that verifies or one line."""
    rng = random.Random(4)
    values: list[Any] = [BTF["inputs"], BTF["layers"], W, W[0], 3, -1, "a", None, {}, [], "circuitc.model/1", 1e9]
    refused: list[str] = []
    for _ in range(150):
        model = copy.deepcopy(rng.choice([BTF, DAG, AIG, TOGGLE]))
        place: Any = model
        while isinstance(place, (dict, list)) and place:
            key = rng.choice(list(place) if isinstance(place, dict) else range(len(place)))
            if rng.random() < 0.4 or not isinstance(place[key], (dict, list)):
                place[key] = copy.deepcopy(rng.choice(values))
                break
            place = place[key]
        path = tmp_path / "net.json"
        path.write_text(json.dumps(model))
        try:
            verify_module(MODEL_JSON.read(path))
        except CircuitError as e:
            refused.append(str(e))
    assert len(refused) > 75
    assert not any("\n" in line for line in refused)


@pytest.mark.parametrize(("content", "message"), [
    (changed(BTF, lambda m: m["layers"][1]["weights"][1].append(3)),
     "net.json:layers[1].weights: row 1 has 5 numbers, the layer before has 3 neurons "
     "(help: a row is 4 numbers: the constant's weight, then one for each of them)"),
    (changed(BTF, put("layers", 0, "wieghts", [])),
     "net.json:layers[0]: there is no key 'wieghts' here (help: did you mean weights?)"),
    (changed(BTF, put("kind", "bft")),
     "net.json:kind: expected the kind of a model, got 'bft' (help: did you mean btf?)"),
    (changed(BTF, put("layers", 0, "weights", 1, 2, float("nan"))),
     "net.json:layers[0].weights[1][2]: expected a number, got NaN, which is not a number"),
    (GOOD.replace('"weights"', '"weights": 1, "weights"', 1),
     "net.json:layers[0]: expected an object, got an object with the key 'weights' twice"),
    (changed(BTF, put("outputs", 0, "size", -2)), "net.json:outputs[0].size: -2 is less than 1"),
    (changed(BTF, cut("inputs", 1, "name")), "net.json:inputs[1]: the key name is missing"),
    (changed(BTF, put("outputs", 0, "size", 3)),
     "net.json:outputs: the outputs have 3 bits, the last layer has 2 neurons"),
    (changed(AIG, put("ands", 2, [2, 12])),
     "net.json:ands[2]: gate 6 cannot read literal 12 (help: it reads nodes before it: literals 0 to 11)"),
    (changed(DAG, put("neurons", 0, "sources", [1, 3])),
     "net.json:neurons[0].sources[1]: node 3 cannot read node 3 (help: it reads nodes before it, 1 to 2)"),
    ("[" * 100_000, "net.json: the JSON is nested too deeply"),
    (GOOD[:40], "net.json:3:8: not JSON: expecting ':' delimiter"),
], ids=range(12))
def test_what_broken_models_say(tmp_path: Path, content: str, message: str) -> None:
    assert refuse(tmp_path / "net.json", content) == message


def with_file(file: str, **more: Any) -> str:
    return changed(BTF, put("layers", 0, "weights", {"file": file, **more}))


ARRAY = np.array([[1, 1, 1, 0, 0], [0.5, 0, 0, -1.25, 1.5], [0, 1, 0, 0, 0]])


@pytest.mark.parametrize(("array", "decimals"), [
    (ARRAY, None), (ARRAY.astype(np.float32), None), (ARRAY.astype(np.float16), None), (ARRAY.astype(">f8"), None),
    (np.asfortranarray(ARRAY), None), (ARRAY + 1e-9, 3), ((ARRAY * 4).astype(np.int8), None),
    ((ARRAY * 4).astype(np.int64), None),
])
def test_weights_in_files(tmp_path: Path, array: np.ndarray, decimals: int | None) -> None:
    path = tmp_path / "net.json"
    path.write_text(json.dumps(BTF))
    inputs = {p: (np.arange(16)[:, None] >> np.array([0, 1]) + 2 * k & 1) * 2 - 1 for k, p in enumerate("ab")}
    wanted = run(MODEL_JSON.read(path), inputs)["y"]
    np.savez(tmp_path / "w.npz", w=array, other=ARRAY)
    np.savez_compressed(tmp_path / "z.npz", w=array)
    np.save(tmp_path / "w.npy", array)
    save_file({"w": np.ascontiguousarray(array).astype(array.dtype.newbyteorder("="))}, tmp_path / "w.safetensors")
    more = {} if decimals is None else {"decimals": decimals}
    for file in ("w.npz", "z.npz", "w.npy", "w.safetensors"):
        name = {} if file == "w.npy" else {"array": "w"}
        path.write_text(with_file(file, **name, **more))
        module = MODEL_JSON.read(path)
        assert np.array_equal(run(module, inputs)["y"], wanted), file


def test_floats_are_taken_exactly(tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.array([[0.1, 0.25, 0.0, 0.0, 0.0]] * 3))
    path = tmp_path / "net.json"
    path.write_text(with_file("w.npy"))
    body = MODEL_JSON.read(path).entry.body
    assert isinstance(body, Graph)
    constants = [n.constant.array.tolist() for n in body.nodes if n.is_constant]
    assert constants[1] == [3602879701896397] * 3        # 0.1 as a double is this over 2**55
    assert constants[0] == [[1 << 53, 0, 0, 0]] * 3
    path.write_text(with_file("w.npy", decimals=2))
    body = MODEL_JSON.read(path).entry.body
    assert isinstance(body, Graph)
    assert [n.constant.array.tolist() for n in body.nodes if n.is_constant][1] == [10] * 3


def npy(shape: str, dtype: str = "'<f8'", data: bytes = b"\0" * 120, fortran: str = "False") -> bytes:
    """Make a .npy file by hand, so that its header can lie."""
    header = f"{{'descr': {dtype}, 'fortran_order': {fortran}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + data


NPY: dict[str, bytes] = {
    "empty": b"", "magic only": b"\x93NUMPY", "not numpy": b"PK\x03\x04" * 20,
    "version 9": b"\x93NUMPY\x09\x00" + b"\0" * 90,
    "shape of billions": npy("(3000000000, 5)"), "shape beyond 64 bits": npy(f"({10**30}, 5)"),
    "negative": npy("(-3, 5)"), "empty axis": npy("(0, 5)"), "one axis": npy("(15,)"),
    "three axes": npy("(3, 5, 1)"), "objects": npy("(3, 5)", "'|O'"),
    "structs": npy("(3, 5)", "[('a', '<f8')]"), "text": npy("(3, 5)", "'<U2'"), "complex": npy("(3, 5)", "'<c8'"),
    "unknown type": npy("(3, 5)", "'nonsense'"), "short": npy("(3, 5)", data=b"\0" * 100),
    "code": npy("__import__('os').abort()"),
    "a long header": npy("(3, 5)" + " " * 20_000), "deep header": npy("(" * 5000),
    "nan": npy("(3, 5)", data=b"\xff" * 120),
    "infinity": npy("(3, 5)", data=np.full(15, np.inf).tobytes()), "wide exponents": npy(
        "(3, 5)", data=np.full(15, [1e-300, 1, 1, 1, 1e300] * 3).tobytes()),
}


@pytest.mark.parametrize("what", NPY)
@pytest.mark.parametrize("ending", ["npy", "npz"])
def test_hostile_arrays_are_one_line(tmp_path: Path, what: str, ending: str) -> None:
    if ending == "npy":
        (tmp_path / "w.npy").write_bytes(NPY[what])
        refuse(tmp_path / "net.json", with_file("w.npy"))
    else:
        with zipfile.ZipFile(tmp_path / "w.npz", "w") as archive:
            archive.writestr("w.npy", NPY[what])
        refuse(tmp_path / "net.json", with_file("w.npz", array="w"))


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "exploded",)
    np.savez(tmp_path / "w.npz", w=np.array([[Bomb()]], dtype=object))
    assert "object" in refuse(tmp_path / "net.json", with_file("w.npz", array="w"))


def test_a_zip_bomb_is_refused_by_its_announced_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_files, "MAX_BYTES", 1 << 20)
    with zipfile.ZipFile(tmp_path / "w.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w.npy", npy("(1000, 1000)", data=b"\0" * 8_000_000))
    assert (tmp_path / "w.npz").stat().st_size < 10_000
    said = refuse(tmp_path / "net.json", with_file("w.npz", array="w"))
    assert re.search(r"w\.npz:w announces 8\d{6} bytes, at most 1048576 are read", said)


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "w.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("w.npy", npy("(3000, 5)", data=b"\0" * 120_000))
    data = (tmp_path / "w.npz").read_bytes()
    size = len(npy("(3000, 5)", data=b"\0" * 120_000)).to_bytes(4, "little")
    assert data.count(size) == 2
    (tmp_path / "w.npz").write_bytes(data.replace(size, (500).to_bytes(4, "little")))
    refuse(tmp_path / "net.json", with_file("w.npz", array="w"))


@pytest.mark.parametrize("cut_at", range(0, 400, 25))
def test_cut_archives_are_one_line(tmp_path: Path, cut_at: int) -> None:
    np.savez(tmp_path / "full.npz", w=ARRAY)
    save_file({"w": ARRAY}, tmp_path / "full.safetensors")
    for ending in ("npz", "safetensors"):
        data = (tmp_path / f"full.{ending}").read_bytes()
        (tmp_path / f"w.{ending}").write_bytes(data[:min(cut_at, len(data) - 1)])
        refuse(tmp_path / "net.json", with_file(f"w.{ending}", array="w"))


def safetensors(header: str, data: bytes = b"\0" * 120) -> bytes:
    return len(header).to_bytes(8, "little") + header.encode() + data


SAFETENSORS: dict[str, bytes] = {
    "empty": b"", "huge header": (1 << 62).to_bytes(8, "little") + b"{}", "no JSON": safetensors("{"),
    "list": safetensors("[]"),
    "other name": safetensors('{"v":{"dtype":"F64","shape":[3,5],"data_offsets":[0,120]}}'),
    "offsets outside": safetensors('{"w":{"dtype":"F64","shape":[3,5],"data_offsets":[0,1200]}}'),
    "offsets backwards": safetensors('{"w":{"dtype":"F64","shape":[3,5],"data_offsets":[120,0]}}'),
    "shape too large": safetensors('{"w":{"dtype":"F64","shape":[3000000000,5],"data_offsets":[0,120]}}'),
    "negative shape": safetensors('{"w":{"dtype":"F64","shape":[-3,5],"data_offsets":[0,120]}}'),
    "bf16": safetensors('{"w":{"dtype":"BF16","shape":[3,20],"data_offsets":[0,120]}}'),
    "bool": safetensors('{"w":{"dtype":"BOOL","shape":[3,40],"data_offsets":[0,120]}}'),
    "three axes": safetensors('{"w":{"dtype":"F64","shape":[3,5,1],"data_offsets":[0,120]}}'),
    "nan": safetensors('{"w":{"dtype":"F64","shape":[3,5],"data_offsets":[0,120]}}', b"\xff" * 120),
}


@pytest.mark.parametrize("what", SAFETENSORS)
def test_hostile_safetensors_are_one_line(tmp_path: Path, what: str) -> None:
    (tmp_path / "w.safetensors").write_bytes(SAFETENSORS[what])
    refuse(tmp_path / "net.json", with_file("w.safetensors", array="w"))


def test_files_outside_the_folder_are_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    np.save(tmp_path / "w.npy", ARRAY)
    (folder / "link.npy").symlink_to(tmp_path / "w.npy")
    for file in ("../w.npy", str(tmp_path / "w.npy"), "link.npy", "x/../../w.npy"):
        assert "outside the folder" in refuse(folder / "net.json", with_file(file))
    (folder / "pipe.npy").mkdir()
    assert "there is no file pipe.npy" in refuse(folder / "net.json", with_file("pipe.npy"))


def test_an_aiger_file_beside_the_model(tmp_path: Path) -> None:
    (tmp_path / "and.aag").write_text("aag 3 2 0 1 1\n2\n4\n6\n6 2 4\n")
    path = tmp_path / "net.json"
    path.write_text('{"schema": "circuitc.model/1", "kind": "aig", "name": "both", "aiger": "and.aag"}')
    module = MODEL_JSON.read(path)
    assert module.entry.name == "both"
    values = run(module, {p.name: v for p, v in zip(module.entry.inputs, np.array([[0, 1, 0, 1], [0, 0, 1, 1]]),
                                                    strict=True)})
    assert next(iter(values.values())).tolist() == [0, 0, 0, 1]


def test_gates_in_a_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "gates.npz", ands=np.array(AIG["ands"]), floats=np.ones((3, 2)), triples=np.ones((3, 3), int))
    path = tmp_path / "net.json"
    path.write_text(changed(AIG, put("ands", {"file": "gates.npz", "array": "ands"})))
    assert MODEL_JSON.read(path).entry.body == MODEL_JSON.read(FILES / "full_adder.json").entry.body
    for name in ("floats", "triples"):
        assert "pairs of whole numbers" in refuse(path, changed(AIG, put("ands", {"file": "gates.npz", "array": name})))


@pytest.mark.parametrize("kind", ["btf", "aig"])
def test_the_schema_says_every_key(kind: str) -> None:
    said = schema(kind)
    assert json.loads(json.dumps(said)) == said
    objects = [said, *(d for d in said["$defs"].values() if d.get("type") == "object")]
    assert len(objects) >= 4
    for definition in objects:
        assert definition["additionalProperties"] is False
        assert all("description" in key for key in definition["properties"].values()), definition
    assert said["required"][:2] == ["schema", "kind"]
    assert "schema_" not in json.dumps(said)


def test_an_unknown_kind_has_no_schema() -> None:
    with pytest.raises(CircuitError, match=r"there is no kind of model named bft .*did you mean btf"):
        schema("bft")


@pytest.mark.parametrize(("head", "ours"), [
    (GOOD, True), ("\ufeff" + GOOD, True), ('{"name": "x",\n "schema":"circuitc.model/1"', True), ("{}", False),
    ('{"schema": "other/1"}', False), ("[]", False), ('"schema": "circuitc.model/1"', False), ("", False),
])
def test_models_are_told_by_their_schema(head: str, ours: bool) -> None:
    assert MODEL_JSON.sniff(head.encode()) is ours
