"""The batch that is proposed: distinct, canonical, and at the acquisition's heights."""

import numpy as np

from thalweg.spaces import Choice, Float, Int, Ordinal, Space, row_keys
from thalweg.surrogates import (
    Data,
    Embedding,
    Improvement,
    Landscape,
    Merit,
    Posterior,
    best_batch,
)
from thalweg.surrogates.candidates import POOL
from thalweg.surrogates.threads import one_thread

SPACE = Space(
    {
        "x": Float(0, 1),
        "y": Float(0, 1),
        "c": Choice(["a", "b", "c"]),
        "o": Ordinal([1, 2, 3, 4]).when("c", ["a", "b"]),
        "n": Int(1, 500),
    }
)


def posterior(space, n=20, seed=0):
    rng = np.random.default_rng(seed)
    u = space.canonical(rng.random((n, space.dim)))
    embedding = Embedding(space)
    y = ((u - 0.4) ** 2).sum(1)
    y = (y - y.mean()) / y.std()
    theta = np.append(np.full(space.dim, -0.7), [0.0, -6.0])
    made = Posterior(theta, Data(embedding.features(u), embedding.group, y, space.dim))
    return made, embedding, u, y


def batch(space, n, **change):
    model, embedding, u, y = posterior(space)
    given = {
        "anchors": u[np.argsort(y)[:4]],
        "seen": set(row_keys(u)),
        "rng": np.random.default_rng(1),
        **change,
    }
    return best_batch(landscape(space, embedding, model, y), n, **given)


def landscape(space, embedding, model, y):
    return Landscape(space, embedding, (model,), Merit(Improvement(float(y.min()))))


def test_rows_are_new_distinct_and_canonical():
    _, _, u, _ = posterior(SPACE)
    x = batch(SPACE, 8)
    np.testing.assert_array_equal(x, SPACE.canonical(x))
    assert len(set(row_keys(x)) | set(row_keys(u))) == 28


def test_the_first_row_beats_any_of_a_dense_sample():
    model, embedding, _, y = posterior(SPACE)
    climb = landscape(SPACE, embedding, model, y)
    dense = SPACE.canonical(np.random.default_rng(9).random((20 * POOL, SPACE.dim)))
    x = batch(SPACE, 1)
    assert climb(x)[0] >= climb(dense).max()
    # and it is at rest: where the walls let it, no continuous dimension leads higher
    value, slope = climb.slopes(x)
    inside = (x[0] > 1e-6) & (x[0] < 1 - 1e-6) & np.array([1, 1, 0, 0, 0], bool)
    assert (np.abs(slope[0, inside]) < 0.02 * abs(value[0])).all()


def test_believed_rows_keep_the_rest_of_the_batch_away():
    x = batch(SPACE, 6)
    apart = np.abs(x[:, None] - x[None]).max(2) + np.eye(6)
    assert apart.min() > 0.01


def test_a_small_space_is_exhausted_and_no_more():
    small = Space({"a": Choice([1, 2, 3]), "b": Int(1, 3)})
    _, _, u, _ = posterior(small, n=4)
    seen = set(row_keys(u))
    x = batch(small, 50, seen=seen)
    assert len(x) == 9 - len(seen)
    every = np.unique(
        small.canonical(np.random.default_rng(0).random((500, 2))), axis=0
    )
    assert batch(small, 5, seen=set(row_keys(every))).shape == (0, 2)


def test_one_thread_holds_inside_only():
    from threadpoolctl import threadpool_info

    def blas():
        return [i["num_threads"] for i in threadpool_info() if i["user_api"] == "blas"]

    before = blas()
    with one_thread():
        assert set(blas()) == {1}
    assert blas() == before
