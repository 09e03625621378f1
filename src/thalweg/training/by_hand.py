"""One network, by hand: a population of one."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float, Num, PyTree

from thalweg.augmentation import AbstractAugmentation
from thalweg.core.errors import InvalidInput, SearchError
from thalweg.core.rng import seed_word
from thalweg.evaluation import METRICS, Metric
from thalweg.losses import AbstractLoss
from thalweg.networks import AbstractDescription
from thalweg.optimizers import OPTIMIZERS, AbstractOptimizer
from thalweg.problem import Problem
from thalweg.training.arguments import at_least, check_outputs, named_loss, recipe
from thalweg.training.bench import Finished, Job
from thalweg.training.candidate import Candidate, Stop
from thalweg.training.dataset import Dataset
from thalweg.training.engine import Engine
from thalweg.training.history import Circumstances, History
from thalweg.training.in_use import as_columns, measure, names_in_use
from thalweg.training.inspection import layers_of
from thalweg.training.member import outputs_of, solved
from thalweg.training.population import CURVE, Task


@dataclass(frozen=True, eq=False)
class Model:
    """A trained network with the loss that says what its outputs mean."""

    network: Any
    loss: AbstractLoss
    task: str
    metrics: tuple[Metric, ...]
    status: str  # complete, stopped, diverged or cut
    best_step: int  # after which the network was as it is kept

    def outputs(self, X: PyTree) -> Float[np.ndarray, "n c"]:
        """Raw outputs: logits or values."""
        arrays, rest = eqx.partition(self.network, eqx.is_array_like)
        return np.asarray(_outputs(arrays, rest, self.loss, _as_arrays(X)))

    def predict_proba(self, X: PyTree) -> Float[np.ndarray, "n c"]:
        """Probabilities of the classes."""
        if self.task != "classification":
            raise InvalidInput(
                "`predict_proba` is for classification, but the loss is for numbers. "
                "Use `predict`."
            )
        return np.asarray(self.loss.link(jnp.asarray(self.outputs(X))))

    def predict(self, X: PyTree) -> Num[np.ndarray, "n *c"]:
        """Class codes `[n]`, or values (`[n]` where there is one output)."""
        if self.task == "regression":
            values = np.asarray(self.loss.link(jnp.asarray(self.outputs(X))))
            return values[:, 0] if values.shape[1] == 1 else values
        p = self.predict_proba(X)
        return np.argmax(p, axis=1) if p.shape[1] > 1 else (p[:, 0] > 0.5).astype(int)

    def evaluate(self, X: PyTree, y: Any) -> dict[str, float]:
        """The loss and the metrics on other data."""
        outputs, y = jnp.asarray(self.outputs(X)), np.asarray(y)
        prediction = np.asarray(self.loss.link(outputs))
        found = {"loss": float(jnp.mean(self.loss(outputs, jnp.asarray(y))))}
        return found | {m.name: m(y, prediction) for m in self.metrics}


def train(
    network: Any,
    data: tuple[Any, Any],
    *,
    loss: str | AbstractLoss | None = None,
    optimizer: str | AbstractOptimizer[Any] = "adam",
    epochs: float | None = None,
    steps: int | None = None,
    batch_size: int = 32,
    validation: float | tuple[Any, Any] = 0.2,
    metrics: Sequence[str] = (),
    l1: float = 0.0,
    l2: float = 0.0,
    augment: Sequence[AbstractAugmentation] = (),
    patience: float = float("inf"),
    threshold: float = float("-inf"),
    time_limit: float = float("inf"),
    keep_best: bool = True,
    judge_every: int | None = None,
    record_layers: bool = False,
    seed: int = 0,
    watch: Callable[[Any], None] | None = None,
) -> tuple[Model, History]:
    """Train one network and return it with its history.

    **network**: a description such as `networks.MLP(hidden=[64, 64])`; an equinox
    module, called for one example (`module(x)` or `module(x, key=key)`); or a pair
    `(init, apply)` with `init(key) -> params` and `apply(params, x) -> outputs` for a
    batch. **data**: inputs `[n, ...]` (or a dict of them) and targets: integer class
    codes, or numbers. **validation**: a fraction of the rows, data of its own, or 0.
    **l1**, **l2**: penalties on kernels (L2 with the factor 1/2). **augment**: of
    `thalweg.augmentation`, for images `[n, height, width, channels]`.

    It ends at `epochs` or `steps` (of `batch_size` rows), after `patience` judgements
    without improvement, at a validation loss of `threshold`, or after `time_limit`
    seconds, whichever is first. **judge_every**: steps between judgements, an epoch by
    default. **keep_best**: return the weights of the best judgement, not the last.
    The history has the learning rates in use at each judgement, and whatever other
    hyper-parameter changed. **record_layers**: measure gradients, weights, updates and
    activity of each layer at each judgement, for `history.layers` and `diagnose`; costs
    a step or two.

    Raises InvalidInput for settings that make no sense, SearchError if the loss was
    never finite.
    """
    X, y = data
    loss_name, given = named_loss(loss)
    problem = Problem.of(X, y, loss=loss_name, validation=validation, seed=seed)
    chosen = _metrics(metrics, problem)
    at_least(1, batch_size=batch_size, judge_every=judge_every)
    at_least(0, l1=l1, l2=l2)
    dataset = Dataset.of(problem.x, problem.y, problem.splits)
    judge = given or problem.judge()
    length = int(dataset.train_size[0])
    batch_size = min(batch_size, length)
    every = judge_every or -(-length // batch_size)
    total = _steps(epochs, steps, length, batch_size)
    if isinstance(optimizer, str):
        optimizer = OPTIMIZERS[optimizer]()
    stop = Stop(
        np.int32(total),
        patience=np.float32(patience),
        threshold=np.float32(threshold),
    )
    candidate = recipe(
        network,
        optimizer,
        judge,
        stop,
        l1=l1,
        l2=l2,
        batch_size=batch_size,
        augment=augment,
    )
    check_outputs(candidate, problem)
    names = names_in_use(candidate, problem.inputs, problem.outputs)
    task = Task(
        dataset, problem.inputs, problem.outputs, judge, measure(layers=record_layers)
    )
    engine = Engine(task, steps=every, devices=1, places=1, watch=watch)
    job = Job(0, 0, candidate, 0, seed_word(seed, 0), keep=not keep_best)
    ended = engine.train([job], deadline=time.monotonic() + time_limit)
    if not ended or ended[0].network is None:
        raise SearchError(_why(ended))
    end = ended[0]
    network, step = end.network, end.step
    if not keep_best:
        network, step = _last(end, candidate), end.steps
    model = Model(network, judge, problem.task, chosen, end.status, step)
    about = Circumstances(
        status=end.status,
        optimizer=optimizer,
        batch_size=batch_size,
        held_out=bool(dataset.validation_size[0]),
        loss=judge,
        targets=problem.y[0][problem.splits.train[0]],
        outputs=problem.outputs,
    )
    return model, _history(end, length / batch_size, names, about)


def _last(end: Finished, candidate: Candidate) -> Any:
    """The network as it was when the training ended."""
    if end.state is None:
        return end.network
    _, rest = eqx.partition(end.network, eqx.is_array_like)
    return eqx.combine(solved(end.state, candidate), rest)


@eqx.filter_jit
def _outputs(arrays: PyTree, rest: Any, loss: AbstractLoss, x: PyTree) -> Any:
    return outputs_of(eqx.combine(arrays, rest), loss, x)


def _as_arrays(X: PyTree) -> PyTree:
    def single(leaf: Any) -> np.ndarray:
        leaf = np.asarray(leaf)
        return leaf.astype(np.float32) if leaf.dtype == np.float64 else leaf

    return jax.tree.map(single, X)


def _metrics(names: Sequence[str], problem: Problem) -> tuple[Metric, ...]:
    chosen = tuple(METRICS[name] for name in names)
    for metric in chosen:
        if problem.task not in metric.tasks:
            raise InvalidInput(
                f"The metric {metric.name!r} is for {metric.tasks[0]}, but the target "
                f"means {problem.task}. Choose another metric."
            )
    return chosen


def _steps(
    epochs: float | None, steps: int | None, length: int, batch_size: int
) -> int:
    if (epochs is None) == (steps is None):
        got = "neither" if epochs is None else "both"
        raise InvalidInput(f"Give `epochs` or `steps`, but got {got}.")
    if steps is not None and steps % 1:
        raise InvalidInput(f"`steps` must be a whole number, but got {steps}.")
    total = (epochs or 0) * length / batch_size if steps is None else steps
    if not 0.5 <= total < 2**31:
        raise InvalidInput(
            "Training needs at least one step and a finite number of them, but got "
            f"epochs={epochs}, steps={steps}."
        )
    return max(1, round(total))


def _why(ended: Sequence[Finished]) -> str:
    if ended and ended[0].status == "diverged":
        return (
            "The loss was never finite: training diverged at once. Lower the learning "
            "rate, clip the gradients, or scale the inputs."
        )
    return "The time limit ended the training before its first judgement. Raise it."


def _history(
    end: Finished, steps_per_epoch: float, names: list[str], about: Circumstances
) -> History:
    columns = {name: end.curve[:, i] for i, name in enumerate(CURVE)}
    ends = np.cumsum([len(CURVE), len(names)])
    _, values, more = np.split(end.curve, ends, axis=1)
    layers = None
    if more.shape[1]:
        layers = layers_of(end.network, more, len(about.targets))
    metrics = {"epoch": columns["step"] / steps_per_epoch, **columns}
    return History(metrics | as_columns(names, values), about, layers)


__all__ = ["AbstractDescription", "History", "Model", "train"]
