"""What makes a configuration worth a trial, given the models' means and deviations.

A merit is a function of the moments of `k` models at `n` rows, all arrays `[k, n]`, so
that its gradient follows from theirs. Losses are minimised; merits are maximised.

Expected improvement of the hypervolume: Emmerich et al. 2006,
https://doi.org/10.1109/TEVC.2005.859463, by disjoint boxes as in Daulton et al. 2020,
https://arxiv.org/abs/2006.05078
Feasibility: Gardner et al. 2014, https://proceedings.mlr.press/v32/gardner14.html
Improvement per second: Snoek et al. 2012, section 3.2, https://arxiv.org/abs/1206.2944
Confidence bounds: Srinivas et al. 2010, https://arxiv.org/abs/0912.3995
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from jaxtyping import Float64
from scipy.special import log_ndtr, logsumexp

from thalweg.surrogates.acquisition import log_expected_improvement
from thalweg.surrogates.pareto import nondominated

FRONT = {1: 1, 2: 64, 3: 12}  # rows of a front that are cut into boxes, at most
MANY = 6  # rows, of more objectives than that


class AbstractMerit(ABC):
    """A function of moments to be maximised."""

    @abstractmethod
    def __call__(
        self, mean: Float64[np.ndarray, "k n"], deviation: Float64[np.ndarray, "k n"]
    ) -> Float64[np.ndarray, " n"]:
        """The merit of each column."""

    @abstractmethod
    def after(self, mean: Float64[np.ndarray, " k"]) -> "AbstractMerit":
        """The merit once a row of these means counts as observed."""


@dataclass(frozen=True)
class Improvement(AbstractMerit):
    """The log expected improvement of one loss on `best`."""

    best: float

    def __call__(
        self, mean: Float64[np.ndarray, "k n"], deviation: Float64[np.ndarray, "k n"]
    ) -> Float64[np.ndarray, " n"]:
        """`log E[max(best - f, 0)]`."""
        return log_expected_improvement(mean[0], deviation[0], self.best)

    def after(self, mean: Float64[np.ndarray, " k"]) -> "Improvement":
        """Improve on that, too."""
        return Improvement(min(self.best, float(mean[0])))


class Hypervolume(AbstractMerit):
    """The log expected growth of the volume that a front of losses dominates.

    The part of the box below `reference` that no row dominates is cut into disjoint
    boxes. The objectives' models are independent, and so a box contributes the product
    of its sides' expected improvements.
    """

    def __init__(
        self,
        losses: Float64[np.ndarray, "n m"],
        reference: Float64[np.ndarray, " m"],
    ):
        inside = (losses < reference).all(1)
        front = losses[inside][nondominated(losses[inside])]
        most = FRONT.get(len(reference), MANY)
        if len(front) > most:  # evenly along the first objective
            along = np.argsort(front[:, 0], kind="stable")
            front = front[along[np.linspace(0, len(front) - 1, most).astype(int)]]
        self.front, self.reference = front, reference
        low, high = zip(*_boxes(front, reference), strict=True)
        self.low, self.high = np.array(low), np.array(high)

    def __call__(
        self, mean: Float64[np.ndarray, "k n"], deviation: Float64[np.ndarray, "k n"]
    ) -> Float64[np.ndarray, " n"]:
        """`log E[volume gained]`, exact."""
        total = np.zeros((len(self.low), mean.shape[1]))
        for j in range(len(self.reference)):
            edges, place = np.unique(
                np.concatenate([self.low[:, j], self.high[:, j]]), return_inverse=True
            )
            with np.errstate(invalid="ignore"):
                gain = np.stack(
                    [
                        np.full(mean.shape[1], -np.inf)
                        if np.isneginf(edge)
                        else log_expected_improvement(mean[j], deviation[j], edge)
                        for edge in edges
                    ]
                )
            below, above = gain[place[: len(self.low)]], gain[place[len(self.low) :]]
            # log(exp(above) - exp(below)), the side's expected length
            gap = np.minimum(below - above, -1e-12)
            total += above + np.log(-np.expm1(gap))
        return np.asarray(logsumexp(total, axis=0))

    def after(self, mean: Float64[np.ndarray, " k"]) -> "Hypervolume":
        """With that row in the front."""
        row = mean[None, : len(self.reference)]
        return Hypervolume(np.concatenate([self.front, row]), self.reference)


def _boxes(
    front: Float64[np.ndarray, "n m"], reference: Float64[np.ndarray, " m"]
) -> list[tuple[list[float], list[float]]]:
    """Disjoint boxes that fill what lies below `reference` and is not dominated."""
    if len(reference) == 1:
        top = min(front[:, 0].min(initial=np.inf), reference[0])
        return [([-np.inf], [float(top)])]
    edges = [-np.inf, *np.unique(front[:, -1]).tolist(), float(reference[-1])]
    return [
        ([*low, bottom], [*high, top])
        for bottom, top in pairwise(edges)
        for low, high in _boxes(front[front[:, -1] <= bottom, :-1], reference[:-1])
    ]


@dataclass(frozen=True)
class Bound(AbstractMerit):
    """What a gain would be at the optimistic ends of the confidence intervals."""

    gain: "Improvement | Hypervolume"
    width: float = 2.0  # in deviations

    def __call__(
        self, mean: Float64[np.ndarray, "k n"], deviation: Float64[np.ndarray, "k n"]
    ) -> Float64[np.ndarray, " n"]:
        """Of one loss how low it may be, negated; of several the volume's logarithm."""
        low = mean - self.width * deviation
        if isinstance(self.gain, Improvement):
            return -low[0]
        return self.gain(low, 1e-3 * deviation)

    def after(self, mean: Float64[np.ndarray, " k"]) -> "Bound":
        """The deviations shrink, and a front has one row more."""
        return replace(self, gain=self.gain.after(mean))


@dataclass(frozen=True)
class Merit(AbstractMerit):
    """A merit of the first models, times feasibility, divided by cost.

    The models' order: objectives, then constraints, feasible below zero, then perhaps
    the logarithm of the cost. With no `gain` all that counts is to be feasible.
    """

    gain: AbstractMerit | None
    constraints: int = 0
    cost: float = 0.0  # seconds' logarithm per unit of the last model; 0: no such model

    def __call__(
        self, mean: Float64[np.ndarray, "k n"], deviation: Float64[np.ndarray, "k n"]
    ) -> Float64[np.ndarray, " n"]:
        """The logarithm of the product."""
        _, limited, cost = self.parts(mean)
        value = log_ndtr(-limited / self.parts(deviation)[1]).sum(0)
        if self.gain is not None:
            value = value + self.gain(mean, deviation)
        return value - self.cost * cost.sum(0)

    def after(self, mean: Float64[np.ndarray, " k"]) -> "Merit":
        """Of the gain; a row that is not feasible is nothing to improve on."""
        if self.gain is None or (self.parts(mean)[1] > 0).any():
            return self
        return replace(self, gain=self.gain.after(mean))

    def parts(self, models: Any) -> tuple[Any, Any, Any]:
        """What belongs to objectives, constraints and cost, of a sequence of models."""
        last = len(models) - bool(self.cost)
        first = last - self.constraints
        return models[:first], models[first:last], models[last:]
