"""Evolution: what a mutation changes, who has children, who lives on."""

import jax.random as jr
import numpy as np
import pytest

from thalweg.core.errors import InvalidInput, UnknownName
from thalweg.proposers import NSGA2, Genetic, Outcome, Random, RegularizedEvolution
from thalweg.proposers.generations import CROSSOVERS, SELECTIONS
from thalweg.proposers.variation import MUTATIONS, mutated, polynomial, reflected
from thalweg.spaces import Choice, Float, Int, Ordinal, Space
from thalweg.surrogates import hypervolume
from thalweg.testing.problems import BRANIN, HARTMANN6, RECIPE
from thalweg.testing.proposers import assert_lower, check_beats_random

MIXED = Space(
    {
        "c": Choice(list("abcde")),
        "o": Ordinal(list(range(7))),
        "n": Int(1, 1000, log=True),
        "x": Float(0, 1),
    }
)
CELLS = Space({f"c{i}": Choice(list("abcde")) for i in range(6)})


def told(proposer, space, x, losses, constraints=None):
    """The state after these outcomes."""
    state = proposer.init(space, key=jr.key(0))
    n = len(x)
    outcome = Outcome(
        x, np.arange(n), np.full(n, -1), np.ones(n), losses, np.ones(n), constraints
    )
    return proposer.tell(state, outcome)


@pytest.mark.parametrize("kind", MUTATIONS)
def test_a_mutation_changes_one_dimension(kind):
    rng = np.random.default_rng(0)
    rows = MIXED.canonical(rng.random((2000, 4)))
    new = mutated(MIXED, rows, rng, kind=kind)
    np.testing.assert_array_equal((new != rows).sum(1), 1)
    counts = (new != rows).sum(0)  # 500 each, with a standard deviation of 19
    assert (np.abs(counts - 500) < 5 * 19).all()
    np.testing.assert_array_equal(new, MIXED.canonical(new))


def test_a_rate_is_of_each_dimension():
    rng = np.random.default_rng(1)
    rows = MIXED.canonical(rng.random((4000, 4)))
    changed = mutated(MIXED, rows, rng, rate=0.3) != rows
    # 1,200 of each, with a standard deviation of 29
    assert (np.abs(changed.sum(0) - 1200) < 5 * 29).all()


def test_any_other_choice_is_as_likely():
    rng = np.random.default_rng(2)
    rows = np.repeat(CELLS.canonical(np.full((1, 6), 0.5)), 6000, axis=0)
    new = mutated(CELLS, rows, rng)
    values = new[new != rows]
    _, counts = np.unique(values, return_counts=True)
    assert len(counts) == 4
    # chi-squared with 3 degrees of freedom: mean 3, standard deviation 2.4
    assert ((counts - 1500) ** 2 / 1500).sum() < 3 + 5 * 2.4


def test_what_comes_into_being_is_uniform():
    space = Space({"k": Choice(["a", "b"]), "x": Float(0, 1).when("k", ["b"])})
    rows = np.repeat(space.encode([{"k": "a"}]), 3000, axis=0)
    new = mutated(space, rows, np.random.default_rng(3))
    assert (new[:, 0] == 0.75).all()
    # the mean of uniform numbers has a standard deviation of 0.289 / sqrt(n)
    assert abs(new[:, 1].mean() - 0.5) < 5 * 0.289 / np.sqrt(3000)
    assert new[:, 1].std() > 0.25


def test_polynomial_steps_stay_inside_and_are_small():
    rng = np.random.default_rng(4)
    rows = rng.random((5000, 3))
    step = polynomial(rows, rng)
    assert ((rows + step >= -1e-12) & (rows + step <= 1 + 1e-12)).all()
    # far from walls E|step| = 1 / (eta + 2)
    middle = np.abs(polynomial(np.full((20000, 1), 0.5), rng))
    assert abs(middle.mean() - 1 / 22) < 5 * middle.std() / np.sqrt(20000)


def test_reflection_keeps_what_is_inside():
    u = np.array([0.2, -0.2, 1.3, 2.4, -1.1])
    np.testing.assert_allclose(reflected(u), [0.2, 0.2, 0.7, 0.4, 0.9])


def test_parents_are_the_youngest():
    """The best died of age, so children are one change away from the others."""
    proposer = RegularizedEvolution(population=5, tournament=3)
    rng = np.random.default_rng(0)
    x = CELLS.canonical(rng.random((25, 6)))
    state = told(proposer, CELLS, x, np.r_[np.full(20, -9.0), np.arange(5.0)])
    children = [proposer.propose(state, 1, key=jr.key(i)).x[0] for i in range(100)]
    away = (np.array(children)[:, None] != x).sum(2)
    assert (away[:, 20:].min(1) == 1).all()
    # by tournaments of 3 of 5, the best has 1 - 0.8^3 = 49 % of the children
    assert abs((away[:, 20] == 1).sum() - 48.8) < 5 * 5


def test_a_crowded_neighbourhood_is_left():
    """All single changes of the only parent are known: children go further."""
    space = Space({f"c{i}": Choice(list("abc")) for i in range(3)})
    proposer = RegularizedEvolution(population=1, tournament=1)
    x = space.canonical(np.full((1, 3), 0.5))
    state = told(proposer, space, x, np.zeros(1))
    proposal = proposer.propose(state, 20, key=jr.key(0))
    away = (proposal.x != x).sum(1)
    assert len(np.unique(proposal.x, axis=0)) == 20
    assert (away == 1).sum() == 6


@pytest.mark.parametrize(
    ("name", "chances"),
    [
        ("tournament", (2 * np.arange(8, 0, -1) - 1) / 64),
        ("truncation", np.repeat([0.25, 0], 4)),
        ("roulette", np.arange(8, 0, -1) / 36),
    ],
)
def test_selections_have_their_chances(name, chances):
    found = SELECTIONS[name](8, 20_000, np.random.default_rng(0))
    counts = np.bincount(found, minlength=8)
    error = np.sqrt(20_000 * chances * (1 - chances))
    assert (np.abs(counts - 20_000 * chances) <= 5 * error).all()


@pytest.mark.parametrize("name", ["uniform", "one_point", "two_point", "none"])
def test_children_have_their_parents_values(name):
    rng = np.random.default_rng(0)
    a, b = np.zeros((500, 6)), np.ones((500, 6))
    child = CROSSOVERS[name](a, b, np.ones(6, bool), rng)
    assert np.isin(child, [0.0, 1.0]).all()
    turns = (np.diff(child, axis=1) != 0).sum(1)
    most = {"uniform": 5, "one_point": 1, "two_point": 2, "none": 0}[name]
    assert turns.max() == most


def test_sbx_has_the_distribution_of_its_index():
    n, rng = 100_000, np.random.default_rng(0)
    a, b = np.full((n, 1), 0.4), np.full((n, 1), 0.6)
    child = CROSSOVERS["sbx"](a, b, np.array([True]), rng)[:, 0]
    spread = np.abs(child - 0.5)[child != 0.4] / 0.1  # half of them are the parent
    assert abs(len(spread) - n / 2) < 5 * np.sqrt(n / 4)
    for ends, share in ((0.9, 0.9**16 / 2), (1.0, 0.5), (1.1, 1 - 1.1**-16 / 2)):
        error = np.sqrt(share * (1 - share) / len(spread))
        assert abs((spread < ends).mean() - share) < 5 * error


def test_sbx_spreads_around_the_parents():
    rng = np.random.default_rng(0)
    a, b = np.full((40_000, 2), 0.4), np.full((40_000, 2), 0.6)
    numbers = np.array([True, False])
    child = CROSSOVERS["sbx"](a, b, numbers, rng)
    assert np.isin(child[:, 1], [0.4, 0.6]).all()
    new = child[child[:, 0] != 0.4, 0]
    # the spread's median is one: half of them between the parents
    inside = ((new > 0.4) & (new < 0.6)).mean()
    assert abs(inside - 0.5) < 5 * 0.5 / np.sqrt(len(new))


def test_the_best_are_parents_in_a_steady_state():
    proposer = Genetic(population=4)
    x = CELLS.canonical(np.random.default_rng(0).random((12, 6)))
    losses = np.random.default_rng(1).permutation(12.0 * np.ones(12).cumsum())
    state = told(proposer, CELLS, x, losses)
    np.testing.assert_array_equal(state.parents, np.argsort(losses)[:4])


def test_generations_replace_their_parents_but_the_elites():
    proposer = Genetic(population=4, elites=1, generational=True)
    x = CELLS.canonical(np.random.default_rng(0).random((8, 6)))
    first, second = np.array([1.0, 2, 3, 4]), np.array([9.0, 8, 7, 6])
    state = told(proposer, CELLS, x[:4], first)
    np.testing.assert_array_equal(state.parents, [0, 1, 2, 3])
    one, number = np.ones(1), np.array([5])
    for i in range(4):
        row = x[4 + i : 5 + i]
        outcome = Outcome(row, number, -number // 5, one, second[i : i + 1], one)
        assert len(state.parents) == 4
        state = proposer.tell(state, outcome)
        if i < 3:
            np.testing.assert_array_equal(state.parents, [0, 1, 2, 3])
    np.testing.assert_array_equal(state.parents, [0, 7, 6, 5])


def test_children_that_are_their_parents_are_drawn_again():
    """Nothing mutates here, and half of the children have one parent only."""
    proposer = Genetic(crossover="sbx", mutation_rate=0.0)
    rows = np.random.default_rng(0).random((20, 4))
    state = told(proposer, SQUARE, rows, np.arange(20.0))
    assert len(proposer.propose(state, 30, key=jr.key(0))) == 30


SQUARE = Space({f"x{i}": Float(0, 1) for i in range(4)})


def zdt1(x):
    """Zitzler, Deb & Thiele 2000: the front is f2 = 1 - sqrt(f1)."""
    g = 1 + 9 * x[:, 1:].mean(1)
    return np.stack([x[:, 0], g * (1 - np.sqrt(x[:, 0] / g))], axis=1)


def volume(proposer, seed, constrained=False):
    """The dominated volume after 150 evaluations in batches of 5, negative."""
    state = proposer.init(SQUARE, key=jr.key(seed))
    found = []
    for step in range(30):
        proposal, state = proposer.ask(state, 5, key=jr.key(1000 * seed + step))
        losses, x = zdt1(proposal.x), proposal.x
        limits = 0.3 - x[:, :1] if constrained else None
        assert len(x) == 5
        n = np.arange(5 * step, 5 * step + 5)
        outcome = Outcome(
            x, n, proposal.parent, proposal.budget, losses, 1.0 + n, limits
        )
        state = proposer.tell(state, outcome)
        found.append(losses if limits is None else losses[limits[:, 0] <= 0])
    return -hypervolume(np.concatenate(found), np.array([1.1, 6.0]))


@pytest.mark.slow
@pytest.mark.parametrize("constrained", [False, True])
def test_nsga2_beats_random_on_two_objectives(constrained):
    ours = [volume(NSGA2(), seed, constrained) for seed in range(8)]
    theirs = [volume(Random(), seed, constrained) for seed in range(8)]
    assert_lower(ours, theirs, sigma=4)


@pytest.mark.parametrize(
    "proposer",
    [NSGA2(population=4), Genetic(population=4), RegularizedEvolution(4, 4)],
    ids=lambda proposer: type(proposer).__name__,
)
def test_infeasible_parents_come_last(proposer):
    x = CELLS.canonical(np.random.default_rng(0).random((4, 6)))
    losses = np.stack([np.arange(4.0), np.arange(4.0)], axis=1)
    limits = np.array([[1.0], [0.5], [0.0], [-1.0]])
    state = told(proposer, CELLS, x, losses, limits)
    ranked = proposer.ranked(state) if hasattr(proposer, "ranked") else state.parents
    np.testing.assert_array_equal(ranked, [2, 3, 1, 0])


@pytest.mark.slow
@pytest.mark.parametrize("make", [Genetic, RegularizedEvolution])
@pytest.mark.parametrize("problem", [BRANIN, HARTMANN6, RECIPE], ids=lambda p: p.name)
def test_evolution_beats_random(make, problem):
    check_beats_random(make(), problem, seeds=20, evaluations=100)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: RegularizedEvolution(population=3, tournament=4), "tournament"),
        (lambda: Genetic(population=1), "population"),
        (lambda: Genetic(elites=2), "elites"),
        (lambda: Genetic(elites=99, generational=True), "elites"),
        (lambda: Genetic(mutation_rate=1.5), "mutation_rate"),
    ],
)
def test_errors_say_the_rule(make, words):
    with pytest.raises(InvalidInput, match=words):
        make()


def test_unknown_operators_are_suggested():
    with pytest.raises(UnknownName, match="Did you mean 'tournament'"):
        Genetic(selection="tournment")
    with pytest.raises(UnknownName, match="Did you mean 'sbx'"):
        NSGA2(crossover="sbxx")
    with pytest.raises(UnknownName, match="Did you mean 'gaussian'"):
        RegularizedEvolution(mutation="gausian")
