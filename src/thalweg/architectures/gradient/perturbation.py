"""Selection by perturbation: a candidate is worth what the supernet loses without it.

Wang et al. 2021, "Rethinking Architecture Selection in Differentiable NAS" (DARTS-PT),
Algorithm 1, https://arxiv.org/abs/2108.04392
Choices are settled one after another in a random order, and the weights are tuned after
each. Alphas only say how strongly a candidate is mixed in, and a skip is mixed in
strongly because it is close to what the others make of their input.
Departs from the paper: by the validation loss, not the accuracy, which on few rows
doesn't tell candidates apart.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from jaxtyping import Float

Allowed: TypeAlias = dict[str, Float[np.ndarray, " k"]]


def select(
    allowed: Mapping[str, Float[np.ndarray, " k"]],
    losses: Callable[[list[Allowed]], Float[np.ndarray, " n"]],
    tune: Callable[[Allowed], None],
    *,
    seed: int = 0,
) -> Allowed:
    """What is allowed when every choice is settled: one-hot.

    **losses**: validation losses of the supernet under restrictions. **tune**: trains
    its weights under one.
    """
    now = {label: np.array(mask, np.float32) for label, mask in allowed.items()}
    for label in np.random.default_rng(seed).permutation(sorted(now)).tolist():
        several = np.flatnonzero(now[label])
        if len(several) < 2:
            continue
        without = []
        for index in several:
            mask = now[label].copy()
            mask[index] = 0
            if len(several) == 2:  # 1 alone would mean that it is settled
                mask *= np.float32(1 - 1e-6)
            without.append(now | {label: mask})
        worst = several[int(np.nanargmax(losses(without)))]
        now[label] = np.eye(len(now[label]), dtype=np.float32)[worst]
        tune(now)
    return now
