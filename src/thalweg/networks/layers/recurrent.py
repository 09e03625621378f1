"""Recurrent layers: sequences `[b, time, numbers]` in, hidden states out.

Elman 1990 (rnn), https://doi.org/10.1207/s15516709cog1402_1
Hochreiter & Schmidhuber 1997 (lstm), https://doi.org/10.1162/neco.1997.9.8.1735, with
the forget gate of Gers et al. 2000 and its bias of 1 (Jozefowicz et al. 2015)
Cho et al. 2014 (gru), https://arxiv.org/abs/1406.1078, reset as cuDNN does: after the
product, so that all gates are one product

What the input adds to the gates is one matrix product for all steps; the loop holds one
more for all gates.
"""

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int, UInt32

from thalweg.core.errors import InvalidInput, unknown_name
from thalweg.networks.dropout import Dropout, as_dropout
from thalweg.networks.initializers import as_initializer
from thalweg.networks.layers.base import (
    AbstractLayer,
    AbstractModule,
    Shape,
    check_image,
    name,
    whole,
)
from thalweg.networks.randomness import normal, place

GATES = {"rnn": 1, "gru": 3, "lstm": 4}
State = tuple[Array, ...]  # the hidden state, and the LSTM's memory


def rnn(x: Array, h: Array, state: State, bias: Array) -> State:
    """tanh of both products."""
    return (jnp.tanh(x + h),)


def gru(x: Array, h: Array, state: State, bias: Array) -> State:
    """Reset and update gates, then the candidate."""
    (xr, xz, xn), (hr, hz, hn) = jnp.split(x, 3, -1), jnp.split(h, 3, -1)
    r, z = jax.nn.sigmoid(xr + hr), jax.nn.sigmoid(xz + hz)
    n = jnp.tanh(xn + r * (hn + bias))
    return (n + z * (state[0] - n),)


def lstm(x: Array, h: Array, state: State, bias: Array) -> State:
    """Input and forget gates, the candidate, and the output gate."""
    i, f, g, o = jnp.split(x + h, 4, -1)
    memory = jax.nn.sigmoid(f) * state[1] + jax.nn.sigmoid(i) * jnp.tanh(g)
    return jax.nn.sigmoid(o) * jnp.tanh(memory), memory


STEPS: dict[str, Callable[..., State]] = {"rnn": rnn, "gru": gru, "lstm": lstm}


class Direction(eqx.Module):
    """One layer's pass over time, forwards or backwards."""

    kernel: Float[Array, "i g"]  # gates one after another
    recurrent: Float[Array, "h g"]
    bias: Float[Array, " g"]
    inner_bias: Float[Array, " h"] | None  # of the candidate's product, in a GRU
    kind: str = eqx.field(static=True)
    reverse: bool = eqx.field(static=True)

    def __call__(
        self, x: Float[Array, "b t i"], inside: Bool[Array, "b t"] | None
    ) -> tuple[Float[Array, "b t h"], Float[Array, "b h"]]:
        """The hidden states of all steps (zero outside), and the last one."""
        gates = (x @ self.kernel + self.bias).swapaxes(0, 1)
        zero = jnp.zeros((x.shape[0], self.recurrent.shape[0]), gates.dtype)
        state = (zero, zero) if self.kind == "lstm" else (zero,)
        steps = (gates, None if inside is None else inside.T)

        def step(state: State, now: Any) -> tuple[State, Array]:
            gates, inside = now
            product = state[0] @ self.recurrent
            new = STEPS[self.kind](gates, product, state, self.inner_bias)
            if inside is None:
                return new, new[0]
            here = inside[:, None]
            kept = [jnp.where(here, n, o) for n, o in zip(new, state, strict=True)]
            return tuple(kept), jnp.where(here, new[0], 0)

        state, outputs = jax.lax.scan(step, state, steps, reverse=self.reverse)
        return outputs.swapaxes(0, 1), state[0]


class Recurrence(AbstractModule):
    """See `Recurrent`."""

    layers: tuple[tuple[Direction, ...], ...]
    dropout: Dropout | None
    sequences: bool = eqx.field(static=True)
    padding: float | None = eqx.field(static=True)

    def __call__(
        self,
        x: Float[Array, "b t i"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
        lengths: Int[Array, " b"] | None = None,
    ) -> Float[Array, "b ..."]:
        """**lengths**: steps of each sequence; those after are no steps, and zero."""
        if lengths is None and self.padding is not None:
            lengths = lengths_of(x, self.padding)
        inside = None
        if lengths is not None:
            inside = jnp.arange(x.shape[1]) < lengths[:, None]
        last = x[:, 0]
        for number, directions in enumerate(self.layers):
            if number and self.dropout is not None and not inference:
                x = self.dropout(x, seed=place(seed, number))
            passes = [direction(x, inside) for direction in directions]
            x = jnp.concatenate([outputs for outputs, _ in passes], axis=-1)
            last = jnp.concatenate([state for _, state in passes], axis=-1)
        return x if self.sequences else last


class Recurrent(AbstractLayer):
    """Layers of hidden states, each over those of the one below.

    **kind**: "rnn", "gru" or "lstm". **bidirectional**: a second one of each layer runs
    backwards, and the outputs stand side by side. **dropout**: a rate, between layers.
    **sequences**: hand on all steps' states, or (False) the last one of each direction.
    **padding**: steps of nothing but this number, at a sequence's end, are none.
    """

    units: Any = eqx.field(static=True)
    kind: Any = eqx.field(static=True, default="lstm")
    layers: Any = eqx.field(static=True, default=1)
    bidirectional: Any = eqx.field(static=True, default=False)
    dropout: Any = eqx.field(default=None, converter=as_dropout)
    sequences: Any = eqx.field(static=True, default=True)
    padding: float | None = eqx.field(static=True, default=None)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Recurrence:
        check_sequence(self, shape)
        whole(self, units=self.units, layers=self.layers)
        if self.kind not in GATES:
            raise unknown_name("recurrent layer", self.kind, GATES)
        width, layers = shape[-1], []
        for number in range(self.layers):
            ways = (False, True) if self.bidirectional else (False,)
            here = place(seed, number)
            layers.append(tuple(self._direction(width, back, here) for back in ways))
            width = self.units * len(ways)
        rate = as_dropout(self.dropout)
        dropout = None if rate is None or self.layers == 1 else Dropout(rate)
        return Recurrence(tuple(layers), dropout, bool(self.sequences), self.padding)

    def _direction(
        self, width: int, reverse: bool, seed: UInt32[Array, ""]
    ) -> Direction:
        gates, first = GATES[self.kind] * self.units, place(seed, int(reverse))
        init = as_initializer("lecun")
        bias = jnp.zeros(gates)
        if self.kind == "lstm":  # it remembers, to begin with
            bias = bias.at[self.units : 2 * self.units].set(1.0)
        return Direction(
            init.sample(place(first, 0), (width, gates)),
            init.sample(place(first, 1), (self.units, gates)),
            bias,
            jnp.zeros(self.units) if self.kind == "gru" else None,
            self.kind,
            reverse,
        )


class LastStepModule(AbstractModule):
    """See `LastStep`."""

    def __call__(
        self,
        x: Float[Array, "b t d"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
        lengths: Int[Array, " b"] | None = None,
    ) -> Float[Array, "b d"]:
        if lengths is None:
            return x[:, -1]
        last = jnp.maximum(lengths - 1, 0)
        return jnp.take_along_axis(x, last[:, None, None], axis=1)[:, 0]


class LastStep(AbstractLayer):
    """The last step of a sequence; `GlobalPool` is the mean or the largest of all."""

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> LastStepModule:
        check_sequence(self, shape)
        return LastStepModule()


class Table(AbstractModule):
    """See `Embedding`."""

    vectors: Float[Array, "n e"]

    def __call__(
        self,
        x: Array,
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b *t e"]:
        codes = jnp.clip(x.astype(jnp.int32), 0, self.vectors.shape[0] - 1)
        return self.vectors.at[codes].get(mode="promise_in_bounds")


class Embedding(AbstractLayer):
    """A trained vector of `units` for each of `codes` codes; others are the nearest."""

    codes: Any = eqx.field(static=True)
    units: Any = eqx.field(static=True, default=32)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Table:
        whole(self, codes=self.codes, units=self.units)
        return Table(normal(place(seed, 0), (self.codes, self.units)))


class RowsModule(AbstractModule):
    """See `Rows`."""

    def __call__(
        self,
        x: Float[Array, "b h *n"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b h d"]:
        return x if x.ndim == 3 else x.reshape(*x.shape[:2], -1)


class Rows(AbstractLayer):
    """An image as the sequence of its rows, from top to bottom; a sequence as it is.

    Sequences `[n, time, numbers]` come as images of one channel: this turns them back.
    """

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> RowsModule:
        if len(shape) != 2:
            check_image(self, shape)
        return RowsModule()


def check_sequence(layer: AbstractLayer, shape: Shape) -> None:
    """Raise unless examples are sequences `[time, numbers]`."""
    if len(shape) != 2:
        raise InvalidInput(
            f"{name(layer)} works on sequences of the shape (time, numbers), but got "
            f"the shape {tuple(shape)}. `Rows()` makes one of an image, `Embedding` of "
            "codes."
        )


def lengths_of(x: Float[Array, "b t d"], padding: float) -> Int[Array, " b"]:
    """Up to which step each sequence has anything but `padding`."""
    used = jnp.any(x != padding, axis=-1)
    return jnp.max(jnp.where(used, jnp.arange(1, x.shape[1] + 1), 0), axis=1)
