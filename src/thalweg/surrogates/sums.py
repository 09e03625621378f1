"""A Gaussian process whose kernel is a sum, one term for each view of a configuration.

Rasmussen & Williams 2006, Algorithm 2.1 and sections 4.2.4 and 5.4.1,
http://gaussianprocess.org/gpml/
Each term is a Matérn-5/2 kernel on weighted features (`Views`); all weights, the terms'
variances and the noise are those of the highest posterior density.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64
from scipy.linalg import cholesky, get_lapack_funcs, solve_triangular

from thalweg.surrogates.kernel import matern, squared_distances
from thalweg.surrogates.views import View

NOISE = (-5.0, 1.5)  # prior mean and deviation of log variance, targets standardised
SIGNAL = 1.0  # prior deviation of a term's log variance
REACH = 4.0  # prior deviations within which the parameters are sought
TINY = 1e-8

Theta = Float64[np.ndarray, " q"]  # log noise; then of each view: log signal, its own


class SumOfKernels:
    """The prior of the parameters, the most probable ones, and the kernel they make."""

    def __init__(self, views: Sequence[View]):
        self.views = views
        centre, width, self.parts = [NOISE[0]], [NOISE[1]], []
        for view in views:
            self.parts.append(slice(len(centre), len(centre) + 1 + len(view.centre)))
            centre += [view.signal, *view.centre]
            width += [SIGNAL, *view.width]
        self.centre, self.width = np.array(centre), np.array(width)

    def terms(self, theta: Theta) -> list[tuple[float, np.ndarray]]:
        """The variance of each view's kernel, and the roots of its weights."""
        return [
            (float(np.exp(part[0])), np.exp(0.5 * (view.sharing @ part[1:])))
            for view, part in zip(
                self.views, (theta[part] for part in self.parts), strict=True
            )
        ]

    def kernel(
        self, theta: Theta, a: Sequence[np.ndarray], b: Sequence[np.ndarray]
    ) -> Float64[np.ndarray, "n m"]:
        """The covariance of the noiseless values at features `a` and `b`."""
        total = np.zeros((len(a[0]), len(b[0])))
        for (signal, root), f, g in zip(self.terms(theta), a, b, strict=True):
            total += signal * matern(squared_distances(f * root, g * root))[0]
        return total

    def negative_log_posterior(
        self, theta: Theta, features: Sequence[np.ndarray], y: Float64[np.ndarray, " n"]
    ) -> tuple[float, Theta]:
        """With its gradient; the mean is profiled out."""
        noise, n = np.exp(theta[0]), len(y)
        kernel, parts = np.zeros((n, n)), []
        for (signal, root), f in zip(self.terms(theta), features, strict=True):
            z = f * root
            square = squared_distances(z, z)
            np.fill_diagonal(square, 0.0)
            shape, slope = matern(square)
            kernel += signal * shape
            parts.append((z, signal * shape, signal * slope))
        kernel[np.diag_indices(n)] += noise + TINY
        factor, invert = get_lapack_funcs(("potrf", "potri"), (kernel,))
        lower, failed = factor(kernel, lower=1)
        if failed:
            return np.inf, np.zeros_like(theta)
        inverse, _ = invert(lower, lower=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        ones = inverse.sum(1)
        residual = y - (ones @ y) / ones.sum()
        alpha = inverse @ residual
        outer = inverse - np.outer(alpha, alpha)  # 2 d value / d kernel
        gradient = np.empty_like(theta)
        gradient[0] = 0.5 * noise * np.trace(outer)
        for view, part, (z, value, slope) in zip(
            self.views, self.parts, parts, strict=True
        ):
            g = outer * slope
            # half of sum_ab g_ab (z_a - z_b)^2, for each feature
            moment = g.sum(1) @ (z * z) - np.sum(z * (g @ z), 0)
            gradient[part] = np.append(
                0.5 * np.sum(outer * value), view.sharing.T @ moment
            )
        value = 0.5 * (residual @ alpha) + np.log(np.diag(lower)).sum()
        away = (theta - self.centre) / self.width
        return float(value + 0.5 * away @ away), gradient + away / self.width

    def fit(
        self,
        features: Sequence[np.ndarray],
        y: Float64[np.ndarray, " n"],
        *,
        steps: int = 30,
    ) -> Theta:
        """The most probable parameters that L-BFGS-B finds from the prior's centre."""
        from scipy.optimize import minimize

        reach = REACH * self.width
        bounds = np.stack([self.centre - reach, self.centre + reach], 1)
        found = minimize(
            self.negative_log_posterior,
            self.centre,
            args=(features, y),
            jac=True,
            method="L-BFGS-B",
            bounds=bounds,
            options={"maxiter": steps, "ftol": 1e-5},
        )
        return found.x if np.isfinite(found.fun) else self.centre


class Field:
    """Means and variances at fixed rows, which further rows of them can narrow.

    `pending` rows, and those that are believed, count as observed at their predicted
    means (Ginsbourger et al. 2010, "Kriging is well-suited to parallelize
    optimization"): means stay what they are and variances shrink.
    """

    def __init__(
        self,
        sums: SumOfKernels,
        theta: Theta,
        rows: Sequence[np.ndarray],
        *,
        observed: Sequence[np.ndarray],
        y: Float64[np.ndarray, " n"],
        pending: Sequence[np.ndarray],
    ):
        self.sums, self.theta, self.rows = sums, theta, rows
        self.noise = float(np.exp(theta[0])) + TINY
        self.signal = sum(signal for signal, _ in sums.terms(theta))
        n = len(y)
        known = [np.concatenate(pair) for pair in zip(observed, pending, strict=True)]
        kernel = sums.kernel(theta, known, known)
        kernel[np.diag_indices(len(kernel))] = self.signal + self.noise
        lower = cholesky(kernel, lower=True)
        between = sums.kernel(theta, known, rows)
        self.reduced = solve_triangular(lower, between, lower=True)
        sides = np.stack([np.ones(n), y], 1)
        ones, values = solve_triangular(lower[:n, :n], sides, lower=True).T
        centre = (ones @ values) / (ones @ ones)
        weights = values - centre * ones
        self.mean: Float64[np.ndarray, " m"] = centre + weights @ self.reduced[:n]
        explained = np.einsum("nm,nm->m", self.reduced, self.reduced)
        self.variance: Float64[np.ndarray, " m"] = self._positive(
            self.signal - explained
        )

    def believe(self, i: int) -> None:
        """As if row `i` had been observed at its mean."""
        row, here = self.reduced[:, i], [f[i : i + 1] for f in self.rows]
        left = np.sqrt(max(self.signal + self.noise - row @ row, self.noise))
        new = (
            self.sums.kernel(self.theta, here, self.rows)[0] - row @ self.reduced
        ) / left
        self.reduced = np.concatenate([self.reduced, new[None]])
        self.variance = self._positive(self.variance - new * new)

    def _positive(self, variance: np.ndarray) -> np.ndarray:
        return np.maximum(variance, 1e-12 * self.signal)
