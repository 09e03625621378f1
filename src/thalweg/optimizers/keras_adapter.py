"""Our optimizers as those of Keras 3, on its JAX backend; see `as_keras`.

Needs Keras, so that nothing but `as_keras` imports it. All of the state lies in Keras'
variables: saved with a model, handed to its compiled step, synchronised as its own.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import keras
from jaxtyping import Array

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Params
from thalweg.optimizers.base import (
    AbstractOptimizer,
    hyper_parameters,
    scaled,
    with_rate,
)
from thalweg.optimizers.config import as_config, from_config
from thalweg.schedules import is_schedule

# Keras' names of parameters that rules ask for, and ours
NAMES = {"embeddings": "embedding"}


@keras.saving.register_keras_serializable(package="thalweg")
class KerasOptimizer(keras.optimizers.Optimizer):
    """See `as_keras`."""

    def __init__(self, optimizer: AbstractOptimizer[Any], name: str | None = None):
        super().__init__(learning_rate=lambda: jnp.nan, name=name)
        self.rule = optimizer
        # what `learning_rate = ...` multiplies the rule's own rate by
        self._factor: Any = self.add_variable((), "ones", name="learning_rate_factor")

    def build(self, variables: Sequence[Any]) -> None:
        """The state before the first update, as variables."""
        if self.built:
            return
        super().build(variables)
        places = _tree(self._trained, range(len(self._trained)))
        self._order = tuple(jax.tree.leaves(places))  # of the tree's leaves
        state = self.rule.init(self._params())
        leaves, self._structure = jax.tree_util.tree_flatten_with_path(state)
        self._before = len(self.variables)  # of Keras' own
        for path, leaf in leaves:
            self._add(path, leaf)

    def current(self) -> dict[str, Array]:
        """What the next update will use, by name; see `AbstractOptimizer.current`."""
        rule = self._rule()
        return rule.current(self._now() if self.built else rule.init({}))

    @property
    def learning_rate(self) -> Any:
        """The rate of the next update; the first, where there are several.

        May be set, unless it follows a schedule: Keras' callbacks do.
        """
        return self._get_current_learning_rate()

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        inner: Any = with_rate(self.rule)
        if inner is None or is_schedule(inner.learning_rate):
            what = "has none" if inner is None else "follows a schedule"
            raise InvalidInput(
                f"The learning rate can't be set, for it {what}. Give the optimizer "
                "a number for its learning rate."
            )
        unchanged = self._get_current_learning_rate() / self._factor.value
        self._factor.assign(value / unchanged)

    def finalize_variable_values(self, var_list: Any) -> None:
        """After a `fit`, the model has what the rule recommends."""
        super().finalize_variable_values(var_list)
        if any(v._value is None for v in self._trained):
            return  # an error ended the fit: let it be seen
        params = self._params()
        solution = self._rule().solution(params, self._now())
        if solution is not params:
            for variable, value in self._each(solution):
                variable.assign(value)

    def get_config(self) -> dict[str, Any]:
        return {"name": self.name, "optimizer": as_config(self.rule)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        del custom_objects
        return cls(from_config(config["optimizer"]), config["name"])

    def _get_current_learning_rate(self) -> Any:
        rates = [
            value
            for name, value in self.current().items()
            if name.split("/")[-1] == "learning_rate"
        ]
        return rates[0] if rates else jnp.nan

    def _backend_update_step(
        self, grads: Sequence[Any], trainable_variables: Any, learning_rate: Any
    ) -> None:
        """All variables at once; one without a gradient stays as it is."""
        del learning_rate
        known = {id(v): g for v, g in zip(trainable_variables, grads, strict=True)}
        given = [known.get(id(v), jnp.zeros_like(v.value)) for v in self._trained]
        updates, state = self._rule().update(
            _tree(self._trained, given), self._now(), self._params()
        )
        for variable, update in self._each(updates):
            if id(variable) in known:
                variable.assign_add(update)
        for variable, value in zip(self._state, jax.tree.leaves(state), strict=True):
            variable.assign(value)

    def _rule(self) -> AbstractOptimizer[Any]:
        if "learning_rate" not in hyper_parameters(self.rule):
            return self.rule
        return scaled(self.rule, {"learning_rate": self._factor.value})

    def _params(self) -> Params:
        return _tree(self._trained, [v.value for v in self._trained])

    def _now(self) -> Any:
        """The rule's state."""
        return jax.tree.unflatten(self._structure, [v.value for v in self._state])

    def _each(self, tree: Params) -> Any:
        """Each variable, and its leaf of a tree like the parameters."""
        trained = self._trained
        variables = [trained[place] for place in self._order]
        return zip(variables, jax.tree.leaves(tree), strict=True)

    @property
    def _trained(self) -> list[Any]:
        overwritten = self._overwrite_variable_with_gradient
        return [v for v in self._trainable_variables if not overwritten(v)]

    @property
    def _state(self) -> list[Any]:
        """The leaves of the rule's state. Lists in fields would be tracked again."""
        return self.variables[self._before :]

    def _add(self, path: Any, leaf: Array) -> None:
        """A variable for a leaf of the state."""
        name = jax.tree_util.keystr(path, simple=True, separator="_")
        value = jnp.array(leaf)

        def initial(shape: Any, dtype: Any) -> Array:
            return value

        make: Any = self.add_variable
        make(value.shape, initial, dtype=value.dtype.name, name=name)


def _tree(variables: Sequence[Any], values: Sequence[Any]) -> dict[str, Any]:
    """Values by the variables' paths: `{"dense": {"kernel": ...}}`."""
    tree: dict[str, Any] = {}
    for variable, value in zip(variables, values, strict=True):
        *folders, name = str(variable.path).split("/")
        place = tree
        for folder in folders:
            place = place.setdefault(folder, {})
        name = NAMES.get(name, name)
        if name in place:
            raise InvalidInput(
                f"Variables need paths of their own, but two are {variable.path!r}. "
                "Give their layers names."
            )
        place[name] = value
    return tree
