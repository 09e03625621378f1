"""Training without gradients: any strategy of `thalweg.strategies` as an optimizer.

Random subspaces: Li et al. 2018, section 2, https://arxiv.org/abs/1804.08838
Departs from the paper: the projection is sparse. Every weight follows one variable,
with a random sign, and all variables move equally many weights, so that the directions
are orthogonal and as many variables as weights give the whole space.
"""

from collections.abc import Callable
from dataclasses import KW_ONLY, replace
from functools import partial
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, UInt32

from thalweg.core.errors import InvalidInput
from thalweg.core.packing import Packing
from thalweg.core.rng import bits, key_of, mix, shuffled
from thalweg.core.typing import Params
from thalweg.optimizers.base import AbstractOptimizer, own_values, under
from thalweg.optimizers.leafwise import each, no_steps
from thalweg.optimizers.objective import Objective, Value
from thalweg.strategies import STRATEGIES, AbstractSmoothing, AbstractStrategy

# Weights of the candidates that are evaluated at a time. On one core, batches of 32: a
# 64-16-10 network took 15 us a candidate in eights, 31 one by one, 38 in sixty-fours;
# a 64-300-200-10 one took 1.4 ms one by one, 2.1 in eights.
TOGETHER = 2**14
IN_MEMORY = 2**22  # weights of a generation that is kept, rather than made again


class Subspace(eqx.Module):
    """Where the weights begin, and the variable that each one follows."""

    origin: Float[Array, " w"]
    place: Int[Array, " w"]
    sign: Float[Array, " w"]

    @staticmethod
    def of(
        weights: Float[Array, " w"], size: int, word: UInt32[Array, ""]
    ) -> "Subspace":
        """A random one of `size` dimensions through `weights`."""
        if not 1 <= size <= weights.size:
            raise InvalidInput(
                f"`subspace` must lie in [1, {weights.size}], the number of weights, "
                f"but got {size}."
            )
        index = jnp.arange(weights.size)
        place = shuffled(index, jnp.asarray(weights.size), mix(word)) % size
        sign = jnp.where(bits(word, weights.shape) >> 31 == 1, 1.0, -1.0)
        return Subspace(weights, place, sign.astype(weights.dtype))

    def weights(self, x: Float[Array, " d"]) -> Float[Array, " w"]:
        """Those of the point `x`."""
        return self.origin + self.sign * x[self.place]


class DerivativeFreeState(eqx.Module):
    count: Int[Array, ""]  # steps made
    word: UInt32[Array, ""]  # that candidates are drawn from
    scale: list[Float[Array, ""]]  # of each parameter: the unit of the search
    subspace: Subspace | None
    search: Any  # the strategy's state
    rule: Any  # that of the rule, if there is one


def as_strategy(value: Any) -> AbstractStrategy[Any]:
    """A strategy, or the one of that name with its defaults."""
    if isinstance(value, AbstractStrategy):
        return value
    return STRATEGIES[value]()


class DerivativeFree(AbstractOptimizer[DerivativeFreeState]):
    """For losses without useful derivatives: steps, counts, noise, black boxes.

    Wherever gradients exist they win, by more the more weights there are. Each step
    evaluates a generation of candidates on the same batch, and the point where the
    search stands along with them: a new batch never is compared with an old one. A
    step so costs as many evaluations as `strategy.size` says, or one more.

    The unit of the strategy's `sigma` is, for each parameter, the root of its mean
    square at the start (that of all, if the parameter is zero): `sigma=0.3` perturbs
    weights by a third of their size. The search keeps its point in at least single
    precision; `params` follow it, and changes that others make to them are undone.

    **strategy**: a name or an instance. **rule**: the optimizer that moves the point,
    where the strategy estimates a gradient (`EvolutionStrategy`); it sees one vector.
    **subspace**: search only that many random directions through the start.
    **width**: candidates evaluated at a time; they are as many copies of the weights.
    **seed**: members of a population that begin at other weights draw other candidates
    even if it is the same.
    """

    strategy: AbstractStrategy[Any] = eqx.field(converter=as_strategy)
    rule: AbstractOptimizer[Any] | None = None
    _: KW_ONLY
    subspace: int | None = eqx.field(default=None, static=True)
    width: int | None = eqx.field(default=None, static=True)
    seed: Int[Any, "*p"] = eqx.field(default=0, converter=jnp.asarray)

    looks_further: ClassVar[bool] = True

    def __check_init__(self):
        if self.rule is not None and not self._smooths:
            raise InvalidInput(
                "`rule` needs a strategy that estimates a gradient, but got "
                f"{type(self.strategy).__name__}. Leave it out, or use "
                "EvolutionStrategy."
            )

    def init(self, params: Params) -> DerivativeFreeState:
        scale = _scales(params)
        x = _layout(params).pack(_divided(params, scale))
        (x,) = x.values()
        word = mix(self.seed.astype(jnp.uint32) ^ _fingerprint(x))
        subspace = None
        if self.subspace is not None:
            subspace = Subspace.of(x, self.subspace, word)
            x = jnp.zeros(self.subspace, x.dtype)
        search = self.strategy.init(x, key=key_of(word))
        rule = None if self.rule is None else self.rule.init(x)
        return DerivativeFreeState(no_steps(), word, scale, subspace, search, rule)

    def update(
        self, grads: Params, state: DerivativeFreeState, params: Params
    ) -> tuple[Params, DerivativeFreeState]:
        return self.step(Objective.of_gradient(grads), state, params)[1:]

    def step(
        self, objective: Objective, state: DerivativeFreeState, params: Params
    ) -> tuple[Value, Params, DerivativeFreeState]:
        objective.must_be_anywhere(self)
        key = key_of(mix(state.word + mix(state.count.astype(jnp.uint32) + 1)))
        strategy: Any = self.strategy
        dim = strategy.point(state.search).size
        rule = state.rule
        if strategy.size(dim) * dim <= IN_MEMORY or not self._smooths:
            x = strategy.ask(state.search, key=key)
            losses = self._losses(objective, state, params, x, lambda row: row)
        else:
            x, index = None, jnp.arange(strategy.size(dim))
            candidate = partial(strategy.candidate, state.search, key=key)
            losses = self._losses(objective, state, params, index, candidate)
        value = losses[0] if strategy.point_first else objective.value(params)
        if self.rule is not None:
            gradient = strategy.gradient(state.search, losses, key=key)
            point = strategy.point(state.search)
            change, rule = self.rule.update(gradient, state.rule, point)
            search = strategy.placed(state.search, point + change, losses, key=key)
        elif x is None:
            search = strategy.tell_losses(state.search, losses, key=key)
        else:
            search = strategy.tell(state.search, x, losses)
        new = _params(strategy.point(search), state, params)
        updates = each(lambda p, q: q - p, params, new)
        after = replace(state, count=state.count + 1, search=search, rule=rule)
        return value, updates, after

    def current(self, state: DerivativeFreeState) -> dict[str, Array]:
        strategy: Any = self.strategy
        found = under(type(strategy).__name__, own_values(strategy, state))
        return found if self.rule is None else self.rule.current(state.rule) | found

    @property
    def _smooths(self) -> bool:
        return isinstance(self.strategy, AbstractSmoothing)

    def _losses(
        self,
        objective: Objective,
        state: DerivativeFreeState,
        params: Params,
        each: Array,
        candidate: Callable[[Array], Float[Array, " d"]],
    ) -> Float[Array, " n"]:
        """Of the candidates that `each` stands for, some at a time."""

        def loss(one: Array) -> Value:
            return objective.value(_params(candidate(one), state, params))

        return jax.lax.map(loss, each, batch_size=self._width(len(each), params))

    def _width(self, count: int, params: Params) -> int:
        """The largest divisor of `count` whose candidates are few enough."""
        size = sum(leaf.size for leaf in jax.tree.leaves(params))
        most = self.width or max(1, TOGETHER // size)
        return max(w for w in range(1, count + 1) if count % w == 0 and w <= most)


def _layout(params: Params) -> Packing:
    """All leaves as one vector, in at least single precision."""
    leaves = jax.tree.leaves(params)
    wide = jnp.result_type(jnp.float32, *leaves)
    return Packing.of(
        jax.tree.map(lambda p: jax.ShapeDtypeStruct(jnp.shape(p), wide), params)
    )


def _scales(params: Params) -> list[Float[Array, ""]]:
    """What each leaf's entries are measured in."""
    leaves = jax.tree.leaves(params)
    wide = jnp.result_type(jnp.float32, *leaves)
    squares = [jnp.sum(jnp.square(p.astype(wide))) for p in leaves]
    everything = sum(squares, jnp.zeros((), wide)) / max(1, sum(p.size for p in leaves))
    common = jnp.where(everything > 0, jnp.sqrt(everything), 1.0)
    own = [jnp.sqrt(s / max(1, p.size)) for s, p in zip(squares, leaves, strict=True)]
    return [jnp.where(s > 0, s, common).astype(wide) for s in own]


def _divided(params: Params, scale: list[Float[Array, ""]]) -> Params:
    leaves, treedef = jax.tree.flatten(params)
    divided = [p.astype(s.dtype) / s for p, s in zip(leaves, scale, strict=True)]
    return jax.tree.unflatten(treedef, divided)


def _params(x: Float[Array, " d"], state: DerivativeFreeState, like: Params) -> Params:
    """The parameters at a point of the search."""
    weights = x if state.subspace is None else state.subspace.weights(x)
    tree = _layout(like).unpack({weights.dtype.name: weights})
    leaves, treedef = jax.tree.flatten(tree)
    scaled = [p * s for p, s in zip(leaves, state.scale, strict=True)]
    return each(lambda _, p: p, like, jax.tree.unflatten(treedef, scaled))


def _fingerprint(x: Float[Array, " w"]) -> UInt32[Array, ""]:
    """A word that says which weights are positive: rounding does not change it."""
    position = jax.lax.iota(jnp.uint32, x.size)
    return jnp.sum(jnp.where(x > 0, mix(position), 0), dtype=jnp.uint32)
