"""Kron as pytorch_optimizer has it, with our probes in the place of normal ones.

Its random numbers would differ from any other program's, so the signs that ours draws
are given to it: `thalweg.core.rng.bits` in NumPy. Triangular systems are solved in
double precision, not in single.
"""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytorch_optimizer as po
import torch
from pytorch_optimizer.optimizer import psgd

GOLDEN = 0x9E3779B9


@contextmanager
def signs(leaves: int) -> Iterator[None]:
    """Every optimizer made inside, on so many arrays, draws our probes."""
    made, number = [], itertools.count()

    def probe(like: torch.Tensor, **_: Any) -> torch.Tensor:
        step, leaf = made[-1].param_groups[0]["step"] - 1, next(number) % leaves
        seed = mix(mix(mix(step)) + np.uint64((leaf + 1) * GOLDEN))
        place = np.arange(like.numel(), dtype=np.uint64)
        words = mix(place * np.uint64(GOLDEN) + mix(seed))
        values = np.where(words >> np.uint64(31), -1.0, 1.0)
        return torch.tensor(values.reshape(like.shape))

    class Remembered(po.Kron):
        def __init__(self, *args: Any, **kwargs: Any):
            super().__init__(*args, **kwargs, precondition_dtype=torch.float64)
            np.random.seed(0)  # noqa: NPY002 - by which it balances, to rounding errors
            made.append(self)

    kept = torch.randn_like, psgd.solve_triangular_right, po.Kron
    torch.randn_like, psgd.solve_triangular_right, po.Kron = probe, solve, Remembered
    try:
        yield
    finally:
        torch.randn_like, psgd.solve_triangular_right, po.Kron = kept


def kron(*args: Any, **kwargs: Any) -> torch.optim.Optimizer:
    """The class as it is at the time of the call."""
    return po.Kron(*args, **kwargs)


kron.__name__ = "Kron"


class Falling:
    """A schedule of refreshes: all of ten steps, then ever fewer."""

    def __call__(self, step: int) -> torch.Tensor:
        schedule = psgd.precondition_update_prob_schedule
        return schedule(min_prob=0.1, decay=0.1, flat_start=10)(step)

    def __repr__(self) -> str:
        return "schedule(min_prob=0.1, decay=0.1, flat_start=10)"


def solve(x: torch.Tensor, a: torch.Tensor) -> torch.Tensor:
    rows = x.reshape(-1, x.shape[-1])
    return torch.linalg.solve_triangular(a, rows, upper=True, left=False).view_as(x)


def mix(x: Any) -> Any:
    """The words of `thalweg.core.rng.mix`."""
    x = np.asarray(x, np.uint64).astype(np.uint32)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        x = (x ^ (x >> np.uint32(shift))).astype(np.uint64) * np.uint64(factor)
        x = x.astype(np.uint32)
    return (x ^ (x >> np.uint32(16))).astype(np.uint64)
