"""The normal form of a neuron, and the certificate that it is a majority of k inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate


@dataclass(frozen=True, slots=True)
class Normal:
    """A neuron as a self-dual gate that never ties: +1 where `sum(sign[i] * size[i] * x[place[i]]) > 0`.

    A neuron is `w.x > t` over spins with integer w and t, which is `2w.x - (2t+1) > 0`; that number is odd, so
    it is never 0. With the constant input x[0] = -1 the neuron is the gate with weights (2t+1, 2w): no threshold,
    no tie, and self-dual, f(-x) = -f(x). `size` falls and is never negative; `place` says which input (0 is the
    constant) stands at each position.
    """

    size: tuple[int, ...]
    sign: tuple[int, ...]
    place: tuple[int, ...]

    def weights(self, size: Sequence[int]) -> tuple[int, ...]:
        """Put magnitudes in normal order back: the constant's weight (the threshold) first, then the inputs'."""
        result = [0] * len(self.place)
        for place, sign, number in zip(self.place, self.sign, size, strict=True):
            result[place] = sign * int(number)
        return tuple(result)


def normal_form(threshold: int, weights: Sequence[int]) -> Normal:
    """Give the normal form of `weights . x > threshold`."""
    doubled = [2 * threshold + 1, *(2 * w for w in weights)]
    place = sorted(range(len(doubled)), key=lambda i: (-abs(doubled[i]), i))
    ordered = [doubled[i] for i in place]
    return Normal(tuple(map(abs, ordered)), tuple(-1 if w < 0 else 1 for w in ordered), tuple(place))


def certify(size: Sequence[int]) -> int | None:
    """Find the odd k for which a gate is exactly the majority of its k largest inputs, for all 2**m inputs.

    Let u be the magnitudes in falling order, z the inputs with signs taken in, and s = (1,..,1,0,..,0) with k ones,
    k odd. For any scale c > 0 write `u.z = c (s.z) + (u - c s).z`. Since k is odd, |s.z| >= 1; and |(u - c s).z| is at
    most the L1 distance. So **if sum_i |u_i - c s_i| < c for some c, both gates are equal on all inputs** (with
    boolearn's normalisation and c = sqrt(m/k) this is the certificate `sum |w - snapped| < sqrt(m/k)`).
    The left side minus c is convex and piecewise linear in c; its slope, (how many of the k are below c) - (how many
    are above) - 1, is 0 just above the median, so the best c is the median of u_1..u_k. With j = (k-1)/2 the absolute
    values open up to

        u_1 + .. + u_j + (u_{k+1} + .. + u_m)  <  u_{j+1} + .. + u_k

    which has integers only. It is also necessary: the input where the j largest and all the rest are -1 has
    s.z = +1, and u.z is the right side minus the left. So at most one k passes.
    """
    total = [0, *accumulate(size)]
    for k in range(1, len(size) + 1, 2):
        j = (k - 1) // 2
        if total[j] + total[-1] - total[k] < total[k] - total[j]:
            return k
    return None
