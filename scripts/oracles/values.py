"""Schedules, clipping and activations that share a name and differ in value."""

import os
from collections.abc import Callable
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import torch

jax.config.update("jax_enable_x64", True)
keras.backend.set_floatx("float64")

VERSIONS = {
    "torch": torch.__version__.split("+")[0],
    "optax": optax.__version__,
    "keras": keras.__version__,
    "jax": jax.__version__,
}
POINTS = np.linspace(-3, 3, 13)  # where activations are compared
GRADIENT = [3.0, -4.0, 12.0]  # of norm 13
ROUNDS = 8  # of a validation loss that never improves


def stairs_torch() -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    schedule = torch.optim.lr_scheduler.MultiStepLR(optimizer, [5])
    rates = []
    for _ in range(10):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


def at_steps(schedule: Callable[[Any], Any], steps: int) -> list[float]:
    return [float(schedule(jnp.asarray(step))) for step in range(steps)]


def plateau_torch() -> list[float]:
    optimizer = torch.optim.SGD([torch.zeros(1)], lr=1.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=2)
    scales = []
    for _ in range(ROUNDS):
        schedule.step(1.0)
        scales.append(optimizer.param_groups[0]["lr"])
    return scales


def plateau_optax() -> list[float]:
    rule = optax.contrib.reduce_on_plateau(patience=2, factor=0.1, rtol=1e-4)
    params = jnp.zeros(1)
    state, scales = rule.init(params), []
    for _ in range(ROUNDS):
        _, state = rule.update(params, state, value=jnp.asarray(1.0))
        scales.append(float(state.scale))
    return scales


def plateau_keras() -> list[float]:
    rule = keras.callbacks.ReduceLROnPlateau(patience=2)
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="mse")
    rule.set_model(model)
    rule.on_train_begin()
    scales = []
    for epoch in range(ROUNDS):
        rule.on_epoch_end(epoch, {"val_loss": 1.0})
        scales.append(float(model.optimizer.learning_rate))
    return scales


def clip_torch() -> list[float]:
    p = torch.zeros(3, dtype=torch.float64, requires_grad=True)
    p.grad = torch.tensor(GRADIENT, dtype=torch.float64)
    torch.nn.utils.clip_grad_norm_([p], 1.0)
    return p.grad.tolist()


def clip_optax() -> list[float]:
    rule = optax.clip_by_global_norm(1.0)
    grads = jnp.asarray(GRADIENT)
    return rule.update(grads, rule.init(grads))[0].tolist()


def clip_keras() -> list[float]:
    optimizer = keras.optimizers.SGD(1.0, global_clipnorm=1.0)
    variable = keras.Variable(np.zeros(3), dtype="float64")
    optimizer.apply([jnp.asarray(GRADIENT)], [variable])
    return (-variable.numpy()).tolist()


def on_points(activation: Callable[[Any], Any]) -> list[float]:
    return np.asarray(activation(jnp.asarray(POINTS)), float).tolist()


def on_tensor(activation: Callable[[Any], Any]) -> list[float]:
    return activation(torch.tensor(POINTS)).tolist()


def topics() -> dict[str, dict[str, Any]]:
    """By name: a title, how ours is asked, and the sides' values."""
    warmup = keras.optimizers.schedules.CosineDecay(
        0.0, 100, warmup_target=1.0, warmup_steps=10
    )
    keras_stairs = keras.optimizers.schedules.PiecewiseConstantDecay([5], [1.0, 0.1])
    return {
        "boundary": {
            "title": "A staircase with a boundary at 5: the rate of steps 0 to 9",
            "kind": "schedule",
            "sides": [
                side(
                    "torch",
                    "MultiStepLR(milestones=[5])",
                    "MultiStep(1.0, boundaries=(5,))",
                    stairs_torch(),
                ),
                side(
                    "optax",
                    "piecewise_constant_schedule(1.0, {5: 0.1})",
                    "MultiStep(1.0, boundaries=(5,))",
                    at_steps(optax.piecewise_constant_schedule(1.0, {5: 0.1}), 10),
                ),
                side(
                    "keras",
                    "PiecewiseConstantDecay([5], [1.0, 0.1])",
                    "MultiStep(1.0, boundaries=(6,))",
                    at_steps(keras_stairs, 10),
                ),
            ],
        },
        "warmup": {
            "title": "A warm-up of 10 steps and a cosine over 100",
            "kind": "schedule",
            "sides": [
                side(
                    "optax",
                    "warmup_cosine_decay_schedule(0.0, 1.0, 10, 100)",
                    "Joined([Linear(0.0, 10, end=1.0), Cosine(1.0, 90)], "
                    "boundaries=(10,))",
                    at_steps(
                        optax.warmup_cosine_decay_schedule(0.0, 1.0, 10, 100), 115
                    ),
                ),
                side(
                    "keras",
                    "CosineDecay(0.0, 100, warmup_target=1.0, warmup_steps=10)",
                    "Joined([Linear(0.0, 10, end=1.0), Cosine(1.0, 100)], "
                    "boundaries=(10,))",
                    at_steps(warmup, 115),
                ),
            ],
        },
        "plateau": {
            "title": "A plateau's patience of 2, while the loss never improves",
            "kind": "plateau",
            "sides": [
                side(
                    "torch",
                    "ReduceLROnPlateau(patience=2)",
                    "ReduceOnPlateau(SGD(1.0), patience=2)",
                    plateau_torch(),
                ),
                side(
                    "optax",
                    "reduce_on_plateau(patience=2, factor=0.1, rtol=1e-4)",
                    "ReduceOnPlateau(SGD(1.0), patience=1)",
                    plateau_optax(),
                ),
                side(
                    "keras",
                    "ReduceLROnPlateau(patience=2)",
                    "ReduceOnPlateau(SGD(1.0), patience=1)",
                    plateau_keras(),
                ),
            ],
        },
        "clipping": {
            "title": "Clipping a gradient of norm 13 to a global norm of 1",
            "kind": "clipping",
            "sides": [
                side("torch", "clip_grad_norm_(1.0)", "", clip_torch()),
                side(
                    "optax",
                    "clip_by_global_norm(1.0)",
                    "ClipByGlobalNorm(1.0)",
                    clip_optax(),
                ),
                side(
                    "keras",
                    "SGD(global_clipnorm=1.0)",
                    "ClipByGlobalNorm(1.0)",
                    clip_keras(),
                ),
            ],
        },
        "gelu": {
            "title": "GELU between -3 and 3",
            "kind": "activation",
            "sides": [
                side("torch", "gelu(x)", "GELU()", on_tensor(torch.nn.functional.gelu)),
                side("jax", "nn.gelu(x)", "", on_points(jax.nn.gelu)),
                side(
                    "keras",
                    "activations.gelu(x)",
                    "GELU()",
                    on_points(keras.activations.gelu),
                ),
            ],
        },
        "leaky_relu": {
            "title": "Leaky ReLU's default slope, between -3 and 3",
            "kind": "activation",
            "sides": [
                side(
                    "torch",
                    "leaky_relu(x)",
                    "LeakyReLU()",
                    on_tensor(torch.nn.functional.leaky_relu),
                ),
                side(
                    "jax",
                    "nn.leaky_relu(x)",
                    "LeakyReLU()",
                    on_points(jax.nn.leaky_relu),
                ),
                side(
                    "keras",
                    "activations.leaky_relu(x)",
                    "LeakyReLU(0.2)",
                    on_points(keras.activations.leaky_relu),
                ),
                side(
                    "keras",
                    "layers.LeakyReLU()(x)",
                    "LeakyReLU(0.3)",
                    on_points(keras.layers.LeakyReLU()),
                ),
            ],
        },
    }


def side(oracle: str, text: str, ours: str, values: list[float]) -> dict[str, Any]:
    """As it is recorded."""
    return {
        "oracle": oracle,
        "version": VERSIONS[oracle],
        "call": text,
        "ours": ours,
        "values": [float(f"{x:.15g}") for x in values],
    }
