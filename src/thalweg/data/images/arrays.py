"""Images that are arrays already: what their axes and values mean."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Num, UInt8

from thalweg.core.errors import DataError
from thalweg.data.images.extent import (
    check_depth,
    check_finite,
    check_scale,
    extent,
    value_range,
)
from thalweg.data.images.form import ImageFormat, fitted, target_size

CHANNELS = (1, 2, 3, 4)  # the last axis, where an array might be one of many things
_CHUNK = 1024  # images scaled at a time

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

    Numbers within 0 and 1 are stretched to 0 to 255, whole numbers up to 255 are kept
    as they are; others are stretched from their least to their greatest.
    """
    sizes = [image.shape[:2] for image in images[: 1 if _regular(images) else None]]
    height, width = target_size(sizes, wanted)
    low, high = value_range(extent(_parts(images)))
    return ImageFormat(height, width, images[0].shape[2], low, high)


def brought(images: Images, form: ImageFormat) -> UInt8[np.ndarray, "n h w c"]:
    """The images in a form.

    Raises DataError for other channels or values scaled otherwise than the form's.
    """
    if len(images) == 0:
        return np.empty((0, *form.shape), np.uint8)
    if images[0].shape[2] != form.channels:
        raise DataError(
            f"The images need {form.channels} channels as in training, but got "
            f"{images[0].shape[2]}."
        )
    check_scale(extent(_parts(images)), form)
    check_depth(_parts(images), form)
    pixels = np.empty((len(images), *form.shape), np.uint8)
    if isinstance(images, np.ndarray) and images.shape[1:] == form.shape:
        if form.keeps(images.dtype):
            return np.ascontiguousarray(images)
        for first in range(0, len(images), _CHUNK):
            part = slice(first, first + _CHUNK)
            pixels[part] = form.scaled(images[part])
    else:
        for place, image in enumerate(images):
            pixels[place] = fitted(form.scaled(image), form)
    return pixels


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
    check_finite(array)
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
