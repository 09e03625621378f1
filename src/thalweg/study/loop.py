"""The loop: ask -> train -> evaluate -> tell -> record."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import jax.random as jr
import numpy as np

from thalweg.core.errors import InvalidInput
from thalweg.problem import Problem
from thalweg.proposers import AbstractProposer, Outcome, Proposal
from thalweg.spaces import Space
from thalweg.study.costs import Costs
from thalweg.study.incumbent import grouped, key_of, mean_losses
from thalweg.study.members import Trial, check_heir, conclude, jobs
from thalweg.training.engine import SEGMENT_SECONDS, Engine

BATCH = 16  # trials of a round, where their number is the limit
FIRST = 4  # trials of the first round, where time is
MOST = 64
ATTEMPTS = 8  # to give up the rest of a rung
STATES = 256  # trials, the latest, that can be gone on with without beginning anew
ROUNDS = 12  # into which the time that is left is divided, at least
IDLE = 8  # rounds in a row in which nothing was trained: there is no time to compile
PATIENCE = 8  # times that a round trains for as long as asking for it took
ASIDE = 0.25  # of the time, at most, for training the best few again


class Recorder(Protocol):
    """Where a search keeps its rounds."""

    def record(self, search: "Search", trials: list[Trial]) -> None:
        """Keep a round that has just been told."""
        ...


@dataclass
class Clock:
    """Seconds by what they were spent on, since `begin` (of `time.monotonic`)."""

    begin: float
    propose: float = 0.0
    evaluate: float = 0.0
    store: float = 0.0
    before: dict[str, float] = field(default_factory=dict)  # of earlier processes

    @property
    def elapsed(self) -> float:
        return time.monotonic() - self.begin


class Search:
    """A search of one problem. `run` goes on until a limit; it can be called again.

    **recipe**: makes what a member trains from a configuration, for a budget.
    **keep**: of how many of the best trials the networks are kept.
    **batch**: trials of a round, where time is no limit.
    **costs**: further objectives of a configuration, by name.
    **watch**: called whenever there is news.
    """

    def __init__(
        self,
        problem: Problem,
        space: Space,
        recipe: Callable[..., Any],
        proposer: AbstractProposer[Any],
        engine: Engine,
        *,
        recorder: Recorder | None = None,
        keep: int = 40,
        batch: int = BATCH,
        costs: Costs | None = None,
        watch: Callable[["Search"], None] | None = None,
    ):
        self.problem, self.space, self.recipe = problem, space, recipe
        self.proposer, self.engine, self.keep = proposer, engine, keep
        self.recorder, self.batch, self._costs = recorder, batch, costs
        self.key = jr.key(problem.seed)
        self.state = proposer.init(space, key=self.key)
        self.rounds = 0
        self.trials: dict[int, Trial] = {}
        self.clock = Clock(time.monotonic())
        self._asking = 0.0  # seconds that the last ask took
        self.pending = 0
        self.told = 0  # outcomes; a trial that goes on has several
        self.first = FIRST
        self.least = 0.0  # seconds without which no round begins
        self._watch = watch or (lambda search: None)
        engine.watch = lambda tally: self._watch(self)

    @property
    def leaderboard(self) -> list[Trial]:
        """Trials with a score, the best first; of equals the earlier."""
        scored = [t for t in self.trials.values() if t.score is not None]
        return sorted(scored, key=lambda t: (t.loss, t.number))

    @property
    def whole(self) -> list[Trial]:
        """Those of the leaderboard that time did not cut short: what means are of."""
        return [trial for trial in self.leaderboard if trial.status != "cut"]

    def spent(self) -> dict[str, float]:
        """Seconds by kind, those of earlier processes included."""
        tally = self.engine.tally
        now = {
            "compile": tally.compile_seconds,
            "train": tally.train_seconds,
            "propose": self.clock.propose,
            "evaluate": self.clock.evaluate,
            "store": self.clock.store,
        }
        return {k: v + self.clock.before.get(k, 0.0) for k, v in now.items()}

    def run(
        self,
        *,
        trials: int | None = None,
        deadline: float = float("inf"),
        finalists: int = 0,
    ) -> None:
        """Search until there are `trials` configurations, or until `deadline`.

        **finalists**: how many of the best are then trained again (`decide`), for which
        up to a quarter of the time is kept.
        """
        if trials is None and deadline == float("inf"):
            raise InvalidInput(
                "A search needs a limit, but got neither. Give `time_limit` in "
                "seconds, or a number of trials, or both."
            )
        if finalists and self.proposer.inherits:
            raise InvalidInput(
                "`finalists` are trained again by their configurations alone, but "
                f"trials of {type(self.proposer).__name__} begin from the weights of "
                "others. Search without."
            )
        most = ASIDE * (deadline - time.monotonic())
        try:
            self._search(trials, lambda: deadline - self._aside(finalists, most))
            self.decide(finalists, deadline=deadline)
        except KeyboardInterrupt:
            self.engine.interrupted = True

    def decide(self, finalists: int, *, deadline: float = float("inf")) -> None:
        """Train the best again with other seeds, the better half once more, and so on.

        See `study.incumbent`. Every training is a trial of its own.
        """
        left = self._distinct(finalists)
        while len(left) > 1 and not self.engine.interrupted:
            if time.monotonic() + self._seconds(left) > deadline:
                left = left[: len(left) // 2]
                continue
            x = self.space.encode([trial.config for trial in left])
            budget = np.array([trial.budget for trial in left])
            self._round(Proposal(x, np.full(len(left), -1), budget), deadline)
            means = mean_losses(self.whole)
            left.sort(key=lambda trial: means.get(key_of(trial.config), math.inf))
            left = left[: len(left) // 2]

    def _search(self, trials: int | None, deadline: Callable[[], float]) -> None:
        idle = 0
        while not self.engine.interrupted and self._may_begin(deadline()):
            left = None if trials is None else trials - len(self.trials)
            proposal = self._ask(left, deadline())
            if len(proposal) == 0:
                break
            idle = 0 if self._round(proposal, deadline()) else idle + 1
            if idle == IDLE:
                break

    def _aside(self, finalists: int, most: float) -> float:
        """Seconds that `decide` will take: its waves are halves."""
        return min(most, 2 * self._seconds(self._distinct(finalists)))

    def _distinct(self, k: int) -> list[Trial]:
        """The best trial of each of the `k` best configurations."""
        groups = grouped(self.leaderboard).values()
        return [group[0] for group in groups][:k]

    def _seconds(self, trials: Sequence[Trial]) -> float:
        """That training these again will take; of the shortest, what any one does."""
        shared = self.engine.mesh.size
        return sum(max(t.train_seconds / shared, self._each) for t in trials)

    def _may_begin(self, deadline: float) -> bool:
        """Whether there is time for a round; for the first there always is."""
        needed = self.least if self.told else 0.0
        return time.monotonic() + needed < deadline

    def _ask(self, left: int | None, deadline: float) -> Proposal:
        """What to train next; new configurations up to `left`."""
        begin = time.monotonic()
        key = jr.fold_in(self.key, self.rounds)
        timed = deadline < float("inf")
        size = self._batch(deadline) if timed else self.batch
        if self.proposer.multi_fidelity:
            # with time as the limit, what is promoted early is trained early
            size = size if timed else MOST
        elif left is not None:
            size = min(size, left)
        proposal = Proposal.fresh(np.zeros((0, self.space.dim)))
        if size > 0:
            proposal, self.state = self._wanted(left, size, key)
        self._asking = time.monotonic() - begin
        self.clock.propose += self._asking
        return proposal

    def _wanted(self, left: int | None, size: int, key: Any) -> tuple[Proposal, Any]:
        """Up to `size` rows, and the state that waits for them.

        When `left` is used up, a rung may still have places: they are given up, some
        at a time, so that those who are in it already go on to their end.
        """
        state = self.state
        for attempt in range(ATTEMPTS):
            now = jr.fold_in(key, attempt) if attempt else key
            asked, state = self.proposer.ask(state, size, key=now)
            proposal, state = self._within(left, asked, state)
            if len(proposal) or not len(asked):
                return proposal, state
        return proposal, self.state

    def _within(
        self, left: int | None, proposal: Proposal, state: Any
    ) -> tuple[Proposal, Any]:
        """At most `left` new configurations; others of their rung are given up."""
        new = self._new(proposal)
        late = new & (np.cumsum(new) > (len(new) if left is None else left))
        wanted, rest = (
            Proposal(proposal.x[m], proposal.parent[m], proposal.budget[m])
            for m in (~late, late)
        )
        if not len(rest):
            return wanted, state
        nobody, nan = np.full(len(rest), -1), np.full(len(rest), np.nan)
        outcome = Outcome(rest.x, nobody, rest.parent, rest.budget, nan, nan)
        return wanted, self.proposer.tell(state, outcome)

    def _new(self, proposal: Proposal) -> np.ndarray:
        """Which begin a trial, and do not go on with one as it is."""
        parents = [self.trials.get(int(number)) for number in proposal.parent]
        configs = self.space.decode(proposal.x)
        return np.array(
            [
                parent is None or parent.config != config
                for parent, config in zip(parents, configs, strict=True)
            ],
            bool,
        )

    def _batch(self, deadline: float) -> int:
        """As many as train for some times what asking for them takes.

        What is told sooner is learned from sooner.
        """
        if not self.told:
            return self.first
        longest = (deadline - time.monotonic()) / ROUNDS
        seconds = min(longest, max(SEGMENT_SECONDS, PATIENCE * self._asking))
        lanes = self.engine.mesh.size * self.engine.width
        least = max(FIRST, 2 * lanes // len(self.problem.splits))  # nobody is idle
        return int(np.clip(seconds / max(self._each, 1e-6), least, MOST))

    @property
    def _each(self) -> float:
        """Seconds that an outcome took."""
        return (self.clock.elapsed - self.clock.propose) / max(1, self.told)

    def _round(self, proposal: Proposal, deadline: float) -> bool:
        """Train, evaluate, tell, record; whether there was time for any of it."""
        configs = self.space.decode(proposal.x)
        new = self._new(proposal)
        first = max(self.trials, default=-1) + 1
        numbers = np.where(new, first + np.cumsum(new) - 1, proposal.parent)
        started = self.clock.elapsed
        work = []
        for config, number, parent, budget in zip(
            configs, numbers, proposal.parent, proposal.budget, strict=True
        ):
            recipe = self.recipe(config, budget=float(budget))
            origin = self.trials.get(int(parent))
            if origin is not None and origin.number != number:
                parents = self.recipe(origin.config, budget=float(budget))
                check_heir(config, recipe, origin, parents)
            work += jobs(
                self.problem,
                recipe,
                trial=int(number),
                parent=origin,
                keep=budget < 1,
            )
        self.pending = len(proposal)
        ended = self.engine.train(work, deadline=deadline)
        begin = time.monotonic()
        made = []
        for row, (config, number) in enumerate(zip(configs, numbers, strict=True)):
            own = [end for end in ended if end.job.trial == number]
            if not own:
                continue  # the clock: it was never trained
            trial = conclude(
                self.problem,
                config,
                own,
                number=int(number),
                budget=float(proposal.budget[row]),
                parent=self.trials.get(int(proposal.parent[row])),
            )
            before = self.trials.get(int(number))
            if trial.score is None and before is not None and before.score is not None:
                continue  # promoted in vain: what it was before still stands
            finished = max(end.at for end in own) - self.clock.begin
            costs = {} if self._costs is None else self._costs(config)
            made.append(replace(trial, started=started, finished=finished, costs=costs))
        self._tell(proposal, numbers, made)
        self.clock.evaluate += time.monotonic() - begin
        self.rounds += 1
        # what was broken off by hand is not recorded: resumed, it is trained whole
        if self.recorder is not None and not self.engine.interrupted:
            begin = time.monotonic()
            self.recorder.record(self, made)
            self.clock.store += time.monotonic() - begin
        self._forget()
        self._watch(self)
        return bool(ended)

    def _tell(self, proposal: Proposal, numbers: np.ndarray, made: list[Trial]) -> None:
        by_number = {trial.number: trial for trial in made}
        known = [by_number.get(int(n)) for n in numbers]
        failed = (np.nan,) * (1 if self._costs is None else 1 + len(self._costs.names))
        self.state = self.proposer.tell(
            self.state,
            Outcome(
                x=proposal.x,
                trial=np.asarray(numbers, np.int64),
                parent=proposal.parent,
                budget=proposal.budget,
                losses=np.array([failed if t is None else t.losses for t in known]),
                cost=np.array(
                    [np.nan if t is None else t.train_seconds for t in known]
                ),
            ),
        )
        self.trials.update(by_number)
        self.told += len(made)
        self.pending = 0

    def _forget(self) -> None:
        """Drop the networks of all but the best, and states that nobody needs."""
        best = {trial.number for trial in self.leaderboard[: self.keep]}
        for number, trial in self.trials.items():
            if number not in best and trial.networks:
                self.trials[number] = replace(trial, networks=(), prediction=None)
        states = [t for t in self.trials.values() if t.states]
        states.sort(key=lambda t: (t.budget < 1, t.finished))
        for trial in states[:-STATES] + [t for t in states if t.budget >= 1]:
            self.trials[trial.number] = replace(self.trials[trial.number], states=())
