"""The phases of a step of search: weights on one half of the data, alphas on the other.

Liu, Simonyan & Yang 2019, equations 3-8, https://arxiv.org/abs/1806.09055
A phase says where a gradient is wanted, and what becomes of it. All of them share one
gradient in the compiled program (compiling it is most of what a short search costs),
and which phases make a step is data: a warm-up, a search of first or second order and
the power iteration of the validation Hessian run in the same program.

Departs from the authors' code as the paper does: the step ahead is plain gradient
descent, without momentum or decay.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, PyTree, UInt32

from thalweg.core.hyper import hyper
from thalweg.core.typing import Hyper, Params
from thalweg.optimizers import AbstractOptimizer, Objective
from thalweg.optimizers.clipping import global_norm

TRAINING, VALIDATION = 0, 1  # the halves: of the weights, of the alphas


class Point(NamedTuple):
    """Where a gradient is taken, and on which half of the data."""

    weights: Params
    alphas: Params
    half: Int[Array, ""]


class Gradient(NamedTuple):
    """Of the loss of one batch."""

    loss: Float[Array, ""]
    weights: Params
    alphas: Params


class Rules(eqx.Module):
    """How weights and alphas learn."""

    weights: AbstractOptimizer[Any]
    alphas: AbstractOptimizer[Any]
    distance: Hyper = hyper(0.01)  # that finite differences move the weights …
    probe: Hyper = hyper(0.05)  # … and the alphas, for the curvature


class Search(eqx.Module):
    """A search between two phases."""

    weights: Params
    alphas: Params
    weights_state: PyTree
    alphas_state: PyTree
    allowed: PyTree  # by label: 1 for a candidate that may run
    seed: UInt32[Array, ""]
    step: Int[Array, ""]  # steps of the weights so far
    losses: Float[Array, "2"]  # sums over batches of either half …
    batches: Float[Array, "2"]  # … and their number
    eigenvalue: Float[Array, ""]  # of the validation loss' Hessian in the alphas
    # what one phase leaves for the next
    aside: Params  # the weights one step ahead, then how far to move them
    scale: Float[Array, ""]  # `aside` over the gradient that it is along
    slope: Params  # of the alphas
    direction: Params  # of the power iteration


def begin(
    rules: Rules, weights: Params, alphas: Params, allowed: PyTree, seed: Any
) -> Search:
    """A search before its first step."""
    return Search(
        weights=weights,
        alphas=alphas,
        weights_state=rules.weights.init(weights),
        alphas_state=rules.alphas.init(alphas),
        allowed=allowed,
        seed=jnp.asarray(seed, jnp.uint32),
        step=jnp.zeros((), jnp.int32),
        losses=jnp.zeros(2),
        batches=jnp.zeros(2),
        eigenvalue=jnp.zeros(()),
        aside=weights,
        scale=jnp.zeros(()),
        slope=jax.tree.map(jnp.zeros_like, alphas),
        direction=uneven(alphas),
    )


class Phase(NamedTuple):
    """Where a gradient is wanted, and the search after it."""

    at: Callable[[Rules, Search], Point]
    then: Callable[[Rules, Search, Gradient], Search]


def run(
    rules: Rules,
    search: Search,
    order: Int[Array, " m"],
    count: Int[Array, ""],
    gradient: Callable[[Search, Point], Gradient],
) -> Search:
    """The first `count` phases of `order`, which has their numbers in `PHASES`."""
    phases, order = list(PHASES.values()), jnp.asarray(order)

    def one(i: Any, search: Search) -> Search:
        at = [lambda s, p=p: _typed(p.at(rules, s)) for p in phases]
        then = [lambda s, g, p=p: p.then(rules, s, g) for p in phases]
        found = gradient(search, jax.lax.switch(order[i], at, search))
        return jax.lax.switch(order[i], then, search, found)

    return jax.lax.fori_loop(0, count, one, search)


def numbers(names: Sequence[str]) -> Int[np.ndarray, " m"]:
    """Phases by name, as `run` takes them: padded, so that programs are shared."""
    known = list(PHASES)
    found = [known.index(name) for name in names]
    return np.array(found + [0] * (len(known) - len(found)), np.int32)


def _typed(point: Point) -> Point:
    return point._replace(half=jnp.asarray(point.half, jnp.int32))


def _training(rules: Rules, search: Search) -> Point:
    return Point(search.weights, search.alphas, TRAINING)  # pyright: ignore


def _validation(rules: Rules, search: Search) -> Point:
    return Point(search.weights, search.alphas, VALIDATION)  # pyright: ignore


def _train(rules: Rules, search: Search, found: Gradient) -> Search:
    objective = Objective.of_gradient(found.weights)
    _, updates, state = rules.weights.step(
        objective, search.weights_state, search.weights
    )
    return _noted(
        search,
        TRAINING,
        found,
        weights=moved(search.weights, updates),
        weights_state=state,
        step=search.step + 1,
    )


def _first_order(rules: Rules, search: Search, found: Gradient) -> Search:
    return _noted(search, VALIDATION, found, **_learnt(rules, search, found.alphas))


def _one_ahead(rules: Rules, search: Search, found: Gradient) -> Search:
    return _with(
        search, aside=moved(search.weights, found.weights, -_xi(rules, search))
    )


def _at_ahead(rules: Rules, search: Search) -> Point:
    return Point(search.aside, search.alphas, VALIDATION)  # pyright: ignore


def _unrolled(rules: Rules, search: Search, found: Gradient) -> Search:
    scale = rules.distance / jnp.maximum(global_norm(found.weights), 1e-12)
    aside = jax.tree.map(lambda g: scale * g, found.weights)
    return _noted(
        search, VALIDATION, found, aside=aside, scale=scale, slope=found.alphas
    )


def _beside(sign: float) -> Callable[[Rules, Search], Point]:
    def at(rules: Rules, search: Search) -> Point:
        weights = moved(search.weights, search.aside, sign)
        return Point(weights, search.alphas, TRAINING)  # pyright: ignore

    return at


def _second_order(sign: float) -> Callable[[Rules, Search, Gradient], Search]:
    """Equation 8: minus xi times the difference over twice the scale."""

    def then(rules: Rules, search: Search, found: Gradient) -> Search:
        factor = -sign * _xi(rules, search) / (2 * search.scale)
        slope = moved(search.slope, found.alphas, factor)
        if sign > 0:
            return _with(search, slope=slope)
        return _with(search, **_learnt(rules, search, slope))

    return then


def _probed(sign: float) -> Callable[[Rules, Search], Point]:
    def at(rules: Rules, search: Search) -> Point:
        alphas = moved(search.alphas, search.direction, sign * rules.probe)
        return Point(search.weights, alphas, VALIDATION)  # pyright: ignore

    return at


def _keep_slope(rules: Rules, search: Search, found: Gradient) -> Search:
    return _with(search, slope=found.alphas)


def _power(rules: Rules, search: Search, found: Gradient) -> Search:
    """Hessian times direction: the Rayleigh quotient, and the next direction."""
    image = jax.tree.map(
        lambda a, b: (a - b) / (2 * rules.probe), search.slope, found.alphas
    )
    value = sum(
        jnp.vdot(a, b)
        for a, b in zip(
            jax.tree.leaves(search.direction), jax.tree.leaves(image), strict=True
        )
    )
    norm = jnp.maximum(global_norm(image), 1e-30)
    direction = jax.tree.map(lambda x: x / norm, image)
    return _with(search, eigenvalue=value, direction=direction)


PHASES = {
    "weights": Phase(_training, _train),
    "architecture": Phase(_validation, _first_order),
    "ahead": Phase(_training, _one_ahead),
    "unrolled": Phase(_at_ahead, _unrolled),
    "plus": Phase(_beside(1.0), _second_order(1.0)),
    "minus": Phase(_beside(-1.0), _second_order(-1.0)),
    "curvature plus": Phase(_probed(1.0), _keep_slope),
    "curvature minus": Phase(_probed(-1.0), _power),
}
POWER_ITERATION = ("curvature plus", "curvature minus")


def moved(tree: Params, other: Params, times: Any = 1.0) -> Params:
    """`tree + times * other`."""
    return jax.tree.map(lambda a, b: a + times * b, tree, other)


def uneven(tree: Params) -> Params:
    """A unit vector like the tree, near no axis: where power iteration begins."""
    leaves, treedef = jax.tree.flatten(tree)
    ends = np.cumsum([0, *(leaf.size for leaf in leaves)])
    wave = np.cos(1.0 + np.arange(ends[-1]) ** 1.5)
    wave /= np.linalg.norm(wave)
    parts = [
        jnp.asarray(wave[begin:end].reshape(leaf.shape), leaf.dtype)
        for leaf, begin, end in zip(leaves, ends, ends[1:], strict=False)
    ]
    return jax.tree.unflatten(treedef, parts)


def _xi(rules: Rules, search: Search) -> Float[Array, ""]:
    """The weights' learning rate."""
    return rules.weights.current(search.weights_state)["learning_rate"]


def _learnt(rules: Rules, search: Search, slope: Params) -> dict[str, Any]:
    """The alphas after a step against a slope."""
    updates, state = rules.alphas.update(slope, search.alphas_state, search.alphas)
    return {"alphas": moved(search.alphas, updates), "alphas_state": state}


def _with(search: Search, **fields: Any) -> Search:
    def places(s: Search) -> list[Any]:
        return [getattr(s, name) for name in fields]

    return eqx.tree_at(places, search, list(fields.values()))


def _noted(search: Search, half: int, found: Gradient, **fields: Any) -> Search:
    losses = search.losses.at[half].add(found.loss)
    return _with(
        search, losses=losses, batches=search.batches.at[half].add(1.0), **fields
    )
