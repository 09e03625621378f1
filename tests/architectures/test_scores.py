"""Zero-cost scores against NumPy by hand, and what must leave them unchanged."""

import inspect

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import thalweg as tw
from thalweg.architectures import LayerChoice, fixed, label, scores
from thalweg.architectures.scores import SCORES, Synflow, Zen, score, score_all
from thalweg.architectures.scores.base import kernels, loss_and_kernels
from thalweg.architectures.scores.zen import gaussian
from thalweg.core import rng
from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.losses import CrossEntropy
from thalweg.networks import MLP, Images, Inputs, Stack, VarianceScaling
from thalweg.networks.layers import (
    Activate,
    AvgPool,
    BatchNorm,
    Conv,
    Dense,
    Flatten,
    GlobalPool,
    Identity,
    Residual,
    Sequential,
    Zero,
)
from thalweg.networks.randomness import normal, place

ROWS, COLUMNS, HIDDEN, CLASSES = 6, 3, 5, 4
MEASURED = [name for name in SCORES if name not in ("parameters", "flops")]


@pytest.fixture
def rows(x64):
    """Two layers on a table, in double precision, with its rows and targets."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, COLUMNS))
    y = rng.integers(0, CLASSES, ROWS)
    body = Stack([Dense(HIDDEN, bias=False), Activate("relu")])
    network = body.build(Inputs(numeric=COLUMNS), CLASSES, key=jr.key(1))
    return network, x, y


def weights(network):
    """Both layers' kernels, and the last bias, which is zero."""
    first, last = network.body.modules[0].kernel, network.head.modules[1].kernel
    return np.asarray(first), np.asarray(last)


def measured(name, network, x, y=None):
    kind = SCORES[name]()
    y = None if y is None else jnp.asarray(y)
    found = kind.measure(network, jnp.asarray(x), y, key=jr.key(0))
    return kind.conclude(np.asarray(found))


def slopes(a, b, x, y):
    """The mean cross-entropy's gradient by both kernels and both layers' outputs."""
    h = x @ a
    logits = np.maximum(h, 0) @ b
    p = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    at_logits = (p - np.eye(CLASSES)[y]) / len(x)
    at_h = (at_logits @ b.T) * (h > 0)
    return x.T @ at_h, np.maximum(h, 0).T @ at_logits, at_h, at_logits


def test_synflow_of_two_layers_is_the_sum_over_paths(rows):
    network, x, _ = rows
    a, b = map(np.abs, weights(network))
    flow = np.ones(COLUMNS) @ a @ b @ np.ones(CLASSES)  # each layer has all of it
    assert measured("synflow", network, x) == pytest.approx(np.log(2 * flow))


def test_synflow_sees_no_normalisation_no_data_and_no_order_of_units(rows):
    network, x, _ = rows
    plain = measured("synflow", network, x)
    assert measured("synflow", network, 7 * x[:2]) == plain
    a, b = weights(network)
    order = np.random.default_rng(1).permutation(HIDDEN)
    other = eqx.tree_at(
        lambda n: (n.body.modules[0].kernel, n.head.modules[1].kernel),
        network,
        (a[:, order], b[order]),
    )
    assert measured("synflow", other, x) == pytest.approx(plain)
    layers = [Dense(HIDDEN, bias=False), BatchNorm(), Activate("relu")]
    normalised = Stack(layers).build(Inputs(numeric=COLUMNS), CLASSES, key=jr.key(1))
    same = eqx.tree_at(
        lambda n: (n.body.modules[0].kernel, n.head.modules[1].kernel),
        normalised,
        (a, b),
    )
    assert measured("synflow", same, x) == pytest.approx(plain)


def test_synflow_has_double_precision_of_its_own():
    huge = VarianceScaling(1e34)
    layers = [Dense(4, init=huge), Dense(4, init=huge), Dense(4, init=huge)]
    found = score("synflow", Sequential(layers), np.zeros((1, 3), np.float32))
    assert np.log(1e48) < found < np.log(1e60)  # beyond single precision's 1e38


def test_jacobian_covariance_is_that_of_each_row_by_itself(rows):
    network, x, _ = rows
    a, b = weights(network)
    jacobian = ((x @ a > 0) * b.sum(1)) @ a.T
    values = np.linalg.eigvalsh(np.corrcoef(jacobian))
    wanted = -np.sum(np.log(values + 1e-5) + 1 / (values + 1e-5))
    # in three dimensions, most eigenvalues of six rows are zero
    found = measured("jacobian_covariance", network, x)
    assert found == pytest.approx(wanted, rel=1e-6)


def test_jacobian_covariance_sees_the_batch_through_normalisations(x64):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, COLUMNS))
    layers = [Dense(HIDDEN, bias=False), BatchNorm(), Activate("relu")]
    network = Stack(layers).build(Inputs(numeric=COLUMNS), CLASSES, key=jr.key(1))
    a, b = (np.asarray(kernel) for kernel in weights(network))

    def total(x):
        h = x @ a
        h = (h - h.mean(0)) / np.sqrt(h.var(0) + 1e-5)
        return (np.maximum(h, 0) @ b).sum()

    steps = 1e-6 * np.eye(x.size).reshape(-1, *x.shape)
    slopes = np.array([(total(x + s) - total(x - s)) / 2e-6 for s in steps])
    kind = scores.JacobianCovariance()
    found = kind.measure(network, jnp.asarray(x), None, key=jr.key(0))
    np.testing.assert_allclose(found, np.corrcoef(slopes.reshape(x.shape)), atol=1e-6)
    assert np.isfinite(kind.conclude(np.asarray(found)))


def test_a_sum_that_a_last_normalisation_makes_constant_is_no_sum_of_rounding():
    x = np.random.default_rng(0).normal(size=(8, 4, 4, 2)).astype(np.float32)
    layers = [Conv(3), Activate("relu"), Conv(3), BatchNorm()]
    assert score("jacobian_covariance", Stack(layers), x) == -np.inf
    # each place has weights of its own, so that the sum is not constant
    assert np.isfinite(score("jacobian_covariance", Stack(layers, head="flatten"), x))
    assert np.isfinite(score("jacobian_covariance", Stack([*layers, Activate()]), x))


def test_naswot_counts_units_behind_which_a_normalisation_comes_last(x64):
    layers = [Dense(1, bias=False), Activate("relu"), BatchNorm(affine=False)]
    network = Stack(layers).build(Inputs(numeric=1), 2, key=jr.key(0))
    network = eqx.tree_at(lambda n: n.body.modules[0].kernel, network, np.ones((1, 1)))
    x = jnp.array([[2.0], [-1.0], [2.0], [-3.0]])  # the slopes of a plain sum are 0
    found = scores.NASWOT().measure(network, x, None, key=jr.key(0))
    on = np.asarray(x[:, 0] > 0)
    np.testing.assert_array_equal(found, on[:, None] == on)


def test_naswot_counts_units_on_which_rows_agree(rows):
    network, x, _ = rows
    a, _ = weights(network)
    on = x @ a > 0
    kernel = [[sum(p == q for p, q in zip(r, s, strict=True)) for r in on] for s in on]
    found = scores.NASWOT().measure(network, jnp.asarray(x), None, key=jr.key(0))
    np.testing.assert_array_equal(found, kernel)
    score = scores.NASWOT().conclude(np.asarray(kernel) + np.eye(ROWS))
    assert score == pytest.approx(np.log(np.linalg.det(kernel + np.eye(ROWS))))


def test_scores_by_gradients_are_those_by_hand(rows):
    network, x, y = rows
    a, b = weights(network)
    da, db, dh, dz = slopes(a, b, x, y)
    wanted = {
        "gradient_norm": np.linalg.norm(da) + np.linalg.norm(db),
        "snip": np.abs(a * da).sum() + np.abs(b * db).sum(),
        "plain": (a * da).sum() + (b * db).sum(),
    }
    for name, value in wanted.items():
        assert measured(name, network, x, y) == pytest.approx(value), name
    h = x @ a
    outputs = np.maximum(h, 0) @ b
    layers = [(COLUMNS, h, dh), (HIDDEN, outputs, dz)]  # each by its fan-in
    fisher = sum(n * np.square(v * g).mean(0).sum() / 2 for n, v, g in layers)
    assert measured("fisher", network, x, y) == pytest.approx(fisher)
    step = 1e-6
    more = slopes(a + step * da, b + step * db, x, y)[:2]
    less = slopes(a - step * da, b - step * db, x, y)[:2]
    product = [(m - n) / (2 * step) for m, n in zip(more, less, strict=True)]
    grasp = -(a * product[0]).sum() - (b * product[1]).sum()
    assert measured("grasp", network, x, y) == pytest.approx(grasp, rel=1e-5)


def test_fisher_counts_a_channel_as_often_as_it_has_weights(x64):
    # a convolution of whole images is a matrix product of their numbers
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(ROWS, 3, 3, 2)), rng.integers(0, CLASSES, ROWS)
    inputs = Images(3, 3, 2, mean=np.zeros(2), std=np.ones(2))
    conv, dense = (
        Stack([*layers, Activate("relu")], head="flatten").build(
            inputs, CLASSES, key=jr.key(0)
        )
        for layers in ([Conv(4, size=3, padding="valid")], [Flatten(), Dense(4)])
    )
    kernel = conv.body.modules[0].kernel.reshape(18, 4)
    dense = eqx.tree_at(
        lambda n: (n.body.modules[1].kernel, n.head), dense, (kernel, conv.head)
    )
    found = measured("fisher", conv, x, y)
    assert found == pytest.approx(measured("fisher", dense, x, y))


def test_grasp_of_normalised_layers_is_the_gradients_square(x64):
    # the loss doesn't change with a kernel's length: w g = 0, and along g w H g = -g g
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(ROWS, 4, 4, 2)), rng.integers(0, CLASSES, ROWS)
    inputs = Images(4, 4, 2, mean=np.zeros(2), std=np.ones(2))
    long = VarianceScaling(1e4)  # so that the normalisations' epsilon is nothing
    layers = [
        *[Conv(3, init=long, bias=False), BatchNorm(), Activate("relu")],
        *[Conv(CLASSES, init=long, bias=False), BatchNorm(), Activate("relu")],
    ]
    network = Stack(layers).build(inputs, CLASSES, key=jr.key(0))
    pool = GlobalPool().build((4, 4, CLASSES), seed=jnp.uint32(0))
    network = eqx.tree_at(lambda n: n.head, network, pool)
    mean, params = loss_and_kernels(network, CrossEntropy(), jnp.asarray(x), y)
    square = sum(float(jnp.sum(g**2)) for g in kernels(jax.grad(mean)(params)))
    assert measured("grasp", network, x, y) == pytest.approx(square, rel=1e-6)
    assert abs(measured("plain", network, x, y)) < 1e-6 * measured(
        "snip", network, x, y
    )


def test_zen_is_the_change_of_features_and_the_scale_that_was_taken_away(x64):
    inputs = Images(2, 2, 3, mean=np.zeros(3), std=np.ones(3))
    kind = Zen(repeats=1, rows=8)
    plain, normalised = (
        Stack(layers).build(inputs, 2, key=jr.key(0))
        for layers in ([Conv(4, 1, bias=False)], [Conv(4, 1, bias=False), BatchNorm()])
    )
    x = jnp.zeros((1, 2, 2, 3))
    seed = rng.mix(rng.word(jr.key(0)))  # of the first repeat
    made = gaussian(plain, place(seed, 0))
    kernel = made.body.modules[0].kernel[0, 0]
    step = 0.01 * normal(place(seed, 2), (8, 2, 2, 3))
    wanted = np.log(np.abs(step @ kernel).sum() / 8)
    assert kind.measure(plain, x, None, key=jr.key(0))[0] == pytest.approx(wanted)
    # all channels of equal variance: what is divided by is what is added
    found = kind.measure(normalised, x, None, key=jr.key(0))[0]
    assert abs(found - wanted) < 0.3


def choosing():
    """A small network with choices, of which some leave parts without use."""

    def edge(name):
        conv = [Activate("relu"), Conv(4, bias=False), BatchNorm()]
        candidates = {
            "none": Zero(),
            "skip": Identity(),
            "conv": Sequential(conv),
            "pool": AvgPool(3, stride=1, padding="same"),
        }
        return LayerChoice(candidates, label=name)

    inner = Residual(Sequential([edge("a"), edge("b")]), edge("c"))
    return Sequential([Conv(4, bias=False), inner, BatchNorm(), Activate("relu")])


CONFIGS = [
    {"a": "conv", "b": "pool", "c": "skip"},
    {"a": "conv", "b": "none", "c": "conv"},  # the first convolution goes nowhere
]


@pytest.fixture(scope="module")
def batch():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 4, 4, 2)).astype(np.float32)
    return x, rng.integers(0, 3, 5)


SLOW = ("grasp", "plain", "gradient_norm", "fisher", "zen")  # like one of the others


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in MEASURED],
)
def test_architecture_as_data_scores_as_the_architecture_alone(name, batch):
    kind = Zen(repeats=1, rows=4) if name == "zen" else name
    tree = choosing()
    many = score_all(kind, tree, CONFIGS, *batch, outputs=3)
    alone = [score(kind, fixed(tree, c), *batch, outputs=3) for c in CONFIGS[1:]]
    np.testing.assert_allclose(many[1:], alone, rtol=1e-4, atol=1e-5)
    assert np.isfinite(many).all()
    assert many[0] != many[1]


def test_scores_of_one_space_are_one_program(batch, monkeypatch):
    traces = []
    measure = Synflow.measure

    def counting(*args, **kwargs):
        traces.append(1)
        return measure(*args, **kwargs)

    monkeypatch.setattr(Synflow, "measure", counting)
    labels = [dict(CONFIGS[0], c=c) for c in ("none", "skip", "pool", "conv")]
    found = score_all("synflow", choosing(), labels, batch[0], outputs=2)
    assert len(traces) == 1
    assert found[3] == max(found)


def test_gaussian_weights_are_standard_normal_and_differ_between_layers():
    layers = Stack([Dense(200), Dense(200)])
    network = layers.build(Inputs(numeric=200), 2, key=jr.key(0))
    made = gaussian(network, jnp.uint32(1))
    one, two = (np.asarray(made.body.modules[i].kernel).ravel() for i in (0, 1))
    for values in (one, two):  # 40,000 numbers: 5 sigma
        assert abs(values.mean()) < 0.025
        assert abs(values.std() - 1) < 0.018
    assert abs(np.corrcoef(one, two)[0, 1]) < 0.025


def test_the_same_key_is_the_same_score(batch):
    network = MLP(hidden=(8,))
    x = batch[0].reshape(5, -1)

    def of(seed):
        return score("snip", network, x, batch[1], key=jr.key(seed))

    assert of(3) == of(3) != of(4)


def test_dead_networks_are_the_worst(batch):
    dead = Stack([Conv(4), Activate("relu"), Zero()])
    for name in MEASURED:
        assert score(name, dead, *batch) == -np.inf, name


def test_sizes_are_counted():
    x = np.zeros((1, 3))
    assert score("parameters", MLP(hidden=(5,)), x, outputs=4) == 3 * 5 + 5 + 5 * 4 + 4
    configs = [{"w": 2}, {"w": 7}]
    tree = Sequential([Dense(label("w", tw.Choice([2, 7])))])
    few, many = score_all("flops", tree, configs, x)
    assert 0 < few < many


def test_every_score_has_its_file_and_its_entry():
    base = (scores.AbstractScore, scores.AbstractSize)
    classes = {
        cls
        for name in scores.__all__
        if inspect.isclass(cls := getattr(scores, name)) and issubclass(cls, base)
    }
    assert classes - set(base) == set(SCORES.values())


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x, y: score("synflo", MLP(), x), "Did you mean 'synflow'"),
        (lambda x, y: score("snip", MLP(), x), "one target for each row, but got none"),
        (lambda x, y: score("snip", MLP(), x, y[:2]), "2 for 5 rows"),
        (lambda x, y: score("naswot", MLP(), x[:1]), "compares rows, but got 1"),
        (lambda x, y: score("naswot", MLP(), x[0]), r"the shape \(32,\)"),
        (lambda x, y: score("naswot", MLP(), x.astype(str)), "rows of numbers"),
        (lambda x, y: score("zen", MLP(), x), "needs a `networks.Stack`"),
    ],
)
def test_bad_input_gets_one_sentence(call, message, batch):
    x, y = batch
    with pytest.raises((InvalidInput, UnknownName), match=message):
        call(x.reshape(5, -1), y)
