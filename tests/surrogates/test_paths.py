"""Draws from the posterior have its moments; Thompson batches follow them."""

import numpy as np

from thalweg.spaces import Choice, Float, Space, row_keys
from thalweg.surrogates import (
    Data,
    Embedding,
    Improvement,
    Landscape,
    Merit,
    Paths,
    Posterior,
    pool,
    thompson_batch,
)

SPACE = Space({"x": Float(0, 1), "y": Float(0, 1), "c": Choice(["a", "b", "c"])})
THETA = np.array([-0.7, -0.7, -0.3, 0.2, -3.0])


def observed(loss, n=20, seed=0):
    u = SPACE.canonical(np.random.default_rng(seed).random((n, 3)))
    embedding = Embedding(SPACE)
    data = Data(embedding.features(u), embedding.group, loss(u), 3)
    return Posterior(THETA, data), embedding, u


def bowl(u):
    return ((u[:, :2] - 0.4) ** 2).sum(1) * 4 - 1


def test_paths_have_the_posterior_s_moments():
    """512 waves repeat the kernel to about 5 %; the sample's error is below that."""
    model, embedding, u = observed(bowl, n=8)
    model.believe(embedding.features(u[:1] * 0.5 + 0.25)[0])
    new = SPACE.canonical(np.random.default_rng(1).random((40, 3)))
    features = embedding.features(new)
    mean, variance = model.predict(features)
    # independent waves for every few paths, so that their error averages out
    rngs = [np.random.default_rng(seed) for seed in range(40)]
    drawn = np.concatenate([Paths(model, 50, rng)(features) for rng in rngs], 1)
    error = np.sqrt(variance / drawn.shape[1])
    assert (np.abs(drawn.mean(1) - mean) < 5 * error + 0.02).all()
    np.testing.assert_allclose(drawn.var(1), variance, rtol=0.2, atol=0.01)


def test_a_thompson_batch_is_new_distinct_and_near_the_minimum():
    model, embedding, u = observed(bowl)
    land = Landscape(SPACE, embedding, (model,), Merit(Improvement(0.0)))
    seen = set(row_keys(u))
    rng = np.random.default_rng(2)
    rows = pool(SPACE, u[:4], seen, rng)
    x = thompson_batch(land, 200, rows=rows, rng=rng)
    assert len(set(row_keys(x)) | seen) == 220
    np.testing.assert_array_equal(x, SPACE.canonical(x))
    assert np.median(bowl(x)) < np.median(bowl(rng.random((500, 3)))) - 0.1


def test_constraints_hold_a_thompson_batch_back():
    model, embedding, u = observed(bowl, n=60)
    limit, _, _ = observed(lambda u: 6 * (u[:, 0] - 0.3), n=60)
    left = []
    for models, count in (((model,), 0), ((model, limit), 1)):
        land = Landscape(SPACE, embedding, models, Merit(Improvement(0.0), count))
        rng = np.random.default_rng(3)
        x = thompson_batch(land, 60, rows=pool(SPACE, u[:4], set(), rng), rng=rng)
        left.append(np.mean(x[:, 0] < 0.35))
    assert left[1] > left[0] + 0.2


def test_a_small_space_ends():
    small = Space({"a": Choice([1, 2, 3]), "b": Choice([1, 2])})
    embedding = Embedding(small)
    u = small.canonical(np.random.default_rng(0).random((3, 2)))
    theta = np.array([0.0, 0.0, 0.0, -3.0])
    data = Data(embedding.features(u), embedding.group, np.array([0.0, 1.0, 2.0]), 2)
    land = Landscape(
        small, embedding, (Posterior(theta, data),), Merit(Improvement(0.0))
    )
    rng = np.random.default_rng(1)
    rows = pool(small, u, set(row_keys(u)), rng)
    x = thompson_batch(land, 50, rows=rows, rng=rng)
    assert len(x) == 6 - len(set(row_keys(u)))
