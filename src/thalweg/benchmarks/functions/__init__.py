"""Functions with known optima: smooth, rippled, mixed, conditional, noisy, …"""

from collections.abc import Callable

from thalweg.benchmarks.functions.conditional import jenatton, recipe
from thalweg.benchmarks.functions.constrained import (
    gardner_narrow,
    gardner_wide,
    gramacy,
)
from thalweg.benchmarks.functions.function import Function, box, noisy
from thalweg.benchmarks.functions.hartmann import hartmann3, hartmann6
from thalweg.benchmarks.functions.many_minima import (
    ackley,
    griewank,
    levy,
    michalewicz,
    rastrigin,
    styblinski_tang,
)
from thalweg.benchmarks.functions.mixed import mixed_ackley
from thalweg.benchmarks.functions.several import (
    branin_currin,
    dtlz2,
    zdt1,
    zdt2,
    zdt3,
)
from thalweg.benchmarks.functions.valleys import branin, rosenbrock, six_hump_camel
from thalweg.core.registry import Registry

FUNCTIONS: Registry[Callable[..., Function]] = Registry(
    "function",
    {
        "ackley": ackley,
        "branin": branin,
        "branin_currin": branin_currin,
        "dtlz2": dtlz2,
        "gardner_narrow": gardner_narrow,
        "gardner_wide": gardner_wide,
        "gramacy": gramacy,
        "griewank": griewank,
        "hartmann3": hartmann3,
        "hartmann6": hartmann6,
        "jenatton": jenatton,
        "levy": levy,
        "michalewicz": michalewicz,
        "mixed_ackley": mixed_ackley,
        "rastrigin": rastrigin,
        "recipe": recipe,
        "rosenbrock": rosenbrock,
        "six_hump_camel": six_hump_camel,
        "styblinski_tang": styblinski_tang,
        "zdt1": zdt1,
        "zdt2": zdt2,
        "zdt3": zdt3,
    },
)

__all__ = [
    "FUNCTIONS",
    "Function",
    "ackley",
    "box",
    "branin",
    "branin_currin",
    "dtlz2",
    "gardner_narrow",
    "gardner_wide",
    "gramacy",
    "griewank",
    "hartmann3",
    "hartmann6",
    "jenatton",
    "levy",
    "michalewicz",
    "mixed_ackley",
    "noisy",
    "rastrigin",
    "recipe",
    "rosenbrock",
    "six_hump_camel",
    "styblinski_tang",
    "zdt1",
    "zdt2",
    "zdt3",
]
