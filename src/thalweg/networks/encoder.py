"""The first part of every network: columns of a table in, one row of units out."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float

from thalweg.core.typing import Key
from thalweg.networks.base import Batch, Inputs, columns
from thalweg.networks.categorical import Categorical, CategoricalLayer
from thalweg.networks.numeric import AbstractEmbedding


class Encoder(eqx.Module):
    """Numeric units first, then categorical ones."""

    numeric: Any
    categorical: CategoricalLayer | None
    inputs: Inputs  # without bins

    def __call__(self, x: Batch) -> Float[Array, "b f"]:
        numeric, codes = columns(x, self.inputs)
        parts = []
        if numeric is not None:
            parts.append(self.numeric(numeric))
        if codes is not None and self.categorical is not None:
            parts.append(self.categorical(codes))
        return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=1)


def encoder(
    inputs: Inputs, numeric: AbstractEmbedding, categorical: Categorical, *, key: Key
) -> tuple[Encoder, int]:
    """The encoder of these columns, and how many units it makes of them."""
    numeric_key, categorical_key = jr.split(key)
    width = numeric.width(inputs.numeric) if inputs.numeric else 0
    width += categorical.width(inputs.cardinalities)
    return Encoder(
        numeric.build(inputs, key=numeric_key) if inputs.numeric else None,
        categorical.build(inputs.cardinalities, key=categorical_key)
        if inputs.cardinalities
        else None,
        Inputs(inputs.numeric, inputs.cardinalities),
    ), width
