"""Gradient clipping: by value, by norms of tensors or of all, relative to the weights.

Pascanu, Mikolov & Bengio 2013, Algorithm 1, https://arxiv.org/abs/1211.5063
Brock et al. 2021 (adaptive), equation 3, https://arxiv.org/abs/2102.06171
Departs from PyTorch, which divides by `norm + 1e-6`: a gradient at or below the limit
is untouched, one above has exactly the limit for its norm. Infinity switches clipping
off. A NaN stays in its own tensor, and a finite gradient whose square overflows is
clipped, not lost.
"""

import abc
from dataclasses import KW_ONLY
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.leafwise import each, root
from thalweg.schedules.base import known


class AbstractTransform(eqx.Module):
    """What happens to gradients before an optimizer sees them; see `chain`."""

    # as an optimizer's
    ignores_shapes: ClassVar[bool] = False

    @abc.abstractmethod
    def __call__(self, grads: Params, params: Params) -> Params:
        """The gradients that take the place of `grads`, in their dtypes."""


class _Clip(AbstractTransform):
    limit: eqx.AbstractVar[Hyper]

    def __check_init__(self):
        if (known(self.limit) < 0).any():
            raise InvalidInput(
                f"`limit` must be at least 0, but got {self.limit}. "
                "Use infinity to switch clipping off."
            )


class ClipByValue(_Clip):
    """Every entry into `[-limit, limit]`: bounds outliers, changes the direction."""

    ignores_shapes: ClassVar[bool] = True

    limit: Hyper = hyper(1.0)

    def __call__(self, grads: Params, params: Params) -> Params:
        del params
        return each(lambda g: jnp.clip(g, -self.limit, self.limit), grads)


class ClipByNorm(_Clip):
    """Every tensor to a norm of at most `limit`: layers don't affect one another."""

    limit: Hyper = hyper(1.0)

    def __call__(self, grads: Params, params: Params) -> Params:
        del params
        return each(lambda g: g * shrinkage(global_norm(g), self.limit), grads)


class ClipByGlobalNorm(_Clip):
    """All tensors together to a norm of at most `limit`: keeps the direction.

    The usual choice against exploding gradients.
    """

    ignores_shapes: ClassVar[bool] = True

    limit: Hyper = hyper(1.0)

    def __call__(self, grads: Params, params: Params) -> Params:
        del params
        shrink = shrinkage(global_norm(grads), self.limit)
        return each(lambda g: g * shrink, grads)


class AdaptiveClip(_Clip):
    """Every output unit's gradient to at most `limit` times the norm of its weights.

    For networks without normalisation, whose layers need different limits. Units are
    the last side of a kernel; a vector is one unit.
    """

    limit: Hyper = hyper(0.01)
    _: KW_ONLY
    eps: Hyper = hyper(1e-3)  # the least norm of weights, so that zeros can move

    def __call__(self, grads: Params, params: Params) -> Params:
        def clipped(g: Array, p: Array) -> Array:
            allowed = self.limit * jnp.maximum(unit_norms(p), self.eps)
            return g * shrinkage(unit_norms(g), allowed)

        return each(clipped, grads, params)


def unit_norms(x: Array) -> Float[Array, "..."]:
    """The Euclidean norm of each output unit, broadcastable to `x`."""
    wide = x.astype(jnp.promote_types(x.dtype, jnp.float32))
    axes = tuple(range(x.ndim - 1)) if x.ndim > 1 else None
    return root(jnp.sum(wide * wide, axis=axes, keepdims=True))


def global_norm(tree: Params) -> Float[Array, ""]:
    """The Euclidean norm of all entries, in at least single precision."""
    leaves = [
        x.astype(jnp.promote_types(x.dtype, jnp.float32)) for x in jax.tree.leaves(tree)
    ]
    leaves = [x.reshape(-1) for x in leaves if x.size]
    if not leaves:
        return jnp.zeros((), jnp.result_type(float))

    def of(scale: Float[Array, ""]) -> Float[Array, ""]:
        return scale * root(sum(jnp.vdot(x / scale, x / scale) for x in leaves))

    def rescaled() -> Float[Array, ""]:
        largest = jnp.stack([jnp.abs(x).max() for x in leaves]).max()
        return of(jnp.where(jnp.isfinite(largest), largest, 1.0))

    plain = root(sum(jnp.vdot(x, x) for x in leaves))
    return jax.lax.cond(jnp.isinf(plain), rescaled, lambda: plain)


def shrinkage(norm: Float[Array, ""], limit: Hyper) -> Float[Array, ""]:
    """What to multiply by so that `norm` becomes at most `limit`."""
    above = norm > limit  # false for NaN, which then stays where it is
    return jnp.where(above, limit / jnp.where(above, norm, 1.0), 1.0)
