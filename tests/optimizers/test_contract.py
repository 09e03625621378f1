"""Every optimizer of the registry, and the wrappers, keep the contract."""

import pkgutil

import jax
import jax.numpy as jnp
import pytest

import thalweg.optimizers
from thalweg import schedules
from thalweg.core.hyper import hyper
from thalweg.optimizers import (
    OPTIMIZERS,
    SAM,
    SGD,
    AbstractOptimizer,
    Accumulate,
    Adam,
    AdamW,
    AdaptiveClip,
    AMSGrad,
    Cautious,
    ClipByGlobalNorm,
    ClipByNorm,
    ClipByValue,
    Decay,
    ExponentialAverage,
    Groups,
    Lookahead,
    Momentum,
    Nesterov,
    OneOf,
    ReduceOnPlateau,
    RMSprop,
    SkipNonFinite,
    UniformAverage,
    chain,
    decay_only,
    partition,
)
from thalweg.testing.optimizers import CHECKS

WRAPPED = {
    "scheduled": AdamW(
        schedules.WarmupCosine(1e-2, 2000), b1=schedules.Linear(0.95, 2000, end=0.85)
    ),
    "clipped": chain(
        ClipByValue(1e3), ClipByNorm(1e2), ClipByGlobalNorm(10.0), Nesterov(1e-2)
    ),
    "groups": Groups(AdamW(1e-2), {"0": {"learning_rate": 0.5}, "*": {}}, strict=False),
    "one of": OneOf([SGD(1e-2), RMSprop(1e-2), decay_only(AdamW(1e-2))], 2),
    "partition": partition({"a": Momentum(1e-2), "*": AdamW(1e-2)}, strict=False),
    "plateau": ReduceOnPlateau(Adam(1e-2)),
    "skip": SkipNonFinite(AMSGrad(1e-2)),
    "adaptive clip": chain(AdaptiveClip(10.0), SGD(1e-2)),
    "cautious": Cautious(Momentum(1e-2)),
    "decay": Decay(Adam(1e-2), 1e-3, cautious=True),
    "accumulate": Accumulate(AdamW(1e-2), 2),
    "exponential average": ExponentialAverage(AdamW(1e-2), 0.9),
    "uniform average": UniformAverage(AdamW(1e-2), 350),
    "lookahead": Lookahead(Nesterov(1e-2)),
    "sam": SAM(AdamW(1e-2), 1e-3),
    "asam": SAM(SGD(1e-2), 1e-3, adaptive=True),
}
MADE = {name: kind() for name, kind in OPTIMIZERS.items()} | WRAPPED
INFRASTRUCTURE = {
    "accumulation",
    "averaging",
    "base",
    "cautious",
    "centralisation",
    "chain",
    "clipping",
    "config",
    "decay",
    "derivative_free",
    "groups",
    "interop",
    "keras_adapter",
    "leafwise",
    "lookahead",
    "matrices",
    "objective",
    "one_of",
    "partition",
    "plateau",
    "sam",
    "sides",
    "skip_nonfinite",
    "strong_wolfe",
    "vectors",
    "wrapper",
}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
@pytest.mark.parametrize("name", MADE)
def test_contract(name, check):
    check(MADE[name])


def test_every_algorithm_file_is_in_the_registry():
    files = {m.name for m in pkgutil.iter_modules(thalweg.optimizers.__path__)}
    listed = {kind.__module__.rsplit(".", 1)[-1] for kind in OPTIMIZERS.values()}
    assert files - INFRASTRUCTURE == listed
    assert all(issubclass(kind, AbstractOptimizer) for kind in OPTIMIZERS.values())


class Ascends(AbstractOptimizer):
    """A wrong sign."""

    def init(self, params):
        return ()

    def update(self, grads, state, params):
        return jax.tree.map(lambda g: 0.1 * g, grads), state


class Promotes(AbstractOptimizer):
    """Single-precision updates for parameters in half precision."""

    def init(self, params):
        return ()

    def update(self, grads, state, params):
        return jax.tree.map(lambda g: -jnp.float32(0.1) * g, grads), state


class Bakes(AbstractOptimizer):
    """A rate that would have to be known when the program is compiled."""

    learning_rate: jax.Array

    def init(self, params):
        return ()

    def update(self, grads, state, params):
        rate = float(self.learning_rate)
        return jax.tree.map(lambda g: -rate * g, grads), state


class Shares(AbstractOptimizer):
    """One array in two places of the state."""

    def init(self, params):
        zeros = jax.tree.map(jnp.zeros_like, params)
        return (zeros, zeros)

    def update(self, grads, state, params):
        return jax.tree.map(lambda g: -0.1 * g, grads), state


class Infinite(AbstractOptimizer):
    """A derivative that is infinite where a gradient is 0."""

    power: jax.Array = hyper(0.5)

    def init(self, params):
        return jax.tree.map(jnp.zeros_like, params)

    def update(self, grads, state, params):
        state = jax.tree.map(lambda s, g: s + self.power * g**2, state, grads)
        return jax.tree.map(lambda s: -jnp.sqrt(s), state), state


class Underflows(AbstractOptimizer):
    """An epsilon that is 0 in half precision."""

    def init(self, params):
        return ()

    def update(self, grads, state, params):
        eps = 1e-8
        return jax.tree.map(lambda g: -g / (jnp.abs(g) + eps), grads), state


class Drifts(AbstractOptimizer):
    """A state whose type is another after the first step."""

    def init(self, params):
        return jnp.zeros((), jnp.int32)

    def update(self, grads, state, params):
        return jax.tree.map(lambda g: -0.1 * g, grads), state + 0.5


@pytest.mark.parametrize(
    ("optimizer", "check", "error"),
    [
        (Ascends(), "converges", AssertionError),
        (Promotes(), "keeps_dtypes_and_structure", AssertionError),
        (Shares(), "owns_its_state", AssertionError),
        (Bakes(jnp.array(0.1)), "traces_once", jax.errors.ConcretizationTypeError),
        (Underflows(), "stays_finite_in_half_precision", AssertionError),
        (Drifts(), "keeps_dtypes_and_structure", AssertionError),
        (Infinite(), "differentiates", AssertionError),
    ],
)
def test_the_contract_notices(optimizer, check, error):
    with pytest.raises(error):
        CHECKS[check](optimizer)
