"""Functions of names and numbers together.

Ackley's function of binary and real variables: Wan et al. 2021, "Think Global and Act
Local: Bayesian Optimisation over High-Dimensional Categorical and Mixed Search Spaces",
https://arxiv.org/abs/2102.07188 (53 dimensions).
"""

import numpy as np
from jaxtyping import Float64

from thalweg.benchmarks.functions.function import Function
from thalweg.benchmarks.functions.many_minima import ackley_of
from thalweg.core.typing import Config
from thalweg.spaces import Choice, Float, Space


def mixed_ackley(switches: int = 50, reals: int = 3) -> Function:
    """Ackley's function: switches "off" or "on" that count 0 or 1, and real numbers.

    Departs from the paper: every other switch is best "on", and the reals lie between
    -1 and 2, so that neither a first value nor the middle of the box is best.
    """
    right = ["on" if i % 2 else "off" for i in range(switches)]
    names = [f"b{i}" for i in range(switches)]
    real = [f"x{i}" for i in range(reals)]
    parameters = {name: Choice(["off", "on"]) for name in names}
    space = Space({**parameters, **{name: Float(-1, 2) for name in real}})

    def formula(configs: list[Config]) -> Float64[np.ndarray, " n"]:
        rows = [
            [float(c[n] != best) for n, best in zip(names, right, strict=True)]
            + [c[n] for n in real]
            for c in configs
        ]
        return ackley_of(np.array(rows, np.float64))

    best = {**dict(zip(names, right, strict=True)), **dict.fromkeys(real, 0.0)}
    name = f"mixed_ackley{switches + reals}"
    return Function(name, space, formula, minimum=0.0, best=best)
