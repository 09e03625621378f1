"""Sets of features, each for a kernel of its own: ways in which configurations agree.

Place by place: the values themselves. Where several choices have one list of values,
as the edges of a cell or the blocks of a chain, each value of the list has a weight of
its own, the same in every place: two convolutions can be alike and "none" unlike both.
In number: how often each value of such a list occurs, in whatever place. That is what a
Weisfeiler-Lehman kernel sees before its first round, and it says much after few trials.
Encoded: what the caller's own encoding gives, such as the paths of a cell.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from jaxtyping import Float64

from thalweg.core.errors import InvalidInput
from thalweg.spaces import Choice, Space
from thalweg.surrogates.embedding import Embedding

Encoding: TypeAlias = Callable[[np.ndarray], np.ndarray]  # [n, d] rows -> [n, f]

PLACES = 3.0  # prior median of a dimension's weight, divided by their number
NUMBER = 0.5  # of a value's weight where it is counted, likewise
ENCODED = 0.1  # of the weight that all encoded features share


@dataclass(frozen=True)
class View:
    """How a kernel weighs features: `exp(sharing @ parameters)` each."""

    name: str
    sharing: Float64[np.ndarray, "f q"]
    centre: Float64[np.ndarray, " q"]  # prior mean of the parameters, log weights
    width: Float64[np.ndarray, " q"]  # and standard deviation
    signal: float  # prior mean of the logarithm of the kernel's variance


class Views:
    """The views of a space, and the features of its rows in each of them."""

    def __init__(self, space: Space, encoding: Encoding | None = None):
        self.space, self.encoding = space, encoding
        self.embedding = Embedding(space)
        self.lists = _shared_lists(space)
        self.all = [self._places()]
        self.all += [self._numbers(places) for places in self.lists]
        if encoding is not None:
            width = self._encoded(space.canonical(np.full((1, space.dim), 0.5))).shape[
                1
            ]
            log = np.full(1, np.log(ENCODED))
            self.all.append(View("encoded", np.ones((width, 1)), log, np.ones(1), -0.5))

    def features(self, x: Float64[np.ndarray, "n d"]) -> list[np.ndarray]:
        """Those of canonical rows `[n, f]`, one array for each view."""
        values = self.embedding.features(x)
        found = [values]
        for places in self.lists:
            levels = self.space.levels[places[0]]
            starts = [np.flatnonzero(self.embedding.group == j)[0] for j in places]
            # a choice is one-hot over √2, and "absent" comes after its levels
            occurs = [values[:, s : s + levels] * np.sqrt(2.0) for s in starts]
            found.append(np.sum(occurs, axis=0))
        if self.encoding is not None:
            found.append(self._encoded(x))
        return found

    def _places(self) -> View:
        """A weight for each dimension, times one for each value of a shared list."""
        group, d = self.embedding.group, self.space.dim
        columns = [np.eye(d)[group]]
        for places in self.lists:
            levels = self.space.levels[places[0]]
            assert levels is not None
            share = np.zeros((len(group), levels))
            for j in places:
                start = np.flatnonzero(group == j)[0]
                share[start : start + levels] = np.eye(levels)
            columns.append(share)
        sharing = np.concatenate(columns, axis=1)
        values = sharing.shape[1] - d
        centre = np.append(np.full(d, np.log(PLACES / max(d, 1))), np.zeros(values))
        width = np.append(np.ones(d), np.full(values, 0.7))
        return View("places", sharing, centre, width, 0.0)

    def _numbers(self, places: tuple[int, ...]) -> View:
        levels = self.space.levels[places[0]]
        assert levels is not None
        centre = np.full(levels, np.log(NUMBER / len(places)))
        return View("numbers", np.eye(levels), centre, np.ones(levels), -0.5)

    def _encoded(self, x: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, "n f"]:
        assert self.encoding is not None
        features = np.asarray(self.encoding(x), np.float64)
        if features.ndim != 2 or len(features) != len(x):
            raise InvalidInput(
                f"An encoding must give a row of numbers for each of {len(x)} rows, "
                f"but got an array of shape {features.shape}."
            )
        return features


def _shared_lists(space: Space) -> list[tuple[int, ...]]:
    """The dimensions of each list of values that two or more choices have in common."""
    places: dict[str, list[int]] = {}
    for j, name in enumerate(space.dimensions):
        parameter = space.parameters[name]
        if isinstance(parameter, Choice):
            places.setdefault(repr(parameter.values), []).append(j)
    return [tuple(dimensions) for dimensions in places.values() if len(dimensions) > 1]
