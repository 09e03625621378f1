"""The imperative shell around a proposer: for objectives of your own.

Nothing here trains networks. A study is a log of events (`ledger.py`), kept by a
journal (`journal.py`); what is here turns calls into events. Several threads may use
one study, and several processes studies of one database.
"""

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import jax.random as jr
import numpy as np

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Config
from thalweg.proposers import PROPOSERS, AbstractProposer
from thalweg.report.importance import Importance
from thalweg.spaces import Space
from thalweg.study import answers, worker
from thalweg.study.costs import check_objectives
from thalweg.study.events import Told, asking, claiming, reporting, telling
from thalweg.study.goals import Goals
from thalweg.study.journal import Journal, as_journal
from thalweg.study.ledger import Asked, Event, Ledger
from thalweg.study.replica import Replica
from thalweg.study.run import Run, progress_bar, takes
from thalweg.study.stopping import AbstractStopping, as_rule
from thalweg.study.trial import Suggestion, Trial
from thalweg.study.work import Work

if TYPE_CHECKING:
    import pandas as pd


class Study:
    """Ask a proposer for configurations, tell it their losses; smaller is better.

        study = Study(space, seed=0)
        configs = study.ask(8)
        study.tell(configs, [f(config) for config in configs])
        study.best_config, study.best_loss

    or `study.optimize(f, n_trials=100)`. The same seed, asks and losses give the same
    configurations.

    **space**: a `Space`, or one of Optuna, ConfigSpace, Ray Tune or KerasTuner
    (`Space.of`). **objectives**: what an evaluation gives: a name, several, or a dict
    such as `{"accuracy": "maximize", "seconds": "minimize"}`. **constraints**: further
    values, by name, that must be at most 0. **storage**: a database URL ("sqlite:///study.db",
    PostgreSQL), or a `Journal`. What it holds already is gone through first, so that
    the study continues exactly where it was; several processes may work on one.
    **name**: of the study in its database. **stopping**: a rule that ends trials early
    by their reports. **warm_start**: earlier studies, or tables of them (a frame each):
    their evaluations are told before the first ask.
    """

    def __init__(
        self,
        space: Any,
        *,
        proposer: str | AbstractProposer[Any] = "auto",
        objectives: str | Sequence[str] | Mapping[str, str] | None = None,
        constraints: str | Sequence[str] = (),
        seed: int = 0,
        storage: str | Journal | None = None,
        name: str = "study",
        stopping: str | AbstractStopping | None = None,
        warm_start: Sequence[Any] = (),
    ):
        self.space = Space.of(space)
        self.goals = Goals.of(objectives, constraints)
        self.proposer = _proposer(proposer)
        self.seed = seed
        self.name = name
        self.stopping = as_rule(stopping)
        check_objectives(self.proposer, list(self.goals.objectives))
        self._key = jr.key(seed)
        self._worker = worker.new_worker()
        self._stop = threading.Event()
        journal = as_journal(storage, name=name, seed=seed)
        self._replica = Replica(journal, self._fresh)
        if self._replica.begin(self._head()) and warm_start:
            self.tell(*answers.earlier(self.space, self.goals, warm_start))

    @property
    def ledger(self) -> Ledger:
        """The state after all events that are known here; to be read only."""
        return self._replica.ledger()

    @property
    def trials(self) -> list[Trial]:
        """What was told, in order."""
        return list(self.ledger.trials)

    @property
    def pending(self) -> list[Suggestion]:
        """What was asked for and not told yet, by whatever process."""
        return [self._suggestion(asked) for asked in self.ledger.pending.values()]

    @property
    def best_trial(self) -> Trial:
        """The lowest loss told, among feasible evaluations of the largest budget.

        Of a noisy function it is the luckiest, not the best: see `best`.
        """
        return answers.lowest(self.ledger)

    @property
    def best_config(self) -> Config:
        """The configuration of `best_trial`."""
        return dict(self.best_trial.config)

    @property
    def best_loss(self) -> float:
        """The loss of `best_trial`; the negative of what is maximised."""
        return self.best_trial.loss

    def best(self, by: str = "lowest") -> answers.Best:
        """The configuration to use, and how it was chosen.

        "lowest" takes the lowest loss told: right where the same configuration always
        gives the same. "mean" takes the lowest mean of those evaluated most often (see
        `reevaluate`); "model" what the proposer's model holds to be the best of what
        was evaluated.
        """
        return answers.best(self.ledger, by)

    def pareto(self) -> list[Trial]:
        """The feasible evaluations that no other one beats in every objective."""
        return answers.pareto(self.ledger)

    def hypervolume(self, reference: Any) -> float:
        """What `pareto()` dominates below `reference`, given like an evaluation."""
        return answers.hypervolume(self.ledger, reference)

    def ask(self, n: int = 1) -> list[Suggestion]:
        """Up to `n` configurations to evaluate next; what was enqueued comes first.

        Fewer, perhaps none, if the proposer first needs losses of what is `pending`,
        or if it is exhausted.
        """
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise InvalidInput(f"`ask` needs a positive number of rows, but got {n!r}.")
        return self._ask(int(n), None)

    def tell(
        self,
        configs: Sequence[Config] | Config,
        losses: Any,
        *,
        seconds: Sequence[float] | float | None = None,
    ) -> None:
        """Records losses: of all that was asked, some of it, in any order.

        A loss is a number, a tuple with one for each objective, or a dict by name. Of
        several configurations: a list of those, or a dict of lists. Configurations that
        were never asked for are welcome too: the proposer learns from them. NaN or
        infinity marks a trial that diverged, None one that a stopping rule ended.
        """
        if isinstance(configs, Mapping):
            configs, losses = [configs], [losses]
            seconds = None if seconds is None else [seconds]  # type: ignore[list-item]
        # all checked before any is recorded
        plain = [self.space.validate(config) for config in configs]
        values = self._values(configs, losses)
        times = [math.nan] * len(values) if seconds is None else list(seconds)  # type: ignore[arg-type]
        if len(times) != len(values):
            raise InvalidInput(
                f"`tell` needs one time for each configuration, but got {len(values)} "
                f"configurations and {len(times)} times."
            )
        parts = zip(configs, plain, values, times, strict=True)
        self._record([Told(*part) for part in parts])

    def enqueue(self, configs: Sequence[Config] | Config, losses: Any = None) -> None:
        """Configurations to try next, before the proposer's; with losses: told at once.

        Of a proposer of rungs they are trained in full beside its rungs; to have them
        compete on the first rung use `proposers.starting_from`.
        """
        configs = [configs] if isinstance(configs, Mapping) else list(configs)
        plain = [self.space.validate(config) for config in configs]
        if losses is not None:
            self.tell(plain, losses)
        elif plain:
            event = {"event": "enqueue", "configs": plain}
            self._replica.commit(lambda ledger: event, current=False)

    def reevaluate(self, k: int = 5, repeats: int = 1) -> None:
        """Enqueues the `k` best configurations `repeats` times again: against noise.

        The next `ask` or `optimize` gives them, and `best("mean")` uses them.
        """
        best = answers.leading(self.ledger, k)
        self.enqueue([config for _ in range(repeats) for config in best])

    def requeue(self, *, silent_for: float = 0.0) -> list[Suggestion]:
        """Takes over what others were given, and not heard of for `silent_for` seconds.

        For workers on machines that are gone: `optimize` by itself takes over what was
        given to processes of this machine that have ended. What such a worker should
        tell after all is dropped.
        """
        since, me = time.time() - silent_for, self._worker
        return self._claim(lambda asked: asked.worker != me and not asked.at > since)

    def optimize(
        self,
        f: Callable[..., Any],
        *,
        n_trials: int | None = None,
        total_trials: int | None = None,
        time_limit: float | None = None,
        n_jobs: int = 1,
        batch_size: int = 1,
        batched: bool = False,
        catch: type[Exception] | tuple[type[Exception], ...] = (),
        callbacks: Sequence[Callable[["Study", Trial], Any]] = (),
        executor: Any = None,
        progress: bool = False,
    ) -> "Study":
        """Evaluates `f(config)` until one of the limits.

        **n_trials** counts evaluations of this call (100 if there is no limit at all),
        **total_trials** those of the whole study, other processes' included;
        **time_limit** is in seconds: no evaluation begins after it. **n_jobs** threads
        (-1: one per core) each get the next suggestion as soon as they are free; with
        one, the same seed gives the same trials. **executor**: any other pool with
        `submit`, a `ProcessPoolExecutor` for example. **batched**: `f` takes a list of
        up to `batch_size` configurations, and gives a loss for each. An exception among
        `catch` marks the trial as failed; any other, Ctrl-C too, leaves the study with
        nothing lost, its configuration staying pending. What is pending is evaluated
        first, unless another process is at it. **callbacks** are called with the study
        and each trial told; `stop()` ends it.
        """
        if self.proposer.multi_fidelity and not (batched or takes(f, "budget")):
            raise InvalidInput(
                f"{type(self.proposer).__name__} asks for partial trainings, so `f` "
                "must take a keyword argument `budget`, but it has none. Write "
                "`def f(config, budget): ...`, or use another proposer."
            )
        most = math.inf if n_trials is None else n_trials
        if n_trials is None and total_trials is None and time_limit is None:
            most = 100
        more = math.inf if total_trials is None else total_trials - len(self.trials)
        self._stop.clear()
        worker.begin(self._worker)
        try:
            with progress_bar(min(most, more), shown=progress) as shown:

                def watch(trial: Trial) -> None:
                    shown(answers.summary(self.ledger) if progress else "")
                    for callback in callbacks:
                        callback(self, trial)

                Run(
                    Work(self, total=total_trials, catch=catch),
                    f,
                    n_trials=most,
                    end=math.inf
                    if time_limit is None
                    else time.monotonic() + time_limit,
                    n_jobs=n_jobs,
                    batch_size=batch_size,
                    batched=batched,
                    catch=catch,
                    executor=executor,
                    watch=watch,
                )()
        finally:
            worker.end(self._worker)
        return self

    def stop(self) -> None:
        """Ends `optimize`, from a callback or another thread: nothing new begins."""
        self._stop.set()

    def refresh(self) -> None:
        """Reads what other processes have added. `ask` does it by itself."""
        self._replica.refresh()

    def to_dataframe(self) -> "pd.DataFrame":
        """One row per evaluation; a parameter `p` is in column `config_p`."""
        return answers.frame(self.ledger)

    def importance(self, objective: str | None = None) -> Importance:
        """Which parameters mattered: shares of the ranks' variance, with their errors.

        By permutation in a random forest of what was told; see `report.importance`.
        """
        return answers.importances(self.ledger, objective)

    def reports(self, trial: int) -> "pd.DataFrame":
        """What a trial reported: a row per step, a column per value."""
        return answers.curve(self.ledger, trial)

    def report(self, suggestion: Suggestion, values: Any, step: float) -> None:
        """What `suggestion.report(values, step)` does."""
        if not isinstance(values, Mapping):
            values = self.goals.read(values)
        self._replica.commit(
            lambda ledger: reporting(ledger, suggestion, values, step),
            current=False,
        )

    def should_stop(self, suggestion: Suggestion) -> bool:
        """What `suggestion.should_stop()` does."""
        if self.stopping is None:
            return False
        reports = self.ledger.reports
        return self.stopping.should_stop(reports, suggestion.trial)

    def _ask(self, n: int, most: int | None) -> list[Suggestion]:
        """Up to `n`, and no more than leave the study with `most` evaluations."""

        def event(ledger: Ledger) -> Event | None:
            count = n
            if most is not None:
                count = min(n, most - len(ledger.trials) - len(ledger.pending))
            if count <= 0:
                return None
            key = jr.fold_in(self._key, ledger.asks + 1)
            return asking(ledger, count, key=key, worker=self._worker)

        found = self._replica.commit(event, current=True) or ()
        return [self._suggestion(asked) for asked in found]

    def _claim(self, wanted: Callable[[Asked], bool]) -> list[Suggestion]:
        """Takes over the pending ones that are `wanted`."""
        found = self._replica.commit(
            lambda ledger: claiming(ledger, wanted, worker=self._worker), current=True
        )
        return [self._suggestion(asked) for asked in found or ()]

    def _record(self, told: list[Told], *, drop: bool = False) -> list[Trial]:
        """Records them in one event; those told before are errors, or dropped."""
        event = lambda ledger: telling(ledger, told, drop=drop)  # noqa: E731
        return self._replica.commit(event, current=False) or []

    def _values(self, configs: Sequence[Config], losses: Any) -> list[dict[str, float]]:
        """What was told of each configuration, by name; also from a dict of lists."""
        told = losses
        if isinstance(losses, Mapping):
            columns = [list(column) for column in losses.values()]
            same = len({len(column) for column in columns}) == 1
            rows = zip(*columns, strict=True) if same else ()
            told = [dict(zip(losses, row, strict=True)) for row in rows]
        if not isinstance(told, Iterable) or len(told := list(told)) != len(configs):
            raise InvalidInput(
                f"`tell` needs one loss for each configuration, but got {len(configs)} "
                f"configurations and {losses!r}."
            )
        pairs = zip(configs, told, strict=True)
        return [self._value(config, one) for config, one in pairs]

    def _value(self, config: Config, told: Any) -> dict[str, float]:
        """What was told of a configuration, or its last report if it was stopped."""
        stopped = isinstance(config, Suggestion) and config.stopped
        if told is None and stopped:
            values = self.ledger.reports.curve(config.trial).values  # type: ignore[union-attr]
            return self.goals.read(values[-1])
        return self.goals.read(told)

    def _suggestion(self, asked: Asked) -> Suggestion:
        return Suggestion(
            asked.config,
            asked.trial,
            parent=asked.parent,
            budget=asked.budget,
            desk=self,
        )

    def _fresh(self) -> Ledger:
        key = jr.fold_in(self._key, 0)
        return Ledger(self.space, self.proposer, self.goals, key=key)

    def _head(self) -> Event:
        """The first event of the log, which must be the same to continue it."""
        return {
            "event": "study",
            "space": self.space.to_dict(),
            "proposer": repr(self.proposer),
            "seed": self.seed,
            "objectives": dict(self.goals.objectives),
            "constraints": list(self.goals.constraints),
        }

    def __repr__(self) -> str:
        ledger = self.ledger
        name = type(self.proposer).__name__
        return (
            f"<Study: {len(ledger.trials)} evaluations by {name} over {self.space.dim} "
            f"dimensions, {len(ledger.pending)} pending; {answers.summary(ledger)}>"
        )


def _proposer(given: Any) -> AbstractProposer[Any]:
    """By its name, or itself."""
    if isinstance(given, str):
        return PROPOSERS[given]()
    if isinstance(given, AbstractProposer):
        return given
    raise InvalidInput(
        "`proposer` must be a name or a proposer such as `Random()`, but got "
        f"{given!r}. Make one of a class, and wrap a sampler of Optuna's by "
        "`study.optuna.from_optuna`."
    )
