"""Rules that keep one average of gradients and divide by nothing."""

import numpy as np


def cauchy(p, grads, rate):
    """Cauchy 1847: x_{t+1} = x_t - a g_t."""
    for g in grads:
        p = p - rate * g
        yield p


def polyak(p, grads, rate, momentum=0.9):
    """Polyak 1964: x_{t+1} = x_t - a g_t + b (x_t - x_{t-1})."""
    before = p
    for g in grads:
        before, p = p, p - rate * g + momentum * (p - before)
        yield p


def nesterov(p, grads, rate, momentum=0.9):
    """Sutskever et al. 2013, equations 3-4: g is taken at theta + mu v."""
    v = np.zeros_like(p)
    theta = p
    for g in grads:
        v = momentum * v - rate * g
        theta = theta + v
        yield theta + momentum * v  # the point at which the next gradient is taken


def lion(p, grads, rate, b1=0.9, b2=0.99, decay=0.0):
    """Chen et al. 2023, Algorithm 2."""
    m = np.zeros_like(p)
    for g in grads:
        p = p - rate * (np.sign(b1 * m + (1 - b1) * g) + decay * p)
        m = b2 * m + (1 - b2) * g
        yield p
