"""Learning curves of many trials as one Gaussian process, over rows and budgets.

Swersky et al. 2014, "Freeze-Thaw Bayesian Optimization", sections 3.1 and 3.2,
https://arxiv.org/abs/1406.3896
A curve is its trial's asymptote and an exponential decay towards it of unknown rate,
whose covariance between budgets t and t' is β / (t + t' + β) (α = 1 in the paper).
Departs from the paper: asymptote and decay both have a part that similar rows share and
one of the trial's own; all trials share one more decay, the trend of every training;
hyper-parameters are the most probable ones; exact inference over a bounded number of
observations.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64
from scipy.linalg import cho_solve, cholesky, get_lapack_funcs, solve_triangular

from thalweg.surrogates.gp import matern, squared_distances

BETAS = (0.05, 0.2, 1.0)  # of the decays, in full trainings
SCALE_PRIOR = (0.7, 1.2)  # of log length scale; + log(d) / 2
# Of the log variances, centre and width: what similar rows share of asymptotes and of
# decays, what is a trial's own of both, what all decays share, noise.
VARIANCE_PRIOR = np.log([0.5, 0.5, 0.05, 0.05, 0.5, 2e-3])
VARIANCE_WIDTH = np.array([1.0, 1.0, 1.5, 1.5, 1.5, 1.5])
BOUNDS = (np.log(1e-5), np.log(1e3))

Theta = Float64[np.ndarray, " q"]  # log length scales (d), log variances (6)


@dataclass(frozen=True)
class Points:
    """Places on curves: a row's features, a budget, and which trial's curve it is."""

    features: Float64[np.ndarray, "n f"]
    budget: Float64[np.ndarray, " n"]
    trial: Int64[np.ndarray, " n"]  # negative: nobody's, so that no two are alike

    def __getitem__(self, rows: object) -> "Points":
        return Points(self.features[rows], self.budget[rows], self.trial[rows])  # type: ignore[index]

    def __add__(self, other: "Points") -> "Points":
        return Points(
            np.concatenate([self.features, other.features]),
            np.append(self.budget, other.budget),
            np.append(self.trial, other.trial),
        )


@dataclass(frozen=True)
class Prior:
    """The covariance of curves, given its hyper-parameters."""

    theta: Theta
    beta: float
    group: Int64[np.ndarray, " f"]  # the dimension of each feature

    @property
    def variances(self) -> Float64[np.ndarray, " 6"]:
        return np.exp(self.theta[-6:])

    def weighted(self, points: Points) -> Float64[np.ndarray, "n f"]:
        """Features in units of their length scales."""
        return points.features * np.exp(-self.theta[:-6])[self.group]

    def decay(self, a: Points, b: Points) -> Float64[np.ndarray, "n m"]:
        """Between budgets."""
        return self.beta / (a.budget[:, None] + b.budget + self.beta)

    def __call__(self, a: Points, b: Points) -> Float64[np.ndarray, "n m"]:
        """Between noiseless losses."""
        alike, _ = matern(squared_distances(self.weighted(a), self.weighted(b)))
        level, curve, own_level, own_curve, trend, _ = self.variances
        decay, own = self.decay(a, b), _same(a, b)
        kernel = alike * (level + curve * decay) + trend * decay
        return kernel + own * (own_level + own_curve * decay)

    def variance(self, points: Points) -> Float64[np.ndarray, " n"]:
        """Of noiseless losses."""
        level, curve, own_level, own_curve, trend, _ = self.variances
        decay = self.beta / (2 * points.budget + self.beta)
        return level + own_level + (curve + own_curve + trend) * decay


class Curves:
    """What the process says of other places on curves, given some."""

    def __init__(self, prior: Prior, points: Points, losses: Float64[np.ndarray, " n"]):
        self.prior, self.points = prior, points
        self.noise = float(prior.variances[-1])
        kernel = prior(points, points)
        kernel[np.diag_indices(len(losses))] += self.noise
        self.lower = cholesky(kernel, lower=True)
        ones = cho_solve((self.lower, True), np.ones(len(losses)))
        self.mean = float((ones @ losses) / ones.sum())
        self.alpha = cho_solve((self.lower, True), losses - self.mean)

    def cross(self, points: Points) -> tuple[np.ndarray, np.ndarray]:
        """Mean `[m]`, and `L⁻¹ k` `[n, m]` whose squares reduce the variance."""
        kernel = self.prior(self.points, points)
        reduced = solve_triangular(self.lower, kernel, lower=True)
        return self.mean + self.alpha @ kernel, reduced

    def deviation(
        self, points: Points, reduced: Float64[np.ndarray, "n m"]
    ) -> Float64[np.ndarray, " m"]:
        """The standard deviation that is left of noiseless losses."""
        variance = self.prior.variance(points)
        left = variance - np.einsum("nm,nm->m", reduced, reduced)
        return np.sqrt(np.maximum(left, 1e-12 * variance))

    def predict(self, points: Points) -> tuple[np.ndarray, np.ndarray]:
        """Mean and standard deviation of noiseless losses."""
        mean, reduced = self.cross(points)
        return mean, self.deviation(points, reduced)

    def believe(self, point: Points) -> Float64[np.ndarray, " n"]:
        """Takes one place for observed at its mean; the new row of the factor."""
        kernel = self.prior(self.points, point)
        row = solve_triangular(self.lower, kernel, lower=True)[:, 0]
        left = float(self.prior.variance(point)[0]) + self.noise - row @ row
        n = len(row)
        lower = np.zeros((n + 1, n + 1))
        lower[:n, :n], lower[n, :n] = self.lower, row
        lower[n, n] = np.sqrt(max(left, self.noise))
        self.lower, self.points = lower, self.points + point
        self.alpha = np.append(self.alpha, 0.0)
        return lower[n]


def fit_curves(
    points: Points,
    losses: Float64[np.ndarray, " n"],
    group: Int64[np.ndarray, " f"],
    dim: int,
    *,
    steps: int = 20,
) -> Prior:
    """The most probable hyper-parameters of curves with standardised losses."""
    from scipy.optimize import minimize

    scale = SCALE_PRIOR[0] + 0.5 * np.log(max(dim, 1))
    begin = np.append(np.full(dim, scale), VARIANCE_PRIOR)

    def value(theta: Theta, beta: float) -> tuple[float, Theta]:
        return negative_log_posterior(Prior(theta, beta, group), points, losses)

    beta = min(BETAS, key=lambda beta: value(begin, beta)[0])
    found = minimize(
        value,
        begin,
        args=(beta,),
        jac=True,
        method="L-BFGS-B",
        bounds=[BOUNDS] * len(begin),
        options={"maxiter": steps, "ftol": 1e-5},
    )
    return Prior(found.x if np.isfinite(found.fun) else begin, beta, group)


def negative_log_posterior(
    prior: Prior, points: Points, losses: Float64[np.ndarray, " n"]
) -> tuple[float, Theta]:
    """Of the hyper-parameters, with its gradient; the mean is profiled out."""
    theta, n = prior.theta, len(losses)
    z, decay, own = (
        prior.weighted(points),
        prior.decay(points, points),
        _same(points, points),
    )
    square = squared_distances(z, z)
    np.fill_diagonal(square, 0.0)
    alike, slope = matern(square)
    level, curve, own_level, own_curve, trend, noise = prior.variances
    shared = level + curve * decay
    kernel = alike * shared + trend * decay + own * (own_level + own_curve * decay)
    kernel[np.diag_indices(n)] += noise
    factor, invert = get_lapack_funcs(("potrf", "potri"), (kernel,))
    lower, failed = factor(kernel, lower=1)
    if failed:
        return np.inf, np.zeros_like(theta)
    inverse, _ = invert(lower, lower=1)
    inverse = np.tril(inverse) + np.tril(inverse, -1).T
    ones = inverse.sum(1)
    residual = losses - (ones @ losses) / ones.sum()
    alpha = inverse @ residual
    value = 0.5 * (residual @ alpha) + np.log(np.diag(lower)).sum()
    outer = inverse - np.outer(alpha, alpha)  # 2 d value / d kernel
    # in the squared distance, then each feature, then each dimension
    g = outer * slope * shared
    moment = 2 * (g.sum(1) @ (z * z) - np.sum(z * (g @ z), 0))
    gradient = np.empty_like(theta)
    gradient[:-6] = -np.bincount(prior.group, moment, minlength=len(theta) - 6)
    parts = (outer * alike, outer * own, outer)
    sums = [part.sum() for part in parts[:2]] + [np.sum(part * decay) for part in parts]
    level_, own_, curve_, own_curve_, trend_ = sums
    each = np.array([level_, curve_, own_, own_curve_, trend_, np.trace(outer)])
    gradient[-6:] = 0.5 * prior.variances * each
    scale = SCALE_PRIOR[0] + 0.5 * np.log(max(len(theta) - 6, 1))
    centre = np.append(np.full(len(theta) - 6, scale), VARIANCE_PRIOR)
    width = np.append(np.full(len(theta) - 6, SCALE_PRIOR[1]), VARIANCE_WIDTH)
    away = (theta - centre) / width
    return value + 0.5 * away @ away, gradient + away / width


def _same(a: Points, b: Points) -> Float64[np.ndarray, "n m"]:
    """1 where both are of one trial's curve."""
    same = (a.trial[:, None] == b.trial) & (a.trial[:, None] >= 0)
    return same.astype(np.float64)
