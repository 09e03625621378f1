"""Augmentation as a part of the training step."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import thalweg as tw
from thalweg.augmentation import Chain, CutMix, Flip, Mixup, ShiftCrop, partner
from thalweg.core.errors import InvalidInput
from thalweg.core.rng import mix
from thalweg.losses import CrossEntropy
from thalweg.networks import Images, Stack
from thalweg.networks.layers import Flatten
from thalweg.optimizers import Momentum
from thalweg.training import Candidate, Dataset, Engine, Job, Stop, Task
from thalweg.training.member import batch_objective, build, next_rows

ROWS, BATCH, CLASSES = 48, 16, 3


def images():
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (1, ROWS, 4, 4, 1), np.uint8)
    return x, rng.integers(0, CLASSES, (1, ROWS)).astype(np.int32)


def dataset(weight=None):
    rows = np.arange(ROWS)
    return Dataset.of(*images(), [(rows[:-8], rows[-8:])], weight=weight)


def inputs():
    return Images(4, 4, 1, mean=jnp.full((1, 1), 128.0), std=jnp.full((1, 1), 64.0))


def candidate(*augmentations):
    return Candidate(
        network=Stack([Flatten()], head="flatten"),
        optimizer=Momentum(0.05),
        loss=CrossEntropy(),
        stop=Stop(np.int32(12)),
        augment=Chain(augmentations) if augmentations else None,
        batch_size=BATCH,
    )


@pytest.fixture(scope="module")
def member():
    own = jax.tree.map(lambda leaf: leaf[0], inputs())
    return eqx.filter_jit(build)(
        candidate(), own, CLASSES, 8, jnp.int32(0), jnp.uint32(7)
    )


@eqx.filter_jit
def value(member, recipe, data):
    return batch_objective(member, recipe, data).value(member.params)


@eqx.filter_jit
def forward(network, recipe, x, word):
    mixed, share = recipe.augment(x, seed=word)
    return network(mixed, inference=False), share


@pytest.mark.parametrize("weighted", [False, True])
def test_a_mixture_has_both_targets_by_its_shares(member, weighted):
    weight = np.random.default_rng(1).uniform(0.5, 1.5, ROWS) if weighted else None
    data, recipe = dataset(weight), candidate(Mixup(1.0), ShiftCrop(1.0, most=1))
    x, y, own = data.batch(jnp.int32(0), next_rows(member, data, BATCH))
    word = mix(member.seed + mix(~mix(jnp.uint32(0))))
    logits, share = forward(member.network, recipe, x, word)
    chances = np.log(np.asarray(jax.nn.softmax(logits)))
    rows, w = np.arange(BATCH), np.ones(BATCH) if own is None else np.asarray(own)
    first, second = (-chances[rows, np.asarray(t)] for t in (y, partner(y)))
    expected = share * w * first + (1 - share) * np.roll(w, 1) * second
    found = float(value(member, recipe, data))
    assert found == pytest.approx(float(expected.mean()), rel=1e-5)
    assert 0 < float(share.min()) < float(share.max()) < 1


def test_no_strength_is_no_augmentation(member):
    data, none = dataset(), candidate(Flip(0.0), Mixup(0.0), CutMix(0.0))
    plain = float(value(member, candidate(), data))
    assert float(value(member, none, data)) == pytest.approx(plain, rel=1e-6)


def test_candidates_without_it_have_no_leaf_of_it():
    leaves = jax.tree_util.tree_leaves_with_path(candidate())
    assert not [path for path, _ in leaves if "augment" in jax.tree_util.keystr(path)]


def test_members_alone_and_together_see_the_same_images():
    task = Task(dataset(), inputs(), CLASSES, CrossEntropy())
    recipes = [candidate(ShiftCrop(n, most=2), Mixup(0.2 * n)) for n in (1.0, 2.0)]
    work = [Job(n, 0, r, 0, np.uint32(5 + n)) for n, r in enumerate(recipes)]
    curves = {}
    for width in (1, 2):
        engine = Engine(task, steps=6, width=width, devices=1, places=2)
        curves[width] = [end.curve for end in engine.train(work)]
    for one, other in zip(curves[1], curves[2], strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4)


def test_train_takes_augmentations():
    (x,), (y,) = images()
    network = Stack([Flatten()], head="flatten")
    options = {"steps": 6, "batch_size": BATCH, "seed": 3}
    plain, shifted = (
        tw.train(network, (x, y), augment=augment, **options)[0].outputs(x)
        for augment in ((), [ShiftCrop(1.0)])
    )
    assert not np.array_equal(shifted, plain)
    with pytest.raises(InvalidInput, match="needs images"):
        tw.train(
            tw.networks.MLP(hidden=[4]),
            (x.reshape(ROWS, -1), y),
            steps=1,
            augment=[Flip()],
        )
