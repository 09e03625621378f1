"""Record what other libraries do, as numbers that the tests compare with.

    python -m venv oracles
    oracles/bin/pip install torch==2.13.0 optax==0.2.8 keras==3.15.1 schedulefree==1.4.1
    oracles/bin/pip install prodigyopt==1.1.2 pytorch_optimizer==4.1.0
    oracles/bin/python scripts/record_trajectories.py tests

Every case runs 60 steps in double precision on the same gradients, ordinary and hostile
ones, from the same parameters, with a falling learning rate. A case names our optimizer
and its settings, so that the tests are a loop over the files.
"""

import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

os.environ["KERAS_BACKEND"] = "jax"
os.environ["JAX_PLATFORMS"] = "cpu"

import jax
import jax.numpy as jnp
import keras
import numpy as np
import optax
import prodigyopt
import pytorch_optimizer
import schedulefree
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


class Problem(NamedTuple):
    """Where to start, and the gradient of each step."""

    start: Leaves
    gradients: list[Leaves]

    def shared(self) -> dict[str, Any]:
        return {
            "shapes": [leaf.shape for leaf in self.start],
            "horizon": HORIZON,
            "start": join(self.start),
            "gradients": [join(leaves) for leaves in self.gradients],
        }


HOSTILE = Problem(split(np.array([1.0, -2.0, 0.5, 3.0, -0.25, 1.5, -1.0])), gradients())


def matrices() -> Problem:
    """Kernels `[inputs, outputs]`; gradients drift, some are of rank 1, some tiny."""
    random = np.random.default_rng(1)

    def draw(scale: float = 1.0) -> Leaves:
        return [
            np.round(random.normal(size=shape), 3) * scale
            for shape in [(3, 5), (5, 2), (4, 4)]
        ]

    start, drift, steps = draw(), draw(), []
    for step in range(50):
        leaves = [x + d for x, d in zip(draw(), drift, strict=True)]
        if step % 10 == 4:
            leaves = [np.outer(x[:, 0], x[0]) for x in leaves]
        if step % 10 == 7:
            leaves = draw(1e-6)
        steps.append([np.round(x, 10) for x in leaves])
    return Problem(start, steps)


MATRICES = matrices()


def by_torch(
    make: Callable[..., torch.optim.Optimizer],
    peak: float,
    falls: bool,
    problem: Problem = HOSTILE,
) -> Iterator[list[float]]:
    params = [tensor(x) for x in problem.start]
    optimizer = make(params, lr=peak)
    if hasattr(optimizer, "train"):
        optimizer.train()
    for step, grads in enumerate(problem.gradients):
        for group in optimizer.param_groups:
            group["lr"] = rate(peak, step) if falls else peak
        for p, g in zip(params, grads, strict=True):
            p.grad = torch.tensor(g, dtype=torch.float64)
        optimizer.step()
        yield join(p.detach().numpy() for p in params)


def by_torch_transposed(
    make: Callable[..., torch.optim.Optimizer],
    peak: float,
    falls: bool,
    problem: Problem,
) -> Iterator[list[float]]:
    """Kernels as PyTorch has them, `[outputs, inputs]`, and nothing in bfloat16."""
    turned = Problem(
        [x.T for x in problem.start],
        [[np.ascontiguousarray(g.T) for g in grads] for grads in problem.gradients],
    )
    half, torch.Tensor.bfloat16 = torch.Tensor.bfloat16, torch.Tensor.clone
    for row in by_torch(make, peak, falls, turned):
        ends = np.cumsum([x.size for x in turned.start])[:-1]
        parts = zip(np.split(np.array(row), ends), turned.start, strict=True)
        yield join(part.reshape(x.shape).T for part, x in parts)
    torch.Tensor.bfloat16 = half


def tensor(x: np.ndarray) -> torch.Tensor:
    return torch.tensor(x, dtype=torch.float64, requires_grad=True)


def by_optax(
    make: Callable[..., optax.GradientTransformation],
    peak: float,
    falls: bool,
    problem: Problem = HOSTILE,
) -> Iterator[list[float]]:
    assert falls
    params = [jnp.asarray(x) for x in problem.start]
    optimizer = make(lambda step: rate(peak, jnp.asarray(step, float)))
    state, update = optimizer.init(params), jax.jit(optimizer.update)
    for grads in problem.gradients:
        updates, state = update([jnp.asarray(g) for g in grads], state, params)
        params = optax.apply_updates(params, updates)
        yield join(params)


def by_keras(make: Callable[..., keras.optimizers.Optimizer], peak: float, falls: bool):
    assert falls
    params = [keras.Variable(x, dtype="float64") for x in HOSTILE.start]
    optimizer = make(learning_rate=peak)
    optimizer.build(params)
    for step, grads in enumerate(HOSTILE.gradients):
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
    (partial(T.Adadelta), "adadelta", {}, 1.0),
    (
        partial(T.Adadelta, rho=0.95, eps=1e-3, weight_decay=0.1),
        "adadelta",
        {"b2": 0.95, "eps": 1e-3, "l2": 0.1},
        0.5,
    ),
    (
        partial(T.RAdam, weight_decay=0.1),
        "radam",
        {"l2": 0.1, "epsilon_hat": True},
        0.1,
    ),
    (
        partial(
            T.RAdam, betas=(0.8, 0.9), weight_decay=0.1, decoupled_weight_decay=True
        ),
        "radam",
        {"b1": 0.8, "b2": 0.9, "weight_decay": 0.1, "epsilon_hat": True},
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
    (partial(optax.adadelta), "adadelta", {}, 1.0),
    (partial(optax.radam), "radam", {}, 0.1),
    (partial(optax.lion, weight_decay=0.1), "lion", {"weight_decay": 0.1}, 0.1),
    (partial(optax.lamb, weight_decay=0.1), "lamb", {"weight_decay": 0.1}, 0.1),
    (partial(optax.adafactor), "adafactor", {}, 0.1),
    (
        partial(
            optax.adafactor,
            min_dim_size_to_factor=1,
            multiply_by_parameter_scale=False,
            clipping_threshold=0.5,
            weight_decay_rate=0.01,
        ),
        "adafactor",
        {
            "smallest_factored": 1,
            "relative": False,
            "clip": 0.5,
            "weight_decay": 0.01,
            "independent": True,
        },
        0.1,
    ),
    (
        partial(optax.contrib.ademamix, weight_decay=0.1),
        "ademamix",
        {"weight_decay": 0.1},
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
    (
        partial(K.Adadelta),
        "adadelta",
        {"b2": 0.95, "eps": 1e-7},
        0.1,
    ),
    (partial(K.Lion, weight_decay=0.1), "lion", {"weight_decay": 0.1}, 0.1),
    (partial(K.Lamb), "lamb", {"eps": 1e-7}, 0.1),
]
SCHEDULE_FREE = [
    (partial(schedulefree.SGDScheduleFree), "schedule_free_sgd", {}, 0.1),
    (
        partial(schedulefree.SGDScheduleFree, momentum=0.8, weight_decay=0.1, r=0.5),
        "schedule_free_sgd",
        {"b1": 0.8, "weight_decay": 0.1, "r": 0.5},
        0.1,
    ),
    (partial(schedulefree.AdamWScheduleFree), "schedule_free_adamw", {}, 0.1),
    (
        partial(
            schedulefree.AdamWScheduleFree, betas=(0.8, 0.95), weight_decay=0.1, r=2.0
        ),
        "schedule_free_adamw",
        {"b1": 0.8, "b2": 0.95, "weight_decay": 0.1, "r": 2.0},
        0.1,
    ),
]
PRODIGY = [
    (partial(prodigyopt.Prodigy), "prodigy", {}, 1.0),
    (
        partial(
            prodigyopt.Prodigy,
            weight_decay=0.1,
            use_bias_correction=True,
            safeguard_warmup=True,
            growth_rate=1.5,
            d0=1e-4,
            d_coef=0.5,
        ),
        "prodigy",
        {
            "weight_decay": 0.1,
            "bias_correction": True,
            "safeguard_warmup": True,
            "growth": 1.5,
            "d0": 1e-4,
            "d_factor": 0.5,
        },
        1.0,
    ),
]
PO = pytorch_optimizer
for denominator in (PO.MARS.apply_ams_bound, PO.MARS.apply_ams_bound_foreach):
    denominator.__defaults__ = (0.0,)  # no 1e-15 under the root, which nobody names
POOL = [
    (
        partial(PO.MARS, weight_decay=0.1, optimize_1d=True),
        "mars",
        {"weight_decay": 0.1, "first": "scaled", "epsilon_hat": True},
        0.1,
    ),
    (partial(PO.Lion, weight_decay=0.1), "lion", {"weight_decay": 0.1}, 0.1),
]
TORCH_MATRICES = [
    (
        partial(T.Muon, weight_decay=0.1, adjust_lr_fn="match_rms_adamw"),
        "muon",
        {"weight_decay": 0.1},
        0.1,
    ),
    (
        partial(T.Muon, momentum=0.8, nesterov=False, ns_steps=3),
        "muon",
        {
            "momentum": 0.8,
            "nesterov": False,
            "rounds": 3,
            "scale": "original",
            "weight_decay": 0.1,
        },
        0.1,
    ),
]
OPTAX_MATRICES = [
    (
        partial(optax.adafactor, min_dim_size_to_factor=1),
        "adafactor",
        {"smallest_factored": 1},
        0.1,
    )
]
ORACLES = [
    ("torch", torch.__version__.split("+")[0], by_torch, TORCH),
    ("optax", optax.__version__, by_optax, OPTAX),
    ("keras", keras.__version__, by_keras, KERAS),
    ("schedulefree", version("schedulefree"), by_torch, SCHEDULE_FREE),
    ("prodigyopt", version("prodigyopt"), by_torch, PRODIGY),
    ("pytorch_optimizer", version("pytorch_optimizer"), by_torch, POOL),
]
ON_MATRICES = [
    ("torch", ORACLES[0][1], by_torch_transposed, TORCH_MATRICES),
    ("optax", ORACLES[1][1], by_optax, OPTAX_MATRICES),
    ("prodigyopt", ORACLES[4][1], by_torch, PRODIGY),
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


def recorded(
    oracle: str, number: str, run: Callable[..., Any], table: list[Any], *problem: Any
) -> dict[str, Any]:
    """Every case of one oracle."""
    cases = []
    for make, optimizer, settings, peak, *falls in table:
        case = {
            "call": make.__doc__,
            "optimizer": optimizer,
            "settings": {"learning_rate": peak, **settings},
            "params": list(run(make, peak, *(falls or [True]), *problem)),
        }
        cases.append(case)
    return {"oracle": oracle, "version": number, "cases": cases}


def main(tests: Path) -> None:
    folder = tests / "optimizers" / "trajectories"
    write(folder / "gradients.json", HOSTILE.shared())
    for entry in ORACLES:
        write(folder / f"{entry[0]}.json", recorded(*entry))
    oracles = [recorded(*entry, MATRICES) for entry in ON_MATRICES]
    write(folder / "matrices.json", MATRICES.shared() | {"oracles": oracles})
    about = {"oracle": "torch", "version": ORACLES[0][1]}
    write(folder / "plateau.json", {**about, "cases": by_torch_plateau()})
    rates = {**about, "rates": by_torch_schedules()}
    write(tests / "schedules" / "trajectories" / "torch.json", rates)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
