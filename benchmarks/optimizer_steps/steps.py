"""A step repeated `n` times, in each library, on parameters that stay where they are.

In JAX a step is one compiled program of update and addition, which may overwrite
parameters and state (both are donated); in PyTorch it is `optimizer.step()`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax
import torch

from optimizer_steps.calls import RATE, Rule, hidden

Run = Callable[[int], None]


def contestants(name: str, rule: Rule, params: Any, grads: Any) -> dict[str, Run]:
    """The step of each library that has the rule, ours first."""
    ours = rule.ours(name)
    grads = jax.tree.map(jnp.array, grads)
    runs = {"ours": _in_jax(ours.init, ours.update, params, grads)}
    if rule.optax is not None:
        theirs = rule.optax(learning_rate=RATE)
        runs["optax"] = _in_jax(theirs.init, theirs.update, params, grads)
    if rule.torch is None:
        return runs
    for form in rule.forms or ("as it is",):
        how = {form: True} if rule.forms else {}
        place = "fused" if form == "fused" else "torch"
        runs[place] = _in_torch(rule, params, grads, how)
    return runs


def _in_jax(init: Any, update: Any, params: Any, grads: Any) -> Run:
    def step(params: Any, state: Any, grads: Any) -> Any:
        updates, state = update(grads, state, params)
        return optax.apply_updates(params, updates), state

    params = jax.tree.map(jnp.array, params)
    program = jax.jit(step, donate_argnums=(0, 1))
    held = [params, jax.jit(lambda params: init(params))(params)]

    def run(n: int) -> None:
        params, state = held
        for _ in range(n):
            params, state = program(params, state, grads)
        held[:] = jax.block_until_ready([params, state])

    return run


def _in_torch(rule: Rule, params: Any, grads: Any, how: dict[str, Any]) -> Run:
    own, rest = [], []
    leaves = jax.tree_util.tree_leaves_with_path(params)
    for (path, leaf), grad in zip(leaves, jax.tree.leaves(grads), strict=True):
        tensor = torch.tensor(leaf, requires_grad=True)
        tensor.grad = torch.tensor(jax.device_get(grad))
        name = jax.tree_util.keystr(path[-1:], simple=True)
        (own if hidden(name, leaf) else rest).append(tensor)
    assert rule.torch is not None
    if rule.splits:
        optimizers = rule.torch(own, rest, lr=RATE)
    else:
        optimizers = [rule.torch([*own, *rest], lr=RATE, **how)]
    for optimizer in optimizers:
        if hasattr(optimizer, "train"):  # the schedule-free
            optimizer.train()

    def run(n: int) -> None:
        for _ in range(n):
            for optimizer in optimizers:
                optimizer.step()

    return run
