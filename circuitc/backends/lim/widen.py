"""Put NORs of two inputs together to wider ones."""

from __future__ import annotations

from collections import Counter

from .nor import Gate, NorNet, swept


def widened(net: NorNet, fan_in: int) -> NorNet:
    """Give the network with NORs of up to `fan_in` inputs: NOR(a, NOT(NOR(b, c))) is NOR(a, b, c).

    Inverters that a single gate reads are taken first, for only then gates go; no gate is ever added.
    """
    if fan_in <= 2:
        return net
    gates: list[Gate] = list(net.gates)
    uses = Counter(f for fanins in net.gates for f in fanins) + Counter(net.outputs)
    for k, fanins in enumerate(gates):
        wide = set(fanins)
        for f in sorted(fanins, key=lambda f: uses[f]):
            inner = _inverted_nor(net, gates, f)
            if inner and len(wide - {f} | set(inner)) <= fan_in:
                wide = wide - {f} | set(inner)
        gates[k] = tuple(sorted(wide))
    return swept(NorNet(net.inputs, tuple(gates), net.outputs))


def _inverted_nor(net: NorNet, gates: list[Gate], node: int) -> Gate:
    """Give the inputs of the NOR whose inverse a node is; none where it is something else."""
    if node < net.first or len(gates[node - net.first]) != 1:
        return ()
    inner = gates[node - net.first][0]
    return gates[inner - net.first] if inner >= net.first else ()
