"""Architectures compared by hold-out, folds and seeds, at several fidelities."""

import numpy as np
import pytest

from thalweg.architectures import LayerChoice, switched
from thalweg.architectures.evaluation import Evaluation, Fidelity, evaluate, smaller
from thalweg.core.errors import InvalidInput
from thalweg.networks.layers import Activate, Dense, Identity, Sequential

ROWS = 90


def ring():
    """Classes that no linear network tells apart."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, 2)).astype(np.float32)
    return x, (np.square(x).sum(1) > 1.3).astype(int)


def pair():
    """With and without a non-linearity, in one program."""
    choice = LayerChoice({"none": Identity(), "relu": Activate("relu")}, label="a")
    tree = Sequential([Dense(16), choice])
    return [switched(tree, {"a": name}) for name in ("none", "relu")]


@pytest.fixture(scope="module")
def found() -> Evaluation:
    settings = {"fidelity": Fidelity(epochs=40), "batch_size": 15, "cv": 3, "seeds": 2}
    return evaluate(pair(), ring(), optimizer="adam", **settings)


def test_every_seed_and_fold_is_a_training(found):
    assert found.losses.shape == (2, 2, 3)
    assert np.isfinite(found.losses).all()
    assert len(np.unique(found.losses)) > 6  # neither seeds nor folds repeat each other
    assert (found.seconds > 0).all()


def test_the_better_architecture_leads(found):
    ranking = found.ranking()
    assert list(ranking.order) == [1, 0]
    assert found.mean[1] < found.mean[0]
    assert found.overlap == 0.5
    plain = found.losses.reshape(2, -1).std(1, ddof=1) / np.sqrt(6)
    assert (found.error >= plain).all()  # folds share rows


def test_a_fraction_of_the_rows_trains_and_all_validation_judges(monkeypatch):
    from thalweg.training import engine

    tasks = []

    def noting(self, jobs, **kwargs):
        jobs = list(jobs)
        tasks.append((self.task.data, int(jobs[0].candidate.stop.steps)))
        return []

    monkeypatch.setattr(engine.Engine, "train", noting)
    fidelity = Fidelity(epochs=2, fraction=0.5)
    found = evaluate(pair(), ring(), fidelity=fidelity, batch_size=9)
    data, steps = tasks[0]
    assert int(data.train_size[0]) == 36
    assert int(data.validation_size[0]) == 18
    assert steps == 8
    assert np.isnan(found.mean).all()  # nothing was judged


def test_smaller_images_keep_their_means():
    images = np.random.default_rng(0).integers(0, 256, (3, 8, 8, 2)).astype(np.uint8)
    found = smaller(images, 4)
    assert found.shape == (3, 4, 4, 2)
    assert smaller(images[..., 0], 2).shape == (3, 2, 2)
    np.testing.assert_allclose(
        found.mean((1, 2)), images.mean((1, 2)), rtol=0.05
    )  # weights at the margin are others
    flat = np.full((1, 8, 8, 1), 7.0)
    np.testing.assert_allclose(smaller(flat, 4), 7.0, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Fidelity(epochs=0), "`epochs` must be positive"),
        (lambda: Fidelity(fraction=1.5), "fraction=1.5"),
        (lambda: Fidelity(resolution=0), "`resolution` must be at least 1"),
        (lambda: evaluate([], ring()), "nothing to evaluate"),
        (lambda: evaluate(pair(), ring(), seeds=0), "`seeds` must be at least 1"),
        (
            lambda: evaluate(pair(), ring(), fidelity=Fidelity(resolution=4)),
            "is for images",
        ),
    ],
)
def test_bad_input_gets_one_sentence(call, message):
    with pytest.raises(InvalidInput, match=message):
        call()
