"""The supernet that a search trains: one compiled program per method and tree."""

from collections.abc import Mapping, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree

from thalweg.architectures.gradient.bilevel import (
    TRAINING,
    Gradient,
    Point,
    Rules,
    Search,
    begin,
    numbers,
    run,
)
from thalweg.architectures.gradient.method import AbstractMethod
from thalweg.architectures.gradient.mixtures import ByLabel, mixtures
from thalweg.core.packing import Packing
from thalweg.core.rng import key_of, mix, shuffled
from thalweg.core.trainable import partition
from thalweg.losses import AbstractLoss
from thalweg.optimizers import on_vectors
from thalweg.training.dataset import Dataset, as_numbers


class Supernet(eqx.Module):
    """All that stays the same while a search goes on.

    **data**: its split 0 trains the weights on its training rows, and split 1 the
    alphas; split 0's validation rows are split 1's training rows.
    """

    method: AbstractMethod
    rules: Rules
    rest: PyTree  # the network without what is trained
    loss: AbstractLoss
    data: Dataset
    horizon: Float[Array, ""]  # steps of the whole search
    packing: Packing = eqx.field(static=True)  # of what is trained
    batch_size: int = eqx.field(static=True)

    def network(self, weights: PyTree) -> Any:
        """The supernet itself, with these weights."""
        return eqx.combine(self.packing.unpack(weights), self.rest)

    def running(self, search: Search, point: Point, *, seed: Any) -> Any:
        """The network that runs at a point; nothing is random without a seed."""
        progress = jnp.clip(search.step / self.horizon, 0.0, 1.0)
        if seed is None:
            progress = jnp.ones(())
        return self.method.running(
            self.network(point.weights),
            point.alphas,
            search.allowed,
            seed=seed,
            progress=progress,
        )

    def gradient(self, search: Search, point: Point) -> Gradient:
        """Of the loss of the step's batch, of the half that the point names."""
        rows = self.rows(search, point.half)
        x, y, _ = self.data.batch(jnp.int32(0), rows)
        seed = mix(search.seed ^ mix(2 * search.step.astype(jnp.uint32) + point.half))

        def loss(weights: PyTree, alphas: PyTree) -> Float[Array, ""]:
            at = Point(weights, alphas, point.half)
            network = self.running(search, at, seed=seed)
            outputs = network(as_numbers(x), key=key_of(mix(seed)), inference=False)
            return jnp.mean(self.loss(outputs, y))

        value, slopes = jax.value_and_grad(loss, argnums=(0, 1))(
            point.weights, point.alphas
        )
        return Gradient(value, *slopes)

    def rows(self, search: Search, half: Int[Array, ""]) -> Int[Array, " b"]:
        """The step's batch: every epoch is a shuffle of its own."""
        size = self.data.train_size[half]
        position = search.step * self.batch_size + jnp.arange(self.batch_size)
        epoch, place = jnp.divmod(position, size)
        seeds = mix(search.seed + mix(2 * epoch.astype(jnp.uint32) + half))
        index = jax.vmap(shuffled, in_axes=(0, None, 0))(place, size, seeds)
        return self.data.train_rows[half, index]


def build(
    method: AbstractMethod,
    rules: Rules,
    description: Any,
    inputs: Any,
    outputs: int,
    loss: AbstractLoss,
    data: Dataset,
    *,
    batch_size: int,
    steps: int,
    seed: Any,
) -> tuple[Supernet, Search]:
    """A supernet and its search before the first step."""
    network = _built(description, inputs, outputs, np.uint32(seed))
    sizes = {label: len(m.branches) for label, m in mixtures(network).items()}
    params, rest = partition(network)
    packing = Packing.of(params)
    weights = packing.pack(params)
    own = eqx.tree_at(lambda r: r.weights, rules, on_vectors(rules.weights, packing))
    supernet = Supernet(
        method=method,
        rules=own,
        rest=rest,
        loss=loss,
        data=jax.tree.map(jnp.asarray, data),
        horizon=jnp.float32(steps),
        packing=packing,
        batch_size=batch_size,
    )
    allowed = {label: jnp.ones(size) for label, size in sizes.items()}
    return supernet, begin(own, weights, method.init(sizes), allowed, seed)


@eqx.filter_jit
def _built(description: Any, inputs: Any, outputs: int, seed: Any) -> Any:
    return description.build(inputs, outputs, key=key_of(jnp.asarray(seed)))


def advance(
    supernet: Supernet, search: Search, phases: Sequence[str], *, times: int
) -> Search:
    """The search after these phases, `times` over."""
    return _advance(
        supernet, search, numbers(phases), np.int32(len(phases)), np.int32(times)
    )


@eqx.filter_jit
def _advance(
    supernet: Supernet, search: Search, order: Any, count: Any, times: Any
) -> Search:
    def step(_: Any, search: Search) -> Search:
        return run(supernet.rules, search, order, count, supernet.gradient)

    return jax.lax.fori_loop(0, times, step, search)


def judge(
    supernet: Supernet, search: Search, allowed: Sequence[ByLabel]
) -> Float[np.ndarray, "n 2"]:
    """Loss and accuracy on validation rows under each of several restrictions.

    By the statistics of those rows themselves, as the network runs in training.
    """
    stacked = {
        label: np.stack([np.asarray(one[label], np.float32) for one in allowed])
        for label in search.allowed
    }
    room = 1 << (len(allowed) - 1).bit_length()  # few sizes, few programs
    padded = {k: np.resize(v, (room, *v.shape[1:])) for k, v in stacked.items()}
    return np.asarray(_judge(supernet, search, padded, np.int32(len(allowed))))[
        : len(allowed)
    ]


JUDGED_ROWS = 512


@eqx.filter_jit
def _judge(
    supernet: Supernet, search: Search, allowed: Mapping[str, Any], count: Any
) -> Float[Array, "n 2"]:
    data = supernet.data
    rows = data.validation_rows[0, :JUDGED_ROWS]
    x, y, _ = data.batch(jnp.int32(0), rows)
    room = jax.tree.leaves(allowed)[0].shape[0]

    def one(i: Any, found: Array) -> Array:
        own = {label: rows[i] for label, rows in allowed.items()}
        restricted = eqx.tree_at(lambda s: s.allowed, search, own)
        at = Point(search.weights, search.alphas, jnp.int32(TRAINING))
        network = supernet.running(restricted, at, seed=None)
        outputs = network(as_numbers(x), key=None, inference=False)
        loss = jnp.mean(supernet.loss(outputs, y))
        right = jnp.float32(jnp.nan)
        if supernet.loss.task == "classification":
            right = jnp.mean(jnp.argmax(outputs, axis=-1) == y)
        return found.at[i].set(jnp.stack([loss, right]))

    return jax.lax.fori_loop(0, count, one, jnp.full((room, 2), jnp.nan))
