"""The rows that a population trains on, as arrays of one compiled program."""

from collections.abc import Iterable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree, Shaped

from thalweg.core.errors import InvalidInput


class Dataset(eqx.Module):
    """Inputs and targets under one or several splits into training and validation.

    Every split has inputs of its own, because preprocessing is fitted on its training
    part only; `s = 1` for a hold-out, the number of folds for a cross-validation. Rows
    beyond a split's size are padding that is never read.
    """

    x: PyTree[Shaped[Any, "s n ..."], "X"]
    y: Shaped[Any, "s n ..."]
    weight: Float[Any, " n"] | None  # of a row in the training loss; mean 1
    train_rows: Int[Any, "s nt"]
    train_size: Int[Any, " s"]
    validation_rows: Int[Any, "s nv"]
    validation_size: Int[Any, " s"]

    @staticmethod
    def of(
        x: PyTree, y: Any, splits: Iterable[tuple[Any, Any]], *, weight: Any = None
    ) -> "Dataset":
        """From NumPy arrays and `(training rows, validation rows)` of each split.

        `x` and `y` have a leading axis of splits, of length 1 if all share them.

        Raises InvalidInput if a split has no training row.
        """
        splits = list(splits)
        if any(len(train) == 0 for train, _ in splits):
            raise InvalidInput(
                "Every split needs at least one training row, but one has none. "
                "Give more rows or fewer folds."
            )
        return Dataset(
            x=jax.tree.map(np.ascontiguousarray, x),
            y=np.ascontiguousarray(y),
            weight=None if weight is None else np.asarray(weight, np.float32),
            train_rows=_padded([rows for rows, _ in splits]),
            train_size=np.array([len(rows) for rows, _ in splits], np.int32),
            validation_rows=_padded([rows for _, rows in splits]),
            validation_size=np.array([len(rows) for _, rows in splits], np.int32),
        )

    @property
    def splits(self) -> int:
        return self.train_rows.shape[0]

    def batch(
        self, split: Int[Array, ""], rows: Int[Array, " b"]
    ) -> tuple[PyTree, Shaped[Array, "b ..."], Float[Array, " b"] | None]:
        """Inputs, targets and weights of some rows of one split."""
        x, y = jax.tree.map(
            lambda a: a[split if a.shape[0] > 1 else 0, rows], (self.x, self.y)
        )
        return x, y, None if self.weight is None else self.weight[rows]


def _padded(rows: list[Any]) -> np.ndarray:
    longest = max(1, max(len(r) for r in rows))
    out = np.zeros((len(rows), longest), np.int32)
    for i, r in enumerate(rows):
        out[i, : len(r)] = r
    return out


def as_numbers(x: PyTree) -> PyTree:
    """Images of bytes as networks want them; whatever else it is, as it is."""
    return jax.tree.map(
        lambda a: a.astype(jnp.float32) if a.dtype == jnp.uint8 else a, x
    )


def rows_in_use(size: Int[Array, ""], longest: int) -> Float[Array, " n"]:
    """1 for the rows of a split, 0 for its padding."""
    return (jnp.arange(longest) < size).astype(jnp.float32)
