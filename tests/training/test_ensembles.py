"""Ensembles in one network `[b, m, c]`: trained member by member, judged together."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_members import BATCH, CLASSES, SPLITS, candidate, job, splits, task

from thalweg.core.rng import key_of, mix, shuffled
from thalweg.core.trainable import partition
from thalweg.losses import CrossEntropy, SquaredError
from thalweg.networks import Inputs, TabM
from thalweg.training import Candidate, Engine
from thalweg.training.member import combined, example_losses

MEMBERS = 3


def quantiles():
    """Bins of each split's own: the inputs of a network are its split's."""
    x = task().data.x
    edges = [np.nanquantile(own, [0, 0.3, 0.5, 0.8, 1], axis=0).T for own in x]
    return Inputs(4, bins=np.stack(edges).astype(np.float32))


@pytest.fixture(scope="module")
def inputs():
    return quantiles()


@pytest.fixture(scope="module")
def trained(tiny_task, inputs):
    """Judged after every step."""
    base = candidate(0.02, steps=4)
    recipe = Candidate(
        TabM(members=MEMBERS, hidden=(8,), numeric_embedding="ple"),
        base.optimizer,
        base.loss,
        base.stop,
        batch_size=BATCH,
    )
    engine = Engine(tiny_task._replace(inputs=inputs), steps=1, devices=1)
    return engine.train([job(i, recipe, keep=True) for i in range(SPLITS)])


def own(inputs, split):
    return jax.tree.map(lambda leaf: leaf[split], inputs)


def test_training_takes_the_mean_of_the_members_losses(trained, inputs, tiny_task):
    for end in trained[1:2]:
        split, data = end.job.split, tiny_task.data
        network = end.job.candidate.network.build(
            own(inputs, split), CLASSES, key=key_of(end.job.seed)
        )
        train, _ = splits()[split]
        seed = mix(jnp.uint32(end.job.seed) + mix(jnp.uint32(0)))
        rows = train[shuffled(jnp.arange(BATCH), jnp.int32(len(train)), seed)]
        outputs = network(data.x[split, rows])
        assert outputs.shape == (BATCH, MEMBERS, CLASSES)
        log_p = np.asarray(jax.nn.log_softmax(outputs))
        chosen = log_p[np.arange(BATCH), :, data.y[split, rows]]
        expected = np.mean(-chosen.mean(axis=1) * data.weight[rows])
        assert end.curve[0, 1] == pytest.approx(expected, rel=1e-5)


def test_it_is_judged_by_the_mean_of_the_members_probabilities(trained, tiny_task):
    for end in trained:
        split, data = end.job.split, tiny_task.data
        _, rows = splits()[split]
        outputs = end.network(data.x[split, rows], inference=True)
        p = np.asarray(jax.nn.softmax(outputs)).mean(axis=1)
        assert end.outputs.shape == (len(rows), CLASSES)
        got = np.asarray(jax.nn.softmax(end.outputs))
        np.testing.assert_allclose(got, p, rtol=1e-4)
        loss = -np.log(p[np.arange(len(rows)), data.y[split, rows]]).mean()
        assert end.loss == pytest.approx(loss, rel=1e-4)
        spread = np.asarray(jax.nn.softmax(outputs)).std(axis=1)
        assert spread.mean() > 1e-3, "members that are alike test nothing"


def test_each_split_has_inputs_of_its_own(trained, inputs):
    """What lies fixed in the network, the bins here, is that of its split."""
    end = trained[1]
    fixed = jax.tree.leaves(partition(end.network)[1])
    for split, equal in [(1, True), (0, False)]:
        built = end.job.candidate.network.build(
            own(inputs, split), CLASSES, key=key_of(end.job.seed)
        )
        others = jax.tree.leaves(partition(built)[1])
        assert len(others) == len(fixed) > 0
        pairs = zip(fixed, others, strict=True)
        assert all(np.allclose(a, b, rtol=1e-5) for a, b in pairs) == equal


def test_one_network_is_an_ensemble_of_one():
    rng = np.random.default_rng(0)
    outputs = rng.normal(size=(6, CLASSES)).astype(np.float32)
    y = rng.integers(0, CLASSES, 6)
    smooth = CrossEntropy(label_smoothing=0.1)
    for loss, target in [(smooth, y), (SquaredError(), outputs * 2)]:
        single = example_losses(loss, outputs, target)
        tripled = example_losses(loss, np.repeat(outputs[:, None], 3, axis=1), target)
        np.testing.assert_allclose(single, tripled, rtol=1e-6)
        together = combined(loss, np.repeat(outputs[:, None], 3, axis=1))
        np.testing.assert_allclose(
            loss.link(together), loss.link(outputs), rtol=1e-5, atol=1e-6
        )
        assert combined(loss, outputs) is outputs
