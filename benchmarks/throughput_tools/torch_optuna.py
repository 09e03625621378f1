"""Optuna drives PyTorch eager training: one process, or two on one journal file.

Fused optimizer kernels where PyTorch has them for CPUs, batches by index from tensors
in memory (no `DataLoader`), one thread per process: more threads are slower here.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import tempfile
from collections.abc import Callable
from itertools import pairwise

import optuna
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from torch import nn

from throughput_tools.recipes import (
    ACTIVATIONS,
    BATCH,
    EPOCHS,
    HIDDEN,
    OPTIMIZERS,
    Recipe,
    Run,
    digits,
)

LAYERS = dict(
    zip(ACTIVATIONS, (nn.ReLU, nn.Tanh, nn.GELU, nn.SiLU, nn.ELU), strict=True)
)


def run(recipes: list[Recipe], *, lanes: int) -> Run:
    with tempfile.TemporaryDirectory() as directory:
        path = os.path.join(directory, "journal.log")
        study = _study(path)
        for recipe in recipes:
            study.enqueue_trial(recipe.settings())
        if lanes == 1:
            _work(path, len(recipes), None)
        else:
            cores = sorted(os.sched_getaffinity(0))
            context = multiprocessing.get_context("spawn")
            share = len(recipes) // lanes
            workers = [
                context.Process(target=_work, args=(path, share, core))
                for core in cores[:lanes]
            ]
            for worker in workers:
                worker.start()
            for worker in workers:
                worker.join()
        trials = _study(path).trials
    done = [t for t in trials if t.state == optuna.trial.TrialState.COMPLETE]
    return Run(
        sorted(t.datetime_complete.timestamp() for t in done), [t.value for t in done]
    )


def _study(path: str) -> optuna.Study:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        study_name="throughput",
        storage=JournalStorage(JournalFileBackend(path)),
        sampler=optuna.samplers.RandomSampler(seed=0),
        direction="maximize",
        load_if_exists=True,
    )


def _work(path: str, trials: int, core: int | None) -> None:
    if core is not None:
        os.sched_setaffinity(0, [core])
    torch.set_num_threads(1)
    with contextlib.suppress(RuntimeError):  # it may be set once only
        torch.set_num_interop_threads(1)
    _study(path).optimize(_objective(), n_trials=trials)


def _objective() -> Callable[[optuna.Trial], float]:
    X, y, X_valid, y_valid = (torch.from_numpy(array) for array in digits())

    def objective(trial: optuna.Trial) -> float:
        recipe = Recipe(
            trial.suggest_categorical("optimizer", OPTIMIZERS),
            trial.suggest_categorical("activation", ACTIVATIONS),
            trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True),
            trial.suggest_float("momentum", 0.5, 0.99),
            trial.suggest_float("weight_decay", 1e-6, 1e-2, log=True),
            trial.suggest_int("seed", 0, 2**31),
        )
        torch.manual_seed(recipe.seed)
        sizes = (X.shape[1], *HIDDEN)
        layers: list[nn.Module] = []
        for size, width in pairwise(sizes):
            layers += [nn.Linear(size, width), LAYERS[recipe.activation]()]
        network = nn.Sequential(*layers, nn.Linear(HIDDEN[-1], 10))
        optimizer = _optimizer(recipe, network)
        for _ in range(EPOCHS):
            for rows in torch.randperm(len(X)).split(BATCH):
                optimizer.zero_grad()
                nn.functional.cross_entropy(network(X[rows]), y[rows]).backward()
                optimizer.step()
        with torch.inference_mode():
            return float((network(X_valid).argmax(1) == y_valid).float().mean())

    return objective


def _optimizer(recipe: Recipe, network: nn.Module) -> torch.optim.Optimizer:
    common = {"lr": recipe.learning_rate, "weight_decay": recipe.weight_decay}
    betas = (recipe.momentum, 0.999)
    parameters = network.parameters()
    if recipe.optimizer == "momentum":
        return torch.optim.SGD(
            parameters, momentum=recipe.momentum, fused=True, **common
        )
    if recipe.optimizer == "rmsprop":
        return torch.optim.RMSprop(parameters, foreach=True, **common)
    if recipe.optimizer == "adagrad":
        return torch.optim.Adagrad(parameters, fused=True, **common)
    kind = torch.optim.Adam if recipe.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, betas=betas, fused=True, **common)
