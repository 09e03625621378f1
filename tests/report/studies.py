"""Made-up studies that look like real ones."""

from typing import Any

import numpy as np

from thalweg.report import ReportData
from thalweg.store import CurveRow, TrialRow, to_frame

NETWORKS = ("mlp", "resmlp", "tabm")
OPTIMIZERS = ("adam", "adamw", "nadamw", "sgd")


def trial_rows(n: int, *, seed: int = 0, maximize: bool = False) -> list[TrialRow]:
    """Scores that hang on learning rate and network, with noise; some diverge."""
    rng = np.random.default_rng(seed)
    rows, clock = [], 2.5
    for number in range(n):
        rate = float(10 ** rng.uniform(-4, -1))
        network = str(rng.choice(NETWORKS, p=[0.3, 0.4, 0.3]))
        config: dict[str, Any] = {
            "network": network,
            "depth": int(rng.integers(1, 5)),
            "width": int(2 ** rng.integers(4, 9)),
            "activation": str(rng.choice(["relu", "silu", "gelu", "mish"])),
            "normalization": str(rng.choice(["none", "layer", "batch"])),
            "numeric_embedding": str(
                rng.choice(["none", "piecewise_linear", "periodic"])
            ),
            "dropout": float(rng.choice([0.0, 0.1, 0.25])),
            "optimizer": str(rng.choice(OPTIMIZERS)),
            "learning_rate": rate,
            "schedule": str(rng.choice(["constant", "cosine", "one_cycle"])),
            "weight_decay": float(10 ** rng.uniform(-6, -1)),
            "batch_size": 256,
            "init": "he",
        }
        if network == "tabm":
            config["members"] = 16
        clock += float(rng.exponential(0.25))
        loss = 0.42 + 0.11 * abs(np.log10(rate) + 2.6) + 0.05 * (network == "mlp")
        loss += float(rng.gamma(2.0, 0.015)) + 0.8 / (1 + clock)
        diverged = rate > 0.07
        error = float(rng.uniform(0.006, 0.012))
        score = (1 - loss / 2) if maximize else loss
        rows.append(
            TrialRow(
                number=number,
                config=config,
                status="diverged"
                if diverged
                else str(rng.choice(["complete", "stopped"])),
                score=float("nan") if diverged else score,
                score_error=float("nan") if diverged else error,
                loss=float("inf") if diverged else loss,
                metrics={"mae": loss * 0.8},
                steps=600,
                parameters=int(config["width"] ** 2 * config["depth"]),
                train_seconds=float(rng.exponential(0.4)),
                started=clock - 0.4,
                finished=clock,
            )
        )
    return rows


def curve_rows(
    trials: list[int], *, folds: int = 5, points: int = 30
) -> list[CurveRow]:
    """Falling losses and a metric that was not measured at every step."""
    rng = np.random.default_rng(1)
    rows = []
    for trial in trials:
        for fold in range(folds):
            steps = np.arange(1, points + 1) * 20.0
            base = 0.45 + rng.normal(0, 0.015) + 0.01 * trials.index(trial)
            value = base + 1.2 * np.exp(-steps / 90) + rng.normal(0, 0.006, points)
            sparse = np.where(np.arange(points) % 3 == 2, value, np.nan)
            metrics = {"train_loss": value**2 / 2, "rmse": value, "mae": sparse}
            rows.append(
                CurveRow(trial=trial, replica=fold, steps=steps, metrics=metrics)
            )
    return rows


def report_data(n: int = 240, *, maximize: bool = False, **changes: Any) -> ReportData:
    """A whole report over `n` trials; `changes` replace fields."""
    rows = trial_rows(n, maximize=maximize)
    good = [r for r in rows if r.status != "diverged"]
    good.sort(key=lambda r: -r.score if maximize else r.score)
    top = [r.number for r in good[:5]]
    kept = {
        "trials": to_frame(rows),
        "metric": "accuracy" if maximize else "rmse",
        "maximize": maximize,
        "status": "finished",
        "task": "classification" if maximize else "regression",
        "target": "median_house_value",
        "curves": curve_rows(top) if top else (),
        "leader": {
            "returned": "ensemble",
            "ensemble": [(number, 1 / len(top)) for number in top],
            "layers": [
                ("numeric embedding", (8, 96), 800),
                ("block 1", (96, 256), 24832),
                ("block 2", (256, 256), 65792),
                ("block 3", (256, 256), 65792),
                ("head", (256, 1), 257),
            ],
        }
        if top
        else {},
        "baseline": {
            "name": "a linear model",
            "score": 0.72 if not maximize else 0.68,
            "score_error": 0.011,
            "others": [{"name": "the mean", "score": 1.15, "score_error": 0.013}],
        },
        "evaluation": {"scheme": "cross-validation", "folds": 5, "rows": 16512},
        "time": {
            "train": 41.2,
            "compile": 9.4,
            "propose": 2.1,
            "evaluate": 1.3,
            "store": 0.6,
            "load": 0.9,
        },
        "seconds": 59.1,
        "time_limit": 60.0,
        "summary": {
            "rows": 16512,
            "columns": {"numeric": 8, "categorical": 1},
            "missing": 0.0083,
            "target": {
                "mean": 2.068,
                "standard deviation": 1.153,
                "edges": [0.0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5, 5.0],
                "counts": [310, 2304, 3108, 3300, 2560, 1560, 1170, 640, 480, 1080],
            },
            "notes": [
                "The target is capped at 5.",
                "total_bedrooms has missing values.",
            ],
        },
        "proposer": "gp",
        "seed": 0,
        "command": "thalweg fit housing.csv --target median_house_value --seed 0",
        "environment": {"thalweg": "0.1.0", "jax": "0.10.2", "cores": 2},
        "created": "2026-01-02T03:04:05+00:00",
    }
    return ReportData(**{**kept, **changes})
