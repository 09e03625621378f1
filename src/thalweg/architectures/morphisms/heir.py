"""A child's modules from its parent's, such that the function stays where it can.

The channels of an array are followed from layer to layer (`Channels`): a layer that
grew makes more of them, everything up to the next layer that sums over channels repeats
for each what it does, and that layer shares its weights among the copies.
"""

from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import numpy as np

from thalweg.architectures.morphisms import perceptron
from thalweg.architectures.morphisms.alignment import Partner, Taste, align
from thalweg.architectures.morphisms.channels import Channels
from thalweg.architectures.morphisms.identity import (
    NotIdentity,
    enlarged,
    identity_activation,
    identity_convolution,
    identity_dense,
    identity_normalization,
    silenced,
)
from thalweg.core.trainable import Statistics
from thalweg.networks.layers.activation import Activating
from thalweg.networks.layers.convolution import Convolution
from thalweg.networks.layers.dense import FullyConnected
from thalweg.networks.layers.dropout import Dropping
from thalweg.networks.layers.normalization import (
    BatchNormalization,
    GroupNormalization,
)
from thalweg.networks.layers.pooling import GlobalPooling, Pooling
from thalweg.networks.layers.residual import ChannelGate, Sum
from thalweg.networks.layers.sequential import Chain
from thalweg.networks.layers.shape import Reshaping
from thalweg.networks.linear import Linear
from thalweg.networks.mlp import Dense

Made = tuple[Any, Channels]


class Heir:
    """Hands weights from one tree of modules to another, and notes what is lost.

    **copies**: wider layers copy channels (with `noise`, as a fraction of the kernel's
    standard deviation) rather than get fresh ones that nobody reads yet.
    """

    def __init__(self, seed: int, taste: Taste, *, copies: bool, noise: float):
        self._rng, self._taste = np.random.default_rng(seed), taste
        self._copies, self._noise = copies, noise
        self.before: Any = None  # the activation that the numbers come out of
        self.lost: list[str] = []  # why the function is another

    def chain(
        self,
        parents: Sequence[Any],
        children: Sequence[Any],
        m: Channels,
        wanted: Channels | None = None,
    ) -> tuple[list[Any], Channels]:
        """The children's modules, given the channels of their input.

        **wanted**: the channels that must come out at the end.
        """
        partners = align(parents, children, self._taste)
        heard = [p for p in partners if p is not None]
        if sum(len(p) if isinstance(p, tuple) else 1 for p in heard) < len(parents):
            self.lost.append("a layer was taken away")
        makers = [n for n, child in enumerate(children) if _makes_channels(child)]
        made = []
        for number, (partner, child) in enumerate(zip(partners, children, strict=True)):
            last = wanted if number >= max(makers, default=0) else None
            module, m = self.module(partner, child, m, last)
            made.append(module)
        if wanted is not None and not m.is_same(wanted):
            self.lost.append(
                "what comes out is added to something that has other channels: widen "
                "the layer that all of them come from"
            )
        return made, m

    def module(
        self, parent: Partner, child: Any, m: Channels, wanted: Channels | None = None
    ) -> Made:
        """The child's module and the channels of its output."""
        if parent is None:
            return self._inserted(child, m)
        if isinstance(parent, tuple):
            return self._wrapped(parent, child, m, wanted)
        if isinstance(child, Chain):
            made, m = self.chain(parent.modules, child.modules, m, wanted)
            return Chain(tuple(made)), m
        if isinstance(child, Sum):
            return self._sum(parent, child, m, wanted)
        if isinstance(child, Convolution | FullyConnected | Linear):
            return self.summing(parent, child, m, wanted)
        if isinstance(child, Dense):
            return perceptron.inherited(self, parent, child, m, wanted)
        if isinstance(child, BatchNormalization):
            self.before = None
            return self._batch_norm(parent, child, m), m
        if isinstance(child, GroupNormalization):
            return self._group_norm(parent, child, m), m
        if isinstance(child, ChannelGate):
            return self._gate(parent, child, m), m
        if isinstance(child, Activating):
            self._same_settings(parent, child)
            self.before = parent.activation
            return parent, m
        if isinstance(child, Dropping | Pooling | GlobalPooling):
            if not isinstance(child, Dropping):
                self._same_settings(parent, child)
            return child, m
        if isinstance(child, Reshaping):
            return child, self._after(child, m)
        return self._unknown(parent, child, m)

    def _same_settings(self, parent: Any, child: Any) -> None:
        if jax.tree.structure(parent) != jax.tree.structure(child):
            self.lost.append(f"{type(child).__name__} has other settings")

    def summing(
        self, parent: Any, child: Any, m: Channels, wanted: Channels | None
    ) -> Made:
        """A layer that sums over channels, or a convolution of each by itself."""
        self.before = None
        kernel, groups = parent.kernel, getattr(parent, "groups", 1)
        if isinstance(child, Convolution):
            kernel = self._placed(parent, child)
        each = groups > 1 and kernel.shape[2] == 1 and kernel.shape[3] % groups == 0
        grouped = groups > 1 or getattr(child, "groups", 1) > 1
        if each and child.groups == m.width and m.originals == groups:
            out = m.split(kernel.shape[3] // groups)
            if out.width == child.kernel.shape[-1]:
                kernel = out.outgoing(kernel, child.kernel)
                return self._with(child, kernel, self._bias(parent, child, out)), out
        if grouped:
            if not (_shapes(parent) == _shapes(child) and m.is_same(_same(m.width))):
                self.lost.append("channels that are convolved in groups can't grow")
            return _overlap(parent, child), _same(child.kernel.shape[-1])
        m = self._fitting(m, kernel.shape[-2], child.kernel.shape[-2])
        out = self._grown(kernel.shape[-1], child.kernel.shape[-1], wanted)
        kernel = m.incoming(kernel) * perceptron.scaled(parent, child)
        kernel = out.outgoing(kernel, child.kernel)
        if self._noise and out.again.any():
            new = self._rng.standard_normal(kernel.shape) * out.again
            new = (self._noise * np.std(kernel) * new).astype(kernel.dtype)
            kernel = kernel + new
        return self._with(child, kernel, self._bias(parent, child, out)), out

    def _placed(self, parent: Convolution, child: Convolution) -> np.ndarray:
        try:
            return enlarged(parent.kernel, parent.windows, child.windows)
        except NotIdentity as why:
            self.lost.append(str(why))
            shape = (*child.kernel.shape[:2], *parent.kernel.shape[2:])
            return _cut(parent.kernel, np.zeros(shape, parent.kernel.dtype))

    def _grown(self, old: int, new: int, wanted: Channels | None) -> Channels:
        if wanted is not None and (wanted.originals, wanted.width) == (old, new):
            return wanted
        if new < old:
            self.lost.append("a layer became narrower")
        return Channels.grown(old, new, copies=self._copies, rng=self._rng)

    def _fitting(self, m: Channels, old: int, new: int) -> Channels:
        """The channels of an input, if they are those that the layers say."""
        if (m.originals, m.width) == (old, new):
            return m
        self.lost.append("a layer's input has other channels than it had")
        return Channels.same(new, old)

    def _bias(self, parent: Any, child: Any, out: Channels) -> np.ndarray | None:
        if child.bias is None:
            if parent.bias is not None:
                self.lost.append("a layer lost its bias")
            return None
        if parent.bias is None:
            return np.zeros_like(child.bias)
        return out.outgoing(parent.bias, child.bias)

    def _with(self, child: Any, kernel: np.ndarray, bias: np.ndarray | None) -> Any:
        child = eqx.tree_at(lambda c: c.kernel, child, kernel)
        if bias is None:
            return child
        return eqx.tree_at(lambda c: c.bias, child, bias)

    def _batch_norm(
        self, parent: BatchNormalization, child: BatchNormalization, m: Channels
    ) -> BatchNormalization:
        width = child.statistics.mean.shape[0]
        m = self._fitting(m, parent.statistics.mean.shape[0], width)
        old, fresh = parent.statistics, child.statistics
        statistics = Statistics(
            m.outgoing(old.mean, fresh.mean),
            m.outgoing(old.variance, fresh.variance),
            old.count,
        )
        scale, bias = self._affine(parent, child, m)
        return BatchNormalization(scale, bias, statistics)

    def _group_norm(
        self, parent: GroupNormalization, child: GroupNormalization, m: Channels
    ) -> GroupNormalization:
        self.before = None
        if parent.groups != child.groups or not m.evenly():
            self.lost.append(
                "a norm over channels sees others: widen by a whole multiple, by copies"
            )
        if parent.scale is not None and child.scale is not None:
            m = self._fitting(m, parent.scale.shape[0], child.scale.shape[0])
        scale, bias = self._affine(parent, child, m)
        return GroupNormalization(scale, bias, child.groups, child.spatial)

    def _affine(self, parent: Any, child: Any, m: Channels) -> tuple[Any, Any]:
        if child.scale is None:
            if parent.scale is not None:
                self.lost.append("a normalisation lost its scale")
            return None, None
        if parent.scale is None:
            return child.scale, child.bias
        scale = m.outgoing(parent.scale, child.scale)
        return scale, m.outgoing(parent.bias, child.bias)

    def _gate(self, parent: ChannelGate, child: ChannelGate, m: Channels) -> Any:
        self._same_settings(parent.activation, child.activation)
        self._same_settings(parent.gate, child.gate)
        inner, units = self.summing(parent.inner, child.inner, m, None)
        outer, _ = self.summing(parent.outer, child.outer, units, m)
        return ChannelGate(inner, parent.activation, outer, parent.gate)

    def _sum(
        self, parent: Sum, child: Sum, m: Channels, wanted: Channels | None
    ) -> Made:
        before = self.before
        partner = align([parent.shortcut], [child.shortcut], self._taste)[0]
        if partner is None:
            self.lost.append(
                "a residual connection's ends have other channels: widen the layer "
                "that its input comes from"
            )
        shortcut, out = self.module(partner, child.shortcut, m, wanted)
        self.before = before
        body, parents = _listed(child.body), _listed(parent.body)
        made, _ = self.chain(parents, body, m, out)
        self.before = None
        return Sum(_like(child.body, made), shortcut), out

    def _wrapped(
        self, run: tuple[Any, ...], child: Sum, m: Channels, wanted: Channels | None
    ) -> Made:
        """A residual connection around modules of the parent: it adds zero at first."""
        made, out = self.chain(run, _listed(child.body), m, wanted)
        return Sum(_like(child.body, made), self._try(silenced, child.shortcut)), out

    def _inserted(self, child: Any, m: Channels) -> Made:
        """A module that hands on its input, or copies of its channels."""
        if isinstance(child, Chain):
            made = []
            for part in child.modules:
                module, m = self._inserted(part, m)
                made.append(module)
            return Chain(tuple(made)), m
        if isinstance(child, Sum):
            if not isinstance(child.shortcut, Reshaping):
                self.lost.append("a residual connection put in must keep the shape")
            self.before = None
            return Sum(self._try(silenced, child.body), child.shortcut), m
        if isinstance(child, Activating):
            made = self._try(lambda c: identity_activation(c, self.before), child)
            self.before = child.activation
            return made, m
        if isinstance(child, Dense | FullyConnected | Convolution):
            linear: Any = getattr(child, "linear", child)
            width = linear.kernel.shape[-1]
            further = Channels.grown(m.width, width, copies=True, rng=self._rng)
            return self._linear_put_in(child, further), m.then(further)
        if isinstance(child, BatchNormalization):
            return self._try(identity_normalization, child), m
        if not isinstance(child, Dropping | Reshaping):
            self.lost.append(f"{type(child).__name__} was put in")
        return child, self._after(child, m)

    def _linear_put_in(self, child: Any, out: Channels) -> Any:
        if isinstance(child, Convolution):
            return self._try(lambda c: identity_convolution(c, out), child)
        if isinstance(child, FullyConnected):
            return self._try(lambda c: identity_dense(c, out), child)
        made = self._try(lambda c: perceptron.put_in(c, self.before, out), child)
        self.before = None if child.blend is not None else child.activation
        return made

    def _try(self, make: Any, child: Any) -> Any:
        try:
            return make(child)
        except NotIdentity as why:
            self.lost.append(str(why))
            return child

    def _after(self, child: Any, m: Channels) -> Channels:
        """The channels after a module without a parent, or one that reshapes."""
        if isinstance(child, Reshaping) and len(child.shape) == 1:
            places, rest = divmod(child.shape[0], m.width)
            return m.spread(places) if not rest else Channels.same(child.shape[0])
        return m

    def _unknown(self, parent: Any, child: Any, m: Channels) -> Made:
        self.before = None
        if _shapes(parent) == _shapes(child) and m.is_same(_same(m.width)):
            return parent, m
        self.lost.append(f"{type(child).__name__} can't grow")
        return _overlap(parent, child), m


def _makes_channels(module: Any) -> bool:
    if isinstance(module, Chain):
        return any(map(_makes_channels, module.modules))
    if isinstance(module, Convolution):
        return module.groups == 1
    return isinstance(module, Sum | FullyConnected | Linear | Dense)


def _same(width: int) -> Channels:
    return Channels.same(width)


def _listed(module: Any) -> Sequence[Any]:
    return module.modules if isinstance(module, Chain) else (module,)


def _like(module: Any, made: list[Any]) -> Any:
    return Chain(tuple(made)) if isinstance(module, Chain) else made[0]


def _shapes(module: Any) -> Any:
    leaves, treedef = jax.tree.flatten(eqx.filter(module, eqx.is_array))
    return treedef, [leaf.shape for leaf in leaves]


def _overlap(parent: Any, child: Any) -> Any:
    """The child with what the arrays of both have in common."""
    arrays, rest = eqx.partition(child, eqx.is_array)
    old = eqx.filter(parent, eqx.is_array)
    if len(jax.tree.leaves(old)) != len(leaves := jax.tree.leaves(arrays)):
        return child
    pairs = zip(jax.tree.leaves(old), leaves, strict=True)
    cut = [_cut(a, b) for a, b in pairs]
    return eqx.combine(jax.tree.unflatten(jax.tree.structure(arrays), cut), rest)


def _cut(old: Any, fresh: Any) -> np.ndarray:
    """The fresh array with the old one's numbers where both have some."""
    found = np.array(fresh)
    if old.ndim == fresh.ndim:
        pairs = zip(old.shape, fresh.shape, strict=True)
        where = tuple(slice(min(pair)) for pair in pairs)
        found[where] = np.asarray(old)[where]
    return found
