"""A recurrent cell that is a graph: the cells of ENAS and of DARTS.

Pham et al. 2018, section 2.1-2.2, https://arxiv.org/abs/1802.03268
Liu et al. 2019, appendix A.1.2, https://arxiv.org/abs/1806.09055

The first state is made of the input and the hidden state before; each node applies an
activation to one of the states before it, through a highway connection (Zilly et al.
2017, https://arxiv.org/abs/1607.03474): `s + sigmoid(s C) * (f(s H) - s)`.
Departs from both in leaving out the variational dropout of language models.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.core.errors import InvalidInput, unknown_name
from thalweg.networks.initializers import as_initializer
from thalweg.networks.layers.base import AbstractLayer, AbstractModule, Shape, whole
from thalweg.networks.layers.recurrent import check_sequence
from thalweg.networks.randomness import place

OPERATIONS = {
    "tanh": jnp.tanh,
    "relu": jax.nn.relu,
    "sigmoid": jax.nn.sigmoid,
    "identity": lambda x: x,
}
READOUTS = ("all", "loose")


class RecurrentGenotype(NamedTuple):
    """A cell as DARTS writes it: `recurrent[i]` is node i + 1's operation and input.

    State 0 is the first; the output is the mean of the states in `concat`.
    """

    recurrent: tuple[tuple[str, int], ...]
    concat: tuple[int, ...]


# What DARTS found on Penn Treebank (second order).
DARTS_V2 = RecurrentGenotype(
    (
        ("sigmoid", 0),
        ("relu", 1),
        ("relu", 1),
        ("identity", 1),
        ("tanh", 2),
        ("sigmoid", 5),
        ("tanh", 3),
        ("relu", 5),
    ),
    tuple(range(1, 9)),
)


class CellModule(AbstractModule):
    """See `RecurrentCell`."""

    enter: Float[Array, "i 2h"]
    first: Float[Array, "h 2h"]
    kernels: Float[Array, "n h 2h"]  # of each node: the gate's, then the candidate's
    genotype: RecurrentGenotype = eqx.field(static=True)
    sequences: bool = eqx.field(static=True)

    def __call__(
        self,
        x: Float[Array, "b t i"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b ..."]:
        entered = (x @ self.enter).swapaxes(0, 1)

        def step(h: Array, entered: Array) -> tuple[Array, Array]:
            h = self._hidden(entered, h)
            return h, h

        h = jnp.zeros((x.shape[0], self.first.shape[0]), entered.dtype)
        h, states = jax.lax.scan(step, h, entered)
        return states.swapaxes(0, 1) if self.sequences else h

    def _hidden(
        self, entered: Float[Array, "b 2h"], h: Float[Array, "b h"]
    ) -> Float[Array, "b h"]:
        """The next hidden state."""
        states = [_highway(h, entered + h @ self.first, jnp.tanh)]
        for kernel, (name, source) in zip(
            self.kernels, self.genotype.recurrent, strict=True
        ):
            before = states[source]
            states.append(_highway(before, before @ kernel, OPERATIONS[name]))
        kept = [states[number] for number in self.genotype.concat]
        return jnp.mean(jnp.stack(kept), axis=0)


def _highway(
    state: Float[Array, "b h"], both: Float[Array, "b 2h"], activation: Any
) -> Float[Array, "b h"]:
    gate, candidate = jnp.split(both, 2, axis=-1)
    return state + jax.nn.sigmoid(gate) * (activation(candidate) - state)


class Node(eqx.Module):
    """One node: an activation of the state number `source`, 0 being the first."""

    activation: Any = eqx.field(static=True)
    source: Any = eqx.field(static=True)


class RecurrentCell(AbstractLayer):
    """`units` hidden numbers, whose next values the nodes compute.

    **nodes**: `Node`s, or pairs of an operation and a state as in a genotype.
    **readout**: the mean of "all" nodes is the next hidden state, as in DARTS, or that
    of the "loose" ends, which no node reads, as in ENAS. **sequences**: hand on all
    steps' states, or (False) the last.
    """

    units: Any = eqx.field(static=True)
    nodes: Sequence[Any] = eqx.field(converter=lambda nodes: tuple(map(as_node, nodes)))
    readout: Any = eqx.field(static=True, default="all")
    sequences: Any = eqx.field(static=True, default=True)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> CellModule:
        check_sequence(self, shape)
        whole(self, units=self.units)
        init, h = as_initializer("glorot"), self.units
        genotype = self.genotype
        nodes = [
            init.sample(place(seed, 2 + number), (h, 2 * h))
            for number in range(len(genotype.recurrent))
        ]
        return CellModule(
            init.sample(place(seed, 0), (shape[-1], 2 * h)),
            init.sample(place(seed, 1), (h, 2 * h)),
            jnp.stack(nodes),
            genotype,
            bool(self.sequences),
        )

    @property
    def genotype(self) -> RecurrentGenotype:
        """The cell as DARTS writes it. Raises InvalidInput for one that is none."""
        if not self.nodes:
            raise InvalidInput(
                "A recurrent cell needs at least one node, but got none."
            )
        for number, node in enumerate(self.nodes, start=1):
            if node.activation not in OPERATIONS:
                raise unknown_name("operation", node.activation, OPERATIONS)
            if not isinstance(node.source, int) or not 0 <= node.source < number:
                raise InvalidInput(
                    f"Node {number} of a recurrent cell reads one of the states 0 to "
                    f"{number - 1}, but got {node.source!r}."
                )
        if self.readout not in READOUTS:
            raise unknown_name("readout", self.readout, READOUTS)
        read = {node.source for node in self.nodes} if self.readout == "loose" else {0}
        kept = [n for n in range(1, len(self.nodes) + 1) if n not in read]
        pairs = tuple((node.activation, node.source) for node in self.nodes)
        return RecurrentGenotype(pairs, tuple(kept))


def as_node(value: Any) -> Any:
    """A pair of a genotype as a node; a node as it is."""
    return Node(*value) if isinstance(value, tuple | list) else value
