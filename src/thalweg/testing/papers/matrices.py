"""Rules for matrices; a kernel is `[inputs, outputs]`."""

import numpy as np


def newton_schulz(x, rounds=5):
    """Jordan et al. 2024: rounds of a polynomial of degree 5."""
    tall = x.shape[0] > x.shape[1]
    x = x.T if tall else x
    x = x / np.linalg.norm(x)
    for _ in range(rounds):
        a = x @ x.T
        x = 3.4445 * x + (-4.7750 * a + 2.0315 * a @ a) @ x
    return x.T if tall else x


def normuon(p, grads, rate, b1=0.95, b2=0.9, eps=1e-8, decay=0.0):
    """Li et al. 2025, Algorithm 1."""
    m, v = np.zeros_like(p), np.zeros(p.shape[1])
    for g in grads:
        m = b1 * m + (1 - b1) * g
        o = newton_schulz(m)
        v = b2 * v + (1 - b2) * np.mean(o**2, axis=0)
        o = o / (np.sqrt(v) + eps)
        p = p - rate * (decay * p + 0.2 * np.sqrt(p.size) / np.linalg.norm(o) * o)
        yield p
