"""Population-based training end to end: lineages, weights, and what can't be."""

from dataclasses import replace

import jax
import numpy as np
import pytest
from tiny_search import EPOCHS, ROUND, SPACE, assembler, problem, search

from thalweg.core.errors import InvalidInput, StoreError
from thalweg.core.trainable import partition
from thalweg.proposers import PB2, PBT
from thalweg.study.members import check_heir, jobs

MEMBERS, GENERATIONS = 8, 6


@pytest.fixture(scope="module", params=[PBT, PB2], ids=["pbt", "pb2"])
def found(request, engine):
    proposer = request.param(members=MEMBERS, generations=GENERATIONS, populations=1)
    found = search(proposer, engine)
    found.run(trials=99)
    return found


def test_children_inherit_all_that_is_not_real(found):
    children = [t for t in found.trials.values() if t.number >= MEMBERS]
    assert len(children) >= GENERATIONS - 1
    for child in children:
        parent = found.trials[child.parent]
        assert child.parent not in (-1, child.number)
        assert child.config["activation"] == parent.config["activation"]
        assert child.config["learning_rate"] != parent.config["learning_rate"]


def test_a_childs_curve_is_its_parents_up_to_its_birth(found):
    for child in found.trials.values():
        if child.number < MEMBERS:
            continue
        for own, before in zip(
            child.curves, found.trials[child.parent].curves, strict=True
        ):
            shared = (own[: len(before)] == before[: len(own)]).all(1)
            born = len(shared) if shared.all() else int(np.argmin(shared))
            assert born > 0
            np.testing.assert_array_equal(np.diff(own[:, 0]), ROUND)


def test_the_population_stays_and_ends_in_full(found):
    whole = [t for t in found.trials.values() if t.budget == 1]
    assert len(whole) == MEMBERS
    assert {t.steps for t in whole} == {2 * EPOCHS}
    assert not any(t.states for t in whole)


def test_the_worst_end_and_the_best_have_children(found):
    """Of the first generation, by the losses that it was told."""
    archive = found.state.archive
    first = np.flatnonzero(archive.budget == 1 / GENERATIONS)
    order = archive.trial[first][np.argsort(archive.loss[first], kind="stable")]
    later = set(archive.trial[archive.budget > 1 / GENERATIONS].tolist())
    turnover = int(found.proposer.quantile * MEMBERS)
    assert set(order[:-turnover].tolist()) <= later
    assert later.isdisjoint(order[-turnover:].tolist())
    second = archive.budget == 2 / GENERATIONS
    born = archive.parent[second & (archive.parent != archive.trial)]
    assert set(born.tolist()) <= set(order[:turnover].tolist())


def test_weights_come_from_the_parent(engine):
    """A child that hardly learns is its parent: the same network to 1e-3."""
    space = type(SPACE)({**SPACE.parameters})
    run = search(PBT(members=4, generations=3, populations=1), engine, space=space)
    run.run(trials=4)
    parent = next(t for t in run.trials.values() if t.states)
    still = assembler()({**parent.config, "learning_rate": 1e-3}, budget=2 / 3)
    still = replace(still, values={**still.values, "learning_rate": np.float32(0.0)})
    work = jobs(problem(), still, trial=50, parent=parent)
    for end, state in zip(engine.train(work), parent.states, strict=True):
        params, _ = partition(end.network)
        (packed,) = state.params.values()
        flat = np.concatenate([np.ravel(a) for a in jax.tree.leaves(params)])
        np.testing.assert_allclose(np.sort(flat), np.sort(packed), atol=1e-6)


def test_shapes_and_choices_can_not_change(engine):
    run = search(PBT(members=4, generations=3, populations=1), engine)
    run.run(trials=4)
    parent = run.trials[0]
    recipe = assembler()
    other = {"relu": "tanh", "tanh": "relu"}[parent.config["activation"]]
    config = {**parent.config, "activation": other}
    with pytest.raises(InvalidInput, match=r"but activation changed.*`fixed`"):
        check_heir(config, recipe(config), parent, recipe(parent.config))
    config = {**parent.config, "dropout": 0.123}
    check_heir(config, recipe(config), parent, recipe(parent.config))
    forgotten = replace(parent, states=())
    with pytest.raises(StoreError, match="were not kept"):
        jobs(problem(), recipe(config), trial=9, parent=forgotten)
