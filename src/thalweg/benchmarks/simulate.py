"""Searches on benchmarks: a proposer at work, on the benchmark's own clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from thalweg.benchmarks.base import AbstractBenchmark
from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Key
from thalweg.proposers import PROPOSERS, AbstractProposer, Outcome, Proposal


@dataclass(frozen=True)
class Curve:
    """A search, evaluation by evaluation."""

    benchmark: AbstractBenchmark
    x: Float64[np.ndarray, "n d"]
    budget: Float64[np.ndarray, " n"]
    losses: Float64[np.ndarray, "n m"]  # as told: noisy if noise was asked for
    constraints: Float64[np.ndarray, "n c"]
    clock: Float64[np.ndarray, " n"]  # simulated seconds at the end of each

    def __len__(self) -> int:
        return len(self.x)

    @property
    def incumbent(self) -> Int64[np.ndarray, " n"]:
        """Which evaluation was the best one until each, judged by what was told.

        The lowest loss at the largest budget seen so far that breaks no constraint.
        """
        poor = (self.constraints > 0).any(1) | ~np.isfinite(self.losses[:, 0])
        loss = np.where(poor, np.inf, self.losses[:, 0])
        best, found = 0, []
        for i in range(len(self)):
            rank = (-self.budget[i], loss[i])
            if np.isinf(loss[best]) or (rank < (-self.budget[best], loss[best])):
                best = i if np.isfinite(loss[i]) else best
            found.append(best)
        return np.array(found, np.int64)

    @property
    def loss(self) -> Float64[np.ndarray, " n"]:
        """What the incumbent really is worth after each evaluation: without noise."""
        true = self.benchmark.evaluate(self.x[self.incumbent])
        return true.losses[:, 0]

    @property
    def regret(self) -> Float64[np.ndarray, " n"]:
        """`loss` on the benchmark's scale: 0 the optimum, 1 the best of 25 draws."""
        return self.benchmark.regret(self.loss)

    def at(self, evaluations: Sequence[int]) -> Float64[np.ndarray, " k"]:
        """The regret after so many evaluations; the last one where there are fewer."""
        numbers = np.minimum(np.asarray(evaluations), len(self)) - 1
        return self.regret[numbers]


def simulate(
    benchmark: AbstractBenchmark,
    proposer: str | AbstractProposer[Any] = "random",
    *,
    evaluations: int | None = None,
    seconds: float | None = None,
    seed: int = 0,
    batch: int = 1,
    noise: bool = False,
) -> Curve:
    """Lets a proposer search until the number of evaluations or the seconds are spent.

    **seconds**: on the benchmark's own clock, one training after the other; what would
    end later doesn't count. **noise**: the proposer is told noisy losses, where the
    benchmark has repeats or noise.

    The search also ends when the proposer has nothing left to propose.
    """
    if evaluations is None and seconds is None:
        evaluations = 100
    run = _Run(benchmark, proposer, seed=seed, noise=noise)
    while evaluations is None or run.count < evaluations:
        rest = batch if evaluations is None else min(batch, evaluations - run.count)
        if not run.step(rest, seconds):
            break
    return run.curve()


class _Run:
    """A proposer, its state, and all that it was told."""

    def __init__(
        self,
        benchmark: AbstractBenchmark,
        proposer: str | AbstractProposer[Any],
        *,
        seed: int,
        noise: bool,
    ):
        import jax.random as jr

        self.benchmark = benchmark
        self.proposer = PROPOSERS[proposer]() if isinstance(proposer, str) else proposer
        self.seed, self.noise = seed, noise
        self.key: Key = jr.key(seed)
        self.state = self.proposer.init(benchmark.space, key=jr.fold_in(self.key, 0))
        self.asks = self.count = 0
        self.clock = 0.0
        self.trials: list[np.ndarray] = []  # the row of each
        self.told: list[Outcome] = []

    def step(self, n: int, seconds: float | None) -> bool:
        """Asks, measures and tells once; False where the search ends."""
        import jax.random as jr

        self.asks += 1
        key = jr.fold_in(self.key, self.asks)
        proposal, self.state = self.proposer.ask(self.state, n, key=key)
        if not len(proposal):
            return False
        lot = [self.seed, self.asks] if self.noise else None
        found = self.benchmark.evaluate(proposal.x, budget=proposal.budget, seed=lot)
        if seconds is not None:
            if np.isnan(found.seconds).any():
                raise InvalidInput(
                    f"{self.benchmark.name} has no record of training times. Give "
                    "`evaluations=` in place of `seconds=`."
                )
            in_time = self.clock + np.cumsum(found.seconds) <= seconds
            if not in_time.all():
                self._tell(proposal, found, np.flatnonzero(in_time))
                return False
        self._tell(proposal, found, np.arange(len(proposal)))
        return True

    def _tell(self, proposal: Proposal, found: Any, rows: np.ndarray) -> None:
        outcome = Outcome(
            proposal.x[rows],
            self._numbers(proposal)[rows],
            proposal.parent[rows],
            proposal.budget[rows],
            found.losses[rows],
            found.seconds[rows],
            found.constraints[rows],
        )
        self.state = self.proposer.tell(self.state, outcome)
        self.told.append(outcome)
        self.count += len(rows)
        self.clock += float(found.seconds[rows].sum())

    def _numbers(self, proposal: Proposal) -> Int64[np.ndarray, " n"]:
        """Each row's trial: its parent if it is the same row, else a new one."""
        numbers = []
        for x, parent in zip(proposal.x, proposal.parent.tolist(), strict=True):
            if parent >= 0 and np.array_equal(self.trials[parent], x):
                numbers.append(parent)
                continue
            numbers.append(len(self.trials))
            self.trials.append(x)
        return np.array(numbers, np.int64)

    def curve(self) -> Curve:
        """All that was told."""
        if not self.count:
            raise InvalidInput(
                "A simulated search needs time for one training at least. Give more "
                "`seconds=`."
            )
        told = self.told
        return Curve(
            self.benchmark,
            np.concatenate([o.x for o in told]),
            np.concatenate([o.budget for o in told]),
            np.concatenate([o.losses for o in told]),
            np.concatenate([o.constraints for o in told]),
            np.cumsum(np.concatenate([o.cost for o in told])),
        )
