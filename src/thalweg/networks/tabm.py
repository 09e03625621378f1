"""TabM: an ensemble of MLPs in one network, which share their kernels.

Gorishniy et al. 2024, https://arxiv.org/abs/2410.24210, on BatchEnsemble (Wen et al.
2020, https://arxiv.org/abs/2002.06715): member i of a layer computes
`s_i * ((r_i * x) @ kernel) + bias_i`, and has a head of its own. The first r is random,
signs without a numeric embedding and normal with one; all other r and s start at one.
"""

import math
from functools import partial

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int, UInt32

from thalweg.activations import Activation, as_activation
from thalweg.core import rng
from thalweg.core.errors import InvalidInput
from thalweg.core.trainable import Fixed
from thalweg.core.typing import Hyper, Key
from thalweg.networks.base import AbstractDescription, AbstractNetwork, Batch, Inputs
from thalweg.networks.categorical import Categorical
from thalweg.networks.depth import as_count, as_widths, check_hidden, up_to
from thalweg.networks.dropout import Dropout, as_dropout
from thalweg.networks.encoder import Encoder
from thalweg.networks.initializers import VarianceScaling, as_initializer
from thalweg.networks.normalization import (
    Normalization,
    NormalizationChoice,
    as_normalization,
)
from thalweg.networks.numeric import AbstractEmbedding, Identity, as_embedding
from thalweg.networks.randomness import normal, place, signs


class EnsembleLinear(eqx.Module):
    """One kernel for all members; the adapters tell them apart.

    Members come first, so that the product is one of `[m * b, in]` and `[in, out]`.
    """

    kernel: Float[Array, "i o"]
    bias: Float[Array, "#m o"]
    incoming: Float[Array, "m i"] | None  # r
    outgoing: Float[Array, "m o"] | None  # s

    def __call__(self, x: Float[Array, "#m b i"]) -> Float[Array, "m b o"]:
        if self.incoming is not None:
            x = x * self.incoming[:, None, :]
        m, b, i = x.shape
        y = (x.reshape(m * b, i) @ self.kernel).reshape(m, b, -1)
        if self.outgoing is not None:
            y = y * self.outgoing[:, None, :]
        return y + self.bias[:, None, :]


class EnsembleDense(eqx.Module):
    """Linear, normalisation, activation, dropout, for all members."""

    linear: EnsembleLinear
    normalization: Normalization | None
    activation: Activation
    dropout: Dropout | None

    def __call__(
        self, x: Float[Array, "#m b i"], *, seed: UInt32[Array, ""] | None
    ) -> Float[Array, "m b o"]:
        x = self.linear(x)
        if self.normalization is not None:
            x = self.normalization(x)
        x = self.activation(x)
        return x if self.dropout is None else self.dropout(x, seed=seed)


class TabMNetwork(AbstractNetwork):
    """See `TabM`."""

    encoder: Encoder
    layers: tuple[EnsembleDense, ...]
    kernel: Float[Array, "m w c"]  # of the heads
    bias: Float[Array, "m c"]
    depth: Fixed  # of None or Int[Array, ""]

    def __call__(
        self, x: Batch, *, key: Key | None = None, inference: bool = False
    ) -> Float[Array, "b m c"]:
        seed = None if key is None or inference else rng.word(key)
        h = self.encoder(x)[None]
        for number, layer in enumerate(self.layers):
            run = partial(layer, seed=place(seed, number))
            h = run(h) if number == 0 else up_to(self.depth.value, number, run, h)
        return (h @ self.kernel + self.bias[:, None, :]).transpose(1, 0, 2)


class TabM(AbstractDescription):
    """An ensemble with little more than one network's parameters: hard to overfit.

    Often the best single model, for `members` times the arithmetic of an MLP. Train it
    by the mean of its members' losses; predict by the mean of their probabilities.
    With `mini` the members differ in one adapter and their heads only.
    """

    members: int = eqx.field(static=True, default=16)
    hidden: tuple[int, ...] = eqx.field(
        static=True, default=(64, 64), converter=as_widths
    )  # units of each hidden layer
    mini: bool = eqx.field(static=True, default=False)
    activation: Activation = eqx.field(default="relu", converter=as_activation)
    normalization: NormalizationChoice = eqx.field(
        default="none", converter=as_normalization
    )
    dropout: Hyper | None = eqx.field(default=None, converter=as_dropout)
    numeric_embedding: AbstractEmbedding = eqx.field(
        default="identity", converter=as_embedding
    )
    categorical: Categorical = eqx.field(default_factory=Categorical)
    # how many hidden layers run, at least 1; None: all. Needs equal widths
    depth: Int[Array, "*p"] | None = eqx.field(default=None, converter=as_count)
    init: VarianceScaling = eqx.field(default="he", converter=as_initializer)

    def __check_init__(self) -> None:
        check_hidden(self.hidden, self.depth)
        if self.members < 1:
            raise InvalidInput(f"`members` must be >= 1, but got {self.members}.")

    def build(self, inputs: Inputs, outputs: int, *, key: Key) -> TabMNetwork:
        seed = rng.word(key)
        encoder = Encoder.build(
            inputs, self.numeric_embedding, self.categorical, seed=place(seed, 0)
        )
        width = encoder.width
        layers = []
        for number, units in enumerate(self.hidden):
            incoming = None
            if number == 0:
                incoming = self._first_adapter(encoder, seed=place(seed, 2))
            elif not self.mini:
                incoming = jnp.ones((self.members, width))
            kernel = self.init.sample(place(seed, 3 + number), (width, units))
            layers.append(self._layer(kernel, incoming))
            width = units
        shape = (self.members, width, outputs)
        kernel = normal(place(seed, 1), shape) / math.sqrt(width)
        bias = jnp.zeros((self.members, outputs))
        return TabMNetwork(encoder, tuple(layers), kernel, bias, Fixed(self.depth))

    def _first_adapter(
        self, encoder: Encoder, *, seed: UInt32[Array, ""]
    ) -> Float[Array, "m i"]:
        """What tells members apart at the start: one number for each column."""
        shape = (self.members, len(encoder.sections))
        plain = isinstance(self.numeric_embedding, Identity)
        adapter = (signs if plain else normal)(seed, shape)
        return jnp.repeat(adapter, np.asarray(encoder.sections), axis=1)

    def _layer(
        self, kernel: Float[Array, "i o"], incoming: Float[Array, "m i"] | None
    ) -> EnsembleDense:
        units = kernel.shape[1]
        outgoing = None if self.mini else jnp.ones((self.members, units))
        bias = jnp.zeros((1 if self.mini else self.members, units))
        return EnsembleDense(
            EnsembleLinear(kernel, bias, incoming, outgoing),
            Normalization.build(units, self.normalization),
            self.activation,
            None if self.dropout is None else Dropout(self.dropout),
        )
