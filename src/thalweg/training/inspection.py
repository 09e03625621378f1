"""What is recorded of each layer at a judgement, for whoever asks: norms and activity.

The step that comes next is taken once and forgotten, for its gradient and its update;
the network then looks at some training rows, for what its activations are given.
Nothing of the member changes, and a program that does not ask has none of it.

Pre-activations are read as gradients: an activation's input passes a function whose
derivative, for an argument made for the purpose, is that input. So they come out of
loops, batches and branches that a list on the side would not survive.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, PyTree

from thalweg.activations import Activation
from thalweg.core.trainable import partition
from thalweg.diagnosis import Layers
from thalweg.training.candidate import Candidate
from thalweg.training.dataset import Dataset, as_numbers
from thalweg.training.member import EVALUATION_ROWS, Member, batch_objective

ROWS = EVALUATION_ROWS  # training rows that activations are watched on, at most
# Flat is where the slope is below this share of the steepest (or of 1, if that is
# less): tanh beyond 0.975, the logistic curve beyond 0.987, ReLU left of zero.
FLAT = 0.05


def inspect(member: Member, recipe: Candidate, data: Dataset) -> Float[Array, " k"]:
    """Norms of gradients, weights and updates by parameter; activity by activation.

    `layers_of` says which is which. The gradient is that of the next batch, penalties
    included.
    """
    objective = batch_objective(member, recipe, data)
    optimizer = recipe.optimizer.at(member.step)
    _, grads = objective.value_and_grad(member.params)
    _, updates, _ = optimizer.step(objective, member.state, member.params)
    trees = map(member.packing.unpack, (grads, member.params, updates))
    measured = [_norm(leaf) for tree in trees for leaf in jax.tree.leaves(tree)]
    size = data.train_size[member.split]
    longest = data.train_rows.shape[1]
    rows = min(ROWS, longest)
    spread = jnp.arange(rows) * size // rows  # all over the split, none of its padding
    x, _, _ = data.batch(member.split, data.train_rows[member.split, spread])
    dead, flat = activity(member.network, x)
    return jnp.stack([*measured, *dead, *flat]).astype(jnp.float32)


def activity(network: Any, x: PyTree) -> tuple[list[Array], list[Array]]:
    """Per activation: the share of units that are flat on every row, and the share of
    pre-activations that are flat. NaN where an activation was not run exactly once.
    """
    dead, flat = [], []
    found = preactivations(network, x)
    for (_, activation), (values, runs) in zip(
        activations_of(network), found, strict=True
    ):
        where = jnp.abs(_slope(activation, values)) < FLAT * _steepest(activation)
        once = jnp.all(runs == 1)
        dead.append(jnp.where(once, jnp.mean(jnp.all(where, axis=0)), jnp.nan))
        flat.append(jnp.where(once, jnp.mean(where), jnp.nan))
    return dead, flat


def preactivations(
    network: Any, x: PyTree
) -> list[tuple[Float[Array, "b ..."], Float[Array, " b"]]]:
    """What each of `activations_of` is given for each row, and how often it was run."""
    shapes: dict[int, Any] = {}

    def note(number: int, value: Array) -> Array:
        shapes[number] = jax.ShapeDtypeStruct(value.shape, value.dtype)
        return value

    def outputs(row: PyTree, meet: Callable[[int, Array], Array]) -> Array:
        row = jax.tree.map(lambda leaf: leaf[None], row)
        return jnp.sum(_tapped(network, meet)(row, key=None, inference=True))

    def revealing(row: PyTree, sinks: list[Any]) -> Array:
        return outputs(row, lambda number, value: _reveal(value, *sinks[number]))

    x = as_numbers(x)
    row = jax.tree.map(lambda leaf: leaf[0], x)
    jax.eval_shape(lambda row: outputs(row, note), row)
    nowhere = jax.ShapeDtypeStruct((0,), jnp.float32)
    count = len(activations_of(network))
    wanted = [shapes.get(number, nowhere) for number in range(count)]
    sinks = [(jnp.zeros(s.shape, s.dtype), jnp.float32(0)) for s in wanted]
    return jax.vmap(jax.grad(revealing, argnums=1), in_axes=(0, None))(x, sinks)


def activations_of(network: Any) -> list[tuple[str, Activation]]:
    """The activations of a network by their paths, in the order of its leaves."""
    nodes = jax.tree_util.tree_leaves_with_path(network, is_leaf=_is_activation)
    return [(_path(path), node) for path, node in nodes if _is_activation(node)]


def layers_of(network: Any, measured: Float[np.ndarray, "t k"], rows: int) -> Layers:
    """What `inspect` measured at each judgement of a network, by name."""
    params, _ = partition(network)
    leaves = jax.tree_util.tree_leaves_with_path(params)
    nodes = activations_of(network)
    n, a = len(leaves), len(nodes)
    cuts = np.cumsum([n, n, n, a])
    gradient, weight, update, dead, flat = np.split(measured, cuts, axis=1)
    # units die where one side is flat, and saturate where both are
    sides = np.array([sum(node.describe().saturates) for _, node in nodes], int)
    return Layers(
        parameters=tuple(_path(path) for path, _ in leaves),
        shapes=tuple(np.shape(leaf) for _, leaf in leaves),
        gradient=gradient,
        weight=weight,
        update=update,
        activations=tuple(path for path, _ in nodes),
        dead=np.where(sides == 1, dead, np.nan),
        saturated=np.where(sides == 2, flat, np.nan),
        rows=min(ROWS, rows),
    )


class Tap(Activation):
    """An activation whose input is met by a function on its way."""

    activation: Activation
    meet: Callable[[Array], Array] = eqx.field(static=True)

    def __call__(self, x: Float[Array, "*n"]) -> Float[Array, "*n"]:
        return self.activation(self.meet(x))

    def describe(self) -> Any:
        return self.activation.describe()


def _tapped(network: Any, meet: Callable[[int, Array], Array]) -> Any:
    """The network with `meet(number, x)` before each of its activations."""
    nodes, treedef = jax.tree.flatten(network, is_leaf=_is_activation)
    number = 0
    for place, node in enumerate(nodes):
        if _is_activation(node):
            nodes[place] = Tap(node, partial(meet, number))
            number += 1
    return jax.tree.unflatten(treedef, nodes)


@jax.custom_vjp
def _reveal(x: Array, sink: Array, runs: Array) -> Array:
    """`x`, which is also the derivative for `sink`; that for `runs` is 1."""
    del sink, runs
    return x


_reveal.defvjp(
    lambda x, sink, runs: (x, x), lambda x, cotangent: (cotangent, x, jnp.float32(1))
)


def _slope(activation: Activation, x: Array) -> Array:
    return jax.vjp(activation, x)[1](jnp.ones_like(x))[0]


def _steepest(activation: Activation) -> Float[Array, ""]:
    grid = jnp.linspace(-10, 10, 201, dtype=jnp.float32)
    return jnp.minimum(1.0, jnp.max(jnp.abs(_slope(activation, grid))))


def _norm(leaf: Array) -> Float[Array, ""]:
    """The Euclidean norm; squares alone would be lost below 1e-19 and above 1e19."""
    size = jnp.abs(leaf.astype(jnp.float32))
    largest = jnp.max(size, initial=0.0)
    scaled = size / jnp.where(largest > 0, largest, 1.0)
    return largest * jnp.sqrt(jnp.sum(jnp.square(scaled)))


def _is_activation(node: Any) -> bool:
    return isinstance(node, Activation)


def _path(path: Any) -> str:
    return jax.tree_util.keystr(path, simple=True, separator="/")
