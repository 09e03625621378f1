"""The residual MLP for tables.

Gorishniy et al. 2021, section 3.2, https://arxiv.org/abs/2106.11959
Departs from the paper: layer or root-mean-square normalisation instead of batch
normalisation (see `normalization.py`), and an activation of choice instead of ReLU.
"""

from functools import partial

import equinox as eqx
from jaxtyping import Array, Float, Int, UInt32

from thalweg.activations import Activation, as_activation
from thalweg.core import rng
from thalweg.core.errors import InvalidInput
from thalweg.core.hyper import hyper
from thalweg.core.trainable import Fixed
from thalweg.core.typing import Hyper, Key
from thalweg.networks.base import AbstractDescription, AbstractNetwork, Batch, Inputs
from thalweg.networks.categorical import Categorical
from thalweg.networks.depth import as_count, up_to
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


class ResidualBlock(eqx.Module):
    """`h + dropout(linear(dropout(activation(linear(normalize(h))))))`."""

    normalization: Normalization | None
    inner: Linear
    activation: Activation
    dropout: Dropout | None
    outer: Linear
    residual_dropout: Dropout | None

    def __call__(
        self, h: Float[Array, "b w"], *, seed: UInt32[Array, ""] | None
    ) -> Float[Array, "b w"]:
        x = h if self.normalization is None else self.normalization(h)
        x = self.activation(self.inner(x))
        if self.dropout is not None:
            x = self.dropout(x, seed=place(seed, 0))
        x = self.outer(x)
        if self.residual_dropout is not None:
            x = self.residual_dropout(x, seed=place(seed, 1))
        return h + x


class ResidualMLPNetwork(AbstractNetwork):
    """See `ResidualMLP`."""

    encoder: Encoder
    scaling: Scaling | None
    stem: Linear
    blocks: tuple[ResidualBlock, ...]
    normalization: Normalization | None
    activation: Activation
    head: Linear
    depth: Fixed  # of None or Int[Array, ""]

    def __call__(
        self, x: Batch, *, key: Key | None = None, inference: bool = False
    ) -> Float[Array, "b c"]:
        seed = None if key is None or inference else rng.word(key)
        h = self.stem(self.encoder(x), self.scaling)
        for number, block in enumerate(self.blocks):
            run = partial(block, seed=place(seed, number))
            h = run(h) if number == 0 else up_to(self.depth.value, number, run, h)
        if self.normalization is not None:
            h = self.normalization(h)
        return self.head(self.activation(h))


class ResidualMLP(AbstractDescription):
    """Blocks that add to what they are given: depth that still trains.

    The choice where a deeper network than two or three layers might pay.
    """

    width: int = eqx.field(static=True, default=64)  # units that blocks add to
    blocks: int = eqx.field(static=True, default=2)
    expansion: float = eqx.field(static=True, default=2.0)  # inner units / width
    activation: Activation = eqx.field(default="relu", converter=as_activation)
    normalization: NormalizationChoice = eqx.field(
        default="layer", converter=as_normalization
    )
    dropout: Hyper | None = eqx.field(default=None, converter=as_dropout)
    residual_dropout: Hyper | None = eqx.field(default=None, converter=as_dropout)
    numeric_embedding: AbstractEmbedding = eqx.field(
        default="identity", converter=as_embedding
    )
    categorical: Categorical = eqx.field(default_factory=Categorical)
    # how many blocks run, at least 1; None: all
    depth: Int[Array, "*p"] | None = eqx.field(default=None, converter=as_count)
    init: VarianceScaling = eqx.field(default="he", converter=as_initializer)
    bias_scale: Hyper = hyper(0.0)  # biases start within ± bias_scale / sqrt(inputs)
    scaling_layer: bool = eqx.field(static=True, default=False)
    ntk: bool = eqx.field(static=True, default=False)

    def __check_init__(self) -> None:
        if self.width < 1 or self.blocks < 1 or self.expansion * self.width < 1:
            raise InvalidInput(
                "`width`, `blocks` and `expansion * width` must be >= 1, but got "
                f"width={self.width}, blocks={self.blocks}, "
                f"expansion={self.expansion}."
            )

    def build(self, inputs: Inputs, outputs: int, *, key: Key) -> ResidualMLPNetwork:
        seed = rng.word(key)
        places = [place(seed, number) for number in range(3 + self.blocks)]
        encoder = Encoder.build(
            inputs, self.numeric_embedding, self.categorical, seed=places[0]
        )
        linear = partial(Linear.build, bias_scale=self.bias_scale, ntk=self.ntk)
        lecun = as_initializer("lecun")
        return ResidualMLPNetwork(
            encoder,
            Scaling.build(encoder.width) if self.scaling_layer else None,
            linear(encoder.width, self.width, init=lecun, seed=places[1]),
            tuple(self._block(here) for here in places[3:]),
            Normalization.build(self.width, self.normalization),
            self.activation,
            linear(self.width, outputs, init=lecun, seed=places[2]),
            Fixed(self.depth),
        )

    def _block(self, seed: UInt32[Array, ""]) -> ResidualBlock:
        linear = partial(Linear.build, bias_scale=self.bias_scale, ntk=self.ntk)
        inner = round(self.width * self.expansion)
        rates = (self.dropout, self.residual_dropout)
        dropout, residual = (None if r is None else Dropout(r) for r in rates)
        return ResidualBlock(
            Normalization.build(self.width, self.normalization),
            linear(self.width, inner, init=self.init, seed=place(seed, 0)),
            self.activation,
            dropout,
            linear(
                inner, self.width, init=as_initializer("lecun"), seed=place(seed, 1)
            ),
            residual,
        )
