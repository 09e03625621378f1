"""Where the expected improvement is largest: a batch of configurations.

A pool of uniform rows and of the best configurations perturbed is scored; the leaders
climb by L-BFGS-B over the continuous dimensions and by single changes of the discrete
ones. The next row of the batch is found after the last one has been "believed"
(`Posterior.believe`), which leaves the pool's means as they are and updates its
variances by one row of the Cholesky factor.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64

from thalweg.spaces import Space, first_unseen
from thalweg.surrogates.acquisition import (
    log_expected_improvement,
    log_h_slope,
)
from thalweg.surrogates.embedding import Embedding
from thalweg.surrogates.gp import Posterior

POOL = 1024  # uniform rows
NEARBY = 64  # perturbations of each of the best configurations
CLIMBERS = 4  # rows that climb, each time
STEPS = 30  # of L-BFGS-B
FEW = 12  # levels up to which neighbours are tried instead of a gradient
ROUNDS = 4  # of single changes


@dataclass(frozen=True)
class Improvement:
    """The acquisition function on the cube."""

    space: Space
    embedding: Embedding
    posterior: Posterior
    best: float

    def __call__(self, u: Float64[np.ndarray, "n d"]) -> Float64[np.ndarray, " n"]:
        """The log expected improvement at canonical rows."""
        mean, variance = self.posterior.predict(self.embedding.features(u))
        return log_expected_improvement(mean, np.sqrt(variance), self.best)

    def slopes(
        self, u: Float64[np.ndarray, "n d"]
    ) -> tuple[Float64[np.ndarray, " n"], Float64[np.ndarray, "n d"]]:
        """The log expected improvement and its gradient in the coordinates."""
        mean, variance, d_mean, d_variance = self.posterior.slopes(
            self.embedding.features(u)
        )
        deviation = np.sqrt(variance)
        z = (self.best - mean) / deviation
        value = log_expected_improvement(mean, deviation, self.best)
        # d log EI = ds / s + h'(z) / h(z) dz, dz = -(d mean + z ds) / s
        ratio = log_h_slope(z)
        d_deviation = d_variance / (2 * deviation[:, None])
        in_features = (
            (1 - ratio * z)[:, None] * d_deviation - ratio[:, None] * d_mean
        ) / deviation[:, None]
        in_features *= self.embedding.slopes(u)
        gradient = np.zeros_like(u)
        for feature, j in enumerate(self.embedding.group):
            gradient[:, j] += in_features[:, feature]
        return value, gradient


def best_batch(
    space: Space,
    embedding: Embedding,
    posterior: Posterior,
    n: int,
    *,
    best: float,
    anchors: Float64[np.ndarray, "a d"],
    seen: set[bytes],
    rng: np.random.Generator,
) -> Float64[np.ndarray, "m d"]:
    """Up to `n` canonical rows that are not `seen`; fewer if the pool holds no more.

    `anchors` are the best configurations so far, to be perturbed; `best` is the
    lowest mean among what was observed.
    """
    pool = _pool(space, anchors, seen, rng)
    if not len(pool):
        return pool
    at_pool = embedding.features(pool)
    mean, reduced = posterior.cross(at_pool)
    chosen: list[np.ndarray] = []
    taken = set(seen)
    left = np.ones(len(pool), bool)
    while len(chosen) < n and left.any():
        score = log_expected_improvement(
            mean, np.sqrt(posterior.variance(reduced)), best
        )
        score[~left] = -np.inf
        climb = Improvement(space, embedding, posterior, best)
        order = np.argsort(-score)[: min(CLIMBERS, left.sum())]
        point = _climbed(climb, pool[order], score[order], taken)
        chosen.append(point)
        taken.add(point.tobytes())
        left &= ~(pool == point).all(1)
        if len(chosen) < n:
            features = embedding.features(point[None])
            row = posterior.believe(features[0])
            near = posterior.kernel(features, at_pool)[0]
            new = (near - row[:-1] @ reduced) / row[-1]
            reduced = np.concatenate([reduced, new[None]])
            best = min(best, float(posterior.predict(features)[0][0]))
    return np.stack(chosen)


def _pool(
    space: Space,
    anchors: Float64[np.ndarray, "a d"],
    seen: set[bytes],
    rng: np.random.Generator,
) -> Float64[np.ndarray, "m d"]:
    """Uniform rows and perturbed anchors, each configuration once, none seen."""
    near = np.repeat(anchors, NEARBY, axis=0)
    if len(near):
        scale = 10 ** rng.uniform(-2.5, -0.5, (len(near), 1))
        moved = near + scale * rng.standard_normal(near.shape)
        moved = 1 - np.abs(1 - np.abs(moved) % 2)  # reflected at the walls
        other = rng.random(near.shape)
        choice = np.array([kind == "choice" for kind in space.kinds])
        jump = choice | (rng.random(near.shape) < 0.1)
        change = rng.random(near.shape) < rng.choice([0.1, 0.3, 1.0], (len(near), 1))
        near = np.where(change, np.where(jump, other, moved), near)
    rows = space.canonical(np.concatenate([rng.random((POOL, space.dim)), near]))
    return rows[first_unseen(rows, seen)]


def _climbed(
    climb: Improvement,
    rows: Float64[np.ndarray, "k d"],
    score: Float64[np.ndarray, " k"],
    taken: set[bytes],
) -> Float64[np.ndarray, " d"]:
    """The best row reached from `rows` that is not taken; at worst `rows[0]`."""
    found = [(score[0], rows[0])]
    higher = _ascend(climb, rows)
    values = climb(higher)
    for value, row in zip(values, higher, strict=True):
        found.append((value, row))
    top = higher[np.argmax(values)]
    for _ in range(ROUNDS):
        near = _neighbours(climb.space, top)
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
    climb: Improvement, rows: Float64[np.ndarray, "k d"]
) -> Float64[np.ndarray, "k d"]:
    """All rows at once up the sum of their acquisition, over continuous dimensions."""
    from scipy.optimize import minimize

    space = climb.space
    smooth = np.array(
        [
            kind != "choice" and (levels is None or levels > FEW)
            for kind, levels in zip(space.kinds, space.levels, strict=True)
        ]
    )
    if not smooth.any():
        return rows

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        u = rows.copy()
        u[:, smooth] = flat.reshape(len(rows), -1)
        value, gradient = climb.slopes(u)
        return -value.sum(), -gradient[:, smooth].ravel()

    start = rows[:, smooth].ravel()
    found = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, 1.0)] * len(start),
        options={"maxiter": STEPS},
    )
    higher = rows.copy()
    higher[:, smooth] = found.x.reshape(len(rows), -1)
    return space.canonical(np.clip(higher, 0.0, 1.0))


def _neighbours(
    space: Space, row: Float64[np.ndarray, " d"]
) -> Float64[np.ndarray, "m d"]:
    """Every change of one discrete dimension: all values if few, else the next ones."""
    near = []
    for j, (kind, levels) in enumerate(zip(space.kinds, space.levels, strict=True)):
        if levels is None:
            continue
        if kind == "choice" or levels <= FEW:
            cells = space.centres(j, np.arange(levels))
        else:
            cells = np.clip(row[j] + np.array([-2, -1, 1, 2]) / levels, 0.0, 1.0)
        rows = np.repeat(row[None], len(cells), axis=0)
        rows[:, j] = cells
        near.append(rows)
    if not near:
        return np.zeros((0, space.dim))
    return space.canonical(np.concatenate(near))
