"""Random forests with a variance: a surrogate for spaces where distances mean little.

Breiman 2001, https://doi.org/10.1023/A:1010933404324
Mean and variance over trees and within their leaves, by the law of total variance:
Hutter et al. 2014 ("Algorithm runtime prediction"), section 4.3.2,
https://arxiv.org/abs/1211.0906
A choice has a column for each of its values; a number that is absent is -1, so that a
split can tell absent from present.
"""

import numpy as np
from jaxtyping import Float32, Float64, Int64

from thalweg.spaces import AbstractDiscrete, Space

ABSENT = -1.0


def columns(
    space: Space, u: Float64[np.ndarray, "n d"], *, absent: float = ABSENT
) -> Float32[np.ndarray, "n f"]:
    """The features of canonical rows; `absent` stands for numbers that are."""
    active, blocks = space.active(u), []
    for j, (kind, levels) in enumerate(zip(space.kinds, space.levels, strict=True)):
        here = active[:, j, None]
        if kind == "choice":
            parameter = space.parameters[space.dimensions[j]]
            assert isinstance(parameter, AbstractDiscrete)
            assert levels is not None
            blocks.append(np.eye(levels)[parameter.index(u[:, j])] * here)
        else:
            blocks.append(np.where(here, u[:, j, None], absent))
    return np.concatenate(blocks, axis=1).astype(np.float32)


class Forest:
    """Regression trees on bootstrap samples; what their leaves hold may grow."""

    def __init__(
        self,
        space: Space,
        x: Float64[np.ndarray, "n d"],
        y: Float64[np.ndarray, " n"],
        rng: np.random.Generator,
        *,
        trees: int = 32,
        share: float = 5 / 6,
    ):
        from sklearn.ensemble import RandomForestRegressor

        self.space = space
        model = RandomForestRegressor(
            trees,
            max_features=share,  # of the columns, looked at for each split
            bootstrap=True,
            random_state=int(rng.integers(2**31)),
            n_jobs=1,
        )
        model.fit(columns(space, x), y)
        self.trees = [each.tree_ for each in model.estimators_]
        sizes = [tree.node_count for tree in self.trees]
        self.start = np.concatenate([[0], np.cumsum(sizes)[:-1]])  # of each one's nodes
        self.count = np.concatenate([t.weighted_n_node_samples for t in self.trees])
        self.mean = np.concatenate([tree.value[:, 0, 0] for tree in self.trees])
        impurity = np.concatenate([tree.impurity for tree in self.trees])
        self.spread = impurity * self.count  # the sum of squared distances to the mean

    def leaves(self, u: Float64[np.ndarray, "c d"]) -> Int64[np.ndarray, "c trees"]:
        """The number of the leaf in which each row falls, for each tree."""
        rows = columns(self.space, u)
        found = np.stack([tree.apply(rows) for tree in self.trees], axis=1)
        return found + self.start

    def predict(
        self, leaves: Int64[np.ndarray, "c trees"]
    ) -> tuple[Float64[np.ndarray, " c"], Float64[np.ndarray, " c"]]:
        """Mean and variance at rows with these `leaves`."""
        mean = self.mean[leaves]
        within = self.spread[leaves] / self.count[leaves]
        return mean.mean(1), mean.var(1) + within.mean(1)

    def believe(self, leaves: Int64[np.ndarray, " trees"]) -> None:
        """Counts a row with these `leaves` as observed at its mean, in every tree."""
        value, count = self.mean[leaves].mean(), self.count[leaves]
        off = value - self.mean[leaves]
        self.mean[leaves] += off / (count + 1)
        self.spread[leaves] += off**2 * count / (count + 1)
        self.count[leaves] += 1
