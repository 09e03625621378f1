"""The values of images: their extent, and the range of 8 bits that it stands for."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from thalweg.core.errors import DataError
from thalweg.data.images.form import ImageFormat


class Extent(NamedTuple):
    """The least and the greatest value, and whether all are whole numbers."""

    least: float
    most: float
    whole: bool


def extent(images: Sequence[np.ndarray]) -> Extent:
    """Of all images together, of which there is at least one."""
    return Extent(
        least=min(float(np.min(image)) for image in images),
        most=max(float(np.max(image)) for image in images),
        whole=all(
            image.dtype.kind in "iu" or bool((image == np.rint(image)).all())
            for image in images
        ),
    )


def value_range(found: Extent) -> tuple[float, float]:
    """What becomes 0 and what 255 where a model is fitted to such values."""
    low, high, whole = found
    if low >= 0 and high <= 1:  # masks too: their whole numbers are no grey levels
        return 0.0, 1.0
    if low >= 0 and whole:
        # 8 bits as they are; deeper ones by the bits in use
        return 0.0, max(255.0, 2.0 ** np.ceil(np.log2(high + 1)) - 1)
    return low, high if high > low else low + 1.0


def check_scale(found: Extent, form: ImageFormat) -> None:
    """Raises DataError for values that are scaled otherwise than in training.

    Values decide, not their type: 0 to 255 are 8 bits as uint16 or int64 too.
    """
    width = form.high - form.low
    levels = form.low == 0 and form.high >= 255
    wrong = None
    if found.most > form.high + width:
        wrong = f"{found.most:g}"
    elif found.least < form.low - width:
        wrong = f"{found.least:g}"
    elif levels and not found.whole and found.most <= 1:
        wrong = f"fractions from {found.least:g} to {found.most:g}"
    elif form.low == 0 and form.high == 255 and found.whole and found.most > 255:
        wrong = f"{found.most:g}, which is beyond 8 bits"
    if wrong is not None:
        raise DataError(
            f"Values must be scaled as in training, {form.low:g} to {form.high:g}, but "
            f"got {wrong}."
        )


def check_depth(images: Sequence[np.ndarray], form: ImageFormat) -> None:
    """Raises DataError for 8-bit images where the training's were deeper.

    Nothing else can be meant by that type; values up to 255 of another one are dark.
    """
    levels = np.log2(form.high + 1) if form.low == 0 else 0.0
    if levels > 8 and levels % 1 == 0 and all(i.dtype.itemsize == 1 for i in images):
        raise DataError(
            f"Values must be scaled as in training, {form.low:g} to {form.high:g}, but "
            f"got 8-bit images. Scale them, in a type that holds {form.high:g}."
        )


def check_finite(values: np.ndarray) -> None:
    """Raises DataError for values that no pixel can have."""
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        count = int(np.count_nonzero(~np.isfinite(values)))
        raise DataError(
            f"Images need finite values, but {count:,} are NaN or infinite. Replace "
            "them, by 0 for instance."
        )
