"""Read image files with Pillow, many at a time, to 8-bit pixels of one form.

Pillow decodes without Python's global lock, so threads use all cores. JPEGs that are
much larger than wanted are decoded at a fraction of their size.
"""

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import numpy as np
from jaxtyping import UInt8

from thalweg.core.errors import DataError
from thalweg.data.images.extent import (
    Extent,
    check_finite,
    check_scale,
    extent,
    value_range,
)
from thalweg.data.images.form import ImageFormat, fitted

if TYPE_CHECKING:
    from PIL.Image import Image

T = TypeVar("T")

_GREY = ("1", "L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N")
_TURNED = (5, 6, 7, 8)  # EXIF orientations that swap height and width
_ORIENTATION = 0x0112


class Head(NamedTuple):
    """What a file says of itself before it is decoded."""

    height: int
    width: int
    colour: bool
    deep: bool  # more than 8 bits


def heads(paths: Sequence[Path]) -> list[Head]:
    """Size and kind of each file, in order.

    Raises DataError for the first that can't be read.
    """
    return _each(paths, _head)


def depth(paths: Sequence[Path], found: Sequence[Head]) -> tuple[float, float]:
    """The values of black and white: of the deeper images, if any, as of arrays."""
    deep = [path for path, head in zip(paths, found, strict=True) if head.deep]
    if not deep:
        return 0.0, 255.0
    least, most, whole = zip(
        *_each(deep, lambda image: extent([_deep_values(image)])), strict=True
    )
    return value_range(Extent(min(least), max(most), all(whole)))


def read(paths: Sequence[Path], form: ImageFormat) -> UInt8[np.ndarray, "n h w c"]:
    """The images in the form that networks get.

    Raises DataError for the first that is broken or scaled otherwise than the form.
    """
    if form.channels not in (1, 3):
        raise DataError(
            "Image files are read as grey or as colour, but the model was fitted to "
            f"arrays of {form.channels} channels. Give it such arrays."
        )
    pixels = np.empty((len(paths), *form.shape), np.uint8)

    def put(image: "Image", place: int) -> None:
        pixels[place] = _pixels(image, form)

    _each(paths, put, range(len(paths)))
    return pixels


def _each(paths: Sequence[Path], function: Callable[..., T], *more: Any) -> list[T]:
    """`function` of each opened image; of all that fail, the first is reported."""

    def one(path: Path, *own: Any) -> T | DataError:
        try:
            return _opened(path, function, *own)
        except DataError as error:
            return error

    with ThreadPoolExecutor(min(32, os.cpu_count() or 1)) as pool:
        results = list(pool.map(one, paths, *more))
    failed = [result for result in results if isinstance(result, DataError)]
    if failed:
        others = f" So can't {len(failed) - 1:,} others." if len(failed) > 1 else ""
        raise DataError(f"{failed[0]}{others}")
    return results  # type: ignore[return-value]


def _opened(path: Path, function: Callable[..., T], *more: Any) -> T:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            return function(image, *more)
    except DataError as error:
        raise DataError(f"{path} can't be used. {error}") from None
    except UnidentifiedImageError:
        what = "is empty" if path.stat().st_size == 0 else "is no image"
        raise DataError(
            f"{path} can't be read: it {what}, whatever its name says. Remove it."
        ) from None
    except Image.DecompressionBombError as error:
        raise DataError(
            f"{path} can't be read: it is too large ({error}). Shrink it."
        ) from None
    except PermissionError:
        raise DataError(
            f"{path} can't be read: this user may not. Change its permissions "
            "(chmod u+r)."
        ) from None
    except FileNotFoundError:
        raise DataError(f"{path} can't be read: there is no such file.") from None
    except (OSError, ValueError, SyntaxError, EOFError) as error:
        # Pillow's words for truncated and otherwise damaged files
        reason = str(error).splitlines()[0].rstrip(".") if str(error) else "damaged"
        raise DataError(
            f"{path} can't be read: it is a broken image ({reason}). Replace or remove "
            "it."
        ) from None


def _head(image: "Image") -> Head:
    from PIL import Image

    width, height = image.size
    # the base class's: that of PNG decodes the whole image first
    if Image.Image.getexif(image).get(_ORIENTATION) in _TURNED:
        width, height = height, width
    colour = image.mode not in _GREY
    if image.mode == "P":  # a palette of greys is grey
        palette = np.array(image.getpalette() or [0], np.uint8)
        triples = palette[: len(palette) // 3 * 3].reshape(-1, 3)
        colour = bool((triples != triples[:, :1]).any())
    return Head(height, width, colour, _is_deep(image))


def _is_deep(image: "Image") -> bool:
    return image.mode.startswith("I") or image.mode == "F"


def _deep_values(image: "Image") -> np.ndarray:
    values = np.asarray(image)
    check_finite(values)
    return values


def _pixels(image: "Image", form: ImageFormat) -> UInt8[np.ndarray, "h w c"]:
    from PIL import ImageOps

    # at least twice the size wanted, so that nothing is lost by the coarse decoding
    image.draft(None, (2 * form.width, 2 * form.height))
    image = ImageOps.exif_transpose(image)
    image = _flat(image, form)
    return fitted(np.asarray(image), form)


def _flat(image: "Image", form: ImageFormat) -> "Image":
    """8 bits, one or three channels, transparent parts white."""
    from PIL import Image

    mode = "L" if form.channels == 1 else "RGB"
    if _is_deep(image):
        values = _deep_values(image)
        check_scale(extent([values]), form)
        return Image.fromarray(form.scaled(values)).convert(mode)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        white = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(white, image)
    return image.convert(mode)
