"""optax."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
import optax

from oracles.cases import MATRICES, Case, call, join

jax.config.update("jax_enable_x64", True)

VERSION = optax.__version__
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
]


def run(case: Case) -> Iterator[list[float]]:
    """The parameters after each step."""
    params = [jnp.asarray(x) for x in case.problem.start]
    optimizer = case.make(lambda step: case.rate(jnp.asarray(step, float)))
    state, update = optimizer.init(params), jax.jit(optimizer.update)
    for grads in case.problem.gradients:
        updates, state = update([jnp.asarray(g) for g in grads], state, params)
        params = optax.apply_updates(params, updates)
        yield join(params)
