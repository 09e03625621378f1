"""Where the merit is largest: a batch of configurations.

A pool of uniform rows and of the best configurations perturbed is scored; the leaders
climb by L-BFGS-B over the continuous dimensions and by single changes of the discrete
ones. The next row of the batch is found after the last one has been "believed"
(`Posterior.believe`), which leaves the pool's means as they are and updates its
variances by one row of the Cholesky factor. Belief only lowers merits: the lower part
of a pool is dropped after the first row. Only the first rows of a batch climb, and a
large batch is completed by draws from the posterior (Thompson sampling).
"""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float64

from thalweg.spaces import Space, first_unseen
from thalweg.surrogates.candidates import neighbours, pool, smooth
from thalweg.surrogates.embedding import Embedding
from thalweg.surrogates.gp import Posterior
from thalweg.surrogates.merit import AbstractMerit, Merit

CLIMBERS = 4  # rows that climb, for the first row of a batch
STEPS = 30  # of L-BFGS-B, likewise
ROUNDS = 4  # of single changes, likewise
CLIMBING = 4  # rows of a batch that climb, ever less far
KEPT = 256  # of the pool, after the first row
STEP = 1e-4  # of numerical derivatives, in deviations


@dataclass(frozen=True)
class Landscape:
    """The merit on the cube: what the models say there, and the user's prior."""

    space: Space
    embedding: Embedding
    models: tuple[Posterior, ...]
    merit: Merit
    faith: float = 0.0  # the weight of the prior's logarithm

    def __call__(self, u: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
        """At canonical rows."""
        features = self.embedding.features(u)
        mean, variance = zip(*(m.predict(features) for m in self.models), strict=True)
        value = self.merit(np.array(mean), np.sqrt(np.array(variance)))
        return value + self.belief(u)

    def belief(self, u: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
        """The prior's part, which no observation changes."""
        if not self.faith:
            return np.zeros(len(u))
        return self.faith * self.space.log_prior(u)

    def slopes(
        self, u: Float64[np.ndarray, "n d"]
    ) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, "n d"]]:
        """The merit and its gradient in the coordinates.

        By the chain rule: the moments' gradients are exact, the merit's in the moments
        are central differences.
        """
        features, rates = self.embedding.with_slopes(u)
        parts = [model.slopes(features) for model in self.models]
        mean = np.array([part[0] for part in parts])
        deviation = np.sqrt(np.array([part[1] for part in parts]))
        value, in_mean, in_deviation = _partial(self.merit, mean, deviation)
        in_features = np.zeros_like(features)
        for j, (_, _, d_mean, d_variance) in enumerate(parts):
            in_features += in_mean[j][:, None] * d_mean
            per = in_deviation[j] / (2 * deviation[j])
            in_features += per[:, None] * d_variance
        in_features *= rates
        gradient = np.zeros((len(u), self.embedding.dim))
        for feature, j in enumerate(self.embedding.group):
            gradient[:, j] += in_features[:, feature]
        gradient = gradient[:, : u.shape[1]]  # nobody climbs along the level
        if self.faith:
            gradient += self._belief_slopes(u)
        return value + self.belief(u), gradient

    def _belief_slopes(
        self, u: Float64[np.ndarray, "n d"]
    ) -> Float64[np.ndarray, "n d"]:
        gradient = np.zeros_like(u)
        for j in np.flatnonzero(smooth(self.space)):
            low, high = u.copy(), u.copy()
            low[:, j] = np.maximum(u[:, j] - STEP, 0.0)
            high[:, j] = np.minimum(u[:, j] + STEP, 1.0)
            rise = self.belief(high) - self.belief(low)
            gradient[:, j] = rise / (high[:, j] - low[:, j])
        return gradient


class Board:
    """The models' moments at the rows of a pool, kept up to date with beliefs."""

    def __init__(self, landscape: Landscape, rows: Float64[np.ndarray, "m d"]):
        self.rows, self.models = rows, landscape.models
        self.features = landscape.embedding.features(rows)
        self.belief = landscape.belief(rows)
        cross = [model.cross(self.features) for model in self.models]
        self.mean = np.array([mean for mean, _ in cross])
        self.reduced = [reduced for _, reduced in cross]
        self.variance = np.array(
            [m.variance(r) for m, r in zip(self.models, self.reduced, strict=True)]
        )

    def score(self, merit: AbstractMerit) -> Float64[np.ndarray, " m"]:
        """The merit of every row."""
        return merit(self.mean, np.sqrt(self.variance)) + self.belief

    def keep(self, which: np.ndarray) -> None:
        """Forgets the other rows."""
        self.rows, self.features = self.rows[which], self.features[which]
        self.belief, self.mean = self.belief[which], self.mean[:, which]
        self.variance = self.variance[:, which]
        self.reduced = [reduced[:, which] for reduced in self.reduced]

    def believe(self, features: Float64[np.ndarray, "1 f"]) -> np.ndarray:
        """Adds a row to the models as observed at its means, which are returned."""
        means = np.array([m.predict(features)[0][0] for m in self.models])
        for j, model in enumerate(self.models):
            row = model.believe(features[0])
            near = model.kernel(features, self.features)[0]
            new = (near - row[:-1] @ self.reduced[j]) / row[-1]
            self.reduced[j] = np.concatenate([self.reduced[j], new[None]])
            left = self.variance[j] - new * new
            self.variance[j] = np.maximum(left, 1e-12 * model.signal)
        return means


def best_batch(
    landscape: Landscape,
    n: int,
    *,
    anchors: Float64[np.ndarray, "a d"],
    seen: set[bytes],
    rng: np.random.Generator,
) -> Float64[np.ndarray, "m d"]:
    """Up to `n` canonical rows that are not `seen`; fewer if the pool holds no more.

    `anchors` are the best configurations so far, to be perturbed. The landscape's
    models believe the rows afterwards.
    """
    rows = pool(landscape.space, anchors, seen, rng)
    if not len(rows):
        return rows
    board = Board(landscape, rows)
    chosen: list[np.ndarray] = []
    taken = set(seen)
    while len(chosen) < n and len(board.rows):
        score = board.score(landscape.merit)
        order = np.argsort(-score)
        point = board.rows[order[0]]
        if len(chosen) < CLIMBING:
            most = max(1, CLIMBERS >> len(chosen))
            point = _climbed(
                landscape,
                board.rows[order[:most]],
                score[order[:most]],
                taken,
                less=2 ** len(chosen),
            )
        chosen.append(point)
        taken.add(point.tobytes())
        if len(chosen) < n:
            kept = order[: KEPT + n - len(chosen)]
            board.keep(kept[(board.rows[kept] != point).any(1)])
            means = board.believe(landscape.embedding.features(point[None]))
            landscape = replace(landscape, merit=landscape.merit.after(means))
    return np.stack(chosen)


def _climbed(
    climb: Landscape,
    rows: Float64[np.ndarray, "k d"],
    score: Float64[np.ndarray, " k"],
    taken: set[bytes],
    *,
    less: int,
) -> Float64[np.ndarray, " d"]:
    """The best row reached from `rows` that is not taken; at worst `rows[0]`."""
    found = [(score[0], rows[0])]
    higher = _ascend(climb, rows, STEPS // less)
    values = climb(higher)
    found += list(zip(values, higher, strict=True))
    top = higher[np.argmax(values)]
    for _ in range(ROUNDS // less):
        near = neighbours(climb.space, top)
        near = near[first_unseen(near, taken)]
        if not len(near):
            break
        values = climb(near)
        top = near[values.argmax()]
        found.append((values.max(), top))
        if found[-1][0] < max(value for value, _ in found):
            break
    free = [(value, row) for value, row in found if row.tobytes() not in taken]
    return max(free, key=lambda pair: pair[0])[1]


def _ascend(
    climb: Landscape, rows: Float64[np.ndarray, "k d"], steps: int
) -> Float64[np.ndarray, "k d"]:
    """All rows at once up the sum of their merits, over the continuous dimensions."""
    from scipy.optimize import minimize

    free = smooth(climb.space)
    if not free.any():
        return rows

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        u = rows.copy()
        u[:, free] = flat.reshape(len(rows), -1)
        value, gradient = climb.slopes(u)
        return -value.sum(), -gradient[:, free].ravel()

    start = rows[:, free].ravel()
    found = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 1.0)] * len(start),
        options={"maxiter": steps},
    )
    higher = rows.copy()
    higher[:, free] = found.x.reshape(len(rows), -1)
    return climb.space.canonical(np.clip(higher, 0.0, 1.0))


def _partial(
    merit: AbstractMerit,
    mean: Float64[np.ndarray, "k n"],
    deviation: Float64[np.ndarray, "k n"],
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The merit `[n]`, and its derivatives `[k, n]` in the means and deviations."""
    k, n = mean.shape
    step = STEP * deviation
    means, deviations = [mean], [deviation]
    for j in range(k):
        shift = np.zeros((k, 1))
        shift[j] = 1.0
        for sign in (1.0, -1.0):
            means += [mean + sign * shift * step, mean]
            deviations += [deviation, deviation + sign * shift * step]
    value = merit(np.concatenate(means, 1), np.concatenate(deviations, 1))
    # per model: the mean raised, the deviation raised, then both lowered
    moved = value[n:].reshape(k, 2, 2, n)
    slope = (moved[:, 0] - moved[:, 1]) / (2 * step[:, None])
    return value[:n], slope[:, 0], slope[:, 1]
