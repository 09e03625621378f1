"""`thalweg.range_test`: where the best rate is known, and on every optimizer."""

import jax.numpy as jnp
import numpy as np
import pytest

import thalweg as tw
from thalweg.core.errors import InvalidInput, SearchError
from thalweg.optimizers import (
    OPTIMIZERS,
    SGD,
    Adam,
    ClipByGlobalNorm,
    Groups,
    OneOf,
    chain,
    from_optax,
)
from thalweg.schedules import Cosine, Warmup
from thalweg.training.rate_curve import RangeTest, longest_fall, ramped, smoothed
from thalweg.training.rate_range import Plan, first_with_rate, own_rate

# One weight w, loss mean (w x - 2x)^2 with x = 1 or -1: gradient descent reaches the
# bottom in one step at the rate 1/2, and diverges from 1 on.
X = np.where(np.arange(32) % 3 == 0, 1.0, -1.0)[:, None]
LINE = (
    lambda key: {"kernel": jnp.zeros((1, 1))},
    lambda params, x: x @ params["kernel"],
)


@pytest.fixture(scope="module")
def sweep():
    data = X, 2 * X[:, 0]
    return tw.range_test(LINE, data, optimizer=SGD(0.5), steps=6, rates=13, repeats=2)


def test_a_sweep_finds_the_best_rate(sweep):
    assert sweep.suggestion == pytest.approx(0.5)
    np.testing.assert_allclose(sweep.rates, np.geomspace(5e-4, 5e2, 13))
    expected = 4 * (1 - 2 * sweep.rates) ** 12
    np.testing.assert_allclose(sweep.losses, expected, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(sweep.errors, 0, atol=1e-6)  # no seed has a part in it
    assert not sweep.at_edge


def test_the_ends_of_the_range_are_told():
    data = X, 2 * X[:, 0]
    settings = {"optimizer": SGD(0.5), "steps": 6, "rates": 3, "high": 0.05}
    assert tw.range_test(LINE, data, **settings).at_edge


def test_a_ramp_explodes_where_rates_are_too_large():
    """Noise that no weight explains, so that the bottom is not at zero loss."""
    noise = np.random.default_rng(0).normal(size=len(X))
    data = X, 2 * X[:, 0] + 0.1 * noise
    found = tw.range_test(
        LINE, data, optimizer=SGD(0.5), method="ramp", steps=60, batch_size=8
    )
    assert len(found.rates) == len(found.losses) < 60  # cut where it exploded
    assert 0.9 < found.rates[-1] < 20
    names = ["minimum", "minimum/10", "steepest", "valley"]
    assert list(found.suggestions) == names
    assert 0.01 < found.suggestion < 0.5
    assert all(5e-4 < rate < 2 for rate in found.suggestions.values())


def test_a_table_and_a_figure(sweep):
    frame = sweep.to_dataframe()
    assert list(frame.columns) == ["learning_rate", "loss", "error"]
    figure = sweep.plot()
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.yaxis.range[1] < 10  # not 1e40, where rates exploded
    assert figure.layout.annotations[0].text == "minimum"


def test_what_diverged_is_infinite():
    table = RangeTest("sweep", np.array([0.1, 1.0]), np.array([0.3, np.inf]))
    assert table.suggestion == 0.1
    assert np.isnan(table.plot().data[0].y[1])


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_is_given_its_rates(name):
    optimizer = OPTIMIZERS[name]()
    if "learning_rate" not in optimizer.__dataclass_fields__:
        pytest.skip("has no learning rate")
    plan = Plan.of(optimizer, "sweep", 1e-4, 1e-2, 3, 10)
    got = [own_rate(o, 10) for o in plan.optimizers]
    np.testing.assert_allclose(got, [1e-4, 1e-3, 1e-2], rtol=1e-5)
    (grows,) = Plan.of(optimizer, "ramp", 1e-4, 1e-2, 3, 11).optimizers
    rates = [float(grows.at(jnp.asarray(step)).learning_rate) for step in (0, 5, 10)]
    np.testing.assert_allclose(rates, [1e-4, 1e-3, 1e-2], rtol=1e-5)


def test_rates_of_a_wrapper_keep_their_proportions():
    both = OneOf([SGD(Warmup(0.2, 40)), Adam(0.1)])
    optimizer = chain(ClipByGlobalNorm(), Groups(both, {"*": {"learning_rate": 3.0}}))
    plan = Plan.of(optimizer, "sweep", 0.1, 1.0, 2, 10)
    np.testing.assert_allclose(own_rate(plan.optimizers[1], 10), 1.0, rtol=1e-6)
    _, adam = plan.optimizers[1].optimizer.optimizer.alternatives
    np.testing.assert_allclose(adam.learning_rate, 0.5, rtol=1e-6)
    assert type(first_with_rate(optimizer)) is SGD


def test_reading_curves():
    assert longest_fall(np.array([3.0, 5, 4, 4.5, 3, 2, 2.5, 9])) == (1, 5)
    np.testing.assert_allclose(smoothed(np.full(5, 2.0)), 2.0)
    losses = np.array([0.0, 1, 0.9, 0.8, 9, 99, np.nan, 1])
    curve = np.stack([np.arange(8), losses, losses], axis=1)
    found = ramped(np.arange(1.0, 8), [curve, curve])
    assert len(found.losses) == 4  # 9 is smoothed; 99 is more than four times the least
    with pytest.raises(SearchError, match="never finite"):
        ramped(np.arange(1.0, 8), [curve[4:]])


DATA = X, 2 * X[:, 0]


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"method": "slide"}, "'sweep' or 'ramp', but got 'slide'"),
        ({"low": 1.0, "high": 0.1}, "low < high, both finite, but got low=1"),
        ({"rates": 1}, "`rates` must be at least 2"),
        ({"optimizer": from_optax(__import__("optax").sgd(0.1))}, "FromOptax has none"),
        ({"optimizer": SGD(0.0)}, "must be positive"),
        ({"optimizer": SGD(Cosine(1.0, 9)), "method": "ramp"}, "A ramp is a schedule"),
    ],
)
def test_errors(settings, says):
    with pytest.raises(InvalidInput, match=says):
        tw.range_test(LINE, DATA, **settings)


def test_no_rate_trains():
    broken = (LINE[0], lambda params, x: x @ params["kernel"] + jnp.nan)
    with pytest.raises(SearchError, match="never finite"):
        tw.range_test(broken, DATA, optimizer=SGD(0.5), steps=2, rates=2)


def test_the_time_limit_is_told():
    with pytest.raises(SearchError, match="time limit"):
        tw.range_test(LINE, DATA, optimizer=SGD(0.5), steps=2, time_limit=0.0)
