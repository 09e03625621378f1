"""Keep a search in a store round by round, and continue it from there."""

from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from thalweg.problem import Score
from thalweg.proposers import leaves, with_leaves
from thalweg.store import CurveRow, EventRow, Round, Store, TrialRow, pack, unpack
from thalweg.study.costs import COSTS
from thalweg.study.loop import Search
from thalweg.study.members import CURVE, Trial
from thalweg.training.candidate import signature
from thalweg.training.skeleton import filled, shape_of, to_arrays

PREDICTION, STATE = "prediction", "state"


class StoreRecorder:
    """Writes each round in one transaction, with the networks of the best trials."""

    def __init__(self, store: Store):
        self._store = store
        self._spent: dict[str, float] = {}
        self._kept: set[int] = set()  # trials whose weights the store has
        self._shapes: dict[Any, Any] = {}  # of the networks of each signature

    def record(self, search: Search, trials: list[Trial]) -> None:
        """Keep a round that has just been told."""
        best = {t.number for t in search.leaderboard[: search.keep] if t.networks}
        kept = best | self._parents(search)
        released = sorted(self._kept - kept)
        self._store.record(
            Round(
                number=search.rounds - 1,
                trials=[self._row(search, t, keep=t.number in kept) for t in trials],
                curves=[row for trial in trials for row in _curves(trial)],
                events=self._events(search),
                state=pack(leaves(search.state)),
                seconds=search.clock.elapsed,
                counters={
                    "members": search.engine.tally.members,
                    "programs": search.engine.tally.programs,
                    "steps": search.engine.tally.steps,
                },
                released=released,
            )
        )
        self._kept = kept

    def _parents(self, search: Search) -> set[int]:
        """Trials whose states are kept, because others may inherit their weights.

        Where nobody inherits, what goes on is trained again, to the same result.
        """
        if not search.proposer.inherits:
            return set()
        return {number for number, trial in search.trials.items() if trial.states}

    def restore(self, search: Search) -> None:
        """Bring a new search to where the stored one was."""
        last = self._store.last_round()
        if last is None:
            return
        search.state = with_leaves(search.state, unpack(last.state))
        search.rounds = last.number + 1
        search.clock.begin -= last.seconds
        for row in self._store.trials():
            search.trials[row.number] = self._trial(search, row)
            if row.weights:
                self._kept.add(row.number)
        search.told = len(search.trials)
        for event in self._store.events():
            self._spent[event.kind] = self._spent.get(event.kind, 0.0) + event.seconds
        search.clock.before = dict(self._spent)

    def _row(self, search: Search, trial: Trial, *, keep: bool) -> TrialRow:
        weights = ""
        if keep and self._store.rundir is not None:
            arrays = {
                f"{split}/{name}": array
                for split, network in enumerate(trial.networks)
                for name, array in to_arrays(network).items()
            }
            if trial.prediction is not None:
                arrays[PREDICTION] = np.asarray(trial.prediction)
            if search.proposer.inherits:
                recipe = search.recipe(trial.config)
                for split, state in enumerate(trial.states):
                    packed = search.engine.packed(recipe, state)
                    arrays |= {f"{STATE}/{split}/{k}": v for k, v in packed.items()}
            weights = self._store.rundir.save_weights(trial.number, arrays)
        score = trial.score
        nan = float("nan")
        metrics = dict(trial.costs)
        if score is not None:
            metrics |= {search.problem.metric.name: score.value}
        return TrialRow(
            number=trial.number,
            config=trial.config,
            status=trial.status,
            score=nan if score is None else score.value,
            score_error=nan if score is None else score.error,
            loss=trial.loss,
            metrics=metrics,
            budget=trial.budget,
            steps=trial.steps,
            parent=trial.parent,
            seed=search.problem.seed,
            signature="/".join(
                str(trial.config.get(key, ""))
                for key in ("network", "width", "numeric_embedding")
            ),
            parameters=trial.parameters,
            train_seconds=trial.train_seconds,
            started=trial.started,
            finished=trial.finished,
            weights=weights,
        )

    def _events(self, search: Search) -> list[EventRow]:
        """Seconds since the last round, by kind."""
        now = search.spent()
        events = [
            EventRow(
                kind=kind,
                seconds=seconds - self._spent.get(kind, 0.0),
                at=search.clock.elapsed,
            )
            for kind, seconds in now.items()
        ]
        self._spent = now
        return events

    def _trial(self, search: Search, row: TrialRow) -> Trial:
        score = None
        if np.isfinite(row.score):
            score = Score(row.score, row.score_error, row.loss)
        curves = tuple(
            np.stack([curve.steps, *(curve.metrics[k] for k in CURVE[1:])], axis=1)
            for curve in self._store.curves(row.number)
        )
        networks, prediction, states = self._networks(search, row)
        return Trial(
            number=row.number,
            config=dict(row.config),
            status=row.status,
            score=score,
            budget=row.budget,
            parent=row.parent,
            steps=row.steps,
            parameters=row.parameters,
            train_seconds=row.train_seconds,
            curves=curves,
            prediction=prediction,
            networks=networks,
            states=states,
            started=row.started,
            finished=row.finished,
            costs={k: v for k, v in row.metrics.items() if k in COSTS},
        )

    def _networks(
        self, search: Search, row: TrialRow
    ) -> tuple[tuple[Any, ...], np.ndarray | None, tuple[Any, ...]]:
        """What the trial's file holds: networks, their prediction, states."""
        if not row.weights or self._store.rundir is None:
            return (), None, ()
        arrays, _ = self._store.rundir.load_weights(row.weights)
        problem, recipe = search.problem, search.recipe(row.config)
        name = signature(recipe, width=1)
        if name not in self._shapes:
            inputs = jax.tree.map(lambda leaf: leaf[0], problem.inputs)
            self._shapes[name] = shape_of(recipe, inputs, problem.outputs)
        splits, networks = range(len(problem.splits)), ()
        if PREDICTION in arrays:
            shape = self._shapes[name]
            networks = tuple(filled(shape, _below(arrays, f"{s}/")) for s in splits)
        packed = [_below(arrays, f"{STATE}/{split}/") for split in splits]
        states = tuple(search.engine.unpacked(recipe, p) for p in packed if p)
        return networks, arrays.get(PREDICTION), states


def _curves(trial: Trial) -> list[CurveRow]:
    return [
        CurveRow(
            trial=trial.number,
            replica=split,
            steps=curve[:, 0],
            metrics={name: curve[:, i] for i, name in enumerate(CURVE) if i},
        )
        for split, curve in enumerate(trial.curves)
    ]


def _below(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {k[len(prefix) :]: a for k, a in arrays.items() if k.startswith(prefix)}
