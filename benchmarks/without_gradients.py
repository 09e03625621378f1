"""Training with and without gradients: held-out loss at equal evaluations and seconds.

    python benchmarks/without_gradients.py --seeds 5
    python benchmarks/without_gradients.py --workloads line steps --methods adam cmaes

A gradient counts as one evaluation (it costs about three). Every method may choose one
number, its learning rate or its `sigma`, among three, by the validation loss that a run
with a seed of its own reaches in the evaluations allowed; the other settings are the
library's defaults. Compiling is outside the seconds. The loss is that of a third part
of the rows, at the point where the method stands.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from pinned import machine
from sklearn.datasets import load_digits

from thalweg.optimizers import SGD, Adam, DerivativeFree, Momentum, Objective
from thalweg.strategies import STRATEGIES, EvolutionStrategy

RATES, SIGMAS = (1e-3, 1e-2, 1e-1), (0.03, 0.1, 0.3)


@dataclass(frozen=True)
class Workload:
    """Rows, a network, and what may be spent on it."""

    name: str
    sizes: tuple[int, ...]
    data: Callable[[], tuple[np.ndarray, np.ndarray]]
    evaluations: int
    seconds: float
    batch: int
    activation: Callable[[jax.Array], jax.Array] = jax.nn.relu
    classes: bool = True

    @property
    def weights(self) -> int:
        """Of the network."""
        pairs = zip(self.sizes, self.sizes[1:], strict=False)
        return sum((a + 1) * b for a, b in pairs)

    def init(self, key: Any) -> list[dict[str, jax.Array]]:
        """He's normal weights."""
        layers = []
        for a, b in zip(self.sizes, self.sizes[1:], strict=False):
            key, own = jax.random.split(key)
            kernel = jax.random.normal(own, (a, b)) * np.sqrt(2 / a)
            layers.append({"kernel": kernel, "bias": jnp.zeros(b)})
        return layers

    def loss(self, params: Any, x: Any, y: Any) -> jax.Array:
        """Cross-entropy, or the mean square."""
        for layer in params[:-1]:
            x = self.activation(x @ layer["kernel"] + layer["bias"])
        out = x @ params[-1]["kernel"] + params[-1]["bias"]
        if not self.classes:
            return jnp.mean((out[:, 0] - y) ** 2)
        logs = jax.nn.log_softmax(out)
        return -jnp.mean(jnp.take_along_axis(logs, y[:, None], axis=1))


def line() -> tuple[np.ndarray, np.ndarray]:
    """Ten inputs of scales from 0.1 to 1, correlated, and noise of variance 0.01."""
    random = np.random.default_rng(0)
    x = random.normal(size=(1500, 10)) @ random.normal(size=(10, 10)) / 3
    x *= np.logspace(-1, 0, 10)
    y = x @ random.normal(size=10) + 0.5 + 0.1 * random.normal(size=1500)
    return x.astype(np.float32), y.astype(np.float32)


def digits() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's 8 x 8 images, in a random order."""
    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    return (x[order] / 16).astype(np.float32), y[order].astype(np.int32)


def fires(x: jax.Array) -> jax.Array:
    """1 where positive, else 0: the gradient is zero."""
    return jnp.where(x > 0, 1.0, 0.0)


WORKLOADS = (
    Workload("line", (10, 1), line, 500, 0.5, 500, classes=False),
    Workload("digits", (64, 16, 10), digits, 10000, 2.0, 128),
    Workload("steps", (64, 16, 10), digits, 10000, 2.0, 128, activation=fires),
    Workload("wide", (64, 300, 250, 10), digits, 2000, 5.0, 128),
)


@dataclass(frozen=True)
class Method:
    """A name, what makes it of its one number, and where it makes sense."""

    name: str
    make: Callable[[float, int], Any]  # of the number and a seed
    choices: tuple[float, ...]
    most: float = np.inf  # weights
    least: int = 0


def searcher(name: str, **options: Any) -> Callable[[float, int], Any]:
    """A strategy with its defaults as an optimizer."""
    kind: Any = STRATEGIES[name]
    return lambda sigma, seed: DerivativeFree(kind(sigma), seed=seed, **options)


METHODS = (
    Method("sgd", lambda rate, _: SGD(rate), RATES),
    Method("momentum", lambda rate, _: Momentum(rate), RATES),
    Method("adam", lambda rate, _: Adam(rate), RATES),
    Method("random_search", searcher("random_search"), SIGMAS),
    Method("genetic", searcher("genetic"), SIGMAS),
    Method("bayesian", searcher("bayesian"), SIGMAS, most=50),
    Method("cmaes", searcher("cmaes"), SIGMAS, most=500),
    Method("cmaes, subspace 100", searcher("cmaes", subspace=100), SIGMAS, least=1000),
    Method("sep_cmaes", searcher("sep_cmaes"), SIGMAS),
    Method(
        "evolution_strategy + adam",
        lambda sigma, seed: DerivativeFree(
            EvolutionStrategy(sigma), Adam(0.03), seed=seed
        ),
        SIGMAS,
    ),
)


class Bench:
    """One workload with one method, compiled once."""

    def __init__(self, workload: Workload, method: Method):
        self.workload, self.method = workload, method
        x, y = workload.data()
        third = len(y) // 3
        cut = [slice(0, third), slice(third, 2 * third), slice(2 * third, None)]
        self.parts = [(jnp.asarray(x[c]), jnp.asarray(y[c])) for c in cut]
        optimizer = method.make(method.choices[0], 0)
        self.cost = 1
        if isinstance(optimizer, DerivativeFree):
            dim = optimizer.subspace or workload.weights
            strategy = optimizer.strategy
            self.cost = strategy.size(dim) + (not strategy.point_first)
        self.chunk = max(1, workload.evaluations // 20 // self.cost)
        self.advance = eqx.filter_jit(self._advance)
        self.judge = jax.jit(workload.loss)

    def _advance(self, optimizer: Any, params: Any, state: Any, begin: Any) -> Any:
        x, y = self.parts[0]
        rows = min(self.workload.batch, len(y))

        def step(i: Any, carry: Any) -> Any:
            params, state = carry
            at = (jnp.arange(rows) + (begin + i) * rows) % len(y)
            objective = Objective.of(lambda p: self.workload.loss(p, x[at], y[at]))
            _, updates, state = optimizer.step(objective, state, params)
            return jax.tree.map(jnp.add, params, updates), state

        return jax.lax.fori_loop(0, self.chunk, step, (params, state))

    def run(self, number: float, seed: int) -> Iterator[tuple[int, float, Any]]:
        """Evaluations, seconds and parameters, again and again."""
        optimizer = self.method.make(number, seed)
        params = self.workload.init(jax.random.key(seed))
        state = eqx.filter_jit(optimizer.init)(params)
        self.advance(optimizer, params, state, np.int32(0))  # compiled before
        spent, begin = 0.0, 0
        while True:
            began = time.perf_counter()
            params, state = self.advance(optimizer, params, state, np.int32(begin))
            jax.block_until_ready(params)
            spent += time.perf_counter() - began
            begin += self.chunk
            yield begin * self.cost, spent, params

    def after(self, number: float, seed: int, *, part: int, timed: bool) -> list[float]:
        """The loss after the evaluations, and, if `timed`, after the seconds."""
        evaluated = timely = None
        params = self.workload.init(jax.random.key(seed))
        for evaluations, seconds, new in self.run(number, seed):
            if evaluated is None and evaluations > self.workload.evaluations:
                evaluated = float(self.judge(params, *self.parts[part]))
            if timely is None and seconds > self.workload.seconds:
                timely = float(self.judge(params, *self.parts[part]))
            if evaluated is not None and (timely is not None or not timed):
                return [evaluated, timely] if timely is not None else [evaluated]
            params = new
        raise AssertionError


def main() -> None:
    arguments = _arguments()
    print(f"{machine()}\n")
    for workload in WORKLOADS:
        if workload.name in arguments.workloads:
            _table(workload, arguments)


def _table(workload: Workload, arguments: argparse.Namespace) -> None:
    print(
        f"**{workload.name}**: {workload.weights:,} weights, batches of "
        f"{workload.batch}\n\n| method | chosen | {workload.evaluations:,} evaluations "
        f"| {workload.seconds:g} s |\n| --- | --- | --- | --- |",
        flush=True,
    )
    for method in METHODS:
        fits = method.least <= workload.weights <= method.most
        if method.name not in arguments.methods or not fits:
            continue
        bench = Bench(workload, method)
        tried = [bench.after(c, 1000, part=1, timed=False)[0] for c in method.choices]
        chosen = method.choices[int(np.nanargmin(tried))]
        runs = [
            bench.after(chosen, seed, part=2, timed=True)
            for seed in range(arguments.seeds)
        ]
        cells = " | ".join(_mean(list(v)) for v in zip(*runs, strict=True))
        print(f"| {method.name} | {chosen:g} | {cells} |", flush=True)
    print(flush=True)


def _mean(values: list[float]) -> str:
    error = statistics.stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return f"{statistics.fmean(values):.4f} ± {error:.4f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    names = [w.name for w in WORKLOADS], [m.name for m in METHODS]
    parser.add_argument("--workloads", nargs="+", default=names[0], choices=names[0])
    parser.add_argument("--methods", nargs="+", default=names[1], choices=names[1])
    parser.add_argument("--seeds", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
