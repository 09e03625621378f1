"""Layers on images in training: batch statistics, the network `Stack`, bad input."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import thalweg as tw
from thalweg.architectures import fixed, space_of
from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.core.rng import key_of
from thalweg.core.trainable import Statistics, is_statistics, trainable
from thalweg.networks import Images, Inputs, Stack, VarianceScaling
from thalweg.networks.layers import (
    Activate,
    BatchNorm,
    Conv,
    Dense,
    Dropout,
    DropPath,
    Flatten,
    GlobalPool,
    GroupNorm,
    Identity,
    LayerNorm,
    MaxPool,
    Residual,
    Sequential,
    SqueezeExcitation,
    Zero,
    calibrate,
)
from thalweg.problem import Problem

SEED = jnp.uint32(5)


def normal(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).normal(size=shape), jnp.float32)


def statistics(network):
    nodes = jax.tree.leaves(network, is_leaf=is_statistics)
    return [node for node in nodes if is_statistics(node)]


def test_batch_normalisation():
    x = 3 * normal(8, 4, 4, 5) + 2
    module = BatchNorm().build((4, 4, 5), seed=SEED)
    y = np.asarray(module(x), np.float64)
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(y.var((0, 1, 2)), 1, rtol=1e-4)
    np.testing.assert_allclose(module(x, inference=True), x, rtol=1e-4)  # unmeasured
    found = calibrate(module, x)
    np.testing.assert_allclose(found(x, inference=True), y, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(
        found(x[:1], inference=True), y[:1], rtol=1e-4, atol=1e-5
    )
    assert not jax.tree.leaves(BatchNorm(affine=False).build((5,), seed=SEED).scale)


def test_only_scale_and_shift_of_it_are_trained():
    module = BatchNorm().build((5,), seed=SEED)
    assert trainable(module).scale
    assert not trainable(module).statistics


@pytest.mark.parametrize(
    ("layer", "axes"),
    [(GroupNorm(2), (1, 2, 4)), (LayerNorm(), 4), (GroupNorm(1), (1, 2, 3, 4))],
)
def test_normalisation_of_each_example(layer, axes):
    x = 3 * normal(3, 4, 4, 6) + 2
    y = np.asarray(layer.build((4, 4, 6), seed=SEED)(x), np.float64)
    groups = getattr(layer, "groups", 1)
    y = y.reshape(3, 4, 4, groups, -1)
    np.testing.assert_allclose(y.mean(axes), 0, atol=1e-5)
    np.testing.assert_allclose(y.var(axes), 1, rtol=1e-3)


class Branches(eqx.Module):
    """Two normalisations, of which the index runs one; then a third, `times` times."""

    either: tuple
    often: eqx.Module
    index: jax.Array
    times: int = eqx.field(static=True, default=3)

    def __call__(self, x, *, seed=None, inference=False):
        runs = [lambda x, m=m: m(x, inference=inference) for m in self.either]
        x = jax.lax.switch(self.index, runs, x)

        def body(x, _):
            return 2 * self.often(x, inference=inference), None

        return jax.lax.scan(body, x, None, self.times)[0]


def test_statistics_come_out_of_branches_loops_and_members():
    def network(index):
        one, two, three = (BatchNorm().build((3,), seed=SEED) for _ in range(3))
        return Branches((one, two), three, jnp.asarray(index))

    x = 2 * normal(50, 3) + 1
    one, two, three = statistics(jax.jit(calibrate)(network(1), x))
    np.testing.assert_array_equal(one.mean, 0)  # untaken: as it was
    assert float(one.count) == 0
    np.testing.assert_allclose(two.mean, x.mean(0), rtol=1e-5)
    np.testing.assert_allclose(two.variance, x.var(0), rtol=1e-5)
    assert float(three.count) == 3
    # it first sees variance 1, then twice 4
    np.testing.assert_allclose(three.variance, (1 + 4 + 4) / 3, rtol=1e-4)
    both = jax.tree.map(lambda *leaves: jnp.stack(leaves), network(0), network(1))
    counts = jax.vmap(lambda m: statistics(calibrate(m, x))[0].count)
    np.testing.assert_array_equal(counts(both), [1, 0])


def test_training_mode_can_be_differentiated_twice_forwards():
    layers = [Conv(4), BatchNorm(), MaxPool(), GlobalPool()]
    module = Sequential(layers).build((4, 4, 2), seed=SEED)
    params, rest = tw.networks.partition(module)

    def loss(params):
        return jnp.sum(jnp.sin(eqx.combine(params, rest)(normal(6, 4, 4, 2))))

    @jax.jit
    def by_hand(params, step):
        def moved(size):
            return jax.tree.map(lambda p: p + size * p, params)

        ahead, behind = (jax.grad(loss)(moved(sign * step)) for sign in (1, -1))
        return jax.tree.map(lambda a, b: (a - b) / (2 * step), ahead, behind)

    _, product = jax.jit(lambda p: jax.jvp(jax.grad(loss), (p,), (p,)))(params)
    for a, b in zip(
        *map(jax.tree.leaves, (product, by_hand(params, 1e-2))), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=0.02, atol=2e-3 * np.abs(a).max() + 1e-3)


def test_residuals_project_where_shapes_differ():
    x = normal(2, 8, 8, 4)
    same = Residual(Zero()).build((8, 8, 4), seed=SEED)
    np.testing.assert_array_equal(same(x), x)
    other = Residual(Conv(6, stride=2)).build((8, 8, 4), seed=SEED)
    assert other(x).shape == (2, 4, 4, 6)
    assert other.shortcut.modules[0].kernel.shape == (1, 1, 4, 6)
    with pytest.raises(InvalidInput, match="must end in one shape"):
        Residual(Conv(6), shortcut=Identity()).build((8, 8, 4), seed=SEED)


def test_what_is_dropped():
    x = jnp.ones((400, 5, 2))
    paths = DropPath(0.25).build((5, 2), seed=SEED)(x, seed=SEED)
    each = paths.reshape(400, -1)
    assert np.all(each == each[:, :1])
    kept = float(np.mean(each[:, 0] > 0))
    assert abs(kept - 0.75) < 5 * np.sqrt(0.25 * 0.75 / 400)
    np.testing.assert_allclose(each.max(), 4 / 3, rtol=1e-6)
    units = Dropout(0.25).build((5, 2), seed=SEED)
    assert len(np.unique(units(x, seed=SEED).reshape(400, -1).sum(1))) > 1
    np.testing.assert_array_equal(units(x, seed=SEED, inference=True), x)
    np.testing.assert_array_equal(units(x, seed=None), x)
    with pytest.raises(InvalidInput, match=r"lies in \[0, 1\)"):
        Dropout(1.5).build((5,), seed=SEED)


def test_squeeze_and_excitation_scales_channels():
    x = normal(2, 4, 4, 8)
    y = SqueezeExcitation().build((4, 4, 8), seed=SEED)(x)
    gate = np.asarray(y / x)
    assert np.all((gate > 0) & (gate < 1))
    np.testing.assert_allclose(gate, gate[:, :1, :1] + 0 * gate, rtol=1e-4)


def digits(n=300):
    from sklearn.datasets import load_digits

    data = load_digits()
    return data.images[:n].astype(np.uint8), data.target[:n]


@pytest.fixture(scope="module")
def trained():
    layers = [Conv(6, stride=2, bias=False), BatchNorm(), Activate("relu")]
    model, history = tw.train(
        Stack(layers),
        digits(),
        steps=40,
        optimizer=tw.optimizers.Adam(0.02),
        batch_size=32,
        judge_every=20,
        seed=1,
    )
    return model, history


def test_images_of_bytes_are_trained_on(trained):
    model, history = trained
    X, y = digits()
    assert Problem.of(X, y).x.dtype == np.uint8
    losses = history.to_dataframe()["loss"]
    assert losses.iloc[-1] < losses.iloc[0]
    np.testing.assert_allclose(
        model.outputs(X[:9]), model.outputs(X[:9, ..., None].astype(float)), atol=1e-4
    )
    (mean,), (std,) = model.network.mean.value, model.network.std.value
    train = X[Problem.of(X, y, seed=1).splits.train[0]]
    np.testing.assert_allclose([mean, std], [train.mean(), train.std()], rtol=1e-5)


def test_the_best_network_has_its_statistics(trained):
    model, history = trained
    (found,) = statistics(model.network)
    assert float(found.count) >= 1
    X, y = digits()
    problem = Problem.of(X, y, seed=1)
    rows = problem.splits.train[0]
    assert len(rows) <= 512
    again = calibrate(model.network, jnp.asarray(X[rows], jnp.float32))
    for a, b in zip(statistics(again), [found], strict=True):
        np.testing.assert_allclose(a.mean, b.mean, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(a.variance, b.variance, rtol=1e-4, atol=1e-5)
    held_out = problem.splits.validation[0]
    loss = model.evaluate(X[held_out], y[held_out])["loss"]
    np.testing.assert_allclose(loss, history.to_dataframe()["loss"].min(), rtol=1e-4)


def test_colour_has_moments_of_its_own():
    X = np.stack([np.full((20, 4, 4), 3.0), np.arange(320.0).reshape(20, 4, 4)], -1)
    inputs = Problem.of(X, np.arange(20) % 2, validation=0).inputs
    assert (inputs.height, inputs.width, inputs.channels) == (4, 4, 2)
    np.testing.assert_allclose(inputs.mean, [[3, 159.5]])
    np.testing.assert_allclose(inputs.std, [[1, np.arange(320).std()]], rtol=1e-5)


def test_a_stack_on_a_table_and_with_other_heads():
    key = key_of(SEED)
    table = Stack([Dense(8), Activate()]).build(Inputs(numeric=3), 2, key=key)
    assert table(normal(5, 3)).shape == (5, 2)
    images = Images(4, 4, 1, mean=jnp.zeros(1), std=jnp.ones(1))
    flat = Stack(Conv(2), head="flatten").build(images, 3, key=key)
    assert flat.head.modules[1].kernel.shape == (32, 3)
    assert flat(normal(5, 4, 4)).shape == (5, 3)
    done = Stack([Flatten(), Dense(7)]).build(images, 3, key=key)
    assert done(normal(5, 4, 4)).shape == (5, 3)
    with pytest.raises(InvalidInput, match="head of a `Stack`"):
        Stack([], head="mean").build(images, 3, key=key)
    with pytest.raises(InvalidInput, match="for images"):
        Stack([]).build(None, 3, key=key)


def test_the_heads_first_weights_can_be_set_and_searched():
    images = Images(4, 4, 1, mean=np.zeros(1), std=np.ones(1))

    def kernel(stack):
        network = stack.build(images, 3, key=jax.random.key(0))
        return np.asarray(network.head.modules[-1].kernel)

    usual = kernel(Stack(Conv(2)))
    he = kernel(Stack(Conv(2), head_init="he"))
    np.testing.assert_allclose(he, np.sqrt(2) * usual, rtol=1e-6)
    assert not kernel(Stack(Conv(2), head_init=VarianceScaling(0.0))).any()
    tree = Stack(Conv(2), head_init=tw.Choice(["lecun", "he"]))
    assert list(space_of(tree).parameters) == ["head_init"]
    for name, wanted in (("lecun", usual), ("he", he)):
        found = kernel(fixed(tree, {"head_init": name}))
        np.testing.assert_array_equal(found, wanted)
    with pytest.raises(UnknownName, match="lecun"):
        Stack(Conv(2), head_init="lecunn")


def test_layers_start_from_seeds_of_their_own():
    chain = Sequential([Dense(4), Dense(4)]).build((4,), seed=SEED)
    assert not np.allclose(chain.modules[0].kernel, chain.modules[1].kernel)
    assert Sequential([MaxPool(), GlobalPool()]).build((4, 4, 1), seed=SEED)
    assert Statistics.fresh(2).mean.shape == (2,)
