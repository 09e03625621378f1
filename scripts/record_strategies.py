"""Record what other libraries' CMA-ES does, as numbers that the tests compare with.

    python -m venv oracles
    oracles/bin/pip install cma==4.5.0 cmaes==0.13.1
    oracles/bin/python scripts/record_strategies.py tests/strategies/trajectories

Every case runs 60 generations in double precision. Where a library departs from the
tutorial (Hansen 2016), the constant is set to the tutorial's; `departures` says which.
"""

import json
import math
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import cma
import cmaes
import cmaes._cma
import cmaes._sepcma
import numpy as np

GENERATIONS = 60
cmaes._cma._EPS = 0.0  # added to a squared length that is never 0
cmaes._sepcma._EPS = 0.0


def loss(x: np.ndarray) -> float:
    """A rotated, bent valley: nothing that a diagonal covariance would do for."""
    y = np.cumsum(x) / np.sqrt(np.arange(1, len(x) + 1))
    scale = 10.0 ** np.linspace(0, 3, len(x))
    return float(np.sum(scale * (y - 0.3 * np.roll(y, 1) ** 2) ** 2))


def noise(dim: int, population: int) -> np.ndarray:
    """Standard normal numbers; rounded, so that the file stays small."""
    shape = (GENERATIONS, population, dim)
    return np.round(np.random.default_rng(0).normal(size=shape), 3)


def tutorial_c_mu(dim: int, mu_eff: float) -> float:
    """Equation 58 of the tutorial's later editions."""
    return 2 * (0.25 + mu_eff + 1 / mu_eff - 2) / ((dim + 2) ** 2 + mu_eff)


def chi(dim: int) -> float:
    """The expected length of a standard normal vector."""
    return math.sqrt(2) * math.exp(math.lgamma((dim + 1) / 2) - math.lgamma(dim / 2))


def full(dim: int, population: int, sigma: float) -> dict[str, Any]:
    """`cmaes.CMA` on given noise, which the symmetric root of C shapes."""
    start = np.linspace(1, -1, dim)
    es = cmaes.CMA(start.copy(), sigma, population_size=population)
    c_mu = tutorial_c_mu(dim, es._mu_eff)
    weights = np.log((population + 1) / 2) - np.log(np.arange(1, population + 1))
    minus = weights[population // 2 :]
    bound = min(
        1 + es._c1 / c_mu,
        1 + 2 * (minus.sum() ** 2 / (minus**2).sum()) / (es._mu_eff + 2),
        (1 - es._c1 - c_mu) / (dim * c_mu),
    )
    negative = es._weights < 0
    es._weights[negative] *= bound / -es._weights[negative].sum()
    es._cmu, es._chi_n = c_mu, chi(dim)
    z, rows = noise(dim, population), []
    for g in range(GENERATIONS):
        values, vectors = np.linalg.eigh((es._C + es._C.T) / 2)
        root = (vectors * np.sqrt(values)) @ vectors.T
        x = es._mean + es._sigma * z[g] @ root
        es._g = g - 1  # so that h_sigma's correction is exact from the first on
        es.tell([(row, loss(row)) for row in x])
        upper = es._C[np.triu_indices(dim)]
        rows.append([*es._mean, es._sigma, *upper])
    return case("cmaes", dim, population, sigma, rows)


def separable(dim: int, population: int, sigma: float) -> dict[str, Any]:
    """`cmaes.SepCMA` with the tutorial's constants, its rates times (d + 2) / 3."""
    start = np.linspace(1, -1, dim)
    es = cmaes.SepCMA(start.copy(), sigma, population_size=population)
    weights = np.log((population + 1) / 2) - np.log(np.arange(1, population // 2 + 1))
    es._weights = weights / weights.sum()
    mu_eff = es._mu_eff = 1 / np.sum(es._weights**2)
    es._c1 = 2 / ((dim + 1.3) ** 2 + mu_eff) * (dim + 2) / 3
    es._cmu = min(1 - es._c1, tutorial_c_mu(dim, mu_eff) * (dim + 2) / 3)
    es._cc = (4 + mu_eff / dim) / (dim + 4 + 2 * mu_eff / dim)
    es._c_sigma = (mu_eff + 2) / (dim + mu_eff + 5)
    spread = math.sqrt((mu_eff - 1) / (dim + 1)) - 1
    es._d_sigma = 1 + 2 * max(0.0, spread) + es._c_sigma
    es._chi_n = chi(dim)
    z, rows = noise(dim, population), []
    for g in range(GENERATIONS):
        x = es._mean + es._sigma * np.sqrt(es._C) * z[g]
        es._g = g - 1
        es.tell([(row, loss(row)) for row in x])
        rows.append([*es._mean, es._sigma, *es._C])
    return case("sep_cmaes", dim, population, sigma, rows)


def pycma(dim: int, population: int, sigma: float) -> dict[str, Any]:
    """`cma`, whose own candidates are recorded too."""
    options = {"popsize": population, "seed": 1, "verbose": -9}
    es = cma.CMAEvolutionStrategy(np.linspace(1, -1, dim), sigma, options)
    adapt = es.adapt_sigma
    adapt.initialize(es)
    mu_eff = es.sp.weights.mueff
    adapt.cs = (mu_eff + 2) / (dim + mu_eff + 5)
    spread = math.sqrt((mu_eff - 1) / (dim + 1)) - 1
    adapt.damps = 1 + 2 * max(0.0, spread) + adapt.cs
    first = np.diag(es.sm.C).tolist()  # slightly uneven, against equal eigenvalues
    rows, candidates = [], []
    for g in range(GENERATIONS):
        x = np.array(es.ask())
        es.tell(list(x), [loss(row) for row in x])
        length = np.linalg.norm(adapt.ps) / np.sqrt(1 - (1 - adapt.cs) ** (2 * (g + 1)))
        stalls = length >= (1.4 + 2 / (dim + 1)) * chi(dim)
        assert not stalls, "pycma's h_sigma has another limit and another factor"
        candidates.append(x.tolist())
        upper = es.sm.C[np.triu_indices(dim)]
        rows.append([*es.mean, es.sigma, *upper])
    found = case("cmaes", dim, population, sigma, rows)
    return found | {"first": first, "candidates": candidates}


def case(
    strategy: str, dim: int, population: int, sigma: float, rows: list[list[float]]
) -> dict[str, Any]:
    """What the test needs to do the same."""
    return {
        "strategy": strategy,
        "dim": dim,
        "population": population,
        "sigma": sigma,
        "generations": [[float(v) for v in row] for row in rows],
    }


def main() -> None:
    """Write a file per library."""
    folder = Path(sys.argv[1])
    made = {
        "cmaes": {
            "departures": "c_mu, and the bounds that it sets; h_sigma's generation; "
            "the expected length is not approximated; SepCMA: all constants",
            "cases": [
                full(4, 8, 0.5),
                full(6, 9, 0.3),
                full(3, 30, 2.0),
                separable(5, 8, 0.5),
                separable(8, 11, 0.2),
            ],
        },
        "pycma": {
            "departures": "c_sigma, d_sigma",
            "cases": [pycma(4, 8, 0.5), pycma(7, 11, 0.3)],
        },
    }
    for name, content in made.items():
        library = {"cmaes": "cmaes", "pycma": "cma"}[name]
        content = {"library": f"{library} {version(library)}", **content}
        (folder / f"{name}.json").write_text(json.dumps(content) + "\n")


main()
