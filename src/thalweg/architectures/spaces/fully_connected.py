"""Fully connected networks: depth, each layer's width and skip, and what is between."""

from collections.abc import Sequence
from functools import cache

from thalweg.architectures.spaces.pieces import (
    activation,
    normalization,
    one_layer,
    one_value,
)
from thalweg.architectures.vocabulary import Repeat, label
from thalweg.networks.layers import (
    AbstractLayer,
    Dense,
    Dropout,
    Flatten,
    Residual,
    Sequential,
)
from thalweg.spaces import Float


def fully_connected(
    *,
    depth: tuple[int, int] = (1, 4),
    widths: Sequence[int] = (16, 32, 64, 128, 256),
    skips: bool = True,
    normalizations: Sequence[str] = ("none", "batch", "layer"),
    activations: Sequence[str] = ("relu", "gelu", "silu", "tanh"),
    dropout: tuple[float, float] | None = (0.0, 0.5),
) -> Sequential:
    """Perceptrons for tables or small images, as a tree.

    **depth**: hidden layers, at least and at most. **skips**: whether layers may be
    added to their inputs, projected where widths differ. **dropout**: the rate's
    bounds; None for no dropout.

    Parameters: `depth`, `width_i` and `skip_i` of each layer, `normalization`,
    `activation`, `dropout`.
    """

    between = [normalization(normalizations), activation(activations)]
    if dropout is not None:
        between.append(Dropout(label("dropout", Float(*dropout))))

    @cache
    def layer(i: int) -> AbstractLayer:
        body = [Dense(one_value(f"width_{i}", widths)), *between]
        found: dict[str, AbstractLayer] = {"no": Sequential(body)}
        if skips:
            found["yes"] = Residual(Sequential(body))
        return one_layer(f"skip_{i}", found)

    return Sequential([Flatten(), Repeat(layer, depth, label="depth")])
