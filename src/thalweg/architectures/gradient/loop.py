"""The host's side of a search: epochs of compiled steps, records, and the selection."""

import time
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from thalweg.architectures.gradient import early_stopping, perturbation
from thalweg.architectures.gradient.bilevel import POWER_ITERATION, Search
from thalweg.architectures.gradient.collapse import limited_skips
from thalweg.architectures.gradient.mixtures import is_skip, mixtures
from thalweg.architectures.gradient.remedies import Remedies
from thalweg.architectures.gradient.single_path import best_path
from thalweg.architectures.gradient.supernet import (
    JUDGED_ROWS,
    Supernet,
    advance,
    judge,
)
from thalweg.core.errors import SearchError
from thalweg.core.typing import Config
from thalweg.spaces import Space

POWER_STEPS = 5  # of the power iteration, each epoch; it goes on from where it was
TIMED = 0.3  # seconds of steps, at least, by which the others' time is estimated
AGAIN = (1 / 8, 1 / 2)  # parts of a search after which its length is estimated anew
TUNING = 0.05  # of the search's steps, after each choice that perturbation settles …
TUNING_IN_ALL = 0.5  # … and after all of them at most


class Run:
    """A search in progress."""

    def __init__(self, supernet: Supernet, search: Search, steps: int):
        self.supernet, self.search, self.steps = supernet, search, steps
        self.mixes = mixtures(supernet.network(search.weights))
        self.history: list[dict[str, float]] = []
        self.alphas: list[Any] = []  # after each epoch

    @property
    def probabilities(self) -> dict[str, Float[np.ndarray, " k"]]:
        """Of the candidates, by label, now."""
        found = self.supernet.method.probabilities(self.search.alphas)
        return {label: np.asarray(p) for label, p in found.items()}

    @property
    def tuning(self) -> float:
        """Steps after all choices that perturbation settles, of the search's."""
        return min(TUNING * len(self.mixes), TUNING_IN_ALL)

    def step_seconds(self, phases: Sequence[str]) -> float:
        """Compile, and time some steps of a search that is thrown away."""

        def took(times: int) -> float:
            begin = time.monotonic()
            jax.block_until_ready(
                advance(self.supernet, self.search, phases, times=times)
            )
            return time.monotonic() - begin

        took(1)
        times = 2
        while took(times) < TIMED:  # steps differ by what they sample
            times *= 2
        # what the first ones found cold or disturbed, the later ones did not
        return min(took(times) for _ in range(2)) / times

    def judgement_seconds(self, step_seconds: float) -> float:
        """Of one path, at most: more than half of a step's time is its gradient's."""
        rows = min(JUDGED_ROWS, self.supernet.data.validation_rows.shape[1])
        return step_seconds * rows / (2 * self.supernet.batch_size)

    def train(
        self,
        epochs: int,
        *,
        remedies: Remedies,
        curvature: bool,
        deadline: float,
        planned: Callable[[int], Supernet] | None = None,
    ) -> int | None:
        """Epochs until all are done, the time is over, or the curvature says stop.

        **planned**: the supernet with schedules of so many epochs, where their number
        follows from the time: it is estimated anew on the way.

        Returns the epoch whose alphas were taken if it stopped for the curvature.

        Raises SearchError if a loss isn't finite.
        """
        method = self.supernet.method
        eigenvalues: list[float] = []
        begin = time.monotonic()
        epoch = 0
        while epoch < epochs:
            if planned and epoch in [max(1, round(part * epochs)) for part in AGAIN]:
                now = time.monotonic()
                fits = epoch * (deadline - begin) / (now - begin)
                epochs = max(epoch + 1, int(fits))
                self.supernet = planned(epochs)
            warm = remedies.uniform or epoch < round(method.warm_up * epochs)
            self._epoch(("weights",) if warm else method.phases)
            if curvature and not warm:
                eigenvalues.append(self._eigenvalue())
                self.history[-1]["eigenvalue"] = eigenvalues[-1]
            if remedies.early_stopping and not warm:
                back = early_stopping.stop_at(eigenvalues, epochs)
                if back is not None:
                    at = epoch - (len(eigenvalues) - 1 - back)
                    self._restore(self.alphas[at])
                    return at
            epoch += 1
            if time.monotonic() > deadline:
                break
        return None

    def by_probability(self, most_skips: int) -> dict[str, int]:
        """The likeliest candidates."""
        return limited_skips(self.mixes, self.probabilities, most_skips)

    def by_perturbation(self, most_skips: int, *, seed: int) -> dict[str, int]:
        """The candidates that the supernet needs most."""
        steps = self.tuning * len(self.history) * self.steps
        times = max(1, round(steps / len(self.mixes)))

        def losses(allowed: list[perturbation.Allowed]) -> Float[np.ndarray, " n"]:
            return judge(self.supernet, self.search, allowed)[:, 0]

        def tune(allowed: perturbation.Allowed) -> None:
            arrays = jax.tree.map(jnp.asarray, allowed)
            self.search = eqx.tree_at(lambda s: s.allowed, self.search, arrays)
            self.search = advance(self.supernet, self.search, ("weights",), times=times)

        start = jax.tree.map(np.asarray, self.search.allowed)
        skips = {
            label: np.array([is_skip(branch) for branch in mix.branches])
            for label, mix in self.mixes.items()
        }
        settled = perturbation.select(
            start, losses, tune, skips=skips, most_skips=most_skips, seed=seed
        )
        return {label: int(np.argmax(mask)) for label, mask in settled.items()}

    def by_judgement(
        self, space: Space, names: dict[str, list[str]], **options: Any
    ) -> tuple[dict[str, int], dict[str, Any]]:
        """The best of the paths that are judged, and all of them."""

        def index(config: Config) -> dict[str, int]:
            # what exists in no network of this configuration may be anything
            return {k: names[k].index(config.get(k, names[k][0])) for k in self.mixes}

        def losses(configs: list[Config]) -> Float[np.ndarray, " n"]:
            return self.judged([index(config) for config in configs])[:, 0]

        best, judged = best_path(space, losses, **options)
        return index(best), judged

    def judged(self, paths: Sequence[dict[str, int]]) -> Float[np.ndarray, "n 2"]:
        """Loss and accuracy of single paths with the shared weights."""
        eyes = {k: np.eye(len(mix.branches)) for k, mix in self.mixes.items()}
        allowed = [{k: eyes[k][i] for k, i in path.items()} for path in paths]
        return judge(self.supernet, self.search, allowed)

    def _epoch(self, phases: Sequence[str]) -> None:
        fresh = eqx.tree_at(
            lambda s: (s.losses, s.batches), self.search, (jnp.zeros(2), jnp.zeros(2))
        )
        self.search = advance(self.supernet, fresh, phases, times=self.steps)
        batches = np.asarray(self.search.batches)
        with np.errstate(invalid="ignore"):
            losses = np.asarray(self.search.losses) / batches
        if not np.isfinite(losses[batches > 0]).all():
            raise SearchError(
                f"The supernet's loss was not finite in epoch {len(self.history)}: "
                "training diverged. Lower `learning_rate`."
            )
        probabilities = self.probabilities.values()
        entropies = [-np.sum(p * np.log(np.maximum(p, 1e-30))) for p in probabilities]
        self.alphas.append(self.search.alphas)
        self.history.append(
            {
                "epoch": len(self.history),
                "train_loss": losses[0],
                "loss": losses[1],
                "entropy": float(np.mean(entropies)),
                "eigenvalue": float("nan"),
            }
        )

    def _eigenvalue(self) -> float:
        found = advance(self.supernet, self.search, POWER_ITERATION, times=POWER_STEPS)
        self.search = eqx.tree_at(lambda s: s.direction, self.search, found.direction)
        return float(found.eigenvalue)

    def _restore(self, alphas: Any) -> None:
        self.search = eqx.tree_at(lambda s: s.alphas, self.search, alphas)
