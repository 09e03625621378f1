"""What rules for hidden matrices share: another rule updates everything else."""

import abc
from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float

from thalweg.core.typing import Params
from thalweg.optimizers.adamw import AdamW
from thalweg.optimizers.base import AbstractOptimizer, own_values, under

Matrix = Float[Array, "i o"]


class MatricesState(eqx.Module):
    own: Any  # of the rule for matrices
    rest: Any  # of the optimizer for everything else


class AbstractForMatrices(AbstractOptimizer[MatricesState]):
    """A rule for matrices; what is none is left to `rest`, AdamW unless given.

    Matrices are leaves of two and more dimensions, but not embeddings (by their name):
    of those a batch touches few rows. A rule with a field `precondition_1d` takes
    vectors as well where that is true.
    """

    rest: eqx.AbstractVar[AbstractOptimizer[Any] | None]

    @abc.abstractmethod
    def init_matrices(self, params: Params) -> Any:
        """The rule's state before the first update."""

    @abc.abstractmethod
    def update_matrices(
        self, grads: Params, state: Any, params: Params
    ) -> tuple[Params, Any]:
        """Updates of the matrices (None elsewhere), and the rule's next state."""

    def init(self, params: Params) -> MatricesState:
        matrices, others = self._split(params)
        own = self.init_matrices(matrices)
        return MatricesState(own, self._for_the_rest().init(others))

    def update(
        self, grads: Params, state: MatricesState, params: Params
    ) -> tuple[Params, MatricesState]:
        (matrices, others), (mine, foreign) = map(self._split, (params, grads))
        updates, own = self.update_matrices(mine, state.own, matrices)
        more, rest = self._for_the_rest().update(foreign, state.rest, others)
        return eqx.combine(updates, more), MatricesState(own, rest)

    def observe(self, state: MatricesState, loss: Float[Array, ""]) -> MatricesState:
        return replace(state, rest=self._for_the_rest().observe(state.rest, loss))

    def solution(self, params: Params, state: MatricesState) -> Params:
        matrices, others = self._split(params)
        found = self._for_the_rest().solution(others, state.rest)
        return eqx.combine(matrices, found)

    def current(self, state: MatricesState) -> dict[str, Array]:
        rest = self._for_the_rest().current(state.rest)
        return own_values(self, state.own) | under("rest", rest)

    def _split(self, tree: Params) -> tuple[Params, Params]:
        return split(tree, vectors=getattr(self, "precondition_1d", False))

    def _for_the_rest(self) -> AbstractOptimizer[Any]:
        if self.rest is not None:
            return self.rest
        shared: Any = self
        return AdamW(shared.learning_rate, weight_decay=shared.weight_decay)


def split(tree: Params, *, vectors: bool = False) -> tuple[Params, Params]:
    """The hidden matrices, and `vectors` if so wanted; and everything else."""
    least = 1 if vectors else 2

    def is_matrix(path: Any, leaf: Array) -> bool:
        name = jax.tree_util.keystr(path[-1:], simple=True) if path else ""
        return leaf.ndim >= least and leaf.size > 0 and name != "embedding"

    return eqx.partition(tree, jax.tree_util.tree_map_with_path(is_matrix, tree))


def as_matrix(x: Array) -> Matrix:
    """All sides but the last as one."""
    return x.reshape(-1, x.shape[-1])
