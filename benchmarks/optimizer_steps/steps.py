"""Steps in each library on equal parameters, which move in memory before each round.

In JAX a step is one compiled program of update and addition, which may overwrite
parameters and state (both are donated); in PyTorch it is `optimizer.step()`. Where an
array happens to lie changes a step by up to half, and stays for a process's life unless
it is moved.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from pytorch_optimizer.optimizer.utils import matrix

from optimizer_steps.calls import RATE, Rule, hidden

RANDOM = np.random.default_rng(0)


class InJax:
    """A rule of `init` and `update`."""

    def __init__(self, rule: Any, params: Any, grads: Any):
        def step(params: Any, state: Any, grads: Any) -> Any:
            updates, state = rule.update(grads, state, params)
            return optax.apply_updates(params, updates), state

        self._step = jax.jit(step, donate_argnums=(0, 1))
        state = jax.jit(lambda params: rule.init(params))(params)
        self._held = jax.tree.map(jnp.array, (params, state, grads))

    def move(self) -> None:
        gaps = []

        def copy(x: Any) -> Any:
            gaps.append(np.empty(RANDOM.integers(1024, 8192), np.uint8))
            return jnp.copy(x)

        self._held = jax.block_until_ready(jax.tree.map(copy, self._held))

    def run(self, count: int) -> None:
        params, state, grads = self._held
        self._held = None  # the program overwrites them
        for _ in range(count):
            params, state = self._step(params, state, grads)
        self._held = jax.block_until_ready((params, state, grads))


class InTorch:
    """Optimizers of PyTorch, told to take a form, in `single` precision or as it is."""

    def __init__(self, rule: Rule, params: Any, grads: Any, form: str, single: bool):
        self._single = single
        own, rest = [], []
        leaves = jax.tree_util.tree_leaves_with_path(params)
        for (path, leaf), grad in zip(leaves, jax.tree.leaves(grads), strict=True):
            tensor = torch.tensor(leaf, requires_grad=True)
            tensor.grad = torch.tensor(grad)
            name = jax.tree_util.keystr(path[-1:], simple=True)
            (own if hidden(name, leaf) else rest).append(tensor)
        assert rule.torch is not None
        if rule.splits:
            self._optimizers = rule.torch(own, rest, lr=RATE)
        else:
            how = {form: True} if form in ("foreach", "fused") else {}
            self._optimizers = [rule.torch([*own, *rest], lr=RATE, **how)]
        for optimizer in self._optimizers:
            if hasattr(optimizer, "train"):  # the schedule-free
                optimizer.train()

    def move(self) -> None:
        for optimizer in self._optimizers:
            for group in optimizer.param_groups:
                for p in group["params"]:
                    p.data, p.grad = p.data.clone(), p.grad.clone()
                    state = optimizer.state[p]
                    for name, value in state.items():
                        if torch.is_tensor(value) and value.shape == p.shape:
                            state[name] = value.clone()

    def run(self, count: int) -> None:
        with _single_precision() if self._single else torch.no_grad():
            for _ in range(count):
                for optimizer in self._optimizers:
                    optimizer.step()


@contextmanager
def _single_precision() -> Iterator[None]:
    """Newton and Schulz' iteration without bfloat16."""
    half, iterate = torch.Tensor.bfloat16, matrix.zero_power_via_newton_schulz_5
    defaults = iterate.__defaults__
    torch.Tensor.bfloat16 = torch.Tensor.clone
    iterate.__defaults__ = (*defaults[:-1], torch.float32)
    try:
        yield
    finally:
        torch.Tensor.bfloat16, iterate.__defaults__ = half, defaults


def contestants(
    name: str, rule: Rule, params: Any, grads: Any
) -> dict[str, InJax | InTorch]:
    """The step of each library that has the rule, ours first."""
    steps: dict[str, InJax | InTorch] = {}
    steps["ours"] = InJax(rule.ours(name), params, grads)
    if rule.optax is not None:
        steps["optax"] = InJax(rule.optax(learning_rate=RATE), params, grads)
    if rule.torch is not None:
        for form in rule.forms:
            place = form if form in ("fused", "bfloat16") else "torch"
            single = form == "single"
            steps[place] = InTorch(rule, params, grads, form, single)
    return steps
