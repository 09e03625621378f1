"""One thread for small matrices.

A model of a few hundred trials gains nothing from more, loses a factor of ten where
other programs keep the cores busy, and would round differently for another number of
threads.
"""

from functools import cache
from typing import Any


@cache
def _controller() -> Any:
    import scipy.linalg  # noqa: F401 its BLAS must be loaded to be found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def one_thread() -> Any:
    """A context in which BLAS uses one thread."""
    return _controller().limit(limits=1, user_api="blas")
