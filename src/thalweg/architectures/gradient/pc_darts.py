"""PC-DARTS: candidates work on a part of the channels, the others pass by.

Xu et al. 2020, "PC-DARTS: Partial Channel Connections for Memory-Efficient Architecture
Search", sections 3.2-3.3, https://arxiv.org/abs/1907.05737
The first `1/parts` of the channels go through the mixture, and channels are shuffled
after it, so that each has its turn; where it has a stride, the others are max-pooled.
Whole edges compete as well: a softmax over the edges that end in one node scales them
("edge normalisation"). Weights are trained alone for the first 15 of 50 epochs.
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

from thalweg.architectures.gradient.darts import DARTS
from thalweg.architectures.gradient.method import softmax, zeros
from thalweg.architectures.gradient.mixtures import ByLabel, restricted
from thalweg.architectures.vocabulary import Mix, assign, mixed
from thalweg.architectures.vocabulary.cell import with_stride
from thalweg.architectures.vocabulary.decided import MixedLayer
from thalweg.architectures.vocabulary.tree import parts, with_parts
from thalweg.core.errors import InvalidInput
from thalweg.core.trainable import Fixed, unwrap
from thalweg.networks.layers import (
    AbstractLayer,
    AbstractModule,
    Identity,
    MaxPool,
    Shape,
    shape_after,
)

# what meets in one node has equal groups
OF_CELL = re.compile(r"(.*_op)_(\d+)_\d+")
EDGE = re.compile(r"(.*edge)_\d+_(\d+)")


class PCDARTS(DARTS):
    """A fraction of DARTS' arithmetic, and less room for skips to win early.

    **parts**: the channels of every choice must be a multiple of it.
    """

    parts: int = eqx.field(default=4, static=True)  # the paper's K
    warm_up: ClassVar[float] = 0.3

    def describe(self, tree: Any, config: Mapping[str, Any]) -> Any:
        return _partial(mixed(tree, config), self.parts)

    def init(self, sizes: Mapping[str, int]) -> Any:
        ends = {label: len(edges) for label, edges in meeting(sizes).items()}
        return {"operations": zeros(sizes), "edges": zeros(ends)}

    def running(
        self,
        network: Any,
        alphas: Any,
        allowed: ByLabel,
        *,
        seed: UInt32[Array, ""] | None,
        progress: Float[Array, ""],
    ) -> Any:
        weights = {
            label: restricted(weight, allowed[label])
            for label, weight in self.probabilities(alphas).items()
        }
        network = scaled(assign(network, weights), edge_weights(alphas))
        return self.assisted(network, seed, 1 - progress)

    def probabilities(self, alphas: Any) -> dict[str, Float[Array, " k"]]:
        return softmax(alphas["operations"])


class PartialModule(AbstractModule):
    """See `PartialLayer`."""

    mix: Mix
    passing: Any  # what the other channels go through
    scale: Any  # Float[Array, ""], of the whole edge; `Fixed`
    parts: int = eqx.field(static=True)

    def __call__(
        self,
        x: Float[Array, "b ... c"],
        *,
        seed: UInt32[Array, ""] | None = None,
        inference: bool = False,
    ) -> Float[Array, "b ... c"]:
        size = x.shape[-1] // self.parts
        worked = self.mix(x[..., :size], seed=seed, inference=inference)
        y = jnp.concatenate([worked, self.passing(x[..., size:])], axis=-1)
        return unwrap(self.scale) * shuffled(y, self.parts)


class PartialLayer(AbstractLayer):
    """A mixture on the first `1/parts` of the channels, the rest passing by.

    **stride**: of the candidates; the channels that pass by are pooled by it.
    """

    mixture: MixedLayer
    parts: int = eqx.field(static=True)
    stride: int = eqx.field(static=True, default=1)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> PartialModule:
        """Raises InvalidInput if a candidate changes the shape."""
        if shape[-1] % self.parts:
            raise InvalidInput(
                f"PC-DARTS needs channels that are a multiple of parts={self.parts}, "
                f"but got {shape[-1]}. Use `PCDARTS(parts=...)` with a divisor of it."
            )
        size = shape[-1] // self.parts
        part, rest = (*shape[:-1], size), (*shape[:-1], shape[-1] - size)
        mixture, passing = self.mixture, Identity().build(rest, seed=seed)
        if self.stride != 1:
            mixture = with_stride(mixture, self.stride)
            pool = MaxPool(self.stride, padding="same")
            passing = pool.build(rest, seed=seed)
        mix = mixture.build(part, seed=seed)
        after = shape_after(mix, part)
        if after != (*shape_after(passing, rest)[:-1], size):
            raise InvalidInput(
                "PC-DARTS lets channels pass by a choice, which must therefore keep "
                f"the shape, but {self.mixture.label!r} makes {after} of {part}."
            )
        return PartialModule(mix, passing, Fixed(jnp.ones(())), self.parts)


def shuffled(x: Float[Array, "... c"], parts: int) -> Float[Array, "... c"]:
    """Channels dealt out: the first of each part, then the second of each, …"""
    cut = x.reshape(*x.shape[:-1], parts, -1)
    return jnp.swapaxes(cut, -1, -2).reshape(x.shape)


def meeting(sizes: Mapping[str, int]) -> dict[str, list[str]]:
    """The labels of edges by the node that they end in.

    Those of a `Cell`, `<label>_op_<node>_<number>`, and edges `edge_<from>_<to>`, as of
    NAS-Bench-201, whatever is before that. Another label meets nobody.
    """
    found: dict[str, list[str]] = {}
    for label in sizes:
        match = OF_CELL.fullmatch(label) or EDGE.fullmatch(label)
        node = ":".join(match.groups()) if match else label
        found.setdefault(node, []).append(label)
    return found


def edge_weights(alphas: Any) -> dict[str, Float[Array, ""]]:
    """The share of each edge in the node that it ends in."""
    sizes = {label: alpha.shape[-1] for label, alpha in alphas["operations"].items()}
    shares = {node: jax.nn.softmax(beta) for node, beta in alphas["edges"].items()}
    return {
        label: shares[node][number]
        for node, edges in meeting(sizes).items()
        for number, label in enumerate(edges)
    }


def _partial(node: Any, parts_: int) -> Any:
    """The description with each mixture on a part of its channels."""
    if isinstance(node, MixedLayer):
        narrow = tuple(_narrowed(one, parts_) for one in node.candidates)
        return PartialLayer(MixedLayer(narrow, node.weights, node.label), parts_)
    if isinstance(node, Mix):
        raise InvalidInput(
            "PC-DARTS builds its candidates narrower, so they must be layers of "
            f"`thalweg.networks.layers`, but {node.label!r} has modules. Use DARTS."
        )
    inner = parts(node)
    return with_parts(node, {name: _partial(v, parts_) for name, v in inner.items()})


def _narrowed(node: Any, parts_: int) -> Any:
    """A layer with a part of its output channels, and so all layers in it."""
    inner = {name: _narrowed(value, parts_) for name, value in parts(node).items()}
    for name in ("channels", "units"):
        number = inner.get(name)
        if isinstance(node, AbstractLayer) and isinstance(number, int):
            inner[name] = number // parts_ if number % parts_ == 0 else number
    return with_parts(node, inner)


def scaled(network: Any, scales: Mapping[str, Array]) -> Any:
    """The network with each partial mixture's edge scaled."""

    def is_partial(node: Any) -> bool:
        return isinstance(node, PartialModule)

    def new(node: Any) -> Any:
        if not is_partial(node):
            return node
        scale = Fixed(scales[node.mix.label])
        return PartialModule(node.mix, node.passing, scale, node.parts)

    return jax.tree.map(new, network, is_leaf=is_partial)
