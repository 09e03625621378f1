"""Normalisation over the batch, over groups of channels, or over the channels.

BatchNorm: Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167
Precise statistics: Wu & Johnson 2021, section 3, https://arxiv.org/abs/2105.07576
GroupNorm: Wu & He 2018, https://arxiv.org/abs/1803.08494
LayerNorm: Ba et al. 2016, https://arxiv.org/abs/1607.06450

Departs from the first in having no running averages: a training step has no state.
`calibrate` measures the statistics that inference uses, on some data, as the second
does: the network runs in training mode, and each layer hands out the mean and the
variance that it saw as the "gradient" of its `Statistics`. So they come out of loops,
branches and batches of members that a list on the side would not survive.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree, UInt32

from thalweg.core.errors import InvalidInput
from thalweg.core.trainable import Statistics, is_statistics
from thalweg.networks.layers.base import AbstractLayer, AbstractModule, Shape, whole

EPS = 1e-5


class BatchNormalization(AbstractModule):
    """See `BatchNorm`."""

    scale: Float[Array, " c"] | None
    bias: Float[Array, " c"] | None
    statistics: Statistics

    def __call__(
        self,
        x: Float[Array, "b *n c"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b *n c"]:
        mean, variance = self.statistics.mean, self.statistics.variance
        if not inference:
            mean, variance = _moments(x, tuple(range(x.ndim - 1)))
        factor = jax.lax.rsqrt(variance + EPS)
        if self.scale is not None:
            factor = factor * self.scale
        y = (x - mean) * factor
        if self.bias is not None:
            y = y + self.bias
        if self.statistics.recording and not inference:
            y = _report(y, self.statistics, mean, variance)
        return y


class BatchNorm(AbstractLayer):
    """Mean 0 and variance 1 of each channel over the batch; at inference, over data.

    **affine**: a learned scale and shift follow. Supernets leave them out.
    """

    affine: Any = eqx.field(static=True, default=True)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> BatchNormalization:
        channels = shape[-1]
        return BatchNormalization(
            *_affine(channels, self.affine), Statistics.fresh(channels)
        )


class GroupNormalization(AbstractModule):
    """See `GroupNorm` and `LayerNorm`."""

    scale: Float[Array, " c"] | None
    bias: Float[Array, " c"] | None
    groups: int = eqx.field(static=True)
    spatial: bool = eqx.field(static=True)  # whether the image counts as one sample

    def __call__(
        self,
        x: Float[Array, "b *n c"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b *n c"]:
        y = x.reshape(*x.shape[:-1], self.groups, -1)
        places = tuple(range(1, x.ndim - 1)) if self.spatial else ()
        mean, variance = _moments(y, (*places, y.ndim - 1), keepdims=True)
        y = ((y - mean) * jax.lax.rsqrt(variance + EPS)).reshape(x.shape)
        if self.scale is not None:
            y = y * self.scale
        return y if self.bias is None else y + self.bias


class GroupNorm(AbstractLayer):
    """Mean 0 and variance 1 of each example and group of channels, over the image."""

    groups: Any = eqx.field(static=True, default=8)
    affine: Any = eqx.field(static=True, default=True)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> GroupNormalization:
        whole(self, groups=self.groups)
        channels = shape[-1]
        if channels % self.groups:
            raise InvalidInput(
                "The `groups` of `GroupNorm` must divide the channels, but got "
                f"groups={self.groups} for {channels} channels."
            )
        return GroupNormalization(*_affine(channels, self.affine), self.groups, True)


class LayerNorm(AbstractLayer):
    """Mean 0 and variance 1 over the channels, at each place of each example."""

    affine: Any = eqx.field(static=True, default=True)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> GroupNormalization:
        return GroupNormalization(*_affine(shape[-1], self.affine), 1, False)


def _affine(channels: int, wanted: Any) -> tuple[Array | None, Array | None]:
    return (jnp.ones(channels), jnp.zeros(channels)) if wanted else (None, None)


def _moments(
    x: Array, axes: tuple[int, ...], *, keepdims: bool = False
) -> tuple[Array, Array]:
    """Mean and (biased) variance over some axes."""
    mean = jnp.mean(x, axis=axes, keepdims=True)
    variance = jnp.mean(jnp.square(x - mean), axis=axes, keepdims=keepdims)
    return (mean if keepdims else jnp.squeeze(mean, axes)), variance


@jax.custom_vjp
def _report(y: Array, statistics: Statistics, mean: Array, variance: Array) -> Array:
    """`y`, which also has what was measured as its "gradient" for the statistics."""
    del statistics, mean, variance
    return y


def _measured(y: Array, statistics: Statistics, mean: Array, variance: Array) -> Any:
    return y, Statistics(mean, variance, jnp.ones(()), statistics.recording)


def _hand_out(measured: Statistics, cotangent: Array) -> Any:
    zeros = jnp.zeros_like(measured.mean), jnp.zeros_like(measured.variance)
    return cotangent, measured, *zeros


_report.defvjp(_measured, _hand_out)


def has_statistics(network: PyTree) -> bool:
    """Whether anything in the network is measured: a static question."""
    return any(map(is_statistics, jax.tree.leaves(network, is_leaf=is_statistics)))


def statistics_of(network: PyTree) -> PyTree:
    """The network's `Statistics` and nothing else, for `with_statistics`."""
    return eqx.filter(network, is_statistics, is_leaf=is_statistics)


def with_statistics(network: PyTree, statistics: PyTree) -> PyTree:
    """The network with those statistics in the place of its own."""
    return eqx.combine(statistics, network, is_leaf=is_statistics)


def calibrate(network: PyTree, x: PyTree) -> PyTree:
    """The network with the statistics of a batch `x`, as it runs in training mode.

    What was run several times has the mean of its measurements; what was not, such as
    the branch that a choice did not take, keeps its statistics.
    """
    old = statistics_of(network)
    fresh = jax.tree.map(_recording, old, is_leaf=is_statistics)

    def total(statistics: PyTree) -> Array:
        return jnp.sum(with_statistics(network, statistics)(x, inference=False))

    def settled(old: Statistics, seen: Statistics) -> Statistics:
        times = jnp.maximum(seen.count, 1.0)
        mean = jnp.where(seen.count > 0, seen.mean / times, old.mean)
        variance = jnp.where(seen.count > 0, seen.variance / times, old.variance)
        return Statistics(mean, variance, old.count + seen.count)

    seen = jax.grad(total)(fresh)
    found = jax.tree.map(settled, old, seen, is_leaf=is_statistics)
    return with_statistics(network, found)


def _recording(statistics: Statistics) -> Statistics:
    return Statistics(
        statistics.mean, statistics.variance, statistics.count, recording=True
    )
