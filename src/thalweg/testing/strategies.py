"""The contract of a strategy, a search without gradients: run it on your own.

    import pytest
    from thalweg.testing.strategies import CHECKS

    @pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
    def test_contract(check):
        check(MyStrategy())

A check raises an `AssertionError` that says what was promised.
"""

from collections.abc import Callable, Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
from jaxtyping import Array, Float

from thalweg.core.rng import key_of
from thalweg.strategies.base import AbstractStrategy

Strategy = AbstractStrategy[Any]
DIM = 5
SEEDS = 16
GENERATIONS = 60  # for the comparison with chance


def valley(x: Float[Array, " d"]) -> Float[Array, ""]:
    """A sum of squares of different weights, whose minimum is 0 at 1."""
    return jnp.sum(jnp.arange(1.0, 1 + x.size) * (x - 1) ** 2)


# -- the compiled programs that the checks share


@eqx.filter_jit
def _begin(strategy: Strategy, seeds: Any) -> Any:
    """The states of a population of searches."""
    start = jnp.zeros(DIM)
    return jax.vmap(lambda seed: strategy.init(start, key=key_of(seed)))(seeds)


@eqx.filter_jit
def _search(
    strategy: Strategy,
    states: Any,
    seeds: Any,
    start: Any,
    stop: Any,
    square_root: Any = False,
) -> Any:
    """Generations number `start` to `stop` of each; the numbers are data."""

    def one(state: Any, seed: Any) -> Any:
        def body(i: Any, state: Any) -> Any:
            x = strategy.ask(state, key=jr.fold_in(key_of(seed), i))
            losses = jax.vmap(valley)(x)
            changed = jnp.where(square_root, jnp.sqrt(losses) - 10, losses)
            return strategy.tell(state, x, changed)

        return jax.lax.fori_loop(start, stop, body, state)

    return jax.vmap(one)(states, seeds)


@eqx.filter_jit
def _ask(strategy: Strategy, state: Any, seed: Any) -> Any:
    return strategy.ask(state, key=key_of(seed))


@eqx.filter_jit
def _tell(strategy: Strategy, state: Any, x: Any, losses: Any) -> Any:
    return strategy.tell(state, x, losses)


def _first(strategy: Strategy) -> Any:
    states = _begin(strategy, np.arange(SEEDS, dtype=np.uint32))
    return jax.tree.map(lambda leaf: leaf[0], states)


def _losses(x: Any) -> np.ndarray:
    """`valley`, in NumPy: nothing to compile."""
    x = np.asarray(x)
    return (np.arange(1.0, 1 + DIM) * (x - 1) ** 2).sum(1).astype(x.dtype)


def _run(strategy: Strategy, states: Any, start: int, stop: int, **how: Any) -> Any:
    seeds = np.arange(len(jax.tree.leaves(states)[0]), dtype=np.uint32)
    bounds = np.int32(start), np.int32(stop), np.bool_(how.get("square_root", False))
    return _search(strategy, states, seeds, *bounds)


def _leaves(tree: Any) -> list[np.ndarray]:
    return [np.asarray(leaf) for leaf in jax.tree.leaves(tree)]


def _assert_same(got: Any, expected: Any, promise: str, rtol: float = 0.0) -> None:
    for a, b in zip(_leaves(got), _leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol, rtol, err_msg=promise)


# -- the contract


def asks_the_promised(strategy: Strategy) -> None:
    """`size(d)` finite candidates that the state and the key determine."""
    state = _first(strategy)
    for _ in range(2):
        x = np.asarray(_ask(strategy, state, np.uint32(1)))
        assert x.shape == (strategy.size(DIM), DIM), "`ask` must give `size(d)` rows"
        assert np.isfinite(x).all(), "candidates must be finite"
        again = _ask(strategy, state, np.uint32(1))
        _assert_same(again, x, "the same key must give the same answer")
        if strategy.point_first:
            _assert_same(x[0], strategy.point(state), "the first must be `point`")
        state = _tell(strategy, state, x, _losses(x))
    x = np.asarray(_ask(strategy, state, np.uint32(1)))
    other = np.asarray(_ask(strategy, state, np.uint32(2)))
    assert (other != x).any(), "another key must give other candidates"


def keeps_dtypes_and_structure(strategy: Strategy) -> None:
    """At least single precision, the mean's if it is wider, throughout."""
    for dtype in (jnp.bfloat16, jnp.float32):
        _check_dtypes(strategy, dtype)
    with jax.enable_x64(True):
        _check_dtypes(strategy, jnp.float64)


def _check_dtypes(strategy: Strategy, dtype: Any) -> None:
    mean = jnp.zeros(DIM, dtype)
    made = jax.tree.map(
        lambda x: jnp.asarray(x, dtype) if eqx.is_inexact_array(x) else x, strategy
    )
    state = jax.eval_shape(lambda m: made.init(m, key=jr.key(0)), mean)
    x = jax.eval_shape(lambda s: made.ask(s, key=jr.key(0)), state)
    losses = jax.ShapeDtypeStruct((len(x),), jnp.float32)
    after = jax.eval_shape(made.tell, state, x, losses)
    expected = jnp.promote_types(dtype, jnp.float32)
    assert x.dtype == expected, f"candidates must be {expected}, got {x.dtype}"
    assert after == state, f"`tell` must keep the state's shapes and dtypes ({dtype})"


def survives_bad_losses(strategy: Strategy) -> None:
    """NaN and infinite losses, some or all, never enter the state."""
    state = _first(strategy)
    bad = np.array([np.nan, np.inf, -np.inf])
    for i in range(6):
        x = _ask(strategy, state, np.uint32(i))
        losses = _losses(x)
        stride = 1 if i in (0, 3) else 2
        losses[::stride] = np.resize(bad, len(losses[::stride]))
        state = _tell(strategy, state, x, losses)
        assert np.isfinite(strategy.point(state)).all(), "`point` must stay finite"
        x = _ask(strategy, state, np.uint32(9))
        assert np.isfinite(x).all(), "candidates must stay finite"
        best = strategy.best(state).loss
        assert best > -np.inf, "a loss that is not finite is no best one"
        assert np.isfinite(best) == (i > 0), "finite losses must be found"


def survives_equal_losses(strategy: Strategy) -> None:
    """On a plateau the search stays finite and does not freeze."""
    state = _first(strategy)
    for i in range(8):
        x = _ask(strategy, state, np.uint32(i))
        state = _tell(strategy, state, x, np.ones(len(x), np.float32))
        assert np.isfinite(strategy.point(state)).all(), "`point` must stay finite"
    x = np.asarray(_ask(strategy, state, np.uint32(99)))
    assert np.isfinite(x).all(), "candidates must stay finite"
    assert x.std(axis=0).min() > 1e-4, "candidates must stay apart on a plateau"


def resumes_exactly(strategy: Strategy) -> None:
    """n + m generations are n generations and then m, to the bit."""
    states = _begin(strategy, np.arange(SEEDS, dtype=np.uint32))
    straight = _run(strategy, states, 0, 5)
    halfway = jax.tree.map(np.asarray, _run(strategy, states, 0, 2))
    _assert_same(_run(strategy, halfway, 2, 5), straight, "resuming must be exact")


def population_is_one_by_one(strategy: Strategy) -> None:
    """Searches under `vmap` are what each is alone, but for rounding."""
    with jax.enable_x64(True):
        many = _run(strategy, _begin(strategy, np.arange(3, dtype=np.uint32)), 0, 4)
        alone = _run(strategy, _begin(strategy, np.zeros(1, np.uint32)), 0, 4)
        first = jax.tree.map(lambda leaf: leaf[:1], many)
        promise = "a member must not see its neighbours"
        _assert_same(first, alone, promise, rtol=1e-7)


def traces_once(strategy: Strategy) -> None:
    """Other values of the hyper-parameters run the same program."""
    traces = 0

    @eqx.filter_jit
    def run(strategy: Strategy) -> Any:
        nonlocal traces
        traces += 1
        state = strategy.init(jnp.zeros(DIM), key=jr.key(0))
        x = strategy.ask(state, key=jr.key(1))
        return strategy.tell(state, x, jax.vmap(valley)(x))

    for factor in (1.0, 0.9, 0.8):
        run(jax.tree.map(lambda x, f=factor: x * f, strategy))
    assert traces == 1, f"three values must be one program, got {traces}"


def ignores_monotone_transforms(strategy: Strategy) -> None:
    """A rank-based strategy sees the order of the losses alone."""
    if not strategy.rank_based:
        return
    states = _begin(strategy, np.arange(SEEDS, dtype=np.uint32))
    plain = _run(strategy, states, 0, 4)
    changed = _run(strategy, states, 0, 4, square_root=True)
    promise = "a rank-based strategy must ignore monotone transforms"
    point = jax.vmap(strategy.point)
    _assert_same(point(changed), point(plain), promise)


def beats_chance(strategy: Strategy) -> None:
    """Better than as many draws around the start, by 4 standard errors of log loss."""
    states = _begin(strategy, np.arange(SEEDS, dtype=np.uint32))
    states = _run(strategy, states, 0, GENERATIONS)
    budget = GENERATIONS * strategy.size(DIM)
    best = np.asarray(jax.vmap(strategy.best)(states).loss)
    draws = np.random.default_rng(0).normal(size=(SEEDS, budget, DIM))
    chance = np.array([_losses(x).min() for x in draws])
    gain = np.log(chance) - np.log(np.maximum(best, 1e-30))
    error = gain.std(ddof=1) / np.sqrt(SEEDS)
    assert gain.mean() > 4 * error, (
        f"{type(strategy).__name__} must beat {budget} random draws, but the log loss "
        f"differs by {gain.mean():.2g} ± {error:.2g}."
    )


CHECKS: Mapping[str, Callable[[Strategy], None]] = {
    check.__name__: check
    for check in (
        asks_the_promised,
        keeps_dtypes_and_structure,
        survives_bad_losses,
        survives_equal_losses,
        resumes_exactly,
        population_is_one_by_one,
        traces_once,
        ignores_monotone_transforms,
        beats_chance,
    )
}


def check_strategy(strategy: Strategy) -> None:
    """Run the whole contract on one strategy."""
    for check in CHECKS.values():
        check(strategy)
