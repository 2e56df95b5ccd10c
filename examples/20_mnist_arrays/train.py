"""Train the perceptron of this example; needs torch (the extra `circuitc[gradient]`) and nothing of circuitc.

    python train.py --data mnist.npz mnist_mlp.safetensors

The file has the arrays `x_train`, `y_train`, `x_test` and `y_test`. What is saved is a PyTorch state_dict in half
precision (`0.weight`, `0.bias`, `2.weight`, `2.bias`): the half-precision numbers are the model.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", help="the .safetensors file to write")
    parser.add_argument("--data", required=True)
    parser.add_argument("--hidden", type=int, default=64)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    wish = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(wish.seed)
    with np.load(wish.data) as data:
        x, y, xt, yt = (data[k] for k in ("x_train", "y_train", "x_test", "y_test"))
    x, xt = (torch.tensor(a.reshape(len(a), -1) / np.float32(255)) for a in (x, xt))
    y = torch.tensor(y).long()
    net = nn.Sequential(nn.Linear(784, wish.hidden), nn.ReLU(), nn.Linear(wish.hidden, 10))
    adam = torch.optim.Adam(net.parameters(), lr=2e-3, weight_decay=1e-5)
    batches = -(-len(x) // 100)
    rate = torch.optim.lr_scheduler.OneCycleLR(adam, 4e-3, total_steps=wish.epochs * batches)
    for epoch in range(wish.epochs):
        for part in torch.randperm(len(x)).split(100):
            adam.zero_grad()
            nn.functional.cross_entropy(net(x[part]), y[part]).backward()
            adam.step()
            rate.step()
        with torch.no_grad():
            print(f"epoch {epoch}: {(net(xt).argmax(1).numpy() == yt).mean():.4f} right", flush=True)
    save_file({name: t.half() for name, t in net.state_dict().items()}, wish.output)


if __name__ == "__main__":
    main()
