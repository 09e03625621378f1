"""Collapse: a search by gradients that ends with little but skips.

Zela et al. 2020, "Understanding and Robustifying Differentiable Architecture Search",
https://arxiv.org/abs/1909.09656: candidates without parameters need no training, so
early they look best, and what follows trains to lean on them. It shows in the answer,
and before that in a growing curvature of the validation loss.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from thalweg.architectures.gradient.mixtures import is_free, is_skip
from thalweg.architectures.vocabulary import Mix

SKIPS = 0.5  # the share of skips from which on it is called a collapse …
FREE = 0.8  # … and of candidates without parameters


class CollapseWarning(UserWarning):
    """A search by gradients collapsed."""


@dataclass(frozen=True)
class Collapse:
    """What the answer consists of, and whether that is a collapse."""

    skips: float  # share of the choices that hand on their input
    free: float  # share that has no parameters
    growth: float  # of the dominant eigenvalue, last over first; NaN if not measured
    happened: bool

    def __str__(self) -> str:
        grown = ""
        if np.isfinite(self.growth):
            grown = (
                f"; the dominant eigenvalue went to {self.growth:.1f} times its first"
            )
        verdict = "The search collapsed" if self.happened else "No collapse"
        return (
            f"{verdict}: {self.skips:.0%} of the choices are skips and {self.free:.0%} "
            f"have no parameters{grown}."
        )


def collapse_of(
    mixes: Mapping[str, Mix],
    chosen: Mapping[str, int],
    eigenvalues: Sequence[float] | Float[np.ndarray, " t"] = (),
) -> Collapse:
    """The report on the chosen candidates, by label."""
    branches = [mixes[label].branches[index] for label, index in chosen.items()]
    skips = float(np.mean([is_skip(branch) for branch in branches]))
    free = float(np.mean([is_free(branch) for branch in branches]))
    # where no candidate has parameters, or all do, the share says nothing
    kinds = {is_free(branch) for mix in mixes.values() for branch in mix.branches}
    happened = skips >= SKIPS or (len(kinds) == 2 and free >= FREE)
    known = [abs(value) for value in eigenvalues if np.isfinite(value)]
    growth = known[-1] / known[0] if len(known) > 1 and known[0] > 0 else float("nan")
    return Collapse(skips, free, growth, happened)


def limited_skips(
    mixes: Mapping[str, Mix],
    probabilities: Mapping[str, Float[np.ndarray, " k"]],
    most: int,
) -> dict[str, int]:
    """The likeliest candidates with at most so many skips, the likeliest of those.

    Chen et al. 2019, "P-DARTS", section 3.3, https://arxiv.org/abs/1904.12760
    """
    chosen = {label: int(np.argmax(p)) for label, p in probabilities.items()}
    skips = [k for k, i in chosen.items() if is_skip(mixes[k].branches[i])]
    skips.sort(key=lambda label: -probabilities[label][chosen[label]])
    for label in skips[most:]:
        kept = [
            -np.inf if is_skip(branch) else p
            for branch, p in zip(
                mixes[label].branches, probabilities[label], strict=True
            )
        ]
        chosen[label] = int(np.argmax(kept))
    return chosen
