"""Names of gates across an optimizer that knows none: a gate that came back as it was keeps its name."""

from __future__ import annotations

import numpy as np

from circuitc.ir import Netlist, aig

from ..gates.hashing import share_pairs


def keep_names(before: Netlist, after: Netlist) -> Netlist:
    """Give `after` with the names of those gates of `before` whose cone of ANDs it still has; both are of ANDs.

    Both are hashed into one netlist over the same inputs, where such gates become one. Names of inputs all stay.
    """
    if not before.names or not after.is_aig:
        return after
    first, gates = 1 + before.inputs, before.gates
    shifted = np.where(after.fanin >> 1 >= first, after.fanin + 2 * gates, after.fanin)
    pairs = np.concatenate([before.fanin, shifted]).reshape(-1, 2)
    _, literal = share_pairs(first, pairs)
    own = literal[first + gates:]
    found = {int(new): first + k for k, new in reversed(list(enumerate(own.tolist())))}
    names: dict[int, str] = {}
    for node, name in sorted(before.names.items()):
        new = node if node < first else found.get(int(literal[node]))
        if new is not None:
            names.setdefault(new, name)
    return aig(after.inputs, after.fanin, after.outputs, names)
