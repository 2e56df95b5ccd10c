"""What a stepped func computes of its items alone, for several steps at once: a recurrent network's input products.

The part of a body that no register goes into is cut off and written over a block of items, as batch.py writes graphs
over samples, so that its weights are read once a block. Steps then find their share of it in working memory.
"""

from __future__ import annotations

from circuitc.ir import Func, Graph, Node

from .batch import takes
from .invariant import Split, cut

ITEMS = 6            # steps in a block: one tile of rows (product.ROWS)
_FEWEST = 1 << 10    # weights for which it pays


def ahead_of(func: Func, body: Graph) -> Split:
    """Cut the products of items off a body; `before` is None where there are none, or too small ones to gain.

    The body's first inputs are the func's, then its registers. An `until` func, which may not reach its last items,
    stays whole.
    """
    items = tuple(k for k, p in enumerate(func.inputs) if func.is_stepped(p))
    whole = Split(items, None, body)
    if not func.registers or not items or func.schedule.kind == "until":
        return whole
    free: list[bool] = []    # no register goes into it, nor what is computed once a call
    early: list[bool] = []   # and a product with a dense matrix does
    weights = 0
    for value, node in enumerate(body.nodes):
        free.append(value in items if value < body.inputs else all(free[v] for v in node.operands))
        dense = [body.nodes[v].type.size for v in node.operands[:2] if body.nodes[v].is_constant and (
            _kept_dense(body.nodes[v]))] if node.op == "contract" and free[value] else []
        early.append(free[value] and (bool(dense) or any(early[v] for v in node.operands)))
        if dense and value in body.live:
            weights += max(dense)
    if weights < _FEWEST:
        return whole
    found = cut(body, items, early)
    return found if found.before is not None and takes(found.before) else whole


def _kept_dense(constant: Node) -> bool:
    """Tell whether a block of items is multiplied by all numbers of a matrix: integers are, whatever its storage."""
    storage = constant.constant.storage
    return storage == "dense" or (storage != "columns" and constant.type.is_exact)
