"""Parents, children and who lives on: what genetic algorithms share."""

from collections.abc import Callable
from typing import ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Bool, Float64, Int64

from thalweg.core.errors import InvalidInput
from thalweg.core.registry import Registry
from thalweg.core.rng import generator
from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.distinct import draw
from thalweg.proposers.variation import ETA_CROSSOVER, MUTATIONS, mutated
from thalweg.spaces import Space, row_keys
from thalweg.surrogates import order

Rows = Float64[np.ndarray, "n d"]


def tournament(size: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """The better of two."""
    return rng.integers(size, size=(n, 2)).min(1)


def truncation(size: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Any of the better half."""
    return rng.integers((size + 1) // 2, size=n)


def roulette(size: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """With a chance that falls linearly with the rank (Baker 1985)."""
    weights = np.arange(size, 0, -1)
    return rng.choice(size, n, p=weights / weights.sum())


# Of `size` parents in order, the best first, the numbers of `n`.
SELECTIONS: Registry[Callable[[int, int, np.random.Generator], np.ndarray]] = Registry(
    "selection",
    {"tournament": tournament, "truncation": truncation, "roulette": roulette},
)


def coins(a: Rows, b: Rows, numbers: np.ndarray, rng: np.random.Generator) -> Rows:
    """Each dimension from either parent."""
    del numbers
    return np.where(rng.random(a.shape) < 0.5, a, b)


def one_point(a: Rows, b: Rows, numbers: np.ndarray, rng: np.random.Generator) -> Rows:
    """The first dimensions from one parent, the rest from the other."""
    del numbers
    place = np.arange(a.shape[1])
    return np.where(place < rng.integers(0, a.shape[1] + 1, (len(a), 1)), a, b)


def two_point(a: Rows, b: Rows, numbers: np.ndarray, rng: np.random.Generator) -> Rows:
    """The dimensions between two places from the other parent."""
    del numbers
    place = np.arange(a.shape[1])
    cuts = np.sort(rng.integers(0, a.shape[1] + 1, (2, len(a), 1)), axis=0)
    return np.where((cuts[0] <= place) & (place < cuts[1]), b, a)


def binary(a: Rows, b: Rows, numbers: np.ndarray, rng: np.random.Generator) -> Rows:
    """Numbers around one of the parents, as far as they are apart (SBX)."""
    q = rng.random(a.shape)
    spread = np.where(q < 0.5, 2 * q, 1 / (2 - 2 * q)) ** (1 / (ETA_CROSSOVER + 1))
    near = coins(a, b, numbers, rng)
    far = a + b - near
    between = np.clip(0.5 * ((1 + spread) * near + (1 - spread) * far), 0.0, 1.0)
    both = numbers & (rng.random(a.shape) < 0.5)
    return np.where(both, between, np.where(numbers, a, near))


def neither(a: Rows, b: Rows, numbers: np.ndarray, rng: np.random.Generator) -> Rows:
    """The first parent."""
    del b, numbers, rng
    return a


CROSSOVERS: Registry[
    Callable[[Rows, Rows, Bool[np.ndarray, " d"], np.random.Generator], Rows]
] = Registry(
    "crossover",
    {
        "uniform": coins,
        "one_point": one_point,
        "two_point": two_point,
        "sbx": binary,
        "none": neither,
    },
)


class GeneticState(eqx.Module):
    archive: Archive
    parents: Int64[np.ndarray, " p"]  # their places in the archive, the best first
    merged: Int64[np.ndarray, ""]  # outcomes among which they were chosen


class AbstractGenetic(AbstractProposer[GeneticState]):
    """Children of two parents; the best of all of them are the next parents.

    Never waits: while a generation is told, more children of the same parents come.
    """

    population: eqx.AbstractVar[int]
    selection: eqx.AbstractVar[str]  # who becomes a parent (`SELECTIONS`)
    crossover: eqx.AbstractVar[str]  # how two parents mix (`CROSSOVERS`)
    crossover_rate: eqx.AbstractVar[float]  # of children that have two parents
    mutation: eqx.AbstractVar[str]  # how numbers change (`variation.MUTATIONS`)
    mutation_rate: eqx.AbstractVar[float | None]  # of a dimension; None: 1 / dimensions
    elites: eqx.AbstractVar[int | None]  # parents that live on; None: all compete
    generational: eqx.AbstractVar[bool]  # parents change with each whole generation

    rank_based: ClassVar[bool] = True
    multi_fidelity: ClassVar[bool] = False
    objectives: ClassVar[int | None] = None

    def __check_init__(self) -> None:
        if self.population < 2:
            raise InvalidInput(
                f"`population` must be at least 2, but got {self.population}."
            )
        if self.elites is not None and not self.generational:
            raise InvalidInput(
                f"`elites` needs generations, but got elites={self.elites} and "
                "generational=False. Without generations all compete."
            )
        if self.elites is not None and not 0 <= self.elites <= self.population:
            raise InvalidInput(
                "`elites` must lie between 0 and `population`, but got "
                f"{self.elites} of {self.population}."
            )
        for name in ("crossover_rate", "mutation_rate"):
            rate = getattr(self, name)
            if rate is not None and not 0 <= rate <= 1:
                raise InvalidInput(f"`{name}` must lie in [0, 1], but got {rate}.")
        assert SELECTIONS[self.selection]
        assert CROSSOVERS[self.crossover]
        assert MUTATIONS[self.mutation]

    def init(self, space: Space, *, key: Key) -> GeneticState:
        """No parents."""
        archive = Archive.empty(space, key=key)
        return GeneticState(archive, archive.trial, np.array(0))

    def propose(self, state: GeneticState, n: int, *, key: Key) -> Proposal:
        """Uniform rows until there are parents, then children."""
        archive, rng = state.archive, generator(key)
        space, seen = archive.space, archive.seen()
        count = n
        if len(state.parents):
            known = len(archive) + len(archive.pending)
            count = min(n, max(0, self.population - known))
        x = draw(space, count, seen, lambda m: rng.random((m, space.dim)), rng)
        if count < n:
            seen.update(row_keys(x))
            children = self._children(archive.x[state.parents], space, rng)
            x = np.concatenate([x, draw(space, n - count, seen, children, rng)])
        return Proposal.fresh(x)

    def expect(self, state: GeneticState, proposal: Proposal) -> GeneticState:
        """Waits for them."""
        archive = state.archive.expect(proposal)
        return GeneticState(archive, state.parents, state.merged)

    def tell(self, state: GeneticState, outcome: Outcome) -> GeneticState:
        """New parents: of each generation, or of everything told."""
        archive, parents = state.archive.tell(outcome), state.parents
        new = np.arange(int(state.merged), len(archive))
        if not len(new) or (self.generational and len(new) < self.population):
            return GeneticState(archive, parents, state.merged)
        pool = np.concatenate([parents[: self.elites], new])
        best = pool[order(archive.losses[pool], archive.constraints[pool])]
        return GeneticState(archive, best[: self.population], np.array(len(archive)))

    def _children(
        self, parents: Rows, space: Space, rng: np.random.Generator
    ) -> Callable[[int], Rows]:
        """A function that gives `m` children, each time it is called more mutated."""
        numbers = np.array([kind != "choice" for kind in space.kinds], bool)
        select, cross = SELECTIONS[self.selection], CROSSOVERS[self.crossover]
        rate = self.mutation_rate
        rate = 1 / max(space.dim, 1) if rate is None else rate
        calls = 0

        def sample(m: int) -> Rows:
            nonlocal calls
            a, b = parents[select(len(parents), (2 * m), rng)].reshape(2, m, space.dim)
            present, there = space.active(a), space.active(b)
            mixed = cross(np.where(present, a, b), np.where(there, b, a), numbers, rng)
            single = rng.random((m, 1)) >= self.crossover_rate
            rows = space.canonical(np.where(single, a, mixed))
            rows = mutated(space, rows, rng, kind=self.mutation, rate=rate)
            for _ in range(calls):  # those before were all known
                rows = mutated(space, rows, rng, kind=self.mutation)
            calls += 1
            return rows

        return sample
