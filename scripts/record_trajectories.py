"""Record what PyTorch, optax and Keras do, as numbers that the tests compare with.

    python -m venv oracles
    oracles/bin/pip install torch==2.13.0 optax==0.2.8 keras==3.15.1
    oracles/bin/python scripts/record_trajectories.py tests

Every case runs 60 steps in double precision on the same gradients, ordinary and hostile
ones, from the same parameters, with a falling learning rate. A case names our optimizer
and its settings, so that the tests are a loop over the files.
"""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import torch

jax.config.update("jax_enable_x64", True)
keras.backend.set_floatx("float64")
torch.set_default_dtype(torch.float64)  # for NAdam's product of momenta

STEPS, HORIZON = 60, 100
SHAPES = [(), (2,), (2, 1), (1, 2, 1, 1)]
Leaves = list[np.ndarray]


def rate(peak: float, step: Any) -> Any:
    """The falling learning rate of every case: `schedules.Linear(peak, 100)`."""
    return peak * (1 - step / HORIZON)


def gradients() -> list[Leaves]:
    """One column of hostility per parameter; rounded, so that the file stays small."""
    random = np.random.default_rng(0)
    t = np.arange(STEPS)
    columns = [
        random.normal(size=STEPS),  # ordinary
        np.where(t % 2, 1.0, -1.0),  # flips its sign
        np.where(t % 7 == 3, random.normal(size=STEPS), 0.0),  # sparse
        np.where(t < 20, 0.0, random.normal(size=STEPS)),  # dead at first
        random.choice([-1, 1], STEPS) * 10.0 ** random.integers(-12, 13, STEPS),
        1e-12 * random.normal(size=STEPS),  # far below eps
        np.where(t == 10, 1e12, random.normal(size=STEPS)),  # one explosion
    ]
    table = np.array([[float(f"{x:.3g}") for x in column] for column in columns]).T
    return [split(row) for row in table]


def split(row: np.ndarray) -> Leaves:
    """Seven numbers as four arrays of 0, 1, 2 and 4 dimensions."""
    ends = np.cumsum([int(np.prod(shape)) for shape in SHAPES])[:-1]
    parts = np.split(row, ends)
    return [part.reshape(shape) for part, shape in zip(parts, SHAPES, strict=True)]


def join(leaves: Any) -> list[float]:
    """The seven numbers of four arrays, to 15 digits."""
    numbers = np.concatenate([np.asarray(x, float).reshape(-1) for x in leaves])
    return [float(f"{x:.15g}") for x in numbers]


START = split(np.array([1.0, -2.0, 0.5, 3.0, -0.25, 1.5, -1.0]))


def by_torch(make: Callable[..., torch.optim.Optimizer], peak: float, falls: bool):
    params = [torch.tensor(x, dtype=torch.float64) for x in START]
    optimizer = make(params, lr=peak)
    for step, grads in enumerate(gradients()):
        for group in optimizer.param_groups:
            group["lr"] = rate(peak, step) if falls else peak
        for p, g in zip(params, grads, strict=True):
            p.grad = torch.tensor(g, dtype=torch.float64)
        optimizer.step()
        yield join(p.numpy() for p in params)


def by_optax(
    make: Callable[..., optax.GradientTransformation], peak: float, falls: bool
):
    assert falls
    params = [jnp.asarray(x) for x in START]
    optimizer = make(lambda step: rate(peak, jnp.asarray(step, float)))
    state, update = optimizer.init(params), jax.jit(optimizer.update)
    for grads in gradients():
        updates, state = update([jnp.asarray(g) for g in grads], state, params)
        params = optax.apply_updates(params, updates)
        yield join(params)


def by_keras(make: Callable[..., keras.optimizers.Optimizer], peak: float, falls: bool):
    assert falls
    params = [keras.Variable(x, dtype="float64") for x in START]
    optimizer = make(learning_rate=peak)
    optimizer.build(params)
    for step, grads in enumerate(gradients()):
        optimizer.learning_rate = rate(peak, step)
        optimizer.apply([jnp.asarray(g) for g in grads], params)
        yield join(p.numpy() for p in params)


def partial(make: Callable[..., Any], **settings: Any) -> Callable[..., Any]:
    """`make` with settings, and a text that says so."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return make(*args, **kwargs, **settings)

    shown = ", ".join(f"{name}={value}" for name, value in settings.items())
    call.__doc__ = f"{make.__name__}({shown})"
    return call


T, K = torch.optim, keras.optimizers

# (the oracle, our optimizer, our settings, peak rate[, does the rate fall])
TORCH = [
    (partial(T.SGD), "sgd", {}, 0.1),
    (partial(T.SGD, weight_decay=0.1), "sgd", {"l2": 0.1}, 0.1),
    (partial(T.SGD, momentum=0.9), "momentum", {}, 0.1),
    (
        partial(T.SGD, momentum=0.8, dampening=0.3, weight_decay=0.1),
        "momentum",
        {"momentum": 0.8, "dampening": 0.3, "l2": 0.1},
        0.1,
    ),
    (
        partial(T.SGD, momentum=0.9, nesterov=True, weight_decay=0.1),
        "nesterov",
        {"l2": 0.1},
        0.1,
    ),
    (partial(T.Adagrad), "adagrad", {}, 0.1),
    (
        partial(T.Adagrad, lr_decay=0.05, initial_accumulator_value=0.2),
        "adagrad",
        {"initial_accumulator": 0.2, "inverse_time": 0.05},
        0.1,
        False,
    ),
    (partial(T.RMSprop), "rmsprop", {}, 0.01),
    (
        partial(T.RMSprop, alpha=0.9, momentum=0.5, centered=True, weight_decay=0.1),
        "rmsprop",
        {"b2": 0.9, "momentum": 0.5, "centred": True, "l2": 0.1},
        0.01,
    ),
    (partial(T.Adam), "adam", {}, 0.1),
    (
        partial(T.Adam, betas=(0.8, 0.95), eps=1e-3, weight_decay=0.1),
        "adam",
        {"b1": 0.8, "b2": 0.95, "eps": 1e-3, "l2": 0.1},
        0.1,
    ),
    (partial(T.Adamax), "adamax", {}, 0.1),
    (partial(T.Adam, amsgrad=True), "amsgrad", {}, 0.1),
    (partial(T.AdamW), "adamw", {}, 0.1),
    (
        partial(T.AdamW, betas=(0.8, 0.95), weight_decay=0.5),
        "adamw",
        {"b1": 0.8, "b2": 0.95, "weight_decay": 0.5},
        0.1,
    ),
    (
        partial(T.NAdam, weight_decay=0.1, decoupled_weight_decay=True),
        "nadamw",
        {"weight_decay": 0.1},
        0.1,
    ),
]
OPTAX = [
    (partial(optax.sgd, momentum=0.9), "momentum", {}, 0.1),
    (partial(optax.sgd, momentum=0.9, nesterov=True), "nesterov", {}, 0.1),
    (
        partial(optax.adagrad),
        "adagrad",
        {"initial_accumulator": 0.1, "eps": 1e-7, "eps_inside": True},
        0.1,
    ),
    (partial(optax.rmsprop), "rmsprop", {"b2": 0.9, "eps_inside": True}, 0.01),
    (
        partial(optax.rmsprop, eps_in_sqrt=False, momentum=0.5),
        "rmsprop",
        {"b2": 0.9, "momentum": 0.5, "rate_inside": True},
        0.01,
    ),
    (
        partial(optax.rmsprop, centered=True),
        "rmsprop",
        {"b2": 0.9, "centred": True, "eps_inside": True},
        0.01,
    ),
    (partial(optax.adam), "adam", {}, 0.1),
    (partial(optax.adamax), "adamax", {}, 0.1),
    (partial(optax.amsgrad), "amsgrad", {"correction": "before"}, 0.1),
    (partial(optax.adamw, weight_decay=0.1), "adamw", {"weight_decay": 0.1}, 0.1),
    (
        partial(optax.adamw, nesterov=True, weight_decay=0.1),
        "nadamw",
        {"weight_decay": 0.1, "momentum_decay": "inf"},
        0.1,
    ),
]
KERAS = [
    (partial(K.SGD, momentum=0.9), "momentum", {"rate_inside": True}, 0.1),
    (
        partial(K.SGD, momentum=0.9, nesterov=True, weight_decay=0.1),
        "nesterov",
        {"rate_inside": True, "weight_decay": 0.1},
        0.1,
    ),
    (
        partial(K.Adagrad),
        "adagrad",
        {"initial_accumulator": 0.1, "eps": 1e-7, "eps_inside": True},
        0.1,
    ),
    (
        partial(K.RMSprop, momentum=0.5, centered=True),
        "rmsprop",
        {
            "b2": 0.9,
            "momentum": 0.5,
            "eps": 1e-7,
            "centred": True,
            "eps_inside": True,
            "rate_inside": True,
        },
        0.01,
    ),
    (partial(K.Adam), "adam", {"eps": 1e-7, "epsilon_hat": True}, 0.1),
    (partial(K.Adamax), "adamax", {"eps": 1e-7, "eps_outside": True}, 0.1),
    (
        partial(K.AdamW, weight_decay=0.1),
        "adamw",
        {"eps": 1e-7, "weight_decay": 0.1, "epsilon_hat": True},
        0.1,
    ),
    (
        partial(K.Nadam, weight_decay=0.1),
        "nadamw",
        {"eps": 1e-7, "weight_decay": 0.1, "momentum_decay": 1.0},
        0.1,
    ),
]
ORACLES = [
    ("torch", torch.__version__.split("+")[0], by_torch, TORCH),
    ("optax", optax.__version__, by_optax, OPTAX),
    ("keras", keras.__version__, by_keras, KERAS),
]


def by_torch_schedules() -> dict[str, Any]:
    """The learning rate at every step of some of PyTorch's schedules."""
    lr = T.lr_scheduler

    def rates(make: Callable[..., Any], steps: int, **settings: Any) -> list[float]:
        optimizer = T.SGD([torch.zeros(1)], lr=1.0)
        schedule = make(optimizer, **settings)
        values = []
        for _ in range(steps):
            values.append(float(f"{optimizer.param_groups[0]['lr']:.15g}"))
            optimizer.step()
            schedule.step()
        return values

    return {
        "one_cycle": rates(lr.OneCycleLR, 50, max_lr=1.0, total_steps=50),
        "one_cycle_all": rates(
            lr.OneCycleLR,
            40,
            max_lr=1.0,
            total_steps=40,
            pct_start=0.2,
            div_factor=10.0,
            final_div_factor=100.0,
        ),
        "cosine": rates(lr.CosineAnnealingLR, 40, T_max=40, eta_min=0.1),
        "step": rates(lr.StepLR, 40, step_size=7, gamma=0.5),
        "multistep": rates(lr.MultiStepLR, 40, milestones=[5, 6, 30], gamma=0.1),
        "polynomial": rates(lr.PolynomialLR, 40, total_iters=30, power=1.5),
        "exponential": rates(lr.ExponentialLR, 40, gamma=0.9),
    }


def by_torch_plateau() -> list[dict[str, Any]]:
    """The learning rate after each loss, under several patiences and cooldowns."""
    random = np.random.default_rng(0)
    losses = np.round(1 / (1 + np.arange(80) // 9) + 0.05 * random.normal(size=80), 4)
    cases = []
    for patience, cooldown, threshold, floor in [
        (2, 0, 1e-4, 0.0),
        (0, 3, 0.0, 0.01),
        (1, 1, 0.1, 0.05),
        (5, 2, 0.01, 0.0),
    ]:
        optimizer = T.SGD([torch.zeros(1)], lr=1.0)
        schedule = T.lr_scheduler.ReduceLROnPlateau(
            optimizer,
            factor=0.5,
            patience=patience,
            cooldown=cooldown,
            threshold=threshold,
            min_lr=floor,
            eps=0.0,
        )
        rates = []
        for loss in losses:
            schedule.step(loss)
            rates.append(optimizer.param_groups[0]["lr"])
        settings = {
            "factor": 0.5,
            "patience": patience,
            "cooldown": cooldown,
            "threshold": threshold,
            "min_scale": floor,
        }
        cases.append({"settings": settings, "losses": losses.tolist(), "scale": rates})
    return cases


def write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content) + "\n")


def main(tests: Path) -> None:
    folder = tests / "optimizers" / "trajectories"
    shared = {
        "shapes": SHAPES,
        "horizon": HORIZON,
        "start": join(START),
        "gradients": [join(grads) for grads in gradients()],
    }
    write(folder / "gradients.json", shared)
    for oracle, version, run, table in ORACLES:
        cases = []
        for make, optimizer, settings, peak, *falls in table:
            case = {
                "call": make.__doc__,
                "optimizer": optimizer,
                "settings": {"learning_rate": peak, **settings},
                "params": list(run(make, peak, *(falls or [True]))),
            }
            cases.append(case)
        content = {"oracle": oracle, "version": version, "cases": cases}
        write(folder / f"{oracle}.json", content)
    about = {"oracle": "torch", "version": ORACLES[0][1]}
    write(folder / "plateau.json", {**about, "cases": by_torch_plateau()})
    rates = {**about, "rates": by_torch_schedules()}
    write(tests / "schedules" / "trajectories" / "torch.json", rates)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
