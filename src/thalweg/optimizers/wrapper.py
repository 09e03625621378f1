"""What is common to optimizers around another one.

A wrapper's file says what it changes (what goes in, or what comes out) in `step`; that
serves rules that need a gradient and rules that need the loss alike.
"""

import abc
from dataclasses import replace
from typing import Any, ClassVar, Protocol, TypeVar

import equinox as eqx
from jaxtyping import Array, Float

from thalweg.core.errors import InvalidInput
from thalweg.core.packing import Packing
from thalweg.core.typing import Params
from thalweg.optimizers.base import (
    AbstractOptimizer,
    looks_further,
    own_values,
    under,
)
from thalweg.optimizers.objective import Objective, Value

State = TypeVar("State", bound="HasInner")


class HasInner(Protocol):
    """A dataclass that keeps the other optimizer's state."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def inner(self) -> Any: ...


class AbstractWrapper(AbstractOptimizer[State]):
    """An optimizer around another."""

    optimizer: eqx.AbstractVar[AbstractOptimizer[Any]]

    def __check_init__(self):
        if not isinstance(self.optimizer, AbstractOptimizer):
            name = type(self).__name__
            raise InvalidInput(
                f"{name} takes the optimizer that it is around, but got "
                f"{self.optimizer!r}. For example: {name}(AdamW(1e-3))."
            )

    @abc.abstractmethod
    def step(
        self, objective: Objective, state: State, params: Params
    ) -> tuple[Value, Params, State]:
        """As an optimizer's: the loss, the updates and the next state."""

    def update(
        self, grads: Params, state: State, params: Params
    ) -> tuple[Params, State]:
        return self.step(Objective.of_gradient(grads), state, params)[1:]

    def observe(self, state: State, loss: Float[Array, ""]) -> State:
        return replace(state, inner=self.optimizer.observe(state.inner, loss))

    def solution(self, params: Params, state: State) -> Params:
        return self.optimizer.solution(params, state.inner)

    def current(self, state: State) -> dict[str, Array]:
        own = under(type(self).__name__, own_values(self, state))
        return self.optimizer.current(state.inner) | own

    def on_vectors(self, packing: Packing) -> AbstractOptimizer[Any] | None:
        inner = self.optimizer.on_vectors(packing)
        if inner is None or not self.ignores_shapes:
            return None
        return replace(self, optimizer=inner)


def gradient_step(
    optimizer: AbstractOptimizer[Any], objective: Objective, state: Any, params: Params
) -> tuple[Value, Params, Params, Any]:
    """An optimizer's step, and the gradient that it began with.

    The loss, the gradient at `params`, the updates, the next state.
    """
    value, grads = objective.value_and_grad(params)
    if looks_further(optimizer):
        _, updates, state = optimizer.step(objective, state, params)
    else:
        updates, state = optimizer.update(grads, state, params)
    return value, grads, updates, state
