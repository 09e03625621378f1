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


def muon(p, grads, rate, momentum=0.95, decay=0.0):
    """Jordan et al. 2024, Nesterov's form, with the length of Liu et al. 2025."""
    b = np.zeros_like(p)
    for g in grads:
        b = momentum * b + g
        o = newton_schulz(g + momentum * b)
        p = p - rate * (0.2 * np.sqrt(max(p.shape)) * o + decay * p)
        yield p


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


def adafactor(p, grads, rate, eps1=1e-30, eps2=1e-3, d=1.0):
    """Shazeer & Stern 2018, Algorithm 4, with a relative step of `rate`."""
    r, c = np.zeros(p.shape[0]), np.zeros(p.shape[1])
    for t, g in enumerate(grads, 1):
        b2 = 1 - t**-0.8
        alpha = max(eps2, np.sqrt(np.mean(p**2))) * rate
        r = b2 * r + (1 - b2) * np.sum(g**2 + eps1, axis=1)
        c = b2 * c + (1 - b2) * np.sum(g**2 + eps1, axis=0)
        u = g / np.sqrt(np.outer(r, c) / np.sum(r))
        u = u / max(1.0, np.sqrt(np.mean(u**2)) / d)
        p = p - alpha * u
        yield p
