"""What a layer of `networks.MLP` hands on: linear, norm, activation, dropout in one."""

import math
from typing import Any

import equinox as eqx
import jax
import numpy as np

from thalweg.architectures.morphisms.channels import Channels
from thalweg.architectures.morphisms.identity import (
    NotIdentity,
    identity_activation,
    identity_dense,
)
from thalweg.networks.layers.activation import Activating
from thalweg.networks.layers.dense import FullyConnected
from thalweg.networks.linear import Linear
from thalweg.networks.mlp import Dense
from thalweg.networks.normalization import Normalization


def scaled(parent: Any, child: Any) -> float:
    """What a kernel is multiplied by because its layer divides by the inputs' root."""
    if not isinstance(child, Linear) or not child.ntk:
        return 1.0
    return math.sqrt(child.kernel.shape[0] / parent.kernel.shape[0])


def inherited(
    heir: Any, parent: Dense, child: Dense, m: Channels, wanted: Channels | None
) -> tuple[Dense, Channels]:
    """The child's layer, and the channels that come out of it."""
    linear, m = heir.summing(parent.linear, child.linear, m, wanted)
    norm = _normalization(heir, parent.normalization, child.normalization, m)
    if jax.tree.structure(parent.activation) != jax.tree.structure(child.activation):
        heir.lost.append("an activation is another one")
    blend = child.blend
    if blend is not None:
        old = parent.blend
        blend = blend if old is None else m.outgoing(old, blend)
    elif parent.blend is not None:
        heir.lost.append("a layer's activation is learned no more")
    heir.before = None if blend is not None else parent.activation
    return Dense(linear, norm, parent.activation, blend, child.dropout), m


def _normalization(
    heir: Any, parent: Normalization | None, child: Normalization | None, m: Channels
) -> Normalization | None:
    if parent is None or child is None:
        if parent is not child:
            heir.lost.append("a normalisation came or went")
        return child
    if parent.names != child.names or not m.evenly():
        heir.lost.append(
            "a norm over units sees others: widen by a whole multiple, by copies"
        )
    scale = m.outgoing(parent.scale, child.scale)
    bias = m.outgoing(parent.bias, child.bias)
    return Normalization(scale, bias, child.names, parent.index)


def put_in(child: Dense, before: Any, out: Channels) -> Dense:
    """The layer as the identity: its activation must be one after `before`, or learned.

    Raises NotIdentity where it can't be one.
    """
    if child.normalization is not None:
        raise NotIdentity("a layer put in has no normalisation")
    plain = identity_dense(FullyConnected(child.linear.kernel, None), out)
    root = math.sqrt(out.originals) if child.linear.ntk else 1.0
    layer = eqx.tree_at(
        lambda c: (c.linear.kernel, c.linear.bias),
        child,
        (plain.kernel * np.float32(root), np.zeros_like(child.linear.bias)),
    )
    if child.blend is not None:  # 0: the identity
        return eqx.tree_at(lambda c: c.blend, layer, np.zeros_like(child.blend))
    kept = identity_activation(Activating(child.activation), before).activation
    return eqx.tree_at(lambda c: c.activation, layer, kept)
