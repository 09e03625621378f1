"""Averages, Lookahead, SAM, cautious updates, accumulation: what they promise."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from thalweg import schedules
from thalweg.core.errors import InvalidInput
from thalweg.optimizers import (
    MODIFIERS,
    SAM,
    SGD,
    Accumulate,
    Adam,
    AdamW,
    AdaptiveClip,
    AddL2,
    Cautious,
    CentraliseGradients,
    ClipByGlobalNorm,
    Decay,
    ExponentialAverage,
    Lookahead,
    Momentum,
    Muon,
    Objective,
    OneOf,
    Partition,
    Prodigy,
    ReduceOnPlateau,
    SkipNonFinite,
    UniformAverage,
    chain,
    partition,
)

PARAMS = {
    "kernel": jnp.array([[1.0, -2.0, 0.0], [0.5, 3.0, 0.0]]),
    "bias": jnp.array([1.0, 0.0, -1.0]),
    "scale": jnp.array(2.0),
}
GRADS = [
    jax.tree.map(lambda p, i=i: jnp.sin(5 * p + i) + 0.1, PARAMS) for i in range(12)
]


def path(optimizer, grads=GRADS, params=PARAMS):
    """Parameters and states after each step."""
    state, update = optimizer.init(params), eqx.filter_jit(optimizer.update)
    params_after, states = [], []
    for g in grads:
        updates, state = update(g, state, params)
        params = jax.tree.map(jnp.add, params, updates)
        params_after.append(params)
        states.append(state)
    return params_after, states


def assert_same(got, expected, rtol=1e-5):
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol, 1e-7), got, expected
    )


def mean_of(trees, weights=None):
    return jax.tree.map(
        lambda *xs: np.average(np.stack(xs), axis=0, weights=weights), *trees
    )


# -- averages


def test_an_exponential_average_is_a_weighted_mean_of_all_weights():
    optimizer = ExponentialAverage(AdamW(0.1), 0.7)
    params, states = path(optimizer)
    assert_same(params, path(AdamW(0.1))[0])
    for t in (1, 2, 12):
        weights = 0.7 ** np.arange(t)[::-1]
        found = optimizer.solution(params[t - 1], states[t - 1])
        assert_same(found, mean_of(params[:t], weights))


def test_an_exponential_average_with_bias_begins_as_pytorchs():
    optimizer = ExponentialAverage(SGD(0.1), 0.7, debias=False)
    params, states = path(optimizer)
    expected = params[0]
    for p in params[1:]:
        expected = jax.tree.map(lambda e, x: 0.7 * e + 0.3 * x, expected, p)
    assert_same(optimizer.solution(params[-1], states[-1]), expected)


def test_an_average_may_lengthen_its_memory():
    optimizer = ExponentialAverage(SGD(0.1), schedules.Linear(0.0, 2, end=0.5))
    params, states = path(optimizer)
    first = optimizer.solution(params[0], states[0])
    assert_same(first, params[0])
    third = mean_of(params[:3], [0.25 * 0.5, 0.75 * 0.5, 0.5])
    assert_same(optimizer.solution(params[2], states[2]), third)


def test_a_uniform_average_begins_late_and_takes_one_of_several():
    optimizer = UniformAverage(AdamW(0.1), 3, every=4)
    params, states = path(optimizer)
    found = [optimizer.solution(p, s) for p, s in zip(params, states, strict=True)]
    assert_same(found[:3], params[:3])
    assert_same(found[3:7], [params[3]] * 4)
    assert_same(found[10], mean_of([params[3], params[7]]))
    assert_same(found[11], mean_of([params[3], params[7], params[11]]))


# -- Lookahead


@pytest.mark.parametrize(("every", "rate"), [(3, 0.5), (4, 0.8), (1, 0.3)])
def test_lookahead_is_optaxs(every, rate):
    tx = optax.lookahead(optax.adam(0.1), every, rate)
    both = optax.LookaheadParams.init_synced(PARAMS)
    state = tx.init(both)
    optimizer = Lookahead(Adam(0.1), every, slow_rate=rate)
    params, states = path(optimizer)
    for g, p, s in zip(GRADS, params, states, strict=True):
        updates, state = tx.update(g, state, both)
        both = optax.apply_updates(both, updates)
        assert_same(p, both.fast)
        assert_same(optimizer.solution(p, s), both.slow)


# -- SAM


def loss(params):
    return sum(jnp.sum(jnp.cosh(p)) for p in jax.tree.leaves(params))


def sam_paper(params, rho, *, adaptive):
    """The gradient that the inner rule gets, in plain NumPy."""
    leaves = [np.asarray(p, float) for p in jax.tree.leaves(params)]
    scales = [np.abs(p) if adaptive else np.ones_like(p) for p in leaves]
    grads = [np.sinh(p) for p in leaves]
    norm = np.sqrt(
        sum(np.sum((s * g) ** 2) for s, g in zip(scales, grads, strict=True))
    )
    return [
        np.sinh(p + rho * s**2 * g / norm)
        for p, s, g in zip(leaves, scales, grads, strict=True)
    ]


@pytest.mark.parametrize("adaptive", [False, True])
def test_sam_takes_the_gradient_of_the_worst_point(adaptive):
    optimizer = SAM(SGD(1.0), 0.3, adaptive=adaptive)
    value, updates, state = optimizer.step(
        Objective.of(loss), optimizer.init(PARAMS), PARAMS
    )
    expected = [-g for g in sam_paper(PARAMS, 0.3, adaptive=adaptive)]
    assert_same(jax.tree.leaves(updates), expected)
    assert_same(value, loss(PARAMS))
    assert state.count == 1


def test_sam_without_a_radius_is_the_rule_alone():
    objective = Objective.of(loss)
    sam, adamw = SAM(AdamW(0.1), 0.0), AdamW(0.1)
    got = sam.step(objective, sam.init(PARAMS), PARAMS)[1]
    assert_same(got, adamw.step(objective, adamw.init(PARAMS), PARAMS)[1])


def test_sam_at_a_stationary_point_stays():
    zeros = jax.tree.map(jnp.zeros_like, PARAMS)
    sam = SAM(SGD(1.0), 0.3)
    got = sam.step(Objective.of(loss), sam.init(zeros), zeros)[1]
    assert_same(got, zeros)


@pytest.mark.parametrize(
    "wrong",
    [SAM(SGD()), chain(ClipByGlobalNorm(), SAM(SGD())), partition({"*": SAM(SGD())})],
)
def test_sam_refuses_a_gradient_alone(wrong):
    with pytest.raises(InvalidInput, match="SAM evaluates the loss at points of"):
        wrong.update(GRADS[0], wrong.init(PARAMS), PARAMS)
    if isinstance(wrong, Partition):
        with pytest.raises(InvalidInput, match="outside optimizers that split"):
            wrong.step(Objective.of(loss), wrong.init(PARAMS), PARAMS)


# -- cautious updates


def test_cautious_updates_agree_with_the_gradient():
    """The authors' `mask / mask.mean().clamp(min=1e-3)`, with momentum of old signs."""
    optimizer = Cautious(Momentum(0.1))
    params, states = path(optimizer)
    plain, _ = Momentum(0.1).update(GRADS[-1], states[-2].inner, params[-2])
    got, _ = optimizer.update(GRADS[-1], states[-2], params[-2])
    for name in PARAMS:
        u, g = np.asarray(plain[name]), np.asarray(GRADS[-1][name])
        mask = (u * g < 0).astype(float)
        expected = u * mask / max(mask.mean(), 1e-3)
        np.testing.assert_allclose(got[name], expected, rtol=1e-5, atol=1e-8)
    assert any((np.asarray(u) == 0).any() for u in jax.tree.leaves(got))


def test_cautious_without_memory_changes_nothing():
    grads = jax.tree.map(lambda g: g + 2.0, GRADS[0])  # none is 0
    got, _ = Cautious(SGD(0.1)).update(grads, Cautious(SGD()).init(PARAMS), PARAMS)
    assert_same(got, SGD(0.1).update(grads, SGD().init(PARAMS), PARAMS)[0])


# -- decay


RATE = schedules.Linear(0.1, 20)


@pytest.mark.parametrize("independent", [False, True])
def test_adam_with_decay_is_adamw(independent):
    decayed = Decay(Adam(RATE), 0.3, independent=independent)
    adamw = AdamW(RATE, weight_decay=0.3, independent=independent)
    assert_same(path(decayed)[0], path(adamw)[0])


@pytest.mark.parametrize(
    ("optimizer", "rate"),
    [
        (ExponentialAverage(chain(ClipByGlobalNorm(), Adam(0.1))), 0.1),
        (OneOf([Adam(0.3), Adam(0.1)], 1), 0.1),
        (Prodigy(2.0, d0=0.5), 1.0),
        (OneOf([Prodigy(), Adam(0.1)], 1), 0.1),
        (Muon(schedules.Constant(0.1)), 0.1),
    ],
)
def test_decay_follows_the_rate_of_what_it_wraps(optimizer, rate):
    got = path(Decay(optimizer, 0.3))[0][0]
    plain = path(optimizer)[0][0]
    assert_same(got, jax.tree.map(lambda x, p: x - 0.3 * rate * p, plain, PARAMS))


def test_decay_slows_down_with_a_plateau():
    optimizer = Decay(ReduceOnPlateau(SGD(0.1), patience=0, factor=0.5), 0.3)
    state = optimizer.init(PARAMS)
    for _ in range(2):
        state = optimizer.observe(state, jnp.array(1.0))
    zeros = jax.tree.map(jnp.zeros_like, PARAMS)
    updates, _ = optimizer.update(zeros, state, PARAMS)
    assert_same(updates, jax.tree.map(lambda p: -0.3 * 0.05 * p, PARAMS))


def test_cautious_decay_shrinks_what_shrinks_anyway():
    got, plain = path(Decay(SGD(0.1), 0.3, cautious=True))[0][0], path(SGD(0.1))[0][0]

    def expected(p, x):
        return np.where((x - p) * p <= 0, x - 0.3 * 0.1 * p, x)

    assert_same(got, jax.tree.map(expected, PARAMS, plain))
    assert (got["kernel"] == plain["kernel"]).any()
    assert (got["kernel"] != plain["kernel"]).any()


def test_decay_asks_for_one_rate():
    with pytest.raises(InvalidInput, match="Partition has no one learning rate"):
        path(Decay(partition({"*": SGD()})))
    path(Decay(partition({"*": SGD()}), independent=True))


def test_coupled_decay_is_the_rules_own():
    assert_same(path(chain(AddL2(0.3), Adam(0.1)))[0], path(Adam(0.1, l2=0.3))[0])


# -- accumulation


@pytest.mark.parametrize("every", [1, 3, 4])
def test_accumulation_is_optaxs_and_that_of_mean_gradients(every):
    tx = optax.MultiSteps(optax.sgd(0.1, momentum=0.9), every)
    state, params = tx.init(PARAMS), PARAMS
    got, _ = path(Accumulate(Momentum(0.1), every))
    for g, p in zip(GRADS, got, strict=True):
        updates, state = tx.update(g, state, params)
        params = optax.apply_updates(params, updates)
        assert_same(p, params)
    means = [mean_of(GRADS[i : i + every]) for i in range(0, len(GRADS), every)]
    assert_same(path(Momentum(0.1), means)[0], got[every - 1 :: every])


def test_accumulation_counts_gradients_for_schedules():
    falls = schedules.MultiStep(1.0, boundaries=(4,), factor=0.5)
    got, _ = path(Accumulate(SGD(falls), 4))
    means = [mean_of(GRADS[i : i + 4]) for i in (0, 4, 8)]
    rates = (1.0, 0.5, 0.5)  # in force at the updates with gradients 3, 7 and 11
    expected = PARAMS
    for rate, mean, p in zip(rates, means, got[3::4], strict=True):
        expected = jax.tree.map(lambda e, m, r=rate: e - r * m, expected, mean)
        assert_same(p, expected)


def test_a_broken_batch_is_left_out_of_the_mean():
    broken = [*GRADS[:2], jax.tree.map(lambda g: g * jnp.nan, GRADS[2]), GRADS[3]]
    got, _ = path(SkipNonFinite(Accumulate(SGD(0.1), 3)), broken)
    mean = mean_of([GRADS[0], GRADS[1], GRADS[3]])
    assert_same(got[-1], jax.tree.map(lambda p, m: p - 0.1 * m, PARAMS, mean))


# -- gradients before the rule


@pytest.mark.parametrize("limit", [0.01, 0.5, 100.0])
def test_adaptive_clipping_is_optaxs(limit):
    params = {**PARAMS, "conv": jnp.sin(jnp.arange(24.0).reshape(2, 2, 2, 3))}
    grads = jax.tree.map(lambda p: 3 * jnp.cos(7 * p), params)
    expected, _ = optax.adaptive_grad_clip(limit).update(
        grads, optax.EmptyState(), params
    )
    assert_same(AdaptiveClip(limit)(grads, params), expected)


def test_adaptive_clipping_of_zero_gradients_is_zero():
    zeros = jax.tree.map(jnp.zeros_like, PARAMS)
    assert_same(AdaptiveClip(0.01)(zeros, PARAMS), zeros)


def test_centralised_gradients_have_no_mean_per_output():
    got = CentraliseGradients()(GRADS[0], PARAMS)
    assert_same(got["kernel"].mean(axis=0), jnp.zeros(3))
    expected, _ = optax.centralize().update(
        jax.tree.map(jnp.transpose, GRADS[0]), optax.EmptyState()
    )  # kernels [outputs, inputs]
    assert_same(got, jax.tree.map(jnp.transpose, expected))


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: SAM(SGD(), -1.0), r"`rho` must lie in \[0, inf\], but got -1"),
        (lambda: ExponentialAverage(SGD(), 2.0), r"`decay` must lie in \[0, 1\]"),
        (lambda: Accumulate(SGD(), 0), r"`every` must lie in \[1, inf\], but got 0"),
        (lambda: Lookahead(SGD(), slow_rate=1.5), "`slow_rate` must lie in"),
        (lambda: Lookahead("adam"), "Lookahead takes the optimizer that it is around"),
    ],
)
def test_errors_of_modifiers(make, says):
    with pytest.raises(InvalidInput, match=says):
        make()


def test_every_modifier_says_what_it_is_for():
    assert all(kind.__doc__ for kind in MODIFIERS.values())
