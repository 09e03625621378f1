"""Schedules: the rate at every step, and after every loss."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch.optim import SGD, lr_scheduler


def rates(make: Callable[..., Any], steps: int, **settings: Any) -> list[float]:
    """The learning rate at every step."""
    optimizer = SGD([torch.zeros(1)], lr=1.0)
    schedule = make(optimizer, **settings)
    values = []
    for _ in range(steps):
        values.append(float(f"{optimizer.param_groups[0]['lr']:.15g}"))
        optimizer.step()
        schedule.step()
    return values


def by_step() -> dict[str, list[float]]:
    """The learning rate at every step of some of PyTorch's schedules."""
    lr = lr_scheduler
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
        "restarts": rates(
            lr.CosineAnnealingWarmRestarts, 80, T_0=5, T_mult=3, eta_min=0.1
        ),
        "restarts_alike": rates(lr.CosineAnnealingWarmRestarts, 40, T_0=7),
        **{
            mode: rates(
                lr.CyclicLR,
                40,
                base_lr=0.25,
                max_lr=1.0,
                step_size_up=up,
                step_size_down=down,
                mode=mode,
                gamma=0.9,
            )
            for mode, up, down in [
                ("triangular", 4, None),
                ("triangular2", 3, 7),
                ("exp_range", 6, 2),
            ]
        },
    }


def of_keras() -> dict[str, list[float]]:
    """Restarts with a falling peak, which PyTorch does not have."""
    from oracles.of_keras import keras  # in double precision, but for pi

    schedule = keras.optimizers.schedules.CosineDecayRestarts(
        1.0, 6, t_mul=2.0, m_mul=0.5
    )
    return {"restarts_falling": [float(f"{schedule(i):.15g}") for i in range(40)]}


def of_pytorch_optimizer() -> dict[str, list[float]]:
    """What PyTorch itself does not have; the warm-up begins at 0."""
    from pytorch_optimizer import REXScheduler, get_wsd_schedule

    optimizer = SGD([torch.zeros(1)], lr=1.0)
    rex = REXScheduler(optimizer, total_steps=40, max_lr=1.0, min_lr=0.1)
    rex.step_t = 0  # making it took the first step already
    found = {"rex": [float(f"{rex.step():.15g}") for _ in range(45)]}
    for shape, end in [("1-sqrt", 0.0), ("linear", 0.0), ("cosine", 0.1)]:
        schedule = get_wsd_schedule(
            optimizer, 8, 20, 12, min_lr_ratio=end, cooldown_type=shape
        )
        (factor,) = schedule.lr_lambdas
        found[f"stable_{shape}"] = [float(f"{factor(i):.15g}") for i in range(45)]
    return found


def on_plateau() -> list[dict[str, Any]]:
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
        optimizer = SGD([torch.zeros(1)], lr=1.0)
        schedule = lr_scheduler.ReduceLROnPlateau(
            optimizer,
            factor=0.5,
            patience=patience,
            cooldown=cooldown,
            threshold=threshold,
            min_lr=floor,
            eps=0.0,
        )
        scales = []
        for loss in losses:
            schedule.step(loss)
            scales.append(optimizer.param_groups[0]["lr"])
        settings = {
            "factor": 0.5,
            "patience": patience,
            "cooldown": cooldown,
            "threshold": threshold,
            "min_scale": floor,
        }
        cases.append({"settings": settings, "losses": losses.tolist(), "scale": scales})
    return cases
