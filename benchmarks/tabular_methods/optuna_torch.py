"""An MLP in PyTorch (eager, one thread) tuned by Optuna's TPE until the clock ends.

What a careful person writes in an afternoon: standardised numbers and one-hot
categories, AdamW, dropout, optional batch normalisation, early stopping on a held-out
fifth, a pruner, every trial's best epoch kept, and the best trial's network returned.
The clock is read at every step, so the limit is kept on large tables too.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import optuna
import pandas as pd
import torch
from tabular_tables import Problem
from torch import nn

from tabular_methods.dense_input import DenseParts, prepare

MAX_EPOCHS = 200
PATIENCE = 16  # epochs without a better validation loss
RESERVE = 0.02  # fraction of the limit left for the end

ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU, "gelu": nn.GELU}


def fit(
    problem: Problem, *, seconds: float, seed: int
) -> Callable[[pd.DataFrame], np.ndarray]:
    began = time.monotonic()
    deadline = began + seconds * (1 - RESERVE)
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    parts = prepare(problem, seed=seed)
    search = _Search(parts, problem.classes, deadline)
    study = optuna.create_study(
        sampler=optuna.samplers.TPESampler(seed=seed, multivariate=True),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=8, n_warmup_steps=5),
    )
    study.optimize(search, timeout=deadline - time.monotonic())
    network = search.best_network
    if network is None:
        raise RuntimeError("Not one step of one trial fitted into the time limit.")

    @torch.inference_mode()
    def predict(X: pd.DataFrame) -> np.ndarray:
        output = network(torch.from_numpy(parts.read(X)))
        if problem.is_classification:
            return output.double().softmax(dim=1).numpy()
        return output[:, 0].double().numpy() * parts.spread + parts.center

    return predict


@dataclass
class _Search:
    """Optuna's objective; keeps the best network seen at any epoch of any trial."""

    parts: DenseParts
    classes: int
    deadline: float
    best_network: nn.Module | None = None
    best_loss: float = math.inf
    tensors: tuple[torch.Tensor, ...] = field(init=False)

    def __post_init__(self) -> None:
        parts = self.parts
        arrays = (parts.X, parts.y, parts.X_valid, parts.y_valid)
        self.tensors = tuple(torch.from_numpy(array) for array in arrays)

    def __call__(self, trial: optuna.Trial) -> float:
        network = self._network(trial)
        optimizer = torch.optim.AdamW(
            network.parameters(),
            lr=trial.suggest_float("learning_rate", 1e-4, 3e-2, log=True),
            weight_decay=trial.suggest_float("weight_decay", 1e-6, 1e-1, log=True),
            fused=True,
        )
        batch = trial.suggest_categorical("batch_size", [32, 64, 128, 256, 512])
        best, best_epoch = math.inf, 0
        for epoch in range(MAX_EPOCHS):
            for rows in self._batches(batch):
                optimizer.zero_grad()
                self._loss(
                    network(self.tensors[0][rows]), self.tensors[1][rows]
                ).backward()
                optimizer.step()
                if time.monotonic() > self.deadline:
                    break
            loss = self._validate(network)
            if loss < best:
                best, best_epoch = loss, epoch
                self._keep(network, loss)
            trial.report(loss if math.isfinite(loss) else 1e30, epoch)
            if time.monotonic() > self.deadline or epoch - best_epoch >= PATIENCE:
                break
            if trial.should_prune():
                raise optuna.TrialPruned
        return best if math.isfinite(best) else 1e30

    def _network(self, trial: optuna.Trial) -> nn.Module:
        width = trial.suggest_int("width", 16, 512, log=True)
        depth = trial.suggest_int("depth", 1, 4)
        dropout = trial.suggest_float("dropout", 0.0, 0.5)
        normalise = trial.suggest_categorical("batch_norm", [False, True])
        activation = trial.suggest_categorical("activation", list(ACTIVATIONS))
        layers: list[nn.Module] = []
        size = self.parts.X.shape[1]
        for _ in range(depth):
            layers.append(nn.Linear(size, width))
            layers += [nn.BatchNorm1d(width)] if normalise else []
            layers += [ACTIVATIONS[activation](), nn.Dropout(dropout)]
            size = width
        return nn.Sequential(*layers, nn.Linear(size, self.classes or 1))

    def _batches(self, size: int) -> Iterator[torch.Tensor]:
        order = torch.randperm(len(self.tensors[0]))
        parts = order.split(size)
        return iter(parts[:-1] if len(parts) > 1 and len(parts[-1]) < 2 else parts)

    def _loss(self, output: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        if self.classes:
            return nn.functional.cross_entropy(output, y)
        return nn.functional.mse_loss(output[:, 0], y)

    @torch.inference_mode()
    def _validate(self, network: nn.Module) -> float:
        network.eval()
        loss = float(self._loss(network(self.tensors[2]), self.tensors[3]))
        network.train()
        return loss

    def _keep(self, network: nn.Module, loss: float) -> None:
        if loss < self.best_loss:
            self.best_loss = loss
            self.best_network = copy.deepcopy(network).eval()
