"""PSGD-Kron: gradients whitened by a Kronecker product of triangles, learned online.

Li 2018, https://arxiv.org/abs/1512.04202; its form for Kronecker products, and the
group that they make: Li 2022, https://arxiv.org/abs/2211.04422, Li 2024,
https://arxiv.org/abs/2402.11858
Departs from the papers as the usual program, kron_torch, does: momentum is whitened,
not the gradient; refreshes become rare after the first steps; a tensor's step is
clipped to a root mean square; vectors have a diagonal. Departs from that too: refreshes
and balancing are never drawn by lot; the probes are random signs, of the same
covariance as normal numbers and of less variance; a tensor without a gradient keeps its
preconditioner, which would grow without bound; the decay is of every tensor.
"""

import math
from dataclasses import KW_ONLY
from typing import Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.linalg import solve_triangular
from jaxtyping import Array, Bool, Float, Int, UInt32

from thalweg.core.hyper import hyper
from thalweg.core.occasional import anew
from thalweg.core.rng import GOLDEN, bits, mix
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers.base import AbstractOptimizer
from thalweg.optimizers.leafwise import Average, each, filled, no_steps, root

Tensor = Float[Array, "..."]
# Q_i of each side: upper triangular `[n n]`, or a diagonal `[n]`
Factors = tuple[Tensor, ...]
EPS = 1e-6  # added to the root mean square that is clipped


class KronState(eqx.Module):
    count: Int[Array, ""]  # updates made
    since: Int[Array, ""]  # of them, those after the last refresh
    mean: Average  # of the gradients
    factors: Params  # of `Factors`; those of an empty tensor are ()


class Kron(AbstractOptimizer[KronState]):
    """For matrices of moderate size: gradients whose directions are of unlike sizes.

    A tensor is multiplied along each side by `Q^T Q`, where the triangles `Q` are such
    that the product is white. They are refreshed at each of the first `settling` steps,
    then ever less often, down to a part `frequency` of all steps. Sides longer than
    `longest`, and what `memory` says, have diagonals. Rates are below AdamW's: a step's
    root mean square is about 1, not 0.2.

    Nothing is drawn by lot but the signs of the probes, which follow from `seed`, the
    number of the step and that of the tensor: the same seed, the same path. Members of
    a population that share a seed share their probes.
    """

    learning_rate: Hyper = hyper(1e-3)
    _: KW_ONLY
    momentum: Hyper = hyper(0.9)
    weight_decay: Hyper = hyper(0.0)
    clip: Hyper = hyper(1.1)  # the largest root mean square of a tensor's step
    preconditioner_rate: Hyper = hyper(0.1)  # of the preconditioner's own descent
    initial_scale: Hyper = hyper(1.0)  # of the preconditioner's root
    settling: Hyper = hyper(500.0)  # first steps, with a refresh each; -inf for none
    anneal: Hyper = hyper(1e-3)  # then their frequency falls by this part per step
    frequency: Hyper = hyper(0.03)  # down to this one
    seed: UInt32[Array, ""] = eqx.field(
        default=0, converter=lambda x: jnp.asarray(x, jnp.uint32)
    )
    whiten: Literal["momentum", "gradient"] = eqx.field(default="momentum", static=True)
    memory: Literal["full", "one_diagonal", "smart_one_diagonal", "diagonal"] = (
        eqx.field(default="full", static=True)
    )
    longest: int = eqx.field(default=8192, static=True)  # of triangular sides

    def init(self, params: Params) -> KronState:
        scale = self.at(no_steps()).initial_scale
        factors = jax.tree.map(lambda p: self._initial(p, scale), filled(params))
        return KronState(no_steps(), no_steps(), Average.empty(params), factors)

    def update(
        self, grads: Params, state: KronState, params: Params
    ) -> tuple[Params, KronState]:
        now = self.at(state.count)
        mean = state.mean.add(grads, now.momentum)
        ahead = each(lambda m: m / mean.weight, mean.total)
        seen = ahead
        if self.whiten == "gradient":
            seen = each(lambda _, g: g, mean.total, grads)

        since = state.since + 1
        due = now._due(state.count, since)
        leaves, treedef = jax.tree.flatten(seen)
        old = treedef.flatten_up_to(state.factors)
        seed = mix(self.seed ^ mix(state.count.astype(jnp.uint32)))

        def refresh(old: list[Factors]) -> list[Factors]:
            return [
                refreshed(q, g, signs(mix(seed + _word(i)), g), now.preconditioner_rate)
                for i, (q, g) in enumerate(zip(old, leaves, strict=True))
            ]

        factors = treedef.unflatten(anew(due, refresh, old))

        def step(p: Array, g: Tensor, q: Factors) -> Array:
            white = whitened(q, g)
            scale = jnp.minimum(now.clip / (_rms(white) + EPS), 1.0)
            return -now.learning_rate * (scale * white + now.weight_decay * p)

        updates = each(step, params, ahead, factors)
        since = jnp.where(due, 0, since)
        return updates, KronState(state.count + 1, since, mean, factors)

    def _due(self, count: Int[Array, ""], since: Int[Array, ""]) -> Bool[Array, ""]:
        """Whether to refresh: 1/frequency steps after the last time."""
        falling = jnp.exp(self.anneal * (self.settling - count))
        frequency = jnp.clip(falling, self.frequency, 1.0)
        return frequency * since > 1 - 1e-6  # of a product that may be rounded

    def _initial(self, p: Tensor, scale: Hyper) -> Factors:
        """Multiples of the identity, whose product is `scale` of it."""
        if p.size == 0:
            return ()
        shape = p.shape or (1,)
        scale = (scale ** (1 / len(shape))).astype(p.dtype)
        return tuple(
            scale * (jnp.ones if diagonal else jnp.eye)(size, dtype=p.dtype)
            for size, diagonal in zip(shape, self._diagonal(shape), strict=True)
        )

    def _diagonal(self, shape: tuple[int, ...]) -> list[bool]:
        """Which sides of a tensor have a diagonal."""
        *_, second, largest = 0, *sorted(shape)
        spared = self.memory == "one_diagonal" or (
            self.memory == "smart_one_diagonal" and largest > second
        )
        last = max(range(len(shape)), key=lambda i: (shape[i], i))
        every = self.memory == "diagonal" or len(shape) < 2
        return [
            every or size == 1 or size > self.longest or (spared and i == last)
            for i, size in enumerate(shape)
        ]


def whitened(factors: Factors, g: Tensor) -> Tensor:
    """`Q^T Q` of each side times the tensor."""
    x = g.reshape(g.shape or (1,))
    for side, q in enumerate(factors):
        x = _times(q.T, _times(q, x, side), side)
    return x.reshape(g.shape)


def refreshed(factors: Factors, g: Tensor, probe: Tensor, rate: Hyper) -> Factors:
    """One step towards the preconditioner that makes `g` as white as `probe`.

    On the group's own geometry: a triangle moves by a part of itself, that part being
    at most `rate` in the spectral norm, as the lower bound has it.
    """
    if not factors:
        return factors
    known = jnp.any(g != 0)
    old = _balanced(factors)
    a, b = (x.reshape(x.shape or (1,)) for x in (g, probe))
    for side, q in enumerate(old):
        a, b = _times(q, a, side), _solve(q, b, side)

    def moved(q: Tensor, side: int) -> Tensor:
        ours, target = (_gram(x, side, q.ndim) for x in (a, b))
        part = rate * (ours - target) / _size(ours + target)
        return q - (part * q if q.ndim == 1 else jnp.triu(part) @ q)

    new = (moved(q, side).astype(q.dtype) for side, q in enumerate(old))
    return tuple(jnp.where(known, n, q) for n, q in zip(new, factors, strict=True))


def signs(seed: UInt32[Array, ""], like: Tensor) -> Tensor:
    """A tensor of 1 and -1."""
    return jnp.where(bits(seed, like.shape) >> 31 == 0, 1.0, -1.0).astype(like.dtype)


def _balanced(factors: Factors) -> Factors:
    """The same product by factors whose largest entries are equal."""
    largest = jnp.stack([jnp.max(jnp.abs(q)) for q in factors])
    middle = jnp.exp(jnp.mean(jnp.log(largest)))
    return tuple(q * (middle / x) for q, x in zip(factors, largest, strict=True))


def _times(q: Tensor, x: Tensor, side: int) -> Tensor:
    """A triangle or a diagonal times one side of a tensor."""
    if q.ndim == 1:
        return x * _along(q, x, side)
    return jnp.moveaxis(jnp.tensordot(q, x, (1, side)), 0, side)


def _solve(q: Tensor, x: Tensor, side: int) -> Tensor:
    """`Q^-T` times one side of a tensor."""
    if q.ndim == 1:
        return x / _along(q, x, side)
    first = jnp.moveaxis(x, side, 0)
    found = solve_triangular(q, first.reshape(len(q), -1), trans=1)
    return jnp.moveaxis(found.reshape(first.shape), 0, side)


def _along(q: Tensor, x: Tensor, side: int) -> Tensor:
    """A vector as a tensor that lies along one side of another."""
    return q.reshape([-1 if i == side else 1 for i in range(x.ndim)])


def _gram(x: Tensor, side: int, ndim: int) -> Tensor:
    """The products of a side's rows with each other; their squares if `ndim` is 1."""
    others = [i for i in range(x.ndim) if i != side]
    return (
        jnp.sum(x * x, others) if ndim == 1 else jnp.tensordot(x, x, (others, others))
    )


def _size(x: Tensor) -> Float[Array, ""]:
    """The largest magnitude of a diagonal; of a matrix, a bound of the spectral norm.

    From below, by two products with the longest row of a symmetric matrix.
    """
    largest = jnp.max(jnp.abs(x))
    if x.ndim == 1:
        return largest
    x = x / largest
    row = x @ x[jnp.argmax(jnp.sum(x * x, 0))]
    return largest * _norm(x @ row) / _norm(row)


def _norm(x: Tensor) -> Float[Array, ""]:
    return root(jnp.sum(x * x))


def _rms(x: Tensor) -> Float[Array, ""]:
    return _norm(x) / math.sqrt(max(1, x.size))


def _word(number: int) -> UInt32[Array, ""]:
    """The `number`-th of many words far apart."""
    return jnp.uint32((number + 1) * GOLDEN & 0xFFFFFFFF)
