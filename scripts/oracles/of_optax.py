"""optax."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from oracles.cases import MATRICES, Case, call, join

jax.config.update("jax_enable_x64", True)

VERSION = optax.__version__


class Linear(NamedTuple):
    """A schedule over 20 steps, in double precision, which optax's is not."""

    start: float
    end: float

    def __call__(self, step: Any) -> Any:
        part = jnp.minimum(jnp.asarray(step, float) / 20, 1.0)
        return self.start + (self.end - self.start) * part


POWER = "optax takes the power of the decay in single precision"
CASES = [
    Case(call(optax.sgd, momentum=0.9), "Momentum(rate)"),
    Case(call(optax.sgd, momentum=0.9, nesterov=True), "Nesterov(rate)"),
    Case(
        call(optax.adagrad),
        "AdaGrad(rate, initial_accumulator=0.1, eps=1e-7, eps_inside=True)",
    ),
    Case(call(optax.rmsprop), "RMSprop(rate, b2=0.9, eps_inside=True)", peak=0.01),
    Case(
        call(optax.rmsprop, eps_in_sqrt=False, momentum=0.5),
        "RMSprop(rate, b2=0.9, momentum=0.5, rate_inside=True)",
        peak=0.01,
    ),
    Case(
        call(optax.rmsprop, centered=True),
        "RMSprop(rate, b2=0.9, centred=True, eps_inside=True)",
        peak=0.01,
    ),
    Case(call(optax.adam), "Adam(rate)"),
    Case(call(optax.adamax), "Adamax(rate)"),
    Case(call(optax.amsgrad), "AMSGrad(rate, correction='before')"),
    Case(call(optax.adamw, weight_decay=0.1), "AdamW(rate, weight_decay=0.1)"),
    Case(
        call(optax.adamw, nesterov=True, weight_decay=0.1),
        "NAdamW(rate, weight_decay=0.1, momentum_decay=inf)",
    ),
    Case(call(optax.adadelta), "Adadelta(rate)", peak=1.0),
    Case(call(optax.radam), "RAdam(rate)"),
    Case(call(optax.lion, weight_decay=0.1), "Lion(rate, weight_decay=0.1)"),
    Case(call(optax.lamb, weight_decay=0.1), "LAMB(rate, weight_decay=0.1)"),
    Case(call(optax.adafactor), "Adafactor(rate)", tolerance=1e-7, note=POWER),
    Case(
        call(
            optax.adafactor,
            min_dim_size_to_factor=1,
            multiply_by_parameter_scale=False,
            clipping_threshold=0.5,
            weight_decay_rate=0.01,
        ),
        "Adafactor(rate, smallest_factored=1, relative=False, clip=0.5, "
        "weight_decay=0.01, independent=True)",
        tolerance=1e-7,
        note=POWER,
    ),
    Case(
        call(optax.adafactor, min_dim_size_to_factor=1),
        "Adafactor(rate, smallest_factored=1)",
        problem=MATRICES,
        tolerance=1e-7,
        note=POWER,
    ),
    Case(
        call(optax.contrib.ademamix, weight_decay=0.1),
        "AdEMAMix(rate, weight_decay=0.1)",
    ),
    Case(call(optax.sgd), "SGD(rate)"),
    Case(
        call(optax.adam, b1=0.8, b2=0.95, eps=1e-3),
        "Adam(rate, b1=0.8, b2=0.95, eps=1e-3)",
    ),
    Case(
        call(
            optax.contrib.ademamix,
            b1=0.8,
            b2=0.9,
            b3=Linear(0.9, 0.99),
            alpha=Linear(0.0, 5.0),
        ),
        "AdEMAMix(rate, b1=0.8, b2=0.9, b3=Linear(0.9, 20, end=0.99), "
        "alpha=Linear(0.0, 20, end=5.0))",
    ),
    Case(
        call(optax.contrib.schedule_free_sgd, weight_decay=0.1),
        "ScheduleFreeSGD(rate, weight_decay=0.1)",
        falls=False,
    ),
    Case(
        call(optax.contrib.schedule_free_adamw, weight_decay=0.1),
        "ScheduleFreeAdamW(rate, weight_decay=0.1)",
        falls=False,
    ),
    Case(
        call(optax.contrib.prodigy, weight_decay=0.1),
        "Prodigy(rate, weight_decay=0.1, bias_correction=True)",
        peak=1.0,
    ),
    Case(
        call(optax.contrib.prodigy, safeguard_warmup=True),
        "Prodigy(rate, safeguard_warmup=True, bias_correction=True)",
        peak=1.0,
    ),
    Case(
        call(optax.contrib.muon, nesterov=False, eps=0.0, weight_decay=0.1),
        "Muon(rate, nesterov=False, scale='original', weight_decay=0.1)",
        problem=MATRICES,
    ),
    Case(
        call(optax.contrib.muon, nesterov=False, eps=0.0, consistent_rms=0.2),
        "Muon(rate, nesterov=False, weight_decay=0.0)",
        problem=MATRICES,
    ),
    Case(
        call(optax.radam, threshold=4.0, b2=0.9), "RAdam(rate, threshold=4.0, b2=0.9)"
    ),
    Case(
        call(optax.lamb, b1=0.8, b2=0.9, eps=1e-3),
        "LAMB(rate, b1=0.8, b2=0.9, eps=1e-3)",
    ),
    Case(call(optax.adadelta, rho=0.95, eps=1e-3), "Adadelta(rate, b2=0.95, eps=1e-3)"),
    Case(
        call(optax.lion, b1=0.8, b2=0.95, weight_decay=0.0),
        "Lion(rate, b1=0.8, b2=0.95)",
    ),
    Case(
        call(optax.adamw, b1=0.8, b2=0.95, eps=1e-3),
        "AdamW(rate, b1=0.8, b2=0.95, eps=1e-3, weight_decay=1e-4)",
    ),
]


def run(case: Case) -> Iterator[list[float]]:
    """The parameters after each step."""
    params = [jnp.asarray(x) for x in case.problem.start]
    falling = lambda step: case.rate(jnp.asarray(step, float))  # noqa: E731
    optimizer = case.make(falling if case.falls else case.peak)
    state, update = optimizer.init(params), jax.jit(optimizer.update)
    for grads in case.problem.gradients:
        updates, state = update([jnp.asarray(g) for g in grads], state, params)
        params = optax.apply_updates(params, updates)
        yield join(params)
