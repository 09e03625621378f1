"""Parameter sets of 10 thousand, 1 million and 25 million entries, as networks have."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

Tree = dict[str, Any]


def perceptron(*widths: int) -> Tree:
    """Kernels and biases of a perceptron."""
    layers = [_dense(i, o) for i, o in pairwise(widths)]
    return {"layers": layers}


def transformer(words: int, width: int, depth: int) -> Tree:
    """Embeddings, attention and feed-forward layers with their normalisations."""
    block = {
        **{name: _dense(width, width) for name in ("query", "key", "value", "out")},
        "up": _dense(width, 4 * width),
        "down": _dense(4 * width, width),
        "first_norm": {"scale": (width,), "bias": (width,)},
        "second_norm": {"scale": (width,), "bias": (width,)},
    }
    return {
        "embed": {"embedding": (words, width)},
        "blocks": [block] * depth,
        "norm": {"scale": (width,), "bias": (width,)},
    }


def _dense(inputs: int, outputs: int) -> Tree:
    return {"kernel": (inputs, outputs), "bias": (outputs,)}


TREES = {
    "10k": perceptron(64, 72, 64, 10),
    "1M": transformer(words=1600, width=128, depth=4),
    "25M": transformer(words=12_000, width=512, depth=6),
}


def filled(shapes: Any, scale: float, seed: int) -> Any:
    """Normal numbers in the place of shapes, single precision."""
    random = np.random.default_rng(seed)

    def draw(shape: Any) -> Any:
        if isinstance(shape, dict):
            return {name: draw(inner) for name, inner in shape.items()}
        if isinstance(shape, list):
            return [draw(inner) for inner in shape]
        return scale * random.standard_normal(shape, np.float32)

    return draw(shapes)
