"""Small changes of configurations, and mixtures of two, in mixed, conditional spaces.

The polynomial mutation and simulated binary crossover (SBX): Deb & Agrawal 1995,
https://www.complex-systems.com/abstracts/v09_i02_a02/, with the spread of NSGA-II's
program. A dimension that a change brings into being takes a uniform value.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float64, Int64

from thalweg.core.registry import Registry
from thalweg.spaces import AbstractDiscrete, Space, first_unseen

Rows = Float64[np.ndarray, "n d"]

FEW = 12  # levels of an ordered dimension up to which any of them is near
SIGMA = 0.1  # of the Gaussian mutation, as a share of a dimension's range
SCALES = (-2.5, -0.5)  # decimal logarithms of the steps of the mutation of all scales
FINER, STAGES = 4.0, 5  # the steps of a number's neighbours: 1/4, 1/16, …, 1/1024
ETA_MUTATION, ETA_CROSSOVER = 20.0, 15.0  # larger: nearer to the parents


def gaussian(rows: Rows, rng: np.random.Generator) -> Rows:
    """Normal steps of `SIGMA`."""
    return SIGMA * rng.standard_normal(rows.shape)


def scales(rows: Rows, rng: np.random.Generator) -> Rows:
    """Normal steps of any scale, large and small ones alike."""
    return 10 ** rng.uniform(*SCALES, rows.shape) * rng.standard_normal(rows.shape)


def polynomial(rows: Rows, rng: np.random.Generator) -> Rows:
    """Steps within the range, most of them small."""
    q = rng.random(rows.shape)
    left, power = q < 0.5, ETA_MUTATION + 1
    room = np.where(left, rows, 1 - rows)
    tail = 2 * np.where(left, q, 1 - q)
    size = 1 - (tail + (1 - tail) * (1 - room) ** power) ** (1 / power)
    return np.where(left, -size, size)


def uniform(rows: Rows, rng: np.random.Generator) -> Rows:
    """To anywhere."""
    return rng.random(rows.shape) - rows


MUTATIONS: Registry[Callable[[Rows, np.random.Generator], Rows]] = Registry(
    "mutation",
    {
        "scales": scales,
        "gaussian": gaussian,
        "polynomial": polynomial,
        "uniform": uniform,
    },
)


def mutated(
    space: Space,
    rows: Rows,
    rng: np.random.Generator,
    *,
    kind: str = "scales",
    rate: float | None = None,
) -> Rows:
    """Each row with one present dimension changed, or each with probability `rate`.

    A choice takes any other value; numbers and ordered values make a step of `kind`
    (`MUTATIONS`), discrete ones at least to the next value.
    """
    active = space.active(rows)
    score = np.where(active, rng.random(rows.shape), -1.0)
    change = score > (1.0 if rate is None else 1 - rate)
    if rate is None and rows.shape[1]:
        change[np.arange(len(rows)), score.argmax(1)] = True
    new = _elsewhere(space, rows, MUTATIONS[kind](rows, rng), rng)
    base = np.where(active, rows, rng.random(rows.shape))
    return space.canonical(np.where(change, new, base))


def _elsewhere(space: Space, rows: Rows, step: Rows, rng: np.random.Generator) -> Rows:
    """Another value of every dimension, `step` away where that means something."""
    new = reflected(rows + step)
    for j, levels in enumerate(space.levels):
        if levels is None:
            continue
        here, there = _index(space, j, rows[:, j]), _index(space, j, new[:, j])
        if space.kinds[j] == "choice":
            there = (here + rng.integers(1, levels, len(rows))) % levels
        else:
            there = _beside(here, there, step[:, j], levels)
        new[:, j] = space.centres(j, there)
    return new


def _beside(
    here: np.ndarray, there: np.ndarray, step: np.ndarray, levels: int
) -> np.ndarray:
    """`there`, or the next cell in the direction of `step` where it is `here`."""
    beside = np.where(step < 0, here - 1, here + 1)
    beside = np.where(beside < 0, 1, beside)
    beside = np.where(beside == levels, levels - 2, beside)
    return np.where(there == here, beside, there)


def reflected(rows: Rows) -> Rows:
    """The rows, mirrored at the walls of the cube until they are inside."""
    return 1 - np.abs(1 - np.abs(rows) % 2)


def _index(space: Space, j: int, u: np.ndarray) -> np.ndarray:
    parameter, levels = space.parameters[space.dimensions[j]], space.levels[j]
    if isinstance(parameter, AbstractDiscrete):
        return parameter.index(u)
    assert levels is not None
    return np.clip(np.floor(u * levels), 0, levels - 1).astype(np.int64)


def smooth(space: Space) -> Bool[np.ndarray, " d"]:
    """Marks the dimensions of numbers: continua, and more than a few levels."""
    return np.array(
        [
            kind != "choice" and (levels is None or levels > FEW)
            for kind, levels in zip(space.kinds, space.levels, strict=True)
        ],
        bool,
    )


def neighbours(
    space: Space, row: Float64[np.ndarray, " d"]
) -> tuple[Float64[np.ndarray, "m d"], Int64[np.ndarray, " m"]]:
    """All single changes of a canonical row, each once, and how fine each one is.

    Choices take every other value (0), ordered dimensions of few levels the next ones
    (0) and then the others (1); numbers make steps that shrink by `FINER`, from a
    quarter of the range (0) on. What a change brings into being is in its middle.
    """
    found, stage = [np.zeros((0, space.dim))], [np.zeros(0, np.int64)]
    wide, active = smooth(space), space.active(row[None])[0]
    for j in np.flatnonzero(active).tolist():
        levels = space.levels[j]
        if wide[j]:
            steps = FINER ** -np.arange(1.0, STAGES + 1)
            steps = np.append(steps, -steps)
            values = np.clip(row[j] + steps, 0.0, 1.0)
            if levels is not None:
                here = _index(space, j, row[j : j + 1])
                cells = _beside(here, _index(space, j, values), steps, levels)
                values = space.centres(j, cells)
            fine = np.tile(np.arange(STAGES), 2)
        else:
            assert levels is not None
            cells = np.arange(levels)
            values = space.centres(j, cells)
            here = _index(space, j, row[j : j + 1])
            fine = (np.abs(cells - here) > 1) & (space.kinds[j] != "choice")
        rows = np.repeat(row[None], len(values), axis=0)
        rows[:, j] = values
        found.append(rows)
        stage.append(fine.astype(np.int64))
    rows, fine = space.canonical(np.concatenate(found)), np.concatenate(stage)
    coarse_first = np.argsort(fine, kind="stable")
    rows, fine = rows[coarse_first], fine[coarse_first]
    new = first_unseen(rows, {row.tobytes()})
    return rows[new], fine[new]
