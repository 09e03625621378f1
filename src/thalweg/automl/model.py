"""The finished model: rows in, predictions out; saved without pickle."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Shaped

from thalweg.automl.baseline import Candidate as BaselineModel
from thalweg.automl.features import TableFeatures, below
from thalweg.automl.image_features import ImageFeatures
from thalweg.automl.predictor import Trained, outputs
from thalweg.automl.prepared import Features
from thalweg.core.errors import StoreError
from thalweg.data import Classes, TargetScale
from thalweg.losses import LOSSES, AbstractLoss
from thalweg.spaces import Space
from thalweg.training.assembly import Assembler
from thalweg.training.skeleton import from_arrays, to_arrays

FORMAT = "thalweg model 2"
SETTINGS, ARRAYS = "model.json", "arrays.safetensors"
FEATURES: Mapping[str, Any] = {"images": ImageFeatures, "table": TableFeatures}


@dataclass(frozen=True, eq=False)
class Model:
    """A weighted mean of trained networks, or the baseline if nothing beat it."""

    task: str
    target: str  # the name of the column
    loss: str
    outputs: int
    features: Features
    classes: Classes | None
    scales: tuple[TargetScale, ...]  # of each split; regression only
    trained: tuple[Trained, ...]
    baseline: BaselineModel
    space: Space
    assembly: Mapping[str, Any]  # what an `Assembler` needs besides the space
    facts: Mapping[str, Any] = field(default_factory=dict)  # scores, for people

    @property
    def uses_baseline(self) -> bool:
        """Whether no network was better than the linear model."""
        return not self.trained

    def predict_raw(
        self, X: Any, *, owner: str = "the model"
    ) -> tuple[Float[np.ndarray, "n c"], list[str]]:
        """Probabilities or values, and what was repaired in the rows."""
        made, notes = self.features.transform_stated(X, owner=owner)
        rows = len(jax.tree.leaves(made[0])[0])
        if rows == 0:
            return np.zeros((0, self.outputs)), notes
        if self.uses_baseline:
            columns = self.features.for_baseline(made[0])
            return np.asarray(self.baseline.model.predict(columns), float), notes
        kind: Any = LOSSES[self.loss]
        loss: AbstractLoss = kind()
        total = np.zeros((rows, self.outputs))
        found = outputs(self.trained, self.features.for_networks(made), loss)
        for trained, parts in zip(self.trained, found, strict=True):
            each = [
                self._decode(k, loss.link(jnp.asarray(part)))
                for k, part in enumerate(parts)
            ]
            total += trained.weight * np.mean(each, axis=0, dtype=np.float64)
        if self.classes is not None:
            total /= total.sum(axis=1, keepdims=True)  # rounding
        return total, notes

    def predict(self, X: Any, *, owner: str = "the model") -> Shaped[np.ndarray, " n"]:
        """Class labels, or values."""
        raw, _ = self.predict_raw(X, owner=owner)
        return self.labels(raw)

    def labels(self, raw: Float[np.ndarray, "n c"]) -> Shaped[np.ndarray, " n"]:
        """What `predict` makes of `predict_raw`."""
        if self.classes is None:
            return raw[:, 0]
        return self.classes.labels[np.argmax(raw, axis=1)]

    def _decode(self, split: int, prediction: Any) -> np.ndarray:
        if not self.scales:
            return np.asarray(prediction)
        return self.scales[split].decode(np.asarray(prediction))

    def save(self, folder: str | Path) -> None:
        """Write `model.json` and `arrays.safetensors` into a folder."""
        from thalweg.store import codec
        from thalweg.store.weights import save_arrays, write_atomic

        folder = Path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                f"The model can't be saved in {folder} ({error.strerror}). "
                "Name a folder that can be written."
            ) from error
        record, arrays = self.to_state()
        save_arrays(folder / ARRAYS, arrays)
        text = codec.dumps(record, indent=2) + "\n"
        write_atomic(folder / SETTINGS, text.encode())

    @staticmethod
    def load(folder: str | Path) -> "Model":
        """Read what `save` wrote."""
        from thalweg.store import codec
        from thalweg.store.weights import load_arrays

        folder = Path(folder)
        try:
            record = codec.loads((folder / SETTINGS).read_text("utf-8"))
            known = record["format"] == FORMAT
        except (OSError, ValueError, KeyError, TypeError):
            known = False
        if not known:
            raise StoreError(
                f"There is no model in {folder}. Name a folder that `save` wrote, or "
                "the run directory of a finished search."
            )
        arrays, _ = load_arrays(folder / ARRAYS)
        return Model.from_state(record, arrays)

    @staticmethod
    def of_run(folder: str | Path) -> "Model":
        """The model in a folder, or in the run directory that it is."""
        folder = Path(folder)
        inner = folder / "model"
        return Model.load(inner if (inner / SETTINGS).is_file() else folder)

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """A dict for JSON and a dict of arrays, from which `from_state` restores it."""
        features, own = self.features.to_state()
        arrays = {f"features/{k}": a for k, a in own.items()}
        baseline, own = self.baseline.to_state()
        arrays |= {f"baseline/{k}": a for k, a in own.items()}
        for each in self.trained:
            for split, network in enumerate(each.networks):
                prefix = f"trial/{each.trial}/{split}/"
                arrays |= {prefix + k: a for k, a in to_arrays(network).items()}
        record = {
            "format": FORMAT,
            "task": self.task,
            "target": self.target,
            "loss": self.loss,
            "outputs": self.outputs,
            "classes": None if self.classes is None else self.classes.to_json(),
            "scales": [scale.to_json() for scale in self.scales],
            "kind": self.features.kind,
            "features": features,
            "baseline": baseline,
            "space": self.space.to_json(),
            "assembly": dict(self.assembly),
            "trained": [
                {
                    "trial": each.trial,
                    "config": dict(each.config),
                    "weight": each.weight,
                    "splits": len(each.networks),
                }
                for each in self.trained
            ],
            "facts": dict(self.facts),
        }
        return record, arrays

    @staticmethod
    def from_state(
        record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> "Model":
        """What `to_state` was made of."""
        kind = FEATURES[record["kind"]]
        features = kind.from_state(record["features"], below(arrays, "features/"))
        space = Space.from_json(record["space"])
        recipe = Assembler(space, network=features.networks, **record["assembly"])
        inputs = features.inputs()
        trained = []
        for each in record["trained"]:
            networks = tuple(
                from_arrays(
                    recipe(each["config"]),
                    jax.tree.map(lambda leaf, split=split: leaf[split], inputs),
                    record["outputs"],
                    below(arrays, f"trial/{each['trial']}/{split}/"),
                )
                for split in range(each["splits"])
            )
            trained.append(
                Trained(each["trial"], each["config"], each["weight"], networks)
            )
        classes = record["classes"]
        return Model(
            task=record["task"],
            target=record["target"],
            loss=record["loss"],
            outputs=record["outputs"],
            features=features,
            classes=None if classes is None else Classes.from_json(classes),
            scales=tuple(TargetScale.from_json(scale) for scale in record["scales"]),
            trained=tuple(trained),
            baseline=BaselineModel.from_state(
                record["baseline"], below(arrays, "baseline/")
            ),
            space=space,
            assembly=record["assembly"],
            facts=record["facts"],
        )


def load(folder: str | Path) -> Any:
    """The estimator that was saved in `folder`, or the model of a run directory."""
    from thalweg import automl

    model = Model.of_run(folder)
    family = {"images": "Image", "table": "Tabular"}[model.features.kind]
    kind = "Classifier" if model.classes is not None else "Regressor"
    return getattr(automl, family + kind)._of(model)
