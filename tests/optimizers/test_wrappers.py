"""Clipping, groups, choice of optimizer, plateau, skipping: what they promise."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from thalweg import schedules
from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.optimizers import (
    SGD,
    AdaGrad,
    Adam,
    AdamW,
    ClipByGlobalNorm,
    ClipByNorm,
    ClipByValue,
    Groups,
    Momentum,
    Muon,
    Nesterov,
    OneOf,
    ReduceOnPlateau,
    RMSprop,
    ScheduleFreeSGD,
    SkipNonFinite,
    chain,
    decay_only,
    global_norm,
    hyper_parameters,
    partition,
    scaled,
)
from thalweg.testing.oracles import recorded

PLATEAU = recorded("schedules/on_plateau")
GRADS = {"a": jnp.array([3.0, -4.0]), "b": jnp.array(12.0)}  # norms 5, 12, 13
PARAMS = {
    "embedding": jnp.array([[0.5, 1.0]]),
    "layers": [
        {"kernel": jnp.array([[1.0, -2.0]]), "bias": jnp.array([1.0, 2.0])},
        {"kernel": jnp.array([[3.0], [1.0]]), "bias": jnp.array([-1.0])},
    ],
}
ONES = jax.tree.map(jnp.ones_like, PARAMS)


def update(optimizer, grads=ONES, params=PARAMS, state=None):
    state = optimizer.init(params) if state is None else state
    return optimizer.update(grads, state, params)


def assert_same(got, expected, rtol=0.0):
    assert jax.tree.structure(got) == jax.tree.structure(expected)
    for a, b in zip(jax.tree.leaves(got), jax.tree.leaves(expected), strict=True):
        np.testing.assert_allclose(a, b, rtol, rtol / 100)


# -- clipping


def test_clip_by_value():
    got = ClipByValue(3.5)(GRADS, GRADS)
    assert_same(got, {"a": jnp.array([3.0, -3.5]), "b": jnp.array(3.5)})


def test_clip_by_norm():
    got = ClipByNorm(6.0)(GRADS, GRADS)
    assert_same(got, {"a": GRADS["a"], "b": jnp.array(6.0)}, rtol=1e-6)


@pytest.mark.parametrize("limit", [0.5, 12.9, 13.0, 100.0])
def test_clip_by_global_norm_is_optax(limit):
    expected, _ = optax.clip_by_global_norm(limit).update(GRADS, optax.EmptyState())
    assert_same(ClipByGlobalNorm(limit)(GRADS, GRADS), expected, rtol=1e-6)


def test_clip_by_global_norm_is_exact(x64):
    """Unlike PyTorch's, which divides by `norm + 1e-6`."""
    grads = jnp.array([3.0, -4.0, 12.0])
    got = ClipByGlobalNorm(1.0)(grads, grads)
    np.testing.assert_allclose(got, grads / 13, rtol=1e-15)


CLIPS = (ClipByValue, ClipByNorm, ClipByGlobalNorm)


@pytest.mark.parametrize("clip", CLIPS)
def test_infinity_switches_clipping_off(clip):
    assert_same(clip(jnp.inf)(GRADS, GRADS), GRADS)


@pytest.mark.parametrize("clip", CLIPS)
def test_zero_gradients_and_zero_limits_are_zero(clip):
    zeros = jax.tree.map(jnp.zeros_like, GRADS)
    for grads, limit in ((zeros, 0.0), (zeros, 1.0), (GRADS, 0.0)):
        assert_same(clip(limit)(grads, grads), zeros)


@pytest.mark.parametrize("clip", CLIPS)
def test_clipping_keeps_a_nan_in_its_tensor(clip):
    got = clip(1.0)({"a": jnp.array([jnp.nan, 1.0]), "b": jnp.array(0.5)}, None)
    assert jnp.isnan(got["a"][0])
    assert got["b"] == 0.5


@pytest.mark.parametrize("clip", [ClipByNorm, ClipByGlobalNorm])
def test_clipping_survives_squares_that_overflow(clip):
    got = clip(0.5)({"a": jnp.array([0.6e30, -0.8e30])}, None)
    assert_same(got, {"a": jnp.array([0.3, -0.4])}, rtol=1e-5)


def test_clipping_keeps_bfloat16_and_empty_trees():
    got = ClipByGlobalNorm(1.0)({"a": jnp.ones(4, jnp.bfloat16), "b": None}, None)
    assert got["a"].dtype == jnp.bfloat16
    assert got["a"].tolist() == [0.5] * 4
    assert global_norm({}) == 0


def test_a_limit_differentiates_at_zero_gradients():
    zeros = jax.tree.map(jnp.zeros_like, GRADS)

    def loss(scale):
        grads = jax.tree.map(lambda z: z * scale, zeros)
        return sum(
            x.sum() for x in jax.tree.leaves(ClipByGlobalNorm(scale)(grads, None))
        )

    assert jax.grad(loss)(1.0) == 0


def test_a_chain_runs_in_order_and_schedules_its_limits():
    limit = schedules.MultiStep(4.0, boundaries=(1,), factor=0.5)
    optimizer = chain(ClipByValue(limit), ClipByGlobalNorm(1.0), SGD(1.0))
    grads = {"a": jnp.array([3.0, 4.0])}
    first, state = update(optimizer, grads, grads)
    second, _ = update(optimizer, grads, grads, state)
    assert_same(first, {"a": -jnp.array([0.6, 0.8])}, rtol=1e-6)
    assert_same(second, {"a": -jnp.array([0.5**0.5, 0.5**0.5])}, rtol=1e-6)


# -- groups


def test_groups_multiply_by_path_and_the_first_match_wins():
    rules = {
        "*bias": {"learning_rate": 0.1},
        "layers/0/*": {"learning_rate": 10.0},
        "*/1/kernel": {},
    }
    got, _ = update(Groups(SGD(0.01), rules))
    expected = {
        "embedding": -0.01 * jnp.ones((1, 2)),
        "layers": [
            {"kernel": -0.1 * jnp.ones((1, 2)), "bias": -0.001 * jnp.ones(2)},
            {"kernel": -0.01 * jnp.ones((2, 1)), "bias": -0.001 * jnp.ones(1)},
        ],
    }
    assert_same(got, expected, rtol=1e-6)


def test_groups_without_rules_are_the_optimizer():
    grouped, plain = Groups(AdamW(), {}), AdamW()
    (got, state), (expected, inner) = update(grouped), update(plain)
    assert_same(got, expected)
    got, _ = update(grouped, state=state)
    assert_same(got, update(plain, state=inner)[0])


def test_groups_multiply_schedules_and_take_array_factors():
    halves = schedules.MultiStep(1.0, boundaries=(1,), factor=0.5)
    grads = {"bias": jnp.array(1.0)}

    @eqx.filter_vmap
    def two_steps(factor):
        optimizer = Groups(SGD(halves), {"bias": {"learning_rate": factor}})
        first, state = update(optimizer, grads, grads)
        return first["bias"], update(optimizer, grads, grads, state)[0]["bias"]

    first, second = two_steps(jnp.array([0.1, 3.0]))
    np.testing.assert_allclose(first, [-0.1, -3.0], rtol=1e-6)
    np.testing.assert_allclose(second, [-0.05, -1.5], rtol=1e-6)


def test_groups_say_which_rule_decides():
    rows = Groups(
        AdamW(), {"*bias": {"weight_decay": 0, "learning_rate": 0.5}, "emb*": {}}
    ).describe(PARAMS)
    assert ("layers/0/bias", (2,)) in [row[:2] for row in rows]
    by_path = {row.path: row.rule for row in rows}
    assert by_path == {
        "embedding": "emb*: as it is",
        "layers/0/bias": "*bias: weight_decay × 0, learning_rate × 0.5",
        "layers/0/kernel": "as it is",
        "layers/1/bias": "*bias: weight_decay × 0, learning_rate × 0.5",
        "layers/1/kernel": "as it is",
    }


def test_groups_errors():
    with pytest.raises(UnknownName, match="Did you mean 'learning_rate'"):
        Groups(SGD(), {"*": {"lerning_rate": 0.1}})
    with pytest.raises(InvalidInput, match=r"'\*foo' is the first match of none"):
        Groups(SGD(), {"*foo": {}}).init(PARAMS)
    with pytest.raises(InvalidInput, match="'embedding' is the first match of none"):
        Groups(SGD(), {"*": {}, "embedding": {}}).init(PARAMS)  # hidden by "*"


@pytest.mark.parametrize("wrap", [lambda o: o, lambda o: OneOf([Adam(), o], 1)])
def test_decay_only_on_weights(wrap):
    zeros = jax.tree.map(jnp.zeros_like, PARAMS)
    got, _ = update(decay_only(wrap(AdamW(0.1, weight_decay=0.5))), zeros)
    expected = jax.tree.map(lambda p: -0.05 * p, PARAMS)
    for layer in expected["layers"]:
        layer["bias"] = jnp.zeros_like(layer["bias"])
    assert_same(got, expected, rtol=1e-6)


# -- partition


def test_each_optimizer_of_a_partition_updates_its_own():
    optimizer = partition(
        {"layers/0/*": SGD(0.1), "bias": Momentum(1.0), "*": AdamW(0.5)}
    )
    got, state = update(optimizer)
    got, _ = update(optimizer, state=state)
    assert_same(got["layers"][0], jax.tree.map(lambda g: -0.1 * g, ONES["layers"][0]))
    assert_same(got["layers"][1]["bias"], -1.9 * jnp.ones(1), rtol=1e-6)
    adamw, alone = AdamW(0.5), {"embedding": PARAMS["embedding"]}
    one = jax.tree.map(jnp.ones_like, alone)
    _, state = update(adamw, one, alone)
    assert_same(got["embedding"], update(adamw, one, alone, state)[0]["embedding"])


def test_a_partition_passes_losses_and_solutions_on():
    optimizer = partition(
        {
            "bias": ReduceOnPlateau(SGD(1.0), patience=0, factor=0.5),
            "*": ScheduleFreeSGD(0.5),
        }
    )
    state = observed(optimizer, [1.0, 1.0])
    updates, state = update(optimizer, state=state)
    assert_same(updates["layers"][1]["bias"], -0.5 * jnp.ones(1))
    params = jax.tree.map(jnp.add, PARAMS, updates)
    updates, state = update(optimizer, params=params, state=state)
    params = jax.tree.map(jnp.add, params, updates)
    found = optimizer.solution(params, state)
    assert_same(found["layers"][1]["bias"], params["layers"][1]["bias"])
    assert (found["embedding"] != params["embedding"]).all()


def test_a_partition_tells_who_updates_what():
    optimizer = partition(
        {"kernel": Muon(0.5, rest=SGD()), "*": SGD(schedules.Cosine(0.1, 10))}
    )
    assert str(optimizer.describe(PARAMS)).splitlines() == [
        "embedding        (1, 2)  *: SGD(learning_rate=Cosine, l2=0)",
        "layers/0/bias    (2,)    *: SGD(learning_rate=Cosine, l2=0)",
        "layers/0/kernel  (1, 2)  kernel: Muon(learning_rate=0.5, momentum=0.95, "
        "weight_decay=0.01)",
        "layers/1/bias    (1,)    *: SGD(learning_rate=Cosine, l2=0)",
        "layers/1/kernel  (2, 1)  kernel: Muon(learning_rate=0.5, momentum=0.95, "
        "weight_decay=0.01)",
    ]


def test_partition_errors():
    with pytest.raises(InvalidInput, match="no pattern matches 'embedding'"):
        update(partition({"kernel": SGD(), "bias": SGD()}))
    with pytest.raises(InvalidInput, match="'foo' is the first match of none"):
        update(partition({"foo": SGD(), "*": SGD()}))
    with pytest.raises(InvalidInput, match=r"'kernel' has 0\.1"):
        partition({"kernel": 0.1})


# -- hyper-parameters by name


def test_hyper_parameters_are_found_and_scaled_through_wrappers():
    plain = OneOf([SGD(1.0), AdamW(1.0, b2=0.9)], 1)
    optimizer = chain(ClipByNorm(1.0), Groups(ReduceOnPlateau(plain), {}))
    names = {"learning_rate", "l2", "b1", "b2", "eps", "weight_decay"}
    names |= {"factor", "patience", "threshold", "cooldown", "min_scale"}
    assert hyper_parameters(optimizer) == names
    new = scaled(optimizer, {"learning_rate": 0.5, "weight_decay": 3.0})
    sgd, adamw = new.optimizer.optimizer.optimizer.alternatives
    assert (sgd.learning_rate, adamw.learning_rate) == (0.5, 0.5)
    np.testing.assert_allclose(adamw.weight_decay, 0.03, rtol=1e-6)
    with pytest.raises(UnknownName, match="momentum"):
        scaled(optimizer, {"momentum": 0.5})


# -- choice as data


KINDS = [SGD(0.1), Nesterov(0.1), AdaGrad(0.1, initial_accumulator=0.5), RMSprop(0.1)]
KINDS += [AdamW(0.1)]


@eqx.filter_jit
def ten_steps(optimizer):
    def step(_, carry):
        params, state = carry
        updates, state = optimizer.update(params, state, params)  # of |p|^2/2
        return jax.tree.map(jnp.add, params, updates), state

    params, _ = jax.lax.fori_loop(0, 10, step, (PARAMS, optimizer.init(PARAMS)))
    return params


@pytest.mark.parametrize("index", range(len(KINDS)))
def test_one_of_is_the_one_named(index):
    assert_same(ten_steps(OneOf(KINDS, index)), ten_steps(KINDS[index]), rtol=1e-6)


def test_one_of_takes_its_index_as_data():
    def first(index):
        return update(OneOf(KINDS, index))[0]["embedding"]

    got = jax.jit(jax.vmap(first))(jnp.arange(len(KINDS) + 1))
    expected = [update(kind)[0]["embedding"] for kind in [*KINDS, KINDS[-1]]]  # clamped
    np.testing.assert_allclose(got, jnp.stack(expected), rtol=1e-6)


@pytest.mark.parametrize("derivative", [jax.grad, jax.jacfwd])
def test_one_of_has_the_derivatives_of_the_one_named(derivative):
    """In both modes, though what runs without derivatives has none in reverse."""

    def loss(rate, make):
        optimizer = make(AdamW(rate))
        grads, state = PARAMS, optimizer.init(PARAMS)
        for _ in range(2):
            grads, state = optimizer.update(grads, state, PARAMS)
        return sum(jnp.sum(g**2) for g in jax.tree.leaves(grads))

    slope = jax.jit(derivative(loss), static_argnums=1)
    got = slope(0.1, lambda optimizer: OneOf([SGD(0.1), optimizer], 1))
    np.testing.assert_allclose(got, slope(0.1, lambda optimizer: optimizer), rtol=1e-5)
    assert got != 0


def test_one_of_shares_slots():
    slots = OneOf(KINDS, 0).init(PARAMS).slots
    assert [s.shape for s in slots].count((1, 2)) == 2 * 2  # two moments, two leaves


def test_one_of_checks_its_index():
    with pytest.raises(InvalidInput, match="one of 5 alternatives, but got 5"):
        OneOf(KINDS, 5)
    with pytest.raises(InvalidInput, match="at least one"):
        OneOf([])


# -- plateau


@pytest.mark.parametrize("case", PLATEAU["cases"], ids=lambda c: str(c["settings"]))
def test_plateau_is_pytorchs(case):
    optimizer = ReduceOnPlateau(SGD(1.0), **case["settings"])

    def watch(state, loss):
        state = optimizer.observe(state, loss)
        return state, state.scale

    losses = jnp.asarray(case["losses"])
    _, scales = jax.lax.scan(watch, optimizer.init(PARAMS), losses)
    np.testing.assert_allclose(scales, case["scale"], rtol=1e-6)


def observed(optimizer, losses):
    state = optimizer.init(PARAMS)
    for loss in losses:
        state = optimizer.observe(state, jnp.asarray(loss))
    return state


def test_plateau_scales_the_rate_of_whatever_it_wraps():
    inner = chain(ClipByValue(1.0), Momentum(schedules.Constant(0.5)))
    optimizer = ReduceOnPlateau(inner, patience=1, factor=0.1)
    state = observed(optimizer, [1.0, 1.0, 1.0])
    updates, _ = update(optimizer, state=state)
    assert_same(updates, jax.tree.map(lambda g: -0.05 * g, ONES), rtol=1e-6)


def test_an_equal_loss_is_no_improvement():
    optimizer = ReduceOnPlateau(SGD(), patience=1, threshold=0.0, factor=0.5)
    assert observed(optimizer, [1.0, 1.0, 1.0]).scale == 0.5


def test_plateau_counts_nan_as_no_improvement_and_takes_negative_losses():
    optimizer = ReduceOnPlateau(SGD(), patience=1, threshold=0.1, factor=0.5)
    assert observed(optimizer, [jnp.nan] * 2).scale == 0.5
    assert observed(optimizer, [-1.0, -1.05, -1.09]).scale == 0.5
    assert observed(optimizer, [-1.0, -1.2, -1.4]).scale == 1.0


@pytest.mark.parametrize(
    "wrap",
    [
        lambda o: chain(ClipByValue(), o),
        lambda o: Groups(o, {"*bias": {}}),
        lambda o: OneOf([SGD(), o], 1),
        lambda o: SkipNonFinite(o),
        lambda o: ReduceOnPlateau(o, patience=99),
    ],
)
def test_losses_reach_a_plateau_inside_a_wrapper(wrap):
    optimizer = wrap(ReduceOnPlateau(SGD(1.0), patience=0, factor=0.25))
    state = observed(optimizer, [1.0, 1.0])
    updates, _ = update(optimizer, state=state)
    assert_same(updates, jax.tree.map(lambda g: -0.25 * g, ONES), rtol=1e-6)


# -- skipping


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf])
def test_a_step_that_is_not_finite_is_left_out(bad):
    optimizer = SkipNonFinite(AdamW(0.1))
    _, state = update(optimizer)
    broken = eqx.tree_at(lambda t: t["layers"][0]["bias"], ONES, jnp.array([1.0, bad]))
    updates, after = update(optimizer, broken, state=state)
    assert_same(updates, jax.tree.map(jnp.zeros_like, PARAMS))
    assert_same(after.inner, state.inner)
    assert (state.skipped, after.skipped) == (0, 1)


# -- errors


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Adam(-1.0), r"`learning_rate` must lie in \[0, inf\], but got -1"),
        (lambda: AdamW(b1=1.0), r"`b1` must lie in \[0, 1\), but got 1"),
        (lambda: RMSprop(momentum=-0.1), "`momentum` must lie in"),
        (lambda: Adam(None), "must be a number, an array or a schedule, but got None"),
        (lambda: ClipByNorm(-1.0), "`limit` must be at least 0"),
        (lambda: chain(Adam(), ClipByNorm()), "but got Adam, ClipByNorm"),
        (lambda: chain(), "but got nothing"),
        (lambda: Adam().init({"a": {"b": jnp.ones(2, int)}}), "'a/b' is int32"),
    ],
)
def test_errors(make, says):
    with pytest.raises(InvalidInput, match=says):
        make()


def test_only_the_rate_is_positional():
    with pytest.raises(TypeError, match="positional"):
        Adam(0.1, 0.9)
