"""Features in which the distances of mixed and conditional configurations are right.

A numeric or ordinal dimension is its coordinate. A choice is one-hot over √2, so that
any two values are one apart (Hamming). A dimension that may be absent is bent to an arc
of radius one around its absent value: present values keep their distances to within
5 %, and each is one away from "absent" (Swersky et al. 2014, "Raiders of the Lost
Architecture", https://arxiv.org/abs/1409.4011). Distances are Euclidean throughout, so
that every stationary kernel on them is positive definite.
"""

import numpy as np
from jaxtyping import Float64, Int64

from thalweg.spaces import AbstractDiscrete, Space
from thalweg.surrogates.kumaraswamy import Shapes, bend, slope


class Embedding:
    """The map from the unit cube to features, each belonging to one dimension.

    With `shapes`, numeric and ordinal coordinates are bent first (`kumaraswamy`). With
    `levelled`, a row has one dimension more: how long it was trained, 1 if in full.
    """

    def __init__(
        self, space: Space, shapes: Shapes | None = None, *, levelled: bool = False
    ):
        self.space, self.shapes = space, shapes
        self.levelled, self.dim = levelled, space.dim + levelled
        group: list[int] = []
        for j, (kind, levels, conditional) in enumerate(
            zip(space.kinds, space.levels, space.conditional, strict=True)
        ):
            if kind == "choice":
                assert levels is not None
                group += [j] * (levels + conditional)
            else:
                group += [j] * (2 if conditional else 1)
        group += [space.dim] * levelled
        self.group: Int64[np.ndarray, " f"] = np.array(group, np.int64)

    def features(
        self,
        u: Float64[np.ndarray, "n d"],
        level: Float64[np.ndarray, " n"] | None = None,
    ) -> Float64[np.ndarray, "n f"]:
        """The features of canonical rows, at `level`s where they are not all 1."""
        found = self.with_slopes(u)[0]
        if level is not None:
            found[:, -1] = level
        return found

    def with_slopes(
        self, u: Float64[np.ndarray, "n d"]
    ) -> tuple[Float64[np.ndarray, "n f"], Float64[np.ndarray, "n f"]]:
        """The features of rows trained in full, and the derivative of each in its own
        dimension's coordinate.
        """
        space, active = self.space, self.space.active(u)
        values = np.zeros((len(u), len(self.group)))
        slopes = np.zeros_like(values)
        values[:, len(self.group) - self.levelled :] = 1.0
        bent, rate = u, np.ones_like(u)
        if self.shapes is not None:
            bent, rate = bend(u, self.shapes), slope(u, self.shapes)
        start = 0
        for j, kind in enumerate(space.kinds):
            here, x, levels = active[:, j], bent[:, j], space.levels[j]
            if kind == "choice":
                parameter = space.parameters[space.dimensions[j]]
                assert isinstance(parameter, AbstractDiscrete)
                assert levels is not None
                # the cell after the last is "absent"
                cell = np.where(here, parameter.index(u[:, j]), levels)
                values[np.arange(len(u)), start + cell] = np.sqrt(0.5)
                start += levels + space.conditional[j]
            elif space.conditional[j]:
                values[:, start] = np.where(here, np.cos(x), 0.0)
                values[:, start + 1] = np.where(here, np.sin(x), 0.0)
                slopes[:, start] = -values[:, start + 1] * rate[:, j]
                slopes[:, start + 1] = values[:, start] * rate[:, j]
                start += 2
            else:
                values[:, start] = x
                slopes[:, start] = rate[:, j]
                start += 1
        return values, slopes
