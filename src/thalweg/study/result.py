"""`search`: a space of one's own, searched by the population trainer."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax
import numpy as np

from thalweg.architectures import Searchable
from thalweg.core.errors import InvalidInput, SearchError
from thalweg.core.typing import Config
from thalweg.diagnosis import Trials
from thalweg.losses import AbstractLoss, constant_loss
from thalweg.problem import Problem
from thalweg.proposers import PROPOSERS, AbstractProposer, starting_from
from thalweg.spaces import Space
from thalweg.study.costs import Costs, check_objectives
from thalweg.study.incumbent import Best, by_mean
from thalweg.study.loop import BATCH, Search
from thalweg.study.members import Trial
from thalweg.training.assembly import Assembler
from thalweg.training.by_hand import Model
from thalweg.training.dataset import as_numbers
from thalweg.training.engine import Engine

if TYPE_CHECKING:
    import pandas as pd

    from thalweg.report import ReportData

ROUNDS = 20  # judgements in a full training


@dataclass(frozen=True, eq=False)
class Result:
    """What a search found: its trials, the best first."""

    problem: Problem
    search: Search
    programs: str = ""  # whether architectures share a compiled program, and why

    @property
    def trials(self) -> list[Trial]:
        """Every trial that has a score, the best first."""
        return self.search.leaderboard

    @property
    def front(self) -> list[Trial]:
        """Trials that no other one beats in every objective, the lowest loss first."""
        from thalweg.surrogates.pareto import nondominated

        trials = self.trials
        if not trials:
            return []
        kept = nondominated(np.array([t.losses for t in trials]))
        return [t for t, k in zip(trials, kept, strict=True) if k]

    @property
    def best(self) -> Trial:
        """The trial to use, see `choice`. Raises SearchError if none has a score."""
        return self._best[0]

    @property
    def choice(self) -> Best:
        """The configuration of `best`, and how it was chosen.

        Of the `finalists` it is that of the lowest mean, and `best` is its luckiest
        trial; without any, that of the lowest loss seen.
        """
        return Best.of(self._best)

    @property
    def _best(self) -> list[Trial]:
        """All trials of the best configuration, the best first."""
        if not self.trials:
            raise SearchError(
                "No trial ended with a finite score. Give more time, or lower the "
                "learning rates."
            )
        if self.search.proposer.inherits:  # a configuration is not all of a trial
            return self.trials[:1]
        several = by_mean(self.search.whole)
        return several if len(several) > 1 else self.trials[:1]

    def model(self, trial: Trial | None = None, *, split: int = 0) -> Model:
        """The network of a trial (the best) as it was trained on one of the splits."""
        trial = trial or self.best
        if not trial.networks:
            raise InvalidInput(
                f"The networks of the best {self.search.keep} trials are kept, but "
                f"trial {trial.number} is not among them. Search with a larger `keep`."
            )
        loss: AbstractLoss = self.problem.judge()
        metric = (self.problem.metric,)
        return Model(
            trial.networks[split], loss, self.problem.task, metric, trial.status, 0
        )

    def to_dataframe(self) -> "pd.DataFrame":
        """One row per trial, one column per setting."""
        import pandas as pd

        rows = [
            {
                "trial": t.number,
                "score": t.score.value if t.score else np.nan,
                "error": t.score.error if t.score else np.nan,
                "status": t.status,
                "budget": t.budget,
                "steps": t.steps,
                "seconds": t.train_seconds,
                **t.costs,
                **t.config,
            }
            for t in self.trials
        ]
        return pd.DataFrame(rows)

    def recorded(self) -> Trials:
        """What `diagnose` reads: how the trials ended, and the leader's curves."""
        trials = sorted(self.search.trials.values(), key=lambda t: t.number)
        errors = [np.nan if t.score is None else t.score.error for t in trials]
        leader = None
        if self.trials:
            of_split = self.problem.y[0][self.problem.splits.train[0]]
            constant = constant_loss(
                self.problem.judge(), of_split, self.problem.outputs
            )
            leader = replace(self.best.recorded(), constant_loss=constant)
        return Trials(
            status=[t.status for t in trials],
            loss=np.array([t.loss for t in trials]),
            error=np.array(errors),
            config=[t.config for t in trials],
            leader=leader,
        )

    def report(self, out: str | Path) -> Path:
        """Write one self-contained HTML page."""
        from thalweg.report import write_report

        return write_report(self._report_data(), out)

    def _report_data(self) -> "ReportData":
        from thalweg.report import ReportData
        from thalweg.store import Store, StudyRow
        from thalweg.study.recorder import StoreRecorder

        with Store.memory(StudyRow(seed=self.problem.seed)) as store:
            trials = [*self.search.trials.values()]
            StoreRecorder(store).record(self.search, trials)
            metric, splits = self.problem.metric, self.problem.splits
            leader, shown = {}, self.trials[:5]
            if shown:
                best = self.best
                shown = [best, *(t for t in shown if t is not best)][:5]
                assert best.score is not None
                leader = {
                    "trial": best.number,
                    "config": best.config,
                    "score": best.score.value,
                    "score_error": best.score.error,
                    "returned": "network",
                }
            return ReportData(
                trials=store.to_frame(),
                metric=metric.name,
                maximize=metric.greater_is_better,
                task=self.problem.task,
                curves=tuple(c for t in shown for c in store.curves(t.number)),
                leader=leader,
                evaluation={
                    "scheme": splits.kind.replace("_", "-"),
                    "folds": splits.folds,
                    "repeats": splits.repeats,
                    "rows": len(self.problem.target),
                    "validation_rows": len(splits.rows),
                    "note": self._how_chosen(),
                },
                time=self.search.spent(),
                seconds=self.search.clock.elapsed,
                seed=self.problem.seed,
            )

    def _how_chosen(self) -> str:
        """A sentence, where the best is not that of the lowest loss seen."""
        values = [t.score.value for t in self._best if t.score] if self.trials else []
        if len(values) < 2:
            return ""
        error = np.std(values, ddof=1) / math.sqrt(len(values))
        return (
            f"The best has the best mean of {len(values)} trainings each, "
            f"{np.mean(values):.4g} ± {error:.2g}; its score is that of the luckiest."
        )


def search(
    problem: Problem,
    space: Space | None = None,
    *,
    network: Any = None,
    recipe: Callable[..., Any] | None = None,
    objectives: Sequence[str] = ("loss",),
    proposer: str | AbstractProposer[Any] = "gp",
    time_limit: float | None = None,
    trials: int | None = None,
    epochs: float = 20,
    batch_size: int = 32,
    patience: float = math.inf,
    start: list[Config] | None = None,
    keep: int = 40,
    batch: int = BATCH,
    judge_every: int | None = None,
    finalists: int = 0,
    watch: Callable[[Search], None] | None = None,
) -> Result:
    """Search `space` for the network and recipe that suit `problem` best.

    The space's parameters are those that `training.Assembler` knows: `network`,
    `width`, `depth`, `activation`, `dropout`, `optimizer`, `schedule`,
    `learning_rate`, … With **network** they are the training's alone; the network is
    then a tree of layers or a module of your own, whose choices (see
    `thalweg.architectures`) are searched together with them. With **recipe** the space
    may hold anything: `recipe(config, budget=...)` returns what a member trains (a
    `training.Candidate`).

    **objectives**: "loss" and, beside it, what the network should cost little of:
    "parameters", "multiply_adds", "flops", "peak_bytes", "latency" (of one inference
    call, measured here). `Result.front` has the trials that no other one beats.

    Ends after `time_limit` seconds or `trials` configurations, whichever is first.
    **epochs**: of a full training, where the space has no `epochs`. **start**:
    configurations to begin with. **batch**: trials of a round, where time is no limit;
    larger is faster, smaller tells the proposer sooner. **judge_every**: steps
    between judgements; by default a twentieth of a full training. **finalists**: how
    many of the best are trained again at the end, with other seeds, the better half of
    them once more, and so on; the best is then that of the lowest mean
    (`Result.choice`) and not the luckiest. It takes up to a quarter of the time, and
    comes on top of `trials`.

    Raises InvalidInput without a limit, UnknownName for a parameter with no meaning.
    """
    begin = time.monotonic()
    rows = min(len(train) for train in problem.splits.train)
    batch_size = min(batch_size, rows)
    per_epoch = rows / batch_size
    every = judge_every or max(1, round(epochs * per_epoch / ROUNDS))
    searchable = None
    if network is not None:
        if recipe is not None:
            raise InvalidInput("Give `network` or `recipe`, but got both.")
        searchable = Searchable(
            network,
            problem.inputs,
            problem.outputs,
            x=jax.tree.map(lambda leaf: as_numbers(leaf[0, :2]), problem.x),
            trials=math.inf if trials is None else trials,
            seconds=math.inf if time_limit is None else time_limit,
        )
        space = searchable.joined(space)
    if space is None:
        raise InvalidInput("A search needs a `space`, or a `network` with choices.")
    if recipe is None:
        recipe = Assembler(
            space,
            loss=problem.loss,
            batch_size=batch_size,
            steps_per_epoch=per_epoch,
            epochs=epochs,
            round_steps=every,
            patience=patience,
            network=searchable,
        )
    chosen = PROPOSERS[proposer]() if isinstance(proposer, str) else proposer
    if start:
        chosen = starting_from(chosen, start)
    costs = _costs(objectives, searchable, recipe, problem)
    check_objectives(chosen, objectives)
    engine = Engine(problem.training_task(), steps=every)
    loop = Search(
        problem,
        space,
        recipe,
        chosen,
        engine,
        keep=keep,
        batch=batch,
        costs=costs,
        watch=watch,
    )
    deadline = math.inf if time_limit is None else begin + time_limit
    loop.run(trials=trials, deadline=deadline, finalists=finalists)
    return Result(problem, loop, "" if searchable is None else searchable.why)


def _costs(
    objectives: Sequence[str],
    searchable: Searchable | None,
    recipe: Callable[..., Any],
    problem: Problem,
) -> Costs | None:
    """What measures the objectives beside the loss; None if there are none."""
    if not objectives or objectives[0] != "loss" or isinstance(objectives, str):
        raise InvalidInput(
            f'`objectives` is a list that begins with "loss", but got {objectives!r}. '
            'Write `objectives=["loss", "parameters"]`.'
        )
    if len(objectives) == 1:
        return None

    def describe(config: Config) -> Any:
        if searchable is not None:
            return searchable.alone(config)
        return recipe(config).assemble().network

    return Costs(objectives[1:], describe, problem)
