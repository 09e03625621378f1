"""Users' priors: densities against scipy, masses by adding them up, samples by both."""

import numpy as np
import pytest
from scipy.stats import truncnorm

from thalweg.core.errors import InvalidInput
from thalweg.proposers import Random
from thalweg.spaces import Choice, Constant, Float, Int, Ordinal, Space
from thalweg.spaces.priors import Prior

CASES = [
    Float(0, 1, prior=0.0),
    Float(1e-5, 1e-1, log=True, prior=1e-3, prior_confidence="high"),
    Float(0, 1, step=0.1, prior=0.3, prior_confidence="low"),
    Int(1, 4, prior=4, prior_confidence="high"),
    Int(1, 100, log=True, prior=3),
    Int(0, 1, prior=1),
    Ordinal([16, 32, 64, 128], prior=32),
    Choice(["a", "b", "c"], prior="b", prior_confidence="low"),
]


@pytest.mark.parametrize("parameter", CASES, ids=repr)
def test_densities_integrate_to_one(parameter):
    u = (np.arange(2**17) + 0.5) / 2**17
    density = np.exp(Prior(parameter).log_density(u))
    np.testing.assert_allclose(density.mean(), 1.0, atol=1e-4)


def test_a_continuum_is_a_truncated_normal():
    parameter = Float(1e-5, 1e-1, log=True, prior=1e-3, prior_confidence="high")
    u = np.linspace(0, 1, 101)
    normal = truncnorm(-0.5 / 0.125, 0.5 / 0.125, loc=0.5, scale=0.125)
    np.testing.assert_allclose(Prior(parameter).log_density(u), normal.logpdf(u))
    np.testing.assert_allclose(Prior(parameter).sample(u), normal.ppf(u), atol=1e-12)


@pytest.mark.parametrize("parameter", [CASES[3], CASES[4]], ids=repr)
def test_a_whole_number_has_its_cells_mass(parameter):
    values = np.arange(parameter.low, parameter.high + 1)
    u = parameter.encode(values.tolist())
    edges = np.zeros(len(u) + 1)
    for k, middle in enumerate(u):
        edges[k + 1] = 2 * middle - edges[k]
    centre = float(parameter.encode([parameter.prior])[0])
    width = {"medium": 0.25, "high": 0.125}[parameter.prior_confidence]
    normal = truncnorm(-centre / width, (1 - centre) / width, loc=centre, scale=width)
    mass = np.where(
        edges[1:] < centre, np.diff(normal.cdf(edges)), -np.diff(normal.sf(edges))
    )
    got = np.exp(Prior(parameter).log_density(u)) * np.diff(edges)
    np.testing.assert_allclose(got, mass, rtol=1e-6)


def test_a_huge_whole_number_has_the_continuums_density():
    u = np.linspace(0, 1, 33)
    huge = Prior(Int(0, 2**40, prior=2**39)).log_density(u)
    smooth = Prior(Float(0, 2**40, prior=2**39)).log_density(u)
    np.testing.assert_allclose(huge, smooth, atol=1e-6)


def test_a_favoured_choice_is_so_many_times_as_likely():
    for confidence, ratio in {"low": 2, "medium": 4, "high": 8}.items():
        prior = Prior(Choice(["a", "b", "c"], prior="c", prior_confidence=confidence))
        a, b, c = np.exp(prior.log_density(np.array([0.1, 0.5, 0.9])))
        assert a == pytest.approx(b)
        assert c / a == pytest.approx(ratio)


@pytest.mark.parametrize("parameter", CASES, ids=repr)
def test_samples_have_the_density(parameter):
    """Means of the density ratio: E_p[1 / p] = 1 and E_p[u] = E_uniform[u p]."""
    prior = Prior(parameter)
    u = prior.sample(np.random.default_rng(0).random(20_000))
    np.testing.assert_array_equal(parameter.canonical(u), u)
    grid = (np.arange(2**15) + 0.5) / 2**15
    mean = np.mean(parameter.canonical(grid) * np.exp(prior.log_density(grid)))
    assert abs(u.mean() - mean) < 5 * u.std() / np.sqrt(len(u))


SPACE = Space(
    {
        "optimizer": Choice(["sgd", "adam"], prior="adam"),
        "rate": Float(1e-4, 1.0, log=True, prior=1e-2),
        "momentum": Float(0, 1, prior=0.9).when("optimizer", ["sgd"]),
        "depth": Int(1, 6),
        "mode": Constant("x"),
    }
)


def test_absent_dimensions_do_not_count():
    u = np.full((2, 4), 0.5)
    u[0, 0], u[1, 0] = 0.2, 0.8  # sgd, adam
    one = Prior(SPACE.parameters["optimizer"]).log_density(u[:, 0])
    one += Prior(SPACE.parameters["rate"]).log_density(u[:, 1])
    one[0] += Prior(SPACE.parameters["momentum"]).log_density(u[:1, 2])[0]
    np.testing.assert_allclose(SPACE.log_prior(u), one)
    u[1, 2] = 0.99  # absent
    np.testing.assert_allclose(SPACE.log_prior(u), one)


def test_the_spaces_density_integrates_to_one():
    u = np.random.default_rng(0).random((40_000, SPACE.dim))
    density = np.exp(SPACE.log_prior(u))
    assert abs(density.mean() - 1) < 5 * density.std() / np.sqrt(len(u))
    drawn = SPACE.sample_prior(40_000, np.random.default_rng(1))
    np.testing.assert_array_equal(SPACE.canonical(drawn), drawn)
    gain = SPACE.log_prior(drawn)  # E_p[log p] = E_uniform[p log p]
    want = density * np.log(density)
    error = np.hypot(gain.std(), want.std()) / np.sqrt(len(u))
    assert abs(gain.mean() - want.mean()) < 5 * error


def test_spaces_without_priors_believe_nothing():
    plain = Space({"x": Float(0, 1), "y": Choice(["a", "b"])})
    assert not plain.has_prior
    assert SPACE.has_prior
    np.testing.assert_array_equal(plain.log_prior(np.full((3, 2), 0.5)), np.zeros(3))
    rng = np.random.default_rng(0)
    rows = plain.canonical(np.random.default_rng(0).random((3, 2)))
    np.testing.assert_array_equal(plain.sample_prior(3, rng), rows)


def test_priors_are_kept_in_json_and_in_narrower_spaces():
    again = Space.from_json(SPACE.to_json())
    assert again == SPACE
    assert again.parameters["rate"].prior == 1e-2
    assert "prior=0.01" in repr(SPACE.parameters["rate"])
    fixed = SPACE.with_fixed(optimizer="sgd")
    assert fixed.parameters["momentum"].prior == 0.9
    assert fixed.parameters["optimizer"].prior is None
    narrow = SPACE.restrict(rate=(1e-1, 1.0), momentum=(0.5, 1.0), optimizer=["sgd"])
    assert narrow.parameters["rate"].prior == 1e-1
    assert narrow.parameters["momentum"].prior == 0.9
    assert narrow.parameters["optimizer"].prior is None


def test_a_list_is_a_value_that_may_be_favoured():
    parameter = Choice([[64, 64], [128]], prior=[64, 64])
    assert parameter.prior == (64, 64)
    assert type(parameter).from_dict(parameter.to_dict()) == parameter


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Float(0, 1, prior=2), r"`prior` must be one of .* holds no 2"),
        (lambda: Int(0, 9, prior=1.5), "whole number"),
        (lambda: Choice(["a", "b"], prior="c"), "holds no 'c'"),
        (lambda: Ordinal([1, 2], prior=1, prior_confidence="sure"), '"high", but got'),
    ],
)
def test_errors(make, words):
    with pytest.raises(InvalidInput, match=words):
        make()


def test_random_search_draws_half_from_the_prior():
    import jax.random as jr

    space = Space({"x": Float(0, 1, prior=0.0, prior_confidence="high")})
    random = Random()
    state = random.init(space, key=jr.key(0))
    x = random.propose(state, 1000, key=jr.key(1)).x[:, 0]
    share = 0.5 * 0.125 + 0.5 * 0.6827  # below one deviation
    error = np.sqrt(share * (1 - share) / 1000)
    assert abs((x < 0.125).mean() - share) < 4 * error
