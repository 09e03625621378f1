"""An Optuna sampler as a proposer: it learns from what is told, like any other."""

import inspect
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

import equinox as eqx
import numpy as np
from jaxtyping import Float64

from thalweg.core.errors import InvalidInput, unknown_name
from thalweg.core.rng import generator
from thalweg.core.typing import Key
from thalweg.proposers import AbstractProposer, Outcome, Proposal
from thalweg.proposers.archive import Archive
from thalweg.proposers.distinct import draw
from thalweg.spaces import Space
from thalweg.study.optuna.distributions import distributions, theirs, value_of
from thalweg.study.optuna.installed import optuna


class OptunaSampler(AbstractProposer[Archive]):
    """One of Optuna's samplers, by its class's name and arguments (`from_optuna`)."""

    sampler: str = eqx.field(static=True)
    options: tuple[tuple[str, Any], ...] = eqx.field(static=True, default=())

    rank_based: ClassVar[bool] = False
    multi_fidelity: ClassVar[bool] = False
    objectives: ClassVar[int | None] = None

    def init(self, space: Space, *, key: Key) -> Archive:
        """Nothing told."""
        return Archive.empty(space, key=key)

    def propose(self, state: Archive, n: int, *, key: Key) -> Proposal:
        """What a fresh sampler draws that is shown everything told and pending."""
        rng, space = generator(key), state.space
        known = distributions(space)
        with _quiet():
            study = self._study(state, seed=int(rng.integers(2**31)))

            def sample(m: int) -> Float64[np.ndarray, "m d"]:
                return np.concatenate([_draw(study, space, known) for _ in range(m)])

            return Proposal.fresh(draw(space, n, state.seen(), sample, rng))

    def expect(self, state: Archive, proposal: Proposal) -> Archive:
        """They are running trials for the sampler."""
        return state.expect(proposal)

    def tell(self, state: Archive, outcome: Outcome) -> Archive:
        """Shown to the sampler by the next `propose`."""
        return state.tell(outcome)

    def _study(self, state: Archive, *, seed: int) -> Any:
        """An Optuna study in memory, of the same history."""
        library = optuna()
        made = getattr(library.samplers, self.sampler)
        options = dict(self.options)
        if "seed" in inspect.signature(made).parameters:
            options.setdefault("seed", seed)
        count = max(1, state.losses.shape[1])
        study = library.create_study(
            sampler=made(**options), directions=["minimize"] * count
        )
        study.add_trials(_history(state))
        return study


def from_optuna(sampler: str = "TPESampler", **options: Any) -> OptunaSampler:
    """Optuna's sampler of that name, as a proposer.

    Each ask makes a fresh one, seeded by the study, and shows it all trials: that suits
    samplers whose answers follow from them (TPE, GP, random). Those that keep notes in
    Optuna's own store between asks (CMA-ES, NSGA-II) start anew each time: take ours.
    """
    known = [name for name in dir(optuna().samplers) if name.endswith("Sampler")]
    known.remove("BaseSampler")
    if sampler not in known:
        raise unknown_name("sampler", sampler, known)
    try:
        hash(tuple(options.items()))
    except TypeError:
        raise InvalidInput(
            f"The options of {sampler} must be plain values, but got {options}."
        ) from None
    return OptunaSampler(sampler, tuple(options.items()))


def _history(state: Archive) -> list[Any]:
    """What was told and is pending, as Optuna's trials."""
    library, space = optuna(), state.space
    create, kinds = library.trial.create_trial, library.trial.TrialState
    known = distributions(space)
    found = []
    for config, losses in zip(space.decode(state.x), state.losses, strict=True):
        fine = bool(np.isfinite(losses).all())
        found.append(
            create(
                state=kinds.COMPLETE if fine else kinds.FAIL,
                values=losses.tolist() if fine else None,
                params=theirs(config),
                distributions={name: known[name] for name in config},
            )
        )
    for config in space.decode(state.pending):
        own = {name: known[name] for name in config}
        found.append(
            create(state=kinds.RUNNING, params=theirs(config), distributions=own)
        )
    return found


def _draw(
    study: Any, space: Space, known: dict[str, Any]
) -> Float64[np.ndarray, "1 d"]:
    """One more row, suggested parents first and only where parameters exist."""
    trial = study.ask()
    config = space.build(
        lambda name: value_of(
            space.parameters[name], _suggest(trial, name, known[name])
        )
    )
    return space.encode([config])


def _suggest(trial: Any, name: str, kind: Any) -> Any:
    """By the method for that distribution."""
    if hasattr(kind, "choices"):
        return trial.suggest_categorical(name, kind.choices)
    whole = type(kind).__name__ == "IntDistribution"
    suggest = trial.suggest_int if whole else trial.suggest_float
    return suggest(name, kind.low, kind.high, log=kind.log, step=kind.step)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Optuna's lines per study and its warnings of experimental samplers."""
    logging = optuna().logging
    level = logging.get_verbosity()
    logging.set_verbosity(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
