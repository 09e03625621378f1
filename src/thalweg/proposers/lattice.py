"""A grid over a mixed space, walked like an odometer that skips absent dimensions."""

import numpy as np
from jaxtyping import Float64, Int64

from thalweg.spaces import Space


class Lattice:
    """Finitely many configurations of a space, each once, parents slowest.

    A continuum gives `resolution` values from end to end, a number of more levels than
    that as many of them spread evenly; listed values all take part. Without a
    `resolution`, which needs a finite space, all of its configurations. Parameters that
    a normal form ties together take part as its classes: the first one's digit is the
    class's number.
    """

    def __init__(self, space: Space, resolution: int | None = None):
        self.space = space
        self.axes = [_axis(space, j, resolution) for j in range(space.dim)]
        self.slowest_first = space.parents_first
        self.counts = [len(axis) for axis in self.axes]
        form = space.normal_form
        names = [] if form is None else form.levels
        self.tied = [space.dimensions.index(name) for name in names]
        for j in self.tied:
            self.counts[j] = 1
        if form is not None:
            self.counts[self.tied[0]] = form.size

    def rows(self, digits: Int64[np.ndarray, "n d"]) -> Float64[np.ndarray, "n d"]:
        """The canonical rows at `digits`, one digit for each dimension."""
        u = np.zeros(digits.shape)
        for j, axis in enumerate(self.axes):
            if j not in self.tied:
                u[:, j] = axis[digits[:, j]]
        if self.space.normal_form is not None:
            index = self.space.normal_form.member(digits[:, self.tied[0]])
            for j, column in zip(self.tied, index.T, strict=True):
                u[:, j] = self.space.centres(j, column)
        return self.space.canonical(u)

    def point(self, digits: Int64[np.ndarray, " d"]) -> Float64[np.ndarray, " d"]:
        """The canonical row at `digits`."""
        return self.rows(digits[None])[0]

    def after(self, digits: Int64[np.ndarray, " d"]) -> Int64[np.ndarray, " d"] | None:
        """The digits that follow, or None after the last ones."""
        active = self.space.active(self.rows(digits[None]))[0]
        digits = digits.copy()
        for j in reversed(self.slowest_first):
            if active[j] and digits[j] + 1 < self.counts[j]:
                digits[j] += 1
                return digits
            digits[j] = 0
        return None

    def points(self) -> Float64[np.ndarray, "n d"]:
        """All of them, in order."""
        if self.counts and not any(self.space.conditional):
            every = np.arange(np.prod(self.counts))
            return self.rows(np.stack(np.unravel_index(every, self.counts), axis=1))
        rows, digits = [], np.zeros(self.space.dim, np.int64)
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
