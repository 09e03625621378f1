"""Losses that are the same numbers in NumPy's namespace, JAX's and PyTorch's.

Each is `(start, loss)` with `loss(xp, x)` for a vector `x`.
"""

import math

ROWS = [[math.sin(3 * i * (j + 1) + j) for j in range(4)] for i in range(24)]
SIDES = [1.0 if math.cos(5 * i) + row[0] > 0 else -1.0 for i, row in enumerate(ROWS)]


def rosenbrock(xp, x):
    """A curved valley; of any even length."""
    a, b = x[::2], x[1::2]
    return ((1 - a) ** 2 + 100 * (b - a**2) ** 2).sum()


def quadratic(xp, x):
    """Curvatures from 1 to 10,000, and all coupled."""
    total = x.sum()
    curved = sum(10.0 ** (4 * i / 7) * x[i] ** 2 for i in range(8))
    return 0.5 * (curved + total**2) - x[0] + x[7]


def logistic(xp, x):
    """Two classes, four features, a little penalty."""
    rows, sides = (xp.asarray(a, dtype=x.dtype) for a in (ROWS, SIDES))
    margins = sides * (rows @ x)
    return xp.logaddexp(0 * margins, -margins).mean() + 0.005 * (x**2).sum()


def hinges(xp, x):
    """Slopes that turn steeply: the cubic's minimum is near an end of its interval."""
    down = sum(xp.logaddexp(-(i + 1.0) * x[i], 40.0 * x[i]) for i in range(3))
    return down + 0.01 * (x**2).sum()


LOSSES = {
    "rosenbrock": ([-1.2, 1.0], rosenbrock),
    "rosenbrock of 6": ([-1.2, 1.0, 0.5, -1.0, 2.0, 2.0], rosenbrock),
    "quadratic": ([1.0] * 8, quadratic),
    "logistic": ([0.0] * 4, logistic),
    "hinges": ([-2.0, -1.0, -3.0], hinges),
}
