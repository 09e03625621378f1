"""A line fitted by gradient descent: written out by hand, and by `thalweg.train`.

Both start at zero and go down the same mean squared error with the same steps, so they
must come to the same place on the way. Least squares, which needs no descent, says
where the way leads.
"""

import jax.numpy as jnp
import numpy as np

import thalweg as tw

RATE, STEPS = 0.1, 100


def by_hand(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """Slope and intercept after `STEPS` steps against the gradient."""
    slope = intercept = 0.0
    for _ in range(STEPS):
        error = slope * x + intercept - y
        # the derivatives of mean(error ** 2)
        slope -= RATE * 2 * np.mean(error * x)
        intercept -= RATE * 2 * np.mean(error)
    return slope, intercept


def by_training(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    """The same descent: a network of one weight, trained on all rows at every step."""

    def init(key):
        return {"kernel": jnp.zeros((1, 1)), "bias": jnp.zeros(1)}

    def apply(params, x):
        return x @ params["kernel"] + params["bias"]

    model, _ = tw.train(
        (init, apply),
        (x[:, None], y),
        loss="mse",
        optimizer=tw.optimizers.SGD(RATE),
        steps=STEPS,
        batch_size=len(x),  # gradient descent, not stochastic
        validation=0,
        keep_best=False,  # the last weights
    )
    params = model.network.params
    return float(params["kernel"][0, 0]), float(params["bias"][0])


def main() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 100)
    y = 2 * x + 1 + rng.normal(0, 0.1, 100)
    lines = {
        "by hand": by_hand(x, y),
        "thalweg.train": by_training(x, y),
        "least squares": tuple(np.polyfit(x, y, 1)),
    }
    print(f"{'':14} {'slope':>10} {'intercept':>10}")
    for name, (slope, intercept) in lines.items():
        print(f"{name:14} {slope:10.6f} {intercept:10.6f}")
    difference = np.subtract(lines["by hand"], lines["thalweg.train"])
    assert np.abs(difference).max() < 1e-5, "both are the same descent"


if __name__ == "__main__":
    main()
