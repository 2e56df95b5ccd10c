"""Dense algebra on one thread: blocks of some hundred rows are too small to share.

Where other work runs beside, threads of BLAS that wait for each other cost far more than they save.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, wraps
from typing import ParamSpec, TypeVar

from threadpoolctl import ThreadpoolController

_P = ParamSpec("_P")
_T = TypeVar("_T")


def one_thread(work: Callable[_P, _T]) -> Callable[_P, _T]:
    """Make a function hold BLAS to one thread while it runs, and give it back its threads after."""
    @wraps(work)
    def held(*arguments: _P.args, **options: _P.kwargs) -> _T:
        with _libraries().limit(limits=1, user_api="blas"):
            return work(*arguments, **options)
    return held


@cache
def _libraries() -> ThreadpoolController:
    """Find the libraries that are loaded; looking takes milliseconds, so it is done once."""
    return ThreadpoolController()
