"""Generations of one population: what population-based training and PB2 share.

All members train for a while; then the worst begin anew from the weights of the best,
with other hyper-parameters, and everybody trains on, up to a full training.
"""

from abc import abstractmethod
from typing import Any, ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.errors import InvalidInput, unknown_name
from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.cohort import Cohort, survivors
from thalweg.spaces import Space

TRIES = 20  # explorations of one member before it goes on as it is


class PopulationState(eqx.Module):
    sampler: Any  # the state of the proposer that draws the first generation
    archive: Archive
    number: Int64[np.ndarray, ""]  # of the population; one follows the other
    generation: Int64[np.ndarray, ""]
    members: Cohort


class AbstractPopulation(AbstractProposer[PopulationState]):
    """`members` trials that train in `generations` parts of equal length.

    When a generation is told, the worst `quantile` of it (and whoever failed) end. Each
    is replaced by a child of one of the best `quantile`: a new trial that begins from
    its parent's weights with real-valued parameters of its own. All else, and whatever
    `fixed` names, is inherited, since it may be what shapes the weights.

    A generation waits for all of its members. Its children come first, so that parents
    are still where their children find them. Another population follows the last one.
    """

    members: eqx.AbstractVar[int]
    generations: eqx.AbstractVar[int]
    quantile: eqx.AbstractVar[float]
    fixed: eqx.AbstractVar[tuple[str, ...]]
    populations: eqx.AbstractVar[int | None]
    sampler: eqx.AbstractVar[AbstractProposer[Any]]

    multi_fidelity: ClassVar[bool] = True
    inherits: ClassVar[bool] = True
    objectives: ClassVar[int | None] = None

    @abstractmethod
    def learn(self, archive: Archive, generation: int) -> Any:
        """What the explorations after a generation (0, 1, …) share."""

    @abstractmethod
    def explore(
        self,
        space: Space,
        learned: Any,
        x: Float64[np.ndarray, " d"],
        free: Int64[np.ndarray, " k"],
        chosen: Float64[np.ndarray, "m d"],
        rng: np.random.Generator,
    ) -> Float64[np.ndarray, " d"]:
        """The row of a child of `x`: its coordinates `free` may change.

        **chosen**: the children's rows that were explored before.
        """

    def init(self, space: Space, *, key: Key) -> PopulationState:
        """Before the first generation. Raises UnknownName for a name in `fixed`."""
        for name in self.fixed:
            if name not in space.parameters:
                raise unknown_name("parameter", name, space.parameters)
        archive = Archive.empty(space, key=key)
        return self._begin(self.sampler.init(space, key=key), archive, 0)

    def propose(self, state: PopulationState, n: int, *, key: Key) -> Proposal:
        """New trials in the first generation, later children and then their elders."""
        if self.populations is not None and state.number >= self.populations:
            return Proposal.fresh(state.members.x[:0])
        places = self._places(state)
        if places:
            new = self.sampler.propose(state.sampler, min(n, places), key=key)
            if len(new):
                return Proposal.fresh(new.x, self._budget(state))
            state = self._closed(state)  # the sampler has no more: go on with fewer
        return state.members.waiting(n, self._budget(state))

    def expect(self, state: PopulationState, proposal: Proposal) -> PopulationState:
        """Marks members as asked, and enters new ones."""
        if not len(proposal):
            return state
        sampler = state.sampler
        if (proposal.parent < 0).any():
            sampler = self.sampler.expect(sampler, proposal)
        elif self._places(state):
            state = self._closed(state)
        return PopulationState(
            sampler,
            state.archive.expect(proposal),
            state.number,
            state.generation,
            state.members.expect(proposal),
        )

    def tell(self, state: PopulationState, outcome: Outcome) -> PopulationState:
        """Enters the losses; a generation that is complete makes the next one."""
        state = PopulationState(
            self.sampler.tell(state.sampler, outcome),
            state.archive.tell(outcome),
            state.number,
            state.generation,
            state.members.tell(outcome, self._budget(state)),
        )
        return state if self._places(state) else self._closed(state)

    def _budget(self, state: PopulationState) -> float:
        return (int(state.generation) + 1) / self.generations

    def _places(self, state: PopulationState) -> int:
        """How many new trials the first generation still takes."""
        return self.members - len(state.members) if state.generation == 0 else 0

    def _closed(self, state: PopulationState) -> PopulationState:
        """If all members that there are have been told: the generation after them."""
        if not state.members.complete:
            return state
        members = self._children(state)
        if state.generation + 1 == self.generations or not len(members):
            number = int(state.number) + 1
            return self._begin(state.sampler, state.archive, number)
        generation = np.asarray(state.generation + 1)
        return PopulationState(
            state.sampler, state.archive, state.number, generation, members
        )

    def _begin(self, sampler: Any, archive: Archive, number: int) -> PopulationState:
        nobody = Cohort.of(np.zeros((0, archive.space.dim)), np.zeros(0, np.int64))
        return PopulationState(sampler, archive, np.array(number), np.array(0), nobody)

    def _children(self, state: PopulationState) -> Cohort:
        """Exploit and explore: the next generation, its children first."""
        told, archive, n = state.members, state.archive, len(state.members)
        alive = survivors(told.losses, told.constraints)
        turnover = min(max(1, int(self.quantile * n)), n // 2)
        stay = alive[: n - turnover]
        worst = alive[n - turnover :].tolist() + [None] * (n - len(alive))
        seed = [int(archive.seed), int(state.number), int(state.generation)]
        rng, known = np.random.default_rng(seed), {row.tobytes() for row in told.x}
        learned = self.learn(archive, int(state.generation))
        rows, parents = [told.x[:0]], []
        for member in worst if len(alive) else ():
            parent = int(rng.choice(alive[:turnover])) if turnover else int(alive[0])
            chosen = np.concatenate(rows)
            x = told.x[parent]
            child = self._child(archive.space, learned, x, chosen, known, rng)
            if child is not None:
                rows.append(child)
                parents.append(parent)
            elif member is not None:  # nothing of its parent's may change
                stay = np.append(stay, member)
        parents = np.append(np.array(parents, np.int64), stay)
        x = np.concatenate([*rows, told.x[stay]])
        return Cohort.of(x, told.trial[parents])

    def _child(
        self,
        space: Space,
        learned: Any,
        x: Float64[np.ndarray, " d"],
        chosen: Float64[np.ndarray, "m d"],
        known: set[bytes],
        rng: np.random.Generator,
    ) -> Float64[np.ndarray, "1 d"] | None:
        """A row that nobody has, to be known from now on; None if `x` can't change."""
        free = _free(space, x, self.fixed)
        for _ in range(TRIES if len(free) else 0):
            row = self.explore(space, learned, x, free, chosen, rng)
            row = space.canonical(row[None])
            if row.tobytes() not in known:
                known.add(row.tobytes())
                return row
        return None


def _free(
    space: Space, x: Float64[np.ndarray, " d"], fixed: tuple[str, ...]
) -> Int64[np.ndarray, " k"]:
    """The dimensions of `x` that a child may change: real values that are present."""
    real = [
        kind == "numeric" and levels is None and name not in fixed
        for name, kind, levels in zip(
            space.dimensions, space.kinds, space.levels, strict=True
        )
    ]
    return np.flatnonzero(np.array(real, bool) & space.active(x[None])[0])


def check_population(proposer: AbstractPopulation) -> None:
    """Raises InvalidInput for sizes that make no population."""
    for name in ("members", "generations"):
        if getattr(proposer, name) < 2:
            raise InvalidInput(
                f"`{name}` must be at least 2, but got {getattr(proposer, name)}. "
                "For trainings that learn nothing from each other use `random`."
            )
    if not 0 < proposer.quantile <= 0.5:
        raise InvalidInput(
            "`quantile` is the part of a population that is replaced and must lie in "
            f"(0, 0.5], but got {proposer.quantile}."
        )
