"""Images with their targets: what the command line and the estimators hand on."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int, UInt8

from thalweg.core.errors import DataError, InvalidInput
from thalweg.data.classes import Classes
from thalweg.data.images import reading
from thalweg.data.images.arrays import as_images, brought, chosen_form
from thalweg.data.images.files import class_folders, files_below
from thalweg.data.images.form import ImageFormat, target_size
from thalweg.data.target import as_target, read_target
from thalweg.data.target_summary import target_summary
from thalweg.data.task import Task

MOST_BYTES = 8 << 30  # of pixels


@dataclass(frozen=True, eq=False)
class ImageSet:
    """The images that have a target, in one form, and all that was found out."""

    pixels: UInt8[np.ndarray, "n h w c"]
    form: ImageFormat
    target: np.ndarray  # int32 codes of `classes`, or float64 numbers
    target_name: str
    task: Task
    classes: Classes | None
    rows: Int[np.ndarray, " n"]  # where these images were in the source
    notes: tuple[str, ...]  # repairs and decisions, in sentences

    def __len__(self) -> int:
        return len(self.pixels)

    def summary(self) -> dict[str, Any]:
        """What a report shows of the data; JSON can hold it."""
        return {
            "rows": len(self),
            "images": self.form.describe(),
            "memory": f"{self.pixels.nbytes / 1e6:,.1f} MB",
            "target": target_summary(
                self.target_name, self.task, self.target, self.classes
            ),
            "notes": list(self.notes),
        }


def load_images(
    X: Any,
    y: Any = None,
    task: Task | None = None,
    *,
    image_size: int | tuple[int, int] | None = None,
    owner: str = "the model",
) -> ImageSet:
    """Images and targets, ready for networks.

    **X**: arrays `[n, h, w]` or `[n, h, w, c]`, a list of arrays of any sizes, a list
    of paths, or a folder that has one folder per class (then without `y`).
    **image_size**: the longest side, 64 by default, or `(height, width)`.

    Raises DataError with one sentence for what can't be learnt from.
    """
    if isinstance(X, str | Path) and y is None:
        if task == "regression":
            raise InvalidInput(
                "Class folders are targets for classification only, but regression "
                "needs numbers. Give a list of paths and a number for each."
            )
        source = class_folders(X)
        paths, labels, notes = source.paths, np.array(source.labels), source.notes
        series, task = as_target(labels).rename("class"), "classification"
        form, pixels = _from_files(paths, image_size)
    else:
        series, notes = as_target(y, owner=owner), []
        if (paths := _paths(X)) is not None:
            _check_lengths(len(paths), len(series))
            form, pixels = _from_files(paths, image_size)
        else:
            images = as_images(X)
            _check_lengths(len(images), len(series))
            if not len(images):
                raise DataError("Learning needs images, but got none.")
            form = chosen_form(images, image_size)
            _check_memory(len(images), form)
            pixels = brought(images, form)
    found = read_target(series, task)
    if len(found.rows) < len(pixels):
        pixels = pixels[found.rows]
    return ImageSet(
        pixels=pixels,
        form=form,
        target=found.values,
        target_name=str(series.name),
        task=found.task,
        classes=found.classes,
        rows=found.rows,
        notes=(*notes, *found.notes),
    )


def pixels_of(X: Any, form: ImageFormat) -> UInt8[np.ndarray, "n h w c"]:
    """Images to predict, of any kind that `load_images` takes, in a model's form."""
    if (paths := _paths(X)) is not None:
        return reading.read(paths, form)
    return brought(as_images(X), form)


def _paths(X: Any) -> list[Path] | None:
    """The files that `X` names; None if it is no list of files."""
    if isinstance(X, str | Path):
        return files_below(X).paths
    values = X.tolist() if hasattr(X, "tolist") and _is_text(X) else X
    if isinstance(values, Sequence) and values and isinstance(values[0], str | Path):
        return [Path(value) for value in values]
    return None


def _is_text(X: Any) -> bool:
    kind = getattr(getattr(X, "dtype", None), "kind", "")
    return kind in "OUT" and getattr(X, "ndim", 0) == 1


def _from_files(
    paths: Sequence[Path], image_size: int | tuple[int, int] | None
) -> tuple[ImageFormat, UInt8[np.ndarray, "n h w c"]]:
    found = reading.heads(paths)
    height, width = target_size([head[:2] for head in found], image_size)
    channels = 3 if any(head.colour for head in found) else 1
    form = ImageFormat(height, width, channels)
    _check_memory(len(paths), form)
    low, high = reading.depth(paths, found)
    form = replace(form, low=low, high=high)
    return form, reading.read(paths, form)


def _check_memory(images: int, form: ImageFormat) -> None:
    size = images * math.prod(form.shape)
    if size > MOST_BYTES:
        raise DataError(
            f"{images:,} images of {form.height} × {form.width} would take "
            f"{size / 2**30:.1f} GB of memory. Choose a smaller `image_size`."
        )


def _check_lengths(images: int, targets: int) -> None:
    if images != targets:
        raise DataError(
            f"Each image needs one target, but got {images:,} images and {targets:,} "
            "targets."
        )
