"""What choices become once they are decided: layers, and the modules that they build.

`index`, `depth` and `weights` are data. One member at a time, a switch runs only the
branch that it names.
"""

from collections.abc import Mapping
from typing import Any, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, PyTree, UInt32

from thalweg.core.errors import InvalidInput, unknown_name
from thalweg.core.trainable import Fixed, unwrap
from thalweg.networks.layers import AbstractLayer, Shape, shape_after
from thalweg.networks.randomness import place


class Numbered(AbstractLayer):
    """A layer that draws its weights as the `number`-th of several."""

    layer: AbstractLayer
    number: int = eqx.field(static=True)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Any:
        """The layer's own module."""
        return self.layer.build(shape, seed=place(seed, self.number))


class Switch(eqx.Module):
    """Runs the `index`-th of its branches, whatever they are called with."""

    branches: tuple[Any, ...]
    index: Any  # Int[Array, ""]; below a `Fixed` once it is built
    label: str = eqx.field(static=True)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        runs = [_bound(branch, args, kwargs) for branch in self.branches]
        return jax.lax.switch(unwrap(self.index), runs)


class SwitchedLayer(AbstractLayer):
    """Layers of which the `index`-th runs."""

    candidates: tuple[AbstractLayer, ...]
    index: Int[Any, "*p"]
    label: str = eqx.field(static=True)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Switch:
        """All of them. Raises InvalidInput if their outputs differ in shape."""
        branches = _all(self.candidates, shape, seed, self.label)
        return Switch(branches, Fixed(self.index), self.label)


class Mix(eqx.Module):
    """The sum of its branches' outputs, each times its weight."""

    branches: tuple[Any, ...]
    weights: Any  # Float[Array, " k"]; below a `Fixed` once it is built
    label: str = eqx.field(static=True)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        weights = unwrap(self.weights)
        outputs = [branch(*args, **kwargs) for branch in self.branches]
        return sum(w * y for w, y in zip(weights, outputs, strict=True))


class MixedLayer(AbstractLayer):
    """Layers whose outputs are weighed and added."""

    candidates: tuple[AbstractLayer, ...]
    weights: Float[Any, "*p k"]
    label: str = eqx.field(static=True)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Mix:
        """All of them. Raises InvalidInput if their outputs differ in shape."""
        branches = _all(self.candidates, shape, seed, self.label)
        return Mix(branches, Fixed(self.weights), self.label)


class Repeated(eqx.Module):
    """Modules in a row, of which the first `depth` run (None: all of them)."""

    modules: tuple[Any, ...]
    depth: Any = None
    label: str | None = eqx.field(static=True, default=None)

    def __call__(self, x: Any, *args: Any, seed: Any = None, **kwargs: Any) -> Any:
        depth = unwrap(self.depth)
        for number, module in enumerate(self.modules):
            own = kwargs | _own(seed, kwargs.get("key"), number)
            if depth is None:
                x = module(x, *args, **own)
            else:
                run = _bound(module, args, own)
                x = jax.lax.cond(number < depth, run, lambda x: x, x)
        return x


class RepeatedLayer(AbstractLayer):
    """Layers in a row, of which the first `depth` run (None: all of them)."""

    layers: tuple[AbstractLayer, ...]
    depth: Int[Any, "*p"] | None = None
    label: str | None = eqx.field(static=True, default=None)

    def build(self, shape: Shape, *, seed: UInt32[Array, ""]) -> Repeated:
        """All of them. Raises InvalidInput if depth is data and shapes change."""
        modules, begin = [], shape
        for number, layer in enumerate(self.layers):
            modules.append(layer.build(shape, seed=place(seed, number)))
            shape = shape_after(modules[-1], shape)
            if self.depth is not None and shape != begin:
                raise InvalidInput(
                    f"A block whose number is data keeps the shape, but in "
                    f"{self.label!r} {begin} becomes {shape}. Use "
                    "`architectures.fixed`, or change the shape outside of it."
                )
        depth = None if self.depth is None else Fixed(self.depth)
        return Repeated(tuple(modules), depth, self.label)


class Inputs(eqx.Module):
    """Some of a list of arrays of one shape, merged."""

    taken: tuple[int, ...] = eqx.field(static=True)
    merge: Literal["sum", "concatenate"] = eqx.field(static=True, default="sum")

    def __call__(self, inputs: Any) -> Any:
        chosen = [inputs[i] for i in self.taken]
        if self.merge == "sum":
            return sum(chosen[1:], start=chosen[0])
        return jnp.concatenate(chosen, axis=-1)


_FIELDS = {Switch: "index", Mix: "weights", Repeated: "depth"}


def assign(network: Any, values: Mapping[str, Any]) -> Any:
    """The network with other indices of its switches and weights of its mixtures.

    **values**: by label; for a `Mix` the weights `[k]`, for a `Switch` the index, for
    `Repeated` the depth. Traceable, so that weights may be trained.

    Raises UnknownName for a label that the network doesn't have.
    """
    found = {node.label for node in choices_in(network)}
    for label in values:
        if label not in found:
            raise unknown_name("choice", label, sorted(found))

    def new(node: Any) -> Any:
        if not _is_decided(node):
            return node
        value = values.get(node.label, unwrap(getattr(node, _FIELDS[type(node)])))
        inner = jax.tree.map(new, _parts(node), is_leaf=_is_decided)
        return type(node)(inner, None if value is None else Fixed(value), node.label)

    return jax.tree.map(new, network, is_leaf=_is_decided)


def choices_in(network: Any) -> list[Any]:
    """Every `Switch`, `Mix` and `Repeated` with a label, outermost first."""
    found: list[Any] = []

    def look(node: Any) -> None:
        if _is_decided(node):
            if node.label is not None:
                found.append(node)
            jax.tree.map(look, _parts(node), is_leaf=_is_decided)

    jax.tree.map(look, network, is_leaf=_is_decided)
    return found


def _own(seed: Any, key: Any, number: int) -> dict[str, Any]:
    """The random numbers of one of several modules, as it takes them."""
    found: dict[str, Any] = {}
    if seed is not None:
        found["seed"] = place(seed, number)
    if key is not None:
        found["key"] = jax.random.fold_in(key, number)
    return found


def _is_decided(node: Any) -> bool:
    return isinstance(node, Switch | Mix | Repeated)


def _parts(node: Any) -> PyTree:
    return node.modules if isinstance(node, Repeated) else node.branches


def _bound(branch: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return lambda *x: branch(*x, *args, **kwargs)


def _all(
    candidates: tuple[AbstractLayer, ...], shape: Shape, seed: Any, label: str
) -> tuple[Any, ...]:
    """Every candidate's module."""
    modules = [c.build(shape, seed=place(seed, i)) for i, c in enumerate(candidates)]
    shapes = {shape_after(module, shape) for module in modules}
    if len(shapes) > 1:
        raise InvalidInput(
            "Layers that data chooses among have outputs of one shape, but in "
            f"{label!r} there are {sorted(shapes)}. Use `architectures.fixed`."
        )
    return tuple(modules)
