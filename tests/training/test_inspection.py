"""What is recorded of layers is what a plain computation of it gives."""

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import thalweg as tw
from thalweg.activations import ACTIVATIONS, choose
from thalweg.core.errors import InvalidInput
from thalweg.losses import CrossEntropy
from thalweg.networks import MLP, Inputs, PiecewiseLinear, ResidualMLP, TabM
from thalweg.optimizers import SGD, Adam
from thalweg.training.devices import mesh
from thalweg.training.foreign import PerExample
from thalweg.training.inspection import (
    activations_of,
    activity,
    inspect,
    preactivations,
)
from thalweg.training.population import CURVE, Program, Task

ROWS, COLUMNS = 20, 3
BINS = np.tile(np.linspace(-2, 2, 5), (COLUMNS, 1))
RATE = 0.1


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, COLUMNS)).astype(np.float32)
    return x, (x[:, 0] > 0).astype(int)


@pytest.fixture(scope="module")
def taken(table):
    """The weights after 0 … 3 steps on all rows, and the record of the training."""
    network = built(MLP(hidden=(4, 4), activation="tanh"))
    settings = {
        "optimizer": SGD(RATE),
        "batch_size": ROWS,
        "validation": 0,
        "judge_every": 1,
        "keep_best": False,
    }
    after = [
        tw.train(network, table, steps=steps, **settings)[0].network
        for steps in (1, 2, 3)
    ]
    _, history = tw.train(network, table, steps=3, record_layers=True, **settings)
    return [network, *after], history


def built(description, key=0):
    inputs = Inputs(numeric=COLUMNS, bins=BINS)
    return description.build(inputs, 2, key=jr.key(key))


def norms(tree):
    return [float(jnp.linalg.norm(jnp.ravel(leaf))) for leaf in jax.tree.leaves(tree)]


def test_norms_are_those_of_the_step_that_comes_next(table, taken):
    (x, y), (networks, history) = table, taken
    found = history.recorded_layers

    def loss(params, network):
        network = eqx.combine(params, tw.networks.partition(network)[1])
        return jnp.mean(CrossEntropy()(network(jnp.asarray(x)), jnp.asarray(y)))

    for judgement in range(3):
        network = networks[judgement + 1]
        params, _ = tw.networks.partition(network)
        grads = jax.grad(loss)(params, network)
        np.testing.assert_allclose(found.gradient[judgement], norms(grads), rtol=1e-4)
        np.testing.assert_allclose(found.weight[judgement], norms(params), rtol=1e-5)
        step = RATE * found.gradient[judgement]
        np.testing.assert_allclose(found.update[judgement], step, rtol=1e-5)
    before, after = (tw.networks.partition(n)[0] for n in networks[1:3])
    moved = norms(jax.tree.map(jnp.subtract, after, before))
    np.testing.assert_allclose(found.update[0], moved, rtol=1e-3)


def test_names_follow_the_leaves(taken):
    found = taken[1].recorded_layers
    assert found.parameters == (
        "layers/0/linear/kernel",
        "layers/0/linear/bias",
        "layers/1/linear/kernel",
        "layers/1/linear/bias",
        "head/kernel",
        "head/bias",
    )
    assert found.shapes[0] == (COLUMNS, 4)
    assert found.activations == ("layers/0/activation", "layers/1/activation")
    assert found.rows == ROWS
    assert np.isnan(found.dead).all()  # tanh saturates, it does not die
    assert np.isfinite(found.saturated).all()


def test_layers_are_a_table(taken):
    history = taken[1]
    frame = history.layers
    assert len(frame) == 3 * (6 + 2)
    assert frame["step"].is_monotonic_increasing
    kernel = frame[frame.layer == "head/kernel"]
    np.testing.assert_array_equal(
        kernel.gradient, history.recorded_layers.gradient[:, 4]
    )
    assert list(history.to_dataframe().columns) == ["epoch", *CURVE, "learning_rate"]


def test_without_recording_there_is_one_clear_sentence(table):
    _, history = tw.train(MLP(hidden=(4,)), table, steps=1)
    with pytest.raises(InvalidInput, match=r"not recorded. Give `tw.train\(.*=True\)`"):
        _ = history.layers


def test_recording_changes_nothing(table):
    settings = {"optimizer": Adam(0.05), "epochs": 4, "batch_size": 8}
    runs = [
        tw.train(MLP(hidden=(4,), dropout=0.3), table, record_layers=asked, **settings)
        for asked in (False, True)
    ]
    (plain, history), (watched, other) = runs
    for name in history.metrics:
        np.testing.assert_array_equal(history[name], other[name])
    np.testing.assert_array_equal(plain.outputs(table[0]), watched.outputs(table[0]))


def test_a_program_that_does_not_ask_has_none_of_it(tiny_task):
    """Neither columns nor operations: what is measured leaves no trace."""
    from tiny_members import candidate

    def program(task):
        return Program(candidate(), task, mesh=mesh(1), capacity=1, width=1)

    def measure(member, recipe, data):
        return jnp.full(2, 0.1234567)

    asked: Task = tiny_task._replace(inspect=measure)
    texts = [lowered(program(task), task) for task in (tiny_task, asked)]
    assert program(tiny_task).columns == len(CURVE)
    assert program(asked).columns == len(CURVE) + 2
    marks = ["0.1234567" in text for text in texts]
    assert marks == [False, True]
    assert len(texts[0]) < len(texts[1])


def lowered(program, task):
    """The text of a program, as it would be compiled."""
    found = []

    class Stopped(Exception):
        pass

    def stop(function, **options):
        class Traced:
            def lower(self, *arguments):
                found.append(jitted(function, **options).lower(*arguments).as_text())
                raise Stopped

        return Traced()

    jitted = jax.jit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "jit", stop)
        with pytest.raises(Stopped):
            program.compile(task)
    return found[0]


def by_hand(network, x):
    """What the activations of an MLP are given."""
    h, found = network.encoder(x), []
    for layer in network.layers:
        found.append(layer.linear(h))
        h = layer(h, seed=None)
    return found


@pytest.mark.parametrize("depth", [None, 2, 1])
def test_preactivations_come_out_of_branches(table, depth):
    """A layer beyond the depth is not run, and has none."""
    x = jnp.asarray(table[0])
    network = built(MLP(hidden=(4, 4), activation="silu", depth=depth))
    found = preactivations(network, x)
    for number, expected in enumerate(by_hand(network, x)):
        values, runs = found[number]
        ran = depth is None or number < depth
        assert (runs == ran).all()
        if ran:
            np.testing.assert_allclose(values[:, 0], expected, rtol=1e-5, atol=1e-6)
    dead, flat = activity(network, x)
    if depth == 1:
        assert np.isnan(dead[1])
        assert np.isnan(flat[1])
    assert np.isfinite(dead[0])


def test_preactivations_of_an_ensemble(table):
    x = jnp.asarray(table[0])
    network = built(TabM(members=3, hidden=(4,)))
    ((values, runs),) = preactivations(network, x)
    expected = network.layers[0].linear(network.encoder(x)[None])  # [m, b, o]
    np.testing.assert_allclose(
        values[:, :, 0], jnp.swapaxes(expected, 0, 1), rtol=1e-5, atol=1e-6
    )
    assert (runs == 1).all()


def test_every_activation_of_a_network_is_watched(table):
    x = jnp.asarray(table[0])
    embedding = PiecewiseLinear(size=4, activation="relu")
    network = built(ResidualMLP(width=4, blocks=2, numeric_embedding=embedding))
    assert [path for path, _ in activations_of(network)] == [
        "encoder/numeric/activation",
        "blocks/0/activation",
        "blocks/1/activation",
        "activation",
    ]
    assert all((runs == 1).all() for _, runs in preactivations(network, x))


class Own(eqx.Module):
    """A module of one's own, for one example, with one of our activations."""

    linear: eqx.nn.Linear
    activation: tw.activations.Activation

    def __call__(self, x):
        return self.activation(self.linear(x))


def test_a_module_of_ones_own_that_has_our_activations(table):
    x = jnp.asarray(table[0])
    module = Own(eqx.nn.Linear(COLUMNS, 2, key=jr.key(0)), ACTIVATIONS["relu"]())
    ((values, _),) = preactivations(PerExample(module, takes_key=False), x)
    np.testing.assert_allclose(values, jax.vmap(module.linear)(x), rtol=1e-5)


@pytest.mark.parametrize(
    ("name", "inputs", "flat"),
    [
        ("relu", [-1.0, -0.1, 0.1, 9.0], 0.5),
        ("tanh", [-3.0, -1.0, 1.0, 3.0], 0.5),
        ("sigmoid", [-5.0, -2.0, 2.0, 5.0], 0.5),
        ("leaky_relu", [-1.0, 1.0, 2.0, 3.0], 0.25),
        ("linear", [-9.0, -1.0, 1.0, 9.0], 0.0),
    ],
)
def test_flat_is_where_the_slope_is_small(name, inputs, flat):
    """One unit that sees four rows, by an activation and by a choice that names it."""
    x = jnp.asarray(inputs)[:, None]
    identity = eqx.nn.Linear(1, 1, use_bias=False, key=jr.key(0))
    identity = eqx.tree_at(lambda m: m.weight, identity, jnp.ones((1, 1)))
    for activation in (ACTIVATIONS[name](), choose(["silu", name], 1)):
        network = PerExample(Own(identity, activation), takes_key=False)
        dead, share = activity(network, x)
        assert float(share[0]) == flat
        assert float(dead[0]) == 0


def test_a_unit_is_dead_if_no_row_moves_it(table):
    x = jnp.asarray(table[0])
    network = built(MLP(hidden=(4,)))
    bias = jnp.array([-100.0, -100.0, -100.0, 100.0])
    network = eqx.tree_at(lambda n: n.layers[0].linear.bias, network, bias)
    dead, flat = activity(network, x)
    assert float(dead[0]) == float(flat[0]) == 0.75


@pytest.mark.parametrize("split", [0, 1, 2])
def test_padding_and_other_splits_are_not_looked_at(tiny_task, split):
    """Whatever a split must not read is NaN in this task."""
    from tiny_members import candidate

    from thalweg.training.member import build, for_vectors

    recipe, data = candidate().assemble(), jax.tree.map(jnp.asarray, tiny_task.data)
    member = build(recipe, tiny_task.inputs, 3, 9, jnp.int32(split), jnp.uint32(1))
    found = inspect(member, for_vectors(recipe, member.packing), data)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("size", [1e-25, 1.0, 1e25])
def test_norms_of_the_smallest_and_the_largest(size):
    from thalweg.training.inspection import _norm

    values = np.float32(size) * np.array([3.0, -4.0], np.float32)
    np.testing.assert_allclose(_norm(jnp.asarray(values)), 5 * size, rtol=1e-6)
    assert _norm(jnp.zeros(3)) == 0
    assert _norm(jnp.zeros((0, 3))) == 0
    assert np.isnan(_norm(jnp.array([1.0, jnp.nan])))
    assert not np.isfinite(_norm(jnp.array([1.0, jnp.inf])))
