"""A grid over a mixed space, walked like an odometer that skips absent dimensions."""

import numpy as np
from jaxtyping import Float64, Int64

from thalweg.spaces import Space, first_unseen


class Lattice:
    """Finitely many configurations of a space, each once, parents slowest.

    A continuum gives `resolution` values from end to end, a number of more levels than
    that as many of them spread evenly; listed values all take part. Without a
    `resolution`, which needs a finite space, all of its configurations.
    """

    def __init__(self, space: Space, resolution: int | None = None):
        self.space = space
        self.axes = [_axis(space, j, resolution) for j in range(space.dim)]
        self.slowest_first = space.parents_first

    def point(self, digits: Int64[np.ndarray, " d"]) -> Float64[np.ndarray, " d"]:
        """The canonical row at `digits`, one digit for each dimension."""
        row = np.array([axis[i] for axis, i in zip(self.axes, digits, strict=True)])
        return self.space.canonical(row.reshape(1, -1))[0]

    def first(self) -> Int64[np.ndarray, " d"]:
        """The digits of the first point."""
        digits = np.zeros(self.space.dim, np.int64)
        following = self.after(digits) if self._repeats(digits) else digits
        assert following is not None
        return following

    def after(self, digits: Int64[np.ndarray, " d"]) -> Int64[np.ndarray, " d"] | None:
        """The digits that follow, or None after the last ones."""
        following = self._next(digits)
        while following is not None and self._repeats(following):
            following = self._next(following)
        return following

    def _repeats(self, digits: Int64[np.ndarray, " d"]) -> bool:
        """Whether a normal form gives the row at `digits` to others."""
        if self.space.normal_form is None:
            return False
        tied = [self.space.dimensions.index(n) for n in self.space.normal_form.levels]
        point = self.point(digits)
        return any(point[j] != self.axes[j][digits[j]] for j in tied)

    def _next(self, digits: Int64[np.ndarray, " d"]) -> Int64[np.ndarray, " d"] | None:
        row = np.array([axis[i] for axis, i in zip(self.axes, digits, strict=True)])
        active = self.space.active(row.reshape(1, -1))[0]
        digits = digits.copy()
        for j in reversed(self.slowest_first):
            if active[j] and digits[j] + 1 < len(self.axes[j]):
                digits[j] += 1
                return digits
            digits[j] = 0
        return None

    def points(self) -> Float64[np.ndarray, "n d"]:
        """All of them, in order."""
        if self.axes and not any(self.space.conditional):
            every = np.meshgrid(*self.axes, indexing="ij")
            rows = self.space.canonical(np.stack([axis.ravel() for axis in every], 1))
            return rows[first_unseen(rows, set())]
        rows, digits = [], self.first()
        while digits is not None:
            rows.append(self.point(digits))
            digits = self.after(digits)
        return np.stack(rows)


def _axis(space: Space, j: int, resolution: int | None) -> Float64[np.ndarray, " r"]:
    levels = space.levels[j]
    if levels is None:
        assert resolution is not None
        return np.linspace(0.0, 1.0, resolution) if resolution > 1 else np.full(1, 0.5)
    count = levels
    if space.kinds[j] == "numeric" and resolution is not None:
        count = min(levels, resolution)
    index = np.rint(np.linspace(0, levels - 1, count)).astype(np.int64)
    return space.centres(j, index)
