"""CMA-ES, generation by generation, beside two other libraries."""

import json
from pathlib import Path

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

from thalweg.strategies import STRATEGIES
from thalweg.strategies.cmaes import roots

FOLDER = Path(__file__).parent / "trajectories"
CASES = {
    f"{file.stem}-{case['strategy']}-{case['dim']}-{case['population']}": case
    for file in sorted(FOLDER.glob("*.json"))
    for case in json.loads(file.read_text())["cases"]
}


def loss(x):
    """That of `scripts/record_strategies.py`."""
    y = np.cumsum(x) / np.sqrt(np.arange(1, len(x) + 1))
    scale = 10.0 ** np.linspace(0, 3, len(x))
    return float(np.sum(scale * (y - 0.3 * np.roll(y, 1) ** 2) ** 2))


def noise(case):
    shape = (len(case["generations"]), case["population"], case["dim"])
    return np.round(np.random.default_rng(0).normal(size=shape), 3)


def candidates(case, state, generation, z):
    if "candidates" in case:
        return jnp.asarray(case["candidates"][generation])
    if case["strategy"] == "sep_cmaes":
        return state.mean + state.paths.sigma * jnp.sqrt(state.variance) * z[generation]
    return state.mean + state.paths.sigma * z[generation] @ state.root


@pytest.mark.usefixtures("x64")
@pytest.mark.parametrize("name", CASES)
def test_trajectory(name):
    case = CASES[name]
    kind = STRATEGIES[case["strategy"]]
    strategy = kind(case["sigma"], population=case["population"])
    dim = case["dim"]
    state = strategy.init(jnp.linspace(1.0, -1.0, dim), key=jr.key(0))
    if "first" in case:
        first = jnp.diag(jnp.asarray(case["first"]))
        state = eqx.tree_at(
            lambda s: (s.covariance, s.root, s.inverse_root),
            state,
            (first, *roots(first)),
        )
    tell = eqx.filter_jit(strategy.tell)
    z = noise(case)
    rows = []
    for generation in range(len(case["generations"])):
        x = candidates(case, state, generation, z)
        state = tell(state, x, jnp.asarray([loss(row) for row in np.asarray(x)]))
        shape = (
            state.variance
            if case["strategy"] == "sep_cmaes"
            else state.covariance[jnp.triu_indices(dim)]
        )
        rows.append([*state.mean, state.paths.sigma, *shape])
    # pycma adds 1e-9 to lengths that it divides by
    tolerance = 1e-7 if name.startswith("pycma") else 1e-10
    np.testing.assert_allclose(rows, case["generations"], tolerance, tolerance)
    assert jax.tree.leaves(state)[0].dtype == jnp.float64
