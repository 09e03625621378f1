"""Selection by perturbation: a candidate is worth what the supernet loses without it.

Wang et al. 2021, "Rethinking Architecture Selection in Differentiable NAS" (DARTS-PT),
Algorithm 1, https://arxiv.org/abs/2108.04392
Choices are settled one after another in a random order, and the weights are tuned after
each. Alphas only say how strongly a candidate is mixed in, and a skip is mixed in
strongly because it is close to what the others make of their input.
Departs from the paper: by the validation loss, not the accuracy, which on few rows
doesn't tell candidates apart; and once so many skips are settled as the answer may
have, the supernet goes on without those of the other choices.
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float

Allowed: TypeAlias = dict[str, Float[np.ndarray, " k"]]


def select(
    allowed: Mapping[str, Float[np.ndarray, " k"]],
    losses: Callable[[list[Allowed]], Float[np.ndarray, " n"]],
    tune: Callable[[Allowed], None],
    *,
    skips: Mapping[str, Bool[np.ndarray, " k"]],
    most_skips: int,
    seed: int = 0,
) -> Allowed:
    """What is allowed when every choice is settled: one-hot.

    **losses**: validation losses of the supernet under restrictions. **tune**: trains
    its weights under one. **skips**: which candidates are; a choice between nothing
    else may exceed `most_skips`.
    """
    now = {label: np.array(mask, np.float32) for label, mask in allowed.items()}
    order = np.random.default_rng(seed).permutation(sorted(now)).tolist()
    taken = 0
    for place, label in enumerate(order):
        if taken >= most_skips:
            now |= {k: _without(now[k], skips[k]) for k in order[place:]}
        several = np.flatnonzero(now[label])
        if len(several) < 2:
            continue
        found = losses(
            [now | {label: _lacking(now[label], i)} for i in several.tolist()]
        )
        worst = several[int(np.nanargmax(found))]
        now[label] = np.eye(len(now[label]), dtype=np.float32)[worst]
        taken += bool(skips[label][worst])
        tune(now)
    return now


def _lacking(mask: Float[np.ndarray, " k"], index: int) -> Float[np.ndarray, " k"]:
    """All that the mask allows, but one."""
    left = mask.copy()
    left[index] = 0
    # 1 alone would mean that it is settled
    return left * np.float32(1 - 1e-6) if left.sum() == 1 else left


def _without(
    mask: Float[np.ndarray, " k"], skips: Bool[np.ndarray, " k"]
) -> Float[np.ndarray, " k"]:
    """What the mask allows and is no skip, if there is any."""
    left = np.where(skips, 0, mask)
    return left if left.any() else mask
