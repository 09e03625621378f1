"""The imperative shell around a proposer: for objectives of your own.

Nothing here trains networks. A study is a log of two kinds of events, configurations
asked for and outcomes told; its state follows from the log, so whatever keeps the log
(`journal.py`) can continue the study exactly where it was.
"""

import inspect
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from thalweg.core.errors import InvalidInput, SearchError, StoreError
from thalweg.core.typing import Config
from thalweg.proposers import PROPOSERS, AbstractProposer, Outcome, Proposal
from thalweg.spaces import Space
from thalweg.study.journal import Journal, as_journal

if TYPE_CHECKING:
    import pandas as pd


class Suggestion(dict[str, Any]):
    """A configuration that was asked for: a dictionary that knows its trial.

    `budget` is the fraction of a full training to reach, 1 except with multi-fidelity
    proposers; `parent` is the trial whose weights are resumed, or -1.
    """

    def __init__(
        self, config: Config, trial: int, *, parent: int = -1, budget: float = 1.0
    ):
        super().__init__(config)
        self.trial = trial
        self.parent = parent
        self.budget = budget


@dataclass(frozen=True)
class Trial:
    """One evaluation. A trial that is resumed has one for each budget."""

    number: int
    config: Config
    loss: float
    budget: float = 1.0
    parent: int = -1
    seconds: float = math.nan
    status: str = "complete"  # or "diverged" (no finite loss), "failed" (an exception)
    error: str = ""


@dataclass(frozen=True)
class _Pending:
    suggestion: Suggestion
    x: np.ndarray


class Study:
    """Ask a proposer for configurations, tell it their losses; smaller is better.

        study = Study(space, proposer="gp", seed=0)
        configs = study.ask(8)
        study.tell(configs, [f(config) for config in configs])
        study.best_config, study.best_loss

    or `study.optimize(f, n_trials=100)`. To maximise, tell the negative. The same seed,
    asks and losses give the same configurations.

    **storage**: a database URL ("sqlite:///study.db", PostgreSQL), or a `Journal`. What
    it holds already is gone through first, so that the study continues exactly where
    it was. **name**: of the study in its database.
    """

    def __init__(
        self,
        space: Space,
        *,
        proposer: str | AbstractProposer[Any] = "gp",
        seed: int = 0,
        storage: str | Journal | None = None,
        name: str = "study",
    ):
        import jax.random as jr

        if not isinstance(space, Space):
            raise InvalidInput(f"`space` must be a Space, but got {space!r}.")
        self.space = space
        self.proposer = PROPOSERS[proposer]() if isinstance(proposer, str) else proposer
        self.seed = seed
        self._key = jr.key(seed)
        self._state = self.proposer.init(space, key=jr.fold_in(self._key, 0))
        self._asks = 0
        self._next = 0  # trial number
        self._pending: list[_Pending] = []
        self._trials: list[Trial] = []
        self._rows: dict[int, bytes] = {}  # of what was told, by trial
        self._journal = as_journal(storage, name=name, seed=seed)
        self._open()

    @property
    def trials(self) -> list[Trial]:
        """What was told, in order."""
        return list(self._trials)

    @property
    def pending(self) -> list[Suggestion]:
        """What was asked for and not told yet."""
        return [item.suggestion for item in self._pending]

    @property
    def best_trial(self) -> Trial:
        """The lowest finite loss, among the evaluations of the largest budget."""
        finite = [t for t in self._trials if math.isfinite(t.loss)]
        if not finite:
            raise SearchError(
                "The best trial needs a finite loss, but none was told yet."
            )
        return min(finite, key=lambda t: (-t.budget, t.loss))

    @property
    def best_config(self) -> Config:
        """The configuration of `best_trial`."""
        return dict(self.best_trial.config)

    @property
    def best_loss(self) -> float:
        """The loss of `best_trial`."""
        return self.best_trial.loss

    def ask(self, n: int = 1) -> list[Suggestion]:
        """Up to `n` configurations to evaluate next.

        Fewer, perhaps none, if the proposer first needs losses of what is `pending`,
        or if it is exhausted.
        """
        import jax.random as jr

        key = jr.fold_in(self._key, self._asks + 1)
        proposal, _ = self.proposer.ask(self._state, n, key=key)
        # a trial goes on exactly if its row is its parent's
        new = np.array(
            [
                self._rows.get(int(parent)) != row.tobytes()
                for parent, row in zip(proposal.parent, proposal.x, strict=True)
            ],
            bool,
        )
        trials = np.where(new, self._next + np.cumsum(new) - 1, proposal.parent)
        event = {
            "event": "ask",
            "x": proposal.x.tolist(),
            "trial": trials.tolist(),
            "parent": proposal.parent.tolist(),
            "budget": proposal.budget.tolist(),
        }
        self._log(event)
        return self._asked(event)

    def tell(
        self,
        configs: Sequence[Config] | Config,
        losses: Sequence[float] | float,
        *,
        seconds: Sequence[float] | float | None = None,
    ) -> None:
        """Records losses: of all that was asked, some of it, in any order.

        Configurations that were never asked for are welcome too: the proposer learns
        from them. NaN or infinity marks a trial that diverged.
        """
        if isinstance(configs, Mapping):
            configs, losses = [configs], [losses]  # type: ignore[list-item]
            seconds = None if seconds is None else [seconds]  # type: ignore[list-item]
        losses = [_loss(v) for v in losses]  # type: ignore[union-attr]
        times = [math.nan] * len(losses) if seconds is None else list(seconds)  # type: ignore[arg-type]
        if not len(configs) == len(losses) == len(times):
            raise InvalidInput(
                f"`tell` needs one loss for each configuration, but got {len(configs)} "
                f"configurations, {len(losses)} losses and {len(times)} times."
            )
        # all checked before any is recorded
        plain = [self.space.validate(config) for config in configs]
        for given, config, loss, spent in zip(
            configs, plain, losses, times, strict=True
        ):
            self._record(given, config, loss, spent, "")

    def optimize(
        self,
        f: Callable[..., float],
        *,
        n_trials: int = 100,
        time_limit: float | None = None,
        batch_size: int = 1,
        catch: type[Exception] | tuple[type[Exception], ...] = (),
    ) -> "Study":
        """Evaluates `f(config)` `n_trials` times, or until `time_limit` seconds passed.

        What is `pending` is evaluated first. Where the proposer asks for partial
        trainings (Hyperband), `f` needs a keyword `budget`, the fraction of a full
        training, and each of those counts as one of `n_trials`. An exception among
        `catch` marks the trial as failed; any other leaves the study, its
        configuration staying pending, with nothing lost.
        """
        takes_budget = _takes(f, "budget")
        if self.proposer.multi_fidelity and not takes_budget:
            raise InvalidInput(
                f"{type(self.proposer).__name__} asks for partial trainings, so `f` "
                "must take a keyword argument `budget`, but it has none. Write "
                "`def f(config, budget): ...`, or use another proposer."
            )
        end = math.inf if time_limit is None else time.monotonic() + time_limit
        done = 0
        while done < n_trials and time.monotonic() < end:
            batch = self.pending or self.ask(min(batch_size, n_trials - done))
            if not batch:
                break
            for suggestion in batch[: n_trials - done]:
                if time.monotonic() >= end:
                    break
                more = {"budget": suggestion.budget} if takes_budget else {}
                start, error = time.perf_counter(), ""
                try:
                    loss = _loss(f(dict(suggestion), **more))
                except catch as caught:
                    loss, error = math.nan, f"{type(caught).__name__}: {caught}"
                spent = time.perf_counter() - start
                self._record(suggestion, dict(suggestion), loss, spent, error)
                done += 1
        return self

    def to_dataframe(self) -> "pd.DataFrame":
        """One row per evaluation; a parameter `p` is in column `config_p`."""
        import pandas as pd

        names = list(self.space.parameters)
        rows = [
            {
                "number": t.number,
                "loss": t.loss,
                "budget": t.budget,
                "parent": t.parent,
                "seconds": t.seconds,
                "status": t.status,
                "error": t.error,
                **{f"config_{name}": t.config.get(name) for name in names},
            }
            for t in self._trials
        ]
        columns = ["number", "loss", "budget", "parent", "seconds", "status", "error"]
        return pd.DataFrame(rows, columns=columns + [f"config_{n}" for n in names])

    def _record(
        self, given: Config, config: Config, loss: float, spent: float, error: str
    ) -> None:
        found = self._find(given, config)
        if found is None:
            x = self.space.encode([config])[0]
            number, parent, budget = self._next, -1, 1.0
        else:
            asked, x = found.suggestion, found.x
            number, parent, budget = asked.trial, asked.parent, asked.budget
        status = "complete" if math.isfinite(loss) else "diverged"
        event = {
            "event": "tell",
            "x": x.tolist(),
            "trial": number,
            "parent": parent,
            "budget": budget,
            "config": config,
            "loss": loss if math.isfinite(loss) else None,
            "seconds": spent if math.isfinite(spent) else None,
            "status": "failed" if error else status,
            "error": error,
        }
        self._log(event)
        self._told(event)

    def _find(self, given: Config, config: Config) -> _Pending | None:
        """Which pending suggestion this is: by its trial, else by its values."""
        if isinstance(given, Suggestion):
            for item in self._pending:
                asked = item.suggestion
                if (asked.trial, asked.budget) == (given.trial, given.budget):
                    return item if asked == config else None
        for item in self._pending:
            if item.suggestion == config:
                return item
        return None

    def _asked(self, event: dict[str, Any]) -> list[Suggestion]:
        """What an ask changes, when it happens or when the log is read again."""
        count = len(event["trial"])
        x = np.reshape(np.array(event["x"], np.float64), (count, self.space.dim))
        parent = np.array(event["parent"], np.int64)
        budget = np.array(event["budget"], np.float64)
        self._state = self.proposer.expect(self._state, Proposal(x, parent, budget))
        self._asks += 1
        suggestions = []
        for row, config in enumerate(self.space.decode(x)):
            number = int(event["trial"][row])
            made = Suggestion(
                config, number, parent=int(parent[row]), budget=float(budget[row])
            )
            self._pending.append(_Pending(made, x[row]))
            self._next = max(self._next, number + 1)
            suggestions.append(made)
        return suggestions

    def _told(self, event: dict[str, Any]) -> None:
        """What an outcome changes, when it happens or when the log is read again."""
        loss = math.nan if event["loss"] is None else event["loss"]
        seconds = math.nan if event["seconds"] is None else event["seconds"]
        number, parent, budget = event["trial"], event["parent"], event["budget"]
        x = np.array(event["x"], np.float64)
        outcome = Outcome(
            np.reshape(x, (1, self.space.dim)),
            np.array([number]),
            np.array([parent]),
            np.array([budget]),
            np.array([loss]),
            np.array([seconds]),
        )
        self._state = self.proposer.tell(self._state, outcome)
        for place, item in enumerate(self._pending):
            asked = item.suggestion
            if (asked.trial, asked.budget) == (number, budget):
                del self._pending[place]
                break
        self._next = max(self._next, number + 1)
        self._rows[number] = x.tobytes()
        config = self.space.validate(event["config"])
        self._trials.append(
            Trial(
                number,
                config,
                loss,
                budget=budget,
                parent=parent,
                seconds=seconds,
                status=event["status"],
                error=event["error"],
            )
        )

    def _open(self) -> None:
        """Begins the journal, or goes through what it holds."""
        head = {
            "event": "study",
            "space": self.space.to_dict(),
            "proposer": repr(self.proposer),
            "seed": self.seed,
        }
        events = [] if self._journal is None else list(self._journal.records())
        if not events:
            self._log(head)
            return
        for name in ("space", "proposer", "seed"):
            if events[0].get(name) != head[name]:
                raise StoreError(
                    f"The storage holds a study with another {name}: "
                    f"{events[0].get(name)!r}, but got {head[name]!r}. Use the same, "
                    "or a new storage."
                )
        for event in events[1:]:
            if event["event"] == "ask":
                self._asked(event)
            elif event["event"] == "tell":
                self._told(event)

    def _log(self, event: dict[str, Any]) -> None:
        if self._journal is not None:
            self._journal.append(event)

    def __repr__(self) -> str:
        name = type(self.proposer).__name__
        return (
            f"<Study: {len(self._trials)} evaluations by {name} over {self.space.dim} "
            f"dimensions, {len(self._pending)} pending>"
        )


def _loss(value: Any) -> float:
    """`value` as a float; NaN is allowed, text and arrays are not."""
    try:
        return float(value)
    except (TypeError, ValueError):
        raise InvalidInput(
            f"A loss must be a number, but got {value!r}. For a trial that failed, "
            "tell NaN."
        ) from None


def _takes(f: Callable[..., Any], name: str) -> bool:
    """Whether `f` has a keyword argument `name`."""
    try:
        parameters = inspect.signature(f).parameters
    except (TypeError, ValueError):
        return False
    return name in parameters
