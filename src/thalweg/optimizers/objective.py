"""What an optimizer minimises at one step: a loss that it may evaluate where it likes.

Most rules need one gradient, at the parameters: they have `update`. Rules that look
further (a line search, sharpness-aware minimization, a search without gradients) are
given the loss itself, by `step`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Params

Value = Float[Array, ""]


@dataclass(frozen=True)
class Objective:
    """A loss of the parameters, such as that of one batch, with its gradient."""

    value: Callable[[Params], Value]
    value_and_grad: Callable[[Params], tuple[Value, Params]]
    anywhere: bool = True  # false: known at the present parameters alone

    @staticmethod
    def of(loss: Callable[[Params], Value]) -> "Objective":
        """The objective of a function that JAX can differentiate."""
        return Objective(loss, jax.value_and_grad(loss))

    @staticmethod
    def of_gradient(grads: Params) -> "Objective":
        """What is known when a gradient is all there is: the loss is NaN."""
        unknown = jnp.asarray(jnp.nan, jnp.float32)
        return Objective(lambda _: unknown, lambda _: (unknown, grads), anywhere=False)

    def with_grads(self, change: Callable[[Params, Params], Params]) -> "Objective":
        """The same loss with the gradients `change(grads, params)`."""

        def value_and_grad(params: Params) -> tuple[Value, Params]:
            value, grads = self.value_and_grad(params)
            return value, change(grads, params)

        return Objective(self.value, value_and_grad, self.anywhere)

    def seen_through(
        self, there: Callable[[Params], Params], back: Callable[[Params], Params]
    ) -> "Objective":
        """The same loss for parameters in another form; gradients come `back`."""

        def value_and_grad(params: Params) -> tuple[Value, Params]:
            value, grads = self.value_and_grad(there(params))
            return value, back(grads)

        return Objective(lambda p: self.value(there(p)), value_and_grad, self.anywhere)

    def must_be_anywhere(self, rule: Any) -> None:
        """Raises InvalidInput if `rule`, which needs the loss, has a gradient only."""
        if not self.anywhere:
            name = type(rule).__name__
            raise InvalidInput(
                f"{name} evaluates the loss at points of its own choice, but got only "
                "the gradient at one. Call `step(Objective.of(loss), state, params)`, "
                f"as `tw.train` does, and keep {name} outside optimizers that split "
                "the parameters."
            )
