"""512 settings of Adam on one small problem: one program, or one run each.

Every way trains the same perceptron for the same steps and returns the last losses, so
that they can be compared. Seconds include compiling.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch

from thalweg.optimizers import Adam

STEPS = 200
SETTINGS = np.array(
    list(
        itertools.product(
            np.geomspace(1e-5, 1e-2, 32),
            (0.8, 0.9, 0.95, 0.98),
            (0.9, 0.99, 0.999, 0.9999),
        )
    ),
    np.float32,
)
_random = np.random.default_rng(0)
X = _random.standard_normal((128, 8), np.float32)
Y = np.sin(X @ _random.standard_normal((8, 1), np.float32))
START = [
    _random.standard_normal((8, 32), np.float32) / np.float32(8**0.5),
    np.zeros(32, np.float32),
    _random.standard_normal((32, 1), np.float32) / np.float32(32**0.5),
    np.zeros(1, np.float32),
]


def _loss(params: Any) -> Any:
    hidden = jnp.tanh(X @ params[0] + params[1])
    return jnp.mean((hidden @ params[2] + params[3] - Y) ** 2)


def _train(update: Any, state: Any) -> Any:
    """The loss after all steps."""

    def step(carry: Any, _: None) -> Any:
        params, state = carry
        updates, state = update(jax.grad(_loss)(params), state, params)
        return (jax.tree.map(jnp.add, params, updates), state), None

    start = [jnp.asarray(p) for p in START]
    (params, _), _ = jax.lax.scan(step, (start, state), length=STEPS)
    return _loss(params)


def _ours(optimizer: Adam) -> Any:
    return _train(optimizer.update, optimizer.init(START))


def _population(settings: np.ndarray) -> Adam:
    rate, b1, b2 = settings.T
    return Adam(rate, b1=b1, b2=b2, eps=np.full_like(rate, 1e-8), l2=0 * rate)


def ours_vmap(settings: np.ndarray) -> np.ndarray:
    return np.asarray(jax.jit(jax.vmap(_ours))(_population(settings)))


def ours_map(settings: np.ndarray) -> np.ndarray:
    def all_of(population: Adam) -> Any:
        return jax.lax.map(_ours, population)

    return np.asarray(jax.jit(all_of)(_population(settings)))


def optax_baked(settings: np.ndarray) -> np.ndarray:
    losses = []
    for rate, b1, b2 in settings.tolist():
        adam = optax.adam(rate, b1=b1, b2=b2)
        run = jax.jit(lambda adam=adam: _train(adam.update, adam.init(START)))
        losses.append(float(run()))
    return np.array(losses)


def _injected() -> tuple[Any, Callable[..., Any]]:
    adam = optax.inject_hyperparams(optax.adam)(1e-3, b1=0.9, b2=0.999)

    def run(rate: Any, b1: Any, b2: Any) -> Any:
        state = adam.init(START)
        state.hyperparams.update(learning_rate=rate, b1=b1, b2=b2)
        return _train(adam.update, state)

    return adam, run


def optax_injected(settings: np.ndarray) -> np.ndarray:
    run = jax.jit(_injected()[1])
    return np.array([float(run(*setting)) for setting in settings])


def optax_injected_vmap(settings: np.ndarray) -> np.ndarray:
    return np.asarray(jax.jit(jax.vmap(_injected()[1]))(*settings.T))


def torch_eager(settings: np.ndarray) -> np.ndarray:
    x, y, losses = torch.tensor(X), torch.tensor(Y), []

    def loss(params: Any) -> Any:
        hidden = torch.tanh(x @ params[0] + params[1])
        return ((hidden @ params[2] + params[3] - y) ** 2).mean()

    for rate, b1, b2 in settings.tolist():
        params = [torch.tensor(p, requires_grad=True) for p in START]
        adam = torch.optim.Adam(params, lr=rate, betas=(b1, b2), fused=True)
        for _ in range(STEPS):
            adam.zero_grad()
            loss(params).backward()
            adam.step()
        losses.append(loss(params).item())
    return np.array(losses)


# (title, way, how many of the settings are run; the rest is in proportion)
WAYS: list[tuple[str, Callable[[np.ndarray], np.ndarray], int]] = [
    ("Thalweg, `vmap`: one program", ours_vmap, 512),
    ("Thalweg, `lax.map`: one program", ours_map, 512),
    ("optax, `inject_hyperparams` under `vmap`", optax_injected_vmap, 512),
    ("optax, `inject_hyperparams`: one program, 512 runs", optax_injected, 512),
    ("optax, settings in closures: 512 programs", optax_baked, 32),
    ("PyTorch, fused: 512 runs", torch_eager, 32),
]


def measure(repeats: int) -> list[tuple[str, list[float]]]:
    """Seconds that all settings take, each way in turn."""
    seconds: dict[str, list[float]] = {title: [] for title, *_ in WAYS}
    expected = None
    for _ in range(repeats):
        for title, way, count in WAYS:
            jax.clear_caches()  # every run compiles
            began = time.perf_counter()
            losses = way(SETTINGS[:: len(SETTINGS) // count])
            took = time.perf_counter() - began
            seconds[title].append(took * len(SETTINGS) / count)
            expected = losses if expected is None else expected
            same = expected[:: len(SETTINGS) // count]
            np.testing.assert_allclose(
                losses, same, rtol=0.02, atol=2e-3, err_msg=title
            )
    return list(seconds.items())
