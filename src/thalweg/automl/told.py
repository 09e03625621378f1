"""What a report tells of a classifier's mistakes: which classes, which images."""

import base64
import io
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from thalweg.automl.prepared import Data
from thalweg.data.images import ImageSet
from thalweg.data.images.form import resized
from thalweg.problem import Problem

MOST_CLASSES = 20  # of a table that a page has room for
MISTAKES = 24  # images shown
_SIDE = 64  # pixels of them


def confusion(
    data: Data, problem: Problem, prediction: Float[np.ndarray, "r c"]
) -> dict[str, Any] | None:
    """How often rows of each class were called which; None for many classes."""
    if data.classes is None or len(data.classes) > MOST_CLASSES:
        return None
    size = len(data.classes)
    called = np.argmax(prediction, axis=1)
    counts = np.bincount(problem.truth * size + called, minlength=size * size)
    labels = [str(label) for label in data.classes.labels.tolist()]
    return {"labels": labels, "counts": counts.reshape(size, size).tolist()}


def mistakes(
    data: Data, problem: Problem, prediction: Float[np.ndarray, "r c"]
) -> list[dict[str, Any]]:
    """The images that were called wrong with the most confidence, the worst first."""
    if not isinstance(data, ImageSet) or data.classes is None:
        return []
    labels, truth = data.classes.labels, problem.truth
    called, sure = np.argmax(prediction, axis=1), np.max(prediction, axis=1)
    wrong = np.flatnonzero(called != truth)
    wrong = wrong[np.argsort(-sure[wrong], kind="stable")][:MISTAKES]
    return [
        {
            "image": picture(data.pixels[problem.splits.rows[row]]),
            "truth": str(labels[truth[row]]),
            "called": str(labels[called[row]]),
            "chance": float(sure[row]),
        }
        for row in wrong
    ]


def picture(pixels: UInt8[np.ndarray, "h w c"]) -> str:
    """A small image as the address of a page's `img`."""
    from PIL import Image

    if pixels.shape[2] not in (1, 3):
        pixels = pixels[:, :, :1]
    scale = min(1.0, _SIDE / max(pixels.shape[:2]))
    height, width = (max(1, round(scale * side)) for side in pixels.shape[:2])
    small = resized(pixels, height, width)
    image = Image.fromarray(small[:, :, 0] if small.shape[2] == 1 else small)
    file = io.BytesIO()
    image.save(file, "PNG")
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()
