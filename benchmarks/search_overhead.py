"""Milliseconds per suggestion, asked and told, when many trials were told before."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from search_peers import PEERS, Optuna

from thalweg.benchmarks import functions
from thalweg.proposers import Outcome

ROUNDS = 5
BATCH = 16
# Above these a suggestion takes minutes. SMAC3 goes through its initial design whatever
# it was told, and fits its forest every few trials: its searches time it better.
LIMIT = {"Optuna GP": 1000, "SMAC3": 0}


def overhead(method: str, told: int, ours: Callable[..., Any]) -> dict[str, Any]:
    """Processor time on a space of 5 names and 5 numbers, batches of 16 and of 1."""
    record: dict[str, Any] = {"method": method, "told": told}
    if told > LIMIT.get(method, told):
        return record
    bench = functions.mixed_ackley(5, 5)
    x = bench.space.canonical(np.random.default_rng(0).random((told, bench.space.dim)))
    losses = bench.evaluate(x).losses[:, 0]
    if method in PEERS:
        made = PEERS[method](bench.space, 0, evaluations=told + 200, noise=False)
        _tell_peer(made, bench.space.decode(x), losses)
        record["single ms"] = _single(made, bench)
        return record
    made = ours(bench.space, 0, method)
    none = np.full(told, -1)
    outcome = Outcome(x, np.arange(told), none, np.ones(told), losses, np.ones(told))
    made.state = made.proposer.tell(made.state, outcome)
    made.asks = told
    record["single ms"] = _single(made, bench)
    record["batch ms"] = _batch(made, bench)
    return record


def _single(made: Any, bench: Any) -> float:
    """The median; the first suggestion compiles and is not counted."""
    spent = []
    for _ in range(ROUNDS + 1):
        start = time.process_time()
        config = made.ask()
        middle = time.process_time()
        if config is None:
            return float("nan")
        loss = bench(config)
        again = time.process_time()
        made.tell(loss)
        spent.append(middle - start + time.process_time() - again)
    return round(1e3 * statistics.median(spent[1:]), 3)


def _batch(made: Any, bench: Any) -> float:
    spent = []
    for _ in range(ROUNDS + 1):
        made.asks += BATCH
        start = time.process_time()
        p, made.state = made.proposer.ask(made.state, BATCH, key=made.keys(made.asks))
        middle = time.process_time()
        if not len(p):
            return float("nan")
        losses = bench.evaluate(p.x).losses
        number = np.arange(len(p)) + made.asks
        again = time.process_time()
        outcome = Outcome(p.x, number, p.parent, p.budget, losses, np.ones(len(p)))
        made.state = made.proposer.tell(made.state, outcome)
        spent.append((middle - start + time.process_time() - again) / len(p))
    return round(1e3 * statistics.median(spent[1:]), 3)


def _tell_peer(made: Any, configs: list[dict[str, Any]], losses: np.ndarray) -> None:
    if isinstance(made, Optuna):
        import optuna

        made.ask()
        made.tell(float(losses[0]))
        kinds = made.study.trials[0].distributions
        made.study.add_trials(
            [
                optuna.trial.create_trial(
                    params=config, distributions=kinds, value=float(loss)
                )
                for config, loss in zip(configs, losses, strict=True)
            ]
        )
