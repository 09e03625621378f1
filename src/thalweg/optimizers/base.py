"""What every optimizer is, and the few words that algorithm files are written in.

An optimizer is a frozen pytree: its hyper-parameters are array leaves (or schedules),
so that other values run the same compiled program and a population of optimizers is one
with a leading axis. `init` and `update` follow optax's calling convention; updates are
added to the parameters.

How an algorithm's file reads: `now = self.at(state.count)` turns schedules into values,
`each` maps over the parameters' leaves, `Average` is a moving average that knows its
bias (see `leafwise.py`).
"""

import abc
from collections.abc import Mapping
from typing import Any, ClassVar, Generic, Self, TypeVar

import equinox as eqx
import jax
from jaxtyping import Array, Float, Int

from thalweg.core.errors import InvalidInput, unknown_name
from thalweg.core.packing import Packing
from thalweg.core.typing import Params
from thalweg.optimizers.objective import Objective, Value
from thalweg.schedules.base import is_schedule, known, resolve
from thalweg.schedules.constant import Product, as_schedule

State = TypeVar("State")
O = TypeVar("O", bound="AbstractOptimizer[Any]")

_BELOW_ONE = 1 - 2.0**-24  # the bias correction divides by 1 - b
# the values that make sense
LIMITS: Mapping[str, tuple[float, float]] = {
    "learning_rate": (0.0, float("inf")),
    "momentum": (0.0, 1.0),
    "dampening": (0.0, 1.0),
    "b1": (0.0, _BELOW_ONE),
    "b2": (0.0, _BELOW_ONE),
    "decay": (0.0, 1.0),
    "eps": (0.0, float("inf")),
    "every": (1.0, float("inf")),
    "l2": (0.0, float("inf")),
    "rho": (0.0, float("inf")),
    "slow_rate": (0.0, 1.0),
    "weight_decay": (0.0, float("inf")),
}


class AbstractOptimizer(eqx.Module, Generic[State]):
    """A rule that turns gradients into updates; hyper-parameters are `hyper` fields.

    A hyper-parameter is a number, an array or a schedule; a schedule is evaluated at
    the number of updates made so far, from 0.
    """

    # Whether the rule never asks where one tensor ends and the next begins: then all
    # parameters may be given as one vector.
    ignores_shapes: ClassVar[bool] = False
    # Whether `step` evaluates the loss at other points than the parameters.
    looks_further: ClassVar[bool] = False

    @abc.abstractmethod
    def init(self, params: Params) -> State:
        """The state before the first update."""

    @abc.abstractmethod
    def update(
        self, grads: Params, state: State, params: Params
    ) -> tuple[Params, State]:
        """What to add to `params`, in their dtypes, and the next state."""

    def step(
        self, objective: Objective, state: State, params: Params
    ) -> tuple[Value, Params, State]:
        """One step on a loss: its value at `params`, what to add to them, the state.

        Rules that evaluate the loss more than once have a `step` of their own.
        """
        value, grads = objective.value_and_grad(params)
        return value, *self.update(grads, state, params)

    def observe(self, state: State, loss: Float[Array, ""]) -> State:
        """Take note of a validation loss; called once per validation round."""
        del loss
        return state

    def solution(self, params: Params, state: State) -> Params:
        """The parameters to predict with: `params`, unless the rule keeps better ones.

        Schedule-free methods and averages take gradients at one point and recommend
        another. What a training judges and keeps is the solution.
        """
        del state
        return params

    def on_vectors(self, packing: Packing) -> "AbstractOptimizer[Any] | None":
        """The same rule for parameters packed so; None if it needs their shapes."""
        del packing
        return self if self.ignores_shapes else None

    def at(self, count: Int[Array, ""]) -> Self:
        """This optimizer with every schedule replaced by its value at step `count`."""
        return resolve(self, count)

    def current(self, state: State) -> dict[str, Array]:
        """What the next update will use, by name: every hyper-parameter's value now.

        Schedules are evaluated, and a wrapper's hand is in it: `learning_rate` inside a
        `ReduceOnPlateau` is the reduced one. A wrapper's own hyper-parameters are named
        after it, "Lookahead/slow_rate"; those of a part of the network after its
        pattern, "bias/learning_rate". May be traced.
        """
        return own_values(self, state)

    def __check_init__(self):
        for name, field in self.__dataclass_fields__.items():
            value = getattr(self, name)
            fit = eqx.is_array(value) or is_schedule(value)
            fit |= value is None and field.default is None  # what can be left out
            if field.metadata.get("hyper") and not fit:
                raise InvalidInput(
                    f"`{name}` must be a number, an array or a schedule, but got "
                    f"{value!r}. Give {type(self).__name__} one of those."
                )
        for name in self.__dataclass_fields__.keys() & LIMITS.keys():
            value = getattr(self, name)
            numbers = known(value)
            low, high = LIMITS[name]
            # NaN passes: a diverged member is data
            if ((numbers < low) | (numbers > high)).any():
                end = "1)" if high == _BELOW_ONE else f"{high:g}]"
                raise InvalidInput(
                    f"`{name}` must lie in [{low:g}, {end}, but got {value}. "
                    f"Give {type(self).__name__} a value in that range, or a schedule."
                )


def own_values(module: eqx.Module, state: Any) -> dict[str, Array]:
    """The values of a module's own hyper-parameters at the state's count of updates."""
    count = getattr(state, "count", None)
    now = module if count is None else resolve(module, count)
    fields = module.__dataclass_fields__.values()
    names = [field.name for field in fields if field.metadata.get("hyper")]
    return {n: getattr(now, n) for n in names if eqx.is_array(getattr(now, n))}


def under(name: str, values: Mapping[str, Array]) -> dict[str, Array]:
    """The values with the name of a wrapper or a part before theirs."""
    return {f"{name}/{own}": value for own, value in values.items()}


def wrapped(optimizer: AbstractOptimizer[Any]) -> dict[str, Any]:
    """The fields of a wrapper that hold optimizers."""

    def holds(value: Any) -> bool:
        if isinstance(value, tuple):
            return bool(value) and all(holds(v) for v in value)
        return isinstance(value, AbstractOptimizer)

    fields = optimizer.__dataclass_fields__
    return {n: getattr(optimizer, n) for n in fields if holds(getattr(optimizer, n))}


def nested(optimizer: AbstractOptimizer[Any]) -> list[AbstractOptimizer[Any]]:
    """The optimizers that a wrapper holds."""
    return jax.tree.leaves(wrapped(optimizer), is_leaf=_is_optimizer)


def looks_further(optimizer: AbstractOptimizer[Any]) -> bool:
    """Whether an optimizer, or one that it wraps, needs the loss, not a gradient."""
    return optimizer.looks_further or any(map(looks_further, nested(optimizer)))


def with_rate(optimizer: AbstractOptimizer[Any]) -> AbstractOptimizer[Any] | None:
    """The optimizer itself, or the first within it, that has a learning rate."""
    if "learning_rate" in optimizer.__dataclass_fields__:
        return optimizer
    return next(filter(None, map(with_rate, nested(optimizer))), None)


def hyper_parameters(optimizer: AbstractOptimizer[Any]) -> set[str]:
    """The names of the hyper-parameters of an optimizer and of those it wraps.

    Those that are None, and so left out, are not among them.
    """
    fields = optimizer.__dataclass_fields__.values()
    own = {field.name for field in fields if field.metadata.get("hyper")}
    own = {name for name in own if getattr(optimizer, name) is not None}
    return own.union(*map(hyper_parameters, nested(optimizer)))


def scaled(optimizer: O, factors: Mapping[str, Any]) -> O:
    """The optimizer with the hyper-parameters named in `factors` multiplied by them.

    Schedules are multiplied too. In a wrapper the wrapped optimizers are changed; each
    takes the factors that it has a hyper-parameter for.

    Raises `UnknownName` for a name that no optimizer inside has.
    """
    known = hyper_parameters(optimizer)
    for name in factors:
        if name not in known:
            kind = f"hyper-parameter of {type(optimizer).__name__}"
            raise unknown_name(kind, name, sorted(known))

    def inner(o: AbstractOptimizer[Any]) -> AbstractOptimizer[Any]:
        own = hyper_parameters(o)
        return scaled(o, {n: f for n, f in factors.items() if n in own})

    new = jax.tree.map(inner, wrapped(optimizer), is_leaf=_is_optimizer)
    fields = optimizer.__dataclass_fields__
    new |= {
        n: _times(getattr(optimizer, n), f) for n, f in factors.items() if n in fields
    }
    names = list(new)
    if not names:
        return optimizer
    return eqx.tree_at(
        lambda o: [getattr(o, n) for n in names], optimizer, [new[n] for n in names]
    )


def _is_optimizer(value: Any) -> bool:
    return isinstance(value, AbstractOptimizer)


def _times(value: Any, factor: Any) -> Any:
    if is_schedule(value) or is_schedule(factor):
        return Product(as_schedule(value), as_schedule(factor))
    return value * factor
