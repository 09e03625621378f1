"""The trainer against one written by hand in NumPy, in double precision, step by step.

Nothing below uses the package but for the first weights and the order of the rows.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_members import (
    BATCH,
    CLASSES,
    STEPS,
    candidate,
    dataset,
    job,
    lent,
    splits,
)

from thalweg.core.rng import key_of, mix, seed_word, shuffled

B1, B2, EPS = 0.9, 0.999, 1e-4
TAKEN = 12  # steps; an epoch has less than 3
SEED, SPLIT = seed_word(0, 77), 1


class Reference:
    """A multi-layer perceptron with one hidden layer of tanh, and AdamW."""

    def __init__(self, weights, *, rate, horizon, decay=0.01, **settings):
        self.weights = [np.asarray(w, np.float64) for w in weights]
        self.first = [np.zeros_like(w) for w in self.weights]
        self.second = [np.zeros_like(w) for w in self.weights]
        self.rate, self.horizon, self.decay = rate, horizon, decay
        self.settings = {"smoothing": 0, "clip": np.inf, "l1": 0, "l2": 0, **settings}
        self.count = 0

    def forward(self, x):
        kernel, bias, head, head_bias = self.weights
        hidden = np.tanh(x @ kernel + bias)
        logits = hidden @ head + head_bias
        logits = logits - logits.max(axis=1, keepdims=True)
        return hidden, logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))

    def loss(self, x, y):
        _, log_p = self.forward(x)
        return -log_p[np.arange(len(y)), y].mean()

    def gradients(self, x, y, weight):
        hidden, log_p = self.forward(x)
        smoothing = self.settings["smoothing"]
        wanted = np.eye(CLASSES)[y] * (1 - smoothing) + smoothing / CLASSES
        loss = (-(wanted * log_p).sum(axis=1) * weight).mean()
        slope = (np.exp(log_p) - wanted) * (weight / len(y))[:, None]
        inner = slope @ self.weights[2].T * (1 - hidden**2)
        grads = [x.T @ inner, inner.sum(axis=0), hidden.T @ slope, slope.sum(axis=0)]
        for i in (0, 2):  # the kernels
            w = self.weights[i]
            grads[i] = grads[i] + self.settings["l1"] * np.sign(w)
            grads[i] = grads[i] + self.settings["l2"] * w
        norm = np.sqrt(sum((g**2).sum() for g in grads))
        self.clipped = norm > self.settings["clip"]
        shrink = min(1.0, self.settings["clip"] / norm)
        return loss, [g * shrink for g in grads]

    def step(self, x, y, weight):
        """One step of AdamW on a cosine; returns the batch's loss before it."""
        loss, grads = self.gradients(x, y, weight)
        part = min(self.count / self.horizon, 1)
        rate = self.rate * 0.5 * (1 + np.cos(np.pi * part))
        self.count += 1
        for i, g in enumerate(grads):
            self.first[i] = B1 * self.first[i] + (1 - B1) * g
            self.second[i] = B2 * self.second[i] + (1 - B2) * g**2
            mean = self.first[i] / (1 - B1**self.count)
            square = self.second[i] / (1 - B2**self.count)
            direction = mean / (np.sqrt(square) + EPS)
            new = self.weights[i] - rate * (direction + self.decay * self.weights[i])
            self.weights[i] = new
        return loss


def rows_of(seed, train):
    """The rows of each step: positions run on over epochs, each shuffled anew."""
    position = np.arange(TAKEN * BATCH)
    epoch, index = np.divmod(position, len(train))
    seeds = mix(jnp.uint32(seed) + mix(jnp.asarray(epoch, jnp.uint32)))
    size = jnp.full(len(position), len(train))
    found = jax.jit(jax.vmap(shuffled))(jnp.asarray(index), size, seeds)
    return train[np.asarray(found)].reshape(TAKEN, BATCH)


def weights_of(network):
    (layer,) = network.layers
    return [
        layer.linear.kernel,
        layer.linear.bias,
        network.head.kernel,
        network.head.bias,
    ]


RECIPES = {
    "plain": {},
    "no decay": {"decay": 0.0},
    "short horizon": {"horizon": 6},
    "smoothing": {"smoothing": 0.3},
    "l1": {"l1": 0.05},
    "l2": {"l2": 0.2},
    "clip": {"clip": 0.05},
    "all": {"smoothing": 0.1, "l1": 0.02, "l2": 0.1, "clip": 0.4, "decay": 0.3},
}


@pytest.fixture(scope="module")
def trained(shared_both):
    """A member of each recipe, all with one seed and split, judged after every step."""
    engine = lent(shared_both)
    engine.steps = 1
    common = {"rate": 0.05, "steps": TAKEN}
    jobs = [
        job(i, candidate(**common | given), split=SPLIT, seed=SEED, keep=True)
        for i, given in enumerate(RECIPES.values())
    ]
    return dict(zip(RECIPES, engine.train(jobs), strict=True))


@pytest.fixture(scope="module")
def order():
    return rows_of(SEED, splits()[SPLIT][0])


@pytest.mark.parametrize("name", RECIPES)
def test_every_step_is_the_reference(name, trained, order, tiny_task):
    end, given, data = trained[name], RECIPES[name], dataset()
    network = end.job.candidate.network
    built = network.build(tiny_task.inputs, CLASSES, key=key_of(SEED))
    reference = Reference(weights_of(built), **{"rate": 0.05, "horizon": STEPS} | given)
    x, y = data.x[SPLIT].astype(np.float64), data.y[SPLIT]
    _, validation = splits()[SPLIT]
    clipped, curve = 0, []
    for rows in order:
        loss = reference.step(x[rows], y[rows], data.weight[rows])
        clipped += reference.clipped
        curve.append((loss, reference.loss(x[validation], y[validation])))
    np.testing.assert_allclose(end.curve[:, 1:], curve, rtol=1e-5)
    last = weights_of(end.state.network)
    for got, wanted in zip(last, reference.weights, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
    assert (clipped > 0) == ("clip" in given)


def test_every_recipe_has_an_effect(trained):
    last = {end.curve[-1, 2] for end in trained.values()}
    assert len(last) == len(RECIPES)
