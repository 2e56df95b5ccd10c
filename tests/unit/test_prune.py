"""Pruning, sparse storage, dead neurons: which weights go, what is stored, and that exact passes are."""

from itertools import pairwise

import numpy as np
import pytest

import circuitc
from circuitc.diagnostics import CircuitError, InternalError
from circuitc.ir import (
    F32,
    Builder,
    Constant,
    Func,
    Graph,
    Module,
    Port,
    fixed,
    module_of,
    parse_module,
    print_module,
    random_raw,
    run,
)
from circuitc.passes import run_passes
from circuitc.passes.prune import weights_of

RNG = np.random.default_rng(1)


def layers(*sizes: int) -> Module:
    """Float layers with relus between them."""
    b = Builder()
    v = x = b.input("x", F32.with_shape((sizes[0],)))
    for k, (n, m) in enumerate(pairwise(sizes)):
        w = b.constant(Constant(F32.with_shape((m, n)), RNG.normal(size=(m, n))), f"w{k}")
        v = b.apply("contract", w, v, spec="ij,j->i", name=f"fc{k}")
        v = b.apply("max", v, b.number(F32.with_shape((m,)), 0.0)) if k < len(sizes) - 2 else v
    return module_of(Func("f", (Port("x", b.type(x)),), (Port("y", b.type(v)),), b.finish([v])))


def weights(module: Module) -> list[np.ndarray]:
    assert isinstance(module.entry.body, Graph)
    return [c.array for _, c in weights_of(module.entry.body).values()]


@pytest.mark.parametrize("method", ["magnitude", "random"])
def test_as_many_weights_as_asked_for_become_zero(method: str) -> None:
    module = layers(8, 10, 4)
    pruned = weights(run_passes(module, f"prune{{method={method},sparsity=0.7}}"))
    assert [int((w == 0).sum()) for w in pruned] == [56, 28]
    whole = weights(run_passes(module, f"prune{{method={method},sparsity=0.7,scope=global}}"))
    assert sum(int((w == 0).sum()) for w in whole) == 84
    for w, old in zip(pruned, weights(module), strict=True):
        assert np.all((w == 0) | (w == old))
        if method == "magnitude":
            assert np.abs(old[w == 0]).max() <= np.abs(w[w != 0]).min()


def test_n_of_m_keeps_the_largest_of_each_group() -> None:
    module = layers(8, 6, 4)
    for w, old in zip(weights(run_passes(module, "prune{method=nm,n=2,m=4}")), weights(module), strict=True):
        for start in range(0, w.shape[1], 4):
            group, was = np.abs(w[:, start:start + 4]), np.abs(old[:, start:start + 4])
            assert np.all((group != 0).sum(axis=1) == 2)
            assert np.allclose(np.sort(group, axis=1)[:, -2:], np.sort(was, axis=1)[:, -2:])


def test_structured_takes_whole_neurons_and_shrink_takes_them_out() -> None:
    module = layers(6, 12, 8, 3)
    pruned = run_passes(module, "prune{method=structured,sparsity=0.5}")
    assert [int(np.all(w == 0, axis=1).sum()) for w in weights(pruned)] == [6, 4, 0]
    data = {"x": RNG.normal(size=(50, 6)).astype(np.float32)}
    small = run_passes(pruned, "quantize{sensitivity=false},shrink", calibration=data)
    assert [w.shape for w in weights(small)] == [(6, 6), (4, 6), (3, 4)]
    assert small.facts["passes"][-1]["evidence"]["level"] in ("simulated", "exhausted")


def test_random_pruning_is_the_same_for_the_same_seed() -> None:
    module = layers(8, 10, 4)
    one, same, other = (run_passes(module, f"prune{{method=random,seed={seed}}}") for seed in (1, 1, 2))
    assert print_module(one) == print_module(same) != print_module(other)


def test_a_constant_neuron_goes_into_what_the_next_layer_adds() -> None:
    text = """
    const #w : i4[3,2] = [[1, 2], [0, 0], [3, -1]]
    const #b : i4[3] = [1, 5, -2]
    const #v : i4[2,3] = [[1, 2, 0], [2, -3, 0]]
    func @main(%x: i4[2]) -> (%y: i20[2]) once {
      %h = contract #w, %x {spec="ij,j->i"} : i10[3]
      %s = add %h, #b : i11[3]
      %y = contract #v, %s {spec="ij,j->i"} : i20[2]
      return %y
    }
    """
    module = parse_module(text)
    small = run_passes(module, "shrink")
    assert [w.shape for w in weights(small)] == [(1, 2), (2, 1)]
    assert small.facts["passes"][-1]["evidence"] == {"level": "exhausted", "vectors": 256}
    assert run_passes(small, "shrink").entry is small.entry


def test_what_others_read_is_not_shortened() -> None:
    text = """
    const #w : i4[2,2] = [[1, 2], [0, 0]]
    const #v : i4[1,2] = [[1, 2]]
    func @main(%x: i4[2]) -> (%h: i10[2], %y: i20[1]) once {
      %h = contract #w, %x {spec="ij,j->i"} : i10[2]
      %y = contract #v, %h {spec="ij,j->i"} : i20[1]
      return %h, %y
    }
    """
    module = parse_module(text)
    assert run_passes(module, "shrink").entry is module.entry


@pytest.mark.parametrize("storage", ["csr", "block", "nm"])
@pytest.mark.parametrize("t", [fixed(8), F32], ids=str)
def test_sparse_products_are_those_of_the_interpreter(storage: str, t: object) -> None:
    for shape, share in (((9, 16), 0.9), ((5, 7), 0.6), ((4, 8), 1.0), ((3, 8), 0.0)):
        array = np.where(RNG.random(shape) < share, 0, RNG.integers(-99, 99, shape))
        for spec, stored in (("ij,j->i", array), ("ji,j->i", array.T)):
            b = Builder()
            scalar = fixed(8) if t == fixed(8) else F32
            x = b.input("x", scalar.with_shape((shape[1],)))
            w = b.constant(Constant(scalar.with_shape(stored.shape), stored), "w")
            y = b.apply("contract", w, x, spec=spec)
            module = module_of(Func("f", (Port("x", b.type(x)),), (Port("y", b.type(y)),), b.finish([y])))
            module = run_passes(module, f"sparsify{{storage={storage},above=0.0}}")
            assert f" {storage} = " in print_module(module)
            assert print_module(parse_module(print_module(module))) == print_module(module)
            raw = {"x": random_raw(b.type(x), 8, RNG)}
            wanted, got = run(module, raw)["y"], circuitc.jit(module).run(raw)["y"]
            tolerance = 0 if scalar.is_exact else 1e-5 * np.abs(wanted).max()
            assert np.allclose(got, wanted, rtol=0, atol=tolerance)


def test_auto_chooses_by_bytes() -> None:
    array = np.zeros((32, 64), np.int64)
    array[:, 8:16] = 1                                    # one group of neighbours a row
    b = Builder()
    x = b.input("x", fixed(8, 0, (64,)))
    y = b.apply("contract", b.constant(Constant(fixed(8, 0, array.shape), array), "w"), x, spec="ij,j->i", name="fc")
    module = module_of(Func("f", (Port("x", b.type(x)),), (Port("y", b.type(y)),), b.finish([y])))
    row = run_passes(module, "sparsify").facts["passes"][-1]["facts"]["constants"][0]
    assert (row["storage"], row["numbers"], row["of"]) == ("block", 256, 2048)


@pytest.mark.parametrize(("text", "says"), [
    ("prune{sparsity=1.0}", "below 1"), ("prune{n=4,m=4}", "n is above 0"),
    ("prune{method=nm,scope=global}", "each layer"), ("prune{block=4}", "inputs x outputs such as 4x16"),
    ("prune{block=0x4}", "or neurons"), ("prune{block=99999x4}", "1 to 65536"),
    ("prune{method=structured,block=4x16}", "takes no block"), ("prune{method=structured,scope=row}", "have no rows"),
    ("prune{block=neurons,scope=row}", "have no rows"), ("prune{method=nm,scope=row}", "each layer"),
    ("sparsify{above=2.0}", "above is 0 to 1")])
def test_refuses(text: str, says: str) -> None:
    with pytest.raises(CircuitError, match=says):
        run_passes(layers(4, 3), text)


def test_registered_passes_are_found_checked_and_never_ours() -> None:
    from dataclasses import dataclass

    from circuitc.passes import Context, GraphPass, parse_pipeline

    @circuitc.register_pass
    @dataclass(frozen=True, slots=True)
    class ForgetBias(GraphPass):
        """Break every sum."""

        def run(self, graph: Graph, context: Context) -> Graph:
            from circuitc.ir import rebuild
            return rebuild(graph, lambda b, n, v: b.apply("convert", v[0], type=n.type) if n.op == "add" else None)

    module = parse_module("func @main(%x: u4, %z: u4) -> (%y: u5) once {\n %y = add %x, %z : u5\n return %y\n}\n")
    assert str(parse_pipeline("forget-bias")) == "forget-bias"
    with pytest.raises(InternalError, match="forget-bias changed the program's meaning"):
        run_passes(module, "forget-bias")

    class Fold(ForgetBias):
        """Take a name of ours."""

    with pytest.raises(CircuitError, match="circuitc's own"):
        circuitc.register_pass(Fold)


@pytest.mark.parametrize("block", ["4x2", "3x4", "1x16", "8x1"])
@pytest.mark.parametrize("method", ["magnitude", "random"])
def test_blocks_go_or_stay_as_one(block: str, method: str) -> None:
    module = layers(8, 10, 5)
    inputs, outputs = map(int, block.split("x"))
    pruned = run_passes(module, f"prune{{method={method},block={block},sparsity=0.5}}")
    for w, old in zip(weights(pruned), weights(module), strict=True):
        parts = [(w[r:r + outputs, c:c + inputs], old[r:r + outputs, c:c + inputs])
                 for r in range(0, len(w), outputs) for c in range(0, w.shape[1], inputs)]
        gone = [np.sqrt((was ** 2).mean()) for part, was in parts if not part.any()]
        kept = [np.sqrt((was ** 2).mean()) for part, was in parts if part.any()]
        assert len(gone) == len(parts) // 2
        assert all(np.array_equal(part, was) for part, was in parts if part.any())
        assert method == "random" or max(gone) <= min(kept)
    assert run_passes(module, "prune{block=1x1}").entry.body == run_passes(module, "prune").entry.body


@pytest.mark.parametrize("method", ["magnitude", "random"])
def test_each_row_of_blocks_loses_its_share(method: str) -> None:
    module = layers(8, 12, 6)
    for w, old in zip(weights(run_passes(module, f"prune{{method={method},block=2x3,scope=row,sparsity=0.5}}")),
                      weights(module), strict=True):
        for r in range(0, len(w), 3):
            parts = [(w[r:r + 3, c:c + 2], old[r:r + 3, c:c + 2]) for c in range(0, w.shape[1], 2)]
            gone = [(was ** 2).sum() for part, was in parts if not part.any()]
            assert len(gone) == len(parts) // 2
            assert method == "random" or max(gone) <= min((p ** 2).sum() for p, _ in parts if p.any())


def test_blocks_lie_along_outputs_however_the_weights_are_stored() -> None:
    array = RNG.normal(size=(6, 8))
    for spec, stored in (("ij,j->i", array), ("ji,j->i", array.T)):
        b = Builder()
        x = b.input("x", F32.with_shape((8,)))
        w = b.constant(Constant(F32.with_shape(stored.shape), stored))
        y = b.apply("contract", w, x, spec=spec)
        module = module_of(Func("f", (Port("x", b.type(x)),), (Port("y", b.type(y)),), b.finish([y])))
        found, = weights(run_passes(module, "prune{block=4x3}"))
        turned = found if spec[:2] == "ij" else found.T
        assert [bool(turned[r:r + 3, c:c + 4].any()) for r in (0, 3) for c in (0, 4)].count(True) == 2
