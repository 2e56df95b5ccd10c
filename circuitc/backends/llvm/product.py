"""Products with constant matrices, register-blocked: a tile of rows times a panel of outputs in one loop.

Each step along the summed index loads the weights of a panel once and multiplies them with one element of each row, so
that weights are read once for ROWS rows. A matrix-vector product has one row and takes several panels at a time, so
that as many sums are under way as the multiplier's latency asks for.
"""

from __future__ import annotations

from typing import Any

import llvmlite.ir as ir
import numpy as np
from numpy.typing import NDArray

from circuitc.ir import Node, fixed
from circuitc.ir.ops.reductions import Subscripts

from .body import Body, Leaf, Loops, View, offset_of
from .kernel import index, number
from .memory import ALIGN, I8, I32, I64, element_type, is_signed, storage_bits
from .product_kept import Kept, pairs_of, sum_pairs, without_zeros
from .product_plan import Axes, Plan, planned, row_major_steps
from .product_rows import lies_in_words, pack_rows
from .reductions import REASSOCIATE
from .semiring import Sums

ROWS = 6         # with 4 vectors of outputs these are 24 sums of 32 registers, with 2 they are 12 of 16
_UNDER_WAY = 8   # sums that a matrix-vector product keeps going: two multipliers of latency 4
_NEAR = 64 << 10  # bytes of a matrix of which much lies in the first cache: latency limits, else what is read
_SWINGS = range(32 << 10, 128 << 10)  # bytes of a matrix that the first cache holds in part, see `_Tiles._turn`
_WEIGHTS, _CORRECTION, _PACKED, _TURN, _STARTS, _WORDS = range(-1, -7, -1)  # leaves that are no operands


def contract_product(body: Body, node: Node, subs: Subscripts, sums: Sums, out: View) -> bool:
    """Write a (+,*) product of a constant matrix and activations; False where the contraction is another."""
    plan = planned(body, node, subs, sums, out)
    if plan is None:
        return False
    plan = without_zeros(plan)
    source, rows, summed = _activations(body, plan)
    leaves: dict[int, Leaf] = {_WEIGHTS: _data(body, plan.packed.data), _PACKED: source}
    if plan.form.correction is not None:
        leaves[_CORRECTION] = _data(body, plan.form.correction.astype(np.int32))
    if sums.init is not None:
        leaves[node.operands[-1]] = body.leaf(node.operands[-1])
    if isinstance(plan.packed, Kept):
        leaves |= {_STARTS: _data(body, plan.packed.starts), _WORDS: _data(body, plan.packed.words)}
    if plan.rows.count == 1 and plan.packed.data.nbytes in _SWINGS:
        leaves[_TURN] = body.lasting(fixed(32, 0, (1,)))
    with Loops(body, out, leaves, "product", shape=(), joined=False) as loops:
        _Tiles(loops, plan, sums, node, subs, rows, summed).write()
    if source is not plan.view:
        body.release(source)
    return True


def _activations(body: Body, plan: Plan) -> tuple[View, Axes, Axes]:
    """Give activations as they are read, with the steps of rows and along the sum: in elements, of words in bytes."""
    if not plan.form.packs:
        return plan.view, plan.rows_in, plan.summed
    groups = plan.packed.groups
    if lies_in_words(plan):
        size = storage_bits(plan.view.type) // 8
        return plan.view, Axes(plan.rows_in.sizes, tuple(s * size for s in plan.rows_in.steps)), Axes((groups,), (4,))
    return pack_rows(body, plan), Axes((plan.rows.count,), (4 * groups,)), Axes((groups,), (4,))


def _data(body: Body, array: NDArray[Any]) -> View:
    return View(body.unit.data(array), (1,), fixed(32, 0, (1,)))


class _Tiles:
    """The loops of one product inside its kernel."""

    def __init__(self, loops: Loops, plan: Plan, sums: Sums, node: Node, subs: Subscripts, rows_in: Axes,
                 summed: Axes) -> None:
        self.loops, self.plan, self.sums, self.node, self.subs = loops, plan, sums, node, subs
        self.kernel, self.form = loops.kernel, plan.form
        self.rows_in, self.summed = rows_in, summed
        self.rows = min(ROWS, plan.rows.count)
        self.kind = ir.VectorType(self.form.lane, self.form.lanes)

    def write(self) -> None:
        p = self.plan.packed
        abreast = self._abreast()
        many, single = divmod(p.full, abreast)
        width = p.vectors * self.form.lanes
        if many:
            first, step = self._turn(many)
            with self.kernel.loop(many) as k:
                at = self.kernel.builder.add(first, self.kernel.builder.mul(k, step))
                self._panels(self.kernel.builder.mul(at, index(abreast)), abreast, p.vectors, abreast * width)
        if single:
            with self.kernel.loop(p.full, p.full - single) as k:
                self._panels(k, 1, p.vectors, width)
        if p.rest:
            self._panels(index(p.full), 1, p.last, p.rest)

    def _abreast(self) -> int:
        """Choose how many panels are multiplied at a time."""
        p = self.plan.packed
        if isinstance(p, Kept):
            return 1
        if p.data.nbytes > (_SWINGS.start if p.full < 4 else _NEAR):
            return 1
        sums = p.vectors * self.rows
        even = [n for n in range(1, 2 * _UNDER_WAY // sums + 1) if p.full % n == 0 and n * sums >= _UNDER_WAY]
        return max(even, default=max(1, _UNDER_WAY // sums))

    def _turn(self, many: int) -> tuple[Any, Any]:
        """Give the first of many panels and the step to the next: forward, or every other time backward.

        A matrix that is larger than the first cache drives itself out of it, read from first to last step after step.
        Read to and fro, what was read last is still there.
        """
        if _TURN not in self.loops.views or many == 1:
            return index(0), index(1)
        b, place = self.kernel.builder, self.loops.views[_TURN].pointer
        turn = b.xor(self.kernel.load(place, I32), number(32, 1))
        b.store(turn, place)
        back = b.zext(b.and_(turn, number(32, 1)), I64)
        return b.mul(back, index(many - 1)), b.sub(index(1), b.mul(back, index(2)))

    def _panels(self, first: Any, abreast: int, vectors: int, outputs: int) -> None:
        """Multiply all rows with `abreast` panels from `first` on, a tile of rows at a time."""
        kernel, b = self.kernel, self.kernel.builder
        width = abreast * vectors * self.form.lanes
        tile = kernel.slot(self.form.lane, self.rows * width)
        with kernel.loop(-(-self.plan.rows.count // self.rows)) as t:
            places = [self._row(t, index(s)) for s in range(self.rows)]
            kept = isinstance(self.plan.packed, Kept)
            slots = self._multiply_kept(first) if kept else self._multiply(first, places, abreast, vectors)
            for k, slot in enumerate(slots):
                b.store(kernel.load(slot, self.kind), kernel.at(tile, k * self.form.lanes, self.form.lane))
            with kernel.loop(self.rows) as s, kernel.loop(outputs) as j:
                place = kernel.at(tile, b.add(b.mul(s, index(width)), j), self.form.lane)
                self._finish(place, self._row(t, s), first, j)

    def _row(self, t: Any, s: Any) -> Any:
        """Give the number of a row of a tile; where rows do not fill the last tile, the last row again."""
        b, count = self.kernel.builder, self.plan.rows.count
        row = b.add(b.mul(t, index(self.rows)), s)
        if count % self.rows == 0:
            return row
        return b.select(b.icmp_unsigned("<", row, index(count)), row, index(count - 1))

    def _multiply(self, first: Any, places: list[Any], abreast: int, vectors: int) -> list[Any]:
        """Sum along the summed index; answer slots of sums [row][panel][vector]."""
        kernel, b, form, p = self.kernel, self.kernel.builder, self.form, self.plan.packed
        cell = p.groups * p.vectors * form.lanes * self._per_lane     # weights of a whole panel
        weights = kernel.at(self.loops.views[_WEIGHTS].pointer, b.mul(first, index(cell)), form.weight)
        x = self.loops.views[_PACKED].pointer
        unit = I8 if form.packs else element_type(self.plan.view.type)
        rows = [kernel.at(x, self.rows_in.offset(kernel, place), unit) for place in places]
        slots = [self._slot() for _ in range(len(rows) * abreast * vectors)]
        flat = row_major_steps(self.summed.sizes)
        with kernel.loops(self.summed.sizes) as indices:
            step = b.mul(offset_of(kernel, indices, flat), index(vectors * form.lanes * self._per_lane))
            here = kernel.at(weights, step, form.weight)
            loaded = [self._weights(kernel.at(here, a * cell + v * form.lanes * self._per_lane, form.weight))
                      for a in range(abreast) for v in range(vectors)]
            offset = offset_of(kernel, indices, self.summed.steps)
            for r, row in enumerate(rows):
                xs = self._activation(kernel.at(row, offset, unit))
                for v, w in enumerate(loaded):
                    slot = slots[r * len(loaded) + v]
                    b.store(self._step(kernel.load(slot, self.kind), w, xs), slot)
        return slots

    def _multiply_kept(self, panel: Any) -> list[Any]:
        """Sum a panel's kept steps for the one row there is; answer slots of sums [vector]."""
        kernel, b, kept, views = self.kernel, self.kernel.builder, self.plan.packed, self.loops.views
        assert isinstance(kept, Kept)
        starts, words, weights, x = (views[k].pointer for k in (_STARTS, _WORDS, _WEIGHTS, _PACKED))
        even, odd = slots = [[self._slot() for _ in range(kept.vectors)] for _ in (0, 1)]
        pairs = pairs_of(kernel, kept, self.form, starts, words, weights, panel)
        sum_pairs(kernel, kept, self.form, pairs, x, slots)
        for slot, other in zip(even, odd, strict=True):
            b.store(b.add(kernel.load(slot, self.kind), kernel.load(other, self.kind)), slot)
        return even

    @property
    def _per_lane(self) -> int:
        """Stored weights a lane takes in one step."""
        return 1 if self.form.group == 32 else self.form.group

    def _slot(self) -> Any:
        slot = self.kernel.slot(self.kind)
        slot.align = ALIGN
        self.kernel.builder.store(ir.Constant(self.kind, None), slot)
        return slot

    def _weights(self, pointer: Any) -> Any:
        """Load a vector of weights, in the type that is multiplied."""
        form, b = self.form, self.kernel.builder
        loaded = self.kernel.load(pointer, ir.VectorType(form.weight, form.lanes * self._per_lane))
        loaded.align = 4
        if form.kind == "pairs":
            wide = ir.VectorType(ir.IntType(16), 2 * form.lanes)
        elif form.kind == "plain":
            wide = self.kind
        else:
            return loaded
        return loaded if loaded.type == wide else b.sext(loaded, wide)

    def _activation(self, pointer: Any) -> Any:
        """Load an element of a row, or a word of them, into all lanes."""
        form, kernel, t = self.form, self.kernel, self.plan.view.type
        if form.packs:
            x = kernel.load(pointer, I32)
            x.align = 1
        else:
            x = kernel.load(pointer, element_type(t))
            x = x if t.is_float else kernel.resize(x, is_signed(t), form.lane.width)
        b = kernel.builder
        one = b.insert_element(ir.Constant(self.kind, ir.Undefined), x, number(32, 0))
        return b.shuffle_vector(one, ir.Constant(self.kind, ir.Undefined),
                                ir.Constant(ir.VectorType(I32, form.lanes), None))

    def _step(self, total: Any, w: Any, x: Any) -> Any:
        """Add the products of one step."""
        kernel, b, form = self.kernel, self.kernel.builder, self.form
        bits = form.lanes * 32
        match form.kind:
            case "floats":
                return b.fadd(total, b.fmul(w, x, flags=REASSOCIATE), flags=REASSOCIATE)
            case "plain":
                return b.add(total, b.mul(w, x))
            case "bytes":
                kind = ir.VectorType(I8, 4 * form.lanes)
                return kernel.intrinsic(f"llvm.x86.avx512.vpdpbusd.{bits}", self.kind, [total, b.bitcast(x, kind), w])
            case "pairs":
                name = {128: "sse2.pmadd.wd", 256: "avx2.pmadd.wd", 512: "avx512.pmaddw.d.512"}[bits]
                products = kernel.intrinsic(f"llvm.x86.{name}", self.kind, [w, b.bitcast(x, w.type)])
                return b.add(total, products)
            case "xor" | "and":
                together = b.xor(w, x) if form.kind == "xor" else b.and_(w, x)
                return b.add(total, kernel.intrinsic(f"llvm.ctpop.v{form.lanes}i32", self.kind, [together]))

    def _finish(self, place: Any, row: Any, first: Any, j: Any) -> None:
        """Bring one sum into the result."""
        kernel, b, form, sums = self.kernel, self.kernel.builder, self.form, self.sums
        total = kernel.load(place, form.lane)
        output = b.add(b.mul(first, index(self.plan.packed.vectors * form.lanes)), j)
        if form.factor != 1:
            total = b.mul(total, number(32, form.factor))
        if form.correction is not None:
            total = b.add(total, kernel.load(kernel.at(self.loops.views[_CORRECTION].pointer, output, I32), I32))
        at = b.add(self.plan.rows.offset(kernel, row), self.plan.outputs.offset(kernel, output))
        init = self._init(row, output) if sums.init is not None else None
        total = sums.completed(kernel, total, init)
        b.store(sums.finish(kernel, total), kernel.at(kernel.arguments[0], at, element_type(self.loops.out.type)))

    def _init(self, row: Any, output: Any) -> Any:
        """Load what a sum starts from."""
        operand, kernel = self.node.operands[-1], self.kernel
        if operand in self.loops.values:
            return self.loops.values[operand]
        view = self.loops.views[operand]
        steps = dict(zip(self.subs.result, view.strides, strict=True))
        rows, outputs = (Axes(tuple(self.subs.sizes[c] for c in letters), tuple(steps[c] for c in letters)).joined()
                         for letters in (self.plan.row_letters, self.plan.output_letters))
        at = kernel.builder.add(rows.offset(kernel, row), outputs.offset(kernel, output))
        return kernel.load(kernel.at(view.pointer, at, element_type(view.type)), element_type(view.type))
