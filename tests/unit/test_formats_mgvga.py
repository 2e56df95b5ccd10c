"""MGVGA and OpenABC-D graphs: both directions and layouts, registers, the constant, writing, masked views."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import circuitc
from circuitc.diagnostics import CircuitError
from circuitc.formats import load, write
from circuitc.formats.aiger_read import parse_aiger
from circuitc.formats.bench import parse_bench
from circuitc.formats.mgvga import (
    MGVGA,
    encode_graph,
    expand_inverters,
    graph_of_netlist,
    mask,
    parse_mgvga,
    write_mgvga,
)
from circuitc.formats.mgvga.archive import read_data
from circuitc.formats.mgvga.graph import GateGraph
from circuitc.formats.mgvga.write import pickle_data
from circuitc.ir import Constant, Module, Netlist, aig, verify_module
from circuitc.ir.netlist_analysis import evaluate_words
from circuitc.ir.netlist_expand import expand_to_aig

SAMPLE = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "mgvga" / "module_107598.pt"

ADDER = b"aag 7 2 1 2 4\n2\n4\n6 8\n6\n7\n8 4 10\n10 13 15\n12 2 6\n14 3 7\n"
COUNTER = b"""INPUT(enable)
OUTPUT(q[0])
OUTPUT(q[1])
OUTPUT(one)
low = DFF0(l)
high = DFF1(h)
free = DFF(enable)
l = XOR(low, enable)
carry = AND(low, enable)
h = XOR(high, carry)
q[0] = BUFF(low)
q[1] = NOT(high)
one = VDD
"""
HALF_ADDER = b"INPUT(a)\nINPUT(b)\nOUTPUT(s)\nOUTPUT(c)\nc = AND(a, b)\ns = XOR(a, b)\n"


def netlist_of(module: Module) -> Netlist:
    assert isinstance(module.entry.body, Netlist)
    return module.entry.body


def fields_of(graph: GateGraph, **other: Any) -> dict[str, Any]:
    """The attributes of a data set's file for a graph, some of them replaced; None leaves one out."""
    fields: dict[str, Any] = {
        "node_id": list(graph.names), "node_type": graph.node_type.tolist(),
        "edge_type": graph.inverted.astype(int).tolist()} | other
    return {key: value for key, value in fields.items() if value is not None}


def packed(edges: Any, fields: dict[str, Any]) -> bytes:
    return zipped({"x/data.pkl": pickle_data(edges, fields), "x/data/0": np.asarray(edges).astype("<i8").tobytes()})


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def foreign(module: Module, names: tuple[list[str], list[str]], **other: Any) -> bytes:
    """A file as others write it: no `circuitc` attribute."""
    graph = graph_of_netlist(netlist_of(module), *names)
    return packed(graph.edges, fields_of(graph, **other))


def half_adder() -> Module:
    return circuitc.run_passes(parse_bench(HALF_ADDER, "half.bench", "half"), "to-aig")


@pytest.fixture
def sample() -> Module:
    if not SAMPLE.exists():
        pytest.skip("the sample of MGVGA is not there")
    return load(SAMPLE)


def test_the_sample(sample: Module) -> None:
    """478 nodes are 124 PI + 122 PO + 232 AND; of the PIs 17 are inputs, 106 latch outputs and one the constant."""
    facts = sample.facts["mgvga"]
    assert (facts["nodes"], facts["edges"], facts["inverted_edges"], facts["ands"]) == (478, 586, 254, 232)
    assert (facts["inputs"], facts["latches"], facts["outputs"]) == (17, 106, 16)
    assert facts["inputs"] + facts["latches"] + 1 == 124
    assert facts["outputs"] + facts["latches"] == 122
    assert (facts["direction"], facts["layout"], facts["constant"]) == ("driver to sink", "PyG 1", "new_n353")
    assert len(facts["inverted_buffers"]) == 12, "buffers behind inverters of the .bench file"
    func = sample.entry
    assert [p.name for p in func.inputs] == [f"pi{k:02}" for k in range(1, 18)]
    assert [p.name for p in func.outputs] == [f"po{k:02}" for k in range(16)]
    assert all(r.initial is None for r in func.registers)
    assert str(func.schedule) == "stream"
    verify_module(sample)


def test_sample_to_pt_and_aiger_and_back(sample: Module, tmp_path: Path) -> None:
    write(sample, tmp_path / "again.pt")
    write(sample, tmp_path / "again.aig")
    again, aiger = load(tmp_path / "again.pt"), load(tmp_path / "again.aig")
    assert netlist_of(again) == netlist_of(sample)
    assert again.entry.registers == sample.entry.registers
    assert circuitc.verify(again, aiger).evidence.level == "proved"


def test_sample_gates_compute_the_gray_code(sample: Module) -> None:
    """The .sv says that out[k] has in[k] ^ in[k-1], so that flipping in[k] flips out[k] and out[k+1] (there is no
    out[16]); the 17th input is the reset, on which more depends."""
    net = netlist_of(sample)
    rng = np.random.default_rng(1)
    bits = rng.integers(0, 2, (net.inputs, 64)).astype(np.uint64)
    words = (bits << np.arange(64, dtype=np.uint64)).sum(axis=1, dtype=np.uint64)[:, None]
    base = evaluate_words(net, words)[:16]
    moved: list[list[int]] = []
    for k in range(17):
        flipped = words.copy()
        flipped[k] = ~flipped[k]
        moved.append(np.flatnonzero((evaluate_words(net, flipped)[:16] != base)[:, 0]).tolist())
    touched = [m for m in moved if m]
    assert sorted(len(m) for m in touched)[:16] == [1, *[2] * 15]
    assert sorted(m for m in touched if len(m) <= 2) == [*([k, k + 1] for k in range(15)), [15]]


@pytest.mark.parametrize("module", [
    parse_aiger(ADDER, "a.aag", "adder"), parse_bench(COUNTER, "c.bench", "counter"), half_adder(),
    parse_aiger(b"aag 0 0 0 2 0\n0\n1\n", "k.aag", "constants"), parse_aiger(b"aag 1 1 0 2 0\n2\n2\n3\n", "w.aag"),
    parse_aiger(b"aag 2 1 0 1 1\n2\n4\n4 2 2\n", "p.aag"), parse_aiger(b"aag 2 1 0 1 1\n2\n4\n4 1 3\n", "p1.aag"),
    parse_aiger(b"aag 2 2 0 0 0\n2\n4\n", "none.aag")], ids=lambda m: m.name)
def test_round_trip(module: Module) -> None:
    data = write_mgvga(module)[""]
    assert MGVGA.sniff(data[:4096])
    again = parse_mgvga(data, "f.pt", module.entry.name)
    func, wanted = again.entry, circuitc.run_passes(module, "to-aig").entry
    assert (func.inputs, func.outputs, func.registers, func.schedule) == (
        wanted.inputs, wanted.outputs, wanted.registers, wanted.schedule)
    verify_module(again)
    assert write_mgvga(again)[""] == data
    assert circuitc.verify(module, again).evidence.level == "proved"


def test_registers_keep_names_and_initial_values() -> None:
    registers = parse_mgvga(write_mgvga(parse_bench(COUNTER, "c.bench"))[""], "f.pt").entry.registers
    assert [r.name for r in registers] == ["low", "high", "free"]
    assert [r.initial if r.initial is None else int(r.initial.array) for r in registers] == [0, 1, None]
    assert isinstance(registers[0].initial, Constant)


def test_both_directions_give_the_same_netlist() -> None:
    module = half_adder()
    graph = graph_of_netlist(netlist_of(module), ["a", "b"], ["s", "c"])
    forward = parse_mgvga(packed(graph.edges, fields_of(graph)), "f.pt")
    backward = parse_mgvga(packed(graph.edges[::-1], fields_of(graph)), "f.pt")
    assert netlist_of(forward) == netlist_of(backward)
    assert np.array_equal(netlist_of(forward).fanin, netlist_of(module).fanin)
    assert forward.facts["mgvga"]["direction"] == "driver to sink"
    assert backward.facts["mgvga"]["direction"] == "sink to driver"
    assert [p.name for p in backward.entry.outputs] == ["s", "c"], "without _buff and _inv"


def test_gates_in_any_order_are_sorted() -> None:
    module = half_adder()
    graph = graph_of_netlist(netlist_of(module), ["a", "b"], ["s", "c"])
    order = np.arange(graph.nodes)[::-1]
    turned = GateGraph(graph.node_type[order], graph.nodes - 1 - graph.edges, graph.inverted, graph.names[::-1])
    again = parse_mgvga(packed(turned.edges, fields_of(turned)), "f.pt")
    assert [p.name for p in again.entry.inputs] == ["b", "a"]
    assert circuitc.verify(module, again).evidence.level == "proved"


def test_pairs_of_lo_and_li_are_registers_and_others_are_ports() -> None:
    module = half_adder()
    pair = parse_mgvga(foreign(module, (["lo03", "b"], ["li03", "c"])), "f.pt").entry
    assert [(r.name, r.initial) for r in pair.registers] == [("lo03", None)]
    assert ([p.name for p in pair.inputs], [p.name for p in pair.outputs]) == (["b"], ["c"])
    assert str(pair.schedule) == "stream"
    apart = parse_mgvga(foreign(module, (["lo03", "b"], ["li04", "c"])), "f.pt").entry
    assert not apart.registers
    assert [p.name for p in apart.inputs] == ["lo03", "b"]


def test_a_combinational_circuit_with_such_names_stays_one() -> None:
    cut = parse_bench(HALF_ADDER.replace(b"(a", b"(lo0").replace(b"(s", b"(li0").replace(b"s =", b"li0 ="), "f.bench")
    assert not parse_mgvga(write_mgvga(cut)[""], "f.pt").entry.registers


def test_the_input_with_a_gates_name_is_true() -> None:
    func = parse_mgvga(foreign(half_adder(), (["a", "new_n7"], ["s", "c"])), "f.pt")
    assert func.facts["mgvga"]["constant"] == "new_n7"
    out = circuitc.run(func, {"a": np.array([0, 1])})
    assert (out["s"].tolist(), out["c"].tolist()) == ([1, 0], [0, 1])


def test_two_such_inputs_are_inputs() -> None:
    func = parse_mgvga(foreign(half_adder(), (["new_n6", "new_n7"], ["s", "c"])), "f.pt")
    assert func.facts["mgvga"]["constant"] is None
    assert len(func.entry.inputs) == 2


def test_lists_of_floats_are_read() -> None:
    module = half_adder()
    graph = graph_of_netlist(netlist_of(module), ["a", "b"], ["s", "c"])
    whole, floats = (b"](" + b"".join(form(t) for t in graph.node_type.tolist()) + b"e" for form in (
        lambda t: b"K" + bytes([t]), lambda t: b"G" + struct.pack(">d", t)))
    data = pickle_data(graph.edges, fields_of(graph)).replace(whole, floats)
    assert floats in data
    again = parse_mgvga(zipped({"x/data.pkl": data, "x/data/0": graph.edges.tobytes()}), "f.pt")
    assert np.array_equal(netlist_of(again).fanin, netlist_of(module).fanin)


def test_pt_zip_is_read_by_content(tmp_path: Path) -> None:
    data = write_mgvga(half_adder())[""]
    path = tmp_path / "half_syn0_step20.pt.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("half_syn0_step20.pt", data)
    module = load(path)
    assert module.name == "half_syn0_step20"
    assert circuitc.verify(module, half_adder()).evidence.level == "proved"


def test_more_than_one_graph_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "two.pt.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.pt", b"")
        archive.writestr("b.pt", b"")
    with pytest.raises(CircuitError, match=r"holds 2 \.pt files"):
        load(path)


def test_names_that_would_be_taken_for_latches_are_refused() -> None:
    text = COUNTER.replace(b"enable", b"lo000")
    with pytest.raises(CircuitError, match="the port 'lo000' has a name that mgvga gives to the end of a latch"):
        write_mgvga(parse_bench(text, "c.bench"))


def test_graphs_of_typed_ops_are_refused() -> None:
    module = load(Path(__file__).resolve().parents[2] / "examples" / "01_btf_multiplier" / "model.json")
    with pytest.raises(CircuitError, match="mgvga takes gates"):
        write_mgvga(module)


def test_the_statistics_of_the_file() -> None:
    fields, _ = read_data(write_mgvga(parse_bench(COUNTER, "c.bench"))[""], "f.pt")
    ends = {key: fields[key] for key in ("pi", "po", "and_nodes", "longest_path", "num_nodes")}
    assert ends == {"pi": 5, "po": 6, "and_nodes": 7, "longest_path": 4, "num_nodes": 18}
    assert sum(fields["edge_type"]) == fields["not_edges"] == sum(fields["num_inverted_predecessors"])
    assert fields["edge_index"].shape == (2, 2 * 7 + 6)


def test_inverters_become_nodes_as_in_the_loader() -> None:
    """One NOT an inverted edge, after all other nodes; edges: the plain ones, then into the NOTs, then out of them."""
    graph = graph_of_netlist(aig(2, np.array([[2, 5]]), [7, 2]))
    assert graph.names == ("pi00", "pi01", "new_n3", "po00_inv", "po01_buff")
    expanded = expand_inverters(graph)
    assert expanded.node_type.tolist() == [0, 0, 2, 1, 1, 3, 3]
    assert expanded.tokens.tolist() == [1, 1, 3, 2, 2, 4, 4]
    assert expanded.edges.T.tolist() == [[0, 2], [0, 4], [1, 5], [2, 6], [5, 2], [6, 3]]


def test_masked_views() -> None:
    net = netlist_of(half_adder())
    view = mask(net, 0.5, 7)
    nodes = len(view.tokens)
    assert view.hidden.sum() == nodes // 2
    assert np.array_equal(view.labels, np.where(view.hidden, view.tokens - 1, -100))
    kind = view.tokens - 1
    assert view.in_degree.tolist() == np.array([0, 1, 2, 1])[kind].tolist()
    assert view.in_degree.sum() == view.out_degree.sum() == view.edges.shape[1]
    assert not view.out_degree[kind == 1].any()
    same, other = mask(net, 0.5, 7), mask(net, 0.5, 8)
    assert np.array_equal(same.hidden, view.hidden)
    assert not np.array_equal(other.hidden, view.hidden)
    assert not mask(net, 0, 7).hidden.any()
    assert mask(net, 1, 7).hidden.all()
    assert np.all(mask(net, 0.8, 7).hidden >= view.hidden), "a larger ratio hides more of the same order"


@pytest.mark.parametrize(("ratio", "seed"), [(-0.1, 1), (1.1, 1), (float("nan"), 1), (0.5, -1), (0.5, 1 << 64)])
def test_masks_refuse_nonsense(ratio: float, seed: int) -> None:
    with pytest.raises(CircuitError):
        mask(netlist_of(half_adder()), ratio, seed)


def test_the_view_of_a_seed_is_pinned() -> None:
    """Published experiments name a seed: the view must be the same on every machine and in every version."""
    assert np.flatnonzero(mask(netlist_of(half_adder()), 0.4, 2024).hidden).tolist() == [5, 6, 7, 9]


def test_encoded_bytes_do_not_change() -> None:
    graph = graph_of_netlist(netlist_of(half_adder()))
    assert encode_graph(graph, {}) == encode_graph(graph, {})


def test_pytorch_geometric_reads_what_we_write(tmp_path: Path) -> None:
    """The real libraries, where they are installed: attributes, and the steps of MGVGA's VerilogGraphDataset."""
    torch: Any = pytest.importorskip("torch")
    pytest.importorskip("torch_geometric")
    module = parse_bench(COUNTER, "c.bench")
    (path,) = write(module, tmp_path / "c.pt")
    g = torch.load(path, map_location="cpu", weights_only=False)
    assert g.validate()
    assert set(g.keys()) >= {"edge_index", "node_type", "edge_type", "node_id", "circuitc"}
    node_type, edge_type = torch.tensor(g.node_type), torch.tensor(g.edge_type)
    inverted = (edge_type == 1).squeeze()
    u, v = g.edge_index[:, inverted]
    new = node_type.shape[0] + torch.arange(int(inverted.sum()))
    edges = torch.cat((g.edge_index[:, ~inverted], torch.stack([u, new]), torch.stack([new, v])), dim=1)
    again = netlist_of(load(path))
    net = expand_to_aig(netlist_of(module))
    assert np.array_equal(again.fanin, net.fanin)
    assert edges.tolist() == expand_inverters(graph_of_netlist(net)).edges.tolist()
    for protocol in (2, 3, 4, 5):  # and what PyTorch writes is read
        torch.save(g, tmp_path / "torch.pt", pickle_protocol=protocol)
        back = load(tmp_path / "torch.pt", "mgvga")
        assert netlist_of(back) == again
        assert back.facts["mgvga"]["layout"] == "PyG 2"


def test_pytorch_geometric_batches_graphs_with_and_without_origins(tmp_path: Path) -> None:
    torch: Any = pytest.importorskip("torch")
    data: Any = pytest.importorskip("torch_geometric.data")
    (tmp_path / "d.v").write_text("module d(input a, b, output y); assign y = a & ~b; endmodule")
    known, (unknown,) = write(load(tmp_path / "d.v"), tmp_path / "d.pt"), write(half_adder(), tmp_path / "h.pt")
    graphs = [torch.load(path, weights_only=False) for path in (*known, unknown)]
    for order in (graphs, graphs[::-1]):
        assert data.Batch.from_data_list(order).num_nodes == sum(g.num_nodes for g in graphs)


def test_the_own_attribute_has_the_same_keys_for_all_graphs() -> None:
    for module in (half_adder(), parse_bench(COUNTER, "c.bench")):
        own = read_data(write_mgvga(module)[""], "x.pt")[0]["circuitc"]
        assert list(own) == ["registers", "initial", "constant", "places", "place_of"]
        assert set(own["place_of"]) == {-1}


def test_pt_zip_is_written_and_read_again(tmp_path: Path) -> None:
    module = parse_bench(COUNTER, "c.bench")
    (path,) = write(module, tmp_path / "c.pt.zip")
    with zipfile.ZipFile(path) as archive:
        (name,) = archive.namelist()
        assert name.endswith(".pt")
        assert archive.read(name) == write_mgvga(module)[""]
    assert netlist_of(load(path)) == netlist_of(load(write(module, tmp_path / "c.pt")[0]))
    assert write(module, tmp_path / "again.pt.zip")[0].read_bytes() == path.read_bytes()
