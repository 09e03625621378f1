"""The door to every search algorithm: ask for a batch, tell its losses."""

from abc import abstractmethod
from typing import Any, ClassVar, Generic, TypeVar

import equinox as eqx
import numpy as np
from jaxtyping import Float64, Int64

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Key
from thalweg.spaces import Space

State = TypeVar("State", bound=eqx.Module)


class Proposal(eqx.Module):
    """What to train next. Rows are canonical: equal if the configurations are."""

    x: Float64[np.ndarray, "n d"]  # in the unit cube
    parent: Int64[np.ndarray, " n"]  # the trial whose weights are resumed; -1: none
    budget: Float64[np.ndarray, " n"]  # reached at the end; 1 is a full training

    def __len__(self) -> int:
        return len(self.parent)

    @staticmethod
    def fresh(x: Float64[np.ndarray, "n d"], budget: float = 1.0) -> "Proposal":
        """New trials, all of one budget."""
        return Proposal(x, np.full(len(x), -1), np.full(len(x), budget))


class Outcome(eqx.Module):
    """What became of proposals: their rows again, with what was measured.

    `losses` has a column for each objective; smaller is better. A row with an entry
    that is NaN or infinite diverged or failed. A row is feasible where none of its
    `constraints` is above 0; there may be none.
    """

    x: Float64[np.ndarray, "n d"]
    trial: Int64[np.ndarray, " n"]  # the number under which it runs
    parent: Int64[np.ndarray, " n"]
    budget: Float64[np.ndarray, " n"]
    losses: Float64[np.ndarray, "n m"]
    cost: Float64[np.ndarray, " n"]  # seconds; NaN where unknown
    constraints: Float64[np.ndarray, "n c"]

    def __init__(
        self,
        x: Float64[np.ndarray, "n d"],
        trial: Int64[np.ndarray, " n"],
        parent: Int64[np.ndarray, " n"],
        budget: Float64[np.ndarray, " n"],
        losses: Float64[np.ndarray, "n *m"],
        cost: Float64[np.ndarray, " n"],
        constraints: Float64[np.ndarray, "n c"] | None = None,
    ):
        self.x, self.trial, self.parent, self.budget = x, trial, parent, budget
        self.losses = losses[:, None] if losses.ndim == 1 else losses
        self.cost = cost
        none = np.zeros((len(trial), 0))
        self.constraints = none if constraints is None else constraints

    def __len__(self) -> int:
        return len(self.trial)

    @property
    def loss(self) -> Float64[np.ndarray, " n"]:
        """The first objective, for those who look at one only."""
        return self.losses[:, 0]


class AbstractProposer(eqx.Module, Generic[State]):
    """A search algorithm over the unit cube of a space: a pure state machine.

    * `ask` gives up to `n` rows that nobody has been given before. It may give fewer.
      Zero rows mean: nothing to do until an outcome is told; if no proposal is
      pending either, the proposer is exhausted (all of a finite space was proposed,
      or as many brackets as were wished for).
    * Proposals are pending until `tell` brings an outcome with the same `x`, `parent`
      and `budget` (bit by bit). Outcomes come in any order, one by one or many at a
      time, also between asks. Every pending proposal should get one: report a trial
      that was given up with loss NaN.
    * `tell` also takes outcomes of configurations that were never proposed. Models
      learn from them; rungs ignore them.
    * A loss that is NaN or infinite is worse than every finite one. It never raises.
    * A trial is resumed, and keeps its number, exactly if `x` is its parent's row:
      `parent` and `trial` are then equal. With another `x` a new trial begins, from
      its parent's weights.
    * Outcomes may have several objectives where `objectives` is None, and constraints.
      All outcomes have as many as the first.
    * `x` is canonical (`Space.canonical`), and within a finite space no configuration
      is proposed twice as a new trial.
    * The same state and key give the same answer, on one machine bit by bit.

    A state is a module whose tree structure is settled by `init`; all that changes are
    its leaves, NumPy arrays whose shapes may grow. So the leaves can be written to
    disk and laid into the structure of a fresh `init` (`with_leaves`). What `ask`
    changes depends on its answer only (`expect`), so that a log of proposals and
    outcomes restores a state too, without computing proposals anew.
    """

    rank_based: ClassVar[bool]  # unchanged if losses are transformed monotonically
    multi_fidelity: ClassVar[bool]  # asks for budgets below 1
    inherits: ClassVar[bool] = False  # some trials begin from another one's weights
    objectives: ClassVar[int | None] = 1  # how many it can take; None: any number

    @abstractmethod
    def init(self, space: Space, *, key: Key) -> State:
        """The state before the first ask."""

    @abstractmethod
    def propose(self, state: State, n: int, *, key: Key) -> Proposal:
        """Up to `n` rows; see the class. Changes nothing."""

    @abstractmethod
    def expect(self, state: State, proposal: Proposal) -> State:
        """The state that waits for the outcomes of `proposal`."""

    @abstractmethod
    def tell(self, state: State, outcome: Outcome) -> State:
        """The state that knows the outcomes."""

    def recommend(self, state: State) -> Float64[np.ndarray, " d"] | None:
        """The told row that its model holds for the best; None without a model.

        Where losses are noisy the lowest one seen is the luckiest; a model's mean,
        which knows the neighbours, is not misled so.
        """
        del state
        return None

    def ask(self, state: State, n: int, *, key: Key) -> tuple[Proposal, State]:
        """Up to `n` proposals, and the state that waits for their outcomes."""
        if isinstance(n, bool) or not isinstance(n, int | np.integer) or n < 1:
            raise InvalidInput(f"`ask` needs a positive number of rows, but got {n!r}.")
        proposal = self.propose(state, int(n), key=key)
        return proposal, self.expect(state, proposal)


def leaves(state: eqx.Module) -> list[np.ndarray]:
    """The arrays of a state, in a fixed order."""
    import jax

    return jax.tree.leaves(state)


def with_leaves(state: State, arrays: list[Any]) -> State:
    """A state of `state`'s structure with `arrays` (from `leaves`) in it."""
    import jax

    structure = jax.tree.structure(state)
    if structure.num_leaves != len(arrays):
        raise InvalidInput(
            f"This proposer's state has {structure.num_leaves} arrays, but got "
            f"{len(arrays)}. They belong to another proposer."
        )
    return jax.tree.unflatten(structure, arrays)
