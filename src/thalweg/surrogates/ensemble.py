"""An ensemble of small neural networks that predict a loss, all trained at once.

Lakshminarayanan et al. 2017, "Simple and Scalable Predictive Uncertainty Estimation
using Deep Ensembles", https://arxiv.org/abs/1612.01474
The members differ in their first weights and in the order of their rows. One batched
product serves all of them, and the number of steps is the same however many rows there
are: the time of a fit hardly grows.
"""

import numpy as np
from jaxtyping import Float64

BATCH = 32  # rows a step
RATE = 0.01  # Adam's, falling to nothing
DECAY = 1e-4  # of the weights, at each step and times the rate
B1, B2, EPS = 0.9, 0.99, 1e-8


class Ensemble:
    """`members` networks of two hidden layers; ReLU; squared error; Adam."""

    def __init__(
        self,
        features: Float64[np.ndarray, "n f"],
        y: Float64[np.ndarray, " n"],
        rng: np.random.Generator,
        *,
        members: int = 5,
        width: int = 64,
        steps: int = 400,
    ):
        self.centre = features.mean(0)
        self.scale = np.maximum(features.std(0), 1e-3)
        x = self._scaled(features)
        sizes = [(x.shape[1], width), (width, width), (width, 1)]
        self._layers = _Layers(sizes, members)
        self._train(x, y.astype(np.float32), rng, steps)

    def predict(
        self, features: Float64[np.ndarray, "m f"]
    ) -> Float64[np.ndarray, "p m"]:
        """The members' predictions, one row for each."""
        values = self._layers.forward(self.theta, self._scaled(features)[None])[-1]
        return values[:, :, 0].astype(np.float64)

    def _scaled(self, features: Float64[np.ndarray, "m f"]) -> np.ndarray:
        return ((features - self.centre) / self.scale).astype(np.float32)

    def _train(
        self, x: np.ndarray, y: np.ndarray, rng: np.random.Generator, steps: int
    ) -> None:
        layers, n = self._layers, len(y)
        batch = min(BATCH, n)
        theta = layers.initial(rng)
        first, second = np.zeros_like(theta), np.zeros_like(theta)
        orders = rng.integers(n, size=(steps, layers.members, batch))
        for step in range(steps):
            rows = orders[step]
            gradient = layers.gradient(theta, x[rows], y[rows])
            first += (1 - B1) * (gradient - first)
            second += (1 - B2) * (gradient * gradient - second)
            move = first / (1 - B1 ** (step + 1))
            move /= np.sqrt(second / (1 - B2 ** (step + 1))) + EPS
            theta -= RATE * (1 - step / steps) * (move + DECAY * theta)
        self.theta = theta


class _Layers:
    """All weights `[p, q]` in one array, a row for each member, and views of them."""

    def __init__(self, sizes: list[tuple[int, int]], members: int):
        self.sizes, self.members = sizes, members

    def initial(self, rng: np.random.Generator) -> np.ndarray:
        """He's normal weights; biases 0."""
        parts = []
        for rows, columns in self.sizes:
            weight = rng.standard_normal((self.members, rows * columns))
            parts += [weight * np.sqrt(2 / rows), np.zeros((self.members, columns))]
        return np.concatenate(parts, axis=1).astype(np.float32)

    def split(self, theta: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
        """The weight `[p, i, j]` and the bias `[p, 1, j]` of each layer, as views."""
        found, start = [], 0
        for rows, columns in self.sizes:
            middle = start + rows * columns
            weight = theta[:, start:middle].reshape(-1, rows, columns)
            start = middle + columns
            found.append((weight, theta[:, None, middle:start]))
        return found

    def forward(self, theta: np.ndarray, x: np.ndarray) -> list[np.ndarray]:
        """What enters each layer, and the output `[p, b, 1]`."""
        values = [x]
        for i, (weight, bias) in enumerate(self.split(theta)):
            value = values[-1] @ weight + bias
            last = i == len(self.sizes) - 1
            values.append(value if last else np.maximum(value, 0, out=value))
        return values

    def gradient(self, theta: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Of half the mean squared error of each member's own rows."""
        values = self.forward(theta, x)
        gradient = np.empty_like(theta)
        pull = (values[-1] - y[:, :, None]) / x.shape[1]
        layers = list(zip(self.split(theta), self.split(gradient), strict=True))
        for i in reversed(range(len(layers))):
            (weight, _), (to_weight, to_bias) = layers[i]
            np.matmul(values[i].swapaxes(1, 2), pull, out=to_weight)
            pull.sum(1, keepdims=True, out=to_bias)
            if i:
                pull = (pull @ weight.swapaxes(1, 2)) * (values[i] > 0)
        return gradient
