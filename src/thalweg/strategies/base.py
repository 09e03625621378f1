"""What every strategy is: ask for candidates, tell their losses, over vectors in R^d.

A strategy is a frozen pytree of hyper-parameters, its state a pytree too; every method
is pure JAX with shapes settled by `init`, so that a search runs inside a compiled
program, and a population of searches under `vmap`. It knows nothing of networks.
"""

import abc
from typing import Any, ClassVar, Generic, TypeVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.core import Tracer
from jaxtyping import Array, Float, Int

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Key

State = TypeVar("State")

# the values that make sense
LIMITS = {
    "sigma": (np.finfo(np.float32).tiny, np.inf),
    "learning_rate": (0.0, np.inf),
    "momentum": (0.0, 1.0),
    "decay": (0.0, 1.0),
    "success": (0.0, 1.0),
    "mutation": (0.0, np.inf),
    "rate": (0.0, 1.0),
}


class AbstractStrategy(eqx.Module, Generic[State]):
    """A search without gradients: `init`, then `ask` and `tell` in turn.

    * The same state and key give the same candidates. Their number is static.
    * `tell` takes the candidates with their losses, smaller is better. One that is NaN
      or infinite is worse than every finite one, and never enters the state.
    * `point` is where the search stands, what to use if it ended now; `best` is the
      best candidate of all, which a noisy loss flatters.
    * Steps are in units of `sigma`: scale the variables so that they are alike.
    """

    rank_based: ClassVar[bool]  # unchanged if losses are transformed monotonically
    # the first candidate is `point`, evaluated anew because the loss may be noisy
    point_first: ClassVar[bool] = False

    @abc.abstractmethod
    def size(self, dim: int) -> int:
        """The number of candidates that `ask` gives."""

    @abc.abstractmethod
    def init(self, mean: Float[Array, " d"], *, key: Key) -> State:
        """The state of a search that begins around `mean`."""

    @abc.abstractmethod
    def ask(self, state: State, *, key: Key) -> Float[Array, "n d"]:
        """The next candidates. Changes nothing."""

    @abc.abstractmethod
    def tell(
        self, state: State, x: Float[Array, "n d"], losses: Float[Array, " n"]
    ) -> State:
        """The state that knows the losses of the candidates asked."""

    @abc.abstractmethod
    def point(self, state: State) -> Float[Array, " d"]:
        """Where the search stands."""

    @abc.abstractmethod
    def best(self, state: State) -> "Best":
        """The best candidate told so far."""

    def __check_init__(self):
        for name, field in self.__dataclass_fields__.items():
            value = getattr(self, name)
            if field.metadata.get("hyper") and not eqx.is_array(value):
                raise InvalidInput(
                    f"`{name}` must be a number or an array, but got {value!r}. Give "
                    f"{type(self).__name__} one of those."
                )
            low, high = LIMITS.get(name, (-np.inf, np.inf))
            # NaN passes: a diverged member is data
            if ((known(value) < low) | (known(value) > high)).any():
                raise InvalidInput(
                    f"`{name}` must lie in [{low:g}, {high:g}], but got {value}. "
                    f"Give {type(self).__name__} a value in that range."
                )


class AbstractSmoothing(AbstractStrategy[State]):
    """A strategy that estimates a gradient, from candidates made one at a time.

    So the candidates never are in memory together, and any optimizer of gradients can
    move the point.
    """

    @abc.abstractmethod
    def candidate(
        self, state: State, index: Int[Array, ""], *, key: Key
    ) -> Float[Array, " d"]:
        """The `index`-th row of `ask` with that key."""

    @abc.abstractmethod
    def tell_losses(
        self, state: State, losses: Float[Array, " n"], *, key: Key
    ) -> State:
        """As `tell` of the candidates asked with that key, which are made again."""

    @abc.abstractmethod
    def gradient(
        self, state: State, losses: Float[Array, " n"], *, key: Key
    ) -> Float[Array, " d"]:
        """An estimate of the gradient at the point, up to a positive factor."""

    @abc.abstractmethod
    def placed(
        self,
        state: State,
        point: Float[Array, " d"],
        losses: Float[Array, " n"],
        *,
        key: Key,
    ) -> State:
        """As `tell_losses` where an optimizer has moved the point."""


class Best(eqx.Module):
    """The best candidate so far, and its loss; inf before the first finite one."""

    x: Float[Array, " d"]
    loss: Float[Array, ""]

    @staticmethod
    def none(mean: Float[Array, " d"]) -> "Best":
        """Before the first candidate."""
        return Best(mean, jnp.full((), jnp.inf, mean.dtype))

    def or_among(self, x: Float[Array, "n d"], losses: Float[Array, " n"]) -> "Best":
        """The better of this one and the best of `x`."""
        first = jnp.argmin(losses)
        return self.or_else(x[first], losses[first])

    def or_else(self, x: Float[Array, " d"], loss: Float[Array, ""]) -> "Best":
        """The better of this one and `x`."""
        better = loss < self.loss
        return Best(jnp.where(better, x, self.x), jnp.where(better, loss, self.loss))


def start(mean: Float[Array, " d"]) -> Float[Array, " d"]:
    """The beginning of a search, in at least single precision."""
    if mean.ndim != 1 or not mean.size:
        raise InvalidInput(
            f"A search needs a vector of variables, but got the shape {mean.shape}. "
            "Flatten them."
        )
    return mean.astype(jnp.promote_types(mean.dtype, jnp.float32))


def graded(losses: Float[Array, " n"], like: Array) -> Float[Array, " n"]:
    """The losses with inf for whatever is not finite, in the dtype of `like`."""
    losses = losses.astype(like.dtype)
    return jnp.where(jnp.isfinite(losses), losses, jnp.inf)


def no_generations() -> Int[Array, ""]:
    """The count of generations before the first."""
    return jnp.zeros((), jnp.int32)


def known(value: Any) -> np.ndarray:
    """The numbers of an array, to check them; none of a tracer or what is no array."""
    concrete = eqx.is_array(value) and not isinstance(value, Tracer)
    return np.asarray(value) if concrete else np.zeros(0)


def check_size(name: str, value: int | None, least: int) -> None:
    """Raises InvalidInput for a count that is too small."""
    whole = isinstance(value, int) and not isinstance(value, bool)
    if value is not None and not (whole and value >= least):
        raise InvalidInput(
            f"`{name}` must be a whole number of at least {least}, but got {value!r}."
        )
