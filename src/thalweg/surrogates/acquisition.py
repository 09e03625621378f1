"""The logarithm of the expected improvement, exact where the improvement underflows.

Ament et al. 2023, "Unexpected Improvements to Expected Improvement for Bayesian
Optimization", https://arxiv.org/abs/2310.20708
"""

import numpy as np
from jaxtyping import Float64
from scipy.special import erfcx, log_ndtr

LOG_SQRT_2PI = 0.5 * np.log(2 * np.pi)
SQRT_2 = np.sqrt(2.0)
FAR = -1e4  # from here on the leading asymptotic terms are exact to 1e-8


def log_h(z: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """`log(φ(z) + z Φ(z))`: the log expected improvement of a unit normal over -z."""
    z = np.asarray(z, np.float64)
    out = np.empty_like(z)
    near, far = z > -1, z < FAR
    middle = ~(near | far)
    a = z[near]
    density = np.exp(-0.5 * a * a - LOG_SQRT_2PI)
    out[near] = np.log(density + a * np.exp(log_ndtr(a)))
    b = z[middle]
    # φ + zΦ = φ (1 - |z| m), m = sqrt(π/2) erfcx(|z| / √2) being Mills' ratio
    mills = np.sqrt(np.pi / 2) * erfcx(-b / SQRT_2)
    out[middle] = -0.5 * b * b - LOG_SQRT_2PI + _log_one_minus(-b, mills)
    c = z[far]
    out[far] = -0.5 * c * c - LOG_SQRT_2PI - 2 * np.log(-c)
    return out


def log_h_slope(z: Float64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
    """The derivative of `log_h`, `Φ(z) / (φ(z) + z Φ(z))`."""
    z = np.asarray(z, np.float64)
    far = z < FAR
    safe = np.where(far, 0.0, z)
    return np.where(far, -z, np.exp(log_ndtr(safe) - log_h(safe)))


def log_expected_improvement(
    mean: Float64[np.ndarray, " n"],
    deviation: Float64[np.ndarray, " n"],
    best: float,
) -> Float64[np.ndarray, " n"]:
    """`log E[max(best - f, 0)]` for normal `f`; smaller losses are better."""
    return np.log(deviation) + log_h((best - mean) / deviation)


def _log_one_minus(
    a: Float64[np.ndarray, " n"], mills: Float64[np.ndarray, " n"]
) -> Float64[np.ndarray, " n"]:
    """`log(1 - a m)`; `a m` tends to one, where the series takes over."""
    direct = np.log1p(-np.minimum(a * mills, 1 - 1e-16))
    s = 1 / (a * a)
    # Mills' ratio: a m = 1 - s + 3 s² - 15 s³ + 105 s⁴ - 945 s⁵ + …
    terms = 1 - 3 * s * (1 - 5 * s * (1 - 7 * s * (1 - 9 * s)))
    return np.where(a > 100, np.log(s) + np.log(np.maximum(terms, 1e-16)), direct)
