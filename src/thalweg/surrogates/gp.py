"""Gaussian process regression: Matérn-5/2 with a length scale per dimension.

Rasmussen & Williams 2006, Algorithm 2.1, http://gaussianprocess.org/gpml/
The hyper-parameters are `likelihood`'s.
"""

import numpy as np
from jaxtyping import Float64
from scipy.linalg import cho_solve, cholesky, solve_triangular

from thalweg.surrogates.kernel import matern, squared_distances
from thalweg.surrogates.likelihood import Data, Theta


class Posterior:
    """What the process says of new rows. Rows that are pending narrow it too.

    A pending row counts as observed at its predicted mean ("believer"; Ginsbourger et
    al. 2010, "Kriging is well-suited to parallelize optimization"): the mean stays what
    it was everywhere and the variance shrinks.
    """

    def __init__(
        self,
        theta: Theta,
        data: Data,
        pending: Float64[np.ndarray, "m f"] | None = None,
    ):
        d = data.dim
        self.signal, self.noise = float(np.exp(theta[d])), float(np.exp(theta[d + 1]))
        self.weight = np.exp(-theta[:d])[data.group]
        z = data.features * self.weight
        lower = self._factor(z)
        ones = cho_solve((lower, True), np.ones(len(z)))
        self.mean = float((ones @ data.targets) / ones.sum())
        self.alpha = cho_solve((lower, True), data.targets - self.mean)
        self.z, self.lower = z, lower
        if pending is not None and len(pending):
            self.z = np.concatenate([z, pending * self.weight])
            self.lower = self._factor(self.z)
            self.alpha = np.concatenate([self.alpha, np.zeros(len(pending))])

    def _factor(self, z: Float64[np.ndarray, "n f"]) -> Float64[np.ndarray, "n n"]:
        kernel = self._between(z, z)
        kernel[np.diag_indices(len(z))] = self.signal + self.noise
        return cholesky(kernel, lower=True)

    def _between(
        self, z: Float64[np.ndarray, "n f"], other: Float64[np.ndarray, "m f"]
    ) -> Float64[np.ndarray, "n m"]:
        return self.signal * matern(squared_distances(z, other))[0]

    def kernel(
        self, a: Float64[np.ndarray, "n f"], b: Float64[np.ndarray, "m f"]
    ) -> Float64[np.ndarray, "n m"]:
        """The prior covariance of the noiseless values at rows of features."""
        return self._between(a * self.weight, b * self.weight)

    def covariance(
        self, features: Float64[np.ndarray, "m f"]
    ) -> Float64[np.ndarray, "m n"]:
        """The prior covariance with what was observed and believed."""
        return self._between(features * self.weight, self.z)

    def cross(self, features: Float64[np.ndarray, "m f"]) -> tuple[np.ndarray, ...]:
        """Mean `[m]`, and `L⁻¹ k` `[n, m]` whose squares reduce the variance."""
        kernel = self._between(self.z, features * self.weight)
        mean = self.mean + self.alpha @ kernel
        return mean, solve_triangular(self.lower, kernel, lower=True)

    def predict(
        self, features: Float64[np.ndarray, "m f"]
    ) -> tuple[Float64[np.ndarray, " m"], Float64[np.ndarray, " m"]]:
        """Mean and variance of the noiseless value."""
        mean, reduced = self.cross(features)
        return mean, self.variance(reduced)

    def variance(
        self, reduced: Float64[np.ndarray, "n m"]
    ) -> Float64[np.ndarray, " m"]:
        """The signal's variance less what the rows explain, never below rounding."""
        left = self.signal - np.einsum("nm,nm->m", reduced, reduced)
        return np.maximum(left, 1e-12 * self.signal)

    def slopes(self, features: Float64[np.ndarray, "m f"]) -> tuple[np.ndarray, ...]:
        """Mean and variance, and the derivatives of both in the features."""
        z = features * self.weight
        shape, slope = matern(squared_distances(z, self.z))
        kernel = self.signal * shape
        reduced = solve_triangular(self.lower, kernel.T, lower=True)
        solved = solve_triangular(self.lower, reduced, lower=True, trans=1)
        variance = self.variance(reduced)
        pull = 2.0 * self.signal * slope

        def through(weights: np.ndarray) -> np.ndarray:
            c = weights * pull
            return (z * c.sum(1, keepdims=True) - c @ self.z) * self.weight

        return (
            self.mean + kernel @ self.alpha,
            variance,
            through(self.alpha),
            -2.0 * through(solved.T),
        )

    def believe(self, features: Float64[np.ndarray, " f"]) -> np.ndarray:
        """Adds a pending row; returns the new row of the Cholesky factor."""
        z = (features * self.weight)[None]
        row = solve_triangular(self.lower, self._between(self.z, z), lower=True)[:, 0]
        last = np.sqrt(max(self.signal + self.noise - row @ row, self.noise))
        n = len(row)
        lower = np.zeros((n + 1, n + 1))
        lower[:n, :n] = self.lower
        lower[n, :n], lower[n, n] = row, last
        self.lower, self.z = lower, np.concatenate([self.z, z])
        self.alpha = np.append(self.alpha, 0.0)
        return lower[n]
