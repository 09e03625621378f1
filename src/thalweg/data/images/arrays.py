"""Images that are arrays already: what their axes and values mean."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Num, UInt8

from thalweg.core.errors import DataError
from thalweg.data.images.form import ImageFormat, fitted, target_size

CHANNELS = (1, 2, 3, 4)  # the last axis, where an array might be one of many things

Images = Num[np.ndarray, "n h w c"] | list[Num[np.ndarray, "h w c"]]


def as_images(X: Any) -> Images:
    """`[n, h, w, c]`, or a list of `[h, w, c]` where sizes differ.

    Raises DataError for axes, types and values that images can't have.
    """
    if isinstance(X, list | tuple) or (
        isinstance(X, np.ndarray) and X.dtype == object and X.ndim == 1
    ):
        return _listed(list(X))
    images = _numbers(np.asarray(X))
    if images.ndim not in (3, 4):
        raise DataError(
            "Images are arrays of the shape [n, height, width] or [n, height, width, "
            f"channels], but got {list(images.shape)}.{_hint(images)}"
        )
    images = images if images.ndim == 4 else images[..., None]
    _check_axes(images.shape)
    return images


def chosen_form(
    images: Images, wanted: int | tuple[int, int] | None = None
) -> ImageFormat:
    """The form for images like these.

    Whole numbers within 0 to 255 are kept as they are, numbers within 0 and 1 are
    stretched to 0 to 255; others are so from their least to their greatest.
    """
    sizes = [image.shape[:2] for image in images[: 1 if _regular(images) else None]]
    height, width = target_size(sizes, wanted)
    low, high = _range(images)
    return ImageFormat(height, width, images[0].shape[2], low, high)


def brought(images: Images, form: ImageFormat) -> UInt8[np.ndarray, "n h w c"]:
    """The images in a form.

    Raises DataError for other channels or values far beyond the form's range.
    """
    if len(images) == 0:
        return np.empty((0, *form.shape), np.uint8)
    if images[0].shape[2] != form.channels:
        raise DataError(
            f"The images need {form.channels} channels as in training, but got "
            f"{images[0].shape[2]}."
        )
    most = max(float(np.max(image)) for image in _parts(images))
    if most > form.high + (form.high - form.low):
        raise DataError(
            f"Values must be scaled as in training, {form.low:g} to {form.high:g}, but "
            f"got {most:g}."
        )
    if isinstance(images, np.ndarray) and images.shape[1:] == form.shape:
        return np.ascontiguousarray(form.scaled(images))
    return np.stack([fitted(form.scaled(image), form) for image in images])


def _regular(images: Images) -> bool:
    return isinstance(images, np.ndarray)


def _parts(images: Images) -> Sequence[np.ndarray]:
    return [images] if isinstance(images, np.ndarray) else images


def _listed(images: list[Any]) -> Images:
    if not images:
        raise DataError("Images are needed, but got an empty list.")
    arrays = []
    for place, image in enumerate(images):
        array = _numbers(np.asarray(image))
        if array.ndim not in (2, 3) or 0 in array.shape:
            raise DataError(
                "Each image of a list has the shape [height, width] or [height, "
                f"width, channels], but number {place} has {list(array.shape)}."
            )
        arrays.append(array if array.ndim == 3 else array[..., None])
        if arrays[-1].shape[2] != arrays[0].shape[2]:
            raise DataError(
                f"All images need the same channels, but number {place} has "
                f"{arrays[-1].shape[2]} and the first {arrays[0].shape[2]}."
            )
    _check_axes((len(arrays), *arrays[0].shape))
    same = all(array.shape == arrays[0].shape for array in arrays)
    return np.stack(arrays) if same else arrays


def _numbers(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind not in "fiub":
        raise DataError(
            f"Images are arrays of numbers, but got the type {array.dtype}. Files are "
            "given as a folder or as a list of paths."
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        count = int(np.count_nonzero(~np.isfinite(array)))
        raise DataError(
            f"Images need finite values, but {count:,} are NaN or infinite. Replace "
            "them, by 0 for instance."
        )
    return array.astype(np.uint8) if array.dtype.kind == "b" else array


def _check_axes(shape: tuple[int, ...]) -> None:
    if 0 in shape[1:]:
        raise DataError(f"Images need pixels, but got the shape {list(shape)}.")
    if shape[1] in CHANNELS and shape[3] > max(CHANNELS) and shape[2] > max(CHANNELS):
        raise DataError(
            f"Channels are the last axis, but got {list(shape)}, where they seem to be "
            "the second. Move them by np.moveaxis(X, 1, -1)."
        )
    if shape[3] > 32:
        raise DataError(
            f"Channels are the last axis, but got {list(shape)} with {shape[3]} of "
            "them. Give [n, height, width] or [n, height, width, channels]."
        )


def _hint(array: np.ndarray) -> str:
    if array.ndim == 2:
        side = round(array.shape[1] ** 0.5)
        if side * side == array.shape[1]:
            return f" For pixels in rows: X.reshape(-1, {side}, {side})."
    return ""


def _range(images: Images) -> tuple[float, float]:
    low = min(float(np.min(image)) for image in _parts(images))
    high = max(float(np.max(image)) for image in _parts(images))
    whole = all(
        image.dtype.kind in "iu" or bool((image == np.rint(image)).all())
        for image in _parts(images)
    )
    if low >= 0 and whole:
        # 8 bits as they are; deeper ones by the bits in use
        return 0.0, max(255.0, 2.0 ** np.ceil(np.log2(high + 1)) - 1)
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    return low, high if high > low else low + 1.0
