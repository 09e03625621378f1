"""Neural architecture search by hill climbing: morph, train briefly, keep the best.

Elsken, Metzen & Hutter 2017, "Simple and efficient architecture search for CNNs"
(NASH), Algorithm 1, https://arxiv.org/abs/1711.04528
Departs from the paper: the optimizer is the caller's; a shortcut is a linear map that
starts at zero rather than a convex combination.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import equinox as eqx
import jax
import jax.random as jr
import numpy as np

from thalweg.architectures.cost import parameters
from thalweg.architectures.morphisms.changes import (
    branched,
    deeper,
    layer_at,
    skipped,
    wider,
    with_larger_kernel,
)
from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Key
from thalweg.networks import MLP, Stack
from thalweg.networks.layers import Activate, Conv, Sequential
from thalweg.networks.layers.base import pair
from thalweg.optimizers import OPTIMIZERS
from thalweg.problem import Problem
from thalweg.schedules import Cosine
from thalweg.training import Model, train


@dataclass(frozen=True)
class Neighbour:
    """A network that was trained, and how it came out of the step's best."""

    changes: tuple[str, ...]
    loss: float  # on the validation rows; infinite where it diverged
    parameters: int


@dataclass(frozen=True)
class Climb:
    """Where a climb ended, and what was tried at each step."""

    description: Any
    model: Model
    loss: float
    steps: list[list[Neighbour]] = field(default_factory=list)


def hill_climb(
    description: Any,
    data: tuple[Any, Any],
    *,
    steps: int = 5,
    neighbours: int = 4,
    changes: int = 2,
    epochs: float = 5,
    epochs_first: float | None = None,
    optimizer: str = "adam",
    learning_rate: float = 1e-3,
    batch_size: int = 64,
    max_parameters: float = float("inf"),
    noise: float = 0.01,
    seed: int = 0,
) -> Climb:
    """The best network found from `description`, a `Stack` or an `MLP`, on `(X, y)`.

    First the description is trained for `epochs_first`. Then, `steps` times, the best
    network and `neighbours - 1` children of it, each with so many random `changes` that
    keep its function, are trained for `epochs` from its weights, with a learning rate
    that falls along a cosine; the best by validation loss goes on. So a search costs
    little more than the training of its result.
    """
    if steps < 1 or neighbours < 2 or changes < 1:
        raise InvalidInput(
            "A climb needs `steps` and `changes` >= 1 and `neighbours` >= 2, but got "
            f"steps={steps}, changes={changes}, neighbours={neighbours}."
        )
    X, y = data
    problem = Problem.of(X, y, seed=seed)
    inputs = jax.tree.map(lambda leaf: leaf[0], problem.inputs)

    def trained(network: Any, epochs: float) -> tuple[Model, float]:
        total = max(1, round(epochs * len(problem.splits.train[0]) / batch_size))
        rate = Cosine(learning_rate, steps=total)
        kind: Any = OPTIMIZERS[optimizer]
        rule = kind(learning_rate=rate)
        model, history = train(
            network, data, optimizer=rule, steps=total, batch_size=batch_size, seed=seed
        )
        losses = np.nan_to_num(history["loss"], nan=np.inf, posinf=np.inf)
        return model, float(np.min(losses))

    model, loss = trained(description, epochs_first or epochs)
    climb = Climb(description, model, loss)
    for step in range(steps):
        children: list[tuple[Any, Any, tuple[str, ...]]] = []
        children.append((description, model.network, ()))
        for number in range(1, neighbours):
            key = jr.fold_in(jr.fold_in(jr.key(seed), step), number)
            children.append(
                changed(
                    description,
                    model.network,
                    inputs,
                    changes,
                    key=key,
                    noise=noise,
                    max_parameters=max_parameters,
                )
            )
        found = [(child, *trained(network, epochs)) for child, network, _ in children]
        tried = [
            Neighbour(names, loss, parameters(model.network))
            for (_, model, loss), (*_, names) in zip(found, children, strict=True)
        ]
        climb.steps.append(tried)
        description, model, loss = min(found, key=lambda entry: entry[2])
        if loss < climb.loss:
            climb = Climb(description, model, loss, climb.steps)
    return climb


def changed(
    description: Any,
    network: Any,
    inputs: Any,
    changes: int,
    *,
    key: Key,
    noise: float = 0.0,
    max_parameters: float = float("inf"),
) -> tuple[Any, Any, tuple[str, ...]]:
    """A child after so many random changes, its network and the changes' names."""
    names: list[str] = []
    for number in range(changes):
        here = jr.fold_in(key, number)
        name, description, network = random_change(
            description,
            network,
            inputs,
            key=here,
            noise=noise,
            max_parameters=max_parameters,
        )
        names.append(name)
    return description, network, tuple(names)


def random_change(
    description: Any,
    network: Any,
    inputs: Any,
    *,
    key: Key,
    noise: float = 0.0,
    max_parameters: float = float("inf"),
) -> tuple[str, Any, Any]:
    """One random change that keeps the function: its name, description and network.

    Wider layers are twice as wide. A change that the place does not allow, or that
    needs more than `max_parameters`, is drawn anew; "none" if twenty were in vain.
    """
    rng = np.random.default_rng(np.asarray(jr.key_data(key)))
    if isinstance(description, Stack):
        description, network = _listed(description, network)
    for _ in range(20):
        name, change = _drawn(description, rng)
        options = {"noise": noise} if name == "wider" else {}
        try:
            child, grown = change(description, network, inputs, key=key, **options)
        except InvalidInput:
            continue
        if parameters(grown) <= max_parameters:
            return name, child, grown
    return "none", description, network


def _listed(description: Stack, network: Any) -> tuple[Stack, Any]:
    """The same network, its layers a list as long as it can be.

    Else a shortcut could lead around a lone `Sequential` as a whole, and nowhere else.
    """
    layers = description.layers
    layers = layers if isinstance(layers, tuple) else (layers,)
    while len(layers) == 1 and isinstance(layers[0], Sequential):
        layers = tuple(layers[0].layers)
        network = eqx.tree_at(lambda n: n.body, network, network.body.modules[0])
    return replace(description, layers=layers), network


def _drawn(description: Any, rng: np.random.Generator) -> tuple[str, Any]:
    """The name of a change, and the change at a random place."""

    def change(function: Any, **where: Any) -> Any:
        return lambda *args, **options: function(*args, **where, **options)

    if isinstance(description, MLP):
        at = int(rng.integers(len(description.hidden)))
        if rng.random() < 0.5:
            units = 2 * description.hidden[at]
            return "wider", change(wider, at=at, units=units)
        return "deeper", change(deeper, at=at)
    kind = str(rng.choice(["wider", "deeper", "branched", "skipped", "kernel"]))
    paths = layer_paths(description)
    at = paths[rng.integers(len(paths))]
    layer = layer_at(description, at)
    if kind == "skipped":
        first, last = sorted(rng.integers(len(description.layers), size=2).tolist())
        return kind, change(skipped, first=first, last=last)
    if kind == "wider":
        units = getattr(layer, "units", getattr(layer, "channels", 0))
        return kind, change(wider, at=at, units=2 * units if units else 0)
    if kind == "kernel":
        size = pair(layer, size=layer.size) if isinstance(layer, Conv) else (0, 0)
        size = (size[0] + 2, size[1] + 2)
        return kind, change(with_larger_kernel, at=at, size=size)
    behind = [p for p in paths if isinstance(layer_at(description, p), Activate)]
    at = behind[rng.integers(len(behind))] if behind else at
    if kind == "deeper":
        return kind, change(deeper, at=at)
    return kind, change(branched, at=at)


def layer_paths(node: Any, path: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """The paths of all layers of a `Stack` that hold no others."""
    layers = getattr(node, "layers", None)
    if isinstance(layers, tuple):
        parts = enumerate(layers)
    elif hasattr(node, "body"):
        named = {"body": node.body, "shortcut": node.shortcut}
        parts = ((n, part) for n, part in named.items() if part is not None)
    else:
        return [tuple(path)]
    return [p for step, part in parts for p in layer_paths(part, (*path, step))]
