"""Whether many architectures are cheaper in one compiled program, or in one for each.

Their steps cost the same: a switch runs only the branch that it names (cells of
NAS-Bench-201, batches of 64, took 19 to 33 ms a step both ways). So compiling decides.
It grows with the equations of a network, at 6 ms of one core each, the training step
and the judgement that follow from them included: 15 s for 2,277 equations (a cell by
itself), 35 s for 5,901 (all cells in one), 20 cells in programs of their own 300 s.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from thalweg.core.rng import key_of

SECONDS = (1.0, 0.006)  # that a compilation takes: at least, and for each equation
SHARE = 0.5  # of a time limit that the program of all may take to compile


class Price(NamedTuple):
    """Seconds that programs take to compile, estimated."""

    together: float  # the one that holds every architecture
    alone: float  # one architecture's

    def together_pays(self, architectures: float, seconds: float) -> bool:
        """Whether one program is the cheaper for so many, and there is time for it."""
        cheaper = self.together <= architectures * self.alone
        return cheaper and self.together <= SHARE * seconds


def price(together: Any, alone: Any, inputs: Any, outputs: int, x: Any) -> Price:
    """Of two descriptions: one that holds every architecture, one that is a single.

    **x**: a batch, of which the shape is used. Nothing is compiled.
    """
    least, each = SECONDS
    counts = (equations(d, inputs, outputs, x) for d in (together, alone))
    return Price(*(least + each * count for count in counts))


def equations(description: Any, inputs: Any, outputs: int, x: Any) -> int:
    """How many primitive operations it takes to write the network down."""

    def run(x: Any) -> Any:
        network = description.build(inputs, outputs, key=key_of(jnp.uint32(0)))
        return network(x, key=None, inference=False)

    return _count(jax.make_jaxpr(run)(x).jaxpr)


def _count(jaxpr: Any) -> int:
    """Of a program and those within it: branches, loops."""
    inner = [
        getattr(value, "jaxpr", value)
        for equation in jaxpr.eqns
        for value in jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda v: hasattr(v, "jaxpr")
        )
    ]
    return len(jaxpr.eqns) + sum(_count(j) for j in inner if hasattr(j, "eqns"))
