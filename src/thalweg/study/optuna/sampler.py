"""A proposer of ours as an Optuna sampler, for functions written with `suggest_...`."""

from typing import Any

import jax.random as jr
import numpy as np
from jaxtyping import Float64

from thalweg.core.errors import InvalidInput
from thalweg.proposers import PROPOSERS, AbstractProposer, Outcome, Proposal
from thalweg.spaces import Space
from thalweg.study.optuna.distributions import distributions, ours, theirs
from thalweg.study.optuna.installed import optuna

ROW = "thalweg:row"  # among a trial's attributes: the proposed row


def as_optuna(
    proposer: str | AbstractProposer[Any] = "gp", space: Any = None, *, seed: int = 0
) -> Any:
    """An Optuna sampler that asks the proposer, for any number of workers.

    `space` is what the function suggests, conditions included; without it, it is what
    all finished trials have in common, and the first trial is drawn at random. What is
    suggested beyond it is drawn at random too. The proposer is shown the study's trials
    at each ask, so that it can't be one that resumes trials (halving, Hyperband).
    """
    proposer = PROPOSERS[proposer]() if isinstance(proposer, str) else proposer
    if proposer.multi_fidelity:
        raise InvalidInput(
            f"{type(proposer).__name__} resumes trials, which Optuna can't. Use "
            "another proposer with one of Optuna's pruners, or `tw.Study`."
        )
    known = None if space is None else Space.of(space)
    return _sampler_class()(proposer, known, seed)


def _sampler_class() -> Any:
    """Made when it is needed: its base is Optuna's."""
    samplers = optuna().samplers

    class ThalwegSampler(samplers.BaseSampler):
        """A proposer behind Optuna's interface; made by `as_optuna`."""

        def __init__(
            self, proposer: AbstractProposer[Any], space: Space | None, seed: int
        ):
            self._proposer, self._space = proposer, space
            self._key = jr.key(seed)
            self._others = samplers.RandomSampler(seed=seed)
            self._common = optuna().search_space.IntersectionSearchSpace()

        def infer_relative_search_space(self, study: Any, trial: Any) -> dict[str, Any]:
            """The space that was given, or what finished trials have in common."""
            del trial
            if self._space is not None:
                return distributions(self._space)
            found = self._common.calculate(study)
            return {name: kind for name, kind in found.items() if not kind.single()}

        def sample_relative(
            self, study: Any, trial: Any, search_space: dict[str, Any]
        ) -> dict[str, Any]:
            """One configuration, by all that the study knows."""
            if not search_space:
                return {}
            space = self._space or Space.of(search_space)
            state = _state(self._proposer, space, study, self._key)
            key = jr.fold_in(self._key, trial.number + 1)
            x = self._proposer.propose(state, 1, key=key).x
            if not len(x):
                return {}
            # values are rounded: only the row itself is known again as proposed
            study._storage.set_trial_system_attr(trial._trial_id, ROW, x[0].tolist())
            return theirs(space.decode(x)[0])

        def sample_independent(
            self, study: Any, trial: Any, param_name: str, param_distribution: Any
        ) -> Any:
            """What is outside the space: at random."""
            return self._others.sample_independent(
                study, trial, param_name, param_distribution
            )

        def reseed_rng(self) -> None:
            """Called in each worker: trials' numbers make their keys differ."""
            self._others.reseed_rng()

    return ThalwegSampler


def _state(proposer: AbstractProposer[Any], space: Space, study: Any, key: Any) -> Any:
    """The proposer's state after all trials of the study."""
    state = proposer.init(space, key=jr.fold_in(key, 0))
    kinds = optuna().trial.TrialState
    signs = [-1.0 if d.name == "MAXIMIZE" else 1.0 for d in study.directions]
    told, losses, running, numbers = [], [], [], []
    for trial in study.get_trials(deepcopy=False):
        row = _row(space, trial)
        if row is None:
            continue
        if not trial.state.is_finished():
            running.append(row)
            continue
        values = trial.values if trial.state == kinds.COMPLETE else None
        if values is None and trial.state == kinds.PRUNED and len(signs) == 1:
            reports = trial.intermediate_values
            values = [reports[max(reports)]] if reports else None
        told.append(row)
        numbers.append(trial.number)
        losses.append(np.multiply(signs, np.nan if values is None else values))
    if told or running:  # sequences count what was proposed, models what was told
        rows = np.array(told + running)
        state = proposer.expect(state, Proposal.fresh(rows))
    if told:
        none = np.full(len(told), np.nan)
        state = proposer.tell(
            state,
            Outcome(
                rows[: len(told)],
                np.array(numbers, np.int64),
                np.full(len(told), -1),
                np.ones(len(told)),
                np.array(losses, np.float64),
                none,
            ),
        )
    return state


def _row(space: Space, trial: Any) -> Float64[np.ndarray, " d"] | None:
    """Where a trial is in this space, or None if it isn't."""
    params = {n: v for n, v in trial.params.items() if n in space.parameters}
    try:
        config = ours(space, params)
    except InvalidInput:
        return None
    row = np.array([trial.system_attrs.get(ROW, ())], np.float64)
    if row.shape == (1, space.dim) and space.decode(row)[0] == config:
        return row[0]
    return space.encode([config])[0]
