"""Searches from end to end, on networks of a few units."""

from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from thalweg.architectures import LayerChoice, Repeat, space_of
from thalweg.architectures import label as named
from thalweg.architectures.gradient import (
    METHODS,
    CollapseWarning,
    Remedies,
    search_by_gradient,
)
from thalweg.architectures.gradient.loop import Run
from thalweg.architectures.gradient.mixtures import mixtures
from thalweg.architectures.gradient.search import _config
from thalweg.architectures.gradient.supernet import advance
from thalweg.core.errors import InvalidInput, SearchError, UnknownName
from thalweg.networks.layers import Activate, Dense, Identity, Sequential, Zero
from thalweg.spaces import Choice

RNG = np.random.default_rng(0)
X = RNG.normal(size=(400, 4)).astype(np.float32)
Y = (X[:, 0] * X[:, 1] > 0).astype(np.int64)  # no linear network knows
Y_LINEAR = (X[:, 0] > 0).astype(np.int64)
DATA = X, Y
DENSE = Sequential([Dense(8), Activate("relu")])
TREE = Sequential(
    [
        Dense(8),
        LayerChoice(
            {"none": Zero(), "skip": Identity(), "dense": DENSE}, label="edge_0_1"
        ),
        LayerChoice({"none": Zero(), "skip": Identity()}, label="edge_1_2"),
    ]
)
SETTINGS = {"epochs": 40, "batch_size": 25, "trials": 6, "learning_rate": 0.1}


def search(method, **changes):
    return search_by_gradient(TREE, DATA, method=method, **SETTINGS | changes)


# the right answer has one skip of two choices
at_ease = pytest.mark.filterwarnings(
    "ignore::thalweg.architectures.gradient.CollapseWarning"
)


@at_ease
@pytest.mark.parametrize("method", METHODS)
def test_every_method_finds_what_the_data_need(method):
    found = search(method, remedies="none", curvature=True)
    assert space_of(TREE).validate(found.config) == found.config
    if method != "pc_darts":  # there, three quarters of the channels pass by
        assert found.config == {"edge_0_1": "dense", "edge_1_2": "skip"}
    assert len(found.history["epoch"]) == 40
    assert np.isfinite(found.history["train_loss"]).all()
    assert found.history["train_loss"][-1] < found.history["train_loss"][0]
    weighs = METHODS[method].weighs
    assert np.isfinite(found.history["eigenvalue"][-1]) == weighs
    for label, p in found.probabilities.items():
        assert p.sum() == pytest.approx(1, abs=1e-5), label
    again = search(method, remedies="none", curvature=True)  # the same seed: bit-equal
    for one, other in zip(
        jax.tree.leaves((found.supernet, found.probabilities)),
        jax.tree.leaves((again.supernet, again.probabilities)),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)
    alone = found.inherited()
    assert alone(jnp.asarray(X[:3]), inference=True).shape == (3, 2)


@at_ease
def test_the_usual_remedies_find_it_too():
    found = search("darts", remedies="usual", seed=1)
    assert found.remedies.perturbation
    assert found.config["edge_0_1"] == "dense"
    for label, p in found.probabilities.items():  # nothing but weights was trained
        np.testing.assert_allclose(p, 1 / len(p), rtol=1e-6, err_msg=label)


@at_ease
def test_curvature_stops_a_search_and_perturbation_decides():
    remedies = Remedies(early_stopping=True, perturbation=True, auxiliary_skip=True)
    found = search("darts", remedies=remedies, seed=1)
    assert found.config["edge_0_1"] == "dense"
    assert np.isfinite(found.history["eigenvalue"]).all()


def test_a_collapse_is_reported_and_warned_of():
    tree = Sequential([Dense(4), LayerChoice([Identity(), Zero()], label="only")])
    with pytest.warns(CollapseWarning, match="100% of the choices are skips"):
        found = search_by_gradient(
            tree, (X, Y_LINEAR), method="gdas", epochs=40, batch_size=25
        )
    assert found.collapse.happened
    with pytest.raises(InvalidInput, match="Only cells of NAS-Bench-201"):
        assert found.cell


class Stopped(eqx.Module):
    """As much of a search as selection by perturbation reads."""

    allowed: dict[str, jax.Array]


@at_ease
def test_steps_in_parts_are_the_steps_at_once():
    from thalweg.architectures.gradient import loop

    states = []

    class Kept(loop.Run):
        def train(self, *args, **kwargs):
            states.append((self.supernet, self.search))
            return super().train(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("thalweg.architectures.gradient.search.Run", Kept)
        search("gdas", epochs=1)
    supernet, state = states[0]
    phases = supernet.method.phases
    at_once = advance(supernet, state, phases, times=5)
    in_parts = advance(
        supernet, advance(supernet, state, phases, times=2), phases, times=3
    )
    for one, other in zip(
        jax.tree.leaves(eqx.filter(at_once, eqx.is_array)),
        jax.tree.leaves(eqx.filter(in_parts, eqx.is_array)),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


def test_an_answer_has_the_parameters_of_what_was_chosen():
    dense = Sequential([Dense(named("width", Choice([6, 7]))), Dense(2)])
    tree = LayerChoice({"skip": Sequential([Dense(2)]), "dense": dense}, label="op")
    space = space_of(tree)
    assert _config(space, {}, {"op": 0}) == {"op": "skip"}
    assert _config(space, {}, {"op": 1}) == {"op": "dense", "width": 7}
    assert _config(space, {"width": 6}, {"op": 1}) == {"op": "dense", "width": 6}
    assert _config(space, {"width": 6}, {"op": 0}) == {"op": "skip"}


@at_ease
def test_paths_are_those_of_the_supernet():
    def block(number):
        kinds = {"skip": Identity(), "none": Zero()}
        return LayerChoice(kinds, label=f"edge_{number}")

    tree = Sequential(
        [Dense(named("width", Choice([4, 5, 6]))), Repeat(block, (1, 3), label="times")]
    )
    settings = {"epochs": 1, "batch_size": 100, "trials": 8, "config": {"width": 4}}
    found = search_by_gradient(tree, DATA, method="rsps", **settings)
    others, edges = {"times": 2, "width": 4}, ["edge_0", "edge_1"]  # 2: the middle
    paths = [
        tuple(judged[edge] for edge in edges) for judged in found.judged["configs"]
    ]
    assert len(set(paths)) == len(paths) == 4  # none is judged twice
    for judged in [found.config, *found.judged["configs"]]:
        assert judged == {k: judged[k] for k in edges} | others
        assert space_of(tree).validate(judged) == judged


def test_tuning_takes_half_of_the_search_however_many_the_choices(monkeypatch):
    tree = Sequential([LayerChoice([Identity(), Zero()]) for _ in range(25)])
    tuned = []

    def advanced(supernet, search, phases, *, times):
        tuned.append(times)
        return search

    method = METHODS["darts"]()
    description = method.describe(tree, {})
    monkeypatch.setattr("thalweg.architectures.gradient.loop.advance", advanced)
    monkeypatch.setattr(
        "thalweg.architectures.gradient.loop.judge",
        lambda supernet, search, allowed: np.zeros((len(allowed), 2)),
    )
    run = Run.__new__(Run)
    run.steps, run.mixes = 10, mixtures(description.build((4,), seed=jnp.uint32(0)))
    run.supernet = None
    allowed = {label: jnp.ones(2) for label in run.mixes}
    run.search = Stopped(allowed)
    run.history = [{}] * 20
    run.by_perturbation(25, seed=0)
    assert tuned == [4] * 25  # of 200 steps


def test_the_halves_do_not_share_a_row():
    from thalweg.architectures.gradient.search import _halves
    from thalweg.problem import Problem

    data = _halves(Problem.of(X, Y, validation=0.5))
    assert not set(data.train_rows[0].tolist()) & set(data.train_rows[1].tolist())
    assert sorted(data.validation_rows[0]) == sorted(data.train_rows[1])


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"epochs": 0}, InvalidInput, "`epochs` must be at least 1"),
        ({"time_limit": 0}, InvalidInput, "`time_limit` must be positive"),
        ({"config": {"edge": "skip"}}, UnknownName, "edge_0_1"),
        ({"config": {"edge_0_1": "conv"}}, InvalidInput, "Parameter 'edge_0_1'"),
        ({"learning_rate": float("nan")}, SearchError, "Lower `learning_rate`"),
        (
            {"remedies": Remedies(skip_dropout=0.1)},
            InvalidInput,
            "one candidate at a time",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(change, error, sentence):
    with pytest.raises(error, match=sentence):
        search("gdas", **change)


@at_ease
def test_a_time_limit_alone_decides_the_epochs():
    found = search_by_gradient(
        lambda: TREE, DATA, method="rsps", time_limit=5, trials=4
    )
    assert len(found.history["epoch"]) >= 1
    assert found.config["edge_1_2"] in ("none", "skip")


@pytest.mark.parametrize("estimate", [20, 90])
def test_a_search_by_the_clock_takes_the_time_it_was_given(monkeypatch, estimate):
    """Epochs take a second each, whatever was estimated."""
    clock, plans = [0.0], []
    run = Run.__new__(Run)
    run.history, run.alphas = [], []
    run.supernet = SimpleNamespace(method=METHODS["gdas"]())

    def epoch(phases):
        clock[0] += 1
        run.history.append({})

    def planned(epochs):
        plans.append(epochs)
        return run.supernet

    run._epoch = epoch
    monkeypatch.setattr(
        "thalweg.architectures.gradient.loop.time",
        SimpleNamespace(monotonic=lambda: clock[0]),
    )
    run.train(
        estimate, remedies=Remedies(), curvature=False, deadline=40, planned=planned
    )
    assert len(run.history) == 40
    assert set(plans) == {40}
    run.train(7, remedies=Remedies(), curvature=False, deadline=1e9)
    assert len(run.history) == 47  # a number that was asked for stays
