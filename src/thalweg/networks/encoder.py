"""The first part of every network: columns of a table in, one row of units out."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.core.errors import InvalidInput
from thalweg.networks.base import Batch, Inputs, columns
from thalweg.networks.categorical import Categorical, CategoricalLayer
from thalweg.networks.numeric import AbstractEmbedding
from thalweg.networks.randomness import place


class Encoder(eqx.Module):
    """Numeric units first, then categorical ones."""

    numeric: Any
    categorical: CategoricalLayer | None
    inputs: Inputs  # without bins
    sections: tuple[int, ...] = eqx.field(static=True)  # units of each column

    @property
    def width(self) -> int:
        """How many units come out."""
        return sum(self.sections)

    def __call__(self, x: Batch) -> Float[Array, "b f"]:
        numeric, codes = columns(x, self.inputs)
        parts = []
        if numeric is not None:
            parts.append(self.numeric(numeric))
        if codes is not None and self.categorical is not None:
            parts.append(self.categorical(codes))
        return parts[0] if len(parts) == 1 else jnp.concatenate(parts, axis=1)

    @staticmethod
    def build(
        inputs: Inputs,
        numeric: AbstractEmbedding,
        categorical: Categorical,
        *,
        seed: UInt32[Array, ""],
    ) -> "Encoder":
        """The encoder of these columns."""
        sections = (numeric.units,) * inputs.numeric
        sections += categorical.sections(inputs.cardinalities)
        if sum(sections) == 0:
            raise InvalidInput(
                "A network needs a column that varies, but got no numeric column and "
                f"cardinalities={inputs.cardinalities} (0 counted). Keep a column "
                "that has at least one known category."
            )
        codes = None
        if inputs.cardinalities:
            codes = categorical.build(inputs.cardinalities, seed=place(seed, 0))
        return Encoder(
            numeric.build(inputs, seed=place(seed, 1)) if inputs.numeric else None,
            codes,
            Inputs(inputs.numeric, inputs.cardinalities),
            sections,
        )
