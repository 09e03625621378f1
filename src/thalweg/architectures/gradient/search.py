"""Search by weight sharing: one supernet is trained instead of many networks."""

import time
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from thalweg.architectures.gradient.bilevel import Rules, Search
from thalweg.architectures.gradient.collapse import (
    Collapse,
    CollapseWarning,
    collapse_of,
)
from thalweg.architectures.gradient.loop import Run
from thalweg.architectures.gradient.method import AbstractMethod
from thalweg.architectures.gradient.methods import METHODS
from thalweg.architectures.gradient.mixtures import mixtures
from thalweg.architectures.gradient.pc_darts import PCDARTS, edge_weights, scaled
from thalweg.architectures.gradient.remedies import Remedies, Wanted, remedies_for
from thalweg.architectures.gradient.single_path import EvolvedSinglePath, SinglePath
from thalweg.architectures.gradient.supernet import Supernet, build
from thalweg.architectures.vocabulary import assign, space_of
from thalweg.architectures.vocabulary.choices import values_of
from thalweg.cells import nasbench201
from thalweg.core.errors import InvalidInput, unknown_name
from thalweg.core.typing import Config
from thalweg.losses import AbstractLoss
from thalweg.networks import AbstractDescription, Stack
from thalweg.networks.layers import AbstractLayer
from thalweg.optimizers import Adam, ClipByGlobalNorm, Nesterov, chain
from thalweg.problem import Problem
from thalweg.schedules import Cosine
from thalweg.spaces import Space
from thalweg.training.arguments import at_least, named_loss
from thalweg.training.dataset import Dataset
from thalweg.training.foreign import as_description

EPOCHS = 30  # where neither a number nor a time is given
REACH = 6.0  # how far Adam may take an alpha in all: 3e-4 for 20,000 steps
WHOLE = 0.95  # of a time limit, for the search and the selection after it
LEAST = 0.6  # of that, for the search


@dataclass(frozen=True, eq=False)
class SupernetSearch:
    """The answer of a search by weight sharing, and how it came about."""

    config: Config  # of the tree's space
    indices: dict[str, int]  # of the chosen candidates, by label
    probabilities: dict[str, Float[np.ndarray, " k"]]  # of the candidates, by label
    history: dict[str, np.ndarray]  # by epoch
    collapse: Collapse
    supernet: Any  # with its weights, to inherit from
    remedies: Remedies
    stopped_at: int | None  # the epoch whose alphas were taken, if it stopped early
    seconds: dict[str, float]  # of "search" and "selection", and "compile" before them
    judged: dict[str, Any] | None = None  # single paths: "configs" and their "losses"

    @property
    def cell(self) -> str:
        """The cell in the notation of NAS-Bench-201, if it is one of its space."""
        names = list(nasbench201.space().parameters)
        if not set(names) <= set(self.config):
            raise InvalidInput(
                "Only cells of NAS-Bench-201 have that notation, but the choices are "
                f"{', '.join(self.config)}."
            )
        return nasbench201.to_string([self.config[name] for name in names])

    def inherited(self) -> Any:
        """The supernet with the chosen candidates alone: an architecture with weights.

        After PC-DARTS, channels still pass by and edges have the shares they learned.
        Measure its batch statistics before inference: `layers.calibrate(network, x)`.
        """
        mixes = mixtures(self.supernet).items()
        return assign(
            self.supernet,
            {k: jnp.eye(len(mix.branches))[self.indices[k]] for k, mix in mixes},
        )


def search_by_gradient(
    tree: Any,
    data: tuple[Any, Any],
    *,
    method: str | AbstractMethod = "darts",
    epochs: int | None = None,
    time_limit: float = float("inf"),
    batch_size: int = 64,
    learning_rate: float = 0.05,
    architecture_rate: float | None = None,
    remedies: Wanted = "usual",
    curvature: bool = False,
    trials: int = 256,
    loss: str | AbstractLoss | None = None,
    config: Mapping[str, Any] | None = None,
    seed: int = 0,
) -> SupernetSearch:
    """Choose among the layers of a tree by training all of them with shared weights.

    **tree**: layers (or a network of your own) with a `LayerChoice` in them, or a
    function that makes one, such as `spaces.nasbench201`. **data**: inputs and targets;
    one half trains weights, the other decides. **method**: a name of `METHODS`.
    **epochs**: over one half, 30 by default; or as many as fit into **time_limit**
    seconds, where no number is given. **architecture_rate**: learning rate of the
    alphas; by default it takes them as far as 3e-4 did in 20,000 steps. **curvature**:
    measure the dominant eigenvalue each epoch even where no remedy asks for it.
    **trials**: architectures that single-path methods judge. **config**: decides
    choices that are not between layers.

    Warns with `CollapseWarning` if the search collapsed; the result says so too.

    Raises InvalidInput for a tree without choices and settings that make no sense,
    SearchError if training diverged.
    """
    at_least(1, epochs=epochs, batch_size=batch_size, trials=trials)
    if time_limit <= 0:
        raise InvalidInput(f"`time_limit` must be positive, but got {time_limit}.")
    begin = time.monotonic()
    method = _made(method)
    chosen = remedies_for(method, remedies)
    method = chosen.applied_to(method)
    if not isinstance(tree, AbstractLayer | AbstractDescription) and _makes_tree(tree):
        tree = tree()
    space = space_of(tree)
    _check(space, config or {})
    name, given = named_loss(loss)
    problem = Problem.of(*data, loss=name, validation=0.5, seed=seed)
    shared = _halves(problem)
    batch_size = min(batch_size, int(shared.train_size.min()))
    steps = int(shared.train_size[0]) // batch_size
    description = _described(method.describe(tree, config or {}))

    def made(epochs: int) -> tuple[Supernet, Search]:
        return build(
            method,
            _rules(learning_rate, architecture_rate, epochs * steps),
            description,
            jax.tree.map(lambda leaf: leaf[0], problem.inputs),
            problem.outputs,
            given or problem.judge(),
            shared,
            batch_size=batch_size,
            steps=epochs * steps,
            seed=np.uint32(seed),
        )

    run = Run(*made(epochs or EPOCHS), steps)
    step_seconds = run.step_seconds(("weights",) if chosen.uniform else method.phases)
    compiled = time.monotonic()
    left = WHOLE * (begin + time_limit - compiled)
    paths = trials if isinstance(method, SinglePath) else 0
    share = _share(run, chosen, paths, step_seconds / max(left, 1e-9))
    timed = epochs is None and np.isfinite(time_limit)
    if timed:
        epochs = max(1, int(share * left / (step_seconds * steps)))
        run = Run(*made(epochs), steps)
    stopped_at = run.train(
        epochs or EPOCHS,
        remedies=chosen,
        curvature=method.weighs and (curvature or chosen.early_stopping),
        deadline=compiled + share * left,
        planned=(lambda epochs: made(epochs)[0]) if timed else None,
    )
    searched = time.monotonic()
    judged, most_skips = None, chosen.most_skips(len(run.mixes))
    if isinstance(method, SinglePath):
        space = _of_supernet(space, config or {}, run.mixes)
        names = {label: values_of(space.parameters[label]) for label in run.mixes}
        evolve = isinstance(method, EvolvedSinglePath)
        indices, judged = run.by_judgement(
            space, names, trials=trials, evolve=evolve, seed=seed
        )
    elif chosen.perturbation:
        indices = run.by_perturbation(most_skips, seed=seed)
    else:
        indices = run.by_probability(most_skips)
    seconds = {
        "compile": compiled - begin,
        "search": searched - compiled,
        "selection": time.monotonic() - searched,
    }
    found = _result(run, space, config or {}, indices)
    return found(remedies=chosen, stopped_at=stopped_at, seconds=seconds, judged=judged)


def _made(method: str | AbstractMethod) -> AbstractMethod:
    if isinstance(method, AbstractMethod):
        return method
    kind: Any = METHODS[method]
    return kind()


def _makes_tree(tree: Any) -> bool:
    """Whether it is a function of no arguments, and no module."""
    return callable(tree) and not isinstance(tree, eqx.Module)


def _share(run: Run, remedies: Remedies, paths: int, step: float) -> float:
    """Of the time that is left, for the search: what its selection doesn't take.

    **paths**: to be judged one by one. **step**: what one takes of that time.
    """
    tuning = 0.0
    if remedies.perturbation:
        paths = sum(len(mix.branches) for mix in run.mixes.values())
        tuning = run.tuning
    judging = paths * run.judgement_seconds(step)
    return max(LEAST, (1 - judging) / (1 + tuning))


def _halves(problem: Problem) -> Dataset:
    """Two splits of the data: either half trains in one and judges in the other."""
    one, other = problem.splits.train[0], problem.splits.validation[0]
    return Dataset.of(problem.x, problem.y, [(one, other), (other, one)])


def _described(tree: Any) -> Any:
    """What builds the supernet."""
    layers = isinstance(tree, AbstractLayer | list | tuple)
    return Stack(tree) if layers else as_description(tree)


def _rules(rate: float, architecture_rate: float | None, steps: int) -> Rules:
    """The optimizers of the papers, their schedules over a search of any length."""
    if architecture_rate is None:
        architecture_rate = float(np.clip(REACH / steps, 3e-4, 0.05))
    schedule = Cosine(rate, steps, end=0.1 * rate)
    weights = chain(ClipByGlobalNorm(5.0), Nesterov(schedule, l2=3e-4))
    return Rules(weights, Adam(architecture_rate, b1=0.5, b2=0.999, l2=1e-3))


def _result(
    run: Run, space: Space, config: Mapping[str, Any], indices: Mapping[str, int]
) -> Callable[..., SupernetSearch]:
    """The answer, but for what the caller knows."""
    history = {k: np.array([row[k] for row in run.history]) for k in run.history[0]}
    collapse = collapse_of(run.mixes, indices, history["eigenvalue"])
    if collapse.happened:
        warnings.warn(str(collapse), CollapseWarning, stacklevel=3)
    return partial(
        SupernetSearch,
        config=_config(space, config, indices),
        probabilities=run.probabilities,
        indices=dict(indices),
        history=history,
        collapse=collapse,
        supernet=jax.tree.map(
            lambda leaf: np.asarray(leaf) if eqx.is_array(leaf) else leaf,
            _weighed(run),
        ),
    )


def _weighed(run: Run) -> Any:
    """The supernet with its weights, and with the shares that edges have learned."""
    network = run.supernet.network(run.search.weights)
    if not isinstance(run.supernet.method, PCDARTS):
        return network
    return scaled(network, edge_weights(run.search.alphas))


def _config(
    space: Space, given: Mapping[str, Any], indices: Mapping[str, int]
) -> Config:
    """What was chosen; where nothing was, what the supernet was built with."""

    def value(name: str) -> Any:
        parameter = space.parameters[name]
        if name in indices:
            return values_of(parameter)[indices[name]]
        return given.get(name, parameter.decode(np.array([0.5]))[0])

    return space.build(value)


def _of_supernet(
    space: Space, given: Mapping[str, Any], labels: Iterable[str]
) -> Space:
    """The paths that a supernet has: all but its mixtures as it was built."""
    others = {name: p for name, p in space.parameters.items() if name not in labels}
    middle = {name: p.decode(np.array([0.5]))[0] for name, p in others.items()}
    return space.with_fixed(**middle | {k: given[k] for k in others if k in given})


def _check(space: Space, given: Mapping[str, Any]) -> None:
    """Raise for a name or a value that the answer could not have."""
    for name, value in given.items():
        if name not in space.parameters:
            raise unknown_name("parameter", name, space.parameters)
        try:
            space.parameters[name].validate(value)
        except InvalidInput as error:
            raise InvalidInput(f"Parameter {name!r}: {error}") from None
