"""Trainings that are made ill are found to be so, and healthy ones healthy."""

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import pytest

import thalweg as tw
from thalweg.diagnosis import diagnose
from thalweg.losses import constant_loss
from thalweg.networks import MLP, Inputs, TabM, VarianceScaling
from thalweg.optimizers import SGD, Adam, AdamW
from thalweg.schedules import Cosine

ROWS, COLUMNS = 600, 6


@pytest.fixture(scope="module")
def numbers():
    """A smooth function of some columns, with noise."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, COLUMNS))
    y = np.sin(x[:, 0]) + x[:, 1] * x[:, 2] / 2 + 0.2 * rng.normal(size=ROWS)
    return x, (y - y.mean()) / y.std()


@pytest.fixture(scope="module")
def classes(numbers):
    x, y = numbers
    return x, np.digitize(y, [-0.5, 0.5])


def changed(description, where, change):
    """A network of the description with some of its leaves changed."""
    network = description.build(Inputs(numeric=COLUMNS), 1, key=jr.key(0))
    return eqx.tree_at(where, network, replace_fn=change)


def found(network, data, **settings):
    known = {"epochs": 12, "record_layers": True}
    return diagnose(tw.train(network, data, **known | settings)[1])


HEALTHY = {
    "relu": (MLP(hidden=(32, 32)), Adam(Cosine(3e-3, steps=300)), "numbers"),
    "tanh": (
        MLP(hidden=(24, 24), activation="tanh", init="glorot"),
        Adam(Cosine(1e-2, steps=300)),
        "classes",
    ),
    "sgd": (MLP(hidden=(32,)), SGD(Cosine(0.1, steps=300)), "numbers"),
    "ensemble": (
        TabM(members=4, hidden=(24,)),
        AdamW(Cosine(1e-2, steps=300)),
        "classes",
    ),
}


@pytest.mark.parametrize("name", HEALTHY)
def test_healthy_trainings_have_no_finding(name, request):
    network, optimizer, data = HEALTHY[name]
    diagnosis = found(
        network, request.getfixturevalue(data), optimizer=optimizer, epochs=20
    )
    assert not diagnosis, str(diagnosis)
    assert diagnosis.notes == ()


def test_deep_logistic_units_starve_the_first_layers(classes):
    network = MLP(hidden=(16,) * 8, activation="sigmoid", init="glorot")
    diagnosis = found(network, classes, optimizer=SGD(0.1))
    layers = [f.layer for f in diagnosis if f.name == "vanishing gradients"]
    assert layers[:3] == [f"layers/{n}/linear/kernel" for n in range(3)]
    assert "head/kernel" not in layers
    # the network is no better than a constant, and more units would not help it
    assert set(diagnosis.names) <= {"vanishing gradients", "ended early"}


def test_a_rate_that_is_far_too_large_explodes(numbers):
    settings = {"optimizer": SGD(0.7), "judge_every": 1, "epochs": 2}
    diagnosis = found(MLP(hidden=(32, 32)), numbers, **settings)
    assert diagnosis.names[:2] == ["divergence", "exploding gradients"]
    assert "from 0.7 to about 0.07" in diagnosis[0].remedy


def test_units_with_a_bias_of_minus_100_are_dead(numbers):
    network = changed(
        MLP(hidden=(16, 16)), lambda n: n.layers[1].linear.bias, lambda b: b - 100.0
    )
    diagnosis = found(network, numbers, optimizer=Adam(1e-3))
    assert [(f.name, f.layer) for f in diagnosis] == [
        ("dead units", "layers/1/activation")
    ]
    assert "100 % of the units" in diagnosis[0].evidence


def test_weights_times_50_saturate(numbers):
    network = changed(
        MLP(hidden=(16, 16), activation="tanh", init="glorot"),
        lambda n: n.layers[0].linear.kernel,
        lambda kernel: 50.0 * kernel,
    )
    diagnosis = found(network, numbers, optimizer=Adam(1e-3))
    saturated = [f.layer for f in diagnosis if f.name == "saturated units"]
    assert saturated == ["layers/0/activation"]


def test_first_weights_that_are_huge_are_out_of_scale(numbers):
    network = MLP(hidden=(32,) * 3, init=VarianceScaling(scale=200.0))
    diagnosis = found(network, numbers, optimizer=Adam(1e-3))
    assert "bad scale" in diagnosis.names


def test_few_rows_and_many_weights_over_fit(numbers):
    x, y = numbers
    diagnosis = found(MLP(hidden=(64, 64)), (x[:60], y[:60]), epochs=80, validation=0.5)
    assert diagnosis.names == ["over-fitting"]


def test_a_rate_of_almost_nothing_moves_nothing(numbers):
    diagnosis = found(MLP(hidden=(16, 16)), numbers, optimizer=Adam(1e-8))
    assert diagnosis.names == ["plateau", "updates too small"]
    for finding in diagnosis:
        assert finding.remedy == "Raise `learning_rate` from 1e-08 to about 1e-3."


def test_a_line_does_not_fit_a_checkerboard(numbers):
    x, _ = numbers
    y = ((x[:, 0] > 0) ^ (x[:, 1] > 0)).astype(int)
    line = (
        lambda key: {"kernel": jnp.ones((COLUMNS, 2)) * jnp.array([1.0, -1.0])},
        lambda params, x: x @ params["kernel"],
    )
    diagnosis = found(line, (x, y), optimizer=Adam(0.05))
    assert diagnosis.names == ["under-fitting"]


def test_a_plain_history_has_rules_about_losses_and_says_so(numbers):
    diagnosis = found(
        MLP(hidden=(16, 16)), numbers, optimizer=Adam(1e-8), record_layers=False
    )
    assert diagnosis.names == ["plateau"]
    (note,) = diagnosis.notes
    assert "`tw.train(..., record_layers=True)`" in note


def test_a_module_of_ones_own_has_gradients_and_updates(numbers):
    module = eqx.nn.MLP(COLUMNS, 1, 16, 1, key=jr.key(0))
    _, history = tw.train(
        module, numbers, epochs=5, record_layers=True, optimizer=Adam(1e-8)
    )
    assert set(history.layers["layer"]) == {
        f"module/layers/{n}/{leaf}" for n in (0, 1) for leaf in ("weight", "bias")
    }
    assert "updates too small" in diagnose(history).names


def test_the_best_constant_prediction():
    y = np.array([0.0, 1.0, 5.0, 10.0, 100.0], np.float32)
    losses = tw.losses
    assert constant_loss(losses.SquaredError(), y, 1) == pytest.approx(
        y.var(), rel=1e-4
    )
    mae = constant_loss(losses.AbsoluteError(), y, 1)
    assert mae == pytest.approx(np.abs(y - 5).mean(), rel=1e-3)
    codes = np.array([0, 0, 0, 1, 2])
    p = np.bincount(codes) / 5
    entropy = constant_loss(losses.CrossEntropy(), codes, 3)
    assert entropy == pytest.approx(-(p * np.log(p)).sum(), rel=1e-4)
    yes = constant_loss(losses.BinaryCrossEntropy(), codes > 0, 1)
    assert yes == pytest.approx(-0.6 * np.log(0.6) - 0.4 * np.log(0.4), rel=1e-4)
    two = constant_loss(losses.SquaredError(), np.stack([y, -y], 1), 2)
    assert two == pytest.approx(y.var(), rel=1e-4)
