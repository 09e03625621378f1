"""Rules that recommend an average of their iterates."""

import numpy as np


def schedule_free(p, grads, rate, beta=0.9, b2=0.999, eps=1e-8, adaptive=True):
    """Defazio et al. 2024, Algorithm 1: x, y and z all written out."""
    x = z = p
    v = np.zeros_like(p)
    for t, g in enumerate(grads, 1):
        v = b2 * v + (1 - b2) * g**2
        z = z - rate * (g / (np.sqrt(v / (1 - b2**t)) + eps) if adaptive else g)
        x = (1 - 1 / t) * x + z / t
        yield (1 - beta) * z + beta * x  # where the next gradient is taken
