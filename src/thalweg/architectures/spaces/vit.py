"""Small vision transformers: patches, width, depth, heads, inner ratio, what is read.

Dosovitskiy et al. 2021, section 3.1, https://arxiv.org/abs/2010.11929
Departs from the paper in offering the mean of the tokens beside the class token (its
appendix D.3 found no difference).
"""

from collections.abc import Sequence
from math import lcm

from thalweg.architectures.spaces.pieces import one_layer, one_value
from thalweg.architectures.vocabulary import Repeat, label
from thalweg.core.errors import InvalidInput
from thalweg.networks.layers import (
    AbstractLayer,
    ClassToken,
    EncoderBlock,
    FirstToken,
    GlobalPool,
    LayerNorm,
    Patches,
    Positions,
    Sequential,
)
from thalweg.spaces import Float


def vit(
    *,
    patches: Sequence[int] = (2, 4),
    widths: Sequence[int] = (32, 64, 128),
    depth: tuple[int, int] = (1, 6),
    heads: Sequence[int] = (1, 2, 4, 8),
    ratios: Sequence[float] = (1, 2, 4),
    dropout: tuple[float, float] | None = (0.0, 0.3),
    readouts: Sequence[str] = ("mean", "token"),
) -> Sequential:
    """Vision transformers for small images, as a tree.

    **patches**: the side of a square, in pixels; no larger than the image. **widths**:
    numbers of a token, each a multiple of all `heads`. **ratios**: inner units / width.
    **readouts**: the mean of the tokens, or a class token.

    Parameters: `patch`, `width`, `depth`, `heads`, `ratio`, `dropout`, `readout`.
    """
    if any(width % lcm(*heads) for width in widths):
        raise InvalidInput(
            f"Each of `widths` must be a multiple of all `heads`, but got {widths} and "
            f"{heads}."
        )
    block = EncoderBlock(
        one_value("heads", heads),
        one_value("ratio", ratios),
        None if dropout is None else label("dropout", Float(*dropout)),
    )
    body = [Positions(), Repeat(block, depth, label="depth"), LayerNorm()]
    reads: dict[str, AbstractLayer] = {
        "mean": Sequential([*body, GlobalPool()]),
        "token": Sequential([ClassToken(), *body, FirstToken()]),
    }
    chosen = {name: reads[name] for name in readouts}
    tokens = Patches(one_value("patch", patches), one_value("width", widths))
    return Sequential([tokens, one_layer("readout", chosen)])
