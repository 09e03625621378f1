"""Which outcomes are better, with one objective or several, and with constraints.

Non-dominated fronts and crowding distances: Deb et al. 2002 (NSGA-II), sections III.A
and III.B; infeasible solutions after all feasible ones: section VI,
https://doi.org/10.1109/4235.996017
Random scalars of several objectives: Knowles 2006 (ParEGO), equation 2,
https://doi.org/10.1109/TEVC.2005.851274
Hypervolume by slices of the last objective: While et al. 2006, section II,
https://doi.org/10.1109/TEVC.2005.851275
Losses are minimised throughout.
"""

from bisect import bisect_right

import numpy as np
from jaxtyping import Bool, Float64, Int64

from thalweg.core.errors import InvalidInput

RHO = 0.05  # of the sum in the augmented Chebyshev scalar, as in ParEGO


def order(
    losses: Float64[np.ndarray, "n m"],
    constraints: Float64[np.ndarray, "n c"] | None = None,
) -> Int64[np.ndarray, " n"]:
    """The rows' numbers, the best first; equal ones in their order.

    With one objective: by it. With several: by front, and within a front the least
    crowded first. Then the infeasible by how much they violate, and last what failed
    (an entry that is NaN or infinite).
    """
    place, violation = np.arange(len(losses)), violations(losses, constraints)
    feasible = place[violation == 0]
    rest = np.flatnonzero(violation > 0)
    rest = rest[np.argsort(violation[rest], kind="stable")]
    if losses.shape[1] == 1:
        best = np.argsort(losses[feasible, 0], kind="stable")
    else:
        front = fronts(losses[feasible])
        best = np.lexsort((-crowding(losses[feasible], front), front))
    return np.concatenate([feasible[best], rest])


def violations(
    losses: Float64[np.ndarray, "n m"],
    constraints: Float64[np.ndarray, "n c"] | None = None,
) -> Float64[np.ndarray, " n"]:
    """The sum of what each row's constraints are above 0; infinite where it failed."""
    total = np.zeros(len(losses))
    if constraints is not None and constraints.shape[1]:
        total = np.maximum(np.nan_to_num(constraints, nan=np.inf), 0.0).sum(1)
    return np.where(np.isfinite(losses).all(1), total, np.inf)


def nondominated(losses: Float64[np.ndarray, "n m"]) -> Bool[np.ndarray, " n"]:
    """Which rows no other row dominates (is nowhere worse and somewhere better)."""
    return fronts(losses, most=1) == 0


def fronts(
    losses: Float64[np.ndarray, "n m"], *, most: int | None = None
) -> Int64[np.ndarray, " n"]:
    """The number of each row's front, 0 the best; after `most` fronts the rest are one.

    Rows are visited in lexicographic order, so that only earlier ones can dominate, and
    front after front (Zhang et al. 2015, ENS-SS,
    https://doi.org/10.1109/TEVC.2014.2308305).
    """
    unique, back = np.unique(losses, axis=0, return_inverse=True)
    if losses.shape[1] == 2:
        front = _fronts_of_two(unique)
    else:
        front = _fronts_of_many(unique, len(unique) if most is None else most)
    return front[back.reshape(-1)]


def _fronts_of_two(rows: Float64[np.ndarray, "n 2"]) -> Int64[np.ndarray, " n"]:
    """Each front is as low in the second objective as its latest row."""
    lowest: list[float] = []
    front = np.zeros(len(rows), np.int64)
    for i, value in enumerate(rows[:, 1].tolist()):
        front[i] = bisect_right(lowest, value)
        lowest[front[i] : front[i] + 1] = [value]
    return front


def _fronts_of_many(
    rows: Float64[np.ndarray, "n m"], most: int
) -> Int64[np.ndarray, " n"]:
    front = np.zeros(len(rows), np.int64)
    members: list[list[int]] = []
    for i, row in enumerate(rows):
        for number, group in enumerate(members):
            # no two rows are equal, hence "nowhere worse" is enough
            if not (rows[group] <= row).all(1).any():
                group.append(i)
                front[i] = number
                break
        else:
            front[i] = len(members)
            if len(members) < most:
                members.append([i])
    return front


def crowding(
    losses: Float64[np.ndarray, "n m"], front: Int64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """The crowding distance of each row within its front; infinite at the ends."""
    distance = np.zeros(len(losses))
    for number in np.unique(front):
        rows = np.flatnonzero(front == number)
        for column in losses[rows].T:
            along = np.argsort(column, kind="stable")
            value = column[along]
            gaps = np.full(len(rows), np.inf)
            if (span := value[-1] - value[0]) > 0:
                gaps[1:-1] = (value[2:] - value[:-2]) / span
                distance[rows[along]] += gaps
    return distance


def chebyshev(
    losses: Float64[np.ndarray, "n m"], rng: np.random.Generator
) -> Float64[np.ndarray, " n"]:
    """One loss for several: augmented Chebyshev with weights drawn from the simplex.

    Objectives are scaled by their finite ranges first. One objective is returned as it
    is, and nothing is drawn. Failed rows are NaN.
    """
    if losses.shape[1] == 1:
        return losses[:, 0]
    finite = np.isfinite(losses).all(1)
    weight = rng.dirichlet(np.ones(losses.shape[1]))
    out = np.full(len(losses), np.nan)
    if finite.any():
        good = losses[finite]
        low, span = good.min(0), np.ptp(good, 0)
        scaled = weight * (good - low) / np.where(span > 0, span, 1.0)
        out[finite] = scaled.max(1) + RHO * scaled.sum(1)
    return out


def hypervolume(
    losses: Float64[np.ndarray, "n m"], reference: Float64[np.ndarray, " m"]
) -> float:
    """The volume that the rows dominate within the box below `reference`.

    Exact; two objectives take a sort, each further one a factor `n`.
    """
    reference = np.asarray(reference, np.float64)
    if reference.shape != losses.shape[1:] or not np.isfinite(reference).all():
        raise InvalidInput(
            f"`reference` needs a finite number for each of {losses.shape[1]} "
            f"objectives, but got {reference}."
        )
    inside = np.isfinite(losses).all(1) & (losses < reference).all(1)
    return _volume(losses[inside], reference)


def _volume(
    rows: Float64[np.ndarray, "n m"], reference: Float64[np.ndarray, " m"]
) -> float:
    if not len(rows):
        return 0.0
    rows = rows[nondominated(rows)]
    rows = rows[np.argsort(rows[:, -1], kind="stable")]
    if rows.shape[1] == 1:
        return float(reference[0] - rows[0, 0])
    thickness = np.diff(rows[:, -1], append=reference[-1])
    if rows.shape[1] == 2:  # along the front, the first objective falls
        width = reference[0] - np.minimum.accumulate(rows[:, 0])
        return float(width @ thickness)
    return sum(
        deep * _volume(rows[: i + 1, :-1], reference[:-1])
        for i, deep in enumerate(thickness.tolist())
        if deep > 0
    )
