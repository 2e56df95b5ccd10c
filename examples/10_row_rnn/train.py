"""Train the row-by-row networks of this example; needs torch (the extra `circuitc[gradient]`) and nothing of circuitc.

    python train.py --data mnist.npz --cell rnn --hidden 128 --epochs 20 --rate 1e-3 mnist_rnn.safetensors
    python train.py --data mnist.npz --cell rnn --hidden 64 --epochs 50 --rate 2e-3 mnist_rnn64.safetensors
    python train.py --data mnist.npz --cell lstm --hidden 64 --epochs 7 --rate 4e-3 mnist_lstm.safetensors
    python train.py --data mnist.npz --cell gru --hidden 64 --epochs 6 --rate 4e-3 mnist_gru.safetensors
    python train.py --cell lstm --hidden 24 --epochs 60 --rate 1e-2 digits_lstm.safetensors

A picture is a sequence of rows. Without `--data` the pictures are scikit-learn's 8 x 8 digits; with it they are the
arrays `x_train`, `y_train`, `x_test`, `y_test` of the file. What is saved is a PyTorch state_dict in half precision
(`rnn.weight_ih_l0`, ..., `readout.weight`, `readout.bias`): the half-precision numbers are the model.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

CELLS = {"rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}


class Rows(nn.Module):
    """A recurrent layer over the rows of a picture, and a linear readout of its last state."""

    def __init__(self, cell: str, width: int, hidden: int, layers: int = 1) -> None:
        super().__init__()
        self.rnn = CELLS[cell](width, hidden, layers, batch_first=True)
        self.readout = nn.Linear(hidden, 10)
        if cell == "rnn":  # a plain RNN forgets what it saw 28 rows ago unless its state starts out turning
            nn.init.orthogonal_(self.rnn.weight_hh_l0)

    def forward(self, x: Any) -> Any:
        return self.readout(self.rnn(x)[0][:, -1])


def load(path: str | None) -> tuple[Any, ...]:
    """Give training and test pictures as f32[samples, rows, columns] in 0..1, each with its labels."""
    if path is not None:
        with np.load(path) as data:
            x, y, xt, yt = (data[k] for k in ("x_train", "y_train", "x_test", "y_test"))
        return torch.tensor(x / np.float32(255)), torch.tensor(y).long(), torch.tensor(xt / np.float32(255)), yt
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split
    digits = load_digits()
    x, xt, y, yt = train_test_split(digits.images.astype(np.float32) / 16, digits.target, test_size=540, random_state=0)
    return torch.tensor(x), torch.tensor(y).long(), torch.tensor(xt), yt


def accuracy(net: nn.Module, x: Any, y: Any) -> float:
    with torch.no_grad():
        return float((torch.cat([net(part).argmax(1) for part in x.split(1000)]).numpy() == y).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", help="the .safetensors file to write")
    parser.add_argument("--data", help="an .npz of pictures; else scikit-learn's digits")
    parser.add_argument("--cell", choices=tuple(CELLS), default="lstm")
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    torch.set_num_threads(1)
    x, y, xt, yt = load(given.data)
    net = Rows(given.cell, x.shape[2], given.hidden)
    optimizer = torch.optim.Adam(net.parameters(), lr=given.rate)
    steps = given.epochs * -(-len(x) // given.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, given.rate, total_steps=steps)
    for epoch in range(given.epochs):
        start = time.perf_counter()
        for part in torch.randperm(len(x)).split(given.batch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(net(x[part]), y[part]).backward()
            nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            schedule.step()
        print(f"epoch {epoch + 1}: test accuracy {accuracy(net, xt, yt):.4f}, {time.perf_counter() - start:.0f} s",
              flush=True)
    state = {name: tensor.detach().half().contiguous() for name, tensor in net.state_dict().items()}
    net.load_state_dict({name: tensor.float() for name, tensor in state.items()})
    print(f"in half precision: test accuracy {accuracy(net, xt, yt):.4f}")
    save_file(state, given.output)


if __name__ == "__main__":
    main()
