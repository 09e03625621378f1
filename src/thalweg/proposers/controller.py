"""An RNN controller: a network that writes configurations, rewarded for good ones.

Zoph & Le 2017 (REINFORCE with a moving baseline), https://arxiv.org/abs/1611.01578
The other rule: Schulman et al. 2017 (PPO), equation 7, https://arxiv.org/abs/1707.06347,
as Zoph et al. 2018 train theirs, https://arxiv.org/abs/1707.07012
Departs from the papers: the reward is the rank among the latest outcomes, so that no
scale of the loss matters; numbers are written in stretches of their range; what was
written before is drawn again from ever more even chances.
"""

from typing import ClassVar, Literal

import equinox as eqx
import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.errors import InvalidInput
from thalweg.core.rng import generator
from thalweg.core.typing import Key
from thalweg.proposers.archive import Archive
from thalweg.proposers.base import AbstractProposer, Outcome, Proposal
from thalweg.proposers.distinct import draw
from thalweg.proposers.lstm import Weights, gradient, read, value_counts, write
from thalweg.spaces import Space
from thalweg.surrogates import order

WINDOW = 100  # latest outcomes among which a rank is the reward
BASELINE = 0.9  # decay of the moving average of rewards
B1, B2, EPS = 0.9, 0.999, 1e-8  # of Adam
EPOCHS, CLIP = 4, 0.2  # of PPO: steps for each batch, and how far a ratio may go
HEAT = 0.25  # added each time that rows repeat themselves


class ControllerState(eqx.Module):
    archive: Archive
    weights: Weights
    mean: Weights  # moments of the gradient
    square: Weights
    steps: Int64[np.ndarray, ""]
    baseline: Float64[np.ndarray, ""]
    used: Int64[np.ndarray, ""]  # outcomes that were learned from


class Controller(AbstractProposer[ControllerState]):
    """For architectures and other choices, and some hundred trials or more.

    An LSTM samples dimension after dimension; after every `batch` outcomes a step of
    Adam makes what was better than expected more likely. `rule="ppo"` takes several
    careful steps for each batch, and wants about a third of the `learning_rate`.
    """

    rule: Literal["reinforce", "ppo"] = "reinforce"
    batch: int = 8
    learning_rate: float = 0.03
    entropy: float = 0.01  # what even chances are worth; rewards lie in [-1, 1]
    hidden: int = 32

    rank_based: ClassVar[bool] = True
    multi_fidelity: ClassVar[bool] = False
    objectives: ClassVar[int | None] = None

    def __check_init__(self) -> None:
        if self.rule not in ("reinforce", "ppo"):
            raise InvalidInput(
                f'`rule` must be "reinforce" or "ppo", but got {self.rule!r}.'
            )
        for name in ("batch", "hidden"):
            if getattr(self, name) < 1:
                raise InvalidInput(
                    f"`{name}` must be at least 1, but got {getattr(self, name)}."
                )
        if not self.learning_rate > 0:
            raise InvalidInput(
                f"`learning_rate` must be positive, but got {self.learning_rate}."
            )

    def init(self, space: Space, *, key: Key) -> ControllerState:
        """Random weights, even chances."""
        archive = Archive.empty(space, key=key)
        rng = np.random.default_rng(int(archive.seed))
        weights = Weights.random(value_counts(space), self.hidden, rng)
        zero = _mapped(np.zeros_like, weights)
        return ControllerState(
            archive, weights, zero, zero, np.array(0), np.array(0.0), np.array(0)
        )

    def propose(self, state: ControllerState, n: int, *, key: Key) -> Proposal:
        """What the controller writes, drawn again where it was written before."""
        archive, rng, calls = state.archive, generator(key), 0

        def sample(m: int) -> np.ndarray:
            nonlocal calls
            calls += 1
            heat = 1 + HEAT * (calls - 1)
            return write(state.weights, archive.space, m, rng, heat)

        return Proposal.fresh(draw(archive.space, n, archive.seen(), sample, rng))

    def expect(self, state: ControllerState, proposal: Proposal) -> ControllerState:
        """Waits for them."""
        return eqx.tree_at(lambda s: s.archive, state, state.archive.expect(proposal))

    def tell(self, state: ControllerState, outcome: Outcome) -> ControllerState:
        """Learns from each full batch, also from what others have written."""
        archive = state.archive.tell(outcome)
        state = eqx.tree_at(lambda s: s.archive, state, archive)
        while len(archive) - state.used >= self.batch:
            state = self._learned(state)
        return state

    def _learned(self, state: ControllerState) -> ControllerState:
        archive, end = state.archive, int(state.used) + self.batch
        reward = _rewards(archive, end)[-self.batch :]
        baseline = float(state.baseline)
        if state.used:
            gain = reward - baseline
            baseline += (1 - BASELINE) * (reward.mean() - baseline)
        else:
            baseline = float(reward.mean())
            gain = reward - baseline
        rows = archive.x[end - self.batch : end]
        first, _ = read(state.weights, archive.space, rows)
        weights, mean, square = state.weights, state.mean, state.square
        count = int(state.steps)
        for _ in range(EPOCHS if self.rule == "ppo" else 1):
            log, steps = read(weights, archive.space, rows)
            worth = gain if self.rule == "reinforce" else _clipped(gain, log - first)
            slope = gradient(weights, steps, worth, self.entropy)
            count += 1
            mean = _mapped(lambda m, g: B1 * m + (1 - B1) * g, mean, slope)
            square = _mapped(lambda v, g: B2 * v + (1 - B2) * g * g, square, slope)
            scale = self.learning_rate * np.sqrt(1 - B2**count) / (1 - B1**count)
            weights = _mapped(
                lambda w, m, v, s=scale: w + s * m / (np.sqrt(v) + EPS),
                weights,
                mean,
                square,
            )
        return ControllerState(
            archive, weights, mean, square, np.array(count), np.array(baseline),
            np.array(end),
        )  # fmt: skip


def _rewards(archive: Archive, end: int) -> Float64[np.ndarray, " w"]:
    """From -1, the worst of the latest outcomes before `end`, to 1."""
    begin = max(0, end - WINDOW)
    losses, limits = archive.losses[begin:end], archive.constraints[begin:end]
    place = np.argsort(order(losses, limits))
    same = {}
    for row, value in zip([*map(bytes, losses)], place.tolist(), strict=True):
        same.setdefault(row, []).append(value)
    mean = np.array([np.mean(same[bytes(row)]) for row in losses])  # ties are alike
    return 1 - 2 * mean / max(end - begin - 1, 1)


def _clipped(
    gain: Float64[np.ndarray, " n"], log_ratio: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """The gain times the ratio, and nothing where that has gone far enough."""
    ratio = np.exp(np.clip(log_ratio, -20, 20))
    enough = np.where(gain > 0, ratio > 1 + CLIP, ratio < 1 - CLIP)
    return np.where(enough, 0.0, gain * ratio)


def _mapped(f, *trees: Weights) -> Weights:
    import jax

    return jax.tree.map(f, *trees)
