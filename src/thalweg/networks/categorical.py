"""Categories as numbers: one-hot where there are few, trained vectors where many.

Guo & Berkhahn 2016, https://arxiv.org/abs/1604.06737
The split and the code of two categories are RealMLP's (Holzmueller et al. 2024,
https://arxiv.org/abs/2407.04491).
"""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int

from thalweg.core.typing import Key

# Up to here one comparison and one product are faster than a gather and its scatter.
DENSE = 64


class Categorical(eqx.Module):
    """How categorical columns are turned into units.

    Columns of at most `one_hot` known categories are one-hot without a unit for code 0,
    unknown, which is all zeros; two known categories are one unit of -1 or +1. The rest
    get a trained vector for each code, of half as many units as codes, at most `size`.
    """

    size: int = eqx.field(static=True, default=8)
    one_hot: int = eqx.field(static=True, default=8)

    def width(self, cardinalities: tuple[int, ...]) -> int:
        """How many units columns of these cardinalities (0 counted) become."""
        return sum(self.units(n) for n in cardinalities)

    def units(self, cardinality: int) -> int:
        """How many units one column becomes."""
        known = cardinality - 1
        if known <= self.one_hot:
            return 1 if known == 2 else known
        return min(self.size, (cardinality + 1) // 2)

    def build(self, cardinalities: tuple[int, ...], *, key: Key) -> "CategoricalLayer":
        """Vectors start normal with variance 1."""
        embedding = []
        for number, n in enumerate(cardinalities):
            if n - 1 <= self.one_hot:
                embedding.append(None)
            else:
                shape = (n, self.units(n))
                embedding.append(jr.normal(jr.fold_in(key, number), shape))
        return CategoricalLayer(tuple(embedding), cardinalities)


class CategoricalLayer(eqx.Module):
    """Codes outside `0..cardinality-1` count as the nearest code inside."""

    embedding: tuple[Float[Array, "n e"] | None, ...]
    cardinalities: tuple[int, ...] = eqx.field(static=True)

    def __call__(self, codes: Int[Array, "b d"]) -> Float[Array, "b f"]:
        parts = []
        for j, (n, table) in enumerate(
            zip(self.cardinalities, self.embedding, strict=True)
        ):
            code = jnp.clip(codes[:, j], 0, n - 1)
            if table is None:
                parts.append(_one_hot(code, n))
            elif n <= DENSE:
                parts.append(
                    (code[:, None] == jnp.arange(n)).astype(table.dtype) @ table
                )
            else:
                parts.append(table[code])
        return jnp.concatenate(parts, axis=1)


def _one_hot(code: Int[Array, " b"], n: int) -> Float[Array, "b f"]:
    dtype = jnp.result_type(float)
    if n == 3:
        return ((code == 2).astype(dtype) - (code == 1).astype(dtype))[:, None]
    return (code[:, None] == jnp.arange(1, n)).astype(dtype)
