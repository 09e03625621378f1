"""What was measured while one network trained by hand."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from jaxtyping import Float, Num

from thalweg.core.errors import InvalidInput
from thalweg.diagnosis import Layers, Record
from thalweg.losses import AbstractLoss, constant_loss
from thalweg.optimizers import AbstractOptimizer
from thalweg.training.rate_range import first_with_rate, own_rate

if TYPE_CHECKING:
    import pandas as pd

RECORDING = "tw.train(..., record_layers=True)"


class Circumstances(NamedTuple):
    """What a diagnosis asks about a training, beyond what was measured."""

    status: str
    optimizer: AbstractOptimizer[Any]
    batch_size: int
    held_out: bool  # whether there were validation rows
    loss: AbstractLoss
    targets: Num[np.ndarray, "n *c"]  # of the training rows
    outputs: int


@dataclass(frozen=True, eq=False)
class History:
    """What was measured while a network trained: `{metric: values}`, one per epoch."""

    metrics: dict[str, Float[np.ndarray, " t"]]  # with "step" and "epoch"
    circumstances: Circumstances | None = None
    recorded_layers: Layers | None = None

    def __getitem__(self, metric: str) -> Float[np.ndarray, " t"]:
        return self.metrics[metric]

    def to_dataframe(self) -> "pd.DataFrame":
        """One row per judgement."""
        import pandas as pd

        return pd.DataFrame(self.metrics)

    @property
    def layers(self) -> "pd.DataFrame":
        """One row per judgement and layer, if `record_layers` asked for them.

        `gradient`, `weight` and `update` are norms, of each parameter; `dead` is the
        share of units that are flat on every row, `saturated` the share of inputs in a
        flat part, of each activation that can be so.
        """
        import pandas as pd

        found = self.recorded_layers
        if found is None:
            raise InvalidInput(
                f"The layers of this training were not recorded. Give `{RECORDING}`."
            )
        when = pd.DataFrame({name: self[name] for name in ("epoch", "step")})
        parts = [
            when.assign(layer=name, **{k: getattr(found, k)[:, place] for k in columns})
            for names, columns in (
                (found.parameters, ("gradient", "weight", "update")),
                (found.activations, ("dead", "saturated")),
            )
            for place, name in enumerate(names)
        ]
        return pd.concat(parts).sort_values("step", kind="stable", ignore_index=True)

    def plot(self) -> Any:
        """The losses against the epochs, as a plotly figure."""
        import plotly.graph_objects as go

        figure = go.Figure()
        for name in ("train_loss", "loss"):
            label = {"train_loss": "training", "loss": "validation"}[name]
            figure.add_scatter(x=self["epoch"], y=self[name], name=label)
        return figure.update_layout(xaxis_title="epoch", yaxis_title="loss")

    def recorded(self) -> Record:
        """What `diagnose` reads."""
        known: dict[str, Any] = {}
        if self.circumstances is not None:
            about = self.circumstances
            known = {
                "status": about.status,
                "held_out": about.held_out,
                "constant_loss": constant_loss(
                    about.loss, about.targets, about.outputs
                ),
                "settings": _settings(about, int(self["step"][-1])),
            }
        return Record(
            step=self["step"],
            train_loss=self["train_loss"],
            loss=self["loss"],
            layers=self.recorded_layers,
            layers_by=RECORDING,
            **known,
        )


def _settings(about: Circumstances, steps: int) -> Mapping[str, Any]:
    """The settings that a remedy may name."""
    found: dict[str, Any] = {
        "batch_size": about.batch_size,
        "rows": len(about.targets),
    }
    with suppress(InvalidInput):  # not every optimizer has a rate
        found["learning_rate"] = own_rate(about.optimizer, steps)
        found["optimizer"] = type(first_with_rate(about.optimizer)).__name__
    return found
