"""What each augmentation does to images, how often, and from which seed."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from thalweg.augmentation import (
    AUGMENTATIONS,
    Chain,
    Colour,
    CutMix,
    Cutout,
    Flip,
    Mixup,
    Rotation,
    ShiftCrop,
    partner,
)
from thalweg.augmentation.mixup import beta
from thalweg.core.errors import InvalidInput

MANY = 2000


def seed(number=0):
    return jnp.uint32(number)


@pytest.fixture(scope="module")
def pictures():
    """`[b, 6, 5, 2]`, every pixel of a batch of its own value."""
    return jnp.arange(MANY * 60, dtype=jnp.float32).reshape(MANY, 6, 5, 2)


@pytest.fixture(scope="module")
def run():
    return eqx.filter_jit(lambda chain, x, s: chain(x, seed=s))


def within(count, probability, n=MANY, sigmas=5):
    """Whether a count is what chance makes of a probability."""
    error = np.sqrt(n * probability * (1 - probability))
    return abs(count - n * probability) <= sigmas * error


@pytest.mark.parametrize("name", list(AUGMENTATIONS))
class TestEach:
    def test_the_seed_decides(self, name, pictures, run):
        x = (pictures[:16] % 256).astype(jnp.uint8)
        chain = Chain([AUGMENTATIONS[name]()])
        first, again, other = (run(chain, x, seed(s)).x for s in (1, 1, 2))
        assert first.dtype == jnp.float32
        assert first.shape == x.shape
        assert (first == again).all()
        assert not (first == other).all()

    def test_no_strength_leaves_images_alone(self, name, pictures, run):
        x = pictures[:16]
        none = jax.tree.map(jnp.zeros_like, AUGMENTATIONS[name]())
        found, share = run(Chain([none]), x, seed())
        assert (found == x).all()
        assert share is None or (share == 1).all()

    def test_a_population_is_each_alone(self, name, pictures, run):
        x = pictures[:8]
        chain = Chain([AUGMENTATIONS[name]()])
        words = jnp.arange(3, dtype=jnp.uint32)
        together = eqx.filter_vmap(lambda s: chain(x, seed=s))(words)
        for number in range(3):
            alone = run(chain, x, words[number])
            mine = jax.tree.map(lambda a, n=number: a[n], together)
            assert np.allclose(mine.x, alone.x, rtol=1e-5, atol=1e-3)

    def test_strengths_are_leaves(self, name, pictures, run):
        x = pictures[:16]
        traces = []

        @eqx.filter_jit
        def traced(chain, x):
            traces.append(1)
            return chain(x, seed=seed()).x

        one = AUGMENTATIONS[name]()
        for factor in (1.0, 0.5, 0.25):
            changed = jax.tree.map(lambda leaf, f=factor: leaf * f, one)
            traced(Chain([changed]), x)
        assert len(traces) == 1


def test_flip_swaps_the_share_it_says(pictures, run):
    found = run(Chain([Flip(0.3)]), pictures, seed()).x
    swapped = (found == pictures[:, :, ::-1]).all(axis=(1, 2, 3))
    assert ((found == pictures).all(axis=(1, 2, 3)) | swapped).all()
    assert within(int(swapped.sum()), 0.3)


def test_shifts_are_uniform_over_whole_pixels(run):
    lit = jnp.zeros((MANY, 7, 7, 1)).at[:, 3, 3].set(1.0)
    found = run(Chain([ShiftCrop(2.0, most=3)]), lit, seed()).x
    places = np.argwhere(np.asarray(found[..., 0]))[:, 1:] - 3
    assert len(places) == MANY
    counts = np.bincount(5 * (places[:, 0] + 2) + places[:, 1] + 2, minlength=25)
    assert len(counts) == 25
    assert stats.chisquare(counts).pvalue > 1e-6


def test_shifts_repeat_the_border(run):
    ramp = jnp.broadcast_to(jnp.arange(8.0)[:, None, None], (64, 8, 8, 1))
    found = np.asarray(run(Chain([ShiftCrop(4.0)]), ramp, seed()).x)
    down = found[:, :, 0, 0]
    expected = {tuple(np.clip(np.arange(8) - d, 0, 7)) for d in range(-4, 5)}
    assert {tuple(row) for row in down} <= expected
    assert (found == found[:, :, :1]).all()


def test_rotation_moves_a_point_along_its_circle(run):
    side, middle = 33, 16
    place = np.arange(side) - middle
    spot = np.exp(-((place[:, None] + 10) ** 2 + place[None] ** 2) / 8)
    x = jnp.broadcast_to(jnp.asarray(spot, jnp.float32)[..., None], (200, 33, 33, 1))
    found = np.asarray(run(Chain([Rotation(15.0)]), x, seed()).x)[..., 0]
    mass = found.sum(axis=(1, 2))
    i = (found * place[:, None]).sum(axis=(1, 2)) / mass
    j = (found * place[None]).sum(axis=(1, 2)) / mass
    assert np.allclose(np.hypot(i, j), 10, atol=0.15)
    angle = np.degrees(np.arctan2(j, -i))
    assert stats.kstest(angle, stats.uniform(-15, 30).cdf).pvalue > 1e-6


def test_cutout_hides_a_square_of_the_mean(pictures, run):
    x = pictures[:500]
    found = np.asarray(run(Chain([Cutout(0.5)]), x, seed()).x)
    hidden = (found != np.asarray(x)).all(axis=3)
    mean = np.asarray(x).mean(axis=(0, 1, 2))
    assert np.allclose(found[hidden], mean, rtol=1e-3)
    for one in hidden:  # a box of at most half of either side
        rows, columns = one.any(axis=1), one.any(axis=0)
        assert (one == rows[:, None] & columns).all()
        assert rows.sum() <= 3
        assert columns.sum() <= 3
    # half of either side, less what lies outside: 3/4 of it is expected … of the area
    assert abs(hidden.mean() - 0.25 * (7 / 8) ** 2) < 0.02


def test_colour_keeps_means_of_contrast_and_greys_of_saturation(run):
    x = jnp.asarray(np.random.default_rng(0).uniform(0, 255, (300, 4, 4, 3)), "f4")
    flat = x.reshape(300, -1)
    bright = run(Chain([Colour(0.5, 0.0, 0.0)]), x, seed()).x.reshape(300, -1)
    ratio = bright / flat
    brightest = flat.argmax(axis=1)
    factor = ratio[jnp.arange(300), brightest]
    assert np.allclose(bright, factor[:, None] * flat, atol=1e-3)
    assert stats.kstest(factor, stats.uniform(0.5, 1).cdf).pvalue > 1e-6
    contrast = run(Chain([Colour(0.0, 0.5, 0.0)]), x, seed()).x.reshape(300, -1)
    assert np.allclose(contrast.mean(1), flat.mean(1), rtol=1e-4)
    assert not np.allclose(contrast, flat)
    pale = run(Chain([Colour(0.0, 0.0, 0.5)]), x, seed()).x
    assert np.allclose(pale.mean(3), x.mean(3), rtol=1e-4)
    grey = x[..., :1]
    same = run(Chain([Colour(0.0, 0.0, 0.5)]), grey, seed()).x
    assert np.allclose(same, grey, rtol=1e-4)


@pytest.mark.parametrize("alpha", [0.1, 0.4, 1.0])
def test_shares_are_beta(alpha):
    drawn = np.asarray(beta(seed(3), jnp.float32(alpha), 20_000))
    at = np.linspace(0.01, 0.99, 99)  # nearer to 0 and 1 there are too few floats
    below = (drawn[:, None] <= at).mean(axis=0)
    assert np.abs(below - stats.beta(alpha, alpha).cdf(at)).max() < 2.5 / 20_000**0.5


def test_mixup_blends_with_the_neighbour(pictures, run):
    found, share = run(Chain([Mixup(1.0, 0.5)]), pictures, seed())
    own = np.asarray(share)[:, None, None, None]
    blend = own * np.asarray(pictures) + (1 - own) * np.asarray(partner(pictures))
    assert np.allclose(found, blend, rtol=1e-5)
    assert within(int((share < 1).sum()), 0.5)


def test_cutmix_tells_the_area_that_it_kept(pictures, run):
    found, share = run(Chain([CutMix(1.0, 1.0)]), pictures, seed())
    kept = (np.asarray(found) == np.asarray(pictures)).mean(axis=(1, 2, 3))
    assert np.allclose(kept, share, atol=1e-6)
    other = np.asarray(found) == np.asarray(partner(pictures))
    assert np.allclose(other.mean(axis=(1, 2, 3)), 1 - share, atol=1e-6)
    # λ is uniform; of the box what lies outside is lost, so more is kept
    assert 0.5 < float(share.mean()) < 0.75


def test_an_image_is_mixed_in_one_way(pictures, run):
    chain = Chain([CutMix(1.0, 0.25), Mixup(1.0, 0.5)])
    found, share = run(chain, pictures, seed())
    whole = (found == pictures) | (found == partner(pictures))
    cut = whole.all(axis=(1, 2, 3))  # unmixed ones too
    assert within(int(cut.sum()), 0.5)
    assert within(int((share == 1).sum()), 0.25, sigmas=8)  # some boxes are empty


def test_rates_above_one_are_shared_out(pictures, run):
    found, _ = run(Chain([Mixup(1.0, 1.0), CutMix(1.0, 0.5)]), pictures, seed())
    whole = (found == pictures) | (found == partner(pictures))
    assert within(int(whole.all(axis=(1, 2, 3)).sum()), 1 / 3)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Flip(1.5),
        lambda: Mixup(2.0),
        lambda: CutMix(probability=-0.1),
        lambda: Cutout(2.0),
        lambda: Rotation(-1.0),
        lambda: ShiftCrop(-1),
        lambda: Colour(contrast=-1.0),
        lambda: Chain(["flip"]),  # type: ignore[list-item]
    ],
)
def test_wrong_strengths_are_refused(wrong):
    with pytest.raises(InvalidInput, match="but got"):
        wrong()
