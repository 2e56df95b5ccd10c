"""Train a state-regularised GRU for each of Tomita's grammars; writes tomitaN.json and tomitaN.safetensors.

    python examples/14_automata/train.py [N ...]          # needs PyTorch

The cell's state is replaced, each step, by a mixture of k centroids, softmax(<u, s_i> / tau) (Wang and Niepert 2019,
State-Regularized Recurrent Networks). Here the GRU is trained without centroids first; these begin as the means of
clusters of its states; then the forward step takes the nearest centroid alone and the gradient is that of the mixture
(straight through). Every prefix of every word of 10 letters is an item.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
from grammars import GRAMMARS
from safetensors.numpy import save_file

HIDDEN, CENTROIDS, LENGTH, STEPS, STARTS = 12, 10, 10, 1200, 12
FOLDER = Path(__file__).resolve().parent


class Network(torch.nn.Module):
    """A GRU whose state is one of some centroids, and a readout of it."""

    def __init__(self) -> None:
        super().__init__()
        self.cell = torch.nn.GRUCell(2, HIDDEN)
        self.centroids = torch.nn.Parameter(torch.randn(CENTROIDS, HIDDEN) * 0.7)
        self.readout = torch.nn.Linear(HIDDEN, 1)

    def choose(self, u: torch.Tensor) -> torch.Tensor:
        """Take the centroid nearest to u; gradients see the mixture."""
        scores = (u @ self.centroids.T) / 0.5
        soft = torch.softmax(scores, -1)
        first = torch.nn.functional.one_hot(scores.argmax(-1), CENTROIDS).to(soft.dtype)
        return (first + soft - soft.detach()) @ self.centroids

    def states(self, x: torch.Tensor, regular: bool) -> torch.Tensor:
        h = self.centroids[0].expand(len(x), -1)
        found: list[torch.Tensor] = []
        for step in range(x.shape[1]):
            h = self.cell(x[:, step], h)
            h = self.choose(h) if regular else h
            found.append(h)
        return torch.stack(found, 1)

    def forward(self, x: torch.Tensor, regular: bool) -> torch.Tensor:
        return self.readout(self.states(x, regular))[..., 0]


def cluster(network: Network, x: torch.Tensor) -> None:
    """Begin centroids as means of clusters of states (k-means on directions: a dot product chooses)."""
    with torch.no_grad():
        states = network.states(x[:256], regular=False).reshape(-1, HIDDEN)
        start = network.centroids[:1]
        means = states[torch.randperm(len(states))[:CENTROIDS]].clone()
        means[0] = start[0]
        for _ in range(30):
            near = torch.cdist(states, means).argmin(1)
            for k in range(1, CENTROIDS):
                if (near == k).any():
                    means[k] = states[near == k].mean(0)
        # equal lengths: then the largest dot product is the nearest centroid
        network.centroids.data = means / means.norm(dim=1, keepdim=True).clamp(min=1e-3) * means.norm(dim=1).mean()


def data(number: int) -> tuple[torch.Tensor, torch.Tensor]:
    rule = GRAMMARS[number][1]
    letters = np.arange(1 << LENGTH)[:, None] >> np.arange(LENGTH) & 1
    text = ["".join(map(str, row)) for row in letters]
    known: dict[str, bool] = {}
    labels = [[known.setdefault(w[:n], rule(w[:n])) for n in range(1, LENGTH + 1)] for w in text]
    return torch.nn.functional.one_hot(torch.from_numpy(letters), 2).float(), torch.tensor(labels).float()


def train(number: int, seed: int) -> tuple[float, Network]:
    torch.manual_seed(1000 * number + seed)
    x, labels = data(number)
    network = Network()
    # both answers count the same, however rare one is
    share = labels.mean(0, keepdim=True).clamp(0.001, 0.999)
    weight = torch.where(labels > 0, 0.5 / share, 0.5 / (1 - share))
    right = 0.0
    for regular in (False, True):
        if regular:
            cluster(network, x)
        optimizer = torch.optim.Adam(network.parameters(), 0.003 if regular else 0.01)
        for step in range(STEPS):
            pick = torch.randint(0, len(x), (128,))
            loss = (torch.nn.functional.binary_cross_entropy_with_logits(
                network(x[pick], regular), labels[pick], reduction="none") * weight[pick]).mean()
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            if step % 25 == 24:
                with torch.no_grad():
                    right = float(((network(x, regular) > 0) == (labels > 0)).float().mean())
                if right == 1 and (regular or loss < 0.02):
                    break
        if right < 0.9:
            break
    return right, network


def save(number: int, network: Network) -> None:
    arrays = {f"gru.{name.replace('_ih', '_ih_l0').replace('_hh', '_hh_l0')}": value
              for name, value in network.cell.state_dict().items()}
    arrays |= {"centroids": network.centroids.data, "readout.weight": network.readout.weight.data,
               "readout.bias": network.readout.bias.data}
    save_file({k: np.ascontiguousarray(v.numpy()) for k, v in arrays.items()}, FOLDER / f"tomita{number}.safetensors")
    model = {"schema": "circuitc.model/1", "kind": "rnn", "name": f"tomita{number}", "output": "accept",
             "description": f"A state-regularised GRU trained on Tomita's grammar {number}: {GRAMMARS[number][0]}.",
             "input": {"name": "letter", "shape": [2], "type": "bit"}, "weights": f"tomita{number}.safetensors",
             "layers": [{"op": "gru", "tensors": "gru"}, {"op": "linear", "tensors": "readout"}],
             "centroids": {"file": f"tomita{number}.safetensors", "array": "centroids"}, "decision": True,
             "returns": "sequence"}
    (FOLDER / f"tomita{number}.json").write_text(json.dumps(model, indent=1) + "\n")


torch.set_num_threads(1)
for number in map(int, sys.argv[1:]) if len(sys.argv) > 1 else GRAMMARS:
    for seed in range(STARTS):
        right, network = train(number, seed)
        print(f"grammar {number}, start {seed}: {right:.4%} of prefixes of up to {LENGTH} letters right", flush=True)
        if right == 1:
            save(number, network)
            break
