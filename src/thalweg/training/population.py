"""Train a population of networks at once: one program, a leading axis `p`.

The program is compiled once for a signature and serves populations of any size: it has
room for a fixed number of members per device, and *which* of them train in a call, for
how many rounds, is data. So members come and go between calls (finished ones are read
out, waiting ones move in), nothing is ever compiled again for it, and a member's
arithmetic does not depend on who its neighbours are.
"""

import copy
import time
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P
from jaxtyping import Array, Float, Int, PyTree, UInt32

from thalweg.core.errors import InvalidInput
from thalweg.core.packing import Packing, Vectors
from thalweg.losses import AbstractLoss
from thalweg.training.candidate import Candidate, is_structure
from thalweg.training.dataset import Dataset
from thalweg.training.member import CONVERGED, Member, build, for_vectors, train_round

ROUNDS = 32  # the most rounds that a member trains in one call
PLACED = 8  # members that move in at a time with a history
CURVE = ("step", "train_loss", "loss")


AS_IS, FRESH, HEIR = 0, 1, 2  # what a member is when it is first visited


class Arrivals(NamedTuple):
    """Who lives at each place.

    Members marked FRESH are built when first visited. An HEIR has somebody's weights,
    optimizer state and step; all else of it is its own.
    """

    candidate: Any  # leaves [p, ...]; has `assemble() -> Candidate`
    split: Int[Any, " p"]
    seed: UInt32[Any, " p"]
    fresh: Int[Any, " p"]


class Visit(NamedTuple):
    """Which places train in one call, per device, in order; the rest are untouched."""

    order: Int[Any, " p"]  # places within the device; the first `count` train
    count: Int[Any, " devices"]
    rounds: Int[Any, " devices"]  # of each member, ROUNDS at most
    steps: Int[Any, " devices"]  # of one round


class Task(NamedTuple):
    """What all members of a program share."""

    data: Dataset
    inputs: Any  # leaves [s, ...], as the network's description wants them
    outputs: int
    judge: AbstractLoss  # what validation is measured by
    # more to measure at each judgement: of (member, recipe, data), `inspection.inspect`
    inspect: Callable[..., Float[Array, " k"]] | None = None


class Program:
    """The compiled form of one signature.

    **capacity**: places for members in all: a multiple of `width` times the devices.
    **width**: how many of them a device trains as one batch.
    """

    def __init__(
        self, example: Any, task: Task, *, mesh: Mesh, capacity: int, width: int
    ):
        assert capacity % (width * mesh.size) == 0, (capacity, width, mesh.size)
        self.mesh, self.capacity, self.width = mesh, capacity, width
        self.compile_seconds = 0.0
        self._judge, self._inspect = task.judge, task.inspect
        arrays, self._candidate_rest = eqx.partition(example, eqx.is_array_like)
        self.example = jax.tree.map(np.asarray, arrays)  # leaves of one candidate
        self.validation_size = np.asarray(task.data.validation_size)
        self._outputs = task.outputs

        def build_one(candidate: PyTree, split: Any, seed: Any) -> Member:
            recipe = self._recipe(candidate)
            _check_batch(recipe.batch_size, task.data)
            return self._build(recipe, task.data, task.inputs, split, seed)

        member = eqx.filter_eval_shape(
            build_one, self.example, np.int32(0), np.uint32(0)
        )
        arrays, self._rest = eqx.partition(member, _is_shape)
        self.packing = Packing.of(arrays)  # of a member
        self._params = member.packing  # of its parameters
        self.columns = len(CURVE) + self._inspected(member, task.data)
        self._compiled: Any = None

    def with_capacity(self, capacity: int) -> "Program":
        """The same with room for so many, to be compiled; nothing is traced anew."""
        assert capacity % (self.width * self.mesh.size) == 0, (capacity, self.capacity)
        other = copy.copy(self)
        other.capacity, other._compiled = capacity, None
        return other

    @property
    def member_bytes(self) -> int:
        """Memory that one place takes."""
        sizes = self.packing.sizes.items()
        return sum(size * np.dtype(dtype).itemsize for dtype, size in sizes)

    @property
    def parameters(self) -> int:
        """Numbers that are trained of one network."""
        return sum(self._params.sizes.values())

    def compile(self, task: Task) -> None:
        """Trace and compile, or take the program from the persistent cache."""
        begin = time.perf_counter()
        sharded, everywhere = self._shardings()

        def per_place(shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
            shape = (self.capacity, *shape)
            return jax.ShapeDtypeStruct(shape, dtype, sharding=sharded)

        def whole(leaf: Any) -> jax.ShapeDtypeStruct:
            dtype = jnp.result_type(leaf)
            return jax.ShapeDtypeStruct(np.shape(leaf), dtype, sharding=everywhere)

        def places(dtype: Any, size: int) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct((size,), dtype, sharding=sharded)

        p, devices, sizes = self.capacity, self.mesh.size, self.packing.sizes
        i32, u32 = jnp.int32, jnp.uint32
        arrivals = Arrivals(
            jax.tree.map(lambda leaf: per_place(leaf.shape, leaf.dtype), self.example),
            places(i32, p),
            places(u32, p),
            places(i32, p),
        )
        visit = Visit(places(i32, p), *(places(i32, devices) for _ in range(3)))
        lowered = jax.jit(self._segment(), donate_argnums=0).lower(
            {name: per_place((size,), name) for name, size in sizes.items()},
            jax.tree.map(whole, (task.data, task.inputs)),
            arrivals,
            visit,
        )
        self._compiled = lowered.compile()
        self.compile_seconds = time.perf_counter() - begin

    def empty(self) -> Vectors:
        """A population in which nobody lives yet: members packed, one in each row."""
        zeros = {
            name: np.zeros((self.capacity, size), name)
            for name, size in self.packing.sizes.items()
        }
        return jax.device_put(zeros, self._shardings()[0])

    def put(self, data: PyTree) -> PyTree:
        """Operands that all devices share, where the program wants them."""
        return jax.device_put(data, self._shardings()[1])

    def run(
        self, population: Vectors, shared: PyTree, arrivals: Arrivals, visit: Visit
    ) -> tuple[Vectors, Float[Array, "p t k"]]:
        """The population after the visit, and the rounds' curves (NaN: no round).

        Consumes `population`. Returns before the work is done.
        """
        sharded, _ = self._shardings()
        arrivals = arrivals._replace(
            candidate=eqx.filter(arrivals.candidate, eqx.is_array_like)
        )
        arrivals, visit = jax.device_put((arrivals, visit), sharded)
        return self._compiled(population, shared, arrivals, visit)

    def place(self, population: Vectors, members: dict[int, PyTree]) -> Vectors:
        """The population with members (their arrays) put where they are named.

        Consumes `population`. A few at a time, so that one program serves any number.
        """
        for begin in range(0, len(members), PLACED):
            some = list(members.items())[begin : begin + PLACED]
            index = np.full(PLACED, self.capacity, np.int32)  # out of range: dropped
            index[: len(some)] = [place for place, _ in some]
            rows = [self.packing.pack(arrays) for _, arrays in some]
            rows += [rows[0]] * (PLACED - len(some))
            stacked = {name: np.stack([row[name] for row in rows]) for name in rows[0]}
            population = _place(population, index, stacked)
        return jax.device_put(population, self._shardings()[0])

    def members(self, population: Vectors) -> PyTree:
        """The arrays of one packed member, or of several along leading axes."""
        return self.packing.unpack(population)

    def progress(self, population: Vectors) -> tuple[np.ndarray, np.ndarray]:
        """Status and steps of whoever lives at each place; nothing else is copied."""
        slots = self.packing.places
        status, step = (
            local(population[slot.dtype])[:, slot.begin]
            for slot in (slots.status, slots.step)
        )
        return status, step

    def member(self, arrays: PyTree) -> Member:
        """One member, whole again: `arrays` with what is no array."""
        return eqx.combine(arrays, self._rest)

    def _shardings(self) -> tuple[NamedSharding, NamedSharding]:
        return NamedSharding(self.mesh, P("p")), NamedSharding(self.mesh, P())

    def _recipe(self, candidate: PyTree) -> Candidate:
        return eqx.combine(candidate, self._candidate_rest).assemble()

    def _build(
        self, recipe: Candidate, data: Dataset, inputs: Any, split: Any, seed: Any
    ) -> Member:
        own = jax.tree.map(lambda leaf: leaf[split], inputs)
        rows = data.validation_rows.shape[1]
        return build(recipe, own, self._outputs, rows, split, seed)

    def _inspected(self, member: Member, data: Dataset) -> int:
        """How many numbers `Task.inspect` adds to a judgement."""
        inspect = self._inspect
        if inspect is None:
            return 0

        def more(member: Member, candidate: PyTree, data: Dataset) -> Array:
            recipe = for_vectors(self._recipe(candidate), self._params)
            return inspect(member, recipe, data)

        return eqx.filter_eval_shape(more, member, self.example, data).shape[0]

    def _segment(self) -> Any:
        """The function that is compiled: every device loops over its own members."""
        return jax.shard_map(
            self._device,
            mesh=self.mesh,
            in_specs=(P("p"), P(), P("p"), P("p")),
            out_specs=P("p"),
            check_vma=False,
        )

    def _device(
        self, population: Vectors, shared: PyTree, arrivals: Arrivals, visit: Visit
    ) -> tuple[Vectors, Float[Array, "p t k"]]:
        """One device's part of a visit: `width` members at a time."""
        places = visit.order.shape[0]
        curves = jnp.full((places, ROUNDS, self.columns), jnp.nan, jnp.float32)
        turn: Any = self._alone if self.width == 1 else self._together
        blocks = (visit.count[0] + self.width - 1) // self.width

        def one(number: Any, carry: Any) -> Any:
            return turn(number, *carry, shared, arrivals, visit)

        return jax.lax.fori_loop(0, blocks, one, (population, curves))

    def _alone(
        self,
        number: Any,
        population: Vectors,
        curves: Array,
        shared: PyTree,
        arrivals: Arrivals,
        visit: Visit,
    ) -> tuple[Vectors, Array]:
        """The `number`-th member of the visit trains, and is put back."""
        place = visit.order[number]
        here = jax.tree.map(lambda a: _at(a, place), (population, *arrivals))
        member: Any = self._member
        new = member(*here, True, shared, visit.rounds[0], visit.steps[0])
        return jax.tree.map(
            lambda a, v: jax.lax.dynamic_update_index_in_dim(a, v, place, 0),
            (population, curves),
            new,
        )

    def _together(
        self,
        number: Any,
        population: Vectors,
        curves: Array,
        shared: PyTree,
        arrivals: Arrivals,
        visit: Visit,
    ) -> tuple[Vectors, Array]:
        """The `number`-th block of members trains as one batch, and is put back."""
        places = visit.order.shape[0]
        lanes = number * self.width + jnp.arange(self.width)
        live = lanes < visit.count[0]
        place = visit.order[jnp.minimum(lanes, places - 1)]
        # what chooses a branch is the same for all: a scalar keeps it a branch
        here = jax.tree.map_with_path(
            lambda path, a: a[place[0] if is_structure(path) else place],
            (population, *arrivals),
        )
        axes = jax.tree.map_with_path(
            lambda path, _: None if is_structure(path) else 0, here
        )
        several: Any = jax.vmap(self._member, in_axes=(*axes, 0, None, None, None))
        new = several(*here, live, shared, visit.rounds[0], visit.steps[0])
        place = jnp.where(live, place, places)  # out of range: dropped
        return jax.tree.map(
            lambda a, v: a.at[place].set(v, mode="drop"), (population, curves), new
        )

    def _member(
        self,
        vectors: Vectors,
        candidate: PyTree,
        split: Any,
        seed: Any,
        fresh: Any,
        live: Any,
        shared: PyTree,
        rounds: Any,
        steps: Any,
    ) -> tuple[Vectors, Float[Array, "t k"]]:
        """One member's visit: it is built if it is fresh, and trained."""
        data, inputs = shared
        recipe = self._recipe(candidate)
        state = self.members(vectors)

        def anew() -> PyTree:
            member = self._build(recipe, data, inputs, split, seed)
            return eqx.filter(member, eqx.is_array)

        def begun() -> PyTree:
            member = anew()
            own, left = ((m.params, m.state, m.step) for m in (member, state))
            new = jax.tree.map(lambda a, b: jnp.where(fresh == HEIR, b, a), own, left)
            return eqx.tree_at(lambda m: (m.params, m.state, m.step), member, new)

        state = jax.lax.cond(fresh > 0, begun, lambda: state)
        if self.width > 1:  # what chooses a branch must not differ by member
            state = jax.tree.map_with_path(
                lambda path, a, new: new if is_structure(path) else a, state, anew()
            )
        recipe = for_vectors(recipe, self._params)
        state, curve = self._rounds(state, recipe, data, live, rounds, steps)
        return self.packing.pack(state), curve

    def _rounds(
        self,
        state: PyTree,
        recipe: Candidate,
        data: Dataset,
        live: Any,
        rounds: Any,
        steps: Any,
    ) -> tuple[PyTree, Float[Array, "t k"]]:
        """Train one member for some rounds, or until it ends."""
        curve = jnp.full((ROUNDS, self.columns), jnp.nan, jnp.float32)

        def going(carry: Any) -> Any:
            number, state, _ = carry
            member = self.member(state)
            # resumed, a member that had taken all its steps may be given more
            unstopped = member.status <= CONVERGED
            unstopped &= member.step < recipe.stop.steps
            return (number < rounds) & unstopped & live

        def one(carry: Any) -> Any:
            number, state, curve = carry
            member, row = train_round(
                self.member(state), recipe, data, self._judge, steps
            )
            if self._inspect is not None:
                more = self._inspect(member, recipe, data)
                row = jnp.concatenate([row, more])
            curve = jax.lax.dynamic_update_index_in_dim(curve, row, number, 0)
            return number + 1, eqx.filter(member, eqx.is_array), curve

        _, state, curve = jax.lax.while_loop(going, one, (jnp.int32(0), state, curve))
        return state, curve


@partial(jax.jit, donate_argnums=0)
def _place(population: Vectors, index: Array, members: Vectors) -> Vectors:
    return jax.tree.map(
        lambda leaf, new: leaf.at[index].set(new, mode="drop"), population, members
    )


def _at(leaf: Array, place: Any) -> Array:
    return jax.lax.dynamic_index_in_dim(leaf, place, 0, keepdims=False)


def _check_batch(size: int, data: Dataset) -> None:
    smallest = int(np.min(data.train_size))
    if size > smallest:  # a batch would have to span three epochs
        raise InvalidInput(
            "`batch_size` must be at most the number of training rows of the smallest "
            f"split, {smallest}, but got {size}."
        )


def _is_shape(leaf: Any) -> bool:
    return isinstance(leaf, jax.ShapeDtypeStruct)


def local(leaf: Array) -> np.ndarray:
    """A sharded array on the host. On a CPU this copies nothing until it is indexed."""
    return np.concatenate([np.asarray(s.data) for s in leaf.addressable_shards])


def take(leaf: Array, places: Int[np.ndarray, " n"]) -> np.ndarray:
    """Some rows of a sharded array, copied to the host."""
    shards = [np.asarray(s.data) for s in leaf.addressable_shards]
    size = shards[0].shape[0]
    return np.stack([shards[place // size][place % size] for place in places])
