"""What every proposer must keep. Run it on your own:

    @pytest.mark.parametrize("check", PROPOSER_CHECKS)
    def test_contract(check):
        check(MyProposer())

A check is a function of one proposer that raises `AssertionError` where the contract
(`AbstractProposer`) is broken. `check_beats_random` is apart: it asks for quality.
"""

import io
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.random as jr
import numpy as np
from jaxtyping import Float64

from thalweg.core.typing import Config, Key
from thalweg.proposers import (
    AbstractHalving,
    AbstractProposer,
    Outcome,
    Proposal,
    Random,
    leaves,
    with_leaves,
)
from thalweg.spaces import Choice, Float, Int, Ordinal, Space
from thalweg.testing.problems import RECIPE, Synthetic

Loss = Callable[[Config], Any]  # a number, or one for each objective
Constraint = Callable[[Config], float]
SMALL = Space(
    {
        "a": Choice(["x", "y", "z"]),
        "b": Ordinal([1, 2, 4]).when("a", ["x"]),
        "c": Int(1, 3),
        "d": Float(0, 1, step=0.5).when("b", [2]),
    }
)  # 21 configurations
NAMES = Space({"a": Choice([*"uvwxyz"]), "b": Choice([True, False, None])})
LINE = Space({"a": Float(1e-3, 1, log=True)})


class Driver:
    """A proposer at work: asks, keeps what is pending, tells, remembers everything."""

    def __init__(self, proposer: AbstractProposer[Any], space: Space, *, seed: int = 0):
        self.proposer, self.space = proposer, space
        self.key: Key = jr.key(seed)
        self.state = proposer.init(space, key=jr.fold_in(self.key, 0))
        self.structure = jax.tree.structure(self.state)
        self.asks = 0
        self.trials = 0
        self.asked: list[Proposal] = []  # one row each
        self.told: list[Outcome] = []
        self.pending: list[tuple[int, Proposal]] = []  # with the trial's number
        self.rows: dict[int, bytes] = {}  # by trial

    def ask(self, n: int) -> int:
        """Asks for up to `n` rows; returns how many came."""
        self.asks += 1
        proposal, self.state = self.proposer.ask(
            self.state, n, key=jr.fold_in(self.key, self.asks)
        )
        assert len(proposal) <= n, f"asked for {n} rows, got {len(proposal)}"
        self._check_state()
        for i in range(len(proposal)):
            row = jax.tree.map(lambda leaf, i=i: leaf[i : i + 1], proposal)
            number = int(row.parent[0])
            if self.rows.get(number) != row.x.tobytes():  # not its parent, going on
                number, self.trials = self.trials, self.trials + 1
            self.rows[number] = row.x.tobytes()
            self.asked.append(row)
            self.pending.append((number, row))
        return len(proposal)

    def tell(
        self,
        loss: Loss,
        *,
        constraint: Constraint | None = None,
        count: int | None = None,
        last: bool = False,
    ) -> None:
        """Tells what is pending, at most `count` of it, perhaps the last first."""
        chosen = self.pending[::-1] if last else list(self.pending)
        chosen = chosen[:count]
        if not chosen:
            return
        self.pending = [p for p in self.pending if not any(p is c for c in chosen)]
        numbers = np.array([number for number, _ in chosen])
        rows = [row for _, row in chosen]
        x = np.concatenate([row.x for row in rows])
        configs = self.space.decode(x)
        outcome = Outcome(
            x,
            numbers,
            np.concatenate([row.parent for row in rows]),
            np.concatenate([row.budget for row in rows]),
            np.array([loss(config) for config in configs], np.float64),
            np.ones(len(rows)),
            None
            if constraint is None
            else np.array([[constraint(config)] for config in configs]),
        )
        self.state = self.proposer.tell(self.state, outcome)
        self._check_state()
        self.told.append(outcome)

    def run(
        self,
        loss: Loss,
        evaluations: int,
        *,
        batch: int,
        constraint: Constraint | None = None,
    ) -> "Driver":
        """Asks and tells until so many rows were asked for, or none come."""
        while len(self.asked) < evaluations:
            if not self.ask(min(batch, evaluations - len(self.asked))):
                break
            self.tell(loss, constraint=constraint)
        return self

    def _check_state(self) -> None:
        assert jax.tree.structure(self.state) == self.structure
        for leaf in leaves(self.state):
            assert isinstance(leaf, np.ndarray), f"a leaf of the state is {leaf!r}"

    @property
    def losses(self) -> Float64[np.ndarray, " n"]:
        """Everything that was told, in order."""
        return np.concatenate([outcome.loss for outcome in self.told])


def check_rows(proposer: AbstractProposer[Any]) -> None:
    """Canonical rows of the cube in double precision; sensible budgets and parents."""
    driver = Driver(proposer, RECIPE.space).run(RECIPE.loss, 24, batch=5)
    reached: dict[int, float] = {}
    for row, outcome in zip(driver.asked, _one_by_one(driver.told), strict=True):
        assert row.x.dtype == row.budget.dtype == np.float64
        assert row.parent.dtype == np.int64
        assert ((row.x >= 0) & (row.x <= 1)).all()
        np.testing.assert_array_equal(row.x, driver.space.canonical(row.x))
        budget, parent = float(row.budget[0]), int(row.parent[0])
        assert 0 < budget <= 1
        assert budget == 1 or proposer.multi_fidelity
        if parent >= 0:
            assert parent in reached, f"trial {parent} is resumed but was never told"
            assert budget > reached[parent]
        reached[int(outcome.trial[0])] = budget


def check_same_key_same_answer(proposer: AbstractProposer[Any]) -> None:
    """Two runs with one seed are bit-equal, and asking changes no state in place."""
    runs = [Driver(proposer, RECIPE.space).run(RECIPE.loss, 12, batch=4) for _ in "ab"]
    _assert_same(runs[0].asked, runs[1].asked)
    driver = runs[0]
    before = [leaf.copy() for leaf in leaves(driver.state)]
    old = driver.state
    driver.ask(2)
    driver.tell(RECIPE.loss)
    for leaf, copy in zip(leaves(old), before, strict=True):
        np.testing.assert_array_equal(leaf, copy)


def check_partial_tells(proposer: AbstractProposer[Any]) -> None:
    """Asked and told in parts and out of order, every row comes once."""
    driver = Driver(proposer, RECIPE.space)
    for count in (3, 1, 2, 4, 1, 2):
        driver.ask(count)
        driver.tell(RECIPE.loss, count=max(1, count - 1), last=True)
    driver.ask(20)
    driver.ask(20)
    assert driver.pending, "nothing was pending after asking for more and more"
    driver.tell(RECIPE.loss, last=True)
    assert driver.ask(3), "all was told, but nothing came"
    rows = [(row.x.tobytes(), float(row.budget[0])) for row in driver.asked]
    assert len(rows) == len(set(rows)), "a pending row was proposed again"


def check_bad_losses(proposer: AbstractProposer[Any]) -> None:
    """NaN, infinity, huge and equal losses neither raise nor stop the search."""
    values = [np.nan, np.inf, -np.inf, 1e300, -1e300, 0.0, 1e-300]
    for loss in (
        lambda config: np.nan,
        lambda config: 1.5,
        lambda config: values[int(1e9 * config["learning_rate"]) % len(values)],
    ):
        driver = Driver(proposer, RECIPE.space).run(loss, 16, batch=4)
        assert len(driver.asked) == 16


def check_monotone(proposer: AbstractProposer[Any]) -> None:
    """A rank-based proposer asks the same if losses are transformed monotonically."""
    if not proposer.rank_based:
        return
    runs = [
        Driver(proposer, RECIPE.space).run(loss, 45, batch=9)
        for loss in (RECIPE.loss, lambda config: np.exp(3 * RECIPE.loss(config)) - 7)
    ]
    _assert_same(runs[0].asked, runs[1].asked)


def check_state_round_trip(proposer: AbstractProposer[Any]) -> None:
    """The leaves, through bytes into a fresh structure, continue bit by bit alike."""
    driver = Driver(proposer, RECIPE.space).run(RECIPE.loss, 14, batch=4)
    driver.ask(3)
    arrays = leaves(driver.state)
    buffer = io.BytesIO()
    np.savez(buffer, *arrays)
    buffer.seek(0)
    with np.load(buffer, allow_pickle=False) as file:
        read = [file[name] for name in file.files]
    empty = proposer.init(driver.space, key=jr.fold_in(driver.key, 0))
    assert jax.tree.structure(empty) == driver.structure
    copy = Driver(proposer, driver.space)
    copy.state = with_leaves(empty, read)
    copy.asks, copy.trials = driver.asks, driver.trials
    copy.pending, copy.rows = list(driver.pending), dict(driver.rows)
    for leaf, other in zip(leaves(copy.state), arrays, strict=True):
        np.testing.assert_array_equal(leaf, other)
        assert leaf.dtype == other.dtype
    known = len(driver.asked)
    for run in (driver, copy):
        run.tell(RECIPE.loss)
        run.run(RECIPE.loss, len(run.asked) + 6, batch=3)
    _assert_same(driver.asked[known:], copy.asked)


def check_log(proposer: AbstractProposer[Any]) -> None:
    """A log of proposals and outcomes restores the state without proposing anew."""
    driver = Driver(proposer, RECIPE.space)
    state = driver.state
    for count in (4, 2, 5):
        known = len(driver.asked)
        driver.ask(count)
        new = driver.asked[known:]
        if new:
            proposal = jax.tree.map(lambda *rows: np.concatenate(rows), *new)
            state = proposer.expect(state, proposal)
        driver.tell(RECIPE.loss, count=3)
        state = proposer.tell(state, driver.told[-1])
    for leaf, other in zip(leaves(state), leaves(driver.state), strict=True):
        np.testing.assert_array_equal(leaf, other)


def check_finite_space(proposer: AbstractProposer[Any]) -> None:
    """No configuration of a finite space is started twice, and the end is reached."""
    driver = Driver(proposer, SMALL)
    while driver.ask(4) and len(driver.asked) < 500:
        driver.ask(2)  # the rows before are pending
        driver.tell(lambda config: config["c"])
    assert len(driver.asked) < 500, "a finite space must end with zero rows"
    new = [row.x.tobytes() for row in driver.asked if row.parent[0] < 0]
    assert len(new) == len(set(new)), "a configuration was started twice"
    if not isinstance(proposer, AbstractHalving) or proposer.brackets is None:
        assert len(new) == SMALL.size, f"{len(new)} of {SMALL.size} were proposed"


def check_strangers(proposer: AbstractProposer[Any]) -> None:
    """Outcomes of configurations that were never asked for are taken."""
    driver = Driver(proposer, RECIPE.space)
    x = RECIPE.space.canonical(np.random.default_rng(0).random((6, RECIPE.space.dim)))
    loss = np.array([RECIPE.loss(config) for config in RECIPE.space.decode(x)])
    for numbers in (np.arange(100, 103), np.arange(103, 106)):
        rows = numbers - 100
        outcome = Outcome(
            x[rows], numbers, np.full(3, -1), np.ones(3), loss[rows], np.ones(3)
        )
        driver.state = proposer.tell(driver.state, outcome)
        driver.run(RECIPE.loss, len(driver.asked) + 4, batch=2)
    assert len(driver.asked) == 8


def check_brackets(proposer: AbstractProposer[Any]) -> None:
    """Rungs have the sizes and budgets they promise, and only the best are resumed."""
    if not isinstance(proposer, AbstractHalving):
        return
    driver = Driver(proposer, RECIPE.space)
    for bracket in range(2):
        for number, rung in enumerate(proposer.rungs(bracket)):
            known = len(driver.asked)
            while driver.ask(7):
                pass
            rows = driver.asked[known:]
            assert len(rows) == rung.size
            assert sum(float(row.budget[0]) for row in rows) == sum(
                [rung.budget] * rung.size
            )
            if number:
                finished = driver.told[-1]
                best = finished.trial[np.argsort(finished.loss)[: rung.size]]
                assert {int(row.parent[0]) for row in rows} == set(best.tolist())
            driver.tell(RECIPE.loss)
        assert rung.budget == 1


def check_sizes(proposer: AbstractProposer[Any]) -> None:
    """One row or a thousand, with nothing told and with some, all of them distinct."""
    driver = Driver(proposer, RECIPE.space)
    driver.ask(60)
    driver.tell(RECIPE.loss, count=30)
    driver.ask(1)
    driver.ask(1000)
    driver.tell(RECIPE.loss)
    driver.ask(1)
    rows = [(row.x.tobytes(), float(row.budget[0])) for row in driver.asked]
    assert len(rows) == len(set(rows)), "a pending row was proposed again"


def check_simple_spaces(proposer: AbstractProposer[Any]) -> None:
    """Names only, and a single dimension."""
    seen = [config["a"] for config in _configs(proposer, NAMES, 12)]
    assert len(set(seen)) > 1
    values = [config["a"] for config in _configs(proposer, LINE, 12)]
    assert min(values) >= 1e-3
    assert max(values) <= 1


def _configs(proposer: AbstractProposer[Any], space: Space, n: int) -> list[Config]:
    def loss(config: Config) -> float:
        return sum(ord(c) for value in config.values() for c in str(value))

    driver = Driver(proposer, space).run(loss, n, batch=3)
    return space.decode(np.concatenate([row.x for row in driver.asked]))


def check_objectives(proposer: AbstractProposer[Any]) -> None:
    """Two objectives under a constraint, some failed, where several are taken."""
    if proposer.objectives is not None:
        return

    def losses(config: Config) -> tuple[float, float]:
        failed = config["width"] == 256
        first = np.nan if failed else RECIPE.loss(config)
        return first, -np.log(config["learning_rate"])

    def constraint(config: Config) -> float:
        return config["learning_rate"] - 0.05

    runs = [
        Driver(proposer, RECIPE.space).run(losses, 30, batch=5, constraint=constraint)
        for _ in "ab"
    ]
    assert len(runs[0].asked) == 30
    _assert_same(runs[0].asked, runs[1].asked)


PROPOSER_CHECKS: tuple[Callable[[AbstractProposer[Any]], None], ...] = (
    check_rows,
    check_same_key_same_answer,
    check_partial_tells,
    check_bad_losses,
    check_monotone,
    check_state_round_trip,
    check_log,
    check_finite_space,
    check_strangers,
    check_brackets,
    check_sizes,
    check_simple_spaces,
    check_objectives,
)


def check_beats_random(
    proposer: AbstractProposer[Any],
    problem: Synthetic,
    *,
    seeds: int = 8,
    evaluations: int = 40,
    batch: int = 4,
    sigma: float = 3.0,
) -> None:
    """The mean log regret is `sigma` standard errors below random search's.

    Both searches have the same seeds; the standard error is of their differences.
    """
    logs = [
        [
            log_regret(each, problem, seed=seed, evaluations=evaluations, batch=batch)
            for seed in range(seeds)
        ]
        for each in (proposer, Random())
    ]
    assert_lower(logs[0], logs[1], sigma=sigma)


def log_regret(
    proposer: AbstractProposer[Any],
    problem: Synthetic,
    *,
    seed: int,
    evaluations: int,
    batch: int,
) -> float:
    """The decimal logarithm of the best loss's distance from the minimum.

    Nearer than 1e-4 counts as there.
    """
    driver = Driver(proposer, problem.space, seed=seed)
    losses = driver.run(problem.loss, evaluations, batch=batch).losses
    return float(np.log10(max(np.nanmin(losses) - problem.minimum, 1e-4)))


def assert_lower(
    ours: Sequence[float], theirs: Sequence[float], *, sigma: float
) -> None:
    """The mean of paired differences is `sigma` standard errors below zero."""
    difference = np.array(ours) - np.array(theirs)
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    assert difference.mean() < -sigma * error, (
        f"mean difference {difference.mean():.3f}, standard error {error:.3f}"
    )


def _one_by_one(outcomes: Sequence[Outcome]) -> list[Outcome]:
    return [
        jax.tree.map(lambda leaf, i=i: leaf[i : i + 1], outcome)
        for outcome in outcomes
        for i in range(len(outcome))
    ]


def _assert_same(a: Sequence[Proposal], b: Sequence[Proposal]) -> None:
    assert len(a) == len(b)
    for left, right in zip(a, b, strict=True):
        for leaf, other in zip(
            jax.tree.leaves(left), jax.tree.leaves(right), strict=True
        ):
            np.testing.assert_array_equal(leaf, other)
