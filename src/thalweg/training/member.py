"""One network in training: pure functions that build it, step it and judge it.

Nothing here knows how many members there are; `population.py` runs these functions for
each. A loss that is not finite ends its member with status `DIVERGED` and nothing else.
The recipe (a `Candidate`) is what a member is trained by, and never changes; `Member`
is what the next step needs.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree, UInt32

from thalweg.augmentation import partner
from thalweg.core.packing import Packing, Vectors
from thalweg.core.rng import key_of, mix, shuffled
from thalweg.core.trainable import is_statistics, partition
from thalweg.losses import AbstractLoss
from thalweg.networks.layers.normalization import calibrate, statistics_of
from thalweg.optimizers import Objective, looks_further, on_vectors
from thalweg.penalties import L1, L2, Sum
from thalweg.training.candidate import Candidate, Stop
from thalweg.training.dataset import Dataset, as_numbers, rows_in_use

# What has become of a member.
RUNNING, CONVERGED, STOPPED, DIVERGED = 0, 1, 2, 3
STATUS = ("running", "complete", "stopped", "diverged")

EVALUATION_ROWS = 1024  # rows judged at a time, so that activations stay small
CALIBRATION_ROWS = 512  # training rows that batch normalisation is measured on, at most


class Member(eqx.Module):
    """A network in training, and its best so far."""

    params: Vectors  # what is trained of the network
    rest: PyTree  # everything else of it, but for what is measured
    state: PyTree  # of the optimizer
    split: Int[Array, ""]
    seed: UInt32[Array, ""]
    step: Int[Array, ""]  # steps taken
    status: Int[Array, ""]
    best_loss: Float[Array, ""]
    best_step: Int[Array, ""]
    best_params: Vectors
    statistics: Vectors  # batch normalisation's at the last judgement, if any
    best_statistics: Vectors
    best_outputs: Float[Array, "nv c"]  # on the validation rows of its split
    waited: Int[Array, ""]  # rounds since the best
    packing: Packing = eqx.field(static=True)  # of the parameters
    measures: Packing = eqx.field(static=True)  # of the statistics

    @property
    def network(self) -> Any:
        """The network as it is now."""
        return self.with_params(self.params)

    @property
    def best_network(self) -> Any:
        """The network as it was at its best."""
        best = eqx.tree_at(lambda m: m.statistics, self, self.best_statistics)
        return best.with_params(self.best_params)

    def with_params(self, params: Vectors) -> Any:
        """The network with these parameters."""
        return self.whole(self.packing.unpack(params))

    def whole(self, params: PyTree) -> Any:
        """The network with these parameters, unpacked."""
        statistics = self.measures.unpack(self.statistics)
        return eqx.combine(params, statistics, self.rest)


def build(
    recipe: Candidate,
    inputs: Any,
    outputs: int,
    validation_rows: int,
    split: Int[Array, ""],
    seed: UInt32[Array, ""],
) -> Member:
    """A fresh member: its weights depend on `seed` and its recipe alone."""
    network = recipe.network.build(inputs, outputs, key=key_of(seed))
    tree, rest = partition(network)
    packing = Packing.of(tree)
    params = packing.pack(tree)
    found, rest = eqx.partition(
        rest, jax.tree.map(is_statistics, rest, is_leaf=is_statistics)
    )
    measures = Packing.of(found)
    statistics = measures.pack(found)
    zero = jnp.zeros((), jnp.int32)
    return Member(
        params=params,
        rest=rest,
        state=on_vectors(recipe.optimizer, packing).init(params),
        split=split,
        seed=seed,
        step=zero,
        status=zero + RUNNING,
        best_loss=jnp.asarray(jnp.inf, jnp.float32),
        best_step=zero,
        best_params=params,
        statistics=statistics,
        best_statistics=statistics,
        best_outputs=jnp.zeros((validation_rows, outputs), jnp.float32),
        waited=zero,
        packing=packing,
        measures=measures,
    )


def for_vectors(recipe: Candidate, packing: Packing) -> Candidate:
    """The recipe with its optimizer as the functions below want it."""
    return eqx.tree_at(
        lambda r: r.optimizer, recipe, on_vectors(recipe.optimizer, packing)
    )


def solved(member: Member, recipe: Candidate) -> Any:
    """The network that the optimizer recommends now."""
    optimizer = on_vectors(recipe.optimizer, member.packing)
    return member.with_params(optimizer.solution(member.params, member.state))


def step(
    member: Member, recipe: Candidate, data: Dataset
) -> tuple[Member, Float[Array, ""]]:
    """One step on the member's next batch, and the batch's loss before it."""
    # schedules once, not again in every alternative of an optimizer
    optimizer = recipe.optimizer.at(member.step)
    objective = batch_objective(member, recipe, data)
    loss, updates, state = optimizer.step(objective, member.state, member.params)
    member = eqx.tree_at(
        lambda m: (m.params, m.state, m.step),
        member,
        (jax.tree.map(jnp.add, member.params, updates), state, member.step + 1),
    )
    return member, loss


def batch_objective(member: Member, recipe: Candidate, data: Dataset) -> Objective:
    """The loss of the member's next batch, for packed parameters.

    Penalties have a part in its gradients. Its values are the data's alone, except for
    rules that compare values, which must fit the gradients.
    """
    rows = next_rows(member, data, recipe.batch_size)
    x, y, weight = data.batch(member.split, rows)
    word = mix(member.step.astype(jnp.uint32))
    key = key_of(mix(member.seed ^ word))
    strengths = ((L1, recipe.l1), (L2, recipe.l2))
    penalty = Sum([kind(s) for kind, s in strengths if s is not None])
    share = None
    if recipe.augment is not None:
        x, share = recipe.augment(x, seed=mix(member.seed + mix(~word)))

    def weighted(outputs: Array, y: Array, weight: Array | None) -> Array:
        losses = example_losses(recipe.loss, outputs, y)
        return losses if weight is None else losses * weight

    def of_data(params: PyTree) -> Float[Array, ""]:
        network = member.whole(params)
        outputs = network(as_numbers(x), key=key, inference=False)
        losses = weighted(outputs, y, weight)
        if share is not None:  # of a mixture: the rest is its partner's
            rest = None if weight is None else partner(weight)
            others = weighted(outputs, partner(y), rest)
            losses = share * losses + (1 - share) * others
        return jnp.mean(losses)

    objective = Objective.of(of_data).with_grads(penalty.add_to)
    if looks_further(recipe.optimizer):
        objective = Objective.of(lambda p: of_data(p) + penalty.value(p))
    return objective.seen_through(member.packing.unpack, member.packing.pack)


def next_rows(member: Member, data: Dataset, batch_size: int) -> Int[Array, " b"]:
    """The rows of the next batch: every epoch is a shuffle of its own, none dropped.

    A batch may end one epoch and begin the next; it never spans three, because it is
    at most as long as the training part.
    """
    size = data.train_size[member.split]
    begin = member.step * batch_size
    # neither is negative: the plain instructions, not Python's rules for signs
    epoch, begin = jax.lax.div(begin, size), jax.lax.rem(begin, size)
    position = begin + jnp.arange(batch_size, dtype=jnp.int32)
    over = position >= size
    seeds = mix(member.seed + mix(jnp.stack([epoch, epoch + 1]).astype(jnp.uint32)))
    seed = jnp.where(over, seeds[1], seeds[0])
    index = shuffled(jnp.where(over, position - size, position), size, seed)
    return data.train_rows[member.split, index]


def example_losses(
    loss: AbstractLoss, outputs: Float[Array, "b ..."], y: Array
) -> Float[Array, " b"]:
    """Losses of a batch; an ensemble's networks (`[b, m, c]`) are judged one by one."""
    if outputs.ndim == 2:
        return loss(outputs, y)
    each = jax.vmap(loss, in_axes=(1, None), out_axes=1)(outputs, y)
    return jnp.mean(each, axis=1)


def combined(loss: AbstractLoss, outputs: Float[Array, "b ..."]) -> Float[Array, "b c"]:
    """One output per row: an ensemble's members vote with their probabilities."""
    if outputs.ndim == 2:
        return outputs
    return loss.unlink(jnp.mean(loss.link(outputs), axis=1))


def outputs_of(network: Any, loss: AbstractLoss, x: PyTree) -> Float[Array, "n c"]:
    """The network's outputs on many rows, some at a time."""
    rows = jax.tree.leaves(x)[0].shape[0]

    def some(x: PyTree) -> Float[Array, "b c"]:
        outputs = network(as_numbers(x), key=None, inference=True)
        return combined(loss, outputs)

    if rows <= EVALUATION_ROWS:
        return some(x)
    chunks = -(-rows // EVALUATION_ROWS)
    padding = chunks * EVALUATION_ROWS - rows

    def cut(a: Array) -> Array:
        a = jnp.pad(a, [(0, padding)] + [(0, 0)] * (a.ndim - 1))
        return a.reshape(chunks, EVALUATION_ROWS, *a.shape[1:])

    out = jax.lax.map(some, jax.tree.map(cut, x))
    return out.reshape(chunks * EVALUATION_ROWS, -1)[:rows]


def judge(
    member: Member,
    recipe: Candidate,
    data: Dataset,
    judge_loss: AbstractLoss,
    train_loss: Float[Array, ""],
) -> tuple[Member, Float[Array, ""]]:
    """Validation loss now; the best weights are kept, and the stop rules applied.

    Without validation rows the training loss stands in for it.
    """
    rows = data.validation_rows[member.split]
    x, y, _ = data.batch(member.split, rows)
    solution = recipe.optimizer.solution(member.params, member.state)
    member = measured(member, solution, data)
    outputs = outputs_of(member.with_params(solution), judge_loss, x)
    use = rows_in_use(data.validation_size[member.split], rows.shape[0])
    losses = jnp.where(use > 0, judge_loss(outputs, y), 0.0)
    mean = jnp.sum(losses) / jnp.maximum(jnp.sum(use), 1.0)
    value = jnp.where(jnp.sum(use) > 0, mean, train_loss)
    # a network that overflowed in training but not here has diverged all the same
    value = jnp.where(jnp.isfinite(train_loss), value, jnp.nan)
    state = recipe.optimizer.observe(member.state, value)
    member = eqx.tree_at(lambda m: m.state, member, state)
    return remember(member, recipe.stop, value, outputs, solution), value


def measured(member: Member, solution: Vectors, data: Dataset) -> Member:
    """The member with its `solution`'s statistics of some training rows, if it has any.

    Those rows are always the same, so that a judgement depends on the member alone.
    """
    if not member.statistics:
        return member
    size, longest = data.train_size[member.split], data.train_rows.shape[1]
    count = min(CALIBRATION_ROWS, longest)
    # all over the split, none of its padding; no product of two long integers
    spread = (jnp.arange(count) * (size / count)).astype(jnp.int32)
    x, _, _ = data.batch(member.split, data.train_rows[member.split, spread])
    network = calibrate(member.with_params(solution), as_numbers(x))
    statistics = member.measures.pack(statistics_of(network))
    return eqx.tree_at(lambda m: m.statistics, member, statistics)


def remember(
    member: Member,
    stop: Stop,
    value: Float[Array, ""],
    outputs: Float[Array, "nv c"],
    solution: Vectors,
) -> Member:
    """The member after a judgement of its `solution` as worth `value`."""
    better = value < member.best_loss
    kept = (
        member.best_params,
        member.best_statistics,
        member.best_outputs,
        member.best_loss,
        member.best_step,
    )
    new = (solution, member.statistics, outputs, value, member.step)
    kept = jax.lax.cond(better, lambda: new, lambda: kept)
    waited = jnp.where(better, 0, member.waited + 1)
    status = jnp.where(member.step >= stop.steps, CONVERGED, RUNNING)
    best_step = kept[-1]
    since = member.step - best_step
    long = (waited >= stop.patience) & (since >= stop.ratio * best_step)
    status = jnp.where(long, STOPPED, status)
    status = jnp.where(value <= stop.threshold, STOPPED, status)
    status = jnp.where(jnp.isfinite(value), status, DIVERGED)
    return eqx.tree_at(
        lambda m: (
            m.best_params,
            m.best_statistics,
            m.best_outputs,
            m.best_loss,
            m.best_step,
            m.waited,
            m.status,
        ),
        member,
        (*kept, waited, status.astype(jnp.int32)),
    )


def train_round(
    member: Member,
    recipe: Candidate,
    data: Dataset,
    judge_loss: AbstractLoss,
    steps: Int[Array, ""],
) -> tuple[Member, Float[Array, " k"]]:
    """Up to `steps` steps, then a judgement. Returns `(step, train loss, loss)`."""
    end = jnp.minimum(member.step + steps, recipe.stop.steps)
    taken = end - member.step

    arrays, rest = eqx.partition(member, eqx.is_array)

    def body(_: int, carry: Any) -> Any:
        arrays, total = carry
        member, loss = step(eqx.combine(arrays, rest), recipe, data)
        return eqx.filter(member, eqx.is_array), total + loss

    arrays, total = jax.lax.fori_loop(0, taken, body, (arrays, jnp.float32(0)))
    member = eqx.combine(arrays, rest)
    train_loss = total / jnp.maximum(taken, 1)
    member, value = judge(member, recipe, data, judge_loss, train_loss)
    return member, jnp.stack([member.step.astype(jnp.float32), train_loss, value])
