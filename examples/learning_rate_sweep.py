"""Which learning rate? Four optimizers, 49 rates each, every rate with three seeds.

Learning rates are data: an optimizer's 147 trainings of a small network are one
compiled program. The picture shows for how many rates around its best one an optimizer
does well, which matters more than how good that best one is.

    python examples/learning_rate_sweep.py [picture.html]
"""

import os
import sys
import time

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import plotly.graph_objects as go
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import thalweg as tw

QUICK = bool(os.environ.get("THALWEG_QUICK"))  # tiny sizes, for tests
STEPS = 10 if QUICK else 300
RATES = np.logspace(-4, 2, 7 if QUICK else 49)
SEEDS = np.arange(1 if QUICK else 3)
CHOSEN = ("sgd", "momentum", "adamw", "schedule_free_adamw")
BATCH = 32


def network(params, x):
    hidden = jax.nn.relu(x @ params["first"]["kernel"] + params["first"]["bias"])
    return hidden @ params["last"]["kernel"] + params["last"]["bias"]


def initial(key):
    one, two = jax.random.split(key)
    he, glorot = jax.nn.initializers.he_normal(), jax.nn.initializers.glorot_normal()
    return {
        "first": {"kernel": he(one, (64, 32)), "bias": jnp.zeros(32)},
        "last": {"kernel": glorot(two, (32, 10)), "bias": jnp.zeros(10)},
    }


def main() -> None:
    X, y = load_digits(return_X_y=True)
    parts = train_test_split(X / 16, y, random_state=0, stratify=y)
    x, x_new, y, y_new = (jnp.asarray(part) for part in parts)
    cross_entropy = tw.losses.LOSSES["cross_entropy"]()

    @eqx.filter_jit
    @eqx.filter_vmap(in_axes=(eqx.if_array(0), None))
    @eqx.filter_vmap(in_axes=(None, 0))
    def final_loss(optimizer, seed):
        """On rows that the training has not seen."""
        first, batches = jax.random.split(jax.random.key(seed))

        def step(i, carry):
            params, state = carry
            rows = jax.random.randint(
                jax.random.fold_in(batches, i), (BATCH,), 0, len(x)
            )

            def loss(params):
                return jnp.mean(cross_entropy(network(params, x[rows]), y[rows]))

            updates, state = optimizer.update(jax.grad(loss)(params), state, params)
            return jax.tree.map(jnp.add, params, updates), state

        params = initial(first)
        carry = jax.lax.fori_loop(0, STEPS, step, (params, optimizer.init(params)))
        return jnp.mean(
            cross_entropy(network(optimizer.solution(*carry), x_new), y_new)
        )

    figure = go.Figure()
    print(
        "optimizer                rate     loss  rates within a tenth of it   seconds"
    )
    for name in CHOSEN:
        begin = time.perf_counter()
        optimizers = eqx.filter_vmap(tw.optimizers.OPTIMIZERS[name])(RATES)
        losses = np.asarray(final_loss(optimizers, SEEDS)).mean(axis=1)
        seconds = time.perf_counter() - begin
        best = int(np.nanargmin(losses))
        near = RATES[losses <= 1.1 * losses[best]]
        span = f"{near.min():.1e} to {near.max():.1e}"
        found = f"{RATES[best]:8.1e} {losses[best]:8.4f}"
        print(f"{name:20} {found}  {span:>25} {seconds:9.1f}")
        figure.add_scatter(x=RATES, y=np.minimum(losses, 3), name=name)
    figure.update_layout(
        title=f"{len(RATES) * len(SEEDS)} trainings per optimizer, one program each",
        xaxis={"title": "learning rate", "type": "log", "exponentformat": "e"},
        yaxis={"title": "cross-entropy on new rows", "type": "log"},
    )
    if len(sys.argv) > 1:
        figure.write_html(sys.argv[1])


if __name__ == "__main__":
    main()
