"""Fine-tuning: the mask stays, the loss falls, PyTorch sees what the interpreter sees; bad calls."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from circuitc.diagnostics import CircuitError
from circuitc.ir import F32, Graph, Module, Port, run
from circuitc.learn.finetune import finetune
from circuitc.models.rnn import GATES, Linear, network, torch_layer
from circuitc.passes import run_passes
from circuitc.passes.prune import weights_of


def recurrent(kind: Any, hidden: int = 8) -> Module:
    rng = np.random.default_rng(0)
    rows = GATES[kind] * hidden
    levels = [(torch_layer(kind, *(rng.normal(size=s) * 0.4 for s in (
        (rows, 4), (rows, hidden), (rows,), (rows,)))),)]
    return network(levels, [Linear(rng.normal(size=(3, hidden)).astype(np.float32), np.zeros(3, np.float32))],
                   Port("x", F32.with_shape((4,))))


def task() -> tuple[Any, Any]:
    """Which of three inputs had the largest sum over five steps."""
    x = np.random.default_rng(1).standard_normal((300, 5, 4)).astype(np.float32)
    return x, x[:, :, :3].sum(axis=1).argmax(axis=1)


def arrays(module: Module) -> list[Any]:
    assert isinstance(module.entry.body, Graph)
    return [c.array for _, c in weights_of(module.entry.body).values()]


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
@pytest.mark.parametrize("bits", [None, 4])
def test_the_mask_stays_and_more_answers_are_right(kind: str, bits: int | None) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed (circuitc[gradient])")
    x, labels = task()
    pruned = run_passes(recurrent(kind), "prune{sparsity=0.5}")
    before = (run(pruned, {"x": x})["y"].argmax(axis=1) == labels).mean()
    tuned = finetune(pruned, {"x": x}, labels, epochs=15, batch=20, rate=2e-2, weight_bits=bits)
    after = (run(tuned, {"x": x})["y"].argmax(axis=1) == labels).mean()
    assert after > before + 0.2
    for old, new in zip(arrays(pruned), arrays(tuned), strict=True):
        assert np.all(new[old == 0] == 0)
        assert np.any(new != old)


def test_activations_are_rounded_and_pass_the_gradient() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (circuitc[gradient])")
    from circuitc.learn.finetune import _Net  # pyright: ignore[reportPrivateUsage]
    x, labels = task()
    module = recurrent("rnn")
    assert isinstance(module.entry.body, Graph)
    net, data = _Net(torch, module.entry, module.entry.body, None), [torch.from_numpy(x)]
    plain = net.run(data, 0).detach()
    net.watch(data, 3)
    steps = {value: step for value, (step, _, _) in net.grids.items()}
    assert len(steps) == 3                                       # the item, the state, and what the readout reads
    rounded = net.run(data, 0)
    assert 1e-3 < float((rounded.detach() - plain).abs().max()) < 3
    given = torch.linspace(-9, 9, 50, requires_grad=True)
    value, (step, low, high) = next(iter(net.grids.items()))
    seen = net.activation(value, given)
    whole = seen.detach().numpy() / step
    assert np.array_equal(whole, np.clip(np.round(given.detach().numpy() / step), low, high))
    seen.sum().backward()
    fits = (given >= low * step) & (given <= high * step)
    assert torch.equal(given.grad, fits.float())
    tuned = finetune(module, {"x": x}, labels, epochs=15, batch=20, rate=2e-2, weight_bits=4, activation_bits=4)
    assert (run(tuned, {"x": x})["y"].argmax(axis=1) == labels).mean() > 0.6


@pytest.mark.parametrize("kind", ["rnn", "lstm", "gru"])
def test_pytorch_runs_the_program_that_the_interpreter_runs(kind: str) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed (circuitc[gradient])")
    from circuitc.learn.finetune import _Net  # pyright: ignore[reportPrivateUsage]
    module, (x, _) = recurrent(kind), task()
    assert isinstance(module.entry.body, Graph)
    answer = _Net(torch, module.entry, module.entry.body, None).run([torch.from_numpy(x)], 0).detach().numpy()
    wanted = run(module, {"x": x})["y"]
    assert np.abs(answer - wanted).max() <= 1e-5 * np.abs(wanted).max()


@pytest.mark.parametrize(("more", "says"), [
    ({"output": "z"}, "no output z"), ({"epochs": 0}, "at least one epoch"), ({"weight_bits": 1}, "2 to 16 bits"),
    ({"activation_bits": 17}, "2 to 16 bits"),
    ({"labels": [0, 1]}, "a label for each")])
def test_bad_calls_are_refused(more: dict[str, Any], says: str) -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed (circuitc[gradient])")
    x, labels = task()
    with pytest.raises(CircuitError, match=says):
        finetune(recurrent("rnn"), {"x": x}, more.pop("labels", labels), **more)


def test_without_pytorch_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys
    monkeypatch.setitem(sys.modules, "torch", None)
    x, labels = task()
    with pytest.raises(CircuitError, match="needs the package torch"):
        finetune(recurrent("rnn"), {"x": x}, labels)
