"""A network of your own: an equinox module, or a pair of functions `(init, apply)`.

Whatever is an inexact array in the module is trained; everything else (the optimizer,
schedules, early stopping, histories) works as it does with the networks that ship.
"""

import os

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import thalweg as tw

QUICK = bool(os.environ.get("THALWEG_QUICK"))  # tiny sizes, for tests
STEPS = 50 if QUICK else 3000


class Sines(eqx.Module):
    """A sum of sines with learned frequencies, called for one example."""

    frequency: Float[Array, " w"]
    phase: Float[Array, " w"]
    amplitude: Float[Array, " w"]
    offset: Float[Array, ""]

    def __init__(self, terms: int, *, key):
        of_frequency, of_phase = jax.random.split(key)
        self.frequency = 6 * jax.random.normal(of_frequency, (terms,))
        self.phase = 3 * jax.random.normal(of_phase, (terms,))
        self.amplitude = jnp.full(terms, 1 / terms)
        self.offset = jnp.zeros(())

    def __call__(self, x: Float[Array, " 1"]) -> Float[Array, ""]:
        waves = jnp.sin(self.frequency * x + self.phase)
        return self.amplitude @ waves + self.offset


def init(key):
    """Parameters of a network of 16 radial basis functions: any pytree of arrays."""
    return {
        "centre": jnp.linspace(-1.0, 1.0, 16),
        "width": jnp.asarray(0.2),
        "kernel": 0.1 * jax.random.normal(key, (16, 1)),
    }


def apply(params, x: Float[Array, "b 1"]) -> Float[Array, "b 1"]:
    """Outputs for a batch."""
    distance = (x - params["centre"]) / params["width"]
    return jnp.exp(-(distance**2)) @ params["kernel"]


def main() -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (400, 1))
    y = np.sin(9 * x[:, 0]) * x[:, 0] + rng.normal(0, 0.1, 400)

    networks = {
        "equinox module": Sines(24, key=jax.random.key(0)),
        "(init, apply)": (init, apply),
        "equinox's own": eqx.nn.MLP(1, "scalar", 32, 2, key=jax.random.key(0)),
        "thalweg's MLP": tw.networks.MLP(hidden=[32, 32], activation="tanh"),
    }
    print(f"{'':16} validation error (the noise is 0.01)")
    for name, network in networks.items():
        _, history = tw.train(
            network,
            (x, y),
            loss="mse",
            optimizer=tw.optimizers.Adam(tw.schedules.Cosine(1e-2, STEPS)),
            steps=STEPS,
            batch_size=64,
            validation=0.25,
            judge_every=STEPS // 10,
        )
        print(f"{name:16} {history['loss'].min():.4f}")


if __name__ == "__main__":
    main()
