"""Five optimizers on a linear regression, each at its own best learning rate.

All start from the same zeros and see the same gradient of the same mean squared error.
A comparison at one shared rate would only tell whom that rate suits; so each optimizer
is run with 120 rates, which are data: its 120 runs are one compiled program. Least
squares says how far down it goes.

    python examples/tuned_optimizers.py [picture.html]
"""

import os
import sys

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import plotly.graph_objects as go
from sklearn.datasets import load_diabetes
from sklearn.preprocessing import StandardScaler

import thalweg as tw

QUICK = bool(os.environ.get("THALWEG_QUICK"))  # tiny sizes, for tests
STEPS = 50 if QUICK else 300
RATES = np.logspace(-4, 2, 13 if QUICK else 121)
CHOSEN = ("sgd", "momentum", "adagrad", "rmsprop", "adam")


def main() -> None:
    X, y = load_diabetes(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    y = (y - y.mean()) / y.std()
    x, target = jnp.asarray(X, jnp.float32), jnp.asarray(y, jnp.float32)
    least = np.mean((X @ np.linalg.lstsq(X, y)[0] - y) ** 2)

    def loss(weights):
        return jnp.mean((x @ weights - target) ** 2)

    @eqx.filter_jit
    @eqx.filter_vmap
    def losses(optimizer):
        """The loss before each step."""

        def step(carry, _):
            weights, state = carry
            value, grads = jax.value_and_grad(loss)(weights)
            updates, state = optimizer.update(grads, state, weights)
            return (weights + updates, state), value

        weights = jnp.zeros(x.shape[1])
        return jax.lax.scan(step, (weights, optimizer.init(weights)), length=STEPS)[1]

    figure = go.Figure()
    print("above the least squares after ...")
    print(f"optimizer       rate  {STEPS // 10:6} steps {STEPS:6} steps")
    for name in CHOSEN:
        runs = np.asarray(
            losses(eqx.filter_vmap(tw.optimizers.OPTIMIZERS[name])(RATES))
        )
        above = np.maximum(runs - least, 1e-7)  # as far as single precision goes
        best = int(np.nanargmin(above[:, -1]))
        line = above[best]
        early, late = line[STEPS // 10 - 1], line[-1]
        print(f"{name:12} {RATES[best]:7.4f} {early:12.1e} {late:12.1e}")
        at_best = f"{name}, rate {RATES[best]:.2g}"
        figure.add_scatter(y=line, name=at_best)
    figure.update_layout(
        title="Each optimizer at its own best learning rate",
        xaxis_title="step",
        yaxis={
            "title": "loss above least squares",
            "type": "log",
            "exponentformat": "e",
        },
    )
    if len(sys.argv) > 1:
        figure.write_html(sys.argv[1])


if __name__ == "__main__":
    main()
