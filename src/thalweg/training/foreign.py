"""Networks that are not ours: any equinox module, or a pair of functions."""

import inspect
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
from jaxtyping import Array, Float, PyTree

from thalweg.core.errors import InvalidInput
from thalweg.core.typing import Key
from thalweg.networks import AbstractDescription, AbstractNetwork, Stack
from thalweg.networks.layers import AbstractLayer


class PerExample(AbstractNetwork):
    """A module that is called for one example, as equinox's own are."""

    module: Any
    takes_key: bool = eqx.field(static=True)

    def __call__(
        self, x: Any, *, key: Key | None = None, inference: bool = False
    ) -> Float[Array, "b c"]:
        module = eqx.nn.inference_mode(self.module, value=inference or key is None)
        if not self.takes_key:
            outputs = jax.vmap(module)(x)
        elif key is None:
            outputs = jax.vmap(lambda row: module(row, key=None))(x)
        else:
            keys = jax.random.split(key, jax.tree.leaves(x)[0].shape[0])
            outputs = jax.vmap(lambda row, own: module(row, key=own))(x, keys)
        return outputs[:, None] if outputs.ndim == 1 else outputs


class Given(AbstractDescription):
    """A module that exists already: it is trained from the weights that it has."""

    module: Any
    takes_key: bool = eqx.field(static=True)

    def build(self, inputs: Any, outputs: int, *, key: Key) -> Any:
        del inputs, outputs, key
        if isinstance(self.module, AbstractNetwork):
            return self.module
        return PerExample(self.module, self.takes_key)


class Applied(AbstractNetwork):
    """Parameters and a function of them and a batch."""

    params: PyTree
    apply: Callable[..., Any] = eqx.field(static=True)

    def __call__(
        self, x: Any, *, key: Key | None = None, inference: bool = False
    ) -> Float[Array, "b c"]:
        del key, inference
        return self.apply(self.params, x)


class Functions(AbstractDescription):
    """A pair `(init, apply)`: fresh parameters from a key, outputs for a batch."""

    init: Callable[..., Any] = eqx.field(static=True)
    apply: Callable[..., Any] = eqx.field(static=True)

    def build(self, inputs: Any, outputs: int, *, key: Key) -> Applied:
        del inputs, outputs
        return Applied(self.init(key), self.apply)


def as_description(network: Any) -> Any:
    """What can be built: of a description, layers, a module, or a pair of functions."""
    if isinstance(network, AbstractDescription):
        return network
    if isinstance(network, AbstractLayer):
        return Stack([network])
    if isinstance(network, tuple) and len(network) == 2 and all(map(callable, network)):
        return Functions(*network)
    if isinstance(network, eqx.Module) and callable(network):
        return Given(
            network, "key" in inspect.signature(type(network).__call__).parameters
        )
    raise InvalidInput(
        "A network is a description (`thalweg.networks.MLP(...)`), a layer, an equinox "
        f"module, or a pair (init, apply), but got {type(network).__name__}."
    )
