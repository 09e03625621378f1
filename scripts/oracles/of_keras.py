"""Keras, on its JAX backend."""

import os
from collections.abc import Iterator

os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import keras

from oracles.cases import MATRICES, Case, call, join

jax.config.update("jax_enable_x64", True)
keras.backend.set_floatx("float64")

K = keras.optimizers
MEAN = "Keras takes the mean of squares in single precision"
NORM = "Keras adds 1e-7 to the norm; ours divides by at least 1e-7"
VERSION = keras.__version__
CASES = [
    Case(call(K.SGD, momentum=0.9), "Momentum(rate, rate_inside=True)"),
    Case(
        call(K.SGD, momentum=0.9, nesterov=True, weight_decay=0.1),
        "Nesterov(rate, rate_inside=True, weight_decay=0.1)",
    ),
    Case(
        call(K.Adagrad),
        "AdaGrad(rate, initial_accumulator=0.1, eps=1e-7, eps_inside=True)",
    ),
    Case(
        call(K.RMSprop, momentum=0.5, centered=True),
        "RMSprop(rate, b2=0.9, momentum=0.5, eps=1e-7, centred=True, "
        "eps_inside=True, rate_inside=True)",
        peak=0.01,
    ),
    Case(call(K.Adam), "Adam(rate, eps=1e-7, epsilon_hat=True)"),
    Case(call(K.Adamax), "Adamax(rate, eps=1e-7, eps_outside=True)"),
    Case(
        call(K.AdamW, weight_decay=0.1),
        "AdamW(rate, eps=1e-7, weight_decay=0.1, epsilon_hat=True)",
    ),
    Case(
        call(K.Nadam, weight_decay=0.1),
        "NAdamW(rate, eps=1e-7, weight_decay=0.1, momentum_decay=1.0)",
    ),
    Case(call(K.Adadelta), "Adadelta(rate, b2=0.95, eps=1e-7)"),
    Case(call(K.Lion, weight_decay=0.1), "Lion(rate, weight_decay=0.1)"),
    Case(call(K.Lamb), "LAMB(rate, eps=1e-7)"),
    Case(call(K.SGD), "SGD(rate)"),
    Case(call(K.Adam, amsgrad=True), "AMSGrad(rate, eps=1e-7, epsilon_hat=True)"),
    Case(
        call(K.RMSprop), "RMSprop(rate, b2=0.9, eps=1e-7, eps_inside=True)", peak=0.01
    ),
    Case(
        call(K.Adafactor, relative_step=False),
        "Adafactor(rate)",
        tolerance=1e-5,
        note=MEAN,
    ),
    Case(
        call(K.Adafactor, relative_step=False),
        "Adafactor(rate, smallest_factored=1)",
        problem=MATRICES,
        tolerance=1e-5,
        note=MEAN,
    ),
    Case(call(K.ScheduleFreeAdamW), "ScheduleFreeAdamW(rate)", falls=False),
    Case(
        call(K.Muon, weight_decay=0.1),
        "Muon(rate, weight_decay=0.1)",
        problem=MATRICES,
        tolerance=1e-6,
        note=NORM,
    ),
    Case(
        call(K.Muon, nesterov=False, rms_rate=None),
        "Muon(rate, nesterov=False, scale='none', weight_decay=0.004)",
        problem=MATRICES,
        tolerance=1e-6,
        note=NORM,
    ),
]


def run(case: Case) -> Iterator[list[float]]:
    """The parameters after each step."""
    params = [keras.Variable(x, dtype="float64") for x in case.problem.start]
    optimizer = case.make(learning_rate=case.peak)
    optimizer.build(params)
    for step, grads in enumerate(case.problem.gradients):
        optimizer.learning_rate = case.rate(step)
        optimizer.apply([jnp.asarray(g) for g in grads], params)
        yield join(p.numpy() for p in params)
