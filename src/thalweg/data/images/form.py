"""The one form that all images of a model are brought to: size, channels, range."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from jaxtyping import Num, UInt8

from thalweg.core.errors import InvalidInput

LONGEST = 64  # of the longer side, unless the user asks for more


@dataclass(frozen=True)
class ImageFormat:
    """Height, width and channels, and the values that stand for black and white."""

    height: int
    width: int
    channels: int  # 1 (grey) or 3 (red, green, blue); arrays may have others
    low: float = 0.0  # becomes 0 …
    high: float = 255.0  # … and this 255

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one image."""
        return self.height, self.width, self.channels

    def scaled(self, values: Num[np.ndarray, "*n"]) -> UInt8[np.ndarray, "*n"]:
        """Values in the training images' range as 8 bits; beyond it they are cut."""
        if self.keeps(values.dtype):
            return values
        share = (values.astype(np.float32) - self.low) / (self.high - self.low)
        return np.rint(255 * share.clip(0, 1)).astype(np.uint8)

    def keeps(self, kind: np.dtype[Any]) -> bool:
        """Whether `scaled` leaves values of this type as they are."""
        return kind == np.uint8 and (self.low, self.high) == (0.0, 255.0)

    def describe(self) -> str:
        """`28 × 28, grey`."""
        colours = {1: "grey", 3: "colour"}
        kind = colours.get(self.channels, f"{self.channels} channels")
        return f"{self.height} × {self.width}, {kind}"

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @staticmethod
    def from_json(record: dict[str, Any]) -> "ImageFormat":
        return ImageFormat(**record)


def target_size(
    sizes: Sequence[tuple[int, int]], wanted: int | tuple[int, int] | None = None
) -> tuple[int, int]:
    """Height and width for images of these sizes.

    The medians of heights and of widths; if the longer of the two is above `LONGEST`
    (or `wanted`, if that is a number), both are shrunk by the same factor. `wanted` may
    also be height and width themselves.
    """
    if isinstance(wanted, tuple):
        if len(wanted) != 2:
            raise _wrong_size(wanted)
        return _side(wanted[0]), _side(wanted[1])
    longest = LONGEST if wanted is None else _side(wanted)
    heights, widths = np.array(sizes).reshape(-1, 2).T
    height, width = float(np.median(heights)), float(np.median(widths))
    factor = min(1.0, longest / max(height, width))
    return max(1, round(height * factor)), max(1, round(width * factor))


def _side(side: Any) -> int:
    if not isinstance(side, int | np.integer) or isinstance(side, bool) or side < 1:
        raise _wrong_size(side)
    return int(side)


def _wrong_size(got: Any) -> InvalidInput:
    return InvalidInput(
        "`image_size` must be the longest side in pixels, or (height, width), each at "
        f"least 1, but got {got!r}."
    )


def fitted(
    image: UInt8[np.ndarray, "..."], form: ImageFormat
) -> UInt8[np.ndarray, "h w c"]:
    """An image of any size in the form's.

    Its aspect is kept: it is scaled to fit inside, and its border pixels are repeated
    to fill what is left.
    """
    image = image if image.ndim == 3 else image[:, :, None]
    height, width = image.shape[:2]
    if (height, width) == (form.height, form.width):
        return image
    scale = min(form.height / height, form.width / width)
    inner = (
        min(form.height, max(1, round(height * scale))),
        min(form.width, max(1, round(width * scale))),
    )
    image = resized(image, *inner)
    above, left = (form.height - inner[0]) // 2, (form.width - inner[1]) // 2
    missing = (
        (above, form.height - inner[0] - above),
        (left, form.width - inner[1] - left),
        (0, 0),
    )
    return np.pad(image, missing, mode="edge")


def resized(
    image: UInt8[np.ndarray, "h w c"], height: int, width: int
) -> UInt8[np.ndarray, "H W c"]:
    """By Pillow, each pixel a weighted mean of all that it covers."""
    from PIL import Image

    if image.shape[:2] == (height, width):
        return image
    parts = [image] if image.shape[2] == 3 else np.split(image, image.shape[2], axis=2)
    gap = 3.0 if math.prod(image.shape[:2]) > 16 * height * width else None
    done = [
        np.asarray(
            Image.fromarray(part if part.shape[2] == 3 else part[:, :, 0]).resize(
                (width, height), Image.Resampling.BILINEAR, reducing_gap=gap
            )
        )
        for part in parts
    ]
    return done[0] if len(done) == 1 and done[0].ndim == 3 else np.stack(done, axis=2)
