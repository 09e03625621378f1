"""A network for a child's description that begins with its parent's weights.

Chen et al. 2016, "Net2Net", https://arxiv.org/abs/1511.05641
Wei et al. 2016, "Network Morphism", https://arxiv.org/abs/1603.01670
Departs from both in comparing two networks rather than applying one change: whatever
sequence of changes lies between them, layers are aligned and each is mapped once.
"""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from thalweg.architectures.morphisms.alignment import TASTES
from thalweg.architectures.morphisms.channels import Channels
from thalweg.architectures.morphisms.heir import Heir
from thalweg.core import rng
from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Key
from thalweg.networks import AbstractDescription
from thalweg.networks.mlp import MLPNetwork
from thalweg.networks.stack import StackNetwork


def inherit(
    network: Any,
    child: AbstractDescription,
    inputs: Any,
    *,
    key: Key,
    copies: bool = True,
    noise: float = 0.0,
    strict: bool = False,
) -> Any:
    """The child's network, with the function of `network` where the child allows it.

    **child**: a `Stack` or an `MLP` for the same `inputs` and outputs. It may be wider
    or deeper, have larger kernels, residual branches put in, and shortcuts put around
    layers: then the outputs at inference are the parent's. What is narrower, gone or of
    another kind keeps the weights that overlap, which is another function; `strict`
    raises InvalidInput instead, with the reason. One change at a time always keeps
    it; after several, all at once, layers may be taken for one another.
    **copies**: new channels are copies that share what their original did, told apart
    by `noise` (a fraction of the kernel's standard deviation, which changes the
    function a little; without any, copies whose gradients are equal stay equal).
    Otherwise they are fresh ones, which the next layer ignores at first.
    """
    fresh = eqx.filter_jit(_built)(child, inputs, _outputs(network), key)
    if type(network) is not type(fresh):
        raise InvalidInput(
            "Weights are inherited from a network of the same kind, `Stack` or `MLP`, "
            f"but got {type(network).__name__} and {type(fresh).__name__}."
        )
    hand_over: Any = _stack if isinstance(network, StackNetwork) else _mlp
    tries = []
    for taste in TASTES:  # the first that keeps the function, or loses least
        heir = Heir(int(rng.word(key)), taste, copies=copies, noise=noise)
        tries.append((hand_over(heir, network, fresh), heir))
        if not heir.lost:
            break
    found, heir = min(tries, key=lambda each: len(each[1].lost))
    if strict and heir.lost:
        raise InvalidInput(
            f"The change does not keep the network's function: {heir.lost[0]}."
        )
    return jax.tree.map(_on_device, found)


def _built(child: Any, inputs: Any, outputs: int, key: Key) -> Any:
    return child.build(inputs, outputs, key=key)


def _on_device(leaf: Any) -> Any:
    return jnp.asarray(leaf) if isinstance(leaf, np.ndarray) else leaf


def _stack(heir: Heir, parent: StackNetwork, fresh: StackNetwork) -> StackNetwork:
    if fresh.mean is None:
        assert fresh.inputs is not None
        width = fresh.inputs.numeric
    else:
        width = fresh.mean.value.shape[-1]
    m = Channels.same(width)
    body, m = heir.chain(parent.body.modules, fresh.body.modules, m)
    outputs = Channels.same(_outputs(fresh))
    head, _ = heir.chain(parent.head.modules, fresh.head.modules, m, outputs)
    parts = lambda n: (n.body.modules, n.head.modules)  # noqa: E731
    found = eqx.tree_at(parts, fresh, (tuple(body), tuple(head)))
    return eqx.tree_at(
        lambda n: (n.mean, n.std),
        found,
        (parent.mean, parent.std),
        is_leaf=lambda node: node is None,
    )


def _mlp(heir: Heir, parent: MLPNetwork, fresh: MLPNetwork) -> MLPNetwork:
    if (parent.depth.value is None) != (fresh.depth.value is None) or (
        parent.depth.value is not None and len(parent.layers) != len(fresh.layers)
    ):
        heir.lost.append("layers can't be put in where the depth is data")
    m = Channels.same(fresh.layers[0].linear.kernel.shape[0])
    outputs = Channels.same(_outputs(fresh))
    made, _ = heir.chain(
        (*parent.layers, parent.head), (*fresh.layers, fresh.head), m, outputs
    )
    scaling = fresh.scaling if parent.scaling is None else parent.scaling
    return MLPNetwork(parent.encoder, scaling, tuple(made[:-1]), made[-1], fresh.depth)


def _outputs(network: Any) -> int:
    if isinstance(network, StackNetwork):
        return network.head.modules[-1].kernel.shape[-1]
    if isinstance(network, MLPNetwork):
        return network.head.kernel.shape[-1]
    raise InvalidInput(
        "Weights are inherited from the network of a `Stack` or an `MLP`, but got "
        f"{type(network).__name__}."
    )
