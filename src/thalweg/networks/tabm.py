"""TabM: an ensemble of MLPs in one network, which share their kernels.

Gorishniy et al. 2024, https://arxiv.org/abs/2410.24210, on BatchEnsemble (Wen et al.
2020, https://arxiv.org/abs/2002.06715): member i of a layer computes
`s_i * ((r_i * x) @ kernel) + bias_i`, and has a head of its own.
Departs from the paper: the random signs of the first adapter are one for each unit of
the embeddings, not one for each feature.
"""

import math
from functools import partial

import equinox as eqx
import jax.numpy as jnp
import jax.random as jr
from jaxtyping import Array, Float, Int, UInt32

from thalweg.activations import Activation, as_activation
from thalweg.core import rng
from thalweg.core.errors import InvalidInput
from thalweg.core.trainable import Fixed
from thalweg.core.typing import Hyper, Key
from thalweg.networks.base import AbstractDescription, AbstractNetwork, Batch, Inputs
from thalweg.networks.categorical import Categorical
from thalweg.networks.depth import as_count, up_to
from thalweg.networks.dropout import Dropout, as_dropout, layer_seed
from thalweg.networks.encoder import Encoder, encoder
from thalweg.networks.initializers import VarianceScaling, as_initializer
from thalweg.networks.normalization import (
    Normalization,
    NormalizationChoice,
    as_normalization,
)
from thalweg.networks.numeric import AbstractEmbedding, as_embedding


class EnsembleLinear(eqx.Module):
    """One kernel for all members; the adapters tell them apart.

    Members come first, so that the product is one of `[m * b, in]` and `[in, out]`.
    """

    kernel: Float[Array, "i o"]
    bias: Float[Array, "m o"]
    incoming: Float[Array, "m i"] | None  # r
    outgoing: Float[Array, "m o"] | None  # s

    def __call__(self, x: Float[Array, "m b i"]) -> Float[Array, "m b o"]:
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
        self, x: Float[Array, "m b i"], *, seed: UInt32[Array, ""] | None
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
            run = partial(layer, seed=layer_seed(seed, number))
            h = run(h) if number == 0 else up_to(self.depth.value, number, run, h)
        return (h @ self.kernel + self.bias[:, None, :]).transpose(1, 0, 2)


class TabM(AbstractDescription):
    """Many networks for little more than the price of one; often the best single model.

    Train it by the mean of its members' losses; predict by the mean of their
    probabilities. With `mini` the members differ in one adapter and their heads only.
    """

    members: int = eqx.field(static=True, default=16)
    hidden: tuple[int, ...] = eqx.field(
        static=True, default=(64, 64), converter=tuple
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
        if self.members < 1 or not self.hidden or any(w < 1 for w in self.hidden):
            raise InvalidInput(
                "`members` and each of `hidden`, which needs at least one layer, must "
                f"be >= 1, but got members={self.members}, hidden={self.hidden}."
            )
        if self.depth is not None and len(set(self.hidden)) > 1:
            raise InvalidInput(
                "`depth` as data needs hidden layers of one width, but got "
                f"hidden={self.hidden}. Use equal widths, or `depth=None`."
            )

    def build(self, inputs: Inputs, outputs: int, *, key: Key) -> TabMNetwork:
        encoder_key, head_key, *keys = jr.split(key, 2 + len(self.hidden))
        first, width = encoder(
            inputs, self.numeric_embedding, self.categorical, key=encoder_key
        )
        layers = []
        for number, (units, layer_key) in enumerate(
            zip(self.hidden, keys, strict=True)
        ):
            layers.append(self._layer(number, width, units, key=layer_key))
            width = units
        shape = (self.members, width, outputs)
        kernel = jr.normal(head_key, shape) / math.sqrt(width)
        bias = jnp.zeros((self.members, outputs))
        return TabMNetwork(first, tuple(layers), kernel, bias, Fixed(self.depth))

    def _layer(
        self, number: int, fan_in: int, units: int, *, key: Key
    ) -> EnsembleDense:
        kernel_key, sign_key = jr.split(key)
        incoming = outgoing = None
        if number == 0:
            incoming = jr.rademacher(
                sign_key, (self.members, fan_in), jnp.result_type(float)
            )
        elif not self.mini:
            incoming = jnp.ones((self.members, fan_in))
        if not self.mini:
            outgoing = jnp.ones((self.members, units))
        bias = jnp.zeros((1 if self.mini else self.members, units))
        kernel = self.init.sample(kernel_key, (fan_in, units))
        return EnsembleDense(
            EnsembleLinear(kernel, bias, incoming, outgoing),
            Normalization.build(units, self.normalization),
            self.activation,
            None if self.dropout is None else Dropout(self.dropout),
        )
