"""The methods' own parts: estimators, channels, selections, reports."""

from functools import partial
from types import SimpleNamespace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.architectures import Cell, LayerChoice, assign, mixed, space_of
from thalweg.architectures.gradient import METHODS, PCDARTS, Remedies
from thalweg.architectures.gradient.collapse import collapse_of, limited_skips
from thalweg.architectures.gradient.early_stopping import stop_at
from thalweg.architectures.gradient.gdas import gumbel, sample
from thalweg.architectures.gradient.loop import Run
from thalweg.architectures.gradient.mixtures import is_skip, mixtures
from thalweg.architectures.gradient.pc_darts import edge_weights, meeting, shuffled
from thalweg.architectures.gradient.perturbation import select
from thalweg.architectures.gradient.remedies import remedies_for
from thalweg.architectures.gradient.search import _weighed
from thalweg.architectures.gradient.single_path import best_path
from thalweg.architectures.spaces.darts import Operation
from thalweg.cells import nasbench201
from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.core.trainable import partition, unwrap
from thalweg.networks.layers import (
    Activate,
    Dense,
    Flatten,
    Identity,
    Sequential,
    Zero,
)
from thalweg.networks.randomness import place

SEED = jnp.uint32(1)


def choice(label, width=4):
    dense = Sequential([Activate("relu"), Dense(width)])
    return LayerChoice(
        {"none": Zero(), "skip": Identity(), "dense": dense}, label=label
    )


def test_the_sampled_gradient_is_right_on_average():
    """Two candidates: the noise's difference is logistic, and the mean an integral."""
    alpha, f, target, temperature = (
        np.array([0.3, -0.4]),
        np.array([1.5, -0.5]),
        1.0,
        0.7,
    )

    def loss(alpha, seed):
        index, gate = sample(alpha + gumbel(seed, (2,)), temperature)
        return (gate * jnp.asarray(f)[index] - target) ** 2

    seeds = jax.vmap(lambda i: place(SEED, 0) + i)(jnp.arange(40_000, dtype=jnp.uint32))
    slopes = jax.jit(jax.vmap(jax.grad(loss), in_axes=(None, 0)))(
        jnp.asarray(alpha), seeds
    )
    slopes = np.asarray(slopes, float)

    noise = np.linspace(-25, 25, 200_001)  # of the first logit, less the second's
    density = np.exp(-noise) / (1 + np.exp(-noise)) ** 2
    ahead = alpha[0] - alpha[1] + noise
    soft = 1 / (1 + np.exp(-ahead / temperature))  # of the first
    pull = 2 * (f - target) * f  # d loss / d gate of either
    # the sampled entry's softmax has this slope in alpha_0, with either sign
    slope = soft * (1 - soft) / temperature
    exact = np.sum(density * slope * np.where(ahead > 0, pull[0], -pull[1]))
    exact *= noise[1] - noise[0]
    error = slopes[:, 0].std() / np.sqrt(len(slopes))
    assert abs(slopes[:, 0].mean() - exact) < 4 * error
    assert error < 0.05 * abs(exact)
    np.testing.assert_allclose(slopes.sum(1), 0, atol=1e-5)


def test_samples_have_the_softmax_frequencies():
    alpha = jnp.array([1.0, 0.0, -1.0])
    seeds = jax.vmap(lambda i: place(SEED, 1) + i)(jnp.arange(20_000, dtype=jnp.uint32))
    index, gate = jax.jit(jax.vmap(lambda s: sample(alpha + gumbel(s, (3,)), 1.0)))(
        seeds
    )
    share = np.bincount(np.asarray(index), minlength=3) / len(seeds)
    p = np.asarray(jax.nn.softmax(alpha))
    assert (np.abs(share - p) < 4 * np.sqrt(p * (1 - p) / len(seeds))).all()
    np.testing.assert_array_equal(gate, 1.0)


def test_the_temperature_sinks_to_its_end():
    tree = LayerChoice([Zero(), Identity()], label="a")
    network = mixed(tree).build((4,), seed=SEED)
    method = METHODS["gdas"](temperature=4.0, end_temperature=0.5)

    @jax.jit
    @jax.grad
    def slopes(alpha, progress):
        alphas, allowed = {"a": alpha}, {"a": jnp.ones(2)}
        running = method.running(network, alphas, allowed, seed=None, progress=progress)
        return running.gate

    for progress, temperature in ((0.0, 4.0), (0.5, 2.25), (1.0, 0.5)):
        slope = slopes(jnp.array([0.0, 0.2]), progress)
        soft = 1 / (1 + np.exp(-0.2 / temperature))
        assert slope[1] == pytest.approx(soft * (1 - soft) / temperature, rel=1e-5)


def test_part_of_the_channels_passes_by():
    tree = Sequential([choice("edge_0_1", 8)])
    method = PCDARTS(parts=4)
    module = method.describe(tree, {}).build((8,), seed=SEED)
    sizes = {label: len(mix.branches) for label, mix in mixtures(module).items()}
    assert mixtures(module)["edge_0_1"].branches[2].modules[1].kernel.shape == (2, 2)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(5, 8)), jnp.float32)

    def outputs(mask):
        ready = method.running(
            module,
            method.init(sizes),
            {"edge_0_1": jnp.asarray(mask, jnp.float32)},
            seed=None,
            progress=jnp.ones(()),
        )
        return np.asarray(ready(x))

    silent = outputs(
        [1, 0, 0]
    )  # the part that is worked on is zero, the rest as it was
    kept = np.asarray(x).copy()
    kept[:, :2] = 0
    np.testing.assert_array_equal(silent, np.asarray(shuffled(jnp.asarray(kept), 4)))
    np.testing.assert_array_equal(outputs([0, 1, 0]), np.asarray(shuffled(x, 4)))
    assert not np.allclose(outputs([0, 0, 1]), silent)


def test_channels_are_dealt_out():
    assert shuffled(jnp.arange(8), 4).tolist() == [0, 2, 4, 6, 1, 3, 5, 7]


def test_edges_that_meet_share_their_weight():
    sizes = dict.fromkeys(nasbench201.space().parameters, 5)
    ends = sorted(map(len, meeting(sizes).values()))
    assert ends == [1, 2, 3]
    assert meeting({"stem": 2, "edge_0_1": 2})["stem"] == ["stem"]
    cell = Cell(
        {"skip": Identity(), "none": Zero()}, nodes=3, per_node=None, predecessors=2
    )
    nodes = [[f"cell_op_{i}_{k}" for k in range(2 + i)] for i in range(3)]
    assert list(meeting(space_of(cell).parameters).values()) == nodes
    apart = dict.fromkeys(["block_0_1", "block_1_1", "3_1"], 2)
    assert list(map(len, meeting(apart).values())) == [1, 1, 1]
    alphas = PCDARTS().init(sizes)
    weights = edge_weights(alphas)
    assert weights["edge_0_1"] == 1
    assert weights["edge_2_3"] == pytest.approx(1 / 3)


def test_what_runs_and_what_is_inherited_have_the_shares_of_edges():
    cell = Cell({"skip": Identity(), "none": Zero()}, nodes=2, per_node=None)
    module = PCDARTS(parts=2).describe(cell, {}).build((4,), seed=SEED)
    run = Run.__new__(Run)
    alphas = PCDARTS().init({"cell_op_0_0": 2, "cell_op_1_0": 2, "cell_op_1_1": 2})
    alphas["edges"]["cell_op:1"] = jnp.log(jnp.array([3.0, 1.0]))
    run.supernet = SimpleNamespace(method=PCDARTS(), network=lambda weights: module)
    run.search = SimpleNamespace(weights=None, alphas=alphas)
    allowed = {label: jnp.ones(2) for label in alphas["operations"]}
    options = {"seed": None, "progress": jnp.ones(())}
    running = PCDARTS().running(module, alphas, allowed, **options)
    for found in (running, _weighed(run)):
        shares = [unwrap(operation.scale) for operation in found.operations]
        np.testing.assert_allclose(shares, [1, 0.75, 0.25], rtol=1e-6)
    assert not jax.tree.leaves(partition(found)[0])  # they are not to be trained


def test_channels_that_pass_by_a_stride_are_pooled():
    names = ("none", "skip_connect", "max_pool_3x3")
    candidates = {name: Operation(name) for name in names}
    cell = Cell(candidates, nodes=1, per_node=None, stride=2)
    module = PCDARTS(parts=2).describe(cell, {}).build((5, 6, 4), seed=SEED)
    x = jnp.asarray(np.random.default_rng(0).normal(size=(2, 5, 6, 4)), jnp.float32)
    silent = assign(module, {"cell_op_0_0": jnp.array([1.0, 0, 0])})
    y = np.asarray(shuffled(silent(x), 2))  # of two parts of two: back again
    assert y.shape == (2, 3, 3, 4)
    assert (y[..., :2] == 0).all()
    np.testing.assert_array_equal(y[:, 0, 0, 2:], x[:, :2, :2, 2:].max((1, 2)))
    np.testing.assert_array_equal(y[:, 2, 2, 2:], x[:, 4, 4:, 2:].max(1))


def test_pc_darts_says_what_it_cannot_narrow():
    described = PCDARTS(parts=3).describe(Sequential([choice("a", 8)]), {})
    with pytest.raises(InvalidInput, match=r"multiple of parts=3, but got 8"):
        described.build((8,), seed=SEED)


def test_perturbation_finds_what_the_supernet_needs():
    """The second candidate never has the largest weight, but makes the prediction."""
    rng = np.random.default_rng(0)
    target = rng.normal(size=200)
    weights = {"a": np.array([0.6, 0.3, 0.1]), "b": np.array([0.5, 0.2, 0.3])}
    noise = rng.normal(size=(2, 200)) / 9
    outputs = {
        k: np.stack([noise[0], target / w[1], noise[1]]) for k, w in weights.items()
    }
    tuned = []

    def losses(allowed):
        def error(label, mask):
            weight = mask if mask.sum() == 1 else mask * weights[label]
            return np.mean((weight @ outputs[label] - target) ** 2)

        return np.array(
            [sum(error(*item) for item in masks.items()) for masks in allowed]
        )

    start = {label: np.ones(3) for label in weights}
    none = {label: np.zeros(3, bool) for label in weights}
    settled = select(
        start,
        losses,
        lambda allowed: tuned.append(dict(allowed)),
        skips=none,
        most_skips=2,
        seed=3,
    )
    assert [settled[k].tolist() for k in "ab"] == [[0, 1, 0]] * 2
    assert len(tuned) == 2
    assert sorted(mask.sum() for mask in tuned[0].values()) == [1, 3]


def test_perturbation_of_two_candidates_takes_neither_for_settled():
    seen = []

    def losses(allowed):
        seen.extend(mask["a"].sum() for mask in allowed)
        return np.array([1.0, 0.0])

    settled = select(
        {"a": np.ones(2)},
        losses,
        lambda allowed: None,
        skips={"a": np.zeros(2, bool)},
        most_skips=1,
    )
    assert settled["a"].tolist() == [1, 0]
    assert all(total != 1 and total == pytest.approx(1, abs=1e-5) for total in seen)


@pytest.mark.parametrize("most", [0, 1, 2, 4])
def test_perturbation_goes_on_without_skips_beyond_the_limit(most):
    """All labels want their skip, the first of three; `d` is between skips alone."""
    skips = {label: np.array([True, False, False]) for label in "abc"}
    skips["d"] = np.array([True, True])
    allowed = []

    def losses(masks):
        allowed.extend(masks)
        return np.array(
            [sum(2 - 2 * m[0] - m[1] for m in one.values()) for one in masks]
        )

    start = {label: np.ones(len(s)) for label, s in skips.items()}
    settled = select(
        start, losses, lambda now: None, skips=skips, most_skips=most, seed=1
    )
    chosen = {label: int(np.argmax(mask)) for label, mask in settled.items()}
    assert all(mask.sum() == 1 for mask in settled.values())
    assert chosen["d"] == 0  # it has nothing else
    others = [chosen[label] for label in "abc"]
    limited = [most, most - 1]  # `d` may come first, and counts
    assert others.count(0) in [min(3, max(0, n)) for n in limited]
    assert others.count(2) == 0  # the second best takes the place
    if most == 0:
        assert all(one[label][0] == 0 for one in allowed for label in "abc")


def test_shares_of_skips_are_rounded_up():
    assert [Remedies(max_skips=1 / 3).most_skips(n) for n in (1, 2, 3, 6, 7)] == [
        1,
        1,
        1,
        2,
        3,
    ]
    assert Remedies().most_skips(5) == 5
    assert Remedies(max_skips=2).most_skips(14) == 2
    assert Remedies(max_skips=0).most_skips(14) == 0


@pytest.mark.parametrize("evolve", [False, True])
def test_single_paths_are_ranked_by_their_judgement(evolve):
    space = nasbench201.space()

    def judge(configs):  # the more convolutions the better
        return np.array(
            [-sum("3x3" in op and "conv" in op for op in c.values()) for c in configs],
            float,
        )

    config, judged = best_path(space, judge, trials=200, evolve=evolve, seed=0)
    assert len(judged["configs"]) == 200
    assert judge([config])[0] == judged["losses"].min()
    # a random cell has 1.2 of 6 on average; evolution climbs
    assert judged["losses"].min() <= (-5 if evolve else -3)


def test_collapse_is_what_it_is_called():
    tree = Sequential([choice(label) for label in "abcd"])
    mixes = mixtures(mixed(tree).build((4,), seed=SEED))
    skips = collapse_of(mixes, dict(zip("abcd", [1, 1, 2, 2], strict=True)), [1.0, 3.0])
    assert skips.happened
    assert (skips.skips, skips.free, skips.growth) == (0.5, 0.5, 3.0)
    assert "50% of the choices are skips" in str(skips)
    assert collapse_of(mixes, dict.fromkeys("abcd", 0)).happened  # all silent
    assert not collapse_of(mixes, dict(zip("abcd", [1, 2, 2, 0], strict=True))).happened
    p = {k: np.array([0.0, 0.5 + i / 10, 0.4 - i / 10]) for i, k in enumerate("abcd")}
    assert limited_skips(mixes, p, 2) == {"a": 2, "b": 2, "c": 1, "d": 1}
    assert limited_skips(mixes, p, 4) == dict.fromkeys("abcd", 1)


@pytest.mark.parametrize(
    ("layer", "skips"),
    [
        (Identity(), True),
        (Sequential([Identity(), Sequential([Identity()])]), True),
        (Sequential([Identity(), Activate("relu")]), False),
        (Operation("skip_connect"), True),
        (Operation("skip_connect", stride=2), True),
        (Operation("max_pool_3x3"), False),
        (Operation("none"), False),
        (Flatten(), False),
    ],
)
def test_skips_are_recognised(layer, skips):
    assert is_skip(layer.build((4, 4, 2), seed=SEED)) == skips


def test_dropped_skips_keep_the_mean_of_their_weight_and_others_theirs():
    tree = LayerChoice([Zero(), Identity()], label="a")
    network = mixed(tree).build((4,), seed=SEED)
    method, n = METHODS["darts"](skip_dropout=0.4), 4000
    alphas, allowed = {"a": jnp.zeros(2)}, {"a": jnp.ones(2)}

    @jax.jit
    @partial(jax.vmap, in_axes=(0, None))
    def weights(seed, progress):
        running = method.running(network, alphas, allowed, seed=seed, progress=progress)
        return unwrap(running.weights)

    for progress, rate in ((0.0, 0.4), (0.5, 0.2), (1.0, 0.0)):
        none, skip = np.asarray(weights(np.arange(n, dtype=np.uint32), progress)).T
        np.testing.assert_allclose(none, 0.5)
        error = np.sqrt(rate * (1 - rate) / n)
        assert abs((skip == 0).mean() - rate) <= 5 * error
        np.testing.assert_allclose(skip[skip > 0], 0.5 / (1 - rate), rtol=1e-5)


def test_growing_curvature_goes_back_before_it_grew():
    flat = [1.0] * 12
    assert stop_at(flat, 20) is None
    assert stop_at([*flat, 2.0], 20) == 10  # mean 1.5 today, 1 two epochs ago
    assert stop_at([*flat, 1.3], 20) is None
    assert stop_at([0.1] * 4 + [1.0] * 8, 20) is None  # at first it may grow
    assert stop_at([1.0, 9.0, 9.0], 20) is None  # too young to tell
    assert stop_at([-value for value in [*flat, 2.0]], 20) == 10


def test_remedies_fit_their_method():
    with pytest.raises(InvalidInput, match="one candidate at a time"):
        remedies_for(METHODS["gdas"](), Remedies(perturbation=True))
    with pytest.raises(InvalidInput, match="so no remedy applies"):
        remedies_for(METHODS["rsps"](), Remedies(max_skips=1))
    for wrong in (-1, 1.5, float("nan")):
        with pytest.raises(InvalidInput, match="a share of them below 1"):
            Remedies(max_skips=wrong)
    assert remedies_for(METHODS["gdas"](), Remedies(max_skips=1)).max_skips == 1
    with pytest.raises(InvalidInput, match="but got 'some'"):
        remedies_for(METHODS["darts"](), "some")
    with pytest.raises(InvalidInput, match="skip_dropout"):
        Remedies(skip_dropout=1.0)
    with pytest.raises(InvalidInput, match="nothing is decided by them"):
        Remedies(uniform=True)
    with pytest.raises(InvalidInput, match="nothing grows in them"):
        Remedies(uniform=True, perturbation=True, early_stopping=True)
    assert remedies_for(METHODS["gdas"](), "usual") == Remedies()
    changed = Remedies(auxiliary_skip=True).applied_to(METHODS["darts"]())
    assert changed.auxiliary_skip == 1
    with pytest.raises(UnknownName, match="gdas"):
        METHODS["gdass"]
