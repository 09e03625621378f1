"""`thalweg.train`: one network, in any of three forms, and the model of it."""

import time

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.random as jr
import numpy as np
import optax
import pytest

import thalweg as tw
from thalweg.core.errors import InvalidInput, SearchError, UnknownName
from thalweg.losses import CrossEntropy, SquaredError
from thalweg.networks import MLP
from thalweg.optimizers import (
    SGD,
    Adam,
    AdamW,
    Groups,
    ReduceOnPlateau,
    decay_only,
    from_optax,
)
from thalweg.schedules import Linear

ROWS = 80


def init(key):
    return {"kernel": 0.1 * jr.normal(key, (3, 2)), "bias": jnp.zeros(2)}


def apply(params, x):
    return x @ params["kernel"] + params["bias"]


LINEAR = (init, apply)


@pytest.fixture(scope="module")
def table():
    """Two classes that a line tells apart, but for some."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 3))
    return x, (x @ [2.0, -1.0, 0.5] + 0.3 * rng.normal(size=ROWS) > 0).astype(int)


@pytest.fixture(scope="module")
def numbers(table):
    x, _ = table
    return x, x @ [2.0, -1.0, 0.5] + 3.0


@pytest.fixture(scope="module")
def trained(table):
    """A description, and everything at its default but the number of epochs."""
    return tw.train(
        MLP(hidden=(8,)), table, optimizer=Adam(0.05), epochs=12, metrics=["accuracy"]
    )


def test_a_description(table, trained):
    model, history = trained
    assert model.status == "complete"
    assert model.evaluate(*table)["accuracy"] > 0.9
    assert history["loss"][-1] < 0.7 * history["loss"][0]


def test_history_has_a_row_for_each_epoch(trained):
    model, history = trained
    names = ["epoch", "step", "train_loss", "loss", "learning_rate"]
    assert list(history.metrics) == names
    # 64 rows of 80 train, in batches of 32
    np.testing.assert_array_equal(history["epoch"], np.arange(1, 13))
    np.testing.assert_array_equal(history["step"], np.arange(2, 25, 2))
    frame = history.to_dataframe()
    assert list(frame.columns) == list(history.metrics)
    assert len(frame) == 12
    assert model.best_step == history["step"][np.argmin(history["loss"])]


def test_history_has_what_was_in_use(table):
    adamw = AdamW(Linear(0.1, 12), weight_decay=Linear(0.2, 6, end=0.1))
    optimizer = Groups(decay_only(adamw), {"bias": {"learning_rate": 2.0}})
    _, history = tw.train(LINEAR, table, optimizer=optimizer, epochs=3)
    names = ["learning_rate", "bias/learning_rate", "weight_decay"]
    assert list(history.metrics)[4:] == names
    rates = 0.1 * (1 - np.array([2, 4, 6]) / 12)
    np.testing.assert_allclose(history["learning_rate"], rates, rtol=1e-5)
    np.testing.assert_allclose(history["bias/learning_rate"], 2 * rates, rtol=1e-5)
    decay = 0.2 - 0.1 * np.array([2, 4, 6]) / 6
    np.testing.assert_allclose(history["weight_decay"], decay, rtol=1e-5)


def test_history_shows_how_a_plateau_lowers_the_rate(table):
    never = ReduceOnPlateau(SGD(0.1), factor=0.5, patience=0, threshold=0.9)
    _, history = tw.train(LINEAR, table, optimizer=never, epochs=4, record_layers=True)
    np.testing.assert_allclose(history["learning_rate"], 0.1 / 2.0 ** np.arange(4))
    assert len(history.layers) == 2 * 4


def test_history_of_an_optimizer_that_tells_nothing(table):
    _, history = tw.train(LINEAR, table, optimizer=from_optax(optax.sgd(0.1)), epochs=1)
    assert list(history.metrics) == ["epoch", "step", "train_loss", "loss"]


def test_history_can_be_drawn(trained):
    figure = trained[1].plot()
    assert [line.name for line in figure.data] == ["training", "validation"]
    np.testing.assert_array_equal(figure.data[1].y, trained[1]["loss"])


def test_what_a_model_says(table, trained):
    (x, y), (model, _) = table, trained
    outputs, p = model.outputs(x), model.predict_proba(x)
    assert outputs.shape == p.shape == (ROWS, 2)
    assert outputs.dtype == np.float32
    np.testing.assert_allclose(p, np.asarray(jax.nn.softmax(outputs)), rtol=1e-6)
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)
    np.testing.assert_array_equal(model.predict(x), p.argmax(axis=1))
    found = model.evaluate(x, y)
    assert set(found) == {"loss", "accuracy"}
    assert found["accuracy"] == np.mean(model.predict(x) == y)
    expected = -np.log(p[np.arange(ROWS), y]).mean()
    assert found["loss"] == pytest.approx(expected, rel=1e-5)


def test_equal_seeds_are_equal_and_others_are_not(table, trained):
    again, other = (
        tw.train(MLP(hidden=(8,)), table, optimizer=Adam(0.05), epochs=12, seed=seed)[0]
        for seed in (0, 1)
    )
    x, _ = table
    np.testing.assert_array_equal(again.outputs(x), trained[0].outputs(x))
    assert not np.allclose(other.outputs(x), again.outputs(x))


class Named(eqx.Module):
    """A user's own module for one example, with dropout: it takes a key."""

    linear: eqx.nn.Linear
    dropout: eqx.nn.Dropout

    def __call__(self, x, *, key=None):
        return self.linear(self.dropout(x, key=key))


def test_a_module_for_one_example_is_trained_from_its_weights(table):
    x, _ = table
    module = eqx.nn.MLP(3, 2, 8, 1, key=jr.key(0))
    still, _ = tw.train(module, table, optimizer=SGD(0.0), steps=1)
    np.testing.assert_allclose(still.outputs(x), jax.vmap(module)(x), rtol=1e-5)
    model, history = tw.train(module, table, optimizer=Adam(0.05), epochs=8)
    assert np.mean(model.predict(x) == table[1]) > 0.9
    assert history["loss"][-1] < history["loss"][0]
    np.testing.assert_array_equal(  # what was given is as it was
        module.layers[0].weight,
        eqx.nn.MLP(3, 2, 8, 1, key=jr.key(0)).layers[0].weight,
    )


def test_a_module_with_dropout_of_its_own(table):
    x, _ = table
    module = Named(eqx.nn.Linear(3, 2, key=jr.key(1)), eqx.nn.Dropout(0.5))
    still = {"optimizer": SGD(0.0), "steps": 6, "judge_every": 2}
    model, history = tw.train(module, table, **still)
    assert np.ptp(history["loss"]) == 0  # off in judgement …
    assert np.ptp(history["train_loss"]) > 1e-3
    np.testing.assert_allclose(
        model.outputs(x), jax.vmap(module.linear)(x.astype(np.float32)), rtol=1e-5
    )
    dry = eqx.tree_at(lambda m: m.dropout.p, module, 0.0)
    _, plain = tw.train(dry, table, **still)
    assert (np.abs(plain["train_loss"] - history["train_loss"]) > 1e-4).all()


def test_a_pair_of_functions(table):
    x, y = table
    model, _ = tw.train(LINEAR, table, optimizer=Adam(0.1), epochs=10)
    assert np.mean(model.predict(x) == y) > 0.9
    params = model.network.params
    assert set(params) == {"kernel", "bias"}
    np.testing.assert_allclose(
        model.outputs(x), apply(params, x.astype(np.float32)), rtol=1e-5, atol=1e-5
    )


def test_numbers_are_predicted_in_the_shape_of_their_target(numbers):
    x, y = numbers

    def fresh(key):
        return jnp.zeros(4)

    def line(params, x):
        return (x @ params[:3] + params[3])[:, None]

    model, _ = tw.train(
        (fresh, line), numbers, optimizer=Adam(0.3), steps=150, metrics=["rmse", "r2"]
    )
    assert model.predict(x).shape == (ROWS,)
    found = model.evaluate(x, y)
    assert found["r2"] > 0.95
    assert found["loss"] == pytest.approx(found["rmse"] ** 2, rel=1e-4)
    np.testing.assert_allclose(model.predict(x), model.outputs(x)[:, 0])
    with pytest.raises(InvalidInput, match="`predict_proba` is for classification"):
        model.predict_proba(x)


class Rows(eqx.Module):
    """Notes which rows reach training, and which reach judgement, by their mark."""

    bias: jax.Array

    def __call__(self, x):
        return jnp.stack([self.bias, x[0]])


def test_validation_by_a_fraction_of_its_own_or_none(table):
    """The mark in the first column tells the judged rows by their loss."""
    x, y = table
    still = {"optimizer": SGD(0.0), "steps": 4, "judge_every": 2}

    def loss_on(rows_x, rows_y):
        outputs = np.stack([np.zeros(len(rows_x)), rows_x[:, 0]], axis=1)
        return float(np.mean(CrossEntropy()(outputs.astype(np.float32), rows_y)))

    module = Rows(jnp.zeros(()))
    own = x[:10] + 1.0, y[:10]
    _, history = tw.train(module, table, validation=own, **still)
    assert history["loss"][-1] == pytest.approx(loss_on(*own), rel=1e-5)
    assert history["epoch"][-1] == 4 * 32 / ROWS  # all rows train
    _, history = tw.train(module, table, validation=0, batch_size=40, **still)
    assert history["epoch"].tolist() == [1, 2]
    np.testing.assert_allclose(history["train_loss"], loss_on(x, y), rtol=1e-5)
    np.testing.assert_array_equal(history["loss"], history["train_loss"])
    _, history = tw.train(module, table, validation=0.5, batch_size=20, **still)
    assert history["epoch"].tolist() == [1, 2]
    both = (history["loss"][0] + history["train_loss"][0]) / 2
    assert both == pytest.approx(loss_on(x, y), rel=1e-5)


def test_the_best_weights_or_the_last(table):
    wild = {"optimizer": SGD(30.0), "epochs": 12, "metrics": ["accuracy"]}
    best, history = tw.train(LINEAR, table, **wild)
    last, same = tw.train(LINEAR, table, keep_best=False, **wild)
    for name in history.metrics:
        np.testing.assert_array_equal(history[name], same[name])
    row = int(np.argmin(history["loss"]))
    assert row < 11, "a test of nothing"
    assert best.best_step == history["step"][row]
    assert last.best_step == history["step"][-1]
    kernels = [model.network.params["kernel"] for model in (best, last)]
    assert not np.allclose(*kernels)
    longer, _ = tw.train(LINEAR, table, **wild | {"epochs": row + 1})
    np.testing.assert_array_equal(longer.network.params["kernel"], kernels[0])


def test_penalties_shrink_kernels(table):
    sizes = []
    for penalty in ({}, {"l2": 1.0}, {"l1": 1.0}):
        model, _ = tw.train(
            LINEAR, table, optimizer=SGD(0.1), steps=60, keep_best=False, **penalty
        )
        sizes.append(float(jnp.abs(model.network.params["kernel"]).sum()))
        assert float(jnp.abs(model.network.params["bias"]).sum()) > 0
    assert sizes[1] < 0.5 * sizes[0]
    assert sizes[2] < 0.5 * sizes[0]


def test_limits(table):
    free, history = tw.train(LINEAR, table, optimizer=SGD(0.1), steps=20)
    threshold = float(np.float32(np.sort(history["loss"])[5]))
    model, short = tw.train(
        LINEAR, table, optimizer=SGD(0.1), steps=20, threshold=threshold
    )
    assert model.status == "stopped"
    assert short["loss"][-1] <= threshold < short["loss"][:-1].min()
    model, short = tw.train(LINEAR, table, optimizer=SGD(0.0), steps=20, patience=2)
    assert model.status == "stopped"
    assert len(short["loss"]) == 3
    assert free.status == "complete"


def test_a_time_limit_keeps_the_best_so_far(table):
    begin = time.monotonic()
    model, history = tw.train(LINEAR, table, steps=50_000_000, time_limit=3)
    assert time.monotonic() - begin < 6
    assert model.status == "cut"
    assert 0 < history["step"][-1] < 50_000_000


def test_a_loss_of_ones_own(table, numbers):
    class Doubled(SquaredError):
        def __call__(self, outputs, target):
            return 2 * super().__call__(outputs, target)

    def line(params, x):
        return (x @ params["kernel"])[:, :1]

    model, _ = tw.train((init, line), numbers, loss=Doubled(), steps=1)
    assert model.task == "regression"
    smooth = CrossEntropy(label_smoothing=0.2)
    model, history = tw.train(
        LINEAR, table, loss=smooth, optimizer=SGD(0.0), steps=1, validation=table
    )
    expected = float(np.mean(smooth(model.outputs(table[0]), table[1])))
    assert history["loss"][-1] == pytest.approx(expected, rel=1e-5)


def test_divergence_is_explained(table):
    with pytest.raises(SearchError, match=r"never finite.*Lower the learning rate"):
        tw.train(LINEAR, (table[0] * np.nan, table[1]), steps=2)
    with pytest.raises(SearchError, match=r"time limit ended.*Raise it"):
        tw.train(LINEAR, table, steps=2, time_limit=0)


BAD = {
    "no length": ({"steps": None}, "Give `epochs` or `steps`, but got neither"),
    "two lengths": ({"epochs": 1}, "Give `epochs` or `steps`, but got both"),
    "no steps": ({"steps": 0}, "at least one step .*steps=0"),
    "half a step": ({"steps": 1.5}, "`steps` must be a whole number, but got 1.5"),
    "negative epochs": ({"steps": None, "epochs": -1}, "at least one step.*epochs=-1"),
    "no epochs": ({"steps": None, "epochs": float("nan")}, "at least one step.*nan"),
    "endless": (
        {"steps": None, "epochs": float("inf")},
        "finite .*epochs=inf",
    ),
    "batch size": ({"batch_size": 0}, "`batch_size` must be at least 1, but got 0"),
    "judge_every": ({"judge_every": -3}, "`judge_every` must be at least 1.* got -3"),
    "judge never": ({"judge_every": 0}, "`judge_every` must be at least 1.* got 0"),
    "fraction": ({"validation": 1.5}, "must lie between 0 and 1, but got 1.5"),
    "validation": ({"validation": -0.1}, "must lie between 0 and 1, but got -0.1"),
    "metric's task": ({"metrics": ["rmse"]}, "'rmse' is for regression, but"),
    "loss's task": ({"loss": "mse"}, "'mse' is for regression, but `y`"),
    "network": ({"network": "mlp"}, "A network is a description .* but got str"),
    "penalty": ({"l1": -1.0}, "`l1` must be at least 0, but got -1"),
    "rows": ({"data": (np.zeros((5, 3)), np.zeros(4, int))}, "same number of rows"),
    "columns": (
        {"validation": (np.zeros((5, 4)), np.zeros(5, int))},
        "columns|shape",
    ),
    "words": ({"data": (np.zeros((3, 3)), np.array(["a", "b", "a"]))}, "codes"),
    "negative codes": ({"data": (np.zeros((3, 3)), np.array([-1, 0, 1]))}, "codes"),
    "outputs": (
        {"network": (init, lambda p, x: x)},
        r"2 outputs, but .*\(32, 3\)",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments_are_one_clear_sentence(table, name):
    given, says = BAD[name]
    arguments = {"network": LINEAR, "data": table, "steps": 2} | given
    network, data = arguments.pop("network"), arguments.pop("data")
    with pytest.raises(InvalidInput, match=says) as caught:
        tw.train(network, data, **arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("argument", "value"),
    [("optimizer", "adm"), ("loss", "cross_entrop"), ("metrics", ["acuracy"])],
)
def test_unknown_names_suggest_the_nearest(table, argument, value):
    begin = time.monotonic()
    with pytest.raises(UnknownName, match="Did you mean"):
        tw.train(LINEAR, table, **{"steps": 2, argument: value})
    assert time.monotonic() - begin < 0.5  # before anything was compiled
