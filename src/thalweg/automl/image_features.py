"""Images as networks and the baseline get them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from jaxtyping import Float, UInt8

from thalweg.data.images import ImageFormat
from thalweg.data.images.image_set import pixels_of
from thalweg.evaluation import Splits
from thalweg.networks import Images
from thalweg.networks.convnet import ConvNets
from thalweg.problem import moments_of

THUMBNAIL = 14  # pixels of the longer side that the linear model sees, at most


@dataclass(frozen=True, eq=False)
class ImageFeatures:
    """One form for all images, and each split's mean and deviation of the channels."""

    form: ImageFormat
    mean: Float[np.ndarray, "s c"]
    std: Float[np.ndarray, "s c"]
    kind: ClassVar[str] = "images"
    networks: ClassVar[Any] = ConvNets()

    @staticmethod
    def fit(
        pixels: UInt8[np.ndarray, "n h w c"], form: ImageFormat, splits: Splits
    ) -> "ImageFeatures":
        """Measured on the training part of each split."""
        mean, std = moments_of(pixels, splits)
        return ImageFeatures(form, mean, std)

    def inputs(self) -> Images:
        """What networks are built for; leaves have a leading axis of splits."""
        return Images(*self.form.shape, mean=self.mean, std=self.std)

    def transform_stated(
        self, X: Any, /, *, owner: str = "the model"
    ) -> tuple[list[UInt8[np.ndarray, "n h w c"]], list[str]]:
        """One array for all splits: networks scale it, each by its own split."""
        return [pixels_of(X, self.form)], []

    def for_networks(
        self, made: Sequence[UInt8[np.ndarray, "n h w c"]], /
    ) -> UInt8[np.ndarray, "1 n h w c"]:
        return made[0][None]

    def for_baseline(
        self, made: UInt8[np.ndarray, "n h w c"], /
    ) -> Mapping[str, np.ndarray]:
        """Thumbnails as columns: the mean of each block of pixels, scaled."""
        n, h, w, c = made.shape
        block = -(-max(h, w) // THUMBNAIL)
        rows, cols = max(1, h // block), max(1, w // block)
        down, across = h // rows, w // cols
        sums = np.zeros((n, rows, cols, c), np.float32)
        for i in range(down):
            for j in range(across):
                part = made[:, i : rows * down : down, j : cols * across : across]
                sums += part
        mean, std = self.mean.mean(axis=0), self.std.mean(axis=0)
        scaled = (sums / (down * across) - mean) / std
        return {
            "numeric": scaled.reshape(n, -1).astype(np.float32),
            "categorical": np.zeros((n, 0), np.int32),
        }

    def to_state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """A dict for JSON and a dict of arrays, from which `from_state` restores it."""
        return {"form": self.form.to_json()}, {"mean": self.mean, "std": self.std}

    @staticmethod
    def from_state(
        record: Mapping[str, Any], arrays: Mapping[str, np.ndarray]
    ) -> "ImageFeatures":
        """What `to_state` was made of."""
        form = ImageFormat.from_json(record["form"])
        return ImageFeatures(form, arrays["mean"], arrays["std"])
