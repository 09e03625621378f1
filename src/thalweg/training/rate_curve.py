"""The loss beside each learning rate, and the rate that it suggests.

Smith 2017, section 3.3, https://arxiv.org/abs/1506.01186
Howard & Gugger 2020 (fastai), https://arxiv.org/abs/2002.04688, for "steepest" and
"valley".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Float

from thalweg.core.errors import SearchError
from thalweg.training.population import CURVE

if TYPE_CHECKING:
    import pandas as pd

Method = Literal["sweep", "ramp"]
SUGGESTS: Mapping[str, str] = {"sweep": "minimum", "ramp": "minimum/10"}
MEMORY = 0.9  # of the moving average that smooths a ramp
EXPLODED = 4.0  # times the least loss: there a ramp's curve ends


@dataclass(frozen=True, eq=False)
class RangeTest:
    """The loss beside each learning rate, and what it suggests.

    Of a sweep, the loss at the end of each rate's own training (infinite where it
    diverged), the mean over the repeats; of a ramp, the smoothed loss as the rate grew,
    up to where it exploded.
    """

    method: Method
    rates: Float[np.ndarray, " n"]
    losses: Float[np.ndarray, " n"]
    errors: Float[np.ndarray, " n"] | None = None  # standard errors, of a sweep

    @property
    def suggestion(self) -> float:
        """A sweep's rate of least loss; a tenth of a ramp's."""
        return self.suggestions[SUGGESTS[self.method]]

    @property
    def suggestions(self) -> dict[str, float]:
        """Rates by the rule that chose them.

        "minimum": of the least loss. Of a ramp also "minimum/10", because the rate had
        grown too large before the loss shows it; "steepest": where the loss falls
        fastest; "valley": the middle of the longest stretch on which it falls.
        """
        least = float(self.rates[np.argmin(self.losses)])
        if self.method == "sweep":
            return {"minimum": least}
        begin, end = longest_fall(self.losses)
        return {
            "minimum": least,
            "minimum/10": least / 10,
            "steepest": float(self.rates[steepest(self.losses)]),
            "valley": float(self.rates[(begin + end) // 2]),
        }

    @property
    def at_edge(self) -> bool:
        """Whether the least loss is at an end of the range: then widen it."""
        return bool(np.argmin(self.losses) in (0, len(self.losses) - 1))

    def to_dataframe(self) -> "pd.DataFrame":
        """One row per rate."""
        import pandas as pd

        columns = {"learning_rate": self.rates, "loss": self.losses}
        if self.errors is not None:
            columns["error"] = self.errors
        return pd.DataFrame(columns)

    def plot(self) -> Any:
        """The loss against the rate, with the suggestions, as a plotly figure."""
        import plotly.graph_objects as go

        shown = np.where(np.isfinite(self.losses), self.losses, np.nan)
        least, first = np.nanmin(shown), self.losses[0]
        bars = None if self.errors is None else {"array": self.errors}
        figure = go.Figure()
        figure.add_scatter(x=self.rates, y=shown, name="loss", error_y=bars)
        for name, rate in self.suggestions.items():
            dash = "solid" if rate == self.suggestion else "dot"
            figure.add_vline(rate, line_dash=dash, annotation_text=name)
        if least < first < np.inf:  # what exploded may leave the figure
            margin = 0.2 * (first - least)
            figure.update_yaxes(range=[least - margin, first + margin])
        figure.update_xaxes(type="log", title="learning rate")
        return figure.update_yaxes(title="loss")


def swept(
    rates: Float[np.ndarray, " n"], curves: Sequence[Sequence[np.ndarray]]
) -> RangeTest:
    """From the last judgements; each rate has a curve per repeat."""
    last = np.array([[c[-1, CURVE.index("loss")] for c in own] for own in curves])
    losses = np.where(np.isfinite(last), last, np.inf)
    if not np.isfinite(losses).all(axis=1).any():
        raise SearchError(_NEVER_FINITE)
    errors, repeats = None, losses.shape[1]
    if repeats > 1:
        errors = last.std(axis=1, ddof=1) / np.sqrt(repeats)
    return RangeTest("sweep", rates, losses.mean(axis=1), errors)


def ramped(rates: Float[np.ndarray, " n"], curves: Sequence[np.ndarray]) -> RangeTest:
    """Beside each rate the loss of the batch after its step, smoothed."""
    own = [curve[1:, CURVE.index("train_loss")] for curve in curves]
    length = min(map(len, own))
    mean = np.mean([losses[:length] for losses in own], axis=0)
    finite = np.logical_and.accumulate(np.isfinite(mean))
    losses = smoothed(mean[finite])
    exploded = losses > EXPLODED * np.minimum.accumulate(losses)
    losses = losses[: np.argmax(exploded) if exploded.any() else None]
    if len(losses) < 2:
        raise SearchError(_NEVER_FINITE)
    return RangeTest("ramp", rates[: len(losses)], losses)


_NEVER_FINITE = (
    "No rate of the range test trained: the loss was never finite. Give a smaller "
    "`low`, clip the gradients, or scale the inputs."
)


def smoothed(losses: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """The exponential moving average, free of bias."""
    total, found = 0.0, np.empty(len(losses))
    for i, value in enumerate(losses):
        total = MEMORY * total + (1 - MEMORY) * value
        found[i] = total / (1 - MEMORY ** (i + 1))
    return found


def steepest(losses: Float[np.ndarray, " n"]) -> int:
    """Where the loss falls fastest; rates are evenly spaced on their logarithm."""
    return int(np.argmin(np.gradient(losses)))


def longest_fall(losses: Float[np.ndarray, " n"]) -> tuple[int, int]:
    """Where the longest falling subsequence of the losses begins and ends."""
    length, begin = np.ones(len(losses), int), np.arange(len(losses))
    for i, value in enumerate(losses):
        higher = np.flatnonzero(losses[:i] > value)
        if len(higher):
            before = higher[np.argmax(length[higher])]
            length[i], begin[i] = length[before] + 1, begin[before]
    end = int(np.argmax(length))
    return int(begin[end]), end
