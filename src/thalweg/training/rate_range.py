"""Learning-rate range test: which rates train a network, before it is trained.

Smith 2017, section 3.3, https://arxiv.org/abs/1506.01186 (`method="ramp"`)
Departs from the paper: `method="sweep"` holds each rate and begins each anew, side by
side in one program. In a ramp the small rates prepare the ground for the large ones,
and there is one run to judge by; a sweep has neither fault, for as many runs as rates.
"""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from thalweg.core.errors import InvalidInput, SearchError
from thalweg.core.rng import seed_word
from thalweg.losses import AbstractLoss
from thalweg.optimizers import OPTIMIZERS, AbstractOptimizer, scaled
from thalweg.optimizers.base import with_rate
from thalweg.problem import Problem
from thalweg.schedules import Exponential, is_schedule
from thalweg.training.arguments import at_least, check_outputs, named_loss, recipe
from thalweg.training.bench import Job
from thalweg.training.candidate import Stop
from thalweg.training.dataset import Dataset
from thalweg.training.engine import Engine
from thalweg.training.population import Task
from thalweg.training.rate_curve import SUGGESTS, Method, RangeTest, ramped, swept

DECADES = 3  # on either side of the optimizer's own rate
QUARTER = 4  # a sweep's loss is that of the last quarter of its steps


def range_test(
    network: Any,
    data: tuple[Any, Any],
    *,
    loss: str | AbstractLoss | None = None,
    optimizer: str | AbstractOptimizer[Any] = "adam",
    method: Method = "sweep",
    low: float | None = None,
    high: float | None = None,
    rates: int = 25,
    steps: int = 100,
    repeats: int = 1,
    batch_size: int = 32,
    validation: float | tuple[Any, Any] = 0.2,
    l1: float = 0.0,
    l2: float = 0.0,
    time_limit: float = float("inf"),
    seed: int = 0,
    watch: Callable[[Any], None] | None = None,
) -> RangeTest:
    """Try learning rates between `low` and `high`; `.suggestion` is one to train with.

    **method** "sweep", the honest one: each of `rates` rates is held for `steps` steps
    from the same start, all side by side, and is judged by its validation loss then
    (without validation, by the training loss of the last quarter). "ramp", the classic:
    one training whose rate grows at each of `steps` steps; cheap where a single step
    takes long, and right to an order of magnitude. **repeats**: seeds to average over.

    **low**, **high**: by default a thousandth and a thousand times the optimizer's own
    rate. In an optimizer with several rates they keep their proportions, and the first
    is meant; where the rate follows a schedule, its largest value within the test. The
    other arguments are those of `train`.

    Raises InvalidInput for settings that make no sense and for an optimizer without a
    learning rate, SearchError if no rate had a finite loss.
    """
    at_least(2, rates=rates)
    at_least(1, steps=steps, repeats=repeats, batch_size=batch_size)
    at_least(0, l1=l1, l2=l2)
    if method not in SUGGESTS:
        raise InvalidInput(f"`method` must be 'sweep' or 'ramp', but got {method!r}.")
    if isinstance(optimizer, str):
        optimizer = OPTIMIZERS[optimizer]()
    plan = Plan.of(optimizer, method, low, high, rates, steps)
    loss_name, given = named_loss(loss)
    problem = Problem.of(*data, loss=loss_name, validation=validation, seed=seed)
    splits = problem.splits
    if method == "ramp":  # every step is judged: by its batch
        splits = [(train, held_out[:0]) for train, held_out in splits]
    dataset = Dataset.of(problem.x, problem.y, splits)
    judge = given or problem.judge()
    candidate = recipe(
        network,
        plan.optimizers[0],
        judge,
        Stop(np.int32(plan.steps)),
        l1=l1,
        l2=l2,
        batch_size=min(batch_size, int(dataset.train_size[0])),
    )
    check_outputs(candidate, problem)
    task = Task(dataset, problem.inputs, problem.outputs, judge)
    engine = Engine(task, steps=plan.every, watch=watch)
    seeds = [seed_word(seed, replica) for replica in range(repeats)]
    jobs = [
        Job(trial, replica, replace(candidate, optimizer=o), 0, seed)
        for trial, o in enumerate(plan.optimizers)
        for replica, seed in enumerate(seeds)
    ]
    ended = engine.train(jobs, deadline=time.monotonic() + time_limit)
    if len(ended) < len(jobs) or any(end.status == "cut" for end in ended):
        raise SearchError(
            "The time limit ended the range test before all of its trainings. Raise "
            "it, or give fewer `rates` or `steps`."
        )
    curves = [end.curve for end in ended]
    if method == "ramp":
        return ramped(plan.rates, curves)
    each = [curves[i : i + repeats] for i in range(0, len(curves), repeats)]
    return swept(plan.rates, each)


class Plan(NamedTuple):
    """What is to be trained."""

    rates: Float[np.ndarray, " n"]
    optimizers: list[AbstractOptimizer[Any]]  # one per rate, or one whose rate grows
    steps: int
    every: int  # steps between judgements

    @staticmethod
    def of(
        optimizer: AbstractOptimizer[Any],
        method: Method,
        low: float | None,
        high: float | None,
        count: int,
        steps: int,
    ) -> "Plan":
        """The optimizers of a test of rates from `low` to `high`."""
        own = own_rate(optimizer, steps)
        low = own / 10**DECADES if low is None else low
        high = own * 10**DECADES if high is None else high
        if not 0 < low < high < float("inf"):
            raise InvalidInput(
                "A range test needs 0 < low < high, both finite, but got "
                f"low={low:.6g}, high={high:.6g}."
            )
        if method == "sweep":
            rates = np.geomspace(low, high, count)
            each = [scaled(optimizer, {"learning_rate": float(r) / own}) for r in rates]
            return Plan(rates, each, steps, max(1, steps // QUARTER))
        if is_schedule(first_with_rate(optimizer).learning_rate):
            raise InvalidInput(
                "A ramp is a schedule, but the optimizer's learning rate follows one "
                'already. Give it a number, or use method="sweep".'
            )
        rates = np.geomspace(low, high, steps)
        growth = Exponential(low / own, max(1, steps - 1), factor=high / low)
        grows = scaled(optimizer, {"learning_rate": growth})
        return Plan(rates, [grows], steps + 1, 1)


def own_rate(optimizer: AbstractOptimizer[Any], steps: int) -> float:
    """The optimizer's own learning rate: the first, a schedule's largest value."""
    rate: Any = first_with_rate(optimizer).learning_rate
    if is_schedule(rate):
        rate = jnp.max(jax.vmap(rate)(jnp.arange(steps)))
    if not float(rate) > 0:
        raise InvalidInput(
            "A range test multiplies the optimizer's learning rate, which must be "
            f"positive, but got {rate}."
        )
    return float(rate)


def first_with_rate(optimizer: AbstractOptimizer[Any]) -> Any:
    """The optimizer itself, or the first within it, that has a learning rate."""
    first = with_rate(optimizer)
    if first is not None:
        return first
    raise InvalidInput(
        "A range test needs an optimizer with a hyper-parameter `learning_rate`, but "
        f"{type(optimizer).__name__} has none. Use one of `thalweg.optimizers`."
    )
