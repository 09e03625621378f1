"""Perturb and keep: a network trained without a single gradient.

The oldest way down is to change all weights a little by chance, and to keep the change
if the loss is lower. Written out by hand below it takes six lines. `tw.train` does the
same with any strategy in the place of an optimizer: here random search, which adapts
the length of its steps, and CMA-ES, which learns their shape too. Adam, at a rate tried
out beforehand, says what derivatives are worth.

    python examples/perturb_and_keep.py [picture.html]
"""

import os
import sys

import jax
import jax.numpy as jnp
import numpy as np
import plotly.graph_objects as go
from sklearn.datasets import make_moons

import thalweg as tw
from thalweg.optimizers import Adam, DerivativeFree
from thalweg.strategies import CMAES, RandomSearch

QUICK = bool(os.environ.get("THALWEG_QUICK"))  # tiny sizes, for tests
EVALUATIONS = 300 if QUICK else 20_000  # of the loss on all rows
WEIGHTS = 2 * 8 + 8 + 8 * 2 + 2


def init(key):
    first, second = jax.random.split(key)
    return {
        "first": jax.random.normal(first, (2, 8)),
        "shift": jnp.zeros(8),
        "last": 0.3 * jax.random.normal(second, (8, 2)),
        "bias": jnp.zeros(2),
    }


def apply(params, x):
    return (
        jnp.tanh(x @ params["first"] + params["shift"]) @ params["last"]
        + params["bias"]
    )


def by_hand(x, y, step: float) -> list[float]:
    """The loss kept after each evaluation."""
    random = np.random.default_rng(0)

    @jax.jit
    def loss(params):
        return jnp.mean(tw.losses.CrossEntropy()(apply(params, x), y))

    best = jax.tree.map(np.asarray, init(jax.random.key(0)))
    least, kept = float(loss(best)), []
    for _ in range(EVALUATIONS):
        new = jax.tree.map(lambda w: w + step * random.normal(size=w.shape), best)
        value = float(loss(new))
        if value < least:
            best, least = new, value
        kept.append(least)
    return kept


def by_training(x, y, optimizer, evaluations_per_step: int):
    """Evaluations, and the loss after them."""
    _, history = tw.train(
        (init, apply),
        (x, y),
        optimizer=optimizer,
        steps=EVALUATIONS // evaluations_per_step,
        batch_size=len(x),
        validation=0,
        judge_every=max(1, EVALUATIONS // evaluations_per_step // 100),
    )
    return history["step"] * evaluations_per_step, history["train_loss"]


def main() -> None:
    x, y = make_moons(200, noise=0.3, random_state=0)
    x = x.astype(np.float32)
    curves = {"perturb and keep, by hand": (np.arange(EVALUATIONS), by_hand(x, y, 0.1))}
    for name, strategy in {"random search": RandomSearch(), "CMA-ES": CMAES()}.items():
        size = strategy.size(WEIGHTS)
        curves[name] = by_training(x, y, DerivativeFree(strategy), size)
    curves["Adam, with gradients"] = by_training(x, y, Adam(0.03), 1)

    figure = go.Figure()
    print(f"loss after     {EVALUATIONS // 10:8}  {EVALUATIONS:8} evaluations")
    for name, (at, loss) in curves.items():
        early, late = np.interp([EVALUATIONS / 10, EVALUATIONS], at, loss)
        print(f"{name:26} {early:.4f}    {late:.4f}")
        figure.add_scatter(x=at, y=loss, name=name)
    figure.update_layout(
        title=f"{WEIGHTS} weights on two moons, all rows at every step",
        xaxis={
            "title": "evaluations of the loss, or of its gradient",
            "type": "log",
            "range": [2, np.log10(EVALUATIONS)],
        },
        yaxis={"title": "cross-entropy", "type": "log"},
    )
    if len(sys.argv) > 1:
        figure.write_html(sys.argv[1])


if __name__ == "__main__":
    main()
