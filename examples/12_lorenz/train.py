"""Train the AL-RNN of this example; needs torch (the extra `circuitc[gradient]`) and nothing of circuitc.

    python train.py lorenz.npz

    z' = A o z + W phi(z) + h,   phi = relu on the last P of M units, identity on the others

The first 3 units are what is observed. Training is sparse teacher forcing: sequences of 200 steps, and every 16th step
the first 3 units are set to the data (Brenner et al. 2024, Almost-linear RNNs; Mikhaeil et al. 2022). A sequence starts
from z = [x; L x]. Every 25 epochs the network runs freely from four states of the training data, and the weights with
the least state space divergence from that data are kept. The file has A, W, h, P, L, and what the training saw.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import torch
from lorenz import divergence, trajectories
from torch import nn

SEQUENCE, BATCH, INTERVAL, BATCHES = 200, 16, 16, 50


class Forced(torch.autograd.Function):
    """All steps of x [steps, batch, 3] from z [batch, units], set to the data every INTERVAL steps, and their gradient.

    One node for PyTorch instead of a thousand small ones: several times faster on one thread.
    """

    @staticmethod
    def forward(ctx: Any, z: Any, x: Any, a: Any, w: Any, h: Any, relus: int) -> Any:
        z, x, a, w, h = (v.numpy() for v in (z, x, a, w, h))
        floor = np.r_[np.full(len(a) - relus, -np.inf), np.zeros(relus)].astype(np.float32)
        before = np.empty((len(x) - 1, *z.shape), np.float32)
        after = np.empty_like(before)
        turned = np.ascontiguousarray(w.T)
        for t in range(len(before)):
            before[t] = z
            z = after[t] = a * z + np.maximum(z, floor) @ turned + h
            if (t + 1) % INTERVAL == 0:
                z = np.concatenate([x[t + 1], z[:, 3:]], 1)
        ctx.saved = before, floor, a, w
        return torch.from_numpy(after[:, :, :3].copy())

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        before, floor, a, w = ctx.saved
        seen, open_ = grads[0].numpy(), before > floor
        all_, g = np.empty_like(before), np.zeros_like(before[0])
        for t in range(len(before) - 1, -1, -1):
            if (t + 1) % INTERVAL == 0:
                g[:, :3] = 0
            g[:, :3] += seen[t]
            all_[t] = g
            g = g * a + (g @ w) * open_[t]
        flat, phi = all_.reshape(-1, len(a)), np.maximum(before, floor).reshape(-1, len(a))
        found = g, (all_ * before).sum((0, 1)), flat.T @ phi, flat.sum(0)
        gz, ga, gw, gh = map(torch.from_numpy, found)
        return gz, None, ga, gw, gh, None


class AlRnn(nn.Module):
    """An almost-linear RNN with an initial map."""

    def __init__(self, units: int, relus: int) -> None:
        super().__init__()
        self.relus = relus
        spread = torch.randn(units, units)
        positive = spread @ spread.T / units + torch.eye(units)
        self.A = nn.Parameter((positive / torch.linalg.eigvalsh(positive)[-1]).diagonal().clone())
        self.W = nn.Parameter(torch.randn(units, units) * 0.01)
        self.h = nn.Parameter(torch.zeros(units))
        self.L = nn.Parameter((torch.rand(units - 3, 3) * 2 - 1) / 3 ** 0.5)

    def start(self, x: Any) -> Any:
        return torch.cat([x, x @ self.L.T], 1)

    def forward(self, x: Any) -> Any:
        """Give what is predicted for x[1:] of x [steps, batch, 3]."""
        return Forced.apply(self.start(x[0]), x, self.A, self.W, self.h, self.relus)


def free_runs(net: AlRnn, x: Any, steps: int) -> Any:
    """Let the network run on its own from x [runs, 3]: f64[steps, runs, 3], or None where a state leaves all bounds."""
    a, w, h, initial = (p.detach().double().numpy() for p in (net.A, net.W, net.h, net.L))
    z, found = np.concatenate([x, x @ initial.T], axis=1), np.empty((steps, *x.shape))
    for t in range(steps):
        phi = np.concatenate([z[:, :-net.relus], np.maximum(z[:, -net.relus:], 0)], axis=1)
        z = a * z + phi @ w.T + h
        found[t] = z[:, :3]
        if not np.all(np.abs(z) < 1e6):
            return None
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", help="the .npz file to write")
    parser.add_argument("--units", type=int, default=20)
    parser.add_argument("--relus", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--noise", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    torch.set_num_threads(1)
    data = trajectories(1, 100_000, seed=1)[0]
    x = torch.tensor(data, dtype=torch.float32)
    net = AlRnn(given.units, given.relus)
    optimizer = torch.optim.RAdam(net.parameters(), lr=given.rate)
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, (1e-5 / given.rate) ** (1 / given.epochs))
    best, begun = np.inf, time.perf_counter()
    for epoch in range(1, given.epochs + 1):
        losses: list[float] = []
        for _ in range(BATCHES):
            places = torch.randint(len(x) - SEQUENCE, (BATCH,))
            part = torch.stack([x[p:p + SEQUENCE] for p in places], 1)
            part = part + given.noise * torch.randn_like(part)
            optimizer.zero_grad()
            loss = ((net(part) - part[1:]) ** 2).mean()
            loss.backward()
            nn.utils.clip_grad_norm_(net.parameters(), 10.0)
            optimizer.step()
            losses.append(loss.item())
        schedule.step()
        if epoch % 25 == 0 or epoch == given.epochs:
            runs = free_runs(net, data[::25_000], 10_000)
            found = np.inf if runs is None else divergence(data, runs[1000:].reshape(-1, 3))
            print(f"epoch {epoch}: loss {np.mean(losses):.5f}, divergence {found:.3f}, "
                  f"{time.perf_counter() - begun:.0f} s", flush=True)
            if found < best:
                best = found
                save(net, given, epoch, best)
    print(f"kept: divergence {best:.3f}")


def save(net: AlRnn, given: Any, epoch: int, found: float) -> None:
    """Write the weights as f32 and what they are."""
    arrays = {name: p.detach().numpy() for name, p in net.named_parameters()}
    np.savez(given.output, **arrays, P=np.array(net.relus), epoch=np.array(epoch), divergence=np.array(found))


if __name__ == "__main__":
    main()
