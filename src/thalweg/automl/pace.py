"""Fit the length of a training to the time limit, by timing a few steps.

For networks whose training takes minutes a schedule that is cut off early is wasted, so
the number of epochs is chosen such that trainings end with the limit: as many waves of
full trainings as fit, and if not one does, a shorter one. A wave is as many trainings
as run at once: one on each core, or a batch on each accelerator. The timing runs the
program of the first configuration, which is compiled for it and then used.
"""

import math
import time
from dataclasses import dataclass, replace
from typing import Any

import equinox as eqx
import numpy as np

from thalweg.automl.prepared import Prepared
from thalweg.core.rng import seed_word
from thalweg.study.loop import Search
from thalweg.training.assembly import Assembler
from thalweg.training.bench import Job

WARM_UP = 1  # steps of the first run, which takes longer than it will
SHORT, LONG = 2, 10  # steps of the two timings
MARGIN = 0.92  # of the time is planned for; the rest is for what disturbs it
_ASIDE = 2**30  # trial number of the timing, whose result is dropped


@dataclass(frozen=True)
class Pace:
    """How long a full training is, and how much of the time it takes."""

    epochs: float
    round_steps: int
    wave_seconds: float  # of as many trainings as run at once

    def to_json(self) -> dict[str, Any]:
        return dict(vars(self))


def measured(prepared: Prepared, search: Search, deadline: float) -> Pace | None:
    """The pace that ends with the deadline; None where the plan's own is kept."""
    plan = prepared.plan
    if plan.rounds is None or deadline == math.inf:
        return None
    warm, short, long = (
        _timed(prepared, search, n, deadline) for n in (WARM_UP, SHORT, LONG)
    )
    if not (warm and short and long):
        return None
    step = max((long - short) / (LONG - SHORT), 1e-5)
    judgement = max(0.0, short - SHORT * step)
    splits = len(prepared.problem.splits)
    turns = -(-splits // _lanes(search))  # trainings one after the other per wave
    left = MARGIN * (deadline - time.monotonic())
    full = plan.round_steps * plan.rounds * step + plan.rounds * judgement
    waves = max(1, int(left / (turns * full)))
    seconds = left / waves / turns - plan.rounds * judgement
    steps = min(seconds / step, 1.5 * plan.round_steps * plan.rounds)
    round_steps = max(1, int(steps / plan.rounds))
    epochs = round_steps * plan.rounds / prepared.assembly["steps_per_epoch"]
    wave = turns * plan.rounds * (round_steps * step + judgement)
    return Pace(epochs, round_steps, wave)


def at_pace(prepared: Prepared, search: Search, pace: Pace | None) -> Prepared:
    """The same at another pace, which the search is brought to as well."""
    if pace is None:
        return prepared
    length = {"epochs": pace.epochs, "round_steps": pace.round_steps}
    assembly = {**prepared.assembly, **length}
    space = prepared.plan.space
    recipe = Assembler(space, network=prepared.features.networks, **assembly)
    search.recipe, search.engine.steps = recipe, pace.round_steps
    splits = len(prepared.problem.splits)
    search.first = max(1, _lanes(search) // splits)
    search.least = pace.wave_seconds / 2
    plan = replace(prepared.plan, **length)
    return replace(prepared, plan=plan, recipe=recipe, assembly=assembly)


def _lanes(search: Search) -> int:
    """How many trainings run at once."""
    return search.engine.mesh.size * search.engine.width


def _timed(prepared: Prepared, search: Search, steps: int, deadline: float) -> float:
    """Seconds of so many steps and a judgement on every device; 0 if never done."""
    engine = search.engine
    recipe = prepared.recipe(prepared.plan.starts[0])
    recipe = eqx.tree_at(lambda r: r.stop.steps, recipe, np.int32(steps))
    before, engine.steps = engine.tally.train_seconds, steps
    work = [
        Job(_ASIDE, number, recipe, 0, seed_word(0, number))
        for number in range(engine.mesh.size)
    ]
    ended = engine.train(work, deadline=deadline)
    engine.steps = prepared.plan.round_steps
    return engine.tally.train_seconds - before if len(ended) == len(work) else 0.0
