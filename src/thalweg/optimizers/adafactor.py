"""Adafactor: second moments of a matrix from those of its rows and columns.

Shazeer & Stern 2018, Algorithms 4 and 5, https://arxiv.org/abs/1804.04235
Departs from the paper as T5's program and optax do: only tensors whose second largest
side reaches `smallest_factored` are factored, the rate is given and multiplied by the
tensor's root mean square (the paper's relative step), and `eps` is added to the
squared gradient. The decay is multiplied by the learning rate unless `independent`.
"""

from dataclasses import KW_ONLY
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import each, filled, no_steps, root


class Whole(NamedTuple):
    """A tensor's second moments, entry by entry."""

    square: Float[Array, "..."]


class Sides(NamedTuple):
    """Those of the two largest sides of a tensor."""

    rows: Float[Array, "..."]  # averaged over the largest side
    columns: Float[Array, "..."]  # averaged over the second largest


class AdafactorState(NamedTuple):
    count: Int[Array, ""]  # updates made
    second: Params  # of `Whole` and `Sides`


class Adafactor(AbstractOptimizer[AdafactorState]):
    """For large models in little memory: the state grows with a matrix's sides.

    No momentum, and updates clipped to a root mean square of `clip`.
    """

    learning_rate: Hyper = hyper(1e-2)
    _: KW_ONLY
    decay: Hyper = hyper(0.8)  # b2 of step t is 1 - t^-decay
    clip: Hyper = hyper(1.0)
    eps: Hyper = hyper(1e-30)
    smallest_scale: Hyper = hyper(1e-3)  # of a tensor's root mean square
    weight_decay: Hyper = hyper(0.0)
    relative: bool = eqx.field(default=True, static=True)  # to the tensor's size
    independent: bool = eqx.field(default=False, static=True)
    smallest_factored: int = eqx.field(default=128, static=True)

    def init(self, params: Params) -> AdafactorState:
        def empty(p: Array) -> Whole | Sides:
            sides = self._sides(p.shape)
            if sides is None:
                return Whole(p)
            columns, rows = (np.delete(p.shape, side) for side in sides)
            return Sides(jnp.zeros(rows, p.dtype), jnp.zeros(columns, p.dtype))

        return AdafactorState(no_steps(), jax.tree.map(empty, filled(params)))

    def update(
        self, grads: Params, state: AdafactorState, params: Params
    ) -> tuple[Params, AdafactorState]:
        now = self.at(state.count)
        b2 = 1 - (state.count + 1.0) ** -now.decay
        leaves, treedef = jax.tree.flatten(params)
        done = [
            now._one(p, g, second, b2)
            for p, g, second in zip(
                leaves,
                treedef.flatten_up_to(grads),
                treedef.flatten_up_to(state.second),
                strict=True,
            )
        ]
        updates = treedef.unflatten([update for update, _ in done])
        second = treedef.unflatten([second for _, second in done])
        return each(lambda p, u: u, params, updates), AdafactorState(
            state.count + 1, second
        )

    def _one(
        self, p: Array, g: Array, second: Whole | Sides, b2: Array
    ) -> tuple[Array, Whole | Sides]:
        """One tensor's update."""
        g = g.astype(jnp.promote_types(g.dtype, jnp.float32))
        new = g * g + self.eps

        def average(old: Array, x: Array) -> Array:
            return (b2 * old + (1 - b2) * x).astype(old.dtype)

        if isinstance(second, Whole):
            second = Whole(average(second.square, new))
            step = g / root(second.square)
        else:
            minor, major = self._sides(p.shape) or (0, 0)
            rows = average(second.rows, new.mean(major))
            columns = average(second.columns, new.mean(minor))
            within = minor - 1 if minor > major else minor
            of_row = root(rows / rows.mean(within, keepdims=True))
            step = g / jnp.expand_dims(of_row, major)
            step = step / jnp.expand_dims(root(columns), minor)
            second = Sides(rows, columns)
        step = step / jnp.maximum(1.0, _rms(step) / self.clip)
        rate = self.learning_rate
        if self.relative:
            step = step * jnp.maximum(_rms(p), self.smallest_scale)
        decay = self.weight_decay if self.independent else rate * self.weight_decay
        return -(rate * step + decay * p), second

    def _sides(self, shape: tuple[int, ...]) -> tuple[int, int] | None:
        """The second largest and the largest side, if the tensor is factored."""
        if len(shape) < 2:
            return None
        minor, major = (int(side) for side in np.argsort(shape)[-2:])
        return (minor, major) if shape[minor] >= self.smallest_factored else None


def _rms(x: Array) -> Float[Array, ""]:
    """The root mean square, 0 of nothing."""
    return root(jnp.sum(x * x) / max(1, x.size))
