"""What a diagnosis is made from: plain arrays, whoever recorded them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Float

NAN = float("nan")


@dataclass(frozen=True, eq=False)
class Layers:
    """What was recorded of each layer, at each of `t` judgements.

    Gradients and updates are those of the step that came next. Norms are Euclidean,
    over the whole of a parameter.
    """

    parameters: tuple[
        str, ...
    ]  # paths such as "layers/0/linear/kernel", from the input
    shapes: tuple[tuple[int, ...], ...]
    gradient: Float[np.ndarray, "t n"]
    weight: Float[np.ndarray, "t n"]
    update: Float[np.ndarray, "t n"]
    activations: tuple[str, ...] = ()  # paths such as "layers/0/activation"
    # share of the units whose slope is about 0 on every row; NaN unless ReLU-like
    dead: Float[np.ndarray, "t a"] = field(default_factory=lambda: np.zeros((0, 0)))
    # share of pre-activations in a flat part; NaN unless both ends are flat
    saturated: Float[np.ndarray, "t a"] = field(
        default_factory=lambda: np.zeros((0, 0))
    )
    rows: int = 0  # training rows that activations were watched on


@dataclass(frozen=True, eq=False)
class Record:
    """What was recorded of one training, at each of `t` judgements."""

    step: Float[np.ndarray, " t"]
    train_loss: Float[np.ndarray, " t"]  # mean over the steps since the last judgement
    loss: Float[np.ndarray, " t"]  # of the validation rows
    held_out: bool = True  # whether there were validation rows
    status: str = "complete"
    constant_loss: float = NAN  # of the best constant prediction, on the training rows
    settings: Mapping[str, Any] = field(default_factory=dict)  # `learning_rate`, …
    layers: Layers | None = None
    layers_by: str = ""  # how layers could have been recorded


def mean_record(
    curves: Sequence[Float[np.ndarray, "t k"]],
    *,
    status: str,
    settings: Mapping[str, Any],
) -> Record:
    """The record of a trial: the mean of its splits' curves, over what all have.

    Columns are `step`, `train_loss`, `loss`.
    """
    length = min((len(curve) for curve in curves), default=0)
    whole = np.zeros((1, 0, 3))
    if length:
        whole = np.stack([np.asarray(curve)[:length, :3] for curve in curves])
    step, train_loss, loss = np.mean(whole, axis=0, dtype=float).T
    return Record(step, train_loss, loss, status=status, settings=settings)


@dataclass(frozen=True, eq=False)
class Trials:
    """What was recorded of a search: how its trials ended, and the best of them."""

    status: Sequence[str]  # of each trial, in the order in which they ended
    loss: Float[np.ndarray, " n"]  # lower is better; NaN without a score
    error: Float[np.ndarray, " n"]  # one standard error of the score
    config: Sequence[Mapping[str, Any]]
    leader: Record | None = None
