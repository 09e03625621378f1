"""L-BFGS: Newton's direction, from how gradients changed in the last few steps.

Liu & Nocedal 1989, https://doi.org/10.1007/BF01589116; Nocedal & Wright 2006, Numerical
Optimization, Algorithms 7.4 and 7.5, https://doi.org/10.1007/978-0-387-40065-5
Departs from the book as PyTorch does: the first step's length is the rate over the
gradient's sum of magnitudes, at most the rate. So is that of each step without pairs.
Departs from PyTorch: a pair is left out by the angle between its halves, whatever the
loss's scale.
"""

from collections.abc import Callable
from dataclasses import KW_ONLY
from typing import Any, ClassVar, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.flatten_util import ravel_pytree
from jaxtyping import Array, Bool, Float, Int

from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import each, filled, no_steps, root
from thalweg.optimizers.objective import Objective, Value
from thalweg.optimizers.strong_wolfe import Point, StrongWolfe
from thalweg.schedules.base import known

Vector = Float[Array, " n"]
FLATTEST = 1e-10  # cosine of a pair's angle: below it, no curvature was seen


class Pairs(eqx.Module):
    """The last steps `s_k` and changes `y_k` of the gradient, in a ring."""

    steps: Float[Array, "m n"]
    changes: Float[Array, "m n"]
    inverse: Float[Array, " m"]  # rho_k = 1 / (s_k . y_k), 0 of an empty place
    scale: Float[Array, ""]  # gamma_k, of the initial inverse Hessian
    count: Int[Array, ""]  # pairs kept so far

    @staticmethod
    def none(memory: int, zeros: Vector) -> "Pairs":
        """Before the first step."""
        steps, changes = (
            jnp.zeros((memory, zeros.size), zeros.dtype) for _ in range(2)
        )
        one = jnp.ones((), zeros.dtype)
        return Pairs(steps, changes, jnp.zeros(memory, zeros.dtype), one, no_steps())

    def add(self, step: Vector, change: Vector) -> "Pairs":
        """With one more pair, unless the curvature along it is not positive."""
        product, square = step @ change, change @ change
        curved = product > FLATTEST * root(square) * root(step @ step)
        place = self.count % len(self.inverse)

        def put(ring: Array, new: Array) -> Array:
            return ring.at[place].set(jnp.where(curved, new, ring[place]))

        scale = product / jnp.where(curved, square, 1.0)
        return Pairs(
            put(self.steps, step),
            put(self.changes, change),
            put(self.inverse, 1 / jnp.where(curved, product, 1.0)),
            jnp.where(curved, scale, self.scale),
            self.count + curved,
        )

    def unless(self, useless: Bool[Array, ""]) -> "Pairs":
        """The same, or none: those without a weight are never seen."""
        return Pairs(
            self.steps,
            self.changes,
            jnp.where(useless, 0.0, self.inverse),
            jnp.where(useless, 1.0, self.scale),
            jnp.where(useless, 0, self.count),
        )

    def newton(self, gradient: Vector) -> Vector:
        """The inverse Hessian times the gradient: Algorithm 7.4, two loops."""
        memory = len(self.inverse)
        newest_first = (self.count - 1 - jnp.arange(memory)) % memory

        def back(q: Vector, i: Int[Array, ""]) -> tuple[Vector, Array]:
            a = self.inverse[i] * (self.steps[i] @ q)
            return q - a * self.changes[i], a

        def forth(r: Vector, pair: Any) -> tuple[Vector, None]:
            i, a = pair
            b = self.inverse[i] * (self.changes[i] @ r)
            return r + (a - b) * self.steps[i], None

        q, a = jax.lax.scan(back, gradient, newest_first)
        return jax.lax.scan(forth, self.scale * q, (newest_first, a), reverse=True)[0]


class LBFGSState(eqx.Module):
    count: Int[Array, ""]  # steps made
    gradient: Vector  # before the last step
    last: Vector  # the last step
    pairs: Pairs


class LBFGS(AbstractOptimizer[LBFGSState]):
    """For smooth losses of all rows at once, and few parameters: a few dozen steps.

    Give it the whole table as one batch: gradients of other rows look like curvature.
    `step` searches along the direction until the strong Wolfe conditions hold, from
    `learning_rate` on, which is best left at 1, with at most `max_evaluations` losses.
    It evaluates the loss at the parameters anew, since it may be another batch's. Where
    no step is better than none it makes none, and forgets its pairs. `update`, and
    `step` if `line_search` is "none", take a step of `learning_rate`.

    Under `vmap` a search lasts as long as that of the slowest member.
    """

    ignores_shapes: ClassVar[bool] = True
    looks_further: ClassVar[bool] = True

    learning_rate: Hyper = hyper(1.0)
    _: KW_ONLY
    decrease: Hyper = hyper(1e-4)  # c1: the part of the slope that a step must keep
    flatter: Hyper = hyper(0.9)  # c2: the part of the slope that may be left
    line_search: Literal["strong_wolfe", "none"] = eqx.field(
        default="strong_wolfe", static=True
    )
    memory: int = eqx.field(default=10, static=True)  # pairs
    max_evaluations: int = eqx.field(default=25, static=True)  # of a line search

    def __check_init__(self):
        for name in ("memory", "max_evaluations"):
            if getattr(self, name) < 1:
                raise InvalidInput(
                    f"`{name}` must be at least 1, but got {getattr(self, name)}. "
                    "The usual memory is 5 to 20 pairs, and 25 evaluations are ample."
                )
        least, most = known(self.decrease), known(self.flatter)
        if least.size and most.size and (least >= most).any():
            raise InvalidInput(
                "No step need exist unless `decrease < flatter`, but got "
                f"decrease={least} and flatter={most}. The usual ones are 1e-4 and 0.9."
            )

    def init(self, params: Params) -> LBFGSState:
        zeros = ravel_pytree(filled(params))[0]
        last = jnp.zeros_like(zeros)
        return LBFGSState(no_steps(), zeros, last, Pairs.none(self.memory, zeros))

    def update(
        self, grads: Params, state: LBFGSState, params: Params
    ) -> tuple[Params, LBFGSState]:
        now = self.at(state.count)
        gradient, like = _vector(grads, params)
        pairs, direction = _direction(state, gradient)
        last = now._first(pairs, gradient) * direction
        updates = each(lambda p, u: u, params, like(last))
        return updates, LBFGSState(state.count + 1, gradient, last, pairs)

    def step(
        self, objective: Objective, state: LBFGSState, params: Params
    ) -> tuple[Value, Params, LBFGSState]:
        if self.line_search == "none":
            return AbstractOptimizer.step(self, objective, state, params)
        objective.must_be_anywhere(self)
        now = self.at(state.count)
        value, grads = objective.value_and_grad(params)
        gradient, like = _vector(grads, params)
        pairs, direction = _direction(state, gradient)

        def updates(length: Array) -> Params:
            return each(lambda p, u: u, params, like(length * direction))

        def evaluate(length: Array) -> Point:
            there = jax.tree.map(jnp.add, params, updates(length))
            value, grads = objective.value_and_grad(there)
            slope = _vector(grads, params)[0] @ direction
            return Point(length, value.astype(slope.dtype), slope)

        slope = gradient @ direction
        start = Point(jnp.zeros_like(slope), value.astype(slope.dtype), slope)
        rule = StrongWolfe(now.decrease, now.flatter, self.max_evaluations)
        found = rule.search(evaluate, start, now._first(pairs, gradient)).low.step
        pairs = pairs.unless(found == 0)
        state = LBFGSState(state.count + 1, gradient, found * direction, pairs)
        return value, updates(found), state

    def _first(self, pairs: Pairs, gradient: Vector) -> Float[Array, ""]:
        """The step length to begin with."""
        size = jnp.where(pairs.count == 0, jnp.sum(jnp.abs(gradient)), 1.0)
        length = 1 / jnp.maximum(1.0, size) * self.learning_rate
        return length.astype(gradient.dtype)


def _direction(state: LBFGSState, gradient: Vector) -> tuple[Pairs, Vector]:
    """The pairs with that of the last step, and a way downhill."""
    pairs = state.pairs.add(state.last, gradient - state.gradient)
    newton = -pairs.newton(gradient)
    down = newton @ gradient < 0
    return pairs.unless(~down), jnp.where(down, newton, -gradient)


def _vector(grads: Params, params: Params) -> tuple[Vector, Callable[[Vector], Params]]:
    """The gradient as one vector in the state's precision, and the way back."""
    return ravel_pytree(
        jax.tree.map(lambda s, g: g.astype(s.dtype), filled(params), grads)
    )
