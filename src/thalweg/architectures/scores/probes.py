"""Reads what happens inside a network, as gradients of it.

Each layer of interest is met by a function whose value comes back as the derivative
for an argument made for the purpose. So it comes out of loops and of switches, where a
list on the side would not survive; what several layers give is added; and a layer that
doesn't run, or that nothing of the output depends on, gives nothing.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array

# of what passes, and of the derivative of the output by it
Look = Callable[[Array, Array], Array]


class Probe(eqx.Module):
    """A layer whose input or output is looked at."""

    layer: Any
    sink: Array
    look: Look = eqx.field(static=True)
    side: Literal["input", "output"] = eqx.field(static=True)
    times: Callable[[Any], int] = eqx.field(static=True)

    def __call__(self, x: Array, *args: Any, **kwargs: Any) -> Array:
        sink = self.sink * self.times(self.layer)  # whose derivative is then as large
        if self.side == "input":
            return self.layer(_met(self.look, x, sink), *args, **kwargs)
        return _met(self.look, self.layer(x, *args, **kwargs), sink)


def once(layer: Any) -> int:
    """Each layer counts alike."""
    del layer
    return 1


def seen(
    network: Any,
    output: Callable[[Any], Array],
    look: Look,
    *,
    at: Callable[[Any], bool],
    side: Literal["input", "output"],
    shape: tuple[int, ...] = (),
    times: Callable[[Any], int] = once,
) -> Array:
    """The sum of `look(value, slope)` over all layers `at` which it is taken.

    **output**: a number, by the network: what slopes are of. **shape**: of a look.
    **times**: how often a layer's look counts.
    """

    def probed(sink: Array) -> Array:
        watched = jax.tree.map(
            lambda node: Probe(node, sink, look, side, times) if at(node) else node,
            network,
            is_leaf=at,
        )
        return output(watched)

    return jax.grad(probed)(jnp.zeros(shape))


@partial(jax.custom_vjp, nondiff_argnums=(0,))
def _met(look: Look, x: Array, sink: Array) -> Array:
    """`x`, which also has a look at it as the derivative for `sink`."""
    del look, sink
    return x


def _forward(look: Look, x: Array, sink: Array) -> tuple[Array, Any]:
    del look
    return x, (x, sink)


def _backward(look: Look, residuals: Any, slope: Array) -> tuple[Array, Array]:
    x, sink = residuals
    found = look(x, slope).astype(sink.dtype)
    return slope, jnp.where(jnp.any(slope != 0), found, jnp.zeros_like(sink))


_met.defvjp(_forward, _backward)
