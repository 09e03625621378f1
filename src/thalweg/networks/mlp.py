"""The multi-layer perceptron, with RealMLP's parts to choose from.

Parts: Holzmueller et al. 2024, https://arxiv.org/abs/2407.04491
"""

from functools import partial

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, UInt32

from thalweg.activations import Activation, as_activation
from thalweg.core import rng
from thalweg.core.hyper import hyper
from thalweg.core.trainable import Fixed
from thalweg.core.typing import Hyper, Key
from thalweg.networks.base import AbstractDescription, AbstractNetwork, Batch, Inputs
from thalweg.networks.categorical import Categorical
from thalweg.networks.depth import as_count, as_widths, check_hidden, up_to
from thalweg.networks.dropout import Dropout, as_dropout
from thalweg.networks.encoder import Encoder
from thalweg.networks.initializers import VarianceScaling, as_initializer
from thalweg.networks.linear import Linear, Scaling
from thalweg.networks.normalization import (
    Normalization,
    NormalizationChoice,
    as_normalization,
)
from thalweg.networks.numeric import AbstractEmbedding, as_embedding
from thalweg.networks.randomness import place


class Dense(eqx.Module):
    """Linear, normalisation, activation, dropout."""

    linear: Linear
    normalization: Normalization | None
    activation: Activation
    blend: Float[Array, " w"] | None  # 1: the activation; 0: the identity
    dropout: Dropout | None

    def __call__(
        self,
        x: Float[Array, "b i"],
        *,
        seed: UInt32[Array, ""] | None,
        scaling: Scaling | None = None,
    ) -> Float[Array, "b o"]:
        x = self.linear(x, scaling)
        if self.normalization is not None:
            x = self.normalization(x)
        y = self.activation(x)
        if self.blend is not None:
            y = x + (y - x) * self.blend
        return y if self.dropout is None else self.dropout(y, seed=seed)


class MLPNetwork(AbstractNetwork):
    """See `MLP`."""

    encoder: Encoder
    scaling: Scaling | None
    layers: tuple[Dense, ...]
    head: Linear
    depth: Fixed  # of None or Int[Array, ""]

    def __call__(
        self, x: Batch, *, key: Key | None = None, inference: bool = False
    ) -> Float[Array, "b c"]:
        seed = None if key is None or inference else rng.word(key)
        first, *others = self.layers
        h = first(self.encoder(x), seed=place(seed, 0), scaling=self.scaling)
        for number, layer in enumerate(others, start=1):
            run = partial(layer, seed=place(seed, number))
            h = up_to(self.depth.value, number, run, h)
        return self.head(h)


class MLP(AbstractDescription):
    """Layers of units, each a linear map, a normalisation and an activation.

    The first thing to try on any table. Everything but `hidden`, the embeddings and the
    flags is a leaf, so a population that differs in the rest is one program.
    """

    hidden: tuple[int, ...] = eqx.field(
        static=True, default=(64, 64), converter=as_widths
    )  # units of each hidden layer
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
    bias_scale: Hyper = hyper(0.0)  # biases start within ± bias_scale / sqrt(inputs)
    scaling_layer: bool = eqx.field(static=True, default=False)
    ntk: bool = eqx.field(static=True, default=False)
    # each unit learns how much of the activation it has
    parametric_activation: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        check_hidden(self.hidden, self.depth)

    def build(self, inputs: Inputs, outputs: int, *, key: Key) -> MLPNetwork:
        seed = rng.word(key)
        encoder = Encoder.build(
            inputs, self.numeric_embedding, self.categorical, seed=place(seed, 0)
        )
        width = encoder.width
        scaling = Scaling.build(width) if self.scaling_layer else None
        layers = []
        for number, units in enumerate(self.hidden):
            layers.append(self._layer(width, units, seed=place(seed, 2 + number)))
            width = units
        head = Linear.build(
            width,
            outputs,
            init=as_initializer("lecun"),
            ntk=self.ntk,
            seed=place(seed, 1),
        )
        return MLPNetwork(encoder, scaling, tuple(layers), head, Fixed(self.depth))

    def _layer(self, fan_in: int, units: int, *, seed: UInt32[Array, ""]) -> Dense:
        return Dense(
            Linear.build(
                fan_in,
                units,
                init=self.init,
                bias_scale=self.bias_scale,
                ntk=self.ntk,
                seed=seed,
            ),
            Normalization.build(units, self.normalization),
            self.activation,
            jnp.ones(units) if self.parametric_activation else None,
            None if self.dropout is None else Dropout(self.dropout),
        )
