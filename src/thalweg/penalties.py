"""Penalties on the size of parameters: L1 and L2.

    penalty = Sum((L1(1e-5, groups=("layers/0/kernel",)), L2(1e-4)))
    grads = penalty.add_to(grads, params)

A penalty adds its gradient after the loss's, so that it costs one pass over the
parameters and the reported loss stays the loss of the data. This is not the decoupled
weight decay of AdamW: an adaptive optimizer rescales it with the rest of the gradient.
"""

from abc import abstractmethod
from collections.abc import Iterable
from fnmatch import fnmatchcase
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from thalweg.core.hyper import hyper
from thalweg.core.registry import Registry
from thalweg.core.typing import Hyper, Params

_MATRICES = ("kernel", "embedding")


def decay_mask(params: Params, groups: tuple[str, ...] = ()) -> PyTree[bool]:
    """Which leaves of one network are regularized: True or False per leaf.

    `groups` are shell patterns on the leaf's path, as in "layers/0/kernel" or
    "layers/*". Without any: leaves named `kernel` or `embedding`, never biases and
    norms, so that our networks and equinox's own layers agree (theirs call a matrix
    `weight`, and a norm's scale too: the rank tells). A pattern that names no leaf is
    no error, because a search also builds networks that lack the part.
    """

    def is_regularized(path, leaf) -> bool:
        where = jax.tree_util.keystr(path, simple=True, separator="/")
        if groups:
            return any(fnmatchcase(where, pattern) for pattern in groups)
        name = where.rpartition("/")[2]
        return name in _MATRICES or (name == "weight" and jnp.ndim(leaf) >= 2)

    return jax.tree_util.tree_map_with_path(is_regularized, params)


def _groups() -> Any:
    """A field of the patterns that `decay_mask` takes; one may be given bare."""

    def as_patterns(value: str | Iterable[str]) -> tuple[str, ...]:
        return (value,) if isinstance(value, str) else tuple(value)

    return eqx.field(converter=as_patterns, default=(), static=True)


class AbstractPenalty(eqx.Module):
    """A function of the parameters that is added to the loss."""

    @abstractmethod
    def value(self, params: Params) -> Float[Array, ""]:
        """The penalty itself, for reports."""

    @abstractmethod
    def add_to(self, grads: Params, params: Params) -> Params:
        """The gradient with the penalty's own added; dtypes are the gradient's."""

    def gradient(self, params: Params) -> Params:
        """The penalty's own gradient: zeros where it does not act."""
        return self.add_to(jax.tree.map(jnp.zeros_like, params), params)


class L1(AbstractPenalty):
    """`strength * sum |w|`: drives weights to zero, so it chooses features.

    The gradient is `strength * sign(w)`, 0 at 0, so a weight ends near zero, seldom at
    it.
    """

    strength: Hyper = hyper(0.0, doc="0 is off")
    groups: tuple[str, ...] = _groups()

    def value(self, params):
        return self.strength * _total(_size, params, self.groups)

    def add_to(self, grads, params):
        return _add(jnp.sign, self.strength, grads, params, self.groups)


class L2(AbstractPenalty):
    """`strength / 2 * sum w^2`, ridge regression's: keeps all weights small.

    The gradient is `strength * w`, the `weight_decay` of PyTorch's `SGD`.
    """

    strength: Hyper = hyper(0.0, doc="0 is off")
    groups: tuple[str, ...] = _groups()

    def value(self, params):
        return self.strength / 2 * _total(jnp.square, params, self.groups)

    def add_to(self, grads, params):
        return _add(lambda w: w, self.strength, grads, params, self.groups)


class Sum(AbstractPenalty):
    """Several penalties at once: the elastic net, or a strength per group of leaves."""

    terms: tuple[AbstractPenalty, ...] = eqx.field(converter=tuple)

    def value(self, params):
        return sum((term.value(params) for term in self.terms), jnp.zeros(()))

    def add_to(self, grads, params):
        for term in self.terms:
            grads = term.add_to(grads, params)
        return grads


def _size(w: Array) -> Array:
    return w * jnp.sign(w)  # |w|; `jnp.abs` has slope 1 at 0, this has 0


def _total(size, params: Params, groups: tuple[str, ...]) -> Float[Array, ""]:
    mask = decay_mask(params, groups)
    sums = jax.tree.map(
        lambda used, w: jnp.sum(size(w)) if used else None, mask, params
    )
    return sum(jax.tree.leaves(sums), jnp.zeros(()))


def _add(slope, strength: Hyper, grads: Params, params: Params, groups) -> Params:
    mask = decay_mask(params, groups)
    return jax.tree.map(
        lambda used, g, w: g + (strength * slope(w)).astype(g.dtype) if used else g,
        mask,
        grads,
        params,
    )


PENALTIES: Registry[type[AbstractPenalty]] = Registry("penalty", {"l1": L1, "l2": L2})
