"""The contract of an optimizer: run it on your own.

    import pytest
    from thalweg.testing.optimizers import CHECKS

    @pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
    def test_contract(check):
        check(MyOptimizer(1e-3))

A check raises an `AssertionError` that says what was promised. Compiled programs are
shared between checks, so running all of them costs little more than the first.
"""

import dataclasses
import tempfile
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from thalweg.core.typing import Params
from thalweg.optimizers.base import (
    AbstractOptimizer,
    hyper_parameters,
    looks_further,
    scaled,
)
from thalweg.optimizers.objective import Objective
from thalweg.schedules.base import is_schedule

Optimizer = AbstractOptimizer[Any]
MEMBERS, STEPS = 4, 6


# -- problems


class Problem(NamedTuple):
    """A function to minimise, where to start, and what counts as solved."""

    start: Params
    loss: Callable[[Params], Float[Array, ""]]
    target: float  # a loss that a correct optimizer reaches in `steps`
    steps: int


def _quadratic(x: Any) -> Float[Array, ""]:
    return 0.5 * jnp.sum(jnp.array([1.0, 3.0, 10.0]) * x**2)


def _rosenbrock(x: Any) -> Float[Array, ""]:
    # a twentieth of the usual: RAdam's first steps follow the plain gradient
    return 0.05 * (1 - x[0]) ** 2 + 5 * (x[1] - x[0] ** 2) ** 2


def _matrix(x: Any) -> Float[Array, ""]:
    a = jnp.array([[2.0, 0.5], [0.5, 1.0], [-1.0, 0.3]])
    b = jnp.array([[1.0, -1.0], [0.5, 2.0], [0.0, 1.0]])
    return jnp.sum((a @ x - b) ** 2)


_LEAST = 0.5218945  # of _matrix, by least squares


def _tree(x: Any) -> Float[Array, ""]:
    inner = x["layers"][0]
    y = jnp.einsum("abcd,d->abc", inner["kernel"], inner["bias"]) - 1.0
    return jnp.sum(y**2) + x["scale"] ** 2 + jnp.sum(inner["bias"] ** 2) * 1e-3


PROBLEMS: Mapping[str, Problem] = {
    "quadratic": Problem(jnp.array([3.0, -2.0, 1.0]), _quadratic, 1e-3, 400),
    "rosenbrock": Problem(jnp.array([-1.2, 1.0]), _rosenbrock, 0.015, 1500),
    "matrix": Problem(jnp.zeros((2, 2)), _matrix, _LEAST + 1e-3, 400),
    "mixed tree": Problem(
        {
            "scale": jnp.array(1.0),
            "layers": [
                {"kernel": jnp.full((2, 1, 2, 2), 0.3), "bias": jnp.array([0.5, -0.2])}
            ],
            "nothing": {},
        },
        _tree,
        2e-2,
        400,
    ),
}


# -- the two compiled programs that most checks share


def _params(dtype: Any = np.float32, start: float = 0.0) -> Params:
    """Leaves of 0 to 4 dimensions, an empty one, and places without leaves."""
    shapes = [(), (3,), (2, 3), (1, 2, 2), (2, 1, 1, 2), (0, 3)]
    draw = np.random.default_rng(0).normal
    leaves = {str(shape): (start + draw(size=shape)).astype(dtype) for shape in shapes}
    return {"layers": [leaves, {}], "absent": None}


def _few_params() -> Params:
    """Three leaves, since a program's compile time grows with their number."""
    leaves = jax.tree.leaves(_params())
    return {"a": leaves[0], "b": [leaves[2], leaves[4]]}


def _grads(params: Params, count: int = STEPS, scale: float = 1.0) -> Params:
    """`count` gradients; some entries are zero at every step, as of dead units."""
    random = np.random.default_rng(1)

    def draw(p: np.ndarray) -> np.ndarray:
        noise = scale * random.normal(size=(count, *p.shape))
        dead = np.arange(p.size).reshape(p.shape) % 3 == 2
        return np.where(dead, 0, noise).astype(p.dtype)

    return jax.tree.map(draw, params)


def _steps(
    optimizer: Optimizer,
    params: Params,
    state: Any,
    grads: Params,
    start: Any,
    stop: Any,
) -> tuple[Params, Any]:
    """Updates number `start` to `stop`, whose count is data."""

    def body(i: Int[Array, ""], carry: Any) -> Any:
        g = jax.tree.map(lambda x: x[i], grads)
        return _moved(optimizer, _linear(g), *carry)

    return jax.lax.fori_loop(start, stop, body, (params, state))


def _linear(slopes: Params) -> Callable[[Params], Float[Array, ""]]:
    """A loss whose gradient is the same everywhere."""

    def loss(params: Params) -> Float[Array, ""]:
        products = jax.tree.map(lambda g, p: jnp.sum(g * p), slopes, params)
        return sum(jax.tree.leaves(products), jnp.zeros(()))

    return loss


def _moved(
    optimizer: Optimizer, loss: Callable[..., Any], params: Params, state: Any
) -> tuple[Params, Any]:
    """Parameters and state after one step."""
    _, updates, state = optimizer.step(Objective.of(loss), state, params)
    return jax.tree.map(jnp.add, params, updates), state


_run_filtered = eqx.filter_jit(_steps)


def _run(
    optimizer: Optimizer,
    params: Params,
    state: Any,
    grads: Params,
    start: int,
    stop: int,
) -> tuple[Params, Any]:
    bounds = np.int32(start), np.int32(stop)
    return _run_filtered(optimizer, params, state, grads, *bounds)


@eqx.filter_jit
def _run_population(
    optimizers: Optimizer, params: Params, grads: Params
) -> tuple[Params, Any]:
    def one(optimizer: Optimizer, params: Params, grads: Params) -> Any:
        return _steps(optimizer, params, optimizer.init(params), grads, 0, STEPS)

    return jax.vmap(one)(optimizers, params, grads)


def _stack(trees: list[Any]) -> Any:
    return jax.tree.map(lambda *xs: np.stack(xs), *trees)


def _population(optimizer: Optimizer) -> tuple[Optimizer, Params, Params]:
    """Members that differ in every hyper-parameter, parameter and gradient."""
    params = _few_params()
    members = [
        (
            _varied(optimizer, 1 - i / 20),
            jax.tree.map(lambda p, i=i: p + np.float32(i), params),
            _grads(params, scale=1.0 + i),
        )
        for i in range(MEMBERS)
    ]
    return _stack(members)


def _varied(optimizer: Optimizer, factor: float) -> Optimizer:
    """The optimizer with every floating leaf multiplied."""

    def vary(x: Any) -> Any:
        if not eqx.is_inexact_array(x):
            return x
        return (np.asarray(x) * factor).astype(x.dtype)

    return jax.tree.map(vary, optimizer)


def _member(tree: Any, i: Any) -> Any:
    return jax.tree.map(lambda x: x[i], tree)


def _assert_same(got: Any, expected: Any, promise: str, rtol: float = 0.0) -> None:
    """Equal leaves: to the bit, unless a tolerance is given."""
    assert jax.tree.structure(got) == jax.tree.structure(expected), promise
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol, rtol / 100, err_msg=promise)


# -- the contract


def converges(optimizer: Optimizer) -> None:
    """Some rate among 13 around the given one, which falls in the end, solves each."""
    has_rate = "learning_rate" in hyper_parameters(optimizer)
    factors = 10.0 ** np.arange(-3, 3.5, 0.5) if has_rate else np.ones(1)
    for name, problem in PROBLEMS.items():
        best = np.nanmin(_solve(optimizer, problem, jnp.asarray(factors, jnp.float32)))
        assert best <= problem.target, (
            f"{type(optimizer).__name__} must bring the {name} problem to "
            f"{problem.target:.4g} in {problem.steps} steps at some learning rate, "
            f"but the best reached {best:.4g}."
        )


def _solve(optimizer: Optimizer, problem: Problem, factors: Array) -> np.ndarray:
    """The loss of the last step, per factor of the learning rate."""
    has_rate = "learning_rate" in hyper_parameters(optimizer)

    @jax.jit
    @jax.vmap
    def solve(factor: Float[Array, ""]) -> Float[Array, ""]:
        def member(i: Any) -> Optimizer:
            if not has_rate:
                return optimizer
            rate = factor * jnp.minimum(1.0, 2 - 2 * i / problem.steps)
            return scaled(optimizer, {"learning_rate": rate})

        def body(i: Int[Array, ""], carry: Any) -> Any:
            return _moved(member(i), problem.loss, *carry)

        carry = (problem.start, member(0).init(problem.start))
        params, state = jax.lax.fori_loop(0, problem.steps, body, carry)
        return problem.loss(member(0).solution(params, state))

    return np.asarray(solve(factors))


def keeps_dtypes_and_structure(optimizer: Optimizer) -> None:
    """Updates have the parameters' dtypes; the state keeps its own."""
    for dtype in (jnp.float32, jnp.bfloat16, jnp.float16):
        params = _params(dtype)
        state = jax.eval_shape(optimizer.init, params)
        moved, after = jax.eval_shape(
            lambda p, s: _moved(optimizer, _linear(p), p, s), params, state
        )
        shape = jax.eval_shape(lambda p: p, params)
        promise = f"with {dtype.__name__} parameters"
        assert moved == shape, f"updates must be like the parameters, {promise}"
        assert after == state, f"the state must keep its shapes and dtypes, {promise}"


def owns_its_state(optimizer: Optimizer) -> None:
    """No array is in the state twice, or is a parameter: all may be donated."""
    params = jax.tree.map(jnp.asarray, _few_params())
    arrays = jax.tree.leaves((params, optimizer.init(params)))
    assert len({id(x) for x in arrays}) == len(arrays), (
        "`init` must make each array of the state anew, so that a program may "
        "overwrite parameters and state, but some array is there twice"
    )


def accepts_no_parameters(optimizer: Optimizer) -> None:
    """A tree without leaves is updated to itself."""
    for params in ({}, None, {"a": [], "b": None}):
        state = optimizer.init(params)
        moved, after = _moved(optimizer, _linear(params), params, state)
        assert moved == params, f"{params} must be updated to itself, got {moved}"
        same = jax.tree.structure(after) == jax.tree.structure(state)
        assert same, "the state's structure must not change"


def stays_finite_in_half_precision(optimizer: Optimizer) -> None:
    """Some steps in float16, whose range is small, with arrays of 0 to 4 dimensions."""
    params = _params(np.float16)
    grads, state = _grads(params), optimizer.init(params)
    for leaf in jax.tree.leaves(_run(optimizer, params, state, grads, 0, STEPS)[0]):
        assert leaf.dtype == np.float16, f"parameters must stay in float16: {leaf}"
        assert np.isfinite(leaf).all(), f"parameters must stay finite: {leaf}"


def resumes_exactly(optimizer: Optimizer) -> None:
    """`n` steps, a checkpoint on disk, and `m` more are to the bit `n + m` steps."""
    params = _few_params()
    grads, state = _grads(params), optimizer.init(params)
    whole = _run(optimizer, params, state, grads, 0, STEPS)
    half = _run(optimizer, params, state, grads, 0, 2)
    with tempfile.TemporaryFile() as file:
        eqx.tree_serialise_leaves(file, half)
        file.seek(0)
        there, state = eqx.tree_deserialise_leaves(file, (params, state))
    rest = _run(optimizer, there, state, grads, 2, STEPS)
    _assert_same(rest, whole, "2 steps and then 4 must be 6 steps, to the bit")


def population_is_one_by_one(optimizer: Optimizer) -> None:
    """A member of a population, trained alone, takes the same path."""
    optimizers, params, grads = _population(optimizer)
    together = _run_population(optimizers, params, grads)
    for i in range(MEMBERS):
        o, p, g = (_member(tree, i) for tree in (optimizers, params, grads))
        alone = _run(o, p, o.init(p), g, 0, STEPS)
        promise = f"member {i} of a population must train as it does alone"
        _assert_same(_member(together, i), alone, promise, rtol=1e-4)


def members_are_independent(optimizer: Optimizer) -> None:
    """A NaN stays in its member; permuting members permutes their results."""
    optimizers, params, grads = _population(optimizer)
    plain = _run_population(optimizers, params, grads)

    broken = jax.tree.map(np.copy, grads)
    for g in jax.tree.leaves(broken):
        g[1] = np.nan
    others = np.array([i for i in range(MEMBERS) if i != 1])
    got = _run_population(optimizers, params, broken)
    promise = "a NaN in one member must not reach the others"
    _assert_same(_member(got, others), _member(plain, others), promise)

    order = np.arange(MEMBERS)[::-1].copy()
    got = _run_population(*(_member(t, order) for t in (optimizers, params, grads)))
    promise = "permuting the members must permute their results"
    _assert_same(got, _member(plain, order), promise)


def padding_and_sharding_change_nothing(optimizer: Optimizer) -> None:
    """Members stay the same beside others, and on several devices, each its own."""
    population = _population(optimizer)
    plain = _run_population(*population)
    devices = jax.devices()
    count = (MEMBERS // len(devices) + 1) * len(devices)
    repeated = _member(population, np.arange(count) % MEMBERS)
    mesh = jax.sharding.Mesh(devices, ("p",))
    spread = jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec("p"))
    got = _run_population(*jax.device_put(repeated, spread))
    promise = "members must not depend on their number or on the devices they are on"
    _assert_same(_member(got, np.arange(MEMBERS)), plain, promise, rtol=1e-4)


def traces_once(optimizer: Optimizer) -> None:
    """Other values of the hyper-parameters run the same compiled program."""
    traces = []

    @eqx.filter_jit
    def update(optimizer: Optimizer, state: Any, params: Params) -> Any:
        traces.append(1)
        return jax.tree.leaves(_moved(optimizer, _linear(params), params, state))[:1]

    params = {"a": jnp.ones(2)}
    for factor in (1.0, 0.9, 0.8):
        update(_varied(optimizer, factor), optimizer.init(params), params)
    assert len(traces) == 1, (
        f"hyper-parameters must be array leaves (declare them with `hyper`), but three "
        f"values were traced {len(traces)} times"
    )


def takes_numbers_and_arrays(optimizer: Optimizer) -> None:
    """A hyper-parameter given as a float, a NumPy or a JAX array means the same."""
    fields = optimizer.__dataclass_fields__.values()
    values = {
        f.name: getattr(optimizer, f.name) for f in fields if f.metadata.get("hyper")
    }
    values = {n: x for n, x in values.items() if x is not None}
    numbers = {n: float(x) for n, x in values.items() if not is_schedule(x)}
    for kind in (float, np.float32, jnp.float32) if numbers else ():
        made = dataclasses.replace(
            optimizer, **{n: kind(x) for n, x in numbers.items()}
        )
        for name in numbers:
            got, expected = getattr(made, name), getattr(optimizer, name)
            promise = f"`{name}` given as {kind} must mean the same as a float"
            assert got == expected, promise
            assert got.dtype == expected.dtype, promise


def differentiates(optimizer: Optimizer) -> None:
    """A loss after some steps has finite derivatives in every hyper-parameter.

    In a scan, under `vmap` and with gradients that are exactly zero. By reverse mode;
    for a rule that evaluates the loss in a loop of its own, by forward mode.
    """
    params = {"a": np.array([1.0, -2.0, 0.5], np.float32)}
    grads = _grads(params, 2)
    leaves, rest = eqx.partition(optimizer, eqx.is_inexact_array)

    def loss(leaves: Any) -> Float[Array, ""]:
        member = eqx.combine(leaves, rest)

        def step(carry: Any, g: Params) -> tuple[Any, None]:
            return _moved(member, _linear(g), *carry), None

        last, _ = jax.lax.scan(step, (params, member.init(params)), grads)
        return jnp.sum(last[0]["a"] ** 2)

    several = _stack([leaves, leaves])
    derivative = jax.jacfwd if looks_further(optimizer) else jax.grad
    slopes = jax.jit(jax.vmap(derivative(loss)))(several)
    for path, slope in jax.tree_util.tree_leaves_with_path(slopes):
        name = jax.tree_util.keystr(path)
        assert np.isfinite(slope).all(), (
            f"d loss / d {name} must be finite, got {slope}"
        )


CHECKS: Mapping[str, Callable[[Optimizer], None]] = {
    check.__name__: check
    for check in (
        converges,
        keeps_dtypes_and_structure,
        owns_its_state,
        accepts_no_parameters,
        stays_finite_in_half_precision,
        resumes_exactly,
        population_is_one_by_one,
        members_are_independent,
        padding_and_sharding_change_nothing,
        traces_once,
        takes_numbers_and_arrays,
        differentiates,
    )
}


def check_optimizer(optimizer: Optimizer) -> None:
    """Run the whole contract on one optimizer."""
    for check in CHECKS.values():
        check(optimizer)
